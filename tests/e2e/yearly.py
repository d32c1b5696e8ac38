"""What the tests of year on year share: customers of several years, how both commands are run, and their reports once
more by pandas and NumPy."""

import json
from types import SimpleNamespace

import h5py
import numpy as np
import oracle
import pandas as pd
from conftest import RESULT_FILES, datasets, lohko, texts, write_config
from scipy.optimize import linear_sum_assignment
from sklearn.metrics import adjusted_rand_score

FEATURES = ["recency", "orders", "basket"]
QUICK = {"hierarchy__leaves": 0, "kmeans__restarts": 3}
EPSILON = 1e-4  # of a population stability index
LEAST_SHARE = 0.1  # of both segments, for a number to be handed down

# Far apart against the spread of 1, and no two pairs are equally far. The last three are for later years.
PLACES = np.array(
    [[0, 0, 0], [60, 5, 0], [0, 50, 10], [10, 0, 70], [70, 60, 5], [60, 0, 80], [0, 70, 90], [75, 65, 55]], float
)
SIZES = [900, 700, 500, 400, 300]


# ---- customers -------------------------------------------------------------------------------------------------------


def first_year() -> dict[int, np.ndarray]:
    """Place -> the ids of its customers. Ids do not follow the places."""
    ids = 1000 + np.random.default_rng(8).permutation(sum(SIZES))
    return dict(enumerate(np.split(ids, np.cumsum(SIZES)[:-1])))


def customers(where: dict, seed: int, places=PLACES) -> tuple[np.ndarray, np.ndarray]:
    """Ids and values in a shuffled order."""
    random = np.random.default_rng(seed)
    ids = np.concatenate(list(where.values()))
    middle = np.concatenate([np.tile(places[place], (len(members), 1)) for place, members in where.items()])
    order = random.permutation(len(ids))
    return ids[order], 100 + (middle + random.standard_normal(middle.shape))[order]


def write_year(path, ids, values, names=FEATURES):
    with h5py.File(path, "w") as file:
        features = file.create_dataset("features", data=values)
        features.attrs["feature_names"] = np.array(names, dtype=h5py.string_dtype())
        if ids is not None:
            file["customer_id"] = ids
    return path


def write_labels(path, ids, labels, id_name="customer_id", label_name="label"):
    """A segmentation from elsewhere; both may be text."""
    with h5py.File(path, "w") as file:
        file[id_name], file[label_name] = (
            list(values) if isinstance(values[0], str) else np.asarray(values) for values in (ids, labels)
        )
    return path


def new_ids(count: int, year: int) -> np.ndarray:
    return year * 100_000 + np.arange(count)


# ---- runs ------------------------------------------------------------------------------------------------------------


def read_report(directory, files) -> SimpleNamespace:
    """/migration, and what the other files say of it; labels of customers where it is a fit's."""
    assert {path.name for path in directory.iterdir()} == files
    data = datasets(directory / "results.h5")
    with h5py.File(directory / "results.h5") as file:
        root = dict(file.attrs)
        attributes = dict(file["migration"].attrs) if "migration" in file else None
        next_number = file["segments"].attrs["next_number"] if "segments" in file else None
    found = {name.split("/")[1]: value for name, value in data.items() if name.startswith("migration/")}
    summary = json.loads((directory / "summary.json").read_text())
    return SimpleNamespace(
        directory=directory, path=directory / "results.h5", data=data, root=root, attributes=attributes,
        summary=summary, told=summary["migration"], next_number=next_number,
        number=data.get("segments/number"), segment=data.get("assignments/segment"),
        customer_id=data.get("assignments/customer_id"), **found,
    )


def fit_year(directory, path, previous=None, ranks=None, options=("-q",), **dotted) -> SimpleNamespace:
    settings = QUICK | {"segments__k": 5} | dotted
    if previous is not None:
        settings["previous__results"] = str(getattr(previous, "path", previous))
    config = write_config(directory, path, **settings)
    done = lohko("fit", config, *options, ranks=ranks)
    assert done.returncode == 0, done.stderr
    year = read_report(directory / "results", RESULT_FILES | ({"migration.csv"} if previous is not None else set()))
    year.stdout, year.stderr, year.config = done.stdout, done.stderr, config
    return year


def refused(directory, path, previous, ranks=None, **dotted) -> tuple[int, str]:
    """The exit code and the words of a fit that is not made."""
    settings = QUICK | {"segments__k": 5, "previous__results": str(getattr(previous, "path", previous))} | dotted
    done = lohko("fit", write_config(directory, path, **settings), "-q", ranks=ranks)
    assert done.stdout == "" and not (directory / "results" / "summary.json").exists()
    return done.returncode, done.stderr


def run_compare(before, after, output, *options, ranks=None, **keywords):
    before, after = (getattr(side, "path", side) for side in (before, after))
    return lohko(
        "compare", "--before", before, "--after", after, "--output", output, "-q", *options, ranks=ranks, **keywords
    )


def compare(before, after, output, *options, ranks=None, **keywords) -> SimpleNamespace:
    done = run_compare(before, after, output, *options, ranks=ranks, **keywords)
    assert done.returncode == 0, done.stderr
    report = read_report(output, {"results.h5", "migration.csv", "summary.json"})
    report.stdout, report.stderr = done.stdout, done.stderr
    return report


# ---- the same by pandas ----------------------------------------------------------------------------------------------


def frame(ids, segment) -> pd.DataFrame:
    table = pd.DataFrame({"id": ids, "segment": segment})
    return table[table["segment"] != -1]


def frame_of(year) -> pd.DataFrame:
    return frame(texts(year.customer_id) if year.customer_id.dtype.kind in "OS" else year.customer_id, year.segment)


def merge(before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    return before.merge(after, on="id", how="outer", suffixes=("_before", "_after"))


def crosstab(before, after, rows, columns) -> np.ndarray:
    """Segments before and new ones x segments after and lapsed."""
    merged = merge(before, after)
    was = merged["segment_before"].astype(object).where(merged["segment_before"].notna(), "(new)")
    became = merged["segment_after"].astype(object).where(merged["segment_after"].notna(), "(lapsed)")
    table = pd.crosstab(was, became)
    return table.reindex(index=[*rows, "(new)"], columns=[*columns, "(lapsed)"], fill_value=0).to_numpy()


def divide(part, whole):
    return np.where(whole > 0, part / np.maximum(whole, 1), np.nan)


def place_of(numbers) -> dict:
    return {number: place for place, number in enumerate(numbers)}


def pairs(report) -> list[tuple[int, int]]:
    """Places of the segments that are one."""
    after = place_of(report.after_segment.tolist())
    return [(i, after[number]) for i, number in enumerate(report.match.tolist()) if number >= 0]


def check_counts(report, before: pd.DataFrame, after: pd.DataFrame):
    """What is counted of the two frames; their segments are numbers, or names where the report has names."""
    rows, columns = (
        texts(getattr(report, f"{side}_name")) if hasattr(report, f"{side}_name")
        else getattr(report, f"{side}_segment").tolist()
        for side in ("before", "after")
    )
    count = crosstab(before, after, rows, columns)
    assert count.sum() == len(merge(before, after))  # nobody is in a segment that the report does not know
    assert np.array_equal(report.counts, count)
    assert np.array_equal(report.share, divide(count, count.sum(axis=1, keepdims=True)), equal_nan=True)
    told = [report.attributes[name] for name in ("shared", "new", "lapsed")]
    assert told == [count[:-1, :-1].sum(), count[-1].sum(), count[:, -1].sum()]
    both = merge(before, after).dropna()
    expected = adjusted_rand_score(both["segment_before"], both["segment_after"])
    assert abs(report.attributes["adjusted_rand"] - expected) < 1e-12


def check_matching(report, optimal=True):
    """One with one, so that most stay, without pairs that share little; what follows from it."""
    count = report.counts[:-1, :-1]
    mine = pairs(report)
    assert len({j for _, j in mine}) == len(mine)
    if optimal:
        best = [
            (i, j) for i, j in zip(*linear_sum_assignment(count, maximize=True))
            if count[i, j] > 0 and count[i, j] >= LEAST_SHARE * max(count[i].sum(), count[:, j].sum())
        ]
        assert sum(count[i, j] for i, j in mine) == sum(count[i, j] for i, j in best)
    kept = np.zeros(len(count), int)
    for i, j in mine:
        kept[i] = count[i, j]
    assert report.attributes["kept"] == kept.sum()
    everybody = report.counts[:-1].sum(axis=1)
    assert np.array_equal(report.retention, divide(kept, everybody), equal_nan=True)
    assert np.array_equal(report.retention_of_shared, divide(kept, count.sum(axis=1)), equal_nan=True)
    union = count.sum(axis=1, keepdims=True) + count.sum(axis=0) - count
    jaccard = np.divide(count, union, out=np.zeros(count.shape), where=union > 0).max(axis=1)
    assert np.allclose(report.jaccard, jaccard, rtol=1e-14, atol=0)


def summed(steps, first, second, rows, columns) -> np.ndarray:
    table = np.zeros((len(rows), len(columns)), int)
    for step in steps:
        table[rows[step[first]], columns[step[second]]] += step[3]
    return table


def check_steps(report):
    """What customers did and what the model did compose to who went where, customer by customer."""
    before = place_of([*report.before_segment.tolist(), -1])
    after = place_of(report.after_segment.tolist())
    steps = report.steps.tolist()
    assert steps == sorted(steps, key=lambda step: (before[step[0]], before[step[1]], after[step[2]]))
    assert all(step[3] > 0 for step in steps)
    assert np.array_equal(summed(steps, 0, 2, before, after), report.counts[:, :-1])
    customer = summed(steps, 0, 1, before, before)
    customer[:, -1] += report.counts[:, -1]
    assert np.array_equal(customer, report.customer_change)
    assert np.array_equal(summed(steps, 1, 2, before, after), report.model_change)
    match = dict(zip(report.before_segment.tolist(), report.match.tolist()))
    parts = dict.fromkeys(("by_customer", "by_model", "by_both", "unscored", "back"), 0)
    for was, old, now, count in (step for step in steps if step[0] >= 0):
        if now == match[was]:
            cause = "back" if old not in (was, -1) else None
        elif old == -1:
            cause = "unscored"
        elif old == was:
            cause = "by_model"
        else:
            cause = "by_customer" if now == match[old] else "by_both"
        if cause:
            parts[cause] += count
    assert parts == {name: report.attributes[f"moved_{name}"] for name in parts}
    moved = sum(parts.values()) - parts["back"]
    assert report.attributes["kept"] + moved == report.attributes["shared"]


def psi(before, now) -> float:
    p, q = (np.maximum(part / part.sum(), EPSILON) for part in (before, now))
    return float(np.sum((p - q) * np.log(p / q)))


def model_of(year) -> dict:
    return {name.split("/")[1]: value for name, value in year.data.items() if name.startswith("model/")}


def check_old_model(report, before, ids, values, after: pd.DataFrame, names=FEATURES):
    """Steps and the index of shares, by the model before of k-means in NumPy. `ids`, `values`: of the file after."""
    model = model_of(before)
    old = oracle.squared_distances(oracle.prepare(model, names, values), model["centroid"]).argmin(axis=1)
    scored = frame(ids, before.number[old]).merge(after, on="id", suffixes=("_old", "_after"))
    merged = scored.merge(frame_of(before), on="id", how="left")
    merged["segment"] = merged["segment"].fillna(-1).astype(int)
    ways = merged.groupby(["segment", "segment_old", "segment_after"]).size()
    assert {(*way, count) for way, count in ways.items()} == {tuple(step) for step in report.steps.tolist()}
    now = np.bincount(np.searchsorted(before.number, scored["segment_old"]), minlength=len(before.number))
    assert abs(report.attributes["segment_psi"] - psi(before.data["segments/size"], now)) < 1e-12


# ---- what became of segments -----------------------------------------------------------------------------------------


def answer(count, match) -> tuple[np.ndarray, np.ndarray]:
    """Of rows of customers: the parts that each splits into, and where each lives on, -1: it does neither."""
    rows, columns = count.sum(axis=1, keepdims=True), count.sum(axis=0)
    parts = (count >= 0.25 * rows) & (count >= 0.25 * columns) & (count > 0)
    parts[parts.sum(axis=1) < 2] = False
    most = count.max(axis=1)
    largest = np.array([j if j >= 0 and row[j] == row.max() else row.argmax() for row, j in zip(count, match)])
    lives = ~parts.any(axis=1) & (most >= 0.5 * rows[:, 0]) & (most > 0)
    return parts, np.where(lives, largest, -1)


def check_transitions(report):
    """By their definition, from counts and from what the model did."""
    match = np.full(len(report.match), -1)
    for i, j in pairs(report):
        match[i] = j
    count = report.counts[:-1, :-1]
    parts, heir = answer(count, match)
    asked = np.zeros(len(match), bool)
    if hasattr(report, "model_change"):
        like = report.model_change[:-1]
        like_parts, like_heir = answer(like, match)
        share = report.counts[:-1].sum(axis=1) / report.counts[:-1].sum()
        enough = (like.sum(axis=1) >= 0.25 * share * like.sum()) & (like.sum(axis=1) > 0)
        there = (heir >= 0) & (heir == match)
        scatters = (heir < 0) & ~parts.any(axis=1)
        says = ((like_heir >= 0) & (like_heir == match)) | (scatters & ((like_heir >= 0) | like_parts.any(axis=1)))
        asked = says & enough & ~there & (count.sum(axis=1) > 0)
        parts[asked], heir[asked] = like_parts[asked], like_heir[asked]
    assert report.by_likeness.tolist() == asked.astype(int).tolist()
    assert report.heir.tolist() == [-1 if j < 0 else report.after_segment[j] for j in heir]
    assert report.split_into.tolist() == [
        [report.before_segment[i], report.after_segment[j]] for i, j in np.argwhere(parts)
    ]
    for i, word in enumerate(texts(report.fate)):
        if heir[i] >= 0 and match[i] < 0 and heir[i] not in match:
            assert word in ("survives", "absorbed")
        else:
            lives = "survives" if heir[i] == match[i] else "absorbed"
            assert word == ("split" if parts[i].any() else lives if heir[i] >= 0 else "disappears")
    goes_on = {*match, *heir, *np.nonzero(parts)[1]}
    assert texts(report.origin) == ["continues" if j in goes_on else "emerges" for j in range(len(report.origin))]


# ---- the files agree -------------------------------------------------------------------------------------------------


def same_real(told, figures) -> bool:
    """JSON has no NaN."""
    return [None if np.isnan(figure) else figure for figure in figures] == list(told)


def label(report, side: str, number: int) -> str:
    """What people read; numbers of segments that have names are places."""
    names = getattr(report, f"{side}_name", None)
    return str(number) if names is None else texts(names)[number]


def fate_in_words(report, i: int) -> str:
    word = texts(report.fate)[i]
    match, heir = report.match[i], report.heir[i]
    like = " (by likeness)" if report.by_likeness[i] else ""
    parts = [label(report, "after", j) for h, j in report.split_into.tolist() if h == report.before_segment[i]]
    rest = f"; what is left of it is {label(report, 'after', match)}" if match >= 0 else ""
    if word == "split":
        is_part = [report.before_segment[i], match] in report.split_into.tolist()
        return f"split into {', '.join(parts[:-1])} and {parts[-1]}{like}{'' if is_part else rest}"
    words = {"survives": "survives as ", "absorbed": "absorbed by "}.get(word, word)
    return words + (label(report, "after", heir) if heir >= 0 else "") + like + ("" if heir == match else rest)


def check_json(report):
    told = report.told
    assert [segment["segment"] for segment in told["segments"]] == report.before_segment.tolist()
    for name in ("retention", "retention_of_shared", "jaccard"):
        assert same_real([segment[name] for segment in told["segments"]], getattr(report, name)), name
    for name in ("heir", "match"):
        numbers = [-1 if segment[name] is None else segment[name] for segment in told["segments"]]
        assert numbers == getattr(report, name).tolist(), name
    fates = texts(report.fate)
    assert [segment["fate"] for segment in told["segments"]] == fates
    assert [[s["segment"], part] for s in told["segments"] for part in s["split_into"]] == report.split_into.tolist()
    assert [segment["by_likeness"] for segment in told["segments"]] == report.by_likeness.astype(bool).tolist()
    gone = [fate == "disappears" and match < 0 for fate, match in zip(fates, report.match)]
    assert told["vanished"] == report.before_segment[gone].tolist()
    origins = texts(report.origin)
    assert [segment["origin"] for segment in told["segments_after"]] == origins
    assert told["emerged"] == [h for h, word in zip(report.after_segment, origins) if word == "emerges"]
    assert [s["customers"] for s in told["segments_after"]] == report.counts[:, :-1].sum(axis=0).tolist()
    for name in ("shared", "new", "lapsed", "kept", "before_left_out", "after_left_out"):
        assert told["customers"][name] == report.attributes[name], name
    assert told["changes"] == (
        {name: value for name, value in report.attributes.items() if name.startswith("moved_")}
        if hasattr(report, "steps") else None
    )
    if told["drift"] is not None:
        assert same_real([feature["psi"] for feature in told["drift"]["features"].values()], report.psi)
        assert told["drift"]["segment_psi"] == report.attributes["segment_psi"]


def check_csv(report):
    rows = pd.read_csv(report.directory / "migration.csv", dtype=str, keep_default_na=False)
    segments = [label(report, "before", h) for h in report.before_segment]
    assert rows["segment"].tolist() == [*segments, "new"]
    assert rows["what_became_of_it"].tolist() == [*(fate_in_words(report, i) for i in range(len(segments))), ""]
    assert rows["matched_with"].tolist() == [*(label(report, "after", h) if h >= 0 else "" for h in report.match), ""]
    columns = [f"to_{label(report, 'after', h)}" for h in report.after_segment]
    assert list(rows.columns[-len(columns):]) == columns
    assert np.array_equal(rows[columns].astype(int), report.counts[:, :-1])
    assert rows["lapsed"][:-1].astype(int).tolist() == report.counts[:-1, -1].tolist()
    whole = rows[["customers_before", "stayed", "moved", "lapsed"]][:-1].astype(int)
    assert whole["customers_before"].tolist() == report.counts[:-1].sum(axis=1).tolist()
    assert (whole["stayed"] + whole["moved"] + whole["lapsed"]).tolist() == whole["customers_before"].tolist()
    assert whole["stayed"].sum() == report.attributes["kept"]
    for name in ("retention", "jaccard"):
        found = pd.to_numeric(rows[name][:-1])
        assert np.allclose(found, getattr(report, name), atol=6e-5, equal_nan=True), name


def check_report(report, before: pd.DataFrame, after: pd.DataFrame, optimal=True):
    """All that follows from who is where, in all three files."""
    check_counts(report, before, after)
    check_matching(report, optimal)
    if hasattr(report, "steps"):
        check_steps(report)
    check_transitions(report)
    check_json(report)
    check_csv(report)


def fates(report) -> dict:
    return dict(zip(report.before_segment.tolist(), texts(report.fate)))


def origins(report) -> dict:
    return dict(zip(report.after_segment.tolist(), texts(report.origin)))
