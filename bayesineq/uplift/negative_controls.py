"""Outcomes on which there can be no effect: what is found on them is bias, and widens every other interval."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.optimize import minimize
from scipy.stats import norm

from bayesineq.errors import DecisionError


@dataclass(frozen=True, slots=True)
class SystematicError:
    """
    Distribution of bias, learnt from negative controls.

    Parameters
    ----------
    mean, sd : float
        Of the bias, on the scale of the estimates.
    controls : DataFrame
        `estimate, standard_error, lower, upper, excludes_zero`: one row a negative control.
    """

    mean: float
    sd: float
    controls: pd.DataFrame


def systematic_error(estimate: ArrayLike, standard_error: ArrayLike, *, prob: float = 0.95) -> SystematicError:
    """
    Learn the distribution of bias from effects on negative controls.

    Parameters
    ----------
    estimate, standard_error : arrays, shape (control,)
        Effects estimated the same way on outcomes, or of exposures, that cannot have any.
    prob : float
        Probability held by the controls' intervals.

    Returns
    -------
    SystematicError
        Normal distribution with the highest likelihood.

    Raises
    ------
    DecisionError
        If there is no control or a standard error is not positive.

    References
    ----------
    Schuemie MJ, Ryan PB, DuMouchel W, Suchard MA, Madigan D (2014). Interpreting observational studies: why empirical
    calibration is needed to correct p-values. Statistics in Medicine 33: 209-218. doi:10.1002/sim.5925

    Examples
    --------
    >>> error = systematic_error([0.12, 0.08, 0.10, 0.11], [0.02, 0.02, 0.02, 0.02])
    >>> round(error.mean, 3)
    0.102
    """
    b, se = np.asarray(estimate, np.float64).ravel(), np.asarray(standard_error, np.float64).ravel()
    if b.size == 0 or b.size != se.size or not (se > 0).all():
        raise DecisionError("Give at least one negative control, with a positive standard error for each.")

    def mean_at(log_sd: float) -> float:
        w = 1 / (se**2 + np.exp(2 * log_sd))
        return float((w * b).sum() / w.sum())

    def loss(theta: np.ndarray) -> float:
        return -float(norm.logpdf(b, mean_at(theta[0]), np.sqrt(se**2 + np.exp(2 * theta[0]))).sum())

    grid = np.log(np.geomspace(1e-4, 10, 40) * max(float(np.abs(b).max()), float(se.max())))
    start = min(grid, key=lambda x: loss(np.array([x])))
    best = minimize(loss, [start], method="Nelder-Mead", options={"xatol": 1e-8, "fatol": 1e-12})
    log_sd = float(best.x[0])
    z = norm.ppf(0.5 + prob / 2)
    table = pd.DataFrame({"estimate": b, "standard_error": se, "lower": b - z * se, "upper": b + z * se})
    table["excludes_zero"] = (table["lower"] > 0) | (table["upper"] < 0)
    return SystematicError(mean_at(log_sd), float(np.exp(log_sd)), table)


def calibrated(
    estimate: float, standard_error: float, error: SystematicError, *, prob: float = 0.95
) -> tuple[float, float, float]:
    """
    Correct an estimate for the bias that negative controls show.

    Parameters
    ----------
    estimate, standard_error : float
        Effect of interest.
    error : SystematicError
        Bias.
    prob : float
        Probability held by the interval.

    Returns
    -------
    tuple of float
        Estimate less the mean bias, and its interval, widened by the spread of the bias.

    Examples
    --------
    >>> error = systematic_error([0.12, 0.08, 0.10, 0.11], [0.02, 0.02, 0.02, 0.02])
    >>> [round(value, 2) for value in calibrated(0.30, 0.05, error)]
    [0.2, 0.1, 0.3]
    """
    centre = estimate - error.mean
    half = float(norm.ppf(0.5 + prob / 2)) * float(np.hypot(standard_error, error.sd))
    return centre, centre - half, centre + half
