"""Stability and the choice of the number of segments once more, in NumPy and SciPy, for the tests to hold lohko to."""

import csv
import math

import h5py
import numpy as np
import oracle
from scipy.optimize import linear_sum_assignment
from scipy.stats import entropy, poisson
from sklearn.metrics import adjusted_rand_score
from sklearn.metrics.cluster import contingency_matrix

CLOSE = 1e-9  # relative: what is nearer together counts as equal
REPLICATE, HALF, SAMPLE = 10, 12, 14  # what a draw is for, as core/random.h numbers it
CRITERIA = ["silhouette", "stability", "gap", "prediction_strength"]
PART_OF_ONE_CLOUD = "part of one cloud"


def clear_groups(customers: int, features: int, groups: int, seed: int) -> np.ndarray:
    """Round clouds of like spread, each at least ten deviations from all others and up to three times as large."""
    random = np.random.default_rng(seed)
    middle = np.empty((0, features))
    while len(middle) < groups:
        at = random.uniform(-20, 20, features) * groups ** (1 / features)
        if (np.linalg.norm(middle - at, axis=1) >= 10).all():
            middle = np.append(middle, [at], axis=0)
    share = random.uniform(1, 3, groups)
    cloud = random.choice(groups, customers, p=share / share.sum())
    return middle[cloud] + random.standard_normal((customers, features))


def on_grid(values) -> np.ndarray:
    """Multiples of 1/8, which preparation leaves as they are: distances and sums are exact in any order."""
    return np.rint(values * 8) / 8


def close(found, expected) -> bool:
    return np.allclose(found, expected, rtol=CLOSE, atol=CLOSE, equal_nan=True)


# ---- random weights --------------------------------------------------------------------------------------------------


def philox(counter, key) -> np.ndarray:
    """Philox4x32-10 (Salmon et al., SC 2011) of counters x 4, as the paper defines it."""
    low = np.uint64(0xFFFFFFFF)
    c = np.asarray(counter, np.uint64).reshape(-1, 4).T
    k = [np.uint64(word) for word in key]
    for _ in range(10):
        first, second = c[0] * np.uint64(0xD2511F53), c[2] * np.uint64(0xCD9E8D57)
        c = [second >> np.uint64(32) ^ c[1] ^ k[0], second & low, first >> np.uint64(32) ^ c[3] ^ k[1], first & low]
        k = [k[0] + np.uint64(0x9E3779B9) & low, k[1] + np.uint64(0xBB67AE85) & low]
    return np.stack(c, axis=1).astype(np.uint32)


def draw(seed: int, purpose: int, rows, index: int) -> np.ndarray:
    rows = np.asarray(rows, np.uint64)
    rest = [np.full(len(rows), value, np.uint64) for value in (index, purpose)]
    counter = np.stack([rows & np.uint64(0xFFFFFFFF), rows >> np.uint64(32), *rest], axis=1)
    return philox(counter, [seed & 0xFFFFFFFF, seed >> 32])


def replicate_weights(seed: int, replicate: int, rows) -> np.ndarray:
    """How often each customer is drawn: a Poisson(1) number, by its distribution function."""
    word = draw(seed, REPLICATE, rows, replicate // 4)[:, replicate % 4]
    return np.searchsorted(np.rint(2.0**32 * poisson.cdf(np.arange(12), 1)), word, side="right")


def is_first_half(seed: int, split: int, rows) -> np.ndarray:
    return draw(seed, HALF, rows, split // 4)[:, split % 4] >= 2**31


def sample_of(seed: int, rows, size: int) -> np.ndarray:
    """Which of the rows have the lowest keys."""
    words = draw(seed, SAMPLE, rows, 0).astype(np.uint64)
    return np.argsort((words[:, 1] << np.uint64(32) | words[:, 0]) >> np.uint64(1), kind="stable")[:size]


# ---- replicates ------------------------------------------------------------------------------------------------------


def nearest(prepared, centroids) -> np.ndarray:
    return oracle.squared_distances(prepared, centroids).argmin(axis=1)


def table_of(label, other, k: int, columns: int) -> np.ndarray:
    count = np.zeros((k, columns), np.int64)
    np.add.at(count, (label, other), 1)
    return count


def jaccard_of(count) -> np.ndarray:
    """Of each row: max |S and T| / |S or T|."""
    union = count.sum(axis=1, keepdims=True) + count.sum(axis=0, keepdims=True) - count
    return (count / np.maximum(union, 1)).max(axis=1)


def verdict_of(value: float, one_cloud) -> str:
    if one_cloud:
        return PART_OF_ONE_CLOUD
    words = {0.85: "highly stable", 0.75: "stable", 0.6: "a pattern, members doubtful", -math.inf: "do not trust"}
    return next(word for bound, word in words.items() if value >= bound)


def is_only_match(count) -> bool:
    """Whether one matching of rows and columns has more customers on it than all others."""
    row, column = linear_sum_assignment(-count)
    most = count[row, column].sum()
    for i, j in zip(row, column):
        other = count.astype(float)
        other[i, j] = -1
        if other[linear_sum_assignment(-other)].sum() >= most:
            return False
    return True


def check_replicates(results, others, exact_match=True):
    """ari, jaccard and what comes of them, from the labels of each replicate for the customers that take part.
    `exact_match`: that the matching of the segments leaves no choice is expected too."""
    data = results.data
    rows = np.flatnonzero(results.segment >= 0)
    label = results.segment[rows]
    k = len(results.size)
    tables = [table_of(label, other, k, k) for other in others]
    jaccard = np.array([jaccard_of(count) for count in tables])
    assert data["stability/ari"].shape == (len(others),) and data["stability/jaccard"].shape == jaccard.shape
    assert close(data["stability/ari"], [adjusted_rand_score(label, other) for other in others])
    assert close(data["stability/jaccard"], jaccard)
    assert close(data["stability/segment"], jaccard.mean(axis=0))
    found = data["stability/jaccard"]  # on the bounds the last bit decides
    assert data["stability/recovered"].tolist() == (found > 0.75).sum(axis=0).tolist()
    assert data["stability/dissolved"].tolist() == (found <= 0.5).sum(axis=0).tolist()
    membership = data["stability/membership"]
    assert membership.dtype == np.float32 and membership.shape == results.segment.shape
    assert np.isnan(np.delete(membership, rows)).all()
    unique = [is_only_match(count) for count in tables]
    assert all(unique) or not exact_match
    if all(unique):
        stays = np.zeros(len(rows))
        for other, count in zip(others, tables):
            row, column = linear_sum_assignment(-count)
            stays += column[np.argsort(row)][label] == other
        assert np.array_equal(membership[rows], stays.astype(np.float32) / np.float32(len(others)))
    times = np.rint(membership[rows] * len(others))  # the most customers that any matching keeps
    assert np.array_equal(membership[rows], times / np.float32(len(others)))
    assert times.sum() == sum(count[linear_sum_assignment(-count)].sum() for count in tables)


def check_words(results):
    """Verdicts, in all files, follow from the figures."""
    attributes = group_attributes(results, "stability")
    one_cloud = group_attributes(results, "selection")["one_cloud"]
    mean = results.data["stability/ari"].mean()
    assert close(attributes["mean_ari"], mean) and attributes["verdict"] == verdict_of(mean, one_cloud)
    words = [verdict_of(value, one_cloud) for value in results.data["stability/segment"]]
    assert [word.decode() for word in results.data["stability/verdict"]] == words
    told = results.summary["stability"]
    assert told["verdict"] == attributes["verdict"] and told["mean_ari"] == attributes["mean_ari"]
    assert told["ari"] == results.data["stability/ari"].tolist()
    row = results.summary["selection"]["tried"][chosen_row(results)]
    assert told["prediction_strength"] == row["prediction_strength"]
    for h, (segment, line) in enumerate(zip(results.summary["segments"], csv_rows(results))):
        silhouette = results.data["stability/silhouette"][h]
        assert segment["stability"] == results.data["stability/segment"][h] and segment["verdict"] == words[h]
        assert line["stability"] == f"{segment['stability']:.4f}" and line["verdict"] == words[h]
        assert segment["silhouette"] == (None if np.isnan(silhouette) else silhouette)
        assert line["silhouette"] == ("" if np.isnan(silhouette) else f"{silhouette:.4f}")
    printed = " ".join(results.stdout.split())
    said = "" if one_cloud else f" ({attributes['verdict']})"  # of one cloud there is a warning instead
    # Nothing is said of one segment, which always comes out again.
    assert (f"mean adjusted Rand index of {mean:.2f}{said}; " in printed) == (len(words) > 1)
    assert "nan" not in printed.split() and "nan." not in printed
    for value, word in zip(results.data["stability/segment"], words):
        assert f" {value:.2f} {word} " in printed


def csv_rows(results) -> list[dict]:
    with open(results.directory / "segments.csv", newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def group_attributes(results, group: str) -> dict:
    with h5py.File(results.directory / "results.h5") as file:
        return dict(file[group].attrs)


def chosen_row(results) -> int:
    return results.data["selection/k"].tolist().index(group_attributes(results, "selection")["chosen"])


# ---- consecutive numbers of segments ---------------------------------------------------------------------------------


def level_stability(count) -> np.ndarray:
    """Of each column: 1 - H / log(rows)."""
    return 1 - entropy(count, axis=0) / math.log(len(count)) if len(count) > 1 else np.ones(count.shape[1])


def check_levels(results, labels: dict):
    """labels: those of every number that was tried, of the customers that take part."""
    tried = results.data["selection/k"].tolist()
    names = [name for name in results.data if name.startswith("stability/level_")]
    assert sorted(names) == sorted(f"stability/level_{what}{k}" for k in tried[1:] for what in ("", "counts_"))
    for before, k in zip(tried, tried[1:]):
        count = contingency_matrix(labels[before], labels[k])
        assert np.array_equal(results.data[f"stability/level_counts_{k}"], count)
        assert close(results.data[f"stability/level_{k}"], level_stability(count))


# ---- the choice ------------------------------------------------------------------------------------------------------


def pick_silhouette(table, one):
    return None if np.isnan(table["silhouette"]).all() else table["k"][np.nanargmax(table["silhouette"])]


def pick_stability(table, one):
    """The most whose replicates agree as well as the best, within 0.02; one segment always comes out again."""
    value = np.where(table["k"] > 1, table["stability"], np.nan)
    return None if np.isnan(value).all() else table["k"][np.flatnonzero(value >= np.nanmax(value) - 0.02)[-1]]


def pick_gap(table, one):
    """The fewest with gap(k) >= gap(next) - error(next), one segment (0) before them; up to the first without a gap."""
    known = np.flatnonzero(np.isnan(np.append(table["gap"], np.nan)))[0]
    if math.isnan(one["gap"]) or known == 0:
        return None
    k, gap, error = (table[name][:known] for name in ("k", "gap", "gap_error"))
    if k[0] > 1:
        k, gap, error = np.append(1, k), np.append(one["gap"], gap), np.append(one["gap_error"], error)
    content = np.flatnonzero(gap[:-1] >= gap[1:] - error[1:])
    pick = k[content[0] if len(content) else -1]
    return 0 if pick == 1 else pick


def pick_strength(table, one):
    """The most with at least 0.8; 0 where none has that."""
    value = table["prediction_strength"][table["k"] > 1]
    if np.isnan(value).all():
        return None
    strong = np.flatnonzero(value >= 0.8)
    return table["k"][table["k"] > 1][strong[-1]] if len(strong) else 0


PICKS = dict(zip(CRITERIA, [pick_silhouette, pick_stability, pick_gap, pick_strength]))


def fallback(table, criterion: str) -> int:
    """Taken where the criterion finds no segments: what it likes best."""
    if table["k"][0] == 1:
        return 1
    return table["k"][np.nanargmax(table["gap" if criterion == "gap" else "prediction_strength"])]


def check_choice(results, criterion: str):
    """The rules of all criteria, from the columns; what is said of the choice, in all files and on stdout."""
    table = {name.split("/")[1]: data for name, data in results.data.items() if name.startswith("selection/")}
    attributes = group_attributes(results, "selection")
    one = {"gap": attributes["gap_of_one_segment"], "gap_error": attributes["gap_error_of_one_segment"]}
    picks = {name: pick(table, one) for name, pick in PICKS.items()}
    told = results.summary["selection"]
    assert told["picks"] == picks
    expected = table["k"][0] if picks[criterion] is None else picks[criterion] or fallback(table, criterion)
    assert attributes["chosen"] == told["chosen"] == expected == len(results.size) == results.summary["k"]
    name = criterion.replace("_", " ")
    assert attributes["criterion"] == told["criterion"] == name
    assert attributes["reason"] == told["reason"] and attributes["warnings"] == told["warnings"]
    assert told["reason"].startswith(f"{expected} segment{'' if expected == 1 else 's'}, by {name}: ")
    assert told["one_cloud"] == bool(attributes["one_cloud"])
    known = [pick for pick in picks.values() if pick is not None]
    assert ("The criteria disagree" in told["warnings"]) == (len(set(known)) > 1)
    for pick, word in ((pick, name.replace("_", " ")) for name, pick in picks.items() if pick is not None):
        assert len(set(known)) == 1 or f"{word} {pick or 'none'}" in told["warnings"]
    printed = " ".join(results.stdout.split())
    assert told["reason"] in printed and " ".join(told["warnings"].split()) in printed
    for i, row in enumerate(told["tried"]):
        assert all(row[column] == (values[i] if np.isfinite(values[i]) else None) for column, values in table.items())
        stable, is_chosen = table["stability"][i], row["k"] == expected
        # Of one cloud's other cuts nothing is said.
        is_silent = np.isnan(stable) or (told["one_cloud"] and not is_chosen)
        assert row["verdict"] == (None if is_silent else verdict_of(stable, told["one_cloud"]))
    lines = [line for line in results.stdout.splitlines() if line[:1] in " >" and line[1:8].strip().isdigit()]
    marked = [int(line[1:8]) for line in lines if line.startswith(">")]
    assert marked == [expected] and {int(line[1:8]) for line in lines} >= set(table["k"].tolist())
    shown = {int(line[1:8]): line for line in lines[::-1]}  # the table comes first
    for row in told["tried"]:
        figure = "-" if row["stability"] is None else f"{row['stability']:.2f}"
        assert shown[row["k"]].endswith(row["verdict"] or f" {figure}")
