"""The number of segments of each set by scikit-learn: KMeans from ten starts for every number, and the best by three
indices."""

import json
import sys

import numpy as np
from sklearn.cluster import KMeans
from sklearn.metrics import calinski_harabasz_score, davies_bouldin_score, silhouette_score


def choose(path, most):
    values = np.load(path)
    numbers = range(2, most + 1)
    labels = [KMeans(n_clusters=k, n_init=10, random_state=1).fit_predict(values) for k in numbers]
    return {
        "silhouette": numbers[int(np.argmax([silhouette_score(values, found) for found in labels]))],
        "calinski_harabasz": numbers[int(np.argmax([calinski_harabasz_score(values, found) for found in labels]))],
        "davies_bouldin": numbers[int(np.argmin([davies_bouldin_score(values, found) for found in labels]))],
    }


def main():
    settings = json.loads(sys.argv[1])
    print(json.dumps({path: choose(path, settings["most"]) for path in settings["sets"]}))


main()
