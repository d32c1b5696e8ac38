"""More customers than memory: with less than they need, as many stay in memory as may, the others are read again, and
every dataset has the same bytes. What is said to be needed is enough, and not exceeded. Jobs that are stopped, or fail,
while they read again."""

import json
import os
import re
import shutil
import signal
from types import SimpleNamespace

import h5py
import numpy as np
import pytest
from conftest import blobs, datasets, error_lines, fit, lohko, write_config, write_matrix
from interruption import STOP, Job, calls, contents, faults, run, same_as  # noqa: F401 (a fixture)
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


def test_last_year(tmp_path):
    """The join of the two years takes 128 MiB while no customers are in memory yet, so that all of fewer fit later."""
    customers = write_matrix(tmp_path / "in.h5", blobs(400_000, 80, 3, 3).astype("f4"))
    settings = {"segments__k": 3, "kmeans__restarts": 1, "hierarchy__leaves": 0}
    before = fit(tmp_path / "before", customers, **settings)
    settings["previous__results"] = str(before.directory / "results.h5")
    bytes_ = least(tmp_path, customers, **settings)
    done = {}
    for name, memory in (("whole", "auto"), ("some", bytes_)):
        config = write_config(tmp_path / name, customers, run__memory=memory, **settings)
        done[name] = lohko("fit", config)
        assert done[name].returncode == 0, done[name].stderr
    assert "read again" not in done["whole"].stderr
    assert 20 < stated(done["some"])[1] < 80
    found = [datasets(tmp_path / name / "results" / "results.h5") for name in done]
    assert differing(*found) == []
    migration = [(tmp_path / name / "results" / "migration.csv").read_bytes() for name in done]
    assert migration[0] == migration[1]


def peak(directory, path, ranks=None, **settings):
    """Bytes that a rank took, which are no more than was said."""
    results = fit(directory, path, ranks=ranks, options=(), **settings)
    (said,) = re.findall(r"memory: about (\d+\.\d+) GiB", results.stderr)
    taken = results.summary["job"]["peak_bytes_per_rank"]
    assert taken <= (float(said) + 0.005) * 2**30
    return taken


@pytest.mark.parametrize("ranks", [None, 3])
def test_an_id_that_most_rows_have(tmp_path, ranks):
    """All of its rows would go to one rank, and lists of them, too."""
    rows = 2_000_000
    ids = np.where(np.arange(rows) % 5 < 4, 7, np.arange(rows))
    path = write_matrix(tmp_path / "in.h5", blobs(rows, 1, 2, 1).astype("f4"), ids=ids)
    settings = {"segments__k": 2, "kmeans__restarts": 1, "hierarchy__leaves": 0, "input__duplicates": "first"}
    assert peak(tmp_path, path, ranks, **settings) < 80 * 2**20


def test_two_columns_of_a_wide_matrix(tmp_path):
    """Rows are read whole."""
    path = write_matrix(tmp_path / "in.h5", np.random.default_rng(1).normal(size=(1100, 20_000)))
    peak(tmp_path, path, segments__k=2, hierarchy__leaves=0, features__use=["feature_0", "feature_1"])


def test_distances_of_all_customers_are_there_once(tmp_path):
    """Those of the tree are gone when replicates grow theirs."""
    path = write_matrix(tmp_path / "in.h5", blobs(3000, 4, 3, 1))
    settings = {"segments__k": 3, "segments__method": "hierarchy", "hierarchy__leaves": "all",
                "hierarchy__linkage": "average"}
    plain = least(tmp_path / "plain", path, **settings)
    judged = least(tmp_path / "judged", path, stability__replicates=4, **settings)
    assert plain < judged < 1.3 * plain
    config = write_config(tmp_path, path, run__memory=judged, stability__replicates=4, **settings)
    assert lohko("fit", config, "-q").returncode == 0
    summary = json.loads((tmp_path / "results" / "summary.json").read_text())
    assert summary["job"]["peak_bytes_per_rank"] <= judged


def test_the_least_is_no_more_than_all(tmp_path):
    """Where reading again would take more than the customers themselves."""
    values = np.random.default_rng(1).normal(size=(3000, 2000))
    path = write_matrix(tmp_path / "in.h5", values, chunks=(3000, 2000))
    settings = {"segments__k": 2, "kmeans__restarts": 1, "hierarchy__leaves": 0}
    bytes_ = least(tmp_path, path, **settings)
    for memory, code in ((bytes_, 0), (bytes_ - 2**20, 71)):
        config = write_config(tmp_path, path, run__memory=memory, **settings)
        assert lohko("fit", config, "-q").returncode == code


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


# ---- stopped or hindered while customers are read again ------------------------------------------------------------

CHECKPOINT = "checkpoint.lohko"
EIO = 5
ONE = {"kmeans__restarts": 1, "hierarchy__leaves": 0}
VICTIMS = [(None, 0), (2, 1)]  # ranks, and the one to which it happens


@pytest.fixture(scope="module")
def whole(customers, tmp_path_factory):
    return fit(tmp_path_factory.mktemp("whole"), customers, **ONE)


@pytest.fixture(scope="module")
def reading_again(customers, faults, tmp_path_factory):  # noqa: F811
    """For some ranks and one of them: the least memory, and a read about half of all those that read again."""
    known = {}

    def find(ranks, rank):
        if (ranks, rank) not in known:
            directory = tmp_path_factory.mktemp("reads")
            bytes_ = least(directory, customers, ranks=ranks, **ONE)
            reads = []
            for memory in ("auto", bytes_):
                config = write_config(directory, customers, run__memory=memory, **ONE)
                reads.append(calls(faults, f"{rank} read in.h5", "fit", config, "-q", ranks=ranks))
            assert reads[1] > 3 * reads[0], reads
            known[ranks, rank] = SimpleNamespace(memory=bytes_, read=sum(reads) // 2)
        return known[ranks, rank]

    return find


@pytest.mark.parametrize("ranks, rank, later, more", [(None, 0, 2, 0), (2, 1, None, 14_000_000), (2, 0, 3, None)])
def test_stopped_while_reading_again(
    tmp_path, customers, whole, reading_again, faults, ranks, rank, later, more  # noqa: F811
):
    """Resumed on other ranks with another share in memory: nobody, some, or (`more` None) everybody."""
    moment = reading_again(ranks, rank)
    config = write_config(tmp_path, customers, run__memory=moment.memory, **ONE)
    with Job(faults, f"{rank} read in.h5 {moment.read} {STOP}", "fit", config, "-q", ranks=ranks) as job:
        job.wait_until_stopped(rank)
        job.send(signal.SIGTERM, [rank])
        job.go_on(rank)
        done = job.end()
    assert done.returncode == 75, (done.returncode, done.stderr)
    assert set(contents(tmp_path / "results")) == {CHECKPOINT}
    memory = "auto" if more is None else least(tmp_path, customers, ranks=later, **ONE) + more
    done = lohko("fit", config, "--run.resume=true", f"--run.memory={memory}", ranks=later)
    assert done.returncode == 0 and "going on from the checkpoint" in done.stderr, done.stderr
    assert ("read again" in done.stderr) == (more is not None), done.stderr
    same_as(tmp_path / "results", whole)


def test_reading_again_after_all_were_in_memory(tmp_path, customers, whole, faults):  # noqa: F811
    config = write_config(tmp_path, customers, run__checkpoint=1e-6, **ONE)
    assert run(faults, f"0 rename {CHECKPOINT} 2 {-signal.SIGTERM}", "fit", config, "-q").returncode == 75
    memory = least(tmp_path, customers, ranks=2, **ONE)
    done = lohko("fit", config, "--run.resume=true", f"--run.memory={memory}", ranks=2)
    assert done.returncode == 0 and "going on from the checkpoint" in done.stderr, done.stderr
    assert "read again" in done.stderr
    same_as(tmp_path / "results", whole)


def failed(done, directory, words):
    """One line that names the file, and no results."""
    assert done.returncode == 74, (done.returncode, done.stderr)
    (line,) = error_lines(done.stderr)
    assert "in.h5: " in line and words in line, line
    assert contents(directory / "results") == {}


@pytest.mark.parametrize("ranks, rank", VICTIMS)
def test_a_read_that_fails_when_reading_again(tmp_path, customers, reading_again, faults, ranks, rank):  # noqa: F811
    moment = reading_again(ranks, rank)
    config = write_config(tmp_path, customers, run__memory=moment.memory, **ONE)
    done = run(faults, f"{rank} read in.h5 {moment.read} {EIO}", "fit", config, "-q", ranks=ranks)
    failed(done, tmp_path, "reading /features failed")


def cut(path):
    os.truncate(path, path.stat().st_size // 3)


def overwrite_a_value(path):
    with h5py.File(path) as file:
        at = file["features"].id.get_offset() + (440_000 * FEATURES + 3) * 4
    with open(path, "r+b") as file:
        file.seek(at)
        file.write(np.float32(123.25).tobytes())


@pytest.mark.parametrize("ranks, rank", VICTIMS)
@pytest.mark.parametrize("change, words", [(cut, "cut short"), (overwrite_a_value, "changed since it was read first")])
def test_a_file_that_changes_when_it_is_read_again(
    tmp_path, customers, reading_again, faults, ranks, rank, change, words  # noqa: F811
):
    moment = reading_again(ranks, rank)
    path = shutil.copy(customers, tmp_path / "in.h5")
    config = write_config(tmp_path, path, run__memory=moment.memory, **ONE)
    with Job(faults, f"{rank} read in.h5 {moment.read} {STOP}", "fit", config, "-q", ranks=ranks) as job:
        job.wait_until_stopped(rank)
        change(path)
        job.go_on(rank)
        done = job.end()
    failed(done, tmp_path, words)
