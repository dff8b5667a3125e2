"""One verdict on a fit: whether the computation worked and whether rows fell where the model expects them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal

import pandas as pd
import xarray as xr

from bayesineq.dims import CI_PROB
from bayesineq.errors import MeasureError
from bayesineq.posterior.calibration import BINS, calibration, most_by_chance, outside_band
from bayesineq.posterior.diagnose import CAREFULLY, NOT_YET, UNTOLD, Diagnosis, diagnose
from bayesineq.posterior.misfit import NAMES
from bayesineq.posterior.outcomes import one_outcome, outcome_names
from bayesineq.posterior.population import card_of

Level = Literal["sound", "caution", "failed"]

_HELD: Final = 0.90
_NEAR: Final = 0.02


@dataclass(frozen=True, slots=True)
class Verdict:
    """
    What to make of a fit.

    Parameters
    ----------
    level : {"sound", "caution", "failed"}
        Whether every check was passed, rows fell elsewhere than chance allows, or a check of the computation failed.
    text : str
        The verdict in one or two sentences.
    advice : str
        What to do about it.
    """

    level: Level
    text: str
    advice: str

    def __str__(self) -> str:
        return f"{self.text} {self.advice}"


def verdict(post: xr.DataTree, *, prob: float = CI_PROB) -> Verdict:
    """
    Judge a fit by all its checks together.

    Parameters
    ----------
    post : DataTree
        A posterior.
    prob : float
        Probability of the band in which each bar of the calibration histogram lies.

    Returns
    -------
    Verdict
        "failed" where a check of the computation by `diagnose` failed; else "caution" where rows are not as the card
        says, a correlation is not told by the data, or more bars of `calibration` lie outside their
        band than chance leaves there in 99 of 100 calibrated models; else "sound". Of several outcomes it
        is that of the one whose rows fell worst.

    Raises
    ------
    PosteriorError
        If `post` is no posterior.

    Examples
    --------
    >>> from bayesineq import example
    >>> verdict(example().post).level
    'sound'
    """
    diagnosis = diagnose(post)
    of_rows, untold = diagnosis.table["check"].isin(NAMES.values()), diagnosis.table["check"] == UNTOLD
    computed = replace(diagnosis, table=diagnosis.table[~of_rows & ~untold])
    if not computed.passed:
        return _failed(computed)
    number = int((~of_rows & (~untold | diagnosis.table["passed"])).sum())
    passed = f"The fit passed {f'all {number} checks' if number > 1 else 'the one check'} of its computation"
    misfit = diagnosis.table[of_rows & ~diagnosis.table["passed"]]
    unknown = diagnosis.table[untold & ~diagnosis.table["passed"]]
    found = _misfit(misfit, passed) if len(misfit) else _of_outcomes(post, passed, prob)
    return found if unknown.empty else _untold(found, unknown)


def _of_outcomes(post: xr.DataTree, passed: str, prob: float) -> Verdict:
    """What to make of a fit whose rows are as the card says, by where they fell."""
    if not card_of(post).is_joint:
        return _of_rows(post, passed, prob)
    each = {name: _of_rows(one_outcome(post, name), passed, prob) for name in outcome_names(post)}
    # The outcome whose rows fell worst speaks for all, by name.
    name, worst = max(each.items(), key=lambda pair: pair[1].level == "caution")
    return replace(worst, text=f"{worst.text} (outcome {name!r}{'; the others alike' if _alike(each) else ''})")


def _untold(found: Verdict, unknown: pd.DataFrame) -> Verdict:
    """What to make of a fit of which the data do not tell some correlations."""
    number = len(unknown)
    return Verdict(
        "caution",
        f"{found.text} Of {number} correlation{'s' if number > 1 else ''} the data say no more than the prior.",
        f"{found.advice} Of correlations: {'; '.join(unknown['advice'])}.",
    )


def _misfit(table: pd.DataFrame, passed: str) -> Verdict:
    """What to make of a fit whose computation worked and whose rows are not as the card says."""
    said = [
        f"outcome {row.parameter!r}: {row.advice}" if row.parameter else str(row.advice) for row in table.itertuples()
    ]
    return Verdict(
        "caution",
        f"{passed}, but its rows are not as the card says they are.",
        f"{CAREFULLY}: {'; '.join(said)}.",
    )


def _alike(each: Mapping[str, Verdict]) -> bool:
    return len({found.level for found in each.values()}) == 1


def _of_rows(post: xr.DataTree, passed: str, prob: float) -> Verdict:
    """What to make of a fit of one outcome whose computation worked, by where its rows fell."""
    try:
        data = calibration(post, prob=prob)
    except MeasureError:
        return Verdict(
            "sound",
            f"{passed}. Whether the model predicts rows that it has not seen was not checked.",
            "The computation worked; that says nothing of whether the model and the data are right.",
        )
    outside, most, held = outside_band(data), most_by_chance(BINS, prob), _share_held(data)
    bars = f"{outside} of {BINS} bars of the calibration figure lie outside the band"
    if outside <= most:
        return Verdict(
            "sound",
            f"{passed}, and rows that were held out fell where the model expects them ({bars}; chance may leave {most} "
            "there).",
            "That does not say that the data are right, nor that the model holds where there are none.",
        )
    return Verdict(
        "caution",
        f"{passed}, but not the check of its predictions: rows that were held out fell elsewhere than the model "
        f"expects ({bars}; chance leaves {most} at most). Its {100 * _HELD:.0f}% predictions of single rows "
        f"held {100 * held:.1f}% of them.",
        _advice(data, held, card_of(post).outcome.family.wider),
    )


def _failed(diagnosis: Diagnosis) -> Verdict:
    failed = diagnosis.table[~diagnosis.table["passed"]]
    named = "; ".join(f"{row.check}: {row.advice}" for row in failed.itertuples())
    return Verdict(
        "failed",
        f"The fit failed {len(failed)} of {len(diagnosis.table)} checks, so every number of it may be wrong.",
        f"{NOT_YET}. {named[:1].upper()}{named[1:]}.",
    )


def _share_held(data: pd.DataFrame) -> float:
    """Share of rows in the middle nine tenths of their own predictions."""
    edge = (1.0 - _HELD) / 2.0
    inside = (data["start"] > edge - 1e-9) & (data["end"] < 1.0 - edge + 1e-9)
    return float(data.loc[inside, "share"].sum())


def _advice(data: pd.DataFrame, held: float, wider: str | None) -> str:
    middle = float((data["share"] * (data["start"] + data["end"]) / 2).sum()) - 0.5
    if abs(held - _HELD) <= _NEAR and abs(middle) <= _NEAR:
        return (
            "The misfit is seen because there are many rows, and is small: averages of groups and areas are hardly "
            "touched; do not use the model to predict single rows."
        )
    if abs(middle) > abs(held - _HELD):
        side = "higher" if middle > 0 else "lower"
        return (
            f"Rows lie {side} than predicted on the whole, so read levels with care: look for a term that is missing, "
            "or for outcomes of another shape than the likelihood has."
        )
    if held < _HELD:
        remedy = f"fit with likelihood = {wider!r}, or add" if wider else "add"
        return (
            "Predictions are too narrow, and intervals of groups and areas may be too: act on differences that are "
            f"large against their intervals only, and {remedy} the term that is missing."
        )
    return (
        "Predictions are too wide: intervals are cautious, and a difference that this report does not claim may be "
        "there. Try a likelihood with less spread, or fewer terms."
    )
