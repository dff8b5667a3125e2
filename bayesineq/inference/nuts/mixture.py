"""Rows whose mean is a weighted sum of means: with known weights, or with the model of recording, sampled together."""

# pytensor publishes its types without annotating its functions.
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayesineq.design.matrix import Design
from bayesineq.errors import DesignError
from bayesineq.inference.inner import inner, outer_values
from bayesineq.inference.mixture.recording import Recording, missingness
from bayesineq.inference.nuts.sample import TARGET_ACCEPT, contributions
from bayesineq.inference.tree import posterior_tree

CONFUSION: Final = "confusion"

type Tensor = Any


def sample_mixture(
    design: Design,
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
    design : Design
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
        Design and recording are not of one table, or delta has a spread.

    Notes
    -----
    With :math:`f_{re} = \pi_{ce} C_{er} (1 - m_{ce})`, or :math:`\pi_{ce} m_{ce}` without a record, the people of a
    cell fall on records with probabilities :math:`\sum_e f_{re}`, and the mean outcome of a row is
    :math:`\sum_e w_{re} g^{-1}(\eta_{re})` with :math:`w_{re} = f_{re} / \sum_e f_{re}`; the rows of C are Dirichlet.

    Examples
    --------
    >>> import pandas as pd
    >>> import bayesineq as bi
    >>> from bayesineq.design.mixture import mixture
    >>> from bayesineq.model.read_card import parse_card
    >>> card = parse_card('''
    ... name = "recorded"
    ... question = "Who?"
    ... table = "recorded"
    ... [outcome]
    ... name = "prevalence"
    ... count = "cases"
    ... at_risk = "population"
    ... likelihood = "binomial"
    ... [latent]
    ... ethnicity = "recorded"
    ... [terms]
    ... ethnicity = { kind = "fixed", by = "ethnicity", reference = "white" }
    ... ''')
    >>> groups = ["asian", "white"]
    >>> table = pd.DataFrame({"area": ["a"] * 3 + ["b"] * 3, "recorded": ["asian", "white", "Z"] * 2})
    >>> table = table.assign(population=[900, 800, 110, 100, 1800, 100], cases=[180, 80, 17, 20, 180, 11])
    >>> margin = pd.DataFrame({"area": ["a", "a", "b", "b"], "ethnicity": groups * 2, "residents": [100, 90, 10, 190]})
    >>> confusion = pd.DataFrame([[0.9, 0.1], [0.02, 0.98]], index=groups, columns=groups)
    >>> model = bi.inference.recording(table, margin, confusion, cells=["area"])
    >>> study = mixture(table, card, bi.inference.weights(model, draws=5, seed=1))
    >>> post = sample_mixture(study, model, draws=200, tune=200, chains=2, seed=1, progress=False)
    >>> bi.expected(post, by="ethnicity").mean(("chain", "draw")).round(1).to_series()
    ethnicity
    asian    0.2
    white    0.1
    Name: prevalence, dtype: float64
    """
    import nutpie

    from bayesineq.inference.nuts.model import saved

    trials = design.response.trials
    if design.members is None or len(recording.people) != len(design):
        raise DesignError(_DIFFERENT)
    if trials is not None and (recording.people != trials).any():
        raise DesignError(_DIFFERENT)
    if (recording.delta_sd > 0).any():
        raise DesignError("the joint model takes a stated delta without spread: set delta_sd=0 and move delta instead")
    solved = inner(design)
    model = joint_model(solved.design, recording)
    stream = np.random.default_rng(seed)
    program = nutpie.compile_pymc_model(model, var_names=[*saved(design, model), CONFUSION])
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
    said = design.members.unrecorded
    return posterior_tree(
        design,
        outer_values(solved, values),
        engine="nuts",
        seed=seed,
        sample_stats={"diverging": diverging},
        attributes={
            "sampler": "nutpie",
            "tune": tune,
            "weights": "joint: sampled with the outcome",
            **(said.attributes() if said else {}),
        },
    )


_DIFFERENT: Final = "design and recording are of different tables, or of one in another order; build both anew"


def joint_model(design: Design, recording: Recording) -> Any:
    """
    Build the joint model.

    `design`: A table seen through a card with a latent column, in units of its own. Returns: with the free variable
    `confusion` beside those of the card.
    """
    import pymc as pm
    import pytensor.tensor as pt

    from bayesineq.inference.nuts.model import build

    assert design.members is not None
    row = design.members.row
    level = design.population[recording.latent].cat.codes.to_numpy()
    record, cell = recording.recorded[row], recording.cell[row]
    lost = missingness(recording, recording.delta)[cell, level]
    fixed = recording.margin[cell, level] * np.where(record >= 0, 1 - lost, lost)

    def weigh() -> Tensor:
        confusion = pm.Dirichlet(CONFUSION, a=recording.confusion, shape=recording.confusion.shape)
        said = pt.where(record >= 0, confusion[level, np.maximum(record, 0)], 1.0)
        joint = pt.constant(fixed) * said
        total = _by_row(joint, row, len(design))
        # What the counts of records say about the confusion.
        pm.Potential("records", pt.dot(pt.constant(recording.people.astype(float)), pt.log(total)))
        return joint / total[row]

    return build(design, weigh)


def _by_row(member: Tensor, row: NDArray[np.int32], n_row: int) -> Tensor:
    """Sum what members have over each row."""
    import pytensor.tensor as pt

    return pt.inc_subtensor(pt.zeros(n_row)[row], member)


def row_predictor(design: Design, weight: Tensor, eta: Tensor) -> Tensor:
    """
    Predictor of rows: the link of the weighted sum of their members' means.

    Shapes: weight, eta (n_member,); returns (n_row,).
    """
    import pytensor.tensor as pt

    assert design.members is not None
    row, moved, link = design.members.row, eta + design.members.shift, design.card.outcome.link
    if link == "identity":
        return _by_row(weight * moved, row, len(design))
    if link == "log":
        return pt.log(_by_row(weight * pt.exp(moved), row, len(design)))
    mean = _by_row(weight * pt.sigmoid(moved), row, len(design))
    return pt.log(mean) - pt.log1p(-mean)
