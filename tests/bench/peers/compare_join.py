"""Who went where between two files of customer ids and labels, by one of three joins:

outer   pandas' outer merge and its groupby, as one would write it first (it sorts by id)
inner   pandas' inner merge; who lapsed and who is new is what each side has left
arrow   the full outer join of an Arrow table, on all cores, and its group_by

With `input`, the customers after are also scored by the model before, and counted by all three labels."""

import json
import sys
import time

import h5py
import numpy as np
from memory import peak_bytes

SETTINGS = json.loads(sys.argv[1])
if SETTINGS["how"] != "arrow":
    import pandas as pd
if SETTINGS["input"]:
    from sklearn.metrics import pairwise_distances_argmin
import pyarrow as pa

K = SETTINGS["k"]
seconds = {}
clock = time.perf_counter()


def stage(name):
    global clock
    seconds[name] = time.perf_counter() - clock
    clock = time.perf_counter()


def read(path):
    with h5py.File(path) as file:
        group = file["assignments"] if "assignments" in file else file
        return group["customer_id"][:], group["segment"][:]


def score():
    """The nearest centroid of the model before, in its units."""
    with h5py.File(SETTINGS["before"]) as file:
        model = {name: file[f"model/{name}"][:] for name in ("shift", "factor", "centroid")}
    with h5py.File(SETTINGS["input"]) as file:
        values = file["features"][:]
    values -= model["shift"].astype(np.float32)
    values *= model["factor"].astype(np.float32)
    return pairwise_distances_argmin(values, model["centroid"].astype(np.float32)).astype(np.int32)


def text_as(ids, string):
    """What pandas joins fastest: Arrow's bytes where it sorts them, Arrow's text where it does not."""
    column = pa.array(ids, pa.binary(ids.dtype.itemsize))
    if string:
        column = column.cast(pa.binary()).cast(pa.string())
    return pd.array(column, dtype=pd.ArrowDtype(column.type))


def by_pandas(sides, how):
    frames = []
    for columns in sides:
        ids = columns["customer_id"]
        is_text = ids.dtype.kind == "S"
        frames.append(pd.DataFrame(columns | ({"customer_id": text_as(ids, how == "inner")} if is_text else {})))
    stage("frames")
    merged = frames[0].merge(frames[1], on="customer_id", how=how)
    stage("merge")
    keys = [name for frame in frames for name in frame.columns if name != "customer_id"]
    rows = merged.groupby(keys, dropna=False).size().reset_index().to_numpy()
    rows = np.where(np.isnan(rows.astype(float)), K, rows).astype(np.int64)
    if how == "inner":  # the rest of either side
        rows = np.vstack([rows, *rest(frames, keys, rows)])
    return rows


def rest(frames, keys, rows):
    """Lapsed and new customers: those of each side that the merge has not found."""
    for frame in frames:
        own = [name for name in frame.columns if name != "customer_id"]
        at = [keys.index(name) for name in own]
        for values, count in frame.groupby(own).size().items():
            wanted = np.atleast_1d(values)
            found = rows[(rows[:, at] == wanted).all(axis=1), -1].sum()
            row = np.full(len(keys) + 1, K)
            row[at], row[-1] = wanted, count - found
            yield row[None, :]


def by_arrow(sides):
    tables = []
    for columns in sides:
        ids = columns["customer_id"]
        text = {"customer_id": pa.array(ids, pa.binary(ids.dtype.itemsize))} if ids.dtype.kind == "S" else {}
        tables.append(pa.table(columns | text))
    stage("tables")
    merged = tables[0].join(tables[1], "customer_id", join_type="full outer")
    stage("join")
    keys = [name for name in merged.column_names if name != "customer_id"]
    grouped = merged.group_by(keys).aggregate([([], "count_all")])
    return np.stack([grouped[name].fill_null(K).to_numpy() for name in (*keys, "count_all")], axis=1)


def main():
    before, after = ({"customer_id": found[0], name: found[1]}
                     for name, found in ((side, read(SETTINGS[side])) for side in ("before", "after")))  # fmt: skip
    stage("read")
    if SETTINGS["input"]:
        after["by_model_before"] = score()
        stage("score")
    how = SETTINGS["how"]
    rows = by_arrow([before, after]) if how == "arrow" else by_pandas([before, after], how)
    stage("count")
    counts = np.zeros((K + 1, K + 1), np.int64)
    np.add.at(counts, (rows[:, 0], rows[:, 1]), rows[:, -1])
    steps = rows[:, [0, 2, 1, 3]].tolist() if SETTINGS["input"] else None
    print(json.dumps({"counts": counts.tolist(), "steps": steps, "peak_bytes": peak_bytes(), "stages": seconds}))


main()
