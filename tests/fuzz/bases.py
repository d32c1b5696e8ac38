"""Files that are right, from which the mutants are made: every form of input, and results of lohko itself."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import pandas as pd

ROWS, FEATURES = 1100, 3  # more than one block of rows: two ranks both have some
NAMES = ["recency", "orders", "basket"]
SETTINGS = """\
input: {path: %s}
segments: {k: 2, method: %s}
kmeans: {restarts: 1}
hierarchy: {leaves: %s}
stability: {replicates: 0}
output: {directory: out}
"""


@dataclass
class Base:
    name: str
    content: bytes
    metadata: list[range]  # what is not values of a dataset
    role: str  # which command reads it, and as what


def numbers(seed=1) -> np.ndarray:
    random = np.random.default_rng(seed)
    values = random.normal(10, 1, (ROWS, FEATURES)).astype("f4")
    values[: ROWS // 2] += 8
    return values


def matrix(path: Path, values, ids=None, libver="earliest", **options):
    with h5py.File(path, "w", libver=libver) as file:
        features = file.create_dataset("features", data=values, **options)
        features.attrs["feature_names"] = np.array(NAMES, dtype=h5py.string_dtype())
        if ids is not None:
            file["customer_id"] = ids


def columns(path: Path):
    values = numbers()
    with h5py.File(path, "w") as file:
        for place, name in enumerate(NAMES):
            file[f"features/{name}"] = values[:, place].astype(["i4", ">f8", "f4"][place])
        file["features/customer_id"] = np.arange(ROWS)


def vaex(path: Path):
    values = numbers()
    with h5py.File(path, "w") as file:
        for place, name in enumerate(NAMES):
            file[f"table/columns/{name}/data"] = values[:, place]
        file["table/columns/customer_id/data"] = np.arange(ROWS)


def frame(path: Path):
    table = pd.DataFrame(numbers(), columns=NAMES, index=np.arange(ROWS)).assign(visits=np.arange(ROWS) % 9)
    table.to_hdf(path, key="customers", format="fixed")


def with_holes() -> np.ndarray:
    values = numbers()
    values[np.random.default_rng(2).random(values.shape) < 0.1] = np.nan
    return values


def text_ids(kind) -> np.ndarray:
    return np.array([f"customer {i}" for i in range(ROWS)], dtype=kind)


GZIP = {"chunks": (256, 2), "compression": "gzip"}
INPUTS = {
    "contiguous": lambda path: matrix(path, numbers(), np.arange(ROWS)),
    "gzip": lambda path: matrix(path, numbers(), np.arange(ROWS), **GZIP),
    "shuffle": lambda path: matrix(path, numbers(), shuffle=True, fletcher32=True, **GZIP),
    "chunks that grow": lambda path: matrix(path, numbers(), chunks=(100, 3), maxshape=(None, 3)),
    "latest format": lambda path: matrix(path, numbers(), np.arange(ROWS), "latest", maxshape=(None, 3), **GZIP),
    "big-endian": lambda path: matrix(path, numbers().astype(">f8"), np.arange(ROWS).astype(">i4")),
    "integers": lambda path: matrix(path, numbers().astype("i2"), np.arange(ROWS).astype("u8")),
    "fixed text ids": lambda path: matrix(path, numbers(), text_ids("S16")),
    "variable text ids": lambda path: matrix(path, numbers(), text_ids(h5py.string_dtype())),
    "missing values": lambda path: matrix(path, with_holes(), np.arange(ROWS)),
    "columns": columns,
    "vaex": vaex,
    "pandas": frame,
}


def values_of(file: h5py.File) -> list[range]:
    """Where the values of the datasets lie."""
    found = []

    def visit(_, item):
        if not isinstance(item, h5py.Dataset):
            return
        if item.chunks:
            pieces = [item.id.get_chunk_info(i) for i in range(item.id.get_num_chunks())]
            found.extend(range(piece.byte_offset, piece.byte_offset + piece.size) for piece in pieces)
        elif item.id.get_offset() is not None:
            found.append(range(item.id.get_offset(), item.id.get_offset() + item.id.get_storage_size()))

    file.visititems(visit)
    return sorted(found, key=lambda span: span.start)


def base(name: str, path: Path, role: str) -> Base:
    with h5py.File(path) as file:
        values = values_of(file)
    ends = [0, *(span.stop for span in values)]
    starts = [*(span.start for span in values), path.stat().st_size]
    metadata = [range(end, start) for end, start in zip(ends, starts) if end < start]
    return Base(name, path.read_bytes(), metadata, role)


def run_lohko(program: Path, environment: dict, directory: Path, *arguments):
    done = subprocess.run([program, *arguments, "-q"], cwd=directory, env=environment, capture_output=True, text=True,
                          timeout=120, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"lohko {' '.join(arguments)} on a file that is right: {done.returncode}: {done.stderr}")


def make_results(program: Path, environment: dict, directory: Path) -> dict[str, Path]:
    """Results of lohko: of k-means, of a cut tree, and of an assign. The inputs stay beside them."""
    matrix(directory / "new.h5", numbers(3), np.arange(100, 100 + ROWS))
    made = {}
    for method, leaves in (("kmeans", "0"), ("hierarchy", "64")):
        config = directory / f"{method}.yaml"
        config.write_text(SETTINGS % ("new.h5", method, leaves))
        run_lohko(program, environment, directory, "fit", config.name, f"--output.directory={method}")
        made[method] = directory / method / "results.h5"
    run_lohko(program, environment, directory, "assign", "--model", str(made["kmeans"]), "--input", "new.h5",
              "--output", "assigned")
    made["assigned"] = directory / "assigned" / "results.h5"
    return made


def make_bases(program: Path, environment: dict, directory: Path) -> tuple[list[Base], dict[str, Path]]:
    """All of them, and the results that stay right, for the commands that read two files."""
    results = make_results(program, environment, directory)
    bases = []
    for name, make in INPUTS.items():
        path = directory / f"{name.replace(' ', '_')}.h5"
        make(path)
        bases.append(base(name, path, "fit input"))
        if name in ("contiguous", "gzip", "columns", "pandas"):
            bases.append(base(name, path, "assign input"))
    for name, path in results.items():
        roles = ["compare before", "compare after"]
        if name != "assigned":
            roles += ["assign model", "fit previous"] * 2
        bases += [base(f"{name} results", path, role) for role in roles]
    path = directory / "labels.h5"
    with h5py.File(path, "w") as file:
        file["customer_id"] = np.arange(100, 100 + ROWS)
        file["segment"] = np.array(["gold", "silver", "new"], dtype=h5py.string_dtype())[np.arange(ROWS) % 3]
    bases.append(base("labels from elsewhere", path, "compare before"))
    return bases, results


def environment_of(root: Path, temporary: Path) -> dict:
    """As for the other tests; leaks are looked for by some runs only, since it doubles the time that a run takes."""
    temporary.mkdir(parents=True, exist_ok=True)
    return {
        **os.environ,
        "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
        "OMPI_MCA_rmaps_base_oversubscribe": "1", "OMPI_MCA_hwloc_base_binding_policy": "none",
        "OMPI_MCA_mpi_yield_when_idle": "1", "OMPI_MCA_btl_vader_single_copy_mechanism": "none",
        "OMPI_MCA_btl": "self,vader", "OMPI_MCA_ess_singleton_isolated": "1",
        "OMPI_MCA_odls_base_sigkill_timeout": "0", "HWLOC_HIDE_ERRORS": "2",
        "OPENBLAS_NUM_THREADS": "1", "TMPDIR": str(temporary),
        "ASAN_OPTIONS": "detect_leaks=0:allocator_may_return_null=1:hard_rss_limit_mb=4096",
        "LSAN_OPTIONS": f"suppressions={root / 'tests' / 'lsan.supp'}:print_suppressions=0",
        "UBSAN_OPTIONS": "print_stacktrace=1",
    }
