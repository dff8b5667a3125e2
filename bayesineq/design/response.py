"""What was observed, read from a table by the roles that the card gives to its columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayesineq.model.card import ModelCard, Outcome

OBSERVED_ROLES: Final = ("count", "lower", "upper", "value", "standard_error")
"""Roles of columns that may be missing in a row: its outcome is then predicted."""

_SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class Response:
    """
    What was observed.

    Parameters
    ----------
    outcome : Outcome
        The card's outcome.
    value : ndarray of float64, shape (n_row,)
        Count or measurement; the middle of the interval where counts are intervals; missing where a row has no
        outcome.
    trials : ndarray of float64, shape (n_row,), optional
        People at risk, for binomial outcomes.
    offset : ndarray of float64, shape (n_row,)
        Logarithm of the expected count or exposure, else 0.
    lower, upper : ndarray of float64, shape (n_row,), optional
        Ends of counts known as intervals, both included; equal where the count is known.
    standard_error : ndarray of float64, shape (n_row,), optional
        Of each value, where they are known.
    """

    outcome: Outcome
    value: NDArray[np.float64]
    trials: NDArray[np.float64] | None
    offset: NDArray[np.float64]
    lower: NDArray[np.float64] | None
    upper: NDArray[np.float64] | None
    standard_error: NDArray[np.float64] | None = None

    @property
    def given(self) -> NDArray[np.float64] | None:
        """What the likelihood is given beside the outcome, shape (n_row,)."""
        return self.trials if self.standard_error is None else self.standard_error

    @property
    def observed(self) -> NDArray[np.bool_]:
        """Whether each row has an outcome, shape (n_row,)."""
        return ~np.isnan(self.value)

    @property
    def informative(self) -> NDArray[np.bool_]:
        """Whether each row has an outcome that says something: nobody at risk says nothing; shape (n_row,)."""
        return self.observed if self.trials is None else self.observed & (self.trials > 0)

    def rows(self, at: NDArray[np.bool_] | NDArray[np.integer]) -> Response:
        """
        Some of the rows.

        Parameters
        ----------
        at : ndarray of bool, shape (n_row,), or of int
            Which.

        Returns
        -------
        Response
            Those alone.
        """
        return replace(
            self,
            value=self.value[at],
            trials=None if self.trials is None else self.trials[at],
            offset=self.offset[at],
            lower=None if self.lower is None else self.lower[at],
            upper=None if self.upper is None else self.upper[at],
            standard_error=None if self.standard_error is None else self.standard_error[at],
        )


def outcome_columns(outcome: Outcome) -> tuple[str, ...]:
    """
    Columns that hold what was observed.

    Returns: the count, the value, or both ends of an interval: where a row lacks them it is predicted.
    """
    return tuple(outcome.columns[role] for role in OBSERVED_ROLES if role in outcome.columns)


def lacking_columns(outcome: Outcome, card: ModelCard) -> tuple[str, ...]:
    """
    Columns of an outcome that a row may lack.

    Returns: those that hold what was observed; of a card with several outcomes also those of its denominators, for
    rows in which that outcome was not observed.
    """
    return tuple(outcome.columns.values()) if card.is_joint else outcome_columns(outcome)


def read_responses(table: pd.DataFrame, card: ModelCard, wrong: list[str]) -> tuple[tuple[Response, ...], list[str]]:
    """
    Read what was observed of each outcome of a card.

    Returns: a response each, and in words in which rows an outcome is predicted since its denominator is missing.
    """
    if not card.is_joint:
        return (read_response(table, card.outcome, wrong),), []
    found, said = [], []
    for outcome in card.outcomes:
        own: list[str] = []
        whole, lines = _with_denominators(table, outcome, card, own)
        found.append(read_response(whole, outcome, own))
        if not own and not found[-1].informative.any():
            own.append("in every row that has the outcome nobody is at risk, so there is nothing to learn from")
        wrong += [f"outcome {outcome.name!r}: {line}" for line in own]
        said += [f"outcome {outcome.name!r}: {line}" for line in lines]
    return tuple(found), said


def _with_denominators(
    table: pd.DataFrame, outcome: Outcome, card: ModelCard, wrong: list[str]
) -> tuple[pd.DataFrame, list[str]]:
    """
    A table in which an outcome is missing where its denominator is.

    A denominator that another outcome counts may be missing beside a known count, and says so; any other must not be.
    """
    observed = outcome_columns(outcome)
    others = {c for other in card.outcomes if other is not outcome for c in outcome_columns(other)}
    whole, said = table[list(dict.fromkeys(outcome.columns.values()))].copy(), []
    for role, column in outcome.columns.items():
        if role in OBSERVED_ROLES:
            continue
        gaps = whole[column].isna().to_numpy()
        known = gaps & whole[list(observed)].notna().all(axis=1).to_numpy()
        if known.any() and column not in others:
            wrong.append(
                f"column {column!r} ({role}) is missing in {rows_in_words(known)}, whose {observed[0]!r} is known; "
                "complete these rows, or leave the count out as well"
            )
        elif known.any():
            said.append(
                f"{column!r} to count {observed[0]!r} against is missing in {rows_in_words(known)}: the outcome is "
                "predicted there, and such rows weigh nothing in averages"
            )
        for name in observed:
            whole[name] = whole[name].where(~gaps)
        whole[column] = whole[column].where(~gaps, 0.0 if role in ("at_risk", "population") else 1.0)
    return whole, said


def read_response(table: pd.DataFrame, outcome: Outcome, wrong: list[str]) -> Response:
    """
    Read what was observed.

    `wrong`: Gets every reason why a column cannot be used, with its rows. Returns: rows without an outcome hold a
    missing value; what else is missing is no business of this function.
    """
    role = {name: number(table, column, wrong) for name, column in outcome.columns.items()}
    name = outcome.columns
    offset = np.zeros(len(table))
    for kind in ("expected", "exposure"):
        if kind in role:
            if (bad := role[kind] <= 0).any():
                wrong.append(
                    f"column {name[kind]!r} ({kind}) is not positive in {rows_in_words(bad)}; such rows say nothing: "
                    "leave them out"
                )
            offset = np.log(np.where(role[kind] > 0, role[kind], 1.0))
    lower, upper = role.get("lower"), role.get("upper")
    if lower is not None and upper is not None:
        value = (lower + upper) / 2
        _check_ends(lower, upper, name, wrong)
    else:
        value = role["count"] if "count" in role else role["value"]
    if np.isnan(value).all():
        wrong.append("no row has an outcome, so there is nothing to learn from; is the right column named?")
    for part in ("count", "lower", "upper"):
        if part in role and (bad := (role[part] < 0) | (_known(role[part]) != np.floor(_known(role[part])))).any():
            wrong.append(
                f"column {name[part]!r} is negative or fractional in {rows_in_words(bad)}; counts are whole numbers"
            )
    trials = role.get("at_risk")
    if trials is not None:
        _check_trials(trials, role, name, wrong)
    for check in outcome.family.checks:
        if (bad := check.wrong(role[check.role])).any():
            wrong.append(f"column {name[check.role]!r} {check.said} in {rows_in_words(bad)}; {check.so}")
    error = role.get("standard_error")
    if error is not None and (bad := ~np.isnan(value) & ~(error > 0)).any():
        wrong.append(
            f"column {name['standard_error']!r} is not positive or missing in {rows_in_words(bad)}, whose value is "
            "known; give each value its standard error, or leave it out"
        )
    return Response(outcome, value, trials, offset, lower, upper, error)


def number(table: pd.DataFrame, column: str, wrong: list[str]) -> NDArray[np.float64]:
    """A column of numbers. Shapes: returns (n_row,)."""
    if not pd.api.types.is_numeric_dtype(table[column]):
        wrong.append(f"column {column!r} holds {table[column].dtype}, not numbers; read the table with bayesineq.check")
        return np.ones(len(table))
    return table[column].to_numpy(dtype=np.float64, na_value=np.nan)


def rows_in_words(mask: NDArray[np.bool_] | pd.Series) -> str:
    """
    Say which rows.

    Shapes: mask (n_row,).

    Examples
    --------
    >>> rows_in_words(np.array([True, False, True]))
    '2 rows (counted from 0: 0, 2)'
    """
    at = np.flatnonzero(np.asarray(mask))
    shown = ", ".join(str(r) for r in at[:_SHOWN])
    return f"{len(at)} rows (counted from 0: {shown}{', ...' if len(at) > _SHOWN else ''})"


def _known(value: NDArray[np.float64]) -> NDArray[np.float64]:
    """Nothing is wrong with what is not there."""
    return np.nan_to_num(value, nan=0.0)


def _check_ends(
    lower: NDArray[np.float64], upper: NDArray[np.float64], name: Mapping[str, str], wrong: list[str]
) -> None:
    if (bad := lower > upper).any():
        wrong.append(f"column {name['lower']!r} is above {name['upper']!r} in {rows_in_words(bad)}; swap the ends")
    if (bad := np.isnan(lower) != np.isnan(upper)).any():
        wrong.append(
            f"one of {name['lower']!r} and {name['upper']!r} is missing in {rows_in_words(bad)}; give both ends, or "
            "neither where nothing is known"
        )


def _check_trials(
    trials: NDArray[np.float64], role: Mapping[str, NDArray[np.float64]], name: Mapping[str, str], wrong: list[str]
) -> None:
    top = "upper" if "upper" in role else "count"
    if (bad := (trials < 0) | (_known(trials) != np.floor(_known(trials)))).any():
        wrong.append(f"column {name['at_risk']!r} is negative or fractional in {rows_in_words(bad)}; give whole people")
    if (bad := role[top] > trials).any():
        wrong.append(
            f"column {name[top]!r} is above its denominator {name['at_risk']!r} in {rows_in_words(bad)}; "
            "check that both count the same people"
        )
