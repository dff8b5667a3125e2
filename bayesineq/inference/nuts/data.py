"""What a design gives the sampler, by name, so that new data can replace old in a compiled model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from bayesineq.design.matrix import Block, Design
from bayesineq.errors import DesignError
from bayesineq.inference.nuts.likelihoods import LINES

MAX_COUNTS: Final = 20_000_000

PRIOR: Final = "prior."
"""Before the name of a parameter: the arguments of its prior."""


def model_data(design: Design) -> dict[str, NDArray[Any]]:
    """
    Arrays of a design by the names that they have in the model.

    Returns: `offset` (row); `value`, `trials`, `constant` (row, or known row where some counts are intervals); for
    intervals `known`, `censored` (row numbers) and `interval.value`, `interval.trials`, `interval.constant`
    (censored row, count); for each term `TERM.index`, `TERM.weight` (row), where rows read several levels
    `TERM.index`, `TERM.row` and `TERM.share` (membership), and `TERM.centre` (level): the average of its
    contribution as a weighting of its effects; for each parameter `prior.PARAMETER`: the arguments of its prior.
    """
    response = design.response
    information = crude(design).information
    share = information / information.sum() if information.sum() > 0 else np.full(len(design), 1 / len(design))
    data: dict[str, NDArray[Any]] = {"offset": response.offset}
    for name, prior in design.priors.force.items():
        data[PRIOR + name] = np.array(list(prior.parameters.values()))
    for block in design.blocks:
        data |= _block_data(block, share)
    rows = np.arange(len(design))
    trials = response.given if response.given is not None else np.ones(len(design))
    if response.lower is not None and response.upper is not None:
        censored = response.lower < response.upper
        if censored.any():
            data |= {"known": rows[~censored], "censored": rows[censored]}
            data |= _interval_data(response.outcome.likelihood, response.lower, response.upper, trials, rows[censored])
            rows = rows[~censored]
    value = response.value[rows]
    constant = LINES[response.outcome.likelihood].constant(value, trials[rows])
    return data | {"value": value, "trials": trials[rows], "constant": constant}


@dataclass(frozen=True, slots=True)
class Crude:
    """
    A design without its terms: where chains start, and what each row says. Only the sampler's speed depends on it.

    Parameters
    ----------
    level : float
        Link of the pooled outcome: rough average of the linear predictor less its offset.
    information : ndarray, shape (n_row,)
        Rough precision with which a row tells its linear predictor.
    residual : ndarray, shape (n_row,)
        Rough distance of a row from `level`, on the scale of the linear predictor.
    """

    level: float
    information: NDArray[np.float64]
    residual: NDArray[np.float64]


def crude(design: Design) -> Crude:
    """Pool a design's rows."""
    response = design.response
    if not response.outcome.family.counts:
        value = response.outcome.family.on_link(response.value) - response.offset
        level, variance = float(value.mean()), float(value.var())
        return Crude(level, np.full(len(value), 1 / variance if variance > 0 else 1.0), value - level)
    weight = response.trials if response.trials is not None else np.exp(response.offset)
    # Half an event more and less keeps a table without events, or with nothing else, off infinity.
    rate = (float(response.value.sum()) + 0.5) / (float(weight.sum()) + 1.0)
    logit = response.outcome.link == "logit"
    level = np.log(rate / (1 - rate)) if logit else np.log(rate)
    information = weight * rate * (1 - rate if logit else 1.0)
    residual = (response.value - weight * rate) / np.where(information > 0, information, 1.0)
    return Crude(float(level), information, residual)


def _block_data(block: Block, share: NDArray[np.float64]) -> dict[str, NDArray[Any]]:
    name = block.term.name
    index, weight = block.incidence.index, block.incidence.weight
    share = share if weight is None else share * weight
    data: dict[str, NDArray[Any]] = {f"{name}.centre": block.incidence.totals(share)}
    if block.incidence.shares is not None:
        shares = block.incidence.shares.tocoo()
        data |= {f"{name}.row": shares.row.astype(np.int64), f"{name}.share": shares.data}
        index = shares.col
    if index is not None:
        data[f"{name}.index"] = index.astype(np.int64)
    if weight is not None:
        data[f"{name}.weight"] = weight
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
    constant = LINES[likelihood].constant(value, repeated)
    return {
        "interval.value": value,
        "interval.trials": repeated.copy(),
        "interval.constant": np.where(outside, -np.inf, constant),
    }
