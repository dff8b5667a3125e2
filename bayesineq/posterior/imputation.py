"""How much of an interval is due to what was imputed, such as ethnicity that was not recorded or recorded wrongly."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayesineq.dims import SAMPLE_DIMS
from bayesineq.errors import PosteriorError

IMPUTATION = "imputation"


def due_to_imputation(x: xr.DataArray, post: xr.DataTree) -> xr.DataArray:
    r"""
    Share of a quantity's variance that is between imputations.

    Parameters
    ----------
    x : DataArray
        Draws of any quantity, dims `chain`, `draw` and others.
    post : DataTree
        The posterior that it was taken from, with `sample_stats/imputation`.

    Returns
    -------
    DataArray
        Share from 0 to 1, over the other dims of `x`: how much of the squared width of an interval would go if the
        imputed values were known.

    Raises
    ------
    PosteriorError
        The posterior was not stacked from imputations, or has one.

    Notes
    -----
    By the law of total variance, less what the means of few draws vary by themselves:
    :math:`B = \operatorname{Var}(\bar x_k) - \overline{s_k^2 / n}`, and the share is
    :math:`B / (B + \overline{s_k^2})`.

    Examples
    --------
    >>> from bayesineq import example
    >>> from bayesineq.inference import stack_imputations
    >>> from bayesineq.posterior import expected
    >>> both = stack_imputations([example().post, example().post])
    >>> float(due_to_imputation(expected(both), both).round(3))
    0.0
    """
    if "sample_stats" not in post.children or IMPUTATION not in post["sample_stats"]:
        raise PosteriorError(
            "this posterior has no imputations: fit makes them of a card with a latent column, stack_imputations of "
            "several tables"
        )
    record: NDArray[np.int64] = post["sample_stats"][IMPUTATION].to_numpy().ravel()
    labels, counts = np.unique(record, return_counts=True)
    if len(labels) < 2 or counts.min() < 2:
        raise PosteriorError(f"{len(labels)} imputations with at least {counts.min()} draws: give two or more of each")
    drawn = x.stack(sample=SAMPLE_DIMS).transpose("sample", ...)
    values = drawn.to_numpy().reshape(len(record), -1)
    means = np.stack([values[record == k].mean(axis=0) for k in labels])
    within = np.stack([values[record == k].var(axis=0, ddof=1) for k in labels])
    between = np.maximum(means.var(axis=0, ddof=1) - (within / counts[:, None]).mean(axis=0), 0.0)
    total = between + within.mean(axis=0)
    share = np.divide(between, total, out=np.zeros_like(between), where=total > 0)
    return drawn.isel(sample=0, drop=True).copy(data=share.reshape(drawn.shape[1:])).rename("due_to_imputation")
