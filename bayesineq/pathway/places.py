"""Whether places, or groups, that have more of one outcome have more or less of another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import pandas as pd
import xarray as xr

from bayesineq.dims import AREA, CI_PROB, POPULATION, SAMPLE_DIMS
from bayesineq.errors import MeasureError
from bayesineq.measures.arrays import Scale
from bayesineq.measures.association import correlation
from bayesineq.measures.limits import on_scale
from bayesineq.pathway.together import fitted_apart, number_of, own_dims, people_of, together
from bayesineq.posterior.certainty import percent
from bayesineq.posterior.groups import intervals

type Weighing = Literal["equal", "people"]

_SCALES: Final[dict[str, Scale]] = {"logit": "logit", "log": "log"}


@dataclass(frozen=True, slots=True, repr=False)
class PlacesTogether:
    """
    Correlation over places, or groups, of two outcomes.

    Parameters
    ----------
    linear, rank : DataArray, dims (chain, draw)
        Pearson's correlation on the scale of the outcomes' links, and that of ranks; -1 to 1.
    table : DataFrame
        Rows `linear` and `rank`: `mean`, `sd`, `median`, `lower`, `upper`, and `p_above`, the probability of being
        above zero.
    text : str
        In words: which places have more of what.
    """

    linear: xr.DataArray
    rank: xr.DataArray
    table: pd.DataFrame
    text: str

    def __repr__(self) -> str:
        return f"PlacesTogether({self.text})"


def correlation_of_places(
    first: xr.DataArray,
    second: xr.DataArray,
    dim: str = AREA,
    *,
    weigh: Weighing = "equal",
    prob: float = CI_PROB,
) -> PlacesTogether:
    """
    Correlate two outcomes over places or groups, in every draw: whether places with more illness are reached less.

    Parameters
    ----------
    first, second : DataArray, dims (chain, draw, dim)
        Values of the same places, as `expected` or `adjusted` returns them.
    dim : str
        The places, or the groups.
    weigh : {"equal", "people"}
        Whether each place counts once or by its people (coordinate `population` of the first).
    prob : float
        Probability of the interval.

    Returns
    -------
    PlacesTogether
        The two correlations as draws, in a table and in a sentence.

    Raises
    ------
    MeasureError
        If the values have other dimensions of groups, different levels, or fewer than three of them.
    PosteriorError
        If the two have different numbers of draws.

    Notes
    -----
    It is the correlation of the places' own rates, not of rates with their noise: draws are of what lies behind the
    counts. Outcomes fitted apart know nothing of each other, so that in places with few events both are drawn towards
    their means by themselves and the correlation comes out nearer to zero than it is; fit them on one card with
    `across = "correlated"`. Hart's inverse care law is a correlation below zero of need and of what is given.

    References
    ----------
    Hart 1971, Lancet 297:405; Spearman 1904, Am J Psychol 15:72

    Examples
    --------
    >>> from bayesineq import example, expected
    >>> ill = expected(example().post, by="area")
    >>> reached = (0.9 - ill).assign_attrs(ill.attrs, outcome="reached", more_is="better")
    >>> found = correlation_of_places(ill, reached)
    >>> found.table[["parameter", "mean", "p_above"]].round(2).to_numpy().tolist()
    [['linear', -1.0, 0.0], ['rank', -1.0, 0.0]]
    """
    names = _names(first, second)
    both = together(dict(zip(names, (first, second), strict=True)))
    for name, values in both.items():
        if own_dims(values) != [dim]:
            raise MeasureError(
                f"{name} has the dimensions {own_dims(values)}; a correlation over {dim!r} needs {dim!r} and no other: "
                "select a level of the rest, or average over it"
            )
    people = people_of(both[names[0]], None, names[0]).to_numpy() if weigh == "people" else None
    x, y = (_on_link(values, name, dim) for name, values in both.items())
    like = both[names[0]].isel({dim: 0}, drop=True).drop_vars(POPULATION, errors="ignore").transpose(*SAMPLE_DIMS)
    linear = like.copy(data=np.asarray(correlation(x, y, people))).rename("linear")
    rank = like.copy(data=np.asarray(correlation(x, y, people, kind="rank"))).rename("rank")
    table = pd.concat([intervals(values, [prob]) for values in (linear, rank)], ignore_index=True)
    percents = f"{100 * prob:g}"
    table = table.rename(columns={f"lower_{percents}": "lower", f"upper_{percents}": "upper"})
    return PlacesTogether(linear, rank, table, _sentence(names, linear, rank, both, dim, prob))


def _names(first: xr.DataArray, second: xr.DataArray) -> tuple[str, str]:
    a, b = (str(v.attrs.get("outcome") or v.name or f"outcome {k}") for k, v in enumerate((first, second), start=1))
    return (a, b) if a != b else (f"{a} (first)", f"{b} (second)")


def _on_link(values: xr.DataArray, name: str, dim: str) -> np.ndarray:
    """Values on the scale of their link, shape (chain, draw, place)."""
    scale = _SCALES.get(str(values.attrs.get("link")), "linear")
    drawn = values.transpose(*SAMPLE_DIMS, dim).to_numpy().astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        found = on_scale(drawn, scale)
    if not np.isfinite(found).all():
        raise MeasureError(f"{name} has values off the {scale} scale of its link: select places that have people")
    return found


def _sentence(
    names: tuple[str, str],
    linear: xr.DataArray,
    rank: xr.DataArray,
    both: dict[str, xr.DataArray],
    dim: str,
    prob: float,
) -> str:
    below = float((linear < 0).mean())
    less = below >= 0.5
    sure = percent(max(below, 1 - below), linear.size)
    polarity = [f"more {n} is {v.attrs['more_is']}" for n, v in both.items() if v.attrs.get("more_is")]
    said = (
        f"levels of {dim!r} with more {names[0]} have {'less' if less else 'more'} {names[1]} with probability {sure}: "
        f"correlation {number_of(linear, prob)}, of ranks {number_of(rank, prob)}"
    )
    said += f"; {', '.join(polarity)}" if polarity else ""
    apart = "; the outcomes were fitted apart, which draws a correlation towards zero where counts are small"
    return said + (apart if fitted_apart(both) else "")
