"""
Priors against data: which prior the data contradict, and which one moves a number that is reported.

Both measures are read from the draws. Under a normal prior N(m0, s0^2) the posterior mean of a parameter has variance
s0^2 - sp^2 over the data that the prior expects, with sp its posterior standard deviation, so that
z = (mp - m0) / sqrt(s0^2 - sp^2) is standard normal where prior and data agree; it is the distance of the prior's mean
from where the data alone put the parameter, in standard deviations of both together. Other priors are compared, on a
scale without bounds, with what is left of a Gaussian posterior when they are divided out. Power-scaling asks by how
much a number moves where a prior is raised to a power: at first order its posterior mean without the prior is lower by
its covariance with the prior's log density.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy import special, stats

from bayesineq.dims import CI_PROB, SAMPLE_DIMS
from bayesineq.model.card import ModelCard
from bayesineq.model.priors import Prior
from bayesineq.posterior.groups import draws_of, interval, labels
from bayesineq.posterior.population import card_of, priors_of
from bayesineq.posterior.predictor import flat_draws

Float = NDArray[np.float64]

CHANCE: Final = 0.002
"""How often one fit in all may name a conflict where there is none."""

_MOST_NUMBERS: Final = 200
_FAR: Final = 40.0
_EDGE: Final = 0.02
_PILED: Final = 0.25
_QUADRATURE: Final = 61
_STEP: Final = 0.05
_GENTLE: Final = 0.5
"""Posterior standard deviations by which a prior has to move a parameter to contradict the data from a power's tail."""


@dataclass(frozen=True, slots=True)
class Conflict:
    """
    One prior against the data.

    Parameters
    ----------
    parameter : str
        Whose prior; a level in brackets where it has several.
    prior : str
        Prior that has this parameter, as `Priors` names it.
    z : float
        Distance between prior and data in standard deviations of both together, above zero.
    data : str
        Where the data alone put the parameter, in words.
    """

    parameter: str
    prior: str
    z: float
    data: str


@dataclass(frozen=True, slots=True)
class Pull:
    """How far, in widths of its 95% interval, one prior moves one number."""

    prior: str
    number: str
    widths: float


def conflicts(post: xr.DataTree) -> tuple[list[Conflict], float]:
    """
    Every prior against the data.

    Parameters
    ----------
    post : DataTree
        A posterior.

    Returns
    -------
    (list of Conflict, float)
        The worst level of each prior, the worst prior first; and the distance that chance exceeds in one of 500 fits.

    References
    ----------
    Evans M, Moshonov H. Checking for prior-data conflict. Bayesian Anal 2006;1:893-914. Box GEP. Sampling and Bayes'
    inference in scientific modelling and robustness. J R Stat Soc A 1980;143:383-430.

    Examples
    --------
    >>> from bayesineq import example
    >>> found, limit = conflicts(example().post)
    >>> found[0].prior, found[0].z < limit
    ('age_sex', True)
    """
    draws, card = post["posterior"].to_dataset(), card_of(post)
    found, count = [], 0
    shares = {f"{t.name}.{of.name}" for t in card.terms for of in t.hyperparameters if not of.has_unit}
    for name, prior, values, names in _parameters(post):
        count += values.shape[1]
        each = [_conflict(prior, values[:, k], bounded=name in shares) for k in range(values.shape[1])]
        worst = int(np.argmax([z for z, _ in each]))
        found.append(Conflict(names[worst], name, *each[worst]))
    for term in card.terms:
        if term.of_kind.independent and term.covariate is None and f"{term.name}.sigma" in draws:
            count += 1
            found.append(_on_one_side(draws, card, term.name, term.dims))
    limit = float(stats.norm.isf(0.5 * CHANCE / max(count, 1)))
    return sorted(found, key=lambda c: -c.z), limit


def pulls(post: xr.DataTree) -> list[Pull]:
    """
    How far each prior moves the number that it moves most, the farthest first; numbers are parameters of few levels.

    By power-scaling: Kallioinen N, Paananen T, Buerkner PC, Vehtari A. Stat Comput 2024;34:57.
    """
    names, numbers = _numbers(post)
    if not names:
        return []
    away = numbers - numbers.mean(axis=0)
    sd = away.std(axis=0)
    width = 2.0 * float(stats.norm.isf(0.5 * (1.0 - CI_PROB))) * np.where(sd > 0.0, sd, np.inf)
    found = []
    for name, log_prior in log_priors(post).items():
        if not np.isfinite(log_prior).all():
            continue
        moved = np.abs(away.T @ (log_prior - log_prior.mean())) / len(log_prior) / width
        worst = int(np.argmax(moved))
        found.append(Pull(name, names[worst], float(moved[worst])))
    return sorted(found, key=lambda p: -p.widths)


def log_priors(post: xr.DataTree) -> dict[str, Float]:
    """Log density of each prior at each draw, shape (n_draw,), levels added up; ArviZ's `log_prior`."""
    out = {}
    for name, prior, values, _ in _parameters(post):
        if prior.law is not None:
            out[name] = np.asarray(prior.law.logpdf(values)).sum(axis=1)
    return out


def power_scaling(post: xr.DataTree, prior: str) -> float:
    """
    ArviZ's power-scaling sensitivity of the number that one prior moves most.

    Parameters
    ----------
    post : DataTree
        A posterior.
    prior : str
        Whose prior.

    Returns
    -------
    float
        Cumulative Jensen-Shannon distance that a power of the prior moves it by, a doubling of the power; nan where
        the prior has no closed form, and where draws share the places at which it is highest.

    Examples
    --------
    >>> from bayesineq import example
    >>> round(power_scaling(example().post, "intercept"), 2)
    0.01
    """
    from arviz_stats.psense import psense

    log_prior = log_priors(post).get(prior)
    names, numbers = _numbers(post)
    if log_prior is None or not names or not np.isfinite(log_prior).all() or np.ptp(log_prior) < 1e-9:
        return float("nan")
    moving = numbers[:, numbers.std(axis=0) > 0.0]
    away = moving - moving.mean(axis=0)
    most = int(np.argmax(np.abs(away.T @ (log_prior - log_prior.mean())) / moving.std(axis=0)))
    tree = xr.DataTree.from_dict(
        {
            "/posterior": xr.Dataset({"number": (SAMPLE_DIMS, moving[None, :, most])}),
            "/log_prior": xr.Dataset({prior: (SAMPLE_DIMS, log_prior[None])}),
        }
    )
    # Draws that share their hyperparameters, as those of one imputation do, tie in weight: the fit of the weights' tail
    # then divides zero by zero on the way to its answer, or, where the whole tail ties, has none.
    with np.errstate(divide="ignore", invalid="ignore"):
        try:
            return float(psense(tree, group="prior")["number"])  # type: ignore[no-untyped-call]
        except ValueError as error:
            if "tail values are the same" not in str(error):
                raise
            return float("nan")


def _parameters(post: xr.DataTree) -> Iterator[tuple[str, Prior, Float, list[str]]]:
    """Name, prior, draws of shape (n_draw, n_level) on the scale of the prior, and names of levels."""
    draws, card, priors = post["posterior"].to_dataset(), card_of(post), priors_of(post)
    terms = {term.name for term in card.terms}
    for name, prior in priors.force.items():
        owner, _, kind = name.rpartition(".")
        if name == "intercept":
            yield name, prior, _intercept(post)[:, None], [name]
        elif name in terms:
            array = draws[card.variable(name)]
            values = _flat(array)
            moving = values.std(axis=0) > 0.0  # a reference level has no prior
            if moving.any():
                yield name, prior, values[:, moving], [n for n, m in zip(labels(array, name), moving, strict=True) if m]
        elif kind == "precision" and f"{owner}.sigma" in draws:
            yield name, prior, _flat(draws[f"{owner}.sigma"]) ** -2.0, [name]
        elif kind == "dispersion":
            own = next(f"{owner}.{of.name}" for of in card.outcome.family.parameters if of.dispersed)
            yield name, prior, _flat(draws[own]) ** -0.5, [name]
        elif name in draws:
            yield name, prior, _flat(draws[name]), [name]


def _intercept(post: xr.DataTree) -> Float:
    """Where its prior applies: that of the default at the covariates' means."""
    draws, card = post["posterior"].to_dataset(), card_of(post)
    value = _flat(draws["intercept"])[:, 0]
    for term, centre in priors_of(post).centre.items():
        value = value + centre * _flat(draws[card.variable(term)])[:, 0]
    return value


def _flat(array: xr.DataArray) -> Float:
    value = draws_of(array)
    return value.reshape(-1, value.shape[2]).astype(np.float64)


def _numbers(post: xr.DataTree) -> tuple[list[str], Float]:
    draws = post["posterior"].to_dataset()
    names, values = [], []
    for name, array in draws.data_vars.items():
        if array.size // (array.sizes["chain"] * array.sizes["draw"]) <= _MOST_NUMBERS:
            names += labels(array, str(name))
            values.append(_flat(array))
    return names, np.hstack(values) if values else np.empty((0, 0))


def _conflict(prior: Prior, value: Float, *, bounded: bool) -> tuple[float, str]:
    """Distance, less what the number of draws leaves open, and where the data alone put the parameter."""
    law = prior.law
    if law is None or not np.isfinite(value).all() or not value.std() > 0.0:
        return 0.0, ""
    if prior.form.shape == "heavy":
        # Made to let go of what the data put far out.
        return 0.0, ""
    mean, variance, noise = float(value.mean()), float(value.var()), float(np.sqrt(2.0 / len(value)))
    if prior.form.shape == "normal":
        away = max(abs(mean - prior["mean"]) - 2.0 * np.sqrt(variance / len(value)), 0.0)
        whole = prior["sd"] ** 2
        # Below the noise of the draws' variance nothing tells it from zero.
        z = min(float(away / np.sqrt(max(whole - variance, noise * whole))), _FAR)
        told = 1.0 / variance - 1.0 / whole
        if told * variance < 2.0 * noise:
            # Draws cannot tell how little the data say; that the posterior left the prior's mean they tell.
            return z, f"far {'above' if mean > prior['mean'] else 'below'} it"
        alone = (mean / variance - prior["mean"] / whole) / told
        return z, _words(alone, told**-0.5)
    if prior.form.shape == "flat":
        low, high = law.support()
        upper = float((value > high - _EDGE * (high - low)).mean())
        lower = float((value < low + _EDGE * (high - low)).mean()) if low > 0.0 else 0.0
        piled = max(upper if high < 1.0 or not bounded else 0.0, lower) > _PILED
        return (_FAR if piled else 0.0), "at the edge of the prior or beyond it"
    return _against(prior, law, value, noise)


def _against(prior: Prior, law: Any, value: Float, noise: float) -> tuple[float, str]:
    """The same for a bounded parameter, on the scale of its logarithm or logit."""
    if prior.is_vague:
        return 0.0, ""
    share = math.isfinite(law.support()[1])
    back = special.expit if share else np.exp
    x = special.logit(np.clip(value, 1e-12, 1 - 1e-12)) if share else np.log(np.maximum(value, 1e-300))
    low, high = interval(x, 0.68)
    middle = np.median(x)
    spread = max(0.5 * float(high - low), 1e-9)

    def log_prior(at: float) -> float:
        theta = float(back(at))
        return float(law.logpdf(theta)) + float(np.log(theta) + (np.log1p(-theta) if share else 0.0))

    step = _STEP * spread
    below, here, above = (log_prior(float(middle) + s) for s in (-step, 0.0, step))
    slope, bend = (above - below) / (2.0 * step), (above - 2.0 * here + below) / step**2
    told = (1.0 - 2.0 * noise) / spread**2 + bend
    if not (np.isfinite(slope) and told > 0.0):
        return 0.0, ""
    if prior.form.shape == "power" and abs(slope) * spread < _GENTLE:
        # Such tails fall as a power and hardly pull at what lies far out in them: a precision of 1, Gamma(1, 0.0005).
        return 0.0, ""
    alone, sd = float(middle) - slope / told, told**-0.5
    node, weight = np.polynomial.hermite_e.hermegauss(_QUADRATURE)
    theta = back(alone + sd * node)
    over = float(weight @ law.sf(theta) / weight.sum())
    under = float(weight @ law.cdf(theta) / weight.sum())
    # A scale that is smaller than its prior says is no conflict where the prior is highest at zero.
    falling = prior.form.shape == "falling"
    z = float(stats.norm.isf(max(over if falling else min(over, under), 1e-300)))
    return float(np.clip(z, 0.0, _FAR)), _words(float(back(alone)), float(0.5 * (back(alone + sd) - back(alone - sd))))


def _on_one_side(draws: xr.Dataset, card: ModelCard, term: str, dims: tuple[str, ...]) -> Conflict:
    """Effects that vary about zero do not lie to one side of it, unless they carry what an intercept is kept from."""
    effect = flat_draws(draws, card.variable(term), dims)
    sigma = _flat(draws[f"{term}.sigma"])[:, 0]
    mean = effect.mean(axis=1, dtype=np.float64)
    away = max(abs(float(mean.mean())) - 2.0 * float(mean.std()) / np.sqrt(len(mean)), 0.0)
    z = float(min(away / float((sigma / np.sqrt(effect.shape[1])).mean()), _FAR))
    said = f"{float(mean.mean()):.3g} away on average of the {effect.shape[1]} levels of {term}"
    return Conflict("intercept", "intercept", z, said)


def _words(value: float, sd: float) -> str:
    return f"at {value:.3g} (sd {sd:.2g})"
