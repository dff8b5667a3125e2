"""How many rows each source holds of each year: where a line breaks, recording changed and not people."""

from __future__ import annotations

from typing import Final

import pandas as pd

from bayesineq.disclosure.covered import require_covered
from bayesineq.disclosure.quality import QualityTables
from bayesineq.errors import MeasureError
from bayesineq.report.figures.style import (
    ACCENT,
    CONTRAST,
    DEPRIVED,
    INK,
    QUIET,
    Chart,
    dress,
    headline,
    new_figure,
    plain,
)

NAMED: Final = {"persons": "persons", "events": "coded facts", "spells": "stays and contacts"}
"""Tables of the normal form in words."""

YEARS: Final = 15
_MOST: Final = 6
_COLOURS: Final = (ACCENT, CONTRAST, DEPRIVED[0], DEPRIVED[8], QUIET, INK)
_MARKS: Final = ("o", "s", "^", "D", "v", "P")


def latest_years(found: QualityTables) -> pd.DataFrame:
    """Rows by table, source and year of the latest years; a source that is not stated is called so."""
    years = found.shown["years"]
    last = int(years["year"].max()) if len(years) else 0
    return years[years["year"] > last - YEARS].assign(source=lambda t: t["source"].fillna("source not stated"))


def plot_recorded_years(found: QualityTables) -> Chart:
    """
    Draw rows by year as lines, a panel for coded facts and one for stays and contacts, a line for each source.

    Parameters
    ----------
    found : Covered
        Tables of quality that may be shown; the lines have a gap where a count is withheld.

    Returns
    -------
    Chart
        The figure; its table has a row a table, source and year: `table`, `source`, `year`, `rows`.

    Raises
    ------
    MeasureError
        The records hold no dated rows.

    Examples
    --------
    >>> from bayesineq.disclosure.quality import covered_quality
    >>> years = pd.DataFrame({"table": "events", "source": "gp", "year": [2023, 2024], "rows": [1000, 1200]})
    >>> plot_recorded_years(covered_quality({"years": years})).title
    'Rows by year and source, 2023 to 2024'
    """
    require_covered(found)
    table = latest_years(found)
    if table.empty:
        raise MeasureError("the records hold no dated rows, so there is nothing to draw")
    names = [name for name in NAMED if name in set(table["table"])]
    figure = new_figure(7.2, 2.9 * len(names) + 0.4)
    axes = figure.subplots(len(names), 1, squeeze=False, sharex=True)[:, 0]
    for panel, name in zip(axes, names, strict=True):
        part = table[table["table"] == name]
        common = part.groupby("source")["rows"].sum().sort_values(ascending=False).index[:_MOST]
        for source, colour, mark in zip(common, _COLOURS, _MARKS, strict=False):
            line = part[part["source"] == source].sort_values("year")
            rows = line["rows"].astype("Float64").to_numpy(dtype=float, na_value=float("nan"))
            panel.plot(line["year"], rows, color=colour, marker=mark, markersize=4, linewidth=1.6, label=plain(source))
        dress(panel, y=f"{NAMED[name].capitalize()}, rows a year")
        panel.set_ylim(bottom=0)
        panel.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        panel.xaxis.get_major_locator().set_params(integer=True)
        panel.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    first, last = int(table["year"].min()), int(table["year"].max())
    title = f"Rows by year and source, {first} to {last}"
    headline(figure, title)
    more = max((part["source"].nunique() for _, part in table.groupby("table")), default=0)
    left = f" The {_MOST} largest sources of each are drawn." if more > _MOST else ""
    caption = (
        "A step shows that recording changed, or that an extract begins or ends there; the first and last year may be "
        f"parts of years.{left} Counts that are withheld are gaps."
    )
    alt = f"Lines of rows by year for {' and '.join(NAMED[name] for name in names)}, one for each source. {caption}"
    return Chart(figure, title, caption, alt, table.reset_index(drop=True))
