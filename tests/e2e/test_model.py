"""What results.h5 holds for scoring customers later and comparing them with those of the fit, against NumPy."""

import math
from types import SimpleNamespace

import h5py
import numpy as np
import oracle
import pytest
from conftest import blobs, fit, with_holes, write_matrix

NAMES = ["spend", "visits", "age", "same", "region"]


def read_model(results) -> SimpleNamespace:
    """/model with its attributes, and the numbers of the segments. A dataset with two names is found under both."""
    with h5py.File(results.directory / "results.h5") as file:
        model = {name: item[()] for name, item in file["model"].items()}
        return SimpleNamespace(
            datasets=model,
            attributes=dict(file["model"].attrs),
            number=file["segments/number"][()],
            next_number=file["segments"].attrs["next_number"],
        )


def customers(count: int, seed=1) -> np.ndarray:
    """Columns with few values, with many, with signs, and with one."""
    values = np.empty((count, len(NAMES)))
    values[:, :3] = blobs(count, 3, 4, seed)
    values[:, 1] = np.round(values[:, 1] / 10)
    values[:, 2] -= 50
    values[:, 3] = 7
    values[:, 4] = np.random.default_rng(seed).integers(0, 3, count)
    return values


def taking_part(results) -> np.ndarray:
    return results.segment >= 0


def check_spread(results, values: np.ndarray):
    model = read_model(results)
    part = taking_part(results)
    used = int(part.sum())
    assert model.datasets["decile"].shape == model.datasets["decile_upto"].shape == (results.centroid.shape[1], 9)
    for f, name in enumerate(results.model["feature_names"]):
        column = values[part, NAMES.index(name.decode())]
        present = np.sort(column[~np.isnan(column)])
        ranks = [math.floor(tenth / 10 * (len(present) - 1)) for tenth in range(1, 10)]
        assert np.array_equal(model.datasets["decile"][f], present[ranks]), name
        upto = [int((present <= edge).sum()) for edge in present[ranks]]
        assert model.datasets["decile_upto"][f].tolist() == upto, name
        assert model.datasets["missing"][f] == used - len(present)
        assert math.isclose(model.datasets["deviation"][f], present.std(), rel_tol=1e-12)
    distance = np.sort(results.distance[part])
    assert distance.dtype == np.float32
    assert model.attributes["far"] == distance[used - 1 - used // 1000]
    assert (distance > model.attributes["far"]).sum() <= used // 1000
    assert model.number.tolist() == list(range(len(results.size))) and model.number.dtype == np.int64
    assert model.next_number == len(results.size)
    return model


CASES = {
    "plain": {},
    "ids repeated": {"input__duplicates": "first"},
    "filled with medians": {"holes": 0.1},
    "filled with means": {"holes": 0.1, "prepare__missing": "mean"},
    "dropped": {"holes": 0.1, "prepare__missing": "drop"},
    "an error": {"prepare__missing": "error"},
    "transformed and clipped": {
        "prepare__transform": {"spend": "asinh"},
        "prepare__clip": [0.01, 0.98],
        "prepare__weight": {"visits": 2.5},
        "prepare__scale": "robust",
    },
    "one segment": {"segments__k": 1},
    "a tree": {"segments__method": "hierarchy", "hierarchy__leaves": 50},
}


@pytest.mark.parametrize("case", CASES)
def test_customers_are_described(tmp_path, case):
    options = dict(CASES[case])
    values = customers(5000)
    holes = options.pop("holes", 0)
    if holes:
        values[:, :3] = with_holes(values[:, :3], holes, 3)
    ids = np.arange(5000)
    if "input__duplicates" in options:
        ids = ids // 3 * 2
    path = write_matrix(tmp_path / "in.h5", values, NAMES, ids)
    results = fit(tmp_path, path, ranks=2, features__profile=["region"], **options)
    model = check_spread(results, values)
    assert model.attributes["missing"] == options.get("prepare__missing", "median")
    assert [name.decode() for name in results.model["feature_names"]] == NAMES[:3]
    with h5py.File(results.directory / "results.h5") as file:
        assert file["segments/mean"].attrs["feature_names"].tolist() == NAMES


@pytest.mark.parametrize("count", [2, 3, 11, 1000, 1001, 1025])
def test_few_customers(tmp_path, count):
    values = customers(count, seed=count)
    path = write_matrix(tmp_path / "in.h5", values, NAMES)
    check_spread(fit(tmp_path, path, ranks=3, segments__k=2), values)


def test_a_single_large_distance(tmp_path):
    """Nearly all at one place: the quantile is of those at the centroid or of the few others."""
    values = np.zeros((4000, 2))
    values[::500] = [[900, 1000]]
    values[7] = [5, 5]
    with h5py.File(tmp_path / "in.h5", "w") as file:
        file["features"] = values
    results = fit(tmp_path, tmp_path / "in.h5", segments__k=1)
    distance = np.sort(results.distance)
    far = read_model(results).attributes["far"]
    assert far == distance[3999 - 4]
    assert (distance > far).sum() <= 4


# ---- segments that are a cut of a tree ----


def check_leaves(results, values: np.ndarray):
    """The segment of the nearest leaf is that of the customer, where one is nearest beyond the last bits."""
    model = read_model(results)
    part = taking_part(results)
    prepared = oracle.prepare(results.model, NAMES[: values.shape[1]], values[part])
    place, segment = model.datasets["leaf_centroid"], model.datasets["leaf_segment"]
    assert segment.dtype == np.int32 and segment.shape == place.shape[:1]
    assert set(segment) == set(range(len(results.size)))
    label = results.segment[part]
    for begin in range(0, len(prepared), 1000):
        squared = oracle.squared_distances(prepared[begin : begin + 1000], place.astype(float))
        nearest = squared.argmin(axis=1)
        second = np.partition(squared, 1, axis=1)[:, 1]
        clear = second > squared.min(axis=1) * (1 + 1e-9)
        alike = squared == squared.min(axis=1)[:, None]
        for row in np.flatnonzero(~clear):  # leaves at one place, or nearly, are in one segment here
            assert len(set(segment[alike[row]])) == 1
        assert np.array_equal(segment[nearest][clear], label[begin : begin + 1000][clear])
    return model, part


@pytest.mark.parametrize("leaves", [8, 300])
def test_micro_clusters_give_the_labels(tmp_path, leaves):
    values = with_holes(customers(20000)[:, :3], 0.02, 5)
    path = write_matrix(tmp_path / "in.h5", values, NAMES[:3])
    results = fit(
        tmp_path, path, ranks=2, segments__method="hierarchy", hierarchy__leaves=leaves, prepare__missing="drop"
    )
    model, part = check_leaves(results, values)
    assert model.datasets["leaf_centroid"].shape == (leaves, 3)
    assert model.datasets["leaf_centroid"].dtype == np.float64
    # The places are not the means, by which some customers would go with another leaf.
    tree = h5py.File(results.directory / "results.h5")["hierarchy"]
    prepared = oracle.prepare(results.model, NAMES[:3], values[part])
    by_place = oracle.squared_distances(prepared, model.datasets["leaf_centroid"]).argmin(axis=1)
    by_mean = oracle.squared_distances(prepared, tree["leaf_centroid"][()]).argmin(axis=1)
    leaf = tree["leaf"][()][part]
    assert np.array_equal(by_place, leaf)
    assert not np.array_equal(by_mean, leaf)


@pytest.mark.parametrize("linkage", ["ward", "single", "complete", "average"])
def test_every_customer_is_a_leaf(tmp_path, linkage):
    values = customers(1500)[:, :3]
    values[700:900] = values[100:300]  # alike
    values = with_holes(values, 0.02, 6)
    path = write_matrix(tmp_path / "in.h5", values, NAMES[:3])
    results = fit(
        tmp_path,
        path,
        ranks=3,
        segments__method="hierarchy",
        hierarchy__linkage=linkage,
        hierarchy__leaves="all",
        prepare__missing="drop",
    )
    model, part = check_leaves(results, values)
    assert model.datasets["leaf_centroid"].dtype == np.float32
    assert np.array_equal(model.datasets["leaf_segment"], results.segment[part])
    with h5py.File(results.directory / "results.h5") as file:
        assert file["model/leaf_centroid"] == file["hierarchy/leaf_centroid"]


def test_there_are_no_leaves_without_a_cut(tmp_path):
    path = write_matrix(tmp_path / "in.h5", customers(600), NAMES)
    results = fit(tmp_path, path, hierarchy__leaves=20)
    assert not {name for name in read_model(results).datasets if name.startswith("leaf")}


# ---- ranks ----


@pytest.mark.parametrize("options", [{}, {"segments__method": "hierarchy", "hierarchy__leaves": 40}])
def test_the_same_bytes_on_any_number_of_ranks(tmp_path, options):
    values = customers(7000)
    values[:, :3] = with_holes(values[:, :3], 0.05, 4)
    path = write_matrix(tmp_path / "in.h5", values, NAMES)
    models = [read_model(fit(tmp_path / str(ranks), path, ranks=ranks, **options)) for ranks in (1, 3)]
    assert models[0].datasets.keys() == models[1].datasets.keys()
    for name, dataset in models[0].datasets.items():
        other = models[1].datasets[name]
        same = dataset.tolist() == other.tolist() if dataset.dtype == object else dataset.tobytes() == other.tobytes()
        assert same, name
    assert models[0].attributes == models[1].attributes
