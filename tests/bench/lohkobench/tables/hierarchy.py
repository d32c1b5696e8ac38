"""Trees: exact Ward over every customer against fastcluster and SciPy, then sizes that they do not reach, then ten
million customers by way of micro-clusters."""

import json
import os
import re
import shutil
import sys
from pathlib import Path

import h5py
import numpy as np

from .. import data, environment, text
from ..contest import Skip, in_turn, ratios, remove, say, times
from ..places import DATA, LOHKO, ROOT

GROUPS = ()
FEATURES, K = 16, 8
SIZES = (20_000, 50_000, 100_000)
ONCE = 100_000  # from so many customers on the peers take minutes: one round
SCIPY_MOST = 20_000  # its distances fill 8 n^2 bytes, the half of them kept twice
REAL = "hillstrom_customers"
LARGE, HALF_LARGE = 1_000_000, 200_000
MANY, LEAVES, SAMPLE = 10_000_000, 4096, 50_000
CLOSE = 1e-9  # relative: heights of two trees that count as the same

OURS, FAST, SCIPY = "lohko", "fastcluster", "SciPy"
TREE = ("gathering leaves", "tree")  # phases that the peers' call has, too
# What -v tells of it.
WORK = re.compile(r"(\d+) rounds, (\d+) searches for a nearest neighbour, ([0-9.e+]+) distances looked at")


# ---- runs ----


def fit(bench, path: Path, read, leaves, prune=True) -> dict:
    """A run of lohko that cuts its tree into segments, and what `read` makes of the open results."""
    config, directory = DATA / "tree.yaml", DATA / "tree"
    config.write_text(json.dumps({
        "input": {"path": str(path)}, "segments": {"k": K, "method": "hierarchy"},
        "stability": {"replicates": 0}, "output": {"directory": str(directory)}}))  # fmt: skip
    program = [LOHKO] if prune else ["env", "LOHKO_PRUNE=none", LOHKO]
    try:
        command = bench.ranks(bench.threads, [*program, "fit", config, "-v", f"--hierarchy.leaves={leaves}"])
        words, whole = bench.run(["sh", "-c", 'exec "$@" 2>&1', "sh", *command], timeout=7200)
        summary = json.loads((directory / "summary.json").read_text())
        with h5py.File(directory / "results.h5") as file:
            answer = read(file)
    finally:
        remove(config)
        shutil.rmtree(directory, ignore_errors=True)
    job, (rounds, searches, pairs) = summary["job"], WORK.search(words).groups()
    seconds = sum(value for name, value in job["phase_seconds"].items() if name in TREE)
    say(f"    {whole:.1f} s, the tree {seconds:.2f} s")
    work = {"rounds": int(rounds), "searches": int(searches), "pairs": float(pairs)}
    return {"whole": whole, "tree": seconds, "phases": job["phase_seconds"], "work": work,
            "peak_bytes": job["peak_bytes_per_rank"], "read": answer}  # fmt: skip


def linkage(file) -> np.ndarray:
    return file["hierarchy/linkage"][:]


def peer(bench, library: str, values: Path, features: int) -> dict:
    output = DATA / "tree-peer.h5"
    try:
        settings = {"library": library, "values": values, "features": features, "k": K, "output": output}
        done = bench.peer("tree_linkage.py", settings, timeout=3600)
        with h5py.File(output) as file:
            return done | {"read": file["linkage"][:]}
    finally:
        remove(output)


# ---- exact trees beside the peers ----


def tree_difference(found: np.ndarray, expected: np.ndarray) -> tuple[float, int]:
    """By how much heights are off, and in how many places equal distances left a choice, which the trees took
    otherwise. By the tests' own comparison."""
    sys.path.insert(0, str(ROOT / "tests" / "e2e"))
    try:
        import oracle
    except ImportError as error:
        raise Skip(f"trees cannot be compared: {error}") from None
    finally:
        del sys.path[0]
    return oracle.tree_difference(found, expected)


def beside_peers(bench, path: Path, name: str, rounds: int, with_scipy: bool) -> dict:
    """One row: every contestant grows the tree of the same prepared values."""
    with h5py.File(path) as file:
        customers, features = file["features"].shape
    say(f"  {name}: {customers} customers x {features}")
    values_path, values = data.prepare(bench, path, features)
    del values
    contestants = {OURS: lambda _round: fit(bench, path, linkage, "all"),
                   FAST: lambda _round: peer(bench, "fastcluster", values_path, features)}  # fmt: skip
    if with_scipy:
        contestants[SCIPY] = lambda _round: peer(bench, "scipy", values_path, features)
    figures, missing = in_turn(rounds, contestants)
    remove(values_path)
    if OURS not in figures:
        raise Skip(missing[OURS])
    row = {"name": name, "customers": customers, "features": features, "rounds": rounds, "missing": missing,
           "work": figures[OURS][-1]["work"], "peak_bytes": max(run["peak_bytes"] for run in figures[OURS]),
           "entries": {}}  # fmt: skip
    for contestant, runs in figures.items():
        entry = {part: times([run[part] for run in runs]) for part in ("tree", "whole")}
        if contestant != OURS:
            # trees do not change from round to round
            entry["off"], entry["choices"] = tree_difference(runs[0]["read"], figures[OURS][0]["read"])
            for part in ("tree", "whole") if entry["off"] <= CLOSE else ():
                entry[part]["ratio"] = ratios(
                    [run[part] for run in figures[OURS]], entry[part]["seconds"])  # fmt: skip
        row["entries"][contestant] = entry
    return row


def generated_rows(bench) -> list[dict]:
    rows = []
    for customers in SIZES:
        shown = customers // 20 if bench.quick else customers
        path = data.generate(bench, shown, FEATURES, K, "tree")
        rounds = 1 if customers >= ONCE else bench.rounds
        rows.append(beside_peers(bench, path, "generated", rounds, customers <= SCIPY_MOST))
        if not bench.keep:
            remove(path)
    return rows


def convert(bench, name: str) -> Path:
    """A real set as HDF5, by lohko's own converter, which needs a Python with pandas."""
    folder = Path(os.environ.get("LOHKO_SHARED_DATA", ROOT.parent / "shared" / "data"))
    source, path = folder / f"{name}.csv.gz", DATA / f"{name}.h5"
    if not source.exists():
        raise Skip(f"{source.name} is not here")
    for candidate in dict.fromkeys([sys.executable, "/usr/bin/python3"]):
        if environment.run([candidate, "-c", "import h5py, pandas, tqdm"]) is None:
            DATA.mkdir(parents=True, exist_ok=True)
            bench.run([candidate, ROOT / "scripts" / "to_hdf5", source, "-o", path])
            return path
    raise Skip("scripts/to_hdf5 lacks its modules (scripts/install-packages convert)")


def real_row(bench) -> dict:
    try:
        path = convert(bench, REAL)
        if bench.quick:
            path = thinned(path)
        return beside_peers(bench, path, REAL, 1, with_scipy=False)
    except Skip as reason:
        say(f"  {REAL}: left out: {reason}")
        return {"name": REAL, "skipped": str(reason)}
    finally:
        remove(*DATA.glob(f"{REAL}*"))


def thinned(path: Path) -> Path:
    """Every twentieth customer."""
    fewer = path.with_name(f"{path.stem}-few.h5")
    with h5py.File(path) as old, h5py.File(fewer, "w") as new:
        new["features"] = old["features"][::20]
        new["features"].attrs.update(old["features"].attrs)
    return fewer


# ---- beyond the peers ----


def without_peers(bench, customers: int, ways: tuple) -> list[dict]:
    """Runs with pruning (True) and without; the two must grow the same tree."""
    path = data.generate(bench, customers, FEATURES, K, "tree")
    say(f"  {customers} customers x {FEATURES}")
    rows, trees = [], []
    for prune in ways:
        done = fit(bench, path, linkage, "all", prune)
        trees.append(done.pop("read"))
        rows.append({"customers": customers, "prune": prune} | done)
    if not bench.keep:
        remove(path)
    for row, tree in zip(rows, trees):
        row["off"] = tree_difference(tree, trees[0])[0]
    return rows


def large_rows(bench) -> list[dict]:
    """A million without pruning takes some hundred times as long as with it: only with --full."""
    shrink = 20 if bench.quick else 1
    return [*without_peers(bench, HALF_LARGE // shrink, (True, False)),
            *without_peers(bench, LARGE // shrink, (True, False) if bench.full else (True,))]  # fmt: skip


# ---- micro-clusters ----


def sample_of(path: Path, count: int) -> tuple[Path, np.ndarray]:
    """A file of so many of the customers, and their rows."""
    sampled = path.with_name("tree-sample.h5")
    with h5py.File(path) as old, h5py.File(sampled, "w") as new:
        features = old["features"]
        rows = np.sort(np.random.default_rng(1).choice(len(features), count, replace=False))
        new.create_dataset("features", (count, features.shape[1]), "f4")
        for first in range(0, len(features), data.CHUNK):
            low, high = np.searchsorted(rows, (first, first + data.CHUNK))
            if low < high:
                new["features"][low:high] = features[first : first + data.CHUNK][rows[low:high] - first]
        new["features"].attrs.update(features.attrs)
    return sampled, rows


def agreement(a: np.ndarray, b: np.ndarray) -> float:
    """The adjusted Rand index of two labelings (Hubert and Arabie 1985)."""

    def pairs(counts):
        return float((counts * (counts - 1.0)).sum() / 2)

    a, b = np.unique(a, return_inverse=True)[1], np.unique(b, return_inverse=True)[1]
    of_a, of_b, of_both = pairs(np.bincount(a)), pairs(np.bincount(b)), pairs(np.bincount(a * (b.max() + 1) + b))
    expected, most = of_a * of_b / pairs(np.array(len(a))), (of_a + of_b) / 2
    return (of_both - expected) / (most - expected) if most != expected else 1.0


def segments(file) -> np.ndarray:
    return file["assignments/segment"][:]


def micro_clusters(bench) -> dict:
    customers, leaves, sample = (MANY // 50, LEAVES // 16, SAMPLE // 10) if bench.quick else (MANY, LEAVES, SAMPLE)
    path = data.generate(bench, customers, FEATURES, K, "tree-many")
    say(f"  {customers} customers x {FEATURES}, {leaves} micro-clusters")
    many = fit(bench, path, segments, leaves)
    sampled, rows = sample_of(path, sample)
    with h5py.File(path) as file:
        truth = file["truth/segment"][:][rows]
    exact = fit(bench, sampled, segments, "all")
    remove(sampled)
    if not bench.keep:
        remove(path)
    by_way, by_all = many.pop("read")[rows], exact.pop("read")
    truths = [agreement(labels, truth) for labels in (by_way, by_all)]
    return {"customers": customers, "leaves": leaves, "sample": sample, **many, "truth": truths,
            "agreement": agreement(by_way, by_all)}  # fmt: skip


def measure(bench) -> dict:
    return {"exact": [*generated_rows(bench), real_row(bench)], "large": large_rows(bench),
            "micro": micro_clusters(bench), "cores": bench.threads}  # fmt: skip


# ---- the report ----


HOW = (
    "Ward over every customer (`hierarchy.leaves: all`, `segments.method: hierarchy`), {cores} ranks of lohko against "
    "one process of fastcluster's `linkage_vector` and SciPy's `linkage`, neither of which uses more. The peers get "
    "the values that lohko prepared, in a raw file, and write their tree and its cut into {k}. *The tree* is the "
    "peer's call alone, and for lohko the phases from prepared customers to the tree; *whole* is the command and the "
    "script, from file to file, where lohko also checks ids, standardises and describes the segments. Times are "
    "compared where both trees are the same: the same clusters at the same heights, within {close:g} (relative). Where "
    "equal distances leave a choice and the two trees take it otherwise, that choice must have been at the same "
    "height. From {once} customers on one round is run, and with real data."
)

LARGE_HOW = (
    "Every customer a leaf, in sizes that would take the peers hours. Pairs are the distances looked at, most of them "
    "in float; to see every pair once takes n^2/2. Without pruning (`LOHKO_PRUNE=none`) every search looks at every "
    "cluster; both ways grow the same tree, which is checked."
)

MICRO_HOW = (
    "{customers:g} million customers x {features} as {leaves} micro-clusters, then the exact tree of these. The cut "
    "into {k} is compared with that of the exact tree of {sample} of the same customers, standardised on their own, by "
    "the adjusted Rand index over these: {agreement:.3f}. Against the segments that the customers were generated from, "
    "the micro-clusters' cut has {truth[0]:.3f}, the sample's exact tree {truth[1]:.3f}."
)


def count(value: int) -> str:
    return f"{value:,}".replace(",", " ")


def exact_cells(row: dict, name: str, target: float | None) -> list[str]:
    """Seconds of the tree and whole, and how many times lohko's they are."""
    entry = row["entries"].get(name)
    if entry is None:
        return [row["missing"].get(name, "")] + [""] * 3
    cells = []
    for part in ("tree", "whole"):
        ratio = entry[part].get("ratio")
        if ratio is None:
            words = f"heights off by {entry['off']:.0e}"
        else:
            words = text.against(ratio, target) if target else text.ratio(ratio)
        cells += [text.seconds(entry[part]["median"]), words]
    return cells


def exact_rows(figures: dict) -> list[list[str]]:
    rows = []
    for row in figures["exact"]:
        if "skipped" in row:
            rows.append([row["name"], f"left out: {row['skipped']}"] + [""] * 11)
            continue
        ours = row["entries"][OURS]
        rows.append([
            row["name"], f"{count(row['customers'])} x {row['features']}", text.seconds(ours["tree"]["median"]),
            text.seconds(ours["whole"]["median"]), *exact_cells(row, FAST, 20), *exact_cells(row, SCIPY, None),
            f"{row['peak_bytes'] / 1e6:.0f} MB"])  # fmt: skip
    return rows


def choice_lines(figures: dict) -> list[str]:
    return [
        f"- {row['name']}: {name}'s tree and lohko's part in {count(entry['choices'])} places, at equal distances"
        for row in figures["exact"] for name, entry in row.get("entries", {}).items() if entry.get("choices")
    ]  # fmt: skip


def large_table(figures: dict) -> list[str]:
    rows = []
    for row in figures["large"]:
        work, customers = row["work"], row["customers"]
        rows.append([
            count(customers), "yes" if row["prune"] else "no", text.seconds(row["tree"]), text.seconds(row["whole"]),
            count(work["rounds"]), count(work["searches"]), f"{work['pairs']:.2e}",
            f"{work['pairs'] / (customers**2 / 2):.3f}", f"{row['peak_bytes'] / 1e6:.0f} MB",
            "" if row["off"] <= CLOSE else f"another tree: off by {row['off']:.0e}"])  # fmt: skip
    return text.table(["customers", "pruned", "the tree, s", "whole, s", "rounds", "searches", "pairs", "of n^2/2",
                       "memory a rank", ""], rows)  # fmt: skip


def micro_lines(micro: dict) -> list[str]:
    words = MICRO_HOW.format(**micro | {"customers": micro["customers"] / 1e6}, features=FEATURES, k=K)
    phases = ", ".join(f"{name} {text.seconds(value)}" for name, value in micro["phases"].items())
    memory = f"at most {micro['peak_bytes'] / 1e6:.0f} MB a rank"
    return [*text.wrap(words), "", f"- Seconds: {text.seconds(micro['whole'])} in all, {memory}; {phases}"]


def report(figures: dict, results: dict) -> list[str]:
    how = HOW.format(cores=figures["cores"], k=K, close=CLOSE, once=count(ONCE))
    head = ["", "customers", "lohko: the tree, s", "whole, s", "fastcluster: the tree, s", "times lohko's (target 20)",
            "whole, s", "times lohko's (target 20)", "SciPy: the tree, s", "times lohko's", "whole, s", "times lohko's",
            "lohko's memory a rank"]  # fmt: skip
    return ["## Trees", "", *text.wrap(how), "", *text.table(head, exact_rows(figures)), "",
            *choice_lines(figures), "", "### A million customers, every one a leaf", "", *text.wrap(LARGE_HOW), "",
            *large_table(figures), "", "### Ten million, by micro-clusters", "",
            *micro_lines(figures["micro"])]  # fmt: skip


def headline(figures: dict) -> str | None:
    compared = [row for row in figures["exact"] if "ratio" in row.get("entries", {}).get(FAST, {}).get("tree", {})]
    if not compared:
        return None
    row = max(compared, key=lambda row: row["customers"])
    return (f"The exact Ward tree of {count(row['customers'])} customers: "
            f"{row['entries'][FAST]['tree']['ratio']['median']:.0f} x fastcluster")  # fmt: skip
