"""Every failure: the documented exit code on any number of ranks, one line that names what is wrong, nothing left."""

import os
import resource
import shutil
import subprocess
from pathlib import Path

import h5py
import numpy as np
import pytest
from conftest import RESULT_FILES, blobs, error_lines, fit, lohko, write_config, write_matrix

VALUES = blobs(2500, 3, 3, 1)


def refused(config: Path, code: int, words: list[str], *options, output: Path | None = None, many=(None, 3)):
    """Alone the one line is all that stands on stderr; on three ranks rank 0 alone says it."""
    output = output or config.parent / "results"
    before = contents(output)
    for ranks in many:
        done = lohko("fit", config, "-q", *options, ranks=ranks, timeout=30)
        assert done.returncode == code, (ranks, done.returncode, done.stderr)
        lines = error_lines(done.stderr)
        assert len(lines) == 1, done.stderr
        for word in words:
            assert word in lines[0], done.stderr
        assert "segment" not in done.stdout or ranks
        if not ranks:
            assert done.stderr == lines[0] + "\n"
        assert contents(output) == before


def ranks_for(case, cases, every: int) -> tuple:
    """All ranks see the same, or rank 0 alone reads it: one case in a few shows that they end together."""
    return (None, 3) if list(cases).index(case) % every == 0 else (None,)


def contents(directory: Path) -> dict[str, bytes]:
    if not directory.is_dir():
        return {}
    return {path.name: path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def refused_input(tmp_path, code, words, **dotted):
    refused(write_config(tmp_path, tmp_path / "in.h5", **dotted), code, ["in.h5", *words])


# ---- the input file ------------------------------------------------------------------------------------------------


def test_no_such_file(tmp_path):
    refused_input(tmp_path, 66, ["No such file"])


def test_a_directory(tmp_path):
    (tmp_path / "in.h5").mkdir()
    refused_input(tmp_path, 66, [])


@pytest.mark.parametrize("content", [b"", b"customer_id,orders\n1,2\n", b"\x89HDF\r\n\x1a\n"])
def test_not_hdf5(tmp_path, content):
    (tmp_path / "in.h5").write_bytes(content)
    refused(write_config(tmp_path, tmp_path / "in.h5"), 66, ["in.h5", "HDF5"], many=(None, 3) if content else (None,))


@pytest.mark.parametrize("layout", [{}, {"chunks": (500, 3), "compression": "gzip"}])
@pytest.mark.parametrize("kept", [0.1, 0.999])
def test_truncated(tmp_path, layout, kept):
    path = write_matrix(tmp_path / "in.h5", VALUES, **layout)
    os.truncate(path, int(path.stat().st_size * kept))
    refused_input(tmp_path, 66, [])


def test_a_damaged_chunk(tmp_path):
    """The file opens; one of its compressed pieces, in the rows of the last rank, cannot be read."""
    path = write_matrix(tmp_path / "in.h5", VALUES, chunks=(500, 3), compression="gzip")
    with h5py.File(path) as file:
        chunk = file["features"].id.get_chunk_info(4)
    with open(path, "r+b") as file:
        file.seek(chunk.byte_offset)
        file.write(b"\xff" * chunk.size)
    config = write_config(tmp_path, path)
    for ranks in (None, 3):
        done = lohko("fit", config, "-q", ranks=ranks, timeout=30)
        assert done.returncode in (66, 74) and len(error_lines(done.stderr)) == 1, done.stderr
        assert "features" in done.stderr and not contents(tmp_path / "results")


def test_unreadable(tmp_path):
    path = write_matrix(tmp_path / "in.h5", VALUES)
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("this user may read any file")
    refused_input(tmp_path, 66, ["Permission denied"])


def build(path: Path, **datasets):
    with h5py.File(path, "w") as file:
        for name, values in datasets.items():
            file[name.replace("__", "/")] = values


def strings(count):
    return np.array([f"text {i}" for i in range(count)], dtype=h5py.string_dtype())


CONTENTS = {
    "no features": ({"something": VALUES}, {}, ["features"]),
    "an empty group": ({"features__nested__more": VALUES}, {}, ["no numeric features"]),
    "one dimension": ({"features": VALUES[:, 0]}, {}, ["/features", "1 dimension", "two"]),
    "three dimensions": ({"features": np.zeros((4, 5, 6))}, {}, ["/features", "3 dimensions", "two"]),
    "a single number": ({"features": 3.0}, {}, ["/features", "0 dimensions"]),
    "texts as features": ({"features": strings(30).reshape(10, 3)}, {}, ["/features", "no numbers"]),
    "complex numbers": ({"features": VALUES * 1j}, {}, ["/features", "no numbers"]),
    "zero rows": ({"features": np.zeros((0, 3))}, {}, ["zero rows"]),
    "zero columns": ({"features": np.zeros((30, 0))}, {}, ["no numeric features"]),
    "a matrix as a column": ({"features__a": VALUES[:, 0], "features__b": VALUES}, {}, ["/features/b", "2 dimensions"]),
    "columns of two lengths": ({"features__a": VALUES[:, 0], "features__b": VALUES[:9, 0]}, {}, ["features/b", "2500"]),
    "too few ids": ({"features": VALUES, "customer_id": np.arange(2499)}, {}, ["customer_id", "2499", "2500"]),
    "too many ids": ({"features": VALUES, "customer_id": strings(2501)}, {}, ["customer_id", "2501", "2500"]),
    "ids in two dimensions": ({"features": VALUES, "customer_id": np.zeros((2500, 1), int)}, {}, ["customer_id"]),
    "ids that are no ids": ({"features": VALUES, "customer_id": VALUES[:, 0]}, {}, ["customer_id", "integers or text"]),
    "features elsewhere": ({"features": VALUES}, {"input__features": "/other"}, ["/other", "input.features"]),
    "id elsewhere": ({"features": VALUES}, {"input__id": "/other"}, ["/other", "input.id"]),
    "no such feature": ({"features": VALUES}, {"features__use": ["feature_0", "spent"]}, ["spent", "features.use"]),
    "no such profile": ({"features": VALUES}, {"features__profile": ["churned"]}, ["churned", "features.profile"]),
    "nothing varies": ({"features": np.ones((50, 3))}, {}, ["no feature varies"]),
    "nothing but missing": ({"features": np.full((50, 3), np.nan)}, {}, ["no feature varies"]),
    "all left out": ({"features": np.array([[1, np.nan], [np.nan, 2]] * 9)}, {"prepare__missing": "drop"}, ["drop"]),
    "infinite": (
        {"features": np.where(np.arange(2500)[:, None] == 2100, np.inf, VALUES)}, {}, ["feature_0", "row 2100"]
    ),
    "few customers": ({"features": VALUES[:3]}, {"segments__k": 4}, ["3 customers", "4"]),
    "few distinct customers": ({"features": np.tile(VALUES[:3], (800, 1))}, {"segments__k": 4}, ["3", "4", "distinct"]),
    "the same id twice": ({"features": VALUES, "customer_id": np.arange(2500) % 2499}, {}, ["0 (rows 0 and 2499)"]),
}

# Where one rank alone sees it, or all see it in their own way.
TOLD_BY_SOME_RANK = {"infinite", "all left out", "few distinct customers", "the same id twice", "zero rows"}


@pytest.mark.parametrize("case", CONTENTS)
def test_contents(tmp_path, case):
    inside, dotted, words = CONTENTS[case]
    build(tmp_path / "in.h5", **inside)
    config = write_config(tmp_path, tmp_path / "in.h5", **dotted)
    many = (None, 3) if case in TOLD_BY_SOME_RANK else ranks_for(case, CONTENTS, 4)
    refused(config, 65, words, many=many)


@pytest.mark.parametrize("names,words", [
    (["a", "b"], ["2 names", "3 features"]),
    (["a", "b", "a"], ["two features are named a"]),
    (["a", "", "c"], ["empty"]),
])
def test_feature_names(tmp_path, names, words):
    write_matrix(tmp_path / "in.h5", VALUES, names)
    refused(write_config(tmp_path, tmp_path / "in.h5"), 65, words, many=(None,))


# ---- config and command line ---------------------------------------------------------------------------------------


def write_text(tmp_path, text: str) -> Path:
    write_matrix(tmp_path / "in.h5", VALUES)
    path = tmp_path / "config.yaml"
    path.write_text(text.replace("IN", str(tmp_path / "in.h5")).replace("OUT", str(tmp_path / "results")))
    return path


GOOD = "input:\n  path: IN\nsegments:\n  k: 3\noutput:\n  directory: OUT\n"
CONFIGS = {
    "unknown key": (GOOD + "kmeans:\n  restart: 3\n", ["config.yaml:8", "restart", "kmeans.restarts"]),
    "unknown section": (GOOD + "kmean:\n  restarts: 3\n", ["config.yaml:8", "kmean.restarts", "kmeans.restarts"]),
    "bad number": (GOOD.replace("k: 3", "k: three"), ["config.yaml:4", "segments.k", "three"]),
    "out of bounds": (GOOD.replace("k: 3", "k: 0"), ["config.yaml:4", "segments.k", "1"]),
    "bad choice": (GOOD + "prepare:\n  scale: z-score\n", ["config.yaml:8", "prepare.scale", "zscore", "robust"]),
    "bad clip": (GOOD + "prepare:\n  clip: [0.9, 0.1]\n", ["config.yaml:8", "prepare.clip"]),
    "bad transform": (GOOD + "prepare:\n  transform: {a: cube}\n", ["config.yaml:8", "prepare.transform", "cube"]),
    "bad weight": (GOOD + "prepare:\n  weight: {a: -1}\n", ["config.yaml:8", "prepare.weight", "-1"]),
    "a list for a number": (GOOD.replace("k: 3", "k: [3]"), ["config.yaml:4", "segments.k"]),
    "twice": (GOOD + "run:\n  seed: 1\n  seed: 2\n", ["config.yaml:9", "run.seed"]),
    "no k": (GOOD.replace("segments:\n  k: 3\n", ""), ["config.yaml", "segments.k"]),
    "no input": (GOOD.replace("input:\n  path: IN\n", ""), ["config.yaml", "input.path"]),
    "no output": (GOOD.replace("output:\n  directory: OUT\n", ""), ["config.yaml", "output.directory"]),
    "not yaml": (GOOD + "run: [1, 2\n", ["config.yaml:"]),
    "tabs": (GOOD + "run:\n\tseed: 1\n", ["config.yaml:8"]),
    "empty": ("", ["config.yaml"]),
    "a list": ("- a\n- b\n", ["config.yaml"]),
    "in both lists": (
        GOOD + "features:\n  use: [feature_0]\n  profile: [feature_0]\n", ["feature_0", "features.profile"]
    ),
    "weight of no feature": (GOOD + "prepare:\n  weight: {spent: 2}\n", ["prepare.weight", "spent"]),
}


@pytest.mark.parametrize("case", CONFIGS)
def test_config(tmp_path, case):
    text, words = CONFIGS[case]
    refused(write_text(tmp_path, text), 78, words, many=ranks_for(case, CONFIGS, 6))
    assert not (tmp_path / "results").exists() or not contents(tmp_path / "results")


def test_no_config_file(tmp_path):
    refused(tmp_path / "nosuch.yaml", 66, ["nosuch.yaml", "No such file"])


COMMAND_LINES = {
    "unknown option": (["--kmeans.restart=3"], ["kmeans.restart", "kmeans.restarts"]),
    "bad value": (["--segments.k=many"], ["segments.k", "many"]),
    "no value": (["--segments.k"], ["segments.k"]),
    "unknown short option": (["-x"], ["-x"]),
    "two files": (["another.yaml"], ["another.yaml"]),
}


@pytest.mark.parametrize("case", COMMAND_LINES)
def test_command_line(tmp_path, case):
    options, words = COMMAND_LINES[case]
    refused(write_text(tmp_path, GOOD), 64, words, *options, many=ranks_for(case, COMMAND_LINES, 3))


@pytest.mark.parametrize("arguments,words", [
    (["fit"], "config file"), (["fti"], "fti"), ([], "command"), (["--halp"], "--halp"), (["fit", "-q"], "config file"),
])
@pytest.mark.parametrize("ranks", [None, 3])
def test_commands(arguments, words, ranks):
    done = lohko(*arguments, ranks=ranks)
    assert done.returncode == 64 and len(error_lines(done.stderr)) == 1 and words in done.stderr, done.stderr


# ---- the output ----------------------------------------------------------------------------------------------------


def test_below_a_file(tmp_path):
    (tmp_path / "file").write_text("")
    path = write_matrix(tmp_path / "in.h5", VALUES)
    config = write_config(tmp_path, path, output__directory=str(tmp_path / "file" / "results"))
    refused(config, 73, [str(tmp_path / "file")])


def test_the_directory_is_a_file(tmp_path):
    (tmp_path / "results").write_text("")
    refused(write_config(tmp_path, write_matrix(tmp_path / "in.h5", VALUES)), 73, [str(tmp_path / "results")])


def mounted(path: Path, *options) -> Path:
    path.mkdir()
    if not shutil.which("mount"):
        pytest.skip("there is no mount")
    mount = ["mount", "-t", "tmpfs", *options, "tmpfs", path]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"mount is not permitted: {done.stderr.strip()}")
    return path


@pytest.fixture
def read_only(tmp_path):
    path = mounted(tmp_path / "locked", "-o", "ro")
    yield path
    subprocess.run(["umount", path], check=True)


@pytest.fixture
def small_disk(tmp_path):
    path = mounted(tmp_path / "small", "-o", "size=256k")
    yield path
    subprocess.run(["umount", path], check=True)


@pytest.mark.parametrize("below", [False, True])
def test_unwritable_directory(tmp_path, read_only, below):
    directory = read_only / "results" if below else read_only
    config = write_config(tmp_path, write_matrix(tmp_path / "in.h5", VALUES), output__directory=str(directory))
    refused(config, 73, [str(read_only), "Read-only"], output=read_only)


@pytest.mark.parametrize("room", [0, 20_000, 180_000])
def test_full_disk(tmp_path, small_disk, room):
    """Found before or while writing: the earlier results stay, whole, and the new ones leave no trace."""
    earlier = {name: b"earlier " + name.encode() for name in RESULT_FILES}
    for name, content in earlier.items():
        (small_disk / name).write_bytes(content)
    values = blobs(12_000, 3, 3, 1)  # 12 000 customers need about 290 kB
    config = write_config(tmp_path, write_matrix(tmp_path / "in.h5", values), output__directory=str(small_disk))
    free = os.statvfs(small_disk)
    with open(small_disk / "other", "wb") as file:
        file.write(b"x" * max(0, free.f_bavail * free.f_frsize - room - 4096))
    refused(config, 74, [str(small_disk)], output=small_disk)


@pytest.mark.parametrize("limit", [30_000, 150_000, 250_000])
@pytest.mark.parametrize("ignored", [False, True])
def test_file_size_limit(tmp_path, limit, ignored):
    """Writing fails in the middle, whoever runs it. The system also sends a signal, which must not be the end."""
    path = write_matrix(tmp_path / "in.h5", blobs(12_000, 3, 3, 1))
    config = write_config(tmp_path, path)
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "results.h5").write_bytes(b"earlier")
    done = lohko(
        "fit", config, "-q", restore_signals=not ignored,  # Python itself ignores the signal
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    assert done.returncode in (73, 74), (done.returncode, done.stderr)
    assert len(error_lines(done.stderr)) == 1, done.stderr
    assert contents(tmp_path / "results") == {"results.h5": b"earlier"}


def test_earlier_results_stay_when_a_later_run_fails(tmp_path):
    path = write_matrix(tmp_path / "in.h5", VALUES)
    results = fit(tmp_path, path)
    before = contents(results.directory)
    values = VALUES.copy()
    values[2400, 0] = np.inf
    write_matrix(path, values)
    refused(results.config, 65, ["row 2400"])
    assert contents(results.directory) == before and set(before) == RESULT_FILES


# ---- memory --------------------------------------------------------------------------------------------------------


def test_too_little_memory_is_said_before_the_work(tmp_path):
    config = write_config(tmp_path, write_matrix(tmp_path / "in.h5", VALUES))
    refused(config, 71, ["memory", "1000000", "run.memory"], "--run.memory=1000000")


def test_memory_that_the_system_refuses(tmp_path):
    """Address space for the program, none for the customers: one line, not a crash."""
    with h5py.File(tmp_path / "in.h5", "w") as file:
        file.create_dataset("features", shape=(20_000_000, 8), dtype="f4", chunks=(1_000_000, 8), compression="gzip")
        file["features"][:4] = VALUES[:4, [0, 1, 2, 0, 1, 2, 0, 1]]
    most = 3 << 28  # enough for the libraries and the reading, not for 640 MB of customers
    done = lohko(
        "fit", write_config(tmp_path, tmp_path / "in.h5"), "-q", "--run.memory=100G",
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (most, most)),
    )
    assert done.returncode == 71 and len(error_lines(done.stderr)) == 1, (done.returncode, done.stderr)
    assert not contents(tmp_path / "results")
