"""A table seen through a card: what each row says and which effects it holds, as arrays."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from html import escape
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_array

from bayesineq.design.incidence import Incidence
from bayesineq.design.levels import find_levels, positions
from bayesineq.design.members import Members
from bayesineq.design.places import Places, places_of
from bayesineq.design.predicted import what_is_predicted
from bayesineq.design.priors import Priors, is_constant, pivoted, resolve, resolve_joint, states
from bayesineq.design.response import Response, lacking_columns, number, read_responses, rows_in_words
from bayesineq.design.sense import questions
from bayesineq.dims import POPULATION
from bayesineq.errors import DesignError
from bayesineq.model.card import ModelCard, Term, base_name, of_outcome
from bayesineq.model.kinds import Coefficients, Part, Seen
from bayesineq.model.priors import Prior
from bayesineq.space.adjacency import Adjacency

__all__ = ["Block", "Design", "Incidence", "Response", "design"]

_SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class Block:
    """
    One term seen through the table.

    Parameters
    ----------
    term : Term
        The card's term.
    dims : tuple of str
        Dimensions of the effect; none for a linear term.
    levels : tuple of ndarray
        Coordinate values of each dimension.
    incidence : Incidence
        Which effects each row reads: positions in the crossed levels, last dimension fastest; and the covariate that
        multiplies them, standardised if the card says so.
    centre, spread : float
        What was subtracted from the covariate and what it was divided by.
    reference : int, optional
        Position of the level of a fixed term at which the effect is zero.
    outcome : int
        Position of the outcome whose rows it is on. With several outcomes a term has a block for each that it acts on,
        whose term is named `OUTCOME:TERM`; rows are those of the outcome alone.
    unit : float
        What multiplies an effect that outcomes share where this one reads it; other than one in engines' units only.
    """

    term: Term
    dims: tuple[str, ...]
    levels: tuple[NDArray[np.generic], ...]
    incidence: Incidence
    centre: float
    spread: float
    reference: int | None
    outcome: int = 0
    unit: float = 1.0

    @property
    def base(self) -> str:
        """Name of the term on the card."""
        return base_name(self.term.name)[1]

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of levels of each dimension."""
        return tuple(len(level) for level in self.levels)

    @property
    def size(self) -> int:
        """Number of effects, the reference level included; 1 for a linear term."""
        return int(np.prod(self.shape, dtype=np.int64))

    def parts(self, graph: Adjacency | None) -> tuple[Part | Coefficients, ...]:
        """
        What the effect is the sum of.

        Parameters
        ----------
        graph : Adjacency, optional
            Graph of spatial terms.

        Returns
        -------
        tuple of Part or Coefficients
            Summands, in the order in which engines and prior draws take them.

        Raises
        ------
        DesignError
            If the term is spatial and there is no graph.
        """
        if self.term.is_spatial and graph is None:
            raise DesignError(f"term {self.term.name!r} is spatial and the design has no adjacency; build it with one")
        return self.term.of_kind.parts(self.term, Seen(self.shape, self.reference, graph))

    def rows(self, at: NDArray[np.bool_] | NDArray[np.integer]) -> Block:
        """
        The term on some of the rows.

        Parameters
        ----------
        at : ndarray of bool, shape (n_row,)
            Which.

        Returns
        -------
        Block
            With the same levels, on those rows alone.
        """
        return replace(self, incidence=self.incidence.rows(at))


@dataclass(frozen=True, slots=True)
class Design:
    """
    Everything that an engine needs.

    Parameters
    ----------
    card : ModelCard
        The model.
    responses : tuple of Response
        What was observed of each of the card's outcomes, a row a cell; rows of the design are theirs in turn.
    blocks : tuple of Block
        The card's terms in its order.
    adjacency : Adjacency, optional
        Graph whose areas are the levels of every spatial term, in the same order.
    population : DataFrame
        Columns of the card's dimensions (categorical) and covariates, and `population`: the weight of
        each row when rows are averaged (at risk, expected, exposure, or 1).
    sha256 : str
        Digest of the columns that the card reads.
    priors : Priors
        The priors in force: the card's, and defaults for this table where it is silent.
    ordered : frozenset of str
        Dimensions whose order was declared (`bayesineq.design.order.is_declared`).
    notes : tuple of str
        What a reader of the fit must know: rows without an outcome, areas without rows, levels that nobody has.
    members : Members, optional
        What the rows are made up of, where their means are weighted sums of means. The response is then a row a cell,
        and blocks and population a row a member: its population is how many people are expected in it.
    places : Places, optional
        Areas of the rows and who borders whom, where no term of the card is spatial and neighbours were given all the
        same: whether the card should have one can then be told.
    """

    card: ModelCard
    responses: tuple[Response, ...]
    blocks: tuple[Block, ...]
    adjacency: Adjacency | None
    population: pd.DataFrame
    sha256: str
    priors: Priors
    ordered: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()
    members: Members | None = None
    places: Places | None = None

    def __len__(self) -> int:
        return sum(len(response.value) for response in self.responses)

    @property
    def is_joint(self) -> bool:
        """Whether it has several outcomes."""
        return len(self.responses) > 1

    def only(self, outcome: int) -> Design:
        """
        The design of one of several outcomes, with its rows and the terms that act on it, each on its own.

        Parameters
        ----------
        outcome : int
            Its position.

        Returns
        -------
        Design
            As if the card had that outcome alone; itself where it has.
        """
        if not self.is_joint:
            return self
        name = self.card.outcomes[outcome].name
        return replace(
            self,
            card=self.card.only(name),
            responses=(self.responses[outcome],),
            blocks=tuple(
                replace(block, term=replace(block.term, name=block.base), outcome=0)
                for block in self.blocks
                if block.outcome == outcome
            ),
            population=self.population[self.outcome_of_row == outcome].reset_index(drop=True),
            priors=self.priors.outcomes[name],
            places=None if self.places is None else self.places.rows(self.outcome_of_row == outcome),
        )

    @property
    def response(self) -> Response:
        """What was observed, where the card has one outcome."""
        if len(self.responses) > 1:
            raise DesignError(
                f"card {self.card.name!r} has several outcomes, {[of.name for of in self.card.outcomes]}; ask "
                "design.responses for each, or take the design of one, design.only(0)"
            )
        return self.responses[0]

    @property
    def outcome_of_row(self) -> NDArray[np.int64]:
        """Position of each row's outcome among those of the card, shape (n_row,)."""
        return np.repeat(np.arange(len(self.responses)), [len(response.value) for response in self.responses])

    def __repr__(self) -> str:
        terms = ", ".join(f"{b.term.name}: {b.term.kind}{list(b.shape)}" for b in self.blocks)
        return f"Design({self.card.name}: {len(self)} rows; {terms})"

    def _repr_html_(self) -> str:
        levels = {block.term.name: str(list(block.shape)) for block in self.blocks}
        owners = {name: name if name in levels else name.rpartition(".")[0] for name in self.priors.force}
        rows = [
            (name, levels.get(owners[name], ""), self.priors.said(name))
            for name in sorted(owners, key=lambda name: [*levels].index(owners[name]) if owners[name] in levels else -1)
        ]
        table = pd.DataFrame(rows, columns=["parameter", "levels of its term", "prior in force"])
        notes = "".join(f"<p>{escape(note)}</p>" for note in self.notes)
        return f"<p>{escape(self.card.name)}: {len(self):,} rows</p>{table.to_html(index=False)}{notes}"

    def prior(self, parameter: str) -> Prior:
        """
        Prior in force of a parameter.

        Parameters
        ----------
        parameter : str
            Its name, as in `Priors`.

        Returns
        -------
        Prior
            The card's, or the default for this table; that of an intercept holds at covariates' means, `priors.centre`.
        """
        return self.priors[parameter]

    def reading(self, term: str, shares: csr_array) -> Design:
        """
        The design with rows that read several levels of a term: a register's areas, by the share of its people.

        Parameters
        ----------
        term : str
            Name of the term.
        shares : csr_array, shape (n_row, n_effect)
            What each row takes of each effect, levels crossed with the last dimension fastest.

        Returns
        -------
        Design
            With these in place of the one level that the table names in each row; a covariate still multiplies them.

        Raises
        ------
        DesignError
            If there is no such term, or shares are not of its shape or not finite.
        """
        known = {block.term.name: block for block in self.blocks}
        if term not in known:
            raise DesignError(f"card {self.card.name!r} has no term {term!r}; it has {list(known)}")
        block, wanted = known[term], (len(self), known[term].size)
        if shares.shape != wanted or not np.isfinite(shares.data).all():
            raise DesignError(f"shares of term {term!r} are of shape {shares.shape}, or not finite; give {wanted}")
        incidence = Incidence(block.size, None, block.incidence.weight, csr_array(shares))
        blocks = tuple(replace(b, incidence=incidence) if b is block else b for b in self.blocks)
        return replace(self, blocks=blocks)

    def by_member(self) -> Design:
        """
        The design with a row a member, each with its expected share of what was observed.

        Returns
        -------
        Design
            What averages over a posterior are taken over; itself where rows have no members.
        """
        if self.members is None:
            return self
        at, share, response = self.members.row, self.members.weight.mean(axis=0), self.response
        trials = None if response.trials is None else response.trials[at] * share
        spread = replace(response, value=response.value[at] * share, trials=trials, offset=response.offset[at])
        return replace(self, responses=(replace(spread, lower=None, upper=None),), members=None)

    def known(self) -> Design:
        """
        The design on the rows that have an outcome: what an engine learns from.

        Returns
        -------
        Design
            With all levels, so that those of other rows get their effects too; itself where every row has one.
        """
        at = np.concatenate([response.observed for response in self.responses])
        if at.all():
            return self
        of = [response.observed for response in self.responses]
        return replace(
            self,
            responses=tuple(response.rows(response.observed) for response in self.responses),
            blocks=tuple(block.rows(of[block.outcome]) for block in self.blocks),
            population=self.population[at].reset_index(drop=True),
            places=None if self.places is None else self.places.rows(at),
        )


def design(
    table: pd.DataFrame,
    card: ModelCard,
    *,
    adjacency: Adjacency | None = None,
    weights: pd.DataFrame | None = None,
    areas: pd.DataFrame | None = None,
) -> Design:
    """
    See a table through a card.

    Parameters
    ----------
    table : DataFrame
        Checked rows; must hold every column that the card names. A row may lack its outcome (count, value, or both
        ends of an interval): it is predicted from the others, and all else of it must be there.
    card : ModelCard
        The model.
    adjacency : Adjacency, optional
        Neighbours; needed where the card has a spatial term. It must hold every area of the table; areas that have no
        rows get their effects from their neighbours. Of a card without a spatial term and a table with a column of
        areas, `diagnose` then tells whether it should have one.
    weights : DataFrame, optional
        Where the card has a section `[members]`, and each row is a weighted mean over members (a practice, over the
        areas where its patients live): a row a pair, with the columns that the section names.
    areas : DataFrame, optional
        Those members, a row each, with the card's columns that are theirs; by default those of `weights`, with none.

    Returns
    -------
    Design
        Arrays for the engines; nothing of `table` is changed. Attribute `notes` says what is predicted.

    Raises
    ------
    DesignError
        With every reason why the table does not fit the card.

    Examples
    --------
    >>> from bayesineq import example, read_card
    >>> study = design(example().table, read_card("prevalence"), adjacency=example().adjacency)
    >>> [(block.term.name, block.shape) for block in study.blocks][1:3]
    [('deprivation', (10,)), ('ethnicity', (3,))]
    """
    if card.members is not None:
        from bayesineq.design.registers import registers

        return registers(table, card, weights, areas, adjacency=adjacency)
    if weights is not None or areas is not None:
        raise DesignError(
            f"card {card.name!r} has no section [members], so that its rows have no weights; leave out `weights` and "
            "`areas`, or state of what the rows are weighted means"
        )
    if card.latent:
        raise DesignError(
            f"card {card.name!r} has the latent column {', '.join(card.latent)}: each row is a mixture; "
            "build it with bayesineq.design.mixture.mixture() and the weights of its levels"
        )
    missing = [column for column in card.columns if column not in table.columns]
    if missing:
        raise DesignError(
            f"card {card.name!r} reads columns that the table lacks: {missing}; the table has {list(table.columns)}"
        )
    if table.empty:
        raise DesignError(f"the table for card {card.name!r} has no rows; check the file and its filters")
    wrong: list[str] = []
    may_lack = {column for outcome in card.outcomes for column in lacking_columns(outcome, card)}
    for column in card.columns:
        _check_missing(table[column], column, wrong, may_lack=column in may_lack)
    responses, said = read_responses(table, card, wrong)
    levels, ordered = _levels(table, card, adjacency, wrong)
    if wrong:
        raise DesignError(_message(card, wrong))
    codes = {dim: _codes(table[dim], dim, levels[dim], wrong) for dim in card.dims}
    blocks = tuple(
        block for term in card.terms for block in _blocks(table, term, levels, codes, responses, card, wrong)
    )
    if wrong:
        raise DesignError(_message(card, wrong))
    return Design(
        card=card,
        responses=responses,
        blocks=blocks,
        adjacency=adjacency if any(t.is_spatial for t in card.terms) else None,
        population=_population(table, card, responses, levels, codes),
        sha256=_digest(table[list(card.columns)]),
        priors=resolve_joint(card, responses, blocks) if card.is_joint else _priors(card, responses[0], blocks),
        ordered=frozenset(ordered),
        notes=(*said, *questions(table, card, responses), *_predicted(card, responses, blocks)),
        places=places_of(table, card, adjacency),
    )


def _levels(
    table: pd.DataFrame, card: ModelCard, adjacency: Adjacency | None, wrong: list[str]
) -> tuple[dict[str, NDArray[np.generic]], set[str]]:
    """Levels of every dimension, and those whose order was declared."""
    levels: dict[str, NDArray[np.generic]] = {}
    ordered: set[str] = set()
    spatial = {term.by[0] for term in card.terms if term.is_spatial}
    for dim in card.dims:
        if dim in spatial and adjacency is not None:
            _check_areas(table[dim], dim, adjacency, wrong)
            levels[dim] = adjacency.areas
            continue
        levels[dim], known = find_levels(table[dim], dim, card, wrong)
        ordered |= {dim} if known else set()
    if any(t.is_spatial for t in card.terms) and adjacency is None:
        names = [t.name for t in card.terms if t.is_spatial]
        wrong.append(f"terms {names} are spatial; pass adjacency= (bayesineq.contiguity, or an edge list)")
    return levels, ordered


def _priors(card: ModelCard, response: Response, blocks: tuple[Block, ...]) -> Priors:
    seen = response.observed
    return resolve(card, response.rows(seen), [block.rows(seen) for block in blocks])


def _predicted(card: ModelCard, responses: tuple[Response, ...], blocks: tuple[Block, ...]) -> list[str]:
    if not card.is_joint:
        return list(what_is_predicted(responses[0], blocks))
    said = []
    for k, (outcome, response) in enumerate(zip(card.outcomes, responses, strict=True)):
        own = tuple(block for block in blocks if block.outcome == k)
        said += [f"outcome {outcome.name!r}: {line}" for line in what_is_predicted(response, own)]
    return said


def _blocks(
    table: pd.DataFrame,
    term: Term,
    levels: dict[str, NDArray[np.generic]],
    codes: dict[str, NDArray[np.int32]],
    responses: tuple[Response, ...],
    card: ModelCard,
    wrong: list[str],
) -> list[Block]:
    """A term on the rows of each outcome that it acts on; its covariate is measured alike in all of them."""
    if not card.is_joint:
        response = responses[0]
        block = _block(table, term, levels, codes, (response.observed, response.informative), wrong)
        return [pivoted(block, states(card, term), response.observed)]
    names = [outcome.name for outcome in card.outcomes]
    acts_on = [names.index(name) for name in term.outcomes]
    observed = np.any([responses[k].observed for k in acts_on], axis=0)
    informative = np.any([responses[k].informative for k in acts_on], axis=0)
    stated = states(card, term) or any(
        states(card, replace(term, name=of_outcome(name, term.name))) for name in term.outcomes
    )
    out = []
    for k in acts_on:
        named = replace(term, name=of_outcome(names[k], term.name))
        masks = observed, responses[k].informative if term.across == "apart" else informative
        block = _block(table, named, levels, codes, masks, wrong)
        out.append(replace(pivoted(block, stated, observed), outcome=k))
    return out


def _message(card: ModelCard, wrong: list[str]) -> str:
    problems = "\n".join(f"  - {w}" for w in wrong)
    return f"the table does not fit card {card.name!r} ({len(wrong)} problems):\n{problems}"


def _check_missing(column: pd.Series, name: str, wrong: list[str], *, may_lack: bool) -> None:
    bad = column.isna() & (not may_lack)
    if pd.api.types.is_numeric_dtype(column):
        bad |= np.isinf(column.to_numpy(dtype=float, na_value=np.nan))
    if bad.any():
        wrong.append(
            f"column {name!r} is missing or infinite in {rows_in_words(bad)}; complete these rows or leave them out"
        )


def _check_areas(column: pd.Series, dim: str, adjacency: Adjacency, wrong: list[str]) -> None:
    in_table, in_graph = pd.Index(column.dropna().astype(str).unique()), pd.Index(adjacency.areas)
    if len(only := in_table.difference(in_graph)):
        wrong.append(
            f"{len(only)} areas of the table are not in the adjacency ({dim}: {list(only[:_SHOWN])}); use boundaries "
            "of the same vintage and extent"
        )


def _codes(column: pd.Series, dim: str, levels: NDArray[np.generic], wrong: list[str]) -> NDArray[np.int32]:
    codes = positions(column, levels)
    if (bad := codes < 0).any():
        unknown = list(pd.unique(column[bad])[:_SHOWN])
        wrong.append(f"column {dim!r} holds {unknown} in {rows_in_words(bad)}; its levels are {levels[:20].tolist()}")
    return codes


def _block(
    table: pd.DataFrame,
    term: Term,
    levels: dict[str, NDArray[np.generic]],
    codes: dict[str, NDArray[np.int32]],
    masks: tuple[NDArray[np.bool_], NDArray[np.bool_]],
    wrong: list[str],
) -> Block:
    """`masks`: Rows with an outcome, and those whose outcome says something."""
    shape = tuple(len(levels[d]) for d in term.dims)
    index = np.ravel_multi_index([codes[d].clip(0) for d in term.dims], shape).astype(np.int32) if shape else None
    weight, centre, spread = None, 0.0, 1.0
    if term.covariate is not None:
        weight = np.prod([number(table, name, wrong) for name in term.covariates], axis=0)
        seen = weight[masks[0]]
        numeric = all(pd.api.types.is_numeric_dtype(table[name]) for name in term.covariates)
        if numeric and is_constant(seen):
            said = " times ".join(map(repr, term.covariates))
            wrong.append(
                f"term {term.name!r}: column {said} is constant ({seen[0]:.6g}, but for rounding) where the outcome is "
                "known, so it has no slope; remove the term"
            )
        elif term.standardise:
            centre, spread = float(seen.mean()), float(seen.std())
        weight = (weight - centre) / spread
    if term.steps and shape[-1] <= term.order:
        wrong.append(f"term {term.name!r}: {term.dims[-1]!r} has {shape[-1]} levels, too few for a {term.kind}")
    return Block(
        term=term,
        dims=term.dims,
        levels=tuple(levels[d] for d in term.dims),
        incidence=Incidence(int(np.prod(shape, dtype=np.int64)), index, weight),
        centre=centre,
        spread=spread,
        reference=_reference(term, levels, shape, index, masks[1], wrong),
    )


def _reference(
    term: Term,
    levels: dict[str, NDArray[np.generic]],
    shape: tuple[int, ...],
    index: NDArray[np.int32] | None,
    informative: NDArray[np.bool_],
    wrong: list[str],
) -> int | None:
    if term.reference is None:
        return None
    position = []
    for dim, level in zip(term.dims, term.reference, strict=True):
        found = np.flatnonzero(levels[dim] == level)
        if not len(found):
            wrong.append(
                f"term {term.name!r}: reference {level!r} is not a level of {dim!r}; it has {levels[dim][:20].tolist()}"
            )
            return 0
        position.append(int(found[0]))
    place = int(np.ravel_multi_index(position, shape))
    held = np.bincount(index[informative], minlength=int(np.prod(shape))) if index is not None else np.ones(1)
    if index is not None and held.any() and not held[place]:
        most = np.unravel_index(int(held.argmax()), shape)
        best = [levels[dim][k].item() if levels[dim].dtype.kind in "if" else str(levels[dim][k])
                for dim, k in zip(term.dims, most, strict=True)]  # fmt: skip
        wrong.append(
            f"term {term.name!r}: nobody whose outcome is known is in its reference {list(term.reference)}, so that "
            f"nothing tells the intercept from its effects; take a level that people are in, such as {best}"
        )
    return place


def _population(
    table: pd.DataFrame,
    card: ModelCard,
    responses: tuple[Response, ...],
    levels: dict[str, NDArray[np.generic]],
    codes: dict[str, NDArray[np.int32]],
) -> pd.DataFrame:
    """Columns of every row and its weight, the rows of each outcome in turn."""
    columns: dict[str, object] = {d: pd.Categorical.from_codes(codes[d], pd.Index(levels[d])) for d in card.dims}
    columns |= {c: table[c].to_numpy(dtype=np.float64) for c in card.covariates if c not in columns}
    frames = []
    for outcome in card.outcomes:
        role = outcome.weight_role
        weight = np.ones(len(table)) if role is None else table[outcome.columns[role]].to_numpy(dtype=np.float64)
        # What nobody counted has no weight: it is predicted, and averages leave it out.
        frames.append(pd.DataFrame(columns | {POPULATION: np.nan_to_num(weight) if card.is_joint else weight}))
    return frames[0] if len(frames) == 1 else pd.concat(frames, ignore_index=True)


def _digest(table: pd.DataFrame) -> str:
    rows = pd.util.hash_pandas_object(table.astype(dict.fromkeys(table.select_dtypes("category"), str)), index=False)
    return hashlib.sha256("\x1f".join(table.columns).encode() + rows.to_numpy().tobytes()).hexdigest()
