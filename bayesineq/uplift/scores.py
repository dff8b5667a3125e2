"""Doubly robust scores: one number a person and intervention whose mean in any group is the group's effect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm

from bayesineq.errors import DecisionError
from bayesineq.uplift.clusters import design_effect, mean_covariance
from bayesineq.uplift.folds import make_folds
from bayesineq.uplift.options import DEFAULT, LearnerOptions
from bayesineq.uplift.overlap import check_overlap, weight_report
from bayesineq.uplift.people import numbers

if TYPE_CHECKING:
    from bayesineq.uplift.nuisance import Nuisances

Array = NDArray[np.float64]

COPIES_UP_TO: Final = 200_000
"""Rows up to which models heed that people of one cluster repeat each other; beyond, there are enough either way."""


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
    options: LearnerOptions = DEFAULT,
    seed: int | None = None,
) -> Scores:
    """
    Cross-fitted doubly robust scores of several arms.

    Parameters
    ----------
    features : array, shape (person, feature)
        Covariates that confound or predict, numeric, none missing.
    outcome : array, shape (person,)
        Outcome, binary or continuous.
    treatment : array, shape (person,)
        Arm of each person.
    control : optional
        The arm compared with; needed unless the arms are 0 and 1, or False and True.
    area : array, shape (person,), optional
        Area of each person, in which overlap is checked.
    options : LearnerOptions
        Groups (an array) that folds keep whole, known probabilities of the arms, folds, repeats and clipping.
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

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> age, arm = rng.normal(size=(400, 1)), rng.integers(0, 2, 400)
    >>> scores = doubly_robust_scores(age, 0.5 * arm + age[:, 0] + rng.normal(size=400), arm, seed=1)
    >>> average_effect(scores).round(2)
      intervention  estimate  standard_error  lower  upper
    0            1      0.56             0.1   0.35   0.76
    """
    groups, clip, repeats = options.groups, options.clip, options.repeats
    x = np.ascontiguousarray(np.asarray(features), dtype=np.float32)
    x = x[:, np.newaxis] if x.ndim == 1 else x
    y = numbers("outcome", outcome)
    arm, labels = arms_of(treatment, control)
    _check_rows(x, y, arm, clip)
    check_overlap(arm, labels, area)
    known = _known(options.propensity, labels, arm.size)
    streams = np.random.SeedSequence(seed).spawn(repeats)
    copies = _copies(x, y, arm, groups)
    every = [_once(x, y, arm, len(labels), groups, known, options.folds, clip, stream, copies) for stream in streams]
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

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> age, arm = rng.normal(size=(400, 1)), rng.integers(0, 2, 400)
    >>> scores = doubly_robust_scores(age, 0.5 * arm + age[:, 0] + rng.normal(size=400), arm, seed=1)
    >>> average_effect(scores, prob=0.8).round(2)
      intervention  estimate  standard_error  lower  upper
    0            1      0.56             0.1   0.42   0.69
    """
    cluster = None if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1].astype(np.int64)
    return average_table(scores, mean_covariance(scores.effect, cluster) + np.diag(scores.repeat_sd**2), prob=prob)


def average_table(scores: Scores, covariance: Array, *, prob: float = 0.95) -> pd.DataFrame:
    """Average effect of each arm, its errors given. Shapes: covariance (arm - 1, arm - 1)."""
    estimate, error = scores.effect.mean(axis=0), np.sqrt(np.diag(covariance))
    half = float(norm.ppf(0.5 + prob / 2)) * error
    return pd.DataFrame(
        {
            "intervention": [str(label) for label in scores.labels[1:]],
            "estimate": estimate,
            "standard_error": error,
            "lower": estimate - half,
            "upper": estimate + half,
        }
    )


def arms_of(treatment: ArrayLike, control: object | None) -> tuple[NDArray[np.int64], tuple[object, ...]]:
    """Code the arms, control first. Shapes: treatment (person,); returns (person,)."""
    given = np.asarray(treatment).ravel()
    given = given.astype(object) if given.dtype.kind in "US" else given
    if pd.isna(given).any():
        raise DecisionError(
            f"{int(pd.isna(given).sum()):,} people have no treatment recorded: decide about them before."
        )
    try:
        labels, code = np.unique(given, return_inverse=True)
    except TypeError as error:
        kinds = ", ".join(sorted({type(value).__name__ for value in given}))
        raise DecisionError(f"The treatment mixes values of kinds {kinds}: give every arm one kind of name.") from error
    listed = ", ".join(map(repr, labels.tolist()[:10]))
    matches = [i for i, label in enumerate(labels.tolist()) if control is not None and _is(label, control)]
    if matches:
        first = matches[0]
    elif control is not None:
        raise DecisionError(f"No one is in the control arm {control!r}; arms are {listed}.")
    elif labels.size > 2 or not all(_is(label, plain) for label, plain in zip(labels.tolist(), (0, 1), strict=False)):
        if labels.size > 1:
            raise DecisionError(
                f"The arms are {listed}: which of them is compared with is not said. Name it, for example "
                f"control={labels.tolist()[0]!r}; only a treatment of 0 and 1, or False and True, needs no name."
            )
        first = 0
    else:
        first = 0
    order = np.r_[first, np.delete(np.arange(labels.size), first)].astype(int)
    place = np.empty(labels.size, np.int64)
    place[order] = np.arange(labels.size)
    return place[code], tuple(label.item() if hasattr(label, "item") else label for label in labels[order])


def _is(label: object, value: object) -> bool:
    """Whether a label is a value, where 0 is False but never "0"."""
    return isinstance(label, str) == isinstance(value, str) and bool(label == value)


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
    copies: float,
) -> tuple[Array, Nuisances, NDArray[np.int64]]:
    from bayesineq.uplift.nuisance import cross_fit

    rng = np.random.default_rng(stream)
    fold = make_folds(arm, groups, folds=folds, rng=rng)
    seed = int(rng.integers(2**31))
    found = cross_fit(x, y, arm, fold, n_arm=n_arm, propensity=known, seed=seed, copies=copies)
    return _potential(y, arm, found, clip), found, fold


def _copies(x: NDArray[np.float32], y: Array, arm: NDArray[np.int64], groups: ArrayLike | None) -> float:
    """How many people of a group repeat one another, judged by what straight lines leave of the outcome."""
    if groups is None or y.size > COPIES_UP_TO:
        return 1.0
    cluster = np.unique(np.asarray(groups), return_inverse=True)[1]
    if cluster.max() + 1 == y.size:
        return 1.0
    left = np.empty(y.size)
    for k in np.unique(arm):
        mine = arm == k
        design = np.column_stack([np.ones(int(mine.sum())), x[mine] - x[mine].mean(axis=0)])
        left[mine] = y[mine] - design @ np.linalg.lstsq(design, y[mine], rcond=None)[0]
    return design_effect(left[:, np.newaxis], np.ones(y.size), cluster)


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
    faulty = (~np.isfinite(x)).sum(axis=0)
    if faulty.any():
        listed = ", ".join(f"{j + 1} ({faulty[j]:,} people)" for j in np.flatnonzero(faulty)[:10])
        raise DecisionError(
            f"Features are missing or not finite in column {listed}: fill them in, add an indicator of being missing, "
            "or leave these people out."
        )
    if not 0 < clip < 0.5:
        raise DecisionError(f"clip is a probability between 0 and 0.5: {clip}.")
