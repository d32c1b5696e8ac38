"""The whole job so far: from the file to results on disk, with eight restarts, against a script of the same steps."""

import json
import shutil
import statistics

import h5py

from .. import data, text
from ..contest import in_turn, ratios, remove, say, times
from ..places import DATA

GROUPS = ()
CUSTOMERS, FEATURES, K, RESTARTS = 4_000_000, 16, 8, 8
MOST_ROUNDS = 2  # the peers take minutes
WORSE = 1e-3  # by so much lohko's inertia may be above a peer's where times are compared

OURS = "lohko"
PEERS = {"h5py + scikit-learn": False, "h5py + scikit-learn-intelex": True}


class Field:
    def __init__(self, bench):
        self.bench = bench
        self.customers = CUSTOMERS // 20 if bench.quick else CUSTOMERS
        self.input = data.generate(bench, self.customers, FEATURES, K, "job")
        self.values_path, self.values = data.prepare(bench, self.input, FEATURES)
        self.centroids = DATA / "centroids"

    def judged(self, whole: float, stages: dict) -> dict:
        value = data.inertia(self.values, data.read_centroids(self.centroids, FEATURES))
        remove(self.centroids)
        say(f"    {whole:.1f} s, inertia {value:.8g}")
        return {"whole": whole, "inertia": value, "stages": stages}

    def ours(self, number: int) -> dict:
        config, results = DATA / "job.yaml", DATA / "job"
        config.write_text(json.dumps({
            "input": {"path": str(self.input)}, "segments": {"k": K}, "run": {"seed": number + 1},
            "kmeans": {"restarts": RESTARTS}, "hierarchy": {"leaves": 0}, "stability": {"replicates": 0},
            "output": {"directory": str(results)}}))  # fmt: skip
        whole = self.bench.lohko("fit", config, "-q")
        with h5py.File(results / "results.h5") as file:
            file["segments/centroid_prepared"][:].astype("f8").tofile(self.centroids)
        phases = json.loads((results / "summary.json").read_text())["job"]["phase_seconds"]
        shutil.rmtree(results)
        remove(config)
        return self.judged(whole, phases)

    def peer(self, intelex: bool):
        def run(number: int) -> dict:
            output = DATA / "job-peer.h5"
            done = self.bench.peer("job_sklearn.py", {
                "input": self.input, "output": output, "k": K, "restarts": RESTARTS, "seed": number + 1,
                "intelex": intelex, "centroids": self.centroids})  # fmt: skip
            remove(output)
            return self.judged(done["whole"], done["stages"])

        return run

    def close(self):
        del self.values
        if not self.bench.keep:
            remove(self.input, self.values_path)


def measure(bench) -> dict:
    field = Field(bench)
    try:
        contestants = {OURS: field.ours} | {name: field.peer(intelex) for name, intelex in PEERS.items()}
        figures, missing = in_turn(min(bench.rounds, MOST_ROUNDS), contestants)
    finally:
        field.close()
    entries = {}
    for name, runs in figures.items():
        entries[name] = times([run["whole"] for run in runs]) | {
            "inertia": statistics.median(run["inertia"] for run in runs),
            "stages": {stage: statistics.median(run["stages"][stage] for run in runs) for stage in runs[0]["stages"]},
        }
    for name, entry in entries.items():
        if name != OURS and OURS in entries:
            entry["fair"] = entries[OURS]["inertia"] <= (1 + WORSE) * entry["inertia"]
            if entry["fair"]:
                entry["ratio"] = ratios(entries[OURS]["seconds"], entry["seconds"])
    return {"customers": field.customers, "features": FEATURES, "k": K, "restarts": RESTARTS, "entries": entries,
            "missing": missing}  # fmt: skip


def report(figures: dict, results: dict) -> list[str]:
    ours = figures["entries"].get(OURS)
    rows = []
    for name, entry in figures["entries"].items():
        off = f"{entry['inertia'] / ours['inertia'] - 1:+.4%}" if ours else ""
        ratio = "" if name == OURS else text.against(entry.get("ratio"), 20)
        rows.append([name, text.seconds(entry["median"]), f"{entry['spread']:.2f}", off, ratio])
    stages = [f"- {name}: " + ", ".join(f"{stage} {text.seconds(value)}" for stage, value in entry["stages"].items())
              for name, entry in figures["entries"].items()]  # fmt: skip
    return [
        "## The whole job", "",
        *text.wrap(text.JOB_HOW.format(customers=figures["customers"] / 1e6, **{
            key: figures[key] for key in ("features", "k", "restarts")})), "",
        *text.table(["", "seconds", "spread", "inertia against lohko's", "times lohko's (target 20)"], rows), "",
        *(f"- {name}: {why}" for name, why in figures["missing"].items()),
        "Seconds of each stage, as each contestant counts them:", "", *stages,
    ]  # fmt: skip


def headline(figures: dict) -> str | None:
    entries = {name: entry for name, entry in figures["entries"].items() if "ratio" in entry}
    best = min(entries, key=lambda name: entries[name]["ratio"]["median"], default=None)
    return f"The whole job: {entries[best]['ratio']['median']:.1f} x {best}" if best else None
