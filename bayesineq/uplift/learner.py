"""From records of people to benefit draws by area, with the evidence that must come before targeting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from bayesineq.dims import AREA, CHAIN, DRAW, INTERVENTION, PERSON, POPULATION
from bayesineq.errors import DecisionError
from bayesineq.uplift.basis import BLOCK, Basis, make_basis, precision_weights, sums_by_area
from bayesineq.uplift.benefit import Scale, check_benefit
from bayesineq.uplift.evidence import Evidence, gather
from bayesineq.uplift.polarity import scale_of_outcome
from bayesineq.uplift.scores import Scores, average_effect, doubly_robust_scores
from bayesineq.uplift.second_stage import SecondStage, sample

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


def uplift(
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
        Arm compared with; default the lowest.
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
        If columns are missing or not numeric, or the comparison cannot be made.
    """
    wanted = [treated, outcome, *covariates, *(modifiers or []), *[c for c in (area, groups, need) if c]]
    missing = sorted({column for column in wanted if column not in people.columns})
    if missing:
        raise DecisionError(f"No column {', '.join(missing)} in the records; they have {', '.join(people.columns)}.")
    chosen = list(covariates if modifiers is None else modifiers)
    text = [c for c in {*covariates, *chosen} if not pd.api.types.is_numeric_dtype(people[c])]
    if text:
        raise DecisionError(f"Covariates must be numeric; code {', '.join(sorted(text))} as indicators first.")
    return estimate(
        people[list(covariates)].to_numpy(np.float32, na_value=np.nan),
        people[outcome].to_numpy(np.float64, na_value=np.nan),
        people[treated].to_numpy(),
        adverse=adverse,
        modifiers=people[chosen].to_numpy(np.float32, na_value=np.nan),
        names=chosen,
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


def estimate(
    features: ArrayLike,
    outcome: ArrayLike,
    treatment: ArrayLike,
    *,
    adverse: bool,
    modifiers: ArrayLike | None = None,
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
    features : array, shape (person, feature)
        Covariates.
    outcome, treatment : arrays, shape (person,)
        Outcome and arm.
    adverse : bool
        Whether less of the outcome is a benefit.
    modifiers : array, shape (person, modifier), optional
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
    x = np.asarray(features, np.float32)
    x = x[:, np.newaxis] if x.ndim == 1 else x
    z = x if modifiers is None else np.asarray(modifiers, np.float32)
    labels = tuple(names) if names is not None else tuple(f"modifier {j + 1}" for j in range(z.shape[1]))
    counted = scale_of_outcome(adverse, scale)
    sign = -1.0 if adverse else 1.0
    y = sign * np.asarray(outcome, np.float64).ravel()
    streams = [int(s) for s in np.random.SeedSequence(seed).generate_state(3)]
    scores = doubly_robust_scores(
        x, y + (1.0 if adverse and np.isin(y, (0.0, -1.0)).all() else 0.0), treatment, control=control, area=area,
        groups=groups, propensity=propensity, folds=folds, repeats=repeats, clip=clip, seed=streams[0],
    )  # fmt: skip
    codes, where = (np.array(["all"]), np.zeros(y.size, np.int64)) if area is None else _areas(area)
    spread = float(y.std())
    basis = make_basis(scores.predicted, z, labels)
    weight = precision_weights(scores.propensity, clip)
    sums = sums_by_area(basis, scores.predicted, z, scores.effect, where, codes.size, scale=spread, weight=weight)
    stage = sample(sums, draws=draws, warmup=max(200, draws // 2), seed=streams[1], areas=codes.size > 1)
    arms = [str(label) for label in scores.labels[1:]]
    values = np.einsum("aq,sqk->sak", sums.mean_basis, stage.coefficient) + stage.area
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
    cluster = None if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1].astype(np.int64)
    effect = _person_means(stage, basis, scores.predicted, z, where) * spread
    average = average_effect(scores, groups=cluster)
    evidence = gather(
        scores, basis, z, need=None if need is None else np.asarray(need, np.float64), groups=cluster,
        average=average, resamples=resamples, seed=streams[2],
    )  # fmt: skip
    return Uplift(check_benefit(benefit), average, effect, scores, evidence, stage, basis, codes, spread)


def predict(
    found: Uplift, features: ArrayLike, *, modifiers: ArrayLike | None = None, area: ArrayLike | None = None
) -> Array:
    """
    Expected benefit of new people.

    Parameters
    ----------
    found : Uplift
        Estimated effects.
    features : array, shape (person, feature)
        Covariates, in the order of the fit.
    modifiers : array, shape (person, modifier), optional
        Modifiers; default the features.
    area : array, shape (person,), optional
        Areas; an area that was not in the records has the average effect of its kind.

    Returns
    -------
    array, shape (person, intervention)
        Posterior mean benefit.
    """
    x, z, where = _new(found, features, modifiers, area)
    from bayesineq.uplift.nuisance import predict_outcome

    return _person_means(found.stage, found.basis, predict_outcome(found.scores.nuisances, x), z, where) * (
        found.scale_factor
    )


def person_benefit(
    found: Uplift,
    features: ArrayLike,
    *,
    units: Sequence[object],
    modifiers: ArrayLike | None = None,
    area: ArrayLike | None = None,
) -> xr.DataArray:
    """
    Benefit draws of some people: of a case list, not of a whole population.

    Parameters
    ----------
    found : Uplift
        Estimated effects.
    features : array, shape (person, feature)
        Covariates.
    units : sequence
        Codes of the people.
    modifiers, area : arrays, optional
        As in `predict`.

    Returns
    -------
    DataArray, dims (chain, draw, person, intervention)
        Benefit.

    Raises
    ------
    DecisionError
        If the draws would not fit into about 1 GB; decide by area then, or in parts.
    """
    x, z, where = _new(found, features, modifiers, area)
    draws, _, arms = found.stage.coefficient.shape
    if draws * len(x) * arms > 1.25e8:
        raise DecisionError(f"{draws} draws of {len(x):,} people are too many to hold: ask for fewer people at a time.")
    from bayesineq.uplift.nuisance import predict_outcome

    columns = found.basis.columns(predict_outcome(found.scores.nuisances, x), z)
    values = np.einsum("nq,sqk->snk", columns, found.stage.coefficient)
    known = where >= 0
    values[:, known] += found.stage.area[:, where[known]]
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


def _areas(area: ArrayLike) -> tuple[NDArray[np.object_], NDArray[np.int64]]:
    given = np.asarray(area)
    if pd.isna(given).any():
        raise DecisionError(f"{int(pd.isna(given).sum()):,} people have no area: leave them out, or give them a code.")
    codes, where = np.unique(given, return_inverse=True)
    return codes, where.astype(np.int64)


def _person_means(
    stage: SecondStage, basis: Basis, predicted: Array, modifiers: NDArray[np.float32], where: NDArray[np.int64]
) -> Array:
    coefficient, effect = stage.coefficient.mean(axis=0), stage.area.mean(axis=0, dtype=np.float64)
    out = np.empty((len(predicted), coefficient.shape[1]))
    for start in range(0, len(predicted), BLOCK):
        here = slice(start, start + BLOCK)
        code = where[here]
        out[here] = basis.columns(predicted[here], modifiers[here]) @ coefficient
        out[here] += np.where((code >= 0)[:, np.newaxis], effect[np.maximum(code, 0)], 0.0)
    return out


def _new(
    found: Uplift, features: ArrayLike, modifiers: ArrayLike | None, area: ArrayLike | None
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int64]]:
    x = np.asarray(features, np.float32)
    z = x if modifiers is None else np.asarray(modifiers, np.float32)
    if len(found.basis.names) != 1 + found.scores.potential.shape[1] + z.shape[1]:
        raise DecisionError(f"{z.shape[1]} modifiers given; the fit had {', '.join(found.basis.names)}.")
    if area is None:
        return x, z, np.full(len(x), -1 if found.areas.size > 1 else 0, np.int64)
    place = pd.Index(found.areas).get_indexer(pd.Index(np.asarray(area)))
    return x, z, place.astype(np.int64)
