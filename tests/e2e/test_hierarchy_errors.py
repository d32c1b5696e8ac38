"""What a tree cannot be asked for: the documented exit code and one line, on any number of ranks; and Ctrl-C."""

import re
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
from conftest import ENVIRONMENT, PATIENT, blobs, command, lohko, write_config, write_matrix
from test_errors import contents, refused

VALUES = blobs(2500, 3, 3, 1)
TREE = {"segments__method": "hierarchy"}

SETTINGS = {
    "average of micro-clusters": (
        78, {"hierarchy__linkage": "average", "hierarchy__leaves": 100}, ["hierarchy.leaves", "hierarchy.linkage: ward"]
    ),
    "single of micro-clusters": (
        78, {"hierarchy__linkage": "single", "hierarchy__leaves": 100}, ["hierarchy.leaves", "hierarchy.linkage: ward"]
    ),
    "levels without a tree": (78, {"hierarchy__leaves": 0, "hierarchy__levels": [3]}, ["hierarchy.levels"]),
    "segments without a tree": (78, {"hierarchy__leaves": 0} | TREE, ["hierarchy.leaves", "segments.method"]),
    "a level of nothing": (78, {"hierarchy__levels": [0, 3]}, ["hierarchy.levels", "0"]),
    "a level twice": (78, {"hierarchy__levels": [3, 5, 3]}, ["hierarchy.levels", "3", "twice"]),
    "an unknown linkage": (78, {"hierarchy__linkage": "centroid"}, ["hierarchy.linkage", "centroid", "ward"]),
    "leaves below zero": (78, {"hierarchy__leaves": -1}, ["hierarchy.leaves", "-1"]),
    "more leaves than customers": (65, {"hierarchy__leaves": 2501}, ["2500 customers", "2501", "hierarchy.leaves"]),
    "a level above all": (65, {"hierarchy__leaves": "all", "hierarchy__levels": [2501]}, ["hierarchy.levels", "2501"]),
    "more segments than customers": (65, {"hierarchy__leaves": "all", "segments__k": 2501} | TREE, ["2501"]),
}


@pytest.mark.parametrize("case", SETTINGS)
def test_refused(tmp_path, case):
    code, dotted, words = SETTINGS[case]
    config = write_config(tmp_path, write_matrix(tmp_path / "in.h5", VALUES), **dotted)
    refused(config, code, words, many=(None, 3) if code == 65 or case.startswith("average") else (None,))


@pytest.mark.parametrize("dotted,words", [
    ({"hierarchy__levels": [3, 51]}, ["hierarchy.levels", "51"]), ({"segments__k": 51} | TREE, ["segments.k", "51"]),
])
def test_more_than_the_leaves(tmp_path, dotted, words):
    config = write_config(tmp_path, write_matrix(tmp_path / "in.h5", VALUES), hierarchy__leaves=50, **dotted)
    refused(config, 65, ["50", *words])


def test_more_leaves_than_different_customers(tmp_path):
    path = write_matrix(tmp_path / "in.h5", np.tile(VALUES[:30], (80, 1)))
    refused(write_config(tmp_path, path, hierarchy__leaves=31), 65, ["30", "31", "hierarchy.leaves", "different"])


@pytest.mark.parametrize("values", [VALUES[:1], np.ones((50, 2))])
def test_nothing_to_tell_apart(tmp_path, values):
    """One customer, or many alike: no feature varies."""
    config = write_config(tmp_path, write_matrix(tmp_path / "in.h5", values), hierarchy__leaves="all", segments__k=1)
    refused(config, 65, ["no feature varies"])


def test_a_matrix_larger_than_memory(tmp_path):
    """Said before the work, with the bytes that each rank needs."""
    count = 40_000
    path = write_matrix(tmp_path / "in.h5", blobs(count, 2, 3, 1).astype("f4"))
    config = write_config(tmp_path, path, hierarchy__linkage="average", run__memory=1_000_000_000)
    refused(config, 71, ["memory", "run.memory", "average", "hierarchy.linkage", "ward"])
    needed = {}
    for ranks in (None, 3):
        done = lohko("fit", config, "-q", ranks=ranks)
        needed[ranks] = max(int(digits) for digits in re.findall(r"\d{9,}", done.stderr))
        share = 8 * count**2 / (ranks or 1)
        assert share <= needed[ranks] <= 1.4 * share + 2e8


def test_all_customers_of_a_large_file_by_average(tmp_path):
    """`auto` means every customer where the linkage has no other way: too many are refused, not thinned out."""
    path = write_matrix(tmp_path / "in.h5", blobs(300_000, 2, 3, 1).astype("f4"))
    config = write_config(tmp_path, path, hierarchy__linkage="complete")
    refused(config, 71, ["memory", "hierarchy"], many=(None,))


# ---- Ctrl-C ----------------------------------------------------------------------------------------------------------


def running(mark: str) -> list[int]:
    """Processes that have `mark` in their command line."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found += [int(path.parent.name)] if mark.encode() in path.read_bytes() else []
        except OSError:
            continue  # it ended meanwhile
    return found


@pytest.mark.parametrize("ranks,linkage", [(None, "ward"), (3, "ward"), (3, "single")])
def test_ctrl_c_during_a_tree(tmp_path, ranks, linkage):
    """It ends at once, every rank of it; the earlier results stay."""
    path = write_matrix(tmp_path / "in.h5", blobs(200_000, 16, 3, 1, spread=4).astype("f4"))
    config = write_config(tmp_path, path, hierarchy__linkage=linkage, hierarchy__leaves="all", **TREE)
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "results.h5").write_bytes(b"earlier")
    with open(tmp_path / "log", "wb") as log:
        process = subprocess.Popen(
            command("fit", config, ranks=ranks), env=ENVIRONMENT | PATIENT, stdout=log, stderr=log, start_new_session=True
        )
    try:
        wait_for(lambda: b"lohko: tree (" in (tmp_path / "log").read_bytes() or process.poll() is not None)
        time.sleep(0.1)
        assert process.poll() is None, (tmp_path / "log").read_text()
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) != 0
        wait_for(lambda: not running(str(config)))
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    assert contents(tmp_path / "results") == {"results.h5": b"earlier"}


def wait_for(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)
