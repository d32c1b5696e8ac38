"""Bootstrap replicates: are these segments found again? Against a loop over scikit-learn."""

import json
import pathlib
import shutil
import statistics

import h5py

from .. import data, text
from ..contest import Skip, in_turn, ratios, remove, say, times
from ..places import DATA

GROUPS = ()
FEATURES, K, REPLICATES = 16, 8, 50
# Customers, and the replicates that each loop is timed on; 0: not at all. The rest would take as long each.
SIZES = ((100_000, {1: 50, 8: 5}), (1_000_000, {1: 5, 8: 2}))
FULL = (10_000_000, {1: 2, 8: 0})
BOOTSTRAP = ("replicates", "agreement")  # phases that the loop has, too
TARGET = 20

OURS = {"lohko, 1 start": 1, "lohko, 8 starts": 8}
PEERS = {"scikit-learn, 1 start": 1, "scikit-learn, 8 starts": 8}
LIKE = {peer: ours for peer, starts in PEERS.items() for ours, own in OURS.items() if own == starts}


class Field:
    def __init__(self, bench, customers: int, timed: dict):
        self.bench, self.customers, self.timed = bench, customers, timed
        self.input = data.generate(bench, customers, FEATURES, K, "stability")
        self.values_path, values = data.prepare(bench, self.input, FEATURES)
        del values
        self.segments = DATA / "segments"

    def ours(self, starts: int):
        return lambda number: self.run(starts, number)

    def run(self, starts: int, number: int) -> dict:
        """Also leaves the segments that the peers with as many starts are compared with."""
        config, results = DATA / "stability.yaml", DATA / "stability"
        config.write_text(json.dumps({
            "input": {"path": str(self.input)}, "segments": {"k": K}, "stability": {"replicates": REPLICATES},
            "kmeans": {"restarts": starts}, "hierarchy": {"leaves": 0}, "run": {"seed": number + 1},
            "output": {"directory": str(results)}}))  # fmt: skip
        try:
            whole = self.bench.lohko("fit", config, "-q")
            summary = json.loads((results / "summary.json").read_text())
            with h5py.File(results / "results.h5") as file:
                file["assignments/segment"][:].astype("i4").tofile(f"{self.segments}{starts}")
        finally:
            shutil.rmtree(results, ignore_errors=True)
            remove(config)
        phases = summary["job"]["phase_seconds"]
        loop = sum(phases[name] for name in BOOTSTRAP)
        say(f"    lohko, {starts} starts: {whole:.2f} s, the replicates {loop:.2f} s, mean ARI {summary['stability']['mean_ari']:.3f}")
        return {"loop": loop, "whole": whole, "ari": summary["stability"]["mean_ari"], "replicates": REPLICATES,
                "peak_bytes": summary["job"]["peak_bytes_per_rank"]}  # fmt: skip

    def peer(self, starts: int):
        def run(number: int) -> dict:
            replicates = self.timed[starts]
            done = self.bench.peer("stability_sklearn.py", {
                "values": self.values_path, "features": FEATURES, "segments": f"{self.segments}{starts}", "k": K,
                "replicates": replicates, "starts": starts, "seed": number + 1})  # fmt: skip
            loop, ari = sum(done["seconds"]) * REPLICATES / replicates, statistics.mean(done["ari"])
            say(f"    {starts} starts: {loop:.1f} s, by {replicates} replicates, mean ARI {ari:.3f}")
            return {"loop": loop, "whole": loop, "ari": ari, "replicates": replicates}

        return run

    def close(self):
        for starts in OURS.values():
            remove(pathlib.Path(f"{self.segments}{starts}"))
        if not self.bench.keep:
            remove(self.input, self.values_path)


def row_of(bench, customers: int, timed: dict) -> dict:
    say(f"  {customers} customers x {FEATURES}")
    field = Field(bench, customers, timed)
    peers = {name: field.peer(starts) for name, starts in PEERS.items() if timed[starts]}
    try:
        ours = {name: field.ours(starts) for name, starts in OURS.items()}
        figures, missing = in_turn(bench.rounds, ours | peers)
    finally:
        field.close()
    for name in OURS:
        if name not in figures:
            raise Skip(missing[name])
    entries = {}
    for name, runs in figures.items():
        entry = {part: times([run[part] for run in runs]) for part in ("loop", "whole")}
        if name not in OURS:
            for part in entry:
                ours = [run[part] for run in figures[LIKE[name]]]
                entry[part]["ratio"] = ratios(ours, entry[part]["seconds"])
        entries[name] = entry | {"ari": statistics.mean(run["ari"] for run in runs),
                                 "replicates": runs[0]["replicates"]}  # fmt: skip
    return {"customers": customers, "missing": missing, "entries": entries,
            "peak_bytes": max(run["peak_bytes"] for name in OURS for run in figures[name])}  # fmt: skip


def measure(bench) -> dict:
    sizes = [*SIZES, FULL] if bench.full else SIZES
    shrink = 20 if bench.quick else 1
    return {"rows": [row_of(bench, customers // shrink, timed) for customers, timed in sizes]}


# ---- the report ----


HOW = (
    "{replicates} bootstrap replicates of k-means, k {k}, {features} features: each learned from the customers drawn "
    "again, each assigning all customers, each compared with the segments by the adjusted Rand index (ARI). The peer "
    "is a loop over `KMeans(n_init=...).fit` of customers drawn with replacement, `predict` of all and "
    "`adjusted_rand_score`, on the values that lohko prepared, in memory; only the loop is counted. Where it is timed "
    "on fewer replicates, the others are taken to last as long each. lohko's time is that of its phases "
    "{phases}, in which it also learns and compares the halves of five splits for prediction strength and the "
    "restarts with each other; *whole command* is everything that `lohko fit` does, from the HDF5 file to results on "
    "disk, against the peer's loop alone. Either is compared with the other by as many starts: with lohko's default of "
    "eight, the best of which goes on after the first mini-batch, and with one, which is scikit-learn's own default and "
    "ends in a poorer optimum more often: such replicates agree less with the segments, and say more of the loop than "
    "of the customers. Each is compared with lohko's segments by as many starts."
)


def entry_cells(entry: dict, is_ours: bool) -> list[str]:
    loop, whole = entry["loop"], entry["whole"]
    if is_ours:
        return [text.seconds(loop["median"]), "", text.seconds(whole["median"]), ""]
    return [text.seconds(loop["median"]), text.against(loop["ratio"], TARGET), "", text.ratio(whole["ratio"])]


def report(figures: dict, results: dict) -> list[str]:
    rows, notes = [], []
    for row in figures["rows"]:
        for name, entry in row["entries"].items():
            rows.append([f"{row['customers']:,}".replace(",", " "), name, entry["replicates"],
                         *entry_cells(entry, name in OURS), f"{entry['ari']:.3f}"])  # fmt: skip
        notes += [f"- {row['customers']} customers: {name}: {why}" for name, why in row["missing"].items()]
    how = HOW.format(replicates=REPLICATES, k=K, features=FEATURES, phases=" and ".join(BOOTSTRAP))
    head = ["customers", "", "replicates timed", f"{REPLICATES} replicates, s", f"times lohko's (target {TARGET})",
            "lohko's whole command, s", "the loop, times that", "mean ARI"]  # fmt: skip
    memory = ", ".join(f"{row['peak_bytes'] / 1e6:.0f} MB" for row in figures["rows"])
    return ["## Stability", "", *text.wrap(how), "", *text.table(head, rows), "", *notes,
            f"lohko's memory a rank at most: {memory}."]  # fmt: skip


def headline(figures: dict) -> str | None:
    row = figures["rows"][-1]
    entry = row["entries"].get("scikit-learn, 1 start")
    if entry is None:
        return None
    return (f"{REPLICATES} bootstrap replicates of {row['customers'] / 1e6:g} million customers: "
            f"{entry['loop']['ratio']['median']:.0f} x a loop over scikit-learn")  # fmt: skip
