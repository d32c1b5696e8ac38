"""What is learned: labels, distances, inertia, sizes, numbers, profiles against NumPy; small and degenerate cases."""

import math

import numpy as np
import oracle
import pytest
from conftest import ENVIRONMENT, blobs, fit, lohko, with_holes, write_config, write_matrix

FIVE = np.array([[2, 40, 1], [12, 25, 2], [6, 200, 5], [1, 15, 0.5], [20, 80, 4]])
FIVE_NAMES = ["orders", "average_purchase", "years"]


def names_of(values) -> list[str]:
    return [f"feature_{i}" for i in range(values.shape[1])]


def check(results, values, names=None):
    """Every promise about one fit, on the values (with NaN for missing) it was given."""
    names = names or names_of(values)
    oracle.check_assignments(results, oracle.prepare(results.model, names, values))
    oracle.check_profiles(results, names, values)
    oracle.check_numbering(results)


def learn(tmp_path, values, ranks=None, **dotted):
    tmp_path.mkdir(exist_ok=True)
    results = fit(tmp_path, write_matrix(tmp_path / "in.h5", values), ranks=ranks, **dotted)
    check(results, values)
    return results


def groups_of(labels) -> set[frozenset]:
    return {frozenset(np.flatnonzero(labels == label).tolist()) for label in np.unique(labels)}


@pytest.mark.parametrize("ranks", [None, 3, 7])
@pytest.mark.parametrize("kind", [np.float64, np.float32])
def test_the_five_customers(tmp_path, ranks, kind):
    path = write_matrix(tmp_path / "in.h5", FIVE.astype(kind), FIVE_NAMES, np.array([b"A", b"B", b"C", b"D", b"E"]))
    results = fit(tmp_path, path, ranks=ranks)
    check(results, FIVE, FIVE_NAMES)
    assert groups_of(results.segment) == {frozenset({0, 3}), frozenset({1}), frozenset({2}), frozenset({4})}
    assert results.size.tolist() == [2, 1, 1, 1]
    scaled = (FIVE - FIVE.mean(axis=0)) / FIVE.std(axis=0)
    inertia = ((scaled[[0, 3]] - scaled[[0, 3]].mean(axis=0)) ** 2).sum()
    assert results.attributes["inertia"] == pytest.approx(inertia, rel=1e-6)
    assert results.mean[0].tolist() == [1.5, 27.5, 0.75]


@pytest.mark.parametrize("seed", range(6))
def test_numbers_and_inertia_where_mini_batches_decide(tmp_path, seed):
    """Batches are far smaller than the file, so restarts, swaps and the polish disagree about what is best."""
    values = blobs(17726, 2, 3, seed, spread=2.0)
    results = learn(tmp_path, values, segments__k=3, kmeans__batch=1024, kmeans__restarts=3, run__seed=seed)
    assert results.summary["learning"]["mini_batches"] > 0


@pytest.mark.parametrize("k", [1, 2, 5, 12])
def test_values_with_holes(tmp_path, k):
    learn(tmp_path, with_holes(blobs(5003, 5, 6, k), 0.1, 1), segments__k=k)


@pytest.mark.parametrize("batch,ranks", [(2048, None), (2048, 3), (1, None), (10**9, None)])
def test_any_batch(tmp_path, batch, ranks):
    results = learn(tmp_path, blobs(20_000, 4, 5, 3), ranks, segments__k=5, kmeans__batch=batch, kmeans__restarts=2)
    assert (results.summary["learning"]["mini_batches"] > 0) == (batch < 20_000)


@pytest.mark.parametrize("restarts", [1, 3])
@pytest.mark.parametrize("polish", [False, True])
def test_restarts_and_polish(tmp_path, restarts, polish):
    settings = {"segments__k": 6, "kmeans__batch": 2048, "kmeans__restarts": restarts, "kmeans__polish": polish}
    results = learn(tmp_path, blobs(9000, 3, 8, 4, spread=1.5), **settings)
    inertias = results.model["restart_inertia"]
    assert len(inertias) == restarts
    # Swaps only ever make the best restart better.
    assert results.attributes["inertia"] <= inertias.min() * (1 + 1e-12)
    assert results.summary["learning"]["restart_inertia"] == inertias.tolist()
    assert results.summary["learning"]["best_restart"] == inertias.argmin()


@pytest.mark.parametrize("batch,ranks", [(10**6, None), (1024, None), (1024, 3)])
def test_tolerance_zero_ends_where_nothing_moves(tmp_path, batch, ranks):
    """Then every centroid is the mean of its customers and no label can change: Lloyd's own end."""
    values = blobs(6000, 4, 6, 5, spread=1.5)
    results = learn(tmp_path, values, ranks, segments__k=6, kmeans__tolerance=0, kmeans__batch=batch)
    assert results.summary["learning"]["converged"]
    prepared = oracle.prepare(results.model, names_of(values), values)
    for h in range(6):
        members = prepared[results.segment == h].astype(float)
        means = [math.fsum(column) / len(members) for column in members.T]
        assert np.allclose(results.centroid_prepared[h], means, rtol=1e-15, atol=1e-15)


@pytest.mark.parametrize("k,ranks", [(255, None), (256, None), (300, 3)])
def test_hundreds_of_segments(tmp_path, k, ranks):
    """One byte a remembered label no longer does; a matrix product takes fewer centroids at a time."""
    settings = {"segments__k": k, "kmeans__batch": 4096, "kmeans__restarts": 2}
    learn(tmp_path, blobs(30_000, 3, 40, 11), ranks, **settings)


@pytest.mark.parametrize("vectors", [None, "plain"])
def test_many_features_and_segments(tmp_path, monkeypatch, vectors):
    """Whether by vector registers or by matrix products."""
    if vectors:
        monkeypatch.setitem(ENVIRONMENT, "LOHKO_VECTORS", vectors)
    settings = {"segments__k": 120, "kmeans__restarts": 1, "kmeans__batch": 2048, "kmeans__tolerance": 1e-3}
    learn(tmp_path, blobs(5000, 70, 100, 12), **settings)


def test_polish_makes_it_better(tmp_path):
    values = blobs(9000, 3, 8, 4, spread=1.5)
    rough, polished = (
        learn(tmp_path / str(polish), values, segments__k=8, kmeans__batch=1024, kmeans__polish=polish)
        for polish in (False, True)
    )
    assert polished.attributes["inertia"] < rough.attributes["inertia"]


@pytest.mark.parametrize("ranks", [None, 3])
def test_one_segment(tmp_path, ranks):
    values = blobs(1500, 3, 4, 6)
    results = learn(tmp_path, values, ranks, segments__k=1)
    assert set(results.segment) == {0} and results.attributes["explained_variance"] == pytest.approx(0, abs=1e-12)
    assert results.attributes["inertia"] == pytest.approx(1500 * 3, rel=1e-6)


@pytest.mark.parametrize("customers,ranks", [(2, None), (17, None), (17, 3), (300, 2)])
def test_as_many_segments_as_customers(tmp_path, customers, ranks):
    results = learn(tmp_path, blobs(customers, 3, 2, 7), ranks, segments__k=customers)
    assert sorted(results.segment) == list(range(customers))
    assert results.attributes["inertia"] < 1e-12 and np.all(results.shadow < 1e-5)


@pytest.mark.parametrize("ranks", [None, 7])
def test_copies_of_few_customers(tmp_path, ranks):
    """As many distinct customers as segments, each many times: no segment may stay empty."""
    values = np.tile(FIVE, (700, 1))
    results = learn(tmp_path, values, ranks, segments__k=5)
    assert results.size.tolist() == [700] * 5 and results.attributes["inertia"] < 1e-10
    assert groups_of(results.segment) == {frozenset(range(start, 3500, 5)) for start in range(5)}


def test_a_rare_customer_among_copies(tmp_path):
    values = np.tile(FIVE[:3], (2000, 1))
    values[4321] = [1, 15, 0.5]
    results = learn(tmp_path, values, segments__k=4, kmeans__batch=1024)
    assert results.size[3] == 1 and results.segment[4321] == 3


@pytest.mark.parametrize("copies,k,ranks", [(700, 6, None), (700, 6, 3), (1, 6, None)])
def test_fewer_distinct_customers_than_segments(tmp_path, copies, k, ranks):
    path = write_matrix(tmp_path / "in.h5", np.tile(FIVE, (copies, 1)))
    done = lohko("fit", write_config(tmp_path, path, segments__k=k), "-q", ranks=ranks)
    assert done.returncode == 65 and "5" in done.stderr and "6" in done.stderr
    assert not list((tmp_path / "results").iterdir())


@pytest.mark.parametrize("k,ranks", [(9, None), (40, None), (40, 3), (90, 2)])
def test_ties_go_to_the_lower_number(tmp_path, k, ranks):
    """Without mini-batches and polish the centroids are customers: on a grid many others are exactly between two."""
    grid = np.stack(np.meshgrid(np.arange(32), np.arange(64)), axis=-1).reshape(-1, 2).astype(float)
    settings = {"segments__k": k, "prepare__scale": "none", "kmeans__polish": False, "kmeans__restarts": 1}
    results = learn(tmp_path, grid, ranks, **settings)
    squared = oracle.squared_distances(grid, results.centroid_prepared)
    assert np.all(results.centroid_prepared == np.rint(results.centroid_prepared))
    assert np.sum(np.sum(squared == squared.min(axis=1, keepdims=True), axis=1) > 1) > 10
    assert np.array_equal(results.segment, squared.argmin(axis=1))
    others = squared.copy()
    others[np.arange(len(grid)), results.segment] = np.inf
    assert np.array_equal(results.runner_up, others.argmin(axis=1))


def test_an_exact_tie_between_two_customers(tmp_path):
    """Centroids at 0 and 2 with a customer at 1 that moves neither: it weighs nothing against its thousand copies."""
    values = np.array([[0.0], [2.0], [0.0], [2.0], [1.0]])
    results = learn(tmp_path, values, segments__k=3, prepare__scale="none")
    assert results.size.tolist() == [2, 2, 1]
    # Both others are exactly as far; the lower number is the runner-up.
    assert results.segment[4] == 2 and results.runner_up[4] == 0
    assert results.segment.tolist() == [0, 1, 0, 1, 2]  # equal sizes by centroid


@pytest.mark.parametrize("customers", [1, 2, 3])
def test_fewer_customers_than_ranks(tmp_path, customers):
    path = write_matrix(tmp_path / "in.h5", FIVE[:customers])
    done = lohko("fit", write_config(tmp_path, path, segments__k=1), "-q", ranks=5)
    if customers == 1:  # nothing varies: there is nothing to learn
        assert done.returncode == 65 and "no feature varies" in done.stderr
    else:
        assert done.returncode == 0, done.stderr


def test_more_segments_than_customers(tmp_path):
    path = write_matrix(tmp_path / "in.h5", FIVE)
    done = lohko("fit", write_config(tmp_path, path, segments__k=6), "-q")
    assert done.returncode == 65 and "5 customers" in done.stderr and "6" in done.stderr


@pytest.mark.parametrize("data,seed", [(8, 1), (8, 2), (9, 1), (9, 2), (10, 1), (10, 2)])
def test_sorted_file_is_no_trap(tmp_path, data, seed):
    """Mini-batches are drawn from all over the file: sorted by a feature, it gives segments as good as shuffled."""
    values = blobs(20_000, 3, 6, data)
    settings = {"segments__k": 6, "kmeans__batch": 2048, "kmeans__polish": False, "run__seed": seed}
    in_order = learn(tmp_path / "sorted", values[np.argsort(values[:, 0])], **settings)
    shuffled = learn(tmp_path / "shuffled", values, **settings)
    assert in_order.attributes["inertia"] < 1.1 * shuffled.attributes["inertia"]


def test_profile_columns_are_described_and_not_clustered_on(tmp_path):
    values = blobs(3000, 3, 4, 9)
    extra = with_holes(np.random.default_rng(1).lognormal(3, 1, (3000, 1)), 0.2, 2)
    names = ["a", "b", "churned", "c"]
    path = write_matrix(tmp_path / "in.h5", np.column_stack([values[:, :2], extra, values[:, 2:]]), names)
    results = fit(tmp_path / "with", path, features__profile=["churned"])
    table = np.column_stack([values, extra])
    order = ["a", "b", "c", "churned"]
    check(results, table, order)
    assert [name.decode() for name in results.model["feature_names"]] == ["a", "b", "c"]
    alone = fit(tmp_path / "alone", write_matrix(tmp_path / "alone.h5", values, ["a", "b", "c"]))
    assert np.array_equal(results.segment, alone.segment) and np.array_equal(results.distance, alone.distance)
    for h, segment in enumerate(results.summary["segments"]):
        own = extra[results.segment == h, 0]
        assert segment["profile_mean"]["churned"] == pytest.approx(np.nanmean(own), rel=1e-12)
        assert segment["profile_total"]["churned"] == pytest.approx(np.nansum(own), rel=1e-12)


def test_features_use_takes_the_named_ones(tmp_path):
    values = blobs(3000, 4, 4, 10)
    path = write_matrix(tmp_path / "in.h5", values, ["a", "b", "c", "d"])
    results = fit(tmp_path / "use", path, features__use=["d", "b"])
    check(results, values[:, [3, 1]], ["d", "b"])
    assert [name.decode() for name in results.model["feature_names"]] == ["d", "b"]
