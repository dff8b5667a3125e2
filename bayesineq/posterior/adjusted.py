"""Comparing like with like: each group with everybody's ages, sexes or other adjusters, and all else its own."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Final

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from bayesineq.dims import CHAIN, DRAW, POPULATION
from bayesineq.model.card import ModelCard
from bayesineq.posterior.expected import as_values, expected, groups_of, names_of
from bayesineq.posterior.outcomes import one_outcome
from bayesineq.posterior.population import card_of, resolve
from bayesineq.posterior.predictor import Strata, group_totals, predictor_of, row_effects

ADJUSTED_FOR: Final = "adjusted_for"
"""Attribute of values: the columns held equal, joined by ", "; empty for values as the groups are."""

COLUMNS_OF: Final = "columns_of"
"""Attribute of values that are adjusted: the table of the card, whose schema says what its columns are in words."""

_EXACT: Final = 64
_NODES: Final = {1: 7, 2: 5}
_FEWEST_NODES: Final = 3
_ROWS: Final = 1 << 21
_GROUP: Final = " group"

type Floats = NDArray[np.float64]


def adjusted(
    post: xr.DataTree,
    by: str | Sequence[str] | None = None,
    population: pd.DataFrame | None = None,
    *,
    threads: int | None = None,
    outcome: str | None = None,
) -> xr.DataArray:
    """
    Mean outcome of groups or areas at the same age, sex or other adjusters of the card, for every draw.

    Parameters
    ----------
    post : DataTree
        A posterior.
    by : str or sequence of str, optional
        Columns of the population that make the groups, as for `expected`. None is everyone.
    population : DataFrame, optional
        Whom to average over; by default those that were fitted. All of it together gives the mixture that every group
        is given.
    threads : int, optional
        How many; by default as many as there are cores, at most 4.
    outcome : str, optional
        Which of several outcomes; see `one_outcome`.

    Returns
    -------
    DataArray, dims (chain, draw, *by)
        As of `expected`: the people of each group are coordinate `population`. Attribute `adjusted_for` names the
        columns held equal, joined by ", ". It is empty, and the values are those of `expected`, where the card has no
        adjuster beside the groups themselves.

    Raises
    ------
    PosteriorError
        If `by` names a column twice or one that cannot be a group.
    DesignError
        If the population does not fit the card.

    Notes
    -----
    What adjusts is the card's `adjust`; where it does not say, columns whose names say age or sex. Deprivation, ethnic
    group and place are what is compared, so each group keeps its own mixture of them: with cells c of all columns that
    do not adjust, and strata s of those that do, a group has

        sum_{c in g} n_c sum_s w_s h(eta_cs) / sum_{c in g} n_c,

    n_c the people of the cell, w_s the share of everybody who is in the stratum, and h(eta_cs) the mean outcome that
    the model gives people of that cell in that stratum, whether or not anybody is there. To hold everything else equal
    as well, `standardised(post, by)` does so; to weigh by a standard population, `standardised(post, by, over=...)`.

    A continuous adjuster with more than 64 values is replaced, within each stratum of the others, by seven points with
    its first thirteen moments (Gauss quadrature of the distribution among everybody; several at once by five or three
    points along each of their principal axes). Draws by areas by strata are never held.

    References
    ----------
    Golub GH, Welsch JH. Calculation of Gauss quadrature rules. Math Comp 1969;23:221.
    Robins J. A new approach to causal inference in mortality studies. Math Modelling 1986;7:1393.

    Examples
    --------
    >>> from bayesineq import example
    >>> adjusted(example().post, by="ethnicity").mean(("chain", "draw")).round(3).to_series()
    ethnicity
    asian    0.129
    black    0.106
    white    0.089
    Name: prevalence, dtype: float64
    """
    post = one_outcome(post, outcome)
    names = names_of(by)
    frame = resolve(post, population, names)
    held = held_equal(card_of(post), frame, names)
    if not held:
        return expected(post, population, names, threads=threads).assign_attrs({ADJUSTED_FOR: ""})
    return _alike(post, population, frame, frame, names, held, threads)


def adjusted_part(post: xr.DataTree, rows: pd.DataFrame, by: str, column: str) -> xr.DataArray:
    """What `adjusted` gives groups `by`, of some of them: `rows`, grouped by `column`, at everybody's mixture."""
    everyone, part = resolve(post, None, [by]), resolve(post, rows, [column])
    return _alike(post, rows, part, everyone, [column], held_equal(card_of(post), everyone, [by]), None)


def _alike(
    post: xr.DataTree,
    population: pd.DataFrame | None,
    frame: pd.DataFrame,
    everyone: pd.DataFrame,
    names: list[str],
    held: list[str],
    threads: int | None,
) -> xr.DataArray:
    """Groups of `frame`, with `held` as it is among everyone."""
    card = card_of(post)
    levels, group = groups_of(frame, names)
    n_group = int(np.prod([len(level) for level in levels], dtype=np.int64))
    weight = np.bincount(group, weights=frame[POPULATION], minlength=n_group)
    cells, strata = _cells(card, frame, group, held), _strata(card, everyone, held)
    apart = all(set(term.columns) <= set(held) or not set(term.columns) & set(held) for term in card.terms)
    sums = _added if apart else _crossed
    total = sums(post, cells, strata, held, n_group, threads)
    values = as_values(post, population, frame, names, weight, total)
    return values.assign_attrs({ADJUSTED_FOR: ", ".join(held), COLUMNS_OF: card.table})


def is_adjusted(post: xr.DataTree, by: str | Sequence[str]) -> bool:
    """Whether anything is held equal between groups, without a draw of them."""
    post, names = one_outcome(post, None), names_of(by)
    return bool(held_equal(card_of(post), resolve(post, None, names), names))


def held_equal(card: ModelCard, frame: pd.DataFrame, names: Sequence[str]) -> list[str]:
    """Adjusters held equal: the card's, without the groups themselves and without what groups are made of."""
    held = [name for name in card.adjusters if name not in names]
    return [name for name in held if name not in card.dims or not any(_makes(frame, name, other) for other in names)]


def _makes(frame: pd.DataFrame, adjuster: str, group: str) -> bool:
    """Whether groups are unions of levels of an adjuster."""
    pairs = frame[[adjuster, group]].drop_duplicates()
    return len(pairs[group].unique()) > 1 and not pairs[adjuster].duplicated().any()


def _cells(card: ModelCard, frame: pd.DataFrame, group: NDArray[np.int32], held: Sequence[str]) -> pd.DataFrame:
    """People by group and by everything that does not adjust, groups together."""
    present = (frame[POPULATION] > 0).to_numpy()
    kept = [name for name in dict.fromkeys([*card.dims, *card.covariates]) if name not in held]
    part = frame.loc[present, [*kept, POPULATION]].assign(**{_GROUP: group[present]})
    summed = part.groupby([_GROUP, *kept], observed=True, sort=False)[POPULATION].sum().reset_index()
    return summed.sort_values(_GROUP, kind="stable", ignore_index=True)


def _strata(card: ModelCard, frame: pd.DataFrame, held: list[str]) -> pd.DataFrame:
    """What is held equal, and the share of everybody in each combination of it."""
    present = frame[frame[POPULATION] > 0]
    strata = present.groupby(held, observed=True, sort=False)[POPULATION].sum().reset_index()
    strata[POPULATION] /= strata[POPULATION].sum()
    moving = [name for name in held if name not in card.dims]
    if not moving or len(strata) <= _EXACT:
        return strata
    fixed = [name for name in held if name in card.dims]
    parts = strata.groupby(fixed, observed=True, sort=False) if fixed else [((), strata)]
    made = []
    for _, part in parts:
        nodes, share = _condensed(part[moving].to_numpy(dtype=np.float64), part[POPULATION].to_numpy(dtype=np.float64))
        few = part.iloc[np.zeros(len(share), dtype=np.intp)].reset_index(drop=True)
        made.append(few.assign(**dict(zip(moving, nodes.T, strict=True)), **{POPULATION: share}))
    return pd.concat(made, ignore_index=True)


def _added(
    post: xr.DataTree, cells: pd.DataFrame, strata: pd.DataFrame, held: list[str], n_group: int, threads: int | None
) -> Floats:
    """Sums where no term stands on both: a stratum moves the linear predictor of all cells alike."""
    terms = card_of(post).terms
    within = predictor_of(post, strata, [term for term in terms if set(term.columns) <= set(held)])
    each = Strata(row_effects(within), strata[POPULATION].to_numpy(dtype=np.float64))
    beside = predictor_of(post, cells, [term for term in terms if not set(term.columns) & set(held)])
    return group_totals(beside, cells[_GROUP].to_numpy(dtype=np.int32), n_group, strata=each, threads=threads)


def _crossed(
    post: xr.DataTree, cells: pd.DataFrame, strata: pd.DataFrame, held: list[str], n_group: int, threads: int | None
) -> Floats:
    """Sums where a term stands on both, such as age by deprivation: every cell in every stratum is a row."""
    sizes = post["posterior"].to_dataset().sizes
    total = np.zeros((sizes[CHAIN] * sizes[DRAW], n_group))
    step = max(1, _ROWS // len(cells))
    for start in range(0, len(strata), step):
        part = strata.iloc[start : start + step]
        left = cells.iloc[np.repeat(np.arange(len(cells)), len(part))].reset_index(drop=True)
        right = part.iloc[np.tile(np.arange(len(part)), len(cells))].reset_index(drop=True)
        weight = left[POPULATION] * right[POPULATION]
        frame = pd.concat([left.drop(columns=[POPULATION, _GROUP]), right[held]], axis=1)
        rows = predictor_of(post, frame.assign(**{POPULATION: weight}))
        total += group_totals(rows, left[_GROUP].to_numpy(dtype=np.int32), n_group, threads=threads)
    return total


def _condensed(values: Floats, weight: Floats) -> tuple[Floats, Floats]:
    """Few points, and their weights, in place of many: Gauss quadrature along each principal axis."""
    share = weight / weight.sum()
    centre = share @ values
    spread = values - centre
    _, axes = np.linalg.eigh((spread * share[:, None]).T @ spread)
    scores = spread @ axes
    count = _NODES.get(values.shape[1], _FEWEST_NODES)
    rules = [_gauss(scores[:, k], share, count) for k in range(values.shape[1])]
    points = np.array(list(product(*(nodes for nodes, _ in rules))))
    weights = np.array([np.prod(chosen) for chosen in product(*(part for _, part in rules))])
    return points @ axes.T + centre, weights * weight.sum()


def _gauss(values: Floats, share: Floats, count: int) -> tuple[Floats, Floats]:
    """Gauss rule of a distribution on many values: Lanczos gives the recurrence, its eigenvalues the points."""
    from scipy.linalg import eigh_tridiagonal

    scale = float(np.sqrt(share @ values**2))
    if scale <= 1e-12 * max(1.0, float(np.abs(values).max())):
        return np.zeros(1), np.ones(1)
    z, vector = values / scale, np.sqrt(share)
    basis: list[Floats] = []
    diagonal: list[float] = []
    beside: list[float] = []
    for _ in range(count):
        basis.append(vector)
        following = z * vector
        diagonal.append(float(vector @ following))
        # Twice is enough to keep the basis orthogonal.
        for _ in range(2):
            following = following - np.array(basis).T @ (np.array(basis) @ following)
        length = float(np.linalg.norm(following))
        if length < 1e-8:
            break
        beside.append(length)
        vector = following / length
    nodes, vectors = eigh_tridiagonal(diagonal, beside[: len(diagonal) - 1])
    return nodes * scale, vectors[0] ** 2
