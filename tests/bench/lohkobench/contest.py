"""Contestants run in turn, each in a process of its own, and are compared pair by pair."""

import json
import os
import signal
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from . import environment
from .places import LOHKO, PEERS, driver

LAUNCH = {
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "OMPI_MCA_rmaps_base_oversubscribe": "1",
    "OMPI_MCA_hwloc_base_binding_policy": "none",
    "OMPI_MCA_btl_vader_single_copy_mechanism": "none",
    "HWLOC_HIDE_ERRORS": "2",
}
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "TBB_NUM_THREADS")


class Skip(Exception):
    """A contestant or a table cannot be measured; the text says why."""


def say(text: str) -> None:
    print(f"bench: {text}", file=sys.stderr, flush=True)


@dataclass
class Bench:
    """What a table needs to know."""

    cores: list[int]
    quick: bool
    rounds: int
    keep: bool
    full: bool = False  # also what takes very long
    absent: dict[str, str] = field(default_factory=dict)  # group of peers -> why it is not there
    results: dict = field(default_factory=dict)

    @property
    def threads(self) -> int:
        return len(self.cores)

    def run(self, command: list, timeout=1800, threads: int | None = None) -> tuple[str, float]:
        """The output and the seconds of a command on the bench's cores. Skip where it fails."""
        count = str(threads or self.threads)
        variables = os.environ | LAUNCH | dict.fromkeys(THREADS, count) | {"PYTHONWARNINGS": "ignore"}
        begun = time.monotonic()
        process = subprocess.Popen(
            [str(word) for word in command], env=variables, text=True, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
        try:
            output, errors = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            raise Skip(f"no end after {timeout} s") from None
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.communicate()
        seconds = time.monotonic() - begun
        if process.returncode:
            raise Skip(f"ended with {process.returncode}: {environment.last_line(errors or output)}")
        return output, seconds

    def ranks(self, count: int, command: list) -> list:
        return ["mpirun", "--bind-to", "none", "-n", count, *command]

    def lohko(self, *arguments, ranks: int | None = None) -> float:
        return self.run(self.ranks(ranks or self.threads, [LOHKO, *arguments]))[1]

    def driver(self, name: str, *arguments, ranks: int | None = None):
        """What one of the C drivers prints."""
        command = [driver(name), *arguments]
        return json.loads(self.run(command if ranks == 0 else self.ranks(ranks or self.threads, command))[0])

    def peer(self, script: str, settings: dict, group="base", launcher=(), timeout=1800, threads=None) -> dict:
        """What a peer's script prints as its last line, and the seconds of the whole process."""
        if group in self.absent:
            raise Skip(self.absent[group])
        command = [*launcher, environment.python(group), PEERS / script, json.dumps(settings, default=str)]
        output, seconds = self.run(command, timeout=timeout, threads=threads)
        return json.loads(output.strip().splitlines()[-1]) | {"whole": seconds}


def in_turn(rounds: int, contestants: dict) -> tuple[dict, dict]:
    """Runs the contestants (name -> function) in turn, `rounds` times: what each returned, round by round, and why
    others are missing. Who fails once is out."""
    figures = {name: [] for name in contestants}
    missing = {}
    for number in range(rounds):
        for name, contestant in contestants.items():
            if name in missing:
                continue
            try:
                figures[name].append(contestant(number))
            except Skip as reason:
                missing[name] = str(reason)
                del figures[name]
                say(f"  {name}: left out: {reason}")
    return figures, missing


def times(seconds: list[float]) -> dict:
    """Median, and the spread: the largest over the smallest."""
    return {"seconds": seconds, "median": statistics.median(seconds), "spread": max(seconds) / min(seconds)}


def ratios(ours: list[float], theirs: list[float]) -> dict:
    """How many times longer theirs takes, pair by pair."""
    pairs = [b / a for a, b in zip(ours, theirs, strict=True)]
    return {"median": statistics.median(pairs), "low": min(pairs), "high": max(pairs)}


def remove(*paths: Path) -> None:
    for path in paths:
        Path(path).unlink(missing_ok=True)
