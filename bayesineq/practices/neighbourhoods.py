"""Which domain of deprivation goes with a condition, from the model of neighbourhoods: adjusted, and by itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayesineq.dims import AREA, CI_PROB
from bayesineq.errors import SchemaError
from bayesineq.inference.fit import fit
from bayesineq.measures.slope import rii
from bayesineq.model.card import ModelCard
from bayesineq.model.priors import normal
from bayesineq.model.read_card import read_card
from bayesineq.posterior.groups import interval
from bayesineq.practices.prevalence import CARD, practice_prevalence, register_design
from bayesineq.space.adjacency import Adjacency
from bayesineq.tables.practices import CONDITIONS, PracticeTables

if TYPE_CHECKING:
    from bayesineq.practices.folder import England

Float = NDArray[np.float64]

DOMAINS: Final = ("income", "employment", "education", "health", "crime", "housing", "environment")
SUB_DOMAINS: Final = {
    "children_and_young_people": "education",
    "adult_skills": "education",
    "geographical_barriers": "housing",
    "wider_barriers": "housing",
    "indoors": "environment",
    "outdoors": "environment",
}
"""Sub-domains of the English Indices, by the domain whose place they take."""

OLD: Final = "aged_65_and_over"
PRODUCT: Final = "old_by_deprivation"
_TENTH: Final = 0.1


def domain_gradients(
    tables: PracticeTables,
    condition: str,
    deprivation: pd.DataFrame,
    adjacency: Adjacency,
    *,
    draws: int = 500,
    prob: float = CI_PROB,
    seed: int | None = None,
    report: Callable[[str], None] = lambda text: None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    r"""
    Gradient of a condition by each domain of deprivation, adjusted for the others and for age, from registers.

    The model is that of `practice_prevalence`, with domains in place of tenths of the index: the log odds of a
    neighbourhood are a line in the relative rank of each domain, from 0 (the least deprived) to 1 (the most), in the
    share of residents aged 65 and over, and in its product with the rank of the index, beside what neighbours share.
    Neighbourhoods are seen through the practices of their patients, so that shared practices make no pattern.
    Sub-domains stand in the place of their domains in a second model.

    Parameters
    ----------
    tables : PracticeTables
        Registers, registrations and residents.
    condition : str
        Code of a register, such as "DM".
    deprivation : DataFrame
        As of `bayesineq.tables.read_deprivation`: `area`, `imd_rank` and `DOMAIN_rank`, those there are.
    adjacency : Adjacency
        Which areas border on which.
    draws, seed
        Joint draws of each posterior.
    prob : float, optional
        Probability of intervals.
    report : callable, optional
        Told which model is fitted.

    Returns
    -------
    tuple of DataFrame
        The first, a row a domain and sub-domain: `condition`, `domain`, `part_of`, `effect` (log odds ratio of the most
        against the least deprived, the other domains and age held equal), `lower`, `upper`, `odds_ratio`, `more`
        (probability that it is positive), `strongest` (that it is the farthest from zero of its model) and `alone`
        (Pamuk's relative index by that domain alone, from the model of tenths of the index) with `alone_lower` and
        `alone_upper`: negative where prevalence rises with deprivation. The second, one row: `condition`, and the log
        odds of ten points more residents aged 65 and over in the most and the least deprived areas, `most` and `least`
        with limits, and `steeper` (probability that it is steeper in the least deprived).

    Raises
    ------
    SchemaError
        No rank of a domain is given, or areas lack deprivation.

    Examples
    --------
    >>> import bayesineq as bi
    >>> graph = bi.example().adjacency
    >>> n = len(graph.areas)
    >>> rng = np.random.default_rng(1)
    >>> skills, crime = rng.permutation(n) + 1, rng.permutation(n) + 1
    >>> near = [(i, (i + k) % n) for i in range(n) for k in range(2)]
    >>> rows = [(f"P{p:03}", graph.areas[a], 4000) for p, a in near]
    >>> pairs = pd.DataFrame(rows, columns=["practice", "area", "patients"])
    >>> areas = {"area": graph.areas, "residents": 8000, "aged_65_and_over": rng.uniform(0.1, 0.3, n), "from_17": 0.8}
    >>> level = 0.04 + 0.06 * (n - skills) / n
    >>> shares = pd.DataFrame({"practice": [f"P{p:03}" for p in range(n)], "DM": (level + np.roll(level, -1)) / 2})
    >>> nothing = pd.DataFrame({"practice": []})
    >>> tables = bi.tables.PracticeTables(shares, pairs, pd.DataFrame(areas), nothing, ())
    >>> ranks = pd.DataFrame({"area": graph.areas, "imd_rank": crime, "imd_decile": 1 + 10 * (crime - 1) // n})
    >>> ranks = ranks.assign(education_rank=skills, crime_rank=crime)
    >>> found, by_age = domain_gradients(tables, "DM", ranks, graph, draws=200, seed=1)
    >>> found[["domain", "strongest"]].round(1).to_numpy().tolist()
    [['education', 1.0], ['crime', 0.0]]
    """
    domains = [name for name in DOMAINS if f"{name}_rank" in deprivation]
    if not domains:
        raise SchemaError("No domain has a rank: give File 7 of the Indices of Deprivation, which has them all.")
    parts = [name for name, of in SUB_DOMAINS.items() if f"{name}_rank" in deprivation and of in domains]
    ranks = _ranked(deprivation, tables, [*domains, *parts])
    report(f"{condition}: prevalence of neighbourhoods")
    plain = practice_prevalence(tables, condition, deprivation, adjacency, draws=draws, seed=seed)
    values = plain.draws.to_numpy().reshape(-1, plain.draws.sizes[AREA])
    rows, by_age = [], pd.DataFrame()
    whole = [name for name in domains if name not in {SUB_DOMAINS[part] for part in parts}]
    for named in [domains, [*whole, *parts]] if parts else [domains]:
        report(f"{condition}: {'sub-domains' if named is not domains else 'domains'} of deprivation")
        card = _card(named)
        _, areas, study = register_design(tables, condition, ranks, adjacency, card, [*named, PRODUCT, "imd_rank"])
        found = fit(study, draws=draws, seed=seed, progress=False)["posterior"].dataset
        effect = np.stack([found[name].to_numpy().ravel() for name in named], axis=1)
        said = _effects(condition, named, effect, prob)
        rows.append(said if named is domains else said[said["domain"].isin(parts)])
        if named is domains:
            drawn = (found["old"].to_numpy().ravel(), found[PRODUCT].to_numpy().ravel())
            by_age = _by_age(condition, *drawn, prob)
    out = pd.concat(rows, ignore_index=True)
    return _alone(out, values, areas, ranks, prob), by_age


def neighbourhood_tables(
    england: England,
    conditions: Sequence[str],
    *,
    draws: int = 500,
    seed: int | None = None,
    report: Callable[[str], None] = lambda text: None,
) -> dict[str, pd.DataFrame]:
    """
    `domain_gradients` of several conditions: tables `domain_model` and `age_model`.

    Raises
    ------
    SchemaError
        No file says which areas border on which.
    """
    if england.adjacency is None:
        raise SchemaError(
            "The model of neighbourhoods needs to know which areas border on which: put an edge list of the LSOAs into "
            "the folder, or name one with --file borders=FILE; `bayesineq check BOUNDARIES` says how one is made."
        )
    found = [
        domain_gradients(
            england.tables, code, england.deprivation, england.adjacency, draws=draws, seed=seed, report=report
        )
        for code in conditions
    ]
    tables = {"domain_model": [one for one, _ in found], "age_model": [one for _, one in found]}
    made: Mapping[str, pd.DataFrame] = {name: pd.concat(parts, ignore_index=True) for name, parts in tables.items()}
    names = {code: name for code, (name, _) in CONDITIONS.items()}
    for table in made.values():
        table.insert(1, "name", table["condition"].map(names))
        table.attrs["draws"] = draws
    return dict(made)


def _ranked(deprivation: pd.DataFrame, tables: PracticeTables, names: Sequence[str]) -> pd.DataFrame:
    """Relative rank of each domain, from 0 the least to 1 the most deprived, and its product with age."""
    size = len(deprivation)
    out = deprivation[[AREA, "imd_rank"]].copy()
    for name in names:
        out[name] = 1.0 - (deprivation[f"{name}_rank"] - 0.5) / size
    old = out[AREA].map(tables.areas.set_index(AREA)[OLD])
    out[PRODUCT] = (old - old.mean()) * (0.5 - (out["imd_rank"] - 0.5) / size)
    return out


def _card(names: Sequence[str]) -> ModelCard:
    """The card of neighbourhoods, with lines in domains in place of steps from tenth to tenth."""
    card = read_card(CARD)
    line = next(term for term in card.terms if term.of_kind.slope)
    lines = tuple(replace(line, name=name, by=(name,)) for name in (*names, PRODUCT))
    kept = tuple(term for term in card.terms if term.name != "deprivation")
    priors = {name: prior for name, prior in card.priors.items() if not name.startswith("deprivation")}
    # From the least to the most deprived, odds seldom change more than sevenfold with the other domains held equal.
    priors |= {name: normal(0.0, 1.0) for name in names} | {PRODUCT: normal(0.0, 5.0)}
    return replace(card, terms=lines + kept, priors=priors, table="")


def _effects(condition: str, names: Sequence[str], effect: Float, prob: float) -> pd.DataFrame:
    lower, upper = interval(effect, prob)
    farthest = np.abs(effect).argmax(axis=1)
    columns = {"effect": effect.mean(axis=0), "lower": lower, "upper": upper}
    columns |= {"odds_ratio": np.exp(effect.mean(axis=0)), "more": (effect > 0.0).mean(axis=0)}
    columns["strongest"] = np.array([(farthest == k).mean() for k in range(len(names))])
    part_of = [SUB_DOMAINS.get(name, "") for name in names]
    return pd.DataFrame({"condition": condition, "domain": list(names), "part_of": part_of} | columns)


def _by_age(condition: str, old: Float, product: Float, prob: float) -> pd.DataFrame:
    most, least = _TENTH * (old + 0.5 * product), _TENTH * (old - 0.5 * product)
    row: dict[str, object] = {"condition": condition}
    for name, value in (("most", most), ("least", least)):
        lower, upper = interval(value, prob)
        row |= {name: value.mean(), f"{name}_lower": lower, f"{name}_upper": upper}
    return pd.DataFrame([row | {"steeper": (least > most).mean()}])


def _alone(
    out: pd.DataFrame, values: NDArray[np.float32], areas: pd.DataFrame, ranks: pd.DataFrame, prob: float
) -> pd.DataFrame:
    """With the relative index of each domain by itself, over areas that are shown, weighted by residents."""
    at = np.flatnonzero(areas["shown"].to_numpy())
    weight = areas["residents"].to_numpy(np.float64)[at]
    order = ranks.set_index(AREA).reindex(areas[AREA].iloc[at])
    ends = []
    for name in out["domain"]:
        found = np.asarray(
            rii(values[:, at].astype(np.float64), weight, order=-order[name].to_numpy(), convention="pamuk")
        )
        ends.append((found.mean(), *interval(found, prob)))
    return out.assign(**dict(zip(("alone", "alone_lower", "alone_upper"), np.array(ends).T, strict=True)))
