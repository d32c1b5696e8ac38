"""Memory that does not grow with the length of a run (scripts/check-resources has the long checks)."""

import subprocess
import time
from pathlib import Path

import numpy as np
from conftest import ENVIRONMENT, blobs, command, write_config, write_matrix

FEATURES, K = 4, 3


def peak_bytes(*arguments) -> int:
    """The most memory that a run had. Not what wait4 says: that counts what the process had before it became lohko."""
    peak = 0
    with subprocess.Popen(command(*arguments, "-q"), env=ENVIRONMENT, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            for line in status_lines(process.pid):
                peak = max(peak, int(line.split()[1]) * 1024 if line.startswith("VmHWM") else 0)
            time.sleep(0.002)
    assert process.returncode == 0 and peak > 0
    return peak


def status_lines(pid: int) -> list[str]:
    """None where the process is just gone."""
    try:
        return Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return []


def peak_of_fit(directory: Path, customers: int, replicates: int, method: str, **dotted) -> int:
    path = write_matrix(directory / "in.h5", blobs(customers, FEATURES, K, 1).astype("f4"))
    leaves = 64 if method == "hierarchy" else 0
    config = write_config(directory / str(replicates), path, segments__k=K, segments__method=method,
                          kmeans__restarts=2, hierarchy__leaves=leaves, stability__replicates=replicates, **dotted)
    return peak_bytes("fit", config)


def test_replicates_of_trees_take_no_more_memory_in_the_end(tmp_path):
    """One tree after the other. What is kept of a replicate is a few numbers for each segment; labels of 20 000
    customers kept each time would be 30 MB after 400."""
    few = peak_of_fit(tmp_path, 20000, 50, "hierarchy")
    many = peak_of_fit(tmp_path, 20000, 450, "hierarchy")
    assert many - few < 2e6, (few, many)


def test_replicates_of_kmeans_take_what_their_models_remember(tmp_path):
    """Models learn side by side, as many as can remember their customers: a byte each, a float for each sixteen of them
    (docs/architecture.md), and their centroids. Nothing else grows."""
    customers, restarts = 3000, 2
    few = peak_of_fit(tmp_path, customers, 50, "kmeans")
    many = peak_of_fit(tmp_path, customers, 450, "kmeans")
    blocks = -(-customers // 1024) * 1024
    models = 400 * restarts * (blocks * 1.25 + 200 * K * FEATURES)
    assert many - few < models + 2e6, (few, many, models)


def test_scoring_takes_no_more_for_more_customers(tmp_path):
    """assign reads, scores and writes in passing: what it needs does not depend on how many there are."""
    path = write_matrix(tmp_path / "in.h5", blobs(3000, FEATURES, K, 1).astype("f4"))
    config = write_config(tmp_path, path, segments__k=K, hierarchy__leaves=0)
    peak_bytes("fit", config)
    peaks = []
    for customers in (400_000, 1_600_000):
        values = np.resize(blobs(3000, FEATURES, K, 2).astype("f4"), (customers, FEATURES))
        new = write_matrix(tmp_path / "new.h5", values)
        model = tmp_path / "results" / "results.h5"
        peaks.append(peak_bytes("assign", "--model", model, "--input", new, "--output", tmp_path / "out"))
    assert peaks[1] - peaks[0] < 3e6, peaks
