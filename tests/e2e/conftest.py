"""What the end-to-end tests share: how lohko is run, how its results are read, customers to run it on."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import h5py
import numpy as np
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
LOHKO = Path(os.environ.get("LOHKO_BIN", ROOT / "build" / "lohko")).resolve()
SHARED = Path(os.environ.get("LOHKO_SHARED_DATA", ROOT.parent / "shared" / "data"))
RESULT_FILES = {"results.h5", "segments.csv", "summary.json"}

# As in tests/CMakeLists.txt; a program that is run alone, without mpirun, starts no helper of its own. The numbers of
# threads given there are for the tests' own libraries: lohko runs as it does for users.
ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")},
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "OMPI_MCA_rmaps_base_oversubscribe": "1",
    "OMPI_MCA_hwloc_base_binding_policy": "none",
    "OMPI_MCA_mpi_yield_when_idle": "1",
    "OMPI_MCA_btl_vader_single_copy_mechanism": "none",
    "OMPI_MCA_btl": "self,vader",
    "OMPI_MCA_pml": "ob1",
    "OMPI_MCA_ess_singleton_isolated": "1",
    "OMPI_MCA_odls_base_sigkill_timeout": "0",
    "ASAN_OPTIONS": "detect_leaks=1:allocator_may_return_null=1",
    "LSAN_OPTIONS": f"suppressions={ROOT / 'tests' / 'lsan.supp'}:print_suppressions=0",
    "UBSAN_OPTIONS": "print_stacktrace=1",
}

# mpirun gives ranks that it ends twice this many seconds, and waits for that long after a failure, too, though all ranks
# have ended. As for users where one is killed, or mpirun itself is told to end; elsewhere tests save that time.
PATIENT = {"OMPI_MCA_odls_base_sigkill_timeout": "1"}


def command(*arguments, ranks: int | None = None) -> list[str]:
    """Without `ranks` there is no launcher, whose own words would stand on stderr after a failure."""
    launcher = ["mpirun", "--oversubscribe", "-n", str(ranks)] if ranks else []
    return [*launcher, str(LOHKO), *map(str, arguments)]


def lohko(*arguments, ranks=None, timeout=60, **keywords) -> subprocess.CompletedProcess:
    """A run that does not end in time is a failure (TimeoutExpired), as a hang is one of lohko."""
    return subprocess.run(
        command(*arguments, ranks=ranks), env=ENVIRONMENT, capture_output=True, text=True, timeout=timeout, **keywords
    )


def nested(dotted: dict) -> dict:
    """{"segments.k": 3} as {"segments": {"k": 3}}."""
    sections = {}
    for key, value in dotted.items():
        section, name = key.split(".")
        sections.setdefault(section, {})[name] = value
    return sections


def write_config(directory: Path, input_path, **dotted) -> Path:
    """A config file in `directory`, results beside it; keys are written section__name, ... leaves one out. Replicates,
    of which there are 50 by default, are left to the tests that are about them, for the sake of time."""
    settings = {"input.path": str(input_path), "segments.k": 4, "output.directory": str(directory / "results")}
    settings["stability.replicates"] = 0
    settings |= {key.replace("__", "."): value for key, value in dotted.items()}
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / "config.yaml"
    path.write_text(yaml.safe_dump(nested({key: value for key, value in settings.items() if value is not ...})))
    return path


def fit(directory: Path, input_path, ranks=None, options=("-q",), timeout=60, **dotted) -> SimpleNamespace:
    """Runs lohko fit and reads what it wrote."""
    config = write_config(directory, input_path, **dotted)
    done = lohko("fit", config, *options, ranks=ranks, timeout=timeout)
    assert done.returncode == 0, done.stderr
    results = read_results(directory / "results")
    results.stdout, results.stderr, results.config = done.stdout, done.stderr, config
    return results


def datasets(path) -> dict[str, np.ndarray]:
    found = {}
    with h5py.File(path) as file:
        file.visititems(lambda name, item: found.update({name: item[()]} if isinstance(item, h5py.Dataset) else {}))
    return found


def texts(values) -> list[str]:
    return [value.decode() if isinstance(value, bytes) else str(value) for value in values]


def read_results(directory: Path) -> SimpleNamespace:
    assert {path.name for path in directory.iterdir()} == RESULT_FILES
    data = datasets(directory / "results.h5")
    with h5py.File(directory / "results.h5") as file:
        attributes = dict(file.attrs)
    summary = json.loads((directory / "summary.json").read_text())
    assignments = {name.split("/")[1]: data[name] for name in data if name.startswith("assignments/")}
    segments = {name.split("/")[1]: data[name] for name in data if name.startswith("segments/")}
    model = {name.split("/")[1]: data[name] for name in data if name.startswith("model/")}
    return SimpleNamespace(
        directory=directory, data=data, attributes=attributes, summary=summary, model=model, **assignments, **segments
    )


def read_tree(results) -> SimpleNamespace:
    """What stands in /hierarchy: datasets by name, `attributes`, and those of the levels. Without `leaf` every customer
    is one."""
    with h5py.File(results.directory / "results.h5") as file:
        group = file["hierarchy"]
        found = {name: item[()] for name, item in group.items()}
        attributes = dict(group.attrs)
        levels = {name: dict(item.attrs) for name, item in group.items() if name.startswith("level_")}
    found.setdefault("leaf", np.arange(len(results.segment)))
    return SimpleNamespace(**found, attributes=attributes, levels=levels)


def write_matrix(path: Path, values, names=None, ids=None, **dataset_options) -> Path:
    """The matrix form, as h5py writes it."""
    with h5py.File(path, "w") as file:
        features = file.create_dataset("features", data=values, **dataset_options)
        if names is not None:
            features.attrs["feature_names"] = np.array(names, dtype=h5py.string_dtype())
        if ids is not None:
            file["customer_id"] = ids
    return path


def blobs(customers: int, features: int, centres: int, seed: int, spread=1.0) -> np.ndarray:
    """Overlapping clouds of unequal size; values are float32 numbers kept in double."""
    random = np.random.default_rng(seed)
    middle = random.uniform(-4, 4, (centres, features))
    size = np.arange(1, centres + 1) / np.arange(1, centres + 1).sum()
    cloud = random.choice(centres, customers, p=size)
    values = 50 + 10 * (middle[cloud] + spread * random.standard_normal((customers, features)))
    return values.astype(np.float32).astype(np.float64)


def with_holes(values: np.ndarray, share: float, seed: int) -> np.ndarray:
    holed = values.copy()
    holed[np.random.default_rng(seed).random(values.shape) < share] = np.nan
    return holed


@pytest.fixture(scope="session")
def real_data(tmp_path_factory):
    """A set's name to its HDF5 file, made once by scripts/to_hdf5."""
    directory = tmp_path_factory.mktemp("shared")

    def convert(name) -> Path:
        source = SHARED / f"{name}.csv.gz"
        if not source.exists():
            pytest.skip(f"{source.name} is not here")
        path = directory / f"{name}.h5"
        if not path.exists():
            script = [sys.executable, ROOT / "scripts" / "to_hdf5", source, "-o", path]
            done = subprocess.run(script, capture_output=True, text=True, timeout=120, check=False)
            assert done.returncode == 0, done.stderr
        return path

    return convert


def error_lines(stderr: str) -> list[str]:
    """What lohko itself says, under -q; the launcher has its own lines."""
    return [line for line in stderr.splitlines() if line.startswith("lohko: ")]
