"""Reading the features of a file that is in the page cache: contiguous, and chunked with gzip."""

import h5py

from .. import data, text
from ..contest import in_turn, ratios, remove, times
from ..places import DATA

GROUPS = ()
FEATURES = 16
CONTIGUOUS, COMPRESSED = 10_000_000, 2_000_000
CHUNK_ROWS, GZIP_LEVEL = 10_000, 4
READS = 3  # by each process; the last counts, as the first has to get its memory


def compress(source, path) -> None:
    with h5py.File(source) as old, h5py.File(path, "w") as new:
        features = old["features"]
        new.create_dataset("features", data=features[:], chunks=(CHUNK_ROWS, FEATURES), compression="gzip",
                           compression_opts=GZIP_LEVEL, shuffle=True)  # fmt: skip
        new["features"].attrs.update(features.attrs)


def contestants(bench, path) -> dict:
    """Each gives seconds for a byte of features."""
    with h5py.File(path) as file:
        rows = file["features"].shape[0]
    size = rows * FEATURES * 4

    def dd(_round):
        _, seconds = bench.run(["dd", f"if={path}", "of=/dev/null", "bs=8M"])
        return seconds / path.stat().st_size

    def by_h5py(_round):
        settings = {"input": path, "reads": READS, "slab": 2**17}
        return bench.peer("read_h5py.py", settings)["seconds"][-1] / size

    def walk(ranks):
        return lambda _round: bench.driver("walk", path, READS, ranks=ranks)["seconds"][-1] / size

    found = {"dd": dd, "h5py": by_h5py, "lohko, 1 rank": walk(1)}
    return found | ({f"lohko, {bench.threads} ranks": walk(bench.threads)} if bench.threads > 1 else {})


def compare(bench, path, with_dd: bool) -> dict:
    field = contestants(bench, path)
    if not with_dd:
        del field["dd"]
    path.read_bytes()  # into the page cache
    figures, missing = in_turn(bench.rounds, field)
    entries = {name: times(seconds) for name, seconds in figures.items()}
    for entry in entries.values():
        for other in ("dd", "h5py"):
            if other in entries:
                entry[other] = ratios(entry["seconds"], entries[other]["seconds"])
    return {"entries": entries, "missing": missing}


def measure(bench) -> dict:
    shrink = 10 if bench.quick else 1
    found = {}
    plain = data.generate(bench, CONTIGUOUS // shrink, FEATURES, 8, "job" if not bench.quick else "reading")
    found["contiguous"] = compare(bench, plain, with_dd=True) | {"customers": CONTIGUOUS // shrink}
    source = data.generate(bench, COMPRESSED // shrink, FEATURES, 8, "fit" if not bench.quick else "reading-gzip")
    packed = DATA / "gzip.h5"
    compress(source, packed)
    found["gzip"] = compare(bench, packed, with_dd=False) | {"customers": COMPRESSED // shrink}
    if not bench.keep:
        remove(plain, source, packed)
    return found


def report(figures: dict, results: dict) -> list[str]:
    lines = ["## Reading", "", *text.wrap(text.READING_HOW)]
    for form, words in (("contiguous", "contiguous"), ("gzip", f"chunks of {CHUNK_ROWS} rows, shuffle, gzip")):
        part = figures[form]
        rows = []
        for name, entry in part["entries"].items():
            is_ours = name.startswith("lohko")
            to_dd = text.against(entry.get("dd"), 0.8) if is_ours else text.ratio(entry.get("dd"))
            to_h5py = text.against(entry.get("h5py"), 1.8) if is_ours else text.ratio(entry.get("h5py"))
            cells = [name, f"{1e-9 / entry['median']:.2f} GB/s", to_h5py]
            rows.append(cells + ([to_dd] if form == "contiguous" else []))
        head = ["", "features read", "times h5py's speed (target 1.8)"]
        head += ["share of dd's speed (target 0.8)"] if form == "contiguous" else []
        lines += ["", f"{part['customers'] / 1e6:g} million customers x {FEATURES}, {words}:", "",
                  *text.table(head, rows)]  # fmt: skip
        lines += [f"- {name}: {why}" for name, why in part["missing"].items()]
    return lines


def headline(figures: dict) -> None:
    return None
