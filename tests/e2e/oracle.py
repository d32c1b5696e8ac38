"""The preparation and the assignments once more, in plain NumPy, for the tests to hold lohko to."""

import math
from dataclasses import dataclass

import numpy as np

# The C library's own functions, through Python: NumPy's vectorised ones may differ in the last bit.
TRANSFORMS = {
    "none": lambda value: value,
    "log": math.log,
    "log1p": math.log1p,
    "sqrt": math.sqrt,
    "asinh": math.asinh,
}


def transform(name: str, values: np.ndarray) -> np.ndarray:
    if name == "none":
        return values
    return np.array([TRANSFORMS[name](value) if value == value else math.nan for value in values])


@dataclass
class Feature:
    fill: float = math.nan
    clip_low: float = -math.inf
    clip_high: float = math.inf
    shift: float = 0.0
    factor: float = 1.0
    weight: float = 1.0
    missing: int = 0
    transform: str = "none"


def learn_feature(column, missing="median", how="none", clip=(0.0, 1.0), scale="zscore", weight=1.0) -> Feature:
    """The constants of one feature from its values (NaN for missing), of the customers that take part."""
    observed = column[~np.isnan(column)]
    feature = Feature(missing=len(column) - len(observed), transform=how, weight=weight)
    if missing == "median":
        feature.fill = float(np.median(observed))
    elif missing == "mean":
        feature.fill = float(np.mean(observed))
    shaped = transform(how, observed)
    if clip[0] > 0:
        feature.clip_low = float(np.quantile(shaped, clip[0]))
    if clip[1] < 1:
        feature.clip_high = float(np.quantile(shaped, clip[1]))
    everyone = shaped
    if feature.missing:
        everyone = np.append(shaped, np.full(feature.missing, TRANSFORMS[how](feature.fill)))
    everyone = np.clip(everyone, feature.clip_low, feature.clip_high)
    if scale == "zscore":
        feature.shift, width = everyone.mean(), everyone.std()
    elif scale == "robust":
        quartile_1, feature.shift, quartile_3 = np.clip(
            np.quantile(shaped, [0.25, 0.5, 0.75]), feature.clip_low, feature.clip_high
        )
        width = quartile_3 - quartile_1 or everyone.std()
    elif scale == "minmax":
        feature.shift, width = everyone.min(), np.ptp(everyone)
    else:
        width = 1.0
    feature.factor = weight / width
    return feature


def prepare(model: dict, names: list[str], values: np.ndarray) -> np.ndarray:
    """The prepared values by the constants of /model; float32, as lohko keeps them. `values`: columns as in `names`."""
    kept = [name.decode() for name in model["feature_names"]]
    prepared = np.empty((len(values), len(kept)), dtype=np.float32)
    for f, name in enumerate(kept):
        column = values[:, names.index(name)].astype(float)
        filled = np.where(np.isnan(column), model["fill"][f], column)
        shaped = np.clip(transform(model["transform"][f].decode(), filled), model["clip_low"][f], model["clip_high"][f])
        quantum = model["quantum"][f]
        prepared[:, f] = np.rint((shaped - model["shift"][f]) * model["factor"][f] / quantum) * quantum
    return prepared


def squared_distances(prepared: np.ndarray, centroids: np.ndarray) -> np.ndarray:
    """customers x segments, in double, feature after feature."""
    squared = np.zeros((len(prepared), len(centroids)))
    for f in range(prepared.shape[1]):
        squared += (prepared[:, f : f + 1].astype(float) - centroids[:, f]) ** 2
    return squared


def check_assignments(results, prepared: np.ndarray, rows=None):
    """Labels, distances, runners-up, shadows, sizes and inertia of `results`, against the prepared values of `rows`."""
    rows = np.arange(len(results.segment)) if rows is None else rows
    centroids = results.centroid_prepared
    squared = squared_distances(prepared, centroids)
    label = results.segment[rows]
    at = np.arange(len(rows))
    assert label.min() >= 0 and label.max() < len(centroids)
    # The nearest; where two are as near to the last bits of double, the lower number.
    nearest = squared.min(axis=1)
    own = squared[at, label]
    assert np.all(own <= nearest * (1 + 1e-12))
    exact = np.sum(squared <= nearest[:, None] * (1 + 1e-12), axis=1) == 1
    assert np.array_equal(label[exact], squared.argmin(axis=1)[exact])
    assert np.allclose(results.distance[rows], np.sqrt(own), rtol=1e-6, atol=1e-30)
    if len(centroids) == 1:
        assert np.all(results.runner_up[rows] == -1) and np.all(results.shadow[rows] == 0)
    else:
        others = squared.copy()
        others[at, label] = np.inf
        second = others.min(axis=1)
        runner_up = results.runner_up[rows]
        assert np.all(runner_up != label) and np.all(runner_up >= 0)
        assert np.all(squared[at, runner_up] <= second * (1 + 1e-12))
        shadow = 2 * np.sqrt(own) / (np.sqrt(own) + np.sqrt(second))
        assert np.allclose(results.shadow[rows], np.where(own > 0, shadow, 0), rtol=1e-6)
    assert results.size.tolist() == np.bincount(label, minlength=len(centroids)).tolist()
    inertia = float(own.sum(dtype=np.longdouble))
    assert abs(results.attributes["inertia"] - inertia) <= 1e-12 * inertia
    total = float((prepared.var(axis=0, dtype=float) * len(prepared)).sum())
    assert abs(results.attributes["explained_variance"] - (1 - inertia / total)) < 1e-9


def check_profiles(results, names: list[str], values: np.ndarray):
    """Means, deviations and medians per segment in input units; `values`: features, then columns to describe."""
    kept = [names.index(name.decode()) for name in results.model["feature_names"]]
    for h in range(len(results.size)):
        members = values[results.segment == h]
        assert len(members) == results.size[h]
        for c in range(values.shape[1]):
            column = members[:, c][~np.isnan(members[:, c])]
            found = [figure[h, c] for figure in (results.mean, results.stddev, results.median)]
            if len(column) == 0:
                assert np.isnan(found).all()
                continue
            expected = [math.fsum(column) / len(column), column.std(), np.median(column)]
            width = np.abs(column).max()
            assert np.allclose(found, expected, rtol=1e-12, atol=1e-13 * width), (h, names[c], found, expected)
            assert found[2] == expected[2]
        assert np.array_equal(results.centroid[h], results.mean[h, kept])


def check_numbering(results):
    """By falling size; equal sizes by centroid, lexicographically."""
    keys = [(-size, tuple(centroid)) for size, centroid in zip(results.size, results.centroid_prepared)]
    assert keys == sorted(keys)
