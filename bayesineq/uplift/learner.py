"""From records of people to benefit draws by area, with the evidence that must come before targeting."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

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
from bayesineq.uplift.options import DEFAULT, LearnerOptions
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
    control: object | None = None,
    options: LearnerOptions = DEFAULT,
    seed: int | None = None,
) -> Uplift:
    """
    Estimate who and where benefits, from records of people with and without the interventions.

    Parameters
    ----------
    people : DataFrame, one row a person
        _People.
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
    control : optional
        Arm compared with; needed unless the arms are 0 and 1, or False and True.
    options : LearnerOptions
        Practices kept whole, need, known probabilities of the arms, folds, draws.
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

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> people = pd.DataFrame({"age": rng.normal(60, 10, 400), "advice": rng.integers(0, 2, 400)})
    >>> people["admitted"] = rng.binomial(1, 0.4 - 0.2 * people["advice"])
    >>> quick = LearnerOptions(propensity={0: 0.5, 1: 0.5}, folds=2, draws=50, resamples=10)
    >>> found = learn_uplift(
    ...     people, treated="advice", outcome="admitted", adverse=True, covariates=["age"], options=quick, seed=1
    ... )
    >>> bool(found.average["lower"][0] < 0.2 < found.average["upper"][0])
    True
    """
    groups, need = (_column(people, value) for value in (options.groups, options.need))
    named = [c for c in (area, options.groups, options.need) if isinstance(c, str)]
    check_records(people, treated=treated, outcome=outcome, covariates=covariates, modifiers=modifiers, others=named)
    chosen = list(covariates if modifiers is None else modifiers)
    where = None if area is None else people[area].to_numpy()
    found = estimate(
        people[list(covariates)],
        people[outcome].to_numpy(np.float64, na_value=np.nan),
        people[treated].to_numpy(),
        adverse=adverse,
        modifiers=people[chosen],
        area=where,
        control=control,
        options=replace(options, groups=where if groups is None else groups, need=need),
        seed=seed,
    )
    return replace(found, columns=replace(found.columns, area=area))


def _column(people: pd.DataFrame, value: str | ArrayLike | None) -> ArrayLike | None:
    """A column by its name; one that is not there is told with all other faults of the records."""
    if isinstance(value, str):
        return people[value].to_numpy() if value in people.columns else None
    return value


def estimate(
    features: pd.DataFrame | ArrayLike,
    outcome: ArrayLike,
    treatment: ArrayLike,
    *,
    adverse: bool,
    modifiers: pd.DataFrame | ArrayLike | None = None,
    area: ArrayLike | None = None,
    control: object | None = None,
    options: LearnerOptions = DEFAULT,
    seed: int | None = None,
) -> Uplift:
    """
    Estimate effects from arrays; `learn_uplift` does so from a table.

    Shapes: features (person, feature); outcome, treatment (person,); modifiers (person, modifier); area (person,).
    """
    from bayesineq.uplift.nuisance import predict_outcome

    x, z, columns = arrays_of(features, modifiers)
    counted = scale_of_outcome(adverse, options.scale)
    sign = -1.0 if adverse else 1.0
    y = sign * numbers("outcome", outcome)
    streams = [int(s) for s in np.random.SeedSequence(seed).generate_state(3)]
    shifted = y + (1.0 if adverse and np.isin(y, (0.0, -1.0)).all() else 0.0)
    scores = doubly_robust_scores(x, shifted, treatment, control=control, area=area, options=options, seed=streams[0])
    codes, where = (np.array(["all"]), np.zeros(y.size, np.int64)) if area is None else areas_of(area)
    spread = float(y.std())
    if spread == 0:
        raise DecisionError(f"The outcome is the same for everyone ({sign * y[0]:g}): there is no effect to estimate.")
    clusters = None
    if options.groups is not None:
        clusters = np.unique(np.asarray(options.groups), return_inverse=True)[1].astype(np.int64)
    by_fold = predict_outcome(scores.nuisances, x)
    records = _People(scores, z, columns.modifiers, where, codes.size, clusters, by_fold, spread)
    basis, stage, sums, covariance = _second_stage(records, options, streams[1])
    mean_basis = basis.means_of(sums.mean_basis, by_fold, where)
    values = (np.einsum("aq,sqk->sak", mean_basis, stage.coefficient) + stage.area) * spread
    benefit = _benefit(values, codes, sums.count, [str(label) for label in scores.labels[1:]], counted)
    average = average_table(scores, covariance)
    need = None if options.need is None else np.asarray(options.need, np.float64)
    evidence = gather(
        scores, basis, z, need=need, groups=clusters, average=average, resamples=options.resamples, seed=streams[2]
    )
    effect = _person_means(stage, basis, by_fold, z, where) * spread
    return Uplift(benefit, average, effect, scores, evidence, stage, basis, codes, spread, columns)


class _People(NamedTuple):
    """People as the second stage reads them, shapes (person, ...)."""

    scores: Scores
    modifiers: NDArray[np.float32]
    names: tuple[str, ...]
    where: NDArray[np.int64]
    n_area: int
    clusters: NDArray[np.int64] | None
    by_fold: Array
    spread: float


def _benefit(values: Array, areas: NDArray[np.object_], people: Array, arms: list[str], scale: Scale) -> xr.DataArray:
    return check_benefit(
        xr.DataArray(
            values[np.newaxis],
            dims=(CHAIN, DRAW, AREA, INTERVENTION),
            coords={
                CHAIN: [0],
                DRAW: np.arange(len(values)),
                AREA: areas,
                INTERVENTION: arms,
                POPULATION: (AREA, people),
            },
            name="benefit",
            attrs={
                "scale": scale,
                "source": "doubly robust scores, hierarchical second stage",
                "correlation": "as drawn",
            },
        )
    )


def _second_stage(people: _People, options: LearnerOptions, seed: int) -> tuple[Basis, SecondStage, Sums, Array]:
    """Basis, draws centred at the doubly robust average, sums, and the covariance of the averages."""
    scores, where, spread, clusters = people.scores, people.where, people.spread, people.clusters
    basis = make_basis(scores.predicted, people.modifiers, people.names)
    weight = precision_weights(scores.propensity, options.clip)
    sums = sums_by_area(
        basis, scores.predicted, people.modifiers, scores.effect, where, people.n_area, scale=spread, weight=weight
    )
    has_areas = people.n_area > 1
    draw = partial(sample, draws=options.draws, seed=seed, family=basis.family, share=basis.share, areas=has_areas)
    stage = draw(sums)
    if clusters is not None and not (has_areas and same_division(clusters, where)):
        # Clusters other than the areas count for what they are worth.
        expected = _person_means(stage, basis, scores.predicted[np.newaxis], people.modifiers, where)
        stage = draw(sums.thinned(design_effect(scores.effect / spread - expected, weight, clusters)))
    mean_basis = basis.means_of(sums.mean_basis, people.by_fold, where)
    stage = with_predictions_drawn(stage, people.by_fold.shape[2], len(people.by_fold), seed + 1)
    explained = stage.area.mean(axis=0, dtype=np.float64)[where] * spread if has_areas else None
    covariance = mean_covariance(scores.effect, clusters, explained) + np.diag(scores.repeat_sd**2)
    centre = scores.effect.mean(axis=0) / spread
    return basis, centred(stage, mean_basis, sums.count, centre, covariance / spread**2), sums, covariance


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

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> people = pd.DataFrame({"age": rng.normal(60, 10, 400), "advice": rng.integers(0, 2, 400)})
    >>> people["admitted"] = rng.binomial(1, 0.4 - 0.2 * people["advice"])
    >>> quick = LearnerOptions(propensity={0: 0.5, 1: 0.5}, folds=2, draws=50, resamples=10)
    >>> found = learn_uplift(
    ...     people, treated="advice", outcome="admitted", adverse=True, covariates=["age"], options=quick, seed=1
    ... )
    >>> float(predict(found, pd.DataFrame({"age": [50.0, 70.0]})).mean().round(1))
    0.2
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

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> people = pd.DataFrame({"age": rng.normal(60, 10, 400), "advice": rng.integers(0, 2, 400)})
    >>> people["admitted"] = rng.binomial(1, 0.4 - 0.2 * people["advice"])
    >>> quick = LearnerOptions(propensity={0: 0.5, 1: 0.5}, folds=2, draws=50, resamples=10)
    >>> found = learn_uplift(
    ...     people, treated="advice", outcome="admitted", adverse=True, covariates=["age"], options=quick, seed=1
    ... )
    >>> benefit = person_benefit(found, people[["age"]].head(2), units=["ann", "bob"])
    >>> benefit.mean(("chain", "draw")).round(2).to_series()
    person  intervention
    ann     1               0.19
    bob     1               0.18
    Name: benefit, dtype: float64
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
