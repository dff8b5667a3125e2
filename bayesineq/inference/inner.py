"""
The design that engines solve: every quantity in units of its own, so that no engine meets the units of a table.

The linear predictor is measured from the outcome's mean in units of its spread, and covariates in units of theirs;
linear ones from their mean where the intercept's prior applies there. Priors are those in force, in these units, and
defaults become constants. What a posterior says in them is turned back to the units of the card.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from bayesineq.design.matrix import Block, Design, Response
from bayesineq.design.priors import Priors, reference_outcome
from bayesineq.model.card import Term, base_name
from bayesineq.model.priors import POWERS

Float = NDArray[np.float64]

_OF_OUTCOME: Final = ("outcome.sigma", "outcome.precision")


@dataclass(frozen=True, slots=True)
class Inner:
    """
    A design in units of its own.

    Parameters
    ----------
    design : Design
        What engines solve.
    outer : Design
        What it was made from.
    log_jacobian : ndarray, shape (n_row,)
        Log derivative of each row's outcome in these units by that of the table: adding it to a log density of the
        former gives that of the latter.
    """

    design: Design
    outer: Design
    log_jacobian: Float


def inner(design: Design) -> Inner:
    """Measure a design in units of its own, each of several outcomes in those of its own."""
    if design.is_joint:
        return _joint(design)
    priors = design.priors
    response, log_jacobian = _response(design.response, priors)
    unitless = {f"{b.term.name}.{of.name}" for b in design.blocks for of in b.term.hyperparameters if not of.has_unit}
    force = {}
    for name, prior in priors.force.items():
        if name == "intercept":
            force[name] = prior.shifted(-priors.level).scaled(1.0 / priors.unit)
        elif name in unitless or (name.startswith("outcome.") and name not in _OF_OUTCOME):
            force[name] = prior
        else:
            by = 1.0 / (priors.unit if name in _OF_OUTCOME else priors.scale(_owner(name, design)))
            # A precision is measured in the inverse square of what its standard deviation is.
            force[name] = prior.scaled(by ** POWERS.get(name.rpartition(".")[2], 1.0))
    solved = replace(
        design,
        responses=(response,),
        blocks=tuple(_block(block, priors) for block in design.blocks),
        priors=Priors(force, priors.stated, 0.0, 1.0, {}, {}),
    )
    return Inner(solved, design, log_jacobian)


def _joint(design: Design) -> Inner:
    names = [outcome.name for outcome in design.card.outcomes]
    each = [inner(design.only(k)) for k in range(len(names))]
    solved = {name: one.design for name, one in zip(names, each, strict=True)}
    of_blocks = [iter(one.design.blocks) for one in each]
    terms = {term.name: term for term in design.card.terms}
    blocks = []
    for block in design.blocks:
        measured, term = next(of_blocks[block.outcome]), terms[block.base]
        unit = 1.0
        if term.across in ("same", "shared"):
            units = {name: priors.unit for name, priors in design.priors.outcomes.items()}
            unit = units[reference_outcome(term)] / units[names[block.outcome]]
        blocks.append(replace(block, incidence=measured.incidence, unit=unit))
    force = {}
    for name, prior in design.priors.force.items():
        owner, base = base_name(name)
        known = solved[owner or reference_outcome(_term_of(base, terms))].priors.force
        # Correlations and loadings have no unit.
        force[name] = known.get(base, prior)
    outcomes = {name: one.priors for name, one in solved.items()}
    priors = Priors(force, design.priors.stated, 0.0, 1.0, {}, {}, outcomes)
    responses = tuple(one.design.responses[0] for one in each)
    jacobian = np.concatenate([one.log_jacobian for one in each])
    return Inner(replace(design, responses=responses, blocks=tuple(blocks), priors=priors), design, jacobian)


def _term_of(parameter: str, terms: Mapping[str, Term]) -> Term:
    """Term that a parameter belongs to."""
    return terms[parameter.partition(".")[0]]


def _owner(parameter: str, design: Design) -> str:
    """Term that a parameter belongs to: terms' names may hold dots where a mixture splits them."""
    names = {block.term.name for block in design.blocks}
    return parameter if parameter in names else parameter.rpartition(".")[0]


def _response(response: Response, priors: Priors) -> tuple[Response, Float]:
    family, value = response.outcome.family, response.value
    if family.link != "identity":
        return replace(response, offset=response.offset + priors.level), np.zeros(len(value))
    measured = family.on_link(value)
    inside = (measured - priors.level) / priors.unit
    jacobian = np.full(len(value), -np.log(priors.unit))
    if family.logged:
        jacobian = inside - measured - np.log(priors.unit)
        inside = np.exp(inside)
    error = None if response.standard_error is None else response.standard_error / priors.unit
    offset = response.offset / priors.unit
    return replace(response, value=inside, offset=offset, standard_error=error), jacobian


def _block(block: Block, priors: Priors) -> Block:
    name, weight = block.term.name, block.incidence.weight
    if weight is None:
        return block
    measured = (weight - priors.centre.get(name, 0.0)) / priors.spread.get(name, 1.0)
    return replace(block, incidence=block.incidence.weighted(measured))


def outer_values(solved: Inner, values: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """
    Draws in the units of the card. Shapes: values (chain, draw, *levels).

    `values`: `intercept`, each term's effect, and hyperparameters, in those units. Returns: the same, each effect
    at one unit of its covariate and the intercept where covariates are zero.
    """
    if solved.outer.is_joint:
        return _joint_values(solved, values)
    priors, out = solved.outer.priors, dict(values)
    intercept = priors.level + priors.unit * np.asarray(values["intercept"], dtype=np.float64)
    for block in solved.outer.blocks:
        name = block.term.name
        by = priors.scale(name)
        for of in (name, f"{name}.sigma"):
            if by != 1.0 and of in out:
                out[of] = (out[of] * np.asarray(by, dtype=out[of].dtype)).astype(out[of].dtype, copy=False)
        if name in priors.centre:
            intercept = intercept - priors.centre[name] * np.asarray(out[name], dtype=np.float64)
    if "outcome.sigma" in out:
        out["outcome.sigma"] = out["outcome.sigma"] * priors.unit
    return {**out, "intercept": intercept}


def _joint_values(solved: Inner, values: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Draws of several outcomes in the units of each; what they share in that of the outcome that it is measured in."""
    design, out = solved.outer, dict(values)
    terms = {term.name: term for term in design.card.terms}
    owner_of = {}
    for name in values:
        owner, base = base_name(name)
        owner_of[name] = owner or reference_outcome(_term_of(base, terms))
    for k, outcome in enumerate(design.card.outcomes):
        own, names = design.only(k), [name for name in values if owner_of[name] == outcome.name]
        one = Inner(own, own, solved.log_jacobian)
        turned = outer_values(one, {base_name(name)[1]: values[name] for name in names})
        out |= {name: turned[base_name(name)[1]] for name in names}
    return out
