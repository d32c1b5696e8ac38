"""Exact trees over every customer: those of the definition, and SciPy's; the same bytes on any number of ranks and in
any vector registers. Data that make it hard: repeats, ties, lines, outliers, next to none."""

import re

import numpy as np
import oracle
import pytest
from conftest import blobs, fit, read_tree, with_holes, write_config, write_matrix
from scipy.cluster.hierarchy import fcluster, linkage
from test_output import on_a_terminal
from test_same_bytes import VECTORS, computed, differing

LINKAGES = ("ward", "average", "complete", "single")
RAW = {"prepare__scale": "none"}


def shuffled(values, seed=1) -> np.ndarray:
    return np.random.default_rng(seed).permutation(values)


def repeated() -> np.ndarray:
    """From 1 to 19 times."""
    times = 1 + np.arange(60) * 7 % 19
    return shuffled(np.repeat(blobs(60, 3, 4, 2), times, axis=0))


def grid(side: int) -> np.ndarray:
    return np.stack(np.meshgrid(np.arange(side), np.arange(side)), axis=-1).reshape(-1, 2).astype(float)


def collinear() -> np.ndarray:
    return np.outer(np.random.default_rng(3).random(300), [1, -2, 3])


def far_outlier() -> np.ndarray:
    return np.concatenate([blobs(150, 3, 2, 4), [[1e7, 50, 50]], blobs(150, 3, 2, 5)])


def everything() -> np.ndarray:
    """More than two blocks of rows, so that several ranks have some."""
    flat = np.pad(grid(20), ((0, 0), (0, 1)))
    rest = np.rint(blobs(1200, 3, 4, 6) * 64) / 64
    return with_holes(shuffled(np.concatenate([repeated(), flat, 100 * collinear(), rest])), 0.01, 7)


CASES = {
    "random": (blobs(1300, 16, 5, 1), {}),
    "repeated": (repeated(), {}),
    "grid": (shuffled(grid(18)), RAW),
    "even line": (np.arange(250.0)[:, None], RAW),
    "collinear": (collinear(), {}),
    "far outlier": (far_outlier(), {}),
    "one other": (np.where(np.arange(40) == 17, 3.0, 1.0)[:, None], {}),
    "two": (np.array([[1.0, 5], [2, 3]]), {}),
    "three": (np.array([[1.0, 5], [2, 3], [4, 4]]), {}),
    "missing left out": (with_holes(blobs(500, 4, 3, 8), 0.05, 9), {"prepare__missing": "drop"}),
    "missing filled": (with_holes(np.rint(blobs(400, 3, 3, 10) / 10), 0.3, 11), {}),
    "everything": (everything(), RAW | {"prepare__missing": "drop"}),
}


def segments_of(case: str) -> int:
    return {"one other": 2, "two": 2, "three": 2}.get(case, 5)


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """The results of a case and a linkage without mpirun, made once."""
    made = {}

    def run(case, method):
        if (case, method) not in made:
            directory = tmp_path_factory.mktemp("alone")
            write_matrix(directory / "in.h5", CASES[case][0])
            made[case, method] = fit_tree(directory, case, method)
        return made[case, method]

    return run


def fit_tree(directory, case, method, path=None, ranks=None):
    tree = {"segments__method": "hierarchy", "hierarchy__leaves": "all", "hierarchy__linkage": method}
    settings = tree | {"segments__k": segments_of(case)} | CASES[case][1]
    return fit(directory, path or directory / "in.h5", ranks=ranks, **settings)


def input_of(results):
    return results.directory.parent / "in.h5"


def check_leaves(results, tree, values) -> tuple[np.ndarray, np.ndarray]:
    """Every customer that takes part is a leaf, in the order of rows, at its prepared values; these, and the rows."""
    rows = np.flatnonzero(results.segment >= 0)
    prepared = oracle.prepare(results.model, [f"feature_{f}" for f in range(values.shape[1])], values[rows])
    assert np.array_equal(rows, np.flatnonzero(~np.isnan(values).any(axis=1))) or len(rows) == len(values)
    expected = np.full(len(values), -1)
    expected[rows] = np.arange(len(rows))
    assert np.array_equal(tree.leaf, expected)
    assert ("hierarchy/leaf" in results.data) == (len(rows) < len(values))
    assert tree.leaf_centroid.dtype == np.float32 and np.array_equal(tree.leaf_centroid, prepared)
    assert tree.leaf_size.dtype == np.int64 and np.all(tree.leaf_size == 1) and len(tree.leaf_size) == len(rows)
    assert tree.attributes["leaves"] == len(rows) and tree.attributes["route"] == "every customer, exact"
    return prepared, rows


def check_segments(results, tree, prepared, rows, k, theirs):
    """The cut of the tree into k, described as any segments are. `theirs`: a linkage by SciPy that must cut alike."""
    leaf = tree.leaf[rows]
    assert len(results.size) == k
    assert oracle.same_partition(results.segment[rows], oracle.cut(tree.linkage, k)[leaf])
    # fcluster cuts at a height, so not between equal ones, and it cannot undo all but the first merge.
    if k < len(theirs) and theirs[-k, 2] < theirs[1 - k, 2] * (1 - oracle.CLOSE):
        assert oracle.same_partition(results.segment[rows], fcluster(theirs, k, "maxclust")[leaf])
    oracle.check_assignments(results, prepared, rows, to_nearest=False)
    oracle.check_numbering(results)
    means = [prepared[results.segment[rows] == h].mean(axis=0, dtype=float) for h in range(k)]
    assert np.allclose(results.centroid_prepared, means, rtol=1e-12, atol=1e-13 * np.abs(prepared).max())
    others = np.setdiff1d(np.arange(len(results.segment)), rows)
    assert np.all(results.runner_up[others] == -1)
    assert np.isnan(results.distance[others]).all() and np.isnan(results.shadow[others]).all()


@pytest.mark.parametrize("method", LINKAGES)
@pytest.mark.parametrize("case", CASES)
def test_is_the_tree(alone, case, method):
    results = alone(case, method)
    tree = read_tree(results)
    assert tree.attributes["linkage"] == method
    prepared, rows = check_leaves(results, tree, CASES[case][0])
    chosen = oracle.check_tree(tree.linkage, prepared, method)
    theirs = linkage(prepared.astype(float), method)
    oracle.check_same_tree(tree.linkage, theirs, chosen)
    if not chosen.any() or method == "single":  # whatever a tie decides, its heights are those
        assert np.allclose(tree.linkage[:, 2], theirs[:, 2], rtol=oracle.CLOSE, atol=0)
    cut_alike = theirs if not chosen.any() else tree.linkage
    check_segments(results, tree, prepared, rows, segments_of(case), cut_alike)


@pytest.mark.parametrize("method", LINKAGES)
def test_customers_alike_are_joined_first_and_in_few_levels(alone, method):
    """As balanced trees: a chain of thousands would be more than SciPy's dendrogram can recurse through."""
    results = alone("repeated", method)
    matrix = results.data["hierarchy/linkage"]
    values, times = np.unique(CASES["repeated"][0], axis=0, return_counts=True)
    assert np.count_nonzero(matrix[:, 2] == 0) == len(matrix) + 1 - len(values)
    levels = [0] * (len(matrix) + 1)
    for first, second in matrix[matrix[:, 2] == 0, :2].astype(int):
        levels.append(1 + max(levels[first], levels[second]))
    assert max(levels) == int(np.ceil(np.log2(times.max())))


def on_ranks() -> list[tuple]:
    """All numbers of ranks where there is work for several. Elsewhere each linkage takes another number, and average
    and complete, which are nearly the same code, take turns."""
    every = [("everything", method, (1, 2, 3, 7)) for method in LINKAGES]
    for i, case in enumerate(list(CASES)[:-1]):
        methods = ("ward", LINKAGES[1 + i % 2], "single")
        every += [(case, method, ((2, 3, 7)[(i // 2 + j) % 3],)) for j, method in enumerate(methods)]
    return every


@pytest.mark.parametrize("case,method,numbers", on_ranks())
def test_same_bytes_on_any_number_of_ranks(tmp_path, alone, case, method, numbers):
    expected = alone(case, method)
    for ranks in numbers:
        found = fit_tree(tmp_path / str(ranks), case, method, input_of(expected), ranks)
        assert differing(found.data, expected.data) == [], ranks
        assert (found.directory / "segments.csv").read_bytes() == (expected.directory / "segments.csv").read_bytes()
        assert found.summary["hierarchy"] == expected.summary["hierarchy"]
        assert differing(attributes_of(found), attributes_of(expected)) == []


def attributes_of(results) -> dict:
    tree = read_tree(results)
    found = {f"{name}/{key}": value for name, level in tree.levels.items() for key, value in level.items()}
    return {name: np.asarray(value) for name, value in (tree.attributes | found).items()}


@pytest.mark.parametrize("vectors", VECTORS)
@pytest.mark.parametrize("method", LINKAGES)
def test_same_bytes_in_any_vector_registers(tmp_path, alone, monkeypatch, method, vectors):
    for case in ("random", "everything") if method == "ward" else ("everything",):
        expected = alone(case, method)
        with monkeypatch.context() as patched:
            computed(patched, vectors, "Prescott", "tiles")
            found = fit_tree(tmp_path / case, case, method, input_of(expected))
        assert differing(found.data, expected.data) == [], case


@pytest.mark.parametrize("method,customers", [("ward", 40_000), ("average", 4000)])
def test_a_terminal_shows_how_far_the_tree_is(tmp_path, method, customers):
    path = write_matrix(tmp_path / "in.h5", blobs(customers, 16, 8, 3, spread=3).astype("f4"))
    tree = {"segments__method": "hierarchy", "hierarchy__leaves": "all", "hierarchy__linkage": method}
    shown = on_a_terminal("fit", write_config(tmp_path, path, **tree))
    drawn = re.findall(r"\rtree · round (\d+) · (\d+) clusters left(?: · (\d+) s left)?", shown)
    assert drawn, shown
    rounds, left = ([int(line[i]) for line in drawn] for i in (0, 1))
    assert rounds == sorted(rounds) and left == sorted(left, reverse=True) and left[0] <= customers
    assert any(line[2] for line in drawn)


# ---- the oracle itself: it must see what is wrong --------------------------------------------------------------------


def sorted_rows(matrix) -> np.ndarray:
    """SciPy's linkage with the lower node first, as lohko has it."""
    return np.concatenate([np.sort(matrix[:, :2], axis=1), matrix[:, 2:]], axis=1)


def joined_otherwise(matrix) -> np.ndarray:
    """Two rows that join leaves exchange one of them."""
    wrong = matrix.copy()
    a, b = np.flatnonzero(matrix[:, 1] < len(matrix) + 1)[-2:]
    wrong[[a, b], 1] = matrix[[b, a], 1]
    wrong[:, :2] = np.sort(wrong[:, :2], axis=1)
    return wrong


def height_off(matrix) -> np.ndarray:
    wrong = matrix.copy()
    wrong[len(wrong) // 2, 2] *= 1 + 1e-8
    return wrong


def wrong_count(matrix) -> np.ndarray:
    wrong = matrix.copy()
    wrong[-2, 3] += 1
    return wrong


@pytest.mark.parametrize("method", LINKAGES)
@pytest.mark.parametrize("spoil", [joined_otherwise, height_off, wrong_count])
def test_the_oracle_sees_a_wrong_tree(method, spoil):
    points = CASES["random"][0][:300]
    right = sorted_rows(linkage(points, method))
    assert not oracle.check_tree(right, points, method).any()
    with pytest.raises(AssertionError):
        oracle.check_tree(spoil(right), points, method)
    if spoil is not wrong_count:
        with pytest.raises(AssertionError):
            oracle.check_same_tree(spoil(right), right)


@pytest.mark.parametrize("method", LINKAGES)
def test_the_oracle_knows_linkages_apart(method):
    points = shuffled(grid(9))
    for other in LINKAGES:
        matrix = sorted_rows(linkage(points, other))
        if other == method:
            assert oracle.check_tree(matrix, points, method).any()
        else:
            with pytest.raises(AssertionError):
                oracle.check_tree(matrix, points, method)


def test_the_oracle_allows_a_choice_only_where_there_is_one():
    points = np.array([[0.0], [1], [2], [10], [20], [40]])
    one, other = sorted_rows(linkage(points, "single")), sorted_rows(linkage(points, "single"))
    other[:2, :2] = [[1, 2], [0, 6]]
    chosen = oracle.check_tree(one, points, "single")
    assert chosen.tolist() == [True, False, False, False, False]
    oracle.check_same_tree(other, one, oracle.check_tree(other, points, "single"))
    with pytest.raises(AssertionError):
        oracle.check_same_tree(other, one)
    wrong = other.copy()
    wrong[2:4, :2] = [[4, 7], [3, 8]]  # 20 before 10
    with pytest.raises(AssertionError):
        oracle.check_same_tree(wrong, one, chosen)
