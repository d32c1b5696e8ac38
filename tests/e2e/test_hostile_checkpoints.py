"""Checkpoints that are whole by their checksum, but whose entries hold what no job keeps: refused, or gone on from without
harm."""

import os
import shutil
import signal
import struct

import numpy as np
import pytest
from checkpoints import put_together, take_apart
from conftest import ENVIRONMENT, blobs, error_lines, lohko, write_config, write_matrix
from interruption import contents, faults, run  # noqa: F401 (a fixture)

CHECKPOINT = "checkpoint.lohko"
SETTINGS = {
    "segments__k": 5, "kmeans__batch": 2048, "kmeans__tolerance": 0, "kmeans__restarts": 3, "hierarchy__leaves": 30,
    "stability__replicates": 2, "run__checkpoint": 1e-6,
}
FILLS = [b"\xff", b"\xf1", struct.pack("=d", 1e300), struct.pack("=d", float("nan")), struct.pack("=q", 2)]


@pytest.fixture(scope="module", autouse=True)
def preloaded():
    """faults.c is loaded before the sanitizer's library, which then takes what Open MPI keeps for leaks."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(ENVIRONMENT, "ASAN_OPTIONS", "detect_leaks=0:verify_asan_link_order=0:allocator_may_return_null=1")
        yield


@pytest.fixture(scope="module")
def customers(tmp_path_factory):
    return write_matrix(tmp_path_factory.mktemp("customers") / "in.h5", blobs(3000, 4, 6, 3, spread=2), ids=np.arange(3000))


@pytest.fixture(scope="module")
def checkpoints(preloaded, customers, tmp_path_factory, faults):  # noqa: F811
    """The last one before the job's end, and earlier ones."""
    found = []
    for method in ("kmeans", "hierarchy"):
        for step in (2, 5, 11, 23, 47):
            directory = tmp_path_factory.mktemp("stopped")
            config = write_config(directory, customers, segments__method=method, **SETTINGS)
            done = run(faults, f"0 rename {CHECKPOINT} {step} {-signal.SIGTERM}", "fit", config, "-q")
            if done.returncode == 75:
                found.append((config, (directory / "results" / CHECKPOINT).read_bytes()))
    return found


def filled(data: bytes, fill: bytes, first: int, last: int) -> bytes:
    return data[:first] + (fill * (last - first))[: last - first] + data[last:]


def test_entries_that_no_job_keeps(tmp_path, checkpoints):
    """Whole entries, and single words of them, in turn; sanitizers tell what goes wrong unseen."""
    random = np.random.default_rng(int(os.environ.get("LOHKO_SEED", "1")))
    codes = []
    assert len(checkpoints) >= 6
    for config, content in checkpoints:
        facts, entries = take_apart(content)
        for number, (name, data) in enumerate(entries):
            for _ in range(2):
                fill = FILLS[random.integers(len(FILLS))]
                first, last = 0, len(data)
                if random.random() < 0.5 and len(data) >= 8:
                    first = 8 * int(random.integers(len(data) // 8))
                    last = first + 8
                changed = (name, filled(data, fill, first, last))
                shutil.rmtree(config.parent / "results", ignore_errors=True)
                (config.parent / "results").mkdir()
                # what comes behind it would be taken as it is
                later = entries[number + 1 :] if random.random() < 0.3 else []
                path = config.parent / "results" / CHECKPOINT
                path.write_bytes(put_together(facts, [*entries[:number], changed, *later]))
                done = lohko("fit", config, "-q", "--run.resume=true", "--run.checkpoint=600", timeout=60)
                codes.append(done.returncode)
                assert done.returncode in (0, 65), (name, fill, first, last, done.returncode, done.stderr)
                assert done.returncode == 0 or "does not fit this job" in error_lines(done.stderr)[0], done.stderr
                assert done.returncode == 0 or set(contents(config.parent / "results")) == {CHECKPOINT}
    assert codes.count(65) > len(codes) // 3, codes
