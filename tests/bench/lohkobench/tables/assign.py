"""New customers scored by a model that was learned before, beside scikit-learn's predict."""

import json
import shutil
import statistics

import h5py
import numpy as np

from .. import data, text
from ..contest import Skip, in_turn, ratios, remove, say, times
from ..places import DATA

GROUPS = ()
SIZES = (1_000_000, 10_000_000)  # the models are learned from the first
FEATURES, K = 16, 8
SEPARATION = 3  # so that who belongs where does not depend on who learned the model
SAME = 0.9999  # share of the customers with the same segment, up to numbering
GROWTH = 1.05  # of the memory, from the fewest to the most customers

OURS, PEER = "lohko", "h5py + scikit-learn"


class Field:
    def __init__(self, bench, sizes):
        self.bench = bench
        self.files = {customers: self.generate(customers) for customers in sizes}
        self.output, self.labels = DATA / "assign", DATA / "assign-labels.h5"
        self.fit, self.model = DATA / "assign-fit", DATA / "assign.joblib"
        self.learn(self.files[sizes[0]])

    def generate(self, customers: int):
        return data.generate(self.bench, customers, FEATURES, K, "assign", separation=SEPARATION)

    def learn(self, path) -> None:
        config = DATA / "assign.yaml"
        config.write_text(json.dumps({
            "input": {"path": str(path)}, "segments": {"k": K}, "hierarchy": {"leaves": 0},
            "stability": {"replicates": 0}, "output": {"directory": str(self.fit)}}))  # fmt: skip
        self.bench.lohko("fit", config, "-q")
        remove(config)
        self.bench.peer("assign_sklearn.py", {"learn": path, "k": K, "model": self.model})

    def ours(self, customers: int):
        def run(number: int) -> dict:
            whole = self.bench.lohko("assign", "--model", self.fit / "results.h5", "--input", self.files[customers],
                                     "--output", self.output, "-q")  # fmt: skip
            job = json.loads((self.output / "summary.json").read_text())["job"]
            say(f"    lohko: {whole:.2f} s, {job['peak_bytes_per_rank'] / 1e6:.0f} MB a rank")
            return {"whole": whole, "bytes": job["peak_bytes_per_rank"]}

        return run

    def peer(self, customers: int):
        def run(number: int) -> dict:
            done = self.bench.peer("assign_sklearn.py", {
                "score": self.files[customers], "model": self.model, "output": self.labels})  # fmt: skip
            same = self.agreement()
            say(f"    scikit-learn: {done['whole']:.2f} s, the same labels for {same:.4%}")
            if same < SAME:
                raise Skip(f"only {same:.2%} have the same labels, up to numbering")
            return {"whole": done["whole"], "bytes": done["peak_bytes"], "same": same, "stages": done["stages"]}

        return run

    def agreement(self) -> float:
        """Share of the customers whose segments are the same when each of ours is paired with one of theirs."""
        with h5py.File(self.output / "results.h5") as ours, h5py.File(self.labels) as theirs:
            pairs = ours["assignments/segment"][:] * K + theirs["segment"][:]
        table = np.bincount(pairs, minlength=K * K).reshape(K, K)
        paired = table.argmax(axis=1)
        return float(table.max(axis=1).sum() / table.sum()) if len(set(paired)) == K else 0.0

    def close(self) -> None:
        for directory in (self.output, self.fit):
            shutil.rmtree(directory, ignore_errors=True)
        remove(self.labels, self.model)
        if not self.bench.keep:
            remove(*self.files.values())


def row_of(bench, field: Field, customers: int) -> dict:
    say(f"  {customers} customers x {FEATURES}")
    figures, missing = in_turn(bench.rounds, {OURS: field.ours(customers), PEER: field.peer(customers)})
    if OURS not in figures:
        raise Skip(missing[OURS])
    entries = {}
    for name, runs in figures.items():
        entries[name] = times([run["whole"] for run in runs]) | {"bytes": max(run["bytes"] for run in runs)}
    if PEER in figures:
        entries[PEER] |= {
            "ratio": ratios(entries[OURS]["seconds"], entries[PEER]["seconds"]),
            "same": min(run["same"] for run in figures[PEER]),
            "stages": {stage: statistics.median(run["stages"][stage] for run in figures[PEER])
                       for stage in figures[PEER][0]["stages"]},
        }  # fmt: skip
    return {"customers": customers, "missing": missing, "entries": entries}


def measure(bench) -> dict:
    sizes = [customers // (20 if bench.quick else 1) for customers in SIZES]
    field = Field(bench, sizes)
    try:
        return {"ranks": bench.threads, "rows": [row_of(bench, field, customers) for customers in sizes]}
    finally:
        field.close()


# ---- the report ----


HOW = (
    "Customers x {features} get one of {k} segments by a model that was learned before, {ranks} ranks of lohko against "
    "one process with {ranks} threads: h5py reads the features, `StandardScaler(copy=False).transform` and "
    "`KMeans.predict` score them, h5py writes the labels. lohko also reads and writes ids, and writes distances, "
    "runners-up and shadows; it measures how the customers differ from those that the model was learned from. Each has "
    "learned its model from the first file; segments lie well apart, so that the labels must be the same up to their "
    "numbers, which is checked in every run. Seconds are of the whole command or script. Memory is the largest "
    "resident size, of any rank or of the process."
)


def report(figures: dict, results: dict) -> list[str]:
    rows, notes, stages = [], [], []
    for row in figures["rows"]:
        for name, entry in row["entries"].items():
            same = f"{entry['same']:.4%}" if "same" in entry else ""
            rows.append([f"{row['customers']:,}".replace(",", " "), name, text.seconds(entry["median"]),
                         f"{entry['spread']:.2f}", text.millions(row["customers"] / entry["median"]),
                         text.ratio(entry["ratio"]) if "ratio" in entry else "", f"{entry['bytes'] / 1e6:.0f} MB",
                         same])  # fmt: skip
            if "stages" in entry:
                stages.append(f"- {row['customers']} customers: " + ", ".join(
                    f"{stage} {text.seconds(value)}" for stage, value in entry["stages"].items()))
        notes += [f"- {row['customers']} customers: {name}: {why}" for name, why in row["missing"].items()]
    few, many = figures["rows"][0], figures["rows"][-1]
    growth = many["entries"][OURS]["bytes"] / few["entries"][OURS]["bytes"]
    head = ["customers", "", "seconds", "spread", "million customers a second", "times lohko's", "memory",
            "same labels"]  # fmt: skip
    return [
        "## Scoring new customers", "",
        *text.wrap(HOW.format(features=FEATURES, k=K, ranks=figures["ranks"])), "", *text.table(head, rows), "",
        *notes, *([""] if notes else []),
        *text.wrap(f"With {many['customers'] / few['customers']:g} times the customers lohko's memory a rank is "
                   f"{text.at_most(growth, GROWTH)} of what it was (target: at most {GROWTH})."), "",
        "Seconds of scikit-learn's stages, without the start of the program and its imports:", "", *stages,
    ]  # fmt: skip


def headline(figures: dict) -> str | None:
    row = figures["rows"][-1]
    if PEER not in row["entries"]:
        return None
    return (f"Scoring {row['customers'] / 1e6:g} million new customers: "
            f"{row['entries'][PEER]['ratio']['median']:.1f} x h5py + scikit-learn")  # fmt: skip
