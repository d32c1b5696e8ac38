"""A fit that is asked to stop ends with 75 and goes on later to the same bytes; a checkpoint of another job is refused."""

import os
import shutil
import signal
import subprocess
from pathlib import Path

import h5py
import numpy as np
import pytest
from checkpoints import put_together, take_apart, xxh3
from conftest import RESULT_FILES, blobs, datasets, error_lines, fit, lohko, write_config, write_matrix
from interruption import AT_SECOND_CHECKPOINT, STOP, Job, contents, faults, run, wait_for  # noqa: F401 (a fixture)
from test_same_bytes import differing

CHECKPOINT = "checkpoint.lohko"
KMEANS = {
    "segments__k": 7, "kmeans__batch": 2048, "kmeans__tolerance": 0, "kmeans__restarts": 2, "run__checkpoint": 1e-6,
    "stability__replicates": 3,
}
CASES = {
    "kmeans": KMEANS,
    "a choice of k": KMEANS | {"segments__k": "3..5", "stability__replicates": 0},
    "levels": KMEANS | {"hierarchy__leaves": 40, "hierarchy__levels": [3, 5]},
    "hierarchy": {"segments__k": 4, "segments__method": "hierarchy", "hierarchy__leaves": 60, "run__checkpoint": 1e-6},
}
RESUME = ["--run.resume=true", "--run.checkpoint=600"]  # a checkpoint a step would take a flush to the disk a step
ON = "checkpoint written: run it again with --run.resume to go on"
STOPPED = 128 + signal.SIGTERM
NOTHING = "stopped by a signal; nothing was kept"


@pytest.fixture(scope="module")
def customers(tmp_path_factory):
    directory = tmp_path_factory.mktemp("customers")
    return write_matrix(directory / "in.h5", blobs(6000, 4, 6, 3, spread=2), ids=np.arange(6000))


@pytest.fixture(scope="module")
def whole(customers, tmp_path_factory):
    """The uninterrupted run of a case."""
    known = {}

    def run(case):
        if case not in known:
            settings = CASES[case] | {"run__checkpoint": 0}
            known[case] = fit(tmp_path_factory.mktemp("whole"), customers, **settings)
        return known[case]

    return run


@pytest.fixture(scope="module")
def stopped(customers, faults, tmp_path_factory):  # noqa: F811
    """A directory with the config and results of a job that was stopped, to be copied."""
    directory = tmp_path_factory.mktemp("stopped")
    config = write_config(directory, customers, **KMEANS)
    done = stop(faults, config, None, signal.SIGTERM, [0])
    assert done.returncode == 75, done.stderr
    return directory


def stop(library, config, ranks, number, whom, *options):
    """One signal to some ranks when there is a checkpoint and rank 0 is about to put another in its place."""
    with Job(library, AT_SECOND_CHECKPOINT, "fit", config, "-q", *options, ranks=ranks) as job:
        job.wait_until_stopped()
        job.send(number, whom)
        job.go_on()
        return job.end()


def same_as(found, expected):
    assert {path.name for path in found.iterdir()} == RESULT_FILES
    assert differing(datasets(found / "results.h5"), expected.data) == []
    assert (found / "segments.csv").read_bytes() == (expected.directory / "segments.csv").read_bytes()


# ---- stopping and going on -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("ranks, whom, number, later", [
    (None, [0], signal.SIGTERM, 3),
    (None, [0], signal.SIGINT, None),
    (3, [1], signal.SIGUSR1, 2),
    (2, [0, 1], signal.SIGTERM, None),
    (2, [0, 1], signal.SIGINT, 2),
])
def test_a_signal(tmp_path, customers, whole, faults, ranks, whom, number, later):  # noqa: F811
    config = write_config(tmp_path, customers, **KMEANS)
    done = stop(faults, config, ranks, number, whom)
    assert done.returncode == 75, done.stderr
    assert error_lines(done.stderr) == [f"lohko: stopped by a signal; {ON}"], done.stderr
    assert set(contents(tmp_path / "results")) == {CHECKPOINT}
    again = lohko("fit", config, *RESUME, ranks=later)
    assert again.returncode == 0 and "going on from the checkpoint" in again.stderr, again.stderr
    same_as(tmp_path / "results", whole("kmeans"))


@pytest.mark.parametrize("case", CASES)
def test_stopped_again_and_again(tmp_path, customers, whole, faults, case):  # noqa: F811
    """Every time a little further, on other numbers of ranks; what an earlier job left stays until the end."""
    config = write_config(tmp_path, customers, **CASES[case])
    (tmp_path / "results").mkdir()
    earlier = {name: name.encode() for name in RESULT_FILES}
    for name, content in earlier.items():
        (tmp_path / "results" / name).write_bytes(content)
    sizes = []
    for ranks in (None, 2, None):
        done = stop(faults, config, ranks, signal.SIGTERM, [0], "--run.resume=true")
        assert done.returncode == 75, done.stderr
        now = contents(tmp_path / "results")
        sizes.append(now.pop(CHECKPOINT))
        assert now == earlier
    assert len(set(sizes)) == 3, "a job that goes on makes its way"
    assert lohko("fit", config, "-q", *RESUME, ranks=2).returncode == 0
    same_as(tmp_path / "results", whole(case))


LATER = {
    "judged trees": {"segments__k": "3..4", "hierarchy__leaves": 60, "stability__replicates": 3},
    "average linkage": {"hierarchy__leaves": "all", "hierarchy__linkage": "average", "hierarchy__levels": [2, 6]},
    "complete linkage": {"hierarchy__leaves": "all", "hierarchy__linkage": "complete"},
}


@pytest.mark.parametrize("case", LATER)
def test_stopped_at_later_and_later_steps(tmp_path, faults, case):  # noqa: F811
    """After 1, 2, 4, ... checkpoints, until the job ends before."""
    path = write_matrix(tmp_path / "in.h5", blobs(1500, 4, 6, 3, spread=2), ids=np.arange(1500))
    settings = {"segments__k": 4, "segments__method": "hierarchy"} | LATER[case]
    expected = fit(tmp_path / "whole", path, run__checkpoint=0, **settings)
    config = write_config(tmp_path, path, run__checkpoint=1e-6, **settings)
    step, steps = 1, []
    while run(faults, f"0 rename {CHECKPOINT} {step - 1} {-signal.SIGTERM}", "fit", config, "-q").returncode == 75:
        assert set(contents(tmp_path / "results")) == {CHECKPOINT}
        again = lohko("fit", config, *RESUME, ranks=2 if step == 4 else None)
        assert again.returncode == 0 and "going on from the checkpoint" in again.stderr, again.stderr
        same_as(tmp_path / "results", expected)
        shutil.rmtree(tmp_path / "results")
        steps.append(step)
        step *= 2
    assert len(steps) >= 4
    same_as(tmp_path / "results", expected)


def test_stopped_before_there_is_anything(tmp_path, customers, faults):  # noqa: F811
    config = write_config(tmp_path, customers, **KMEANS)
    with Job(faults, f"0 open in.h5 0 {STOP}", "fit", config, "-q") as job:
        job.wait_until_stopped()
        job.send(signal.SIGTERM)
        job.go_on()
        done = job.end()
    assert done.returncode == STOPPED and error_lines(done.stderr) == [f"lohko: {NOTHING}: run it again"]
    assert contents(tmp_path / "results") == {}


def test_a_signal_while_mpi_starts(tmp_path, stopped, faults):  # noqa: F811
    """What a job before has kept is there to go on from, though this one has not yet looked for it."""
    config, starting = moved(stopped, tmp_path), "0 read online 0"  # Open MPI's hwloc counts processors
    if "faults: " not in run(faults, f"{starting} 0", "--version").stderr:
        pytest.skip("Open MPI does not read here how many processors there are")
    before = contents(tmp_path / "results")
    for options, code, words in ([*RESUME], 75, "checkpoint as it was"), ([], STOPPED, NOTHING):
        done = run(faults, f"{starting} {-signal.SIGTERM}", "fit", config, "-q", *options)
        assert done.returncode == code and len(error_lines(done.stderr)) == 1 and words in done.stderr
        assert contents(tmp_path / "results") == before


@pytest.mark.parametrize("ranks", [None, 2])
def test_a_signal_while_it_waits_for_its_config(tmp_path, faults, ranks):  # noqa: F811
    """Which comes through a pipe that nobody has written into yet."""
    os.mkfifo(tmp_path / "config.yaml")
    with Job(faults, "0 open none 0 0", "fit", tmp_path / "config.yaml", "-q", ranks=ranks) as job:
        wait_for(lambda: job.find_ranks() and is_open(job.pid[0], "config.yaml"))
        job.send(signal.SIGTERM)
        done = job.end()
    assert done.returncode == STOPPED and error_lines(done.stderr) == [f"lohko: {NOTHING}: run it again"]


def is_open(pid, name):
    try:
        return any(os.readlink(link).endswith(name) for link in Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return False


def test_a_config_through_a_pipe(tmp_path, customers, whole):
    config = write_config(tmp_path, customers, **KMEANS | {"run__checkpoint": 600})
    text = config.read_text()
    config.unlink()
    os.mkfifo(config)
    writer = subprocess.Popen(["sh", "-c", 'sleep 0.3; printf %s "$1" > "$2"', "sh", text, str(config)])
    done = lohko("fit", config, "-q")
    assert done.returncode == 0 and writer.wait() == 0, done.stderr
    same_as(tmp_path / "results", whole("kmeans"))


def test_a_pipe_in_the_place_of_a_file_to_write(tmp_path, customers, whole):
    """It would wait for somebody who reads it."""
    config = write_config(tmp_path, customers, **KMEANS | {"run__checkpoint": 600})
    (tmp_path / "results").mkdir()
    for name in sorted(RESULT_FILES):
        os.mkfifo(tmp_path / "results" / f"{name}.partial")
    assert lohko("fit", config, "-q").returncode == 0
    same_as(tmp_path / "results", whole("kmeans"))


def test_without_checkpoints(tmp_path, customers, faults):  # noqa: F811
    config = write_config(tmp_path, customers, **KMEANS | {"run__checkpoint": 0})
    with Job(faults, f"0 open results.h5.partial 0 {STOP}", "fit", config, "-q") as job:
        job.wait_until_stopped()
        job.send(signal.SIGTERM)
        job.go_on()
        done = job.end()
    assert done.returncode == STOPPED
    assert error_lines(done.stderr) == [f"lohko: {NOTHING}, as run.checkpoint is 0: run it again"]
    assert contents(tmp_path / "results") == {}


def test_a_signal_at_the_very_end_is_too_late(tmp_path, customers, whole, faults):  # noqa: F811
    config = write_config(tmp_path, customers, **KMEANS)
    with Job(faults, f"0 rename results.h5 0 {STOP}", "fit", config, "-q", "--run.checkpoint=600") as job:
        job.wait_until_stopped()
        job.send(signal.SIGTERM)
        job.go_on()
        done = job.end()
    assert done.returncode == 0, done.stderr
    same_as(tmp_path / "results", whole("kmeans"))


def test_a_job_that_does_not_go_on_says_so(tmp_path, customers, stopped, whole):
    config = moved(stopped, tmp_path)
    done = lohko("fit", config, "--run.checkpoint=600")
    assert done.returncode == 0 and "is of a job that did not end; this one begins at the beginning" in done.stderr
    same_as(tmp_path / "results", whole("kmeans"))  # and nothing else is left
    config = write_config(tmp_path / "new", customers, **KMEANS)
    done = lohko("fit", config, *RESUME)
    assert done.returncode == 0 and "there is no checkpoint" in done.stderr
    same_as(tmp_path / "new" / "results", whole("kmeans"))


def test_another_job_in_the_same_directory(tmp_path, stopped, faults):  # noqa: F811
    """Stopped before it has kept anything, it finds nothing of the first one when it begins again as schedulers do."""
    config = moved(stopped, tmp_path)
    before = contents(tmp_path / "results")[CHECKPOINT]
    with Job(faults, f"0 open in.h5 0 {STOP}", "fit", config, "-q", "--segments.k=5") as job:
        job.wait_until_stopped()
        job.send(signal.SIGTERM)
        job.go_on()
        assert job.end().returncode == STOPPED
    assert contents(tmp_path / "results") == {f"{CHECKPOINT}.old": before}
    done = lohko("fit", config, "--segments.k=5", *RESUME)
    assert done.returncode == 0 and "there is no checkpoint" in done.stderr
    assert set(contents(tmp_path / "results")) == RESULT_FILES


# ---- a checkpoint of another job -----------------------------------------------------------------------------------


def moved(stopped, directory):
    shutil.copytree(stopped, directory, dirs_exist_ok=True)
    config = directory / "config.yaml"
    config.write_text(config.read_text().replace(str(stopped), str(directory)))
    return config


def refused(config, code, words, *options, ranks=None):
    """One line, and the checkpoint stays for the job that it belongs to."""
    before = contents(config.parent / "results")
    done = lohko("fit", config, "-q", "--run.resume=true", *options, ranks=ranks)
    assert done.returncode == code, (done.returncode, done.stderr)
    (line,) = error_lines(done.stderr)
    for word in words:
        assert word in line, line
    assert contents(config.parent / "results") == before


@pytest.mark.parametrize("option, words", [
    ("--segments.k=8", ["segments.k", "was 7", "is 8"]),
    ("--run.seed=5", ["run.seed", "was 1", "is 5"]),
    ("--kmeans.batch=4096", ["kmeans.batch", "2048", "4096"]),
    ("--prepare.scale=robust", ["prepare.scale", "robust"]),
    ("--stability.replicates=4", ["stability.replicates", "was 3", "is 4"]),
    ("--features.use=[feature_0,feature_1]", ["features.use"]),
])
def test_another_config(tmp_path, stopped, option, words):
    refused(moved(stopped, tmp_path), 78, [CHECKPOINT, *words], option)


WEIGHTS = {f"feature_{name}_with_a_long_name": 1.0 for name in range(8)}


@pytest.mark.parametrize("setting, then, now, words", [
    ("prepare.weight", WEIGHTS, WEIGHTS | {"feature_7_with_a_long_name": 9.0}, ["entry 8 of prepare.weight", "was 1", "is 9"]),
    ("hierarchy.levels", list(range(2, 60)), [*range(2, 59), 70], ["entry 58 of hierarchy.levels", "was 59", "is 70"]),
    ("hierarchy.levels", list(range(2, 60)), list(range(2, 59)), ["entry 58 of hierarchy.levels", "was 59", "is not there"]),
])
def test_another_config_behind_what_a_message_shows(tmp_path, faults, setting, then, now, words):  # noqa: F811
    path = tmp_path / "in.h5"
    with h5py.File(path, "w") as file:
        file["features"] = blobs(3000, 8, 6, 3, spread=2)
        file["features"].attrs["feature_names"] = list(WEIGHTS)
    key = setting.replace(".", "__")
    config = write_config(tmp_path, path, **KMEANS | {key: then})
    assert run(faults, f"0 rename {CHECKPOINT} 3 {-signal.SIGTERM}", "fit", config, "-q").returncode == 75
    write_config(tmp_path, path, **KMEANS | {key: now})
    refused(config, 78, [CHECKPOINT, *words])
    write_config(tmp_path, path, **KMEANS | {key: then})
    assert lohko("fit", config, "-q", *RESUME).returncode == 0


def test_other_customers_of_the_same_values(tmp_path, customers, faults):  # noqa: F811
    """Under input.duplicates: first, ids decide who takes part."""
    shutil.copy(customers, tmp_path / "in.h5")
    config = write_config(tmp_path, tmp_path / "in.h5", **KMEANS | {"input__duplicates": "first"})
    for twin in (3000, 3001):
        with h5py.File(tmp_path / "in.h5", "r+") as file:
            file["customer_id"][:] = np.arange(6000)
            file["customer_id"][twin] = 0
        if twin == 3000:
            assert run(faults, f"0 rename {CHECKPOINT} 3 {-signal.SIGTERM}", "fit", config, "-q").returncode == 75
    refused(config, 65, ["the input was", "5999 customers, checksum"])


def test_another_input(tmp_path, customers, stopped):
    config = moved(stopped, tmp_path)
    shutil.copy(customers, tmp_path / "copy.h5")
    with h5py.File(tmp_path / "copy.h5", "r+") as file:
        file["features"][1234, 2] += 1
    for ranks in (None, 2):
        refused(config, 65, ["the input was", "checksum"], f"--input.path={tmp_path / 'copy.h5'}", ranks=ranks)


def test_what_may_differ(tmp_path, customers, stopped, whole):
    """Where things are and how it runs."""
    config = moved(stopped, tmp_path)
    shutil.copy(customers, tmp_path / "copy.h5")
    options = [f"--input.path={tmp_path / 'copy.h5'}", "--run.memory=3G", "--run.checkpoint=600",
               "--input.features=/features"]
    done = lohko("fit", config, "--run.resume=true", *options)
    assert done.returncode == 0 and "going on" in done.stderr, done.stderr
    same_as(tmp_path / "results", whole("kmeans"))


def test_another_program(tmp_path, stopped):
    config = moved(stopped, tmp_path)
    path = tmp_path / "results" / CHECKPOINT
    content = path.read_bytes()[:-8]
    assert path.read_bytes()[-8:] == xxh3(content) and content.count(b"lohko ") > 1
    at = content.index(b"lohko ", len(b"lohko checkpoint 1\n"))
    content = content[: at + 6] + b"X" + content[at + 7 :]
    path.write_bytes(content + xxh3(content))
    refused(config, 78, ["the program was lohko X"])


def test_damage(tmp_path, stopped):
    config = moved(stopped, tmp_path)
    path = tmp_path / "results" / CHECKPOINT
    content = path.read_bytes()
    middle = len(content) // 2
    flipped = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
    for damaged, ranks in [(b"", None), (content[:-1], None), (content[:middle], 2), (flipped, 2)]:
        path.write_bytes(damaged)
        refused(config, 66, [CHECKPOINT, "damaged", "remove it"], ranks=ranks)


def test_an_entry_that_does_not_fit(tmp_path, stopped):
    """Whole by its checksum, but not what this job would have kept: the name of the first step is another."""
    config = moved(stopped, tmp_path)
    path = tmp_path / "results" / CHECKPOINT
    facts, entries = take_apart(path.read_bytes())
    entries[0] = (b"?" + entries[0][0][1:], entries[0][1])
    path.write_bytes(put_together(facts, entries))
    refused(config, 65, ["the checkpoint does not fit this job"])


# ---- the other commands --------------------------------------------------------------------------------------------


def interrupted(library, fault, *arguments, ranks=None):
    with Job(library, fault, *arguments, "-q", ranks=ranks) as job:
        job.wait_until_stopped()
        job.send(signal.SIGTERM)
        job.go_on()
        return job.end()


@pytest.mark.parametrize("ranks", [None, 2])
def test_assign_compare_generate(tmp_path, customers, whole, faults, ranks):  # noqa: F811
    results = whole("kmeans").directory / "results.h5"
    out = tmp_path / "out"
    assign = ["assign", "--model", results, "--input", customers, "--output", out]
    compare = ["compare", "--before", results, "--after", results, "--output", out]
    generate = ["generate", "--customers", 3000, "--features", 3, "--segments", 2, "--output", out / "new.h5"]
    out.mkdir()
    cases = [(assign, "write results.h5.partial 2"), (compare, "read results.h5 9"), (generate, "write new.h5.partial 0")]
    for arguments, moment in cases:
        done = interrupted(faults, f"0 {moment} {STOP}", *arguments, ranks=ranks)
        assert done.returncode == STOPPED, (arguments[0], done.returncode, done.stderr)
        assert error_lines(done.stderr) == [f"lohko: {NOTHING}: run it again"] and contents(out) == {}
    for arguments, last in [(assign, "results.h5"), (compare, "results.h5"), (generate, "new.h5")]:
        done = interrupted(faults, f"0 rename {last} 0 {STOP}", *arguments, ranks=ranks)
        assert done.returncode == 0, (arguments[0], done.returncode, done.stderr)
        assert last in contents(out) and not [name for name in contents(out) if "partial" in name]
