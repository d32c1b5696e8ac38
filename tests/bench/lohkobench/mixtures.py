"""Customers whose number of segments is known, and customers without any; on the same scale in every feature, so that
nobody has to standardise them."""

import numpy as np

# How far the centre of a segment is from the one nearest to it, in standard deviations of a segment.
CLEAR, OVERLAPPING = (6.0, 7.2), (3.0, 3.5)
FALLING = 0.7  # of unequal segments: each is so much smaller than the one before


def directions(generator, count: int, features: int) -> np.ndarray:
    found = generator.normal(size=(count, features))
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def centres(generator, k: int, features: int, apart: tuple[float, float]) -> np.ndarray:
    """Each but the first is so far apart from one of those before it, and no nearer to any other."""
    found = np.zeros((1, features))
    while len(found) < k:
        step = directions(generator, 1, features)[0] * generator.uniform(*apart)
        centre = found[generator.integers(len(found))] + step
        if np.linalg.norm(found - centre, axis=1).min() >= apart[0]:
            found = np.vstack([found, centre])
    return found


def sizes(customers: int, k: int, equal: bool) -> np.ndarray:
    shares = np.full(k, 1.0) if equal else FALLING ** np.arange(k)
    bounds = np.rint(customers * np.cumsum(shares) / shares.sum()).astype(int)
    return np.diff(bounds, prepend=0)


def mixture(seed, customers: int, k: int, features: int, clear: bool, equal: bool) -> np.ndarray:
    """k round normal segments, in random order."""
    generator = np.random.default_rng(seed)
    centre = centres(generator, k, features, CLEAR if clear else OVERLAPPING)
    values = np.repeat(centre, sizes(customers, k, equal), axis=0) + generator.normal(size=(customers, features))
    return generator.permutation(values).astype(np.float32)


def without_segments(seed, customers: int, shape: str, features: int) -> np.ndarray:
    """`uniform`: evenly in a cube; `round`: a normal cloud; `elongated`: one five times as long in one feature."""
    generator = np.random.default_rng(seed)
    if shape == "uniform":
        return generator.uniform(-3, 3, (customers, features)).astype(np.float32)
    values = generator.normal(size=(customers, features))
    if shape == "elongated":
        values[:, 0] *= 5
    return values.astype(np.float32)
