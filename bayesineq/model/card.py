"""Model cards: the declarative model and its documentation in one frozen value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from html import escape
from types import MappingProxyType
from typing import Literal

from bayesineq.dims import MoreIs
from bayesineq.errors import CardError
from bayesineq.model.adjusters import adjusters_by_name
from bayesineq.model.families import FAMILIES, Family
from bayesineq.model.families.family import Link
from bayesineq.model.kinds import KINDS, Hyperparameter, Kind
from bayesineq.model.priors import Prior

type Across = Literal["apart", "same", "correlated", "shared"]


def of_outcome(outcome: str, parameter: str) -> str:
    """Name of a parameter that one of several outcomes has for itself."""
    return f"{outcome}:{parameter}"


def partial_name(term: str, first: str, second: str) -> str:
    """Name of the partial correlation of a term's effects on two outcomes, given those on the outcomes before."""
    return f"{term}.partial.{second}.{first}"


def base_name(parameter: str) -> tuple[str, str]:
    """Outcome that a parameter belongs to, empty for what all share, and its name there."""
    owner, colon, base = parameter.partition(":")
    return (owner, base) if colon else ("", parameter)


@dataclass(frozen=True, slots=True)
class Outcome:
    """
    What is explained, and its likelihood.

    Parameters
    ----------
    name : str
        Name for reports; the counted or measured column unless the card says otherwise.
    likelihood : str
        Name of the distribution of the outcome given its linear predictor: `bayesineq.model.families` has them all.
    columns : mapping of str to str
        Role to column. Roles: `count` (or `lower` and `upper` where counts are intervals) or `value`, and what the
        likelihood takes beside: `at_risk`, `expected`, `exposure`, `population`.
    plausible : (float, float), optional
        Range that holds nearly all of the prior predictive mean, on the scale of the response.
    more_is : {"worse", "better"}
        Polarity: whether a higher value is bad (disease, missed appointments) or good (checks done).
    """

    name: str
    likelihood: str
    columns: Mapping[str, str]
    plausible: tuple[float, float] | None = None
    more_is: MoreIs = "worse"

    @property
    def family(self) -> Family:
        """The likelihood itself."""
        return FAMILIES[self.likelihood]

    @property
    def link(self) -> Link:
        """Link of the mean: "logit", "log" or "identity"."""
        return self.family.link

    @property
    def weight_role(self) -> str | None:
        """Role of the column that weighs rows when they are averaged, None where every row counts as one."""
        return next((r for r in ("population", "at_risk", "expected", "exposure") if r in self.columns), None)

    @property
    def weighs_people(self) -> bool:
        """
        Whether that column, or the rows where there is none, counts people.

        Expected events and exposure do not, nor do rows that are published estimates with their errors.
        """
        if self.weight_role is None:
            return self.family.given != "standard_error"
        return self.weight_role not in {"expected", "exposure"}

    @property
    def counts_events(self) -> bool:
        """Whether a mean times its denominator is a number of events."""
        return self.family.counts


@dataclass(frozen=True, slots=True)
class Term:
    """
    One additive contribution to the linear predictor.

    Parameters
    ----------
    name : str
        Its name in the posterior.
    kind : str
        Name of its prior structure: `bayesineq.model.kinds` has them all.
    by : tuple of str
        Columns whose levels, crossed, have an effect each. For a linear term, its one covariate.
    reference : tuple, optional
        Level of each `by` column at which a fixed term is zero.
    standardise : bool
        Whether the covariate (of a linear term, or `times`) is centred and divided by its standard deviation.
    order : int
        Order of a random walk, 1 or 2.
    scale : bool
        Whether icar, bym2 and random-walk structures are scaled to a geometric mean variance of one.
    times : str, optional
        Covariate that multiplies the effect: a slope for each level. Of a linear term, the other covariate: the slope
        is that of their product.
    levels : tuple, optional
        All levels of the one `by` column in order, where the data may not hold them all.
    ordered : bool, optional
        Whether the levels of its columns have an order, first the most disadvantaged; None leaves it to the kind
        (walks step in order), the schema, `levels` and the table.
    chosen : tuple of (str, str)
        Key and word of what it holds under the keys that its kind alone takes.
    across : {"apart", "same", "correlated", "shared"}
        How its effects on several outcomes hang together: each on its own; one effect; a covariance D R D between
        outcomes at every level; or one component that each outcome loads.
    outcomes : tuple of str
        Outcomes that it acts on, in the card's order.
    loadings : tuple of (str, float or str)
        Of a shared component: each outcome's loading, a number, or "estimated" (of either sign) or "positive".
    """

    name: str
    kind: str
    by: tuple[str, ...]
    reference: tuple[object, ...] | None = None
    standardise: bool = False
    order: int = 1
    scale: bool = True
    times: str | None = None
    levels: tuple[object, ...] | None = None
    ordered: bool | None = None
    chosen: tuple[tuple[str, str], ...] = ()
    across: Across = "apart"
    outcomes: tuple[str, ...] = ()
    loadings: tuple[tuple[str, float | str], ...] = ()

    @property
    def of_kind(self) -> Kind:
        """All that is known of its kind."""
        return KINDS[self.kind]

    @property
    def hyperparameters(self) -> tuple[Hyperparameter, ...]:
        """Its hyperparameters: those of its kind, and those of what it chooses."""
        return (*self.of_kind.parameters, *self.of_kind.shaped(self))

    @property
    def steps(self) -> tuple[str, ...]:
        """Columns over which it steps from each level to the next."""
        return self.by[-1:] if self.of_kind.stepped else ()

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of its hyperparameters, such as `place.sigma`."""
        return tuple(f"{self.name}.{of.name}" for of in self.hyperparameters)

    @property
    def coefficients(self) -> tuple[str, ...]:
        """Names of the priors of its coefficients: its own, or that of its trend."""
        return tuple(f"{self.name}.{of}" if of else self.name for of in self.of_kind.coefficients(self))

    @property
    def covariate(self) -> str | None:
        """Column that multiplies the effect, None where the effect enters as it is."""
        return self.by[0] if self.of_kind.slope else self.times

    @property
    def covariates(self) -> tuple[str, ...]:
        """Columns whose product multiplies the effect: two for an interaction of covariates."""
        if self.of_kind.slope and self.times:
            return (self.by[0], self.times)
        return () if self.covariate is None else (self.covariate,)

    @property
    def dims(self) -> tuple[str, ...]:
        """Dimensions of the effect: none for a linear term."""
        return () if self.of_kind.slope else self.by

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that it reads: its own, and what multiplies it."""
        return (*self.by, *((self.times,) if self.times else ()))

    @property
    def apart(self) -> tuple[str, ...]:
        """Last parts of the names of the parameters that each outcome has for itself; empty for its coefficients."""
        scales = [of.name for of in self.hyperparameters if self.across == "apart" or of.like != "rho"]
        own = {"apart": [*self.of_kind.coefficients(self), *scales], "same": [], "shared": []}
        return tuple(own.get(self.across, [*self.of_kind.coefficients(self), *scales]))

    @property
    def estimated(self) -> tuple[str, ...]:
        """Outcomes whose loading of a shared component is a parameter."""
        return tuple(name for name, loading in self.loadings if isinstance(loading, str))

    @property
    def is_spatial(self) -> bool:
        """Whether the term needs an adjacency."""
        return self.of_kind.spatial


@dataclass(frozen=True, slots=True)
class MembersOf:
    """
    Of what the rows of a table are weighted means: a practice of the areas where its patients live.

    Parameters
    ----------
    row, member : str
        Columns that name a row (practice) and a member (area), in the table of weights and in those of either.
    weight : str
        Column of the table of weights: patients of the row who are of the member.
    total : str, optional
        Column of the rows' table that the weights of a row must add up to: its list.
    """

    row: str
    member: str
    weight: str
    total: str | None = None


@dataclass(frozen=True, slots=True)
class ModelCard:
    """
    A model and its documentation.

    Parameters
    ----------
    name, question : str
        What the card is called and what it answers.
    table : str
        Schema of the table that it reads, in `data_schema/`; empty where its columns are your own.
    outcomes : tuple of Outcome
        What is explained: one, or several under `[outcomes.NAME]`.
    terms : tuple of Term
        Contributions to the linear predictor, beside the intercept.
    priors : mapping of str to Prior
        What the card states, by parameter: `intercept`, `TERM`, `TERM.sigma`, `TERM.precision`, `outcome.sigma`, ...
        Where it is silent, defaults follow from the table (`bayesineq.design.priors`). With several outcomes the name
        of what each has for itself begins with it: `OUTCOME:TERM.sigma`.
    limits : mapping of str to float
        What a fit must reach to be trusted: `rhat`, `ess_bulk`.
    intended, not_for : str
        What the answer may and may not be used for.
    references : tuple of mapping
        `cite` and `doi` or `url` of what the model rests on.
    source : str
        The TOML text.
    latent : mapping of str to str
        Column of a term that the table does not hold, to the column that was recorded in its place: each row is then
        a mixture over the levels of the former (`bayesineq.design.mixture`).
    members : MembersOf, optional
        Of what each row is a weighted mean, where it is one (`bayesineq.design.registers`).
    adjust : tuple of str, optional
        Columns of terms that are held equal when groups or areas are compared; None where the card does not say, see
        `adjusters`.
    """

    name: str
    question: str
    table: str
    outcomes: tuple[Outcome, ...]
    terms: tuple[Term, ...]
    priors: Mapping[str, Prior]
    limits: Mapping[str, float]
    intended: str = ""
    not_for: str = ""
    references: tuple[Mapping[str, str], ...] = ()
    source: str = ""
    latent: Mapping[str, str] = MappingProxyType({})
    adjust: tuple[str, ...] | None = None
    members: MembersOf | None = None

    def __repr__(self) -> str:
        terms = ", ".join(f"{term.name}: {term.kind}({', '.join(term.columns)})" for term in self.terms)
        outcomes = "; ".join(f"{of.name}, {of.likelihood}" for of in self.outcomes)
        return f"ModelCard({self.name}: {outcomes}; {terms})"

    def _repr_html_(self) -> str:
        import pandas as pd

        rows = [(term.name, term.kind, ", ".join(term.columns), self._stated(term.name)) for term in self.terms]
        rows = [("intercept", "", "", self._stated("intercept")), *rows, ("outcome", "", "", self._stated("outcome"))]
        table = pd.DataFrame(rows, columns=["term", "kind", "columns", "priors stated"])
        return f"<p>{escape(f'{self.name}: {self.question}')}</p>{table.to_html(index=False)}"

    def _stated(self, owner: str) -> str:
        """Priors that the card states of a term, in words."""
        own = {name: prior for name, prior in self.priors.items() if base_name(name)[1].partition(".")[0] == owner}
        return "; ".join(f"{name}: {prior}" for name, prior in own.items())

    @property
    def outcome(self) -> Outcome:
        """The card's outcome; a card of several has no one."""
        if len(self.outcomes) > 1:
            raise CardError(self._several())
        return self.outcomes[0]

    def _several(self) -> str:
        names = [of.name for of in self.outcomes]
        return f"card {self.name!r} has several outcomes, {names}; say which, as outcome={names[0]!r}"

    @property
    def is_joint(self) -> bool:
        """Whether it explains several outcomes together."""
        return len(self.outcomes) > 1

    def only(self, outcome: str) -> ModelCard:
        """
        The card of one of its outcomes.

        Parameters
        ----------
        outcome : str
            Its name.

        Returns
        -------
        ModelCard
            With that outcome and the terms that act on it, each on its own: what the outcome's predictor is made of.
            Loadings and correlations are left behind.

        Raises
        ------
        CardError
            If the card has no such outcome; it names those that there are.
        """
        found = [of for of in self.outcomes if of.name == outcome]
        if not found:
            raise CardError(
                f"card {self.name!r} has no outcome {outcome!r}; it has {[of.name for of in self.outcomes]}"
            )
        if not self.is_joint:
            return self
        terms = tuple(
            replace(term, across="apart", outcomes=(), loadings=()) for term in self.terms if outcome in term.outcomes
        )
        known = {"intercept", *(f"outcome.{own}" for own in (*found[0].family.own, "dispersion", "precision"))}
        for term in terms:
            known |= {*term.coefficients, *term.parameters, f"{term.name}.precision"}
        priors = {}
        for name, prior in self.priors.items():
            owner, base = base_name(name)
            if owner in ("", outcome) and base in known:
                priors[base] = prior
        return replace(self, outcomes=(found[0],), terms=terms, priors=priors)

    def term(self, name: str) -> Term:
        """
        Term of that name.

        Parameters
        ----------
        name : str
            As on the card.

        Returns
        -------
        Term
            The term.

        Raises
        ------
        CardError
            If the card has none of that name.
        """
        for term in self.terms:
            if term.name == name:
                return term
        raise CardError(f"card {self.name!r} has no term {name!r}; it has {[t.name for t in self.terms]}")

    def variable(self, term: str) -> str:
        """
        Name of a term's effect in a posterior.

        Parameters
        ----------
        term : str
            Name of a term.

        Returns
        -------
        str
            The term's name, or `TERM.effect` where a dimension has that name too: a dataset cannot hold both.
        """
        return f"{term}.effect" if term in self.dims else term

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that the card reads, each once; for a latent one the column that was recorded in its place."""
        read = [column for of in self.outcomes for column in of.columns.values()]
        for term in self.terms:
            read += term.columns
        return tuple(dict.fromkeys(self.latent.get(name, name) for name in read))

    @property
    def dims(self) -> tuple[str, ...]:
        """Every dimension of the card's effects, each once."""
        return tuple(dict.fromkeys(dim for term in self.terms for dim in term.dims))

    @property
    def adjusters(self) -> tuple[str, ...]:
        """Columns held equal in a comparison: those of `adjust`; where it is silent, age and sex by their names."""
        return self.adjust if self.adjust is not None else adjusters_by_name(self.terms)

    @property
    def covariates(self) -> tuple[str, ...]:
        """Every covariate column, each once."""
        return tuple(dict.fromkeys(name for term in self.terms for name in term.covariates))
