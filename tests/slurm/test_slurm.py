"""The job files of slurm/, submitted as a user would to a cluster of two nodes on this machine."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import cluster
import h5py
import numpy as np
import pytest
import yaml

if reason := cluster.why_not():
    pytest.skip(f"Slurm does not run here: {reason}", allow_module_level=True)

ROOT = Path(__file__).resolve().parents[2]
LOHKO = Path(os.environ.get("LOHKO_BIN", ROOT / "build" / "lohko")).resolve()
JOBS = ROOT / "slurm"
LAUNCHERS = ["srun", "mpirun"]
TWO_NODES = ["--nodes=2", "--ntasks-per-node=1"]

# What a user's LOHKO may be: a script. This one notes who starts the ranks, and where.
PROGRAM = """\
#!/bin/sh
echo "${{SLURMD_NODENAME}} ${{OMPI_COMM_WORLD_RANK:+mpirun}}" >> launched.$SLURM_JOB_ID
[ "$PMIX_RANK" != 0 ] || export LD_PRELOAD="$FAULTS"
exec {lohko} "$@"
"""


@pytest.fixture(scope="module")
def slurm():
    running = cluster.Cluster()
    try:
        program = running.work / "program"
        program.write_text(PROGRAM.format(lohko=LOHKO))
        program.chmod(0o755)
        running.environment["LOHKO"] = str(program)
        yield running
    finally:
        running.close()


def alone(slurm, *arguments) -> None:
    """lohko as one rank, without Slurm."""
    slurm.run(LOHKO, *arguments, OMPI_MCA_ess_singleton_isolated="1")


def write_config(slurm, name: str, customers: str, **settings) -> str:
    config = {"input": {"path": customers}, "segments": {"k": 4}, "output": {"directory": f"plain-{name}"}, **settings}
    (slurm.work / f"{name}.yaml").write_text(yaml.safe_dump(config))
    return f"{name}.yaml"


@pytest.fixture(scope="module")
def year(slurm):
    """Two years of customers, the fit of each by one rank, new customers scored, and the years compared."""
    for seed, name, count in ((1, "last.h5", 6000), (2, "this.h5", 7000)):
        sizes = ["--customers", count, "--features", 4, "--segments", 4, "--seed", seed]
        alone(slurm, "generate", *sizes, "--output", name, "-q")
    configs = [write_config(slurm, name, f"{name}.h5", stability={"replicates": 0}) for name in ("last", "this")]
    for config in configs:
        alone(slurm, "fit", config, "-q")
    wrong = write_config(slurm, "wrong", "this.h5", segments={"k": "four"})
    before, after = "plain-last/results.h5", "plain-this/results.h5"
    alone(slurm, "assign", "--model", before, "--input", "this.h5", "--output", "plain-assigned", "-q")
    alone(slurm, "compare", "--before", before, "--after", after, "--output", "plain-compared", "-q")
    return SimpleNamespace(config=configs[1], wrong=wrong, before=before, after=after)


def datasets(path: Path) -> dict[str, np.ndarray]:
    found = {}
    with h5py.File(path) as file:
        file.visititems(lambda name, item: found.update({name: item[()]} if isinstance(item, h5py.Dataset) else {}))
    return found


def bytes_of(values: np.ndarray):
    """Texts of any length are pointers in NumPy."""
    return values.tolist() if values.dtype == object else values.tobytes()


def check_same_bytes(slurm, directory: str, plain: str) -> None:
    found, expected = (datasets(slurm.work / each / "results.h5") for each in (directory, plain))
    assert found.keys() == expected.keys() and len(expected) > 3
    for name, values in expected.items():
        assert found[name].dtype == values.dtype and bytes_of(found[name]) == bytes_of(values), name


def check_ended(slurm, job: str, state="COMPLETED", code="0:0") -> dict[str, str]:
    shown = slurm.wait(job)
    assert (shown["JobState"], shown["ExitCode"]) == (state, code), slurm.log(job)
    return shown


def check_launched(slurm, job: str, launcher: str, nodes=("node1", "node2")) -> None:
    """That the ranks were on these nodes, started by whom they should be."""
    lines = (slurm.work / f"launched.{job}").read_text().splitlines()
    assert sorted(lines) == sorted(f"{node} {'mpirun' if launcher == 'mpirun' else ''}" for node in nodes)


def yearly(slurm, year, config: str, out: str, *options) -> tuple[str, str]:
    arguments = [*TWO_NODES, "--", config, year.before, out, f"{out}-compared", *options]
    words = slurm.run(JOBS / "yearly", *arguments).stdout.replace(",", "").split()
    assert words[0::2] == ["fit", "compare"]
    return words[1], words[3]


# ---- interruptions: of all jobs at once, checked at the end ----------------------------------------------------------


def find_ranks(slurm, job: str) -> dict[int, int]:
    """The processes of the ranks."""
    own, found = {f"LOHKO={slurm.environment['LOHKO']}", f"SLURM_JOB_ID={job}"}, {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            environment = (process / "environ").read_text().split("\0")
            if own <= set(environment) and Path(os.readlink(process / "exe")) == LOHKO:
                rank = next(each for each in environment if each.startswith("PMIX_RANK="))
                found[int(rank.partition("=")[2])] = int(process.name)
        except (OSError, UnicodeDecodeError):  # it has ended meanwhile
            continue
    return found


def kill_one_rank(slurm, job: str) -> None:
    os.kill(find_ranks(slurm, job)[1], signal.SIGKILL)


def signal_as_at_the_limit(slurm, job: str) -> None:
    slurm.run("scancel", "--batch", "--signal=USR1", job)


def preempt_together():
    """By one job, which needs the cores of both, once they have come so far."""
    ready = []

    def preempt(slurm, job: str) -> None:
        ready.append(job)
        if len(ready) == len(LAUNCHERS):
            slurm.submit("--partition=urgent", "--nodes=2", "--ntasks-per-node=2", "--wrap", "sleep 1")

    return preempt


# What Slurm does before the end of the time, but for the wait; the same, to a job that keeps nothing; preemption with a
# time of grace; what it comes to without one, or an administrator does; a user; nobody.
INTERRUPTIONS = {
    "limit": signal_as_at_the_limit,
    "unkept": signal_as_at_the_limit,
    "preempted": preempt_together(),
    "requeued": lambda slurm, job: slurm.run("scontrol", "requeue", job),
    "cancelled": lambda slurm, job: slurm.run("scancel", job),
    "lost": kill_one_rank,
}
PARTITIONS = {"preempted": "patient"}
SETTINGS = {"unkept": ["--run.checkpoint=0"], "lost": ["--run.checkpoint=0.1"]}


@pytest.fixture(scope="module", autouse=True)
def interrupted(slurm, year):
    """All at once, for the sake of time: each interruption of a job by each launcher; a job that must not begin again;
    and one that a comparison waits for, of which only the ranks are signalled. With the time of each interruption.
    Before the other tests, which then run while Slurm takes its time to begin jobs again."""
    sizes = ["--customers", 60_000, "--features", 4, "--segments", 4]
    alone(slurm, "generate", *sizes, "--output", "many.h5", "-q")
    config = write_config(slurm, "many", "many.h5", stability={"replicates": 60}, hierarchy={"levels": [3, 12]})

    def submit(name, *settings, partition="batch", **environment):
        settings = [f"--output.directory={name}", *settings]
        return slurm.submit(*TWO_NODES, "-p", partition, JOBS / "fit.sbatch", config, *settings, **environment)

    jobs, interrupt = {}, {}
    for kind, how in INTERRUPTIONS.items():
        for launcher in LAUNCHERS:
            name, partition = f"{kind}-{launcher}", PARTITIONS.get(kind, "batch")
            jobs[name] = submit(name, *SETTINGS.get(kind, []), partition=partition, LOHKO_LAUNCH=launcher)
            interrupt[name] = how
    jobs["too-often"], interrupt["too-often"] = submit("too-often", LOHKO_RESTARTS="0"), signal_as_at_the_limit
    jobs["chained"], compare = yearly(slurm, year, config, "chained")
    interrupt["chained"] = lambda slurm, job: slurm.run("scancel", "--signal=USR1", job)
    since = {}

    def is_ready(name):
        if name.startswith("lost"):
            return (slurm.work / name / "checkpoint.lohko").exists()
        return "lohko: micro-clusters" in slurm.log(jobs[name])

    def interrupt_those_that_are_ready():
        for name, job in jobs.items():
            if name not in since and is_ready(name):
                assert slurm.show(job)["JobState"] == "RUNNING", slurm.log(job)
                interrupt[name](slurm, job)
                since[name] = time.time()
        return len(since) == len(jobs)

    cluster.wait_until(interrupt_those_that_are_ready, 120, "interruption of every job")
    alone(slurm, "fit", config, "-q")
    return SimpleNamespace(jobs=jobs, since=since, compare=compare)


# ---- one job ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_fit(slurm, year, launcher):
    out = f"fit-{launcher}"
    job = slurm.submit(*TWO_NODES, JOBS / "fit.sbatch", year.config, f"--output.directory={out}", LOHKO_LAUNCH=launcher)
    check_ended(slurm, job)
    check_launched(slurm, job, launcher)
    check_same_bytes(slurm, out, "plain-this")
    assert json.loads((slurm.work / out / "summary.json").read_text())["job"]["ranks"] == 2


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_assign(slurm, year, launcher):
    files = ["--model", year.before, "--input", "this.h5", "--output", f"assigned-{launcher}"]
    job = slurm.submit(*TWO_NODES, JOBS / "assign.sbatch", *files, LOHKO_LAUNCH=launcher)
    check_ended(slurm, job)
    check_launched(slurm, job, launcher)
    check_same_bytes(slurm, f"assigned-{launcher}", "plain-assigned")


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_compare(slurm, year, launcher):
    files = ["--before", year.before, "--after", year.after, "--output", f"compared-{launcher}"]
    job = slurm.submit(*TWO_NODES, JOBS / "compare.sbatch", *files, LOHKO_LAUNCH=launcher)
    check_ended(slurm, job)
    check_launched(slurm, job, launcher)
    check_same_bytes(slurm, f"compared-{launcher}", "plain-compared")


FAULTS = [
    ("fit.sbatch", ["wrong.yaml"], 78),
    ("fit.sbatch", ["this.yaml", "--input.path=absent.h5"], 66),
    ("assign.sbatch", ["--model", "absent.h5", "--input", "this.h5", "--output", "never"], 66),
    ("compare.sbatch", ["--before", "absent.h5", "--after", "absent.h5", "--output", "never"], 66),
    ("benchmark.sbatch", ["never", "wrong.yaml"], 78),
]


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_exit_code_of_the_job_is_that_of_lohko(slurm, year, launcher):
    jobs = []
    for file, options, code in FAULTS:
        array = ["--array=1"] if file == "benchmark.sbatch" else []
        quickly = {"OMPI_MCA_odls_base_sigkill_timeout": "1"}
        arguments = [*TWO_NODES, *array, JOBS / file, *options]
        jobs.append((slurm.submit(*arguments, LOHKO_LAUNCH=launcher, **quickly), code))
    for job, code in jobs:
        check_ended(slurm, job, "FAILED", f"{code}:0")
    assert not (slurm.work / "never").exists()


def test_without_arguments_a_job_says_what_it_takes(slurm):
    for file in ("fit.sbatch", "assign.sbatch", "compare.sbatch", "benchmark.sbatch"):
        job = slurm.submit(*(["--array=1"] if file == "benchmark.sbatch" else []), JOBS / file)
        check_ended(slurm, job, "FAILED", "64:0")
        assert slurm.log(job).startswith(f"usage: sbatch slurm/{file} ")


# ---- several jobs ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "series, launcher, elements", [("seed", "srun", [1, 3]), ("ranks", "srun", [1, 2]), ("ranks", "mpirun", [1, 2])]
)
def test_benchmark(slurm, year, series, launcher, elements):
    out, array = f"{series}-{launcher}", f"--array={','.join(map(str, elements))}%1"
    settings = {"LOHKO_SERIES": series, "LOHKO_LAUNCH": launcher}
    job = slurm.submit(*TWO_NODES, array, JOBS / "benchmark.sbatch", out, year.config, **settings)
    shown = [check_ended(slurm, f"{job}_{element}") for element in elements]
    assert shown[0]["EndTime"] <= shown[1]["StartTime"]
    summaries = [json.loads((slurm.work / out / f"{series}-{n}" / "summary.json").read_text()) for n in elements]
    check_same_bytes(slurm, f"{out}/{series}-1", "plain-this")
    if series == "ranks":
        check_same_bytes(slurm, f"{out}/ranks-2", "plain-this")
        assert [summary["job"]["ranks"] for summary in summaries] == [1, 2]
    else:
        assert summaries[0]["learning"] != summaries[1]["learning"]
    lines = slurm.run(JOBS / "series", out).stdout.splitlines()
    assert [line.split()[:2] for line in lines[1:]] == [
        [f"{series}-{element}", str(summary["job"]["ranks"])] for element, summary in zip(elements, summaries)
    ]


def test_series_names_the_runs_without_results(slurm, year):
    for name in ("seed-1", "seed-10", "seed-2"):
        (slurm.work / "series" / name).mkdir(parents=True)
    shutil.copy(slurm.work / "plain-this" / "summary.json", slurm.work / "series" / "seed-2")
    done = slurm.run(JOBS / "series", "series", check=False)
    assert done.returncode == 1 and done.stderr == "slurm/series: without results: seed-1, seed-10\n"
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["run", "seed-2"]


def test_yearly(slurm, year):
    fit, compare = yearly(slurm, year, year.config, "chain")
    waiting = slurm.show(compare)
    assert (waiting["JobState"], waiting["Dependency"]) == ("PENDING", f"afterok:{fit}(unfulfilled)")
    ended = [check_ended(slurm, job) for job in (fit, compare)]
    assert ended[0]["EndTime"] <= ended[1]["StartTime"]
    check_same_bytes(slurm, "chain", "plain-this")
    check_same_bytes(slurm, "chain-compared", "plain-compared")


def test_yearly_compares_nothing_when_the_fit_fails(slurm, year):
    fit, compare = yearly(slurm, year, year.wrong, "broken")
    check_ended(slurm, fit, "FAILED", "78:0")
    assert slurm.wait(compare)["JobState"] == "CANCELLED"
    assert not (slurm.work / "broken-compared").exists() and not (slurm.work / f"launched.{compare}").exists()


# ---- jobs that are interrupted ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("launcher", LAUNCHERS)
@pytest.mark.parametrize("name", ["limit", "preempted", "requeued"])
def test_a_job_that_is_stopped_begins_again_and_ends_with_the_same_bytes(slurm, interrupted, name, launcher):
    nodes = ["node3", "node4"] if name == "preempted" else ["node1", "node2"]
    name = f"{name}-{launcher}"
    job = interrupted.jobs[name]
    shown, log = check_ended(slurm, job), slurm.log(job)
    assert shown["Restarts"] == "1" and f"lohko: going on from the checkpoint in {name}" in log, log
    assert "DUE TO PREEMPTION" not in log  # the time of grace was over
    check_launched(slurm, job, launcher, nodes * 2)
    check_same_bytes(slurm, name, "plain-many")


def test_a_comparison_waits_for_a_fit_that_begins_again(slurm, interrupted):
    fit, compare = (check_ended(slurm, job) for job in (interrupted.jobs["chained"], interrupted.compare))
    assert (fit["Restarts"], compare["Restarts"]) == ("1", "0")
    assert fit["EndTime"] <= compare["StartTime"]
    check_same_bytes(slurm, "chained", "plain-many")


def test_a_job_that_has_begun_again_too_often_ends(slurm, interrupted):
    job = interrupted.jobs["too-often"]
    check_ended(slurm, job, "FAILED", "75:0")
    assert "fit.sbatch: begun again 0 times, which is the limit (LOHKO_RESTARTS)" in slurm.log(job)


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_a_job_that_its_user_cancels_is_not_queued_again(slurm, interrupted, launcher):
    job = interrupted.jobs[f"cancelled-{launcher}"]
    shown = slurm.wait(job)
    assert (shown["JobState"], shown["Restarts"]) == ("CANCELLED", "0"), slurm.log(job)
    left = {path.name for path in (slurm.work / f"cancelled-{launcher}").iterdir()}
    assert left == {"checkpoint.lohko"}, slurm.log(job)


NO_STEP = "fit.sbatch: not queued again: no step ended in time to be kept."


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_a_job_that_could_keep_nothing_is_not_queued_again(slurm, interrupted, launcher):
    name = f"unkept-{launcher}"
    job = interrupted.jobs[name]
    shown, log = check_ended(slurm, job, "FAILED", "138:0"), slurm.log(job)
    assert shown["Restarts"] == "0" and NO_STEP in log and "run.checkpoint is 0" in log, log
    assert not list((slurm.work / name).iterdir())


def shows(process: int, field: str) -> str:
    status = Path(f"/proc/{process}/status").read_text()
    return re.search(rf"^{field}:\s*(\S+)", status, re.MULTILINE)[1]


def test_a_job_that_goes_on_and_gets_no_further_is_not_queued_again(slurm, interrupted):
    """Rank 0 stands still where it opens the input, which is after the checkpoint, until it has got the signal."""
    check_ended(slurm, interrupted.jobs["too-often"], "FAILED", "75:0")
    checkpoint = slurm.work / "too-often" / "checkpoint.lohko"
    kept = checkpoint.read_bytes()
    faults = slurm.work / "faults.so"
    slurm.run("cc", "-std=gnu11", "-shared", "-fPIC", "-o", faults, ROOT / "tests" / "e2e" / "faults.c", "-ldl")
    fault = {"FAULTS": str(faults), "LOHKO_FAULT": f"0 open many.h5 0 {-signal.SIGSTOP}"}
    options = ["--output.directory=too-often", "--run.resume=true"]
    job = slurm.submit(*TWO_NODES, JOBS / "fit.sbatch", "many.yaml", *options, **fault)

    def standing():
        rank = find_ranks(slurm, job).get(0)
        return rank and shows(rank, "State") == "T" and rank

    rank = cluster.wait_until(standing, 60, "rank that stands")
    signal_as_at_the_limit(slurm, job)
    asked = 1 << signal.SIGUSR1 - 1
    cluster.wait_until(lambda: int(shows(rank, "ShdPnd"), 16) & asked, 10, "signal")
    os.kill(rank, signal.SIGCONT)
    shown, log = check_ended(slurm, job, "FAILED", "75:0"), slurm.log(job)
    assert shown["Restarts"] == "0" and "checkpoint as it was" in log and NO_STEP in log, log
    assert checkpoint.read_bytes() == kept


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_a_rank_that_dies_ends_the_job_and_another_job_goes_on(slurm, interrupted, launcher):
    name = f"lost-{launcher}"
    shown = slurm.wait(interrupted.jobs[name])
    assert (shown["JobState"], shown["ExitCode"], shown["Restarts"]) == ("FAILED", "137:0", "0")
    ended = time.mktime(time.strptime(shown["EndTime"], "%Y-%m-%dT%H:%M:%S"))
    assert ended - interrupted.since[name] < 30
    left = {path.name for path in (slurm.work / name).iterdir()}
    assert "checkpoint.lohko" in left and "results.h5" not in left
    options = [f"--output.directory={name}", "--run.resume=true"]
    job = slurm.submit(*TWO_NODES, JOBS / "fit.sbatch", "many.yaml", *options, LOHKO_LAUNCH=launcher)
    check_ended(slurm, job)
    assert f"lohko: going on from the checkpoint in {name}" in slurm.log(job)
    check_same_bytes(slurm, name, "plain-many")
    left = {path.name for path in (slurm.work / name).iterdir()}
    assert left == {"results.h5", "segments.csv", "summary.json"}


# ---- the cluster itself ----------------------------------------------------------------------------------------------

ABANDONED = """\
import cluster, time
running = cluster.Cluster()
job = running.submit("--nodes=2", "--wrap", "srun --mpi=none sleep 1000")
cluster.wait_until(lambda: running.show(job)["JobState"] == "RUNNING", 30, "job")
time.sleep(1)
print(running.directory, flush=True)
time.sleep(1000)
"""


def test_a_cluster_leaves_nothing_behind_when_its_test_is_killed():
    def alive(directory):
        """The processes of that cluster."""
        mark, found = f"SLURM_CONF={directory}".encode(), []
        for path in Path("/proc").glob("[0-9]*/environ"):
            try:
                found += [path.parent.name] if mark in path.read_bytes() else []
            except OSError:
                continue
        return found

    here = Path(__file__).parent
    with subprocess.Popen([sys.executable, "-c", ABANDONED], cwd=here, stdout=subprocess.PIPE, text=True) as test:
        directory = test.stdout.readline().strip()
        assert directory and len(alive(directory)) >= 8  # daemons, and those of the job: they would be found
        test.kill()
    cluster.wait_until(lambda: not alive(directory) and not Path(directory).exists(), 10, "end of the cluster")
