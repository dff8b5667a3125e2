"""The spread of exchangeable effects given the effects: one conditional draw."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from bayesineq.design.priors import Priors
from bayesineq.model.priors import Prior

_GRID: Final = np.exp(np.linspace(np.log(1e-3), np.log(20.0), 2_000))

type Float = NDArray[np.float64]


def draw_sigma(priors: Priors, term: str, effect: Float, stream: np.random.Generator) -> float:
    """
    Draw the standard deviation of independent normal effects from its conditional distribution.

    Parameters
    ----------
    priors : Priors
        The priors in force.
    term : str
        Name of the exchangeable term.
    effect : ndarray
        Its effects.
    stream : Generator
        Source of randomness.

    Returns
    -------
    float
        A draw, by inverting the distribution on a grid of two thousand values from 0.001 to 20 units.
    """
    precise, grid = priors.states_precision(term), _GRID * priors.scale(term)
    prior = priors[f"{term}.precision" if precise else f"{term}.sigma"]
    log_prior = _log_density(prior, grid**-2.0) - 2 * np.log(grid) if precise else _log_density(prior, grid)
    # On the grid of log sigma the density takes one more power of sigma.
    log_density = log_prior + np.log(grid) - effect.size * np.log(grid) - 0.5 * np.sum(effect**2) / grid**2
    mass = np.cumsum(np.exp(log_density - log_density.max()))
    return float(np.exp(np.interp(stream.uniform() * mass[-1], mass, np.log(grid))))


def _log_density(prior: Prior, value: Float) -> Float:
    match prior.distribution:
        case "HalfNormal":
            return -0.5 * (value / prior["sd"]) ** 2
        case "Exponential":
            return -prior["rate"] * value
        case "Gamma":
            return (prior["shape"] - 1) * np.log(value) - prior["rate"] * value
        case "Uniform":
            return np.asarray(np.where((value >= prior["lower"]) & (value <= prior["upper"]), 0.0, -1e10))
        case _:
            return np.asarray(np.log(prior["probability"]) / prior["above"] * value)
