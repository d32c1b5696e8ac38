"""Stability of k-means segments: replicates, halves, restarts, against NumPy, SciPy and scikit-learn on the same
weights and labels."""

import numpy as np
import oracle
import pytest
import stability_oracle
from conftest import blobs, fit, with_holes, write_matrix
from sklearn.cluster import KMeans
from sklearn.metrics import silhouette_samples
from stability_oracle import clear_groups, on_grid
from test_same_bytes import differing
from threadpoolctl import threadpool_limits

REPLICATES = 9  # more than two draws of four
SPLITS = 5
SETTINGS = {"prepare__scale": "none", "stability__replicates": REPLICATES, "hierarchy__leaves": 0}


CASES = {
    "clear": (on_grid(blobs(1500, 3, 4, 1, spread=0.3)), {"segments__k": 4}),
    "overlapping": (on_grid(blobs(2500, 4, 6, 2, spread=1.5)), {"segments__k": 5, "run__seed": 2**40 + 7}),
    "to the end, some left out": (
        on_grid(with_holes(blobs(1200, 3, 5, 3), 0.05, 4)),
        {"segments__k": 6, "prepare__missing": "drop", "kmeans__tolerance": 0},
    ),
    "mini-batches": (on_grid(blobs(6000, 3, 4, 5)), {"segments__k": 4, "kmeans__batch": 1024}),
    "too many segments": (
        on_grid(blobs(800, 2, 2, 6)),
        {"segments__k": 12, "kmeans__restarts": 4, "kmeans__tolerance": 0},
    ),
}


class Case:
    def __init__(self, directory, values, settings):
        self.path = write_matrix(directory / "customers.h5", values)
        self.settings = SETTINGS | settings
        self.results = fit(directory / "alone", self.path, **self.settings)
        self.rows = np.flatnonzero(self.results.segment >= 0)
        self.prepared = values[self.rows]
        self.label = self.results.segment[self.rows]
        self.k = settings["segments__k"]
        self.seed = settings.get("run__seed", 1)
        self.centroids = self.results.data["stability/replicate_centroid"]
        self.others = [stability_oracle.nearest(self.prepared, centroids) for centroids in self.centroids]


@pytest.fixture(scope="module", params=CASES)
def case(request, tmp_path_factory):
    return Case(tmp_path_factory.mktemp("case"), *CASES[request.param])


def test_the_oracle_draws_as_philox_does():
    """The published answers for zeros, ones and digits of pi."""
    known = {
        ((0, 0, 0, 0), (0, 0)): "6627e8d5 e169c58d bc57ac4c 9b00dbd8",
        ((2**32 - 1,) * 4, (2**32 - 1,) * 2): "408f276d 41c83b0e a20bc7c6 6d5451fd",
        ((0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344), (0xA4093822, 0x299F31D0)):
            "d16cfe09 94fdcceb 5001e420 24126ea1",
    }  # fmt: skip
    for (counter, key), answer in known.items():
        assert " ".join(f"{word:08x}" for word in stability_oracle.philox(counter, key)[0]) == answer


# ---- replicates ------------------------------------------------------------------------------------------------------


def test_customers_are_prepared_as_they_are(case):
    names = [f"feature_{f}" for f in range(case.prepared.shape[1])]
    assert np.array_equal(oracle.prepare(case.results.model, names, case.prepared), case.prepared)


def test_agreement_with_replicates(case):
    assert case.centroids.shape == (REPLICATES, case.k, case.prepared.shape[1])
    stability_oracle.check_replicates(case.results, case.others)
    attributes = stability_oracle.group_attributes(case.results, "stability")
    assert attributes["replicates"] == case.results.summary["stability"]["replicates"] == REPLICATES


def weighted_means(prepared, label, weight, k) -> np.ndarray:
    return np.array([np.average(prepared[label == h], axis=0, weights=weight[label == h]) for h in range(k)])


def off(case, centroids, other, weight) -> float:
    """Squared distance of centroids from the means of their customers, in units of the tolerance of k-means."""
    moved = ((weighted_means(case.prepared, other, weight, case.k) - centroids) ** 2).sum()
    return moved / case.prepared.var(axis=0).mean()


def test_replicates_are_learned_on_their_weights(case):
    """Each centroid is the mean of its customers by the weights of this replicate, and not by those of another."""
    weights = [stability_oracle.replicate_weights(case.seed, b, case.rows) for b in range(REPLICATES + 1)]
    for b, (centroids, other) in enumerate(zip(case.centroids, case.others)):
        assert abs(weights[b].sum() - len(case.rows)) < 5 * np.sqrt(len(case.rows))
        found, another = (off(case, centroids, other, weights[i]) for i in (b, b + 1))
        assert found <= (1e-4 if "kmeans__tolerance" not in case.settings else 1e-20), b
        assert another > 3e-4 and another > 4 * found, b
    pairs = [(a, b) for a in range(REPLICATES) for b in range(a)]
    assert not any(np.allclose(case.centroids[a], case.centroids[b], rtol=1e-6) for a, b in pairs)


def test_replicates_are_learned_well(case):
    """Within 3 % of what scikit-learn finds on the same weights, and on average within 1 %."""
    excess = []
    for b, centroids in enumerate(case.centroids[:4]):
        weight = stability_oracle.replicate_weights(case.seed, b, case.rows)
        with threadpool_limits(1):
            theirs = KMeans(case.k, n_init=5, random_state=b).fit(case.prepared, sample_weight=weight).inertia_
        own = (weight * oracle.squared_distances(case.prepared, centroids).min(axis=1)).sum()
        excess.append(own / theirs - 1)
    assert max(excess) < 0.03 and np.mean(excess) < 0.01


def test_words(case):
    stability_oracle.check_words(case.results)


def test_silhouettes_of_segments(case):
    """A customer alone has 0, as in scikit-learn."""
    samples = silhouette_samples(case.prepared, case.label, metric="sqeuclidean")
    expected = [samples[case.label == h].mean() for h in range(case.k)]
    assert stability_oracle.close(case.results.data["stability/silhouette"], expected)
    assert stability_oracle.close(case.results.summary["stability"]["silhouette"], samples.mean())


# ---- restarts and halves ---------------------------------------------------------------------------------------------


def test_agreement_of_restarts(case):
    ari = case.results.data["stability/seed_ari"]
    inertia = case.results.model["restart_inertia"]
    best = inertia.argmin()
    assert ari.shape == inertia.shape and np.all((ari >= -1) & (ari <= 1))
    assert case.results.summary["stability"]["seed_ari"] == ari.tolist()
    if case.results.attributes["inertia"] == inertia[best]:
        assert ari[best] == 1
    else:  # a swap has made it better
        assert case.results.attributes["inertia"] < inertia[best]
    same = inertia == case.results.attributes["inertia"]
    assert np.all(ari[same] > 0.99)


def strength(own, other, k: int) -> float:
    """The least share of pairs within a segment that the other half's centroids keep together."""
    count = stability_oracle.table_of(own, other, k, k)
    size = count.sum(axis=1)
    kept = (count * (count - 1)).sum(axis=1)
    return (kept[size > 1] / (size * (size - 1))[size > 1]).min()


def strengths_of_scikit_learn(prepared, first, k: int) -> list[float]:
    halves = [first, ~first]
    with threadpool_limits(1):
        models = [KMeans(k, n_init=10, random_state=1).fit(prepared[half]) for half in halves]
    return [strength(models[i].labels_, models[1 - i].predict(prepared[half]), k) for i, half in enumerate(halves)]


HALVED = {
    "clear": clear_groups(1200, 3, 3, 1),
    "moderately clear": blobs(2000, 3, 3, 15, spread=0.9),
    "two near each other": blobs(2000, 3, 3, 14, spread=0.6),
}


@pytest.mark.parametrize("name", HALVED)
def test_prediction_strength_on_the_same_halves(tmp_path, name):
    values = on_grid(HALVED[name])
    settings = SETTINGS | {"segments__k": 3, "stability__replicates": 1}
    results = fit(tmp_path, write_matrix(tmp_path / "in.h5", values), **settings)
    found = results.data["stability/prediction_strength"]
    first = [stability_oracle.is_first_half(1, s, range(len(values))) for s in range(SPLITS)]
    assert all(abs(half.mean() - 0.5) < 0.06 for half in first)
    expected = [strengths_of_scikit_learn(values, half, 3) for half in first]
    assert found.shape == (SPLITS, 2) and np.abs(found - expected).max() < 0.05
    assert results.data["selection/prediction_strength"].tolist() == pytest.approx([found.mean()], rel=1e-12)
    assert stability_oracle.group_attributes(results, "selection")["splits"] == SPLITS
    assert np.all(found == 1) == (name == "clear")


def test_noise_is_not_predictable(tmp_path):
    values = on_grid(100 * np.random.default_rng(1).random((1500, 2)))
    path = write_matrix(tmp_path / "in.h5", values)
    results = fit(tmp_path, path, **(SETTINGS | {"segments__k": 7, "stability__replicates": 1}))
    assert results.data["stability/prediction_strength"].mean() < 0.6


# ---- ranks and seeds -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ranks", [2, 3])
def test_any_number_of_ranks(tmp_path, case, ranks):
    found = fit(tmp_path, case.path, ranks=ranks, **case.settings)
    assert differing(found.data, case.results.data) == []
    for told in ("selection", "stability", "segments"):
        assert found.summary[told] == case.results.summary[told]
    for group in ("selection", "stability"):
        assert stability_oracle.group_attributes(found, group) == stability_oracle.group_attributes(case.results, group)
    csv = [(results.directory / "segments.csv").read_bytes() for results in (found, case.results)]
    assert csv[0] == csv[1]


def test_fewer_replicates_are_the_first_ones(tmp_path, case):
    """Each depends on its number alone, though they are learned side by side."""
    fewer = fit(tmp_path, case.path, **(case.settings | {"stability__replicates": 3}))
    for name in ("stability/replicate_centroid", "stability/ari", "stability/jaccard"):
        assert np.array_equal(fewer.data[name], case.results.data[name][:3]), name
    assert np.array_equal(fewer.segment, case.results.segment)


def test_another_seed_is_other_replicates(tmp_path, case):
    found = fit(tmp_path, case.path, **(case.settings | {"run__seed": 12345}))
    weights = stability_oracle.replicate_weights(12345, 0, case.rows)
    other = stability_oracle.nearest(case.prepared, found.data["stability/replicate_centroid"][0])
    assert off(case, found.data["stability/replicate_centroid"][0], other, weights) <= 1e-4
    assert not np.array_equal(found.data["stability/replicate_centroid"], case.centroids)


def test_there_are_fifty_by_default(tmp_path):
    path = write_matrix(tmp_path / "in.h5", on_grid(blobs(300, 2, 3, 1)))
    results = fit(tmp_path, path, **(SETTINGS | {"segments__k": 3, "stability__replicates": ...}))
    assert results.data["stability/ari"].shape == (50,)


# ---- awkward ---------------------------------------------------------------------------------------------------------

FIVE = np.array([[2, 40, 1], [12, 25, 2], [6, 200, 5], [1, 15, 0.5], [20, 80, 4]])
AWKWARD = {
    "five customers": (FIVE, 4, {"prepare__scale": "zscore"}),
    "as many segments as customers": (FIVE, 5, {}),
    "duplicates": (np.repeat(on_grid(blobs(40, 2, 3, 1)), 20, axis=0), 5, {}),
    "as many segments as different customers": (np.repeat(on_grid(blobs(6, 2, 3, 2)), 7, axis=0), 6, {}),
    "one segment": (on_grid(blobs(400, 2, 3, 3)), 1, {}),
    "a segment of one": (np.concatenate([on_grid(blobs(300, 2, 2, 4)), [[1e4, 1e4]]]), 3, {}),
    "one replicate": (on_grid(blobs(500, 2, 3, 5)), 3, {"stability__replicates": 1}),
    "two customers": (np.array([[0.0], [1.0]]), 2, {}),
}


@pytest.fixture(scope="module", params=AWKWARD)
def awkward(request, tmp_path_factory):
    values, k, settings = AWKWARD[request.param]
    directory = tmp_path_factory.mktemp("awkward")
    settings = SETTINGS | {"stability__replicates": 20, "segments__k": k} | settings
    path = write_matrix(directory / "in.h5", values)
    results, other = (fit(directory / str(ranks), path, ranks=ranks, **settings) for ranks in (None, 2))
    assert differing(other.data, results.data) == []
    return values, k, results


def test_awkward_customers(awkward):
    values, k, results = awkward
    names = [f"feature_{f}" for f in range(values.shape[1])]
    prepared = oracle.prepare(results.model, names, values)
    centroids = results.data["stability/replicate_centroid"]
    assert np.isfinite(centroids).all()
    # Where centroids are alike, the lowest number.
    others = [stability_oracle.nearest(prepared, replicate) for replicate in centroids]
    stability_oracle.check_replicates(results, others, exact_match=False)
    stability_oracle.check_words(results)
    for b, other in enumerate(others):
        weight = stability_oracle.replicate_weights(1, b, range(len(values)))
        if not weight.any():
            continue  # nobody was drawn
        assert len(np.unique(centroids[b], axis=0)) <= len(np.unique(prepared[weight > 0], axis=0))
        for h in np.unique(other[weight > 0]):
            mean = np.average(prepared[other == h], axis=0, weights=weight[other == h])
            assert np.allclose(centroids[b, h], mean, rtol=1e-2, atol=1e-2 * prepared.std())
    ari, jaccard = results.data["stability/ari"], results.data["stability/jaccard"]
    assert np.all((ari <= 1) & (ari >= -1)) and np.all((jaccard > 0) & (jaccard <= 1))
    strength = results.data["stability/prediction_strength"]
    assert np.all((strength >= 0) & (strength <= 1))


def test_awkward_indices(awkward):
    values, k, results = awkward
    silhouette = results.data["stability/silhouette"]
    if k == 1:
        assert np.isnan(silhouette).all() and np.isnan(results.data["selection/silhouette"]).all()
        assert np.all(results.data["stability/ari"] == 1) and np.all(results.data["stability/membership"] == 1)
        assert results.summary["selection"]["tried"][0]["silhouette"] is None
        return
    names = [f"feature_{f}" for f in range(values.shape[1])]
    prepared = oracle.prepare(results.model, names, values).astype(float)
    alone = np.array(results.size) == 1
    assert np.all(silhouette[alone] == 0)
    if k < len(values):
        samples = silhouette_samples(prepared, results.segment, metric="sqeuclidean")
        expected = [samples[results.segment == h].mean() for h in range(k)]
        assert stability_oracle.close(silhouette, expected)


def test_no_replicates(tmp_path):
    path = write_matrix(tmp_path / "in.h5", CASES["clear"][0])
    results = fit(tmp_path, path, **(SETTINGS | {"stability__replicates": 0}))
    found = {name for name in results.data if name.startswith("stability/")}
    assert found == {"stability/silhouette", "stability/seed_ari"}
    attributes = stability_oracle.group_attributes(results, "stability")
    assert attributes["replicates"] == 0 and attributes["verdict"] == "not measured"
    for name in ("gap", "gap_error", "prediction_strength", "stability"):
        assert np.isnan(results.data[f"selection/{name}"]).all()
        assert results.summary["selection"]["tried"][0][name] is None
    assert results.summary["stability"]["verdict"] is None and results.summary["stability"]["ari"] is None
    for segment, line in zip(results.summary["segments"], stability_oracle.csv_rows(results)):
        assert line["stability"] == line["verdict"] == "" and float(line["silhouette"]) > 0
        assert segment["stability"] is None and segment["verdict"] is None
    assert "come out again" not in results.stdout and "comes out again" not in results.stdout
    assert results.summary["selection"]["warnings"] == "" and not results.summary["selection"]["one_cloud"]
