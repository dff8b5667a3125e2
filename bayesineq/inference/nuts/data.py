"""What a design gives the sampler, by name, so that new data can replace old in a compiled model."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from bayesineq.design.matrix import Block, Design, Response
from bayesineq.errors import DesignError
from bayesineq.inference.nuts.likelihoods import CONSTANTS

MAX_COUNTS: Final = 20_000_000


def model_data(design: Design) -> dict[str, NDArray[Any]]:
    """
    Arrays of a design by the names that they have in the model.

    Parameters
    ----------
    design : Design
        A table seen through a card.

    Returns
    -------
    dict of str to ndarray
        `offset` (row); `value`, `trials`, `constant` (row, or known row where some counts are intervals); for
        intervals `known`, `censored` (row numbers) and `interval.value`, `interval.trials`,
        `interval.constant` (censored row, count); for each term `TERM.index`, `TERM.weight` (row) and
        `TERM.centre` (level): the average of its contribution as a weighting of its effects.

    Raises
    ------
    DesignError
        If intervals hold too many counts to be summed.
    """
    response = design.response
    information = _information(response)
    data: dict[str, NDArray[Any]] = {"offset": response.offset}
    for block in design.blocks:
        data |= _block_data(block, information)
    rows = np.arange(len(design))
    trials = response.trials if response.trials is not None else np.ones(len(design))
    if response.lower is not None and response.upper is not None:
        censored = response.lower < response.upper
        if censored.any():
            data |= {"known": rows[~censored], "censored": rows[censored]}
            data |= _interval_data(response.outcome.likelihood, response.lower, response.upper, trials, rows[censored])
            rows = rows[~censored]
    value = response.value[rows]
    constant = CONSTANTS[response.outcome.likelihood](value, trials[rows])
    return data | {"value": value, "trials": trials[rows], "constant": constant}


def crude_level(design: Design) -> float:
    """
    Rough average of the linear predictor less its offset: where chains start.

    Parameters
    ----------
    design : Design
        A table seen through a card.

    Returns
    -------
    float
        Link of the pooled outcome.
    """
    response = design.response
    if response.outcome.likelihood == "log_normal":
        return float(np.log(response.value).mean())
    if response.outcome.link == "identity":
        return float(response.value.mean())
    # Half an event more and less keeps a table without events, or with nothing else, off infinity.
    weight = response.trials if response.trials is not None else np.exp(response.offset)
    events, total = response.value.sum() + 0.5, weight.sum() + 1.0
    return float(np.log(events / total) if response.outcome.link == "log" else np.log(events / (total - events)))


def _information(response: Response) -> NDArray[np.float64]:
    """Roughly what each row says about its linear predictor; only the sampler's speed depends on it."""
    if response.trials is not None and response.trials.sum() > 0:
        return response.trials / float(response.trials.sum())
    exposure: NDArray[np.float64] = np.exp(response.offset)
    return exposure / float(exposure.sum())


def _block_data(block: Block, information: NDArray[np.float64]) -> dict[str, NDArray[Any]]:
    name = block.term.name
    share = information if block.weight is None else information * block.weight
    index = np.zeros(len(share), dtype=np.int32) if block.index is None else block.index
    data: dict[str, NDArray[Any]] = {f"{name}.centre": np.bincount(index, share, minlength=block.size)}
    if block.index is not None:
        data[f"{name}.index"] = block.index.astype(np.int64)
    if block.weight is not None:
        data[f"{name}.weight"] = block.weight
    return data


def _interval_data(
    likelihood: str,
    lower: NDArray[np.float64],
    upper: NDArray[np.float64],
    trials: NDArray[np.float64],
    rows: NDArray[np.int64],
) -> dict[str, NDArray[np.float64]]:
    lower, upper = lower[rows], upper[rows]
    width = int((upper - lower).max()) + 1
    if width * len(rows) > MAX_COUNTS:
        widest = rows[np.argmax(upper - lower)]
        raise DesignError(
            f"{len(rows):,} counts are intervals of up to {width:,} values (row {widest}); engine 'nuts' sums over "
            "them and takes narrower ones: leave such rows out or give closer bounds"
        )
    value = lower[:, None] + np.arange(width)
    outside = value > upper[:, None]
    value = np.where(outside, lower[:, None], value)
    repeated = np.broadcast_to(trials[rows][:, None], value.shape)
    constant = CONSTANTS[likelihood](value, repeated)
    return {
        "interval.value": value,
        "interval.trials": repeated.copy(),
        "interval.constant": np.where(outside, -np.inf, constant),
    }
