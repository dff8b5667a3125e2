"""A gap between two groups taken apart along a sequence of steps, such as prevalence, being reached and outcome."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations
from math import factorial, prod
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from bayesineq.errors import MeasureError
from bayesineq.measures.undefined import Array

type GapScale = Literal["absolute", "log"]
type Combine = Callable[[Sequence[Array]], Array]

_MANY = 10


def product_of_steps(steps: Sequence[Array]) -> Array:
    """Outcome that is the product of its steps: prevalence x reached x outcome of those reached."""
    return np.asarray(prod(steps[1:], start=steps[0]))


def gap_by_steps(
    first: Sequence[ArrayLike],
    second: Sequence[ArrayLike],
    *,
    combine: Combine = product_of_steps,
    scale: GapScale = "absolute",
) -> Array:
    """
    Divide the gap between two groups among the steps that lead to an outcome, whatever their order.

    Parameters
    ----------
    first, second : sequence of array_like, each of shape (...) or what `combine` takes
        The value of each step in the two groups, in the same order of steps: a proportion or a rate of each.
    combine : callable
        Outcome per head, shape (...), of a list of the steps' values; by default their product. It may sum over
        further axes, such as ages, and it may weigh one step by another: `lambda s: s[0] * (s[1] * s[2] + (1 - s[1]) *
        s[3])`.
    scale : {"absolute", "log"}
        Whether the parts add up to the outcome of the first group less that of the second, or to the logarithm of
        their ratio.

    Returns
    -------
    ndarray, shape (..., n_step)
        Part of each step, positive where it raises the first group above the second; they add up to the gap exactly.

    Raises
    ------
    MeasureError
        If the two groups have no steps, different ones or more than ten, a value is missing or negative, or the log
        scale meets an outcome that is not above zero.

    Notes
    -----
    Shapley's value: the change of the outcome when a step of the second group is replaced by that of the first,
    averaged over all orders of replacing the steps. For two steps of a product it is (a1 - a2)(b1 + b2)/2 and
    (b1 - b2)(a1 + a2)/2; for any number it is Das Gupta's decomposition. On the log scale the part of a step of a
    product is the log of its own ratio, log(a1 / a2), which no order can change.

    References
    ----------
    Das Gupta 1993, Standardization and decomposition of rates: a user's manual, US Bureau of the Census P23-186;
    Shapley 1953, Contributions to the Theory of Games 2:307; Shorrocks 2013, J Econ Inequal 11:99

    Examples
    --------
    Mean earnings of two groups, by how many earn and how much earners earn (Das Gupta 1993, example 2.1):

    >>> gap_by_steps([16591.0, 0.825974], [10930.0, 0.717892]).round(3).tolist()
    [4369.913, 1487.262]
    """
    one, two = _checked(first), _checked(second)
    if len(one) != len(two) or not 1 <= len(one) <= _MANY:
        raise MeasureError(
            f"both groups need the same steps, 1 to {_MANY} of them; the first has {len(one)}, the second {len(two)}"
        )
    if scale not in ("absolute", "log"):
        raise MeasureError(f'scale must be "absolute" or "log"; given {scale!r}')
    if scale == "log" and combine is product_of_steps:
        pairs = [
            _log(a, f"step {k + 1}") - _log(b, f"step {k + 1}") for k, (a, b) in enumerate(zip(one, two, strict=True))
        ]
        return np.stack(np.broadcast_arrays(*pairs), axis=-1)
    return _shapley(one, two, combine, scale)


def _shapley(one: list[Array], two: list[Array], combine: Combine, scale: GapScale) -> Array:
    """Mean gain of putting a step of the first group in the place of the second's, over all orders."""
    n = len(one)

    def worth(taken: frozenset[int]) -> Array:
        value = np.asarray(combine([one[k] if k in taken else two[k] for k in range(n)]), dtype=np.float64)
        return _log(value, "the outcome") if scale == "log" else value

    subsets = [frozenset(s) for size in range(n + 1) for s in combinations(range(n), size)]
    found = {taken: worth(taken) for taken in subsets}
    share = {size: factorial(size) * factorial(n - size - 1) / factorial(n) for size in range(n)}
    parts = [
        np.sum([share[len(s)] * (found[s | {k}] - found[s]) for s in subsets if k not in s], axis=0) for k in range(n)
    ]
    return np.stack(np.broadcast_arrays(*parts), axis=-1)


def _checked(steps: Sequence[ArrayLike]) -> list[Array]:
    arrays = [np.asarray(step, dtype=np.float64) for step in steps]
    for k, array in enumerate(arrays):
        if (bad := ~(np.isfinite(array) & (array >= 0))).any():
            raise MeasureError(
                f"step {k + 1} has {int(bad.sum())} values that are missing or negative, the first {array[bad][0]}; "
                "a step is a proportion or a rate: drop the group by name, or take the step from a model"
            )
    return arrays


def _log(value: Array, what: str) -> Array:
    if (bad := ~(value > 0)).any():
        raise MeasureError(
            f"{what} is zero in {int(bad.sum())} draws, so the log scale has no ratio there: use the absolute scale, "
            "or a model, whose rates stay above zero"
        )
    return np.asarray(np.log(value))
