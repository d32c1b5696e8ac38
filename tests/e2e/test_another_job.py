"""Jobs that meet what another one has left or is just writing: two at a time in one directory, a checkpoint that was
set aside, and inputs and last years that differ from those of the checkpoint in less than their values."""

import errno
import signal

import h5py
import numpy as np
import pytest
from conftest import blobs, datasets, error_lines, fit, lohko, write_config, write_matrix
from interruption import STOP, Job, contents, faults, run  # noqa: F401 (a fixture)
from test_interrupt import (  # noqa: F401 (fixtures)
    CHECKPOINT, KMEANS, NOTHING, RESUME, STOPPED, customers, moved, refused, same_as, stopped, whole
)
from test_same_bytes import differing

OLD = f"{CHECKPOINT}.old"
AT_THE_END = f"0 rename results.h5 0 {-signal.SIGKILL}"  # all is kept, and nothing is there yet
VALUES = blobs(6000, 4, 6, 3, spread=2)


# ---- in one directory ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["fit", "assign"])
def test_two_at_a_time(tmp_path, customers, whole, faults, command):  # noqa: F811
    """The second is refused, after some seconds for one that is just ending, and the first goes on as if alone."""
    config = write_config(tmp_path, customers, **KMEANS | {"run__checkpoint": 600})
    second = {
        "fit": ["fit", config, "-q", "--segments.k=5"],
        "assign": ["assign", "-q", "--model", whole("kmeans").directory / "results.h5", "--input", customers,
                   "--output", tmp_path / "results"],
    }[command]
    with Job(faults, f"0 rename results.h5 0 {STOP}", "fit", config, "-q", ranks=2) as job:
        job.wait_until_stopped()
        before = contents(tmp_path / "results")
        done = lohko(*second)
        assert done.returncode == 73 and len(error_lines(done.stderr)) == 1, done.stderr
        assert "results: another job is writing into it" in done.stderr
        assert contents(tmp_path / "results") == before
        job.go_on()
        assert job.end().returncode == 0
    same_as(tmp_path / "results", whole("kmeans"))


def test_one_that_is_just_ending(tmp_path, customers, whole, faults):  # noqa: F811
    config = write_config(tmp_path, customers, **KMEANS | {"run__checkpoint": 600})
    with Job(faults, f"0 rename results.h5 0 {STOP}", "fit", config, "-q") as first:
        first.wait_until_stopped()
        with Job(faults, "0 open none 0 0", "fit", config, "-q") as second:
            first.go_on()
            assert first.end().returncode == 0 and second.end().returncode == 0
    same_as(tmp_path / "results", whole("kmeans"))


def test_a_directory_that_cannot_be_opened(tmp_path, customers, faults):  # noqa: F811
    """Files could be made in it, but not flushed with it: said at once, and not when all the work is done."""
    config = write_config(tmp_path, customers, **KMEANS)
    done = run(faults, f"0 open results 0 {errno.EACCES}", "fit", config, "-q")
    assert done.returncode == 73 and len(error_lines(done.stderr)) == 1, done.stderr
    assert "results: cannot be opened: Permission denied" in done.stderr
    assert contents(tmp_path / "results") == {}


def test_a_signal_while_room_is_made(tmp_path, customers, whole, faults):  # noqa: F811
    """It interrupts the system's call on some file systems; the call is made again."""
    config = write_config(tmp_path, customers, **KMEANS | {"run__checkpoint": 600})
    done = run(faults, f"0 reserve results.h5.partial 0 {errno.EINTR}", "fit", config, "-q")
    assert done.returncode == 0, done.stderr
    same_as(tmp_path / "results", whole("kmeans"))
    sizes = ["--customers", 3000, "--features", 4, "--segments", 2, "--output", tmp_path / "a.h5"]
    done = run(faults, f"0 reserve a.h5.partial 0 {errno.EINTR}", "generate", "-q", *sizes)
    assert done.returncode == 0, done.stderr


# ---- set aside -----------------------------------------------------------------------------------------------------


def begun_anew(config, faults, *options):  # noqa: F811
    """Run without run.resume, and stopped before it has kept anything."""
    with Job(faults, f"0 open in.h5 0 {STOP}", "fit", config, "-q", *options) as job:
        job.wait_until_stopped()
        job.send(signal.SIGTERM)
        job.go_on()
        done = job.end()
    assert done.returncode == STOPPED and NOTHING in done.stderr
    assert set(contents(config.parent / "results")) == {OLD}


@pytest.mark.parametrize("ranks", [None, 2])
def test_run_resume_was_forgotten(tmp_path, stopped, whole, faults, ranks):  # noqa: F811
    """What was set aside is this job's own: it goes on from there, and does not begin at the beginning."""
    config = moved(stopped, tmp_path)
    kept = contents(tmp_path / "results")[CHECKPOINT]
    begun_anew(config, faults)
    assert contents(tmp_path / "results") == {OLD: kept}
    done = lohko("fit", config, *RESUME, ranks=ranks)
    assert done.returncode == 0 and f"{OLD} is of this job, and taken" in done.stderr
    assert "going on from the checkpoint" in done.stderr
    same_as(tmp_path / "results", whole("kmeans"))


def test_what_was_set_aside_is_damaged(tmp_path, stopped, whole, faults):  # noqa: F811
    config = moved(stopped, tmp_path)
    begun_anew(config, faults)
    (tmp_path / "results" / OLD).write_bytes(b"lohko checkpoint 1\nand no more")
    done = lohko("fit", config, *RESUME)
    assert done.returncode == 0 and f"{OLD} is not taken: " in done.stderr and "damaged" in done.stderr
    assert "there is no checkpoint" in done.stderr
    same_as(tmp_path / "results", whole("kmeans"))


def test_what_was_set_aside_is_another_jobs(tmp_path, stopped, faults):  # noqa: F811
    config = moved(stopped, tmp_path)
    begun_anew(config, faults, "--segments.k=5")
    done = lohko("fit", config, "--segments.k=5", *RESUME)
    assert done.returncode == 0 and f"{OLD} is not taken: it belongs to another job" in done.stderr
    assert "there is no checkpoint" in done.stderr


# ---- the same values, and yet another input ------------------------------------------------------------------------


def killed(config, faults):  # noqa: F811
    assert run(faults, AT_THE_END, "fit", config, "-q", "--run.checkpoint=1e-6").returncode == -signal.SIGKILL
    assert CHECKPOINT in contents(config.parent / "results")


def goes_on(config):
    """To what an uninterrupted run of it finds."""
    results = config.parent / "results" / "results.h5"
    done = lohko("fit", config, *RESUME)
    assert done.returncode == 0 and "going on from the checkpoint" in done.stderr, done.stderr
    found = datasets(results)
    assert lohko("fit", config, "-q", "--run.checkpoint=0").returncode == 0
    assert differing(found, datasets(results)) == []


def test_columns_of_other_names(tmp_path, faults):  # noqa: F811
    """By its name a column is weighted."""
    path = write_matrix(tmp_path / "in.h5", VALUES)
    config = write_config(tmp_path, path, **KMEANS | {"prepare__weight": {"a": 3.0}})
    for names in ("abcd", "bacd"):
        with h5py.File(path, "r+") as file:
            file["features"].attrs["feature_names"] = list(names)
        if names == "abcd":
            killed(config, faults)
    refused(config, 65, ["the input was", "names"])


@pytest.fixture(scope="module")
def last_year(tmp_path_factory):
    directory = tmp_path_factory.mktemp("last_year")
    path = write_matrix(directory / "in.h5", VALUES, ids=np.arange(6000))
    return fit(directory, path, segments__k=6, run__seed=3, hierarchy__leaves=0)


THIS_YEAR = {
    "segments__k": 6, "stability__replicates": 3, "hierarchy__leaves": 0, "kmeans__batch": 1024,
    "previous__preparation": "refit",
}


def test_other_ids_under_last_year(tmp_path, last_year, faults):  # noqa: F811
    """They decide in which order segments come, and so which one a row of what is kept is about."""
    path = write_matrix(tmp_path / "in.h5", VALUES, ids=np.arange(6000))
    settings = THIS_YEAR | {"previous__results": str(last_year.directory / "results.h5")}
    config = write_config(tmp_path, path, **settings)
    killed(config, faults)
    with h5py.File(path, "r+") as file:
        file["customer_id"][:] = np.random.default_rng(4).permutation(6000)
    for ranks in (None, 2):
        refused(config, 65, ["customers of other ids"], ranks=ranks)
    with h5py.File(path, "r+") as file:
        file["customer_id"][:] = np.arange(6000)
    goes_on(config)


@pytest.mark.parametrize("preparation", ["keep", "refit"])
@pytest.mark.parametrize("name", ["shift", "fill", "weight"])
def test_last_year_with_another_preparation(tmp_path, last_year, faults, preparation, name):  # noqa: F811
    """The same centroids of the same customers, in other units."""
    previous = tmp_path / "previous.h5"
    previous.write_bytes((last_year.directory / "results.h5").read_bytes())
    path = write_matrix(tmp_path / "in.h5", VALUES, ids=np.arange(6000))
    settings = THIS_YEAR | {"previous__results": str(previous), "previous__preparation": preparation}
    config = write_config(tmp_path, path, **settings)
    killed(config, faults)
    with h5py.File(previous, "r+") as file:
        file[f"model/{name}"][()] = file[f"model/{name}"][()] * 1.25 + 0.01
    refused(config, 65, ["previous.results was", "checksum"])


def test_the_same_last_year_from_another_place(tmp_path, last_year, faults):  # noqa: F811
    """Where it lies may not differ, since results name it; its content does not change by being copied."""
    path = write_matrix(tmp_path / "in.h5", VALUES, ids=np.arange(6000))
    (tmp_path / "a.h5").write_bytes((last_year.directory / "results.h5").read_bytes())
    settings = THIS_YEAR | {"previous__results": str(tmp_path / "a.h5")}
    config = write_config(tmp_path, path, **settings)
    killed(config, faults)
    (tmp_path / "b.h5").write_bytes((tmp_path / "a.h5").read_bytes())
    refused(config, 78, ["previous.results"], f"--previous.results={tmp_path / 'b.h5'}")
    (tmp_path / "a.h5").unlink()
    (tmp_path / "b.h5").rename(tmp_path / "a.h5")
    goes_on(config)
