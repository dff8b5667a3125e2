"""What draws say of themselves, so that a figure need not be told what it shows."""

from __future__ import annotations

import math

import xarray as xr

from bayesineq.report.numbers import PERCENT, PLAIN, RELATIVE, Unit, rate_unit
from bayesineq.report.style import MoreIs, direction

_RATE: str = "events per unit of "


def described(
    values: xr.DataArray, outcome: str | None, unit: Unit | None, more_is: MoreIs | None
) -> tuple[str, Unit, MoreIs]:
    """
    Name, unit and polarity of an outcome: as they were given, else as the draws have them in their attributes.

    Parameters
    ----------
    values : DataArray
        Draws, as `expected` gives them: with the attributes `outcome`, `scale`, `units` and `more_is`.
    outcome : str or None
        Name in words, where it was given.
    unit : Unit or None
        How values are written, where it was given.
    more_is : {"worse", "better"} or None
        Polarity, where it was given.

    Returns
    -------
    (str, Unit, str)
        "outcome", plain numbers and "worse" stand in for what neither says.

    Raises
    ------
    BayesineqError
        If the polarity is another word.

    Examples
    --------
    >>> draws = xr.DataArray([0.1], dims="draw", attrs={"outcome": "smoking", "scale": "proportion"})
    >>> name, unit, polarity = described(draws, None, None, "better")
    >>> name, unit.label, polarity
    ('smoking', '%', 'better')
    """
    attrs = values.attrs
    polarity: MoreIs = more_is or attrs.get("more_is", "worse")
    direction(polarity)
    return outcome or str(attrs.get("outcome", "outcome")), unit or _unit(values), polarity


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
