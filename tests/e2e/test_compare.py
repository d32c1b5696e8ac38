"""lohko compare: two segmentations of lohko, or one from elsewhere, against pandas; and what is refused."""

import shutil
from types import SimpleNamespace

import h5py
import numpy as np
import pandas as pd
import pytest
import yearly
from conftest import error_lines, lohko, texts, with_holes
from yearly import PLACES, compare, fit_year, frame, frame_of, new_ids, run_compare, write_labels, write_year


def check(report, before, after):
    yearly.check_report(report, frame_of(before), frame_of(after))


@pytest.fixture(scope="module")
def years(tmp_path_factory):
    """Two years in which a segment goes, one comes, one splits and some move; the second fit knows the first."""
    directory = tmp_path_factory.mktemp("years")
    where = yearly.first_year()
    ids, values = yearly.customers(where, 1)
    first = fit_year(directory / "1", write_year(directory / "1.h5", ids, values), ranks=2)
    first.values = values
    del where[3]
    places = PLACES.copy()
    places[5], places[6] = PLACES[0] + [0, 9, 0], PLACES[0] - [0, 9, 0]
    where[5], where[6] = np.split(where.pop(0), [500])
    where[1], gone = np.split(where[1], [600])
    where[2] = np.concatenate([where[2], gone, new_ids(80, 2)])
    where[7] = new_ids(350, 3)
    ids, values = yearly.customers(where, 2, places)
    path = write_year(directory / "2.h5", ids, values)
    second = fit_year(directory / "2", path, first, ranks=2, segments__k=6)
    return SimpleNamespace(first=first, second=second, path=path, ids=ids, values=values)


@pytest.fixture(scope="module")
def plain(years, tmp_path_factory):
    return compare(years.first, years.second, tmp_path_factory.mktemp("plain") / "out", ranks=2)


def check_psi(report, before, values):
    """Of features without missing values and without ties. `values`: of the customers after."""
    for found, decile, was, now in zip(report.psi, yearly.model_of(before)["decile"], before.values.T, values.T):
        upto = (was[:, None] <= decile).sum(axis=0)
        assert np.all(np.abs(upto - len(was) * np.arange(1, 10) / 10) <= 1)
        bins = [
            np.append(np.bincount(np.searchsorted(decile, column), minlength=10), 0) for column in (was, now)
        ]
        assert abs(found - yearly.psi(*bins)) < 1e-12


# ---- two results files -----------------------------------------------------------------------------------------------


def test_the_report_is_that_of_the_fit(years, plain):
    check(plain, years.first, years.second)
    yearly.check_old_model(plain, years.first, years.ids, years.values, frame_of(years.second))
    check_psi(plain, years.first, years.values)
    expected = {name: values for name, values in years.second.data.items() if name.startswith("migration/")}
    assert plain.data.keys() == expected.keys()
    for name, values in expected.items():
        assert list(plain.data[name].flat) == pytest.approx(list(values.flat), abs=0, rel=0, nan_ok=True), name
    assert {key: value for key, value in plain.attributes.items() if key != "after"} == {
        key: value for key, value in years.second.attributes.items() if key != "after"
    }
    assert plain.attributes["after"] == str(years.second.path)


def test_every_word_has_its_case(plain):
    assert yearly.fates(plain) == {0: "split", 1: "survives", 2: "survives", 3: "disappears", 4: "survives"}
    assert plain.split_into.tolist() == [[0, 0], [0, 5]] and plain.told["emerged"] == [6]
    assert plain.after_segment.tolist() == [0, 1, 2, 4, 5, 6]


@pytest.mark.parametrize("ranks", [None, 3])
def test_any_number_of_ranks(tmp_path, years, plain, ranks):
    found = compare(years.first, years.second, tmp_path / "out", ranks=ranks)
    assert found.data.keys() == plain.data.keys() and found.told == plain.told and found.attributes == plain.attributes
    for name, values in plain.data.items():
        assert found.data[name].dtype == values.dtype, name
        same = list(found.data[name].flat) == list(values.flat) if values.dtype == object else (
            found.data[name].tobytes() == values.tobytes()
        )
        assert same, name
    assert (found.directory / "migration.csv").read_bytes() == (plain.directory / "migration.csv").read_bytes()


def test_backwards(tmp_path, years, plain):
    found = compare(years.second, years.first, tmp_path / "out")
    check(found, years.second, years.first)
    assert np.array_equal(found.counts, plain.counts.T)
    assert found.attributes["adjusted_rand"] == pytest.approx(plain.attributes["adjusted_rand"], abs=1e-12)


def test_another_k_and_customers_left_out(tmp_path, years):
    """Neither fit knows of the other; customers who lack a value are in no segment."""
    holes = with_holes(years.values, 0.02, 7)
    path = write_year(tmp_path / "in.h5", years.ids, holes)
    after = fit_year(tmp_path, path, segments__k=9, prepare__missing="drop")
    left_out = np.isnan(holes).any(axis=1)
    for before in (years.first, years.second):
        found = compare(before, after, tmp_path / f"{before.root['customers']}", ranks=2)
        check(found, before, after)
        yearly.check_old_model(found, before, years.ids, holes, frame_of(after))
        assert found.counts.shape == (len(before.number) + 1, 10)
        assert found.attributes["after_left_out"] == left_out.sum() > 0
    found = compare(after, years.second, tmp_path / "back", ranks=2)
    check(found, after, years.second)
    assert found.attributes["before_left_out"] == left_out.sum() == found.attributes["new"]


def test_the_model_before_leaves_customers_out(tmp_path, years):
    """Under drop it cannot score those who lack a value, who are in a segment after."""
    before = fit_year(tmp_path / "1", write_year(tmp_path / "1.h5", years.ids, years.values), prepare__missing="drop")
    holes = with_holes(years.values, 0.05, 8)
    after = fit_year(tmp_path / "2", write_year(tmp_path / "2.h5", years.ids, holes), segments__k=3)
    found = compare(before, after, tmp_path / "out")
    check(found, before, after)
    unscored = np.isnan(holes).any(axis=1).sum()
    assert found.customer_change[:, -1].sum() == found.model_change[-1].sum() == unscored
    assert found.attributes["moved_unscored"] > 0 and "why is not known" in found.stdout


def test_other_features(tmp_path, years):
    path = write_year(tmp_path / "in.h5", years.ids, years.values[:, [0, 2]], ["recency", "basket"])
    after = fit_year(tmp_path, path, segments__k=4)
    found = compare(years.first, after, tmp_path / "out", ranks=2)
    check(found, years.first, after)
    assert not hasattr(found, "steps") and not hasattr(found, "match_by_centroid")
    assert "no column orders" in found.told["changes_missing"] == found.attributes["customer_change_missing"]
    known = ~np.isnan(found.centroid_drift)
    assert not known[:, 1].any() and known[found.match >= 0][:, [0, 2]].all()
    back = compare(after, years.second, tmp_path / "back")
    check(back, after, years.second)
    assert hasattr(back, "steps") and back.centroid_drift.shape == (4, 2)


# ---- the file of the customers after ---------------------------------------------------------------------------------


@pytest.fixture
def moved(tmp_path, years):
    """A year whose file can be changed."""
    path = tmp_path / "input" / "in.h5"
    path.parent.mkdir()
    shutil.copy(years.path, path)
    return SimpleNamespace(path=path, year=fit_year(tmp_path, path, segments__k=6), report=tmp_path / "report")


def go_without(years, moved, name, words):
    report = compare(years.first, moved.year, moved.report / name)
    check(report, years.first, moved.year)
    assert not hasattr(report, "steps") and not hasattr(report, "psi") and report.told["changes"] is None
    assert words in report.told["changes_missing"] and str(moved.path) in report.told["changes_missing"]
    told = " ".join(report.stdout.split())
    assert "What changed: the customers or the model? Not known:" in told and words in told
    return report


def test_a_file_that_was_moved(tmp_path, years, moved):
    expected = compare(years.first, moved.year, moved.report / "before")
    elsewhere = tmp_path / "elsewhere.h5"
    moved.path.rename(elsewhere)
    without = go_without(years, moved, "without", "is not there")
    assert np.array_equal(without.counts, expected.counts) and "customer_change" not in without.__dict__
    found = compare(years.first, moved.year, moved.report / "given", f"--input={elsewhere}", ranks=2)
    assert found.data.keys() == expected.data.keys() and found.told == expected.told


def test_a_file_that_was_changed(years, moved):
    with h5py.File(moved.path, "r+") as file:
        file["features"][3, 1] += 1e-3
    go_without(years, moved, "changed", "has changed")
    found = compare(years.first, moved.year, moved.report / "given", f"--input={moved.path}")
    check(found, years.first, moved.year)
    assert hasattr(found, "steps")
    with h5py.File(moved.path, "r+") as file:
        file["customer_id"][:2] = file["customer_id"][:2][::-1]
    go_without(years, moved, "ids", "its rows are not the customers")


def test_another_file_by_mistake(tmp_path, years):
    other = years.first.summary["input"]["path"]
    unknown = write_year(tmp_path / "unknown.h5", years.ids, years.values, ["a", "b", "c"])
    for path, words in (
        (other, "its rows are not the customers"), (unknown, "no columns recency, orders and basket"),
        (years.first.path, ""),
    ):
        done = run_compare(years.first, years.second, tmp_path / "out", f"--input={path}")
        assert done.returncode == 65 and str(path) in done.stderr and words in done.stderr
        assert not (tmp_path / "out" / "results.h5").exists()


def test_a_file_that_is_not_there(tmp_path, years):
    path = tmp_path / "nowhere.h5"
    done = run_compare(years.first, years.second, tmp_path / "out", f"--input={path}")
    assert str(path) in done.stderr and done.returncode == 66


# ---- segmentations from elsewhere ------------------------------------------------------------------------------------


def label_frame(ids, labels):
    return pd.DataFrame({"id": ids, "segment": labels})


@pytest.mark.parametrize("seed", range(4))
def test_labels_against_the_definition(tmp_path, seed):
    random = np.random.default_rng(seed)
    size, k, k_after = 4000, 8, 9
    was = random.choice(k, size, p=random.dirichlet(np.full(k, 3)))
    became = np.empty(size, int)
    for h in range(k):
        shares = random.dirichlet(np.full(k_after, 0.15))
        became[was == h] = random.choice(k_after, np.count_nonzero(was == h), p=shares)
    ids = random.choice(10**12, size, replace=False)
    later = random.permutation(size)[: size - 300]
    before = write_labels(tmp_path / "before.h5", ids, 3 * was + 2)
    after = write_labels(
        tmp_path / "after.h5", [*ids[later], *range(-200, 0)], [*became[later], *[4] * 200], "id", "cluster"
    )
    found = compare(before, after, tmp_path / "out", "--after.id=/id", ranks=2)
    became_of = frame([*ids[later], *range(-200, 0)], [*became[later], *[4] * 200])
    yearly.check_report(found, label_frame(ids, 3 * was + 2), became_of)


@pytest.mark.parametrize("ranks", [None, 3])
def test_labels_that_are_text(tmp_path, years, ranks):
    names = ["big, far", 'the "best"', "élan", "a" * 80, "z"]
    labels = [names[h] for h in years.first.segment]
    path = write_labels(tmp_path / "labels.h5", years.first.customer_id, labels)
    named = label_frame(years.first.customer_id, labels)
    found = compare(path, years.second, tmp_path / "before", ranks=ranks)
    yearly.check_report(found, named, frame_of(years.second))
    assert texts(found.before_name) == sorted(names, key=str.encode) and not hasattr(found, "steps")
    assert "holds no model" in found.told["changes_missing"]
    found = compare(years.second, path, tmp_path / "after", ranks=ranks)
    yearly.check_report(found, frame_of(years.second), named)
    rows = pd.read_csv(found.directory / "migration.csv")
    assert [f"to_{name}" for name in sorted(names, key=str.encode)] == list(rows.columns[-5:])
    assert '"the ""best"""' in (found.directory / "migration.csv").read_text()


def test_labels_by_their_path(tmp_path):
    path = tmp_path / "generated.h5"
    sizes = ["--customers", 3000, "--features", 4, "--segments", 4, "--separation", 3]
    assert lohko("generate", *sizes, "--id", "text", "--output", path, "-q").returncode == 0
    year = fit_year(tmp_path, path, segments__k=4)
    with h5py.File(path) as file:
        truth = label_frame(texts(file["customer_id"][:]), file["truth/segment"][:])
    found = compare(year, path, tmp_path / "out", "--after.label=/truth/segment", ranks=2)
    yearly.check_report(found, frame_of(year), truth)
    assert found.attributes["shared"] == 3000


def test_labels_of_a_frame(tmp_path, years):
    ids, segment = years.first.customer_id, years.first.segment
    index = pd.Index(ids, name="customer_id")
    columns = pd.DataFrame({"revenue": np.arange(len(ids)) / 3, "cluster": segment, "other": segment % 2}, index=index)
    columns.to_hdf(tmp_path / "frame.h5", key="x", format="fixed")
    for options, labels in (([], segment), (["--before.label=other"], segment % 2)):
        found = compare(tmp_path / "frame.h5", years.second, tmp_path / f"out{len(options)}", *options)
        yearly.check_report(found, label_frame(ids, labels), frame_of(years.second))
    in_words = pd.DataFrame({"label": [str(h) for h in segment]}, index=index)
    in_words.to_hdf(tmp_path / "text.h5", key="x", format="fixed")
    done = run_compare(tmp_path / "text.h5", years.second, tmp_path / "refused")
    assert done.returncode == 65 and "text in a form that only Python can read" in done.stderr


def test_labels_that_are_missing(tmp_path, years):
    """NaN and negative numbers are no segment; nobody is new, which leaves a row without shares."""
    labels = years.second.segment.astype(float)
    labels[labels == 6] = np.nan
    labels[::50] = -1
    path = write_labels(tmp_path / "labels.h5", years.second.customer_id, labels)
    found = compare(years.second, path, tmp_path / "out", ranks=2)
    both = np.where(np.isnan(labels), -1, labels).astype(int)
    yearly.check_report(found, frame_of(years.second), frame(years.second.customer_id, both))
    assert found.counts[-1].sum() == 0 and np.isnan(found.share[-1]).all()
    assert found.attributes["after_left_out"] == np.count_nonzero(both == -1) == found.attributes["lapsed"]
    assert np.isnan(found.retention_of_shared[-1]) and found.told["segments"][-1]["retention_of_shared"] is None


# ---- what is refused, also by a fit ----------------------------------------------------------------------------------


def test_words_of_errors(tmp_path, years):
    ids, segment = years.first.customer_id, years.first.segment
    again = ids.copy()
    again[1500] = again[20]
    with h5py.File(tmp_path / "bare.h5", "w") as file:
        file["label"] = segment
    cases = {
        "again": (again, segment, [str(again[20]), "20", "1500", "input.duplicates"]),
        "text": ([str(name) for name in ids], segment, ["text"]),
        "others": (ids + 10**6, segment, ["no customer in common"]),
        "half": (ids, segment + 0.5, ["no whole number"]),
        "nobody": (ids, np.full(len(ids), -1), ["no customer has a segment"]),
    }
    for name, (names, labels, words) in cases.items():
        path = write_labels(tmp_path / f"{name}.h5", names, labels)
        sides = [(path, years.second), (years.second, path)]
        for before, after in sides if name in ("again", "text") else sides[:1]:
            done = run_compare(before, after, tmp_path / "out", ranks=2 if name == "again" else None)
            assert done.returncode == 65 and len(error_lines(done.stderr)) == 1, (name, done.stderr)
            assert all(word in done.stderr for word in [str(path), *words]), (name, done.stderr)
    path = years.first.summary["input"]["path"]
    for name, option, words in (
        (tmp_path / "bare.h5", [], "no customer ids beside the labels"), (path, [], "segment, label or cluster"),
        (path, ["--before.label=/nothing"], "/nothing"), (path, ["--before.label=nothing"], "no column nothing"),
        (tmp_path / "nowhere.h5", [], "nowhere.h5"),
    ):
        done = run_compare(name, years.second, tmp_path / "out", *option)
        assert done.returncode == (66 if "nowhere" in words else 65) and words in done.stderr, done.stderr
    assert not list((tmp_path / "out").glob("*"))


def test_a_fit_refuses_the_same(tmp_path, years):
    ids = years.ids.copy()
    ids[77] = ids[1300]
    again = write_year(tmp_path / "again.h5", ids, years.values)
    text = write_year(tmp_path / "text.h5", [str(name) for name in years.ids], years.values)
    others = write_year(tmp_path / "others.h5", years.ids + 10**7, years.values)
    for path, words in (
        (again, [str(ids[77]), "77", "1300", "first"]), (text, ["text"]), (others, ["no customer in common"]),
    ):
        code, said = yearly.refused(tmp_path / path.stem, path, years.first, input__duplicates="allow")
        assert code == 65 and all(word in said for word in [str(path), *words]), said
    before = fit_year(tmp_path / "allowed", again, input__duplicates="allow")
    code, said = yearly.refused(tmp_path / "after", years.path, before, ranks=2)
    assert code == 65 and str(ids[77]) in said and str(before.path) in said
    year = fit_year(tmp_path / "first", again, years.first, ranks=2, input__duplicates="first")
    check(year, years.first, year)
    assert year.segment[1300] == -1 and year.attributes["after_left_out"] == 1


def test_a_fit_whose_results_would_be_overwritten(tmp_path, years):
    fit_year(tmp_path, years.path)
    old = tmp_path / "results" / "results.h5"
    content = old.read_bytes()
    done = lohko("fit", tmp_path / "config.yaml", "-q", f"--previous.results={old}")
    assert done.returncode == 78 and "previous.results, which would be overwritten" in done.stderr
    assert old.read_bytes() == content


def test_a_fit_wants_a_model(tmp_path, years, plain):
    (tmp_path / "text").write_text("no HDF5")
    for ranks, path, expected in ((2, years.path, 65), (None, plain.path, 65), (None, tmp_path / "text", 66),
                                  (None, tmp_path / "nowhere", 66)):
        code, words = yearly.refused(tmp_path / f"for_{path.name}", years.path, path, ranks=ranks)
        assert code == expected and str(path) in words and len(error_lines(words)) == 1


def test_a_fit_with_ids_that_are_text(tmp_path, years):
    names = [f"C{name:07}" for name in years.ids]
    path = write_year(tmp_path / "in.h5", names, years.values)
    before = fit_year(tmp_path / "1", path)
    after = fit_year(tmp_path / "2", path, before, ranks=2)
    check(after, before, after)
    assert after.attributes["kept"] == len(names) and np.array_equal(after.segment, before.segment)


def test_a_fit_without_ids(tmp_path, years):
    """Rows are the same customers, by their numbers."""
    path = write_year(tmp_path / "in.h5", None, years.values)
    before = fit_year(tmp_path / "1", path)
    after = fit_year(tmp_path / "2", path, before)
    check(after, before, after)
    assert after.attributes["kept"] == len(years.ids)
    assert "has no customer ids: row numbers are taken for them" in after.stderr


def test_what_is_read_is_not_overwritten(years):
    for year in (years.first, years.second):
        content = year.path.read_bytes()
        done = run_compare(years.first, years.second, year.directory)
        assert done.returncode == 64 and "would be overwritten" in done.stderr and content == year.path.read_bytes()


@pytest.mark.parametrize("ranks", [None, 2])
def test_the_customers_are_not_overwritten(tmp_path, years, ranks):
    """Named by --input, by the results after, or by a link; a file that is not read may be replaced."""
    home, link = tmp_path / "home", tmp_path / "link.h5"
    home.mkdir()
    path = home / "results.h5"
    shutil.copy(years.path, path)
    link.symlink_to(path)
    content = path.read_bytes()
    after = fit_year(tmp_path, path, segments__k=6)
    for options in ([], ["--input", path], ["--input", link]):
        done = run_compare(years.first, after, home, *options, ranks=ranks)
        assert done.returncode == 64 and f"{path} is the input" in done.stderr and "would be overwritten" in done.stderr
        assert path.read_bytes() == content and list(home.iterdir()) == [path]
    compare(years.first, after, home, "--input", years.path, ranks=ranks)
    assert path.read_bytes() != content


def test_into_the_directory_of_an_older_fit(tmp_path, years):
    """What is left there is of this comparison alone: its segments.csv goes."""
    for way, expected in (("done", {"results.h5", "migration.csv", "summary.json"}), ("refused", None)):
        home = tmp_path / way
        shutil.copytree(years.second.directory, home)
        was = {path.name: path.read_bytes() for path in home.iterdir()}
        assert "segments.csv" in was
        if expected:
            compare(years.first, years.second, home)
            assert {path.name for path in home.iterdir()} == expected
        else:
            done = run_compare(years.first, years.second, home, f"--input={years.first.path}")
            assert done.returncode == 65 and {path.name: path.read_bytes() for path in home.iterdir()} == was


def test_the_command_line(tmp_path, years):
    done = lohko("compare", "--before", years.first.path, "--output", tmp_path / "out")
    assert done.returncode == 64 and "--after" in done.stderr
    done = run_compare(years.first, years.second, tmp_path / "out", "--nonsense=1")
    assert done.returncode == 64 and "nonsense" in done.stderr
