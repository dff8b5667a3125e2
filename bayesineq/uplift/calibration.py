"""Whether predicted effects are right on average and in their spread: deciles and the best linear predictor."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from bayesineq.errors import DecisionError

Array = NDArray[np.float64]


def decile_calibration(
    effect_score: ArrayLike,
    predicted: ArrayLike,
    *,
    groups: ArrayLike | None = None,
    bins: int = 10,
    prob: float = 0.95,
) -> pd.DataFrame:
    """
    Predicted against observed effects by tenth of the prediction.

    Parameters
    ----------
    effect_score : array, shape (person,)
        Doubly robust scores.
    predicted : array, shape (person,)
        Predicted effects, made without these people's outcomes.
    groups : array, shape (person,), optional
        Clusters, for the standard errors.
    bins : int
        Groups of equal size; fewer where predictions are tied.
    prob : float
        Probability held by the intervals.

    Returns
    -------
    DataFrame
        `bin` (1 has the lowest predictions), `people, predicted, observed, lower, upper`.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> predicted = rng.normal(0.1, 0.1, 2000)
    >>> decile_calibration(predicted + rng.normal(0, 0.2, 2000), predicted, bins=2).round(2)
       bin  people  predicted  observed  lower  upper
    0    1    1000       0.02      0.02   0.01   0.04
    1    2    1000       0.18      0.17   0.16   0.18
    """
    psi, tau = _paired(effect_score, predicted)
    edges = np.unique(np.quantile(tau, np.linspace(0, 1, bins + 1)[1:-1]))
    code = np.searchsorted(edges, tau, side="left")
    z = stats.norm.ppf(0.5 + prob / 2)
    rows = []
    for number, which in enumerate(np.unique(code), 1):
        inside = code == which
        mean = float(psi[inside].mean())
        resid = np.where(inside, psi - mean, 0.0)
        error = np.sqrt(_clustered_square(resid, groups)) / inside.sum()
        rows.append(
            {
                "bin": number,
                "people": int(inside.sum()),
                "predicted": float(tau[inside].mean()),
                "observed": mean,
                "lower": mean - z * error,
                "upper": mean + z * error,
            }
        )
    return pd.DataFrame(rows)


def best_linear_predictor(
    effect_score: ArrayLike, predicted: ArrayLike, *, groups: ArrayLike | None = None
) -> pd.DataFrame:
    """
    Test of calibration: regress scores on the mean prediction and on its deviations.

    Parameters
    ----------
    effect_score : array, shape (person,)
        Doubly robust scores.
    predicted : array, shape (person,)
        Predicted effects, made without these people's outcomes.
    groups : array, shape (person,), optional
        Clusters, for the standard errors.

    Returns
    -------
    DataFrame
        Rows "mean" (1 where the average is right) and "spread" (1 where differences are right, 0 where they are
        noise): `term, estimate, standard_error, t, p_one_sided` (of the coefficient being 0 or less).

    Raises
    ------
    DecisionError
        If the prediction does not vary.

    References
    ----------
    Chernozhukov V, Demirer M, Duflo E, Fernandez-Val I (2025). Generic machine learning inference on heterogeneous
    treatment effects in randomized experiments. Econometrica 93: 1121-1164.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> predicted = rng.normal(0.1, 0.1, 2000)
    >>> best_linear_predictor(predicted + rng.normal(0, 0.2, 2000), predicted).round(2)
         term  estimate  standard_error      t  p_one_sided
    0    mean      0.99            0.05  21.78          0.0
    1  spread      0.94            0.04  21.53          0.0
    """
    psi, tau = _paired(effect_score, predicted)
    centre = float(tau.mean())
    if float(np.std(tau)) <= 1e-12 * max(1.0, abs(centre)):
        raise DecisionError("The prediction is the same for everyone: there is no spread to test.")
    columns = np.column_stack([np.full(tau.size, centre), tau - centre])
    keep = [0, 1] if abs(centre) > 1e-12 else [1]
    x = columns[:, keep]
    bread = np.linalg.inv(x.T @ x)
    beta = bread @ (x.T @ psi)
    scores = x * (psi - x @ beta)[:, np.newaxis]
    if groups is not None:
        _, code = np.unique(np.asarray(groups), return_inverse=True)
        scores = np.column_stack([np.bincount(code, column) for column in scores.T])
    error = np.sqrt(np.diag(bread @ (scores.T @ scores) @ bread) * len(scores) / (len(scores) - 1))
    names = np.array(["mean", "spread"])[keep]
    t = beta / error
    return pd.DataFrame(
        {"term": names, "estimate": beta, "standard_error": error, "t": t, "p_one_sided": stats.norm.sf(t)}
    )


def _paired(score: ArrayLike, predicted: ArrayLike) -> tuple[Array, Array]:
    psi, tau = np.asarray(score, np.float64).ravel(), np.asarray(predicted, np.float64).ravel()
    if psi.size != tau.size or not (np.isfinite(psi).all() and np.isfinite(tau).all()):
        raise DecisionError(f"{psi.size} scores and {tau.size} predictions must pair, and be finite.")
    return psi, tau


def _clustered_square(resid: Array, groups: ArrayLike | None) -> float:
    if groups is None:
        return float((resid**2).sum())
    _, code = np.unique(np.asarray(groups), return_inverse=True)
    return float((np.bincount(code, resid) ** 2).sum())
