"""The preparation, the assignments and the trees once more, in plain NumPy, for the tests to hold lohko to."""

import math
from dataclasses import dataclass

import numpy as np
from scipy.cluster import hierarchy
from scipy.spatial.distance import pdist, squareform

# The C library's own functions, through Python: NumPy's vectorised ones may differ in the last bit.
TRANSFORMS = {
    "none": lambda value: value,
    "log": math.log,
    "log1p": math.log1p,
    "sqrt": math.sqrt,
    "asinh": math.asinh,
}


def transform(name: str, values: np.ndarray) -> np.ndarray:
    if name == "none":
        return values
    return np.array([TRANSFORMS[name](value) if value == value else math.nan for value in values])


@dataclass
class Feature:
    fill: float = math.nan
    clip_low: float = -math.inf
    clip_high: float = math.inf
    shift: float = 0.0
    factor: float = 1.0
    weight: float = 1.0
    missing: int = 0
    transform: str = "none"


def learn_feature(column, missing="median", how="none", clip=(0.0, 1.0), scale="zscore", weight=1.0) -> Feature:
    """The constants of one feature from its values (NaN for missing), of the customers that take part."""
    observed = column[~np.isnan(column)]
    feature = Feature(missing=len(column) - len(observed), transform=how, weight=weight)
    if missing == "median":
        feature.fill = float(np.median(observed))
    elif missing == "mean":
        feature.fill = float(np.mean(observed))
    shaped = transform(how, observed)
    if clip[0] > 0:
        feature.clip_low = float(np.quantile(shaped, clip[0]))
    if clip[1] < 1:
        feature.clip_high = float(np.quantile(shaped, clip[1]))
    everyone = shaped
    if feature.missing:
        everyone = np.append(shaped, np.full(feature.missing, TRANSFORMS[how](feature.fill)))
    everyone = np.clip(everyone, feature.clip_low, feature.clip_high)
    if scale == "zscore":
        feature.shift, width = everyone.mean(), everyone.std()
    elif scale == "robust":
        quartile_1, feature.shift, quartile_3 = np.clip(
            np.quantile(shaped, [0.25, 0.5, 0.75]), feature.clip_low, feature.clip_high
        )
        width = quartile_3 - quartile_1 or everyone.std()
    elif scale == "minmax":
        feature.shift, width = everyone.min(), np.ptp(everyone)
    else:
        width = 1.0
    feature.factor = weight / width
    return feature


def prepare(model: dict, names: list[str], values: np.ndarray) -> np.ndarray:
    """The prepared values by the constants of /model; float32, as lohko keeps them. `values`: columns as in `names`."""
    kept = [name.decode() for name in model["feature_names"]]
    prepared = np.empty((len(values), len(kept)), dtype=np.float32)
    for f, name in enumerate(kept):
        column = values[:, names.index(name)].astype(float)
        filled = np.where(np.isnan(column), model["fill"][f], column)
        shaped = np.clip(transform(model["transform"][f].decode(), filled), model["clip_low"][f], model["clip_high"][f])
        quantum = model["quantum"][f]
        prepared[:, f] = np.rint((shaped - model["shift"][f]) * model["factor"][f] / quantum) * quantum
    return prepared


def squared_distances(prepared: np.ndarray, centroids: np.ndarray) -> np.ndarray:
    """customers x segments, in double, feature after feature."""
    squared = np.zeros((len(prepared), len(centroids)))
    for f in range(prepared.shape[1]):
        squared += (prepared[:, f : f + 1].astype(float) - centroids[:, f]) ** 2
    return squared


def check_assignments(results, prepared: np.ndarray, rows=None, to_nearest=True):
    """Labels, distances, runners-up, shadows, sizes and inertia of `results`, against the prepared values of `rows`.
    Segments that a tree has made need not be those of the nearest centroids."""
    rows = np.arange(len(results.segment)) if rows is None else rows
    centroids = results.centroid_prepared
    squared = squared_distances(prepared, centroids)
    label = results.segment[rows]
    at = np.arange(len(rows))
    assert label.min() >= 0 and label.max() < len(centroids)
    own = squared[at, label]
    if to_nearest:
        # Where two are as near to the last bits of double, the lower number.
        nearest = squared.min(axis=1)
        assert np.all(own <= nearest * (1 + 1e-12))
        exact = np.sum(squared <= nearest[:, None] * (1 + 1e-12), axis=1) == 1
        assert np.array_equal(label[exact], squared.argmin(axis=1)[exact])
    assert np.allclose(results.distance[rows], np.sqrt(own), rtol=1e-6, atol=1e-30)
    if len(centroids) == 1:
        assert np.all(results.runner_up[rows] == -1) and np.all(results.shadow[rows] == 0)
    else:
        others = squared.copy()
        others[at, label] = np.inf
        second = others.min(axis=1)
        runner_up = results.runner_up[rows]
        assert np.all(runner_up != label) and np.all(runner_up >= 0)
        assert np.all(squared[at, runner_up] <= second * (1 + 1e-12))
        near, far = np.sqrt(own), np.sqrt(second)
        shadow = np.divide(2 * near, near + far, out=np.zeros_like(near), where=near > 0)
        assert np.allclose(results.shadow[rows], shadow, rtol=1e-6)
    assert results.size.tolist() == np.bincount(label, minlength=len(centroids)).tolist()
    inertia = float(own.sum(dtype=np.longdouble))
    assert abs(results.attributes["inertia"] - inertia) <= 1e-12 * inertia
    total = float((prepared.var(axis=0, dtype=float) * len(prepared)).sum())
    assert abs(results.attributes["explained_variance"] - (1 - inertia / total)) < 1e-9


def check_profiles(results, names: list[str], values: np.ndarray):
    """Means, deviations and medians per segment in input units; `values`: features, then columns to describe."""
    kept = [names.index(name.decode()) for name in results.model["feature_names"]]
    for h in range(len(results.size)):
        members = values[results.segment == h]
        assert len(members) == results.size[h]
        for c in range(values.shape[1]):
            column = members[:, c][~np.isnan(members[:, c])]
            found = [figure[h, c] for figure in (results.mean, results.stddev, results.median)]
            if len(column) == 0:
                assert np.isnan(found).all()
                continue
            expected = [math.fsum(column) / len(column), column.std(), np.median(column)]
            width = np.abs(column).max()
            assert np.allclose(found, expected, rtol=1e-12, atol=1e-13 * width), (h, names[c], found, expected)
            assert found[2] == expected[2]
        assert np.array_equal(results.centroid[h], results.mean[h, kept])


def check_numbering(results):
    """By falling size; equal sizes by centroid, lexicographically."""
    keys = [(-size, tuple(centroid)) for size, centroid in zip(results.size, results.centroid_prepared)]
    assert keys == sorted(keys)


# ---- trees -----------------------------------------------------------------------------------------------------------

CLOSE = 1e-9  # relative: what is nearer together counts as equal


def check_form(linkage, leaves: int):
    """That SciPy takes the matrix as it is; that rows name the lower node first and count the leaves underneath."""
    assert linkage.dtype == np.float64 and linkage.shape == (leaves - 1, 4)
    assert hierarchy.is_valid_linkage(linkage, throw=True) and hierarchy.is_monotonic(linkage)
    assert np.all(linkage[:, 0] < linkage[:, 1])
    under = np.ones(2 * leaves - 1)
    for i, (first, second) in enumerate(linkage[:, :2].astype(int)):
        under[leaves + i] = under[first] + under[second]
    assert np.array_equal(linkage[:, 3], under[leaves:])


def ward_distance(sum_a, size_a, sum_b, size_b):
    apart = sum_a / size_a[:, None] - sum_b / size_b[:, None]
    return np.sqrt(2 * size_a * size_b / (size_a + size_b)) * np.sqrt((apart**2).sum(axis=1))


def check_ward_heights(linkage, points, sizes):
    """Against the means of the clusters that each row joins."""
    count = len(points)
    node_size = np.concatenate([sizes, np.zeros(len(linkage))]).astype(float)
    node_sum = np.concatenate([points * node_size[:count, None], np.zeros((len(linkage), points.shape[1]))])
    first, second = linkage[:, :2].astype(int).T
    for i in range(len(linkage)):
        node_sum[count + i] = node_sum[first[i]] + node_sum[second[i]]
        node_size[count + i] = node_size[first[i]] + node_size[second[i]]
    expected = ward_distance(node_sum[first], node_size[first], node_sum[second], node_size[second])
    assert np.all(np.abs(linkage[:, 2] - expected) <= CLOSE * expected)


def initial_distances(pairs, sizes, method: str) -> np.ndarray:
    """From every point to every other, of their Euclidean distances pair by pair; infinite to itself."""
    distance = squareform(pairs)
    if method == "ward":
        distance *= np.sqrt(2 * np.outer(sizes, sizes) / np.add.outer(sizes, sizes))
    np.fill_diagonal(distance, np.inf)
    return distance


def distances_from_merged(method: str, apart: float, a, b, size_a: float, size_b: float, sizes) -> np.ndarray:
    """From the union of two clusters, `apart` from each other, to all others, whose distances from the two are a, b."""
    if method == "single":
        return np.minimum(a, b)
    if method == "complete":
        return np.maximum(a, b)
    if method == "average":
        return (size_a * a + size_b * b) / (size_a + size_b)
    squares = (size_a + sizes) * a**2 + (size_b + sizes) * b**2 - sizes * apart**2
    return np.sqrt(squares / (size_a + size_b + sizes))


def check_tree(linkage, points, method: str, sizes=None, pairs=None) -> np.ndarray:
    """That the matrix is what agglomerative clustering of the points may come to, by its definition: each row joins two
    clusters than which no two are nearer, at their distance. For each row, whether another pair with one of these
    clusters was as near, so that the tree might go on otherwise. `pairs`: pdist(points), where it is there already."""
    sizes = np.ones(len(points)) if sizes is None else sizes.astype(float)
    points = points.astype(float)
    check_form(linkage, len(points))
    if method == "ward":
        check_ward_heights(linkage, points, sizes)
    distance = initial_distances(pdist(points) if pairs is None else pairs, sizes, method)
    size = sizes.copy()
    place = list(range(len(points)))  # node -> row of `distance`
    nearest = distance.argmin(axis=1)
    least = distance.min(axis=1)
    chosen = np.zeros(len(linkage), bool)
    for i, (first, second, height, _) in enumerate(linkage):
        a, b = place[int(first)], place[int(second)]
        apart = distance[a, b]
        assert abs(height - apart) <= CLOSE * apart, (i, height, apart)
        assert least.min() >= height * (1 - CLOSE), (i, height, least.min())
        chosen[i] = sum(np.count_nonzero(distance[row] <= height * (1 + CLOSE)) for row in (a, b)) > 2
        merged = distances_from_merged(method, apart, distance[a], distance[b], size[a], size[b], size)
        merged[[a, b]] = np.inf
        distance[a], distance[:, a], distance[b], distance[:, b] = merged, merged, np.inf, np.inf
        size[a] += size[b]
        place.append(a)
        nearest[(nearest == a) | (nearest == b)] = a
        nearest[a], least[b] = a, np.inf
        stale = np.flatnonzero(nearest == a)
        stale = stale[(merged[stale] > least[stale]) & np.isfinite(least[stale])]
        nearest[stale] = distance[stale].argmin(axis=1)
        least[stale] = distance[stale, nearest[stale]]
    return chosen


def cluster_names(linkage) -> list[int]:
    """A number for the set of leaves under each node, the leaves first: equal sets, equal numbers."""
    names = np.random.default_rng(0).integers(2**63, size=len(linkage) + 1).tolist()
    for first, second in linkage[:, :2].astype(int).tolist():
        names.append((names[first] + names[second]) % 2**63)
    return names


def regions(linkage, known: np.ndarray) -> dict[int, list[int]]:
    """Rows that make clusters which are not known, by the lowest row above them whose cluster is."""
    count, above, found = len(linkage) + 1, {}, {}
    for i in range(len(linkage) - 1, -1, -1):
        if not known[i]:
            found.setdefault(above[i], []).append(i)
        top = i if known[i] else above[i]
        above |= {int(node) - count: top for node in linkage[i, :2]}
    return found


def compare(found, expected) -> tuple[list, list]:
    """Pairs of rows that make the same cluster of the same two, found and expected; and where the trees part: the rows
    of both that make clusters which the other has not, within the smallest cluster that they have in common there."""
    count = len(found) + 1
    names, wanted = cluster_names(found)[count:], cluster_names(expected)[count:]
    row_of = {name: i for i, name in enumerate(wanted)}
    theirs = regions(expected, np.isin(wanted, names))
    ours = regions(found, np.isin(names, wanted))
    parted = [(rows, theirs[row_of[names[top]]]) for top, rows in ours.items()]
    apart = {row for rows, _ in parted for row in rows}
    same = [(i, row_of[name]) for i, name in enumerate(names) if i not in ours and i not in apart]
    return same, parted


def check_same_tree(found, expected, chosen=None):
    """The same clusters at the same heights; where `chosen` says (check_tree) that the distances left a choice, the two
    may differ inside the smallest cluster that they have in common around that choice."""
    assert found.shape == expected.shape
    same, parted = compare(found, expected)
    for rows, _ in parted:
        lowest = found[rows, 2].min()
        assert chosen is not None, found[min(rows)]
        assert any(chosen[i] and found[i, 2] <= lowest * (1 + CLOSE) for i in rows), found[min(rows)]
    ours, theirs = (side[[pair[i] for pair in same], 2] for i, side in enumerate((found, expected)))
    assert np.all(np.abs(ours - theirs) <= CLOSE * theirs)


def tree_difference(found, expected) -> tuple[float, int]:
    """The largest relative difference of the heights of the same clusters, and of the lowest heights where the trees
    part, since both are right there only if equal distances left a choice; and in how many places they part."""
    same, parted = compare(found, expected)
    pairs = [(found[i, 2], expected[j, 2]) for i, j in same]
    pairs += [(found[rows, 2].min(), expected[others, 2].min()) for rows, others in parted]
    off = [abs(ours - theirs) / max(ours, theirs) for ours, theirs in pairs if ours != theirs]
    return max(off, default=0.0), len(parted)


def cut(linkage, clusters: int) -> np.ndarray:
    """Of each leaf: the lowest leaf of its cluster, without the last clusters - 1 rows."""
    count = len(linkage) + 1
    lowest = np.arange(2 * count - 1)
    top = lowest.copy()
    for i in range(count - clusters):
        lowest[count + i] = lowest[linkage[i, :2].astype(int)].min()
        top[linkage[i, :2].astype(int)] = count + i
    for node in range(count - 2 + count - clusters, -1, -1):
        top[node] = top[top[node]]
    return lowest[top[:count]]


def same_partition(a, b) -> bool:
    """Whether two labelings put the same together."""
    pairs = np.unique(np.stack([a, b]), axis=1).shape[1]
    return pairs == len(np.unique(a)) == len(np.unique(b))
