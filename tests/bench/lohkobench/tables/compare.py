"""Two segmentations joined by customer id, this year's and last year's: beside joins by pandas and by Arrow."""

import json
import shutil
import statistics

import h5py
import numpy as np

from .. import data, text, yearly
from ..contest import Skip, in_turn, ratios, remove, say, times
from ..places import DATA

GROUPS = ()
CUSTOMERS, FEATURES = 10_000_000, 16
K = yearly.SEGMENTS
SLOW = 30.0  # seconds: a script that takes longer is run once
SAME = 1e-4  # share of the customers that a model's centroids, in float, may give another segment

OURS = "lohko"
PEERS = {"pandas, outer merge": "outer", "pandas, inner merge": "inner", "Arrow, outer join": "arrow"}
SCORED = {f"{name}, scikit-learn": how for name, how in PEERS.items()}


class Field:
    """Two files, and the counts that must come out."""

    def __init__(self, bench, before, after, counts: np.ndarray, features=None):
        self.bench, self.before, self.after, self.counts, self.features = bench, before, after, counts, features
        self.steps = None  # by lohko: customers before, by the model before, after

    def check(self, counts) -> None:
        wrong = int(np.abs(np.asarray(counts) - self.counts).sum())
        if wrong:
            raise Skip(f"the counts are off by {wrong} customers")

    def ours(self, number: int) -> dict:
        output = DATA / "compare"
        try:
            whole = self.bench.lohko("compare", "--before", self.before, "--after", self.after,
                                     "--output", output, "-q")  # fmt: skip
            job = json.loads((output / "summary.json").read_text())["job"]
            with h5py.File(output / "results.h5") as file:
                self.check(file["migration/counts"][:])
                if self.features:
                    self.steps = self.table_of(file["migration/steps"][:])
        finally:
            shutil.rmtree(output, ignore_errors=True)
        say(f"    lohko: {whole:.2f} s, {job['peak_bytes_per_rank'] / 1e9:.2f} GB a rank")
        return {"whole": whole, "bytes": job["peak_bytes_per_rank"] * job["ranks"]}

    def table_of(self, steps) -> np.ndarray:
        """Counts by all three segments, of the customers after; the last of the first is new ones."""
        found = np.zeros((K + 1, K, K), np.int64)
        for before, between, after, count in np.asarray(steps):
            if 0 <= after < K:
                found[before if before >= 0 else K, between, after] += count
        return found

    def peer(self, how: str):
        def run(number: int) -> dict:
            done = self.bench.peer("compare_join.py", {
                "before": self.before, "after": self.after, "input": self.features, "how": how, "k": K})  # fmt: skip
            self.check(done["counts"])
            found = {"whole": done["whole"], "bytes": done["peak_bytes"], "stages": done["stages"]}
            if self.features and self.steps is None:
                raise Skip("lohko has given nothing to compare with")
            if self.features:
                found["off"] = float(np.abs(self.table_of(done["steps"]) - self.steps).sum() / 2 / self.steps.sum())
                if found["off"] > SAME:
                    raise Skip(f"{found['off']:.2%} of the customers are scored otherwise")
            say(f"    {how}: {done['whole']:.2f} s, {done['peak_bytes'] / 1e9:.2f} GB")
            return found

        return run


def row_of(bench, field: Field, peers: dict) -> dict:
    contestants = {OURS: field.ours} | {name: field.peer(how) for name, how in peers.items()}
    figures, missing = in_turn(1, contestants)
    again = {name: contestants[name] for name, runs in figures.items() if name == OURS or runs[0]["whole"] <= SLOW}
    more, lost = in_turn(bench.rounds - 1, again)
    missing |= lost
    figures = {name: runs + more.get(name, []) for name, runs in figures.items() if name not in missing}
    if OURS not in figures:
        raise Skip(missing[OURS])
    ours = [run["whole"] for run in figures[OURS]]
    entries = {}
    for name, runs in figures.items():
        seconds = [run["whole"] for run in runs]
        entries[name] = times(seconds) | {"bytes": max(run["bytes"] for run in runs)}
        if name != OURS:
            entries[name] |= {"ratio": ratios(ours[: len(runs)], seconds),
                              "off": max(run.get("off", 0.0) for run in runs),
                              "stages": {stage: statistics.median(run["stages"][stage] for run in runs)
                                         for stage in runs[0]["stages"]}}  # fmt: skip
    return {"missing": missing, "entries": entries}


def by_labels(bench, years: yearly.Years, is_text: bool) -> dict:
    labels = years.labels()
    paths = [yearly.write_labels(name, numbers, label, is_text)
             for name, numbers, label in zip(("before", "after"), (years.before, years.after), labels)]  # fmt: skip
    try:
        return row_of(bench, Field(bench, *paths, years.counts(*labels)), PEERS)
    finally:
        remove(*paths)


def fit(bench, path, name: str) -> tuple:
    """Its results, and the segment of each customer."""
    config, output = DATA / f"{name}.yaml", DATA / name
    config.write_text(json.dumps({
        "input": {"path": str(path)}, "segments": {"k": K}, "hierarchy": {"leaves": 0},
        "stability": {"replicates": 0}, "output": {"directory": str(output)}}))  # fmt: skip
    bench.lohko("fit", config, "-q")
    remove(config)
    with h5py.File(output / "results.h5") as file:
        return output / "results.h5", file["assignments/segment"][:]


def by_results(bench, years: yearly.Years) -> dict:
    base = data.generate(bench, years.everyone, FEATURES, K, "years")
    inputs = yearly.write_features(years, base)
    if not bench.keep:
        remove(base)
    try:
        fits = [fit(bench, path, path.stem) for path in inputs]
        counts = years.counts(*(segment for _, segment in fits))
        return row_of(bench, Field(bench, fits[0][0], fits[1][0], counts, inputs[1]), SCORED)
    finally:
        remove(*inputs)
        for path in inputs:
            shutil.rmtree(DATA / path.stem, ignore_errors=True)


def measure(bench) -> dict:
    customers = CUSTOMERS // 50 if bench.quick else CUSTOMERS
    DATA.mkdir(parents=True, exist_ok=True)
    years = yearly.Years(customers)
    rows = {}
    for words, run in (("text ids", lambda: by_labels(bench, years, True)),
                       ("integer ids", lambda: by_labels(bench, years, False)),
                       ("results of fits, text ids", lambda: by_results(bench, years))):  # fmt: skip
        say(f"  {customers} customers, {words}")
        rows[words] = run()
    return {"customers": customers, "ranks": bench.threads, "rows": rows}


# ---- the report ----


HOW = (
    "{customers:g} million customers before against as many after, {shared:.0%} of them in both, each file in an order "
    "of its own, {k} segments each: who went where, who is new and who lapsed. Text ids are of 12 characters. Files of "
    "ids and labels are all there is in the first two; the third has the results of two fits with {features} features, "
    "whose customers after are also scored by the model before, from their features, and counted by all three "
    "segments. The peers read the same files with h5py; for the third they standardise and look for the nearest "
    "centroid with scikit-learn. pandas merges as one would write it first (`how=\"outer\"`, which sorts by id), and "
    "by the inner merge, where who is new and who lapsed follows from the sizes; Arrow joins by `Table.join`, on all "
    "cores. Everyone's counts must be those that are known from how the files were made, in every run. Seconds are of "
    "the whole command or script; scripts of more than {slow:g} s run once. In that time lohko also refuses repeated "
    "ids, which the peers would multiply, and matches segments, names what became of each, and measures drift. Memory "
    "is the largest resident size, of all ranks together."
)


def report(figures: dict, results: dict) -> list[str]:
    rows, notes, stages = [], [], []
    for words, row in figures["rows"].items():
        for name, entry in row["entries"].items():
            rows.append([words, name, text.seconds(entry["median"]), f"{entry['spread']:.2f}",
                         text.ratio(entry["ratio"]) if "ratio" in entry else "", f"{entry['bytes'] / 1e9:.2f} GB"])
            if entry.get("off"):
                notes.append(f"- {words}: {name}: {entry['off']:.1e} of the customers are scored otherwise by lohko")
            if "stages" in entry:
                stages.append(f"- {words}: {name}: " + ", ".join(
                    f"{stage} {text.seconds(value)}" for stage, value in entry["stages"].items()))
        notes += [f"- {words}: {name}: {why}" for name, why in row["missing"].items()]
    how = HOW.format(customers=figures["customers"] / 1e6, shared=yearly.SHARED, k=K, features=FEATURES,
                     slow=SLOW)  # fmt: skip
    return [
        "## Year on year", "", *text.wrap(how), "",
        *text.table(["files", "", "seconds", "spread", "times lohko's", "memory"], rows), "", *notes,
        *([""] if notes else []),
        "Seconds of the peers' stages, without the start of the program and its imports:", "", *stages,
    ]  # fmt: skip


def headline(figures: dict) -> str | None:
    entries = figures["rows"]["text ids"]["entries"]
    merges = [entries[name] for name in PEERS if name.startswith("pandas") and name in entries]
    if not merges:
        return None
    best = min(merges, key=lambda entry: entry["median"])
    return (f"Two years of {figures['customers'] / 1e6:g} million customers compared by text ids in "
            f"{text.seconds(entries[OURS]['median'])} s: {best['ratio']['median']:.1f} x a pandas merge")  # fmt: skip
