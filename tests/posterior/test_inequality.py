"""One table for one dimension, against the measures taken on each draw alone and NumPy's quantiles."""

from __future__ import annotations

import numpy as np
import pytest

from bayesineq.errors import DesignError
from bayesineq.measures.simple import range_ratio
from bayesineq.measures.slope import sii
from bayesineq.posterior.adjusted import adjusted
from bayesineq.posterior.expected import expected
from bayesineq.posterior.inequality import inequality, inequality_of


def test_ordered_groups(post):
    table = inequality(post, "imd_decile", prob=0.8, adjust=False).set_index("parameter")
    assert table.index.tolist() == [f"imd_decile[{d}]" for d in range(1, 6)] + ["difference", "ratio", "sii", "rii"]
    values = expected(post, by="imd_decile")
    slope = sii(values.to_numpy().reshape(10, 5), values["population"].to_numpy())
    assert table.loc["sii", "upper"] == pytest.approx(np.quantile(slope, 0.9), rel=1e-12)
    assert table.loc["sii", "p_above"] == (slope > 0).mean()
    ends = (values.sel(imd_decile=5) / values.sel(imd_decile=1)).to_numpy()
    assert table.loc["ratio", "mean"] == pytest.approx(ends.mean(), rel=1e-12)
    assert table.loc["ratio", "p_above"] == (ends > 1).mean()
    assert table.loc["imd_decile[2]", "mean"] == pytest.approx(float(values.sel(imd_decile=2).mean()), rel=1e-12)


def test_adjusted_values_come_first_with_the_crude_beside(post):
    table = inequality(post, "imd_decile").set_index("parameter")
    held, crude = adjusted(post, "imd_decile"), expected(post, by="imd_decile")
    for level in (1, 5):
        row = table.loc[f"imd_decile[{level}]"]
        assert row["mean"] == pytest.approx(float(held.sel(imd_decile=level).mean()), rel=1e-12)
        assert row["crude_mean"] == pytest.approx(float(crude.sel(imd_decile=level).mean()), rel=1e-12)
        assert abs(row["mean"] - row["crude_mean"]) > 1e-4
    for values, prefix in ((held, ""), (crude, "crude_")):
        gap = values.sel(imd_decile=5) - values.sel(imd_decile=1)
        assert table.loc["difference", f"{prefix}mean"] == pytest.approx(float(gap.mean()), rel=1e-12)
        assert table.loc["difference", f"{prefix}upper"] == pytest.approx(float(gap.quantile(0.975)), rel=1e-12)
    assert table.loc["difference", "p_above"] == float((held.sel(imd_decile=5) > held.sel(imd_decile=1)).mean())
    assert set(table["adjusted_for"]) == {"age_band, sex"}
    as_is = inequality(post, "imd_decile", adjust=False).set_index("parameter")
    assert set(as_is["adjusted_for"]) == {"nothing"}
    assert as_is["mean"].tolist() == table["crude_mean"].tolist() == as_is["crude_mean"].tolist()


def test_who_is_compared_with_whom_is_said(post):
    said = inequality(post, "imd_decile").set_index("parameter")["compared"]
    assert said["difference"] == "imd_decile 5 less imd_decile 1 (most deprived)"
    assert said["ratio"] == "imd_decile 5 over imd_decile 1 (most deprived)"
    assert said["sii"] == "slope, imd_decile 5 less imd_decile 1 (most deprived)"
    assert said["imd_decile[1]"] == ""
    assert inequality(post, "ethnicity").set_index("parameter").loc["range_ratio", "compared"].startswith("highest")


def test_a_ratio_that_does_not_exist_leaves_the_other_measures(post):
    values = expected(post, by="imd_decile") - 0.25
    table = inequality_of(values, "imd_decile")
    rows = table.set_index("parameter")
    assert rows.loc[["ratio", "rii"], "mean"].isna().all()
    assert np.isfinite(rows.loc["sii", "mean"])
    assert set(table.attrs["not_defined"]) == {"ratio", "rii"}


def test_groups_without_order(post):
    table = inequality(post, "ethnicity", adjust=False).set_index("parameter")
    assert table.index.tolist()[3:] == ["range_difference", "range_ratio", "theil"]
    ratios = range_ratio(expected(post, by="ethnicity").to_numpy().reshape(10, 3))
    assert table.loc["range_ratio", "median"] == pytest.approx(np.median(ratios), rel=1e-12)
    assert table["p_above"].isna().all()


def test_a_dimension_that_is_not_there(post):
    with pytest.raises(DesignError, match=r"lacks the columns \['icb'\]"):
        inequality(post, "icb")


def test_two_ordered_groups_have_their_gap_and_no_slope(post):
    values = expected(post, by="imd_decile").isel(imd_decile=[0, 4])
    table = inequality_of(values, "imd_decile")
    assert table["parameter"].tolist()[2:] == ["difference", "ratio"]
    assert "three levels or more" in table.attrs["without_slope"]


def test_a_measure_that_does_not_exist_is_missing_with_its_reason_and_the_others_stand(post):
    values = expected(post, by="imd_decile") - 0.5  # as a score of well-being may lie on both sides of zero
    table = inequality_of(values, "imd_decile").set_index("parameter")
    assert table.loc[["ratio", "rii"], "mean"].isna().all()
    assert table.loc[["difference", "sii"], "mean"].notna().all()
    assert set(table.attrs["not_defined"]) == {"ratio", "rii"}
    assert "above zero" in table.attrs["not_defined"]["ratio"]
