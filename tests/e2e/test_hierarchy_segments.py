"""What is made of a tree: nested levels, micro-clusters under it, the tree of the segments and their paths."""

import numpy as np
import oracle
import pandas as pd
import pytest
from conftest import blobs, fit, read_tree, with_holes, write_matrix
from scipy.cluster.hierarchy import linkage
from sklearn.cluster import KMeans
from test_same_bytes import VECTORS, computed, differing

VALUES = with_holes(blobs(2500, 4, 7, 1, spread=1.5), 0.01, 2)
DROP = {"prepare__missing": "drop"}


@pytest.fixture(scope="module")
def customers(tmp_path_factory):
    return write_matrix(tmp_path_factory.mktemp("customers") / "customers.h5", VALUES)


def rows_and_values(results, values=VALUES) -> tuple[np.ndarray, np.ndarray]:
    rows = np.flatnonzero(results.segment >= 0)
    return rows, oracle.prepare(results.model, [f"feature_{f}" for f in range(values.shape[1])], values[rows])


# ---- levels ----------------------------------------------------------------------------------------------------------


def check_level(tree, prepared, rows, clusters: int):
    """A cut of the tree into so many, numbered by falling size and then by the mean; all others are -1."""
    name = f"level_{clusters}"
    label = getattr(tree, name)
    assert label.dtype == np.int32 and label.shape == tree.leaf.shape
    assert np.all(np.delete(label, rows) == -1)
    of_tree = oracle.cut(tree.linkage, clusters)[tree.leaf[rows]]
    assert oracle.same_partition(label[rows], of_tree)
    size = np.bincount(label[rows], minlength=clusters)
    assert len(size) == clusters and size.tolist() == tree.levels[name]["size"].tolist()
    means = [prepared[label[rows] == h].mean(axis=0, dtype=float) for h in range(clusters)]
    keys = [(-count, tuple(mean)) for count, mean in zip(size, means)]
    assert keys == sorted(keys)
    return label


def check_levels(tree, prepared, rows, levels):
    assert set(tree.levels) == {f"level_{clusters}" for clusters in levels}
    coarser = None
    for clusters in levels:
        label = check_level(tree, prepared, rows, clusters)
        attributes = tree.levels[f"level_{clusters}"]
        if coarser is None:
            assert "parent" not in attributes
        else:
            pairs = np.unique(np.stack([label[rows], coarser[rows]]), axis=1)
            assert pairs[0].tolist() == list(range(clusters))  # each lies in one
            assert pairs[1].tolist() == attributes["parent"].tolist()
        coarser = label


@pytest.mark.parametrize("leaves", ["all", 90])
@pytest.mark.parametrize("method", ["kmeans", "hierarchy"])
def test_levels(tmp_path, customers, method, leaves):
    settings = DROP | {"segments__k": 6, "segments__method": method, "hierarchy__leaves": leaves}
    results, other = (
        fit(tmp_path / str(ranks), customers, ranks=ranks, hierarchy__levels=[2, 3, 6, 40], **settings)
        for ranks in (None, 3)
    )
    assert differing(other.data, results.data) == []
    rows, prepared = rows_and_values(results)
    tree = read_tree(results)
    check_levels(tree, prepared, rows, [2, 3, 6, 40])
    if method == "hierarchy":
        assert np.array_equal(tree.level_6, results.segment)
        assert np.array_equal(tree.levels["level_6"]["size"], results.size)
    else:
        oracle.check_assignments(results, prepared, rows)
        assert not np.array_equal(tree.level_6, results.segment)
    told = results.summary["hierarchy"]["levels"]
    assert [level["segments"] for level in told] == [2, 3, 6, 40]
    for level in told:
        attributes = tree.levels[f"level_{level['segments']}"]
        assert level["sizes"] == attributes["size"].tolist()
        if "parent" in attributes:
            assert level["parents"] == attributes["parent"].tolist()


def test_a_level_of_one_and_one_of_all(tmp_path):
    path = write_matrix(tmp_path / "in.h5", blobs(30, 2, 3, 4))
    results = fit(tmp_path, path, hierarchy__leaves="all", hierarchy__levels=[1, 30], segments__k=3)
    tree = read_tree(results)
    rows, prepared = rows_and_values(results, blobs(30, 2, 3, 4))
    check_levels(tree, prepared, rows, [1, 30])


@pytest.mark.parametrize("method", ["average", "complete", "single"])
def test_levels_of_other_linkages(tmp_path, customers, method):
    results = fit(
        tmp_path, customers, ranks=2, segments__k=6, segments__method="hierarchy", hierarchy__linkage=method,
        hierarchy__levels=[3, 12], **DROP
    )  # fmt: skip
    rows, prepared = rows_and_values(results)
    tree = read_tree(results)
    assert tree.attributes["route"] == "every customer, exact"  # there is no other way for these
    check_levels(tree, prepared, rows, [3, 12])


# ---- micro-clusters --------------------------------------------------------------------------------------------------


def check_micro_clusters(tree, prepared, rows, leaves: int):
    """Each customer that takes part is in one, at whose mean the leaf lies; the tree weighs them by their customers."""
    assert tree.attributes["leaves"] == leaves and tree.attributes["route"] == "micro-clusters"
    leaf = tree.leaf[rows]
    assert tree.leaf.dtype == np.int32 and np.all(np.delete(tree.leaf, rows) == -1)
    assert tree.leaf_size.dtype == np.int64 and tree.leaf_size.min() > 0
    assert tree.leaf_size.tolist() == np.bincount(leaf, minlength=leaves).tolist()
    means = np.zeros((leaves, prepared.shape[1]))
    np.add.at(means, leaf, prepared.astype(float))
    means /= tree.leaf_size[:, None]
    assert tree.leaf_centroid.dtype == np.float64
    assert np.allclose(tree.leaf_centroid, means, rtol=1e-12, atol=1e-13 * np.abs(prepared).max())
    return oracle.check_tree(tree.linkage, tree.leaf_centroid, "ward", tree.leaf_size)


@pytest.mark.parametrize("leaves", [1, 2, 50, 700])
def test_micro_clusters(tmp_path, customers, leaves):
    k = min(5, leaves)
    settings = DROP | {"segments__k": k, "segments__method": "hierarchy", "hierarchy__leaves": leaves}
    results = fit(tmp_path / "alone", customers, **settings)
    for ranks in (2, 3, 7) if leaves == 50 else (7,):
        other = fit(tmp_path / str(ranks), customers, ranks=ranks, **settings)
        assert differing(other.data, results.data) == [], ranks
    rows, prepared = rows_and_values(results)
    tree = read_tree(results)
    if leaves > 1:
        assert not check_micro_clusters(tree, prepared, rows, leaves).any()
        assert oracle.same_partition(results.segment[rows], oracle.cut(tree.linkage, k)[tree.leaf[rows]])
    oracle.check_assignments(results, prepared, rows, to_nearest=False)
    oracle.check_numbering(results)


def far_and_near() -> np.ndarray:
    """Two clouds, one of them so small and far away that its customers hardly differ; and one customer alone."""
    cloud = np.random.default_rng(6).standard_normal((2, 3000, 3))
    return np.concatenate([cloud[0], 1e4 + 1e-2 * cloud[1], [[1e7, 0, 0]]])


HARD = {
    "alike, all places": (np.repeat(blobs(100, 3, 4, 7), 100, axis=0), 100),
    "alike, all but one": (np.repeat(blobs(100, 3, 4, 7), 100, axis=0), 99),
    "some at the end": (np.concatenate([np.ones((30_000, 2)), blobs(20, 2, 2, 8)]), 21),
    "grid": (np.stack(np.meshgrid(np.arange(80.0), np.arange(80)), axis=-1).reshape(-1, 2), 1600),
    "far and near": (far_and_near(), 900),
}


@pytest.mark.parametrize("case", HARD)
def test_micro_clusters_of_awkward_customers(tmp_path, case):
    values, leaves = HARD[case]
    path = write_matrix(tmp_path / "in.h5", values)
    settings = {"segments__k": 3, "segments__method": "hierarchy", "hierarchy__leaves": leaves}
    results, other = (fit(tmp_path / str(ranks), path, ranks=ranks, **settings) for ranks in (None, 3))
    assert differing(other.data, results.data) == []
    rows, prepared = rows_and_values(results, values)
    check_micro_clusters(read_tree(results), prepared, rows, leaves)


@pytest.mark.parametrize("vectors", VECTORS)
def test_micro_clusters_in_any_vector_registers(tmp_path, customers, monkeypatch, vectors):
    settings = {"segments__method": "hierarchy", "hierarchy__leaves": 300}
    expected = fit(tmp_path / "expected", customers, **settings)
    computed(monkeypatch, vectors, "Prescott", "tiles")
    assert differing(fit(tmp_path, customers, **settings).data, expected.data) == []


def test_leaves_weigh_what_their_customers_do(tmp_path, customers):
    """SciPy's tree of as many customers, each moved to its leaf, has the same top."""
    tree = read_tree(fit(tmp_path, customers, ranks=2, hierarchy__leaves=80, **DROP))
    theirs = linkage(np.repeat(tree.leaf_centroid, tree.leaf_size, axis=0), "ward")
    assert np.all(theirs[:-79, 2] < 1e-6 * theirs[-79, 2])
    assert np.allclose(tree.linkage[:, 2], theirs[-79:, 2], rtol=oracle.CLOSE, atol=0)


def test_micro_clusters_are_compact(tmp_path, customers):
    """As those of k-means of the same number."""
    results = fit(tmp_path, customers, ranks=2, hierarchy__leaves=100, **DROP)
    rows, prepared = rows_and_values(results)
    tree = read_tree(results)
    within = ((prepared - tree.leaf_centroid[tree.leaf[rows]]) ** 2).sum()
    assert within <= 1.1 * KMeans(n_clusters=100, n_init=1, random_state=1).fit(prepared).inertia_


def test_auto_takes_every_customer_where_they_are_few(tmp_path, customers):
    results = fit(tmp_path, customers, **DROP)
    tree = read_tree(results)
    assert tree.attributes["route"] == "every customer, exact"
    assert len(tree.leaf_size) == np.count_nonzero(results.segment >= 0)
    oracle.check_tree(tree.linkage, tree.leaf_centroid, "ward")


@pytest.mark.parametrize("distinct", [None, 40])
def test_auto_takes_micro_clusters_where_they_are_many(tmp_path, distinct):
    """4096 of them, or as many as there are different customers."""
    values = blobs(9000, 3, 5, 3)
    if distinct:
        values = values[np.random.default_rng(1).integers(distinct, size=len(values))]
    path = write_matrix(tmp_path / "in.h5", values)
    results, other = (fit(tmp_path / str(ranks), path, ranks=ranks) for ranks in (None, 2))
    assert differing(other.data, results.data) == []
    rows, prepared = rows_and_values(results, values)
    tree = read_tree(results)
    leaves = distinct or 4096
    assert tree.linkage.shape == (leaves - 1, 4)
    if distinct:
        check_micro_clusters(tree, prepared, rows, leaves)
    else:
        oracle.check_form(tree.linkage, leaves)
        oracle.check_ward_heights(tree.linkage, tree.leaf_centroid, tree.leaf_size)


@pytest.mark.parametrize("k", [12, 30])
def test_as_many_segments_as_leaves(tmp_path, k):
    """Some of which then lie at the same place."""
    values = np.tile(blobs(12, 2, 3, 5), (3, 1))[:30]
    path = write_matrix(tmp_path / "in.h5", values)
    settings = {"segments__k": k, "segments__method": "hierarchy", "hierarchy__leaves": "all"}
    results, other = (fit(tmp_path / str(ranks), path, ranks=ranks, **settings) for ranks in (None, 3))
    assert differing(other.data, results.data) == []
    rows, prepared = rows_and_values(results, values)
    assert sorted(results.size) == ([1] * 30 if k == 30 else [2] * 6 + [3] * 6)
    oracle.check_assignments(results, prepared, rows, to_nearest=False)
    oracle.check_numbering(results)
    assert results.attributes["inertia"] == 0 and np.all(results.shadow == 0)


# ---- the tree of the segments ----------------------------------------------------------------------------------------


def paths(matrix, sizes) -> list[str]:
    """The way from the root to each segment: A to the side with more customers, B to the other."""
    k = len(sizes)
    under = [[h] for h in range(k)]
    for first, second in matrix[:, :2].astype(int):
        under.append(under[first] + under[second])
    path = {2 * k - 2: ""}
    for i in range(k - 2, -1, -1):
        sides = sorted(matrix[i, :2].astype(int), key=lambda node: (-sizes[under[node]].sum(), min(under[node])))
        path |= {node: path[k + i] + letter for node, letter in zip(sides, "AB")}
    return [path[h] for h in range(k)]


def check_paths(results, matrix):
    table = pd.read_csv(results.directory / "segments.csv", dtype={"tree_path": str}, keep_default_na=False)
    assert table["tree_path"].tolist() == paths(matrix, results.size)


@pytest.mark.parametrize("leaves", [0, 60, "all"])
@pytest.mark.parametrize("k", [1, 2, 9])
def test_the_segments_of_kmeans_have_a_tree(tmp_path, customers, k, leaves):
    results = fit(tmp_path, customers, segments__k=k, hierarchy__leaves=leaves, kmeans__restarts=2, **DROP)
    if k == 1:
        check_paths(results, np.empty((0, 4)))
        return
    matrix = results.data["hierarchy/segment_linkage"]
    rows, prepared = rows_and_values(results)
    means = np.array([prepared[results.segment[rows] == h].mean(axis=0, dtype=float) for h in range(k)])
    assert not oracle.check_tree(matrix, means, "ward", results.size).any()
    check_paths(results, matrix)
    assert ("hierarchy/linkage" in results.data) == (leaves != 0)


@pytest.mark.parametrize("method,leaves", [("ward", "all"), ("ward", 60), ("average", "all"), ("complete", "all"),
                                           ("single", "all")])  # fmt: skip
def test_the_tree_of_cut_segments_is_the_top(tmp_path, customers, method, leaves):
    k = 9
    results = fit(
        tmp_path, customers, ranks=3, segments__k=k, segments__method="hierarchy", hierarchy__linkage=method,
        hierarchy__leaves=leaves, **DROP
    )  # fmt: skip
    tree = read_tree(results)
    matrix = tree.segment_linkage
    oracle.check_form(matrix, k)
    assert np.allclose(matrix[:, 2], tree.linkage[1 - k :, 2], rtol=oracle.CLOSE, atol=0)
    rows = np.flatnonzero(results.segment >= 0)
    for clusters in range(1, k):
        of_segments = oracle.cut(matrix, clusters)[results.segment[rows]]
        assert oracle.same_partition(of_segments, oracle.cut(tree.linkage, clusters)[tree.leaf[rows]])
    check_paths(results, matrix)


def test_segments_of_equal_size(tmp_path):
    """The side with the lower segment number is then A."""
    corners = np.array([[0, 0], [0, 1], [5, 0], [5, 1.0]])
    path = write_matrix(tmp_path / "in.h5", np.repeat(corners, 40, axis=0))
    results = fit(tmp_path, path, ranks=2, prepare__scale="none")
    assert results.size.tolist() == [40] * 4
    matrix = results.data["hierarchy/segment_linkage"]
    assert paths(matrix, results.size) == ["AA", "AB", "BA", "BB"]
    check_paths(results, matrix)
