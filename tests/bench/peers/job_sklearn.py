"""The whole job with h5py and scikit-learn, step by step what `lohko fit` does so far: ids checked, features
standardised, eight restarts to convergence, labels with distances and runners-up, a profile of every segment, results
on disk. With `intelex` scikit-learn-intelex takes scikit-learn's place where it can."""

import json
import sys
import time

import h5py
import numpy as np

SETTINGS = json.loads(sys.argv[1])
if SETTINGS["intelex"]:
    from sklearnex import patch_sklearn

    patch_sklearn(verbose=False)
from sklearn.cluster import KMeans  # noqa: E402

CHUNK = 1 << 20
seconds = {}
clock = time.perf_counter()


def stage(name):
    global clock
    seconds[name] = time.perf_counter() - clock
    clock = time.perf_counter()


def score(model, values):
    """Distance, runner-up and shadow of every customer, a chunk at a time."""
    n = len(values)
    distance, runner_up, shadow = np.empty(n, np.float32), np.empty(n, np.int32), np.empty(n, np.float32)
    for first in range(0, n, CHUNK):
        part = slice(first, first + CHUNK)
        all_distances = model.transform(values[part])
        two = np.argpartition(all_distances, 1, axis=1)[:, :2]
        near = np.take_along_axis(all_distances, two, axis=1)
        runner_up[part] = np.where(near[:, 0] <= near[:, 1], two[:, 1], two[:, 0])
        near.sort(axis=1)
        distance[part] = near[:, 0]
        shadow[part] = 2 * near[:, 0] / (near[:, 0] + near[:, 1])
    return {"distance": distance, "runner_up": runner_up, "shadow": shadow}


def profile(raw, labels, k):
    members = [raw[labels == segment] for segment in range(k)]
    return {
        "size": np.array([len(rows) for rows in members]),
        "mean": np.array([rows.mean(axis=0, dtype=np.float64) for rows in members]),
        "stddev": np.array([rows.std(axis=0, dtype=np.float64) for rows in members]),
        "median": np.array([np.median(rows, axis=0) for rows in members]),
    }


def main():
    with h5py.File(SETTINGS["input"]) as file:
        raw, ids = file["features"][:], file["customer_id"][:]
    stage("read")
    if len(np.unique(ids)) != len(ids):
        sys.exit("repeated ids")
    stage("ids")
    if np.isnan(raw).any():
        raw = np.where(np.isnan(raw), np.nanmedian(raw, axis=0), raw)
    values = (raw - raw.mean(axis=0, dtype=np.float64)) / raw.std(axis=0, dtype=np.float64)
    values = values.astype(np.float32)
    stage("prepare")
    model = KMeans(n_clusters=SETTINGS["k"], n_init=SETTINGS["restarts"], random_state=SETTINGS["seed"]).fit(values)
    stage("fit")
    results = {"customer_id": ids, "segment": model.labels_} | score(model, values)
    stage("score")
    results |= profile(raw, model.labels_, SETTINGS["k"])
    stage("profile")
    with h5py.File(SETTINGS["output"], "w") as file:
        for name, data in results.items():
            file[name] = data
        file["centroid"] = model.cluster_centers_
    np.asarray(model.cluster_centers_, np.float64).tofile(SETTINGS["centroids"])
    stage("write")
    print(json.dumps({"stages": seconds, "steps": int(model.n_iter_)}))


main()
