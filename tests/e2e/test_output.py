"""What is written and said: the three files agree, carry names and units, and replace older ones only at the end."""

import json
import os
import pty
import re
import subprocess
import time

import h5py
import numpy as np
import pandas as pd
import pytest
from conftest import ENVIRONMENT, RESULT_FILES, blobs, command, fit, lohko, with_holes, write_config, write_matrix

NAMES = ["recency_days", "orders", "avg,basket", "clv"]
FEATURES = NAMES[:3]


@pytest.fixture(scope="module")
def table() -> np.ndarray:
    return with_holes(blobs(4000, 4, 4, 1), 0.03, 2)


@pytest.fixture(scope="module")
def results(tmp_path_factory, table):
    directory = tmp_path_factory.mktemp("output")
    path = write_matrix(directory / "in.h5", table, NAMES, np.arange(4000) + 10)
    return fit(directory, path, ranks=2, options=(), features__profile=["clv"])


# ---- results.h5 ----------------------------------------------------------------------------------------------------

SHAPES = {
    "assignments/customer_id": ((4000,), "<i8"), "assignments/segment": ((4000,), "<i4"),
    "assignments/distance": ((4000,), "<f4"), "assignments/runner_up": ((4000,), "<i4"),
    "assignments/shadow": ((4000,), "<f4"), "segments/size": ((4,), "<i8"), "segments/centroid": ((4, 3), "<f8"),
    "segments/centroid_prepared": ((4, 3), "<f8"), "segments/mean": ((4, 4), "<f8"),
    "segments/stddev": ((4, 4), "<f8"), "segments/median": ((4, 4), "<f8"),
}


def test_datasets_are_those_of_the_contract(results):
    for name, (shape, kind) in SHAPES.items():
        assert results.data[name].shape == shape and results.data[name].dtype == np.dtype(kind), name


def test_datasets_say_what_they_are(results):
    with h5py.File(results.directory / "results.h5") as file:
        for name in SHAPES:
            if name == "assignments/customer_id":
                continue
            assert file[name].attrs["unit"], name
            expected = {(4, 3): FEATURES, (4, 4): NAMES}.get(file[name].shape)
            if expected:
                assert list(file[name].attrs["feature_names"]) == expected
        assert "input" in file["segments/centroid"].attrs["unit"]
        assert "prepared" in file["segments/centroid_prepared"].attrs["unit"]


def test_attributes_are_those_of_the_contract(results):
    attributes = results.attributes
    assert attributes["format_version"] == 1 and attributes["seed"] == 1 and attributes["ranks"] == 2
    version = lohko("--version").stdout.split()
    assert attributes["lohko_version"] == version[1] and attributes["lohko_commit"] == version[2].strip("()")
    assert "Open MPI" in attributes["mpi_version"] and re.fullmatch(r"\d+\.\d+\.\d+", attributes["hdf5_version"])
    path = results.directory.parent / "in.h5"
    assert attributes["input_path"] == str(path) and attributes["input_size"] == path.stat().st_size
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(path.stat().st_mtime))
    assert attributes["input_modified"] == moment <= attributes["started"] <= attributes["ended"]
    assert re.fullmatch("[0-9a-f]{16}", attributes["input_checksum"]) and attributes["hosts"]
    assert attributes["customers"] == attributes["customers_used"] == 4000


# ---- summary.json and segments.csv ---------------------------------------------------------------------------------


def test_summary_agrees(results, table):
    summary = results.summary
    assert summary["k"] == 4 and summary["input"]["customers"] == 4000
    assert summary["learning"]["inertia"] == results.attributes["inertia"]
    assert summary["learning"]["explained_variance"] == results.attributes["explained_variance"]
    assert [feature["name"] for feature in summary["features"]] == FEATURES
    for c, feature in enumerate(summary["features"]):
        observed = table[:, c][~np.isnan(table[:, c])]
        assert feature["missing"] == 4000 - len(observed)
        assert feature["mean"] == pytest.approx(observed.mean(), rel=1e-12)
        assert feature["stddev"] == pytest.approx(observed.std(), rel=1e-12)
        within = sum(np.nanvar(column) * np.sum(~np.isnan(column)) for column in by_segment(results, table[:, c]))
        assert feature["eta_squared"] == pytest.approx(1 - within / (observed.var() * len(observed)), abs=1e-9)
    for h, segment in enumerate(summary["segments"]):
        assert segment["segment"] == h and segment["size"] == results.size[h]
        assert segment["share"] == pytest.approx(results.size[h] / 4000, rel=1e-15)
        assert list(segment["mean"].values()) == results.mean[h, :3].tolist()
        assert list(segment["median"].values()) == results.median[h, :3].tolist()
        assert segment["profile_mean"] == {"clv": results.mean[h, 3]}


def by_segment(results, column):
    return [column[results.segment == h] for h in range(len(results.size))]


def test_segments_csv_agrees(results, table):
    rows = pd.read_csv(results.directory / "segments.csv")
    assert rows["segment"].tolist() == [0, 1, 2, 3] and rows["size"].tolist() == results.size.tolist()
    assert np.allclose(rows["share"], results.size / 4000, atol=5e-5)
    totals = [np.nansum(column) for column in by_segment(results, table[:, 3])]
    everyone = np.nanmean(table, axis=0)
    for c, name in enumerate(FEATURES):
        assert np.allclose(rows[name], results.mean[:, c], rtol=1e-5)
        assert np.allclose(rows[f"{name}_median"], results.median[:, c], rtol=1e-5)
        assert np.allclose(rows[f"{name}_times_average"], results.mean[:, c] / everyone[c], atol=6e-5)
        effect = (results.mean[:, c] - everyone[c]) / np.nanstd(table[:, c])
        assert np.allclose(rows[f"{name}_deviations_from_average"], effect, atol=6e-5)
    assert np.allclose(rows["clv_mean"], results.mean[:, 3], rtol=1e-5)
    assert np.allclose(rows["clv_total"], totals, rtol=1e-5)
    assert np.allclose(rows["clv_share_of_total"], totals / np.sum(totals), atol=6e-5)
    words = [segment["what_sets_it_apart"] for segment in results.summary["segments"]]
    assert rows["what_sets_it_apart"].tolist() == words


def test_the_words_name_what_is_most_different(results, table):
    effects = (results.mean[:, :3] - np.nanmean(table[:, :3], axis=0)) / np.nanstd(table[:, :3], axis=0)
    for effect, segment in zip(effects, results.summary["segments"]):
        strongest = np.abs(effect).argmax()
        first = segment["what_sets_it_apart"].split(" (")[0]
        assert first.endswith(FEATURES[strongest].replace("_", " "))
        assert ("high" in first) == (effect[strongest] > 0) and ("low" in first) == (effect[strongest] < 0)


# ---- the terminal --------------------------------------------------------------------------------------------------


def test_the_table_at_the_end(results):
    for h, segment in enumerate(results.summary["segments"]):
        size = f"{results.size[h]:,}".replace(",", " ")
        line = next(line for line in results.stdout.splitlines() if line.split()[:1] == [str(h)])
        assert size in line and segment["what_sets_it_apart"] in line
    for name in RESULT_FILES:
        assert str(results.directory / name) in results.stdout


def test_a_log_has_one_plain_line_a_phase(results):
    """stderr is no terminal: no control characters, one line a phase, none repeated."""
    assert "\r" not in results.stderr and "\033" not in results.stderr
    lines = results.stderr.splitlines()
    assert all(line.startswith("lohko: ") for line in lines) and len(lines) == len(set(lines))
    for phase in results.summary["job"]["phase_seconds"]:
        assert sum(line.startswith(f"lohko: {phase} (") for line in lines) == 1, phase


def test_quiet_and_verbose(results, tmp_path):
    quiet = lohko("fit", results.config, "-q", f"--output.directory={tmp_path / 'quiet'}")
    assert quiet.returncode == 0 and quiet.stderr == "" and "what sets it apart" in quiet.stdout
    verbose = lohko("fit", results.config, "-v", f"--output.directory={tmp_path / 'verbose'}")
    assert verbose.returncode == 0 and verbose.stdout.count("\n") == results.stdout.count("\n")
    summary = json.loads((tmp_path / "verbose" / "summary.json").read_text())
    table = [line for line in verbose.stderr.splitlines() if not line.startswith("lohko: ") and line.count("%") == 1]
    rows = {line[:28].strip(): float(line[28:38]) for line in table}
    assert set(summary["job"]["phase_seconds"]) <= set(rows)
    assert sum(rows.values()) <= summary["job"]["seconds"] + 2


def on_a_terminal(*arguments, ranks=None) -> str:
    """What a run shows on a terminal."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command(*arguments, ranks=ranks), env=ENVIRONMENT, stdin=theirs, stdout=theirs, stderr=theirs, close_fds=True
    )
    os.close(theirs)
    shown = b""
    try:
        while piece := os.read(ours, 65536):
            shown += piece
    except OSError:
        pass  # Linux's end of file for a terminal whose other side is closed
    finally:
        os.close(ours)
    assert process.wait(timeout=60) == 0, shown
    return shown.decode()


def test_a_terminal_shows_a_progress_line(tmp_path):
    path = write_matrix(tmp_path / "in.h5", blobs(100_000, 12, 8, 3, spread=4))
    config = write_config(tmp_path, path, segments__k=24, kmeans__batch=2048, kmeans__tolerance=0)
    shown = on_a_terminal("fit", config)
    drawn = re.findall(r"\r([^\r\n\033]+)\033\[K", shown)
    assert any(line.startswith("mini-batches") for line in drawn), shown
    assert any("customers/s" in line for line in drawn), shown
    assert re.search(r"inertia [\d.]+ per customer", shown)
    # The line is cleared before the table, which stands alone.
    end = shown[shown.rindex("\033[K") :]
    assert "24 segments" in end and "\r\033" not in end
    assert "\r\033" not in on_a_terminal("fit", config, "-q").replace("\r\n", "\n")


# ---- existing results ----------------------------------------------------------------------------------------------


def test_results_are_replaced_only_at_the_end(tmp_path):
    """Watched all the while, every file is the old one, whole, or the new one, whole."""
    path = write_matrix(tmp_path / "in.h5", blobs(40_000, 6, 6, 4, spread=2))
    first = fit(tmp_path, path, segments__k=3, kmeans__batch=2048)
    old = {name: (first.directory / name).stat().st_ino for name in RESULT_FILES}
    process = subprocess.Popen(
        command("fit", first.config, "-q", "--segments.k=9"), env=ENVIRONMENT, stdout=subprocess.DEVNULL
    )
    replaced = set()
    while process.poll() is None:
        assert RESULT_FILES <= {entry.name for entry in os.scandir(first.directory)}
        for name in RESULT_FILES - replaced:
            if (first.directory / name).stat().st_ino != old[name]:
                replaced.add(name)
        if "results.h5" in replaced:
            with h5py.File(first.directory / "results.h5") as file:
                assert len(file["segments/size"]) == 9
    assert process.returncode == 0
    assert len(json.loads((first.directory / "summary.json").read_text())["segments"]) == 9
    assert {entry.name for entry in os.scandir(first.directory)} == RESULT_FILES


def test_leftovers_of_a_killed_run_do_no_harm(tmp_path):
    path = write_matrix(tmp_path / "in.h5", blobs(3000, 3, 3, 5))
    (tmp_path / "results").mkdir()
    for name in RESULT_FILES:
        (tmp_path / "results" / f"{name}.partial").write_bytes(b"half of something")
    fit(tmp_path, path)  # reads exactly the three files


def test_the_directory_is_made_with_all_above_it(tmp_path):
    path = write_matrix(tmp_path / "in.h5", blobs(300, 2, 3, 6))
    config = write_config(tmp_path, path, output__directory=str(tmp_path / "a" / "b" / "c"))
    assert lohko("fit", config, "-q").returncode == 0
    assert {item.name for item in (tmp_path / "a" / "b" / "c").iterdir()} == RESULT_FILES


def test_relative_paths_start_where_lohko_runs(tmp_path):
    write_matrix(tmp_path / "in.h5", blobs(300, 2, 3, 7))
    (tmp_path / "elsewhere").mkdir()
    config = write_config(tmp_path / "elsewhere", "in.h5", output__directory="out")
    assert lohko("fit", config, "-q", cwd=tmp_path).returncode == 0
    assert (tmp_path / "out" / "results.h5").exists()


def test_a_directory_in_the_way_is_found_before_anything_is_replaced(tmp_path):
    path = write_matrix(tmp_path / "in.h5", blobs(300, 2, 3, 8))
    first = fit(tmp_path, path)
    before = {name: (first.directory / name).read_bytes() for name in RESULT_FILES - {"segments.csv"}}
    (first.directory / "segments.csv").unlink()
    (first.directory / "segments.csv" / "inside").mkdir(parents=True)
    done = lohko("fit", first.config, "-q", "--segments.k=3")
    assert done.returncode == 73 and "segments.csv is a directory" in done.stderr
    assert before == {name: (first.directory / name).read_bytes() for name in before}
    assert {entry.name for entry in os.scandir(first.directory)} == RESULT_FILES
