"""Pareto plots: order, shares and refusals against sums done by hand."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from bayesineq.disclosure.covered import covered
from bayesineq.errors import MeasureError
from bayesineq.report.figures.pareto import pareto_table, plot_pareto
from bayesineq.report.figures.style import to_png

# Two draws of three causes: totals 100 and 200.
EXCESS = xr.DataArray(
    [[[10.0, 60.0, 30.0], [40.0, 120.0, 40.0]]],
    dims=("chain", "draw", "cause"),
    coords={"cause": ["cancer", "heart <b>", "lung"]},
)


def test_causes_are_in_order_and_their_shares_add_up_draw_by_draw() -> None:
    table = pareto_table(covered(EXCESS), "cause")
    assert table["cause"].tolist() == ["heart <b>", "lung", "cancer"]
    assert table["mean"].tolist() == [90.0, 35.0, 25.0]
    # By hand: 60/100 and 120/200; then 90/100 and 160/200; then all.
    np.testing.assert_allclose(table["cumulative"], [0.6, 0.85, 1.0])
    np.testing.assert_allclose(table.loc[1, ["cumulative_lower", "cumulative_upper"]].astype(float), [0.8025, 0.8975])


def test_the_figure_names_its_reference_and_can_be_written() -> None:
    chart = plot_pareto(EXCESS, "cause", reference="the least deprived tenth", outcome="deaths")
    assert "the least deprived tenth" in chart.caption
    assert "60%" in chart.caption
    assert chart.alt
    assert to_png(chart).startswith(b"\x89PNG")


def test_without_an_excess_there_is_nothing_to_share_out() -> None:
    with pytest.raises(MeasureError, match="1 of 2 draws"):
        pareto_table(covered(EXCESS - [[[0.0] * 3, [100.0] * 3]]), "cause")
    with pytest.raises(MeasureError, match="no dimension 'group'"):
        pareto_table(covered(EXCESS), "group")
