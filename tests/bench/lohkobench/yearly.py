"""Two years of customers, four fifths of them in both, each year in an order of its own: as files of ids and labels, or
of ids and features; and the counts of who went where, known from how the years are made."""

from pathlib import Path

import h5py
import numpy as np

from .places import DATA

SEGMENTS = 8
SHARED = 0.8
STAYS = 0.75  # of the shared customers, those who keep their label; the others draw one again
CHANGE = 0.1  # of a year: by as much of itself may each feature rise or fall
SEED = 11
# A customer's id from its number: distinct, as the factor and 10^DIGITS have no divisor in common, and in no order.
FACTOR, DIGITS = 3**18, 11
CHUNK = 1 << 20


class Years:
    """before and after: the numbers of the customers, in the order of the files."""

    def __init__(self, customers: int):
        self.customers = customers
        self.new = customers - round(SHARED * customers)
        self.generator = np.random.default_rng(SEED)
        self.before = self.generator.permutation(customers)
        self.after = self.generator.permutation(customers) + self.new

    @property
    def everyone(self) -> int:
        return self.customers + self.new

    def counts(self, before: np.ndarray, after: np.ndarray) -> np.ndarray:
        """Of labels in the order of the files; the last row is new customers, the last column lapsed ones."""
        size = SEGMENTS + 1
        pair = np.full((2, self.everyone), SEGMENTS, np.int64)
        pair[0, self.before] = before
        pair[1, self.after] = after
        return np.bincount(pair[0] * size + pair[1], minlength=size * size).reshape(size, size)

    def labels(self) -> tuple[np.ndarray, np.ndarray]:
        """For each file; the larger the label, the fewer have it."""
        draws = (SEGMENTS * self.generator.random((2, self.everyone)) ** 2).astype(np.int32)
        stays = self.generator.random(self.everyone) < STAYS
        return draws[0][self.before], np.where(stays, draws[0], draws[1])[self.after]


def ids(numbers: np.ndarray, text: bool) -> np.ndarray:
    """Integers below 10^DIGITS, or the same as text: a letter and the digits."""
    whole = numbers * FACTOR % 10**DIGITS
    if not text:
        return whole
    found = np.empty((len(numbers), DIGITS + 1), np.uint8)
    found[:, 0] = ord("C")
    for place in range(DIGITS, 0, -1):
        found[:, place] = ord("0") + whole % 10
        whole //= 10
    return found.view(f"S{DIGITS + 1}").ravel()


def write_labels(name: str, numbers: np.ndarray, labels: np.ndarray, text: bool) -> Path:
    path = DATA / f"{name}.h5"
    with h5py.File(path, "w") as file:
        file["customer_id"] = ids(numbers, text)
        file["segment"] = labels
    return path


def write_features(years: Years, base: Path) -> tuple[Path, Path]:
    """The customers of both years with text ids, from the features of everyone in `base`."""
    with h5py.File(base) as file:
        everyone, names = file["features"][:], dict(file["features"].attrs)
    paths = []
    for name, numbers in (("year-before", years.before), ("year-after", years.after)):
        paths.append(DATA / f"{name}.h5")
        with h5py.File(paths[-1], "w") as file:
            file["customer_id"] = ids(numbers, True)
            features = file.create_dataset("features", (len(numbers), everyone.shape[1]), np.float32)
            features.attrs.update(names)
            for first in range(0, len(numbers), CHUNK):
                values = everyone[numbers[first : first + CHUNK]]
                if name == "year-after":
                    values *= 1 - CHANGE + 2 * CHANGE * years.generator.random(values.shape, np.float32)
                features[first : first + CHUNK] = values
    return paths[0], paths[1]
