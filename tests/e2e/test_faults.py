"""When something fails under a job: it ends soon, on all ranks, with one line and the documented code, and leaves what
was there before; what it had found goes on later."""

import os
import shutil
import signal
import subprocess
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import (
    ENVIRONMENT, PATIENT, RESULT_FILES, blobs, command, error_lines, fit, lohko, write_config, write_matrix
)
from interruption import (  # noqa: F401 (a fixture)
    AT_SECOND_CHECKPOINT, STOP, Job, contents, faults, is_alive, run, same_as, wait_for
)

CHECKPOINT = "checkpoint.lohko"
SETTINGS = {"segments__k": 7, "kmeans__batch": 2048, "kmeans__tolerance": 0, "run__checkpoint": 1e-6}
SELDOM = SETTINGS | {"run__checkpoint": 600}  # the same job, with no flush to the disk after every step
RESUME = ["--run.resume=true", "--run.checkpoint=600"]
EIO, EACCES, ENOSPC, EDQUOT = 5, 13, 28, 122
REFUSALS = [(EDQUOT, "quota"), (ENOSPC, "No space")]
SOON = 20  # seconds in which a job ends whose rank was killed; on an idle machine it is less than two


@pytest.fixture(scope="module")
def customers(tmp_path_factory):
    directory = tmp_path_factory.mktemp("customers")
    return write_matrix(directory / "in.h5", blobs(6000, 4, 6, 3, spread=2), ids=np.arange(6000))


@pytest.fixture(scope="module")
def whole(customers, tmp_path_factory):
    return fit(tmp_path_factory.mktemp("whole"), customers, **SELDOM)


def fails(library, fault, config, code, words, *options, ranks=None):
    """One line on any number of ranks, and what was in the directory before."""
    before = contents(config.parent / "results")
    done = run(library, fault, "fit", config, "-q", *options, ranks=ranks)
    assert done.returncode == code, (fault, ranks, done.returncode, done.stderr)
    assert len(error_lines(done.stderr)) == 1, (fault, done.stderr)
    for word in words:
        assert word in error_lines(done.stderr)[0], (fault, done.stderr)
    now = contents(config.parent / "results")
    now.pop(CHECKPOINT, None)
    assert now == {name: content for name, content in before.items() if name != CHECKPOINT}, fault


# ---- a rank dies ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("victims", [[0], [1], [0, 1]])
def test_a_killed_rank(tmp_path, customers, whole, faults, victims):  # noqa: F811
    config = write_config(tmp_path, customers, **SETTINGS)
    with Job(faults, AT_SECOND_CHECKPOINT, "fit", config, "-q", ranks=2, more=PATIENT) as job:
        job.wait_until_stopped()
        job.send(signal.SIGKILL, victims)
        if 0 not in victims:
            job.go_on()
        done = job.end(SOON)
    assert done.returncode not in (0, 75), done.stderr
    left = contents(tmp_path / "results")
    assert CHECKPOINT in left and not set(left) & RESULT_FILES
    again = lohko("fit", config, "-q", *RESUME)
    assert again.returncode == 0, again.stderr
    same_as(tmp_path / "results", whole)


def test_the_launcher_is_killed(tmp_path, customers, faults):  # noqa: F811
    config = write_config(tmp_path, customers, **SETTINGS)
    with Job(faults, AT_SECOND_CHECKPOINT, "fit", config, "-q", ranks=2, more=PATIENT) as job:
        job.wait_until_stopped()
        job.process.kill()
        wait_for(lambda: not is_alive(job.pid[1]), SOON)  # while rank 0 is stopped, so that the job cannot end
        job.go_on()
        assert job.end(SOON).returncode != 0
    assert not set(contents(tmp_path / "results")) & RESULT_FILES


@pytest.mark.parametrize("name", ["summary.json", "segments.csv", "results.h5"])
def test_killed_between_the_files(tmp_path, customers, whole, faults, name):  # noqa: F811
    """Files take their places one by one, results.h5 last, and only then the checkpoint goes."""
    config = write_config(tmp_path, customers, **SETTINGS)
    done = run(faults, f"0 rename {name} 0 {-signal.SIGKILL}", "fit", config, "-q")
    assert done.returncode == -signal.SIGKILL
    left = contents(tmp_path / "results")
    assert CHECKPOINT in left and "results.h5" not in left
    assert lohko("fit", config, "-q", *RESUME).returncode == 0
    same_as(tmp_path / "results", whole)


# ---- reading -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=[(None, 0), (2, 1)], ids=["alone", "one of two"])
def unreadable(request, tmp_path_factory, faults):  # noqa: F811
    """Runs in which every read of the input in turn, and all after it, fails on one rank only; the last is one that had
    read everything by then."""
    ranks, rank = request.param
    directory = tmp_path_factory.mktemp("unreadable")
    path = write_matrix(directory / "in.h5", blobs(6000, 4, 6, 3, spread=2), ids=np.arange(6000))
    config = write_config(directory, path, **SELDOM)
    runs = []
    while len(runs) < 100 and (not runs or runs[-1].returncode != 0):
        runs.append(run(faults, f"{rank} read in.h5 +{len(runs)} {EIO}", "fit", config, "-q", ranks=ranks))
        runs[-1].left = contents(directory / "results")
    return SimpleNamespace(runs=runs, path=path, config=config, ranks=ranks, rank=rank)


def test_a_read_error_on_one_rank(unreadable, whole):
    """An error is never taken for zeros: a job ends well only if it read everything."""
    for count, done in enumerate(unreadable.runs[:-1]):
        assert done.returncode in (66, 74), (count, done.returncode, done.stderr)
        assert len(error_lines(done.stderr)) == 1 and "in.h5" in error_lines(done.stderr)[0], (count, done.stderr)
        assert done.left == {}, count
    assert {done.returncode for done in unreadable.runs} == {0, 66, 74}
    same_as(unreadable.config.parent / "results", whole)


@pytest.mark.parametrize("ranks, rank, which", [(None, 0, 0), (None, 0, 2), (2, 0, 2), (2, 1, 0)])
def test_one_rank_cannot_open(tmp_path, customers, faults, ranks, rank, which):  # noqa: F811
    """A rank other than the first is named: what is refused there may be allowed elsewhere."""
    config = write_config(tmp_path, customers, **SELDOM)
    words = ["in.h5", "Permission denied"] + ([f"on rank {rank}"] if rank > 0 else [])
    fails(faults, f"{rank} open in.h5 {which} {EACCES}", config, 66, words, ranks=ranks)


def test_a_file_that_is_cut_short_under_the_job(tmp_path, unreadable, faults):  # noqa: F811
    """Stopped before its last read, while the file is cut where this rank has yet to read."""
    path = shutil.copy(unreadable.path, tmp_path / "in.h5")
    config = write_config(tmp_path, path, **SELDOM)
    last = f"{unreadable.rank} read in.h5 {len(unreadable.runs) - 2} {STOP}"
    with Job(faults, last, "fit", config, "-q", ranks=unreadable.ranks) as job:
        job.wait_until_stopped(unreadable.rank)
        os.truncate(path, path.stat().st_size // 3)
        job.go_on(unreadable.rank)
        done = job.end()
    assert done.returncode == 74, (done.returncode, done.stderr)
    (line,) = error_lines(done.stderr)
    assert "in.h5" in line and "cut short" in line, line
    assert contents(tmp_path / "results") == {}


# ---- writing -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("moment, ranks, code", [
    ("reserve results.h5.partial 0", None, 74), ("write results.h5.partial +2", None, 74),
    ("write results.h5.partial +7", 2, 74), ("flush results.h5.partial 0", None, 74),
    ("create segments.csv.partial 0", None, 73), ("write segments.csv.partial +0", None, 74),
    ("flush segments.csv.partial 0", 2, 74), ("write summary.json.partial +0", None, 74),
    ("rename summary.json 0", None, 74),
])
@pytest.mark.parametrize("error, word", REFUSALS)
def test_results_that_cannot_be_written(
    tmp_path, customers, whole, faults, moment, ranks, code, error, word  # noqa: F811
):
    """The disk is full, or the quota used up, wherever the system says it: also only when the file is flushed."""
    config = write_config(tmp_path, customers, **SETTINGS)
    (tmp_path / "results").mkdir()
    for name in RESULT_FILES:
        (tmp_path / "results" / name).write_bytes(b"earlier")
    fails(faults, f"0 {moment} {error}", config, code, [word], ranks=ranks)
    assert CHECKPOINT in contents(tmp_path / "results")
    again = lohko("fit", config, *RESUME)
    assert again.returncode == 0 and "going on" in again.stderr
    same_as(tmp_path / "results", whole)


@pytest.mark.parametrize("moment", [
    "create checkpoint.lohko.partial +1", "write checkpoint.lohko.partial +4", "open checkpoint.lohko.partial +1",
    "flush checkpoint.lohko.partial +1", "rename checkpoint.lohko +1",
])
@pytest.mark.parametrize("error, word, ranks", [(*REFUSALS[0], 2), (*REFUSALS[1], None)])
def test_a_checkpoint_that_cannot_be_written(
    tmp_path, customers, whole, faults, moment, error, word, ranks  # noqa: F811
):
    """The one before stays, and the job goes on to its end."""
    config = write_config(tmp_path, customers, **SETTINGS)
    done = run(faults, f"0 {moment} {error}", "fit", config, "-q", ranks=ranks)
    warnings = [line for line in error_lines(done.stderr) if "no checkpoint" in line]
    assert done.returncode == 0 and warnings and len(warnings) == len(error_lines(done.stderr)), done.stderr
    assert all(word in line and "the one before stays" in line for line in warnings), warnings
    same_as(tmp_path / "results", whole)


@pytest.mark.parametrize("moment", ["flush checkpoint.lohko.partial", "write checkpoint.lohko.partial"])
@pytest.mark.parametrize("error, word", REFUSALS)
def test_stopped_when_no_checkpoint_can_be_written(
    tmp_path, customers, whole, faults, moment, error, word  # noqa: F811
):
    """The last one that could be is what the job goes on from."""
    config = write_config(tmp_path, customers, **SETTINGS)
    done = run(faults, f"0 rename {CHECKPOINT} 1 {-signal.SIGTERM}", "fit", config, "-q")
    assert done.returncode == 75
    before = contents(tmp_path / "results")
    with Job(faults, f"0 {moment} +0 {error}", "fit", config, "--run.resume=true") as job:
        next(line for line in job.process.stderr if "no checkpoint" in line)
        job.process.terminate()
        done = job.end()
    if done.returncode != 0:  # it may have come to its end before it heard
        assert done.returncode == 74 and "no checkpoint could be written" in done.stderr, done.stderr
        assert word in done.stderr and "the one before stays" in done.stderr, done.stderr
        assert contents(tmp_path / "results") == before
        assert lohko("fit", config, "-q", *RESUME).returncode == 0
    same_as(tmp_path / "results", whole)


@pytest.mark.parametrize("moment, code, error, word", [
    ("0 write a.h5.partial +0", 73, *REFUSALS[0]), ("0 write a.h5.partial +1", 74, *REFUSALS[1]),
    ("1 write a.h5.partial +1", 74, *REFUSALS[0]), ("1 write a.h5.partial +1", 74, *REFUSALS[1]),
    ("1 open a.h5.partial 0", 74, *REFUSALS[0]), ("1 flush a.h5.partial 0", 74, *REFUSALS[1]),
    ("* flush a.h5.partial 0", 74, *REFUSALS[0]), ("0 rename a.h5 0", 74, *REFUSALS[1]),
])
def test_generated_customers_that_cannot_be_written(tmp_path, faults, moment, code, error, word):  # noqa: F811
    """On one rank or all of them: one line, and the older file."""
    (tmp_path / "a.h5").write_bytes(b"earlier")
    sizes = ["--customers", 9000, "--features", 3, "--segments", 2, "--output", tmp_path / "a.h5"]
    done = run(faults, f"{moment} {error}", "generate", *sizes, "-q", ranks=2)
    assert done.returncode == code and len(error_lines(done.stderr)) == 1, (done.returncode, done.stderr)
    assert "a.h5" in done.stderr and word in done.stderr
    assert contents(tmp_path) == {"a.h5": b"earlier"}


@pytest.fixture
def small_disk(tmp_path):
    """A file system of which there is no more than the first checkpoints need."""
    path = tmp_path / "results"
    path.mkdir()
    if not shutil.which("mount"):
        pytest.skip("there is no mount")
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", path], capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip(f"mount is not permitted: {done.stderr.strip()}")
    yield path
    subprocess.run(["umount", path], check=True)


def test_a_full_disk(tmp_path, customers, whole, small_disk):
    """Really full: no room for results, room for a checkpoint; with more of it the job goes on."""
    config = write_config(tmp_path, customers, **SETTINGS)
    done = lohko("fit", config, "-q", ranks=2)
    assert done.returncode == 74 and "No space" in done.stderr, done.stderr
    assert set(contents(small_disk)) == {CHECKPOINT}
    subprocess.run(["mount", "-o", "remount,size=4m", small_disk], check=True)
    done = lohko("fit", config, *RESUME)
    assert done.returncode == 0 and "going on" in done.stderr
    same_as(small_disk, whole)


def test_no_room_for_a_checkpoint(tmp_path, customers, whole, small_disk, faults):  # noqa: F811
    """It is said, the job goes on, and there is room again before the results are written."""
    (small_disk / "other").write_bytes(b"x" * 65536)
    config = write_config(tmp_path, customers, **SETTINGS)
    with Job(faults, f"0 remove {CHECKPOINT}.partial 0 {STOP}", "fit", config, "-q") as job:
        job.wait_until_stopped()
        (small_disk / "other").unlink()
        subprocess.run(["mount", "-o", "remount,size=4m", small_disk], check=True)
        job.go_on()
        done = job.end()
    assert done.returncode == 0 and "no checkpoint: " in done.stderr and "No space" in done.stderr, done.stderr
    same_as(small_disk, whole)


@pytest.mark.parametrize("ranks", [None, 2])
def test_the_directory_goes_while_it_runs(tmp_path, customers, faults, ranks):  # noqa: F811
    config = write_config(tmp_path, customers, **SETTINGS)
    with Job(faults, AT_SECOND_CHECKPOINT, "fit", config, "-q", ranks=ranks) as job:
        job.wait_until_stopped()
        shutil.rmtree(tmp_path / "results")
        (tmp_path / "results").write_text("a file in its place")
        job.go_on()
        done = job.end()
    assert done.returncode in (73, 74), (done.returncode, done.stderr)
    lines = error_lines(done.stderr)
    assert "results" in lines[-1] and all("no checkpoint" in line for line in lines[:-1]), done.stderr
    assert (tmp_path / "results").read_text() == "a file in its place"


# ---- nobody listens ------------------------------------------------------------------------------------------------


def run_unread(config, ranks=None, is_stderr_read=False) -> int:
    """The code of a run into a pipe that nobody reads; mpirun may end before its ranks do."""
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        command("fit", config, "-v", ranks=ranks), env=ENVIRONMENT, stdin=subprocess.DEVNULL, stdout=writing,
        stderr=subprocess.DEVNULL if is_stderr_read else writing, timeout=60,
    )
    os.close(writing)
    wait_for(lambda: not is_running(config), SOON)
    return done.returncode


def is_running(config):
    """Whether there is a process with this argument."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if bytes(config) in path.read_bytes().split(b"\0"):
                return True
        except OSError:
            pass
    return False


def test_nobody_reads_the_messages(tmp_path, customers, whole):
    """`lohko fit ... 2>&1 | head -1`: the results are there all the same; the code says that a table was lost."""
    assert run_unread(write_config(tmp_path, customers, **SELDOM)) == 74
    same_as(tmp_path / "results", whole)


def test_nobody_reads_the_table_of_several_ranks(tmp_path, customers, whole):
    """It is printed when the results are in place. The code is what mpirun makes of it."""
    run_unread(write_config(tmp_path, customers, **SELDOM), ranks=2, is_stderr_read=True)
    same_as(tmp_path / "results", whole)


def test_nobody_reads_the_messages_of_several_ranks(tmp_path, customers, whole):
    """mpirun itself (Open MPI 4.1) does not outlive that, and may end its ranks: all results or none, and the
    job can be run again."""
    config = write_config(tmp_path, customers, **SELDOM)
    run_unread(config, ranks=2)
    if set(contents(tmp_path / "results")) != RESULT_FILES:
        assert "results.h5" not in contents(tmp_path / "results")
        assert lohko("fit", config, "-q", *RESUME).returncode == 0
    same_as(tmp_path / "results", whole)


@pytest.mark.parametrize("closed", ["stdout", "stderr", "stdin"])
def test_a_closed_stream(tmp_path, customers, whole, closed):
    config = write_config(tmp_path, customers, **SELDOM)
    redirection = {"stdout": ">&-", "stderr": "2>&-", "stdin": "<&-"}[closed]
    line = f'exec "$@" {redirection}'
    done = subprocess.run(
        ["sh", "-c", line, "sh", *command("fit", config)], env=ENVIRONMENT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == (74 if closed == "stdout" else 0), (done.returncode, done.stderr)
    same_as(tmp_path / "results", whole)


def test_stdout_is_full(tmp_path, customers, whole):
    config = write_config(tmp_path, customers, **SELDOM)
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            command("fit", config, "-q"), env=ENVIRONMENT, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60
        )
    assert done.returncode == 74 and "stdout" in done.stderr
    same_as(tmp_path / "results", whole)
