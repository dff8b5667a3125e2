"""Values of groups and their weights as arrays: checks, shares, relative ranks and blocks of draws."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

from bayesineq.errors import MeasureError
from bayesineq.measures.undefined import Array as Array
from bayesineq.measures.undefined import Kernel, UndefinedDraws, count_undefined, where_defined

type Scale = Literal["linear", "log", "logit"]
type Link = Literal["identity", "log", "logit"]

BLOCK = 1 << 20
"""Values held at once while walking over draws: 8 MiB a temporary, small enough for a processor's cache to matter."""


def over_blocks(kernel: Kernel, value: ArrayLike, weight: ArrayLike | None, *, each_counts_once: bool = False) -> Array:
    """
    Apply a kernel to every draw, a block of draws at a time, in double precision.

    Shapes: value (..., n_group); weight (n_group,) or (..., n_group); returns (..., *kernel's trailing axes).

    `kernel`: Takes values of shape (n_draw, n_group) and shares of shape (n_group,) or (n_draw, n_group), which sum
    to one over groups; returns (n_draw, ...). `weight`: Size of each group, not negative; None for groups of equal
    size. `each_counts_once`: Whether groups count whatever their size, so that one without people must not be among
    them.
    """
    values = np.asarray(value)
    if values.ndim == 0 or values.shape[-1] == 0:
        raise MeasureError(f"values need a last axis of groups; given shape {values.shape}")
    n_group = values.shape[-1]
    weights = np.ones(n_group) if weight is None else np.asarray(weight)
    if weights.ndim == 0 or weights.shape[-1] != n_group:
        raise MeasureError(
            f"{n_group} groups have values but the weights have shape {weights.shape}; "
            "give one weight a group, in the order of the values"
        )
    if each_counts_once and (empty := (weights == 0).reshape(-1, n_group).any(axis=0)).any():
        raise MeasureError(
            f"groups {np.flatnonzero(empty).tolist()} (counted from 0) have nobody in them, and this measure would "
            "count each like any other; leave them out by name"
        )
    lead = _lead(values, weights)
    flat = _flat(values, lead)
    own = weights.ndim > 1
    flat_weight = _flat(weights, lead) if own else None
    common = None if own else shares(weights)
    step, total = max(1, BLOCK // n_group), prod(lead)
    parts, refusals = [], []
    for start in range(0, total, step):
        rows = slice(start, min(start + step, total))
        share = shares(flat_weight(rows)) if flat_weight else np.asarray(common)
        part, refused = where_defined(kernel, flat(rows), share, start)
        parts.append(part)
        refusals += refused
    if not parts:
        raise MeasureError(f"no draws to measure: values have shape {values.shape}")
    if refusals:
        count_undefined(refusals, total)
    answer = np.concatenate(parts)
    return answer.reshape(lead + answer.shape[1:])[()]


def shares(weight: ArrayLike) -> Array:
    """Weights (..., n_group) over their sum; negative, missing and all-zero ones are refused."""
    weights = np.asarray(weight, dtype=np.float64)
    bad = ~(np.isfinite(weights) & (weights >= 0))
    if bad.any():
        where = tuple(int(i) for i in np.argwhere(bad)[0])
        raise MeasureError(
            f"{int(bad.sum())} weights are negative, missing or infinite, the first {weights[where]} at group "
            f"{where[-1]}; weights are sizes of groups: people, events expected or person-years"
        )
    total = weights.sum(axis=-1, keepdims=True)
    if not (total > 0).all():
        raise MeasureError("all weights are zero, so no group has a share; give the sizes of the groups")
    return np.asarray(weights / total)


def rank_bounds(share: Array, order: ArrayLike | None = None) -> tuple[Array, Array]:
    """
    Range of each group in the cumulative population, from 0 (most disadvantaged) to 1: lower and upper ends.

    `share` has shape (..., n_group); `order` ranks the groups, lowest for the most disadvantaged (decile, rank of an
    index, income), and ties share one range. Without it groups come in order, the most disadvantaged first.
    """
    if order is None:
        upper = np.cumsum(share, axis=-1)
        return upper - share, upper
    key = np.asarray(order, dtype=np.float64)
    if key.shape != share.shape[-1:] or not np.isfinite(key).all():
        raise MeasureError(
            f"`order` must rank each of the {share.shape[-1]} groups with a finite number, lowest for the most "
            f"disadvantaged; given shape {key.shape} with {int((~np.isfinite(key)).sum())} missing"
        )
    _, place = np.unique(key, return_inverse=True)
    by_rank = np.argsort(place, kind="stable")
    first = np.searchsorted(place[by_rank], np.arange(place.max() + 1))
    tied = np.add.reduceat(share[..., by_rank], first, axis=-1)
    upper = np.cumsum(tied, axis=-1)
    return (upper - tied)[..., place], upper[..., place]


def relative_rank(share: Array, order: ArrayLike | None = None) -> Array:
    """
    Mid-point of each group's range of `rank_bounds`, shape (..., n_group): weighted by share their mean is one half.

    >>> relative_rank(np.array([0.2, 0.3, 0.5])).round(3).tolist()
    [0.1, 0.35, 0.75]
    >>> relative_rank(np.array([0.5, 0.2, 0.3]), order=[2, 1, 1]).round(3).tolist()
    [0.75, 0.25, 0.25]
    """
    lower, upper = rank_bounds(share, order)
    return (lower + upper) / 2


def rank_weights(integral: Callable[[Array], Array], share: Array, order: ArrayLike | None = None) -> Array:
    """
    Weight of each group, shape (..., n_group), when people are weighted by a function of their rank.

    `integral` is that function's antiderivative on [0, 1], so that each group is integrated exactly; groups that tie
    divide their common weight by share. The weights sum to integral(1) - integral(0).
    """
    lower, upper = rank_bounds(share, order)
    width = upper - lower
    part = np.divide(share, width, out=np.zeros_like(width), where=width > 0)
    return np.asarray(part * (integral(upper) - integral(lower)))


def slice_mean(value: Array, share: Array, start: float, stop: float, order: ArrayLike | None = None) -> Array:
    """Mean (n_draw,) among the people between two relative ranks; a group that straddles a rank is divided."""
    return weighted_mean(value, rank_weights(lambda r: np.clip(r, start, stop), share, order)) / (stop - start)


def weighted_mean(value: Array, share: Array) -> Array:
    """Mean (n_draw,) of values (n_draw, n_group), weighted by shares (n_group,) or (n_draw, n_group)."""
    return np.asarray(value @ share if share.ndim == 1 else np.einsum("ij,ij->i", value, share))


def inverse_link(predictor: Array, link: Link) -> Array:
    """Values of a linear predictor under its link."""
    if link not in ("identity", "log", "logit"):
        raise MeasureError(f'link must be "identity", "log" or "logit"; given {link!r}')
    return np.asarray(np.exp(predictor) if link == "log" else expit(predictor) if link == "logit" else predictor)


def require(good: NDArray[np.bool_], value: Array, rule: str, remedy: str) -> None:
    """
    Refuse values (n_draw, n_group) or (n_draw,) for which a measure is not defined.

    Draws where `good` does not hold are told apart by `UndefinedDraws`: how many values break the rule, the first of
    them and where, and the remedy.
    """
    if good.all():
        return
    where = tuple(int(i) for i in np.argwhere(~good)[0])
    place = f" at group {where[1]}" if len(where) > 1 else ""
    message = f"{rule}; {int((~good).sum())} are not, the first {value[where]:.6g}{place}; {remedy}"
    raise UndefinedDraws(message, ~good if good.ndim == 1 else ~good.all(axis=1))


def positive_mean(value: Array, share: Array, what: str, remedy: str) -> Array:
    """Mean (n_draw,) where `what` needs one above zero: "a relative measure"."""
    mean = weighted_mean(value, share)
    require(mean > 0, mean, f"{what} needs a mean above zero", remedy)
    return mean


def quotient(above: Array, below: Array) -> Array:
    """Ratio of two values (n_draw,) that are not negative, the lower one above zero."""
    remedy = "divide only by values above zero, or report the difference"
    require(below > 0, below, "a ratio needs a denominator above zero", remedy)
    require(above >= 0, above, "a ratio needs a numerator that is not negative", remedy)
    return np.asarray(above / below)


def position(group: int, n_group: int, role: str) -> int:
    """Position of a named group, 0 to n_group - 1; `role` says what it is for."""
    if isinstance(group, (bool, np.bool_)) or not isinstance(group, (int, np.integer)) or not 0 <= group < n_group:
        raise MeasureError(f"{role} must be the position of a group, 0 to {n_group - 1}; given {group!r}")
    return int(group)


def _lead(values: NDArray[Any], weights: NDArray[Any]) -> tuple[int, ...]:
    try:
        return np.broadcast_shapes(values.shape[:-1], weights.shape[:-1])
    except ValueError:
        raise MeasureError(
            f"the draws of the weights, {weights.shape[:-1]}, do not match those of the values, {values.shape[:-1]}"
        ) from None


def _flat(array: NDArray[Any], lead: tuple[int, ...]) -> Callable[[slice], Array]:
    """Rows of the draws laid end to end; a view where memory allows, else only the asked rows are copied."""
    n_group = array.shape[-1]
    if array.shape[:-1] == lead and array.flags.c_contiguous:
        rows = array.reshape(-1, n_group)
        return lambda block: rows[block].astype(np.float64, copy=False)
    wide = np.broadcast_to(array, (*lead, n_group))

    def take(block: slice) -> Array:
        return wide[np.unravel_index(np.arange(block.start, block.stop), lead)].astype(np.float64, copy=False)

    return take if lead else lambda _: wide[None].astype(np.float64, copy=False)
