"""What each draw of a posterior says of each row: its linear predictor, its log density, another outcome like it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.special import logit

from bayesineq.design.matrix import Design
from bayesineq.inference.inner import Inner
from bayesineq.inference.sparse_engine.likelihoods import Outcomes, Own, interval
from bayesineq.inference.sparse_engine.passes import observed
from bayesineq.model.card import of_outcome
from bayesineq.model.families.density import fixed_part, point
from bayesineq.model.families.family import INVERSE

Float = NDArray[np.float64]
type Draws = Mapping[str, NDArray[Any]]
"""Draws of one outcome by the names that they have where it is alone, each of shape (n_draw, *levels)."""

_ON_LINK: Final[Mapping[str, Callable[[Float], Float]]] = {"logit": logit, "log": np.log, "identity": np.asarray}


def each_alone(design: Design, values: Mapping[str, NDArray[Any]]) -> Iterator[tuple[Design, Draws]]:
    """
    The design of each outcome with its draws.

    Shapes: values (chain, draw, *levels), by the names that parameters have inside.
    """
    flat = {name: value.reshape(-1, *value.shape[2:]) for name, value in values.items()}
    if not design.is_joint:
        yield design, flat
        return
    for k, outcome in enumerate(design.card.outcomes):
        prefix = of_outcome(outcome.name, "")
        yield design.only(k), {n.removeprefix(prefix): v for n, v in flat.items() if n.startswith(prefix)}


def row_predictor(design: Design, draws: Draws, draw: int) -> Float:
    """
    Linear predictor of every row at one draw, its offset included. Shapes: returns (n_row,).

    Of rows that are made up of members it is that of their average, with the weights' average.
    """
    eta = np.full(len(design.population), float(draws["intercept"][draw]))
    for block in design.blocks:
        eta += block.incidence.predictor(np.asarray(draws[block.term.name][draw], dtype=np.float64).ravel())
    members, response = design.members, design.response
    if members is None:
        return eta + response.offset
    link = response.outcome.family.link
    each = members.weight.mean(axis=0) * INVERSE[link](eta + members.shift)
    mean = np.bincount(members.row, weights=each, minlength=len(response.value))
    return np.asarray(_ON_LINK[link](mean)) + response.offset


def own_of(design: Design, draws: Draws, draw: int) -> dict[str, float]:
    """Parameters of the likelihood itself at one draw."""
    return {name: float(draws[f"outcome.{name}"][draw]) for name in design.card.outcome.family.own}


def log_densities(design: Design, draws: Draws) -> Float:
    """
    Log density of every row at every draw, of the outcome as the table has it. Shapes: returns (n_draw, n_row).

    Of a count that is known as an interval: log probability of the interval.
    """
    return np.stack([*_each_log_density(design, draws)])


def _each_log_density(design: Design, draws: Draws) -> Iterator[Float]:
    """The same, one draw after the other."""
    data = observed(Inner(design, design, np.zeros(len(design))))
    (piece,) = data.pieces
    for s in range(len(draws["intercept"])):
        own, out = piece.family.density.own(*own_of(design, draws, s).values()), np.empty(len(design))
        _log_densities(own, piece.outcomes, row_predictor(design, draws, s), out)
        yield out - data.log_value


def replicates(design: Design, draws: Draws, seed: int | None) -> Float:
    """Another outcome of every row at every draw. Shapes: returns (n_draw, n_row)."""
    family, response = design.card.outcome.family, design.response
    given = np.ones(len(design)) if response.given is None else response.given
    exposure, n_draw = np.exp(response.offset), len(draws["intercept"])
    out = np.empty((n_draw, len(design)))
    for s, child in enumerate(np.random.SeedSequence(seed).spawn(n_draw)):
        own = own_of(design, draws, s)
        broadcast = {name: np.array(value) for name, value in own.items()}
        mean = family.mean(row_predictor(design, draws, s) - response.offset, broadcast)
        out[s] = family.replicate(np.random.default_rng(child), mean, exposure, given, own)
    return out


def predictive_checks(design: Design, values: Mapping[str, NDArray[Any]]) -> dict[str, Float]:
    """
    How each row fits, from draws, of which none is held: `lpd`, its log posterior predictive density, and `p_waic`, the
    posterior variance of its log density.

    Shapes: values (chain, draw, *levels); returns (n_row,), the rows of each outcome in turn.
    """
    lpd, penalty = [], []
    for one, draws in each_alone(design, values):
        n = len(one)
        top, total = np.full(n, -np.inf), np.zeros(n)
        mean, square = np.zeros(n), np.zeros(n)
        for count, found in enumerate(_each_log_density(one, draws), start=1):
            higher = np.maximum(top, found)
            total = total * np.exp(top - higher) + np.exp(found - higher)
            top, step = higher, found - mean
            mean = mean + step / count
            square += step * (found - mean)
        lpd.append(top + np.log(total / count))
        penalty.append(square / count)
    return {"lpd": np.concatenate(lpd), "p_waic": np.concatenate(penalty)}


@njit(cache=True, nogil=True)
def _log_densities(own: Own, data: Outcomes, eta: Float, out: Float) -> None:
    for r in range(len(out)):
        lower, upper, given = data.lower[r], data.upper[r], data.given[r]
        if lower == upper:
            base, _ = fixed_part(own, upper, given)
            value, _, _, _ = point(own, upper, given, eta[r])
            out[r] = base + value
        else:
            value, _, _, _ = interval(own, lower, upper, given, eta[r])
            out[r] = value
