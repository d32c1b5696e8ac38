"""scripts/to_hdf5: every value of its output against pandas' reading of the same file, and what it must refuse."""

import bz2
import contextlib
import gzip
import io
import lzma
import os
import pty
import resource
import runpy
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "scripts" / "to_hdf5"
SHARED = Path(os.environ.get("LOHKO_SHARED_DATA", ROOT.parent / "shared" / "data"))
SHARED_FILES = sorted(SHARED.glob("*.csv.gz"))


MAIN = runpy.run_path(str(SCRIPT), run_name="to_hdf5")["main"]


def run_process(*arguments, **keywords) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, SCRIPT, *map(str, arguments)], capture_output=True, text=True, **keywords)


def run(*arguments) -> subprocess.CompletedProcess:
    """The same without a new process, which would spend its time on imports."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    out, err = io.StringIO(), io.StringIO()
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = MAIN([str(argument) for argument in arguments])
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    return subprocess.CompletedProcess(arguments, status, out.getvalue(), err.getvalue())


def convert(*arguments) -> subprocess.CompletedProcess:
    done = run(*arguments)
    assert done.returncode == 0, done.stderr
    return done


def write(path: Path, text: str) -> Path:
    path.write_bytes(text.encode())
    return path


def read(path: Path) -> tuple[pd.DataFrame, list]:
    with h5py.File(path) as file:
        ids = file["customer_id"][:].tolist() if "customer_id" in file else None
        return pd.DataFrame(file["features"][:], columns=list(file["features"].attrs["feature_names"])), ids


def expected(path: Path, id: str = "customer_id", **keywords) -> tuple[pd.DataFrame, list]:
    """What pandas reads from the file, text one-hot; ids as bytes of the file."""
    frame = pd.read_csv(path, dtype={id: str}, keep_default_na=False, na_values=[""], float_precision="round_trip",
                        low_memory=False, **keywords)
    ids = [value.encode() for value in frame.pop(id)] if id in frame else None
    parts = [pd.get_dummies(frame[name], prefix=name, prefix_sep="=") if frame[name].dtype == object else frame[[name]]
             for name in frame]
    return pd.concat(parts, axis=1).astype(float), ids


def assert_same(output: Path, wanted: tuple[pd.DataFrame, list]) -> None:
    frame, ids = read(output)
    pd.testing.assert_frame_equal(frame, wanted[0], check_exact=True)
    if ids and isinstance(ids[0], int):
        ids = [str(id).encode() for id in ids]
    assert ids == wanted[1]


def assert_refused(done: subprocess.CompletedProcess, status: int, *words: str) -> None:
    """The status, and one line on stderr (after those of the passes) that has the words."""
    last = done.stderr.splitlines()[-1]
    assert done.returncode == status, done.stderr
    assert last.startswith("to_hdf5: ") and "Traceback" not in done.stderr and done.stdout == ""
    for word in words:
        assert word in last


TABLE = """customer_id,spent,orders,city,member,nothing,limit
3,0.1,1,Oulu,true,,inf
1,,2,,false,,-inf
2,-1e-300,3,"Turku, Åbo",,,5
10,123456789.123456789,4,Oulu,true,,0.30000000000000004
"""


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return write(tmp_path / "table.csv", TABLE)


def test_every_kind_of_column(table, tmp_path):
    done = convert(table, "-o", tmp_path / "out.h5")
    frame, ids = read(tmp_path / "out.h5")
    assert list(frame) == ["spent", "orders", "city=Oulu", "city=Turku, Åbo", "member", "nothing", "limit"]
    assert frame["city=Oulu"].tolist() == [1, 0, 0, 1] and frame["city=Turku, Åbo"].tolist() == [0, 0, 1, 0]
    assert frame["member"].tolist()[:2] == [1, 0] and np.isnan(frame["member"][2])
    assert frame["nothing"].isna().all()
    plain = ["spent", "orders", "limit"]
    pd.testing.assert_frame_equal(frame[plain], expected(table)[0][plain], check_exact=True)
    assert ids == [3, 1, 2, 10]
    assert "4 rows, 7 columns" in done.stdout and "encoded: city" in done.stdout
    with h5py.File(tmp_path / "out.h5") as file:
        assert file["features"].dtype == "f8" and file["features"].chunks is None
        assert h5py.check_string_dtype(file["features"].attrs.get_id("feature_names").dtype) == ("utf-8", None)
        assert file["customer_id"].dtype == "i8"
        assert list(file.attrs["source"]) == ["table.csv"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.h5", "table.csv"]


def test_blocks_of_any_size_give_the_same_bytes(table, tmp_path):
    outputs = []
    for rows in (1, 3, 100):
        convert(table, "-o", tmp_path / "out.h5", "--chunk-rows", rows)
        outputs.append((tmp_path / "out.h5").read_bytes())
    assert outputs[0] == outputs[1] == outputs[2]


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_compressed_input_is_known_by_content(table, tmp_path, pack):
    (tmp_path / "packed").write_bytes(pack(table.read_bytes()))
    convert(tmp_path / "packed", "-o", tmp_path / "packed.h5")
    convert(table, "-o", tmp_path / "plain.h5")
    pd.testing.assert_frame_equal(read(tmp_path / "packed.h5")[0], read(tmp_path / "plain.h5")[0])
    (tmp_path / "packed").write_bytes(pack(table.read_bytes())[:-20])
    assert_refused(run(tmp_path / "packed", "-o", tmp_path / "out.h5"), 65, "packed")


def test_compress_and_float32(table, tmp_path):
    convert(table, "-o", tmp_path / "out.h5", "--compress", 6, "--float32", "--drop", "spent")
    with h5py.File(tmp_path / "out.h5") as file:
        for name in ("features", "customer_id"):
            assert file[name].compression == "gzip" and file[name].shuffle and file[name].compression_opts == 6
        assert file["features"].dtype == "f4"
        assert file["features"][:, -1].tolist() == [np.inf, -np.inf, 5, np.float32(0.3)]
    write(table, "a\n1\n1e39\n")
    assert_refused(run(table, "-o", tmp_path / "out.h5", "--float32"), 65, "row 2", "column a", "1e+39")


@pytest.mark.parametrize("ids, kind", [
    (["5", "-3", "9223372036854775807", "0"], "i8"),
    (["7", "007"], "S3"),
    (["1", "9223372036854775808"], "S19"),
    (["1", "2.0"], "S3"),
    (["-0", "1"], "S2"),
    (["1"] * 8 + ["Åsa 1"], "S6"),
    (["1_0", " 3"], "S3"),
    (["4", "4", "4"], "i8"),
    (["NA", "null"], "S4"),
])
def test_ids_keep_their_bytes(tmp_path, ids, kind):
    path = write(tmp_path / "table.csv", "a,customer_id\n" + "".join(f"{i},{id}\n" for i, id in enumerate(ids)))
    convert(path, "-o", tmp_path / "out.h5", "--chunk-rows", 2)
    with h5py.File(tmp_path / "out.h5") as file:
        assert file["customer_id"].dtype == kind
        if kind != "i8":
            assert h5py.check_string_dtype(file["customer_id"].dtype) == ("utf-8", int(kind[1:]))
    assert_same(tmp_path / "out.h5", expected(path))


def test_choice_of_id_and_columns(tmp_path):
    path, output = write(tmp_path / "table.csv", "Key,a,b,c\nx,1,2,3\ny,4,5,6\n"), tmp_path / "out.h5"
    convert(path, "-o", output, "--id", "Key", "--columns", "c,a")
    frame, ids = read(output)
    assert ids == [b"x", b"y"] and list(frame) == ["c", "a"] and frame.values.tolist() == [[3, 1], [6, 4]]
    done = convert(path, "-o", output, "--drop", "Key,b")
    frame, ids = read(output)
    assert ids is None and list(frame) == ["a", "c"] and "row number" in done.stderr
    for option in ("--id", "--columns", "--drop"):
        assert_refused(run(path, "-o", output, option, "key"), 64, "no column key", "did you mean Key?")
    assert_refused(run(path, "-o", output, "--drop", "a,b,c", "--id", "Key"), 65, "no columns")


def test_text_late_and_text_with_many_values(tmp_path):
    """Numbers for thousands of rows, then text: the levels of all rows count, byte for byte."""
    rows = [f"{i},{('7', '007', '')[i % 3]},{i},{i}" for i in range(3000)] + ["3000,x,word,1_000"]
    path = write(tmp_path / "table.csv", "customer_id,few,many,late\n" + "\n".join(rows) + "\n")
    done = convert(path, "-o", tmp_path / "out.h5", "--chunk-rows", 500)
    assert_same(tmp_path / "out.h5", expected(path, usecols=["customer_id", "few"]))
    assert "many is left out" in done.stderr and "left out: many, late" in done.stdout
    convert(path, "-o", tmp_path / "out.h5", "--chunk-rows", 500, "--max-levels", 3001)
    assert_same(tmp_path / "out.h5", expected(path))
    assert_refused(run(path, "-o", tmp_path / "out.h5", "--text", "skip"), 65, "no columns")


def test_words_for_missing(tmp_path):
    """NA and the like are missing among numbers, but a value among text; blanks are missing in both."""
    path = write(tmp_path / "table.csv", "a,b,c\nNA,NA,true\n1,x, \n null,  ,N/A\n")
    convert(path, "-o", tmp_path / "out.h5")
    frame, _ = read(tmp_path / "out.h5")
    assert list(frame) == ["a", "b=NA", "b=x", "c"]
    np.testing.assert_array_equal(frame.values, [[np.nan, 1, 0, 1], [1, 0, 1, np.nan], [np.nan, 0, 0, np.nan]])


@pytest.mark.parametrize("text, options", [
    ("customer_id;a;b\n1;2,5;3\n2;;-1,25e3\n", ["--delimiter", ";", "--decimal", ","]),
    ("customer_id\ta\n1\t2\n2\t\n", ["--delimiter", "\\t"]),
    ("\ufeffcustomer_id,a\r\n1,2\r\n2,\r\n", []),
    ("\n\ncustomer_id,a\n\n1,2\n   \n2,3", []),
    ('"customer_id","a","b"\n"1","x ""y"", z",1\n"2","two\nlines",2\n', []),
    ('customer_id,a,b\n1,5" pipe,3\n2,hose,4\n', []),
    ("customer_id,a\n9,1.5\n", []),
])
def test_forms_of_csv(tmp_path, text, options):
    path = write(tmp_path / "table.csv", text)
    convert(path, "-o", tmp_path / "out.h5", *options)
    keywords = dict(zip(("sep", "decimal"), (option.replace("\\t", "\t") for option in options[1::2])))
    assert_same(tmp_path / "out.h5", expected(path, **keywords))


def test_row_names_are_left_out(tmp_path):
    done = convert(write(tmp_path / "table.csv", ",customer_id,a\n1,7,8\n"), "-o", tmp_path / "out.h5")
    assert list(read(tmp_path / "out.h5")[0]) == ["a"] and "without a name" in done.stderr


@pytest.mark.parametrize("text, words", [
    ("customer_id,a\n", ["no rows"]),
    ("", ["empty"]),
    ("customer_id,a\n1,2\n3\n4,5\n", ["line 3", "1 fields", "2"]),
    ("customer_id,a\n1,2\n3,4\n5,6,7\n", ["line 4", "3 fields", "2"]),
    ("customer_id,a\n1,2,3\n3,4,5\n", ["line 2", "3 fields", "2"]),
    ("customer_id,a\n1,2,3\n3\n", ["line 2", "3 fields", "2"]),
    ('customer_id,a,b\n1,"x,y",2\n3,4\n', ["line 3", "2 fields", "3"]),
    ("customer_id,a,b\n1,2,3\n3,4\n5,6,7,8\n", ["line 3", "2 fields", "3"]),
    ('customer_id,a,b\n1,"x,y",2\n3,"x,y,z"\n', ["line 3", "2 fields", "3"]),
    ('customer_id,a,b\n1,x,2\n2,"x,2\n3,x,2\n', ["line 4"]),
    ("customer_id,a,a\n1,2,3\n", ["column a", "more than once"]),
    ("customer_id,a,a=x\n1,x,3\n", ["column a=x"]),
    ("customer_id,a\n1,2\n,3\n", ["row 2", "customer_id"]),
    ("customer_id\n1\n", ["no columns"]),
    ("customer_id,a\n1,x\0y\n", ["NUL"]),
])
def test_bad_input_names_the_place(tmp_path, text, words):
    path = write(tmp_path / "table.csv", text)
    assert_refused(run(path, "-o", tmp_path / "out.h5"), 65, "table.csv", *words)
    assert os.listdir(tmp_path) == ["table.csv"]


def test_not_utf8(tmp_path):
    path = tmp_path / "table.csv"
    path.write_bytes(b"customer_id,a\n" + b"1,x\n" * 70000 + b"2,\xe4\n" + b"3,x\n" * 70000)
    assert_refused(run(path, "-o", tmp_path / "out.h5"), 65, "table.csv", "line 70002", "UTF-8")


def test_several_inputs(tmp_path):
    first = write(tmp_path / "first.csv", "customer_id,a,b\n1,2,x\n2,3,\n")
    second = write(tmp_path / "second.csv", "b,customer_id,a\ny,x9,4\n")
    convert(first, second, "-o", tmp_path / "out.h5")
    frame, ids = read(tmp_path / "out.h5")
    assert ids == [b"1", b"2", b"x9"] and list(frame) == ["a", "b=x", "b=y"]
    assert frame.values.tolist() == [[2, 1, 0], [3, 0, 0], [4, 0, 1]]
    with h5py.File(tmp_path / "out.h5") as file:
        assert list(file.attrs["source"]) == ["first.csv", "second.csv"]
    write(second, "customer_id,a,b\n3,1,x\n,2,x\n")
    assert_refused(run(first, second, "-o", tmp_path / "out.h5"), 65, "second.csv", "row 2")
    for text in ("customer_id,a\n1,2\n", "customer_id,a,b,c\n1,2,3,4\n"):
        write(second, text)
        assert_refused(run(first, second, "-o", tmp_path / "out.h5"), 65, "no column")


def test_output_is_all_or_nothing(table, tmp_path):
    """Neither a bad second file nor a full disk (here a limit on file size) touches what is there."""
    output = write(tmp_path / "out.h5", "as it was")
    bad = write(tmp_path / "bad.csv", TABLE + "11,1\n")
    assert_refused(run(table, bad, "-o", output), 65, "bad.csv", "line 6")
    write(table, "a\n" + "1\n" * 100_000)
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))  # noqa: E731
    for options in ([], ["--compress", 0]):
        done = run_process(table, "-o", output, *options, preexec_fn=limit)
        assert_refused(done, 74, "out.h5.partial", "File too large")
    assert output.read_text() == "as it was"
    assert sorted(os.listdir(tmp_path)) == ["bad.csv", "out.h5", "table.csv"]
    convert(table, "-o", output)
    assert len(read(output)[0]) == 100_000


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_while_writing(tmp_path, number):
    path, partial = write(tmp_path / "table.csv", "a,b\n" + "1,2\n" * 300_000), tmp_path / "out.h5.partial"
    process = subprocess.Popen([sys.executable, SCRIPT, "-q", path, "-o", tmp_path / "out.h5", "--chunk-rows", "100"],
                               stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 30
    while not (partial.exists() and partial.stat().st_size) and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(number)
    error = process.communicate(timeout=30)[1]
    assert process.returncode == 128 + number and error.count("\n") == 1 and "stopped" in error
    assert os.listdir(tmp_path) == ["table.csv"]


class StopsWhenFreed:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGTERM)


@pytest.mark.parametrize("method", ["see", "fill"])  # in the first pass and at the end of the second
def test_stopped_where_the_exception_is_lost(table, tmp_path, monkeypatch, method):
    """Python only prints what a signal's handler raises while an object is being freed."""
    column = MAIN.__globals__["Column"]
    done, lost = getattr(column, method), []

    def and_freed(self, *arguments):
        done(self, *arguments)
        if not lost:
            StopsWhenFreed()

    monkeypatch.setattr(sys, "unraisablehook", lost.append)
    monkeypatch.setattr(column, method, and_freed)
    assert_refused(run(table, "-o", tmp_path / "out.h5"), 143, "stopped by SIGTERM")
    assert lost and os.listdir(tmp_path) == ["table.csv"]


def test_places_that_cannot_be_read_or_written(table, tmp_path):
    assert_refused(run(tmp_path / "none.csv", "-o", tmp_path / "out.h5"), 66, "none.csv")
    assert_refused(run(tmp_path, "-o", tmp_path / "out.h5"), 66, "not a regular file")
    for output in (tmp_path / "none" / "out.h5", table / "out.h5", tmp_path):
        assert_refused(run(table, "-o", output), 73, str(output))
    assert table.read_text() == TABLE and os.listdir(tmp_path) == ["table.csv"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_unwritable_directory(table, tmp_path):
    (tmp_path / "closed").mkdir(mode=0o500)
    assert_refused(run(table, "-o", tmp_path / "closed" / "out.h5"), 73, "Permission denied")


@pytest.mark.parametrize("arguments, words", [
    ([], ["required"]),
    (["--flaot32", "-o", "x.h5", "TABLE"], ["--flaot32"]),
    (["TABLE", "-o", "TABLE"], ["input and output"]),
    (["TABLE", "-o", "x.h5", "--delimiter", "::"], ["delimiter"]),
    (["TABLE", "-o", "x.h5", "--delimiter", ",", "--decimal", ","], ["--decimal"]),
    (["TABLE", "-o", "x.h5", "--max-levels", "0"], ["--max-levels"]),
    (["TABLE", "-o", "x.h5", "--compress", "10"], ["--compress"]),
])
def test_bad_command_line(table, tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    assert_refused(run(*(table if argument == "TABLE" else argument for argument in arguments)), 64, *words)
    assert table.read_text() == TABLE


def test_what_it_says(table, tmp_path):
    """A line per pass in a log, a moving figure on a terminal, nothing with -q; help with examples."""
    done = convert(table, "-o", tmp_path / "out.h5")
    assert [line.split(":")[1] for line in done.stderr.splitlines()] == [" first pass", " second pass"]
    assert done.stdout.count("\n") == 1 and str(tmp_path / "out.h5") in done.stdout
    done = run_process(table, "-q", "-o", tmp_path / "out.h5")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert_refused(run_process("-q", table, "-o", tmp_path), 73, str(tmp_path))
    master, terminal = pty.openpty()
    subprocess.run([sys.executable, SCRIPT, table, "-o", tmp_path / "out.h5"], stderr=terminal, check=True)
    shown = os.read(master, 1 << 16).decode()
    assert "first pass" in shown and "second pass" in shown and "\r" in shown and "%" in shown
    done = run_process("--help")
    assert done.returncode == 0 and done.stdout.count("  to_hdf5 ") == 2


def test_memory_does_not_grow_with_rows(tmp_path):
    """Peak memory of the whole process, for 200,000 and 800,000 rows: 24 MB more of numbers, more of text."""
    random = np.random.default_rng(1)
    block = pd.DataFrame(random.normal(size=(100_000, 4)), columns=list("abcd")).assign(
        e=random.choice(["north", "south"], 100_000)).to_csv(header=False, index=False)
    measure = ("import os, sys; pid = os.spawnv(os.P_NOWAIT, sys.argv[1], sys.argv[1:]);"
               "_, status, usage = os.wait4(pid, 0); print(status, usage.ru_maxrss * 1024)")
    peaks = []
    for blocks in (2, 8):
        path = write(tmp_path / "table.csv", "a,b,c,d,e\n" + block * blocks)
        done = subprocess.run([sys.executable, "-c", measure, sys.executable, SCRIPT, "-q", path, "-o",
                               tmp_path / "out.h5", "--chunk-rows", "20000"], capture_output=True, text=True)
        status, peak = map(int, done.stdout.split())
        assert status == 0, done.stderr
        peaks.append(peak)
    with h5py.File(tmp_path / "out.h5") as file:
        assert file["features"].shape == (800_000, 6)
    assert peaks[1] - peaks[0] < 8e6, peaks


@pytest.mark.skipif(not SHARED_FILES, reason=f"no shared data (LOHKO_SHARED_DATA or {SHARED})")
@pytest.mark.parametrize("path", SHARED_FILES, ids=lambda path: path.name)
def test_shared_data(path, tmp_path):
    convert("-q", path, "-o", tmp_path / "out.h5")
    assert_same(tmp_path / "out.h5", expected(path))


def test_parquet(table, tmp_path):
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        path = write(tmp_path / "table.parquet", "PAR1")
        assert_refused(run(path, "-o", tmp_path / "out.h5"), 69, "pyarrow", "pip install")
        pytest.skip("pyarrow is not installed")
    frame = pyarrow.table({
        "customer_id": pyarrow.array([2**60 + 1, 2, 3]), "whole": pyarrow.array([1, None, 2**53]),
        "flag": [True, False, None], "town": pyarrow.array(["x", None, "y"]).dictionary_encode(),
        "digits": ["01", "1", "01"], "nothing": pyarrow.nulls(3),
        "single": pyarrow.array([0.1, 2, 3], pyarrow.float32())})
    pyarrow.parquet.write_table(frame, tmp_path / "table.parquet")
    convert(tmp_path / "table.parquet", tmp_path / "table.parquet", "-o", tmp_path / "out.h5", "--chunk-rows", 2)
    got, ids = read(tmp_path / "out.h5")
    assert ids == [2**60 + 1, 2, 3] * 2
    assert list(got) == ["whole", "flag", "town=x", "town=y", "digits=01", "digits=1", "nothing", "single"]
    np.testing.assert_array_equal(got.values[:3], [
        [1, 1, 1, 0, 1, 0, np.nan, np.float32(0.1)], [np.nan, 0, 0, 0, 0, 1, np.nan, 2],
        [2**53, np.nan, 0, 1, 1, 0, np.nan, 3]])
    np.testing.assert_array_equal(got.values[3:], got.values[:3])
    assert_refused(run(tmp_path / "table.parquet", "-o", tmp_path / "out.h5", "--id", "whole"), 65, "row 2", "whole")
