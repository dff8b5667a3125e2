"""A table seen through a card: what each row says and which effects it holds, as arrays."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayesineq.design.card import ModelCard, Outcome, Prior, Term
from bayesineq.design.levels import find_levels, positions
from bayesineq.design.priors import Priors, pivoted, resolve
from bayesineq.dims import POPULATION
from bayesineq.errors import DesignError
from bayesineq.space.adjacency import Adjacency

_SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class Block:
    """
    One term seen through the table: a row's contribution is `weight * effect[index]`.

    Parameters
    ----------
    term : Term
        The card's term.
    dims : tuple of str
        Dimensions of the effect; none for a linear term.
    levels : tuple of ndarray
        Coordinate values of each dimension.
    index : ndarray of int32, shape (n_row,), optional
        Position of each row's level in the crossed levels, last dimension fastest; None for a linear term.
    weight : ndarray of float64, shape (n_row,), optional
        Covariate that multiplies the effect, standardised if the card says so; None means 1.
    centre, spread : float
        What was subtracted from the covariate and what it was divided by.
    reference : int, optional
        Position of the level of a fixed term at which the effect is zero.
    """

    term: Term
    dims: tuple[str, ...]
    levels: tuple[NDArray[np.generic], ...]
    index: NDArray[np.int32] | None
    weight: NDArray[np.float64] | None
    centre: float
    spread: float
    reference: int | None

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of levels of each dimension."""
        return tuple(len(level) for level in self.levels)

    @property
    def size(self) -> int:
        """Number of effects, the reference level included; 1 for a linear term."""
        return int(np.prod(self.shape, dtype=np.int64))


@dataclass(frozen=True, slots=True)
class Response:
    """
    What was observed.

    Parameters
    ----------
    outcome : Outcome
        The card's outcome.
    value : ndarray of float64, shape (n_row,)
        Count or measurement; the middle of the interval where counts are intervals.
    trials : ndarray of float64, shape (n_row,), optional
        People at risk, for binomial outcomes.
    offset : ndarray of float64, shape (n_row,)
        Logarithm of the expected count or exposure, else 0.
    lower, upper : ndarray of float64, shape (n_row,), optional
        Ends of counts known as intervals, both included; equal where the count is known.
    """

    outcome: Outcome
    value: NDArray[np.float64]
    trials: NDArray[np.float64] | None
    offset: NDArray[np.float64]
    lower: NDArray[np.float64] | None
    upper: NDArray[np.float64] | None


@dataclass(frozen=True, slots=True)
class Design:
    """
    Everything that an engine needs.

    Parameters
    ----------
    card : ModelCard
        The model.
    response : Response
        What was observed, a row a cell.
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
    """

    card: ModelCard
    response: Response
    blocks: tuple[Block, ...]
    adjacency: Adjacency | None
    population: pd.DataFrame
    sha256: str
    priors: Priors
    ordered: frozenset[str] = frozenset()

    def __len__(self) -> int:
        return len(self.response.value)

    def __repr__(self) -> str:
        terms = ", ".join(f"{b.term.name}: {b.term.kind}{list(b.shape)}" for b in self.blocks)
        return f"Design({self.card.name}: {len(self)} rows; {terms})"

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


def design(table: pd.DataFrame, card: ModelCard, *, adjacency: Adjacency | None = None) -> Design:
    """
    See a table through a card.

    Parameters
    ----------
    table : DataFrame
        Checked rows; must hold every column that the card names.
    card : ModelCard
        The model.
    adjacency : Adjacency, optional
        Neighbours; needed where the card has a spatial term. Its areas must be those of the table.

    Returns
    -------
    Design
        Arrays for the engines; nothing of `table` is changed.

    Raises
    ------
    DesignError
        With every reason why the table does not fit the card.
    """
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
    for column in card.columns:
        _check_missing(table[column], column, wrong)
    response = _response(table, card.outcome, wrong)
    levels: dict[str, NDArray[np.generic]] = {}
    ordered = set()
    areas = {term.by[0] for term in card.terms if term.is_spatial}
    for dim in card.dims:
        if dim in areas and adjacency is not None:
            _check_areas(table[dim], dim, adjacency, wrong)
            levels[dim] = adjacency.areas
            continue
        levels[dim], known = find_levels(table[dim], dim, card, wrong)
        ordered |= {dim} if known else set()
    if any(t.is_spatial for t in card.terms) and adjacency is None:
        names = [t.name for t in card.terms if t.is_spatial]
        wrong.append(f"terms {names} are spatial; pass adjacency= (bayesineq.contiguity, or an edge list)")
    if wrong:
        raise DesignError(_message(card, wrong))
    codes = {dim: _codes(table[dim], dim, levels[dim], wrong) for dim in card.dims}
    blocks = tuple(pivoted(_block(table, term, levels, codes, wrong), card) for term in card.terms)
    if wrong:
        raise DesignError(_message(card, wrong))
    return Design(
        card=card,
        response=response,
        blocks=blocks,
        adjacency=adjacency if any(t.is_spatial for t in card.terms) else None,
        population=_population(table, card, levels, codes),
        sha256=_digest(table[list(card.columns)]),
        priors=resolve(card, response, blocks),
        ordered=frozenset(ordered),
    )


def _message(card: ModelCard, wrong: list[str]) -> str:
    problems = "\n".join(f"  - {w}" for w in wrong)
    return f"the table does not fit card {card.name!r} ({len(wrong)} problems):\n{problems}"


def _rows(mask: NDArray[np.bool_] | pd.Series) -> str:
    at = np.flatnonzero(np.asarray(mask))
    shown = ", ".join(str(r) for r in at[:_SHOWN])
    return f"{len(at)} rows (counted from 0: {shown}{', ...' if len(at) > _SHOWN else ''})"


def _check_missing(column: pd.Series, name: str, wrong: list[str]) -> None:
    bad = column.isna()
    if pd.api.types.is_numeric_dtype(column):
        bad |= np.isinf(column.to_numpy(dtype=float, na_value=np.nan))
    if bad.any():
        wrong.append(f"column {name!r} is missing or infinite in {_rows(bad)}; complete these rows or leave them out")


def _number(table: pd.DataFrame, column: str, wrong: list[str]) -> NDArray[np.float64]:
    if not pd.api.types.is_numeric_dtype(table[column]):
        wrong.append(f"column {column!r} holds {table[column].dtype}, not numbers; read the table with bayesineq.check")
        return np.ones(len(table))
    return table[column].to_numpy(dtype=np.float64, na_value=np.nan)


def _response(table: pd.DataFrame, outcome: Outcome, wrong: list[str]) -> Response:
    role = {name: _number(table, column, wrong) for name, column in outcome.columns.items()}
    name = outcome.columns
    offset = np.zeros(len(table))
    for kind in ("expected", "exposure"):
        if kind in role:
            if (bad := role[kind] <= 0).any():
                wrong.append(
                    f"column {name[kind]!r} ({kind}) is not positive in {_rows(bad)}; such rows say nothing: "
                    "leave them out"
                )
            offset = np.log(np.where(role[kind] > 0, role[kind], 1.0))
    lower, upper = role.get("lower"), role.get("upper")
    if lower is not None and upper is not None:
        if (bad := lower > upper).any():
            wrong.append(f"column {name['lower']!r} is above {name['upper']!r} in {_rows(bad)}; swap the ends")
        value = (lower + upper) / 2
    else:
        value = role["count"] if "count" in role else role["value"]
    for part in ("count", "lower", "upper"):
        if part in role and (bad := (role[part] < 0) | (role[part] != np.floor(role[part]))).any():
            wrong.append(f"column {name[part]!r} is negative or fractional in {_rows(bad)}; counts are whole numbers")
    trials = role.get("at_risk")
    top = "upper" if upper is not None else "count"
    if trials is not None:
        if (bad := (trials < 0) | (trials != np.floor(trials))).any():
            wrong.append(f"column {name['at_risk']!r} is negative or fractional in {_rows(bad)}; give whole people")
        if (bad := role[top] > trials).any():
            wrong.append(
                f"column {name[top]!r} is above its denominator {name['at_risk']!r} in {_rows(bad)}; "
                "check that both count the same people"
            )
    if outcome.likelihood == "bernoulli" and (bad := ~np.isin(value, (0.0, 1.0))).any():
        wrong.append(f"column {name['value']!r} is neither 0 nor 1 in {_rows(bad)}; a Bernoulli outcome is")
    if outcome.likelihood in {"gamma", "log_normal"} and (bad := value <= 0).any():
        wrong.append(f"column {name['value']!r} is not positive in {_rows(bad)}; {outcome.likelihood} outcomes are")
    return Response(outcome, value, trials, offset, lower, upper)


def _check_areas(column: pd.Series, dim: str, adjacency: Adjacency, wrong: list[str]) -> None:
    in_table, in_graph = pd.Index(column.dropna().astype(str).unique()), pd.Index(adjacency.areas)
    for only, where, other, remedy in (
        (in_table.difference(in_graph), "table", "adjacency", "use boundaries of the same vintage and extent"),
        (
            in_graph.difference(in_table),
            "adjacency",
            "table",
            "add their rows, or keep the table's areas with adjacency.reordered(codes)",
        ),
    ):
        if len(only):
            wrong.append(
                f"{len(only)} areas of the {where} are not in the {other} ({dim}: {list(only[:_SHOWN])}); {remedy}"
            )


def _codes(column: pd.Series, dim: str, levels: NDArray[np.generic], wrong: list[str]) -> NDArray[np.int32]:
    codes = positions(column, levels)
    if (bad := codes < 0).any():
        unknown = list(pd.unique(column[bad])[:_SHOWN])
        wrong.append(f"column {dim!r} holds {unknown} in {_rows(bad)}; its levels are {list(levels[:20])}")
    return codes


def _block(
    table: pd.DataFrame,
    term: Term,
    levels: dict[str, NDArray[np.generic]],
    codes: dict[str, NDArray[np.int32]],
    wrong: list[str],
) -> Block:
    shape = tuple(len(levels[d]) for d in term.dims)
    index = np.ravel_multi_index([codes[d].clip(0) for d in term.dims], shape).astype(np.int32) if shape else None
    weight, centre, spread = None, 0.0, 1.0
    if term.covariate is not None:
        weight = _number(table, term.covariate, wrong)
        if term.standardise:
            centre, spread = float(weight.mean()), float(weight.std())
        if spread == 0 or not np.isfinite(spread):
            wrong.append(
                f"term {term.name!r}: column {term.covariate!r} is constant, so it has no slope; remove the term"
            )
            spread = 1.0
        weight = (weight - centre) / spread
    if term.kind in {"random_walk", "ar1"} and shape[0] <= term.order:
        wrong.append(f"term {term.name!r}: {term.dims[0]!r} has {shape[0]} levels, too few for a {term.kind}")
    return Block(
        term=term,
        dims=term.dims,
        levels=tuple(levels[d] for d in term.dims),
        index=index,
        weight=weight,
        centre=centre,
        spread=spread,
        reference=_reference(term, levels, shape, wrong),
    )


def _reference(
    term: Term, levels: dict[str, NDArray[np.generic]], shape: tuple[int, ...], wrong: list[str]
) -> int | None:
    if term.reference is None:
        return None
    position = []
    for dim, level in zip(term.dims, term.reference, strict=True):
        found = np.flatnonzero(levels[dim] == level)
        if not len(found):
            wrong.append(
                f"term {term.name!r}: reference {level!r} is not a level of {dim!r}; it has {list(levels[dim][:20])}"
            )
            return 0
        position.append(int(found[0]))
    return int(np.ravel_multi_index(position, shape))


def _population(
    table: pd.DataFrame,
    card: ModelCard,
    levels: dict[str, NDArray[np.generic]],
    codes: dict[str, NDArray[np.int32]],
) -> pd.DataFrame:
    columns: dict[str, object] = {d: pd.Categorical.from_codes(codes[d], pd.Index(levels[d])) for d in card.dims}
    columns |= {c: table[c].to_numpy(dtype=np.float64) for c in card.covariates if c not in columns}
    role = card.outcome.weight_role
    weight = np.ones(len(table)) if role is None else table[card.outcome.columns[role]].to_numpy(dtype=np.float64)
    return pd.DataFrame(columns | {POPULATION: weight})


def _digest(table: pd.DataFrame) -> str:
    rows = pd.util.hash_pandas_object(table.astype(dict.fromkeys(table.select_dtypes("category"), str)), index=False)
    return hashlib.sha256("\x1f".join(table.columns).encode() + rows.to_numpy().tobytes()).hexdigest()
