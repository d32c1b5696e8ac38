"""A Slurm cluster on this machine, for the tests: munged, slurmctld and a slurmd for each node on the loopback
interface, with keys, sockets, ports and folders of their own. Two nodes are for all jobs; on two, some preempt some."""

import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

NODES = ["node1", "node2", "node3", "node4"]
PROGRAMS = ["munged", "slurmctld", "slurmd", "sbatch", "srun", "scontrol", "scancel", "squeue", "sinfo", "mpirun"]
PATH = f"{os.environ['PATH']}:/usr/sbin:/sbin"
UNFINISHED = {"PENDING", "RUNNING", "COMPLETING", "CONFIGURING", "SUSPENDED", "REQUEUED"}

# One machine plays two, so that what is named by the host would be shared: ranks talk over TCP, not shared memory.
# PMIx's barriers all go round a ring: by default (of Slurm 22.05) some go through a tree, and about once in 150 starts
# a rank passed MPI_Init before the other had got that far, which then crashed.
MPI_ENVIRONMENT = {
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "OMPI_MCA_pml": "ob1",
    "OMPI_MCA_btl": "self,tcp",
    "OMPI_MCA_btl_tcp_if_include": "lo",
    "OMPI_MCA_oob_tcp_if_include": "lo",
    "OMPI_MCA_hwloc_base_binding_policy": "none",
    "OMPI_MCA_mpi_yield_when_idle": "1",
    "SLURM_PMIX_FENCE": "ring",
}

CONFIGURATION = """\
ClusterName=lohko
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmUser=root
AuthType=auth/munge
CredType=cred/munge
# A job that is queued again begins no sooner than its old credential ends: 120 s by default.
AuthInfo=socket={directory}/munge.socket,cred_expire=5
StateSaveLocation={directory}/state
SlurmdSpoolDir={directory}/spool.%n
SlurmctldPidFile={directory}/slurmctld.pid
SlurmdPidFile={directory}/slurmd.%n.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
TaskProlog={directory}/task_prolog
JobAcctGatherType=jobacct_gather/none
MpiDefault=pmix
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=sched_interval=1,bf_interval=1,batch_sched_delay=0
# The nodes' cores and memory are said, not found.
SlurmdParameters=config_overrides
ReturnToService=2
KillWait=15
MinJobAge=3600
MailProg=/bin/true
NodeName=node1 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[1]} CPUs=16 RealMemory=64000
NodeName=node2 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[2]} CPUs=16 RealMemory=64000
NodeName=node3 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[3]} CPUs=2 RealMemory=64000
NodeName=node4 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[4]} CPUs=2 RealMemory=64000
PartitionName=batch Nodes=node1,node2 Default=YES State=UP
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
PartitionName=patient Nodes=node3,node4 PriorityTier=1 GraceTime=30 State=UP
PartitionName=urgent Nodes=node3,node4 PriorityTier=2 PreemptMode=OFF State=UP
"""


def why_not() -> str | None:
    """Why Slurm's daemons cannot run here."""
    missing = [program for program in PROGRAMS if not shutil.which(program, path=PATH)]
    if missing:
        return f"{', '.join(missing)} not installed (scripts/install-packages slurm)"
    if os.geteuid() != 0:
        return "only root may start slurmd"
    return None


def free_ports(count: int) -> list[int]:
    held = [socket.socket() for _ in range(count)]
    for each in held:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in held]
    for each in held:
        each.close()
    return ports


def wait_until(condition, seconds: float, what: str):
    end = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > end:
            raise TimeoutError(f"no {what} within {seconds} s")
        time.sleep(0.1)
    return value


# Open MPI's folder has the host and the user in its name, the same on both nodes and for all jobs, and when one job
# makes it while another removes it, mpirun fails.
TASK_PROLOG = """\
#!/bin/sh
mkdir -p {directory}/tmp.$SLURMD_NODENAME/$SLURM_JOB_ID
echo export TMPDIR={directory}/tmp.$SLURMD_NODENAME/$SLURM_JOB_ID
"""


class Cluster:
    """Its daemons live until `close`, or until this process ends. `work` is where jobs are submitted."""

    def __init__(self):
        # A short path: those of sockets are limited to 107 characters.
        self.directory = Path(tempfile.mkdtemp(prefix="lohko-slurm-"))
        self.directory.chmod(0o755)
        self.work = self.directory / "work"
        for name in ("state", "tmp", "work"):
            (self.directory / name).mkdir()
        self.configuration = self.directory / "slurm.conf"
        host = socket.gethostname().split(".")[0]
        self.configuration.write_text(
            CONFIGURATION.format(host=host, directory=self.directory, ports=free_ports(1 + len(NODES)))
        )
        prolog = self.directory / "task_prolog"
        prolog.write_text(TASK_PROLOG.format(directory=self.directory))
        prolog.chmod(0o755)
        # What is set for the cluster that these tests may be run on, or for mpirun, would lead elsewhere.
        outer = {name: value for name, value in os.environ.items() if not re.match("SLURM_|SBATCH_|OMPI_|PMIX_", name)}
        own = {"TMPDIR": str(self.directory / "tmp"), "PATH": PATH, "SLURM_CONF": str(self.configuration)}
        self.environment = {**outer, **MPI_ENVIRONMENT, **own}
        keeper = [sys.executable, str(Path(__file__).with_name("keeper.py")), str(self.directory)]
        self.keeper = subprocess.Popen(keeper, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            self._start_daemons()
        except BaseException:
            print(self.daemon_logs())
            self.close()
            raise

    def _start(self, name: str, *argv, configuration: Path | None = None) -> None:
        environment = {**self.environment, "SLURM_CONF": str(configuration or self.configuration)}
        daemon = {"argv": list(map(str, argv)), "environment": environment, "log": str(self.directory / f"{name}.log")}
        print(json.dumps(daemon), file=self.keeper.stdin, flush=True)
        assert self.keeper.stdout.readline() == "started\n", name

    def _start_daemons(self) -> None:
        files = {name: self.directory / f"munge.{name}" for name in ("key", "socket", "pid", "log", "seed")}
        files["key"].touch(0o600)
        files["key"].write_bytes(secrets.token_bytes(128))
        own = [f"--{option}={files[name]}" for option, name in (("key-file", "key"), ("socket", "socket"))]
        own += [f"--{name}-file={files[name]}" for name in ("pid", "log", "seed")]
        self._start("munged", "munged", "--foreground", *own)
        wait_until(files["socket"].exists, 10, "munged")
        self._start("slurmctld", "slurmctld", "-D")
        # A slurmd that finds no controller asks again only after ten seconds.
        wait_until(lambda: "UP" in self.run("scontrol", "ping", check=False).stdout, 20, "slurmctld")
        for node in NODES:
            self._start_node(node)
        wait_until(lambda: set(self.run("sinfo", "-h", "-N", "-o", "%t").stdout.split()) == {"idle"}, 30, "nodes")

    def _start_node(self, node: str) -> None:
        """PMIx's folder has the same name on every node too, and its place can only be said in a file."""
        home, temporary = self.directory / node, self.directory / f"tmp.{node}"
        home.mkdir()
        temporary.mkdir()
        shutil.copy(self.configuration, home)
        (home / "mpi.conf").write_text(f"PMIxCliTmpDirBase={temporary}\n")
        self._start(node, "slurmd", "-D", "-N", node, configuration=home / "slurm.conf")

    def close(self) -> None:
        self.keeper.stdin.close()
        self.keeper.stdout.read()  # its end is the keeper's
        self.keeper.wait()

    def run(self, *argv, check=True, timeout=60, **environment) -> subprocess.CompletedProcess:
        done = subprocess.run(
            list(map(str, argv)),
            cwd=self.work,
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        assert not check or done.returncode == 0, done.stderr
        return done

    def submit(self, *argv, **environment) -> str:
        return self.run("sbatch", "--parsable", *argv, **environment).stdout.strip()

    def show(self, job: str) -> dict[str, str]:
        text = self.run("scontrol", "-o", "show", "job", job).stdout
        return dict(re.findall(r"(\S+?)=(\S*)", text))

    def log(self, job: str) -> str:
        path = Path(self.show(job)["StdOut"])
        return path.read_text() if path.exists() else ""

    def wait(self, job: str, seconds: float = 90) -> dict[str, str]:
        """The job when it has ended. One that is queued again has not."""
        return wait_until(
            lambda: (shown := self.show(job))["JobState"] not in UNFINISHED and shown, seconds, f"end of job {job}"
        )

    def daemon_logs(self) -> str:
        logs = sorted(self.directory.glob("*.log"))
        return "\n".join(f"== {path.name}\n" + "\n".join(path.read_text().splitlines()[-15:]) for path in logs)
