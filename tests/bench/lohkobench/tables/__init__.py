"""The tables of the bench, in the order of the report: a line here and a module, which has

measure(bench)             its figures as what JSON can hold; may raise contest.Skip with the reason
report(figures, results)   its part of the report: lines of Markdown
headline(figures)          a sentence for the README, or None
GROUPS                     of peers that it needs beside the first (environment.py)
"""

import importlib

SUMMARIES = {
    "machine": "limits of the machine: reading from memory, multiply-adds",
    "pass": "one full pass: scikit-learn, scikit-learn-intelex, faiss (measures machine, too)",
    "fit": "mini-batch fit to within 1 % of the best Lloyd run: MiniBatchKMeans, Spark ML, Heat",
    "job": "the whole job, from file to results: a script with h5py and scikit-learn",
    "hierarchy": "trees: exact Ward against fastcluster and SciPy; a million exactly; ten million by micro-clusters",
    "stability": "50 bootstrap replicates of k-means against a loop over scikit-learn",
    "choice": "how often the known number of segments is found: lohko, scikit-learn, R",
    "compare": "last year's segments against this year's, joined by id: pandas, Arrow",
    "assign": "new customers scored by a model: scikit-learn; memory that does not grow",
    "reading": "reading: contiguous against dd, chunked with gzip against h5py",
    "scale": "weak scaling of the passes, memory and bytes a step",
}


def load(name: str):
    return importlib.import_module(f"{__name__}.{'passes' if name == 'pass' else name}")
