"""Demand next year: people of each segment a year on, and what they will cost, as moves between segments tell."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from bayesineq.dims import CI_PROB
from bayesineq.errors import MeasureError
from bayesineq.measures.limits import probability


def demand_next_year(
    people: ArrayLike,
    moves: ArrayLike,
    cost: ArrayLike,
    error: ArrayLike,
    *,
    draws: int = 2000,
    prob: float = CI_PROB,
    seed: int | None = None,
) -> pd.DataFrame:
    r"""
    People of each segment next year and what they will cost, if people move as they did and cost what they cost.

    Parameters
    ----------
    people : array_like, shape (n_segment,)
        People of each segment now.
    moves : array_like, shape (n_segment, n_segment + 1)
        People of each segment a year ago by where they are now; the last column are those who died or left.
    cost, error : array_like, shape (n_segment,)
        Mean cost of a person in a year, and its standard error.
    draws : int
        Draws.
    prob : float
        Probability of the intervals.
    seed : int, optional
        Makes them reproducible.

    Returns
    -------
    DataFrame
        A row a segment, and one of all: `people`, then `next`, `next_lower`, `next_upper` (people next year) and
        `cost`, `cost_lower`, `cost_upper` (pounds next year).

    Raises
    ------
    MeasureError
        If shapes differ, a number is negative or missing, or nobody of a segment was seen to move: all at once.

    Notes
    -----
    Rows of moves are Dirichlet with :math:`1/(n + 1)` added to each count; costs are normal. People who are born or
    come are not in it, nor does anything change but who is in which segment.

    Examples
    --------
    >>> found = demand_next_year([800, 200], [[900, 90, 10], [20, 160, 20]], [500.0, 6000.0], [5.0, 90.0], seed=1)
    >>> found["next"].round(-1).tolist()
    [740.0, 230.0, 970.0]
    """
    now, seen = np.asarray(people, dtype=np.float64), np.asarray(moves, dtype=np.float64)
    mean, spread = np.asarray(cost, dtype=np.float64), np.asarray(error, dtype=np.float64)
    n, wrong = len(now), []
    if seen.shape != (n, n + 1) or mean.shape != (n,) or spread.shape != (n,):
        wrong.append(f"{n} segments need {n} by {n + 1} moves, {n} costs and {n} errors; given {seen.shape}")
    for name, value in (("people", now), ("moves", seen), ("cost", mean), ("error", spread)):
        if not (np.isfinite(value) & (value >= 0)).all():
            wrong.append(f"{name} holds negative or missing numbers")
    if not wrong and (empty := np.flatnonzero(seen.sum(axis=1) == 0)).size:
        wrong.append(f"nobody of segments {empty.tolist()} (counted from 0) was seen to stay or move")
    if wrong:
        raise MeasureError(f"demand cannot be told: {'; '.join(wrong)}")
    rng, tail = np.random.default_rng(seed), (1 - probability(prob)) / 2
    share = np.stack([rng.dirichlet(row + 1.0 / (n + 1), draws) for row in seen], axis=1)[:, :, :n]
    later = np.einsum("s,dst->dt", now, share)
    pounds = later * (mean + spread * rng.standard_normal((draws, n)))
    later, pounds = (np.column_stack([x, x.sum(axis=1)]) for x in (later, pounds))
    made = {"people": np.append(now, now.sum())}
    for name, value in (("next", later), ("cost", pounds)):
        low, high = np.quantile(value, [tail, 1 - tail], axis=0)
        made |= {name: value.mean(axis=0), f"{name}_lower": low, f"{name}_upper": high}
    return pd.DataFrame(made)
