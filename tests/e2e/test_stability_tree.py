"""Stability of cuts of the tree: replicates and halves are trees of customers that count otherwise, which SciPy grows
from as many copies of each."""

import numpy as np
import oracle
import pytest
import stability_oracle
from conftest import blobs, fit, read_tree, with_holes, write_matrix
from scipy.cluster.hierarchy import linkage
from scipy.spatial.distance import cdist
from sklearn.metrics import calinski_harabasz_score, davies_bouldin_score, silhouette_samples
from stability_oracle import clear_groups, on_grid
from test_same_bytes import differing
from test_stability import strength

REPLICATES = 6
SPLITS = 5
RANGE = [3, 4, 5, 6]
SETTINGS = {
    "segments__k": "3..6", "segments__method": "hierarchy", "stability__replicates": REPLICATES,
    "hierarchy__levels": RANGE,
}  # fmt: skip
VALUES = blobs(450, 3, 5, 1)
CASES = {
    "every customer": (VALUES, {"hierarchy__leaves": "all"}),
    "some left out": (
        with_holes(VALUES, 0.05, 2),
        {"hierarchy__leaves": "all", "prepare__missing": "drop", "run__seed": 2**33 + 1},
    ),
    "average": (VALUES, {"hierarchy__linkage": "average"}),
    "complete": (VALUES, {"hierarchy__linkage": "complete"}),
    "single": (clear_groups(450, 3, 5, 2), {"hierarchy__linkage": "single"}),
    "customers alike": (np.repeat(blobs(60, 3, 5, 3), 7, axis=0), {"hierarchy__leaves": "all"}),
    "micro-clusters": (blobs(1500, 4, 5, 4), {"hierarchy__leaves": 60}),
    "hardly fewer micro-clusters than customers": (VALUES, {"hierarchy__leaves": 300}),
}


class Case:
    """A run, and the trees of its replicates and halves once more."""

    def __init__(self, directory, values, settings):
        self.path = write_matrix(directory / "customers.h5", values)
        self.settings = SETTINGS | settings
        self.results = fit(directory / "alone", self.path, **self.settings)
        self.tree = read_tree(self.results)
        self.rows = np.flatnonzero(self.results.segment >= 0)
        names = [f"feature_{f}" for f in range(values.shape[1])]
        self.prepared = oracle.prepare(self.results.model, names, values[self.rows]).astype(float)
        self.is_exact = self.tree.attributes["route"] == "every customer, exact"
        self.at = self.prepared if self.is_exact else self.tree.leaf_centroid
        self.leaf = np.arange(len(self.rows)) if self.is_exact else self.tree.leaf[self.rows]
        self.method = settings.get("hierarchy__linkage", "ward")
        self.seed = settings.get("run__seed", 1)
        self.labels = {k: getattr(self.tree, f"level_{k}")[self.rows] for k in RANGE}
        self.k = len(self.results.size)

    def cuts(self, weight) -> dict[int, np.ndarray]:
        """Of every customer, for each number of clusters, where customers count so often: its cluster, from 0 on."""
        times = np.bincount(self.leaf, weight, len(self.at)).astype(int)
        drawn = np.flatnonzero(times)
        matrix = linkage(np.repeat(self.at[drawn], times[drawn], axis=0), self.method)
        first = np.cumsum(times[drawn]) - times[drawn]
        nearest = cdist(self.at, self.at[drawn]).argmin(axis=1)
        nearest[drawn] = np.arange(len(drawn))
        found = {}
        for k in RANGE:
            _, cluster = np.unique(oracle.cut(matrix, k)[first], return_inverse=True)
            found[k] = cluster[nearest][self.leaf]
        return found


@pytest.fixture(scope="module", params=CASES)
def case(request, tmp_path_factory):
    return Case(tmp_path_factory.mktemp("case"), *CASES[request.param])


@pytest.fixture(scope="module")
def replicates(case):
    """Of each replicate: labels by number of segments."""
    return [case.cuts(stability_oracle.replicate_weights(case.seed, b, case.rows)) for b in range(REPLICATES)]


def test_agreement_with_replicates(case, replicates):
    stability_oracle.check_replicates(case.results, [cuts[case.k] for cuts in replicates])


def test_mean_agreement_of_every_number(case, replicates):
    for i, k in enumerate(RANGE):
        ari = [stability_oracle.adjusted_rand_score(case.labels[k], cuts[k]) for cuts in replicates]
        assert stability_oracle.close(case.results.data["selection/stability"][i], np.mean(ari)), k


def test_words_and_choice(case):
    stability_oracle.check_words(case.results)
    stability_oracle.check_choice(case.results, "silhouette")


def test_prediction_strength(case):
    """Between the trees of the two halves. A micro-cluster weighs what its customers in the half do."""
    expected = np.empty((SPLITS, 2, len(RANGE)))
    for s in range(SPLITS):
        first = stability_oracle.is_first_half(case.seed, s, case.rows)
        halves = [first, ~first]
        cuts = [case.cuts(half) for half in halves]
        for i, half in enumerate(halves):
            expected[s, i] = [strength(cuts[i][k][half], cuts[1 - i][k][half], k) for k in RANGE]
    assert stability_oracle.close(case.results.data["selection/prediction_strength"], expected.mean(axis=(0, 1)))
    chosen = RANGE.index(case.k)
    assert stability_oracle.close(case.results.data["stability/prediction_strength"], expected[:, :, chosen])


def test_levels(case):
    """Every segment lies in one of the number before."""
    stability_oracle.check_levels(case.results, case.labels)
    for k in RANGE[1:]:
        assert np.all(case.results.data[f"stability/level_{k}"] == 1)
        assert np.all((case.results.data[f"stability/level_counts_{k}"] > 0).sum(axis=0) == 1)


def test_indices(case):
    """Of labels that need not be those of the nearest centroids."""
    data = case.results.data
    for i, k in enumerate(RANGE):
        label = case.labels[k]
        samples = silhouette_samples(case.prepared, label, metric="sqeuclidean")
        assert stability_oracle.close(data["selection/silhouette"][i], samples.mean())
        plain = silhouette_samples(case.prepared, label).mean()
        assert stability_oracle.close(data["selection/silhouette_sample"][i], plain)
        assert np.isclose(data["selection/calinski_harabasz"][i], calinski_harabasz_score(case.prepared, label), 1e-9)
        assert np.isclose(data["selection/davies_bouldin"][i], davies_bouldin_score(case.prepared, label), 1e-9)
        if k == case.k:
            expected = [samples[label == h].mean() for h in range(k)]
            assert stability_oracle.close(data["stability/silhouette"], expected)


def test_what_only_kmeans_has_is_not_there(case):
    assert not {"stability/replicate_centroid", "stability/seed_ari"} & set(case.results.data)
    assert case.results.summary["stability"]["seed_ari"] is None


def test_three_ranks(tmp_path, case):
    found = fit(tmp_path, case.path, ranks=3, **case.settings)
    assert differing(found.data, case.results.data) == []
    assert found.summary["selection"] == case.results.summary["selection"]
    assert found.summary["stability"] == case.results.summary["stability"]


def test_each_number_alone_and_two_ranks(tmp_path, case):
    """Writes what stands in its row: replicates, halves and reference sets are the same."""
    found = fit(tmp_path, case.path, ranks=2, **(case.settings | {"segments__k": 4}))
    row = RANGE.index(4)
    for name in (name for name in found.data if name.startswith("selection/")):
        assert found.data[name].tobytes() == case.results.data[name][row : row + 1].tobytes(), name
    assert np.array_equal(found.segment[case.rows], case.labels[4])
    if case.k == 4:
        own = {name: case.results.data[name] for name in found.data if name.startswith("stability/")}
        assert differing({name: found.data[name] for name in own}, own) == []


# ---- awkward ---------------------------------------------------------------------------------------------------------

AWKWARD = {
    "five customers": (np.array([[2, 40, 1], [12, 25, 2], [6, 200, 5], [1, 15, 0.5], [20, 80, 4]]), 4, {}),
    "as many segments as customers": (blobs(6, 2, 3, 1), 6, {}),
    "all alike but one": (np.append(np.ones((50, 2)), [[3, 4]], axis=0), 2, {}),
    "more segments than different customers": (np.repeat([[0.0, 1], [5, 5]], 10, axis=0), 4, {}),
    "one segment": (blobs(100, 2, 3, 2), 1, {}),
    "ties everywhere": (np.stack(np.meshgrid(np.arange(12.0), np.arange(12)), axis=-1).reshape(-1, 2), 4, {}),
    "as many segments as micro-clusters": (on_grid(blobs(300, 2, 3, 3)), 8, {"hierarchy__leaves": 8}),
}


@pytest.mark.parametrize("name", AWKWARD)
def test_awkward_customers(tmp_path, name):
    """Where distances are equal the tree may go on either way: figures are held to what they must obey."""
    values, k, settings = AWKWARD[name]
    path = write_matrix(tmp_path / "in.h5", values)
    settings = {"segments__k": k, "segments__method": "hierarchy", "stability__replicates": 12} | settings
    results, other = (fit(tmp_path / str(ranks), path, ranks=ranks, **settings) for ranks in (None, 3))
    assert differing(other.data, results.data) == []
    stability_oracle.check_words(results)
    ari, jaccard = results.data["stability/ari"], results.data["stability/jaccard"]
    assert ari.shape == (12,) and jaccard.shape == (12, k)
    assert np.all((ari <= 1) & (ari >= -1)) and np.all((jaccard > 0) & (jaccard <= 1))
    assert stability_oracle.close(results.data["stability/segment"], jaccard.mean(axis=0))
    membership = results.data["stability/membership"]
    assert np.all((membership >= 0) & (membership <= 1))
    # Jaccard 1 in all replicates: the same customers stay in all of them.
    for h in np.flatnonzero(jaccard.min(axis=0) == 1):
        assert np.all(membership[results.segment == h] == 1)
    strengths = results.data["stability/prediction_strength"]
    assert np.all((strengths >= 0) & (strengths <= 1))
    if k == 1:
        assert np.all(ari == 1) and np.all(jaccard == 1) and np.all(membership == 1)


def test_no_replicates(tmp_path):
    path = write_matrix(tmp_path / "in.h5", VALUES)
    results = fit(tmp_path, path, **(SETTINGS | {"segments__k": 4, "stability__replicates": 0}))
    assert {name for name in results.data if name.startswith("stability/")} == {"stability/silhouette"}
    assert np.isnan(results.data["selection/gap"]).all()
    assert all(line["verdict"] == line["stability"] == "" for line in stability_oracle.csv_rows(results))
