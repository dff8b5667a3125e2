"""Models of outcome and treatment that the scores rest on; each is judged, and used, only out of its own fold."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from bayesineq.errors import DecisionError
from bayesineq.uplift.stacking import simplex_least_squares

try:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel
    from sklearn.linear_model import LogisticRegression, RidgeCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
except ImportError as error:  # pragma: no cover - needs an environment without the extra
    raise ImportError(
        "Estimating effects from data needs scikit-learn: pip install 'bayesineq[uplift]'. "
        "Transported effects and all decisions work without it."
    ) from error

Array = NDArray[np.float64]

ROWS_A_MODEL: Final = 200_000
"""Rows a model is trained on at most: more change its predictions little, and its time much."""

ROWS_ALIKE: Final = 20_000
"""Rows from which models made without each fold hardly differ, so that one of them speaks for all."""

SMALL, PROCESS_ROWS, LINEAR_ROWS = 5_000, 800, 500_000


@dataclass(frozen=True, slots=True)
class Nuisances:
    """
    Out-of-fold predictions of outcome and treatment.

    Parameters
    ----------
    outcome : array, shape (person, arm)
        Predicted mean outcome in each arm.
    propensity : array, shape (person, arm)
        Probability of each arm, before clipping.
    models : tuple of (fold) of tuple of (arm) of (weight, model) pairs
        Fitted outcome models.
    binary : bool
        Whether the outcome is 0 or 1.
    trained_on : int
        Rows of the smallest set that an outcome model was trained on.
    """

    outcome: Array
    propensity: Array
    models: tuple[tuple[tuple[tuple[float, Any], ...], ...], ...]
    binary: bool
    trained_on: int


def cross_fit(
    features: NDArray[np.float32],
    outcome: Array,
    arm: NDArray[np.int64],
    fold: NDArray[np.int64],
    *,
    n_arm: int,
    propensity: Array | None,
    seed: int,
    copies: float = 1.0,
) -> Nuisances:
    """
    Fit nuisance models on all folds but one and predict that one.

    Shapes: features (person, feature); outcome (person,); arm (person,); fold (person,); propensity (person, arm).

    Notes
    -----
    Candidates are a linear model, boosted trees and, up to 800 rows of a continuous outcome, a Gaussian process;
    within each arm they are averaged with the weights that predict best out of fold.
    """
    binary = bool(np.isin(outcome, (0.0, 1.0)).all())
    folds = int(fold.max()) + 1
    names = _candidates(arm, n_arm, folds, binary, copies)
    held = {name: np.empty((outcome.size, n_arm)) for name in names}
    fitted: list[list[list[Any]]] = []
    rng = np.random.default_rng(seed)
    fewest = outcome.size
    for f in range(folds):
        out = np.flatnonzero(fold == f)
        fitted.append([])
        for k in range(n_arm):
            rows = np.flatnonzero((fold != f) & (arm == k))
            if rows.size < 10:
                raise DecisionError(
                    f"Arm {k} has {rows.size} people outside fold {f}; ten are needed. Use fewer folds, or more people."
                )
            rows = rng.choice(rows, ROWS_A_MODEL, replace=False) if rows.size > ROWS_A_MODEL else rows
            fewest = min(fewest, rows.size)
            models = [_fit(name, features[rows], outcome[rows], binary, seed + f, copies) for name in names]
            for name, model in zip(names, models, strict=True):
                held[name][out, k] = _predict(model, features[out], binary)
            fitted[-1].append(models)
    mean, weights = np.empty((outcome.size, n_arm)), []
    for k in range(n_arm):
        mine = arm == k
        columns = np.column_stack([held[name][mine, k] for name in names])
        weight = simplex_least_squares(columns.T @ columns, columns.T @ outcome[mine])
        mean[:, k] = sum(w * held[name][:, k] for w, name in zip(weight, names, strict=True))
        weights.append(weight)
    if propensity is None:
        propensity = _propensity(features, arm, fold, n_arm, rng, seed, copies)
    paired = tuple(
        tuple(
            tuple((float(w), model) for w, model in zip(weights[k], fitted[f][k], strict=True) if w > 0)
            for k in range(n_arm)
        )
        for f in range(folds)
    )
    return Nuisances(mean, propensity, paired, binary, fewest)


def predict_outcome(nuisances: Nuisances, features: NDArray[np.float32]) -> Array:
    """
    Predict anyone's outcome in each arm: what every expected benefit reads, of the people of the fit or of others.

    Shapes: features (person, feature); returns (fold, person, arm).
    """
    used = nuisances.models[:1] if nuisances.trained_on >= ROWS_ALIKE else nuisances.models
    out = np.zeros((len(used), len(features), len(nuisances.models[0])))
    for one, arms in zip(out, used, strict=True):
        for k, pairs in enumerate(arms):
            one[:, k] = sum(w * _predict(model, features, nuisances.binary) for w, model in pairs)
    return out


def _candidates(arm: NDArray[np.int64], n_arm: int, folds: int, binary: bool, copies: float) -> Sequence[str]:
    largest = int(np.bincount(arm, minlength=n_arm).max() * (folds - 1) / folds)
    # a Gaussian process takes people who repeat each other for proof that there is no noise
    if not binary and largest <= PROCESS_ROWS and copies < 1.5:
        return ("linear", "boosted", "process")
    return ("linear", "boosted") if arm.size <= LINEAR_ROWS else ("boosted",)


def _fit(name: str, x: NDArray[np.float32], y: Array, binary: bool, seed: int, copies: float) -> Any:
    small = len(y) / copies < SMALL
    if binary and np.ptp(y) == 0:
        return float(y[0])
    if name == "boosted":
        kind = HistGradientBoostingClassifier if binary else HistGradientBoostingRegressor
        return kind(
            learning_rate=0.05 if small else 0.1,
            max_iter=100,
            max_leaf_nodes=8 if small else 31,
            min_samples_leaf=round(copies * (20 if small else 100)),
            l2_regularization=copies,
            early_stopping=False,
            random_state=seed,
        ).fit(x, y)
    if name == "process":
        kernel = ConstantKernel(1.0, (1e-3, 1e3)) * RBF(3.0, (0.3, 1e3)) + WhiteKernel(0.3, (1e-4, 10.0))
        process = make_pipeline(StandardScaler(), GaussianProcessRegressor(kernel, normalize_y=True, random_state=seed))
        with warnings.catch_warnings():
            # a hyperparameter at its bound is what the bounds are for
            warnings.simplefilter("ignore", ConvergenceWarning)
            return process.fit(x.astype(np.float64), y)
    linear = LogisticRegression(C=1 / copies, max_iter=500) if binary else RidgeCV(copies * np.geomspace(0.1, 1e4, 11))
    return make_pipeline(StandardScaler(), linear).fit(x.astype(np.float64), y)


def _predict(model: Any, x: NDArray[np.float32], binary: bool) -> Array:
    if isinstance(model, float):
        return np.full(len(x), model)
    return np.asarray(model.predict_proba(x)[:, 1] if binary else model.predict(x), np.float64)


def _propensity(
    features: NDArray[np.float32],
    arm: NDArray[np.int64],
    fold: NDArray[np.int64],
    n_arm: int,
    rng: np.random.Generator,
    seed: int,
    copies: float,
) -> Array:
    out = np.zeros((arm.size, n_arm))
    for f in range(int(fold.max()) + 1):
        rows, here = np.flatnonzero(fold != f), np.flatnonzero(fold == f)
        rows = rng.choice(rows, ROWS_A_MODEL, replace=False) if rows.size > ROWS_A_MODEL else rows
        if arm.size / copies < SMALL:
            model: Any = make_pipeline(StandardScaler(), LogisticRegression(C=1 / copies, max_iter=500))
        else:
            model = HistGradientBoostingClassifier(
                learning_rate=0.1, max_iter=60, max_leaf_nodes=16, min_samples_leaf=round(200 * copies),
                early_stopping=False, l2_regularization=copies, random_state=seed,
            )  # fmt: skip
        model.fit(features[rows], arm[rows])
        out[np.ix_(here, model.classes_)] = model.predict_proba(features[here])
    return out
