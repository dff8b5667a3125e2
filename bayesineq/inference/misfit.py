r"""
Whether rows vary as their likelihood says: spread, zeros, link and neighbours, each with an error rate that is known.

Where a model is right, a draw of its posterior and the data are a draw of both together: outcomes given one draw of
the parameters are as the likelihood says, however many parameters there are (Johnson 2004). So the normal scores of
rows under one draw, z_r = Phi^-1(u_r) with u_r uniform between P(Y < y_r) and P(Y <= y_r), are independent standard
normal, and so is every statistic T that is made of them and the draw. Its mean over draws has variance 1 - v, with v
the variance between draws of one posterior, which is seen: what is judged is

    mean over draws of T / sqrt(1 - v).

Effects that are free to follow each row leave T to the prior and v near one: what they absorb is no misfit, since
intervals are as wide as rows say.

References
----------
Johnson VE. A Bayesian chi-squared test for goodness-of-fit. Ann Stat 2004;32:2361. Dunn PK, Smyth GK. Randomized
quantile residuals. J Comput Graph Stat 1996;5:236. Pregibon D. Goodness of link tests for generalized linear models.
Appl Stat 1980;29:15. Cliff AD, Ord JK. Spatial processes. 1981.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.sparse import csr_array
from scipy.special import betainc, ndtri

from bayesineq.model.families import FAMILIES, Family
from bayesineq.space.adjacency import Adjacency

Float = NDArray[np.float64]

MISFIT: Final = "misfit"
"""Group of a posterior that holds what was found; of several outcomes a group of it each."""

SPREAD, ZEROS, LINK, NEIGHBOURS = "spread", "zeros", "link", "neighbours"

LIMIT: Final = 3.0
"""Standard deviations: of four checks one fails in 0.7% of tables of right models, but for approximations."""

_LEAST: Final = {SPREAD: 0.1, ZEROS: 0.01, LINK: 0.05}
"""What is too little to matter, however many rows tell it."""

_EDGE: Final = 1e-12
_SURE: Final = 0.25
"""Least share of a statistic's variance that is thought to be told by the data."""

_ROWS: Final = 10_000
_WORK: Final = 200_000
_DRAWS: Final = (25, 200)
_COMPARED: Final = 400
_FEW: Final = 5
_STEPS: Final = 8
_FADES: Final = 0.9
_SIMULATED: Final = 1_000_000


class Rows(NamedTuple):
    """
    Outcomes of rows and what the engine says of them.

    Parameters
    ----------
    family : Family
        Their likelihood.
    lower, upper, given : ndarray, shape (n_row,)
        Outcome, an interval where the two differ; and what the likelihood is given beside it.
    offset : ndarray, shape (n_row,)
        Offset.
    weight : ndarray, shape (n_row,)
        What each row tells of its linear predictor: minus the second derivative of its log density.
    predictor : ndarray, shape (n_draw, n_row)
        Linear predictor, the offset in it.
    own : sequence of length n_draw
        Parameters of the likelihood itself.
    """

    family: Family
    lower: Float
    upper: Float
    given: Float
    offset: Float
    weight: Float
    predictor: Float
    own: Sequence[Any]


class Borders(NamedTuple):
    """
    Areas of rows.

    Parameters
    ----------
    graph : Adjacency
        Neighbours.
    of_row : ndarray of int, shape (n_row,)
        Position of each row's area; -1 where it has none.
    effect : ndarray, shape (n_draw, n_area), optional
        Effects of the areas where the card has independent ones; missing for areas without an effect.
    """

    graph: Adjacency
    of_row: NDArray[np.int32]
    effect: Float | None


def sampled(n_row: int) -> tuple[NDArray[np.int64], int]:
    """Rows that are looked at, spread evenly, and draws: few of long tables, whose rows average what they say."""
    rows = np.unique(np.linspace(0, n_row - 1, min(n_row, _ROWS)).round().astype(np.int64))
    return rows, int(np.clip(_WORK // max(len(rows), 1), *_DRAWS))


def misfit(rows: Rows, borders: Borders | None, rng: np.random.Generator) -> xr.Dataset:
    """
    Judge the rows of one outcome.

    Returns: variables `value` and `limit` over dimension `check`, as far as the rows can tell; attribute `remedy`, the
    likelihood that rows ask for where spread or zeros are too many; numbers of two digits, so that no row is told.
    """
    if rows.family.parameters and rows.family.density.noise is None:
        rows = rows._replace(weight=_expected(rows))
    score = _scores(rows, rng)
    found: dict[str, tuple[float, float] | None] = {SPREAD: _spread(score)} if rows.family.counts else {}
    if rows.family.with_none is not None:
        found[ZEROS] = _zeros(rows, rng)
    found[LINK] = _link(rows, score)
    if borders is not None:
        found[NEIGHBOURS] = _neighbours(rows, score, borders, rng)
    kept = {name: at for name, at in found.items() if at is not None}
    told = xr.Dataset(
        {
            "value": ("check", [_short(value) for value, _ in kept.values()]),
            "limit": ("check", [_short(limit) for _, limit in kept.values()]),
        },
        coords={"check": np.array(list(kept), dtype=object)},
    )
    if any(name in kept and kept[name][0] > kept[name][1] for name in (SPREAD, ZEROS)):
        told.attrs["remedy"] = _remedy(rows)
    return told


def _expected(rows: Rows) -> Float:
    """What rows of such a predictor tell of it, whatever came: some likelihoods weigh a row by its outcome."""
    eta, weight = rows.predictor.mean(axis=0), np.log(np.maximum(rows.weight, 1e-12))
    away = (eta - eta.mean()) / max(float(eta.std()), 1e-12)
    base = np.vander(away, 3)
    smooth = base @ np.linalg.lstsq(base, weight, rcond=None)[0]
    return np.asarray(np.exp(np.clip(smooth, weight.min(), weight.max())))


def _short(value: float) -> float:
    return float(f"{value:.2g}") if abs(value) < 1.0 else round(value, 2)


def _judged(statistic: Float) -> float:
    """A statistic that is standard normal at each draw of a right model, over all draws; shape (n_draw,) in."""
    return float(statistic.mean() / np.sqrt(max(1.0 - float(statistic.var(ddof=1)), _SURE)))


def _below(rows: Rows, own: Any, y: Float, eta: Float) -> Float:
    """P(Y <= y); nothing lies below zero."""
    found = rows.family.density.cdf(own, np.maximum(y, 0.0)[:, None], rows.given[:, None], eta[:, None])[:, 0]
    return np.where(y < 0.0, 0.0, found)


def _scores(rows: Rows, rng: np.random.Generator) -> Float:
    """Normal scores of the rows under each draw, shape (n_draw, n_row)."""
    out = np.empty_like(rows.predictor)
    noise = rows.family.density.noise
    for k, (eta, own) in enumerate(zip(rows.predictor, rows.own, strict=True)):
        if noise is not None:
            out[k] = (rows.upper - eta) / np.sqrt(noise(own, rows.given))
            continue
        u = _below(rows, own, rows.upper, eta)
        if rows.family.counts:
            under = _below(rows, own, rows.lower - 1.0, eta)
            u = under + rng.random(len(u)) * (u - under)
        out[k] = ndtri(np.clip(u, _EDGE, 1.0 - _EDGE))
    return out


def _spread(score: Float) -> tuple[float, float]:
    """Variance of the scores, which is one; its cube root is normal (Wilson and Hilferty 1931)."""
    n = score.shape[1]
    within = 2.0 / (9.0 * n)
    z = _judged((np.cbrt((score**2).mean(axis=1)) - (1.0 - within)) / np.sqrt(within))
    variance = [(1.0 - within + at * np.sqrt(within)) ** 3 for at in (z, LIMIT)]
    return variance[0], max(variance[1], 1.0 + _LEAST[SPREAD])


def _zeros(rows: Rows, rng: np.random.Generator) -> tuple[float, float] | None:
    """Share of rows that are zeros beyond what is expected; their number is binomial with its own two moments."""
    exact = rows.lower == rows.upper
    if exact.sum() < _FEW:
        return None
    seen = float(((rows.upper == 0.0) & exact).sum())
    score, excess, spread = np.empty((3, len(rows.own)))
    for k, (eta, own) in enumerate(zip(rows.predictor, rows.own, strict=True)):
        none = _below(rows, own, np.zeros(len(eta)), eta)[exact]
        mean, variance = float(none.sum()), float((none * (1.0 - none)).sum())
        chance = min(max(1.0 - variance / max(mean, 1e-300), 1e-9), 1.0 - 1e-9)
        at, under = (_binomial_below(y, mean / chance, chance) for y in (seen, seen - 1.0))
        u = under + rng.random() * (at - under)
        score[k], excess[k], spread[k] = ndtri(np.clip(u, _EDGE, 1.0 - _EDGE)), seen - mean, variance
    z, n = _judged(score), float(exact.sum())
    share = float(excess.mean()) / n
    # Where zeros are hardly expected their number is far from normal: the limit is where its score is.
    limit = share * LIMIT / z if z > 0.0 and share > 0.0 else LIMIT * float(np.sqrt(spread.mean())) / n
    return share, max(limit, _LEAST[ZEROS])


def _binomial_below(y: float, size: float, share: float) -> float:
    if y < 0.0:
        return 0.0
    return 1.0 if y >= size else float(betainc(size - y, y + 1.0, 1.0 - share))


def _link(rows: Rows, score: Float) -> tuple[float, float] | None:
    """How far predictors bend away along their square, over their own spread."""
    root = np.sqrt(np.maximum(rows.weight, 0.0))
    total = float((root**2).sum())
    statistic, spread = np.empty((2, len(score)))
    for k, eta in enumerate(rows.predictor - rows.offset):
        middle = float(root**2 @ eta) / total
        away = eta - middle
        spread[k] = np.sqrt(float(root**2 @ away**2) / total)
        if not spread[k] > 0.0:
            return None
        base = np.linalg.qr(root[:, None] * np.stack([np.ones(len(away)), away / spread[k]], axis=1))[0]
        square = root * (away / spread[k]) ** 2
        left = square - base @ (base.T @ square)
        size = float(np.linalg.norm(left))
        # Two values of the predictor have no bend.
        if size < 1e-6 * float(np.linalg.norm(square)):
            return None
        statistic[k] = float(left @ score[k]) / size
    unit = np.sqrt(total) * float(spread.mean())
    return abs(_judged(statistic)) / unit, max(LIMIT / unit, _LEAST[LINK])


def _neighbours(rows: Rows, score: Float, borders: Borders, rng: np.random.Generator) -> tuple[float, float] | None:
    """
    How alike areas are that lie near each other, in standard deviations.

    What the rows of an area leave over is put together with its independent effect, where the card has one: the sum
    is independent between areas, whatever the draw of the effect. Its form g'Kg over g'g, with K a sum of powers of
    the graph, is the score of a smooth map's variance; moments are of simulated g, and the cube root is normal.
    """
    area, n = borders.of_row, len(borders.graph)
    root = np.sqrt(np.maximum(rows.weight, 0.0))
    told = np.bincount(area + 1, weights=root**2, minlength=n + 1)[1:]
    held = told > 0.0
    if held.sum() < _FEW:
        return None
    kernel = _kernel(borders.graph, held)
    precision = told[held]
    value = np.stack([np.bincount(area + 1, weights=root * z, minlength=n + 1)[1:][held] for z in score])
    value /= np.sqrt(precision)
    if borders.effect is not None:
        effect = borders.effect[:, held]
        variance = effect.var(axis=1, keepdims=True)
        value = (effect + value / np.sqrt(precision)) / np.sqrt(variance + 1.0 / precision)
    null = _likeness(
        kernel, rng.standard_normal((int(np.clip(_SIMULATED // len(precision), 200, 2000)), len(precision)))
    )
    return _judged(_normal(_likeness(kernel, value), null)), LIMIT


def _kernel(graph: Adjacency, held: NDArray[np.bool_]) -> csr_array:
    """Neighbours among the areas that have rows, each pair over the root of both numbers of neighbours."""
    number = np.cumsum(held) - 1
    first, second = number[graph.edges[held[graph.edges].all(axis=1)]].T
    degree = np.maximum(np.bincount(np.concatenate([first, second]), minlength=int(held.sum())), 1)
    weight = 1.0 / np.sqrt(degree[first] * degree[second])
    both = np.concatenate([first, second]), np.concatenate([second, first])
    return csr_array((np.tile(weight, 2), both), shape=(len(degree),) * 2)


def _likeness(kernel: csr_array, value: Float) -> Float:
    """Quadratic form of the graph's powers, over the variance. Shapes: value (n_draw, n_area); returns (n_draw,)."""
    away = (value - value.mean(axis=1, keepdims=True)).T
    reached, total = away, np.zeros_like(away)
    for _ in range(_STEPS):
        reached = _FADES * (kernel @ reached)
        total += reached
    return np.asarray((away * total).sum(axis=0) / np.maximum((away**2).sum(axis=0), 1e-300))


def _normal(value: Float, null: Float) -> Float:
    """Normal scores of values under a law with the three moments of `null`: a gamma's, by its cube root."""
    standard = (value - null.mean()) / null.std()
    skewness = float(((null - null.mean()) ** 3).mean() / null.std() ** 3)
    if skewness < 1e-2:
        return standard
    shape = 4.0 / skewness**2
    within = 1.0 / (9.0 * shape)
    return np.asarray((np.cbrt(np.maximum(1.0 + standard / np.sqrt(shape), 0.0)) - (1.0 - within)) / np.sqrt(within))


def _remedy(rows: Rows) -> str:
    """Of the likelihoods with more spread and with more zeros, the one under which some rows are likelier."""
    names = [name for name in (rows.family.wider, rows.family.with_none) if name is not None]
    if len(names) < 2:
        return names[0] if names else ""
    at = np.unique(np.linspace(0, len(rows.upper) - 1, min(_COMPARED, len(rows.upper))).round().astype(np.int64))
    at = at[rows.lower[at] == rows.upper[at]]
    eta, own = rows.predictor[:, at].mean(axis=0), rows.own[0]
    values = list(zip(rows.upper[at].tolist(), rows.given[at].tolist(), eta.tolist(), strict=True))

    def likelihood(name: str) -> float:
        family = FAMILIES[name]
        new = next(of for of in family.parameters if of.name not in own._fields)

        def minus(x: Float) -> float:
            own_value = np.exp(np.clip(x[1], -20.0, 20.0)) if new.upper > 1.0 else 1.0 / (1.0 + np.exp(-x[1]))
            own_new = family.density.own(**own._asdict(), **{new.name: float(own_value)})
            density = family.density
            total = 0.0
            for y, g, e in values:
                total -= density.fixed_part(own_new, y, g)[0] + density.point(own_new, y, g, e + float(x[0]))[0]
            return float(total)

        return -float(minimize(minus, np.zeros(2), method="Nelder-Mead", options={"maxfev": 120}).fun)

    return max(names, key=likelihood)
