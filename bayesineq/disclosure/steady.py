"""Draws of rates rounded so that they tell a count no closer than its rounding does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayesineq.design.events import NO_EVENTS
from bayesineq.disclosure.rule import Rule, on_grid, rounded

_FINE: Final = 20
_RATIO: Final = 1.1
_LEAST: Final = 1e-3

type Float = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Sizes:
    """
    What makes the rates of a table's groups into events.

    Parameters
    ----------
    base : DataArray
        Denominators: people, or events expected, or exposure.
    are_people : bool
        Whether they count people, and so are rounded where they are shown.
    known : DataArray or None
        NO_EVENTS, SOME_EVENTS or MORE_EVENTS, as observed, see `few_events`; None where events follow from the rates.
    rate, spread : DataArray
        Mean and standard deviation of the draws of each group as it is, before any rounding; not for publication.
    """

    base: xr.DataArray
    are_people: bool
    known: xr.DataArray | None
    rate: xr.DataArray
    spread: xr.DataArray

    def at(self, levels: Mapping[str, xr.DataArray]) -> Sizes:
        """Those of some levels of each dimension."""
        known = None if self.known is None else self.known.sel(levels)
        base, rate, spread = (array.sel(levels) for array in (self.base, self.rate, self.spread))
        return Sizes(base, self.are_people, known, rate, spread)


def steady(
    draws: Float,
    people: Float,
    rule: Rule,
    *,
    proportion: bool,
    are_people: bool = True,
    known: NDArray[np.int8] | None = None,
    own: tuple[Float, Float] | None = None,
) -> Float:
    r"""
    Draws of rates from which a count is told no closer than the rounded count tells it.

    Shapes: draws (n_draw, n_group); people (n_group,); known (n_group,); own (n_group,); returns (n_draw, n_group).

    `proportion`: Whether rates end at 1; those above one half are steadied from that end. `are_people`: Whether
    denominators count people and are rounded too; expected events and exposure are not. `own`: Mean and standard
    deviation of the rate of each group as it is, where the draws are of another one, such as that at everybody's
    age. Returns: draws whose mean is the rounded count over the rounded denominator, as Hospital Episode Statistics
    take percentages, and whose spread is a function of that and of how strongly the group was pooled, to one part
    in ten.

    Notes
    -----
    Everything that is worked out from these draws, be it an interval, an exceedance or an index, tells no more than
    they do: no later step can undo the rounding. With :math:`y = N \bar r` and :math:`c = y\,(s / \bar r)^2`, the mean
    becomes :math:`y'/N'` and the coefficient of variation :math:`\sqrt{c'/y'}`; draws keep their shape, to a twentieth
    of a standard deviation.

    Where it is known what was observed, y is rounded to a multiple of the base times c, to one part in ten upwards:
    under a gamma prior one event more moves y by c, so that the observed count is told no closer than its rounding.
    Where there were no events, which may be told, draws stay as they are.

    Of a rate q that is not the group's own, y and c are those of its own rate r, and the mean becomes
    :math:`(q/r)\,y'/N'`, with :math:`q/r` to a tenth of a step of the rounded count: one event more or less does less
    to that quotient. Whoever knows the quotient finds the rounded count, and no more.
    """
    if rule.base == 1 or not draws.shape[1]:
        return draws
    mean, spread = draws.mean(axis=0), draws.std(axis=0)
    rate, width = (mean, spread) if own is None else own
    flip = proportion & (rate > 0.5)
    side = np.where(flip, 1.0 - draws, draws)
    middle, base = np.where(flip, 1.0 - mean, mean), np.where(flip, 1.0 - rate, rate)
    # Draws that are all alike have no shape to keep, only the dust of arithmetic.
    spread = np.where(spread > 1e-9 * middle, spread, 0.0)
    width = np.where(width > 1e-9 * base, width, 0.0)
    count = base * people
    with np.errstate(divide="ignore", invalid="ignore"):
        noise = np.where((width > 0) & (count > 0), (width / base) ** 2 * count, 1.0)
        pooled = 1.0 if known is None else _RATIO ** np.ceil(np.log(np.clip(noise, _LEAST, 1.0)) / np.log(_RATIO))
        unit = rule.base * pooled
        events = np.maximum(on_grid(count, unit, rule), unit if rule.rounding == "nearest" else unit / 2)
        target = events / (np.maximum(rounded(people, rule), rule.base) if are_people else people)
        if own is not None:
            step = unit / 10.0 / events
            target = target * np.exp(np.round(np.log(middle / base) / step) * step)
            noise = np.where((spread > 0) & (count > 0), (spread / middle) ** 2 * count, 1.0)
        noise = _RATIO ** np.round(np.log(noise) / np.log(_RATIO))
        wide = target * np.sqrt(noise / events)
        z = np.where(spread > 0, (side - middle) / spread, 0.0)
    z = np.round(z * _FINE) / _FINE
    moved = np.maximum(target + wide * (z - z.mean(axis=0)), 0.0)
    moved = np.where((count > 0) & ((known is None) | (known != NO_EVENTS)), moved, side)
    if proportion:
        moved = np.minimum(moved, 1.0)
    return np.where(flip, 1.0 - moved, moved)
