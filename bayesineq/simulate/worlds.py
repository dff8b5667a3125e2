"""Small worlds drawn from the models' own priors, counts only, for studies of calibration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
import pandas as pd

from bayesineq.dims import AGE, AREA, DECILE, ETHNICITY, SEX
from bayesineq.errors import BayesineqError
from bayesineq.model.families import FAMILIES, Family
from bayesineq.simulate.effects import Effects, mean_of, vary
from bayesineq.simulate.england import ETHNICITIES, REFERENCE
from bayesineq.simulate.place import draw_bym2, draw_icar
from bayesineq.space.adjacency import Adjacency, from_edges
from bayesineq.tables.check import check

STRATA: Final = (REFERENCE, ("40-49", "male"), ("70-79", "female"), ("70-79", "male"))


@dataclass(frozen=True, slots=True)
class World:
    """
    Counts drawn from a model with known parameters.

    Parameters
    ----------
    table : DataFrame
        `area_counts` for a binomial or beta-binomial world, `outcome_counts` for the others; checked.
    adjacency : Adjacency
        The areas, in the order of `effects.place`.
    effects : Effects
        Every parameter, keyed by code.
    deprivation_sigma, ethnicity_sigma : float
        Standard deviations from which the effects of decile and of ethnicity were drawn.
    """

    table: pd.DataFrame
    adjacency: Adjacency
    effects: Effects
    deprivation_sigma: float
    ethnicity_sigma: float


@dataclass(frozen=True, slots=True)
class WorldParameters:
    """
    Parameters of the model that a world is drawn from.

    Parameters
    ----------
    likelihood : str
        Distribution of the counts: one of people at risk or of events over an exposure, plain or with one dispersion.
    intercept : float
        Linear predictor of the reference stratum, ages 40-49 and female, where all other effects are zero.
    deprivation_sigma : float
        Standard deviation of a scaled random walk of order 1 over deciles, sum to zero.
    ethnicity_sigma : float
        Standard deviation of independent effects of ethnic groups.
    age_sex_sd : float
        Standard deviation of independent effects of strata other than the reference.
    sigma, phi : float
        Standard deviation of the BYM2 effect of areas, and the share of its variance that is spatial.
    dispersion : float, optional
        Concentration of the beta-binomial, or size of the negative binomial; needed there, and only there.
    """

    likelihood: str = "binomial"
    intercept: float = -2.5
    deprivation_sigma: float = 0.2
    ethnicity_sigma: float = 0.3
    age_sex_sd: float = 0.5
    sigma: float = 0.3
    phi: float = 0.6
    dispersion: float | None = None


DEFAULT: Final = WorldParameters()


def simulate_counts(
    adjacency: Adjacency,
    *,
    seed: int,
    parameters: WorldParameters = DEFAULT,
    ethnicities: Sequence[str] = ("A", "C", "H", "N"),
    strata: Sequence[tuple[str, str]] = STRATA,
    people: float = 1_000.0,
) -> World:
    """
    Counts by area, decile, ethnicity, age and sex, drawn from the model that the cards describe.

    Parameters
    ----------
    adjacency : Adjacency
        The areas; islands are allowed.
    seed : int
        Same seed, same world.
    parameters : WorldParameters
        Likelihood, intercept, spreads and dispersion.
    ethnicities : sequence of str
        Ethnicity codes.
    strata : sequence of (age_band, sex)
        Strata, the reference among them.
    people : float
        Expected people, or person-years, of an area over all its cells. Deciles and strata share them out evenly,
        ethnic groups unevenly; a cell without people has no row.

    Returns
    -------
    World
        The table and all that it was drawn from.

    Raises
    ------
    BayesineqError
        If an option is out of range.

    Examples
    --------
    >>> world = simulate_counts(from_edges([("E01000001", "E01000002")]), seed=1)
    >>> bool((world.table["cases"] <= world.table["population"]).all())
    True
    """
    family = _checked(parameters, ethnicities, strata, people)
    rng = np.random.default_rng([seed, 7])
    effects = _drawn_effects(adjacency, parameters, ethnicities, strata, rng)
    table = _cells(adjacency, rng, ethnicities, strata, people)
    size = table.pop("size").to_numpy()
    rate = vary(effects, mean_of(effects, table), rng)
    if family.link == "logit":
        counted = table.assign(cases=rng.binomial(size, rate), population=size)
    else:
        counted = table.assign(events=rng.poisson(rate * size), person_years=size.astype(float))
    return World(
        table=check(counted, "area_counts" if family.link == "logit" else "outcome_counts"),
        adjacency=adjacency,
        effects=effects,
        deprivation_sigma=parameters.deprivation_sigma,
        ethnicity_sigma=parameters.ethnicity_sigma,
    )


def _checked(
    parameters: WorldParameters, ethnicities: Sequence[str], strata: Sequence[tuple[str, str]], people: float
) -> Family:
    """Family of the counts; refuses options out of range."""
    family, drawn = FAMILIES.get(parameters.likelihood), _drawn()
    if family is None or family not in drawn:
        raise BayesineqError(
            f"likelihood is {parameters.likelihood!r}; worlds are drawn from {[f.name for f in drawn]}"
        )
    dispersion = parameters.dispersion
    if bool(family.parameters) != (dispersion is not None and 0 < dispersion < np.inf):
        raise BayesineqError(
            f"dispersion is {dispersion} with {family.name}; give it, above 0, where the counts have one"
        )
    unknown = [code for code in ethnicities if code not in ETHNICITIES]
    if unknown or not ethnicities or len(set(ethnicities)) < len(ethnicities):
        raise BayesineqError(f"ethnicities are {list(ethnicities)}; give different codes among {list(ETHNICITIES)}")
    if REFERENCE not in strata:
        raise BayesineqError(f"strata are {list(strata)}; the reference {REFERENCE} must be one of them")
    spreads = (parameters.deprivation_sigma, parameters.ethnicity_sigma, parameters.age_sex_sd)
    if not (people > 0 and min(spreads) >= 0):
        raise BayesineqError("people must be above 0, and standard deviations 0 or more")
    return family


def _drawn_effects(
    adjacency: Adjacency,
    parameters: WorldParameters,
    ethnicities: Sequence[str],
    strata: Sequence[tuple[str, str]],
    rng: np.random.Generator,
) -> Effects:
    """Every effect, drawn from its prior."""
    age_sex = pd.Series(
        rng.normal(0.0, parameters.age_sex_sd, len(strata)),
        index=pd.MultiIndex.from_tuples(list(strata), names=[AGE, SEX]),
    )
    age_sex[REFERENCE] = 0.0
    deprivation = parameters.deprivation_sigma * draw_icar(_path(10), rng)[0]
    ethnicity = rng.normal(0.0, parameters.ethnicity_sigma, len(ethnicities))
    place = draw_bym2(adjacency, rng, sigma=parameters.sigma, phi=parameters.phi)[0]
    return Effects(
        link="logit" if FAMILIES[parameters.likelihood].link == "logit" else "log",
        intercept=parameters.intercept,
        age_sex=age_sex,
        deprivation=pd.Series(deprivation, index=pd.RangeIndex(1, 11, name=DECILE)),
        ethnicity=pd.Series(ethnicity, index=pd.Index(list(ethnicities), name=ETHNICITY)),
        place=pd.Series(place, index=pd.Index(adjacency.areas, name=AREA)),
        sigma=parameters.sigma,
        phi=parameters.phi,
        dispersion=np.inf if parameters.dispersion is None else parameters.dispersion,
    )


def _drawn() -> list[Family]:
    """Likelihoods of counts of groups whose own parameter, if any, is one dispersion."""
    return [
        family
        for family in FAMILIES.values()
        if family.outcome_role == "count" and all(own.dispersed for own in family.parameters)
    ]


def _cells(
    adjacency: Adjacency,
    rng: np.random.Generator,
    ethnicities: Sequence[str],
    strata: Sequence[tuple[str, str]],
    people: float,
) -> pd.DataFrame:
    """Cells with people in them: keys, and `size`, the people."""
    n, groups = len(adjacency), len(ethnicities)
    decile = rng.permutation(np.arange(n) * 10 // n + 1)
    share = rng.dirichlet(np.linspace(4.0, 1.0, groups), n)
    size = rng.poisson(np.repeat(people * share / len(strata), len(strata), axis=1)).ravel()
    area, ethnicity, stratum = np.unravel_index(np.arange(size.size), (n, groups, len(strata)))
    bands = np.array(strata, dtype=str)
    frame = pd.DataFrame(
        {
            AREA: adjacency.areas[area],
            DECILE: decile[area],
            ETHNICITY: np.array(ethnicities, dtype=str)[ethnicity],
            AGE: bands[stratum, 0],
            SEX: bands[stratum, 1],
            "size": size,
        }
    )
    return frame[frame["size"] > 0].reset_index(drop=True)


def _path(n: int) -> Adjacency:
    codes = [f"{i:03d}" for i in range(n)]
    return from_edges(pairwise(codes), areas=codes)
