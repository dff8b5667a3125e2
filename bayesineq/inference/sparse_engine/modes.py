"""
Several modes of the hyperparameters.

Where a prior and the data pull apart, something has to give: the prior, the scale of a term, or the noise. Each is a
mode of the posterior, and a climb from one place finds one of them (Liu and Hodges 2003). So the climb begins anew
from places where each scale in turn takes all, and every mode that holds evidence is integrated, in proportion to it.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bayesineq.errors import ConvergenceError
from bayesineq.inference.sparse_engine.draws import joint_draws
from bayesineq.inference.sparse_engine.explore import Explored, explore
from bayesineq.inference.sparse_engine.hyper import Look, Mode, Model, find_mode, node_of
from bayesineq.inference.sparse_engine.newton import Start
from bayesineq.inference.sparse_engine.parameters import Parameter
from bayesineq.inference.sparse_engine.parts import Latent
from bayesineq.inference.sparse_engine.surface import log_mass
from bayesineq.model.card import base_name

Float = NDArray[np.float64]

_CONFLICT: Final = 2.0
"""Prior standard deviations that a coefficient, an intercept or the level of a term may lie off without a search."""

_TAIL: Final = 6.0
"""Log prior density that a scale may lose against its own highest without a search."""

_NOISE: Final = 1.5
"""Residual standard deviation, in those of the outcome, beyond which it holds more than the outcome varies."""

_SHORT: Final = 3000
"""Rows up to which a likelihood with a parameter of its own is searched whatever its priors."""

_APART: Final = 1.0
_SEEN: Final = 2.0
"""Log density by which nodes about one mode may miss another and still see it."""

_LEAST: Final = 0.001
"""Share of the evidence below which a mode is left out."""

_SMALL_SIGMA: Final = 0.1
_SMALL_NOISE: Final = 0.3
_SOME: Final = 1.0
_NO_NOISE: Final = 100.0
_ALL_NOISE: Final = 2.0
_GRID: Final = np.linspace(-12.0, 8.0, 81)


def find_modes(model: Model, start: Start, pool: ThreadPoolExecutor, report: Callable[[str], None]) -> tuple[Mode, ...]:
    """
    Modes of the hyperparameters' posterior.

    Returns: that of most evidence first; one where neither a prior nor the noise gives reason to look for others.

    References
    ----------
    Liu J, Hodges JS. Posterior bimodality in the balanced one-way random-effects model. JRSS B 2003.
    https://doi.org/10.1111/1467-9868.00389
    """
    found: list[Mode] = []
    count, failure = 0, None
    for x in (None, *_places(model)):
        if x is not None and len(found) == 1 and count == found[0].evaluations and not _in_doubt(model, found[0]):
            break
        try:
            new = find_mode(model, start, pool, report, x)
        except ConvergenceError as error:
            failure = failure or error
            continue
        count += new.evaluations
        if all(_distance(new, old) > _APART for old in found):
            found.append(new)
    if not found:
        assert failure is not None
        raise failure
    mass = [_mass(model, mode) for mode in found]
    order = np.argsort(mass)[::-1]
    return (replace(found[order[0]], evaluations=count), *(found[k] for k in order[1:]))


def _in_doubt(model: Model, mode: Mode) -> bool:
    """Whether there may be another mode: a prior far from what was found, or from the data, or noise beyond them."""
    latent, found = model.latent, mode.found
    if latent.own and len(model.data.offset) <= _SHORT:
        return True
    for part in latent.small_parts:
        z = found.small[part.latent]
        root = np.sqrt(part.precision)
        if not part.scale:
            # In these units the data lie about zero, within one.
            far = (
                np.abs(part.mean) / np.hypot(1.0, 1.0 / root) if base_name(part.term)[1] == "intercept" else np.zeros(1)
            )
            if float(np.abs((z - part.mean) * root).max()) > _CONFLICT or float(far.max()) > _CONFLICT:
                return True
        elif not part.correlations and abs(float(z.mean())) * np.sqrt(len(z)) > _CONFLICT + 1.0:
            return True
    if (noise := _noise(latent)) is not None and float(latent.parameters[noise].value(mode.x[noise])) > _NOISE:
        return True
    scales = [(p, float(x)) for p, x in zip(latent.parameters, mode.x, strict=True) if p.name.endswith(".sigma")]
    return any(_lost(p, x) > _TAIL for p, x in scales)


def _noise(latent: Latent) -> int | None:
    """Position of the outcome's standard deviation, if it has one."""
    return next((at for at in latent.own if latent.parameters[at].name.endswith(".sigma")), None)


def _lost(parameter: Parameter, x: float) -> float:
    """Log prior density that a hyperparameter is below the highest of its prior."""
    here = parameter.log_density(x)
    return max(parameter.log_density(float(g)) for g in _GRID) - here


def _places(model: Model) -> list[Float]:
    """Where to begin anew: some for every term, and all for one term, or for the noise."""
    latent = model.latent
    scales = [i for i, p in enumerate(latent.parameters) if p.name.endswith(".sigma") and i not in latent.own]
    plain = [float(np.max(np.abs(part.mean))) for part in latent.small_parts if not part.scale]
    pull = max(_SOME, *plain)
    quiet, loud = (_SMALL_NOISE, pull) if _noise(latent) is not None else (_NO_NOISE, _ALL_NOISE)

    def place(of_scale: dict[int, float], noise: float) -> Float:
        value = {i: of_scale.get(i, _SMALL_SIGMA) for i in scales} | dict.fromkeys(latent.own[:1], noise)
        return np.array([_inside(p, value.get(i, p.start)) for i, p in enumerate(latent.parameters)])

    places = [place(dict.fromkeys(scales, _SOME), quiet), *(place({i: pull}, quiet) for i in scales)]
    return [*places, place({}, loud)] if latent.own else places


def _inside(parameter: Parameter, value: float) -> float:
    if parameter.lower < value < parameter.upper:
        return parameter.position(value)
    return parameter.position(parameter.start)


def _distance(one: Mode, other: Mode) -> float:
    """Distance in standard deviations of the wider of the two."""
    away = one.x - other.x
    return min(float(np.sqrt(max(float(away @ mode.hessian @ away), 0.0))) for mode in (one, other))


def _mass(model: Model, mode: Mode) -> float:
    """Logarithm of the evidence about a mode, up to a constant."""
    return node_of(model, mode.x, mode.found).log_density - 0.5 * float(np.linalg.slogdet(mode.hessian)[1])


def explore_modes(
    model: Model,
    start: Start,
    pool: ThreadPoolExecutor,
    report: Callable[[str], None],
    look: Look | None = None,
) -> tuple[Explored, ...]:
    """
    Find the modes and lay nodes around each that holds evidence.

    Returns: about the mode of most evidence first; others where its nodes do not see them.
    """
    modes = find_modes(model, start, pool, report)
    mass = np.array([_mass(model, mode) for mode in modes])
    share = np.exp(mass - mass.max())
    parts = [explore(model, start, pool, report, look, mode=modes[0])]
    for mode, weight in zip(modes[1:], share[1:] / share.sum(), strict=True):
        here = node_of(model, mode.x, mode.found).log_density
        if weight > _LEAST and all(here - log_density(part, mode.x[None])[0] > _SEEN for part in parts):
            parts.append(explore(model, start, pool, report, look, mode=mode))
    return tuple(parts)


def log_density(part: Explored, x: Float) -> Float:
    """
    Log density of hyperparameters as the nodes about one mode have it.

    Shapes: x (n, n_parameter); returns (n,).
    """
    surface = part.surface
    t = np.linalg.solve(surface.axes, (x - surface.origin).T).T
    near = surface.log_density(surface.scores(t))
    if not surface.hessian.any():
        # Beyond a grid's edge there is no mass, and nothing to interpolate between.
        near = np.where(
            np.abs(t - np.clip(t, surface.t.min(axis=0), surface.t.max(axis=0))).max(axis=1) > 1.0, -np.inf, near
        )
    return np.asarray(near + _top(part))


def log_evidence(parts: tuple[Explored, ...]) -> Float:
    """Logarithm of the evidence about each mode. Shapes: returns (n_mode,)."""
    return np.array([log_mass(part.surface) + _top(part) for part in parts])


def _top(part: Explored) -> float:
    return max(node.log_density for node in part.nodes)


def draws_of_modes(
    model: Model,
    parts: tuple[Explored, ...],
    n_draw: int,
    seed: int | None,
    pool: ThreadPoolExecutor,
    report: Callable[[str], None],
) -> tuple[Float, NDArray[np.float32], Float]:
    """
    Joint draws about all modes, each in proportion to its evidence.

    Returns: as `joint_draws` gives them. What two sets of nodes both see counts once: a draw is kept with the
    probability that the highest of their densities has in the sum of all.
    """
    if len(parts) == 1:
        return joint_draws(model, parts[0], n_draw, seed, pool, report)
    rng = np.random.default_rng(np.random.SeedSequence(seed).spawn(1)[0])
    evidence = log_evidence(parts)
    share = np.exp(evidence - evidence.max())
    # Twice as many as are wanted, since some are dropped.
    counts = rng.multinomial(2 * n_draw, share / share.sum())
    drawn = [
        joint_draws(model, part, int(count), int(rng.integers(2**31)), pool, report)
        for part, count in zip(parts, counts, strict=True)
        if count
    ]
    values, large, small = (np.concatenate(each) for each in zip(*drawn, strict=True))
    x = np.array([[p.position(float(v)) for v in values[:, i]] for i, p in enumerate(model.latent.parameters)]).T
    seen = np.stack([log_density(part, x) for part in parts])
    highest = seen.max(axis=0)
    kept = np.flatnonzero(rng.random(len(x)) * np.exp(seen - highest).sum(axis=0) < 1.0)
    chosen = rng.permutation(kept)[:n_draw] if len(kept) >= n_draw else rng.choice(kept, n_draw)
    return values[chosen], large[chosen], small[chosen]
