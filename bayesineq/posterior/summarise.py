"""Draws to tables: mean, spread, interval, and how well chains agree."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from bayesineq.dims import CI_PROB, POPULATION, SAMPLE_DIMS
from bayesineq.errors import PosteriorError
from bayesineq.measures.undefined import UNDEFINED_SHARE

INTERVALS: Final = (0.5, 0.8, 0.95)
"""Probabilities of the intervals that `intervals` gives."""

_BLOCK: Final = 4096
_SUFFIX: Final = ".effect"

type Floats = NDArray[np.float64]


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
    _check(prob)
    frames = []
    for name, array in variables(x):
        draws = draws_of(array)
        mean, sd, quantile = _moments(draws, ((1 - prob) / 2, 0.5, (1 + prob) / 2))
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
    """
    for prob in probs:
        _check(prob)
    ends = [end for prob in probs for end in ((1 - prob) / 2, (1 + prob) / 2)]
    frames = []
    for name, array in variables(x):
        draws = draws_of(array)
        mean, sd, quantile = _moments(draws, (0.5, *ends))
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
    """
    table = summarise(values, prob).drop(columns="parameter")
    dims = _own_dims(values)
    grid = np.meshgrid(*(_codes(values, dim) for dim in dims), indexing="ij")
    columns: dict[str, object] = {dim: codes.ravel() for dim, codes in zip(dims, grid, strict=True)}
    if POPULATION in values.coords:
        own = values[POPULATION]
        columns[POPULATION] = own.transpose(*dims).to_numpy().ravel() if set(own.dims) == set(dims) else own.to_numpy()
    return pd.concat([pd.DataFrame(columns, index=table.index), table], axis=1)


def labels(array: xr.DataArray, name: str) -> list[str]:
    """
    Names of the numbers of a variable.

    Parameters
    ----------
    array : DataArray
        Draws.
    name : str
        Name of the variable.

    Returns
    -------
    list of str
        `NAME`, `NAME[level]` or `NAME[level, level]`, last dimension fastest.
    """
    dims = _own_dims(array)
    if not dims:
        return [name]
    grid = np.meshgrid(*(_codes(array, dim).astype(str) for dim in dims), indexing="ij")
    return [f"{name}[{', '.join(level)}]" for level in zip(*(g.ravel() for g in grid), strict=True)]


def convergence(draws: NDArray[np.floating]) -> tuple[Floats, Floats]:
    """
    Rank-normalised split R-hat and bulk effective sample size.

    Parameters
    ----------
    draws : ndarray, shape (n_chain, n_draw, n)
        Draws of n numbers.

    Returns
    -------
    rhat, ess_bulk : ndarray, shape (n,)
        Missing for numbers that do not vary, or that are missing themselves.
    """
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
    """
    Variables with draws, and their names in tables.

    Parameters
    ----------
    x : DataArray, Dataset or DataTree
        Draws; of a tree, its group `posterior`.

    Yields
    ------
    name : str
        A term's own name, even where the variable has another one.
    array : DataArray
        The variable.

    Raises
    ------
    PosteriorError
        If there are none.
    """
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
    """
    Draws of a variable as plain numbers.

    Parameters
    ----------
    array : DataArray
        With dimensions `chain` and `draw`.

    Returns
    -------
    ndarray, shape (n_chain, n_draw, n)
        Its numbers, last dimension fastest.

    Raises
    ------
    PosteriorError
        If it has no draws.
    """
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


def share_of_draws(chosen: xr.DataArray, values: xr.DataArray) -> xr.DataArray:
    """
    Share of the draws for which something holds, of those that are numbers.

    Parameters
    ----------
    chosen : DataArray of bool, dims (chain, draw, ...)
        Where it holds; False where the draw is no number.
    values : DataArray, dims (chain, draw, ...)
        The draws.

    Returns
    -------
    DataArray, dims (...)
        The share; missing where more than 1% of the draws are.
    """
    known = values.notnull()  # noqa: PD004 - xarray's name
    share = chosen.sum(SAMPLE_DIMS) / known.sum(SAMPLE_DIMS).where(known.any(SAMPLE_DIMS))
    return share.where(known.mean(SAMPLE_DIMS) >= 1 - UNDEFINED_SHARE)


def _moments(draws: NDArray[np.floating], probs: Sequence[float]) -> tuple[Floats, Floats, Floats]:
    """Mean, standard deviation (n - 1) and quantiles over chains and draws, a block of numbers at a time."""
    flat = draws.reshape(-1, draws.shape[2])
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


def _codes(array: xr.DataArray, dim: str) -> NDArray[np.generic]:
    return np.asarray(array[dim].to_numpy() if dim in array.coords else np.arange(array.sizes[dim]))


def _check(prob: float) -> None:
    if not 0 < prob < 1:
        raise PosteriorError(f"prob={prob!r}: an interval holds a probability between 0 and 1, such as {CI_PROB}")
