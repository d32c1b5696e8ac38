"""The job files of slurm/ before a job begins, and slurm/yearly, with scripts in the place of Slurm's commands."""

import os
import shlex
import subprocess
from pathlib import Path

import pytest

JOBS = Path(__file__).resolve().parents[2] / "slurm"
ARGUMENTS = {
    "fit.sbatch": ["fit.yaml"],
    "assign.sbatch": ["--model", "a.h5", "--input", "b.h5", "--output", "out"],
    "compare.sbatch": ["--before", "a.h5", "--after", "b.h5", "--output", "out"],
    "benchmark.sbatch": ["out", "fit.yaml"],
}

# They note what they are asked to do. The first job has the number 41; where REFUSED is set, there is no second.
COMMANDS = {
    "srun": '[ "$*" != --mpi=list ] || { echo pmix; exit; }\nwhile [ "${1#-}" != "$1" ]; do shift; done\nexec "$@"',
    "scontrol": 'echo "scontrol $*" >> calls',
    "sbatch": '[ ! -e calls ] || [ -z "$REFUSED" ] || { echo "sbatch: error: no" >&2; exit 3; }\n'
    'echo "sbatch $*" >> calls\necho "$((40 + $(wc -l < calls)));cluster"',
}


def write_program(path: Path, lines: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{lines}\n")
    path.chmod(0o755)


@pytest.fixture
def run(tmp_path):
    """Runs a file of slurm/ as Slurm would, and returns it ended, with the calls that were noted."""
    for name, lines in COMMANDS.items():
        write_program(tmp_path / "commands" / name, lines)
    for name in ("commands/lohko", "commands/lohko-dev", "build/lohko", "lohko-here"):
        write_program(tmp_path / name, f'echo "{name} $1" >> calls\nexit "${{CODE:-0}}"')

    def run(file, *arguments, **environment):
        own = {"PATH": f"{tmp_path}/commands:/usr/bin:/bin", "SLURM_NTASKS": "2", "SLURM_JOB_ID": "7"}
        outer = {name: value for name, value in os.environ.items() if not name.startswith(("LOHKO", "SLURM_"))}
        done = subprocess.run(
            [JOBS / file, *arguments] if file == "yearly" else ["bash", JOBS / file, *arguments],
            cwd=tmp_path,
            env={**outer, **own, "SLURM_ARRAY_TASK_ID": "1", **environment},
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
        calls = tmp_path / "calls"
        done.calls = calls.read_text().splitlines() if calls.exists() else []
        return done

    run.directory = tmp_path
    return run


# ---- the program -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("file", ARGUMENTS)
@pytest.mark.parametrize(
    "lohko, started", [("lohko-dev", "commands/lohko-dev"), ("./lohko-here", "lohko-here"), ("", "build/lohko")]
)
def test_the_program_that_lohko_names_is_run(run, file, lohko, started):
    done = run(file, *ARGUMENTS[file], LOHKO=lohko)
    command = "fit" if file == "benchmark.sbatch" else file.partition(".")[0]
    assert (done.returncode, done.calls) == (0, [f"{started} {command}"]), done.stderr


@pytest.mark.parametrize("file", ARGUMENTS)
@pytest.mark.parametrize("lohko", ["/opt/absent/lohko", "lohko-absent", "./build", "./plain"])
def test_no_other_program_is_run_in_its_place(run, file, lohko):
    (run.directory / "plain").touch()
    done = run(file, *ARGUMENTS[file], LOHKO=lohko)
    assert (done.returncode, done.calls) == (127, [])
    assert done.stderr == f"{file}: {lohko}: no such program (LOHKO names it)\n"


@pytest.mark.parametrize("file", ARGUMENTS)
def test_without_a_name_it_is_the_one_on_the_path(run, file):
    (run.directory / "build" / "lohko").unlink()
    done = run(file, *ARGUMENTS[file])
    assert done.returncode == 0 and done.calls[0].startswith("commands/lohko "), done.stderr
    (run.directory / "commands" / "lohko").unlink()
    done = run(file, *ARGUMENTS[file])
    assert done.returncode == 127 and len(done.calls) == 1 and done.stderr.count("\n") == 1


# ---- how often a fit begins again ------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", ["unlimited", "-1", "1.5", "9999999999", "RANDOM"])
def test_a_number_of_restarts_that_is_none(run, limit):
    done = run("fit.sbatch", "fit.yaml", LOHKO_RESTARTS=limit)
    assert (done.returncode, done.calls) == (64, [])
    assert done.stderr.startswith(f"fit.sbatch: LOHKO_RESTARTS is {limit} (") and done.stderr.count("\n") == 1


@pytest.mark.parametrize("limit, again", [("010", True), ("009", False), ("", True), ("0", False)])
def test_a_number_of_restarts_is_decimal(run, limit, again):
    done = run("fit.sbatch", "fit.yaml", LOHKO_RESTARTS=limit, SLURM_RESTART_COUNT="9", CODE="75")
    assert done.returncode == 75 and ("scontrol requeue 7" in done.calls) == again, done.stderr


# ---- yearly ----------------------------------------------------------------------------------------------------------

YEARLY = ["this.yaml", "last/results.h5", "this year", "years"]


def test_yearly(run):
    done = run("yearly", "--nodes=2", "-p", "batch", "--", *YEARLY, "--segments.k=4")
    assert (done.returncode, done.stdout, done.stderr) == (0, "fit 41, compare 42\n", "")
    fit, compare = done.calls
    assert fit.startswith("sbatch --parsable --nodes=2 -p batch ") and fit.endswith(" --segments.k=4")
    assert " --nodes=2 -p batch --dependency=afterok:41 " in compare


def test_yearly_says_which_job_is_queued_where_the_comparison_is_refused(run):
    done = run("yearly", "--nodes=2", "--", *YEARLY, REFUSED="1")
    assert (done.returncode, done.stdout, len(done.calls)) == (3, "fit 41\n", 1)
    said, _, command = done.stderr.partition("to submit it alone: ")
    assert said == "sbatch: error: no\nslurm/yearly: the fit is queued, the comparison is not; "
    options = ["--nodes=2", "--dependency=afterok:41", "--kill-on-invalid-dep=yes"]
    files = ["--before", "last/results.h5", "--after", "this year/results.h5", "--output", "years"]
    assert shlex.split(command) == ["sbatch", *options, str(JOBS / "compare.sbatch"), *files]


@pytest.mark.parametrize(
    "arguments",
    [
        ["--nodes=2", *YEARLY],
        [*YEARLY[:3], "--segments.k=4", "years"],
        ["-p", "batch", *YEARLY],
        ["--nodes=2", "--", *YEARLY[:3]],
        [*YEARLY, "--"],
        [],
    ],
)
def test_yearly_submits_nothing_where_an_argument_is_missing(run, arguments):
    done = run("yearly", *arguments)
    assert (done.returncode, done.stdout, done.calls) == (64, "", [])
    assert "slurm/yearly [SBATCH OPTION ... --] CONFIG.yaml " in done.stderr
