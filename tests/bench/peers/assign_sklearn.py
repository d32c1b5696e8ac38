"""scikit-learn's StandardScaler and KMeans. With `learn`: learned from a file of features and kept. With `score`:
taken from where they were kept, to give the customers of a file their segments."""

import json
import sys
import time

import h5py
import joblib
import numpy as np
from memory import peak_bytes
from sklearn.cluster import KMeans
from sklearn.preprocessing import StandardScaler


def read(path):
    with h5py.File(path) as file:
        return file["features"][:]


def learn(settings):
    scaler = StandardScaler(copy=False)
    values = scaler.fit_transform(read(settings["learn"]))
    model = KMeans(n_clusters=settings["k"], n_init=10, random_state=1).fit(values)
    joblib.dump((scaler, model), settings["model"])
    return {}


def score(settings):
    clock = [time.perf_counter()]
    scaler, model = joblib.load(settings["model"])
    values = read(settings["score"])
    clock.append(time.perf_counter())
    values = scaler.transform(values)
    clock.append(time.perf_counter())
    labels = model.predict(values)
    clock.append(time.perf_counter())
    with h5py.File(settings["output"], "w") as file:
        file["segment"] = labels
    clock.append(time.perf_counter())
    stages = dict(zip(("read", "standardise", "predict", "write"), np.diff(clock).tolist(), strict=True))
    return {"stages": stages, "peak_bytes": peak_bytes()}


def main():
    settings = json.loads(sys.argv[1])
    print(json.dumps(learn(settings) if "learn" in settings else score(settings)))


main()
