"""Where things are. Everything that the bench makes, but the report, is under build/bench."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
SOURCE = ROOT / "tests" / "bench"
PEERS = SOURCE / "peers"
WORK = ROOT / "build" / "bench"
DATA = WORK / "data"
BUILD = WORK / "build"
LOHKO = BUILD / "lohko"


def driver(name: str) -> Path:
    return BUILD / "tests" / "bench" / f"bench_{name}"


def results(quick: bool) -> Path:
    return WORK / ("results-quick.json" if quick else "results.json")


def report(quick: bool) -> Path:
    return WORK / "benchmarks-quick.md" if quick else ROOT / "docs" / "benchmarks.md"
