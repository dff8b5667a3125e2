"""
One picture of every kind of figure, against the picture that was looked at when it was made.

A picture is kept twice: as a list of what is drawn (every line, patch, collection and word, with its size, place and
colour), which any removed or moved artist fails, and as 24 by 16 mean shades of grey, which sees what hides behind
something else, whatever the version of a font. After a wanted change: look at the figures, then run with
BAYESINEQ_WRITE_IMAGES=1.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from matplotlib.artist import Artist
from matplotlib.collections import Collection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.image import imread
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.spines import Spine
from matplotlib.text import Text

from bayesineq.decisions.compare import compare
from bayesineq.decisions.distributional import ImpactPlane
from bayesineq.disclosure.covered import covered
from bayesineq.pathway.over_time import gap_over_time
from bayesineq.pathway.steps import gap_along_steps
from bayesineq.posterior.expected import expected
from bayesineq.posterior.predictive import predictive
from bayesineq.report.figures.caterpillar import plot_caterpillar
from bayesineq.report.figures.checks import plot_calibration, plot_predictive, plot_prior_posterior
from bayesineq.report.figures.choices import plot_acceptability, plot_frontier, plot_plane
from bayesineq.report.figures.curves import plot_concentration, plot_equiplot, plot_trend
from bayesineq.report.figures.forest import plot_associations, plot_forest
from bayesineq.report.figures.funnel import plot_funnel
from bayesineq.report.figures.gradient import plot_gradient
from bayesineq.report.figures.heat import plot_heat
from bayesineq.report.figures.hexagons import hexagons
from bayesineq.report.figures.maps import map_posterior
from bayesineq.report.figures.outline import outline
from bayesineq.report.figures.pareto import plot_pareto
from bayesineq.report.figures.steps import plot_gap_over_time, plot_steps
from bayesineq.report.figures.style import Chart, to_png
from bayesineq.report.figures.tartan import Indicator, plot_tartan
from bayesineq.report.figures.tiers import map_bivariate, map_certainty, map_tiers
from bayesineq.report.figures.timeline import plot_timeline, plot_ways
from bayesineq.report.page.pathway import same_cover
from bayesineq.report.tables.numbers import PERCENT

KEPT = Path(__file__).with_name("images.json")
DRAWN = Path(__file__).with_name("drawn.json")
WRITE = os.environ.get("BAYESINEQ_WRITE_IMAGES") == "1"
COLUMNS, ROWS = 24, 16
CELL, MEAN = 26.0, 3.0
"""Greatest difference of one cell, and of all on average, in shades of 256: hinting moves a cell by less than 15."""

NAMED = {"outcome": "prevalence", "unit": PERCENT}


def shades(chart: Chart) -> np.ndarray:
    picture = imread(io.BytesIO(to_png(chart, dpi=60)))[..., :3].mean(axis=2) * 255
    rows = np.array_split(picture, ROWS, axis=0)
    return np.array([[part.mean() for part in np.array_split(row, COLUMNS, axis=1)] for row in rows])


def practices() -> pd.DataFrame:
    rng = np.random.default_rng(8)
    people = rng.integers(200, 4000, 40)
    return pd.DataFrame({"practice": [f"P{k}" for k in range(40)], "events": rng.binomial(people, 0.1), "n": people})


def causes() -> xr.DataArray:
    draws = np.random.default_rng(6).normal([90.0, 40.0, 25.0], [9.0, 6.0, 5.0], (1, 200, 3))
    return xr.DataArray(draws, dims=("chain", "draw", "cause"), coords={"cause": ["heart", "lung", "cancer"]})


def comparison() -> Chart:
    draws = np.random.default_rng(2).normal([100.0, 130.0], [20.0, 30.0], (1, 300, 2))
    benefit = xr.DataArray(
        draws,
        dims=("chain", "draw", "intervention"),
        coords={"intervention": ["text", "call"]},
        attrs={"scale": "events averted"},
    )
    paid = {"text": 2000.0, "call": 9000.0}
    return plot_acceptability(compare(benefit, paid, threshold=100.0, thresholds=[0.0, 100.0, 200.0, 400.0]))


def plane() -> Chart:
    rng = np.random.default_rng(1)
    points = pd.DataFrame(
        {"intervention": "text", "net_health": rng.normal(5, 2, 200), "equity": rng.normal(1, 2, 200)}
    )
    return plot_plane(
        ImpactPlane(points, pd.DataFrame({"intervention": ["text"], "P(win-win)": [0.7]}), 3.5, "atkinson")
    )


def floors() -> Chart:
    table = pd.DataFrame(
        {"floor": [0.0, 0.2, 0.4], "share": [0.1, 0.2, 0.4], "benefit": [100.0, 97.0, 88.0],
         "lower": [80.0, 78.0, 70.0], "upper": [120.0, 115.0, 105.0], "given_up": [0.0, 3.0, 12.0]}
    )  # fmt: skip
    return plot_frontier(table, group="the most deprived fifth")


def steps(deciles: xr.DataArray) -> Chart:
    parts = {"having it": deciles, "not checked": 0.2 + deciles}
    gap = gap_along_steps(parts, "imd_decile")
    between = ("the most deprived tenth", "the least deprived tenth")
    return plot_steps(same_cover(gap, [covered(deciles)]), outcome="people not checked", between=between, prob=0.95)


def gap_by_year(years: xr.DataArray) -> Chart:
    gap = gap_over_time(years, "imd_decile", last_observed=2022)
    return plot_gap_over_time(same_cover(gap, [covered(years)]), outcome="prevalence", unit=PERCENT, prob=0.95)


@pytest.fixture(scope="module")
def world(prevalence: xr.DataTree, health: xr.DataTree, squares: gpd.GeoDataFrame) -> SimpleNamespace:
    checked = prevalence.copy()
    checked["checks"] = xr.Dataset({"pit": ("row", np.random.default_rng(1).uniform(size=360))})
    deciles = expected(prevalence, by="imd_decile")
    years = xr.concat([deciles * (1 + 0.05 * k) for k in range(4)], pd.Index(range(2020, 2024), name="year"))
    shapes = outline(squares)
    return SimpleNamespace(
        post=checked,
        health=health,
        deciles=deciles,
        groups=expected(prevalence, by="ethnicity"),
        crossed=expected(prevalence, by=["imd_decile", "ethnicity"]),
        years=years,
        areas=expected(prevalence, by="area").isel(area=slice(0, 28)),
        shapes=shapes,
        replicated=cache(lambda: predictive(prevalence, by="ethnicity", draws=50, seed=1))(),
    )


def score(world: SimpleNamespace) -> pd.Series:
    return pd.Series(np.arange(28.0), index=world.areas["area"].to_numpy())


def timeline() -> Chart:
    """Two kinds of event for three groups, and an interval that is withheld."""
    rows = [(g, e, 30 * k) for g in (1, 3, 5) for e in ("clinic", "admission") for k in range(4)]
    table = pd.DataFrame(rows, columns=["imd_quintile", "event", "from_day"])
    table["to_day"] = table["from_day"] + 29
    table["rate"] = 0.4 - 0.05 * table["imd_quintile"] + 0.002 * table["from_day"] - 0.1 * (table["event"] == "clinic")
    table = table.assign(lower=table["rate"] - 0.03, upper=table["rate"] + 0.04)
    table.loc[5, ["rate", "lower", "upper"]] = np.nan
    return plot_timeline(table, ["imd_quintile"], "What happens after referral, and when", "Dots and bands.")


def ways() -> Chart:
    table = pd.DataFrame({"group": [*"12345", "slope"], "mean": [9.5, 11.0, 14.0, 18.5, 16.0, 8.0], "unit": "minutes"})
    return plot_ways(table.assign(ninth_decile=1.7 * table["mean"]), "How far it is to the nearest service", "Dots.")


FIGURES: dict[str, Callable[[SimpleNamespace], Chart]] = {
    "map of means": lambda w: map_posterior(w.areas, w.shapes, **NAMED),
    "map of widths": lambda w: map_posterior(w.areas, w.shapes, statistic="width", **NAMED),
    "map of exceedance": lambda w: map_posterior(w.areas, w.shapes, statistic="exceedance", **NAMED),
    "map of hexagons": lambda w: map_posterior(w.areas, hexagons(w.shapes), **NAMED),
    "map of tiers": lambda w: map_tiers(w.areas, w.shapes),
    "map of two variables": lambda w: map_bivariate(w.areas, w.shapes, score(w), other_name="deprivation"),
    "map of certainty": lambda w: map_certainty(w.areas, w.shapes, **NAMED),
    "gradient": lambda w: plot_gradient(w.deciles, "imd_decile", **NAMED),
    "forest": lambda w: plot_forest(w.groups, "ethnicity", **NAMED),
    "associations": lambda w: plot_associations(w.health),
    "caterpillar": lambda w: plot_caterpillar(w.areas, "area", **NAMED),
    "heat": lambda w: plot_heat(w.crossed, "ethnicity", "imd_decile", **NAMED),
    "concentration": lambda w: plot_concentration(w.deciles, "imd_decile"),
    "trend": lambda w: plot_trend(w.years, "imd_decile", **NAMED),
    "steps": lambda w: steps(w.deciles),
    "timeline": lambda w: timeline(),
    "ways": lambda w: ways(),
    "gap by year": lambda w: gap_by_year(w.years),
    "equiplot": lambda w: plot_equiplot(w.years, "imd_decile", rows="year", **NAMED),
    "prior and posterior": lambda w: plot_prior_posterior(w.post),
    "calibration": lambda w: plot_calibration(w.post),
    "predictive": lambda w: plot_predictive(w.replicated, w.replicated.isel(draw=0).to_series(), "ethnicity"),
    "funnel": lambda w: plot_funnel(practices(), unit="practice", events="events", at_risk="n"),
    "tartan": lambda w: plot_tartan({"prevalence": Indicator(w.areas, PERCENT)}),
    "pareto": lambda w: plot_pareto(causes(), "cause", reference="the least deprived tenth"),
    "acceptability": lambda w: comparison(),
    "plane": lambda w: plane(),
    "frontier": lambda w: floors(),
}


def rounded(values: np.ndarray) -> str:
    """How many points, and where they lie and centre, to three digits."""
    finite = np.asarray(values, dtype=float).reshape(-1, 2)
    finite = finite[np.isfinite(finite).all(axis=1)]
    if not len(finite):
        return "nowhere"
    ends = [*finite.min(axis=0), *finite.max(axis=0), *finite.mean(axis=0)]
    return f"{len(finite)} points, " + " ".join(f"{0.0 if abs(v) < 1e-9 else v:.3g}" for v in ends)


def colours(values: object) -> str:
    return " ".join(sorted({to_hex(v, keep_alpha=True) for v in np.atleast_2d(np.asarray(values))}))


def drawn(artist: Artist) -> str | None:
    """One artist in words; None for what is not drawn, or carries neither data nor meaning."""
    if not artist.get_visible():
        return None
    match artist:
        case Text():
            return f"text {artist.get_text()!r} {to_hex(artist.get_color())}" if artist.get_text().strip() else None
        case Line2D():
            look = f"{artist.get_linestyle()} {artist.get_marker()} {to_hex(artist.get_color())}"
            return (
                f"line {look}: {rounded(np.column_stack(np.broadcast_arrays(*artist.get_data(orig=False))))}"
                if len(artist.get_xdata())
                else None
            )
        case Collection():
            points = [path.vertices for path in artist.get_paths()]
            placed = np.vstack([*points, np.ma.filled(artist.get_offsets(), np.nan)]) if points else np.empty((0, 2))
            array = artist.get_array()
            seen = colours(artist.get_facecolor()) if array is None else f"{np.size(array)} values"
            return f"{type(artist).__name__} {seen} {artist.get_hatch() or ''}: {rounded(placed)}"
        case Spine():
            return None
        case Patch():
            place = artist.get_patch_transform().transform(artist.get_path().vertices)
            seen = colours(artist.get_facecolor()) if artist.get_fill() else "no fill"
            return f"{type(artist).__name__} {seen} {artist.get_hatch() or ''}: {rounded(place)}"
        case _:
            return None


def leaves(artist: Artist) -> list[Artist]:
    parts = artist.get_children()
    return [artist, *(leaf for part in parts for leaf in leaves(part))]


def inventory(figure: Figure) -> list[str]:
    """Everything that is drawn, sorted."""
    return sorted(said for leaf in leaves(figure) if (said := drawn(leaf)) is not None)


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_draws_what_it_drew_when_it_was_looked_at(name: str, world: SimpleNamespace) -> None:
    figure = FIGURES[name](world).figure
    figure.canvas.draw()
    found = inventory(figure)
    kept = json.loads(DRAWN.read_text(encoding="utf-8")) if DRAWN.is_file() else {}
    if WRITE:
        kept[name] = found
        DRAWN.write_text(json.dumps(kept, indent=0, ensure_ascii=False) + "\n", encoding="utf-8")
    assert found == kept[name]


@pytest.mark.parametrize("name", FIGURES)
def test_the_list_of_what_is_drawn_misses_every_part(name: str, world: SimpleNamespace) -> None:
    figure = FIGURES[name](world).figure
    figure.canvas.draw()
    before = inventory(figure)
    for leaf in leaves(figure)[1:]:
        if drawn(leaf) is not None:
            leaf.set_visible(False)
            assert inventory(figure) != before, f"nobody would miss {drawn(leaf) or leaf}"
            leaf.set_visible(True)


@pytest.mark.slow
@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_looks_as_it_did_when_it_was_looked_at(name: str, world: SimpleNamespace) -> None:
    found = shades(FIGURES[name](world))
    kept = json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.is_file() else {}
    if WRITE:
        kept[name] = found.round().astype(int).tolist()
        lines = ",\n".join(f"{json.dumps(k)}: {json.dumps(v, separators=(',', ':'))}" for k, v in kept.items())
        KEPT.write_text(f"{{\n{lines}\n}}\n", encoding="utf-8")
    gap = np.abs(found - np.array(kept[name]))
    assert gap.max() <= CELL, f"a part of the figure changed by {gap.max():.0f} shades"
    assert gap.mean() <= MEAN, f"the figure changed by {gap.mean():.1f} shades on average"


@pytest.mark.slow
def test_the_check_of_pictures_sees_a_missing_part(world: SimpleNamespace) -> None:
    chart = FIGURES["gradient"](world)
    before = shades(chart)
    chart.figure.axes[0].containers[0].remove()
    assert np.abs(shades(chart) - before).max() > CELL


def test_every_kind_has_a_picture() -> None:
    assert set(json.loads(KEPT.read_text(encoding="utf-8"))) == set(FIGURES)
    assert set(json.loads(DRAWN.read_text(encoding="utf-8"))) == set(FIGURES)
