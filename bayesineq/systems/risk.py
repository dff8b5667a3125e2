"""Scores of persons: learnt where they are asked for, tried on persons they were not learnt from, judged by group."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayesineq.errors import DesignError, SchemaError
from bayesineq.measures.scores import calibration_curve, groups_of, score_quality
from bayesineq.systems.card import RiskCard
from bayesineq.tables.leaks import leaks

type Array = NDArray[np.float64]

_DECIMALS: Final = 4
_DRAWS: Final = 200
_CONFIDENCE: Final = 0.9
_FEWEST: Final = 20


@dataclass(frozen=True, slots=True)
class RiskModel:
    """
    A logistic regression with a penalty, as numbers: what a file of it holds, and nothing that could run.

    Parameters
    ----------
    terms : tuple of (str, str or None, float, float)
        Column; level, or None for a number; what is taken away, and what it is divided by.
    coefficients : tuple of float
        Of the terms, in their order.
    intercept, penalty : float
        Level, and strength of the ridge penalty that was chosen.
    """

    terms: tuple[tuple[str, str | None, float, float], ...]
    coefficients: tuple[float, ...]
    intercept: float
    penalty: float

    def to_json(self) -> str:
        """
        Write it as JSON.

        Returns
        -------
        str
            Text that `RiskModel.from_json` reads.
        """
        return json.dumps({"terms": self.terms, "coefficients": self.coefficients, "intercept": self.intercept,
                           "penalty": self.penalty}, indent=1)  # fmt: skip

    @staticmethod
    def from_json(text: str) -> RiskModel:
        """
        Read it from JSON.

        Parameters
        ----------
        text : str
            As `to_json` writes.

        Returns
        -------
        RiskModel
            The model.
        """
        try:
            held = json.loads(text)
            terms = tuple((str(c), None if v is None else str(v), float(a), float(b)) for c, v, a, b in held["terms"])
            numbers = tuple(float(value) for value in held["coefficients"])
            model = RiskModel(terms, numbers, float(held["intercept"]), float(held["penalty"]))
        except (ValueError, TypeError, KeyError) as error:
            raise SchemaError(f"this is no file of a risk model ({error}): give the one that `measure` wrote") from None
        if len(terms) != len(numbers):
            raise SchemaError(f"the file has {len(terms)} terms and {len(numbers)} coefficients: it was changed")
        return model

    def scores(self, people: pd.DataFrame) -> Array:
        """
        Give probabilities for persons.

        Parameters
        ----------
        people : DataFrame
            A row a person, with the model's columns; a level that it does not know counts as none of its levels.

        Returns
        -------
        ndarray, shape (n_person,)
            From 0 to 1.
        """
        from scipy.special import expit

        columns = list(dict.fromkeys(term[0] for term in self.terms))
        _require(people, columns)
        total = np.full(len(people), self.intercept)
        for (column, level, centre, scale), weight in zip(self.terms, self.coefficients, strict=True):
            total += weight * (_values(people[column], level) - centre) / scale
        return np.asarray(expit(total))


def learn_risk(
    people: pd.DataFrame, card: RiskCard, *, seed: int = 1, estimator: Any = None
) -> tuple[RiskModel | None, Array]:
    """
    Learn a score, and give every person the one of a model that was not learnt from that person.

    Parameters
    ----------
    people : DataFrame
        A row a person, or a row a person and period: the card's columns.
    card : RiskCard
        Outcome, features, person, period, penalties and folds.
    seed : int
        Makes the folds reproducible.
    estimator : object, optional
        Any classifier of scikit-learn with `predict_proba`, in place of the card's logistic regression. Wrap it in
        `GridSearchCV`, and its own choices are made within each training set too.

    Returns
    -------
    (RiskModel or None, ndarray of shape (n_row,))
        The model learnt from everybody, None for an estimator of another kind; and scores out of sample, to four
        decimals, missing for rows of the first period, before which nothing was learnt.

    Raises
    ------
    SchemaError
        Columns are missing, of another kind, or have gaps; the outcome is not 0 or 1, or is one of them alone.
    DesignError
        There are fewer persons, or periods, than folds.

    Notes
    -----
    Cross-validation is nested: the penalty is chosen by log loss within each training set. Folds are of persons, so
    that nobody stands on both sides. With a column of periods, each is predicted from earlier ones alone, without the
    persons in it. Nothing is resampled, so that probabilities stay probabilities.

    Examples
    --------
    >>> stream = np.random.default_rng(1)
    >>> age = stream.uniform(20, 80, 2000)
    >>> people = pd.DataFrame({"person": np.arange(2000), "age": age, "ill": stream.random(2000) < age / 160})
    >>> card = RiskCard("ill", "Who?", outcome="ill", features=("age",), folds=3)
    >>> model, scores = learn_risk(people, card)
    >>> model.coefficients[0] > 0, bool(np.isfinite(scores).all())
    (True, True)
    """
    y, person = _checked(people, card)
    terms = _terms(people, card)
    x = np.column_stack([(_values(people[c], v) - a) / b for c, v, a, b in terms]).astype(np.float32)
    scores = np.full(len(y), np.nan)
    for train, test in _splits(people, card, person, seed):
        if len(np.unique(y[train])) < 2:
            raise SchemaError(f"a training set holds one class of {card.outcome!r} only: use fewer folds")
        fitted, _ = _fitted(x[train], y[train], person[train], card, seed, estimator)
        scores[test] = fitted.predict_proba(x[test])[:, 1]
    scores = np.round(scores, _DECIMALS)
    if estimator is not None:
        return None, scores
    model, penalty = _fitted(x, y, person, card, seed, None)
    found = RiskModel(tuple(terms), tuple(map(float, model.coef_[0])), float(model.intercept_[0]), penalty)
    return found, scores


def risk(people: pd.DataFrame, scores: Array, card: RiskCard, *, seed: int = 1) -> dict[str, pd.DataFrame]:
    """
    Judge scores of persons, for everyone and by group.

    Parameters
    ----------
    people : DataFrame
        A row a person, with the outcome and the columns of groups.
    scores : ndarray, shape (n_row,)
        Probabilities from elsewhere than the persons themselves: of `learn_risk`, or a posterior's. Rows without are
        left out.
    card : RiskCard
        Outcome, groups and thresholds.
    seed : int
        Makes the draws reproducible.

    Returns
    -------
    dict of str to DataFrame
        Tables with small counts, as confidential as the persons (see `bayesineq.disclosure.covered_persons`):
        `risk_quality` as of `bayesineq.measures.score_quality`; `risk_curve`, rates in ten bins of scores, by group;
        `risk_conformal`, scores that rule out the outcome, or its absence, with 90% confidence in each group;
        `risk_about`, with features that tell the outcome almost by themselves, as what was filled in after it does.

    Raises
    ------
    SchemaError
        Columns are missing, the outcome is one class only, or days of outcomes and features do not lie on their side of
        the index day.

    Examples
    --------
    >>> stream = np.random.default_rng(1)
    >>> p = stream.uniform(0.1, 0.9, 1000)
    >>> people = pd.DataFrame({"ill": stream.random(1000) < p, "sex": ["female", "male"] * 500})
    >>> found = risk(people, p, RiskCard("ill", "Who?", outcome="ill", by=("sex",)))
    >>> found["risk_conformal"]["level"].tolist()
    ['everyone', 'female', 'male']
    """
    _require(people, [card.outcome, *card.by])
    if wrong := _out_of_time(people, card):
        raise SchemaError("a score cannot be judged: " + "; ".join(wrong))
    known = np.isfinite(scores)
    p, part = np.round(scores[known], _DECIMALS), people.loc[known]
    y = _outcome(part, card)
    groups = part[list(card.by)].astype("string").fillna("not known") if card.by else None
    quality = score_quality(p, y, groups, thresholds=card.thresholds, draws=_DRAWS, seed=seed)
    quality["level"] = quality["level"].astype(str)
    curves, sets = [], []
    for by, level, at in groups_of(groups, len(y)):
        bins = min(10, len(at))
        curves.append(calibration_curve(p[at], y[at], bins=bins).assign(by=by, level=str(level)))
        sets.append({"by": by, "level": str(level), **_conformal(p[at], y[at])})
    curve = pd.concat(curves, ignore_index=True)
    curve["bin"] = curve.groupby(["by", "level"]).cumcount() + 1
    told = leaks(part, card.outcome, [name for name in card.features if name in part]) if card.features else None
    about = [("leak", name) for name in (() if told is None else told["column"])]
    about += [("outcome", card.outcome), ("not for", card.not_for),
             ("cross-validation", "earlier periods" if card.period else f"{card.folds} folds of persons")]  # fmt: skip
    return {
        "risk_quality": quality,
        "risk_curve": curve,
        "risk_conformal": pd.DataFrame(sets),
        "risk_about": pd.DataFrame(about, columns=["item", "value"]),
    }


def _conformal(p: Array, y: Array) -> dict[str, float]:
    """
    Scores below which the outcome, and above which its absence, is ruled out, each class of its own.

    With n of a class, the k-th lowest score of events, k = floor((n + 1)(1 - confidence)), is undercut by a new event
    with at most that probability (Vovk, Gammerman and Shafer 2005); missing with fewer than 20 of a class.
    """
    events, rest = np.sort(p[y > 0]), np.sort(p[y == 0])
    below = above = np.nan
    if len(events) >= _FEWEST:
        below = float(events[int((len(events) + 1) * (1 - _CONFIDENCE)) - 1])
    if len(rest) >= _FEWEST:
        above = float(rest[len(rest) - int((len(rest) + 1) * (1 - _CONFIDENCE))])
    unclear = np.nan if np.isnan(below + above) else float(np.mean((p >= below) & (p <= above)))
    counts = {"people": len(p), "events": int(y.sum())}
    return counts | {"ruled_out_below": below, "ruled_in_above": above, "not_clear": unclear}


def _require(people: pd.DataFrame, columns: Sequence[str]) -> None:
    if missing := [name for name in columns if name not in people.columns]:
        raise SchemaError(f"the table of persons has no columns {missing}; it has {list(people.columns)}")


def _outcome(people: pd.DataFrame, card: RiskCard) -> Array:
    try:
        y = people[card.outcome].astype("Float64").to_numpy(dtype=np.float64, na_value=np.nan)
    except (ValueError, TypeError):
        raise SchemaError(f"{card.outcome!r} must be 0 or 1; it holds {people[card.outcome].iloc[0]!r}") from None
    if not np.isin(y, (0.0, 1.0)).all():
        raise SchemaError(f"{card.outcome!r} must be 0 or 1 in every row; {int((~np.isin(y, (0, 1))).sum())} are not")
    if len(np.unique(y)) < 2:
        raise SchemaError(f"{card.outcome!r} is {y[0]:.0f} in every row: a score needs people of both classes")
    return np.asarray(y)


def _checked(people: pd.DataFrame, card: RiskCard) -> tuple[Array, NDArray[np.intp]]:
    period = [card.period] if card.period else []
    _require(people, [card.outcome, card.person, *card.features, *period])
    wrong = []
    if not card.features:
        wrong.append("the card names no features to learn from")
    if card.outcome in card.features or card.person in card.features:
        wrong.append("the outcome, or the person, is among the features")
    for name in card.features:
        if people[name].isna().any():
            wrong.append(
                f"{name!r} has {int(people[name].isna().sum())} gaps: fill them with a level such as 'missing'"
            )
        if pd.api.types.is_datetime64_any_dtype(people[name]):
            wrong.append(f"{name!r} holds days: give what was known at the index, such as days before it")
    wrong += _out_of_time(people, card)
    if wrong:
        raise SchemaError("a score cannot be learnt: " + "; ".join(wrong))
    person = pd.factorize(people[card.person])[0]
    if (person < 0).any():
        raise SchemaError(f"{card.person!r} has gaps: every row needs its person")
    return _outcome(people, card), person


def _out_of_time(people: pd.DataFrame, card: RiskCard) -> list[str]:
    """What is wrong with days: outcomes that are not of the future, and features that are."""
    if not card.index:
        return []
    named = [card.index, *([card.happened] if card.happened else []), *card.recorded.values()]
    _require(people, named)
    days = {name: pd.to_datetime(people[name], errors="coerce", format="ISO8601") for name in named}
    lost = {name: int((day.isna() & people[name].notna()).sum()) for name, day in days.items()}
    wrong = [f"{name!r}: {n:,} values are no days, as 2025-04-01" for name, n in lost.items() if n]
    index = days[card.index]
    if gaps := int(people[card.index].isna().sum()):
        wrong.append(f"{card.index!r} has {gaps:,} gaps: every row needs its index day")
    if card.happened:
        day, had = days[card.happened], (people[card.outcome].astype("Float64").fillna(0) > 0).astype(bool)
        said: dict[str, pd.Series] = {
            "outcomes lie on or before the index day: those are known then, and nothing that is to come": day <= index,
            "outcomes have no day": had & people[card.happened].isna(),
            "rows without the outcome have a day of it": ~had & day.notna(),
        }
        wrong += [f"{card.happened!r}: {int(rows.sum()):,} {words}" for words, rows in said.items() if rows.any()]
    for name, column in card.recorded.items():
        if late := int((days[column] > index).sum()):
            wrong.append(
                f"{name!r} was recorded after the index day in {late:,} rows ({column!r}): it leaks the future"
            )
    return wrong


def _terms(people: pd.DataFrame, card: RiskCard) -> list[tuple[str, str | None, float, float]]:
    """Columns of the regression: numbers centred and scaled, levels as 0 and 1, all but the commonest."""
    made: list[tuple[str, str | None, float, float]] = []
    for name in card.features:
        column = people[name]
        if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
            made.append((name, None, float(column.mean()), float(column.std()) or 1.0))
        else:
            counts = column.astype(str).value_counts()
            made += [(name, str(level), 0.0, 1.0) for level in sorted(counts.index[1:])]
    return made


def _values(column: pd.Series, level: str | None) -> Array:
    if level is None:
        return np.asarray(column.to_numpy(dtype=np.float64))
    return np.asarray((column.astype(str) == level).to_numpy(), dtype=np.float64)


def _splits(
    people: pd.DataFrame, card: RiskCard, person: NDArray[np.intp], seed: int
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Rows to learn from and rows to try on: nobody stands on both sides, and nothing is learnt from later on."""
    if not card.period:
        fold = _folds(person, card.folds, seed)
        for k in range(card.folds):
            yield np.flatnonzero(fold != k), np.flatnonzero(fold == k)
        return
    when, levels = pd.factorize(people[card.period], sort=True)
    if (when < 0).any() or len(levels) < 2:
        raise DesignError(f"{card.period!r} has gaps, or one period only: a later one is predicted from earlier ones")
    for k in range(1, len(levels)):
        test = np.flatnonzero(when == k)
        train = np.flatnonzero((when < k) & ~np.isin(person, person[test]))
        if not len(train):
            raise DesignError(f"everybody before {levels[k]} is in it too: nobody is left to learn from")
        yield train, test


def _folds(person: NDArray[np.intp], folds: int, seed: int) -> NDArray[np.intp]:
    each, place = np.unique(person, return_inverse=True)
    if len(each) < folds:
        raise DesignError(f"{len(each)} persons cannot fill {folds} folds: use fewer")
    of = np.random.default_rng(seed).permutation(len(each)) % folds
    return np.asarray(of[place])


def _fitted(
    x: NDArray[np.float32], y: Array, person: NDArray[np.intp], card: RiskCard, seed: int, estimator: Any
) -> tuple[Any, float]:
    """A model of these rows, its penalty chosen within them by log loss."""
    try:
        from sklearn.base import clone
        from sklearn.linear_model import LogisticRegression
        from sklearn.metrics import log_loss
    except ImportError as error:
        raise ImportError("scores are learnt with scikit-learn: pip install 'bayesineq[uplift]'") from error
    if estimator is not None:
        return clone(estimator).fit(x, y), np.nan

    def fit(rows: Any, penalty: float) -> Any:
        return LogisticRegression(C=1.0 / penalty, solver="newton-cholesky").fit(x[rows], y[rows])

    if len(card.penalties) == 1:
        return fit(slice(None), card.penalties[0]), card.penalties[0]
    # Another seed than that of the outer folds, which these must not follow.
    fold = _folds(person, card.inner, seed + 1)
    loss = np.zeros(len(card.penalties))
    for k in range(card.inner):
        for j, penalty in enumerate(card.penalties):
            tried = fit(fold != k, penalty).predict_proba(x[fold == k])[:, 1]
            loss[j] += log_loss(y[fold == k], tried, labels=[0, 1], normalize=False)
    best = card.penalties[int(loss.argmin())]
    return fit(slice(None), best), best
