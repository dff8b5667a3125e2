"""Values of areas that add up to totals which are known: raking of every draw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from bayesineq.dims import SAMPLE_DIMS
from bayesineq.errors import MeasureError
from bayesineq.measures.totals import Margin, Moved, rake
from bayesineq.pathway.together import listed, own_dims, people_of

type Given = Literal["alike", "by uncertainty"]

_SHOWN: Final = 5
_SCALES: Final[dict[str, Moved]] = {"logit": "logit", "log": "log", "identity": "linear"}


@dataclass(frozen=True, slots=True, repr=False)
class Known:
    """
    Totals that are known of larger groups.

    Parameters
    ----------
    totals : Series
        Events of each larger group, such as people with a condition by authority: index the code of each.
    dim : str
        Dimension of the values whose levels make up the larger groups.
    within : Series or mapping, optional
        Larger group of each level of `dim`. Without it the levels themselves have totals.
    source : str
        Where they were published.
    """

    totals: pd.Series
    dim: str
    within: pd.Series | Mapping[object, object] | None = None
    source: str = ""

    def __repr__(self) -> str:
        return f"Known({len(self.totals)} totals over {self.dim!r}{f', {self.source}' if self.source else ''})"


@dataclass(frozen=True, slots=True, repr=False)
class MetTotals:
    """
    Values that meet known totals in every draw.

    Parameters
    ----------
    values : DataArray
        As they were given, with the same dimensions and coordinates, moved.
    how : str
        "raked": draws of a posterior that had not seen the totals were moved to meet them.
    table : DataFrame
        A row a total: `total`, `before`, `before_lower`, `before_upper` (what the draws added up to, 95% interval), and
        `p_above`, the share of draws that added up to more.
    text : str
        What was done.
    """

    values: xr.DataArray
    how: str
    table: pd.DataFrame
    text: str

    def __repr__(self) -> str:
        return f"MetTotals({self.text})"


def meet_totals(
    values: xr.DataArray,
    known: Known | Sequence[Known],
    *,
    scale: Moved | None = None,
    move: Given = "alike",
    population: xr.DataArray | None = None,
) -> MetTotals:
    """
    Move every draw of areas so that it adds up to totals that are known of larger ones.

    Parameters
    ----------
    values : DataArray, dims (chain, draw, *groups)
        Rates or proportions of groups, as `expected` returns them.
    known : Known or sequence of Known
        The totals; of several kinds at once, such as by authority and by sex.
    scale : {"linear", "log", "logit"}, optional
        Scale on which groups are moved; by default that of the values' link: proportions stay between 0 and 1, rates
        above zero.
    move : {"alike", "by uncertainty"}
        Whether all groups within a total move alike on that scale, or each by its covariance with the total over the
        draws: well known groups stay, uncertain ones give way, as they do when a normal posterior is conditioned on the
        total. It takes one kind of totals.
    population : DataArray, optional
        People of each group; by default the coordinate `population` of the values.

    Returns
    -------
    MetTotals
        The moved values, and what each total was before.

    Raises
    ------
    MeasureError
        With all reasons at once: totals of groups that the values lack, groups without a total, totals of different
        kinds that do not add up to the same, are negative, zero or above the people.

    Notes
    -----
    Each draw is moved by itself and as little as its scale allows, so that the draws remain coherent: every one is a
    set of areas that adds up. The intervals lose the part of their width that was uncertainty about the total. Where
    the engine is given the totals as rows of larger areas, that is better: it weighs them against the areas' counts.

    References
    ----------
    Deville & Sarndal 1992, J Am Stat Assoc 87:376; Deming & Stephan 1940, Ann Math Stat 11:427

    Examples
    --------
    >>> from bayesineq import example, expected
    >>> deciles = expected(example().post, by="imd_decile")
    >>> half = {decile: "poorer" if decile <= 5 else "richer" for decile in range(1, 11)}
    >>> known = Known(pd.Series({"poorer": 15_000, "richer": 9_000}), "imd_decile", half)
    >>> met = meet_totals(deciles, known)
    >>> events = (met.values * met.values["population"]).sel(imd_decile=slice(1, 5)).sum("imd_decile")
    >>> bool(abs(events - 15_000).max() < 1e-5)
    True
    """
    kinds = [known] if isinstance(known, Known) else list(known)
    dims = own_dims(values)
    chosen = scale or _SCALES.get(str(values.attrs.get("link", "")), "log")
    people = people_of(values, population, "the values").broadcast_like(values.isel(dict.fromkeys(SAMPLE_DIMS, 0)))
    weight = people.transpose(*dims).to_numpy().ravel()
    drawn = values.transpose(*SAMPLE_DIMS, *dims).to_numpy().reshape(-1, weight.size).astype(np.float64)
    some = (weight > 0) & np.isfinite(drawn).all(axis=0)
    margins = _margins(values, kinds, dims, weight, some, chosen)
    give = _give(drawn[:, some], weight[some], margins, chosen) if move == "by uncertainty" else None
    moved = drawn.copy()
    moved[:, some] = rake(drawn[:, some], weight[some], margins, scale=chosen, give=give)
    back = values.transpose(*SAMPLE_DIMS, *dims).copy(data=moved.reshape(values.transpose(*SAMPLE_DIMS, *dims).shape))
    table = _before(kinds, margins, drawn[:, some] * weight[some])
    sources = listed(
        [
            f"{len(kind.totals)} totals over {kind.dim!r}" + (f" ({kind.source})" if kind.source else "")
            for kind in kinds
        ]
    )
    text = (
        f"raked: every draw was moved on the {chosen} scale, {'all groups alike' if give is None else move}, to meet "
        f"{sources}; the model had not seen them"
    )
    attrs = values.attrs | {"totals_met": f"raked to {sources}"}
    return MetTotals(back.transpose(*values.dims).assign_attrs(attrs), "raked", table, text)


def _margins(
    values: xr.DataArray,
    kinds: Sequence[Known],
    dims: list[str],
    weight: NDArray[np.float64],
    some: NDArray[np.bool_],
    scale: Moved,
) -> list[Margin]:
    """Larger group of every cell and its total, once they are known to fit; all reasons at once where not."""
    wrong: list[str] = []
    margins = []
    shape = tuple(values.sizes[dim] for dim in dims)
    for kind in kinds:
        place = _places(values, kind, dims, wrong)
        if place is None:
            continue
        axis = dims.index(kind.dim)
        cells = np.broadcast_to(place.reshape([-1 if k == axis else 1 for k in range(len(dims))]), shape).ravel()[some]
        total = kind.totals.to_numpy(dtype=np.float64)
        size = np.bincount(cells, weights=weight[some], minlength=len(total))
        _check_totals(kind, total, size, scale, wrong)
        margins.append(Margin(cells, total))
    sums = [float(margin.total.sum()) for margin in margins]
    if not wrong and max(sums) - min(sums) > 1e-9 * max(sums):
        said = [f"{kind!r} add up to {total:,.6g}" for kind, total in zip(kinds, sums, strict=True)]
        wrong.append(f"totals of different kinds do not add up to the same: {'; '.join(said)}")
    if wrong:
        raise MeasureError(
            f"the totals do not fit the values ({len(wrong)} problems):\n" + "\n".join(f"  - {said}" for said in wrong)
        )
    return margins


def _places(values: xr.DataArray, kind: Known, dims: list[str], wrong: list[str]) -> NDArray[np.intp] | None:
    """Position of the total of each level of the kind's dimension."""
    if kind.dim not in dims:
        wrong.append(f"{kind!r}: the values have no dimension {kind.dim!r}, only {dims}")
        return None
    levels = values[kind.dim].to_numpy().tolist()
    if not kind.totals.index.is_unique:
        wrong.append(
            f"{kind!r}: totals are given twice for {kind.totals.index[kind.totals.index.duplicated()].tolist()}"
        )
        return None
    within = {level: level for level in levels} if kind.within is None else dict(kind.within)
    if lost := [level for level in levels if level not in within]:
        wrong.append(
            f"{kind!r}: {len(lost)} of {len(levels)} levels of {kind.dim!r} belong to no larger group, such as "
            f"{lost[:_SHOWN]}; add them to within="
        )
    larger = pd.Index([within.get(level) for level in levels])
    place = np.asarray(kind.totals.index.get_indexer(larger))
    known = np.array([level in within for level in levels])
    if (bad := (place < 0) & known).any():
        named = list(dict.fromkeys(larger[bad].tolist()))
        wrong.append(f"{kind!r}: no total is given for {named[:_SHOWN]}, which {int(bad.sum())} levels belong to")
    if idle := [code for k, code in enumerate(kind.totals.index) if k not in set(place.tolist())]:
        wrong.append(
            f"{kind!r}: nothing belongs to {idle[:_SHOWN]}, which have a total: areas are missing, or of "
            "another vintage"
        )
    return None if (place < 0).any() else place


def _check_totals(
    kind: Known, total: NDArray[np.float64], size: NDArray[np.float64], scale: Moved, wrong: list[str]
) -> None:
    codes = np.asarray(kind.totals.index)
    bad = ~np.isfinite(total) | (total < 0) if scale != "linear" else ~np.isfinite(total)
    if bad.any():
        wrong.append(f"{kind!r}: totals of {codes[bad][:_SHOWN].tolist()} are missing or negative")
    if scale != "linear" and (total == 0).any():
        wrong.append(
            f"{kind!r}: totals of {codes[total == 0][:_SHOWN].tolist()} are zero, which no rate above zero meets; "
            "leave these groups out by name"
        )
    if (none := size == 0).any():
        wrong.append(f"{kind!r}: nobody lives in {codes[none][:_SHOWN].tolist()}, which have a total")
    if scale == "logit" and (over := (total >= size) & (size > 0)).any():
        at = int(np.flatnonzero(over)[0])
        wrong.append(
            f"{kind!r}: {int(over.sum())} totals are not below the people in them, such as {codes[at]} "
            f"({total[at]:,.6g} of {size[at]:,.6g})"
        )


def _give(
    drawn: NDArray[np.float64], weight: NDArray[np.float64], margins: list[Margin], scale: Moved
) -> NDArray[np.float64]:
    """Covariance over the draws of each group, on the scale, with its total; over the largest."""
    if len(margins) != 1:
        raise MeasureError('move="by uncertainty" takes one kind of totals; rake to several with move="alike"')
    place, n = margins[0].place, len(margins[0].total)
    eta = drawn if scale == "linear" else np.log(drawn) if scale == "log" else np.log(drawn / (1 - drawn))
    events = drawn * weight
    sums = np.stack([events[:, place == k].sum(axis=1) for k in range(n)], axis=1)
    centred = eta - eta.mean(axis=0)
    covariance = (centred * (sums - sums.mean(axis=0))[:, place]).mean(axis=0)
    largest = np.array([np.abs(covariance[place == k]).max() for k in range(n)])
    if not (largest > 0).all():
        raise MeasureError('draws that do not vary cannot move "by uncertainty"; use move="alike"')
    return np.asarray(covariance / largest[place])


def _before(kinds: Sequence[Known], margins: Sequence[Margin], events: NDArray[np.float64]) -> pd.DataFrame:
    """What the draws added up to, beside each total."""
    frames = []
    for kind, margin in zip(kinds, margins, strict=True):
        sums = np.stack([events[:, margin.place == k].sum(axis=1) for k in range(len(margin.total))], axis=1)
        lower, upper = np.quantile(sums, (0.025, 0.975), axis=0)
        frames.append(
            pd.DataFrame(
                {
                    "over": kind.dim,
                    "group": kind.totals.index,
                    "total": margin.total,
                    "before": sums.mean(axis=0),
                    "before_lower": lower,
                    "before_upper": upper,
                    "p_above": (sums > margin.total).mean(axis=0),
                }
            )
        )
    return pd.concat(frames, ignore_index=True)
