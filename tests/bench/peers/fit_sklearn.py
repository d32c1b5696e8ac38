"""scikit-learn: reading, standardising, MiniBatchKMeans (or KMeans) and, for a whole job, labels on disk. Several runs
in one process learn from the same values in memory."""

import json
import sys
import time

import h5py
import numpy as np
from sklearn.cluster import KMeans, MiniBatchKMeans


def learn(values, run, k):
    if run["method"] == "KMeans":
        model = KMeans(n_clusters=k, n_init=run["inits"], random_state=run["seed"])
    else:
        model = MiniBatchKMeans(n_clusters=k, batch_size=run["batch"], n_init=run["inits"], random_state=run["seed"])
    begun = time.perf_counter()
    model.fit(values)
    seconds = time.perf_counter() - begun
    np.asarray(model.cluster_centers_, np.float64).tofile(run["centroids"])
    return model, {"fit": seconds, "steps": int(model.n_iter_)}


def main():
    settings = json.loads(sys.argv[1])
    with h5py.File(settings["input"]) as file:
        values = file["features"][:]
    values -= values.mean(axis=0, dtype=np.float64).astype(np.float32)
    values /= values.std(axis=0, dtype=np.float64).astype(np.float32)
    answers = []
    for run in settings["runs"]:
        model, answer = learn(values, run, settings["k"])
        answers.append(answer)
    if settings.get("output"):
        with h5py.File(settings["output"], "w") as file:
            file["segment"] = model.predict(values)
    print(json.dumps({"runs": answers}))


main()
