"""What draws say of themselves, so that a figure need not be told what it shows."""

from __future__ import annotations

import math

import xarray as xr

from bayesineq.disclosure.covered import Draws, require_covered
from bayesineq.posterior.adjusted import ADJUSTED_FOR, COLUMNS_OF
from bayesineq.report.figures.style import MoreIs, direction
from bayesineq.report.tables.numbers import PERCENT, PLAIN, RELATIVE, Unit, rate_unit
from bayesineq.report.words.labels import column_label, dimension_label
from bayesineq.report.words.sentences import listed

_RATE: str = "events per unit of "


def described(
    values: Draws, outcome: str | None, unit: Unit | None, more_is: MoreIs | None
) -> tuple[str, Unit, MoreIs]:
    """
    Name, unit and polarity of an outcome: as they were given, else as the draws have them in their attributes.

    `values`: Draws, as `expected` or `adjusted` gives them: with the attributes `outcome`, `scale`, `units`,
    `more_is` and, where something was held equal, `adjusted_for`. Returns: "outcome", plain numbers and "worse"
    stand in for what neither says.

    Examples
    --------
    >>> from bayesineq.disclosure.covered import covered
    >>> draws = xr.DataArray([0.1], dims="draw", attrs={"outcome": "smoking", "scale": "proportion"})
    >>> name, unit, polarity = described(covered(draws), None, None, "better")
    >>> name, unit.label, polarity
    ('smoking', '%', 'better')
    """
    require_covered(values)
    draws = values.shown
    attrs = draws.attrs
    polarity: MoreIs = more_is or attrs.get("more_is", "worse")
    direction(polarity)
    table = str(attrs.get(COLUMNS_OF, ""))
    held = [_held(table, name) for name in str(attrs.get(ADJUSTED_FOR, "")).split(", ") if name]
    named = str(attrs.get("outcome", "outcome")) + (f" adjusted for {listed(held)}" if held else "")
    return outcome or named, unit or _unit(draws), polarity


def _held(table: str, name: str) -> str:
    """A dimension, or a column as its schema says it: "share of residents aged 65 and over"."""
    label = dimension_label(name)
    return column_label(table, name) if label == name.replace("_", " ") else label


def _unit(values: xr.DataArray) -> Unit:
    scale, said = values.attrs.get("scale"), str(values.attrs.get("units", ""))
    if scale == "proportion":
        return PERCENT
    if scale == "rate ratio":
        return RELATIVE
    if scale == "rate" and said.startswith(_RATE):
        typical = float(values.mean())
        return rate_unit(said.removeprefix(_RATE), typical if math.isfinite(typical) else 1.0)
    return PLAIN
