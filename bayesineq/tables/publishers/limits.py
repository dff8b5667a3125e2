"""Published limits as known standard errors: on the scale on which they are symmetric, at the level that they state."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import norm

from bayesineq.tables.publishers.kinds import Column, Limits

ESTIMATE: Final = "estimate"
ERROR: Final = "standard_error"
SCALE: Final = "scale"
LEAST_ASYMMETRY: Final = 0.02
"""Median of the log ratio of the two arms of limits below which they are taken as symmetric as they stand."""

type Float = NDArray[np.float64]


def with_errors(table: pd.DataFrame, limits: Limits) -> tuple[pd.DataFrame, list[Column], list[str]]:
    """
    Estimate and standard error of each row, both on the scale named beside, from the published limits.

    The scale is told for each kind of estimate: limits as they stand, or those of the log, or of the log odds of a
    share or a percentage, whichever makes the two arms most nearly equal. Estimates at an end of their scale, and
    those without limits, get none.
    """
    value = table[limits.value].to_numpy(dtype=np.float64, na_value=np.nan)
    z = float(norm.ppf(0.5 + limits.prob / 2))
    out = table.copy()
    lower, upper = (table[name].to_numpy(dtype=np.float64, na_value=np.nan) for name in (limits.lower, limits.upper))
    estimate, error = np.full_like(value, np.nan), np.full_like(value, np.nan)
    scales = np.full(len(value), None, dtype=object)
    notes: list[str] = []
    told: dict[str, list[str]] = {}
    by = [name for name in limits.by if name in table]
    group = table.groupby(by, sort=False, dropna=False).ngroup().to_numpy() if by else np.zeros(len(table), np.int64)
    for key in np.unique(group):
        rows = (group == key).nonzero()[0]
        scale = scale_of(value[rows], lower[rows], upper[rows])
        if scale is None:
            continue
        middle, low, high = (_on(end[rows], scale) for end in (value, lower, upper))
        with np.errstate(invalid="ignore"):
            spread = (high - low) / (2.0 * z)
        usable = rows[np.isfinite(middle) & np.isfinite(spread) & (spread > 0.0)]
        estimate[usable], scales[usable] = _on(value[usable], scale), scale
        error[usable] = (_on(upper[usable], scale) - _on(lower[usable], scale)) / (2.0 * z)
        told.setdefault(scale, []).append(str(key))
    out[ESTIMATE], out[ERROR], out[SCALE] = estimate, error, scales
    for scale, names in told.items():
        of = f" of {len(names):,} kinds of estimate" if len(names) > 1 else ""
        notes.append(
            f"limits of {limits.prob:.1%}{of} are most nearly symmetric on the scale {scale!r}: {ESTIMATE} and {ERROR} "
            "are on it"
        )
    without = int((np.isfinite(value) & np.isnan(error)).sum())
    if without:
        notes.append(f"{without:,} values have no limits that make a standard error, such as those of zeros")
    return out, _described(limits), notes


def _described(limits: Limits) -> list[Column]:
    return [
        Column(ESTIMATE, (), "number", f"{limits.value} on the scale named in {SCALE}"),
        Column(ERROR, (), "number", f"standard error of {ESTIMATE}, from limits of {limits.prob:.1%}"),
        Column(SCALE, (), "text", "linear, log, or logit (of a share) and logit_percent (of a percentage)"),
    ]


def scale_of(value: Float, lower: Float, upper: Float) -> str | None:
    """
    Scale on which limits are most nearly symmetric; None where there are none.

    Examples
    --------
    >>> scale_of(np.array([10.0, 20.0]), np.array([8.0, 16.0]), np.array([12.5, 25.0]))
    'log'
    """
    usable = np.isfinite(value) & np.isfinite(lower) & np.isfinite(upper) & (lower < value) & (value < upper)
    if not usable.any():
        return None
    # Limits that touch the end of a scale tell nothing of it, unless most do.
    inner = usable & (lower > 0.0)
    positive = inner.sum() > usable.sum() / 2
    used = inner if positive else usable
    value, lower, upper = value[used], lower[used], upper[used]
    scales = ["linear"] + (["log"] if positive else [])
    if positive and (upper <= 1.0).all():
        scales.append("logit")
    elif positive and (upper <= 100.0).all():
        scales.append("logit_percent")
    asymmetry = {scale: _asymmetry(value, lower, upper, scale) for scale in scales}
    return "linear" if asymmetry["linear"] < LEAST_ASYMMETRY else min(asymmetry, key=lambda scale: asymmetry[scale])


def _on(value: Float, scale: str) -> Float:
    with np.errstate(divide="ignore", invalid="ignore"):
        if scale == "log":
            return np.log(value)
        if scale.startswith("logit"):
            share = value / (100.0 if scale == "logit_percent" else 1.0)
            return np.log(share) - np.log1p(-share)
        return value


def _asymmetry(value: Float, lower: Float, upper: Float, scale: str) -> float:
    middle, low, high = _on(value, scale), _on(lower, scale), _on(upper, scale)
    return float(np.median(np.abs(np.log(high - middle) - np.log(middle - low))))
