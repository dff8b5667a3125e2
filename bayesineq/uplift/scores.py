"""Doubly robust scores: one number a person and intervention whose mean in any group is the group's effect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from bayesineq.errors import DecisionError
from bayesineq.uplift.folds import make_folds
from bayesineq.uplift.overlap import check_overlap, weight_report
from bayesineq.uplift.policy import policy_gain

if TYPE_CHECKING:
    from bayesineq.uplift.nuisance import Nuisances

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Scores:
    """
    Doubly robust scores of each potential outcome.

    Parameters
    ----------
    potential : array, shape (person, arm)
        Scores, control first; the mean over a group estimates its mean outcome were all of it in the arm.
    predicted : array, shape (person, arm)
        Out-of-fold predictions of the outcome.
    propensity : array, shape (person, arm)
        Probability of each arm, before clipping.
    arm : array, shape (person,)
        Arm received, 0 is the control.
    fold : array, shape (person,)
        Fold (of the first repeat).
    labels : tuple
        Names of the arms, control first.
    clip : float
        Least propensity used.
    weights : DataFrame
        Effective sample size, largest weight and clipping by arm.
    clipping : DataFrame
        Average effect of each arm at this and other levels of clipping.
    repeat_sd : array, shape (arm - 1,)
        Spread of the average effect between repeats of the cross-fitting; 0 for one.
    nuisances : Nuisances
        Fitted models (of the first repeat).
    """

    potential: Array
    predicted: Array
    propensity: Array
    arm: NDArray[np.int64]
    fold: NDArray[np.int64]
    labels: tuple[object, ...]
    clip: float
    weights: pd.DataFrame
    clipping: pd.DataFrame
    repeat_sd: Array
    nuisances: Nuisances

    @property
    def effect(self) -> Array:
        """Scores of each intervention's effect against the control, shape (person, arm - 1)."""
        return self.potential[:, 1:] - self.potential[:, :1]

    @property
    def predicted_effect(self) -> Array:
        """Out-of-fold predictions of the effect, shape (person, arm - 1)."""
        return self.predicted[:, 1:] - self.predicted[:, :1]


def doubly_robust_scores(
    features: ArrayLike,
    outcome: ArrayLike,
    treatment: ArrayLike,
    *,
    control: object | None = None,
    area: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    propensity: Mapping[object, float] | ArrayLike | None = None,
    folds: int = 5,
    repeats: int = 1,
    clip: float = 0.01,
    seed: int | None = None,
) -> Scores:
    """
    Cross-fitted doubly robust scores of several arms.

    Parameters
    ----------
    features : array, shape (person, feature)
        Covariates that confound or predict, numeric; missing values switch to models that take them.
    outcome : array, shape (person,)
        Outcome, binary or continuous.
    treatment : array, shape (person,)
        Arm of each person.
    control : optional
        The arm compared with; default the lowest.
    area : array, shape (person,), optional
        Area of each person, in which overlap is checked.
    groups : array, shape (person,), optional
        Practices or areas that folds keep whole.
    propensity : mapping from arm to probability, or array, shape (person, arm), optional
        Known probabilities, as in a trial, control first; else estimated.
    folds : int
        Folds.
    repeats : int
        Times the cross-fitting is repeated; scores are medians over repeats.
    clip : float
        Least propensity used in a weight.
    seed : int, optional
        Seed.

    Returns
    -------
    Scores
        Scores with their diagnostics.

    Raises
    ------
    DecisionError
        If rows do not pair, values are missing, there is one arm only, or areas lack an arm.

    Notes
    -----
    For arm k: m_k(x) + 1[T = k] (y - m_k(x)) / e_k(x), with m and e fitted without the person's fold.

    References
    ----------
    Chernozhukov V et al. (2018). Double/debiased machine learning for treatment and structural parameters.
    Econometrics Journal 21: C1-C68. doi:10.1111/ectj.12097
    """
    x = np.ascontiguousarray(np.asarray(features), dtype=np.float32)
    x = x[:, np.newaxis] if x.ndim == 1 else x
    y = np.asarray(outcome, np.float64).ravel()
    arm, labels = arms_of(treatment, control)
    _check_rows(x, y, arm, clip)
    check_overlap(arm, labels, area)
    known = _known(propensity, labels, arm.size)
    streams = np.random.SeedSequence(seed).spawn(repeats)
    every = [_once(x, y, arm, len(labels), groups, known, folds, clip, stream) for stream in streams]
    first = every[0][1]
    potential = np.median([one[0] for one in every], axis=0) if repeats > 1 else every[0][0]
    averages = np.array([(one[0][:, 1:] - one[0][:, :1]).mean(axis=0) for one in every])
    return Scores(
        potential=potential,
        predicted=first.outcome,
        propensity=first.propensity,
        arm=arm,
        fold=every[0][2],
        labels=labels,
        clip=clip,
        weights=weight_report(first.propensity, arm, labels, clip=clip),
        clipping=_clipping(y, arm, first, labels, clip),
        repeat_sd=averages.std(axis=0, ddof=1) if repeats > 1 else np.zeros(len(labels) - 1),
        nuisances=first,
    )


def average_effect(scores: Scores, *, groups: ArrayLike | None = None, prob: float = 0.95) -> pd.DataFrame:
    """
    Average effect of each arm, with clustered standard errors.

    Parameters
    ----------
    scores : Scores
        Doubly robust scores.
    groups : array, shape (person,), optional
        Clusters.
    prob : float
        Probability held by the interval.

    Returns
    -------
    DataFrame
        `intervention, estimate, standard_error, lower, upper`; the spread between repeats is in the standard error.
    """
    rows = []
    for k, label in enumerate(scores.labels[1:], 1):
        one = policy_gain(
            scores.potential, np.full(scores.arm.size, k), instead=np.zeros(scores.arm.size), groups=groups, prob=prob
        )
        error = float(np.hypot(one.standard_error, scores.repeat_sd[k - 1]))
        half = (one.upper - one.value) * error / one.standard_error if one.standard_error > 0 else 0.0
        rows.append(
            {
                "intervention": str(label),
                "estimate": one.value,
                "standard_error": error,
                "lower": one.value - half,
                "upper": one.value + half,
            }
        )
    return pd.DataFrame(rows)


def arms_of(treatment: ArrayLike, control: object | None) -> tuple[NDArray[np.int64], tuple[object, ...]]:
    """
    Code the arms, control first.

    Parameters
    ----------
    treatment : array, shape (person,)
        Arm of each person.
    control : optional
        Control arm; default the lowest.

    Returns
    -------
    array, shape (person,), and tuple
        Codes from 0, and their labels.

    Raises
    ------
    DecisionError
        If treatments are missing or the control does not occur.
    """
    given = np.asarray(treatment).ravel()
    if pd.isna(given).any():
        raise DecisionError(
            f"{int(pd.isna(given).sum()):,} people have no treatment recorded: decide about them before."
        )
    labels, code = np.unique(given, return_inverse=True)
    if control is None:
        first = 0
    elif control in labels:
        first = int(np.flatnonzero(labels == control)[0])
    else:
        raise DecisionError(f"No one is in the control arm {control!r}; arms are {', '.join(map(str, labels))}.")
    order = np.r_[first, np.delete(np.arange(labels.size), first)].astype(int)
    place = np.empty(labels.size, np.int64)
    place[order] = np.arange(labels.size)
    return place[code], tuple(label.item() if hasattr(label, "item") else label for label in labels[order])


def _once(
    x: NDArray[np.float32],
    y: Array,
    arm: NDArray[np.int64],
    n_arm: int,
    groups: ArrayLike | None,
    known: Array | None,
    folds: int,
    clip: float,
    stream: np.random.SeedSequence,
) -> tuple[Array, Nuisances, NDArray[np.int64]]:
    from bayesineq.uplift.nuisance import cross_fit

    rng = np.random.default_rng(stream)
    fold = make_folds(arm, groups, folds=folds, rng=rng)
    seed = int(rng.integers(2**31))
    found = cross_fit(x, y, arm, fold, n_arm=n_arm, propensity=known, seed=seed)
    return _potential(y, arm, found, clip), found, fold


def _potential(y: Array, arm: NDArray[np.int64], found: Nuisances, clip: float) -> Array:
    rows = np.arange(y.size)
    potential = found.outcome.copy()
    weight = 1 / np.maximum(found.propensity[rows, arm], clip)
    potential[rows, arm] += weight * (y - found.outcome[rows, arm])
    return potential


def _clipping(
    y: Array, arm: NDArray[np.int64], found: Nuisances, labels: tuple[object, ...], clip: float
) -> pd.DataFrame:
    rows = []
    for level in sorted({1e-6, 0.01, 0.05, clip}):
        potential = _potential(y, arm, found, level)
        low = (found.propensity < level).any(axis=1).mean()
        for k, label in enumerate(labels[1:], 1):
            rows.append(
                {
                    "clip": level,
                    "used": level == clip,
                    "intervention": label,
                    "average_effect": float((potential[:, k] - potential[:, 0]).mean()),
                    "clipped_share": float(low),
                }
            )
    return pd.DataFrame(rows)


def _known(
    propensity: Mapping[object, float] | ArrayLike | None, labels: tuple[object, ...], rows: int
) -> Array | None:
    if propensity is None:
        return None
    if isinstance(propensity, Mapping):
        missing = [str(label) for label in labels if label not in propensity]
        if missing:
            raise DecisionError(f"No propensity for {', '.join(missing)}: give the probability of every arm.")
        table = np.tile([float(propensity[label]) for label in labels], (rows, 1))
    else:
        table = np.asarray(propensity, np.float64)
    if table.shape != (rows, len(labels)) or not np.allclose(table.sum(axis=1), 1, atol=1e-6) or table.min() <= 0:
        raise DecisionError(
            f"Known propensities must be above 0 and add to 1 over the {len(labels)} arms "
            f"({', '.join(map(str, labels))})."
        )
    return table


def _check_rows(x: NDArray[np.float32], y: Array, arm: NDArray[np.int64], clip: float) -> None:
    if not len(x) == y.size == arm.size:
        raise DecisionError(f"features, outcome and treatment have {len(x)}, {y.size} and {arm.size} rows.")
    if not np.isfinite(y).all():
        raise DecisionError(
            f"{int((~np.isfinite(y)).sum()):,} outcomes are missing or not finite: decide about them before."
        )
    if np.isinf(x).any():
        raise DecisionError("Features must not be infinite.")
    if not 0 < clip < 0.5:
        raise DecisionError(f"clip is a probability between 0 and 0.5: {clip}.")
