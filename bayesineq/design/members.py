"""Rows whose mean is a weighted sum of means."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bayesineq.design.unrecorded import Unrecorded

KNOWN: Final = "known"
CUT: Final = "cut: weights of the latent column are drawn from the model of recording, without the outcome"

type Float = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Members:
    r"""
    What the rows of a table are made up of: people of several groups recorded alike, a practice's patients by area.

    The mean of a row r is :math:`\mu_r = \sum_m w_{rm} g^{-1}(\eta_{rm})`, with :math:`\eta_{rm}` the linear predictor
    of a member: of the row's people as if all were of its level.

    Parameters
    ----------
    row : ndarray of int32, shape (n_member,)
        Row of the table that each member belongs to, rising from 0; every row has a member.
    weight : ndarray, shape (n_draw, n_member)
        Draws of the weights; over a row's members they add up to 1. One draw where they are known.
    shift : ndarray, shape (n_member,)
        Added to each member's predictor where its record was made: how much likelier cases are than others to be
        recorded as the row is.
    unrecorded : Unrecorded, optional
        How many people had no record, and what was assumed of them.
    known : bool
        Whether the weights are counts that somebody published, not draws of what is not known.
    """

    row: NDArray[np.int32]
    weight: Float
    shift: Float
    unrecorded: Unrecorded | None = None
    known: bool = False

    def only(self, draw: int) -> Members:
        """
        One draw of the weights.

        Parameters
        ----------
        draw : int
            Its position.

        Returns
        -------
        Members
            With weights of shape (1, n_member).
        """
        return replace(self, weight=self.weight[[draw]])

    def differ(self, index: NDArray[np.int32] | None) -> bool:
        """
        Whether members of one row are of several levels.

        Parameters
        ----------
        index : ndarray of int32, shape (n_member,), optional
            Level of each; None where there is but one.

        Returns
        -------
        bool
            False where a row's members are alike in it, as in all columns but the latent one.
        """
        return index is not None and bool((np.diff(index)[np.diff(self.row) == 0] != 0).any())

    def attributes(self) -> dict[str, str | int | float]:
        """Attributes of a posterior that say whence its weights came."""
        said = self.unrecorded.attributes() if self.unrecorded else {}
        if self.known:
            return {"weights": KNOWN}
        return {"weights": CUT, "imputations": len(self.weight), **said}
