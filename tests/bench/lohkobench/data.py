"""Synthetic customers, the prepared values that all contestants share, start centroids, and the one function that
judges centroids."""

from pathlib import Path

import numpy as np

from .places import DATA

CHUNK = 1 << 17


def generate(bench, customers: int, features: int, segments: int, name: str, separation: float = 1) -> Path:
    path = DATA / f"{name}-{customers}.h5"  # one that was kept may be of another size
    DATA.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        partial = path.with_suffix(".partial.h5")
        bench.lohko("generate", "--customers", customers, "--features", features, "--segments", segments,
                    "--separation", separation, "--output", partial, "-q")  # fmt: skip
        partial.rename(path)
    return path


def prepare(bench, path: Path, features: int) -> tuple[Path, np.ndarray]:
    """The values that lohko learns from, in a raw file (float32, row by row), and as a view of it."""
    prepared = path.with_suffix(".f32")
    shape = bench.driver("export", path, prepared, ranks=0)
    if shape["features"] != features:
        raise ValueError(f"{path}: {shape['features']} features are left of {features}")
    values = np.memmap(prepared, np.float32, mode="r", shape=(shape["customers"], features))
    return prepared, values


def write_start(values: np.ndarray, k: int, seed: int, path: Path) -> Path:
    """k distinct customers as the start, in double."""
    rows = np.random.default_rng(seed).choice(len(values), 4 * k, replace=False)
    start = np.unique(np.asarray(values[np.sort(rows)], dtype=np.float64), axis=0)
    np.random.default_rng(seed).shuffle(start)
    start[:k].tofile(path)
    return path


def read_centroids(path: Path, features: int) -> np.ndarray:
    return np.fromfile(path, np.float64).reshape(-1, features)


def inertia(values: np.ndarray, centroids: np.ndarray) -> float:
    """Of the nearest of these centroids, in double."""
    total = 0.0
    half = (centroids**2).sum(axis=1) / 2
    for first in range(0, len(values), CHUNK):
        rows = np.asarray(values[first : first + CHUNK], dtype=np.float64)
        nearest = (half - rows @ centroids.T).argmin(axis=1)
        rows -= centroids[nearest]
        total += float(np.einsum("ij,ij->", rows, rows))
    return total


def lloyd_pass(values: np.ndarray, centroids: np.ndarray) -> np.ndarray:
    """The centroids after one pass, in double; those without customers stay."""
    k = len(centroids)
    half = (centroids**2).sum(axis=1) / 2
    sums, counts = np.zeros_like(centroids), np.zeros(k)
    for first in range(0, len(values), CHUNK):
        rows = np.asarray(values[first : first + CHUNK], dtype=np.float64)
        member = np.zeros((len(rows), k))
        member[np.arange(len(rows)), (half - rows @ centroids.T).argmin(axis=1)] = 1.0
        sums += member.T @ rows
        counts += member.sum(axis=0)
    return np.where(counts[:, None] > 0, sums / np.maximum(counts, 1)[:, None], centroids)
