"""Designs and answers that must not pass in silence: what nothing identifies, separation, fields that ran away."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bayesineq.design.matrix import Block, Design
from bayesineq.errors import ConvergenceError, DesignError
from bayesineq.inference.sparse_engine.newton import Posterior
from bayesineq.inference.sparse_engine.parts import Latent

_VAGUE: Final = 30.0
"""A prior of a larger standard deviation on a coefficient bounds nothing: on a logit, 30 is certainty either way."""

_LEARNT: Final = 0.2
_FAR: Final = 100.0
_SHOWN: Final = 5


def refuse_constant(design: Design) -> None:
    """Refuse a measured outcome that is the same in all rows: its spread is zero, and the posterior without bound."""
    if design.is_joint:
        for k in range(len(design.responses)):
            refuse_constant(design.only(k))
        return
    outcome, value = design.card.outcome, design.response.value
    value = value[np.isfinite(value)]
    family = outcome.family
    if family.counts or not family.parameters or len(value) < 2 or np.ptp(value) > 0.0:
        return
    if not any(name.startswith("outcome.") for name in design.priors.stated):
        raise DesignError(
            f"the outcome {outcome.columns['value']!r} is {value[0]:g} in all {len(value)} rows, so that nothing "
            "bounds its spread from below; check the column, or state how exactly it is measured, such as "
            "outcome.precision ~ Gamma(1, 0.01), or for a gamma outcome outcome.shape ~ Gamma(2, 0.1)"
        )


def refuse_separation(design: Design) -> None:
    """Refuse levels of a fixed term of which all counts are zero, or full, under a prior that does not bound them."""
    if design.is_joint:
        for k in range(len(design.responses)):
            refuse_separation(_apart(design, k))
        return
    if not design.card.outcome.family.counts:
        return
    wrong = []
    if design.members is not None:
        # A level whose rows have no events has none itself.
        design = replace(design, responses=(design.response.rows(design.members.row),), members=None)
    for block in design.blocks:
        vague = not block.term.of_kind.is_random and design.prior(block.term.name).size > _VAGUE
        if vague and block.dims and block.incidence.weight is None:
            wrong += _separated(design, block)
    if wrong:
        raise DesignError(
            "the data set no bound to these effects, and neither does the prior:\n"
            + "\n".join(f"  - {w}" for w in wrong)
            + "\nState a prior such as Normal(0, 2.5), merge the levels, or make the term exchangeable"
        )


def _apart(design: Design, outcome: int) -> Design:
    """One outcome with the terms that it has for itself: what others share is bounded by their rows, too."""
    across = {term.name: term.across for term in design.card.terms}
    one = design.only(outcome)
    return replace(one, blocks=tuple(block for block in one.blocks if across[block.term.name] == "apart"))


def _separated(design: Design, block: Block) -> list[str]:
    response = design.response
    top = response.value if response.upper is None else response.upper
    bottom = response.value if response.lower is None else response.lower
    counted = block.incidence.totals(np.ones(len(top)))
    none = (block.incidence.totals(top) == 0) & (counted > 0)
    wrong = [f"term {block.term.name!r}: no events at all in {_named(block, none)}"] if none.any() else []
    if design.card.outcome.link == "logit":
        trials = np.ones(len(top)) if response.trials is None else response.trials
        full = (block.incidence.totals(trials - bottom) == 0) & (counted > 0) & ~none
        if full.any():
            wrong.append(f"term {block.term.name!r}: nothing but events in {_named(block, full)}")
    return wrong


def _named(block: Block, mask: NDArray[np.bool_]) -> str:
    names = []
    for at in np.flatnonzero(mask)[:_SHOWN]:
        place = np.unravel_index(at, block.shape)
        names.append(", ".join(f"{d} {level[i]}" for d, level, i in zip(block.dims, block.levels, place, strict=True)))
    more = int(mask.sum()) - len(names)
    return "; ".join(names) + (f" and {more} more" if more > 0 else "")


def refuse_unidentified(design: Design, latent: Latent, found: Posterior) -> None:
    """Refuse an answer in which data say nothing about a coefficient whose prior says nothing either."""
    free = []
    for part in latent.small_parts:
        if part.scale:
            continue
        sd = np.sqrt(np.diag(found.system.inner)[part.latent])
        prior_sd = part.precision**-0.5
        if ((prior_sd > _VAGUE) & (sd > _LEARNT * prior_sd)).any():
            free.append(part.term)
    if free:
        raise DesignError(
            f"nothing identifies {', '.join(repr(name) for name in dict.fromkeys(free))}: covariates that say the same "
            "as each other or as the intercept, or outcomes that a covariate separates completely, under priors too "
            "vague to decide. Remove one of the terms, give a reference level, or state a prior such as Normal(0, 2.5)"
        )
    # Rows that are made up of members are fewer than what the design holds.
    of_row = design.outcome_of_row if design.is_joint else np.zeros(len(found.mean), dtype=np.int64)
    for k, outcome in enumerate(design.card.outcomes):
        far = np.abs(found.mean[of_row == k]) > _FAR
        if outcome.link != "identity" and far.any():
            raise ConvergenceError(
                f"linear predictors of {int(far.sum())} rows ran beyond {_FAR:g} on the {outcome.link} scale "
                f"(rows counted from 0: {np.flatnonzero(far)[:_SHOWN].tolist()}); look for columns of wrong scale, "
                "standardise covariates, or state tighter priors"
            )
