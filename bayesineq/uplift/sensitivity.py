"""How much hidden bias it would take: E-values, Rosenbaum bounds, omitted variables, and a prior over bias."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from bayesineq.errors import DecisionError

Array = NDArray[np.float64]

EXACT_PAIRS: Final = 200
"""Pairs up to which the signed rank statistic is enumerated rather than approximated."""


def e_value(risk_ratio: float, lower: float | None = None, upper: float | None = None) -> tuple[float, float | None]:
    """
    E-value of a risk ratio: how strongly a confounder must act on both sides to explain it away.

    Parameters
    ----------
    risk_ratio : float
        Estimate, above 0. For a risk difference give the ratio of the two risks.
    lower, upper : float, optional
        Its interval.

    Returns
    -------
    tuple
        E-value of the estimate, and of the interval's limit nearer to 1 (1 where the interval holds 1; None without
        an interval).

    Raises
    ------
    DecisionError
        If a ratio is not above 0.

    References
    ----------
    VanderWeele TJ, Ding P (2017). Sensitivity analysis in observational research: introducing the E-value. Annals of
    Internal Medicine 167: 268-274. doi:10.7326/M16-2607

    Examples
    --------
    >>> [round(value, 2) for value in e_value(2.0, 1.5, 2.7)]
    [3.41, 2.37]
    """
    if min(x for x in (risk_ratio, lower, upper) if x is not None) <= 0:
        raise DecisionError("A risk ratio must be above 0.")

    def value(ratio: float) -> float:
        above = max(ratio, 1 / ratio)
        return float(above + np.sqrt(above * (above - 1)))

    if lower is None or upper is None:
        return value(risk_ratio), None
    limit = 1.0 if lower <= 1 <= upper else (lower if risk_ratio > 1 else upper)
    return value(risk_ratio), value(limit)


def rosenbaum_bounds(difference: ArrayLike, *, gammas: Sequence[float]) -> pd.DataFrame:
    """
    Bounds on the one-sided p-value of the signed rank test of matched pairs under hidden bias.

    Parameters
    ----------
    difference : array, shape (pair,)
        Treated less untreated in each matched pair; positive is a benefit. Binary outcomes are allowed: then the test
        is McNemar's.
    gammas : sequence of float
        Odds by which two people of a pair may differ in being treated, 1 or more.

    Returns
    -------
    DataFrame
        `gamma, p_lower, p_upper`; exact up to 200 pairs that differ, and for binary differences, else by the normal
        approximation.

    Raises
    ------
    DecisionError
        If no pair differs or a gamma is below 1.

    References
    ----------
    Rosenbaum PR (2002). Observational Studies, 2nd edition, section 4.3. Springer.

    Examples
    --------
    >>> rosenbaum_bounds([1, 1, 1, 1, 1, 1, 1, -1], gammas=[1.0, 2.0]).round(3)
       gamma  p_lower  p_upper
    0    1.0    0.035    0.035
    1    2.0    0.003    0.195
    """
    d = np.asarray(difference, np.float64).ravel()
    d = d[d != 0]
    if d.size == 0 or any(gamma < 1 for gamma in gammas):
        raise DecisionError("Rosenbaum bounds need pairs that differ, and gammas of 1 or more.")
    rank = stats.rankdata(np.abs(d))
    positive = float(rank[d > 0].sum())
    binary = np.ptp(np.abs(d)) == 0
    rows = []
    for gamma in gammas:
        row = {"gamma": float(gamma)}
        for name, p in (("p_lower", 1 / (1 + gamma)), ("p_upper", gamma / (1 + gamma))):
            if binary:
                row[name] = float(stats.binom.sf((d > 0).sum() - 1, d.size, p))
            elif d.size <= EXACT_PAIRS:
                row[name] = _exact_tail(rank, positive, p)
            else:
                z = (positive - p * rank.sum()) / np.sqrt(p * (1 - p) * (rank**2).sum())
                row[name] = float(stats.norm.sf(z))
        rows.append(row)
    return pd.DataFrame(rows)


@dataclass(frozen=True, slots=True)
class OmittedVariable:
    """
    How strong an omitted variable must be to change a regression estimate.

    Parameters
    ----------
    estimate, standard_error : float
        Of the treatment.
    degrees_of_freedom : int
        Residual degrees of freedom.
    partial_r2 : float
        Partial R2 of the treatment with the outcome.
    robustness_value : float
        Partial R2 with both treatment and outcome that brings the estimate to 0.
    robustness_value_significance : float
        The same, to bring it to where its interval holds 0.
    """

    estimate: float
    standard_error: float
    degrees_of_freedom: int
    partial_r2: float
    robustness_value: float
    robustness_value_significance: float


def omitted_variable(
    estimate: float, standard_error: float, degrees_of_freedom: int, *, share: float = 1.0, alpha: float = 0.05
) -> OmittedVariable:
    """
    Robustness values of a regression coefficient.

    Parameters
    ----------
    estimate, standard_error : float
        Coefficient of the treatment.
    degrees_of_freedom : int
        Residual degrees of freedom of the regression.
    share : float
        Share of the estimate to be explained away.
    alpha : float
        Level of the test.

    Returns
    -------
    OmittedVariable
        Partial R2 and robustness values.

    References
    ----------
    Cinelli C, Hazlett C (2020). Making sense of sensitivity: extending omitted variable bias. Journal of the Royal
    Statistical Society B 82: 39-67. doi:10.1111/rssb.12348

    Examples
    --------
    >>> found = omitted_variable(0.5, 0.1, 100)
    >>> round(found.robustness_value, 2)
    0.39
    """
    t = abs(estimate) / standard_error
    f = share * t / np.sqrt(degrees_of_freedom)
    critical = stats.t.ppf(1 - alpha / 2, degrees_of_freedom - 1) / np.sqrt(degrees_of_freedom - 1)
    return OmittedVariable(
        estimate=float(estimate),
        standard_error=float(standard_error),
        degrees_of_freedom=int(degrees_of_freedom),
        partial_r2=float(t**2 / (t**2 + degrees_of_freedom)),
        robustness_value=_robustness(f),
        robustness_value_significance=_robustness(max(f - critical, 0.0)),
    )


def omitted_variable_bounds(
    found: OmittedVariable,
    *,
    r2_treatment: float,
    r2_outcome: float,
    times: Sequence[float] = (1.0, 2.0, 3.0),
) -> pd.DataFrame:
    """
    Estimate left by an omitted variable as strong as an observed one, or several times as strong.

    Parameters
    ----------
    found : OmittedVariable
        Regression without it.
    r2_treatment : float
        Partial R2 of the observed covariate with the treatment, given the other covariates.
    r2_outcome : float
        Partial R2 of the observed covariate with the outcome, given treatment and other covariates.
    times : sequence of float
        How many times as strong.

    Returns
    -------
    DataFrame
        `times, r2_treatment, r2_outcome, estimate, standard_error, t`: of the omitted variable and after it.

    Raises
    ------
    DecisionError
        If such a variable would explain more than everything.

    Examples
    --------
    >>> found = omitted_variable(0.5, 0.1, 100)
    >>> omitted_variable_bounds(found, r2_treatment=0.05, r2_outcome=0.1).round(3)
       times  r2_treatment  r2_outcome  estimate  standard_error      t
    0    1.0         0.053       0.123     0.417           0.097  4.315
    1    2.0         0.105       0.248     0.329           0.092  3.572
    2    3.0         0.158       0.375     0.235           0.087  2.712
    """
    rows = []
    dof = found.degrees_of_freedom
    for k in times:
        with_treatment = k * r2_treatment / (1 - r2_treatment)
        if with_treatment >= 1 or k * r2_treatment**2 >= 1:
            raise DecisionError(
                f"{k:g} times this covariate would explain more than all of the treatment: lower times."
            )
        inner = k * r2_treatment**2 / ((1 - k * r2_treatment) * (1 - r2_treatment))
        eta = (np.sqrt(k) + np.sqrt(inner)) / np.sqrt(1 - inner)
        with_outcome = min(float(eta**2 * r2_outcome / (1 - r2_outcome)), 1.0)
        bias = np.sqrt(with_outcome * with_treatment / (1 - with_treatment)) * found.standard_error * np.sqrt(dof)
        left = np.sign(found.estimate) * (abs(found.estimate) - bias)
        error = found.standard_error * np.sqrt((1 - with_outcome) / (1 - with_treatment)) * np.sqrt(dof / (dof - 1))
        rows.append(
            {
                "times": k,
                "r2_treatment": with_treatment,
                "r2_outcome": with_outcome,
                "estimate": float(left),
                "standard_error": float(error),
                "t": float(left / error) if error > 0 else np.nan,
            }
        )
    return pd.DataFrame(rows)


def _exact_tail(rank: Array, positive: float, p: float) -> float:
    # midranks are halves, so twice the ranks are whole numbers
    doubled = np.round(2 * rank).astype(int)
    chance = np.zeros(doubled.sum() + 1)
    chance[0] = 1.0
    for step in doubled:
        moved = chance * (1 - p)
        moved[step:] += chance[: chance.size - step] * p
        chance = moved
    return float(chance[round(2 * positive) :].sum())


def _robustness(f: float) -> float:
    return float((np.sqrt(f**4 + 4 * f**2) - f**2) / 2)
