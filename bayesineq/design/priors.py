"""
The priors in force: what the card states, and defaults that know the scale of the table where it is silent.

A default is stated in units. On the identity link the unit is the standard deviation of the outcome (of its logarithm
for a log-normal one), on the log and logit links it is one. The intercept's default lies at the outcome's mean on its
link's scale, where every covariate is at its mean. A coefficient is the change of the linear predictor with one spread
of its covariate, and the standard deviation of a term with `times` likewise. What a card states holds as it stands:
its intercept where covariates are zero, its coefficients a unit of the covariate as the card has it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from bayesineq.errors import DesignError, PosteriorError
from bayesineq.model.card import ModelCard, Term, base_name, of_outcome
from bayesineq.model.families.family import DEFAULT_ABOVE
from bayesineq.model.priors import POWERS, Prior, complexity, named, normal

if TYPE_CHECKING:
    from bayesineq.design.matrix import Block, Response

Float = NDArray[np.float64]

INTERCEPT_SD: Final = 5.0
"""Of the intercept's default about the outcome's mean, in units: wide, since reference levels may be far from it."""

COEFFICIENT_SD: Final = 2.5
"""Of a coefficient's default, in units a spread of its covariate (Gelman, Jakulin, Pittau and Su 2008)."""

CONSTANT: Final = 1e-7
"""A covariate whose spread is below this share of its values is constant: rounding of single precision is as large."""

_NONE: Final = 1e-9
"""A spread below this share of the values themselves is rounding."""


@dataclass(frozen=True, slots=True)
class Priors:
    """
    Every prior of a model, and the scale of the table that the defaults among them were made for.

    Parameters
    ----------
    force : mapping of str to Prior
        By parameter: `intercept`, `TERM` (fixed and linear), `TERM.sigma` or `TERM.precision`, `TERM.phi`,
        `TERM.rho`, `TERM.trend`, `outcome.NAME`, `outcome.dispersion` (one over the root of a size, concentration or
        shape, in place of it).
    stated : frozenset of str
        Those that stand on the card; the others are defaults.
    level : float
        Mean of the outcome on the scale of its link.
    unit : float
        Unit of the linear predictor: standard deviation of a Gaussian outcome, or of the logarithm of a log-normal
        one; one elsewhere.
    centre : mapping of str to float
        Linear terms to the mean of their covariate, in the block's own units: where the intercept's prior applies.
        Empty where the card states it: it then applies where covariates are zero.
    spread : mapping of str to float
        Terms with a covariate to its spread, in the block's own units: the difference of its values if there are two,
        else the standard deviation.
    outcomes : mapping of str to Priors
        Of several outcomes: those of each, by the names that parameters have there. The names in `force` begin with
        the outcome (`OUTCOME:TERM.sigma`) where each has the parameter for itself, and do not where outcomes share it
        (`TERM.sigma` of a shared component, `TERM.correlation`); what else is above is that of the first outcome.
    """

    force: Mapping[str, Prior]
    stated: frozenset[str]
    level: float
    unit: float
    centre: Mapping[str, float]
    spread: Mapping[str, float]
    outcomes: Mapping[str, Priors] = MappingProxyType({})

    def __getitem__(self, parameter: str) -> Prior:
        if parameter not in self.force:
            raise DesignError(f"this model has no parameter {parameter!r}; it has {sorted(self.force)}")
        return self.force[parameter]

    def stands_on(self, parameter: str) -> tuple[str, float]:
        """Name of what the prior of a parameter stands on, and which power of the parameter that is: one if itself."""
        owner = parameter.rpartition(".")[0]
        powers = {f"{owner}.{other}": power for other, power in POWERS.items()}
        on = None if parameter in self.force else next((name for name in powers if name in self.force), None)
        return (parameter, 1.0) if on is None else (on, powers[on])

    def said(self, parameter: str) -> str:
        """A prior in words: whether it is a default, and where that of the intercept applies."""
        prior = self.force[parameter]
        if parameter in self.stated:
            return str(prior)
        at = ", covariates at their means" if parameter == "intercept" and self.centre else ""
        # Three digits, since those of the intercept come from the outcomes of everybody.
        return f"{prior.words(3)} (default{at})"

    def scale(self, term: str) -> float:
        """Size that an effect of a term has when it changes the linear predictor by a unit at a spread."""
        owner, base = base_name(term)
        return self.outcomes[owner].scale(base) if owner else self.unit / self.spread.get(term, 1.0)


def resolve(
    card: ModelCard, response: Response, blocks: Sequence[Block], spreads: Mapping[str, float] = MappingProxyType({})
) -> Priors:
    """
    Priors in force for a table.

    `response`: What was observed; rows without an outcome are not looked at. `spreads`: Spreads of covariates that are
    not those of these rows.

    References
    ----------
    Gelman A, Jakulin A, Pittau MG, Su YS. A weakly informative default prior distribution for logistic and other
    regression models. Annals of Applied Statistics 2008. https://doi.org/10.1214/08-AOAS191
    """
    level, unit = outcome_scale(response)
    covariates = {b.term.name: b.incidence.weight for b in blocks if b.incidence.weight is not None}
    spread = {name: spreads.get(name, covariate_spread(weight)) for name, weight in covariates.items()}
    linear = {b.term.name: float(covariates[b.term.name].mean()) for b in blocks if b.term.of_kind.slope}
    # Where nobody has an event, or everybody, the data bound one side only, and the prior the other.
    wide = COEFFICIENT_SD if _is_one_sided(response) else INTERCEPT_SD
    force = {"intercept": normal(level, wide * unit)}
    sigma = DEFAULT_ABOVE[card.outcome.link] * unit
    for block in blocks:
        name, by = block.term.name, spread.get(block.term.name, 1.0)
        for coefficient in block.term.coefficients:
            force[coefficient] = normal(0.0, COEFFICIENT_SD * unit / by)
        for of in block.term.hyperparameters:
            force[f"{name}.{of.name}"] = of.prior or complexity(sigma / by)
    for own in card.outcome.family.parameters:
        if not own.dispersed or f"outcome.{own.name}" not in card.priors:
            force[f"outcome.{own.prior_on}"] = own.prior.scaled(own.unit(level, unit))
    for parameter, prior in card.priors.items():
        if parameter.endswith(".precision"):
            force.pop(f"{parameter.removesuffix('.precision')}.sigma", None)
        force[parameter] = prior
    stated = frozenset(card.priors)
    return Priors(force, stated, level, unit, {} if "intercept" in stated else linear, spread)


def resolve_joint(card: ModelCard, responses: Sequence[Response], blocks: Sequence[Block]) -> Priors:
    """
    Priors in force for a table of several outcomes.

    Defaults of what outcomes share are measured in the first of them, of a shared component in the first whose loading
    is fixed; its covariate has one spread in all of them.
    """
    spreads = _spreads(card, responses, blocks)
    found: dict[str, Priors] = {}
    for k, (outcome, response) in enumerate(zip(card.outcomes, responses, strict=True)):
        own = [replace(b, term=replace(b.term, name=b.base)) for b in blocks if b.outcome == k]
        seen = response.observed
        found[outcome.name] = resolve(
            card.only(outcome.name), response.rows(seen), [b.rows(seen) for b in own], spreads
        )
    force: dict[str, Prior] = {}
    owners: dict[str, Term] = {}
    for term in card.terms:
        names = [*term.coefficients, *term.parameters, f"{term.name}.precision"]
        owners |= dict.fromkeys(names, term)
    for name, priors in found.items():
        for parameter, prior in priors.force.items():
            of = owners.get(parameter)
            if of is None or _is_apart(of, parameter):
                force[of_outcome(name, parameter)] = prior
            elif name == reference_outcome(of):
                force[parameter] = prior
    for term in card.terms:
        unit = found[reference_outcome(term)].unit
        if term.across == "correlated":
            force[f"{term.name}.correlation"] = card.priors.get(f"{term.name}.correlation", UNCORRELATED)
        for name in term.estimated:
            default = _LOADINGS[str(dict(term.loadings)[name])].scaled(found[name].unit / unit)
            force[of_outcome(name, f"{term.name}.loading")] = card.priors.get(f"{term.name}.loading", default)
    first = next(iter(found.values()))
    return replace(first, force=force, stated=frozenset(card.priors), outcomes=found)


UNCORRELATED: Final = Prior("LKJ", {"eta": 2.0})
"""Default of correlations between outcomes: none of them is likelier, and the extremes are least likely."""

_LOADINGS: Final = {"estimated": normal(0.0, 1.0), "positive": Prior("HalfNormal", {"sd": 1.0})}
"""Default of a loading, relative to that which is fixed."""


def reference_outcome(term: Term) -> str:
    """Outcome in whose unit what outcomes share is measured: the first whose loading is fixed, or the first."""
    fixed = [name for name, loading in term.loadings if not isinstance(loading, str)]
    return fixed[0] if fixed else term.outcomes[0]


def _is_apart(term: Term, parameter: str) -> bool:
    last = parameter.removeprefix(term.name).removeprefix(".")
    return {"precision": "sigma"}.get(last, last) in term.apart


def _spreads(card: ModelCard, responses: Sequence[Response], blocks: Sequence[Block]) -> dict[str, float]:
    """Spread of each covariate over the rows in which any outcome that its term acts on is known."""
    out = {}
    for term in card.terms:
        own = [b for b in blocks if b.base == term.name]
        if own[0].incidence.weight is not None:
            seen = np.any([responses[b.outcome].observed for b in own], axis=0)
            out[term.name] = covariate_spread(own[0].incidence.weight[seen])
    return out


def _is_one_sided(response: Response) -> bool:
    if not response.outcome.family.counts:
        return False
    seen = np.isfinite(response.value)
    value = response.value[seen]
    trials = np.ones(len(value)) if response.trials is None else response.trials[seen]
    return not value.any() or (response.outcome.link == "logit" and bool((value == trials).all()))


def outcome_scale(response: Response) -> tuple[float, float]:
    """
    Mean of an outcome on the scale of its link, and the unit there.

    Returns: log of all events an expected event or unit of exposure, logit of the pooled proportion (half an event
    keeps tables without events, or with nothing else, finite), mean, or mean logarithm; and the unit.
    """
    family = response.outcome.family
    seen = np.isfinite(response.value)
    value, offset = response.value[seen], response.offset[seen]
    if not len(value):
        return 0.0, 1.0
    if family.link == "identity":
        measured = family.on_link(value)
        level = float(measured.mean())
        unit = _deviation(measured) * np.sqrt(len(measured) / max(len(measured) - 1, 1))
        if not unit > _NONE * abs(level):
            # Without spread the outcome's size is the only unit there is; a logarithm has one of its own.
            unit = abs(level) if not family.logged and level != 0.0 else 1.0
        return level, unit
    if not family.counts:
        return float(np.log(value.mean() / np.exp(offset).mean())), 1.0
    if family.link == "log":
        return float(np.log(value.sum() + 0.5) - np.log(np.exp(offset).sum())), 1.0
    trials = np.ones(len(value)) if response.trials is None else response.trials[seen]
    return float(np.log(value.sum() + 0.5) - np.log(trials.sum() - value.sum() + 0.5)), 1.0


def covariate_spread(weight: Float) -> float:
    """
    Spread of a covariate: what a default prior takes as one step of it. Shapes: weight (n_row,).

    Returns: the difference of its values if there are two (a factor coded 0 and 1 is a factor), else the standard
    deviation; never zero.
    """
    low, high = float(weight.min()), float(weight.max())
    spread = high - low if _is_binary(weight) else _deviation(weight)
    return spread if spread > _NONE * max(abs(low), abs(high)) else max(abs(low), abs(high)) or 1.0


def is_constant(weight: Float) -> bool:
    """
    Whether a covariate is the same everywhere, or differs by rounding only.

    Shapes: weight (n_row,).

    Returns: true where its standard deviation is no more than a ten-millionth of its largest value.

    Examples
    --------
    >>> is_constant(np.full(1000, 14.62)), is_constant(np.array([2013.0, 2014.0]))
    (True, False)
    """
    if not len(weight):
        return False
    return not _deviation(weight) > CONSTANT * float(np.abs(weight).max())


def _deviation(value: Float) -> float:
    """Standard deviation, of numbers whose squares have no room as well."""
    top = float(np.abs(value).max())
    return float((value / top).std()) * top if top > 0.0 else 0.0


def _is_binary(weight: Float) -> bool:
    return bool(np.isin(weight, (weight.min(), weight.max())).all())


def pivoted(block: Block, stated: bool, seen: NDArray[np.bool_]) -> Block:
    """
    Let the slopes of a term with `times`, on whose priors the card is silent, cross where the covariate has its mean.

    Slopes that cross where a covariate is zero give levels that lie far apart where its values are, by the distance
    from zero: for a calendar year, two thousand slopes. A covariate of two values, such as treated or not, has its
    effect on top of the lower one. Where the card states the term's prior, or standardises, nothing is changed.

    Shapes: seen (n_row,).

    `stated`: Whether the card states the term's prior.
    """
    weight = block.incidence.weight
    if weight is None or block.term.of_kind.slope or block.term.standardise or stated:
        return block
    known = weight[seen]
    if not len(known):
        return block
    pivot = float(known.min() if _is_binary(known) else known.mean())
    incidence = block.incidence.weighted(weight - pivot)
    return replace(block, incidence=incidence, centre=block.centre + pivot * block.spread)


def states(card: ModelCard, term: Term) -> bool:
    """Whether a card states the prior of a term's effects."""
    own = f"{term.name}.sigma" if term.of_kind.is_random else term.name
    return own in card.priors or f"{term.name}.precision" in card.priors


def write_priors(priors: Priors) -> str:
    """Text of the priors in force, as a posterior keeps it in `attrs["priors"]`."""
    return json.dumps(_as_record(priors))


def _as_record(priors: Priors) -> dict[str, Any]:
    force = {
        name: {"dist": prior.distribution, **prior.parameters, "stated": name in priors.stated}
        for name, prior in priors.force.items()
    }
    scale = {"level": priors.level, "unit": priors.unit, "centre": dict(priors.centre), "spread": dict(priors.spread)}
    outcomes = {name: _as_record(of) for name, of in priors.outcomes.items()}
    return {"force": force, **scale, **({"outcomes": outcomes} if outcomes else {})}


def _from_record(raw: Mapping[str, Any]) -> Priors:
    force = {name: dict(spec) for name, spec in raw["force"].items()}
    stated = frozenset(name for name, spec in force.items() if spec.pop("stated"))
    found = {name: named(spec.pop("dist"), name.rpartition(".")[2], spec) for name, spec in force.items()}
    outcomes = {name: _from_record(of) for name, of in raw.get("outcomes", {}).items()}
    return Priors(found, stated, float(raw["level"]), float(raw["unit"]), raw["centre"], raw["spread"], outcomes)


def read_priors(text: str) -> Priors:
    """Priors in force from what a posterior keeps."""
    try:
        return _from_record(json.loads(text))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise PosteriorError(
            f"the record of priors cannot be read ({error!r}); the file was altered or was not written by bayesineq"
        ) from None
