"""Conditions that come together: a network whose table says the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from bayesineq.disclosure.covered import require_covered
from bayesineq.disclosure.persons import PersonTables
from bayesineq.errors import MeasureError
from bayesineq.report.figures.style import (
    ACCENT,
    CONTRAST,
    DEPRIVED,
    INK,
    PAPER,
    QUIET,
    Chart,
    headline,
    new_figure,
    plain,
)
from bayesineq.report.words.labels import dimension_label

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_EDGES: Final = 60
"""More lines than these cannot be told apart."""

_COLOURS: Final = (ACCENT, CONTRAST, "#472a6f", "#1d7a46", DEPRIVED[3], "#48a9a6", QUIET)
_SIDE: Final = 7.2


def network_edges(found: PersonTables) -> pd.DataFrame:
    """
    The pairs that are joined, strongest first.

    `found`: Tables of multimorbidity that may be shown. Returns: columns of the pairs, as far as they are drawn.
    """
    require_covered(found)
    pairs = found.shown["multimorbidity_pairs"]
    joined = pairs[pairs["joined"].eq(True)]
    return joined.sort_values("odds_ratio", ascending=False).head(MOST_EDGES).reset_index(drop=True)


def plot_network(found: PersonTables) -> Chart:
    """
    Draw conditions that come together beyond chance as dots that are joined.

    Parameters
    ----------
    found : Covered
        Tables of `multimorbidity` that may be shown, of `covered_persons`.

    Returns
    -------
    Chart
        The figure; its table has a row a line.

    Raises
    ------
    MeasureError
        No two conditions are joined.

    Examples
    --------
    >>> from bayesineq.disclosure.persons import covered_persons
    >>> pairs = pd.DataFrame({"first": ["gout"], "second": ["stroke"], "both": [90], "with_first": [300]})
    >>> pairs = pairs.assign(with_second=[400], people=9000, odds_ratio=[8.8], joined=[True])
    >>> one = pd.DataFrame({"condition": ["gout", "stroke"], "people_with": [300, 400], "people": 9000})
    >>> tables = {"multimorbidity_conditions": one.assign(community=1), "multimorbidity_pairs": pairs}
    >>> plot_network(covered_persons(tables)).title
    'Conditions that come together beyond chance'
    """
    edges = network_edges(found)
    if edges.empty:
        raise MeasureError("no two conditions are joined, so there is nothing to draw")
    where = _places(edges)
    conditions = found.shown["multimorbidity_conditions"].set_index("condition")
    figure = new_figure(_SIDE, _SIDE)
    axes = figure.add_subplot()
    axes.axis("off")
    axes.set_xlim(-1.28, 1.28)
    axes.set_ylim(-1.15, 1.15)
    _lines(axes, edges, where)
    community = conditions["community"].reindex(list(where)).astype("Float64").fillna(0)
    largest = community.value_counts().index.tolist()
    share = (conditions["people_with"] / conditions["people"]).reindex(list(where)).astype("Float64")
    size = 60 + 540 * np.sqrt(share.to_numpy(dtype=float, na_value=0.0))
    colours = [_COLOURS[min(largest.index(own), len(_COLOURS) - 1)] for own in community]
    points = np.array(list(where.values()))
    axes.scatter(points[:, 0], points[:, 1], s=size, c=colours, edgecolors=PAPER, linewidths=1.0, zorder=3)
    _names(axes, where)
    title = "Conditions that come together beyond chance"
    headline(figure, title)
    every = int(found.shown["multimorbidity_pairs"]["joined"].eq(True).sum())
    some = f" The {len(edges)} strongest of {every} are drawn." if every > len(edges) else ""
    ordered = "came_first" in edges and edges["came_first"].fillna("").ne("").any()
    arrows = " An arrow leads from the condition that was mostly recorded first." if ordered else ""
    caption = (
        "A line joins two conditions that people have together more often than others of the same strata; the thicker, "
        f"the higher the odds ratio. A larger dot is a commoner condition; dots of a colour are a community.{arrows}"
        f"{some} The table says the same in numbers."
    )
    strongest = edges.iloc[0]
    alt = (
        f"Network of {len(where)} conditions and {len(edges)} lines. The strongest joins {_word(strongest['first'])} "
        f"and {_word(strongest['second'])}. {caption}"
    )
    return Chart(figure, title, caption, alt, edges)


def _word(name: object) -> str:
    return dimension_label(str(name))


def _places(edges: pd.DataFrame) -> dict[str, np.ndarray]:
    """Where each condition is drawn: parts that hang together side by side, each by Kamada and Kawai."""
    import networkx as nx

    graph = nx.Graph()
    graph.add_edges_from(zip(edges["first"], edges["second"], strict=True))
    parts = sorted(nx.connected_components(graph), key=lambda of: (-len(of), min(of)))
    # Rows of parts in boxes whose area grows with their number of conditions.
    width = np.array([np.sqrt(len(part)) + 0.6 for part in parts])
    line = max(float(width[0]), float(np.sqrt((width**2).sum())))
    rows: list[list[int]] = [[]]
    for k, own in enumerate(width):
        if rows[-1] and width[rows[-1]].sum() + own > line * 1.05:
            rows.append([])
        rows[-1].append(k)
    found: dict[str, np.ndarray] = {}
    top = 0.0
    for row in rows:
        left = (line - width[row].sum()) / 2
        for k in row:
            own = graph.subgraph(sorted(parts[k]))
            centre = np.array([left + width[k] / 2, top - width[row].max() / 2])
            for name, place in _laid_out(own).items():
                found[str(name)] = centre + 0.36 * width[k] * np.asarray(place)
            left += width[k]
        top -= float(width[row].max())
    points = np.array(list(found.values()))
    points -= (points.max(axis=0) + points.min(axis=0)) / 2
    points /= np.maximum(np.abs(points).max(axis=0), 1e-9)
    return dict(zip(found, points, strict=True))


def _laid_out(graph: Any) -> dict[str, np.ndarray]:
    import networkx as nx

    names = sorted(graph.nodes)
    if len(names) == 2:
        return {names[0]: np.array([-0.8, 0.35]), names[1]: np.array([0.8, -0.35])}
    start = nx.circular_layout(names)
    return dict(nx.kamada_kawai_layout(graph, pos=start))


def _lines(axes: Axes, edges: pd.DataFrame, where: dict[str, np.ndarray]) -> None:
    strength = np.log(edges["odds_ratio"].to_numpy(dtype=float))
    width = 0.8 + 3.2 * strength / max(float(strength.max()), 1e-9)
    first = edges["came_first"].fillna("") if "came_first" in edges else pd.Series("", index=edges.index)
    for row, thick, came in zip(edges.itertuples(), width, first, strict=True):
        start, end = where[str(row.first)], where[str(row.second)]
        if came == row.second:
            start, end = end, start
        if came:
            axes.annotate(
                "", xy=tuple(end), xytext=tuple(start), zorder=1,
                arrowprops={"arrowstyle": "-|>", "color": "#8a959c", "linewidth": thick, "shrinkA": 6, "shrinkB": 9},
            )  # fmt: skip
        else:
            axes.plot([start[0], end[0]], [start[1], end[1]], color="#8a959c", linewidth=thick, zorder=1)


def _names(axes: Axes, where: dict[str, np.ndarray]) -> None:
    from matplotlib.patheffects import withStroke

    for name, place in where.items():
        # Names lie above a dot, or below it in the lower half: outwards, where there is room.
        above = place[1] >= 0
        axes.annotate(
            plain(_word(name)), xy=tuple(place), xytext=(0, 9 if above else -9), textcoords="offset points",
            ha="center", va="bottom" if above else "top", fontsize=8.5, color=INK, zorder=4,
            path_effects=[withStroke(linewidth=2.5, foreground=PAPER)],
        )  # fmt: skip
