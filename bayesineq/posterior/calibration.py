"""Whether rows that were held out fell where the model expected them: a histogram that should be flat."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray
from scipy import stats

from bayesineq.dims import CI_PROB
from bayesineq.errors import MeasureError
from bayesineq.posterior.outcomes import one_outcome
from bayesineq.posterior.population import card_of

BINS: Final = 20
CALIBRATION: Final = "calibration"
"""Name of the group of a saved posterior with the histogram of its held-out rows, which are kept apart."""

_BY_CHANCE: Final = 0.01


def calibration_data(
    pit: NDArray[np.float64],
    *,
    mass: NDArray[np.float64] | None = None,
    bins: int = BINS,
    prob: float = CI_PROB,
) -> pd.DataFrame:
    """
    Share of held-out rows by where they fell in their own prediction, as `calibration` returns it.

    `pit`, shape (row,), is the probability integral transform of each row under the prediction made without it, half of
    its own probability included where the outcome is a count; NaN is left out. `mass`, shape (row,), is the probability
    of each row's own outcome where that is a count: it leaves a range between P(Y < y) and P(Y <= y), over which the
    row is spread evenly, so that bars are flat where the model is right however small the counts are (Czado, Gneiting
    and Held, Biometrics 2009; 65: 1254-1261).
    """
    middle = np.asarray(pit, dtype=np.float64)
    own = np.zeros(len(middle)) if mass is None else np.asarray(mass, dtype=np.float64)
    known = np.isfinite(middle) & np.isfinite(own)
    if not known.any():
        raise MeasureError("no row has a finite check, so calibration cannot be drawn")
    low = np.clip(middle - own / 2.0, 0.0, 1.0)[known]
    high = np.clip(middle + own / 2.0, 0.0, 1.0)[known]
    edges = np.linspace(0.0, 1.0, bins + 1)
    wide = np.maximum(high - low, np.finfo(float).eps)
    below = [float(np.clip((edge - low) / wide, 0.0, 1.0).mean()) for edge in edges[1:-1]]
    return _with_band(np.diff([0.0, *below, 1.0]), len(low), prob)


def calibration(
    post: xr.DataTree, *, bins: int = BINS, prob: float = CI_PROB, outcome: str | None = None
) -> pd.DataFrame:
    """
    Where the rows of a posterior fell in the predictions made without them.

    Parameters
    ----------
    post : DataTree
        A posterior with the group `checks` and its variable `pit`.
    bins : int
        Number of bins; of a posterior that was saved, which holds no single row, 20 or a divisor of it.
    prob : float
        Probability of the band.
    outcome : str, optional
        Which of several outcomes; see `one_outcome`.

    Returns
    -------
    DataFrame
        As of `calibration_data`.

    Raises
    ------
    MeasureError
        If the posterior holds no such checks, or not in so many bins.

    Examples
    --------
    >>> from bayesineq import example
    >>> calibration(example().post, bins=4).round(2)
       start   end  share  lower  upper
    0   0.00  0.25   0.23   0.21   0.29
    1   0.25  0.50   0.28   0.21   0.29
    2   0.50  0.75   0.25   0.21   0.29
    3   0.75  1.00   0.24   0.21   0.29
    """
    post = one_outcome(post, outcome)
    if "checks" not in post.children or "pit" not in post["checks"].data_vars:
        raise MeasureError("this posterior holds no checks of held-out rows; fit with engine='laplace' to have them")
    checks = post["checks"]
    if CALIBRATION in post.children:
        if BINS % bins:
            raise MeasureError(f"bins={bins}: a saved posterior holds {BINS} bins and no single row; ask for a divisor")
        share = post[CALIBRATION]["share"].to_numpy().reshape(bins, -1).sum(axis=1)
        return _with_band(share, int(np.isfinite(checks["pit"].to_numpy()).sum()), prob)
    # The check of a count holds half of the probability of its own value, which is then the held-out density.
    counted = card_of(post).outcome.family.counts and "cpo" in checks.data_vars
    pit, mass = checks["pit"].to_numpy(), checks["cpo"].to_numpy() if counted else None
    if mass is not None and _is_sorted(pit) and _is_sorted(mass):
        raise MeasureError("this posterior was saved without the histogram of its held-out rows; fit and save it again")
    return calibration_data(pit, mass=mass, bins=bins, prob=prob)


def _is_sorted(check: NDArray[np.float64]) -> bool:
    """Whether the values were torn from their rows, as a saved file has them."""
    step = np.diff(check[np.isfinite(check)])
    return len(step) >= BINS and bool((step >= 0).all() and (step > 0).any())


def outside_band(data: pd.DataFrame) -> int:
    """Number of bars of `calibration_data` that lie outside their band."""
    return int(((data["share"] < data["lower"]) | (data["share"] > data["upper"])).sum())


def most_by_chance(bins: int = BINS, prob: float = CI_PROB) -> int:
    """Most bars outside their band by chance: more are in 1% of calibrated models or fewer (binomial)."""
    return int(stats.binom(bins, 1.0 - prob).isf(_BY_CHANCE))


def _with_band(share: NDArray[np.float64], n_row: int, prob: float) -> pd.DataFrame:
    tail, bins = (1.0 - prob) / 2.0, len(share)
    least, most = stats.binom(n_row, 1.0 / bins).ppf([tail, 1.0 - tail]) / n_row
    edges = np.linspace(0.0, 1.0, bins + 1)
    return pd.DataFrame({"start": edges[:-1], "end": edges[1:], "share": share, "lower": least, "upper": most})
