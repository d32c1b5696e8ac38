"""Every setting of the preparation: the constants in /model and the prepared values, against NumPy."""

import itertools
import math

import numpy as np
import oracle
import pytest
from conftest import blobs, fit, lohko, with_holes, write_config, write_matrix

NAMES = ["plain", "money", "flag", "sparse"]


def awkward(customers=3001) -> np.ndarray:
    """A plain column, a heavy tail, a flag that is mostly 0 (its quartiles are equal), one that is half missing."""
    random = np.random.default_rng(11)
    values = np.column_stack([
        random.normal(100, 15, customers),
        random.lognormal(4, 1.5, customers),
        random.random(customers) < 0.1,
        np.where(random.random(customers) < 0.5, np.nan, random.gamma(2, 5, customers) + 1),
    ])
    values[:, 1] = with_holes(values[:, 1:2], 0.03, 12)[:, 0]
    return values


def check_constants(model, names, values, missing="median", how=None, clip=(0.0, 1.0), scale="zscore", weight=None):
    kept = [name.decode() for name in model["feature_names"]]
    for f, name in enumerate(kept):
        shape, weighs = (how or {}).get(name, "none"), (weight or {}).get(name, 1)
        expected = oracle.learn_feature(values[:, names.index(name)], missing, shape, clip, scale, weighs)
        assert model["missing"][f] == expected.missing and model["weight"][f] == expected.weight
        assert model["transform"][f].decode() == expected.transform
        width = expected.weight / expected.factor
        for constant in ("clip_low", "clip_high", "shift"):
            found = model[constant][f]
            assert found == pytest.approx(getattr(expected, constant), rel=1e-13, abs=1e-13 * width), (name, constant)
        if expected.missing:
            assert model["fill"][f] == pytest.approx(expected.fill, rel=1e-13), name
        assert model["factor"][f] == pytest.approx(expected.factor, rel=1e-12), name


def check_quanta(model, prepared):
    """A power of two; all sums over all customers, 16 times over, are exact in double; no coarser than need be."""
    for quantum, column in zip(model["quantum"], prepared.T.astype(float)):
        assert math.frexp(quantum)[0] == 0.5
        assert np.all(column / quantum == np.rint(column / quantum))
        assert 16 * math.fsum(np.abs(column)) < 2**53 * quantum
        assert 16 * math.sqrt(len(column) * math.fsum(column**2)) > 2**53 * quantum / 4.1


def check_all(tmp_path, values, names=NAMES, ranks=None, rows=None, **settings):
    dotted = {"prepare__" + {"how": "transform"}.get(key, key): value for key, value in settings.items()}
    if "clip" in settings:
        dotted["prepare__clip"] = list(settings["clip"])
    results = fit(tmp_path, write_matrix(tmp_path / "in.h5", values, names), ranks=ranks, segments__k=3, **dotted)
    used = values if rows is None else values[rows]
    check_constants(results.model, names, used, **settings)
    prepared = oracle.prepare(results.model, names, used)
    check_quanta(results.model, prepared)
    oracle.check_assignments(results, prepared, rows)
    return results


@pytest.mark.parametrize("scale,missing", itertools.product(["zscore", "robust", "minmax", "none"], ["median", "mean"]))
def test_scale_and_missing_with_clip_transform_weight(tmp_path, scale, missing):
    settings = {"how": {"money": "log1p", "sparse": "sqrt"}, "weight": {"money": 2.5, "flag": 0.5}}
    check_all(tmp_path, awkward(), scale=scale, missing=missing, clip=(0.01, 0.95), **settings)


@pytest.mark.parametrize("scale", ["zscore", "robust", "minmax", "none"])
def test_scale_alone(tmp_path, scale):
    check_all(tmp_path, awkward(), scale=scale)


@pytest.mark.parametrize("how", ["none", "log", "log1p", "sqrt", "asinh"])
def test_transform(tmp_path, how):
    values = np.abs(awkward()) + 0.25
    check_all(tmp_path, values, how={name: how for name in NAMES})


@pytest.mark.parametrize("clip", [(0, 0.9), (0.1, 1), (0.001, 0.999), (0.25, 0.75), (0.3, 0.31)])
@pytest.mark.parametrize("ranks", [None, 3])
def test_clip(tmp_path, clip, ranks):
    check_all(tmp_path, awkward()[:, [0, 1, 3]], ["plain", "money", "sparse"], ranks, clip=clip)


@pytest.mark.parametrize("customers", [2, 3, 5, 1023, 1024, 1025, 2049])
def test_quantiles_of_few_customers(tmp_path, customers):
    """Interpolated between neighbours; the ends of blocks."""
    values = np.random.default_rng(customers).normal(size=(customers, 2))
    path = write_matrix(tmp_path / "in.h5", values, ["a", "b"])
    settings = {"clip": (0.05, 0.9), "scale": "robust"}
    results = fit(tmp_path, path, segments__k=2, prepare__clip=[0.05, 0.9], prepare__scale="robust")
    check_constants(results.model, ["a", "b"], values, **settings)


def test_negative_values_tiny_and_huge(tmp_path):
    """Quantiles and moments of numbers of every magnitude; negative zero is zero."""
    random = np.random.default_rng(5)
    values = np.column_stack([
        random.normal(size=2500) * 1e-20,
        random.normal(size=2500) * 1e20 + 3e20,
        random.standard_t(2, 2500),
        random.choice([0.0, -0.0, -1.0], 2500),
    ])
    check_all(tmp_path, values, clip=(0.05, 0.95))


def test_a_large_mean_loses_nothing(tmp_path):
    """Naive sums of squares would lose all of a spread of 1 around 1e9."""
    values = 1e9 + np.random.default_rng(6).integers(0, 10, (4000, 2)).astype(float)
    check_all(tmp_path, values, ["a", "b"])


@pytest.mark.parametrize("ranks", [None, 3])
def test_drop_leaves_customers_out(tmp_path, ranks):
    values = awkward()
    rows = np.flatnonzero(~np.isnan(values).any(axis=1))
    results = check_all(tmp_path, values, ranks=ranks, rows=rows, missing="drop")
    out = np.setdiff1d(np.arange(len(values)), rows)
    assert np.all(results.segment[out] == -1) and np.all(results.runner_up[out] == -1)
    assert np.isnan(results.distance[out]).all() and np.isnan(results.shadow[out]).all()
    assert results.attributes["customers"] == len(values) and results.attributes["customers_used"] == len(rows)
    assert "left out" in results.stdout
    table = values.copy()
    table[out] = np.nan
    oracle.check_profiles(results, NAMES, table)


def test_drop_minds_the_features_only(tmp_path):
    """A missing value in a column that is only described leaves nobody out."""
    path = write_matrix(tmp_path / "in.h5", awkward(), NAMES)
    chosen = {"features__use": ["plain", "flag"], "features__profile": ["sparse"]}
    results = fit(tmp_path, path, prepare__missing="drop", **chosen)
    assert results.segment.min() == 0


def test_missing_error_names_column_and_row(tmp_path):
    values = blobs(2500, 3, 2, 1)
    values[2049, 1] = np.nan
    values[2100, 0] = np.nan
    config = write_config(tmp_path, write_matrix(tmp_path / "in.h5", values, ["a", "b", "c"]), prepare__missing="error")
    for ranks in (None, 3):
        done = lohko("fit", config, "-q", ranks=ranks)
        assert done.returncode == 65 and "b is missing in row 2049" in done.stderr, done.stderr


@pytest.mark.parametrize("clip", [None, (0.02, 0.98)])
def test_constant_and_empty_columns_are_dropped_with_a_word(tmp_path, clip):
    """Also one that only varies in what is missing, and one that is constant once it is clipped."""
    values = blobs(2000, 6, 4, 2)
    values[:, 1] = 7.25
    values[:, 2] = np.nan
    values[:, 3] = np.where(np.arange(2000) % 2, 3.0, np.nan)
    values[:, 4] = 0
    values[5, 4] = 1
    names = ["a", "same", "empty", "holes", "rare", "b"]
    settings = {"prepare__clip": list(clip)} if clip else {}
    results = fit(tmp_path, write_matrix(tmp_path / "in.h5", values, names), **settings)
    kept = ["a", "b"] if clip else ["a", "rare", "b"]
    assert [name.decode() for name in results.model["feature_names"]] == kept
    for name in set(names) - set(kept):
        assert sum(line.startswith(f"lohko: {name} ") for line in results.stderr.splitlines()) == 1, results.stderr
    # They are described all the same.
    assert results.mean.shape == (4, 6) and np.all(results.mean[:, 1] == 7.25) and np.isnan(results.mean[:, 2]).all()
    oracle.check_assignments(results, oracle.prepare(results.model, names, values))
    oracle.check_profiles(results, names, values)


@pytest.mark.parametrize("value,row,words", [
    (np.inf, 2400, "infinite"), (-np.inf, 0, "infinite"), (1e308, 1024, "1e+308"),
])
@pytest.mark.parametrize("ranks", [None, 3])
def test_values_that_cannot_be_used(tmp_path, value, row, words, ranks):
    values = blobs(2500, 3, 2, 1)
    values[row, 2] = value
    values[row:, 0] = value if row else values[:, 0]
    values[row, 0] = 1
    config = write_config(tmp_path, write_matrix(tmp_path / "in.h5", values, ["a", "b", "spent"]))
    done = lohko("fit", config, "-q", ranks=ranks)
    assert done.returncode == 65
    assert "spent" in done.stderr and f"row {row}" in done.stderr and words in done.stderr, done.stderr


@pytest.mark.parametrize("how,value", [("log", 0.0), ("log", -2.0), ("log1p", -1.0), ("sqrt", -0.5)])
def test_outside_the_domain_of_a_transform(tmp_path, how, value):
    values = np.abs(blobs(2500, 2, 2, 1)) + 1
    values[1500, 1] = value
    config = write_config(
        tmp_path, write_matrix(tmp_path / "in.h5", values, ["a", "spent"]), prepare__transform={"spent": how}
    )
    done = lohko("fit", config, "-q")
    assert done.returncode == 65 and "spent" in done.stderr and "row 1500" in done.stderr and how in done.stderr


@pytest.mark.parametrize("key", ["transform", "weight"])
def test_settings_for_an_unknown_feature(tmp_path, key):
    path = write_matrix(tmp_path / "in.h5", blobs(100, 2, 2, 1), ["a", "b"])
    value = {"nosuch": "log1p" if key == "transform" else 2.0}
    done = lohko("fit", write_config(tmp_path, path, **{f"prepare__{key}": value}), "-q")
    assert done.returncode == 78 and "nosuch" in done.stderr and f"prepare.{key}" in done.stderr
