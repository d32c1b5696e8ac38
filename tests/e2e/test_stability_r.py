"""Stability and the choice of the number of segments against R's cluster (clusGap) and fpc (clusterboot,
prediction.strength): within the sampling error of both sides, as the replicates, halves and reference sets differ."""

import shutil
import subprocess

import numpy as np
import pytest
import stability_oracle
from conftest import blobs, fit, write_matrix
from scipy.optimize import linear_sum_assignment

ERRORS = 4  # standard errors of a difference that are allowed
NUMBERS = [2, 3, 4]
REPLICATES, SPLITS, SETS = 40, 5, 20  # of lohko
DATA = {
    "clear": stability_oracle.clear_groups(300, 2, 4, 3),
    "overlapping": blobs(300, 2, 4, 2),
    "round": np.random.default_rng(4).standard_normal((300, 3)),
}
METHODS = ["kmeans", "hierarchy"]

# Writes to a file each; a row or a column for each number of segments.
SCRIPT = """
suppressMessages({library(cluster); library(fpc)})
x <- as.matrix(read.table("customers.txt"))
numbers <- %(first)d:%(last)d
set.seed(1)
if ("%(method)s" == "kmeans") {
    cut <- function(x, k) list(cluster = kmeans(x, k, nstart = 30, iter.max = 100)$cluster)
    interface <- list(kmeansCBI, runs = 30)
    classification <- "centroid"
    number <- "krange"
} else {
    cut <- function(x, k) list(cluster = cutree(hclust(dist(x), "ward.D2"), k))
    interface <- list(hclustCBI, method = "ward.D2", scaling = FALSE)
    classification <- "knn"
    number <- "k"
}
gap <- clusGap(x, cut, max(numbers), B = %(sets)d, d.power = 2, spaceH0 = "scaledPCA", verbose = FALSE)
write.table(gap$Tab, "gap.txt", row.names = FALSE)
given <- c(interface[-1], list(classification = classification, M = %(splits)d))
strength <- do.call(prediction.strength,
                    c(list(x, Gmin = min(numbers), Gmax = max(numbers), clustermethod = interface[[1]]), given))
write.table(do.call(cbind, strength$predcorr[numbers]), "strength.txt", row.names = FALSE, col.names = FALSE)
for (k in numbers) {
    boot <- do.call(clusterboot, c(list(x, B = %(replicates)d, bootmethod = "boot", clustermethod = interface[[1]],
                                        count = FALSE), interface[-1], setNames(list(k), number)))
    write.table(boot$bootresult, paste0("jaccard_", k, ".txt"), row.names = FALSE, col.names = FALSE)
    write.table(boot$partition, paste0("partition_", k, ".txt"), row.names = FALSE, col.names = FALSE)
}
"""
OF_R = {"first": NUMBERS[0], "last": NUMBERS[-1], "sets": 40, "splits": 15, "replicates": 40}


def run_r(script: str, directory=None) -> subprocess.CompletedProcess:
    call = ["Rscript", "-e", script]
    return subprocess.run(call, cwd=directory, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture(scope="module")
def r():
    if not shutil.which("Rscript"):
        pytest.skip("Rscript is not here")
    for package in ("cluster", "fpc"):
        if run_r(f"quit(status = !requireNamespace('{package}', quietly = TRUE))").returncode != 0:
            pytest.skip(f"R's package {package} is not here")


class Case:
    def __init__(self, directory, values, method):
        self.method = method
        self.directory = directory
        np.savetxt(directory / "customers.txt", values, fmt="%.17g")
        done = run_r(SCRIPT % (OF_R | {"method": method}), directory)
        assert done.returncode == 0, done.stderr
        path = write_matrix(directory / "customers.h5", values)
        settings = {
            "segments__method": method, "hierarchy__leaves": "all" if method == "hierarchy" else 0,
            "prepare__scale": "none",
        }  # fmt: skip
        self.range = fit(directory / "range", path, segments__k="2..4", stability__replicates=0, **settings)
        settings["stability__replicates"] = REPLICATES
        self.results = {k: fit(directory / str(k), path, segments__k=k, **settings) for k in NUMBERS}

    def read(self, name, **keywords) -> np.ndarray:
        return np.loadtxt(self.directory / f"{name}.txt", ndmin=2, **keywords)


@pytest.fixture(scope="module", params=[(name, method) for name in DATA for method in METHODS], ids="-".join)
def case(request, r, tmp_path_factory):
    name, method = request.param
    return Case(tmp_path_factory.mktemp("case"), DATA[name], method)


def test_gap(case):
    """Inertias are equal where both found the best segments, which here they do; then only the sets differ."""
    table = case.read("gap", skiprows=1)  # logW (of half the inertia), E.logW, gap, SE.sim
    data = case.range.data
    attributes = stability_oracle.group_attributes(case.range, "selection")
    inertia = np.append(case.results[2].attributes["inertia"] / (1 - case.results[2].attributes["explained_variance"]),
                        data["selection/inertia"])  # fmt: skip
    gap = np.append(attributes["gap_of_one_segment"], data["selection/gap"])
    error = np.append(attributes["gap_error_of_one_segment"], data["selection/gap_error"])
    assert attributes["reference_sets"] == SETS and attributes["reference_customers"] == 300
    assert np.allclose(np.log(inertia / 2), table[:, 0], atol=1e-3)
    deviation = table[:, 3] / np.sqrt(1 + 1 / OF_R["sets"])
    off = np.abs(gap - table[:, 2])
    assert np.all(off < ERRORS * deviation * np.sqrt(1 / SETS + 1 / OF_R["sets"]))
    # Of a deviation from so few: a relative error of sqrt(1 / 2 (sets - 1)).
    spread = np.sqrt(1 / (2 * (SETS - 1)) + 1 / (2 * (OF_R["sets"] - 1)))
    expected = deviation * np.sqrt(1 + 1 / SETS)
    assert np.all(np.abs(np.log(error / expected)) < ERRORS * spread)


def test_prediction_strength(case):
    """Where there are too many segments it depends on which of several good ones k-means comes to in each half: the
    deviation is the larger of lohko's and R's."""
    strengths = case.read("strength")  # splits x numbers
    found = case.range.data["selection/prediction_strength"]
    own = [case.results[k].data["stability/prediction_strength"].mean(axis=1).std(ddof=1) for k in NUMBERS]
    error = np.maximum(strengths.std(axis=0, ddof=1), own) * np.sqrt(1 / SPLITS + 1 / len(strengths))
    assert strengths.shape == (OF_R["splits"], len(NUMBERS))
    assert np.all(np.abs(found - strengths.mean(axis=0)) <= ERRORS * error + 0.01), (found, strengths.mean(axis=0))


@pytest.mark.parametrize("k", NUMBERS)
def test_jaccard(case, k):
    """clusterboot compares only the customers that were drawn, lohko all of them: a difference of 0.05 is allowed
    beside the sampling error."""
    results = case.results[k]
    jaccard = case.read(f"jaccard_{k}").reshape(k, -1)
    count = stability_oracle.table_of(results.segment, case.read(f"partition_{k}")[:, 0].astype(int) - 1, k, k)
    segment, cluster = linear_sum_assignment(-count)
    assert count[segment, cluster].sum() >= 0.95 * len(results.segment)  # the same segments
    expected = jaccard[cluster].mean(axis=1)
    found = results.data["stability/segment"]
    error = jaccard[cluster].std(axis=1, ddof=1) * np.sqrt(1 / REPLICATES + 1 / jaccard.shape[1])
    assert np.all(np.abs(found - expected) <= ERRORS * error + 0.05), (found, expected, error)
