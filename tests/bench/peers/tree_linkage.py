"""A Ward tree by fastcluster or SciPy, in one process: prepared values from a file, the tree, its cut into k, both on
disk."""

import json
import sys
import time

import h5py
import numpy as np
from scipy.cluster.hierarchy import fcluster

SETTINGS = json.loads(sys.argv[1])


def grow(values):
    if SETTINGS["library"] == "scipy":
        from scipy.cluster.hierarchy import linkage

        begun = time.perf_counter()
        tree = linkage(values, "ward")
    else:
        import fastcluster

        begun = time.perf_counter()
        tree = fastcluster.linkage_vector(values, "ward")
    return tree, time.perf_counter() - begun


def main():
    values = np.fromfile(SETTINGS["values"], np.float32).reshape(-1, SETTINGS["features"]).astype(np.float64)
    tree, seconds = grow(values)
    with h5py.File(SETTINGS["output"], "w") as file:
        file["linkage"] = tree
        file["segment"] = fcluster(tree, SETTINGS["k"], "maxclust")
    print(json.dumps({"tree": seconds}))


main()
