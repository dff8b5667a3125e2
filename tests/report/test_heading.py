"""Titles, place and period: in the head, in every caption, and in every figure that is asked for one."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from types import SimpleNamespace

import geopandas as gpd
import numpy as np
import pytest
import xarray as xr

import bayesineq
from bayesineq.posterior.files import load, save
from bayesineq.report.figures.forest import plot_forest
from bayesineq.report.figures.maps import map_posterior
from bayesineq.report.page.content import gather
from bayesineq.report.page.heading import ReportOptions, set_in
from bayesineq.report.page.write import render, write_report

FIGURES = sorted(name for name in dir(bayesineq.plots) if name.startswith(("plot_", "map_")))


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_takes_a_title(name: str) -> None:
    assert "title" in inspect.signature(getattr(bayesineq.plots, name)).parameters


def test_a_title_is_drawn_and_said() -> None:
    values = xr.DataArray(
        np.random.default_rng(1).normal(0.2, 0.01, (1, 100, 2)), dims=("chain", "draw", "sex"),
        coords={"sex": ["f", "m"], "population": ("sex", [500.0, 600.0])},
    )  # fmt: skip
    chart = plot_forest(values, "sex", title="Smoking, Suffolk, 2021")
    assert chart.title == "Smoking, Suffolk, 2021"
    assert chart.figure.get_suptitle() == "Smoking, Suffolk, 2021"
    assert "smoking, Suffolk, 2021" in chart.alt


def test_a_map_has_the_title_that_is_given(squares: gpd.GeoDataFrame) -> None:
    draws = np.random.default_rng(1).normal(0.2, 0.01, (1, 100, len(squares)))
    values = xr.DataArray(draws, dims=("chain", "draw", "area"), coords={"area": squares["area"].to_numpy()})
    assert map_posterior(values, squares, title="Smoking, Suffolk").title == "Smoking, Suffolk"


def test_a_report_says_what_it_is_of_in_head_and_captions(
    prevalence: xr.DataTree, squares: gpd.GeoDataFrame, tmp_path: Path
) -> None:
    path = write_report(
        prevalence,
        squares,
        tmp_path / "r.html",
        ReportOptions(outcome="diabetes prevalence", place="Suffolk", period="2021"),
    )
    page = path.read_text(encoding="utf-8")
    assert "<h1>Inequality in diabetes prevalence, Suffolk, 2021</h1>" in page
    assert "Place: Suffolk. Period: 2021." in page
    captions = re.findall("<figcaption>(.*?)</figcaption>", page, flags=re.S)
    assert len(captions) > 5
    # What the page begins with stands under its title, and says there how it is read.
    assert all("(Suffolk, 2021)." in caption for caption in captions[2:])
    assert page.count('aria-label="Figure: ') == page.count('(Suffolk, 2021)" tabindex')
    assert "Over everyone" in page
    assert not re.search(r"(?<!iabetes )\bprevalence (at the|is higher|by )", page, flags=re.I)


def test_the_place_of_a_posterior_is_that_of_its_reports(prevalence: xr.DataTree, tmp_path: Path) -> None:
    save(set_in(prevalence, "Suffolk", None), tmp_path / "post.nc")
    held = load(tmp_path / "post.nc")
    content = gather(held, None)
    assert content.heading.where == "Suffolk"
    assert ("Place", "Suffolk") in content.quality.rows
    assert ("Period", "not stated") in content.quality.rows
    assert "<h1>Inequality in prevalence, Suffolk</h1>" in render(content)
    stated = gather(held, None, ReportOptions(title="Ours", place="Essex", period="2020"))
    assert stated.heading.where == "Essex, 2020"
    assert "<h1>Ours</h1>" in render(stated)
    assert "place" not in prevalence.attrs


def test_without_either_nothing_is_made_up(worlds: SimpleNamespace) -> None:
    page = render(gather(worlds.prevalence_posterior(), None))
    assert "<h1>Inequality in prevalence</h1>" in page
    assert "Place: " not in page
