"""One table for one dimension, against the measures taken on each draw alone and NumPy's quantiles."""

from __future__ import annotations

import numpy as np
import pytest

from bayesineq.errors import DesignError
from bayesineq.measures.simple import range_ratio
from bayesineq.measures.slope import sii
from bayesineq.posterior.expected import expected
from bayesineq.posterior.inequality import inequality


def test_ordered_groups(post):
    table = inequality(post, "imd_decile", prob=0.8).set_index("parameter")
    assert table.index.tolist() == [f"imd_decile[{d}]" for d in range(1, 6)] + ["difference", "ratio", "sii", "rii"]
    values = expected(post, by="imd_decile")
    slope = sii(values.to_numpy().reshape(10, 5), values["population"].to_numpy())
    assert table.loc["sii", "upper"] == pytest.approx(np.quantile(slope, 0.9), rel=1e-12)
    assert table.loc["sii", "p_above"] == (slope > 0).mean()
    ends = (values.sel(imd_decile=5) / values.sel(imd_decile=1)).to_numpy()
    assert table.loc["ratio", "mean"] == pytest.approx(ends.mean(), rel=1e-12)
    assert table.loc["ratio", "p_above"] == (ends > 1).mean()
    assert table.loc["imd_decile[2]", "mean"] == pytest.approx(float(values.sel(imd_decile=2).mean()), rel=1e-12)


def test_groups_without_order(post):
    table = inequality(post, "ethnicity").set_index("parameter")
    assert table.index.tolist()[3:] == ["range_difference", "range_ratio", "theil"]
    ratios = range_ratio(expected(post, by="ethnicity").to_numpy().reshape(10, 3))
    assert table.loc["range_ratio", "median"] == pytest.approx(np.median(ratios), rel=1e-12)
    assert table["p_above"].isna().all()


def test_a_dimension_that_is_not_there(post):
    with pytest.raises(DesignError, match=r"lacks the columns \['icb'\]"):
        inequality(post, "icb")
