"""Several outcomes as one PyMC model: each as it would be alone, and between them what they share."""

# pytensor publishes its types without annotating its functions.
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import pymc as pm
import pytensor.tensor as pt
from numpy.typing import NDArray

from bayesineq.design.matrix import Block, Design
from bayesineq.errors import DesignError
from bayesineq.inference.nuts.data import PRIOR, model_data
from bayesineq.inference.nuts.icar import MAX_DENSE
from bayesineq.inference.nuts.model import LEVEL, MEAN_VARIANCE, add_outcome, observe_rows
from bayesineq.inference.nuts.priors import mixing, variable
from bayesineq.inference.nuts.terms import FACTOR, coloured
from bayesineq.inference.pc_phi import phi_prior
from bayesineq.model.card import Term, base_name, of_outcome, partial_name
from bayesineq.model.kinds import Coefficients, Hyperparameter, Part
from bayesineq.space.scaling import scale_factors

type Tensor = Any

_OWN_KEYS: Final = (
    "offset", "value", "trials", "constant", "known", "censored",
    "interval.value", "interval.trials", "interval.constant",
)  # fmt: skip


def each_outcome(design: Design) -> list[Design]:
    """
    One design an outcome, for the sampler.

    Returns: its rows, and its blocks under the names that they have among several outcomes; its priors are those of all
    outcomes, and its own intercept and likelihood under the names that they have alone.
    """
    out = []
    for k, outcome in enumerate(design.card.outcomes):
        force = dict(design.priors.force)
        force |= {
            base_name(name)[1]: prior
            for name, prior in force.items()
            if base_name(name)[0] == outcome.name and base_name(name)[1].partition(".")[0] in ("intercept", "outcome")
        }
        one = design.only(k)
        out.append(
            replace(
                one,
                blocks=tuple(replace(block, outcome=0) for block in design.blocks if block.outcome == k),
                priors=replace(design.priors, force=force, outcomes={}),
            )
        )
    return out


def joint_data(design: Design) -> dict[str, NDArray[Any]]:
    """Arrays of a joint design by the names that they have in the model: an outcome's own begin with its name."""
    data: dict[str, NDArray[Any]] = {}
    for outcome, one in zip(design.card.outcomes, each_outcome(design), strict=True):
        for name, value in model_data(one).items():
            if name in _OWN_KEYS or (name.startswith(PRIOR) and name.removeprefix(PRIOR) not in design.priors.force):
                data[of_outcome(outcome.name, name)] = value
            else:
                data[name] = value
    return data


def build_joint(design: Design) -> pm.Model:
    """
    Build the model of a joint design, in units of its own.

    Returns: as `build`, with `OUTCOME:level` for each outcome, and hyperparameters under their names inside.
    """
    across = {term.name: term.across for term in design.card.terms}
    with pm.Model() as model:
        data = {name: pm.Data(name, value) for name, value in joint_data(design).items()}
        shared = _shared_effects(design)
        for outcome, one in zip(design.card.outcomes, each_outcome(design), strict=True):
            prefix = of_outcome(outcome.name, "")
            own = dict(data)
            own |= {name.removeprefix(prefix): value for name, value in data.items() if name.startswith(prefix)}
            alone = tuple(block for block in one.blocks if across[block.base] == "apart")
            given = {block.term.name: shared[block.term.name] for block in one.blocks if block not in alone}
            eta = add_outcome(replace(one, blocks=alone), own, prefix, [b for b in one.blocks if b not in alone], given)
            observe_rows(one, eta, own, prefix)
    return model


def _shared_effects(design: Design) -> dict[str, Tensor]:
    """Effects of every block of a term that outcomes have together, by block."""
    out: dict[str, Tensor] = {}
    for term in design.card.terms:
        blocks = [block for block in design.blocks if block.base == term.name]
        if term.across == "correlated":
            out |= _correlated(design, term, blocks)
        elif term.across != "apart":
            out |= _loaded(design, term, blocks)
    return out


def _loaded(design: Design, term: Term, blocks: list[Block]) -> dict[str, Tensor]:
    """One component, times the loading of each outcome."""
    values = {of.name: _hyperparameter(design, f"{term.name}.{of.name}", of) for of in term.hyperparameters}
    component: Tensor = 0.0
    for number, part in enumerate(blocks[0].parts(design.adjacency)):
        if isinstance(part, Coefficients):
            component = component + _coefficients(design, term.name, part, number)
        else:
            component = component + _scale(part, values) * _unit(term, part, values, f"{term.name}.free.{number}")
    loadings, out = dict(term.loadings), {}
    for block in blocks:
        owner = design.card.outcomes[block.outcome].name
        loading = loadings.get(owner, 1.0)
        if isinstance(loading, str):
            loading = variable(design.priors, of_outcome(owner, f"{term.name}.loading"))
        out[block.term.name] = loading * block.unit * component
    return out


def _correlated(design: Design, term: Term, blocks: list[Block]) -> dict[str, Tensor]:
    """D L times independent parts."""
    names = [design.card.outcomes[block.outcome].name for block in blocks]
    eta, n = design.prior(f"{term.name}.correlation")["eta"], len(blocks)
    partial = {}
    for k in range(1, n):
        for j in range(k):
            name, shape = partial_name(term.name, names[j], names[k]), eta + 0.5 * (n - 2 - j)
            half = pm.Beta(f"{name}.half", shape, shape)
            partial[k, j] = pm.Deterministic(name, 2.0 * half - 1.0)
    together = {
        of.name: _hyperparameter(design, f"{term.name}.{of.name}", of)
        for of in term.hyperparameters
        if of.name not in term.apart
    }
    own = [
        together
        | {
            of.name: _hyperparameter(design, f"{block.term.name}.{of.name}", of)
            for of in term.hyperparameters
            if of.name in term.apart
        }
        for block in blocks
    ]
    out: dict[str, Tensor] = {block.term.name: 0.0 for block in blocks}
    for number, part in enumerate(blocks[0].parts(design.adjacency)):
        if isinstance(part, Coefficients):
            for block in blocks:
                out[block.term.name] += _coefficients(design, block.term.name, part, number)
            continue
        units = [_unit(term, part, together, f"{block.term.name}.free.{number}") for block in blocks]
        for k, block in enumerate(blocks):
            mixed, left = 0.0, 1.0
            for j in range(k):
                mixed = mixed + left * partial[k, j] * units[j]
                left = left * pt.sqrt((1.0 - partial[k, j]) * (1.0 + partial[k, j]))
            out[block.term.name] += _scale(part, own[k]) * (mixed + left * units[k])
    return out


def _coefficients(design: Design, term: str, part: Coefficients, number: int) -> Tensor:
    name = f"{term}.{part.prior}" if part.prior else term
    # A trend is saved under the name of its prior only where it has one coefficient of its own.
    return pt.dot(part.basis, variable(design.priors, name, f"{term}.free.{number}", part.basis.shape[1]))


def _hyperparameter(design: Design, name: str, of: Hyperparameter) -> Tensor:
    on, _ = design.priors.stands_on(name)
    prior = design.priors[on]
    if of.like == "phi" and prior.law is None:
        assert design.adjacency is not None
        return mixing(name, phi_prior(prior, design.adjacency, scale_factors(design.adjacency)))
    return variable(design.priors, name)


def _scale(part: Part, values: Mapping[str, Tensor]) -> Tensor:
    scale: Tensor = 1.0
    for factor in part.scale:
        scale = scale * FACTOR[factor.share](values[factor.parameter])
    return scale


def _unit(term: Term, part: Part, values: Mapping[str, Tensor], name: str) -> Tensor:
    if len(part.structure) > MAX_DENSE:
        raise DesignError(
            f"term {term.name!r} is {term.kind} with {len(part.structure):,} effects; engine 'nuts' takes up to "
            f"{MAX_DENSE:,} of a kind that outcomes have together; use engine='laplace'"
        )
    return coloured(part.structure, values, pm.Normal(name, shape=len(part.structure)))


def saved_joint(design: Design, model: pm.Model) -> list[str]:
    """Names of the model's variables that a joint posterior is made of."""
    names = [of_outcome(outcome.name, LEVEL) for outcome in design.card.outcomes]
    for block in design.blocks:
        names += [block.term.name]
        if block.term.name + MEAN_VARIANCE in model.named_vars:
            names.append(block.term.name + MEAN_VARIANCE)
    own = [of_outcome(of.name, f"outcome.{name}") for of in design.card.outcomes for name in of.family.own]
    return [*names, *own, *joint_parameters(design)]


def joint_parameters(design: Design) -> list[str]:
    """Hyperparameters of a joint design by their names inside, partial correlations and loadings among them."""
    names = []
    for term in design.card.terms:
        own = [of.name for of in term.hyperparameters if of.name in term.apart]
        names += [of_outcome(name, f"{term.name}.{of}") for name in term.outcomes for of in own]
        names += [f"{term.name}.{of.name}" for of in term.hyperparameters if of.name not in term.apart]
        names += [of_outcome(name, f"{term.name}.loading") for name in term.estimated]
        if term.across == "correlated":
            of_term = term.outcomes
            names += [partial_name(term.name, of_term[j], of_term[k]) for k in range(len(of_term)) for j in range(k)]
    return names
