"""One run of lohko on one mutant, and whether it behaved: a documented exit code, one line that names the file, nothing
left behind, no crash, no hang, no word of a sanitizer."""

import json
import os
import re
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from random import Random

from bases import SETTINGS, Base
from mutations import surroundings, write_mutant

DOCUMENTED = {0, 64, 65, 66, 71, 73, 74, 78}
SANITIZER = ("ERROR: AddressSanitizer", "ERROR: LeakSanitizer", "runtime error:", "hard rss limit")
# Faults of the HDF5 library (1.10.8) itself, for which there is no cheap check before the call. By the innermost of its
# functions in the report: a chunk that its filters unpack to less than a chunk is read beyond its end.
LIBRARY_FAULTS = ("H5VM_memcpyvv",)
SECONDS = 20
# The sanitizer, about memory that the library asked for in vain.
OTHERS = re.compile(r"^WARNING: AddressSanitizer failed to allocate")
WARNING = re.compile(r"is the same for all customers .* and is left out$")
MUTANT = "mutant.h5"
OPTIONS = ("segments.k", "hierarchy.leaves", "prepare.")  # what the values cannot meet: no fault of the file
VARIANTS = ["", "", "prepare: {missing: drop}\n", "prepare: {scale: robust, clip: [0.01, 0.99]}\n",
            "prepare: {transform: {orders: log1p}}\n", "features: {profile: [basket]}\n"]


@dataclass
class Outcome:
    number: int
    what: str
    code: int | None
    faults: list[str]
    stderr: str
    ranks: int

    def is_the_librarys(self) -> bool:
        """Known, and not to be mended here: the report names the library's function first."""
        frames = re.findall(r"#\d+ 0x[0-9a-f]+ in (\S+)", self.stderr)
        own = [frame for frame in frames if not frame.startswith("__interceptor")]
        return self.faults == ["a report of a sanitizer"] and bool(own) and own[0] in LIBRARY_FAULTS


def arguments_for(base: Base, directory: Path, results: dict[str, Path], random: Random) -> list[str]:
    variant = random.choice(VARIANTS)
    kind, place = base.role.split()
    fit_input = MUTANT if place == "input" else "new.h5"
    method = "hierarchy" if random.random() < 0.1 else "kmeans"
    config = SETTINGS % (fit_input, method, "64" if method == "hierarchy" else "0") + variant
    if place == "previous":
        config += f"previous: {{results: {MUTANT}, preparation: {random.choice(['keep', 'refit'])}}}\n"
    (directory / "config.yaml").write_text(config)
    right = str(results["kmeans"])
    return {
        "fit": ["fit", "config.yaml"],
        "assign": ["assign", "--output", "out", "--model", MUTANT if place == "model" else right,
                   "--input", MUTANT if place == "input" else "new.h5"],
        "compare": ["compare", "--output", "out", "--before", MUTANT if place == "before" else right,
                    "--after", MUTANT if place == "after" else right],
    }[kind]


def entries(directory: Path) -> dict[str, tuple]:
    """What stands there, so that whatever is written, renamed or removed is seen."""
    found = {}
    for path in directory.rglob("*"):
        state = path.lstat()
        found[str(path.relative_to(directory))] = (state.st_mode, state.st_size, state.st_mtime_ns)
    return found


def run(command: list[str], directory: Path, environment: dict) -> tuple[int | None, str]:
    """Exit code (None: it did not end in time) and stderr. A hang takes the launcher's ranks with it."""
    with subprocess.Popen(command, cwd=directory, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                          text=True, errors="replace", start_new_session=True) as process:
        try:
            stderr = process.communicate(timeout=SECONDS)[1]
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return None, process.communicate()[1]
        return process.returncode, stderr


def faults_of_text(code: int, stderr: str, ranks: int) -> list[str]:
    """On failure one line is said, by rank 0; warnings may come before it. A launcher adds its own lines."""
    lines = stderr.splitlines()
    ours = [line for line in lines if line.startswith("lohko: ") and not WARNING.search(line)]
    faults = []
    if ranks == 1 and any(not line.startswith("lohko: ") and not OTHERS.search(line) for line in lines):
        faults.append("a line on stderr that is not lohko's own")
    if code == 0:
        return faults
    if not ours:
        return [*faults, "no line says what is wrong"]
    if len(ours) > 1:
        faults.append("more than one line")
    if code in (65, 66, 74) and not any(word in ours[-1] for word in (MUTANT, *OPTIONS)):
        faults.append("the line does not name the file")
    if not ours[-1].isprintable():
        faults.append("the line holds control characters")
    return faults


def faults_of_files(code: int, before: dict, directory: Path) -> list[str]:
    after = entries(directory)
    outside = [name for name in before.keys() | after.keys()
               if name.split("/")[0] != "out" and before.get(name) != after.get(name)]
    inside = sorted(name for name in after if name.startswith("out/"))
    faults = [f"outside the output directory: {', '.join(outside)}"] if outside else []
    if code != 0 and inside:
        faults.append(f"left behind: {', '.join(inside)}")
    if code == 0 and ("out/results.h5" not in inside or any(name.endswith(".partial") for name in inside)):
        faults.append(f"a success leaves {', '.join(inside)}")
    if code == 0:
        try:
            json.loads((directory / "out" / "summary.json").read_text())
        except ValueError as problem:
            faults.append(f"summary.json: {problem}")
    return faults


def judge(code: int | None, stderr: str, ranks: int, before: dict, directory: Path) -> list[str]:
    if code is None:
        return [f"it did not end within {SECONDS} s"]
    if any(word in stderr for word in SANITIZER):
        return ["a report of a sanitizer"]
    if code not in DOCUMENTED:
        return [f"exit code {code}"]
    return faults_of_text(code, stderr, ranks) + faults_of_files(code, before, directory)


class Bench:
    """Directories and files for one worker, who runs one mutant at a time."""

    def __init__(self, program: Path, environment: dict, directory: Path, results: dict[str, Path]):
        self.program, self.results = program, results
        self.directory = directory
        self.environment = environment | {"TMPDIR": str(directory / "tmp")}
        self.case = directory / "case"
        (directory / "tmp").mkdir(parents=True)
        self.case.mkdir()
        shutil.copy(results["kmeans"].parent.parent / "new.h5", self.case / "new.h5")

    def write(self, seed: int, number: int, bases: list[Base]) -> tuple[Base, str, Random]:
        """Mutant `number` of the seed. Not at the same time as another one: the library is one for all threads."""
        random = Random(f"{seed} {number}")
        base = random.choice(bases)
        surroundings(self.case)
        return base, write_mutant(base, self.case / MUTANT, random), random

    def run(self, number: int, base: Base, what: str, random: Random) -> Outcome:
        shutil.rmtree(self.case / "out", ignore_errors=True)
        arguments = arguments_for(base, self.case, self.results, random)
        ranks = 2 if random.random() < 0.05 else 1
        environment = dict(self.environment)
        if ranks == 1 and random.random() < 0.1:
            environment["ASAN_OPTIONS"] = environment["ASAN_OPTIONS"].replace("detect_leaks=0", "detect_leaks=1")
            environment["ASAN_OPTIONS"] += ":fast_unwind_on_malloc=0"
        launcher = ["mpirun", "--oversubscribe", "-n", str(ranks)] if ranks > 1 else []
        before = entries(self.case)
        code, stderr = run([*launcher, str(self.program), *arguments, "-q"], self.case, environment)
        faults = judge(code, stderr, ranks, before, self.case)
        return Outcome(number, f"{base.role}: {base.name}: {what}", code, faults, stderr, ranks)
