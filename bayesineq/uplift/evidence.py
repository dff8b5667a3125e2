"""What must be shown before targeting by uplift: rival rules judged out of fold, calibration, weights, and gates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayesineq.errors import DecisionError
from bayesineq.uplift.basis import BLOCK, Basis, precision_weights, ridge, sums_by_area
from bayesineq.uplift.calibration import best_linear_predictor, decile_calibration
from bayesineq.uplift.rate import rate
from bayesineq.uplift.scores import Scores
from bayesineq.uplift.stacking import effect_weights

Array = NDArray[np.float64]

LARGEST_WEIGHT: Final = 0.05
"""Share of an arm's weight that one person may hold before the comparison is called fragile."""

LEAST_EFFECTIVE: Final = 200.0
"""Effective people an arm needs before effects by group are worth reading."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """
    Evidence for and against targeting.

    Parameters
    ----------
    rules : DataFrame
        One row an intervention and rule (constant, risk, need, random, boosted, combined): `intervention, rule,
        weight, loss, over_constant, standard_error, autoc, lower, upper, against_risk, against_risk_lower,
        against_risk_upper`.
    calibration : DataFrame
        Predicted and observed effect by tenth of the combined prediction.
    linear_predictor : DataFrame
        Best linear predictor of the combined prediction.
    predictions : array, shape (person, intervention)
        Out-of-fold combined prediction: what may rank these people.
    words : tuple of str
        Gates, in sentences.
    """

    rules: pd.DataFrame
    calibration: pd.DataFrame
    linear_predictor: pd.DataFrame
    predictions: Array
    words: tuple[str, ...]


def gather(
    scores: Scores,
    basis: Basis,
    modifiers: NDArray[np.float32],
    *,
    need: Array | None,
    groups: NDArray[np.int64] | None,
    average: pd.DataFrame,
    resamples: int,
    seed: int,
) -> Evidence:
    """
    Judge the rival rules on people whose scores did not make them.

    Shapes: modifiers (person, modifier); need (person,); groups (person,).
    """
    rng = np.random.default_rng(seed)
    psi = scores.effect
    combined = _out_of_fold(scores, basis, modifiers)
    tables, tenths, linear = [], [], []
    for k, label in enumerate(map(str, scores.labels[1:])):
        rival = _rivals(scores, need, combined[:, k], k)
        weights, loss, over, error = effect_weights(psi[:, k], np.column_stack(list(rival.values())), groups=groups)
        table = pd.DataFrame(
            {
                "intervention": label,
                "rule": list(rival),
                "weight": weights,
                "loss": loss,
                "over_constant": over,
                "standard_error": error,
            }
        )
        ranking = {**rival, "random": rng.random(len(psi))}
        ranking.pop("constant")
        ranking["risk"] = -scores.predicted[:, 0]
        if need is not None:
            ranking["need"] = need
        shown = _ranked(psi[:, k], ranking, scores, groups, resamples, seed)
        order = [*rival, "random"]
        whole = table.set_index("rule").join(shown.set_index("rule"), how="outer").loc[order].reset_index()
        tables.append(whole.assign(intervention=label))
        tenths.append(decile_calibration(psi[:, k], combined[:, k], groups=groups).assign(intervention=label))
        try:
            linear.append(best_linear_predictor(psi[:, k], combined[:, k], groups=groups).assign(intervention=label))
        except DecisionError:
            linear.append(pd.DataFrame({"intervention": [label], "term": ["spread"], "estimate": [np.nan]}))
    rules = pd.concat(tables, ignore_index=True)
    return Evidence(
        rules, pd.concat(tenths, ignore_index=True), pd.concat(linear, ignore_index=True), combined,
        gates(rules, scores.weights, average),
    )  # fmt: skip


def gates(rules: pd.DataFrame, weights: pd.DataFrame, average: pd.DataFrame) -> tuple[str, ...]:
    """Say in words what may be done with the estimates."""
    said = []
    for row in average.to_dict("records"):
        if row["lower"] <= 0 <= row["upper"]:
            said.append(
                f"{row['intervention']}: undetermined whether there is a benefit on average "
                f"({row['estimate']:.4g}, interval {row['lower']:.4g} to {row['upper']:.4g})."
            )
    for label in average["intervention"]:
        mine = rules[rules["intervention"] == label].set_index("rule")
        best = mine.loc["combined"]
        if not best["lower"] > 0:
            said.append(
                f"{label}: no evidence for targeting by uplift: the interval of its rank-weighted average effect "
                f"({best['lower']:.4g} to {best['upper']:.4g}) holds 0 or lies below. Treat by need, or treat all."
            )
        elif not best["against_risk_lower"] > 0:
            said.append(f"{label}: ranking by uplift is better than at random, but not shown to beat ranking by risk.")
        if mine.loc["constant", "weight"] > 0.5:
            said.append(f"{label}: one effect for all predicts best (weight {mine.loc['constant', 'weight']:.0%}).")
    for row in weights.to_dict("records"):
        arm, largest, effective = row["arm"], row["largest_weight_share"], row["effective_sample_size"]
        if largest > LARGEST_WEIGHT:
            said.append(f"Arm {arm}: one person holds {largest:.0%} of the weight; do not rank by it.")
        if effective < LEAST_EFFECTIVE:
            said.append(f"Arm {arm}: worth {effective:,.0f} people only; do not read it by group.")
        if row["clipped_share"] > 0.01:
            said.append(f"Arm {arm}: {row['clipped_share']:.1%} of people hardly could have been in it (clipped).")
    return tuple(said)


def _rivals(scores: Scores, need: Array | None, combined: Array, k: int) -> dict[str, Array]:
    psi, fold = scores.effect[:, k], scores.fold
    rival = {"constant": _fitted(psi, None, fold), "risk": _fitted(psi, scores.predicted[:, 0], fold)}
    if need is not None:
        rival["need"] = _fitted(psi, need, fold)
    rival["boosted"] = _fitted(psi, scores.predicted_effect[:, k], fold)
    rival["combined"] = combined
    return rival


def _fitted(psi: Array, x: Array | None, fold: NDArray[np.int64]) -> Array:
    """Straight line of the scores on one variable, fitted outside each fold."""
    n_fold = int(fold.max()) + 1
    z = np.zeros_like(psi) if x is None else x - x.mean()

    def outside(values: Array) -> Array:
        held = np.bincount(fold, values, minlength=n_fold)
        return np.asarray(held.sum() - held)

    n, sx, sy = outside(np.ones_like(psi)), outside(z), outside(psi)
    sxx, sxy = outside(z * z) - sx**2 / n, outside(z * psi) - sx * sy / n
    slope = np.divide(sxy, sxx, out=np.zeros_like(sxy), where=sxx > 1e-12 * np.maximum(n, 1))
    return np.asarray((sy / n)[fold] + slope[fold] * (z - (sx / n)[fold]))


def _out_of_fold(scores: Scores, basis: Basis, modifiers: NDArray[np.float32]) -> Array:
    psi, n_fold = scores.effect, int(scores.fold.max()) + 1
    one, weight = np.zeros(len(psi), np.int64), precision_weights(scores.propensity, scores.clip)
    parts = [
        sums_by_area(
            basis, scores.predicted, modifiers, psi, one, 1, scale=1.0, weight=weight,
            rows=np.flatnonzero(scores.fold == f), lines=True,
        )
        for f in range(n_fold)
    ]  # fmt: skip
    gram, cross, square = (sum(getattr(part, name) for part in parts) for name in ("gram", "cross", "square"))
    out = np.empty(psi.shape)
    for f, part in enumerate(parts):
        rows = np.flatnonzero(scores.fold == f)
        left = float(len(psi) - rows.size)
        coefficient = np.column_stack(
            [
                ridge(gram - part.gram, (cross - part.cross)[:, k], float((square - part.square)[k, k]), left)
                for k in range(psi.shape[1])
            ]
        )
        for start in range(0, rows.size, BLOCK):
            here = rows[start : start + BLOCK]
            out[here] = basis.columns(scores.predicted[here], modifiers[here], lines=True) @ coefficient
    return out


def _ranked(
    psi: Array,
    ranking: dict[str, Array],
    scores: Scores,
    groups: NDArray[np.int64] | None,
    resamples: int,
    seed: int,
) -> pd.DataFrame:
    rows = []
    for rule, priority in ranking.items():
        found = rate(psi, priority, fold=scores.fold, groups=groups, resamples=resamples, seed=seed)
        row: dict[str, object] = {"rule": rule, "autoc": found.value, "lower": found.lower, "upper": found.upper}
        if rule != "risk":
            pair = rate(
                psi,
                priority,
                against=ranking["risk"],
                fold=scores.fold,
                groups=groups,
                resamples=resamples,
                seed=seed,
            )
            row |= {"against_risk": pair.value, "against_risk_lower": pair.lower, "against_risk_upper": pair.upper}
        rows.append(row)
    return pd.DataFrame(rows)
