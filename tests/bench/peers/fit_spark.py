"""Spark ML on this machine's cores: reading, standardising, KMeans (k-means|| and Lloyd), labels on disk."""

import json
import sys
import time

import h5py
import numpy as np
import pyarrow as pa
from pyspark.ml.clustering import KMeans
from pyspark.ml.feature import StandardScaler, VectorAssembler
from pyspark.sql import SparkSession


def session(threads):
    return (
        SparkSession.builder.master(f"local[{threads}]")
        .appName("bench")
        .config("spark.driver.memory", "10g")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.sql.execution.arrow.pyspark.enabled", "true")
        .config("spark.driver.maxResultSize", "4g")
        .getOrCreate()
    )


def main():
    settings = json.loads(sys.argv[1])
    spark = session(settings["threads"])
    spark.sparkContext.setLogLevel("ERROR")
    with h5py.File(settings["input"]) as file:
        features = file["features"][:]
    names = [f"f{i}" for i in range(features.shape[1])]
    columns = [pa.array(np.arange(len(features))), *(pa.array(np.ascontiguousarray(column)) for column in features.T)]
    frame = spark.createDataFrame(pa.table(columns, names=["row", *names]))
    rows = VectorAssembler(inputCols=names, outputCol="raw").transform(frame)
    scaler = StandardScaler(inputCol="raw", outputCol="features", withMean=True).fit(rows)
    rows = scaler.transform(rows).select("row", "features").cache()
    rows.count()
    answers = []
    for run in settings["runs"]:
        begun = time.perf_counter()
        model = KMeans(k=settings["k"], seed=run["seed"], initSteps=2, maxIter=run["iterations"]).fit(rows)
        answers.append({"fit": time.perf_counter() - begun, "steps": model.summary.numIter})
        np.asarray(model.clusterCenters(), np.float64).tofile(run["centroids"])
    if settings.get("output"):
        labels = model.transform(rows).select("row", "prediction").orderBy("row").toArrow()
        with h5py.File(settings["output"], "w") as file:
            file["segment"] = labels["prediction"].to_numpy().astype(np.int32)
    spark.stop()
    print(json.dumps({"runs": answers}))


main()
