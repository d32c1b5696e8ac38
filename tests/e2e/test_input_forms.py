"""The forms of input: the same numbers give the same result however they are stored; ids come out as they went in."""

import h5py
import numpy as np
import oracle
import pandas as pd
import pytest
from conftest import blobs, datasets, fit, lohko, texts, with_holes, write_config, write_matrix

CUSTOMERS = 2600  # three blocks, the last one short
NAMES = ["recency", "orders", "basket"]
SETTINGS = {"segments__k": 3, "kmeans__restarts": 2}
FEATURE_DATASETS = ["segment", "distance", "runner_up", "shadow", "centroid_prepared", "mean", "median", "stddev"]


def whole_numbers() -> np.ndarray:
    """Small enough for every integer type, with a spread that makes segments."""
    return np.clip(np.rint(blobs(CUSTOMERS, 3, 3, 1)), 0, 120)


def fractions() -> np.ndarray:
    return with_holes(blobs(CUSTOMERS, 3, 3, 2), 0.05, 3)


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """Results of the plain float64 matrix, by the kind of numbers."""
    directory = tmp_path_factory.mktemp("plain")
    results = {}
    for kind, values in (("whole", whole_numbers()), ("fractions", fractions())):
        path = write_matrix(directory / f"{kind}.h5", values, NAMES)
        results[kind] = fit(directory / kind, path, **SETTINGS)
    return results


def same(found, expected):
    for name in FEATURE_DATASETS:
        assert getattr(found, name).tobytes() == getattr(expected, name).tobytes(), name
    assert found.attributes["inertia"] == expected.attributes["inertia"]
    assert found.attributes["input_checksum"] == expected.attributes["input_checksum"]


def fit_form(tmp_path, ranks=None, **dotted):
    return fit(tmp_path, tmp_path / "in.h5", ranks=ranks, **(SETTINGS | dotted))


# ---- matrix --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8", "f2"])
@pytest.mark.parametrize("order", ["<", ">"])
def test_every_type_of_number(tmp_path, plain, kind, order):
    write_matrix(tmp_path / "in.h5", whole_numbers().astype(order + kind), NAMES)
    same(fit_form(tmp_path), plain["whole"])


LAYOUTS = {
    "contiguous float32": {"dtype": "f4"},
    "big-endian float32": {"dtype": ">f4"},
    "big-endian float64": {"dtype": ">f8"},
    "chunks across blocks": {"chunks": (1000, 2)},
    "chunks of one row": {"chunks": (1, 3)},
    "chunks longer than the file": {"chunks": (5000, 3), "maxshape": (None, 3)},
    "chunks that split a slab": {"chunks": (7, 1), "dtype": ">f4"},
    "gzip": {"chunks": (333, 3), "compression": "gzip"},
    "gzip, shuffle, checksum": {
        "chunks": (1025, 2), "compression": "gzip", "shuffle": True, "fletcher32": True, "dtype": "f4"
    },
}


@pytest.mark.parametrize("ranks", [None, 3])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts(tmp_path, plain, layout, ranks):
    write_matrix(tmp_path / "in.h5", fractions(), NAMES, **LAYOUTS[layout])
    same(fit_form(tmp_path, ranks), plain["fractions"])


def test_a_filter_that_the_library_has_not(tmp_path):
    """h5py brings lzf along; lohko's library may not have it, and then says so."""
    write_matrix(tmp_path / "in.h5", fractions(), NAMES, chunks=(500, 3), compression="lzf")
    config = write_config(tmp_path, tmp_path / "in.h5", **SETTINGS)
    for ranks in (None, 3):
        done = lohko("fit", config, "-q", ranks=ranks)
        if done.returncode != 0:
            assert done.returncode in (65, 66, 74)
            assert "features" in done.stderr and "filter" in done.stderr and "lohko: " in done.stderr
            assert not list((tmp_path / "results").iterdir())


@pytest.mark.parametrize("chunks,ranks,names,ids", [
    (None, None, True, True), (None, 3, True, False), (None, None, False, True),
    ((2, 700), None, True, True), ((3, 1000), 3, False, True), ((1, 2600), 2, True, False),
])
def test_transposed_as_r_and_matlab_write_it(tmp_path, plain, chunks, ranks, names, ids):
    """R's 2600 x 3 matrix is 3 x 2600 to HDF5; the length of the names or of the ids tells."""
    values = np.ascontiguousarray(fractions().T)
    ids = np.arange(CUSTOMERS) + 5 if ids else None
    write_matrix(tmp_path / "in.h5", values, NAMES if names else None, ids, chunks=chunks)
    found = fit_form(tmp_path, ranks)
    same(found, plain["fractions"])
    expected = NAMES if names else ["feature_0", "feature_1", "feature_2"]
    assert [name.decode() for name in found.model["feature_names"]] == expected


def test_a_square_matrix_is_customers_by_features(tmp_path):
    values = blobs(6, 6, 2, 1)
    names = [f"column_{i}" for i in range(6)]
    write_matrix(tmp_path / "in.h5", values, names, np.arange(6))
    found = fit_form(tmp_path, segments__k=2)
    assert np.allclose(found.mean[0], values[found.segment == 0].mean(axis=0))


def test_names_are_made_up_where_there_are_none(tmp_path, plain):
    write_matrix(tmp_path / "in.h5", fractions())
    found = fit_form(tmp_path)
    same(found, plain["fractions"])
    assert [name.decode() for name in found.model["feature_names"]] == ["feature_0", "feature_1", "feature_2"]


@pytest.mark.parametrize("kind", ["S8", "S20", "utf-8", "ascii"])
def test_kinds_of_feature_names(tmp_path, plain, kind):
    write_matrix(tmp_path / "in.h5", fractions())
    with h5py.File(tmp_path / "in.h5", "r+") as file:
        texts = h5py.string_dtype(kind) if "-" in kind or kind == "ascii" else kind
        file["features"].attrs["feature_names"] = np.array(NAMES, dtype=texts)
    found = fit_form(tmp_path)
    same(found, plain["fractions"])
    assert [name.decode() for name in found.model["feature_names"]] == NAMES


def test_names_of_any_alphabet(tmp_path):
    names = ["größe, €", 'say "when"', "收入"]
    write_matrix(tmp_path / "in.h5", fractions(), names)
    found = fit_form(tmp_path, prepare__weight={"größe, €": 2.0})
    assert [name.decode() for name in found.model["feature_names"]] == names
    assert pd.read_csv(found.directory / "segments.csv").columns[4:7].tolist() == names


def test_paths_that_are_given(tmp_path, plain):
    write_matrix(tmp_path / "in.h5", np.random.default_rng(1).random((CUSTOMERS, 2)))
    with h5py.File(tmp_path / "in.h5", "r+") as file:
        file["deep/inside/numbers"] = fractions()
        file["deep/inside/numbers"].attrs["feature_names"] = NAMES
        file["elsewhere/who"] = np.arange(CUSTOMERS)[::-1]
        file["customer_id"] = np.zeros(3)  # not of this matrix
    found = fit_form(tmp_path, input__features="/deep/inside/numbers", input__id="/elsewhere/who")
    same(found, plain["fractions"])
    assert np.array_equal(found.customer_id, np.arange(CUSTOMERS)[::-1])


# ---- missing values ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["f4", ">f8"])
@pytest.mark.parametrize("fill", [-999.0, 1e30])
def test_a_fill_value_stands_for_missing(tmp_path, plain, kind, fill):
    values = fractions()
    write_matrix(tmp_path / "in.h5", np.where(np.isnan(values), fill, values), NAMES, fillvalue=fill, dtype=kind)
    same(fit_form(tmp_path), plain["fractions"])


def test_a_fill_value_of_zero_is_a_number(tmp_path, plain):
    """R and PyTables declare it for every dataset."""
    values = whole_numbers()
    assert (values == 0).any()
    write_matrix(tmp_path / "in.h5", values, NAMES, fillvalue=0.0)
    same(fit_form(tmp_path), plain["whole"])


def test_a_fill_value_of_integers_is_a_number(tmp_path, plain):
    values = whole_numbers().astype("i4")
    write_matrix(tmp_path / "in.h5", values, NAMES, fillvalue=int(values[0, 0]))
    same(fit_form(tmp_path), plain["whole"])


@pytest.mark.parametrize("marked", [True, False])
def test_missing_integers_of_r(tmp_path, marked):
    holed = with_holes(whole_numbers(), 0.05, 4)
    values = np.where(np.isnan(holed), -(2**31), holed).astype("i4")
    write_matrix(tmp_path / "in.h5", values, NAMES)
    if marked:
        with h5py.File(tmp_path / "in.h5", "r+") as file:
            file["features"].attrs["rhdf5-NA.OK"] = np.int32(1)
    found = fit_form(tmp_path)
    assert found.model["missing"].sum() == (np.isnan(holed).sum() if marked else 0)
    write_matrix(tmp_path / "float.h5", holed if marked else values.astype(float), NAMES)
    same(found, fit(tmp_path / "float", tmp_path / "float.h5", **SETTINGS))


# ---- columns -------------------------------------------------------------------------------------------------------


def in_order(values):
    """Columns come in the order of their names, so the plain matrix must have them so."""
    order = np.argsort(NAMES)
    return values[:, order], [NAMES[i] for i in order]


def write_columns(path, values, names, place="/features/{}", ids=None, **options):
    with h5py.File(path, "w") as file:
        for name, column in zip(names, values.T):
            file.create_dataset(place.format(name), data=column, **options)
        if ids is not None:
            file[place.format("customer_id")] = ids


@pytest.mark.parametrize("place", ["/features/{}", "/table/columns/{}/data"])
@pytest.mark.parametrize("options", [{}, {"chunks": (777,), "compression": "gzip"}, {"dtype": ">f4"}])
@pytest.mark.parametrize("ranks", [None, 3])
def test_columns_and_vaex(tmp_path, place, options, ranks):
    values, names = in_order(fractions())
    write_matrix(tmp_path / "plain.h5", values, names)
    write_columns(tmp_path / "in.h5", values, names, place, 9 * np.arange(CUSTOMERS), **options)
    found = fit_form(tmp_path, ranks)
    same(found, fit(tmp_path / "plain", tmp_path / "plain.h5", **SETTINGS))
    assert [name.decode() for name in found.model["feature_names"]] == names
    assert np.array_equal(found.customer_id, 9 * np.arange(CUSTOMERS))


def test_columns_of_many_types_and_text_passed_over(tmp_path):
    values = whole_numbers()
    with h5py.File(tmp_path / "in.h5", "w") as file:
        group = file.create_group("features")
        group["a"], group["b"], group["c"] = values[:, 0].astype("u1"), values[:, 1].astype(">i8"), values[:, 2]
        group["flag"] = values[:, 0] > values[:, 1]
        group["city"] = np.array(["Oulu", "Turku"] * (CUSTOMERS // 2), dtype=h5py.string_dtype())
        group["code"] = np.array([b"x", b"yy"] * (CUSTOMERS // 2))
        file["customer_id"] = np.array([f"K{i}" for i in range(CUSTOMERS)], dtype=h5py.string_dtype())
    found = fit_form(tmp_path, options=())
    flags = np.column_stack([values, values[:, 0] > values[:, 1]])
    write_matrix(tmp_path / "plain.h5", flags, ["a", "b", "c", "flag"])
    same(found, fit(tmp_path / "plain", tmp_path / "plain.h5", **SETTINGS))
    for name in ("city", "code"):
        assert sum(f"{name} holds no numbers" in line for line in found.stderr.splitlines()) == 1
    assert found.customer_id[7] == b"K7"


@pytest.mark.parametrize("option,value", [("features__use", ["a", "city"]), ("features__profile", ["city"])])
def test_text_columns_that_are_asked_for(tmp_path, option, value):
    with h5py.File(tmp_path / "in.h5", "w") as file:
        file["features/a"], file["features/b"] = np.arange(100.0), np.arange(100.0) ** 2
        file["features/city"] = np.array(["Oulu", "Turku"] * 50, dtype=h5py.string_dtype())
    done = lohko("fit", write_config(tmp_path, tmp_path / "in.h5", **{option: value}), "-q")
    assert done.returncode == 65 and "city holds no numbers" in done.stderr


# ---- pandas --------------------------------------------------------------------------------------------------------


def frame() -> pd.DataFrame:
    values = fractions()
    whole = whole_numbers()
    return pd.DataFrame({
        "recency": values[:, 0],
        "orders": whole[:, 1].astype("int32"),
        "vip": whole[:, 0] > 60,
        "basket": values[:, 2].astype("float32"),
        "visits": whole[:, 2].astype("int64"),
        "spent": values[:, 1],
    })


def pandas_as_matrix(directory, table):
    write_matrix(directory / "plain.h5", table.to_numpy(dtype=float), list(table.columns))
    return fit(directory / "plain", directory / "plain.h5", **SETTINGS)


INDEXES = {
    "counted": lambda: None,
    "integers": lambda: 10 * np.arange(CUSTOMERS) + 3,
    "texts": lambda: [f"C-{i:05d}" for i in range(CUSTOMERS)],
}


@pytest.mark.parametrize("index", INDEXES)
@pytest.mark.parametrize("ranks", [None, 3])
def test_pandas_frame(tmp_path, index, ranks):
    table = frame()
    expected = pandas_as_matrix(tmp_path, table)
    if INDEXES[index]() is not None:
        table.index = pd.Index(INDEXES[index](), name="customer_id")
    table.to_hdf(tmp_path / "in.h5", key="customers", format="fixed")
    found = fit_form(tmp_path, ranks)
    same(found, expected)
    assert [name.decode() for name in found.model["feature_names"]] == list(table.columns)
    ids = [i.decode() if isinstance(i, bytes) else i for i in found.customer_id.tolist()]
    assert ids == list(table.index)


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_pandas_with_ids_in_a_column_and_text_columns(tmp_path, compression):
    table = frame()
    expected = pandas_as_matrix(tmp_path, table)
    table.insert(2, "customer_id", 7 * np.arange(CUSTOMERS) + 1)
    table["joined"] = pd.Timestamp("2020-01-01") + pd.to_timedelta(np.arange(CUSTOMERS), "D")
    options = {"complib": compression, "complevel": 4} if compression else {}
    table.to_hdf(tmp_path / "in.h5", key="customers", format="fixed", **options)
    found = fit_form(tmp_path, options=())
    same(found, expected)
    assert np.array_equal(found.customer_id, table["customer_id"])
    assert sum("joined holds no numbers" in line for line in found.stderr.splitlines()) == 1


@pytest.mark.filterwarnings("ignore::pandas.errors.PerformanceWarning")
def test_pandas_with_a_column_of_objects(tmp_path):
    table = frame()
    expected = pandas_as_matrix(tmp_path, table)
    table["city"] = "Oulu"
    table.to_hdf(tmp_path / "in.h5", key="deep/customers", format="fixed")
    found = fit_form(tmp_path, options=(), input__features="/deep/customers")
    same(found, expected)
    assert sum("city holds no numbers" in line for line in found.stderr.splitlines()) == 1


def test_two_pandas_frames_need_a_choice(tmp_path):
    frame().to_hdf(tmp_path / "in.h5", key="one", format="fixed")
    (frame() * 2).to_hdf(tmp_path / "in.h5", key="two", format="fixed")
    done = lohko("fit", write_config(tmp_path, tmp_path / "in.h5"), "-q")
    assert done.returncode == 65 and "input.features" in done.stderr
    fit_form(tmp_path, input__features="/two")


# ---- ids -----------------------------------------------------------------------------------------------------------

IDS = {
    "int32": lambda: np.arange(CUSTOMERS, dtype="<i4")[::-1],
    "int64": lambda: 2**53 + 1 - 3 * np.arange(CUSTOMERS, dtype="<i8"),
    "negative": lambda: -np.arange(CUSTOMERS, dtype="<i8") - 2**62,
    "uint64": lambda: 2**64 - 1 - np.arange(CUSTOMERS, dtype="<u8"),
    "uint32": lambda: 2**32 - 1 - np.arange(CUSTOMERS, dtype="<u4"),
    "big-endian": lambda: np.arange(CUSTOMERS, dtype=">i8") * 2**40,
    "fixed text": lambda: np.array([b"C%07d" % i for i in range(CUSTOMERS)]),
    "variable text": lambda: np.array([f"ä{i:x}" for i in range(CUSTOMERS)], dtype=h5py.string_dtype()),
}


@pytest.mark.parametrize("kind", IDS)
@pytest.mark.parametrize("ranks", [None, 3])
def test_ids_come_out_as_they_went_in(tmp_path, kind, ranks):
    ids = IDS[kind]()
    write_matrix(tmp_path / "in.h5", fractions(), NAMES, ids)
    found = fit_form(tmp_path, ranks)
    written = datasets(tmp_path / "in.h5")["customer_id"]
    assert found.customer_id.dtype == written.dtype and np.array_equal(found.customer_id, written)


def test_row_numbers_where_there_are_no_ids(plain):
    assert plain["whole"].customer_id.tolist() == list(range(CUSTOMERS))


@pytest.mark.parametrize("kind", ["int64", "uint64", "fixed text", "variable text"])
@pytest.mark.parametrize("ranks", [None, 3])
def test_the_same_id_twice(tmp_path, kind, ranks):
    """Error names the id and both rows; first keeps the first row; allow keeps all."""
    ids = IDS[kind]()
    for again, first in ((2100, 3), (2599, 3), (1024, 1023)):
        ids[again] = ids[first]
    values = fractions()
    write_matrix(tmp_path / "in.h5", values, NAMES, ids)
    config = write_config(tmp_path, tmp_path / "in.h5", **SETTINGS)
    done = lohko("fit", config, "-q", ranks=ranks)
    twice = [i.decode() if isinstance(i, bytes) else str(i) for i in ids[[3, 1023]]]
    assert done.returncode == 65
    for words in (f"{twice[1]} (rows 1023 and 1024)", f"{twice[0]} (rows 3 and 2100)", f"{twice[0]} (rows 3 and 2599)"):
        assert words in done.stderr
    first = fit(tmp_path / "first", tmp_path / "in.h5", ranks=ranks, options=(), input__duplicates="first", **SETTINGS)
    assert np.flatnonzero(first.segment == -1).tolist() == [1024, 2100, 2599]
    assert first.attributes["customers_used"] == CUSTOMERS - 3 and first.summary["input"]["repeated_ids"] == 3
    assert any("3 rows left out: the customer id" in line for line in first.stderr.splitlines())
    # As if those rows were not there.
    rows = np.delete(np.arange(CUSTOMERS), [1024, 2100, 2599])
    for f in range(3):
        expected = oracle.learn_feature(values[rows, f])
        found = [first.model[constant][f] for constant in ("missing", "fill", "shift", "factor")]
        assert found == pytest.approx([expected.missing, expected.fill, expected.shift, expected.factor], rel=1e-12)
    oracle.check_assignments(first, oracle.prepare(first.model, NAMES, values[rows]), rows)
    every = fit(tmp_path / "allow", tmp_path / "in.h5", ranks=ranks, input__duplicates="allow", **SETTINGS)
    assert every.segment.min() == 0


# ---- names and paths that are not written as expected --------------------------------------------------------------


def test_names_in_latin_1_and_with_control_characters(tmp_path):
    """As R and MATLAB write them on some systems; the whole way to JSON and to the table."""
    with h5py.File(tmp_path / "in.h5", "w") as file:
        features = file.create_dataset("features", data=blobs(300, 3, 3, 5))
        features.attrs["feature_names"] = np.array([b"gr\xf6\xdfe", b"two\nlines", "ä".encode() * 140])
    results = fit(tmp_path, tmp_path / "in.h5", segments__k=3)
    names = ["größe", "two lines", "ä" * 140]
    assert [feature["name"] for feature in results.summary["features"]] == names
    assert texts(results.model["feature_names"]) == names
    assert len((results.directory / "segments.csv").read_text(encoding="utf-8").splitlines()) == 4


@pytest.mark.parametrize("id_path", ["/customers/number", "customers/number", "/customers//number", "customers/number/"])
@pytest.mark.parametrize("features_path", ["/customers", "customers/"])
def test_the_id_is_no_feature_however_its_path_is_spelled(tmp_path, id_path, features_path):
    with h5py.File(tmp_path / "in.h5", "w") as file:
        values = blobs(300, 2, 3, 5)
        file["customers/a"], file["customers/b"] = values[:, 0], values[:, 1]
        file["customers/number"] = np.arange(300) * 3
    results = fit(tmp_path, tmp_path / "in.h5", segments__k=3, input__features=features_path, input__id=id_path)
    assert texts(results.model["feature_names"]) == ["a", "b"]
    assert results.customer_id.tolist() == list(range(0, 900, 3))
