"""Jobs that are stopped, killed or hindered at a chosen moment. faults.c, preloaded, makes one call of one rank fail, or
stops the process there, so that no test depends on how fast a machine is."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from types import MappingProxyType, SimpleNamespace

import pytest
from conftest import ENVIRONMENT, RESULT_FILES, command, datasets
from test_same_bytes import differing

SOURCE = Path(__file__).with_name("faults.c")
TIMEOUT = 60
STOP = -signal.SIGSTOP
NOTHING = MappingProxyType({})
AT_SECOND_CHECKPOINT = f"0 rename checkpoint.lohko 1 {STOP}"


@pytest.fixture(scope="session")
def faults(tmp_path_factory) -> Path:
    """The library to preload."""
    path = tmp_path_factory.mktemp("faults") / "faults.so"
    compiler = shutil.which("cc") or shutil.which("gcc")
    if not compiler:
        pytest.skip("there is no C compiler")
    done = subprocess.run(
        [compiler, "-std=gnu11", "-shared", "-fPIC", "-o", path, SOURCE, "-ldl"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return path


def environment(library: Path, fault: str) -> dict:
    return {**ENVIRONMENT, "LD_PRELOAD": str(library), "LOHKO_FAULT": fault}


def run(library, fault, *arguments, ranks=None, timeout=TIMEOUT) -> subprocess.CompletedProcess:
    """A run with a fault in it; one that does not end is a failure."""
    return subprocess.run(
        command(*arguments, ranks=ranks), env=environment(library, fault), capture_output=True, text=True, timeout=timeout
    )


def wait_for(what, seconds=TIMEOUT):
    """Until `what` returns something true, which is returned."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = what()
        if found:
            return found
        time.sleep(0.01)
    raise AssertionError("it did not come to it in time")


def children(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        return []


def rank_of(pid: int) -> int | None:
    try:
        variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return None
    return next((int(text.split(b"=")[1]) for text in variables if text.startswith(b"OMPI_COMM_WORLD_RANK=")), None)


def is_alive(pid: int) -> bool:
    return state(pid) not in ("", "Z")


def state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return ""


class Job:
    """A run under way, `process` with its ranks' process ids; `more`: of the environment."""

    def __init__(self, library, fault, *arguments, ranks=None, more=NOTHING):
        self.ranks = ranks
        self.process = subprocess.Popen(
            command(*arguments, ranks=ranks), env={**environment(library, fault), **more}, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
        self.pid = {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for pid in [*self.pid.values(), self.process.pid]:
            if is_alive(pid):
                os.kill(pid, signal.SIGKILL)
        self.process.communicate()

    def find_ranks(self) -> bool:
        if not self.ranks:
            self.pid = {0: self.process.pid}
        else:
            found = {rank_of(pid): pid for pid in children(self.process.pid)}
            self.pid = {rank: pid for rank, pid in found.items() if rank is not None}
        return len(self.pid) == (self.ranks or 1)

    def wait_until_stopped(self, rank=0):
        """Until the fault has stopped this rank."""
        def stopped():
            assert self.process.poll() is None, self.process.communicate()
            return self.find_ranks() and state(self.pid[rank]) == "T"
        wait_for(stopped)

    def send(self, number, ranks=(0,)):
        for rank in ranks:
            os.kill(self.pid[rank], number)

    def go_on(self, rank=0):
        self.send(signal.SIGCONT, [rank])

    def end(self, timeout=TIMEOUT) -> SimpleNamespace:
        begun = time.monotonic()
        stdout, stderr = self.process.communicate(timeout=timeout)
        seconds = time.monotonic() - begun
        wait_for(lambda: not any(is_alive(pid) for pid in self.pid.values()), 10)  # no process is left behind
        return SimpleNamespace(returncode=self.process.returncode, stdout=stdout, stderr=stderr, seconds=seconds)


def contents(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()} if directory.is_dir() else {}


def same_as(found: Path, expected: SimpleNamespace):
    """The results in a directory, and nothing else there, against those of an uninterrupted run."""
    assert {path.name for path in found.iterdir()} == RESULT_FILES
    assert differing(datasets(found / "results.h5"), expected.data) == []
    assert (found / "segments.csv").read_bytes() == (expected.directory / "segments.csv").read_bytes()


def calls(library, which, *arguments, ranks=None) -> int:
    """How many calls of a kind one rank makes in an undisturbed run; `which`: the fault without its last two words."""
    done = run(library, f"{which} 0 0", *arguments, ranks=ranks)
    assert done.returncode == 0, done.stderr
    (count,) = [line.split()[1] for line in done.stderr.splitlines() if line.startswith("faults: ")]
    return int(count)
