"""lohko fit with previous.results: generated years in which it is known what became of every segment."""

from types import SimpleNamespace

import h5py
import numpy as np
import pytest
import yearly
from conftest import lohko, texts, with_holes
from yearly import FEATURES, PLACES, fit_year, frame_of, new_ids, write_year


def write(directory, where, seed, names=FEATURES, places=PLACES):
    directory.mkdir(exist_ok=True)
    ids, values = yearly.customers(where, seed, places)
    path = write_year(directory / "in.h5", ids, values, names)
    return SimpleNamespace(path=path, where=where, ids=ids, values=values)


def check(year, before, after=None, names=FEATURES):
    """`after`: the customers, where the model before is to be asked once more."""
    yearly.check_report(year, frame_of(before), frame_of(year), optimal=False)
    yearly.check_matching(year)
    if after is not None:
        yearly.check_old_model(year, before, after.ids, after.values, frame_of(year), names)


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    directory = tmp_path_factory.mktemp("first")
    data = write(directory, yearly.first_year(), 1)
    year = fit_year(directory, data.path, ranks=2)
    assert year.number.tolist() == [0, 1, 2, 3, 4] and year.next_number == 5
    assert year.told is None and year.attributes is None
    year.where, year.data_in = data.where, data
    return year


# ---- nothing happened ------------------------------------------------------------------------------------------------


def check_nothing_happened(year, before, order):
    """`order`: the rows of the file before in the order of the file after."""
    assert np.array_equal(year.segment, before.segment[order])
    assert year.number.tolist() == before.number.tolist() and year.next_number == before.next_number
    assert np.all(year.retention == 1) and np.all(year.retention_of_shared == 1) and np.all(year.jaccard == 1)
    assert np.all(year.psi == 0) and year.attributes["segment_psi"] == 0 and year.attributes["adjusted_rand"] == 1
    assert year.attributes["kept"] == year.attributes["shared"] == len(order)
    assert set(fates(year).values()) == {"survives"} and set(origins(year).values()) == {"continues"}
    assert year.told["vanished"] == [] and year.told["emerged"] == []
    assert np.array_equal(year.match, year.before_segment) and np.array_equal(year.match_by_centroid, year.match)
    assert np.all(np.abs(year.centroid_drift_deviations) < 1e-12)


fates, origins = yearly.fates, yearly.origins


def two_orders(directory, customers, features, seed, missing, **settings) -> SimpleNamespace:
    """Customers in 8 segments that overlap, the fit of them, and their file in another order."""
    sizes = ["--customers", customers, "--features", features, "--segments", 8, "--seed", seed]
    assert lohko("generate", *sizes, "--missing", missing, "--output", directory / "in.h5", "-q").returncode == 0
    with h5py.File(directory / "in.h5") as file:
        ids, values = file["customer_id"][:], file["features"][:]
        names = list(file["features"].attrs["feature_names"])
    order = np.random.default_rng(seed).permutation(len(ids))
    path = write_year(directory / "again.h5", ids[order], values[order], names)
    before = fit_year(directory, directory / "in.h5", ranks=2, segments__k=8, **settings)
    return SimpleNamespace(before=before, path=path, order=order)


@pytest.fixture(scope="module")
def overlapping(tmp_path_factory):
    return two_orders(tmp_path_factory.mktemp("overlapping"), 20_000, 6, 3, 0.01)


@pytest.mark.parametrize("preparation, weight", [("keep", 1), ("refit", 1), ("refit", 2)])
def test_the_same_customers_in_another_order(tmp_path, overlapping, preparation, weight):
    before = overlapping.before  # refitted with twice the weights, its centroids are carried into other units
    weights = dict.fromkeys(texts(before.data["model/feature_names"]), weight)
    settings = {"segments__k": 8, "previous__preparation": preparation, "prepare__weight": weights}
    year = fit_year(tmp_path, overlapping.path, before, ranks=3, **settings)
    check_nothing_happened(year, before, overlapping.order)
    check(year, before)
    assert np.array_equal(year.counts[:-1, :-1], np.diag(before.data["segments/size"]))
    for name, by in (("centroid", weight), ("factor", weight), ("shift", 1), ("fill", 1), ("decile", 1)):
        expected = by * before.data[f"model/{name}"]
        np.testing.assert_allclose(year.data[f"model/{name}"], expected, rtol=0 if weight == 1 else 1e-9, err_msg=name)
    assert "100.0 % of those in\nboth stayed" in year.stdout and "100.0%  stayed\n" in year.stdout


@pytest.mark.parametrize("last", [{"kmeans__restarts": 8}, {"kmeans__restarts": 1, "kmeans__polish": False}])
def test_better_segments_of_the_same_customers(tmp_path, last):
    """Another order of rows leads to lower inertia, by a little or by much: nobody has changed, so nothing does."""
    pair = two_orders(tmp_path, 5000, 5, 5, 0, **last)
    year = fit_year(tmp_path / "again", pair.path, pair.before, segments__k=8, kmeans__restarts=8)
    check_nothing_happened(year, pair.before, pair.order)
    alone = fit_year(tmp_path / "alone", pair.path, segments__k=8, kmeans__restarts=8)
    assert alone.root["inertia"] < year.root["inertia"] * (1 - 1e-3 if "kmeans__polish" in last else 1)


# ---- something happened ----------------------------------------------------------------------------------------------


def run_case(directory, first, where, k, places=PLACES, **settings):
    data = write(directory, where, 2, places=places)
    year = fit_year(directory, data.path, first, ranks=2, segments__k=k, **settings)
    check(year, first, data)
    return year


def row_of(stdout: str, segment: int) -> str:
    """What the table of the report says of a segment before, in one line."""
    lines = stdout[stdout.index("what became of it") :].splitlines()
    start = next(i for i, line in enumerate(lines) if line.split()[:1] == [str(segment)])
    end = start + 1
    while lines[end].startswith(" " * 40):
        end += 1
    return " ".join(" ".join(lines[start:end]).split())


PREPARATIONS = pytest.mark.parametrize("preparation", ["keep", "refit"])


@PREPARATIONS
def test_a_segment_whose_customers_lapse(tmp_path, first, preparation):
    where = dict(first.where)
    lost = where.pop(2)
    where[1] = np.append(where[1], new_ids(60, 2))
    year = run_case(tmp_path, first, where, 4, previous__preparation=preparation)
    assert year.number.tolist() == [0, 1, 3, 4] and year.next_number == 5
    assert fates(year) == {0: "survives", 1: "survives", 2: "disappears", 3: "survives", 4: "survives"}
    assert set(origins(year).values()) == {"continues"} and year.told["vanished"] == [2]
    assert year.match.tolist() == year.heir.tolist() == [0, 1, -1, 3, 4]
    assert year.counts[2].tolist() == [0, 0, 0, 0, len(lost)] and year.counts[-1].tolist() == [0, 60, 0, 0, 0]
    assert year.retention[2] == 0 and np.isnan(year.retention_of_shared[2])
    assert year.told["segments"][2]["retention_of_shared"] is None
    assert year.told["customers"]["new"] == 60 and year.told["customers"]["lapsed"] == len(lost)
    assert "disappears: none of its customers is left" in row_of(year.stdout, 2)
    assert np.isnan(year.centroid_drift[2]).all() and not np.isnan(year.centroid_drift[[0, 1, 3, 4]]).any()


def test_a_segment_whose_customers_scatter(tmp_path, first):
    where = {place: ids for place, ids in first.where.items() if place != 2}
    for place, part in zip((0, 1, 3, 4), np.array_split(first.where[2], 4)):
        where[place] = np.append(where[place], part)
    year = run_case(tmp_path, first, where, 4)
    assert year.number.tolist() == [0, 1, 3, 4] and year.told["vanished"] == [2]
    assert fates(year)[2] == "disappears" and year.counts[2].tolist() == [125, 125, 125, 125, 0]
    assert year.retention_of_shared[2] == 0 and year.attributes["moved_by_customer"] == 500 == year.counts[2].sum()
    assert "its customers scatter, 25 % at most to one" in row_of(year.stdout, 2)
    assert "17.9%  moved because they changed" in year.stdout


def test_segments_that_stay_where_customers_go(tmp_path, first):
    """Two in five stay, the others go everywhere: by their own customers, segments would scatter."""
    where = {place: ids[: len(ids) * 2 // 5] for place, ids in first.where.items()}
    for place, ids in first.where.items():
        others = [other for other in where if other != place]
        for other, part in zip(others, np.array_split(ids[len(ids) * 2 // 5 :], 4)):
            where[other] = np.append(where[other], part)
    year = run_case(tmp_path, first, where, 5)
    assert fates(year) == dict.fromkeys(range(5), "survives") and np.all(year.by_likeness == 1)
    assert np.all(year.retention == 0.4) and year.attributes["moved_by_model"] == 0
    assert "survives as 2 (by likeness)" in row_of(year.stdout, 2)


@PREPARATIONS
def test_a_segment_that_splits(tmp_path, first, preparation):
    places = PLACES.copy()
    places[5], places[6] = PLACES[0] + [0, 9, 0], PLACES[0] - [0, 9, 0]
    where = {place: ids for place, ids in first.where.items() if place != 0}
    where[5], where[6] = np.split(first.where[0], [500])
    where[6] = np.append(where[6][20:], new_ids(50, 2))
    year = run_case(tmp_path, first, where, 6, places, previous__preparation=preparation)
    assert year.number.tolist() == [0, 1, 2, 3, 4, 5] and year.next_number == 6
    assert fates(year) == {0: "split", 1: "survives", 2: "survives", 3: "survives", 4: "survives"}
    assert year.split_into.tolist() == [[0, 0], [0, 5]] and year.heir.tolist() == [-1, 1, 2, 3, 4]
    assert year.match[0] == 0 and year.counts[0].tolist() == [500, 0, 0, 0, 0, 380, 20]
    assert origins(year)[5] == "continues" and year.told["emerged"] == []
    assert year.attributes["moved_by_model"] == 380 and year.attributes["moved_by_customer"] == 0
    assert "split into 0 and 5" in row_of(year.stdout, 0)
    assert "moved because the model changed" in year.stdout and "moved because they changed" not in year.stdout


@PREPARATIONS
def test_a_segment_that_moves(tmp_path, first, preparation):
    """It is the same segment elsewhere; those who left it for others before it moved are not of it."""
    where = dict(first.where)
    where[7] = where.pop(3)
    where[1], gone = np.split(where[1], [650])
    where[2] = np.append(where[2], gone)
    year = run_case(tmp_path, first, where, 5, previous__preparation=preparation)
    assert year.number.tolist() == [0, 1, 2, 3, 4] and year.next_number == 5
    assert fates(year) == dict.fromkeys(range(5), "survives") and year.told["vanished"] == year.told["emerged"] == []
    assert year.match.tolist() == year.heir.tolist() == [0, 1, 2, 3, 4]
    moved = PLACES[7] - PLACES[3]
    assert np.allclose(year.centroid_drift[3], moved, atol=0.3)
    assert np.array_equal(year.centroid_drift, year.data["segments/mean"] - first.data["segments/mean"])
    deviation = first.data_in.values.std(axis=0)
    assert np.allclose(year.centroid_drift_deviations, year.centroid_drift / deviation, rtol=1e-9)
    assert year.attributes["moved_back"] == 400 and year.attributes["moved_by_customer"] == 50
    words = row_of(year.stdout, 3)
    assert "survives as 3: orders 100.0 to 165 (+2.7" in words and ", recency 110 to 175 (+2.2" in words
    assert "stayed although they changed" in year.stdout


def test_a_segment_that_is_absorbed(tmp_path, first):
    where = dict(first.where)
    where[1] = np.append(where[1], where.pop(4))
    year = run_case(tmp_path, first, where, 4)
    assert year.number.tolist() == [0, 1, 2, 3] and year.next_number == 5
    assert fates(year)[4] == "absorbed" and fates(year)[1] == "survives" and year.heir.tolist() == [0, 1, 2, 3, 1]
    assert year.match.tolist() == [0, 1, 2, 3, -1] and year.told["vanished"] == []
    assert row_of(year.stdout, 4).endswith("absorbed by 1")


def test_a_segment_that_emerges(tmp_path, first):
    data = write(tmp_path, first.where | {6: new_ids(450, 2)}, 2)
    year = fit_year(tmp_path, data.path, first, ranks=2, segments__k=6)
    check(year, first, data)
    assert year.number.tolist() == [0, 1, 2, 3, 4, 5] and year.next_number == 6
    assert set(fates(year).values()) == {"survives"} and origins(year)[5] == "emerges" and year.told["emerged"] == [5]
    assert year.counts[-1].tolist() == [0, 0, 0, 0, 0, 450, 0] and year.counts[:-1, 5].sum() == 0
    assert year.told["segments_after"][5] == {
        "segment": 5, "name": None, "customers": 450, "new": 450, "origin": "emerges"
    }
    assert "5 emerges: 450 customers, 100 % of them new" in year.stdout
    for name, index in zip(FEATURES, year.psi):
        word = "shifted" if index >= 0.25 else "watch" if index >= 0.1 else "stable"
        assert year.told["drift"]["features"][name] == {"psi": index, "word": word}
        assert (f"{index:7.3f}  {name} ({word})\n" in year.stdout) == (index >= 0.1)
    assert year.psi.max() >= 0.1


# ---- three years -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def three(tmp_path_factory, first):
    """Segment 4 goes in the second year, when 5 comes; 5 goes in the third, when another comes."""
    directory = tmp_path_factory.mktemp("three")
    second = dict(first.where)
    del second[4]
    second[6] = new_ids(350, 2)
    third = dict(second)
    del third[6]
    third[5] = new_ids(450, 3)
    years = [first, run_case(directory / "2", first, second, 5)]
    years.append(run_case(directory / "3", years[1], third, 5))
    return years


def test_numbers_are_never_used_again(three):
    second, third = three[1:]
    assert second.number.tolist() == [0, 1, 2, 3, 5] and second.next_number == 6 and second.told["vanished"] == [4]
    assert third.number.tolist() == [0, 1, 2, 3, 6] and third.next_number == 7 and third.told["vanished"] == [5]
    assert set(np.unique(third.segment)) == {0, 1, 2, 3, 6}
    assert set(np.unique(third.data["assignments/runner_up"])) <= {0, 1, 2, 3, 6}
    assert third.told["emerged"] == [6] and np.count_nonzero(third.segment == 6) == 450
    assert [segment["segment"] for segment in third.summary["segments"]] == [0, 1, 2, 3, 6]
    lines = (third.directory / "segments.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in lines] == ["segment", "0", "1", "2", "3", "6"]
    sizes = [np.count_nonzero(third.segment == number) for number in third.number]
    assert third.data["segments/size"].tolist() == [segment["size"] for segment in third.summary["segments"]] == sizes
    assert third.told["before"] == third.attributes["before"] == str(three[1].path)


def test_assign_with_gaps_in_the_numbers(tmp_path, three):
    third = three[2]
    source = third.summary["input"]["path"]
    done = lohko("assign", "--model", third.path, "--input", source, "--output", tmp_path / "out", "-q", ranks=2)
    assert done.returncode == 0, done.stderr
    with h5py.File(tmp_path / "out" / "results.h5") as file:
        for name in ("segment", "runner_up", "distance", "shadow", "customer_id"):
            expected = third.data[f"assignments/{name}"]
            assert file[f"assignments/{name}"][()].tobytes() == expected.tobytes(), name
        assert file["segments/number"][:].tolist() == [0, 1, 2, 3, 6]


def test_the_third_year_on_any_number_of_ranks(tmp_path, three):
    expected = three[2]
    for ranks in (None, 3):
        found = fit_year(tmp_path / str(ranks), expected.summary["input"]["path"], three[1], ranks=ranks)
        check_same_bytes(found, expected)


def check_same_bytes(found, expected):
    assert found.data.keys() == expected.data.keys()
    for name, values in expected.data.items():
        same = found.data[name]
        assert same.dtype == values.dtype and same.shape == values.shape, name
        assert list(same.flat) == list(values.flat) if values.dtype == object else same.tobytes() == values.tobytes()
    assert found.attributes == expected.attributes
    assert found.told == expected.told
    for name in ("migration.csv", "segments.csv"):
        assert (found.directory / name).read_bytes() == (expected.directory / name).read_bytes()


# ---- another number of segments, another method ----------------------------------------------------------------------


def test_more_segments_than_last_year(tmp_path, first):
    year = run_case(tmp_path, first, first.where, 8)
    assert year.number.tolist()[:5] == [0, 1, 2, 3, 4] and year.number.tolist()[5:] == [5, 6, 7]
    assert year.next_number == 8 and set(origins(year).values()) == {"continues"}


def test_fewer_segments_than_last_year(tmp_path, first):
    year = run_case(tmp_path, first, first.where, 3)
    assert set(year.number.tolist()) <= set(range(5)) and len(year.number) == 3 and year.next_number == 5
    assert sorted(fates(year).values()) == ["absorbed", "absorbed", "survives", "survives", "survives"]


def test_a_range_of_k(tmp_path, first):
    year = run_case(tmp_path, first, first.where, "3..6")
    assert year.number.tolist() == [0, 1, 2, 3, 4] and year.attributes["kept"] == 2800
    assert year.data["selection/k"].tolist() == [3, 4, 5, 6]


@pytest.mark.parametrize("methods", [("hierarchy", "hierarchy"), ("kmeans", "hierarchy"), ("hierarchy", "kmeans")])
def test_methods(tmp_path, first, methods):
    settings = [{"segments__method": method, "hierarchy__leaves": 120} for method in methods]
    before = first if methods[0] == "kmeans" else fit_year(tmp_path / "1", first.data_in.path, ranks=2, **settings[0])
    where = dict(first.where)
    where.pop(2)
    data = write(tmp_path / "2", where | {6: new_ids(450, 2)}, 5)
    settings[1]["hierarchy__levels"] = [2, 5]
    years = [fit_year(tmp_path / str(ranks), data.path, before, ranks=ranks, **settings[1]) for ranks in (2, 3)]
    check_same_bytes(*years)
    check(years[0], before)
    assert years[0].number.tolist() == [0, 1, 3, 4, 5] and years[0].told["vanished"] == [2]
    level = years[0].data["hierarchy/level_5"]
    assert len(np.unique(np.stack([level, years[0].segment]), axis=1).T) == 5
    sizes = np.bincount(level)  # numbers that are handed down are the segments' alone
    assert np.array_equal(sizes, np.sort(sizes)[::-1])


# ---- what is in the files --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def again():
    """The first year's customers a year later."""
    ids, values = yearly.customers(yearly.first_year(), 9)
    return SimpleNamespace(ids=ids, values=values, noise=np.random.default_rng(10).standard_normal(len(ids)))


def kept_all(year, before):
    check(year, before)
    assert year.attributes["kept"] == year.attributes["shared"] and year.number.tolist() == [0, 1, 2, 3, 4]


def test_a_column_more(tmp_path, first, again):
    """Last year's preparation leaves it alone; refitted, it is a feature, and the others may be a choice."""
    values = np.column_stack([again.values, again.noise])
    path = write_year(tmp_path / "in.h5", again.ids, values, [*FEATURES, "visits"])
    for name, features, settings in (
        ("keep", FEATURES, {}), ("profile", FEATURES, {"features__profile": ["visits"]}),
        ("order", FEATURES, {"features__use": FEATURES[::-1]}),
        ("refit", [*FEATURES, "visits"], {"previous__preparation": "refit"}),
        ("use", FEATURES[1::-1], {"previous__preparation": "refit", "features__use": FEATURES[1::-1]}),
    ):
        year = fit_year(tmp_path / name, path, first, **settings)
        kept_all(year, first)
        yearly.check_old_model(year, first, again.ids, values, frame_of(year), [*FEATURES, "visits"])
        assert texts(year.data["model/feature_names"]) == features
        assert year.centroid_drift.shape == (5, 3) and not np.isnan(year.centroid_drift[:, :2]).any()
        assert hasattr(year, "match_by_centroid") == (name != "use")


def test_other_columns_than_the_model_needs(tmp_path, first, again):
    path = write_year(tmp_path / "in.h5", again.ids, again.values[:, :2], FEATURES[:2])
    code, words = yearly.refused(tmp_path / "keep", path, first)
    assert code == 65 and "no column basket" in words and str(first.path) in words
    refit = fit_year(tmp_path / "refit", path, first, previous__preparation="refit")
    check(refit, first)
    assert "no column basket" in refit.stderr and "Not known: last year's model cannot score" in refit.stdout
    assert "migration/steps" not in refit.data and "migration/psi" not in refit.data
    path = write_year(tmp_path / "all.h5", again.ids, again.values)
    for name, settings, said in (
        ("use", {"features__use": ["recency", "orders"]}, "features.use"),
        ("profile", {"features__profile": ["basket"]}, "basket is in features.profile"),
    ):
        code, words = yearly.refused(tmp_path / name, path, first, **settings)
        assert code == 78 and said in words


def test_values_that_are_missing(tmp_path, first, again):
    """What is done about them is kept with the rest, and is what the next year keeps."""
    holes = with_holes(again.values, 0.03, 11)
    holed = np.isnan(holes).any(axis=1)
    path = write_year(tmp_path / "in.h5", again.ids, holes)
    year = fit_year(tmp_path / "keep", path, first, prepare__missing="drop")
    check(year, first, SimpleNamespace(ids=again.ids, values=holes))
    assert h5py.File(year.path)["model"].attrs["missing"] == "median"
    assert year.attributes["shared"] == 2800 and np.array_equal(year.data["model/fill"], first.data["model/fill"])
    drop = fit_year(tmp_path / "refit", path, first, prepare__missing="drop", previous__preparation="refit")
    check(drop, first)
    assert np.array_equal(drop.segment == -1, holed) and drop.attributes["after_left_out"] == holed.sum()
    assert drop.attributes["lapsed"] == holed.sum() and drop.psi.max() < 0.1
    third = fit_year(tmp_path / "third", path, drop)
    check(third, drop)
    assert np.array_equal(third.segment, drop.segment) and third.attributes["before_left_out"] == holed.sum()


def test_a_later_fit_alone_leaves_no_migration(tmp_path, first):
    fit_year(tmp_path, first.data_in.path, first)
    fit_year(tmp_path, first.data_in.path)  # reads exactly the files of a fit alone
