"""docs/benchmarks.md from the figures that were measured."""

import sys

from . import measuring, picture, places, tables, text

INTRODUCTION = """
lohko beside the programs that people use for the same work, and against what the machine can do at most.
`scripts/bench` measures all of it and writes this page; the prose is part of the program, the figures are not."""

HOW = """Contestants run in turn (A B C, A B C, ...), each in a process of its own, on the same file, the same prepared
values and the same cores: as many MPI ranks for lohko as threads for the others. A ratio compares runs of the
same round, so that what slows the machine down for a while slows both; shown is the median, with the smallest
and the largest in brackets. Quality is checked before time: a contestant that does not reach the inertia asked
for has no ratio. A ratio in bold meets the target that lohko has set itself; the others miss it. The customers
are synthetic (`lohko generate`) and the files are in the page cache. Peers are used as their documentation has
it, in the versions below; a better setting that we do not know of would be a fault of this page, please report
it."""


def machine_lines(results: dict) -> list[str]:
    machine = results["machine"]
    parts = [results.get("versions", {}).get(group, {}) for group in ("base", "heat", "spark")]
    versions = ", ".join(f"{name} {version}" for part in parts for name, version in part.items())
    return [
        "## Machine and versions", "",
        f"- {machine['processor']}, {machine['cores']} cores, {machine['used']} of them used;"
        f" {machine['memory'] / 2**30:.0f} GiB of memory",
        f"- {machine['system']}; {machine['compiler']}; {machine['mpi']}",
        *(f"{'- ' if i == 0 else '  '}{line}" for i, line in enumerate(text.wrap(versions))),
    ]  # fmt: skip


def origin_lines(found: dict) -> list[str]:
    rows = [
        [name, table["date"], table["commit"], table["rounds"], f"{table['busy']:.0%}", f"{table['took']:.0f}"]
        for name, table in found.items()
    ]
    return ["", *text.wrap(
        "When each table was measured, on which commit, and how much of the cores other work took in the two seconds "
        "before. On a machine that is shared with others absolute times say little; ratios say more."), "",
        *text.table(["table", "date", "commit", "rounds", "other work", "seconds in all"], rows)]  # fmt: skip


def markdown(results: dict) -> str:
    found = {name: results["tables"][name] for name in tables.SUMMARIES if name in results["tables"]}
    lines = ["# Benchmarks", "", *text.wrap(INTRODUCTION.strip())]
    headlines = [line for line in (tables.load(name).headline(table) for name, table in found.items()) if line]
    if headlines:
        lines += ["", *(f"- {line}." for line in headlines)]
    lines += ["", "## How it is measured", "", *text.wrap(HOW), "", *machine_lines(results),
              *origin_lines(found)]  # fmt: skip
    for name, table in found.items():
        lines += ["", *tables.load(name).report(table, results)]
    absent = [name for name in tables.SUMMARIES if name not in found]
    if absent:
        lines += ["", f"Not measured here: {', '.join(absent)}."]
    return "\n".join(lines) + "\n"


def write(quick: bool) -> None:
    results = measuring.read(quick)
    if not results["tables"]:
        print("bench: nothing has been measured yet", file=sys.stderr)
        return
    path = places.report(quick)
    words = markdown(results)
    path.write_text(words)
    print(path)
    if "pass" in results["tables"]:
        drawn = path.with_suffix(".svg") if not quick else path.with_name("benchmarks.svg")
        fault = picture.draw(results, drawn)
        print(drawn if fault is None else f"no picture: {fault}")
    for line in words.splitlines()[2:]:
        if line.startswith("## "):
            break
        if line.startswith("- "):
            print(line[2:])
