"""h5py reading a matrix of features, in slabs of whole rows into memory that is there already; several times."""

import json
import sys
import time

import h5py
import numpy as np


def main():
    settings = json.loads(sys.argv[1])
    seconds = []
    for _ in range(settings["reads"]):
        with h5py.File(settings["input"]) as file:
            features = file["features"]
            rows, slab = features.shape[0], settings["slab"]
            values = np.zeros(features.shape, np.float32) if not seconds else values  # noqa: F821
            begun = time.perf_counter()
            for first in range(0, rows, slab):
                part = np.s_[first : min(first + slab, rows)]
                features.read_direct(values, part, part)
            seconds.append(time.perf_counter() - begun)
    print(json.dumps({"seconds": seconds}))


main()
