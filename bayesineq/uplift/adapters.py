"""Benefit draws from other packages' fitted models: only their arrays are touched, so neither package is imported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from bayesineq.decisions.benefit import Scale, from_effects
from bayesineq.decisions.polarity import EVENTS, SIGN, scale_of_outcome
from bayesineq.dims import PERSON
from bayesineq.errors import DecisionError


def from_econml(
    estimator: Any,
    features: ArrayLike,
    *,
    scale: Scale,
    units: Sequence[object],
    interventions: Mapping[str, object],
    adverse: bool | None = None,
    control: object = 0,
    correlation: float | ArrayLike | None = None,
    n_draw: int = 1000,
    seed: int | None = None,
) -> xr.DataArray:
    """
    Read the effects of a fitted EconML estimator as a benefit.

    Parameters
    ----------
    estimator : object with `effect_inference(X, T0=, T1=)`
        A fitted estimator of effects that gives standard errors (LinearDRLearner, CausalForestDML and others).
    features : array, shape (unit, feature)
        Effect modifiers of the units.
    scale : {"events averted", "events gained", "QALY", "net pounds"}
        What one unit of benefit is: events averted of an adverse outcome, events gained of a good one.
    adverse : bool, optional
        Whether the outcome of that model is bad, so that its effects change sign to become a benefit. Needed where
        events are counted; without it more of the outcome (QALYs, net pounds) is better.
    units : sequence
        Codes of the rows, which are people: `rename` the dimension where they are something else.
    interventions : mapping from name to treatment
        Treatments as the estimator knows them, by the name of the intervention: {"outreach": 1}.
    control : object
        Treatment compared with.
    correlation : float or array
        Correlation of the errors between interventions (needed with several; about 0.5 for a shared control).
    n_draw : int
        Draws to make.
    seed : int, optional
        Seed.

    Returns
    -------
    DataArray, dims (chain, draw, unit, intervention)
        Benefit. Errors of different units are drawn independently, which the estimator's are not: sums over units
        have too little spread, and `attrs` say so.

    Raises
    ------
    DecisionError
        If the estimator gives no inference, or it is not said whether the
        events that are counted are bad.

    Examples
    --------
    >>> import types
    >>> known = types.SimpleNamespace(point_estimate=np.array([-0.2, 0.1]), stderr=np.array([0.01, 0.01]))
    >>> fitted = types.SimpleNamespace(effect_inference=lambda X, T0, T1: known)
    >>> ages, people = [[50.0], [70.0]], ["ann", "bob"]
    >>> benefit = from_econml(
    ...     fitted, ages, scale="events averted", adverse=True, units=people, interventions={"calls": 1}, seed=1
    ... )
    >>> benefit.mean(("chain", "draw")).round(2).to_series()
    person  intervention
    ann     calls           0.2
    bob     calls          -0.1
    Name: benefit, dtype: float64
    """
    sign = _sign(adverse, scale)
    if not hasattr(estimator, "effect_inference"):
        raise DecisionError(
            f"{type(estimator).__name__} has no effect_inference: fit an estimator with inference switched on."
        )
    rows = np.asarray(features)
    results = [estimator.effect_inference(rows, T0=control, T1=treatment) for treatment in interventions.values()]
    benefit = from_effects(
        mean=sign
        * np.column_stack([np.asarray(result.point_estimate, float).reshape(len(rows)) for result in results]),
        standard_error=np.column_stack([np.asarray(result.stderr, float).reshape(len(rows)) for result in results]),
        scale=scale,
        interventions=list(interventions),
        units=units,
        unit=PERSON,
        correlation=correlation,
        n_draw=n_draw,
        seed=seed,
    )
    return benefit.assign_attrs(source="EconML, standard errors; units drawn independently")


def from_stochtree(
    effect_draws: ArrayLike,
    *,
    scale: Scale,
    units: Sequence[object],
    interventions: Sequence[str],
    adverse: bool | None = None,
    unit: str = PERSON,
) -> xr.DataArray:
    """
    Read the effect draws of a Bayesian causal forest as a benefit.

    Parameters
    ----------
    effect_draws : array, shape (unit, draw) or (unit, intervention, draw)
        Effects as stochtree's BCF model returns them (`predict(..., terms="tau")` or `tau_hat_train`), draws last.
    scale : {"events averted", "events gained", "QALY", "net pounds"}
        What one unit of benefit is: events averted of an adverse outcome, events gained of a good one.
    adverse : bool, optional
        Whether the outcome of that model is bad, so that its effects change sign to become a benefit. Needed where
        events are counted; without it more of the outcome (QALYs, net pounds) is better.
    units, interventions : sequences
        Codes of the rows and names of the treatments.
    unit : str
        Name of the unit dimension.

    Returns
    -------
    DataArray, dims (chain, draw, unit, intervention)
        Benefit, with the dependence between units as the forest drew it.

    Raises
    ------
    DecisionError
        If the array has another shape, or it is not said whether the events that are counted are bad.

    Examples
    --------
    >>> draws = [[0.1, 0.3], [0.0, -0.2]]
    >>> benefit = from_stochtree(draws, scale="QALY", units=["ann", "bob"], interventions=["calls"])
    >>> benefit.mean(("chain", "draw")).to_series()
    person  intervention
    ann     calls           0.2
    bob     calls          -0.1
    Name: benefit, dtype: float64
    """
    sign = _sign(adverse, scale)
    values = np.asarray(effect_draws, dtype=np.float64)
    values = values[:, np.newaxis, :] if values.ndim == 2 else values
    if values.ndim != 3 or values.shape[:2] != (len(units), len(interventions)):
        raise DecisionError(
            f"Effect draws have shape {np.shape(effect_draws)}; needed are ({len(units)} units, draws) for one "
            f"intervention or ({len(units)} units, {len(interventions)} interventions, draws)."
        )
    turned = sign * np.moveaxis(values, -1, 0)
    benefit = from_effects(turned, scale=scale, interventions=interventions, units=units, unit=unit)
    return benefit.assign_attrs(source="Bayesian causal forest draws")


def _sign(adverse: bool | None, scale: Scale) -> float:
    """What an effect on the outcome is multiplied by to be a benefit."""
    if adverse is None:
        if scale in EVENTS.values():
            raise DecisionError(
                f"The benefit is in {scale}: say adverse=True if the model's outcome is bad (an admission: its effects "
                "then change sign), or adverse=False if it is good."
            )
        return SIGN["better"]
    scale_of_outcome(adverse, scale)
    return SIGN["worse" if adverse else "better"]
