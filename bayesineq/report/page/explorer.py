"""An explorer inside the report: map, gradient and table linked, without a network, within a strict security policy."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from bayesineq.dims import AREA, DEPRIVATION
from bayesineq.disclosure.covered import Draws
from bayesineq.errors import BayesineqError
from bayesineq.posterior.population import population
from bayesineq.report.figures.outline import outline
from bayesineq.report.figures.style import (
    EXCEEDANCE,
    EXCEEDANCE_EDGES,
    EXCEEDANCE_WORDS,
    INK,
    MISSING,
    PICKED,
    QUIET,
    SEQUENTIAL,
    by_polarity,
    direction,
)
from bayesineq.report.page.alike import Alike
from bayesineq.report.page.explorer_areas import Scale, part_shapes, part_values, shared_scale, view
from bayesineq.report.page.explorer_groups import group_records
from bayesineq.report.page.parts import Frame
from bayesineq.report.tables.numbers import with_unit

if TYPE_CHECKING:
    import geopandas as gpd

_MOST: Final = 8_000
_SCRIPT: Final = Path(__file__).parent / "templates" / "explorer.js"


@dataclass(frozen=True, slots=True)
class Explorer:
    """
    What the page needs to hold an explorer.

    Parameters
    ----------
    data : str
        JSON of areas, groups, thresholds and words; no sign in it can end a script.
    library : str
        JavaScript of the drawing library.
    script : str
        JavaScript that links controls, map, gradient and table.
    views : tuple of str
        Names of the maps; one without a name where there is one map only.
    dims : tuple of (str, str)
        Code and name of every dimension of groups.
    thresholds : tuple of str
        The thresholds in words.
    start : int
        Threshold at which the explorer opens: the one nearest the average.
    legends : mapping of str to tuple of (str, str)
        By what is shown: colour and label of each class.
    held : str
        What is held equal between areas, in words; empty for nothing.
    """

    data: str
    library: str
    script: str
    views: tuple[str, ...]
    dims: tuple[tuple[str, str], ...]
    thresholds: tuple[str, ...]
    start: int
    legends: Mapping[str, tuple[tuple[str, str], ...]]
    held: str = ""


def explorer(
    frame: Frame,
    likes: Mapping[str, Alike],
    areas: gpd.GeoDataFrame,
    names: Mapping[str, str],
    *,
    code: str | None = None,
    parts: str | None = None,
) -> Explorer:
    """
    Prepare an explorer.

    `likes`: By dimension, areas among them: outcome of each group, as it is compared and as it is. `parts`: Column
    of `areas` with the part of the map that each lies in, such as its integrated care board. The explorer then
    opens on a map of the parts, and shows the areas of the one that is chosen.
    """
    if frame.place is None:
        raise BayesineqError(f"card {frame.card.name!r} has no areas, so there is nothing to explore on a map")
    found = explorer_data(frame, likes, areas, names, code=code, parts=parts)
    specs = {"map": map_spec(), "groups": group_spec()}
    text = json.dumps({**found, "specs": specs}, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    # Inside a page, these three could end the block that holds the data.
    text = text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    return Explorer(
        data=text,
        library=library(),
        script=_SCRIPT.read_text(encoding="utf-8"),
        views=tuple(view["name"] for view in found["views"]),
        dims=tuple({g["dim"]: g["named"] for g in found["groups"]}.items()),
        thresholds=tuple(found["thresholds"]),
        start=found["start"],
        held=found["held"],
        legends={
            **{name: tuple(classes) for name, classes in found["legends"].items()},
            "probability": tuple(
                zip(by_polarity(EXCEEDANCE, frame.card.outcome.more_is), EXCEEDANCE_WORDS, strict=True)
            ),
        },
    )


def explorer_data(
    frame: Frame,
    likes: Mapping[str, Alike],
    areas: gpd.GeoDataFrame,
    names: Mapping[str, str],
    *,
    code: str | None = None,
    parts: str | None = None,
) -> dict[str, Any]:
    """
    Gather what the explorer shows.

    `views` holds one map of all areas, or one of all parts followed by one a part; `legends` colour and label of each
    class of estimates, of areas and of parts.
    """
    place = str(frame.place)
    like = likes[place].renamed(place, AREA)
    values, crude = like.values, like.crude if like.is_adjusted else None
    scale, unit, outcome = shared_scale(frame, values), frame.unit, frame.card.outcome
    views, of_parts = _views(frame, scale, (values, crude), areas, names, code, parts)
    legends = {"estimate": _legend(frame, scale)}
    if of_parts is not None:
        legends["parts"] = _legend(frame, of_parts)
    return {
        "views": views,
        "thresholds": _limits(frame, scale),
        "start": scale.start,
        "places": scale.places,
        "suffix": unit.suffix,
        "held": like.held,
        "groups": group_records(frame, likes),
        "legends": legends,
        "palette": {
            **{name: [colour for colour, _ in classes] for name, classes in legends.items()},
            "probability": list(by_polarity(EXCEEDANCE, outcome.more_is)),
            "missing": MISSING,
        },
        "edges": [100 * edge for edge in EXCEEDANCE_EDGES],
        "outcome": outcome.name,
        "unit": unit.label or outcome.name,
        "direction": direction(outcome.more_is),
        "level": frame.level,
        "linked": next((d for d in DEPRIVATION if d in frame.card.dims), None),
    }


def _limits(frame: Frame, scale: Scale) -> list[str]:
    """Thresholds in words; the one in the middle is the average that the page's sentences speak of."""
    shown = [with_unit(cut, frame.unit, places=scale.places) for cut in scale.cuts]
    shown[scale.start] = f"{frame.average_of_areas} ({shown[scale.start]})"
    return shown


def _views(
    frame: Frame,
    scale: Scale,
    both: tuple[Draws, Draws | None],
    areas: gpd.GeoDataFrame,
    names: Mapping[str, str],
    code: str | None,
    parts: str | None,
) -> tuple[list[dict[str, Any]], Scale | None]:
    """Every map, and the classes of colour of the one of all parts: parts differ far less than areas."""
    values, crude = both
    levels = _deprivation(frame)
    if parts is None:
        _check_size(len(areas), "all areas on one map")
        shapes = outline(areas, code=code)
        return [view(frame, scale, values, crude, shapes, name="", names=names, levels=levels)], None
    if parts not in areas.columns:
        raise BayesineqError(
            f"parts={parts!r} is no column of the boundaries, which have {', '.join(map(str, areas.columns))}; join a "
            "look-up of areas to them first"
        )
    whole = outline(areas, code=code)
    part_of = areas[parts].set_axis(whole.codes)
    melted = part_shapes(whole, part_of)
    by_part = values.map(lambda draws: part_values(draws, part_of))
    crude_by_part = None if crude is None else crude.map(lambda draws: part_values(draws, part_of))
    of_parts = replace(scale, edges=shared_scale(frame, by_part).edges)
    whole_name = f"all {len(melted)} parts"
    made = [view(frame, of_parts, by_part, crude_by_part, melted, name=whole_name, names={}, levels={})]
    held = values.shown[AREA].to_numpy().astype(str)
    for name in melted.codes.tolist():
        inside = (part_of == name).to_numpy()
        _check_size(int(inside.sum()), name)
        # Details that nobody sees on a map of everything are seen on a map of one part.
        shapes = outline(areas[inside], code=code)
        mine = {AREA: np.isin(held, shapes.codes)}
        own, beside = _some(values, mine), None if crude is None else _some(crude, mine)
        made.append(view(frame, scale, own, beside, shapes, name=name, names=names, levels=levels))
    return made, of_parts


def _some(values: Draws, mine: Mapping[str, NDArray[np.bool_]]) -> Draws:
    """Draws of a part of the areas."""
    return values.map(lambda draws: draws.isel(mine))


def _legend(frame: Frame, scale: Scale) -> list[tuple[str, str]]:
    """Colour and label of each class of estimates."""
    count = len(scale.edges) - 1
    edges = [with_unit(edge, frame.unit, places=scale.places) for edge in scale.edges]
    colours = [SEQUENTIAL[round(k * 4 / max(count - 1, 1))] for k in range(count)]
    return [(colour, f"{low} to {high}") for colour, (low, high) in zip(colours, pairwise(edges), strict=True)]


def _check_size(count: int, what: str) -> None:
    if count > _MOST:
        raise BayesineqError(
            f"a map of the explorer holds at most {_MOST:,} areas; {what} would need {count:,}: name a column of "
            "smaller parts of the map with parts=, or leave the explorer out"
        )


def map_spec() -> dict[str, Any]:
    """
    Describe the map to the drawing library.

    In Vega-Lite; parameters `chosen` (an area), `level` (a group of areas), `show` and `cut` come from the page.
    """
    alt = _altair()
    colour = (
        "!isValid(datum.mean) ? palette.missing : show !== 'probability' ? palette[show][datum.tone] : "
        "datum.above[cut] <= edges[1] ? palette.probability[0] : "
        "datum.above[cut] <= edges[2] ? palette.probability[1] : "
        "datum.above[cut] < edges[3] ? palette.probability[2] : "
        "datum.above[cut] < edges[4] ? palette.probability[3] : palette.probability[4]"
    )
    named = [("chosen", ""), ("level", ""), ("show", "estimate"), ("cut", 0), ("palette", {}), ("edges", [])]
    said = [alt.Tooltip("name:N", title="Area"), alt.Tooltip("said:N", title="Estimate")]
    base = alt.Chart(alt.NamedData("areas")).encode(tooltip=said)
    body = (
        base.mark_geoshape(strokeWidth=0.4, stroke="#ffffff")
        .transform_calculate(colour=colour)
        .encode(color=alt.Color("colour:N", scale=None))
    )
    # Outlines lie over all areas, or neighbours would cover half of them.
    of_group = base.mark_geoshape(fill=None, stroke=PICKED, strokeWidth=1.6, aria=False).transform_filter(
        "level !== '' && datum.level === level"
    )
    of_area = base.mark_geoshape(fill=None, stroke=INK, strokeWidth=3.5, aria=False).transform_filter(
        "datum.code === chosen"
    )
    chart = (
        alt.layer(body, of_group, of_area)
        .properties(width="container", height=420)
        .project(type="identity", reflectY=True)
        .add_params(*(alt.param(name=name, value=value) for name, value in named))
    )
    return _plain(chart)


def group_spec() -> dict[str, Any]:
    """
    Describe the gradient to the drawing library.

    In Vega-Lite; parameters `dim` (whose groups are shown) and `level` (which is picked out) come from the page.
    """
    alt = _altair()
    base = alt.Chart(alt.NamedData("groups"), width="container", height=260).transform_filter("datum.dim === dim")
    y = alt.Y("label:N", sort=alt.SortField("order"), title=None, axis=alt.Axis(labelLimit=180, labelColor=INK))
    x = alt.X("mean:Q", title=None, scale=alt.Scale(zero=False), axis=alt.Axis(labelColor=INK, tickCount=6))
    picked = alt.condition("datum.level === level", alt.value(PICKED), alt.value(QUIET))
    lines = base.mark_rule(strokeWidth=2).encode(y=y, x=alt.X("lower:Q"), x2="upper:Q", color=picked)
    dots = base.mark_point(filled=True, size=90, opacity=1).encode(
        y=y, x=x, color=picked, tooltip=[alt.Tooltip("label:N", title="Group"), alt.Tooltip("said:N", title="Estimate")]
    )
    chart = alt.layer(lines, dots).add_params(alt.param(name="dim", value=""), alt.param(name="level", value=""))
    return _plain(chart)


@cache
def library() -> str:
    """
    JavaScript of the drawing library with everything that it needs.

    One script that asks nothing of a network, and cannot end the block that holds it.
    """
    try:
        import vl_convert
    except ImportError as error:
        raise BayesineqError("the explorer needs the extra: pip install 'bayesineq[explorer]'") from error
    snippet = "window.vegaEmbed = vegaEmbed;"
    return str(vl_convert.javascript_bundle(snippet)).replace("</script", "<\\/script").replace("<!--", "<\\!--")


def _altair() -> Any:
    try:
        import altair
    except ImportError as error:
        raise BayesineqError("the explorer needs the extra: pip install 'bayesineq[explorer]'") from error
    return altair


def _plain(chart: Any) -> dict[str, Any]:
    """A specification without data or addresses, in the page's own letters."""
    spec: dict[str, Any] = chart.to_dict()
    spec.pop("$schema", None)
    spec["autosize"] = {"type": "fit-x", "contains": "padding"}
    spec["config"] = {"view": {"stroke": None}, "font": "Arial, sans-serif", "axis": {"labelFontSize": 12}}
    return spec


def _deprivation(frame: Frame) -> dict[str, str]:
    """Deprivation group of every area that has exactly one."""
    dim = next((d for d in DEPRIVATION if d in frame.card.dims), None)
    if dim is None or frame.place is None:
        return {}
    rows = population(frame.post)[[frame.place, dim]].drop_duplicates()
    single = rows[~rows[frame.place].duplicated(keep=False)]
    return {str(code): str(level) for code, level in zip(single[frame.place], single[dim], strict=True)}
