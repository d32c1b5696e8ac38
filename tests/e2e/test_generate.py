"""lohko generate: the file it promises, the same bytes on any number of ranks, data worth segmenting, every refusal."""

import contextlib
import os
import subprocess
import time
from pathlib import Path

import conftest
import h5py
import numpy as np
import pytest
from conftest import ENVIRONMENT, datasets
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score

MONEY = {"revenue", "avg_basket", "margin", "max_basket", "refunds", "delivery_spend", "gift_spend"}


def command(*arguments, ranks=1) -> list[str]:
    return conftest.command("generate", *arguments, ranks=ranks if ranks > 1 else None)


def run(*arguments, ranks=1, **keywords) -> subprocess.CompletedProcess:
    return subprocess.run(
        command(*arguments, ranks=ranks), env=ENVIRONMENT, capture_output=True, text=True, timeout=60, **keywords
    )


def generate(path, *arguments, customers=5000, features=16, segments=8, ranks=1) -> Path:
    sizes = ["--customers", customers, "--features", features, "--segments", segments]
    done = run(*sizes, "--output", path, *arguments, ranks=ranks)
    assert done.returncode == 0, done.stderr
    assert not Path(f"{path}.partial").exists()
    return path


def lohko_lines(stderr: str) -> list[str]:
    """What lohko itself says of a failure; the launcher has its own lines."""
    return [line for line in stderr.splitlines() if line.startswith("lohko: ")]


def refused(code: int, words: str, *arguments, ranks=1):
    done = run(*arguments, ranks=ranks)
    assert done.returncode == code, done.stderr
    lines = lohko_lines(done.stderr)
    assert len(lines) == 1 and words in lines[0], done.stderr
    if ranks == 1:
        assert done.stderr == lines[0] + "\n"


@pytest.fixture(scope="module")
def customers(tmp_path_factory) -> Path:
    return generate(tmp_path_factory.mktemp("generate") / "customers.h5", customers=20000, features=32)


def test_datasets_types_and_attributes(customers):
    with h5py.File(customers) as file:
        assert set(file) == {"features", "customer_id", "truth"}
        assert file["features"].shape == (20000, 32) and file["features"].dtype == np.float32
        assert file["features"].chunks is None
        names = list(file["features"].attrs["feature_names"])
        assert len(set(names)) == 32 and {"recency_days", "orders", "revenue"} | MONEY <= set(names)
        assert file["customer_id"].dtype == np.int64
        identifiers = file["customer_id"][:]
        assert len(np.unique(identifiers)) == 20000 and np.all(np.diff(identifiers) > 1)
        assert file["truth/segment"].dtype == np.int32 and file["truth/size"].dtype == np.int64
        assert np.array_equal(np.bincount(file["truth/segment"][:], minlength=8), file["truth/size"][:])
        assert file.attrs["generator"].startswith("lohko ")
        expected = {"seed": 1, "customers": 20000, "features": 32, "segments": 8}
        assert {name: int(file.attrs[name]) for name in expected} == expected
        assert (file.attrs["separation"], file.attrs["missing"]) == (1.0, 0.0)


def test_values_are_those_of_customers(customers):
    with h5py.File(customers) as file:
        values = file["features"][:].astype(float)
        columns = dict(zip(file["features"].attrs["feature_names"], values.T))
        sizes = file["truth/size"][:]
    assert np.isfinite(values).all() and (values >= 0).all()
    for name, column in columns.items():
        assert column.std() > 0, name
        if name in MONEY:
            # Heavy tails: the richest hundredth holds a multiple of its number, the mean is above the median.
            top = np.sort(column)[-len(column) // 100 :].sum() / column.sum()
            least = (0.07, 1.8) if name == "revenue" else (0.03, 1.1)
            assert top > least[0] and column.mean() > least[1] * np.median(column), name
        elif name.startswith("share_") or name.endswith("_rate"):
            assert column.max() <= 1, name
        else:
            assert np.array_equal(column, np.floor(column)), name
    assert 7 < sizes.max() / sizes.min() < 14
    logs = {name: np.log1p(column) for name, column in columns.items()}
    assert np.corrcoef(logs["orders"], logs["revenue"])[0, 1] > 0.3
    assert np.corrcoef(logs["orders"], logs["recency_days"])[0, 1] < -0.3


@pytest.mark.parametrize(
    "arguments",
    [
        ["--missing", "0.1", "--seed", "9"],
        ["--type", "float64", "--id", "text", "--missing", "0.01"],
    ],
)
def test_same_bytes_on_any_number_of_ranks(tmp_path, arguments):
    # 7500 rows are 8 blocks: 7 ranks get one or two each, the last one a short one.
    expected = datasets(generate(tmp_path / "1.h5", *arguments, customers=7500))
    for ranks in (2, 3, 7):
        found = datasets(generate(tmp_path / f"{ranks}.h5", *arguments, customers=7500, ranks=ranks))
        assert found.keys() == expected.keys()
        for name in expected:
            assert found[name].dtype == expected[name].dtype
            assert found[name].tobytes() == expected[name].tobytes(), (ranks, name)


def test_fewer_blocks_than_ranks_and_one_customer(tmp_path):
    for customers in (1, 1025):
        alone = datasets(generate(tmp_path / "a.h5", customers=customers, features=1, segments=1))
        many = datasets(generate(tmp_path / "b.h5", customers=customers, features=1, segments=1, ranks=7))
        assert alone["features"].shape == (customers, 1) and alone["truth/size"].tolist() == [customers]
        assert {name: data.tobytes() for name, data in alone.items()} == {
            name: data.tobytes() for name, data in many.items()
        }


def test_several_slabs_a_rank(tmp_path):
    """Rows on both sides of a slab's end; columns 0 and 1 are the same however many there are."""
    long = datasets(generate(tmp_path / "long.h5", customers=150_000, features=2, ranks=2))
    wide = datasets(generate(tmp_path / "wide.h5", customers=150_000, features=3, ranks=1))
    assert np.array_equal(long["features"], wide["features"][:, :2])
    assert np.array_equal(long["truth/segment"], wide["truth/segment"])
    assert np.array_equal(long["customer_id"], 100_000 + 7 * np.arange(150_000))


def test_identifiers(tmp_path):
    text = datasets(generate(tmp_path / "text.h5", "--id", "text", customers=1200))["customer_id"]
    assert text.dtype == np.dtype("S10") and text[0] == b"C000000001" and text[-1] == b"C000001200"
    assert len(set(text)) == 1200
    assert "customer_id" not in datasets(generate(tmp_path / "none.h5", "--id", "none", customers=10))


def test_types_hold_the_same_values(tmp_path):
    single = datasets(generate(tmp_path / "4.h5"))["features"]
    double = datasets(generate(tmp_path / "8.h5", "--type", "float64"))["features"]
    assert double.dtype == np.float64
    assert np.array_equal(double.astype(np.float32), single)


def test_seed_decides(tmp_path):
    first = datasets(generate(tmp_path / "1.h5"))
    again = datasets(generate(tmp_path / "again.h5", "--seed", "1"))
    other = datasets(generate(tmp_path / "2.h5", "--seed", "2"))
    assert np.array_equal(first["features"], again["features"])
    assert np.mean(first["truth/segment"] == other["truth/segment"]) < 0.5


@pytest.mark.parametrize("share", [0.02, 0.5])
def test_missing_values(tmp_path, share):
    whole = datasets(generate(tmp_path / "whole.h5", customers=20000))
    holed = datasets(generate(tmp_path / "holed.h5", "--missing", share, customers=20000))
    missing = np.isnan(holed["features"])
    assert abs(missing.mean() - share) < 5 * np.sqrt(share * (1 - share) / missing.size)
    assert np.all(np.abs(missing.mean(axis=0) - share) < 5 * np.sqrt(share * (1 - share) / 20000))
    assert np.array_equal(holed["features"][~missing], whole["features"][~missing])
    assert np.array_equal(holed["truth/segment"], whole["truth/segment"])


def test_no_segment_is_empty(tmp_path):
    sizes = datasets(generate(tmp_path / "a.h5", customers=300, features=2, segments=300))["truth/size"]
    assert sizes.tolist() == [1] * 300


def test_as_many_features_as_allowed(tmp_path):
    path = generate(tmp_path / "wide.h5", customers=1500, features=4096, ranks=2)
    with h5py.File(path) as file:
        names = file["features"].attrs["feature_names"]
        assert len(set(names)) == 4096 and names[32] == names[0] + "_2"
        assert np.isfinite(file["features"][:]).all()


def recovered(path) -> float:
    with h5py.File(path) as file:
        values = file["features"][:].astype(float)
        names = file["features"].attrs["feature_names"]
        truth = file["truth/segment"][:]
    for j, name in enumerate(names):
        if name in MONEY:
            values[:, j] = np.log1p(values[:, j])
    values = (values - values.mean(axis=0)) / values.std(axis=0)
    return adjusted_rand_score(truth, KMeans(8, n_init=5, random_state=0).fit_predict(values))


def test_segments_can_be_found_as_far_as_they_are_apart(tmp_path):
    scores = {}
    for separation in (0, 1, 3):
        scores[separation] = [
            recovered(generate(tmp_path / "a.h5", "--separation", separation, "--seed", seed)) for seed in (1, 2)
        ]
    assert max(np.abs(scores[0])) < 0.02
    assert all(0.5 < score < 0.98 for score in scores[1])
    assert min(scores[3]) > 0.9


@pytest.mark.parametrize(
    "arguments, words",
    [
        ([], "--customers is required"),
        (["--customers", 10, "--features", 2, "--segments", 2], "--output is required"),
        (["--customers", 5, "--features", 2, "--segments", 6, "--output", "a.h5"], "less than --segments 6"),
        (["--customers", 2**40 + 1], "from 1 to 1099511627776"),
        (["--customers", 0], "from 1 to 1099511627776"),
        (["--features", 4097], "from 1 to 4096"),
        (["--segments", 65537], "from 1 to 65536"),
        (["--customers", "many"], '"many" is not a whole number'),
        (["--customer", 10], "did you mean --customers?"),
        (["--missing", 1.5], "from 0 to 1"),
        (["--separation=-1"], "--separation"),
        (["--type", "float16"], "float32 | float64"),
        (["--seed", -1], "--seed"),
        (["customers.h5"], "customers.h5"),
        (["--output"], "--output"),
    ],
)
def test_bad_command_lines(tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    refused(64, words, *arguments)
    assert not list(tmp_path.iterdir())


def test_bad_command_line_on_several_ranks(tmp_path):
    refused(64, "--features", "--customers", 10, "--features", "x", ranks=3)


def test_help_and_quiet(tmp_path):
    done = run("--help")
    assert done.returncode == 0 and done.stderr == ""
    for option in ("--customers", "--features", "--segments", "--output", "--seed", "--missing", "--separation"):
        assert option in done.stdout
    assert all(len(line) <= 100 for line in done.stdout.splitlines())
    sizes = ["--customers", "1e3", "--features=2", "--segments", 2, "--output", tmp_path / "a.h5"]
    assert run(*sizes, "-q").stderr == ""
    assert "1000 customers x 2 features in 2 segments" in run(*sizes).stderr


@contextlib.contextmanager
def small_volume(directory: Path, megabytes: int):
    directory.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(directory)]
    if subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("mounting a tmpfs is not permitted")
    try:
        yield directory
    finally:
        subprocess.run(["umount", "--lazy", str(directory)], check=True)


SMALL = ["--customers", 3000, "--features", 4, "--segments", 3]


def test_output_that_cannot_be_created(tmp_path):
    refused(73, "No such file or directory", *SMALL, "--output", tmp_path / "absent" / "a.h5", ranks=3)
    (tmp_path / "file").write_text("kept")
    refused(73, "Not a directory", *SMALL, "--output", tmp_path / "file" / "a.h5")
    refused(73, "it is not a file", *SMALL, "--output", tmp_path)
    refused(73, "it is not a file", *SMALL, "--output", "/dev/null")
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_unwritable_directory(tmp_path):
    tmp_path.chmod(0o500)
    refused(73, "Permission denied", *SMALL, "--output", tmp_path / "a.h5")


def test_read_only_volume(tmp_path):
    with small_volume(tmp_path / "volume", 1) as volume:
        subprocess.run(["mount", "-o", "remount,ro", str(volume)], check=True)
        refused(73, "Read-only file system", *SMALL, "--output", volume / "a.h5")


def test_an_existing_file_is_replaced_whole(tmp_path):
    path = tmp_path / "a.h5"
    path.write_text("last year's")
    generate(path, customers=1000)
    assert datasets(path)["features"].shape == (1000, 16)
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.h5"]


@pytest.mark.parametrize("ranks", [1, 3])
def test_disk_that_is_too_small_is_said_at_once(tmp_path, ranks):
    with small_volume(tmp_path / "volume", 2) as volume:
        (volume / "a.h5").write_text("last year's")
        sizes = ["--customers", 10**8, "--features", 16, "--segments", 3]
        begun = time.monotonic()
        refused(74, "No space left on device", *sizes, "--output", volume / "a.h5", ranks=ranks)
        assert time.monotonic() - begun < 10
        assert [entry.name for entry in volume.iterdir()] == ["a.h5"]
        assert (volume / "a.h5").read_text() == "last year's"


def fill(volume: Path):
    """Somebody else takes what is left."""
    with contextlib.suppress(OSError), open(volume / "filler", "wb", buffering=0) as file:
        while file.write(bytes(1 << 16)):
            pass


@pytest.mark.parametrize("ranks", [1, 3])
def test_a_disk_that_fills_up_on_the_way(tmp_path, ranks):
    """The file has its space from the beginning: what others write cannot take it away."""
    sizes = ["--customers", 4 * 10**6, "--features", 1, "--segments", 3, "--id", "none"]
    with small_volume(tmp_path / "volume", 80) as volume:
        path = volume / "a.h5"
        with subprocess.Popen(command(*sizes, "--output", path, ranks=ranks), env=ENVIRONMENT) as process:
            while not (volume / "a.h5.partial").exists() or (volume / "a.h5.partial").stat().st_blocks * 512 < 32 * 10**6:
                assert process.poll() is None, "ended before the disk was full"
                time.sleep(0.002)
            time.sleep(0.1)  # the space is given back for a moment when HDF5 creates the file
            fill(volume)
            assert process.poll() is None, "ended before the disk was full"
            assert process.wait(timeout=60) == 0
        assert {entry.name for entry in volume.iterdir()} == {"a.h5", "filler"}
        with h5py.File(path) as file:
            assert file["truth/size"][:].sum() == 4 * 10**6 and file["features"][-1] > 0
