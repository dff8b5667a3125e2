"""
Draws of groups in numbers: mean, interval and average, rank, and the chance of lying beyond a limit.

The ends of every interval of the package are computed here, by `interval`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from bayesineq.dims import CI_PROB, POPULATION, SAMPLE_DIMS
from bayesineq.errors import MeasureError, PosteriorError
from bayesineq.measures.undefined import UNDEFINED_SHARE

INTERVALS: Final = (0.5, 0.8, 0.95)
"""Probabilities of the intervals that `intervals` gives."""

_BLOCK: Final = 4096
_BLOCK_VALUES: Final = 1 << 22
_SUFFIX: Final = ".effect"

type Floats = NDArray[np.float64]


def interval(draws: ArrayLike, prob: float = CI_PROB) -> tuple[Floats, Floats]:
    """
    Ends of the interval with equal tails.

    Parameters
    ----------
    draws : array_like, shape (n_draw, ...)
        Draws along the first axis.
    prob : float
        Probability that the interval holds.

    Returns
    -------
    lower, upper : ndarray, shape (...)
        Quantiles (1 - prob) / 2 and (1 + prob) / 2. Draws that are missing are left out; where more than 1% of them
        are, so are the ends.

    Raises
    ------
    PosteriorError
        If there are no draws, or `prob` is not between 0 and 1.

    Examples
    --------
    >>> lower, upper = interval(np.linspace(0.0, 1.0, 101), 0.9)
    >>> round(float(lower), 3), round(float(upper), 3)
    (0.05, 0.95)
    """
    values = np.asarray(draws, dtype=np.float64)
    if not values.ndim or not len(values):
        raise PosteriorError(f"an interval needs draws along the first axis; the shape given is {values.shape}")
    lower, upper = _moments(values.reshape(len(values), -1), _tails(prob))[2]
    return lower.reshape(values.shape[1:]), upper.reshape(values.shape[1:])


def mean_interval(draws: ArrayLike, prob: float = CI_PROB) -> tuple[float, float, float]:
    """Mean of one number and the ends of its interval, of draws of any shape; missing as `interval` has it."""
    mean, _, ends = _moments(np.asarray(draws, dtype=np.float64).reshape(-1, 1), _tails(prob))
    return float(mean[0]), float(ends[0, 0]), float(ends[1, 0])


def described(values: xr.DataArray, prob: float = CI_PROB) -> xr.Dataset:
    """`mean`, `lower` and `upper` of draws of dims (chain, draw, ...), with the coordinates of the groups."""
    one = values.isel(dict.fromkeys(SAMPLE_DIMS, 0), drop=True)
    mean, _, ends = _moments(draws_of(values).reshape(-1, one.size), _tails(prob))
    columns = dict(zip(("mean", "lower", "upper"), (mean, *ends), strict=True))
    return xr.Dataset({name: one.copy(data=column.reshape(one.shape)) for name, column in columns.items()})


def pooled(values: xr.DataArray, by: str | Sequence[str] = ()) -> NDArray[np.floating]:
    """Draws as a plain array, chains one after the other, shape (n_draw, *by)."""
    found = values.transpose(*SAMPLE_DIMS, *([by] if isinstance(by, str) else by)).to_numpy()
    return found.reshape(-1, *found.shape[2:])


def average(values: xr.DataArray, by: str | Sequence[str] = ()) -> xr.DataArray:
    """
    Mean of groups in every draw, weighted by their people.

    Parameters
    ----------
    values : DataArray, dims (chain, draw, ..., *by)
        Values of groups with coordinate `population`; groups without a value count for nothing.
    by : str or sequence of str
        Dimensions of the groups; by default all.

    Returns
    -------
    DataArray, dims (chain, draw, ...)
        The average.

    Raises
    ------
    MeasureError
        If there are no groups, or nothing says how many people they have.

    Examples
    --------
    >>> people = ("area", [300, 100])
    >>> rate = xr.DataArray([[[0.1, 0.3]]], dims=("chain", "draw", "area"), coords={"population": people})
    >>> average(rate).to_numpy().round(3).tolist()
    [[0.15]]
    """
    groups = ([by] if isinstance(by, str) else list(by)) or _own_dims(values)
    if POPULATION not in values.coords or not groups:
        raise MeasureError(f"the mean weighs groups by the coordinate {POPULATION!r}, which these values lack")
    return values.weighted(values[POPULATION].fillna(0)).mean(groups).reset_coords(drop=True)


def summarise(x: xr.DataArray | xr.Dataset | xr.DataTree, prob: float = CI_PROB) -> pd.DataFrame:
    """
    Table of posterior summaries, a row a number.

    Parameters
    ----------
    x : DataArray, Dataset or DataTree
        Draws with dimensions `chain` and `draw`; of a tree, its group `posterior`.
    prob : float
        Probability of the interval.

    Returns
    -------
    DataFrame
        `parameter`, `mean`, `sd`, `median`, `lower`, `upper` (equal tails) and, where there is more than one chain,
        `rhat` and `ess_bulk` (missing for numbers that do not vary). Parameters are named `intercept`, `TERM`,
        `TERM[level]`, `TERM[level, level]`, `TERM.sigma`. A number that is missing in more than 1% of the draws is
        missing here; draws without a number are left out of the others (a measure counts them in `undefined_draws`).

    Raises
    ------
    PosteriorError
        If there are no draws, or `prob` is not between 0 and 1.

    References
    ----------
    Vehtari A, Gelman A, Simpson D, Carpenter B, Buerkner PC. Rank-normalization, folding, and localization: an
    improved R-hat for assessing convergence of MCMC. Bayesian Anal 2021;16:667.

    Examples
    --------
    >>> rate = xr.DataArray(np.linspace(0.1, 0.3, 41)[None], dims=("chain", "draw"), name="rate")
    >>> summarise(rate).round(3).iloc[0].to_dict()
    {'parameter': 'rate', 'mean': 0.2, 'sd': 0.06, 'median': 0.2, 'lower': 0.105, 'upper': 0.295}
    """
    lower, upper = _tails(prob)
    frames = []
    for name, array in variables(x):
        draws = draws_of(array)
        mean, sd, quantile = _moments(draws.reshape(-1, draws.shape[2]), (lower, 0.5, upper))
        columns = {"mean": mean, "sd": sd, "median": quantile[1], "lower": quantile[0], "upper": quantile[2]}
        if draws.shape[0] > 1:
            columns |= dict(zip(("rhat", "ess_bulk"), convergence(draws), strict=True))
        frames.append(pd.DataFrame({"parameter": labels(array, name), **columns}))
    return pd.concat(frames, ignore_index=True)


def intervals(
    x: xr.DataArray | xr.Dataset | xr.DataTree, probs: Sequence[float] = INTERVALS, *, above: float = 0.0
) -> pd.DataFrame:
    """
    Table of posterior summaries with several intervals, and the probability of being above a number.

    Parameters
    ----------
    x : DataArray, Dataset or DataTree
        Draws with dimensions `chain` and `draw`; of a tree, its group `posterior`.
    probs : sequence of float
        Probabilities of the intervals.
    above : float
        What the numbers are compared with: 0 for differences, 1 for ratios.

    Returns
    -------
    DataFrame
        `parameter`, `mean`, `sd`, `median`, then `lower_50`, `upper_50`, ... for each probability (equal tails), and
        `p_above`: the share of draws greater than `above`.

    Raises
    ------
    PosteriorError
        If there are no draws, or a probability is not between 0 and 1.

    Examples
    --------
    >>> from bayesineq import example
    >>> from bayesineq.posterior import expected
    >>> intervals(expected(example().post, by="ethnicity"), (0.95,), above=0.1).round(3)
               parameter   mean     sd  median  lower_95  upper_95  p_above
    0  prevalence[asian]  0.129  0.002   0.129     0.126     0.133      1.0
    1  prevalence[black]  0.106  0.002   0.106     0.102     0.110      1.0
    2  prevalence[white]  0.089  0.001   0.089     0.087     0.090      0.0
    """
    ends = [end for prob in probs for end in _tails(prob)]
    frames = []
    for name, array in variables(x):
        draws = draws_of(array)
        mean, sd, quantile = _moments(draws.reshape(-1, draws.shape[2]), (0.5, *ends))
        columns = {"mean": mean, "sd": sd, "median": quantile[0]}
        for i, prob in enumerate(probs):
            columns[f"lower_{100 * prob:g}"] = quantile[1 + 2 * i]
            columns[f"upper_{100 * prob:g}"] = quantile[2 + 2 * i]
        known = np.isfinite(draws).sum(axis=(0, 1))
        columns["p_above"] = np.where(np.isnan(mean), np.nan, (draws > above).sum(axis=(0, 1)) / np.maximum(known, 1))
        frames.append(pd.DataFrame({"parameter": labels(array, name), **columns}))
    return pd.concat(frames, ignore_index=True)


def by_level(values: xr.DataArray, prob: float = CI_PROB) -> pd.DataFrame:
    """
    Summaries of the draws of groups with the groups' codes as columns: for joins, maps and figures.

    Parameters
    ----------
    values : DataArray, dims (chain, draw, ...)
        Values of groups, such as `expected` returns.
    prob : float
        Probability of the interval.

    Returns
    -------
    DataFrame
        One column a dimension, `population` where the values carry it, then `mean`, `sd`, `median`, `lower`, `upper`
        and, where there is more than one chain, `rhat` and `ess_bulk`.

    Raises
    ------
    PosteriorError
        As for `summarise`.

    Examples
    --------
    >>> rate = xr.DataArray(
    ...     [[[0.1, 0.3], [0.2, 0.4]]], dims=("chain", "draw", "sex"), coords={"sex": ["F", "M"]}
    ... )
    >>> by_level(rate)[["sex", "mean"]].round(3).to_dict("records")
    [{'sex': 'F', 'mean': 0.15}, {'sex': 'M', 'mean': 0.35}]
    """
    table = summarise(values, prob).drop(columns="parameter")
    dims = _own_dims(values)
    columns: dict[str, object] = dict(zip(dims, _levels(values), strict=True))
    if POPULATION in values.coords:
        own = values[POPULATION]
        columns[POPULATION] = own.transpose(*dims).to_numpy().ravel() if set(own.dims) == set(dims) else own.to_numpy()
    return pd.concat([pd.DataFrame(columns, index=table.index), table], axis=1)


def labels(array: xr.DataArray, name: str) -> list[str]:
    """Names of the numbers of a variable: `NAME`, `NAME[level]` or `NAME[level, level]`, last dimension fastest."""
    levels = [level.astype(str) for level in _levels(array)]
    return [f"{name}[{', '.join(each)}]" for each in zip(*levels, strict=True)] if levels else [name]


def convergence(draws: NDArray[np.floating]) -> tuple[Floats, Floats]:
    """Rank-normalised split R-hat and bulk effective sample size of draws (n_chain, n_draw, n), each of shape (n,)."""
    from arviz_stats.base.array import BaseArray

    array_stats: Any = BaseArray()

    rhat, ess = np.full(draws.shape[2], np.nan), np.full(draws.shape[2], np.nan)
    varies = np.flatnonzero(np.isfinite(draws).all(axis=(0, 1)) & (np.ptp(draws, axis=(0, 1)) > 0))
    if len(varies) and draws.shape[1] >= 4:
        chosen = np.moveaxis(draws[:, :, varies], 2, 0).astype(np.float64)
        # Chains that each stand still at another number divide by a within-chain variance of zero: R-hat is infinite.
        with np.errstate(divide="ignore", invalid="ignore"):
            rhat[varies] = array_stats.rhat(chosen, chain_axis=1, draw_axis=2)
            ess[varies] = array_stats.ess(chosen, chain_axis=1, draw_axis=2)
    return rhat, ess


def variables(x: xr.DataArray | xr.Dataset | xr.DataTree) -> Iterator[tuple[str, xr.DataArray]]:
    """Variables with draws (of a tree, its group `posterior`) under their names in tables: a term's own."""
    if isinstance(x, xr.DataArray):
        yield str(x.name or x.attrs.get("term") or "value"), x
        return
    data = x["posterior"].to_dataset() if isinstance(x, xr.DataTree) and "posterior" in x.children else x
    if not isinstance(data, xr.Dataset):
        raise PosteriorError(f"the tree has no group `posterior` to summarise; its groups are {sorted(data.children)}")
    if not len(data.data_vars):
        raise PosteriorError("there is nothing to summarise: the dataset has no variables")
    for key, array in data.data_vars.items():
        name = str(key)
        stem = name.removesuffix(_SUFFIX)
        yield (stem if stem in data.dims else name), array


def draws_of(array: xr.DataArray) -> NDArray[np.floating]:
    """Draws of a variable as plain numbers, shape (n_chain, n_draw, n), last dimension fastest."""
    if missing := [dim for dim in SAMPLE_DIMS if dim not in array.dims]:
        raise PosteriorError(
            f"{array.name or 'the array'} lacks the dimensions {missing}, so it holds no draws; "
            f"it has {list(array.dims)}"
        )
    values = array.transpose(*SAMPLE_DIMS, ...).to_numpy()
    if values.shape[0] * values.shape[1] == 0:
        raise PosteriorError(f"{array.name or 'the array'} holds no draws: its shape is {values.shape}")
    values = values if values.dtype.kind == "f" else values.astype(np.float64)
    return values.reshape(*values.shape[:2], -1)


def require_groups(values: xr.DataArray, dim: str) -> None:
    """Refuse a dimension that is not one of groups."""
    if dim not in _own_dims(values):
        raise MeasureError(f"dim={dim!r} is not a dimension of groups; the values have {_own_dims(values)}")


def aligned(given: xr.DataArray, values: xr.DataArray, what: str) -> xr.DataArray:
    """The same numbers with the levels of the values, in their order; an error names levels that they lack."""
    found = given.reset_coords(drop=True)
    for dim in given.dims:
        if dim not in values.indexes or dim not in given.indexes:
            continue
        have, want = given.get_index(dim), values.get_index(dim)
        if len(lacking := want.difference(have)):
            raise MeasureError(f"{what} lacks {len(lacking)} of the {len(want)} levels of {dim!r}: {list(lacking[:5])}")
        found = found if have.equals(want) else found.sel({dim: want.to_numpy()})
    return found


def share_of_draws(chosen: xr.DataArray, values: xr.DataArray) -> xr.DataArray:
    """Share of the draws, of those that are numbers, for which something holds; missing with 1% of them."""
    known = values.notnull()  # noqa: PD004 - xarray's name
    share = chosen.sum(SAMPLE_DIMS) / known.sum(SAMPLE_DIMS).where(known.any(SAMPLE_DIMS))
    return share.where(known.mean(SAMPLE_DIMS) >= 1 - UNDEFINED_SHARE)


def ranks(values: xr.DataArray, dim: str, *, highest_first: bool = True) -> xr.DataArray:
    """
    Rank of every group in every draw.

    Parameters
    ----------
    values : DataArray, dims (chain, draw, ..., dim)
        Values of groups, such as `expected` returns.
    dim : str
        Dimension whose groups are ranked; others are ranked apart.
    highest_first : bool
        Whether rank 1 is the highest value, or the lowest.

    Returns
    -------
    DataArray, dims as `values`
        Ranks from 1. Groups with the same value share the mean of their places.

    Raises
    ------
    MeasureError
        If `dim` is not a dimension of groups, or a group has no value.

    Examples
    --------
    >>> rate = xr.DataArray([[[0.3, 0.1, 0.2], [0.2, 0.1, 0.2]]], dims=("chain", "draw", "area"))
    >>> ranks(rate, "area").to_numpy().tolist()
    [[[1.0, 3.0, 2.0], [1.5, 3.0, 1.5]]]
    """
    require_groups(values, dim)
    lead = [d for d in values.dims if d != dim]
    plain = values.transpose(*lead, dim).to_numpy()
    if np.isnan(plain).any():
        raise MeasureError(f"some groups of {dim!r} have no value and so no rank; leave them out with .sel() first")
    flat = plain.reshape(-1, plain.shape[-1])
    placed = np.empty(flat.shape, dtype=np.float32)
    step = max(1, _BLOCK_VALUES // max(1, flat.shape[1]))
    for start in range(0, len(flat), step):
        block = flat[start : start + step]
        placed[start : start + step] = _ranked(-block if highest_first else block)
    found = values.transpose(*lead, dim).copy(data=placed.reshape(plain.shape)).transpose(*values.dims)
    said = {"ranked": dim, "rank_1": "highest" if highest_first else "lowest", "ties": "mean of places"}
    return found.rename("rank").assign_attrs(values.attrs | said)


def rank_intervals(
    values: xr.DataArray, dim: str, *, highest_first: bool = True, prob: float = CI_PROB
) -> pd.DataFrame:
    """
    Rank of every group with its interval.

    Parameters
    ----------
    values : DataArray, dims (chain, draw, ..., dim)
        Values of groups.
    dim : str
        Dimension whose groups are ranked.
    highest_first : bool
        Whether rank 1 is the highest value, or the lowest.
    prob : float
        Probability of the interval.

    Returns
    -------
    DataFrame
        One column a dimension, then `mean`, `sd`, `median`, `lower`, `upper` of the rank; best places first.

    Raises
    ------
    MeasureError
        As for `ranks`.

    Examples
    --------
    >>> from bayesineq import example
    >>> from bayesineq.posterior import expected
    >>> rank_intervals(expected(example().post, by="ethnicity"), "ethnicity")
      ethnicity  population  mean   sd  median  lower  upper
    0     asian     36000.0   1.0  0.0     1.0    1.0    1.0
    1     black     24000.0   2.0  0.0     2.0    2.0    2.0
    2     white    180000.0   3.0  0.0     3.0    3.0    3.0
    """
    found = ranks(values, dim, highest_first=highest_first).transpose(*SAMPLE_DIMS, ...)
    # One long chain: how well chains agree is asked of the fit, not of ranks.
    pooled = found.to_numpy().reshape(1, -1, *found.shape[2:])
    kept = {name: coord for name, coord in found.coords.items() if not set(SAMPLE_DIMS) & {name, *coord.dims}}
    table = by_level(xr.DataArray(pooled, dims=found.dims, coords=kept), prob)
    return table.sort_values("mean", ignore_index=True)


def probability_of_rank(
    values: xr.DataArray, dim: str, *, first: int | None = None, share: float | None = None, highest_first: bool = True
) -> xr.DataArray:
    """
    Probability that a group is among the first ones: the worst ten, the worst tenth.

    Parameters
    ----------
    values : DataArray, dims (chain, draw, ..., dim)
        Values of groups.
    dim : str
        Dimension whose groups are ranked.
    first : int, optional
        How many places count.
    share : float, optional
        Which share of all places counts instead, such as 0.1; rounded down, at least one place.
    highest_first : bool
        Whether rank 1 is the highest value, or the lowest.

    Returns
    -------
    DataArray, dims (..., dim)
        Share of draws in which the group's rank is at most the number of places. Groups that tie across the last
        place share a mean rank, and so are in or out together.

    Raises
    ------
    MeasureError
        As for `ranks`; also unless exactly one of `first` and `share` is given, in range.

    Examples
    --------
    >>> from bayesineq import example
    >>> from bayesineq.posterior import expected
    >>> probability_of_rank(expected(example().post, by="ethnicity"), "ethnicity", first=1).to_series()
    ethnicity
    asian    1.0
    black    0.0
    white    0.0
    Name: probability, dtype: float64
    """
    if (first is None) == (share is None):
        raise MeasureError("give either first= (a number of places) or share= (a share of all places)")
    found = ranks(values, dim, highest_first=highest_first)
    total = values.sizes[dim]
    if share is not None and not 0 < share <= 1:
        raise MeasureError(f"share={share!r} lies between 0 and 1, such as 0.1 for a tenth")
    places = first if first is not None else max(1, int(total * (share or 0.0) + 1e-9))
    if not 1 <= places <= total:
        raise MeasureError(f"first={first!r}: there are {total} groups in {dim!r}")
    chance = (found <= places).mean(SAMPLE_DIMS)
    return chance.rename("probability").assign_attrs(found.attrs | {"places": places})


def exceedance(values: xr.DataArray, threshold: float | str | xr.DataArray, *, below: bool = False) -> xr.DataArray:
    """
    Probability that the value of each group is above a threshold.

    Parameters
    ----------
    values : DataArray, dims (chain, draw, ...)
        Values of groups, such as `expected` returns.
    threshold : float, "mean" or DataArray
        A number; or "mean": the mean of all groups weighted by coordinate `population`, taken anew in every draw; or
        values of its own, whose dimensions are among those of `values`.
    below : bool
        Ask for the probability of being below instead.

    Returns
    -------
    DataArray, dims (...)
        Share of draws; missing where a group has no value. Coordinates and attributes of `values` are kept, and
        `threshold` and `exceedance` ("above" or "below") say what was asked.

    Raises
    ------
    MeasureError
        If there are no draws, the threshold does not fit the values, or "mean" finds no population.

    Examples
    --------
    >>> rate = xr.DataArray([[[3, 1], [3, 3], [3, 0], [3, 3]]], dims=("chain", "draw", "area"))
    >>> exceedance(rate, 2).to_numpy().tolist()
    [1.0, 0.5]
    """
    limit, name = _limit(values, threshold)
    share = share_of_draws(values < limit if below else values > limit, values)
    said = {"threshold": name, "exceedance": "below" if below else "above"}
    return share.rename(values.name).assign_attrs(values.attrs | said)


def excursion_set(
    values: xr.DataArray,
    threshold: float | str | xr.DataArray,
    dim: str,
    *,
    prob: float = CI_PROB,
    below: bool = False,
) -> xr.Dataset:
    """
    Largest set of groups that are all above a threshold together with a given probability.

    Parameters
    ----------
    values : DataArray, dims (chain, draw, dim)
        Values of groups, such as `expected` returns by area.
    threshold : float, "mean" or DataArray
        As for `exceedance`.
    dim : str
        Dimension of the groups.
    prob : float
        Joint probability that the set has.
    below : bool
        Ask for groups that are all below instead.

    Returns
    -------
    Dataset, dims (dim)
        `marginal`: probability of each group alone. `joint`: the greatest probability with which a set of the family
        that holds the group is above as a whole (the excursion function). `member`: whether `joint` is at least `prob`.

    Raises
    ------
    MeasureError
        As for `exceedance`; also if `values` have other dimensions or `prob` is not between 0 and 1.

    Notes
    -----
    The family of sets grows by the groups' marginal probabilities, highest first; among equals, by how many standard
    deviations the mean is beyond the threshold. A draw leaves the count of the family at its first group that is not
    beyond the threshold, so joint probabilities need one pass over draws, in order (the sequential maximum). The
    chance that not one group of the set is there by mistake is `prob`, however many groups are compared; marginal
    probabilities do not give that.

    References
    ----------
    Bolin D, Lindgren F. Excursion and contour uncertainty regions for latent Gaussian models. J R Stat Soc B
    2015;77:85.

    Examples
    --------
    >>> from bayesineq import example
    >>> from bayesineq.posterior import expected
    >>> found = excursion_set(expected(example().post, by="imd_decile"), "mean", "imd_decile")
    >>> found["member"].to_series().tolist()
    [True, True, True, True, False, False, False, False, False, False]
    """
    if not 0 < prob < 1:
        raise MeasureError(f"prob={prob!r}: a set holds with a probability between 0 and 1, such as {CI_PROB}")
    if set(values.dims) != {*SAMPLE_DIMS, dim}:
        raise MeasureError(f"an excursion set stands on draws and {dim!r} alone; the values have {list(values.dims)}")
    limit, name = _limit(values, threshold)
    gap = pooled(values - limit, dim)
    if bad := int(np.isnan(gap).any(axis=0).sum()):
        raise MeasureError(f"{bad} groups have no value; leave them out with .sel() or .dropna({dim!r})")
    gap = -gap if below else gap
    marginal = (gap > 0).mean(axis=0)
    order = _order(marginal, gap)
    joint = np.empty(len(order))
    joint[order] = _joint(gap, order)
    coords = {dim: values[dim]} if dim in values.coords else {}
    said = {"threshold": name, "exceedance": "below" if below else "above", "prob": prob}
    return xr.Dataset(
        {"marginal": (dim, marginal), "joint": (dim, joint), "member": (dim, joint >= prob)},
        coords=coords,
        attrs=values.attrs | said,
    )


def _moments(flat: NDArray[np.floating], probs: Sequence[float]) -> tuple[Floats, Floats, Floats]:
    """Mean, standard deviation (n - 1) and quantiles of draws of shape (n_draw, n), a block of numbers at a time."""
    n, total = flat.shape
    mean, sd, quantile = np.empty(total), np.full(total, np.nan), np.empty((len(probs), total))
    at = np.asarray(probs) * (n - 1)
    below = np.minimum(at.astype(np.int64), max(n - 2, 0))
    part = (at - below)[:, None]
    for start in range(0, total, _BLOCK):
        some = slice(start, start + _BLOCK)
        # Sorting rows of one block in place is several times as fast as quantiles along the first axis of the whole.
        block = np.sort(np.ascontiguousarray(flat[:, some].T), axis=1)
        mean[some] = block.mean(axis=1, dtype=np.float64)
        if n > 1:
            sd[some] = block.std(axis=1, ddof=1, dtype=np.float64)
        lower = block[:, below].T.astype(np.float64)
        upper = block[:, np.minimum(below + 1, n - 1)].T.astype(np.float64)
        quantile[:, some] = np.where(np.isnan(mean[some]), np.nan, lower + part * (upper - lower))
    lacking = np.isnan(flat).sum(axis=0)
    for k in np.flatnonzero((lacking > 0) & (lacking <= UNDEFINED_SHARE * n)):
        known = flat[~np.isnan(flat[:, k]), k].astype(np.float64)
        mean[k], sd[k], quantile[:, k] = known.mean(), known.std(ddof=1), np.quantile(known, probs)
    return mean, sd, quantile


def _own_dims(array: xr.DataArray) -> list[str]:
    return [str(dim) for dim in array.dims if dim not in SAMPLE_DIMS]


def _levels(array: xr.DataArray) -> list[NDArray[np.generic]]:
    """Level of each number along each of its own dimensions, last dimension fastest."""
    own = [
        np.asarray(array[d].to_numpy() if d in array.coords else np.arange(array.sizes[d])) for d in _own_dims(array)
    ]
    return [grid.ravel() for grid in np.meshgrid(*own, indexing="ij")]


def _tails(prob: float) -> tuple[float, float]:
    if not 0 < prob < 1:
        raise PosteriorError(f"prob={prob!r}: an interval holds a probability between 0 and 1, such as {CI_PROB}")
    return (1 - prob) / 2, (1 + prob) / 2


def _ranked(block: NDArray[np.floating]) -> NDArray[np.floating]:
    """Mean places of a block of draws: sorted once, ties found as runs of equal neighbours."""
    order = np.argsort(block, axis=1)
    ordered = np.take_along_axis(block, order, axis=1)
    place = np.broadcast_to(np.arange(1.0, block.shape[1] + 1), block.shape)
    tied = ordered[:, 1:] == ordered[:, :-1]
    if tied.any():
        place = np.array(place)
        for row in np.flatnonzero(tied.any(axis=1)):
            starts = np.flatnonzero(np.append(True, ~tied[row]))
            lengths = np.diff(np.append(starts, block.shape[1]))
            place[row] = np.repeat(starts + (lengths + 1) / 2, lengths)
    placed = np.empty(block.shape)
    np.put_along_axis(placed, order, place, axis=1)
    return placed


def _limit(values: xr.DataArray, threshold: float | str | xr.DataArray) -> tuple[xr.DataArray, str]:
    """The threshold as an array that fits the values, and its name."""
    if missing := [dim for dim in SAMPLE_DIMS if dim not in values.dims]:
        raise MeasureError(
            f"the values lack the dimensions {missing}, so they hold no draws; they have {list(values.dims)}"
        )
    if isinstance(threshold, xr.DataArray):
        if not set(threshold.dims) <= set(values.dims):
            raise MeasureError(f"threshold has the dimensions {list(threshold.dims)}; allowed are {list(values.dims)}")
        return aligned(threshold, values, "threshold"), str(threshold.name or "given values")
    if threshold == "mean":
        return average(values), "mean"
    if isinstance(threshold, str) or not np.isfinite(threshold):
        raise MeasureError(f'threshold={threshold!r}: give a number, "mean", or a DataArray')
    return xr.DataArray(float(threshold)), f"{threshold:g}"


def _order(marginal: NDArray[np.float64], gap: NDArray[np.floating]) -> NDArray[np.intp]:
    """Groups by marginal probability, then by standardised distance from the threshold, both falling."""
    spread = gap.std(axis=0, dtype=np.float64)
    distance = gap.mean(axis=0, dtype=np.float64) / np.where(spread > 0, spread, 1.0)
    return np.lexsort((-distance, -marginal))


def _joint(gap: NDArray[np.floating], order: NDArray[np.intp]) -> NDArray[np.float64]:
    """Share of draws in which the first k groups of the order are all beyond, for every k."""
    n_draw, n_group = gap.shape
    reached = np.zeros(n_group + 1)
    step = max(1, _BLOCK_VALUES // n_group)
    for start in range(0, n_draw, step):
        fails = gap[start : start + step][:, order] <= 0
        first = np.where(fails.any(axis=1), fails.argmax(axis=1), n_group)
        reached += np.bincount(first, minlength=n_group + 1)
    # A draw whose first failure is at place k (from 0) holds all sets of at most k groups.
    return np.asarray(np.cumsum(reached[::-1])[::-1][1:] / n_draw)
