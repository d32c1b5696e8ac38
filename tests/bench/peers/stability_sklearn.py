"""A loop over scikit-learn: bootstrap replicates of k-means, each learned from customers drawn with replacement,
assigning all customers, and compared with the segments given by the adjusted Rand index."""

import json
import sys
import time

import numpy as np
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score


def main():
    settings = json.loads(sys.argv[1])
    values = np.fromfile(settings["values"], np.float32).reshape(-1, settings["features"])
    segments = np.fromfile(settings["segments"], np.int32)
    seconds, agreement = [], []
    for replicate in range(settings["replicates"]):
        begun = time.perf_counter()
        rows = np.random.default_rng([settings["seed"], replicate]).integers(len(values), size=len(values))
        model = KMeans(n_clusters=settings["k"], n_init=settings["starts"], random_state=replicate)
        labels = model.fit(values[rows]).predict(values)
        agreement.append(adjusted_rand_score(segments, labels))
        seconds.append(time.perf_counter() - begun)
    print(json.dumps({"seconds": seconds, "ari": agreement}))


main()
