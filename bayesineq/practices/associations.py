"""Which domain of deprivation goes with which condition: rank correlations over areas, adjusted, with intervals."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayesineq.dims import CI_PROB
from bayesineq.errors import SchemaError
from bayesineq.measures.association import partial_correlation, rank_correlations
from bayesineq.measures.limits import probability

Float = NDArray[np.float64]

DOMAINS: Final = {
    "income_score": "",
    "employment_score": "",
    "education_score": "",
    "health_score": "",
    "crime_score": "",
    "housing_score": "",
    "environment_score": "",
    "children_and_young_people_score": "education_score",
    "adult_skills_score": "education_score",
}
"""Scores of the seven domains of the English Indices and of the sub-domains of education, by the domain they are of."""

DEMOGRAPHY: Final = ("median_age", "not_white")
PLACE: Final = "lad"
AGES: Final = (20.0, 60.0)
_FIRST: Final = 3
_FEWEST_PLACES: Final = 10
_AT_ONCE: Final = 20


def rank_associations(
    areas: pd.DataFrame,
    conditions: Sequence[str],
    domains: Mapping[str, str] = DOMAINS,
    *,
    adjust: Sequence[str] = DEMOGRAPHY,
    places: str = PLACE,
    draws: int = 1000,
    prob: float = CI_PROB,
    seed: int | None = None,
    report: Callable[[str], None] = lambda text: None,
) -> pd.DataFrame:
    """
    Spearman's correlation over areas of each condition with each domain of deprivation, adjusted for the others.

    Areas share practices and resemble their neighbours, so that the intervals of independent areas would be far too
    narrow. These are those of a Bayesian bootstrap of whole places: the areas of a place, such as a local authority,
    share a weight drawn from an exponential distribution, by which areas are ranked and correlated anew.

    Parameters
    ----------
    areas : DataFrame
        One row an area: the columns of conditions, domains and adjusters, and `places`.
    conditions : sequence of str
        Columns of prevalence.
    domains : mapping of str to str, optional
        Columns of deprivation, and for a sub-domain the column of the domain that it is of. A domain is adjusted for
        the other domains; a sub-domain for the domains other than its own.
    adjust : sequence of str, optional
        Further columns that are held constant.
    places : str, optional
        Column of places that are drawn whole.
    draws : int, optional
        Draws of the posterior.
    prob : float, optional
        Probability of the interval.
    seed : int, optional
        Makes the draws reproducible.
    report : callable, optional
        Told how far the draws have got.

    Returns
    -------
    DataFrame
        A row a condition and domain: `condition`, `domain`, `part_of`, `correlation` (not adjusted), `adjusted`,
        `lower` and `upper` (of `adjusted`), `strongest` (probability that it is the farthest from zero of all),
        `first_three` (that it is among the three farthest) and `strongest_domain` (that it is the farthest of the
        domains; missing for a sub-domain). A positive correlation: more of the condition where deprivation is higher.
        `attrs` holds `areas`, `left_out` (how many lacked a value) and `draws`.

    Raises
    ------
    SchemaError
        A column is missing, a sub-domain is of no domain that is given, or there are fewer than ten places.

    References
    ----------
    Rubin 1981, Ann Stat 9:130; Whittaker 1990, Graphical Models in Applied Multivariate Statistics

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> frame = pd.DataFrame(rng.normal(size=(400, 3)), columns=["income", "skills", "age"])
    >>> frame["DM"] = frame["skills"] + rng.normal(size=400)
    >>> frame["lad"] = np.repeat([f"P{i:02}" for i in range(20)], 20)
    >>> found = rank_associations(frame, ["DM"], {"income": "", "skills": ""}, adjust=["age"], draws=200, seed=1)
    >>> found[["domain", "strongest"]].to_numpy().tolist()
    [['income', 0.0], ['skills', 1.0]]
    """
    columns = [*conditions, *domains, *adjust]
    table, left_out = complete(areas, columns, places)
    lost = [f"{name} is of {of}" for name, of in domains.items() if of and of not in domains]
    if lost:
        raise SchemaError(f"A sub-domain needs its domain beside it: {'; '.join(lost)}. Name that domain too.")
    values = table[columns].to_numpy(dtype=np.float64).T
    found = _adjusted(rank_correlations(values)[None], conditions, domains, adjust)[0]
    plain = rank_correlations(values)[: len(conditions), len(conditions) : len(conditions) + len(domains)]
    drawn = np.concatenate(
        [
            _adjusted(rank_correlations(values, weight), conditions, domains, adjust)
            for weight in place_weights(table[places], draws, seed, report)
        ]
    )
    tail = 0.5 * (1.0 - probability(prob))
    lower, upper = np.quantile(drawn, [tail, 1.0 - tail], axis=0)
    own = [at for at, of in enumerate(domains.values()) if not of]
    chances = {name: _farthest(drawn, most) for name, most in (("strongest", 1), ("first_three", _FIRST))}
    chances["strongest_domain"] = np.full(plain.shape, np.nan)
    chances["strongest_domain"][:, own] = _farthest(drawn[..., own], 1)
    shape = {"condition": np.repeat(list(conditions), len(domains)), "domain": np.tile(list(domains), len(conditions))}
    shape["part_of"] = np.tile(list(domains.values()), len(conditions))
    numbers = {"correlation": plain, "adjusted": found, "lower": lower, "upper": upper} | chances
    out = pd.DataFrame(shape | {name: number.ravel() for name, number in numbers.items()})
    out.attrs = {"areas": len(table), "left_out": left_out, "draws": draws}
    return out


def age_gradients(
    areas: pd.DataFrame,
    conditions: Sequence[str],
    group: str,
    *,
    age: str = DEMOGRAPHY[0],
    places: str = PLACE,
    draws: int = 1000,
    prob: float = CI_PROB,
    seed: int | None = None,
) -> pd.DataFrame:
    """
    How the prevalence of areas rises with their median age, apart for each group of deprivation.

    Parameters
    ----------
    areas : DataFrame
        One row an area: the columns of conditions, `group`, `age` and `places`.
    conditions : sequence of str
        Columns of prevalence.
    group : str
        Column of groups, such as fifths of a domain of deprivation, 1 the most deprived.
    age : str, optional
        Column of the median age.
    places, draws, prob, seed
        As of `rank_associations`, whose intervals these are.

    Returns
    -------
    DataFrame
        A row a condition and group: `condition`, the group, `areas`, `slope` (by least squares, a year of median
        age), `lower`, `upper`, `highest` (probability that the group's slope is the highest), and `at_20` and
        `at_60`, the line at those median ages.

    Raises
    ------
    SchemaError
        A column is missing, or there are fewer than ten places.

    Examples
    --------
    >>> frame = pd.DataFrame({"median_age": np.tile(np.arange(20.0, 60.0), 10), "fifth": np.repeat([1, 5], 200)})
    >>> frame["DM"] = 0.05 + np.where(frame["fifth"] == 5, 0.002, 0.001) * frame["median_age"]
    >>> frame["lad"] = [f"P{i % 20:02}" for i in range(400)]
    >>> age_gradients(frame, ["DM"], "fifth", draws=100, seed=1)[["fifth", "slope", "highest"]].round(4)
       fifth  slope  highest
    0      1  0.001      0.0
    1      5  0.002      1.0
    """
    table, _ = complete(areas, [*conditions, age, group], places)
    x, y = table[age].to_numpy(dtype=np.float64), table[list(conditions)].to_numpy(dtype=np.float64)
    levels = sorted(table[group].unique())
    member = [(table[group] == level).to_numpy() for level in levels]
    whole = np.ones((1, len(table)))
    lines = np.stack([_line(whole[:, at], x[at], y[at]) for at in member])[:, :, 0]
    parts = [
        np.stack([_line(weight[:, at], x[at], y[at])[0] for at in member], axis=1)
        for weight in place_weights(table[places], draws, seed, lambda text: None)
    ]
    drawn = np.concatenate(parts)
    tail = 0.5 * (1.0 - probability(prob))
    lower, upper = np.quantile(drawn, [tail, 1.0 - tail], axis=0)
    highest = np.stack([(drawn.argmax(axis=1) == at).mean(axis=0) for at in range(len(levels))])
    rows = []
    for c, condition in enumerate(conditions):
        slope, level = lines[:, 0, c], lines[:, 1, c]
        at_ages = {f"at_{old:.0f}": level + old * slope for old in AGES}
        columns = {"slope": slope, "lower": lower[:, c], "upper": upper[:, c], "highest": highest[:, c]} | at_ages
        rows.append(pd.DataFrame({"condition": condition, group: levels, "areas": [m.sum() for m in member]} | columns))
    return pd.concat(rows, ignore_index=True)


def complete(areas: pd.DataFrame, columns: Sequence[str], places: str) -> tuple[pd.DataFrame, int]:
    """Areas that have every value, and how many have not."""
    wanted = [*columns, places]
    lacking = [name for name in wanted if name not in areas]
    if lacking:
        raise SchemaError(f"The areas have no column {', '.join(lacking)}; they have {', '.join(map(str, areas))}.")
    if len(set(wanted)) < len(wanted):
        raise SchemaError(f"A column is named twice among {', '.join(wanted)}. Name each once.")
    table = areas[wanted].dropna()
    if (number := table[places].nunique()) < _FEWEST_PLACES:
        raise SchemaError(
            f"There are {number} places ({places}) among {len(table):,} areas with every value; intervals need "
            f"{_FEWEST_PLACES} or more. Name a column of smaller places."
        )
    return table, len(areas) - len(table)


def place_weights(place: pd.Series, draws: int, seed: int | None, report: Callable[[str], None]) -> Iterator[Float]:
    """Weights of areas, a few draws at once, shape (n_draw, n_area): those of a place are the same."""
    code, names = pd.factorize(place)
    generator = np.random.default_rng(seed)
    for start in range(0, draws, _AT_ONCE):
        report(f"Correlating, {start:,} of {draws:,} draws")
        yield generator.exponential(size=(min(_AT_ONCE, draws - start), len(names)))[:, code]


def _adjusted(
    correlations: Float, conditions: Sequence[str], domains: Mapping[str, str], adjust: Sequence[str]
) -> Float:
    """Partial correlation of every condition with every domain, shape (n_draw, n_condition, n_domain)."""
    at = {name: k + len(conditions) for k, name in enumerate([*domains, *adjust])}
    out = np.empty((len(correlations), len(conditions), len(domains)))
    for d, (name, part_of) in enumerate(domains.items()):
        held = [other for other, of in domains.items() if not of and other not in (name, part_of)]
        given = [at[other] for other in (*held, *adjust)]
        for c in range(len(conditions)):
            out[:, c, d] = partial_correlation(correlations, c, at[name], given)
    return out


def _farthest(drawn: Float, most: int) -> Float:
    """Probability that each is among so many farthest from zero, over the last axis."""
    place = np.argsort(np.argsort(-np.abs(drawn), axis=-1, kind="stable"), axis=-1, kind="stable")
    return np.asarray((place < most).mean(axis=0))


def _line(weight: Float, x: Float, y: Float) -> Float:
    """Slope and level of weighted lines, shapes (n_draw, n), (n,) and (n, n_y); returns (2, n_draw, n_y)."""
    total = weight.sum(axis=1, keepdims=True)
    middle, mean = weight @ x[:, None] / total, weight @ y / total
    spread = weight @ x[:, None] ** 2 / total - middle**2
    slope = (weight @ (x[:, None] * y) / total - middle * mean) / spread
    return np.stack([slope, mean - slope * middle])
