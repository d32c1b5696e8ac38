"""One full pass (assign and update) of Lloyd's algorithm, customers in memory, from the same start."""

import statistics

from .. import data, text
from ..contest import Skip, in_turn, ratios, remove, say, times
from ..places import DATA
from . import machine

GROUPS = ()
# Of the inertia, relative: after the first pass to a pass in double, after the last to the median contestant. Peers sum
# in float, which at ten million customers moves the centroids by more than a last digit, and then the way of a run that
# has not converged. A pass that was left out would show: it lowers the inertia by more.
TOLERANCE = 5e-4
SHORT, PASSES = 1, 20
SEED = 7
# features, k, customers: more than a cache holds, and no more, so that there is time for many rounds
SHAPES = [(8, 8, 4_000_000), (16, 8, 3_000_000), (16, 32, 2_000_000), (32, 64, 800_000), (64, 256, 250_000)]

OURS = "lohko"
BASE = "scikit-learn"
SUMS = "lohko, sums anew"
PROGRAM = "lohko, as fit makes them"
ALL_OURS = (OURS, SUMS, PROGRAM)
PEERS = {
    BASE: ("pass_sklearn.py", {"intelex": False, "algorithm": "lloyd"}),
    "scikit-learn-intelex": ("pass_sklearn.py", {"intelex": True, "algorithm": "lloyd"}),
    "faiss": ("pass_faiss.py", {}),
    "scikit-learn, elkan": ("pass_sklearn.py", {"intelex": False, "algorithm": "elkan"}),
}
WITH_BOUNDS = (PROGRAM, "scikit-learn, elkan")  # pass over what bounds show cannot have changed


class Shape:
    """One row of the table: its files and its contestants."""

    def __init__(self, bench, features: int, k: int, customers: int):
        self.bench, self.features, self.k, self.customers = bench, features, k, customers
        self.input = data.generate(bench, customers, features, k, f"pass-{features}-{k}")
        self.values_path, self.values = data.prepare(bench, self.input, features)
        self.start = data.write_start(self.values, k, SEED, DATA / f"pass-{features}-{k}.start")
        first = data.lloyd_pass(self.values, data.read_centroids(self.start, features))
        self.reference = data.inertia(self.values, first)
        self.inertias = {}  # contestant -> of each round, after the first pass and after the last

    def judge(self, name: str, path) -> None:
        both = data.read_centroids(path, self.features).reshape(2, self.k, self.features)
        remove(path)
        self.inertias.setdefault(name, []).append([data.inertia(self.values, centroids) for centroids in both])

    def ours(self, name: str, assign: str):
        def run(_round):
            out = DATA / "centroids"
            # as many moves as the peers' long run makes; its first pass is their short run
            done = self.bench.driver("pass", self.input, self.start, self.k, SHORT + PASSES, assign, out)
            self.judge(name, out)
            return {"pass": statistics.fmean(done["seconds"][SHORT:]), "first": done["seconds"][0],
                    "peak_bytes": done["peak_bytes"], "way": done["way"], "looked_at": done["looked_at"]}  # fmt: skip

        return run

    def peer(self, name: str, script: str, settings: dict):
        def run(_round):
            out = DATA / "centroids"
            done = self.bench.peer(script, settings | {
                "values": self.values_path, "features": self.features, "start": self.start, "short": SHORT,
                "long": SHORT + PASSES, "threads": self.bench.threads, "centroids": out})  # fmt: skip
            passes = done["long"]["passes"] - done["short"]["passes"]
            if passes < PASSES / 2:
                raise Skip(f"stopped after {passes} passes")
            self.judge(name, out)
            seconds = (done["long"]["seconds"] - done["short"]["seconds"]) / passes
            if seconds <= 0:
                raise Skip("its long run took no longer than its short one: the machine is too busy to tell")
            return {"pass": seconds, "passes": passes}

        return run

    def close(self):
        del self.values
        if not self.bench.keep:
            remove(self.input, self.values_path, self.start)


def contestants(shape: Shape) -> dict:
    peers = {name: shape.peer(name, script, settings) for name, (script, settings) in PEERS.items()}
    return {OURS: shape.ours(OURS, "anew"), SUMS: shape.ours(SUMS, "sums"), **peers,
            PROGRAM: shape.ours(PROGRAM, "program")}  # fmt: skip


def quality(shape: Shape, name: str) -> dict:
    """How far from the others' inertia, in the worst round, and whether that is equal quality."""
    last = statistics.median(both[1] for rounds in shape.inertias.values() for both in rounds)
    off = [max(abs(both[at] / wanted - 1) for both in shape.inertias[name])
           for at, wanted in enumerate((shape.reference, last))]  # fmt: skip
    return {"off": off, "equal": max(off) <= TOLERANCE,
            "inertia": statistics.median(both[1] for both in shape.inertias[name])}  # fmt: skip


def compare(shape: Shape, figures: dict, missing: dict) -> dict:
    """Rates and ratios of one row. Who did not reach the inertia of the others has no ratio."""
    ours = [run["pass"] for run in figures.get(OURS, [])]
    row = {"features": shape.features, "k": shape.k, "customers": shape.customers, "missing": missing, "entries": {}}
    for name, runs in figures.items():
        seconds = [run["pass"] for run in runs]
        entry = times(seconds) | {"rate": shape.customers / statistics.median(seconds)}
        entry |= quality(shape, name)
        if name not in ALL_OURS and ours and entry["equal"]:
            entry["ratio"] = ratios(ours, seconds)
        if name in ALL_OURS:
            entry |= {"first": statistics.median(run["first"] for run in runs), "way": runs[-1]["way"],
                      "looked_at": runs[-1]["looked_at"]}  # fmt: skip
        row["entries"][name] = entry
    program = figures.get(PROGRAM)
    if program and ours:
        row["gain"] = ratios([run["pass"] for run in program], ours)
    for name, runs in figures.items():
        if program and name not in ALL_OURS and row["entries"][name]["equal"]:
            row["entries"][name]["program_ratio"] = ratios([run["pass"] for run in program], [r["pass"] for r in runs])
        if SUMS in figures and name not in ALL_OURS and row["entries"][name]["equal"]:
            row["entries"][name]["sums_ratio"] = ratios([run["pass"] for run in figures[SUMS]],
                                                        [r["pass"] for r in runs])  # fmt: skip
    return row


def measure(bench) -> dict:
    rows = []
    for features, k, customers in SHAPES:
        customers = customers // 20 if bench.quick else customers
        say(f"  {customers} customers x {features}, k {k}")
        shape = Shape(bench, features, k, customers)
        try:
            figures, missing = in_turn(bench.rounds, contestants(shape))
            rows.append(compare(shape, figures, missing))
        finally:
            shape.close()
    return {"rows": rows, "passes": PASSES, "rounds": bench.rounds}


# ---- the report ----


def best_peer(row: dict, with_bounds: bool) -> tuple[str, dict] | None:
    """The fastest peer of equal quality."""
    names = [
        name
        for name, entry in row["entries"].items()
        if entry["equal"] and name not in ALL_OURS and (with_bounds or name not in WITH_BOUNDS)
    ]
    return min(((name, row["entries"][name]) for name in names), key=lambda item: item[1]["median"], default=None)


def rate_cell(row: dict, name: str) -> str:
    entry = row["entries"].get(name)
    if entry is None:
        return "absent"
    note = "" if entry["equal"] else f" (inertia off by {max(entry['off']):.0e})"
    return text.millions(entry["rate"]) + note


def full_rows(figures: dict) -> list[list[str]]:
    rows = []
    for row in figures["rows"]:
        entries = row["entries"]
        ours_equal = entries.get(OURS, {}).get("equal")
        best = best_peer(row, with_bounds=False)
        base = entries.get(BASE, {}).get("ratio") if ours_equal else None
        best_ratio = best[1].get("ratio") if best and ours_equal else None
        rows.append([
            f"{row['features']}, {row['k']}", f"{row['customers'] / 1e6:g} M",
            *(rate_cell(row, name) for name in (OURS, SUMS, BASE, "scikit-learn-intelex", "faiss")),
            text.against(base, 5), text.against(best_ratio, 2) + (f" {best[0]}" if best_ratio else ""),
            text.against(best[1].get("sums_ratio") if best and ours_equal else None, 2),
            entries.get(OURS, {}).get("way", ""),
        ])  # fmt: skip
    return rows


def twenty_rows(figures: dict) -> list[list[str]]:
    rows = []
    for row in figures["rows"]:
        best = best_peer(row, with_bounds=True)
        ratio = best[1].get("program_ratio") if best and row["entries"].get(PROGRAM, {}).get("equal") else None
        rows.append([
            f"{row['features']}, {row['k']}", rate_cell(row, PROGRAM), rate_cell(row, "scikit-learn, elkan"),
            f"{row['entries'][PROGRAM]['looked_at']:.0%}" if PROGRAM in row["entries"] else "",
            text.ratio(row.get("gain")), text.against(ratio, 2) + (f" {best[0]}" if ratio else ""),
        ])  # fmt: skip
    return rows


def roofline_rows(figures: dict, limit: dict) -> list[list[str]]:
    rows = []
    for row in figures["rows"]:
        most = machine.customers_per_second(limit, row["features"], row["k"])
        cells = []
        for name in (OURS, SUMS):
            ours = row["entries"].get(name)
            share = ours["rate"] / most["rate"] if ours else None
            cells += [text.millions(ours["rate"]) if ours else "absent", text.share_against(share, 0.6)]
        base = row["entries"].get(BASE)
        wanted = f"{5 * base['rate'] / most['rate']:.0%}" if base else "none"
        rows.append([f"{row['features']}, {row['k']}", text.millions(most["rate"]), most["binds"], *cells, wanted])  # fmt: skip
    return rows


def quality_cell(entry: dict | None) -> str:
    return " and ".join(f"{value:.0e}" for value in entry["off"]) if entry else "absent"


def quality_rows(figures: dict) -> list[list[str]]:
    names = (OURS, *PEERS)
    return [
        [f"{row['features']}, {row['k']}", *(quality_cell(row["entries"].get(name)) for name in names)]
        for row in figures["rows"]
    ]


def missing_lines(figures: dict) -> list[str]:
    words = {f"{name}: {why}" for row in figures["rows"] for name, why in row["missing"].items()}
    return [f"- {word}" for word in sorted(words)]


def spread(figures: dict) -> float:
    return max(entry["spread"] for row in figures["rows"] for entry in row["entries"].values())


def report(figures: dict, results: dict) -> list[str]:
    passes, rounds = figures["passes"], figures["rounds"]
    lines = ["## One full pass", "", *text.wrap(
        "Assign every customer to the nearest centroid and move the centroids, customers in memory. Millions of "
        f"customers a second, mean over {passes} passes; median of the rounds ({rounds}). Here lohko assigns every "
        "customer anew in every pass, tile by tile in vector registers or by matrix products of OpenBLAS, whichever its "
        "first block shows to be faster. Its sums are exact, so it brings them up to date by the customers who changed "
        "segment: the same centroids as adding everyone up again, which floating-point sums would not give. The "
        "column *sums anew* does add everyone up in every pass, as the peers do."),
        "", *text.table(["d, k", "customers", OURS, SUMS, BASE, "scikit-learn-intelex", "faiss",
                         "lohko against scikit-learn (target 5)", "against the best (target 2)",
                         "sums anew against the best", "lohko's way"],
                        full_rows(figures)),
        "", *text.wrap(text.PASSES_HOW.format(short=SHORT, long=SHORT + passes, tolerance=TOLERANCE)), "",
        *text.wrap(f"Largest spread of one contestant's rounds (slowest over fastest): {spread(figures):.2f}."), "",
        *missing_lines(figures), "", *text.table(["d, k: inertia off after the first pass and after the last", OURS,
                                                  *PEERS], quality_rows(figures)), "",
        "![customers a second, and the machine's limit](benchmarks.svg)", "",
        f"### The first {passes} passes of a run", "", *text.wrap(
            "The same passes as `lohko fit` makes them: customers whose nearest centroid cannot have changed, by what "
            "is known from the passes before, are not looked at again; the share that was is of all passes, the first "
            "included. The peer with such bounds is scikit-learn's Elkan; the best is taken of all peers. A gain below "
            "1 means that keeping the bounds cost more than they saved."), "",
        *text.table(["d, k", PROGRAM, "scikit-learn, elkan", "customers looked at", "gain over assigning anew",
                     "against the best (target 2)"], twenty_rows(figures))]  # fmt: skip
    limit = machine.limits(results)
    if limit:
        lines += ["", "### Against the machine", "", *text.wrap(text.ROOFLINE), "", *text.table(
            ["d, k", "limit, M/s", "what binds", "lohko, M/s", "share of the limit (target 60 %)", "sums anew, M/s",
             "share of the limit", "5 x scikit-learn, of the limit"],
            roofline_rows(figures, limit))]  # fmt: skip
    return lines


def headline(figures: dict) -> str | None:
    for row in figures["rows"]:
        entry = row["entries"].get(BASE, {})
        if (row["features"], row["k"]) == (16, 8) and "ratio" in entry and row["entries"][OURS]["equal"]:
            return f"One full pass at 16 features and 8 segments: {entry['ratio']['median']:.1f} x scikit-learn"
    return None
