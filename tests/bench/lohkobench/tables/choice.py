"""How many segments are there? Sets whose number is known, and sets without any: how often each criterion finds it."""

import json
import shutil
from concurrent.futures import ThreadPoolExecutor

import h5py
import numpy as np

from .. import mixtures, text
from ..contest import Skip, say
from ..places import DATA, LOHKO, PEERS

GROUPS = ()
CUSTOMERS, FOR_R = 4000, 1000
MOST = 12  # segments that are tried: 2 to so many
NUMBERS = tuple(range(2, 11))
FEATURES = (2, 8)
SHAPES = ("uniform", "round", "elongated")
REPEATS = 2  # sets of each shape without segments

# What a criterion is called: (who, name).
OURS = {name: ("lohko", name.replace("_", " ")) for name in ("silhouette", "stability", "gap", "prediction_strength")}
SKLEARN = {"silhouette": ("scikit-learn", "silhouette"), "calinski_harabasz": ("scikit-learn", "Calinski-Harabasz"),
           "davies_bouldin": ("scikit-learn", "Davies-Bouldin")}  # fmt: skip
GAP, STRENGTH = ("R", "clusGap"), ("R", "prediction.strength")
CAN_SAY_NONE = (OURS["gap"], OURS["prediction_strength"], GAP, STRENGTH)
ONE_CLOUD = ("lohko", "one cloud")


def key_of(criterion: tuple[str, str]) -> str:
    return ": ".join(criterion)


# ---- sets ----


def settings_of_mixtures(quick: bool, full: bool) -> list[dict]:
    """Every number of segments, clear or overlapping, of equal sizes or not; the number of features in turn, so that
    every kind has both. `full`: every combination."""
    found = []
    for k in NUMBERS[:2] if quick else NUMBERS:
        for number, (clear, equal) in enumerate([(True, True), (True, False), (False, True), (False, False)]):
            for which, features in enumerate(FEATURES):
                if full or (k + number) % 2 == which:
                    found.append({"k": k, "clear": clear, "equal": equal, "features": features})
    return found


def settings_without(quick: bool) -> list[dict]:
    repeats = 1 if quick else REPEATS
    return [{"shape": shape, "features": features, "repeat": repeat}
            for shape in SHAPES for features in FEATURES for repeat in range(repeats)]  # fmt: skip


def make(setting: dict, number: int) -> np.ndarray:
    if "shape" in setting:
        return mixtures.without_segments([2, number], CUSTOMERS, setting["shape"], setting["features"])
    return mixtures.mixture([1, number], CUSTOMERS, setting["k"], setting["features"], setting["clear"],
                            setting["equal"])  # fmt: skip


class Set:
    """One set of customers, in the files that the contestants read, and what they say of it."""

    def __init__(self, setting: dict, number: int):
        self.setting, self.picks, self.chosen = setting, {}, None
        self.name = f"set-{number}"
        self.hdf5, self.numpy, self.text = (DATA / f"{self.name}.{suffix}" for suffix in ("h5", "npy", "txt"))
        values = make(setting, number)
        with h5py.File(self.hdf5, "w") as file:
            file["features"] = values
            file["features"].attrs["feature_names"] = [f"x{i}" for i in range(values.shape[1])]
        np.save(self.numpy, values)
        np.savetxt(self.text, values[:FOR_R])

    def remove(self) -> None:
        for path in (self.hdf5, self.numpy, self.text):
            path.unlink(missing_ok=True)


# ---- contestants ----


def by_lohko(bench, sets: list[Set]) -> None:
    """A run a set, one rank each, as many at once as there are cores."""

    def run(one: Set) -> None:
        config, results = DATA / f"{one.name}.yaml", DATA / one.name
        config.write_text(json.dumps({
            "input": {"path": str(one.hdf5)}, "prepare": {"scale": "none"}, "segments": {"k": f"2..{MOST}"},
            "hierarchy": {"leaves": 0}, "output": {"directory": str(results)}}))  # fmt: skip
        try:
            bench.run([LOHKO, "fit", config, "-q"], threads=1)
            selection = json.loads((results / "summary.json").read_text())["selection"]
        finally:
            shutil.rmtree(results, ignore_errors=True)
            config.unlink()
        one.picks |= {key_of(OURS[name]): pick for name, pick in selection["picks"].items()}
        one.picks[key_of(ONE_CLOUD)] = selection["one_cloud"]
        one.chosen = selection["chosen"]

    with ThreadPoolExecutor(bench.threads) as pool:
        list(pool.map(run, sets))


def by_sklearn(bench, sets: list[Set]) -> None:
    """A process a core, each with its share of the sets."""

    def run(first: int) -> dict:
        share = {str(one.numpy): one for one in sets[first :: bench.threads]}
        done = bench.peer("choice_sklearn.py", {"sets": list(share), "most": MOST}, threads=1) if share else {}
        for path, one in share.items():
            one.picks |= {key_of(SKLEARN[name]): pick for name, pick in done[path].items()}

    with ThreadPoolExecutor(bench.threads) as pool:
        list(pool.map(run, range(bench.threads)))


def none_of_one(pick: int) -> int:
    """What is one segment to R is none, 0, to lohko."""
    return 0 if pick == 1 else pick


def by_r(bench, sets: list[Set]) -> str:
    """Returns the versions of R and of its packages."""
    command = ["Rscript", PEERS / "choice.R", bench.threads, MOST, *(one.text for one in sets)]
    try:
        output, _ = bench.run(command, threads=1)
    except FileNotFoundError:
        raise Skip("R is not here (scripts/install-packages bench)") from None
    versions, *lines = output.strip().splitlines()
    names = {one.text.name: one for one in sets}
    for line in lines:
        name, gap, strength = line.split()
        names[name].picks |= {key_of(GAP): none_of_one(int(gap)), key_of(STRENGTH): none_of_one(int(strength))}
    return versions


def measure(bench) -> dict:
    DATA.mkdir(parents=True, exist_ok=True)
    settings = settings_of_mixtures(bench.quick, bench.full) + settings_without(bench.quick)
    sets = [Set(setting, number) for number, setting in enumerate(settings)]
    missing, versions = {}, None
    try:
        for who, contestant in (("lohko", by_lohko), ("scikit-learn", by_sklearn), ("R", by_r)):
            say(f"  {who}: {len(sets)} sets")
            try:
                versions = contestant(bench, sets)  # the last one's
            except Skip as reason:
                missing[who] = str(reason)
                say(f"  {who}: left out: {reason}")
    finally:
        for one in sets:
            one.remove()
    said = [one.setting | {"picks": one.picks, "chosen": one.chosen} for one in sets]
    return {"sets": said, "missing": missing, "r": versions}


# ---- the report ----


HOW = (
    "Mixtures of {least} to {largest} round normal segments in {features} features, {customers} customers, not "
    "standardised; {sets} sets, one of each number of segments for each column. *Clear*: the centre nearest to that of "
    "a segment is {clear[0]:g} to {clear[1]:g} of its standard deviations away, *overlapping*: {overlapping[0]:g} to "
    "{overlapping[1]:g}. *Unequal*: each segment is {falling:g} of the size of the one before, so that the smallest of "
    "{largest} has {smallest} customers. 2 to {most} segments are tried. lohko is one run a set, whose four criteria "
    "are read from its `summary.json`; scikit-learn is `KMeans(n_init=10)` with its three indices (silhouette by the "
    "Euclidean distance, lohko's by its square); R is `clusGap` (20 sets, ten starts, squared distances, the rule as "
    "published) and fpc's `prediction.strength` (ten splits, ten starts), on the first {few} customers of a set, as "
    "they take long. {versions}"
)

NONE_HOW = (
    "And where there are no segments: customers spread evenly in a cube, one round normal cloud, one that is five "
    "times as long in one direction. How often it is said that there are none, or but one; *one cloud* is lohko's own "
    "warning, whatever the criterion. Silhouette, Calinski-Harabasz, Davies-Bouldin and stability always name some "
    "number of segments."
)

KINDS = {"clear, equal": (True, True), "clear, unequal": (True, False), "overlapping, equal": (False, True),
         "overlapping, unequal": (False, False)}  # fmt: skip


def found_cell(sets: list[dict], key: str) -> str:
    """How many are right, and which way the others err."""
    errors = [(one["picks"][key] or 0) - one["k"] for one in sets if key in one["picks"]]
    if not errors:
        return ""
    few, many = sum(error < 0 for error in errors), sum(error > 0 for error in errors)
    wrong = [words for words, number in ((f"{few} too few", few), (f"{many} too many", many)) if number]
    return f"{len(errors) - few - many} of {len(errors)}" + (f" ({', '.join(wrong)})" if wrong else "")


def found_rows(figures: dict) -> list[list[str]]:
    mixed = [one for one in figures["sets"] if "k" in one]
    kinds = [[one for one in mixed if (one["clear"], one["equal"]) == kind] for kind in KINDS.values()]
    rows = []
    for criterion in (*OURS.values(), *SKLEARN.values(), GAP, STRENGTH):
        cells = [found_cell(sets, key_of(criterion)) for sets in (*kinds, mixed)]
        if cells[-1]:
            rows.append([*criterion, *cells])
    return rows


def none_rows(figures: dict) -> list[list[str]]:
    empty = [one for one in figures["sets"] if "shape" in one]
    rows = []
    for criterion in (ONE_CLOUD, *CAN_SAY_NONE):
        key, cells = key_of(criterion), []
        for shape in SHAPES:
            picks = [one["picks"][key] for one in empty if one["shape"] == shape and key in one["picks"]]
            said = sum(picks) if criterion == ONE_CLOUD else picks.count(0)
            cells.append(f"{said} of {len(picks)}" if picks else "")
        if cells[-1]:
            rows.append([*criterion, *cells])
    return rows


def words_of(one: dict) -> str:
    clear, equal = "clear" if one["clear"] else "overlapping", "equal" if one["equal"] else "unequal"
    return f"{one['k']} {clear} segments of {equal} sizes in {one['features']} features, cut into {one['chosen']}"


def false_alarms(figures: dict) -> str:
    """What lohko says of one cloud where there are segments."""
    asked = [one for one in figures["sets"] if "k" in one and one["chosen"]]
    wrong = [one for one in asked if one["picks"][key_of(ONE_CLOUD)]]
    sets = f": {'; '.join(map(words_of, wrong))}" if wrong else ""
    return (f"Of the {len(asked)} sets with segments, lohko, choosing by silhouette, warned of one cloud in "
            f"{len(wrong)}{sets}.")  # fmt: skip


def report(figures: dict, results: dict) -> list[str]:
    numbers = [one["k"] for one in figures["sets"] if "k" in one]
    how = HOW.format(
        least=min(numbers), largest=max(numbers), features=" or ".join(map(str, FEATURES)), customers=CUSTOMERS,
        sets=len(numbers), clear=mixtures.CLEAR, overlapping=mixtures.OVERLAPPING, falling=mixtures.FALLING, most=MOST,
        few=FOR_R, smallest=mixtures.sizes(CUSTOMERS, max(numbers), False)[-1],
        versions=f"Versions: {figures['r']}." if figures["r"] else "")  # fmt: skip
    return [
        "## Choosing the number of segments", "", *text.wrap(how), "",
        *text.table(["", "criterion", *KINDS, "all"], found_rows(figures)), "",
        *(line for who, why in figures["missing"].items() for line in (f"- {who}: {why}", "")),
        *text.wrap(NONE_HOW), "",
        *text.table(["", "criterion", *SHAPES], none_rows(figures)), "",
        *(text.wrap(false_alarms(figures)) if "lohko" not in figures["missing"] else []),
    ]  # fmt: skip


def headline(figures: dict) -> None:
    return None
