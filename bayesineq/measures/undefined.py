"""Draws in which a measure does not exist: they are missing and counted, or the measure is refused."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bayesineq.errors import MeasureError

type Array = NDArray[np.float64]
type Mask = NDArray[np.bool_]
type Kernel = Callable[[Array, Array], Array]

UNDEFINED_SHARE: Final = 0.01
"""Share of draws in which a measure may be undefined: they are missing and counted; beyond it, it is refused."""


class UndefinedDrawsWarning(UserWarning):
    """A measure does not exist in some draws: they are missing, and left out of its mean and interval."""


class UndefinedDraws(MeasureError):
    """A measure does not exist in some draws: `draws`, of shape (n_draw,), says in which."""

    def __init__(self, message: str, draws: Mask) -> None:
        super().__init__(message)
        self.draws = draws


def where_defined(kernel: Kernel, block: Array, share: Array, start: int) -> tuple[Array, list[UndefinedDraws]]:
    """
    Apply a kernel of `over_blocks` to the draws on which it is defined: its answer, NaN elsewhere, and why.

    `block` holds values (n_draw, n_group), `start` the number of its first draw, for messages. Raises `UndefinedDraws`
    if no draw has an answer.
    """
    refused: list[UndefinedDraws] = []
    kept = np.ones(len(block), dtype=bool)
    while True:
        whole = bool(kept.all())
        some = block if whole else block[kept]
        try:
            answer = np.asarray(kernel(_finite(some, start), share if whole or share.ndim == 1 else share[kept]))
        except UndefinedDraws as error:
            refused.append(error)
            kept[np.flatnonzero(kept)[error.draws]] = False
            if not kept.any():
                raise
            continue
        if whole:
            return answer, refused
        filled = np.full((len(block), *answer.shape[1:]), np.nan)
        filled[kept] = answer
        return filled, refused


def count_undefined(refusals: list[UndefinedDraws], total: int) -> None:
    """
    Say in how many draws there is no measure (`UndefinedDrawsWarning`).

    Refuses it (`UndefinedDraws`) where they are more than 1%, too many to leave out.
    """
    count = sum(int(refusal.draws.sum()) for refusal in refusals)
    if count > UNDEFINED_SHARE * total:
        said = f" ({count:,} of {total:,} draws have no such measure)" if total > 1 else ""
        raise UndefinedDraws(f"{refusals[0]}{said}", refusals[0].draws)
    warnings.warn(
        f"{count:,} of {total:,} draws have no such measure and are left out of its mean and interval: {refusals[0]}",
        UndefinedDrawsWarning,
        stacklevel=4,
    )


def _finite(block: Array, start: int) -> Array:
    # A sum is finite only where every term is: one pass, and no mask the size of the block.
    if not np.isfinite(block.sum()):
        bad = ~np.isfinite(block)
        if not bad.any():
            return block
        row, group = (int(i) for i in np.argwhere(bad)[0])
        raise UndefinedDraws(
            f"values must be finite; the first that is not is {block[row, group]} in draw {start + row}, group "
            f"{group}; drop the group by name, or model it, before measuring",
            bad.any(axis=1),
        )
    return block
