"""The documents agree with the program and with the tree."""

import re

import pytest
import yaml
from conftest import ROOT, blobs, lohko, write_matrix

DOCUMENTS = [path for path in [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted(ROOT.glob("docs/*.md"))] if path.exists()]
INPUTS = sorted(ROOT.glob("inputs/*.yaml"))


def test_configuration_is_what_the_program_prints():
    done = lohko("fit", "--help-markdown")
    assert done.returncode == 0 and done.stdout == (ROOT / "docs" / "configuration.md").read_text()


def test_help_names_every_option():
    options = set(re.findall(r"^\| `([a-z.]+)`", (ROOT / "docs" / "configuration.md").read_text(), re.MULTILINE))
    shown = lohko("fit", "--help").stdout
    assert len(options) > 20 and all(option in shown for option in options)


@pytest.mark.parametrize("path", INPUTS, ids=lambda path: path.name)
def test_inputs_are_accepted(tmp_path, path):
    """With another input and output, and without the features that only its own input has."""
    config = yaml.safe_load(path.read_text())
    named = {name for key in ("transform", "weight") for name in config.get("prepare", {}).get(key) or {}}
    for key in ("use", "profile"):
        value = (config.get("features") or {}).get(key) or []
        named |= set(value) if isinstance(value, list) else set()
    names = sorted(named | {"one", "two", "three"})
    write_matrix(tmp_path / "in.h5", abs(blobs(2000, len(names), 8, 1)) + 1, names)
    options = [f"--input.path={tmp_path / 'in.h5'}", f"--output.directory={tmp_path / 'out'}"]
    done = lohko("fit", path, "-q", *options)
    assert done.returncode == 0, done.stderr


def test_there_are_inputs_and_documents():
    assert INPUTS and ROOT / "docs" / "configuration.md" in DOCUMENTS


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_relative_links_point_to_files(document):
    text = re.sub(r"```.*?```", "", document.read_text(), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target) or target.startswith("#"):
            continue
        name, _, anchor = target.partition("#")
        path = document.parent / name
        assert path.exists(), target
        if anchor and path.suffix == ".md":
            headings = re.findall(r"^#+ (.*)$", path.read_text(), re.MULTILINE)
            anchors = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
            assert anchor in anchors, target
