"""Lloyd iterations of scikit-learn, or of scikit-learn-intelex, from given centroids: a short and a long fit, whose
difference is iterations alone."""

import json
import logging
import sys
import time

import numpy as np


def estimator(settings):
    if not settings["intelex"]:
        from sklearn.cluster import KMeans

        return KMeans
    from sklearnex.cluster import KMeans

    return KMeans


class Words(logging.Handler):
    """What scikit-learn-intelex says: whether it ran itself or left the work to scikit-learn."""

    def __init__(self):
        super().__init__()
        self.lines = []

    def emit(self, record):
        self.lines.append(record.getMessage())


def main():
    settings = json.loads(sys.argv[1])
    words = Words()
    logging.getLogger("sklearnex").addHandler(words)
    logging.getLogger("sklearnex").setLevel(logging.INFO)
    kmeans = estimator(settings)
    values = np.fromfile(settings["values"], np.float32).reshape(-1, settings["features"])
    start = np.fromfile(settings["start"], np.float64).reshape(-1, settings["features"]).astype(np.float32)
    answer, centroids = {}, []
    for name in ("short", "long"):
        model = kmeans(n_clusters=len(start), init=start, n_init=1, max_iter=settings[name], tol=0,
                       algorithm=settings["algorithm"], copy_x=False)  # fmt: skip
        begun = time.perf_counter()
        model.fit(values)
        answer[name] = {"seconds": time.perf_counter() - begun, "passes": int(model.n_iter_)}
        centroids.append(np.array(model.cluster_centers_, np.float64))
    if settings["intelex"] and not any("fit: running accelerated" in line for line in words.lines):
        sys.exit(f"scikit-learn-intelex did not run itself: {words.lines}")
    np.array(centroids).tofile(settings["centroids"])
    print(json.dumps(answer))


main()
