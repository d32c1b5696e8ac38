"""The same customers and config give the same bytes in every dataset: any number of ranks, any storage of numbers, any
width of vector registers, any processor that OpenBLAS takes the machine for."""

import itertools
import re
from pathlib import Path

import h5py
import numpy as np
import pytest
import yaml
from conftest import ENVIRONMENT, datasets, error_lines, fit, lohko, read_results, write_config, write_matrix

SETTINGS = {
    "segments__k": 6,
    "features__profile": ["avg_basket", "returns"],
    "prepare__transform": {"revenue": "log1p", "orders": "sqrt"},
    "prepare__clip": [0.001, 0.995],
    "prepare__weight": {"recency_days": 1.5},
    "kmeans__batch": 4096,
    "kmeans__restarts": 3,
}
CUSTOMERS = 20_300  # 20 blocks, the last one short; 16 ranks have one or two each


@pytest.fixture(scope="module")
def customers(tmp_path_factory):
    path = tmp_path_factory.mktemp("customers") / "customers.h5"
    sizes = ["--customers", CUSTOMERS, "--features", 8, "--segments", 6]
    done = lohko("generate", *sizes, "--missing", 0.02, "--id", "text", "--output", path)
    assert done.returncode == 0, done.stderr
    return path


@pytest.fixture(scope="module")
def alone(customers, tmp_path_factory):
    results = fit(tmp_path_factory.mktemp("alone"), customers, **SETTINGS)
    assert results.summary["learning"]["mini_batches"] > 0
    return results


def differing(found: dict, expected: dict) -> list[str]:
    """Names of the datasets that are not the same, to the byte."""
    assert found.keys() == expected.keys()
    return [
        name for name in expected
        if found[name].dtype != expected[name].dtype or found[name].shape != expected[name].shape
        or as_bytes(found[name]) != as_bytes(expected[name])
    ]


def as_bytes(values):
    return list(values.ravel()) if values.dtype == object else values.tobytes()


@pytest.mark.parametrize("ranks", [1, 2, 3, 4, 7, 16])
def test_any_number_of_ranks(tmp_path, customers, alone, ranks):
    found = fit(tmp_path, customers, ranks=ranks, **SETTINGS)
    assert differing(found.data, alone.data) == []
    for attribute in ("inertia", "explained_variance", "input_checksum", "customers_used", "seed"):
        assert found.attributes[attribute] == alone.attributes[attribute]
    assert found.attributes["ranks"] == ranks
    assert (found.directory / "segments.csv").read_bytes() == (alone.directory / "segments.csv").read_bytes()
    changing = {"job", "input"}
    assert {key: value for key, value in found.summary.items() if key not in changing} == {
        key: value for key, value in alone.summary.items() if key not in changing
    }


HARDER = {
    "missing left out": {"prepare__missing": "drop", "prepare__scale": "robust"},
    "nothing but mini-batches": {"kmeans__polish": False, "kmeans__batch": 2048},
    "many segments": {"segments__k": 60, "kmeans__restarts": 1, "prepare__missing": "mean"},
    "full passes": {"kmeans__batch": 10**6, "kmeans__tolerance": 0, "prepare__scale": "minmax"},
}


@pytest.mark.parametrize("case", HARDER)
def test_other_settings_on_other_ranks(tmp_path, customers, case):
    settings = SETTINGS | HARDER[case]
    one, five = (fit(tmp_path / str(ranks), customers, ranks=ranks, **settings) for ranks in (None, 5))
    assert differing(five.data, one.data) == []


AVX2 = {"avx2", "fma"}
AVX512 = AVX2 | {"avx512f", "avx512dq", "avx512bw", "avx512vl"}
VECTORS = {"avx512": AVX512, "avx2": AVX2, "plain": set()}
CORES = {"SkylakeX": AVX512, "Haswell": AVX2, "Prescott": {"pni"}}  # as OPENBLAS_CORETYPE calls them
TOLD = re.compile(
    r"nearest centroid: by (OpenBLAS|vector registers); (\w+) registers \((\d+) floats\) take [0-9.]+ ns a customer, "
    r"OpenBLAS \((\w+)\) [0-9.]+$",
    re.MULTILINE,
)


def flags() -> set[str]:
    """What this machine's processor can do; nothing where it is no x86."""
    told = Path("/proc/cpuinfo").read_text()
    return set(re.search(r"^flags\s*:(.*)$", told, re.MULTILINE)[1].split()) if "\nflags" in told else set()


WAYS = {"openblas": "OpenBLAS", "tiles": "vector registers"}


def computed(monkeypatch, vectors, core, way):
    """From here on lohko runs with these; the test is skipped where the machine lacks what they need."""
    if not VECTORS[vectors] | CORES[core] <= flags():
        pytest.skip(f"this machine has no {vectors} registers, or cannot run as {core}")
    monkeypatch.setitem(ENVIRONMENT, "LOHKO_VECTORS", vectors)
    monkeypatch.setitem(ENVIRONMENT, "OPENBLAS_CORETYPE", core)
    monkeypatch.setitem(ENVIRONMENT, "LOHKO_NEAREST", way)


@pytest.mark.parametrize("way,ranks", [("openblas", None), ("tiles", 3)])
@pytest.mark.parametrize("core", CORES)
@pytest.mark.parametrize("vectors", VECTORS)
def test_any_processor(tmp_path, customers, alone, monkeypatch, vectors, core, way, ranks):
    computed(monkeypatch, vectors, core, way)
    found = fit(tmp_path, customers, ranks=ranks, options=["-v"], **SETTINGS)
    assert differing(found.data, alone.data) == []
    told = TOLD.findall(found.stderr)
    lanes = {"avx512": "16", "avx2": "8", "plain": "4"}[vectors]
    assert told == [(WAYS[way], vectors, lanes, core)]


@pytest.mark.parametrize("step", [1, 0.1])
def test_any_processor_where_many_are_tied(tmp_path, monkeypatch, step):
    """On a grid most customers are as far from one centroid as from another: exactly, or but for rounding."""
    grid = np.stack(np.meshgrid(np.arange(64), np.arange(64)), axis=-1).reshape(-1, 2) * step + 1000
    path = write_matrix(tmp_path / "grid.h5", grid)
    settings = {"segments__k": 60, "prepare__scale": "none", "kmeans__polish": False, "kmeans__restarts": 1}
    expected = fit(tmp_path / "alone", path, **settings)
    for i, (vectors, core) in enumerate(itertools.product(VECTORS, CORES)):
        if not VECTORS[vectors] | CORES[core] <= flags():
            continue
        with monkeypatch.context() as patched:
            computed(patched, vectors, core, ["openblas", "tiles"][i % 2])
            found = fit(tmp_path / f"{vectors}-{core}", path, ranks=[None, 2][i % 2], **settings)
        assert differing(found.data, expected.data) == [], (vectors, core)


def test_matrix_products_find_the_same(tmp_path, monkeypatch):
    """Many features and segments, where matrix products come in parts."""
    path = tmp_path / "wide.h5"
    sizes = ["--customers", 4000, "--features", 64, "--segments", 30]
    done = lohko("generate", *sizes, "--separation", 0.5, "--output", path)
    assert done.returncode == 0, done.stderr
    settings = {"segments__k": 200, "kmeans__batch": 2048, "kmeans__restarts": 1, "kmeans__polish": False,
                "hierarchy__leaves": 0}
    expected = fit(tmp_path / "alone", path, **settings)
    for i, (vectors, core) in enumerate(itertools.product(VECTORS, CORES)):
        if not VECTORS[vectors] | CORES[core] <= flags():
            continue
        with monkeypatch.context() as patched:
            computed(patched, vectors, core, "openblas")
            ranks = [None, 2, 5][i % 3]
            found = fit(tmp_path / f"{vectors}-{core}", path, ranks=ranks, timeout=180, **settings)
        assert differing(found.data, expected.data) == [], (vectors, core, ranks)


def test_categories_of_the_same_size(tmp_path, monkeypatch):
    """Principal axes that anything could be, since many directions are equally wide: the gap is measured along them."""
    row = np.arange(3840)
    values = np.hstack([np.eye(4)[row // 4**i % 4] for i in range(3)])
    path = write_matrix(tmp_path / "categories.h5", values)
    settings = {"segments__k": "3..5", "segments__choose": "gap", "prepare__scale": "none", "stability__replicates": 2}
    expected = fit(tmp_path / "alone", path, **settings)
    for i, core in enumerate(core for core in CORES if CORES[core] <= flags()):
        with monkeypatch.context() as patched:
            patched.setitem(ENVIRONMENT, "OPENBLAS_CORETYPE", core)
            found = fit(tmp_path / core, path, ranks=[None, 3][i % 2], **settings)
        assert differing(found.data, expected.data) == [], core


def test_unknown_ways_are_refused(tmp_path, customers, monkeypatch):
    monkeypatch.setitem(ENVIRONMENT, "LOHKO_NEAREST", "blas")
    done = lohko("fit", write_config(tmp_path, customers, **SETTINGS), "-q")
    assert done.returncode == 64 and "LOHKO_NEAREST" in done.stderr


@pytest.mark.parametrize("ranks", [None, 3])
@pytest.mark.parametrize("vectors", ["", "sse", "AVX2", "avx512,avx2"])
def test_unknown_registers_are_refused(tmp_path, customers, monkeypatch, vectors, ranks):
    monkeypatch.setitem(ENVIRONMENT, "LOHKO_VECTORS", vectors)
    done = lohko("fit", write_config(tmp_path, customers, **SETTINGS), "-q", ranks=ranks)
    assert done.returncode == 64
    (line,) = error_lines(done.stderr)
    assert "LOHKO_VECTORS" in line and all(name in line for name in VECTORS)
    assert ranks or done.stderr == line + "\n"
    assert not list((tmp_path / "results").glob("*"))


def copy(customers, path, write):
    """The same numbers, ids and names, stored otherwise."""
    with h5py.File(customers) as old, h5py.File(path, "w") as new:
        new["customer_id"] = old["customer_id"][:]
        names = list(old["features"].attrs["feature_names"])
        write(new, old["features"][:], names)
        if isinstance(new["features"], h5py.Dataset):
            new["features"].attrs["feature_names"] = names


def as_columns(file, values, names):
    # A group lists its members by name, so this copy has the columns in another order than the matrix.
    for name, column in zip(names, values.T):
        file[f"features/{name}"] = column


STORED = {
    "float64": lambda file, values, names: file.create_dataset("features", data=values.astype("<f8")),
    "big-endian": lambda file, values, names: file.create_dataset("features", data=values.astype(">f4")),
    "gzip": lambda file, values, names: file.create_dataset(
        "features", data=values, chunks=(1777, 3), compression="gzip", shuffle=True
    ),
    "transposed": lambda file, values, names: file.create_dataset("features", data=values.T, chunks=(2, 999)),
}


@pytest.mark.parametrize("ranks", [None, 3])
@pytest.mark.parametrize("stored", STORED)
def test_any_storage(tmp_path, customers, alone, stored, ranks):
    copy(customers, tmp_path / "copy.h5", STORED[stored])
    found = fit(tmp_path, tmp_path / "copy.h5", ranks=ranks, **SETTINGS)
    assert differing(found.data, alone.data) == []
    assert found.attributes["input_checksum"] == alone.attributes["input_checksum"]


def test_columns_in_the_order_of_the_matrix(tmp_path, customers):
    """The order is then given by the config, and so the same."""
    order = {"features__use": ["recency_days", "orders", "revenue"], "prepare__weight": {}}
    copy(customers, tmp_path / "copy.h5", as_columns)
    matrix = fit(tmp_path / "matrix", customers, **(SETTINGS | order))
    columns = fit(tmp_path / "columns", tmp_path / "copy.h5", ranks=2, **(SETTINGS | order))
    assert differing(columns.data, matrix.data) == []


def test_the_same_run_again(tmp_path, customers, alone):
    assert differing(fit(tmp_path, customers, **SETTINGS).data, alone.data) == []


def test_another_seed_is_another_draw(tmp_path, customers, alone):
    found = fit(tmp_path, customers, run__seed=2, **SETTINGS)
    assert "model/restart_inertia" in differing(found.data, alone.data)
    assert found.attributes["seed"] == 2


def test_the_written_config_gives_the_same_again(tmp_path, customers, alone):
    text = alone.attributes["config"]
    config = yaml.safe_load(text)
    assert config["kmeans"]["batch"] == 4096 and config["prepare"]["transform"] == SETTINGS["prepare__transform"]
    (tmp_path / "again.yaml").write_text(text)
    directory = tmp_path / "results"
    done = lohko("fit", tmp_path / "again.yaml", "-q", f"--output.directory={directory}", ranks=2)
    assert done.returncode == 0, done.stderr
    again = read_results(directory)
    assert differing(again.data, alone.data) == []
    config["output"]["directory"] = str(directory)
    assert yaml.safe_load(again.attributes["config"]) == config


def test_options_on_the_command_line_are_those_of_the_file(tmp_path, customers, alone):
    options = [
        "--segments.k=6", "--features.profile=avg_basket,returns", "--prepare.transform={revenue: log1p, orders: sqrt}",
        "--prepare.clip=[0.001, 0.995]", "--prepare.weight", "{recency_days: 1.5}", "--kmeans.batch", "4096",
        "--kmeans.restarts=3",
    ]
    found = fit(tmp_path, customers, options=["-q", *options])
    assert differing(found.data, alone.data) == []


def test_a_changed_value_changes_the_checksum(tmp_path, customers, alone):
    def changed(file, values, names):
        values[-1, -1] += 1
        file["features"] = values

    copy(customers, tmp_path / "copy.h5", changed)
    found = fit(tmp_path, tmp_path / "copy.h5", **SETTINGS)
    assert found.attributes["input_checksum"] != alone.attributes["input_checksum"]
    assert np.array_equal(datasets(tmp_path / "copy.h5")["customer_id"], found.customer_id)
