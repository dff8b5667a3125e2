"""How well a model would predict rows like those it was fitted to: the widely applicable information criterion."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

from bayesineq.errors import PosteriorError


@dataclass(frozen=True, slots=True)
class Waic:
    """
    Widely applicable information criterion of a fit; smaller is better, between fits of the same rows.

    Parameters
    ----------
    waic : float
        Minus twice the expected log predictive density.
    penalty : float
        Effective number of parameters: the posterior variances of the rows' log densities, added up.
    standard_error : float
        Of `waic`, over the rows.
    rows : int
        Rows with an outcome.
    uncertain : int
        Rows whose own penalty is above 0.4, for which the criterion is not to be trusted (Vehtari, Gelman and Gabry
        2017).
    """

    waic: float
    penalty: float
    standard_error: float
    rows: int
    uncertain: int


def waic(post: xr.DataTree) -> Waic:
    """
    Compare models of the same rows by how well they would predict such rows.

    Parameters
    ----------
    post : DataTree
        A posterior of either engine, whose checks hold `lpd` and `p_waic` of every row.

    Returns
    -------
    Waic
        The criterion, its penalty and its standard error.

    Raises
    ------
    PosteriorError
        If the posterior has no such checks.

    Notes
    -----
    -2 sum over rows of (log E[p(y)] - Var[log p(y)]), over the posterior of each row's linear predictor and of the
    hyperparameters.

    References
    ----------
    Watanabe S. Asymptotic equivalence of Bayes cross validation and widely applicable information criterion. JMLR 2010.
    Vehtari A, Gelman A, Gabry J. Practical Bayesian model evaluation. Statistics and Computing 2017.
    https://doi.org/10.1007/s11222-016-9696-4

    Examples
    --------
    >>> from bayesineq import example
    >>> found = waic(example().post)
    >>> found.rows, found.uncertain
    (360, 3)
    """
    checks = post["checks"].to_dataset() if "checks" in post.children else xr.Dataset()
    if not {"lpd", "p_waic"} <= set(checks):
        raise PosteriorError(
            "the posterior says nothing of each row's log density, which the criterion is made of: it was drawn from a "
            "prior, or written by an earlier version; fit again"
        )
    density, penalty = checks["lpd"].to_numpy(), checks["p_waic"].to_numpy()
    seen = np.isfinite(density)  # Rows without an outcome have no density.
    each = -2.0 * (density[seen] - penalty[seen])
    return Waic(
        waic=float(each.sum()),
        penalty=float(penalty[seen].sum()),
        standard_error=float(np.sqrt(len(each)) * each.std()),
        rows=int(seen.sum()),
        uncertain=int((penalty[seen] > 0.4).sum()),
    )
