"""Heat under mpirun: reading, standardising, k-means, labels on disk."""

import json
import sys
import time

import h5py
import heat as ht
import numpy as np


def main():
    settings = json.loads(sys.argv[1])
    values = ht.load_hdf5(settings["input"], "features", split=0, dtype=ht.float32)
    values = (values - ht.mean(values, axis=0)) / ht.std(values, axis=0)
    answers = []
    for run in settings["runs"]:
        model = getattr(ht.cluster, run["method"])(n_clusters=settings["k"], init=run["start"],
                                                   max_iter=run["iterations"], random_state=run["seed"])  # fmt: skip
        values.comm.Barrier()
        begun = time.perf_counter()
        model.fit(values)
        values.comm.Barrier()
        answers.append({"fit": time.perf_counter() - begun, "steps": int(model.n_iter_)})
        centroids = model.cluster_centers_.numpy().astype(np.float64)  # collective
        if values.comm.rank == 0:
            centroids.tofile(run["centroids"])
    if settings.get("output"):
        labels = model.predict(values).numpy().ravel()  # collective
        if values.comm.rank == 0:
            with h5py.File(settings["output"], "w") as file:
                file["segment"] = labels.astype(np.int32)
    if values.comm.rank == 0:
        print(json.dumps({"runs": answers}))


main()
