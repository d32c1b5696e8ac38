"""Real customers, through scripts/to_hdf5: as good as the best of ten of scikit-learn, labels and inertia true."""

import gzip
import warnings

import h5py
import numpy as np
import oracle
import pytest
from conftest import SHARED, fit, lohko, write_config
from sklearn.cluster import KMeans

warnings.filterwarnings("ignore", module="sklearn")

# What a user would set for each: heavy tails are transformed, small counts are not.
SETS = {
    "credit_card_holders": {"prepare__transform": {"balance": "log1p", "purchases": "log1p", "payments": "log1p"}},
    "online_retail_ii_2010": {"prepare__clip": [0.001, 0.999]},
    "cdnow_period1": {"prepare__scale": "robust", "prepare__clip": [0, 0.99]},
    "hillstrom_customers": {},
    "fremtpl2_policies": {},
}
SEGMENTS = {"fremtpl2_policies": (4, 8)}


def read(path) -> tuple[list[str], np.ndarray]:
    with h5py.File(path) as file:
        return list(file["features"].attrs["feature_names"]), file["features"][:].astype(float)


def best_of_ten(prepared, k) -> float:
    """scikit-learn's inertia, measured in double on the same values."""
    model = KMeans(n_clusters=k, n_init=10, random_state=1).fit(prepared)
    return oracle.squared_distances(prepared, model.cluster_centers_.astype(float)).min(axis=1).sum()


def check(results, path, k):
    names, values = read(path)
    prepared = oracle.prepare(results.model, names, values)
    oracle.check_assignments(results, prepared)
    oracle.check_numbering(results)
    assert len(results.size) == k
    assert results.attributes["inertia"] <= 1.005 * best_of_ten(prepared, k)


@pytest.mark.parametrize("name,k", [(name, k) for name in SETS for k in SEGMENTS.get(name, (3, 6, 9, 12))])
def test_as_good_as_scikit_learn(tmp_path, real_data, name, k):
    path = real_data(name)
    results = fit(tmp_path, path, ranks=2, timeout=120, segments__k=k, **SETS[name])
    check(results, path, k)


@pytest.mark.parametrize("k", [3, 6, 9, 12])
def test_generated(tmp_path, k):
    path = tmp_path / "generated.h5"
    sizes = ["--customers", 30_000, "--features", 8, "--segments", 8, "--missing", 0.01]
    assert lohko("generate", *sizes, "--output", path).returncode == 0
    results = fit(tmp_path, path, ranks=2, segments__k=k, kmeans__batch=4096)
    check(results, path, k)


@pytest.mark.parametrize("name", ["hillstrom_customers", "credit_card_holders"])
def test_profiles(tmp_path, real_data, name):
    path = real_data(name)
    names, values = read(path)
    oracle.check_profiles(fit(tmp_path, path, segments__k=5, **SETS[name]), names, values)


def test_repeated_ids(tmp_path, real_data):
    """Three policies of this set occur twice: named by default, and only then left out."""
    path = real_data("fremotor_2003")
    with gzip.open(SHARED / "fremotor_2003.csv.gz", "rt") as file:
        ids = [line.split(",")[0] for line in file][1:]
    seen, again = set(), []
    for row, name in enumerate(ids):
        if name in seen:
            again.append((row, name))
        seen.add(name)
    assert len(again) == 3
    done = lohko("fit", write_config(tmp_path, path), "-q")
    assert done.returncode == 65 and all(name in done.stderr and str(row) in done.stderr for row, name in again)
    results = fit(tmp_path / "first", path, ranks=2, options=(), input__duplicates="first")
    assert np.flatnonzero(results.segment == -1).tolist() == [row for row, _ in again]
    assert "3 rows left out: the customer id was there before" in results.stderr
    names, values = read(path)
    rows = np.flatnonzero(results.segment >= 0)
    oracle.check_assignments(results, oracle.prepare(results.model, names, values[rows]), rows)
