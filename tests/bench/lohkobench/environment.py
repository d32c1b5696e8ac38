"""Private virtual environments for the peers. Standard library only: the rest of the bench runs in the first one."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from .places import SOURCE, WORK

INSIDE = "LOHKO_BENCH_INSIDE"  # set where the bench has started itself again
SPACE = {"heat": 12e9}  # free bytes that an installation wants
SECONDS = 1800


def requirements(group: str) -> Path:
    return SOURCE / ("requirements.txt" if group == "base" else f"requirements-{group}.txt")


def place(group: str) -> Path:
    return WORK / ("venv" if group == "base" else f"venv-{group}")


def python(group: str) -> Path:
    if group == "base" and os.environ.get(INSIDE):
        return Path(sys.executable)
    return place(group) / "bin" / "python"


def fingerprint(group: str) -> str:
    return hashlib.sha256(requirements(group).read_bytes()).hexdigest()


def is_ready(group: str) -> bool:
    marker = place(group) / "installed"
    return python(group).exists() and marker.exists() and marker.read_text() == fingerprint(group)


def last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if line.lower().startswith("error")]
    return (errors or lines or ["no word why"])[-1]


def run(command: list, **keywords) -> str | None:
    """None, or what went wrong."""
    try:
        done = subprocess.run(
            [str(word) for word in command], capture_output=True, text=True, stdin=subprocess.DEVNULL,
            timeout=SECONDS, **keywords
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return f"no end after {SECONDS} s"
    except OSError as error:
        return str(error)
    return last_line(done.stderr + done.stdout) if done.returncode else None


def create(group: str) -> str | None:
    """An empty environment, by the first Python that can make one."""
    fault = "no Python"
    for candidate in dict.fromkeys([sys.executable, "/usr/bin/python3"]):
        shutil.rmtree(place(group), ignore_errors=True)
        fault = run([candidate, "-m", "venv", place(group)])
        if fault is None:
            return None
    return f"{fault} (on Debian and Ubuntu: scripts/install-packages bench)"


def install(group: str) -> str | None:
    """None where the group is there now, or why not. Quick where it was there before."""
    if is_ready(group):
        return None
    WORK.mkdir(parents=True, exist_ok=True)
    if shutil.disk_usage(WORK).free < SPACE.get(group, 2e9):
        return f"needs {SPACE.get(group, 2e9) / 1e9:.0f} GB of free disk to install"
    print(f"bench: installing {requirements(group).name} into {place(group)}", file=sys.stderr, flush=True)
    fault = create(group)
    if fault is None:
        fault = run([python(group), "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
                     "--retries", "1", "--requirement", requirements(group)])  # fmt: skip
    if fault is not None:
        shutil.rmtree(place(group), ignore_errors=True)
        print(f"bench: {requirements(group).name}: {fault}", file=sys.stderr, flush=True)
        return "could not be installed"
    (place(group) / "installed").write_text(fingerprint(group))
    return None


def enter(arguments: list[str], script: Path) -> str | None:
    """Starts the bench again inside its environment; returns only where that is not possible, and says why."""
    if os.environ.get(INSIDE):
        return None
    fault = install("base")
    if fault is None:
        sys.stdout.flush()
        os.execve(python("base"), [str(python("base")), str(script), *arguments], os.environ | {INSIDE: "1"})
    return fault


def enter_system(arguments: list[str], script: Path, fault: str) -> None:
    """Starts the bench with a Python of the system that has NumPy and h5py; returns where there is none."""
    for candidate in dict.fromkeys([sys.executable, "/usr/bin/python3"]):
        if run([candidate, "-c", "import numpy, h5py"]) is None:
            print(f"bench: peers {fault}; going on with those that {candidate} has", file=sys.stderr, flush=True)
            os.execve(candidate, [candidate, str(script), *arguments], os.environ | {INSIDE: "1"})
