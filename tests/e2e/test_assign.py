"""lohko assign: a fit's own customers get what the fit gave them, bit for bit; drift against NumPy; what is refused."""

import json
import os
import shutil
from types import SimpleNamespace

import h5py
import numpy as np
import pandas as pd
import pytest
from conftest import ENVIRONMENT, blobs, datasets, error_lines, fit, lohko, with_holes, write_matrix

NAMES = ["recency", "orders", "basket", "visits"]
SCORES = ["segment", "distance", "runner_up", "shadow", "customer_id"]
SETTINGS = {"kmeans__restarts": 2, "hierarchy__leaves": 0}


def customers(count=3100, seed=1) -> np.ndarray:
    """Four blocks, the last one short; some values are missing."""
    return with_holes(np.abs(blobs(count, 4, 4, seed)), 0.03, seed + 1)


def read_assigned(directory) -> SimpleNamespace:
    assert {path.name for path in directory.iterdir()} == {"results.h5", "summary.json"}
    data = datasets(directory / "results.h5")
    with h5py.File(directory / "results.h5") as file:
        found = SimpleNamespace(data=data, attributes=dict(file.attrs), drift=dict(file["drift"].attrs))
        found.feature_names = list(file["drift/psi"].attrs["feature_names"])
    for name in SCORES:
        setattr(found, name, data[f"assignments/{name}"])
    found.summary = json.loads((directory / "summary.json").read_text())
    return found


def run(model, path, output, *options, ranks=None, **keywords):
    return lohko("assign", "--model", model, "--input", path, "--output", output, *options, ranks=ranks, **keywords)


def assign(model, path, output, *options, ranks=None, **keywords) -> SimpleNamespace:
    done = run(model, path, output, *options, ranks=ranks, **keywords)
    assert done.returncode == 0, done.stderr
    found = read_assigned(output)
    found.stdout, found.stderr = done.stdout, done.stderr
    return found


def same(found, expected, rows=None):
    for name in SCORES:
        wanted = getattr(expected, name)
        wanted = wanted if rows is None else wanted[rows]
        assert getattr(found, name).tobytes() == wanted.tobytes(), name


def model_of(results):
    return results.directory / "results.h5"


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """A model with most of the preparation in it, and its customers."""
    directory = tmp_path_factory.mktemp("plain")
    values = customers()
    path = write_matrix(directory / "in.h5", values, NAMES)
    settings = SETTINGS | {
        "prepare__transform": {"basket": "log1p", "orders": "sqrt"},
        "prepare__clip": [0.01, 0.97],
        "prepare__weight": {"visits": 2},
    }
    return SimpleNamespace(path=path, values=values, results=fit(directory / "fit", path, **settings))


# ---- the fit's own customers -----------------------------------------------------------------------------------------

MODELS = {
    "kmeans": {},
    "one segment": {"segments__k": 1},
    "many segments": {"segments__k": 40},
    "drop": {"prepare__missing": "drop"},
    "mean, robust": {"prepare__missing": "mean", "prepare__scale": "robust"},
    "unscaled": {"prepare__scale": "none", "prepare__transform": {"recency": "asinh", "orders": "log1p"}},
    "micro-clusters": {"segments__method": "hierarchy", "hierarchy__leaves": 150},
    "micro-clusters, drop": {
        "segments__method": "hierarchy", "hierarchy__leaves": 150, "prepare__missing": "drop"
    },
    "every customer a leaf": {"segments__method": "hierarchy", "hierarchy__leaves": "all"},
    "average linkage": {"segments__method": "hierarchy", "hierarchy__leaves": "all", "hierarchy__linkage": "average"},
}


@pytest.mark.parametrize("name", MODELS)
def test_the_fit_once_more(tmp_path, name):
    path = write_matrix(tmp_path / "in.h5", customers(), NAMES)
    results = fit(tmp_path, path, **(SETTINGS | MODELS[name]))
    for ranks in (None, 2, 3):
        found = assign(model_of(results), path, tmp_path / f"out{ranks}", "-q", ranks=ranks)
        same(found, results)
        assert found.data["segments/size"].tolist() == results.size.tolist()
        assert found.data["segments/number"].tolist() == list(range(len(results.size)))
        assert found.attributes["customers"] == 3100
        assert found.attributes["customers_used"] == results.attributes["customers_used"]
        assert found.drift["segment_psi"] == 0 and np.all(found.data["drift/psi"] == 0)
        # An order statistic: up to one customer more than a share of 0.001.
        assert found.drift["far_share"] * found.drift["customers"] <= 0.001 * found.drift["customers"] + 1
        assert found.attributes["model_checksum"] == results.attributes["input_checksum"]


def test_columns_and_pandas(tmp_path, plain):
    ids = [f"customer {i}" for i in range(len(plain.values))]
    with h5py.File(tmp_path / "columns.h5", "w") as file:
        for name, column in zip(NAMES, plain.values.T):
            file[f"features/{name}"] = column
    frame = pd.DataFrame(plain.values, columns=NAMES, index=pd.Index(ids, name="customer_id"))
    frame.to_hdf(tmp_path / "pandas.h5", key="customers", format="fixed")
    for form in ("columns", "pandas"):
        for ranks in (None, 3):
            output = tmp_path / f"{form}{ranks}"
            found = assign(model_of(plain.results), tmp_path / f"{form}.h5", output, "-q", ranks=ranks)
            for name in SCORES[:-1]:
                assert getattr(found, name).tobytes() == getattr(plain.results, name).tobytes(), name
    assert [name.decode() for name in found.customer_id] == ids


@pytest.mark.parametrize("kind,chunks", [("f4", (700, 2)), ("f8", (1, 4)), (">f8", None)])
def test_layouts(tmp_path, plain, kind, chunks):
    compression = "gzip" if chunks else None
    path = write_matrix(tmp_path / "in.h5", plain.values.astype(kind), NAMES, chunks=chunks, compression=compression)
    same(assign(model_of(plain.results), path, tmp_path / "out", "-q", ranks=2), plain.results)


@pytest.mark.parametrize("variables", [
    {"LOHKO_VECTORS": "plain"}, {"LOHKO_NEAREST": "tiles"}, {"LOHKO_NEAREST": "openblas"},
])
def test_any_kernel(tmp_path, plain, variables, monkeypatch):
    for name, value in variables.items():
        monkeypatch.setitem(ENVIRONMENT, name, value)
    same(assign(model_of(plain.results), plain.path, tmp_path / "out", "-q"), plain.results)


def test_kernels_that_are_not_there(tmp_path, plain, monkeypatch):
    for name in ("LOHKO_VECTORS", "LOHKO_NEAREST"):
        with monkeypatch.context() as patch:
            patch.setitem(ENVIRONMENT, name, "nonsense")
            done = run(model_of(plain.results), plain.path, tmp_path / "out", "-q")
        assert done.returncode == 64 and name in done.stderr


def test_ids_and_places_in_the_file(tmp_path, plain):
    ids = np.arange(3100, dtype="u4")[::-1] * 7
    with h5py.File(tmp_path / "in.h5", "w") as file:
        file["deep/inside/values"] = plain.values
        file["deep/inside/values"].attrs["feature_names"] = np.array(NAMES, dtype=h5py.string_dtype())
        file["deep/key"] = ids
        file["features"] = np.zeros((3, 3))
    places = ("--features", "/deep/inside/values", "--id", "/deep/key")
    found = assign(model_of(plain.results), tmp_path / "in.h5", tmp_path / "out", "-q", *places)
    assert found.customer_id.dtype == np.uint32 and np.array_equal(found.customer_id, ids)
    assert found.segment.tobytes() == plain.results.segment.tobytes()


# ---- other customers -------------------------------------------------------------------------------------------------


def test_columns_in_another_order_and_more_of_them(tmp_path, plain):
    order = [2, 0, 3, 1]
    values = np.column_stack([np.full(3100, np.inf), plain.values[:, order], np.zeros(3100)])
    names = ["newsletter", *[NAMES[c] for c in order], "churned"]
    path = write_matrix(tmp_path / "in.h5", values, names)
    found = assign(model_of(plain.results), path, tmp_path / "out", ranks=2)
    same(found, plain.results)
    assert found.feature_names == NAMES
    assert "newsletter" in found.stderr and "churned" in found.stderr


def test_missing_columns(tmp_path, plain):
    path = write_matrix(tmp_path / "in.h5", plain.values[:, [0, 3]], ["recency", "visits"])
    for ranks in (None, 3):
        done = run(model_of(plain.results), path, tmp_path / "out", "-q", ranks=ranks)
        assert done.returncode == 65 and len(error_lines(done.stderr)) == 1
        assert "orders" in done.stderr and "basket" in done.stderr and "in.h5" in done.stderr
    assert not (tmp_path / "out" / "results.h5").exists()


@pytest.mark.parametrize("count,ranks", [(1, None), (1, 3), (2, 2), (1024, 3), (1025, 2), (2050, 3)])
def test_few_customers_and_ranks_without_any(tmp_path, plain, count, ranks):
    path = write_matrix(tmp_path / "in.h5", plain.values[500 : 500 + count], NAMES)
    found = assign(model_of(plain.results), path, tmp_path / "out", "-q", ranks=ranks)
    rows = slice(500, 500 + count)
    for name in SCORES[:-1]:
        assert getattr(found, name).tobytes() == getattr(plain.results, name)[rows].tobytes(), name
    assert found.customer_id.tolist() == list(range(count))
    assert found.summary["input"]["customers"] == count


def test_customers_left_out(tmp_path):
    """Under drop, those without a value of a feature of the model; other columns may lack what they like."""
    values = customers()
    results = fit(tmp_path, write_matrix(tmp_path / "in.h5", values, NAMES), prepare__missing="drop", **SETTINGS)
    fresh = customers(2500, seed=9)
    path = write_matrix(tmp_path / "new.h5", np.column_stack([fresh, np.full(2500, np.nan)]), [*NAMES, "extra"])
    found = assign(model_of(results), path, tmp_path / "out", "-q", ranks=2)
    out = np.isnan(fresh).any(axis=1)
    assert np.array_equal(found.segment == -1, out) and np.array_equal(found.runner_up == -1, out)
    assert np.array_equal(np.isnan(found.distance), out) and np.array_equal(np.isnan(found.shadow), out)
    assert found.attributes["customers_used"] == found.data["segments/size"].sum() == (~out).sum()
    assert f"{out.sum()} " in found.stdout and "left out" in found.stdout
    check_drift(found, results, fresh, ~out)


def test_nobody_is_left(tmp_path):
    values = customers()
    results = fit(tmp_path, write_matrix(tmp_path / "in.h5", values, NAMES), prepare__missing="drop", **SETTINGS)
    fresh = values[:20].copy()
    fresh[:, 1] = np.nan
    found = assign(model_of(results), write_matrix(tmp_path / "new.h5", fresh, NAMES), tmp_path / "out", "-q", ranks=2)
    assert np.all(found.segment == -1) and np.all(np.isnan(found.data["drift/psi"]))
    assert found.summary["drift"]["segment_psi"] is None and found.summary["far"]["share"] is None
    assert "left out" in found.stdout


# ---- drift -----------------------------------------------------------------------------------------------------------


def psi_of(before, now) -> float:
    p, q = (np.maximum(np.asarray(count) / max(np.sum(count), 1), 1e-4) for count in (before, now))
    return float(((p - q) * np.log(p / q)).sum())


def bins_of(edges, column) -> list[int]:
    """Up to each edge, above the last, missing."""
    known = column[~np.isnan(column)]
    place = np.searchsorted(edges, known, side="left")
    return [*np.bincount(place, minlength=len(edges) + 1).tolist(), len(column) - len(known)]


def check_drift(found, results, values, used):
    """The counts from the model's deciles and the values as they are; the indices from the counts, by their formula."""
    model = results.model
    kept = [name.decode() for name in model["feature_names"]]
    assert found.feature_names == kept
    training = results.attributes["customers_used"]
    before = found.data["drift/count_before"]
    for f, name in enumerate(kept):
        column = values[used][:, NAMES.index(name)]
        assert found.data["drift/count"][f].tolist() == bins_of(model["decile"][f], column), name
        assert np.cumsum(before[f])[:9].tolist() == model["decile_upto"][f].tolist()
        assert before[f].sum() == training and before[f][10] == model["missing"][f]
        assert found.data["drift/psi"][f] == pytest.approx(psi_of(before[f], found.data["drift/count"][f]), abs=1e-12)
    sizes = np.bincount(found.segment[found.segment >= 0], minlength=len(results.size))
    assert found.data["segments/size"].tolist() == sizes.tolist()
    assert found.drift["segment_psi"] == pytest.approx(psi_of(results.size, sizes), abs=1e-12)
    far = np.sum(found.distance[used].astype(float) > found.drift["far"])
    assert found.drift["far_share"] == far / used.sum() and found.drift["customers"] == used.sum()
    assert (found.drift["epsilon"], found.drift["watch"], found.drift["shifted"]) == (1e-4, 0.1, 0.25)
    check_summary(found, kept)


def check_summary(found, kept):
    drift = found.summary["drift"]
    assert [feature["name"] for feature in drift["features"]] == kept
    for feature, psi in zip(drift["features"], found.data["drift/psi"]):
        assert feature["psi"] == psi
        assert feature["word"] == ("stable" if psi < 0.1 else "watch" if psi < 0.25 else "shifted")
    assert drift["segment_psi"] == found.drift["segment_psi"]
    assert found.summary["far"]["share"] == found.drift["far_share"]
    assert [segment["size"] for segment in found.summary["segments"]] == found.data["segments/size"].tolist()


@pytest.mark.parametrize("ranks", [None, 3])
def test_drift(tmp_path, plain, ranks):
    """One feature much higher, one with more missing values, one a little higher, one as it was; some far out."""
    fresh = customers(2900, seed=1)
    random = np.random.default_rng(4)
    fresh[:, 0] += 40
    fresh[random.random(2900) < 0.15, 1] = np.nan
    fresh[:, 2] *= 1.02
    fresh[::50, 3] *= 40
    path = write_matrix(tmp_path / "new.h5", fresh, NAMES)
    found = assign(model_of(plain.results), path, tmp_path / "out", "-q", ranks=ranks)
    check_drift(found, plain.results, fresh, np.ones(2900, bool))
    psi = found.data["drift/psi"]
    assert psi[0] > 0.25 and 0.1 < psi[1] and psi[3] < 0.25
    lines = [line for line in found.stdout.splitlines() if line.endswith(tuple(NAMES)) and line.startswith("  ")]
    moved = [f for f in np.argsort(-psi) if psi[f] >= 0.1]
    assert [line.split()[-1] for line in lines] == [NAMES[f] for f in moved]
    assert [line.split()[0] for line in lines] == [f"{psi[f]:.2f}" for f in moved]


def test_nothing_has_moved(tmp_path, plain):
    found = assign(model_of(plain.results), plain.path, tmp_path / "out", "-q")
    assert "No feature has moved" in found.stdout and "shifted  " not in found.stdout
    assert "have hardly changed" in found.stdout


def test_numbers_that_were_handed_down(tmp_path, plain):
    """Segments keep the numbers of years before, with gaps."""
    model = tmp_path / "model.h5"
    shutil.copy(model_of(plain.results), model)
    number = np.array([2, 5, 6, 40])
    with h5py.File(model, "r+") as file:
        file["segments/number"][...] = number
        file["segments"].attrs["next_number"] = np.int64(41)
    found = assign(model, plain.path, tmp_path / "out", "-q", ranks=2)
    assert np.array_equal(found.segment, number[plain.results.segment])
    assert np.array_equal(found.runner_up, number[plain.results.runner_up])
    assert found.data["segments/number"].tolist() == number.tolist()
    assert found.data["segments/size"].tolist() == plain.results.size.tolist()
    assert [segment["segment"] for segment in found.summary["segments"]] == number.tolist()
    with h5py.File(model, "r+") as file:
        file["segments/number"][3] = 2**31
        file["segments"].attrs["next_number"] = np.int64(2**31 + 1)
    assert run(model, plain.path, tmp_path / "no", "-q").returncode == 65


def test_a_model_that_does_not_know_how_customers_were_spread(tmp_path, plain):
    """As lohko 0.4 wrote them."""
    old = tmp_path / "old.h5"
    shutil.copy(model_of(plain.results), old)
    with h5py.File(old, "r+") as file:
        for name in ("segments/number", "model/decile", "model/decile_upto", "model/far", "model/deviation"):
            if name in file:
                del file[name]
        for group, name in (("segments", "next_number"), ("model", "missing"), ("model", "far")):
            if name in file[group].attrs:
                del file[group].attrs[name]
    found = assign(old, plain.path, tmp_path / "out", "-q")
    same(found, plain.results)
    assert np.isnan(found.data["drift/psi"]).all() and found.drift["segment_psi"] == 0
    assert np.isnan(found.drift["far_share"]) and "not known" in found.stdout
    assert all(feature["psi"] is None for feature in found.summary["drift"]["features"])


# ---- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("column,value,words", [
    (0, np.inf, "recency is infinite in row 2100"),
    (2, -1.0, "basket is -1 in row 2100, outside the domain of log1p"),
    (1, -0.5, "orders is -0.5 in row 2100, outside the domain of sqrt"),
    (3, 1e200, "visits is 1e+200 in row 2100"),
])
@pytest.mark.parametrize("ranks", [None, 3])
def test_values_that_cannot_be_scored(tmp_path, plain, column, value, words, ranks):
    values = plain.values.copy()
    values[2100, column] = value
    path = write_matrix(tmp_path / "new.h5", values, NAMES)
    output = tmp_path / "out"
    assign(model_of(plain.results), plain.path, output, "-q")
    before = (output / "results.h5").read_bytes()
    done = run(model_of(plain.results), path, output, "-q", ranks=ranks)
    assert done.returncode == 65 and len(error_lines(done.stderr)) == 1
    assert words in done.stderr and "new.h5" in done.stderr
    assert (output / "results.h5").read_bytes() == before
    assert {entry.name for entry in output.iterdir()} == {"results.h5", "summary.json"}


def test_a_missing_value_where_the_fit_took_it_for_an_error(tmp_path):
    values = np.abs(blobs(2500, 4, 4, 1))
    results = fit(tmp_path, write_matrix(tmp_path / "in.h5", values, NAMES), prepare__missing="error", **SETTINGS)
    same(assign(model_of(results), tmp_path / "in.h5", tmp_path / "out", "-q", ranks=2), results)
    values[2049, 1] = np.nan
    for ranks in (None, 3):
        done = run(model_of(results), write_matrix(tmp_path / "new.h5", values, NAMES), tmp_path / "no", ranks=ranks)
        assert done.returncode == 65 and "orders is missing in row 2049" in done.stderr


def test_a_model_that_is_none(tmp_path, plain):
    (tmp_path / "text.h5").write_text("segments")
    empty = write_matrix(tmp_path / "customers.h5", plain.values, NAMES)
    assign(model_of(plain.results), plain.path, tmp_path / "scored", "-q")
    for model, code in (
        (tmp_path / "nosuch.h5", 66), (tmp_path / "text.h5", 66), (empty, 65), (tmp_path / "scored" / "results.h5", 65),
    ):
        for ranks in (None, 2):
            done = run(model, plain.path, tmp_path / "out", "-q", ranks=ranks)
            assert done.returncode == code and model.name in done.stderr and len(error_lines(done.stderr)) == 1
    assert not (tmp_path / "out" / "results.h5").exists()


def test_an_input_that_is_none(tmp_path, plain):
    done = run(model_of(plain.results), tmp_path / "nosuch.h5", tmp_path / "out", "-q")
    assert done.returncode == 66 and "nosuch.h5" in done.stderr


@pytest.mark.parametrize("way", ["itself", "symbolic link", "hard link", "linked directory"])
def test_the_model_is_not_overwritten(tmp_path, plain, way):
    home = tmp_path / "home"
    shutil.copytree(plain.results.directory, home)
    model, output = home / "results.h5", home
    before = model.read_bytes()
    if way == "symbolic link":
        model = tmp_path / "model.h5"
        model.symlink_to(home / "results.h5")
    elif way == "hard link":
        model = tmp_path / "model.h5"
        os.link(home / "results.h5", model)
    elif way == "linked directory":
        output = tmp_path / "other"
        output.symlink_to(home)
    for ranks in (None, 2):
        done = run(model, plain.path, output, "-q", ranks=ranks)
        assert done.returncode == 64 and "model" in done.stderr and len(error_lines(done.stderr)) == 1
    assert (home / "results.h5").read_bytes() == before
    assert {entry.name for entry in home.iterdir()} == {entry.name for entry in plain.results.directory.iterdir()}


def test_the_input_is_not_overwritten(tmp_path, plain):
    write_matrix(tmp_path / "results.h5", plain.values, NAMES)
    done = run(model_of(plain.results), tmp_path / "results.h5", tmp_path, "-q")
    assert done.returncode == 64 and "input" in done.stderr


def test_into_the_directory_of_an_older_fit(tmp_path, plain):
    """Its segments.csv and migration.csv, which are of other customers, go when the scores come, and not before."""
    home = tmp_path / "home"
    shutil.copytree(plain.results.directory, home)
    (home / "migration.csv").write_text("of a fit that knew the year before\n")
    (home / "notes.txt").write_text("of nobody\n")
    was = {path.name: path.read_bytes() for path in home.iterdir()}
    assert "segments.csv" in was
    assert run(model_of(plain.results), tmp_path / "nosuch.h5", home, "-q").returncode == 66
    assert {path.name: path.read_bytes() for path in home.iterdir()} == was
    assert run(model_of(plain.results), plain.path, home, "-q").returncode == 0
    assert {path.name for path in home.iterdir()} == {"results.h5", "summary.json", "notes.txt"}


def test_the_command_line(tmp_path, plain):
    model = model_of(plain.results)
    for arguments in (
        [], ["--model", model], ["--model", model, "--input", plain.path],
        ["--model", model, "--input", plain.path, "--output", tmp_path / "out", "--nosuch", "1"],
    ):
        done = lohko("assign", *arguments)
        assert done.returncode == 64 and len(error_lines(done.stderr)) == 1, done.stderr
    done = lohko("assign", "--help")
    assert done.returncode == 0 and all(f"--{key}" in done.stdout for key in ("model", "input", "output", "features"))
    assert "lohko assign" in lohko("--help").stdout
