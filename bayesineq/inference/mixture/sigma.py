"""The spread of exchangeable effects given the effects: one conditional draw."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from bayesineq.design.priors import Priors

_GRID: Final = np.exp(np.linspace(np.log(1e-3), np.log(20.0), 2_000))
_NOWHERE: Final = -1e10
"""Log density outside of a prior's support: finite, so that a grid that lies there has a highest value."""

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
    grid = _GRID * priors.scale(term)
    on, power = priors.stands_on(f"{term}.sigma")
    log_prior = np.maximum(priors[on].stated_law.logpdf(grid**power), _NOWHERE) + (power - 1.0) * np.log(grid)
    # On the grid of log sigma the density takes one more power of sigma.
    log_density = log_prior + np.log(grid) - effect.size * np.log(grid) - 0.5 * np.sum(effect**2) / grid**2
    mass = np.cumsum(np.exp(log_density - log_density.max()))
    return float(np.exp(np.interp(stream.uniform() * mass[-1], mass, np.log(grid))))
