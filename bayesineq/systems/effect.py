"""One comparison in odds, risk ratios and risk differences: of a posterior, by weights and by matching."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit

from bayesineq.dims import CI_PROB, POPULATION
from bayesineq.errors import SchemaError
from bayesineq.own.layout import quoted
from bayesineq.systems.card import EffectCard
from bayesineq.tables.files import read_table

if TYPE_CHECKING:
    import xarray as xr

type Array = NDArray[np.float64]

_ENDS: Final = ((1 - CI_PROB) / 2, (1 + CI_PROB) / 2)
_CALIPER: Final = 0.2
"""Standard deviations of the log odds of exposure within which somebody is a match (Austin 2011)."""
_SATURATED: Final = 60
_STEPS: Final = 50
_FEW: Final = 400
_SHOWN: Final = 5
METHODS: Final = ("model", "weighting", "matching", "crude")


@dataclass(frozen=True, slots=True)
class Strata:
    """
    People alike in everything that is held equal, by whether they were exposed; reference first.

    Parameters
    ----------
    levels : (str, str)
        Reference and exposed.
    features : ndarray, shape (n_stratum, n_feature)
        Levels of what is held equal, as 0 and 1.
    labels : DataFrame, n_stratum rows
        The same as texts.
    people, events : ndarray, shape (n_stratum, 2)
        How many, and to how many it happened.
    """

    levels: tuple[str, str]
    features: Array
    labels: pd.DataFrame
    people: Array
    events: Array


def effect(data: pd.DataFrame | xr.DataTree, card: EffectCard, *, seed: int = 1) -> dict[str, pd.DataFrame]:
    """
    Compare how often something happens to the exposed and to the others, in odds, ratios and differences of risk.

    Parameters
    ----------
    data : DataFrame or DataTree
        Persons, or groups with their numbers; or a posterior of a proportion of which the exposure is a dimension.
    card : EffectCard
        What is asked.
    seed : int
        Makes the draws reproducible.

    Returns
    -------
    dict of str to DataFrame
        Tables with small counts (see `bayesineq.disclosure.covered_persons`): `effect_measures`, a row a method
        ("model", "weighting", "matching", "crude") and measure ("risk_exposed", "risk_reference", "risk_difference",
        "risk_ratio", "odds_ratio") with intervals; `effect_about`. Of a posterior the model alone.

    Raises
    ------
    SchemaError
        Columns are missing, have gaps or are no counts; the exposure has other levels; or the outcome is of one class.

    Notes
    -----
    Model: a logistic regression of exposure and what is held equal, with every combination of its own where they are
    few and partial pooling of those with the exposure where they are many; g-computation puts everybody into either
    group, draw by draw, so that all measures are of one posterior. Weighting: everybody by the inverse of the chance of
    the exposure that was theirs, from a logistic regression, weights made to add up. Matching: with the nearest of the
    other group by the log odds of exposure, all that are equally near, within a fifth of a standard deviation, both
    ways; who has no match is left out. Intervals of the latter two and of the crude numbers are of the Bayesian
    bootstrap.

    References
    ----------
    Etzioni R, Mandel M, Gulati R. Statistics for Health Data Science, chapters 4 and 8. Robins J. Math Model 1986;
    7:1393 (g-computation). Austin PC. Pharm Stat 2011; 10:150 (calipers).

    Examples
    --------
    >>> stones = pd.DataFrame({"surgery": ["open", "open", "keyhole", "keyhole"], "size": ["large", "small"] * 2})
    >>> stones = stones.assign(success=[192, 81, 55, 234], patients=[263, 87, 80, 270])
    >>> card = EffectCard("stones", "", outcome="success", people="patients", exposure="surgery", exposed="open",
    ...                   reference="keyhole", adjust=("size",), draws=200)
    >>> found = effect(stones, card)["effect_measures"].set_index(["method", "measure"])["value"]
    >>> found.xs("risk_difference", level="measure").loc[["weighting", "matching", "crude"]].round(4).tolist()
    [0.0537, 0.0537, -0.0457]
    """
    if not isinstance(data, pd.DataFrame):
        drawn, counted, levels = _of_posterior(data, card)
        return _tables({"model": drawn}, counted, levels, card, ())
    strata = _strata(data, card)
    stream = np.random.default_rng(seed)
    people, events = _resampled(strata, min(card.draws, _FEW), stream)
    odds = np.array([_log_odds(strata.features, of) for of in people])
    weighed, matched = [], []
    for one, own, at in zip(people, events, odds, strict=True):
        weighed.append(_weighted(one, own, at))
        matched.append(_matched(one, own, at))
    found = {
        "model": _modelled(strata, card, seed),
        "weighting": np.array(weighed),
        "matching": np.array([risks for risks, _ in matched]),
        "crude": events.sum(axis=1) / people.sum(axis=1),
    }
    counted = {"people": strata.people.sum(axis=0), "events": strata.events.sum(axis=0)}
    lonely = 1 - matched[0][1]
    chance = expit(odds[0])
    said = (
        ("held equal", ", ".join(card.adjust) or "nothing"),
        ("without a match", f"{100 * lonely:.1f}% of people"),
        ("chance of exposure", f"{chance.min():.3g} to {chance.max():.3g}"),
    )
    return _tables(found, counted, strata.levels, card, said)


def read_effect(path: str | Path, card: EffectCard, seed: int | None = None) -> dict[str, pd.DataFrame]:
    """Tables of `effect` of a table, or of a posterior that ends in .nc."""
    from bayesineq.posterior.files import load

    place = Path(path)
    return effect(load(place) if place.suffix == ".nc" else read_table(place), card, seed=1 if seed is None else seed)


def _levels_of(there: list[str], card: EffectCard) -> tuple[str, str]:
    """Reference and exposed level."""
    levels = sorted(there)
    if card.exposed and card.reference:
        found = (card.reference, card.exposed)
    elif len(levels) == 2 and not card.exposed and not card.reference:
        found = (levels[0], levels[1])
    else:
        raise SchemaError(
            f"{card.exposure!r} has the levels {levels[:_SHOWN]}: name the exposed and the reference level in the card"
        )
    if lacking := [level for level in found if level not in levels]:
        raise SchemaError(f"{card.exposure!r} has no level {lacking}; it has {levels[:_SHOWN]}")
    return found


def _strata(table: pd.DataFrame, card: EffectCard) -> Strata:
    named = [card.outcome, card.exposure, *card.adjust, *([card.people] if card.people else [])]
    if missing := [name for name in named if name not in table]:
        raise SchemaError(f"the table has no columns {missing}; it has {list(table.columns)}")
    wrong = [f"{name!r} has {int(table[name].isna().sum())} gaps" for name in (card.exposure, *card.adjust)
             if table[name].isna().any()]  # fmt: skip
    many = [name for name in card.adjust if table[name].nunique() > _SATURATED]
    wrong += [f"{name!r} has {table[name].nunique()} levels: put numbers into bands" for name in many]
    events = pd.to_numeric(table[card.outcome], errors="coerce").to_numpy(float, na_value=np.nan)
    people = np.ones(len(table))
    if card.people:
        people = pd.to_numeric(table[card.people], errors="coerce").to_numpy(float, na_value=np.nan)
    if bad := int((~(np.isfinite(events) & np.isfinite(people) & (events >= 0) & (events <= people))).sum()):
        whole = card.people or "1"
        wrong.append(f"{card.outcome!r}: {bad} numbers are missing, below 0 or above {whole}")
    if wrong:
        raise SchemaError("nothing can be compared: " + "; ".join(wrong))
    levels = _levels_of(table[card.exposure].astype(str).unique().tolist(), card)
    text = table[list(card.adjust)].astype(str) if card.adjust else pd.DataFrame({"everyone": "1"}, index=table.index)
    rows = text.assign(_arm=table[card.exposure].astype(str), _people=people, _events=events)
    rows = rows[rows["_arm"].isin(levels)]
    names = list(text.columns)
    summed = rows.groupby([*names, "_arm"])[["_people", "_events"]].sum()
    of = [summed.xs(level, level="_arm") if level in rows["_arm"].tolist() else summed.head(0) for level in levels]
    strata = rows.groupby(names).size().index
    counts = {name: np.column_stack([one[name].reindex(strata, fill_value=0.0) for one in of])
              for name in ("_people", "_events")}  # fmt: skip
    total = counts["_events"].sum(axis=0)
    if not total.any() or not (counts["_people"].sum(axis=0) - total).any():
        whom = "nobody" if not total.any() else "everybody"
        raise SchemaError(f"{card.outcome!r} is of one class only: it happens to {whom}")
    if not counts["_people"].sum(axis=0).all():
        raise SchemaError(f"{card.exposure!r}: nobody is of one of the levels {levels}")
    labels = strata.to_frame(index=False)
    features = pd.get_dummies(labels, drop_first=True).to_numpy(float).reshape(len(labels), -1)
    return Strata(levels, features, labels, counts["_people"], counts["_events"])


def _resampled(strata: Strata, draws: int, stream: np.random.Generator) -> tuple[Array, Array]:
    """People and events as they are, and of the Bayesian bootstrap: shape (1 + n_draw, n_stratum, 2)."""
    rest = strata.people - strata.events
    yes, no = (stream.standard_gamma(of, size=(draws, *of.shape)) for of in (strata.events, rest))
    events = np.concatenate([strata.events[None], yes])
    return np.concatenate([strata.people[None], yes + no]), events


def _log_odds(features: Array, people: Array) -> Array:
    """Log odds of exposure of each stratum, by logistic regression; a little pulled in where they know no end."""
    x = np.column_stack([np.ones(len(features)), features])
    beta, whole = np.zeros(x.shape[1]), people.sum(axis=1)
    pull = np.full(x.shape[1], 1e-6)
    for _ in range(_STEPS):
        chance = expit(x @ beta)
        bend = (x.T * (whole * chance * (1 - chance))) @ x + np.diag(pull)
        step = np.linalg.solve(bend, x.T @ (people[:, 1] - whole * chance) - pull * beta)
        beta += np.clip(step, -2, 2)
        if np.abs(step).max() < 1e-10:
            break
    return np.asarray(x @ beta)


def _weighted(people: Array, events: Array, odds: Array) -> Array:
    """Risk of the reference and of the exposed, everybody weighed by the inverse of the chance of their own group."""
    weight = 1 / np.column_stack([expit(-odds), expit(odds)])
    return np.asarray((weight * events).sum(axis=0) / (weight * people).sum(axis=0))


def _matched(people: Array, events: Array, odds: Array) -> tuple[Array, float]:
    """Risks of the reference and of the exposed among people who have a match in the other group, and their share."""
    whole = people.sum(axis=1)
    mean = np.average(odds, weights=whole)
    within = _CALIPER * np.sqrt(np.average((odds - mean) ** 2, weights=whole)) + 1e-9
    far = np.abs(odds[:, None] - odds[None, :])
    total, hits = np.zeros(2), np.zeros(2)
    for arm in (0, 1):
        there = people[:, 1 - arm] > 0
        away = np.where(there, far, np.inf)
        nearest = away.min(axis=1)
        near = (away <= nearest[:, None] + 1e-9) & (nearest[:, None] <= within)
        found = near.any(axis=1)
        size = np.where(near, people[:, 1 - arm], 0.0)
        with np.errstate(divide="ignore", invalid="ignore"):
            rate = np.where(found, (near * events[:, 1 - arm]).sum(axis=1) / size.sum(axis=1), 0.0)
        own = np.where(found, people[:, arm], 0.0)
        hits[arm] += np.where(found, events[:, arm], 0.0).sum()
        hits[1 - arm] += (own * rate).sum()
        total += own.sum()
    return hits / total, float(total[0] / whole.sum())


def _modelled(strata: Strata, card: EffectCard, seed: int) -> Array:
    """Risks if everybody were of the reference, or exposed: draws of one posterior, their mean first."""
    from bayesineq.design.matrix import design
    from bayesineq.inference.fit import fit
    from bayesineq.model.read_card import parse_card
    from bayesineq.posterior.groups import pooled
    from bayesineq.posterior.standardise import standardised

    names = [f"held_{k}" for k in range(strata.labels.shape[1])] if card.adjust else []
    labels = strata.labels.set_axis(names, axis=1) if names else strata.labels[[]]
    parts = [labels.assign(arm=level, people=strata.people[:, k], events=strata.events[:, k])
             for k, level in enumerate(strata.levels)]  # fmt: skip
    rows = pd.concat(parts, ignore_index=True).query("people > 0")
    rows = rows.astype({"people": int, "events": int}).reset_index(drop=True)
    few = len(rows) <= _SATURATED and bool((strata.people > 0).all())
    terms, priors = _terms(rows, names, strata.levels[0], saturated=few)
    text = (
        'name = "effect"\nquestion = "How often?"\ntable = "outcome_counts"\n'
        '[outcome]\ncount = "events"\nat_risk = "people"\nlikelihood = "binomial"\n'
        f"[terms]\n{terms}\n[priors]\n{priors}\n"
    )
    post = fit(design(rows, parse_card(text)), draws=card.draws, seed=seed, progress=False)
    drawn = pooled(standardised(post, "arm").sel(arm=list(strata.levels)), "arm").astype(float)
    return np.concatenate([drawn.mean(axis=0, keepdims=True), drawn])


def _terms(rows: pd.DataFrame, names: list[str], reference: str, *, saturated: bool) -> tuple[str, str]:
    """Terms and priors: a cell each where they are few, else effects and how they differ with the exposure, pooled."""
    # Where it happened to nobody, or to everybody, of a cell, only the prior keeps its log odds from infinity.
    told = bool(((rows["events"] > 0) & (rows["events"] < rows["people"])).all())
    wide = f'{{ dist = "Normal", mean = 0, sd = {10.0 if told else 2.5} }}'
    if saturated:
        by = ", ".join(map(quoted, ["arm", *names]))
        first = ", ".join(map(quoted, [reference, *(str(rows[name].iloc[0]) for name in names)]))
        return f'cell = {{ kind = "fixed", by = [{by}], reference = [{first}] }}', f"cell = {wide}"
    lines = [f'arm = {{ kind = "fixed", by = ["arm"], reference = [{quoted(reference)}] }}']
    lines += [f'{name} = {{ kind = "exchangeable", by = "{name}" }}' for name in names]
    lines += [f'arm_{name} = {{ kind = "exchangeable", by = ["arm", "{name}"] }}' for name in names]
    return "\n".join(lines), f"arm = {wide}"


def _of_posterior(post: xr.DataTree, card: EffectCard) -> tuple[Array, dict[str, Array], tuple[str, str]]:
    from bayesineq.posterior.expected import expected
    from bayesineq.posterior.groups import pooled
    from bayesineq.posterior.population import card_of
    from bayesineq.posterior.standardise import standardised

    stated = card_of(post)
    if card.exposure not in stated.dims or stated.outcome.link != "logit":
        raise SchemaError(
            f"the posterior of card {stated.name!r} is no proportion by {card.exposure!r}; it has {list(stated.dims)}"
        )
    values = standardised(post, card.exposure)
    named = list(map(str, values[card.exposure].to_numpy()))
    levels = _levels_of(named, card)
    at = [named.index(level) for level in levels]
    drawn = pooled(values, card.exposure).astype(float)[:, at]
    own = expected(post, by=card.exposure)
    people = own[POPULATION].to_numpy()[at]
    events = np.rint(people * pooled(own, card.exposure).mean(axis=0)[at])
    counted = {"people": people, "events": events}
    return np.concatenate([drawn.mean(axis=0, keepdims=True), drawn]), counted, levels


def _tables(
    found: dict[str, Array],
    counted: dict[str, Array],
    levels: tuple[str, str],
    card: EffectCard,
    said: tuple[tuple[str, str], ...],
) -> dict[str, pd.DataFrame]:
    rows = []
    for method, risks in found.items():
        none, some = risks[:, 0], risks[:, 1]
        with np.errstate(divide="ignore", invalid="ignore"):
            measures = {
                "risk_exposed": some, "risk_reference": none, "risk_difference": some - none, "risk_ratio": some / none,
                "odds_ratio": some / (1 - some) * (1 - none) / none,
            }  # fmt: skip
        for measure, drawn in measures.items():
            low, high = np.quantile(drawn[1:], _ENDS)
            value = drawn[1:].mean() if method == "model" else drawn[0]
            rows.append((method, measure, value, low, high))
    table = pd.DataFrame(rows, columns=["method", "measure", "value", "lower", "upper"])
    for k, name in enumerate(("reference", "exposed")):
        table[f"people_{name}"], table[f"events_{name}"] = counted["people"][k], counted["events"][k]
    compared = (
        ("outcome", card.outcome), ("exposure", card.exposure), ("reference", levels[0]), ("exposed", levels[1])
    )  # fmt: skip
    about = pd.DataFrame([*compared, *said, ("not for", card.not_for)], columns=["item", "value"])
    return {"effect_measures": table, "effect_about": about}
