"""Builds, measures the tables, and keeps the figures."""

import json
import os
import platform
import shutil
import subprocess
import time
from datetime import date
from importlib import metadata
from pathlib import Path

from . import environment, places, tables
from .contest import Bench, Skip, say

PACKAGES = {
    "base": ("numpy", "h5py", "scikit-learn", "scikit-learn-intelex", "faiss-cpu", "scipy", "fastcluster",
             "pandas", "pyarrow"),
    "heat": ("heat", "torch", "mpi4py"),
    "spark": ("pyspark", "pyarrow"),
}


def build() -> None:
    """A release build of its own; its words only where it fails."""
    places.WORK.mkdir(parents=True, exist_ok=True)
    steps = [
        [places.ROOT / "scripts" / "install-packages", "build", "run"],
        ["cmake", "-S", places.ROOT, "-B", places.BUILD, "-DCMAKE_BUILD_TYPE=Release", "-DLOHKO_BENCH=ON",
         "-DLOHKO_TESTS=OFF"],
        ["cmake", "--build", places.BUILD, "--parallel", str(os.cpu_count())],
    ]  # fmt: skip
    for step in steps:
        done = subprocess.run(step, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        if done.returncode:
            raise SystemExit(f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}\nbench: {step[0]} failed")


def first_line(command: list) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, cwd=places.ROOT)
    except OSError:
        return "absent"
    return (done.stdout.strip().splitlines() or ["unknown"])[0]


def processor() -> str:
    lines = dict(
        (key.strip(), value.strip())
        for key, _, value in (line.partition(":") for line in Path("/proc/cpuinfo").read_text().splitlines())
    )
    family = f"family {lines.get('cpu family')} model {lines.get('model')}"
    return f"{lines.get('model name', platform.machine())} ({family})"


def describe_machine(cores: list[int]) -> dict:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    release = platform.freedesktop_os_release().get("PRETTY_NAME", platform.system())
    return {
        "processor": processor(), "cores": os.cpu_count(), "used": len(cores), "memory": memory,
        "system": f"{release}, Linux {'.'.join(platform.release().split('.')[:2])}",
        "compiler": first_line(["cc", "--version"]), "mpi": first_line(["mpirun", "--version"]),
    }  # fmt: skip


def versions(group: str) -> dict:
    if group == "base":
        found = {}
        for name in PACKAGES[group]:
            try:
                found[name] = metadata.version(name)
            except metadata.PackageNotFoundError:
                continue
        return found | {"python": platform.python_version()}
    code = ("import json; from importlib.metadata import version; "
            f"print(json.dumps({{name: version(name) for name in {PACKAGES[group]!r}}}))")  # fmt: skip
    done = subprocess.run([environment.python(group), "-c", code], capture_output=True, text=True)
    return json.loads(done.stdout) if done.returncode == 0 else {}


def busy_share(cores: list[int], seconds: float = 2.0) -> float:
    """How much of these cores others use while the bench does nothing."""

    def idle() -> tuple[int, int]:
        total = rest = 0
        for line in Path("/proc/stat").read_text().splitlines():
            name, *values = line.split()
            if name[:3] == "cpu" and name[3:] and int(name[3:]) in cores:
                total += sum(map(int, values[:8]))
                rest += int(values[3]) + int(values[4])
        return total, rest

    before = idle()
    time.sleep(seconds)
    after = idle()
    return 1 - (after[1] - before[1]) / max(after[0] - before[0], 1)


def read(quick: bool) -> dict:
    path = places.results(quick)
    return json.loads(path.read_text()) if path.exists() else {"tables": {}}


def keep(results: dict, quick: bool) -> None:
    path = places.results(quick)
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(results, indent=1) + "\n")
    partial.replace(path)


def install_groups(names: list[str], without: list[str]) -> dict:
    """Why groups of peers are absent."""
    absent = {}
    for group in dict.fromkeys(group for name in names for group in tables.load(name).GROUPS):
        if group in without:
            absent[group] = "left out by --without"
        elif group == "spark" and not shutil.which("java"):
            absent[group] = "needs Java, which is not here"
        else:
            fault = environment.install(group)
            if fault:
                absent[group] = fault
        if group in absent:
            say(f"{group}: skipped: {absent[group]}")
    return absent


def chosen(options) -> list[str]:
    """In the report's order; a pass is held against the limits measured in the same run."""
    wanted = set(options.tables or tables.SUMMARIES)
    if "pass" in wanted:
        wanted.add("machine")
    return [name for name in tables.SUMMARIES if name in wanted]


def measure_table(bench: Bench, name: str) -> None:
    busy = busy_share(bench.cores)
    say(f"{name}: {tables.SUMMARIES[name]}" + (f" (others use {busy:.0%} of the cores)" if busy > 0.02 else ""))
    begun = time.monotonic()
    try:
        figures = tables.load(name).measure(bench)
    except Skip as reason:
        say(f"{name}: skipped: {reason}")
        return
    bench.results["tables"][name] = figures | {
        "date": date.today().isoformat(), "busy": busy, "rounds": bench.rounds,
        "commit": first_line(["git", "describe", "--always", "--dirty"]), "took": time.monotonic() - begun,
    }  # fmt: skip
    keep(bench.results, bench.quick)
    say(f"{name}: {time.monotonic() - begun:.0f} s")


def measure(options) -> None:
    names = chosen(options)
    build()
    absent = install_groups(names, options.without)
    cores = sorted(os.sched_getaffinity(0))[: options.cores]
    os.sched_setaffinity(0, cores)  # and all that is started from here
    bench = Bench(cores, options.quick, options.rounds, options.keep, options.full, absent, read(options.quick))
    bench.results["machine"] = describe_machine(cores)
    for group in ("base", *environment.SPACE, "spark"):
        if group == "base" or environment.is_ready(group):
            bench.results.setdefault("versions", {})[group] = versions(group)
    try:
        for name in names:
            measure_table(bench, name)
    finally:
        if not options.keep:
            shutil.rmtree(places.DATA, ignore_errors=True)
