"""More customers than memory: with less than they need, as many stay in memory as may, the others are read again, and
every dataset has the same bytes. What is said to be needed is enough, and not exceeded."""

import re

import numpy as np
import pytest
from conftest import blobs, datasets, error_lines, fit, lohko, write_config, write_matrix
from test_same_bytes import differing

CUSTOMERS = 450_000
FEATURES = 16

KINDS = {
    "k-means": {"stability__replicates": 3, "hierarchy__levels": [3, 9], "hierarchy__leaves": 128},
    "a range": {"segments__k": "3..4", "stability__replicates": 2, "hierarchy__leaves": 0},
    "a tree": {"method": "hierarchy", "hierarchy__leaves": 128, "stability__replicates": 2},
}
QUICK = {"kmeans__restarts": 2, "hierarchy__leaves": 0}


def settings_of(kind):
    settings = dict(kind)
    method = settings.pop("method", None)
    return settings | ({"segments__method": method} if method else {})


@pytest.fixture(scope="module")
def customers(tmp_path_factory):
    values = blobs(CUSTOMERS, FEATURES, 5, 3).astype("f4")
    return write_matrix(tmp_path_factory.mktemp("memory") / "in.h5", values)


def least(directory, path, ranks=None, **settings):
    """Bytes a rank that a refusal says are needed at least."""
    config = write_config(directory / "refused", path, run__memory=1, **settings)
    done = lohko("fit", config, "-q", ranks=ranks)
    assert done.returncode == 71, done.stderr
    assert not (directory / "refused" / "results" / "results.h5").exists()
    return int(re.search(r"needs at least (\d+) bytes", done.stderr)[1])


def stated(results):
    """GiB that the line names, and the share of the customers that stays in memory."""
    line = re.findall(r"memory: about (\d+\.\d+) GiB a rank of (\d+\.\d+) \(run\.memory\)(.*)", results.stderr)
    assert len(line) == 1, results.stderr
    needed, budget, rest = float(line[0][0]), float(line[0][1]), line[0][2]
    assert needed <= budget
    share = re.search(r"; (\d+) % of the customers stay in memory, the others are read again on each pass", rest)
    return needed, int(share[1]) if share else 100


def check(directory, path, ranks=None, more=0, **settings):
    """A fit with little more than the least against one with all in memory. Returns the share that was kept."""
    whole = fit(directory / "whole", path, ranks=ranks, options=(), timeout=300, **settings)
    assert "read again" not in whole.stderr
    bytes_ = least(directory, path, ranks=ranks, **settings) + more
    some = fit(directory / "some", path, ranks=ranks, options=(), timeout=300, run__memory=bytes_, **settings)
    needed, share = stated(some)
    assert differing(some.data, whole.data) == []
    assert some.summary["job"]["peak_bytes_per_rank"] <= (needed + 0.005) * 2**30
    return share


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_bytes(tmp_path, customers, kind):
    assert check(tmp_path, customers, **settings_of(KINDS[kind])) < 10


def test_a_part_stays(tmp_path, customers):
    assert 20 < check(tmp_path, customers, more=14_000_000, **QUICK) < 80


def test_on_three_ranks(tmp_path, customers):
    assert check(tmp_path, customers, ranks=3, **QUICK) < 100


def test_chunks_and_missing_values(tmp_path):
    values = blobs(CUSTOMERS, FEATURES, 4, 5).astype("f4")
    values[::97, 3] = np.nan
    path = write_matrix(tmp_path / "in.h5", values, ids=np.arange(CUSTOMERS) * 7, chunks=(20_000, FEATURES),
                        compression="gzip", compression_opts=1)
    assert check(tmp_path, path, prepare__missing="drop", **QUICK) < 60


def test_last_year(tmp_path, customers):
    """The join takes more than reading again does: what is left is no less than all."""
    before = fit(tmp_path / "before", customers, **QUICK)
    settings = {"previous__results": str(before.directory / "results.h5"), **QUICK}
    bytes_ = least(tmp_path, customers, **settings)
    found = {}
    for name, memory in (("whole", "auto"), ("some", bytes_)):
        config = write_config(tmp_path / name, customers, run__memory=memory, **settings)
        done = lohko("fit", config)
        assert done.returncode == 0, done.stderr
        found[name] = datasets(tmp_path / name / "results" / "results.h5")
    assert differing(found["some"], found["whole"]) == []


def test_one_byte_less_is_refused(tmp_path, customers):
    bytes_ = least(tmp_path, customers, **QUICK)
    config = write_config(tmp_path / "less", customers, run__memory=bytes_ - 1, **QUICK)
    done = lohko("fit", config, "-q")
    assert done.returncode == 71 and len(error_lines(done.stderr)) == 1
    assert f"needs at least {bytes_} bytes" in done.stderr and "run.memory" in done.stderr


def test_replicates_and_trees_are_named(tmp_path, customers):
    """What could be left out is said where the customers themselves would fit."""
    plain = least(tmp_path, customers, segments__k=100, hierarchy__leaves=0)
    judged = {"segments__k": 100, "hierarchy__leaves": 0, "stability__replicates": 200}
    assert least(tmp_path / "judged", customers, **judged) > plain
    config = write_config(tmp_path / "replicates", customers, run__memory=plain + 8_000_000, **judged)
    done = lohko("fit", config, "-q")
    assert done.returncode == 71 and "stability.replicates: 0" in done.stderr, done.stderr

