"""Conditions that come together: from persons, or from a table of pairs, to tables that a report is made of."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from bayesineq.cohort.cells import cohort_people
from bayesineq.cohort.morbidity import conditions
from bayesineq.cohort.pairs import ConditionPairs, condition_groups, condition_pairs, condition_triads
from bayesineq.dims import CI_PROB, PERSON
from bayesineq.errors import SchemaError
from bayesineq.measures.pairs import associations, order_of_onset, risk_ratios
from bayesineq.measures.triads import triads
from bayesineq.systems.card import MultimorbidityCard

if TYPE_CHECKING:
    import ibis

    from bayesineq.cohort.members import Cohort
    from bayesineq.cohort.rules import Rules

PAIR_COLUMNS: Final = ("first", "second", "both", "with_first", "with_second", "people")
_ENDS: Final = ((1 - CI_PROB) / 2, (1 + CI_PROB) / 2)


@dataclass(frozen=True, slots=True)
class ConditionCounts:
    """
    Counts from which multimorbidity is measured: cells, in which nobody is named.

    Parameters
    ----------
    pairs : DataFrame or None
        As of `bayesineq.cohort.ConditionPairs`.
    groups : DataFrame or None
        As of `bayesineq.cohort.condition_groups`, with the column `by` that names what the groups are of.
    triads : DataFrame or None
        As of `bayesineq.cohort.condition_triads`.
    left_out : int
        People of whom something is not known.
    """

    pairs: pd.DataFrame | None
    groups: pd.DataFrame | None = None
    triads: pd.DataFrame | None = None
    left_out: int = 0


def count_conditions(people: ibis.Table | pd.DataFrame, card: MultimorbidityCard) -> ConditionCounts:
    """
    Count who has which conditions together, where the persons are.

    Parameters
    ----------
    people : ibis.Table or DataFrame
        A row a person, with the columns of the card.
    card : MultimorbidityCard
        What is asked.

    Returns
    -------
    ConditionCounts
        Pairs, groups, and the commonest triads.

    Raises
    ------
    SchemaError
        Columns are missing or of another kind.

    Examples
    --------
    >>> people = pd.DataFrame({"a": [True] * 30 + [False] * 70, "b": [True] * 25 + [False] * 75, "age": "40-59"})
    >>> counts = count_conditions(people, MultimorbidityCard("two", "Do they meet?", strata=("age",)))
    >>> counts.pairs[["first", "second", "both"]].to_numpy().tolist()
    [['a', 'b', 25]]
    """
    names = _names(people, card)
    counted = condition_pairs(people, names, strata=card.strata)
    parts = []
    for by in card.by:
        cells = condition_groups(people, names, by, strata=[name for name in card.strata if name != by])
        parts.append(cells.assign(by=by, level=cells["level"].astype(str)))
    groups = pd.concat(parts, ignore_index=True) if parts else None
    chosen = _commonest(counted.pairs, *counted.arrays()[:1], most=3 * card.triads) if len(names) > 2 else []
    three = condition_triads(people, names, chosen, strata=card.strata) if chosen else None
    return ConditionCounts(counted.table, groups, three, counted.left_out)


def count_cohort(cohort: Cohort, rules: Rules, card: MultimorbidityCard) -> ConditionCounts:
    """
    Count who has which conditions together among the people of a cohort, on the last day of its study.

    Parameters
    ----------
    cohort : Cohort
        The cohort: people of its ages and sexes who are observed on the day, whether or not they are members.
    rules : Rules
        Which conditions, and how they are told: `bayesineq.cohort.read_rules`.
    card : MultimorbidityCard
        What is asked; its conditions are those of the rules.

    Returns
    -------
    ConditionCounts
        Counts; no row of a person leaves the engine.

    Examples
    --------
    >>> from bayesineq.cohort import read_rules
    >>> from bayesineq.examples import cohort_example
    >>> card = MultimorbidityCard("some", "Which?", conditions=("diabetes", "dementia"), strata=("sex",))
    >>> count_cohort(cohort_example(), read_rules("charlson"), card).pairs["with_first"].tolist()
    [2, 1]
    """
    day = cohort.study[1]
    people, has = cohort_people(cohort, day), conditions(cohort.records, rules, day)
    names = list(card.conditions) or [one.name for one in rules.conditions]
    if strange := [name for name in names if name not in has.columns]:
        raise SchemaError(
            f"the rules {rules.name!r} tell no {strange}; they tell {[c for c in has.columns if c != PERSON]}"
        )
    joined = people.join(has.select(PERSON, *names), PERSON).select(*people.columns, *names)
    return count_conditions(joined, replace(card, conditions=tuple(names)))


def multimorbidity(
    counts: ConditionCounts, card: MultimorbidityCard, *, seed: int | None = None
) -> dict[str, pd.DataFrame]:
    """
    Measure which conditions come together beyond chance.

    Parameters
    ----------
    counts : ConditionCounts
        Of `count_conditions`; or of pairs alone, or of groups alone: what is not there is not told.
    card : MultimorbidityCard
        What is asked.
    seed : int, optional
        Makes the draws reproducible.

    Returns
    -------
    dict of str to DataFrame
        Tables with small counts, as confidential as the persons: `bayesineq.disclosure.covered_persons` makes them fit
        to be shown.

        - `multimorbidity_conditions`: `condition, people_with, people, community, joined`;
        - `multimorbidity_pairs`: counts over all strata, `odds_ratio, lower, upper, probability` (that it is above that
          of the card), `risk_ratio` with its interval (of having the second, with the first against without it),
          `joined`, and `earlier` (share whose first condition came first) with its interval and `came_first`;
        - `multimorbidity_groups`: the same of belonging to a group and having a condition, against all other groups;
        - `multimorbidity_triads`: `all_three`, `by_pairs`, `by_chance`, `ratio` (to what pairs explain) and interval;
        - `multimorbidity_about`: what was held equal, and what the card says.

    Raises
    ------
    SchemaError
        A table of counts cannot be used.
    ImportError
        Without networkx, which finds the communities.

    Examples
    --------
    >>> people = pd.DataFrame({"a": [True] * 30 + [False] * 70, "b": [True] * 25 + [False] * 75, "age": "40-59"})
    >>> card = MultimorbidityCard("two", "Do they meet?", strata=("age",))
    >>> found = multimorbidity(count_conditions(people, card), card, seed=1)["multimorbidity_pairs"]
    >>> found[["first", "second", "both", "joined"]].to_numpy().tolist()
    [['a', 'b', 25, True]]
    """
    tables: dict[str, pd.DataFrame] = {}
    if counts.pairs is not None:
        counted = pairs_of_table(counts.pairs, card)
        pairs = _pairs(counted, card, seed)
        tables = {"multimorbidity_conditions": _conditions(pairs), "multimorbidity_pairs": pairs}
        if counts.triads is not None:
            tables["multimorbidity_triads"] = _triads(counts.triads, counted, card, seed)
    if counts.groups is not None:
        parts = [_groups(cells, str(by), card, seed) for by, cells in counts.groups.groupby("by", sort=False)]
        tables["multimorbidity_groups"] = pd.concat(parts, ignore_index=True)
    about = [
        ("what is held equal", ", ".join(card.strata) or "nothing"),
        ("an odds ratio joins two conditions above", f"{card.odds_ratio:g}"),
        ("with a probability of at least", f"{card.probability:g}"),
        ("not for", card.not_for),
    ]
    tables["multimorbidity_about"] = pd.DataFrame(about, columns=["item", "value"])
    return tables


def pairs_of_table(table: pd.DataFrame, card: MultimorbidityCard) -> ConditionPairs:
    """
    Counts of pairs from a table that holds them already.

    Parameters
    ----------
    table : DataFrame
        A row a pair and stratum: `first, second, both, with_first, with_second, people`, the columns of the card's
        strata, and where wanted `earlier` and `later`.
    card : MultimorbidityCard
        Whose strata.

    Returns
    -------
    ConditionPairs
        As `condition_pairs` counts them.

    Raises
    ------
    SchemaError
        Columns are missing, a pair stands twice in a stratum, or pairs do not have the same strata.

    Examples
    --------
    >>> one = pd.DataFrame([("a", "b", 5, 20, 10, 100)], columns=list(PAIR_COLUMNS))
    >>> pairs_of_table(one, MultimorbidityCard("pairs", "")).pairs.to_numpy().tolist()
    [['a', 'b']]
    """
    strata, wrong = list(card.strata), []
    if missing := [name for name in (*PAIR_COLUMNS, *strata) if name not in table.columns]:
        raise SchemaError(f"a table of pairs lacks the columns {missing}; it has {list(table.columns)}")
    if table.duplicated(["first", "second", *strata]).any():
        wrong.append("a pair stands twice in a stratum: add its rows up, or name the further stratum in the card")
    each = table.groupby(["first", "second"]).size()
    wanted = len(table[strata].drop_duplicates()) if strata else 1
    if (each != wanted).any():
        wrong.append("each pair needs a row for every stratum, with 0 where nobody is")
    if wrong:
        raise SchemaError("the table of pairs cannot be used: " + "; ".join(wrong))
    # Pairs keep their order, and strata have one order in all of them.
    place = table.groupby(["first", "second"], sort=False).ngroup()
    ordered = table.assign(_pair=place).sort_values(["_pair", *strata], ignore_index=True)
    return ConditionPairs(ordered.drop(columns="_pair"), 0)


def _names(people: ibis.Table | pd.DataFrame, card: MultimorbidityCard) -> list[str]:
    if card.conditions:
        return list(card.conditions)
    if isinstance(people, pd.DataFrame):
        names = [str(name) for name in people.columns if pd.api.types.is_bool_dtype(people[name])]
    else:
        names = [name for name, kind in people.schema().items() if kind.is_boolean()]
    return [name for name in names if name not in (PERSON, *card.strata, *card.by)]


def _ends(draws: np.ndarray) -> list[Any]:
    with np.errstate(invalid="ignore"):
        return list(np.quantile(draws, [0.5, *_ENDS], axis=0))


def _associated(counts: tuple[np.ndarray, ...], card: MultimorbidityCard, seed: int | None) -> pd.DataFrame:
    """Odds ratio, risk ratio of presence, intervals and whether they are joined, a row a pair."""
    found = associations(*counts, seed=seed)
    middle, lower, upper = found.interval()
    risk, risk_lower, risk_upper = _ends(risk_ratios(found.draws, *counts[1:]))
    above = found.above(card.odds_ratio)
    return pd.DataFrame(
        {"odds_ratio": middle, "lower": lower, "upper": upper, "risk_ratio": risk, "risk_lower": risk_lower,
         "risk_upper": risk_upper, "probability": above, "joined": above >= card.probability}
    )  # fmt: skip


def _pairs(counted: ConditionPairs, card: MultimorbidityCard, seed: int | None) -> pd.DataFrame:
    sums = [name for name in (*PAIR_COLUMNS[2:], "earlier", "later") if name in counted.table]
    total = counted.table.groupby(["first", "second"], sort=False, as_index=False)[sums].sum()
    table = pd.concat([total[list(PAIR_COLUMNS)], _associated(counted.arrays(), card, seed)], axis=1)
    if "earlier" in total:
        share, low, high, sure = order_of_onset(total["earlier"], total["later"])
        first = np.where(sure >= card.probability, total["first"], np.where(sure <= 1 - card.probability,
                         total["second"], ""))  # fmt: skip
        table = table.assign(earlier=share, earlier_lower=low, earlier_upper=high, came_first=first)
    return table


def _conditions(pairs: pd.DataFrame) -> pd.DataFrame:
    """A row a condition: who has it, how many it is joined to, and its community, by Louvain's method."""
    try:
        import networkx as nx
    except ImportError as error:
        raise ImportError("communities of conditions need networkx: pip install 'bayesineq[network]'") from error
    one = pd.concat(
        [pairs.set_axis([side if name == own else name for name in pairs.columns], axis=1)[[side, own_count, "people"]]
         .set_axis(["condition", "people_with", "people"], axis=1)
         for side, own, own_count in (("first", "first", "with_first"), ("second", "second", "with_second"))]
    ).drop_duplicates("condition", ignore_index=True)  # fmt: skip
    edges = pairs[pairs["joined"]]
    graph = nx.Graph()
    graph.add_nodes_from(one["condition"])
    graph.add_weighted_edges_from(
        zip(edges["first"], edges["second"], np.log(edges["odds_ratio"].to_numpy()), strict=True)
    )
    groups = sorted(nx.community.louvain_communities(graph, seed=1), key=lambda of: (-len(of), min(of)))
    place = {name: k for k, of in enumerate(groups, 1) for name in of}
    degree = dict(graph.degree())
    return one.assign(community=one["condition"].map(place), joined=one["condition"].map(degree))


def _groups(cells: pd.DataFrame, by: str, card: MultimorbidityCard, seed: int | None) -> pd.DataFrame:
    """How much commoner each condition is in each group than in all others together, at the same strata."""
    keys, columns = ["condition", "level"], list(PAIR_COLUMNS[2:])
    shape = (len(cells[keys].drop_duplicates()), -1)
    counts = tuple(cells[name].to_numpy(dtype=np.float64).reshape(shape) for name in columns)
    total = cells.groupby(keys, sort=False, as_index=False)[columns].sum()
    # More and less are of interest alike, so nothing is said of one side.
    found = _associated(counts, card, seed).drop(columns=["joined", "probability"])
    return pd.concat([total.assign(by=by)[["by", *keys, *columns]], found], axis=1)


def _commonest(pairs: pd.DataFrame, both: np.ndarray, *, most: int) -> list[tuple[str, str, str]]:
    """Triads that may be the commonest: no more people have all three than have the rarest of their pairs."""
    size = dict(zip(zip(pairs["first"], pairs["second"], strict=True), both.sum(axis=1), strict=True))
    every = list(combinations(dict.fromkeys([*pairs["first"], *pairs["second"]]), 3))
    bound = np.array([min(size[pair] for pair in combinations(triad, 2)) for triad in every])
    return [every[k] for k in np.argsort(-bound, kind="stable")[:most]]


def _triads(held: pd.DataFrame, counted: ConditionPairs, card: MultimorbidityCard, seed: int | None) -> pd.DataFrame:
    """The commonest triads against what their pairs, and chance, lead one to expect."""
    both, first, second, people = counted.arrays()
    listed = list(counted.pairs.itertuples(index=False, name=None))
    at = {pair: k for k, pair in enumerate(listed)}
    own = {two: second[k] for (_, two), k in at.items()} | {one: first[k] for (one, _), k in at.items()}
    keys = ["first", "second", "third"]
    chosen = list(held[keys].drop_duplicates().itertuples(index=False, name=None))
    three = held["all_three"].to_numpy(dtype=np.float64).reshape(len(chosen), -1)
    most = np.argsort(-three.sum(axis=1), kind="stable")[: card.triads]
    three, chosen = three[most], [chosen[k] for k in most]
    two = np.array([[both[at[pair]] for pair in combinations(triad, 2)] for triad in chosen])
    one = np.array([[own[name] for name in triad] for triad in chosen])
    found = triads(three, two.transpose(0, 2, 1), one.transpose(0, 2, 1), people[0], seed=seed)
    middle, lower, upper = found.interval()
    return pd.DataFrame(chosen, columns=keys).assign(
        all_three=three.sum(axis=1).astype("int64"), by_pairs=found.by_pairs, by_chance=found.by_chance, ratio=middle,
        lower=lower, upper=upper, probability=found.above(),
    )  # fmt: skip
