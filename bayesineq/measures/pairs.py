"""What comes together beyond chance: odds ratios of pairs of conditions over strata, all pairs shrunk at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln, logsumexp
from scipy.stats import beta

from bayesineq.dims import CI_PROB
from bayesineq.errors import MeasureError

type Array = NDArray[np.float64]

SCALES: Final = (0.01, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6)
"""Standard deviations of log odds ratios of which the prior is a mixture; the first is chance, for all that matters."""

_REACH: Final = 8.0
_POINTS: Final = 65
_WARM: Final = 200
_WIDE: Final = 10.0


@dataclass(frozen=True, slots=True)
class MantelHaenszel:
    """
    Pooled over strata.

    Parameters
    ----------
    odds_ratio : ndarray, shape (n_pair,)
        Odds ratio of two conditions within strata.
    log_error : ndarray, shape (n_pair,)
        Standard error of its logarithm.
    risk_ratio : ndarray, shape (n_pair,)
        How many times as many of those with the first condition have the second one, as of those without the first.
    """

    odds_ratio: Array
    log_error: Array
    risk_ratio: Array


@dataclass(frozen=True, slots=True)
class Associations:
    """
    Posterior of the log odds ratios of pairs.

    Parameters
    ----------
    draws : ndarray, shape (n_draw, n_pair)
        Log odds ratios: positive where two conditions come together more often than by chance.
    share : ndarray, shape (n_draw, n_scale)
        Share of all pairs whose log odds ratio has each standard deviation of `SCALES`.
    unshrunk : MantelHaenszel
        What each pair says alone.
    """

    draws: Array
    share: Array
    unshrunk: MantelHaenszel

    def interval(self, prob: float = CI_PROB) -> tuple[Array, Array, Array]:
        """
        Odds ratios with equal-tailed intervals.

        Parameters
        ----------
        prob : float
            Probability that an interval holds.

        Returns
        -------
        tuple of ndarray, shape (n_pair,)
            Medians, lower ends and upper ends.
        """
        ends = [0.5, (1 - prob) / 2, (1 + prob) / 2]
        middle, lower, upper = np.exp(np.quantile(self.draws, ends, axis=0))
        return middle, lower, upper

    def above(self, odds_ratio: float = 1.0) -> Array:
        """
        Probability that an odds ratio is above a value.

        Parameters
        ----------
        odds_ratio : float
            The value, above 0.

        Returns
        -------
        ndarray, shape (n_pair,)
            Probabilities.
        """
        return np.asarray((self.draws > np.log(odds_ratio)).mean(axis=0))


def mantel_haenszel(both: ArrayLike, first: ArrayLike, second: ArrayLike, people: ArrayLike) -> MantelHaenszel:
    r"""
    Odds ratio and risk ratio of two conditions, pooled over strata.

    Parameters
    ----------
    both, first, second, people : array_like, shape (n_pair, n_stratum) or (n_stratum,)
        People of each stratum with both conditions, with the first, with the second, and in all.

    Returns
    -------
    MantelHaenszel
        A number a pair; infinite or missing where no stratum has what it takes.

    Raises
    ------
    MeasureError
        If counts contradict each other.

    Notes
    -----
    With a, b, c, d the people with both, the first alone, the second alone and neither, of n:
    :math:`\sum ad/n / \sum bc/n` and :math:`\sum a(c+d)/n / \sum c(a+b)/n`; the variance of the former's logarithm is
    that of Robins, Breslow and Greenland. A stratum with an empty cell counts as any other.

    References
    ----------
    Mantel N, Haenszel W. JNCI 1959; 22:719. Robins J, Breslow N, Greenland S. Biometrics 1986; 42:311.

    Examples
    --------
    >>> found = mantel_haenszel([30, 20], [50, 60], [40, 50], [200, 300])
    >>> found.odds_ratio.round(3), found.risk_ratio.round(3)
    (array([7.]), array([4.529]))
    """
    a, b, c, d = _cells(both, first, second, people)
    n = np.maximum(a + b + c + d, 1.0)
    r, s, p, q = a * d / n, b * c / n, (a + d) / n, (b + c) / n
    with np.errstate(divide="ignore", invalid="ignore"):
        of_r, of_s = r.sum(axis=1), s.sum(axis=1)
        variance = (p * r).sum(axis=1) / (2 * of_r**2) + (q * s).sum(axis=1) / (2 * of_s**2)
        variance = variance + (p * s + q * r).sum(axis=1) / (2 * of_r * of_s)
        risk = (a * (c + d) / n).sum(axis=1) / (c * (a + b) / n).sum(axis=1)
        return MantelHaenszel(of_r / of_s, np.sqrt(variance), risk)


def associations(
    both: ArrayLike,
    first: ArrayLike,
    second: ArrayLike,
    people: ArrayLike,
    *,
    draws: int = 1000,
    seed: int | None = None,
) -> Associations:
    r"""
    Odds ratios of all pairs at once: each as far from chance as it says itself, and as pairs like it are.

    Parameters
    ----------
    both, first, second, people : array_like, shape (n_pair, n_stratum) or (n_stratum,)
        People of each stratum with both conditions, with the first, with the second, and in all.
    draws : int
        Draws of the posterior.
    seed : int, optional
        Makes them reproducible.

    Returns
    -------
    Associations
        Draws of the log odds ratios, taken to be the same in all strata.

    Raises
    ------
    MeasureError
        If counts contradict each other, or there is no pair.

    Notes
    -----
    Given how many of a stratum have each condition, the number with both is noncentral hypergeometric: exact at any
    count, empty cells among them, and free of how common the conditions are. Log odds ratios come from a mixture of
    normal distributions about 0 with the standard deviations `SCALES`, whose shares are learnt from all pairs (a flat
    Dirichlet prior, drawn by Gibbs sampling). One prior for all pairs is what takes the place of corrections for many
    tests: where most pairs are chance, a pair needs more to stand out.

    The likelihoods of pairs are multiplied as if they were independent, though pairs that share a condition rest on the
    same people.

    References
    ----------
    Stephens M. False discovery rates: a new deal. Biostatistics 2017; 18:275.
    https://doi.org/10.1093/biostatistics/kxw041

    Examples
    --------
    >>> found = associations([[30, 20], [6, 9]], [[50, 60], [40, 50]], [[40, 50], [31, 50]], [[200, 300]] * 2, seed=1)
    >>> found.above().round(1)
    array([1. , 0.5])
    """
    a, b, c, d = _cells(both, first, second, people)
    if len(a) == 0:
        raise MeasureError("there is no pair of conditions; give counts of two conditions or more")
    own = mantel_haenszel(a, a + b, a + c, a + b + c + d)
    nodes, density = zip(*(_likelihood(*cells) for cells in zip(a, b, c, d, strict=True)), strict=True)
    at, log_likelihood = np.stack(nodes), np.stack(density)
    return Associations(*shrunk_draws(at, log_likelihood, draws, seed), own)


def risk_ratios(log_odds: ArrayLike, first: ArrayLike, second: ArrayLike, people: ArrayLike) -> Array:
    r"""
    Risk ratios of having the second condition, for those with the first against those without, from odds ratios.

    Parameters
    ----------
    log_odds : array_like, shape (n_draw, n_pair)
        Draws of log odds ratios that hold in every stratum, as of `Associations.draws`.
    first, second, people : array_like, shape (n_pair, n_stratum) or (n_stratum,)
        People of each stratum with the first condition, with the second, and in all.

    Returns
    -------
    ndarray, shape (n_draw, n_pair)
        How many times as many of those with the first condition have the second one: of presence, not of absence. Over
        strata it is pooled as by Mantel and Haenszel.

    Raises
    ------
    MeasureError
        If counts contradict each other, or draws are of another number of pairs.

    Notes
    -----
    Given the margins and an odds ratio :math:`\psi`, the expected number with both, a, solves
    :math:`ad = \psi bc` in each stratum; the risk ratio is :math:`\sum a(c+d)/n / \sum c(a+b)/n`.

    Examples
    --------
    >>> risk_ratios(np.log([[1.0], [9.0]]), [100], [120], [1100]).round(3).tolist()
    [[1.0], [5.567]]
    """
    draws = np.asarray(log_odds, dtype=np.float64)
    one, two, n = np.broadcast_arrays(
        *(np.atleast_2d(np.asarray(v, dtype=np.float64)) for v in (first, second, people))
    )
    _cells(np.maximum(0.0, one + two - n), one, two, n)
    if draws.ndim != 2 or draws.shape[1] != len(one):
        raise MeasureError(f"draws of shape (draw, {len(one)} pairs) are wanted; given {draws.shape}")
    up, down = np.zeros(draws.shape), np.zeros(draws.shape)
    odds = np.exp(draws)
    for k in range(one.shape[1]):
        held = n[:, k] > 0
        size = np.where(held, n[:, k], 1.0)
        both = _expected_both(odds, one[:, k], two[:, k], n[:, k])
        up += np.where(held, both * (n[:, k] - one[:, k]) / size, 0.0)
        down += np.where(held, (two[:, k] - both) * one[:, k] / size, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(up / down)


def _expected_both(odds: Array, first: ArrayLike, second: ArrayLike, people: ArrayLike) -> Array:
    """Most likely number with both conditions, given the margins and odds ratios: it solves a quadratic."""
    one, two, n = (np.asarray(value, dtype=np.float64) for value in (first, second, people))
    p, q = odds - 1.0, odds * (one + two) + n - one - two
    root = np.sqrt(np.maximum(q * q - 4.0 * p * odds * one * two, 0.0))
    # Rounding may leave a number a hair outside of what the margins allow; without people it is 0.
    raw = np.divide(2.0 * odds * one * two, q + root, out=np.zeros(np.shape(q)), where=q + root > 0)
    return np.clip(raw, np.maximum(0.0, one + two - n), np.minimum(one, two))


def shrunk_draws(at: Array, log_likelihood: Array, draws: int, seed: int | None) -> tuple[Array, Array]:
    """
    Draws of numbers that share one prior, the mixture of normals of `SCALES` about 0, and of its shares.

    Shapes: at and log_likelihood (n, n_node); gives (n_draw, n) and (n_draw, n_scale).
    """
    spacing, scales = np.gradient(at, axis=1), np.array(SCALES)
    prior = -0.5 * (at[..., None] / scales) ** 2 - np.log(scales) + np.log(np.maximum(spacing, 1e-300))[..., None]
    joint = log_likelihood[..., None] + prior
    marginal = logsumexp(joint, axis=1)
    inside = np.cumsum(np.exp(joint - marginal[:, None]), axis=1)
    return _gibbs(at, marginal, inside, draws, np.random.default_rng(seed))


def _gibbs(at: Array, marginal: Array, inside: Array, draws: int, stream: np.random.Generator) -> tuple[Array, Array]:
    """
    Draw shares of scales, each pair's scale and its log odds ratio.

    Shapes: at (n_pair, n_node), marginal (n_pair, n_scale), inside (n_pair, n_node, n_scale), which rises to 1.
    """
    n_pair, n_scale = marginal.shape
    share, pairs = np.full(n_scale, 1.0 / n_scale), np.arange(n_pair)
    out, shares = np.empty((draws, n_pair)), np.empty((draws, n_scale))
    for k in range(-_WARM, draws):
        logits = marginal + np.log(np.maximum(share, 1e-300)) + stream.gumbel(size=marginal.shape)
        scale = logits.argmax(axis=1)
        share = stream.dirichlet(1.0 + np.bincount(scale, minlength=n_scale))
        if k < 0:
            continue
        below, where = inside[pairs, :, scale], stream.random((n_pair,))
        place = np.clip(np.sum(below < where[:, None], axis=1), 0, at.shape[1] - 1)
        left = np.maximum(place - 1, 0)
        step = below[pairs, place] - below[pairs, left]
        part = np.where(step > 0, (where - below[pairs, left]) / np.where(step > 0, step, 1.0), 0.0)
        out[k] = at[pairs, left] + np.clip(part, 0.0, 1.0) * (at[pairs, place] - at[pairs, left])
        shares[k] = share
    return out, shares


def _likelihood(a: Array, b: Array, c: Array, d: Array) -> tuple[Array, Array]:
    """Log likelihood of one pair at nodes of the log odds ratio: about its own estimate, and about chance."""
    # Half a person more in each cell keeps an estimate of a pair with an empty cell off infinity.
    rough = mantel_haenszel(a + 0.5, a + b + 1.0, a + c + 1.0, a + b + c + d + 2.0)
    centre, error = float(np.log(rough.odds_ratio[0])), float(rough.log_error[0])
    nodes = nodes_about(centre, error)
    total = np.zeros(len(nodes))
    for k in range(len(a)):
        total += _noncentral(a[k], a[k] + b[k], a[k] + c[k], a[k] + b[k] + c[k] + d[k], nodes)
    return nodes, total


def nodes_about(centre: float, error: float) -> Array:
    """Where a likelihood is evaluated: about its own estimate, and about chance; shape (n_node,), rising."""
    small = np.geomspace(0.002, 4.0, 32)
    return np.sort(np.concatenate([centre + error * np.linspace(-_REACH, _REACH, _POINTS), small, -small, [0.0]]))


def _noncentral(both: float, first: float, second: float, people: float, log_odds: Array) -> Array:
    """Log probability of the number with both conditions given the margins, at log odds ratios, shape (n_node,)."""
    low, high = max(0.0, first + second - people), min(first, second)
    if high <= low:
        return np.zeros(len(log_odds))
    # Far from the most likely number there is no mass to speak of.
    mean = _expected_both(np.exp(log_odds), first, second, people)
    cells = [mean, first - mean, second - mean, people - first - second + mean]
    spread = 1.0 / np.sqrt(sum(1.0 / np.maximum(cell, 0.5) for cell in cells))
    begin = np.maximum(np.floor(mean - _WIDE * spread - _WIDE), low)
    width = int(np.max(np.minimum(np.ceil(mean + _WIDE * spread + _WIDE), high) - begin)) + 1
    count = begin[:, None] + np.arange(width)
    inside = count <= high
    held = np.where(inside, count, low)
    weight = np.where(inside, _ways(held, first, second, people) + held * log_odds[:, None], -np.inf)
    return np.asarray(_ways(np.array(both), first, second, people) + both * log_odds - logsumexp(weight, axis=1))


def _ways(count: Array, first: float, second: float, people: float) -> Array:
    rest = gammaln(count + 1) + gammaln(first - count + 1) + gammaln(second - count + 1)
    return np.asarray(-rest - gammaln(people - first - second + count + 1))


def order_of_onset(earlier: ArrayLike, later: ArrayLike, *, prob: float = CI_PROB) -> tuple[Array, Array, Array, Array]:
    """
    How often the first condition of a pair came before the second, among people with both and with different days.

    Parameters
    ----------
    earlier, later : array_like, shape (n_pair,)
        People whose first condition began earlier, and later, than the second.
    prob : float
        Probability that an interval holds.

    Returns
    -------
    tuple of ndarray, shape (n_pair,)
        Mean share, lower and upper end, and the probability that the first comes earlier more often than not.

    Raises
    ------
    MeasureError
        If a count is negative or no number.

    Notes
    -----
    Beta(1/2, 1/2) prior (Jeffreys): finite where all pairs have one order. The order of diagnosis is not that of onset.

    Examples
    --------
    >>> [round(float(value), 3) for value in order_of_onset(8, 2)]
    [0.773, 0.497, 0.956, 0.974]
    """
    k, rest = np.asarray(earlier, dtype=np.float64), np.asarray(later, dtype=np.float64)
    if not ((k >= 0) & (rest >= 0) & np.isfinite(k) & np.isfinite(rest)).all():
        raise MeasureError("earlier and later are numbers of people: give none below 0, and none missing")
    law = beta(k + 0.5, rest + 0.5)
    low, high = law.ppf((1 - prob) / 2), law.ppf((1 + prob) / 2)
    return np.asarray(law.mean()), np.asarray(low), np.asarray(high), np.asarray(law.sf(0.5))


def _cells(
    both: ArrayLike, first: ArrayLike, second: ArrayLike, people: ArrayLike
) -> tuple[Array, Array, Array, Array]:
    a, with_first, with_second, n = np.broadcast_arrays(
        *(np.atleast_2d(np.asarray(value, dtype=np.float64)) for value in (both, first, second, people))
    )
    b, c = with_first - a, with_second - a
    d = n - with_first - with_second + a
    wrong = [
        words
        for cell, words in (
            (a, "`both` is negative"),
            (b, "more have both than the first"),
            (c, "more have both than the second"),
            (d, "more have one of the two than there are people"),
        )
        if not (cell >= 0).all()
    ]
    if wrong:
        raise MeasureError(f"counts of pairs contradict each other, or are missing: {'; '.join(wrong)}; check each")
    return a, b, c, d
