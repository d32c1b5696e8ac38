"""Starts daemons for a test and ends them, with all that they have started, when the test is over or gone.

Each line of stdin is a JSON object: argv, log (their output), environment. The end of stdin means the end of all of
them, however it came about: a test that was killed closes it too. So this process leaves the tree of the test's
processes, which may be killed as a whole, and makes itself the parent of every orphan below it (daemons and their jobs
leave orphans). The directory that is its argument is removed at the end."""

import ctypes
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress

PR_SET_CHILD_SUBREAPER = 36


def descendants(ancestor: int) -> list[int]:
    children = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        with suppress(OSError), open(f"/proc/{name}/stat") as stat:
            parent = int(stat.read().rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(name))
    found, waiting = [], [ancestor]
    while waiting:
        below = children.get(waiting.pop(), [])
        found += below
        waiting += below
    return found


def reap(*_) -> None:
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def end_all() -> None:
    """A process may start another while it is being killed: until none is left."""
    while left := descendants(os.getpid()):
        for process in left:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        time.sleep(0.02)


def main() -> None:
    if os.fork():
        os._exit(0)
    os.setsid()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    signal.signal(signal.SIGCHLD, reap)
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        sys.exit(f"keeper: {os.strerror(ctypes.get_errno())}")
    try:
        for line in sys.stdin:
            daemon = json.loads(line)
            with open(daemon["log"], "ab") as log:
                subprocess.Popen(
                    daemon["argv"],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env=daemon["environment"],
                )
            print("started", flush=True)
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        end_all()
        shutil.rmtree(sys.argv[1], ignore_errors=True)


if __name__ == "__main__":
    main()
