"""A mini-batch fit to within 1 % of the best of ten Lloyd runs. A fit may end in a poorer optimum, so what is compared
is the seconds until one is within 1 %: those of a fit, times the fits that takes. First every contestant is tried at a
short list of settings from the same number of seeds; then the cheapest of each runs in turn with the others."""

import json
import shutil
import statistics

import h5py

from .. import data, text
from ..contest import Skip, in_turn, ratios, remove, say, times
from ..places import DATA

GROUPS = ("heat", "spark")
CUSTOMERS, FEATURES, K = 1_000_000, 16, 8
REFERENCE_RUNS = 10
WITHIN = 0.01
SEEDS = tuple(range(1, 7))
FEW_SEEDS = SEEDS[:3]  # of what takes minutes
SLOW = 60.0  # seconds: a whole command that takes longer is measured once
LIMIT = 300  # seconds of all trials of one setting
# All phases but these are learning, which the peers' fit() has too.
NOT_LEARNING = ("opening the input", "looking for repeated ids", "survey", "preparation constants", "loading",
                "indices", "agreement", "tree of segments", "profile", "writing")  # fmt: skip

OURS = "lohko"
PEERS = {"MiniBatchKMeans": ("fit_sklearn.py", "base"), "Spark ML": ("fit_spark.py", "spark"),
         "Heat": ("fit_heat.py", "heat")}  # fmt: skip


def settings_of(threads: int, quick: bool) -> dict:
    """What each contestant may choose from."""
    found = {
        OURS: [{"restarts": count} for count in (1, 2, 4, 8, 16)],
        "MiniBatchKMeans": [{"method": "MiniBatchKMeans", "batch": batch, "inits": inits}
                            for batch in (1024 * threads, 65536) for inits in (1, 3, 10)],
        "Spark ML": [{"iterations": 20}],
        "Heat": [{"method": "BatchParallelKMeans", "start": "k-means++", "iterations": 30}],
    }  # fmt: skip
    return {name: settings[-1:] for name, settings in found.items()} if quick else found


class Field:
    """The data, and how the contestants are run on it: seconds and inertia of a fit for each seed."""

    def __init__(self, bench):
        self.bench = bench
        self.customers = CUSTOMERS // 10 if bench.quick else CUSTOMERS
        self.input = data.generate(bench, self.customers, FEATURES, K, "fit")
        self.values_path, self.values = data.prepare(bench, self.input, FEATURES)
        self.output = DATA / "labels.h5"

    def judge(self, path) -> float:
        value = data.inertia(self.values, data.read_centroids(path, FEATURES))
        remove(path)
        return value

    def ours(self, setting: dict, seed: int) -> dict:
        config, results, centroids = DATA / "fit.yaml", DATA / "fit", DATA / "centroids"
        config.write_text(json.dumps({
            "input": {"path": str(self.input)}, "segments": {"k": K}, "run": {"seed": seed},
            "kmeans": {"polish": False, **setting}, "hierarchy": {"leaves": 0}, "stability": {"replicates": 0},
            "output": {"directory": str(results)}}))  # fmt: skip
        whole = self.bench.lohko("fit", config, "-q")
        with h5py.File(results / "results.h5") as file:
            file["segments/centroid_prepared"][:].astype("f8").tofile(centroids)
        phases = json.loads((results / "summary.json").read_text())["job"]["phase_seconds"]
        shutil.rmtree(results)
        remove(config)
        fit = sum(seconds for name, seconds in phases.items() if name not in NOT_LEARNING)
        return {"fit": fit, "whole": whole, "inertia": self.judge(centroids)}

    def peer(self, name: str, setting: dict, seeds, labels: bool) -> list[dict]:
        """Fits from all seeds in one process; `whole` is that of the process."""
        script, group = PEERS[name]
        runs = [setting | {"seed": seed, "centroids": DATA / f"centroids-{seed}"} for seed in seeds]
        settings = {"input": self.input, "k": K, "threads": self.bench.threads, "runs": runs}
        heat = group == "heat"  # its ranks are its threads
        done = self.bench.peer(
            script, settings | ({"output": self.output} if labels else {}), group=group, timeout=LIMIT,
            launcher=self.bench.ranks(self.bench.threads, []) if heat else (), threads=1 if heat else None)  # fmt: skip
        remove(self.output)
        return [{"fit": answer["fit"], "whole": done["whole"], "inertia": self.judge(run["centroids"])}
                for run, answer in zip(runs, done["runs"], strict=True)]  # fmt: skip

    def one(self, name: str, setting: dict, seed: int) -> dict:
        """A whole command: from the file to labels on disk."""
        return self.ours(setting, seed) if name == OURS else self.peer(name, setting, [seed], labels=True)[0]

    def trials(self, name: str, setting: dict) -> list[dict]:
        seeds = FEW_SEEDS if name in ("Heat", "Spark ML") or self.bench.quick else SEEDS
        if name == OURS:
            return [self.ours(setting, seed) for seed in seeds]
        return self.peer(name, setting, seeds, labels=False)

    def reference(self) -> dict:
        """Ten Lloyd runs of scikit-learn from k-means++, each to its own convergence."""
        seeds = range(1, REFERENCE_RUNS + 1)
        runs = self.peer("MiniBatchKMeans", {"method": "KMeans", "inits": 1}, seeds, labels=False)
        inertias = [run["inertia"] for run in runs]
        return {"best": min(inertias), "worst": max(inertias), "seconds": [run["fit"] for run in runs],
                "reached": sum(value <= (1 + WITHIN) * min(inertias) for value in inertias)}  # fmt: skip

    def close(self):
        del self.values
        if not self.bench.keep:
            remove(self.input, self.values_path)


def choose(field: Field, name: str, settings: list[dict], most: float) -> dict:
    """All trials of a contestant, and the setting with the fewest seconds until an inertia of at most `most`."""
    tried = []
    for setting in settings:
        trials = field.trials(name, setting)
        reached = sum(trial["inertia"] <= most for trial in trials)
        entry = {"setting": setting, "trials": trials, "reached": reached,
                 "fit": statistics.median(trial["fit"] for trial in trials)}  # fmt: skip
        entry["needed"] = len(trials) / reached if reached else None
        tried.append(entry)
        say(f"  {name} {setting}: {entry['fit']:.2f} s a fit, {reached} of {len(trials)} within 1 %")
    good = [entry for entry in tried if entry["reached"]]
    best = min(good, key=lambda entry: entry["fit"] * entry["needed"], default=None)
    return {"tried": tried, "chosen": best}


def contest(bench, field: Field, choices: dict) -> dict:
    """The chosen settings in turn, whole commands; slow ones once."""
    chosen = {name: choice["chosen"] for name, choice in choices.items() if choice.get("chosen")}
    slow = set()

    def runner(name):
        def run(number):
            if name in slow:
                return None
            done = field.one(name, chosen[name]["setting"], SEEDS[number % len(SEEDS)])
            if done["whole"] > SLOW:
                slow.add(name)
            return done

        return run

    figures, missing = in_turn(bench.rounds, {name: runner(name) for name in chosen})
    entries = {}
    for name, runs in figures.items():
        runs = [run for run in runs if run]
        needed = chosen[name]["needed"]
        entries[name] = {"once": name in slow, "whole": times([run["whole"] for run in runs]),
                         "fit": times([run["fit"] * needed for run in runs])}  # fmt: skip
    for name, entry in entries.items():
        for part in ("fit", "whole"):
            theirs = entry[part]["seconds"]
            if OURS in entries and name != OURS:
                entry[part]["ratio"] = ratios(entries[OURS][part]["seconds"][: len(theirs)], theirs)
    return {"entries": entries, "missing": missing}


def measure(bench) -> dict:
    field = Field(bench)
    try:
        reference = field.reference()
        say(f"  best of {REFERENCE_RUNS} Lloyd runs: {reference['best']:.8g}; {reference['reached']} within 1 % of it")
        choices = {}
        for name, settings in settings_of(bench.threads, bench.quick).items():
            try:
                choices[name] = choose(field, name, settings, (1 + WITHIN) * reference["best"])
            except Skip as reason:
                choices[name] = {"missing": str(reason)}
                say(f"  {name}: left out: {reason}")
        return {"customers": field.customers, "features": FEATURES, "k": K, "reference": reference,
                "choices": choices, **contest(bench, field, choices)}  # fmt: skip
    finally:
        field.close()


# ---- the report ----


def words_of(setting: dict) -> str:
    return ", ".join(str(value) if key == "method" else f"{key} {value}" for key, value in setting.items())


def entry_rows(figures: dict) -> list[list[str]]:
    rows = []
    for name, choice in figures["choices"].items():
        entry = figures["entries"].get(name)
        if entry is None:
            why = choice.get("missing") or figures["missing"].get(name) or "no setting got there from any seed"
            rows.append([name, why, "", "", "", "", ""])
            continue
        chosen, is_ours = choice["chosen"], name == OURS
        rows.append([
            name, words_of(chosen["setting"]) + (" (measured once)" if entry["once"] else ""),
            f"{chosen['reached']} of {len(chosen['trials'])}", text.seconds(entry["fit"]["median"]),
            "" if is_ours else text.against(entry["fit"].get("ratio"), 5), text.seconds(entry["whole"]["median"]),
            "" if is_ours else text.ratio(entry["whole"].get("ratio")),
        ])  # fmt: skip
    return rows


def tried_rows(figures: dict) -> list[list[str]]:
    best = figures["reference"]["best"]
    rows = []
    for name, choice in figures["choices"].items():
        for entry in choice.get("tried", []):
            off = [trial["inertia"] / best - 1 for trial in entry["trials"]]
            needed = text.seconds(entry["fit"] * entry["needed"]) if entry["needed"] else "never"
            rows.append([name, words_of(entry["setting"]), text.seconds(entry["fit"]),
                         f"{entry['reached']} of {len(off)}", needed,
                         f"{min(off):+.2%}, {statistics.median(off):+.2%}, {max(off):+.2%}"])  # fmt: skip
    return rows


def report(figures: dict, results: dict) -> list[str]:
    reference = figures["reference"]
    return [
        "## A fit to within 1 % of the best", "",
        *text.wrap(text.FIT_HOW.format(
            customers=figures["customers"] / 1e6, features=figures["features"], k=figures["k"], runs=REFERENCE_RUNS,
            reached=reference["reached"], seconds=statistics.median(reference["seconds"]), slow=int(SLOW),
            worst=reference["worst"] / reference["best"] - 1)),
        "", *text.table(["", "setting", "seeds within 1 %", "learning until within 1 %, s", "times lohko's (target 5)",
                         "whole command, once, s", "times lohko's"], entry_rows(figures)),
        "", *text.wrap(text.FIT_READ), "", "All that was tried:", "",
        *text.table(["", "setting", "a fit, s", "within 1 %", "until within 1 %, s",
                     "inertia against the best: least, median, most"], tried_rows(figures)),
    ]  # fmt: skip


def headline(figures: dict) -> str | None:
    peers = {name: entry["fit"]["ratio"]["median"] for name, entry in figures["entries"].items() if name != OURS}
    if not peers or OURS not in figures["entries"]:
        return None
    best = min(peers, key=peers.get)
    return f"Mini-batches to within 1 % of the best Lloyd run: {peers[best]:.1f} x {best}"
