"""Real customers of two years: who went where equals a merge by pandas of the files as they came."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import yearly
from conftest import SHARED
from yearly import compare, fit_year, frame

SETTINGS = {"kmeans__restarts": 2, "segments__k": 6, "prepare__clip": [0, 0.99]}
REPEATED = ["fremotor"]

# Files, and customers of both, the first and the second year alone, as the files' description has them.
YEARS = {
    "online_retail_ii": ("online_retail_ii_2010", "online_retail_ii_2011", 2753, 1583, 1578),
    "credit_card_clients": ("credit_card_clients_2005q2", "credit_card_clients_2005q3", 30_000, 0, 0),
    "cdnow": ("cdnow_period1", "cdnow_period2", 7058, 16_512, 0),
    "fremotor": ("fremotor_2003", "fremotor_2004", 19_826, 12_288, 3),
}


def read(name) -> pd.DataFrame:
    return pd.read_csv(SHARED / f"{name}.csv.gz")


def frame_of(year, table: pd.DataFrame) -> pd.DataFrame:
    """Labels go with the rows of the file, ids come from it; a repeated id counts where it stands first."""
    repeated = table["customer_id"].duplicated().to_numpy()
    assert np.array_equal(year.segment == -1, repeated)
    return frame(table["customer_id"], year.segment)


@pytest.fixture(scope="module", params=YEARS)
def years(request, real_data, tmp_path_factory):
    """Both years, the second of which knows the first."""
    names = YEARS[request.param][:2]
    paths = [real_data(name) for name in names]
    directory = tmp_path_factory.mktemp(request.param)
    settings = SETTINGS | ({"input__duplicates": "first"} if request.param in REPEATED else {})
    first = fit_year(directory / "1", paths[0], ranks=2, **settings)
    second = fit_year(directory / "2", paths[1], first, ranks=2, **settings)
    tables = [read(name) for name in names]
    frames = [frame_of(year, table) for year, table in zip((first, second), tables)]
    return SimpleNamespace(name=request.param, first=first, second=second, tables=tables, frames=frames)


def test_the_counts_are_those_of_a_merge(tmp_path, years):
    yearly.check_report(years.second, *years.frames)
    told = [years.second.attributes[name] for name in ("shared", "lapsed", "new")]
    assert told == list(YEARS[years.name][2:])
    report = compare(years.first, years.second, tmp_path / "out", ranks=2)
    yearly.check_report(report, *years.frames)
    for name in ("counts", "steps", "customer_change", "model_change", "psi"):
        assert np.array_equal(report.data[f"migration/{name}"], years.second.data[f"migration/{name}"]), name


def test_what_the_model_before_says(years):
    after = years.tables[1]
    values, names = after.iloc[:, 1:].to_numpy(float), list(after.columns[1:])
    is_first = ~after["customer_id"].duplicated().to_numpy()
    yearly.check_old_model(
        years.second, years.first, after["customer_id"][is_first], values[is_first], years.frames[1], names
    )


def test_numbers_follow_the_customers(years):
    """A segment has the number of the one that it is matched with, and other numbers are new."""
    matched = set(years.second.match[years.second.match >= 0].tolist())
    assert all(number in (-1, before) for before, number in zip(years.second.before_segment, years.second.match))
    fresh = sorted(set(years.second.number.tolist()) - matched)
    assert fresh == list(range(years.first.next_number, years.first.next_number + len(fresh)))
    assert years.second.next_number == years.first.next_number + len(fresh)


def test_refitted_and_in_another_order(tmp_path, years):
    """The same customers again, in another order, prepared anew: nobody moves."""
    table = years.tables[0].drop_duplicates("customer_id").sample(frac=1, random_state=4)
    ids = table["customer_id"].to_numpy()
    ids = ids.tolist() if ids.dtype == object else ids
    path = yearly.write_year(tmp_path / "in.h5", ids, table.iloc[:, 1:].to_numpy(float), list(table.columns[1:]))
    again = fit_year(tmp_path, path, years.first, ranks=2, previous__preparation="refit", **SETTINGS)
    yearly.check_report(again, years.frames[0], frame(table["customer_id"].to_numpy(), again.segment))
    assert again.attributes["kept"] == len(table) and np.all(again.psi == 0) and np.all(again.retention == 1)


def test_repeated_ids_are_named(tmp_path, real_data):
    """Three policies occur twice in each year."""
    paths = [real_data(name) for name in YEARS["fremotor"][:2]]
    tables = [read(name) for name in YEARS["fremotor"][:2]]
    settings = SETTINGS | {"kmeans__restarts": 1, "segments__k": 3}
    allowed, first = (
        fit_year(tmp_path / word, paths[0], ranks=2, input__duplicates=word, **settings) for word in ("allow", "first")
    )
    for path, before, word, table in (
        (paths[1], first, "error", tables[1]), (paths[1], first, "allow", tables[1]),
        (paths[1], allowed, "first", tables[0]),
    ):
        code, words = yearly.refused(tmp_path / "refused", path, before, input__duplicates=word, **settings)
        repeated = table["customer_id"][table["customer_id"].duplicated()]
        assert len(repeated) == 3 and code == 65
        assert all(name in words for name in repeated) and "input.duplicates: first" in words, words
    done = yearly.run_compare(allowed, first, tmp_path / "out")
    assert done.returncode == 65 and all(name in done.stderr for name in repeated), done.stderr
