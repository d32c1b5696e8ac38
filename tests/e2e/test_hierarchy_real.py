"""Trees of real customers, held to SciPy's and to the definition; and drawn by SciPy straight from the file."""

import sys

import h5py
import matplotlib
import numpy as np
import oracle
import pytest
from conftest import fit, read_tree, write_matrix
from matplotlib import pyplot
from scipy.cluster.hierarchy import dendrogram, fcluster, linkage
from scipy.spatial.distance import pdist
from test_hierarchy import LINKAGES, check_segments, sorted_rows
from test_same_bytes import differing

# Of the larger ones a sample: rows, and what a user would set.
SETS = {
    "insurance_prospects": (None, {}),
    "fremotor_2003": (3000, {}),
    "credit_card_clients_2005q2": (3000, {"prepare__clip": [0.001, 0.999]}),
}
EVERY_COUNT = "credit_card_clients_2005q2"
SEGMENTS = 6


def read(path) -> tuple[list[str], np.ndarray]:
    with h5py.File(path) as file:
        return list(file["features"].attrs["feature_names"]), file["features"][:].astype(float)


@pytest.fixture(scope="module")
def sampled(real_data, tmp_path_factory):
    """A set's name to the file of its sample, its features and their values."""
    directory, made = tmp_path_factory.mktemp("sampled"), {}

    def take(name):
        if name not in made:
            names, values = read(real_data(name))
            rows = SETS[name][0]
            if rows:
                values = values[np.sort(np.random.default_rng(1).choice(len(values), rows, replace=False))]
            made[name] = write_matrix(directory / f"{name}.h5", values, names), names, values
        return made[name]

    return take


@pytest.fixture(scope="module")
def distances():
    """Those of the leaves of a set from each other, which are the same for every linkage."""
    made = {}

    def of(name, leaves):
        if name not in made:
            made.clear()
            made[name] = leaves, pdist(leaves.astype(float))
        assert np.array_equal(made[name][0], leaves)
        return made[name][1]

    return of


@pytest.mark.parametrize("method", LINKAGES)
@pytest.mark.parametrize("name", SETS)
def test_is_the_tree(tmp_path, sampled, distances, name, method):
    path, names, values = sampled(name)
    settings = {"segments__k": SEGMENTS, "segments__method": "hierarchy", "hierarchy__linkage": method,
                "hierarchy__leaves": "all"} | SETS[name][1]  # fmt: skip
    # All rank counts for one set, and one in turn for the others.
    turn = (list(SETS).index(name) + LINKAGES.index(method)) % 3
    counts = (2, 3, 7) if name == EVERY_COUNT else ((2, 3, 7)[turn],)
    results = fit(tmp_path / "alone", path, ranks=None, **settings)
    for ranks in counts:
        other = fit(tmp_path / str(ranks), path, ranks=ranks, **settings)
        assert differing(other.data, results.data) == []
    tree = read_tree(results)
    prepared = oracle.prepare(results.model, names, values)
    assert np.array_equal(tree.leaf_centroid, prepared)
    pairs = distances(name, tree.leaf_centroid)
    chosen = oracle.check_tree(tree.linkage, prepared, method, pairs=pairs)
    theirs = sorted_rows(linkage(pairs, method))
    oracle.check_same_tree(tree.linkage, theirs, chosen)
    if method == "single":
        assert np.allclose(tree.linkage[:, 2], theirs[:, 2], rtol=oracle.CLOSE, atol=0)
    check_segments(results, tree, prepared, np.arange(len(values)), SEGMENTS, tree.linkage)


@pytest.fixture
def deep_recursion():
    """SciPy's dendrogram calls itself at every fork, and a tree of single linkage is a long chain."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(20_000)
    yield
    sys.setrecursionlimit(limit)


@pytest.mark.parametrize("method", ["ward", "single"])
def test_scipy_draws_it(tmp_path, real_data, deep_recursion, method):
    """`dendrogram` takes /hierarchy/linkage as it stands in the file, and so do cuts."""
    matplotlib.use("Agg")
    figure, axes = pyplot.subplots()
    settings = {"segments__k": SEGMENTS, "hierarchy__linkage": method, "hierarchy__levels": [3, 12]}
    results = fit(tmp_path, real_data("online_retail_ii_2010"), ranks=2, hierarchy__leaves="all", **settings)
    with h5py.File(results.directory / "results.h5") as file:
        matrix, levels = file["hierarchy/linkage"], {k: file[f"hierarchy/level_{k}"][:] for k in (3, 12)}
        drawn = dendrogram(matrix, no_labels=True, ax=axes)
        top = dendrogram(matrix, truncate_mode="lastp", p=12, no_plot=True)
        assert oracle.same_partition(fcluster(matrix, 12, "maxclust"), levels[12])
        assert oracle.same_partition(fcluster(matrix, 3, "maxclust"), levels[3])
        heights, nodes = matrix[:, 2], len(matrix)
    figure.savefig(tmp_path / "tree.png")
    pyplot.close(figure)
    picture = pyplot.imread(tmp_path / "tree.png")[..., :3]
    links = sum(len(lines.get_paths()) for lines in axes.collections)
    assert links == nodes and len(np.unique(picture.reshape(-1, 3), axis=0)) > 2
    count = len(results.segment)
    assert nodes == count - 1 and sorted(drawn["leaves"]) == list(range(count))
    assert len(drawn["dcoord"]) == nodes
    assert sorted(max(link) for link in drawn["dcoord"]) == heights.tolist()
    # Leaves of one segment stand side by side.
    order = levels[12][drawn["leaves"]]
    assert np.count_nonzero(np.diff(order)) == 11
    assert len(top["leaves"]) == 12 and sorted(max(link) for link in top["dcoord"]) == heights[-11:].tolist()
