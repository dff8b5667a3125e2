"""How far missing records must depend on ethnicity before a conclusion changes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import xarray as xr

from bayesineq.dims import CI_PROB, SAMPLE_DIMS
from bayesineq.errors import BayesineqError
from bayesineq.inference.mixture.recording import Recording


def tipping_point(
    recording: Recording,
    fitted: Callable[[Recording], xr.DataTree],
    measure: Callable[[xr.DataTree], xr.DataArray],
    multiples: Sequence[float] = (-1.0, 0.0, 0.5, 1.0, 1.5, 2.0),
    *,
    threshold: float = 0.0,
    prob: float = CI_PROB,
) -> pd.DataFrame:
    """
    A measure under one statement about missing records after another: the data of a tipping-point plot.

    Parameters
    ----------
    recording : Recording
        With the stated delta, some of it not 0.
    fitted : callable
        Fits the model of the outcome given a model of recording, such as
        `lambda r: fit(mixture(table, card, weights(r, seed=1)), seed=1)`; the same seed every time.
    measure : callable
        From a posterior to draws of one number, such as the ratio between two groups; dims `chain`, `draw`.
    multiples : sequence of float
        Multiples of the stated delta: 0 is missing at random within a cell, 1 as stated.
    threshold : float
        The value on which the conclusion turns: 0 for a difference, 1 for a ratio.
    prob : float
        Probability held by the interval.

    Returns
    -------
    DataFrame
        `multiple`, `estimate` (median), `lower`, `upper`, `above`: probability of lying above the threshold.

    Raises
    ------
    BayesineqError
        No delta is stated, or the measure is not of one number.

    Examples
    --------
    >>> import bayesineq as bi
    >>> table = pd.DataFrame({"area": "a", "recorded": ["asian", "white", "Z"], "population": [90, 800, 110]})
    >>> margin = pd.DataFrame({"area": "a", "ethnicity": ["asian", "white"], "residents": [100, 900]})
    >>> groups = ["asian", "white"]
    >>> confusion = pd.DataFrame([[0.9, 0.1], [0.02, 0.98]], index=groups, columns=groups)
    >>> options = bi.inference.RecordingOptions(delta={"asian": 0.5})
    >>> stated = bi.inference.recording(table, margin, confusion, cells=["area"], options=options)
    >>> def fitted(model):  # in place of a fit: the difference falls as more of the missing are asian
    ...     draws = np.linspace(0.0, 0.2, 101) - 0.2 * model.delta[0]
    ...     return xr.DataTree(xr.Dataset({"difference": (("chain", "draw"), draws[None])}))
    >>> tipping_point(stated, fitted, lambda post: post["difference"], [0.0, 1.0]).round(2)
       multiple  estimate  lower  upper  above
    0       0.0       0.1   0.01    0.2   0.99
    1       1.0       0.0  -0.10    0.1   0.50
    """
    if not (recording.delta != 0).any():
        raise BayesineqError("every delta is 0, so that its multiples are too: state one for some group")
    rows = []
    for multiple in multiples:
        drawn = measure(fitted(replace(recording, delta=multiple * recording.delta)))
        if set(drawn.dims) != set(SAMPLE_DIMS):
            raise BayesineqError(f"the measure has dims {drawn.dims}; give draws of one number, dims {SAMPLE_DIMS}")
        values = drawn.to_numpy().ravel()
        lower, estimate, upper = np.quantile(values, [(1 - prob) / 2, 0.5, (1 + prob) / 2])
        rows.append((multiple, estimate, lower, upper, float((values > threshold).mean())))
    return pd.DataFrame(rows, columns=["multiple", "estimate", "lower", "upper", "above"])
