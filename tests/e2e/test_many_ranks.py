"""Far more ranks than cores, and than there are rows for: the right answer, and that of one rank."""

import numpy as np
import pytest
from conftest import fit, write_matrix
from sklearn.metrics import adjusted_rand_score
from test_same_bytes import differing

RANKS = 64
SMALL = {"segments__k": 4, "kmeans__batch": 1024, "kmeans__restarts": 2, "hierarchy__leaves": 20}


@pytest.mark.parametrize("method, replicates", [("kmeans", 2), ("hierarchy", 0)])
def test_64_ranks_of_which_most_have_no_rows(tmp_path, method, replicates):
    """5000 customers are five blocks, so that 59 ranks have none."""
    random = np.random.default_rng(4)
    kind = np.arange(5000) % 4
    values = random.uniform(-20, 20, (4, 4))[kind] + random.standard_normal((5000, 4))
    customers = write_matrix(tmp_path / "in.h5", values, ids=np.arange(5000))
    settings = SMALL | {"segments__method": method, "stability__replicates": replicates}
    one = fit(tmp_path / "one", customers, **settings)
    many = fit(tmp_path / "many", customers, ranks=RANKS, timeout=240, **settings)
    assert many.attributes["ranks"] == RANKS
    assert adjusted_rand_score(kind, many.data["assignments/segment"]) > 0.99
    assert differing(many.data, one.data) == []
    assert (many.directory / "segments.csv").read_bytes() == (one.directory / "segments.csv").read_bytes()
