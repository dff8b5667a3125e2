"""Numbers as readers see them: units, rounding and intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bayesineq.model.card import Outcome
from bayesineq.posterior.certainty import percent as percent

MINUS: Final = "\N{MINUS SIGN}"
NO_BREAK: Final = "\N{NO-BREAK SPACE}"


@dataclass(frozen=True, slots=True)
class Unit:
    """
    How values of an outcome are written.

    Parameters
    ----------
    factor : float
        What a value is multiplied by to be shown: 100 for a percentage, 1,000 for a rate per 1,000.
    suffix : str
        What follows a number, for example "%" or " per 1,000".
    difference : str
        What follows a difference of two values, for example " percentage points".
    label : str
        The unit in words, for axes.
    """

    factor: float
    suffix: str
    difference: str
    label: str


PERCENT: Final = Unit(100.0, "%", " percentage points", "%")
PLAIN: Final = Unit(1.0, "", "", "")
RELATIVE: Final = Unit(1.0, " times expected", " times expected", "times the expected count")


def unit_of(outcome: Outcome, typical: float) -> Unit:
    """
    Unit in which an outcome of a card is shown.

    `outcome`: The card's outcome: its likelihood and roles tell proportions, rates, ratios and plain values apart.
    `typical`: A typical value, which picks the base of a rate: per 100, 1,000, 10,000 or 100,000.
    """
    if outcome.link == "logit":
        return PERCENT
    if "expected" in outcome.columns:
        return RELATIVE
    if "exposure" in outcome.columns:
        return rate_unit(outcome.columns["exposure"], typical)
    return PLAIN


def rate_unit(exposure: str, typical: float) -> Unit:
    """Unit of a rate: so many events per 1, 100, 1,000, 10,000 or 100,000 units of exposure."""
    size = abs(typical) if typical and math.isfinite(typical) else 1.0
    base = next((b for b in (1, 100, 1_000, 10_000) if size * b >= 1.0), 100_000)
    unit = f" per {base:,} {exposure.replace('_', ' ')}"
    return Unit(float(base), unit, unit, unit.strip())


def decimals(values: Sequence[float]) -> int:
    """Decimal places that give the largest of some numbers three significant digits, and at most four places."""
    largest = max((abs(v) for v in values if math.isfinite(v)), default=0.0)
    if largest == 0.0:
        return 1
    return min(4, max(0, 2 - math.floor(math.log10(largest))))


def write(value: float, places: int) -> str:
    """Write a number with a true minus sign, thousands separated, and never as minus zero."""
    if not math.isfinite(value):
        return "not available"
    text = f"{value:,.{places}f}"
    if text.startswith("-"):
        text = text[1:] if not text.strip("-0.,") else MINUS + text[1:]
    return text


def with_unit(value: float, unit: Unit, *, is_difference: bool = False, places: int | None = None) -> str:
    """
    Write a value in its unit.

    `is_difference`: Whether it is a difference of two values (percentage points, not per cent).
    """
    shown = value * unit.factor
    digits = decimals([shown]) if places is None else places
    return write(shown, digits) + (unit.difference if is_difference else unit.suffix)


def interval(lower: float, upper: float, unit: Unit, *, is_difference: bool = False, places: int | None = None) -> str:
    """Write an interval in its unit."""
    ends = (lower * unit.factor, upper * unit.factor)
    digits = decimals(ends) if places is None else places
    suffix = unit.difference if is_difference else unit.suffix
    first = "%" if suffix == "%" else ""
    return f"{write(ends[0], digits)}{first} to {write(ends[1], digits)}{suffix}"


def estimate(
    mean: float, lower: float, upper: float, unit: Unit, *, is_difference: bool = False, places: int | None = None
) -> str:
    """
    Write an estimate with its interval, the unit said once.

    `places`: Decimal places of all three; by default three significant digits of the largest. Returns: for example
    "6.3% (5.9 to 6.7)" or "−6.3 percentage points (−6.9 to −5.7)".
    """
    shown = [value * unit.factor for value in (mean, lower, upper)]
    digits = decimals(shown) if places is None else places
    suffix = unit.difference if is_difference else unit.suffix
    return f"{write(shown[0], digits)}{suffix} ({write(shown[1], digits)} to {write(shown[2], digits)})"
