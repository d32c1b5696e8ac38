"""Lloyd iterations of faiss from given centroids: a short and a long training, whose difference is iterations alone."""

import json
import sys
import time

import faiss
import numpy as np


def main():
    settings = json.loads(sys.argv[1])
    faiss.omp_set_num_threads(settings["threads"])
    values = np.fromfile(settings["values"], np.float32).reshape(-1, settings["features"])
    start = np.fromfile(settings["start"], np.float64).reshape(-1, settings["features"]).astype(np.float32)
    answer, centroids = {}, []
    for name in ("short", "long"):
        # all customers, not a sample
        model = faiss.Kmeans(values.shape[1], len(start), niter=settings[name], nredo=1, min_points_per_centroid=1,
                             max_points_per_centroid=len(values))  # fmt: skip
        begun = time.perf_counter()
        model.train(values, init_centroids=start)
        answer[name] = {"seconds": time.perf_counter() - begun, "passes": len(model.iteration_stats)}
        centroids.append(np.array(model.centroids, np.float64))
    np.array(centroids).tofile(settings["centroids"])
    print(json.dumps(answer))


main()
