"""Weak scaling of the passes from one rank to all cores, memory per rank, bytes that a step communicates."""

from .. import data, text
from ..contest import Skip, in_turn, ratios, remove, say, times
from ..places import DATA

GROUPS = ()
# features, k, customers on one rank
SHAPES = [(16, 8, 5_000_000), (32, 64, 1_000_000), (64, 256, 200_000)]
PASSES = 20
SEED = 7
ENOUGH = 50e6  # bytes of a share whose growth can be told from the program's own


def measure_shape(bench, features: int, k: int, customers: int) -> dict:
    ranks = bench.threads
    few = data.generate(bench, customers, features, k, f"scale-{features}-{k}-few")
    many = data.generate(bench, customers * ranks, features, k, f"scale-{features}-{k}-many")
    values_path, values = data.prepare(bench, few, features)
    start = data.write_start(values, k, SEED, DATA / "scale.start")
    del values
    out = DATA / "centroids"

    def run(path, count, assign="anew"):
        def passes(_round):
            done = bench.driver("pass", path, start, k, PASSES + 1, assign, out, ranks=count)
            return done | {"pass": sum(done["seconds"][1:]) / PASSES}

        return passes

    figures, missing = in_turn(bench.rounds, {"one": run(few, 1), "all": run(many, ranks)})
    # the same ranks with fewer and more customers: what grows with n, with the bounds that `lohko fit` keeps
    smaller, larger = (run(path, ranks, "program")(0) for path in (few, many))
    remove(values_path, start, out)
    if not bench.keep:
        remove(few, many)
    if missing:
        raise Skip(str(missing))
    one, both = ([entry["pass"] for entry in figures[name]] for name in ("one", "all"))
    return {
        "features": features, "k": k, "customers": customers, "one": times(one), "all": times(both),
        "efficiency": ratios(both, one),  # of pairs: seconds on one rank / seconds on all
        "share_bytes": larger["share_bytes"], "peak_bytes": larger["peak_bytes"],
        "growth": (larger["peak_bytes"] - smaller["peak_bytes"]) / (larger["share_bytes"] - smaller["share_bytes"]),
        "step_bytes": [smaller["reduced_bytes"], larger["reduced_bytes"]],
    }  # fmt: skip


def measure(bench) -> dict:
    if bench.threads < 2:
        raise Skip("needs two cores")
    rows = []
    for features, k, customers in SHAPES:
        customers = customers // 20 if bench.quick else customers
        say(f"  {customers} customers x {features} a rank, k {k}")
        rows.append(measure_shape(bench, features, k, customers))
    return {"ranks": bench.threads, "rows": rows}


def report(figures: dict, results: dict) -> list[str]:
    ranks = figures["ranks"]
    rows = [
        [f"{row['features']}, {row['k']}", f"{row['customers'] / 1e6:g} M",
         f"{1e3 * row['one']['median']:.1f}", f"{1e3 * row['all']['median']:.1f}",
         text.against(row["efficiency"], 0.95),
         f"{row['share_bytes'] / 1e6:.0f} MB", f"{row['peak_bytes'] / 1e6:.0f} MB",
         text.at_most(row["growth"], 1.25) if row["share_bytes"] > ENOUGH else "too little to tell",
         " and ".join(f"{value:.0f}" for value in row["step_bytes"])]
        for row in figures["rows"]
    ]  # fmt: skip
    return [
        "## Scale", "", *text.wrap(text.SCALE_HOW.format(ranks=ranks)), "",
        *text.table(["d, k", "customers a rank", "a pass on 1 rank, ms", f"on {ranks} ranks, ms",
                     "weak scaling (target 0.95)", "share of the values a rank", "memory a rank, at most",
                     "memory for each byte of share (target 1.25)", f"bytes a step, with 1 x and {ranks} x customers"],
                    rows),
    ]  # fmt: skip


def headline(figures: dict) -> None:
    return None
