"""A mixture and the model of recording, sampled together."""

# pytensor publishes its types without annotating its functions.
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import numpy as np
import pandas as pd
import xarray as xr

from bayesineq.design.mixture import Mixture
from bayesineq.dims import POPULATION
from bayesineq.errors import DesignError
from bayesineq.inference.inner import inner, outer_values
from bayesineq.inference.mixture.recording import Recording, missingness
from bayesineq.inference.nuts.sample import TARGET_ACCEPT, contributions
from bayesineq.inference.tree import posterior_tree

CONFUSION: Final = "confusion"

type Tensor = Any


def sample_mixture(
    mixture: Mixture,
    recording: Recording,
    *,
    draws: int = 1000,
    tune: int = 1000,
    chains: int = 4,
    seed: int | None = None,
    progress: bool = True,
) -> xr.DataTree:
    r"""
    Sample outcome, true groups and confusion together, with true groups summed out.

    Parameters
    ----------
    mixture : Mixture
        A table seen through a card with a latent column; its draws of weights are not used.
    recording : Recording
        How the same table was recorded, its rows in the same order; delta stated without spread.
    draws, tune, chains : int
        As of `fit`.
    seed : int, optional
        Makes the draws reproducible.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    DataTree
        As of `fit`.

    Raises
    ------
    DesignError
        Mixture and recording are not of one table, or delta has a spread.

    Notes
    -----
    With :math:`f_{re} = \pi_{ce} C_{er} (1 - m_{ce})`, or :math:`\pi_{ce} m_{ce}` without a record, the people of a
    cell fall on records with probabilities :math:`\sum_e f_{re}`, and the mean outcome of a row is
    :math:`\sum_e w_{re} g^{-1}(\eta_{re})` with :math:`w_{re} = f_{re} / \sum_e f_{re}`; the rows of C are Dirichlet.
    """
    import nutpie

    from bayesineq.inference.nuts.model import saved

    trials = mixture.response.trials
    if len(recording.people) != len(mixture) or (trials is not None and (recording.people != trials).any()):
        raise DesignError("mixture and recording are of different tables, or of one in another order; build both anew")
    if (recording.delta_sd > 0).any():
        raise DesignError("the joint model takes a stated delta without spread: set delta_sd=0 and move delta instead")
    solved = inner(mixture.design)
    model = joint_model(replace(mixture, design=solved.design), recording)
    stream = np.random.default_rng(seed)
    program = nutpie.compile_pymc_model(model, var_names=[*saved(mixture.design, model), CONFUSION])
    trace = nutpie.sample(
        program,
        draws=draws,
        tune=tune,
        chains=chains,
        seed=int(stream.integers(2**31)),
        progress_bar=progress,
        save_warmup=False,
        target_accept=TARGET_ACCEPT,
    )
    values = contributions(solved.design, trace["posterior"].dataset, stream)
    diverging = trace["sample_stats"]["diverging"].to_numpy()
    return posterior_tree(
        mixture.design,
        outer_values(solved, values),
        engine="nuts",
        seed=seed,
        sample_stats={"diverging": diverging},
        attributes={
            "sampler": "nutpie",
            "tune": tune,
            "weights": "joint: sampled with the outcome",
            **(mixture.unrecorded.attributes() if mixture.unrecorded else {}),
        },
    )


def joint_model(mixture: Mixture, recording: Recording) -> Any:
    """
    Build the joint model.

    Parameters
    ----------
    mixture : Mixture
        A table seen through a card with a latent column, its design in units of its own.
    recording : Recording
        How the same table was recorded.

    Returns
    -------
    pymc.Model
        With the free variable `confusion` beside those of the card.
    """
    import pymc as pm
    import pytensor.tensor as pt

    from bayesineq.inference.nuts.data import model_data
    from bayesineq.inference.nuts.model import build, observe_rows

    design, row, n_row = mixture.design, mixture.row, len(mixture)
    level = design.population[mixture.latent].cat.codes.to_numpy()
    record, cell = recording.recorded[row], recording.cell[row]
    lost = missingness(recording, recording.delta)[cell, level]
    fixed = recording.margin[cell, level] * np.where(record >= 0, 1 - lost, lost)
    rows = replace(design, response=mixture.response, blocks=(), population=pd.DataFrame({POPULATION: np.ones(n_row)}))
    observed = {name: pt.constant(value) for name, value in model_data(rows).items()}

    def by_row(member: Tensor) -> Tensor:
        return pt.inc_subtensor(pt.zeros(n_row)[row], member)

    def observe(eta: Tensor) -> None:
        confusion = pm.Dirichlet(CONFUSION, a=recording.confusion, shape=recording.confusion.shape)
        said = pt.where(record >= 0, confusion[level, np.maximum(record, 0)], 1.0)
        joint = pt.constant(fixed) * said
        total = by_row(joint)
        # What the counts of records say about the confusion.
        pm.Potential("records", pt.dot(pt.constant(recording.people.astype(float)), pt.log(total)))
        weight = joint / total[row]
        if design.card.outcome.link == "log":
            link = pt.log(by_row(weight * pt.exp(eta + mixture.shift)))
        else:
            mean = by_row(weight * pt.sigmoid(eta + mixture.shift))
            link = pt.log(mean) - pt.log1p(-mean)
        observe_rows(design, link, observed)

    return build(design, observe)
