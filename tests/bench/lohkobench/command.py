"""scripts/bench: the command line, and the order of things."""

import argparse
import os
import sys

from . import environment, tables
from .places import ROOT

SCRIPT = ROOT / "scripts" / "bench"

DESCRIPTION = """Compares lohko with scikit-learn, scikit-learn-intelex, faiss, fastcluster, pandas, Arrow, Spark ML
and Heat on the same data and the same cores, with R where it is there, and with the limits of the machine. Builds
lohko, installs the peers into private environments below build/bench, measures, and writes docs/benchmarks.md with its
picture. Some 45 minutes on a quiet machine."""


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench", description=DESCRIPTION)
    parser.add_argument("tables", nargs="*", metavar="TABLE",
                        help=f"which to measure: {', '.join(tables.SUMMARIES)} (all)")  # fmt: skip
    parser.add_argument("--list", action="store_true", help="what each table is, and end")
    parser.add_argument("--quick", action="store_true",
                        help="small data: to see that it works; docs/ is left alone")  # fmt: skip
    parser.add_argument("--full", action="store_true",
                        help="also what takes an hour: a tree of a million customers without pruning")  # fmt: skip
    parser.add_argument("--report", action="store_true", help="write the report from what was measured, and end")
    parser.add_argument("--keep", action="store_true", help="keep the data in build/bench/data")
    parser.add_argument("--cores", type=int, default=2, metavar="N", help="ranks, and threads of the peers (2)")
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="how often the contestants take turns (3)")
    parser.add_argument("--without", action="append", default=[], choices=["heat", "spark"],
                        help="leave out a peer that is large to install")  # fmt: skip
    options = parser.parse_args(arguments)
    unknown = [name for name in options.tables if name not in tables.SUMMARIES]
    if unknown:
        parser.error(f"unknown table {unknown[0]} (there are {', '.join(tables.SUMMARIES)})")
    if options.rounds < 1 or not 1 <= options.cores <= len(os.sched_getaffinity(0)):
        parser.error(f"--rounds is at least 1, --cores from 1 to {len(os.sched_getaffinity(0))}")
    return options


def run(options: argparse.Namespace) -> int:
    """In an environment with NumPy and h5py."""
    from . import measuring, report

    if options.report:
        report.write(options.quick)
    else:
        measuring.measure(options)
        report.write(options.quick)
    return 0


def main(arguments: list[str]) -> int:
    options = parse(arguments)
    if options.list:
        print("\n".join(f"{name:9}  {summary}" for name, summary in tables.SUMMARIES.items()))
        return 0
    fault = environment.enter(arguments, SCRIPT)
    if fault is not None:
        environment.enter_system(arguments, SCRIPT, fault)
        print(f"bench: no Python with NumPy and h5py was found; its own environment {fault}", file=sys.stderr)
        return 1
    try:
        return run(options)
    except KeyboardInterrupt:
        return 130
