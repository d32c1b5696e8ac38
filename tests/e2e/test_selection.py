"""Which number of segments: a range in one run, its indices against scikit-learn, the rule of every criterion, and
what is said where there are no segments."""

import re

import numpy as np
import oracle
import pytest
import stability_oracle
from conftest import blobs, error_lines, fit, lohko, with_holes, write_config, write_matrix
from sklearn.metrics import (
    calinski_harabasz_score,
    davies_bouldin_score,
    silhouette_samples,
    silhouette_score,
)
from stability_oracle import CRITERIA, clear_groups, on_grid
from test_same_bytes import differing

SETTINGS = {"prepare__scale": "none", "stability__replicates": 5, "hierarchy__leaves": 0}
VALUES = on_grid(with_holes(blobs(1400, 3, 5, 1, spread=0.8), 0.02, 2))
RANGE = range(2, 7)
RANGED = SETTINGS | {"prepare__missing": "drop", "run__seed": 3}


@pytest.fixture(scope="module")
def customers(tmp_path_factory):
    return write_matrix(tmp_path_factory.mktemp("customers") / "customers.h5", VALUES)


@pytest.fixture(scope="module")
def ranged(customers, tmp_path_factory):
    return fit(tmp_path_factory.mktemp("ranged"), customers, segments__k="2..6", **RANGED)


@pytest.fixture(scope="module")
def alone(customers, tmp_path_factory):
    """By number: a run with this one only."""
    directory = tmp_path_factory.mktemp("alone")
    return {k: fit(directory / str(k), customers, segments__k=k, **RANGED) for k in RANGE}


# ---- a range against each number alone -------------------------------------------------------------------------------


def test_every_row_is_what_the_number_alone_gives(ranged, alone):
    assert ranged.data["selection/k"].tolist() == list(RANGE)
    for i, k in enumerate(RANGE):
        for name in ("inertia", "silhouette", "silhouette_sample", "calinski_harabasz", "davies_bouldin"):
            found, expected = (results.data[f"selection/{name}"] for results in (ranged, alone[k]))
            assert found[i : i + 1].tobytes() == expected.tobytes(), (k, name)
        assert ranged.data["selection/inertia"][i] == alone[k].attributes["inertia"]
        told = alone[k].summary["selection"]
        assert told["chosen"] == k and told["criterion"] is told["reason"] is told["picks"] is None


def test_replicates_of_every_number(ranged, alone):
    """Their starts are drawn from the candidates for the largest number, so that they are alike but not the same."""
    for i, k in enumerate(RANGE):
        for name, most in (("stability", 0.08), ("prediction_strength", 0.15), ("gap", 0.05)):
            found, expected = (results.data[f"selection/{name}"] for results in (ranged, alone[k]))
            assert abs(found[i] - expected[0]) < most, (k, name)


def test_the_chosen_segments_are_those_of_the_number_alone(ranged, alone):
    expected = alone[len(ranged.size)]
    assert np.array_equal(ranged.segment, expected.segment)
    assert np.array_equal(ranged.centroid_prepared, expected.centroid_prepared)
    assert ranged.data["stability/silhouette"].tobytes() == expected.data["stability/silhouette"].tobytes()
    row = list(RANGE).index(len(ranged.size))
    assert stability_oracle.close(ranged.data["selection/stability"][row], ranged.data["stability/ari"].mean())
    strength = ranged.data["stability/prediction_strength"]
    assert stability_oracle.close(ranged.data["selection/prediction_strength"][row], strength.mean())


def test_levels(ranged, alone):
    rows = ranged.segment >= 0
    stability_oracle.check_levels(ranged, {k: alone[k].segment[rows] for k in RANGE})


def test_chosen_replicates(ranged):
    rows = np.flatnonzero(ranged.segment >= 0)
    others = [stability_oracle.nearest(VALUES[rows], at) for at in ranged.data["stability/replicate_centroid"]]
    stability_oracle.check_replicates(ranged, others)
    stability_oracle.check_words(ranged)


# ---- indices ---------------------------------------------------------------------------------------------------------


def check_indices(data, row, prepared, label):
    assert stability_oracle.close(data["selection/silhouette"][row],
                                  silhouette_samples(prepared, label, metric="sqeuclidean").mean())  # fmt: skip
    assert np.isclose(data["selection/calinski_harabasz"][row], calinski_harabasz_score(prepared, label), rtol=1e-9)
    assert np.isclose(data["selection/davies_bouldin"][row], davies_bouldin_score(prepared, label), rtol=1e-9)


def test_indices(ranged, alone):
    """The sample for the silhouette by plain distances is all of them."""
    rows = np.flatnonzero(ranged.segment >= 0)
    for i, k in enumerate(RANGE):
        label = alone[k].segment[rows]
        check_indices(ranged.data, i, VALUES[rows], label)
        sample = ranged.data["selection/silhouette_sample"][i]
        assert stability_oracle.close(sample, silhouette_score(VALUES[rows], label))
    assert stability_oracle.group_attributes(ranged, "selection")["sample_customers"] == len(rows)


def test_the_silhouette_of_a_sample(tmp_path):
    """Of the 4096 customers with the lowest keys; by squared distances it is that of all."""
    values = with_holes(on_grid(blobs(5500, 3, 4, 7)), 0.03, 8)
    settings = SETTINGS | {"segments__k": 4, "stability__replicates": 0, "prepare__missing": "drop", "run__seed": 2**35}
    results = fit(tmp_path, write_matrix(tmp_path / "in.h5", values), ranks=3, **settings)
    rows = np.flatnonzero(results.segment >= 0)
    assert len(rows) > 4500
    check_indices(results.data, 0, values[rows], results.segment[rows])
    sample = rows[stability_oracle.sample_of(2**35, rows, 4096)]
    expected = silhouette_score(values[sample], results.segment[sample])
    assert stability_oracle.close(results.data["selection/silhouette_sample"], expected)
    assert not np.isclose(expected, silhouette_score(values[rows], results.segment[rows]), rtol=1e-7)
    assert stability_oracle.group_attributes(results, "selection")["sample_customers"] == 4096


def test_indices_of_scaled_customers(tmp_path):
    """Far from zero and of unlike width, where squares cancel."""
    values = blobs(900, 3, 3, 9) * [1, 1e-3, 1e3] + [1e5, 5, 0]
    settings = {"segments__k": 3, "prepare__weight": {"feature_1": 50}}
    results = fit(tmp_path, write_matrix(tmp_path / "in.h5", values), **settings)
    prepared = oracle.prepare(results.model, ["feature_0", "feature_1", "feature_2"], values).astype(float)
    check_indices(results.data, 0, prepared, results.segment)


# ---- the choice ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("criterion,ranks", [*zip(CRITERIA, (3, 2, 1, None))])
def test_every_criterion_follows_its_rule(tmp_path, customers, ranged, criterion, ranks):
    """On any number of ranks."""
    found = fit(tmp_path, customers, ranks=ranks, segments__k="2..6", segments__choose=criterion, **RANGED)
    stability_oracle.check_choice(found, criterion)
    for name in (name for name in ranged.data if name.startswith("selection/")):
        assert found.data[name].tobytes() == ranged.data[name].tobytes(), name
    if len(found.size) == len(ranged.size):
        assert differing(found.data, ranged.data) == []


def test_criteria_differ_on_these_customers(ranged):
    """Or their rules would not be told apart."""
    assert len(set(ranged.summary["selection"]["picks"].values())) > 1


@pytest.mark.parametrize("groups", [2, 3, 5, 8])
def test_clear_groups_are_found(tmp_path, groups):
    """By every criterion, and they are stable."""
    path = write_matrix(tmp_path / "in.h5", clear_groups(150 * groups, 3, groups, groups))
    results = fit(tmp_path, path, segments__k="2..9", **SETTINGS)
    stability_oracle.check_choice(results, "silhouette")
    assert results.summary["selection"]["picks"] == dict.fromkeys(CRITERIA, groups)
    assert results.summary["selection"]["warnings"] == "" and not results.summary["selection"]["one_cloud"]
    stability_oracle.check_words(results)
    verdicts = [segment["verdict"] for segment in results.summary["segments"]]
    assert verdicts == ["highly stable"] * groups and results.summary["stability"]["verdict"] == "highly stable"


def test_clear_groups_are_found_by_the_tree(tmp_path):
    path = write_matrix(tmp_path / "in.h5", clear_groups(400, 3, 5, 1))
    settings = {"segments__method": "hierarchy", "hierarchy__leaves": "all"}
    results = fit(tmp_path, path, segments__k="2..7", **(SETTINGS | settings))
    stability_oracle.check_choice(results, "silhouette")
    assert results.summary["selection"]["picks"] == dict.fromkeys(CRITERIA, 5)
    assert results.summary["stability"]["verdict"] == "highly stable"


# ---- customers without segments --------------------------------------------------------------------------------------


def cloud(name: str, customers: int) -> np.ndarray:
    random = np.random.default_rng(5)
    if name == "uniform":
        return 100 * random.random((customers, 3))
    if name == "round":
        return random.standard_normal((customers, 4))
    return random.standard_normal((customers, 3)) * [10, 1, 1]


def check_one_cloud(results):
    """Nothing that people or programs read calls the segments stable."""
    told = results.summary["selection"]
    assert stability_oracle.group_attributes(results, "selection")["one_cloud"] == 1 and told["one_cloud"] is True
    printed = " ".join(results.stdout.split())
    assert "no separate segments" in told["warnings"].lower() and " ".join(told["warnings"].split()) in printed
    words = [line["verdict"] for line in stability_oracle.csv_rows(results)]
    words += [segment["verdict"] for segment in results.summary["segments"]]
    words += [verdict.decode() for verdict in results.data["stability/verdict"]]
    words += [results.summary["stability"]["verdict"]]
    words += [stability_oracle.group_attributes(results, "stability")["verdict"]]
    words += [row["verdict"] or "" for row in told["tried"]]
    assert words and not any("stable" in word for word in words)
    # It may be said that nothing is.
    assert not re.search(r"\bstable\b", printed.replace("Nothing here is stable", ""))


@pytest.mark.parametrize("k", ["2..6", 3])
@pytest.mark.parametrize("name", ["uniform", "elongated", "round"])
def test_one_cloud_is_not_called_stable(tmp_path, name, k):
    path = write_matrix(tmp_path / "in.h5", cloud(name, 800))
    settings = SETTINGS | {"stability__replicates": 10}
    results = fit(tmp_path, path, segments__k=k, **settings)
    check_one_cloud(results)
    stability_oracle.check_words(results)


@pytest.mark.parametrize("name,k", [("uniform", "2..5"), ("elongated", 3)])
def test_one_cloud_is_not_called_stable_by_the_tree(tmp_path, name, k):
    path = write_matrix(tmp_path / "in.h5", cloud(name, 400))
    settings = {"segments__method": "hierarchy", "prepare__scale": "none", "stability__replicates": 8}
    check_one_cloud(fit(tmp_path, path, segments__k=k, **settings))


# ---- awkward ---------------------------------------------------------------------------------------------------------

FIVE = np.array([[2, 40, 1], [12, 25, 2], [6, 200, 5], [1, 15, 0.5], [20, 80, 4]])
AWKWARD = {
    "from one on": (on_grid(blobs(300, 2, 3, 1)), "1..4", {}),
    "one and no more": (on_grid(blobs(300, 2, 3, 1)), "1..2", {"segments__choose": "stability"}),
    "five customers": (FIVE, "2..4", {"prepare__scale": "zscore"}),
    "up to every customer": (FIVE, "1..5", {"prepare__scale": "zscore", "segments__choose": "gap"}),
    "duplicates": (
        np.repeat(on_grid(blobs(7, 2, 3, 2)), 9, axis=0), "2..7", {"segments__choose": "prediction_strength"},
    ),
    "one replicate": (
        on_grid(blobs(300, 2, 3, 4)), "2..4", {"stability__replicates": 1, "segments__choose": "stability"},
    ),
    "tree of five": (
        FIVE, "1..5", {"prepare__scale": "zscore", "segments__method": "hierarchy", "hierarchy__leaves": "all"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", AWKWARD)
def test_awkward_ranges(tmp_path, name):
    values, k, settings = AWKWARD[name]
    path = write_matrix(tmp_path / "in.h5", values)
    settings = SETTINGS | settings
    results, other = (fit(tmp_path / str(ranks), path, ranks=ranks, segments__k=k, **settings) for ranks in (None, 3))
    assert differing(other.data, results.data) == []
    stability_oracle.check_choice(results, settings.get("segments__choose", "silhouette"))
    stability_oracle.check_words(results)
    data = results.data
    for i, tried in enumerate(data["selection/k"]):
        if tried == 1:
            indices = ("silhouette", "silhouette_sample", "calinski_harabasz", "davies_bouldin")
            assert all(np.isnan(data[f"selection/{name}"][i]) for name in indices)
            assert data["selection/stability"][i] == 1
    # More segments never fit worse.
    assert np.all(np.diff(data["selection/inertia"]) <= 1e-9 * data["selection/inertia"][0])


@pytest.mark.parametrize("criterion", ["silhouette", "gap", "prediction_strength"])
def test_a_range_without_replicates(tmp_path, customers, ranged, criterion):
    """Halves and reference sets are there all the same."""
    settings = RANGED | {"stability__replicates": 0, "segments__choose": criterion}
    results = fit(tmp_path, customers, segments__k="2..6", **settings)
    stability_oracle.check_choice(results, criterion)
    assert np.isnan(results.data["selection/stability"]).all()
    for name in ("gap", "gap_error", "silhouette"):
        assert results.data[f"selection/{name}"].tobytes() == ranged.data[f"selection/{name}"].tobytes(), name
    # Halves have other starts where there are no replicates before them.
    strength = "selection/prediction_strength"
    assert np.allclose(results.data[strength], ranged.data[strength], atol=0.1)
    assert all(row["verdict"] is None for row in results.summary["selection"]["tried"])
    assert {"stability/ari", "stability/verdict", "stability/membership"}.isdisjoint(results.data)
    assert all(line["verdict"] == line["stability"] == "" for line in stability_oracle.csv_rows(results))


@pytest.mark.parametrize("ranks", [None, 3])
def test_stability_needs_replicates(tmp_path, customers, ranks):
    config = write_config(tmp_path, customers, segments__k="2..4", segments__choose="stability")
    done = lohko("fit", config, "-q", ranks=ranks)
    assert done.returncode == 78 and not (tmp_path / "results").exists()
    (line,) = error_lines(done.stderr)
    assert "segments.choose" in line and "stability.replicates is 0" in line


def test_one_number_needs_no_criterion(tmp_path, customers):
    assert len(fit(tmp_path, customers, segments__k=3, segments__choose="stability", **RANGED).size) == 3


@pytest.mark.parametrize("method", ["kmeans", "hierarchy"])
@pytest.mark.parametrize("ranks", [None, 2])
def test_more_segments_than_customers(tmp_path, method, ranks):
    path = write_matrix(tmp_path / "in.h5", FIVE)
    config = write_config(tmp_path, path, segments__k="2..6", segments__method=method, stability__replicates=3)
    done = lohko("fit", config, "-q", ranks=ranks)
    assert done.returncode == 65, done.stderr
    (line,) = error_lines(done.stderr)
    assert "6" in line and "5" in line


def test_fewer_different_customers_than_segments(tmp_path):
    path = write_matrix(tmp_path / "in.h5", np.repeat(FIVE, 10, axis=0))
    done = lohko("fit", write_config(tmp_path, path, segments__k="2..6"), "-q")
    assert done.returncode == 65 and "distinct" in done.stderr
