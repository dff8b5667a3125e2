"""From records of people to benefit draws by area, with the evidence that must come before targeting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from bayesineq.decisions.benefit import Scale, check_benefit
from bayesineq.decisions.polarity import scale_of_outcome
from bayesineq.dims import AREA, CHAIN, DRAW, INTERVENTION, PERSON, POPULATION
from bayesineq.errors import DecisionError
from bayesineq.uplift.basis import BLOCK, Basis, make_basis, precision_weights, sums_by_area
from bayesineq.uplift.clusters import design_effect, mean_covariance, same_division
from bayesineq.uplift.evidence import Evidence, gather
from bayesineq.uplift.people import Columns, areas_of, arrays_of, check_records, new_people, numbers
from bayesineq.uplift.scores import Scores, average_table, doubly_robust_scores
from bayesineq.uplift.second_stage import SecondStage, Sums, centred, sample, with_predictions_drawn

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Uplift:
    """
    Effects estimated from people's records.

    Parameters
    ----------
    benefit : DataArray, dims (chain, draw, area, intervention)
        Benefit per person in each area ("all" where no areas were given), with the people as `population`.
    average : DataFrame
        Average benefit of each intervention with its interval.
    effect : array, shape (person, intervention)
        Posterior mean benefit of each person.
    scores : Scores
        Doubly robust scores, signed so that positive is a benefit.
    evidence : Evidence
        Whether there is anything to target by, in tables and in words.
    stage : SecondStage
        Draws of the second stage.
    basis : Basis
        Columns of the second stage.
    areas : array
        Codes of the areas.
    scale_factor : float
        Standard deviation of the outcome.
    columns : Columns
        Names of the covariates, the modifiers and the area.
    """

    benefit: xr.DataArray
    average: pd.DataFrame
    effect: Array
    scores: Scores
    evidence: Evidence
    stage: SecondStage
    basis: Basis
    areas: NDArray[np.object_]
    scale_factor: float
    columns: Columns


def learn_uplift(
    people: pd.DataFrame,
    *,
    treated: str,
    outcome: str,
    adverse: bool,
    covariates: Sequence[str],
    modifiers: Sequence[str] | None = None,
    area: str | None = None,
    groups: str | None = None,
    need: str | None = None,
    scale: Scale | None = None,
    control: object | None = None,
    propensity: Mapping[object, float] | ArrayLike | None = None,
    folds: int = 5,
    repeats: int = 1,
    clip: float = 0.01,
    draws: int = 500,
    resamples: int = 100,
    seed: int | None = None,
) -> Uplift:
    """
    Estimate who and where benefits, from records of people with and without the interventions.

    Parameters
    ----------
    people : DataFrame, one row a person
        Records.
    treated, outcome : str
        Columns of the arm and of the outcome.
    adverse : bool
        Whether the outcome is bad, so that less of it is a benefit.
    covariates : sequence of str
        Numeric columns that may confound.
    modifiers : sequence of str, optional
        Columns by which the effect may differ; default the covariates.
    area : str, optional
        Column of area codes: effects then differ by area.
    groups : str, optional
        Column of practices or areas that folds and resamples keep whole; default the area.
    need : str, optional
        Column by which targeting by need would rank (higher is more need), such as a deprivation score.
    scale : {"events averted", "events gained", "QALY", "net pounds"}, optional
        What one unit of the outcome is; default events averted where it is adverse, events gained where it is not.
    control : optional
        Arm compared with; needed unless the arms are 0 and 1, or False and True.
    propensity : mapping or array, optional
        Known probabilities of the arms; else estimated.
    folds, repeats : int
        Of the cross-fitting.
    clip : float
        Least propensity used.
    draws : int
        Posterior draws.
    resamples : int
        Resamples for the intervals of the evidence.
    seed : int, optional
        Seed.

    Returns
    -------
    Uplift
        Benefit draws, and the evidence.

    Raises
    ------
    DecisionError
        If columns are missing, there twice or not numeric, values are missing, the control is not named, or the
        comparison cannot be made.
    """
    extra = [c for c in (area, groups, need) if c]
    check_records(people, treated=treated, outcome=outcome, covariates=covariates, modifiers=modifiers, others=extra)
    chosen = list(covariates if modifiers is None else modifiers)
    found = estimate(
        people[list(covariates)],
        people[outcome].to_numpy(np.float64, na_value=np.nan),
        people[treated].to_numpy(),
        adverse=adverse,
        modifiers=people[chosen],
        area=None if area is None else people[area].to_numpy(),
        groups=None if groups is None and area is None else people[groups or area].to_numpy(),
        need=None if need is None else people[need].to_numpy(np.float64),
        scale=scale,
        control=control,
        propensity=propensity,
        folds=folds,
        repeats=repeats,
        clip=clip,
        draws=draws,
        resamples=resamples,
        seed=seed,
    )
    return replace(found, columns=replace(found.columns, area=area))


def estimate(
    features: pd.DataFrame | ArrayLike,
    outcome: ArrayLike,
    treatment: ArrayLike,
    *,
    adverse: bool,
    modifiers: pd.DataFrame | ArrayLike | None = None,
    names: Sequence[str] | None = None,
    area: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    need: ArrayLike | None = None,
    scale: Scale | None = None,
    control: object | None = None,
    propensity: Mapping[object, float] | ArrayLike | None = None,
    folds: int = 5,
    repeats: int = 1,
    clip: float = 0.01,
    draws: int = 500,
    resamples: int = 100,
    seed: int | None = None,
) -> Uplift:
    """
    Estimate effects from arrays; `uplift` does so from a table and explains the arguments.

    Parameters
    ----------
    features : DataFrame, or array, shape (person, feature)
        Covariates; the names of a table are kept, and new people's columns taken by them.
    outcome, treatment : arrays, shape (person,)
        Outcome and arm.
    adverse : bool
        Whether less of the outcome is a benefit.
    modifiers : DataFrame, or array, shape (person, modifier), optional
        Columns by which the effect may differ; default the features.
    names : sequence of str, optional
        Names of the modifiers.
    area, groups, need : arrays, shape (person,), optional
        As in `uplift`.
    scale, control, propensity, folds, repeats, clip, draws, resamples, seed
        As in `uplift`.

    Returns
    -------
    Uplift
        Benefit draws, and the evidence.
    """
    from bayesineq.uplift.nuisance import predict_outcome

    x, z, columns = arrays_of(features, modifiers, names)
    counted = scale_of_outcome(adverse, scale)
    sign = -1.0 if adverse else 1.0
    y = sign * numbers("outcome", outcome)
    streams = [int(s) for s in np.random.SeedSequence(seed).generate_state(3)]
    scores = doubly_robust_scores(
        x, y + (1.0 if adverse and np.isin(y, (0.0, -1.0)).all() else 0.0), treatment, control=control, area=area,
        groups=groups, propensity=propensity, folds=folds, repeats=repeats, clip=clip, seed=streams[0],
    )  # fmt: skip
    codes, where = (np.array(["all"]), np.zeros(y.size, np.int64)) if area is None else areas_of(area)
    spread = float(y.std())
    if spread == 0:
        raise DecisionError(f"The outcome is the same for everyone ({sign * y[0]:g}): there is no effect to estimate.")
    cluster = None if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1].astype(np.int64)
    basis, stage, sums = _second_stage(
        scores, z, columns.modifiers, where, codes.size, cluster, spread, clip, draws, streams[1]
    )
    by_fold = predict_outcome(scores.nuisances, x)
    mean_basis = basis.means_of(sums.mean_basis, by_fold, where)
    stage = with_predictions_drawn(stage, by_fold.shape[2], len(by_fold), streams[1] + 1)
    explained = stage.area.mean(axis=0, dtype=np.float64)[where] * spread if codes.size > 1 else None
    covariance = mean_covariance(scores.effect, cluster, explained) + np.diag(scores.repeat_sd**2)
    stage = centred(stage, mean_basis, sums.count, scores.effect.mean(axis=0) / spread, covariance / spread**2)
    arms = [str(label) for label in scores.labels[1:]]
    values = np.einsum("aq,sqk->sak", mean_basis, stage.coefficient) + stage.area
    benefit = xr.DataArray(
        values[np.newaxis] * spread,
        dims=(CHAIN, DRAW, AREA, INTERVENTION),
        coords={
            CHAIN: [0],
            DRAW: np.arange(draws),
            AREA: codes,
            INTERVENTION: arms,
            POPULATION: (AREA, sums.count),
        },
        name="benefit",
        attrs={
            "scale": counted,
            "source": "doubly robust scores, hierarchical second stage",
            "correlation": "as drawn",
        },
    )
    average = average_table(scores, covariance)
    evidence = gather(
        scores, basis, z, need=None if need is None else np.asarray(need, np.float64), groups=cluster,
        average=average, resamples=resamples, seed=streams[2],
    )  # fmt: skip
    effect = _person_means(stage, basis, by_fold, z, where) * spread
    return Uplift(check_benefit(benefit), average, effect, scores, evidence, stage, basis, codes, spread, columns)


def _second_stage(
    scores: Scores, modifiers: NDArray[np.float32], names: tuple[str, ...], where: NDArray[np.int64], areas: int,
    cluster: NDArray[np.int64] | None, spread: float, clip: float, draws: int, seed: int,
) -> tuple[Basis, SecondStage, Sums]:  # fmt: skip
    """Basis, draws and sums; clusters other than the areas count for what they are worth."""
    basis = make_basis(scores.predicted, modifiers, names)
    weight = precision_weights(scores.propensity, clip)
    sums = sums_by_area(basis, scores.predicted, modifiers, scores.effect, where, areas, scale=spread, weight=weight)
    draw = partial(sample, draws=draws, seed=seed, family=basis.family, share=basis.share, areas=areas > 1)
    stage = draw(sums)
    if cluster is not None and not (areas > 1 and same_division(cluster, where)):
        residual = scores.effect / spread - _person_means(stage, basis, scores.predicted[np.newaxis], modifiers, where)
        stage = draw(sums.thinned(design_effect(residual, weight, cluster)))
    return basis, stage, sums


def predict(
    found: Uplift,
    features: pd.DataFrame | ArrayLike,
    *,
    modifiers: pd.DataFrame | ArrayLike | None = None,
    area: ArrayLike | None = None,
) -> Array:
    """
    Expected benefit of people, those of the fit or new ones: for those of the fit it is `found.effect`.

    Parameters
    ----------
    found : Uplift
        Estimated effects.
    features : DataFrame, or array, shape (person, feature)
        A table, whose columns are taken by their names in the fit whatever their order (others are not read), that of
        the area too; or covariates in the order of the fit.
    modifiers : DataFrame, or array, shape (person, modifier), optional
        Modifiers; default those among the features.
    area : array, shape (person,), optional
        Areas of the fit. Without, people have the average effect of their kind over the areas.

    Returns
    -------
    array, shape (person, intervention)
        Posterior mean benefit.

    Raises
    ------
    DecisionError
        If columns of the fit are absent, values missing, or areas not among those of the fit.
    """
    from bayesineq.uplift.nuisance import predict_outcome

    x, z, where = new_people(found.columns, features, modifiers, area, found.areas)
    return _person_means(found.stage, found.basis, predict_outcome(found.scores.nuisances, x), z, where) * (
        found.scale_factor
    )


def person_benefit(
    found: Uplift,
    features: pd.DataFrame | ArrayLike,
    *,
    units: Sequence[object],
    modifiers: pd.DataFrame | ArrayLike | None = None,
    area: ArrayLike | None = None,
) -> xr.DataArray:
    """
    Benefit draws of some people: of a case list, not of a whole population.

    Parameters
    ----------
    found : Uplift
        Estimated effects.
    features : DataFrame, or array, shape (person, feature)
        As in `predict`.
    units : sequence
        Codes of the people.
    modifiers, area : optional
        As in `predict`; without an area, the spread of the areas is in the draws, the same for all in one draw.

    Returns
    -------
    DataArray, dims (chain, draw, person, intervention)
        Benefit, whose mean is that of `predict`.

    Raises
    ------
    DecisionError
        If the draws would not fit into about 1 GB (decide by area then, or in parts), or as in `predict`.
    """
    from bayesineq.uplift.nuisance import predict_outcome

    x, z, where = new_people(found.columns, features, modifiers, area, found.areas)
    draws, _, arms = found.stage.coefficient.shape
    if draws * len(x) * arms > 1.25e8:
        raise DecisionError(f"{draws} draws of {len(x):,} people are too many to hold: ask for fewer people at a time.")
    if len(units) != len(x):
        raise DecisionError(f"{len(units)} units but {len(x)} people: give one code a person.")
    columns = found.basis.everyone(predict_outcome(found.scores.nuisances, x), z)
    values = np.einsum("nq,sqk->snk", columns, found.stage.coefficient, optimize=True)
    known = where >= 0
    values[:, known] += found.stage.area[:, where[known]]
    elsewhere = np.random.default_rng(0).standard_normal((draws, arms)) * found.stage.area_sd
    values[:, ~known] += (elsewhere - elsewhere.mean(axis=0))[:, np.newaxis]
    return check_benefit(
        xr.DataArray(
            values[np.newaxis] * found.scale_factor,
            dims=(CHAIN, DRAW, PERSON, INTERVENTION),
            coords={
                CHAIN: [0],
                DRAW: np.arange(draws),
                PERSON: np.asarray(units),
                INTERVENTION: found.benefit[INTERVENTION].values,
            },
            name="benefit",
            attrs=found.benefit.attrs,
        )
    )


def _person_means(
    stage: SecondStage, basis: Basis, by_fold: Array, modifiers: NDArray[np.float32], where: NDArray[np.int64]
) -> Array:
    coefficient, effect = stage.coefficient.mean(axis=0), stage.area.mean(axis=0, dtype=np.float64)
    out = np.empty((len(modifiers), coefficient.shape[1]))
    for start in range(0, len(modifiers), BLOCK):
        here = slice(start, start + BLOCK)
        code = where[here]
        out[here] = basis.everyone(by_fold[:, here], modifiers[here]) @ coefficient
        out[here] += np.where((code >= 0)[:, np.newaxis], effect[np.maximum(code, 0)], 0.0)
    return out
