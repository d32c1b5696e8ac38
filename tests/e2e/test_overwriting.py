"""What is read is never what is written: an input that bears any name that lohko gives or removes is left as it is."""

import os
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import blobs, fit, lohko, write_matrix

NAMES = ["results.h5", "summary.json", "segments.csv", "migration.csv", "checkpoint.lohko", "checkpoint.lohko.old"]
NAMES += [f"{name}.partial" for name in NAMES]

# What of the command is read from the file, and what stands in the message.
READERS = {
    "fit": {"input.path": "input", "previous.results": "model"},
    "assign": {"model": "model", "input": "input"},
    "compare": {"before": "model", "after": "model", "input": "input"},
}
WORDS = {"before": "segmentation before", "after": "segmentation after"}
CASES = [(command, option) for command, options in READERS.items() for option in options]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    directory = tmp_path_factory.mktemp("overwriting")
    path = write_matrix(directory / "in.h5", blobs(300, 3, 4, 1), list("abc"), np.arange(300) + 10)
    results = fit(directory, path)
    return SimpleNamespace(input=path, model=results.directory / "results.h5", config=results.config)


def run(files, command, changed, output, ranks=None):
    """Everything is read from the usual places but what is `changed`."""
    if command == "fit":
        options = changed | {"output.directory": output}
        return lohko("fit", files.config, "-q", *(f"--{key}={value}" for key, value in options.items()), ranks=ranks)
    paths = {option: getattr(files, kind) for option, kind in READERS[command].items()} | changed | {"output": output}
    return lohko(command, "-q", *(word for key, value in paths.items() for word in (f"--{key}", value)), ranks=ranks)


def place(files, kind, home, name, way):
    """The file as it is named to lohko, and the file it is, which lies in `home` or is linked from there."""
    home.mkdir()
    there, beside = home / name, home.parent / "beside.h5"
    shutil.copy(getattr(files, kind), beside if way == "linked from there" else there)
    if way == "hard link":
        os.link(there, beside)
    elif way == "symbolic link":
        beside.symlink_to(there)
    elif way == "linked from there":
        there.symlink_to(beside)
    return there if way == "itself" else beside


def check_refusal(done, command, option, home, name):
    if command == "fit":
        assert done.returncode == 78, done.stderr
        assert f"output.directory: {home} holds {option}, which would be overwritten" in done.stderr
    else:
        assert done.returncode == 64, done.stderr
        assert f"--output: {home / name} is the {WORDS.get(option, option)}, which would be overw" in done.stderr


@pytest.mark.parametrize("way", ["itself", "hard link", "symbolic link", "linked from there"])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("command, option", CASES)
def test_an_input_is_not_overwritten(tmp_path, files, command, option, name, way):
    home = tmp_path / "home"
    read = place(files, READERS[command][option], home, name, way)
    before, inode = read.read_bytes(), read.stat().st_ino
    done = run(files, command, {option: read}, home)
    check_refusal(done, command, option, home, name)
    assert read.read_bytes() == before and read.stat().st_ino == inode
    assert [path.name for path in home.iterdir()] == [name] and (home / name).samefile(read)


@pytest.mark.parametrize("command, option", CASES)
def test_on_several_ranks(tmp_path, files, command, option):
    home = tmp_path / "home"
    read = place(files, READERS[command][option], home, "segments.csv", "itself")
    before = read.read_bytes()
    check_refusal(run(files, command, {option: read}, home, ranks=2), command, option, home, "segments.csv")
    assert read.read_bytes() == before and list(home.iterdir()) == [read]


@pytest.mark.parametrize("command", READERS)
def test_an_input_beside_the_results(tmp_path, files, command):
    """Of another name it may lie there, and files that are not read are replaced."""
    home = tmp_path / "home"
    read = place(files, "input", home, "customers.h5", "itself")
    before = read.read_bytes()
    for name in NAMES:
        (home / name).write_text("of a job before")
    done = run(files, command, {"input.path" if command == "fit" else "input": read}, home)
    assert done.returncode == 0, done.stderr
    assert read.read_bytes() == before and (home / "results.h5").read_bytes() != b"of a job before"


def test_every_name_that_is_left_by_a_command_is_known(tmp_path, files):
    """The list of names is kept by hand: one that a command begins to write is missed here."""
    for command in READERS:
        home = tmp_path / command
        changed = {"previous.results": files.model} if command == "fit" else {}
        done = run(files, command, changed, home)
        assert done.returncode == 0, done.stderr
        assert {path.name for path in home.iterdir()} <= set(NAMES)
