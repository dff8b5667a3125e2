"""Residents of a simulated system: ethnicity that follows place, age that follows both, and general practices."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from scipy.special import expit
from scipy.stats import norm

from bayesineq.errors import BayesineqError
from bayesineq.simulate.england import (
    AGE_BANDS,
    AGE_SHARE,
    AGE_STARTS,
    AGE_TILT,
    ETHNIC_SHARE,
    ETHNICITIES,
    NOT_STATED,
    SEXES,
)

YEAR = 2026
"""Ages are completed years on 1 April of this year."""

_LIST_SIZE = 9_500
_NEAREST = 6
_FEMALE = np.array([0.488] * 4 + [0.50] * 8 + [0.51] * 2 + [0.52, 0.54, 0.57, 0.63])
_BROAD = np.array([0, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 5, 5])
_IN_TOWNS = np.array([0, 0.2, 0.5, 0.4, 0.5, 0.3, 0.4, 0.8, 0.9, 1.0, 0.8, 0.8, 0.9, 0.8, 0.6, 0.7])
_DEPRIVED = np.array([0, 0.1, 0.15, 0.3, 0.3, 0.0, 0.15, -0.05, 0.45, 0.5, 0.1, 0.35, 0.4, 0.4, -0.05, 0.3])


def simulate_people(areas: pd.DataFrame, n: int, *, seed: int) -> pd.DataFrame:
    """
    Residents of every area, one row a person, in no particular order.

    Parameters
    ----------
    areas : DataFrame
        Of `simulate_areas`: area, town, setting, coastal, population, imd_decile, imd_score.
    n : int
        Number of people, shared among areas in proportion to their population.
    seed : int
        Same seed, same people.

    Returns
    -------
    DataFrame
        person_id, area, ethnicity (true, one of 16 codes), birth_year, age (on 1 April 2026), age_band, sex,
        imd_decile. Shares of ethnic groups are those of England overall; minority groups live more in towns and,
        most of them, in deprived areas, and are younger. The country and the coast are older.

    Raises
    ------
    BayesineqError
        If `n` is below the number of areas.

    Examples
    --------
    >>> from bayesineq.simulate.areas import simulate_areas
    >>> people = simulate_people(simulate_areas(12, seed=1), 1000, seed=1)
    >>> people.loc[0, ["area", "ethnicity", "age_band", "sex"]].to_dict()
    {'area': 'E01900011', 'ethnicity': 'A', 'age_band': '70-79', 'sex': 'male'}
    """
    if n < len(areas):
        raise BayesineqError(f"{n} people were asked for in {len(areas)} areas; give one or more for each area")
    rng = np.random.default_rng([seed, 3])
    cells = draw_people(rng, areas, n)
    where = np.repeat(np.arange(cells.size, dtype=np.int64), cells.ravel())
    place, ethnicity, five, sex = np.unravel_index(rng.permutation(where), cells.shape)
    beyond = np.minimum(rng.geometric(0.17, n) - 1, 25)
    age = 5 * five + np.where(five == len(AGE_SHARE) - 1, beyond, rng.integers(0, 5, n))
    return pd.DataFrame(
        {
            "person_id": _numbered("P", n),
            "area": _labels(areas["area"], place),
            "ethnicity": _labels(ETHNICITIES, ethnicity),
            "birth_year": YEAR - age - (rng.random(n) < 0.75),
            "age": age,
            "age_band": _labels(AGE_BANDS, np.searchsorted(AGE_STARTS, age, side="right") - 1),
            "sex": _labels(SEXES, sex),
            "imd_decile": areas["imd_decile"].to_numpy()[place],
        }
    )


def draw_people(rng: np.random.Generator, areas: pd.DataFrame, n: int) -> NDArray[np.int64]:
    """People by area, ethnic group, five years of age and sex, shape (n_area, 16, 18, 2), somebody in every area."""
    size = 1 + rng.multinomial(n - len(areas), areas["population"] / areas["population"].sum())
    group = rng.multinomial(size, _ethnic_shares(rng, areas))
    band = rng.multinomial(group, _age_shares(rng, areas))
    female = rng.binomial(band, _FEMALE)
    return np.stack([female, band - female], axis=-1)


def simulate_practices(areas: pd.DataFrame, people: pd.DataFrame, *, seed: int) -> tuple[pd.DataFrame, pd.Series]:
    """
    General practices, and where each person is registered: mostly nearby, not always at the nearest.

    Parameters
    ----------
    areas : DataFrame
        Of `simulate_areas`: area, name, easting, northing, population.
    people : DataFrame
        Of `simulate_people`: area.
    seed : int
        Same seed, same practices.

    Returns
    -------
    practices : DataFrame
        practice (codes from X90001, no English practice code), name, area, easting, northing, list_size.
    practice : Series of str, index of `people`
        Practice of each person.

    Examples
    --------
    >>> from bayesineq.simulate.areas import simulate_areas
    >>> areas = simulate_areas(12, seed=1)
    >>> practices, practice = simulate_practices(areas, simulate_people(areas, 1000, seed=1), seed=1)
    >>> int(practices["list_size"].sum()), len(practice)
    (1000, 1000)
    """
    rng = np.random.default_rng([seed, 4])
    count = int(np.clip(round(len(people) / _LIST_SIZE), 1, len(areas)))
    crowd = areas["population"].to_numpy() * np.where(areas["setting"] == "urban", 2.0, 1.0)
    home = np.sort(rng.choice(len(areas), count, replace=False, p=crowd / crowd.sum()))
    position = areas[["easting", "northing"]].to_numpy()
    nearest = min(_NEAREST, count)
    distance, candidate = cKDTree(position[home]).query(position, k=np.arange(1, nearest + 1))
    appeal = rng.normal(0.0, 0.4, count)[candidate] - distance / (800.0 + 0.7 * distance[:, :1])
    share = np.exp(appeal - appeal.max(axis=1, keepdims=True))
    bound = share.cumsum(axis=1) / share.sum(axis=1, keepdims=True)
    row = pd.Index(areas["area"]).get_indexer(people["area"])
    choice = (rng.random(len(people))[:, None] > bound[row, :-1]).sum(axis=1)
    registered = candidate[row, choice]
    codes = [f"X9{i:04d}" for i in range(1, count + 1)]
    practices = pd.DataFrame(
        {
            "practice": codes,
            "name": [f"{name} Surgery" for name in areas["name"].to_numpy()[home]],
            "area": areas["area"].to_numpy()[home],
            "easting": position[home, 0],
            "northing": position[home, 1],
            "list_size": np.bincount(registered, minlength=count),
        }
    )
    return practices, pd.Series(_labels(codes, registered), index=people.index, name="practice")


def record_ethnicity(people: pd.DataFrame, *, seed: int) -> pd.Series:
    """
    Ethnicity as a record holds it: true for most, "Z" (not stated) or blank for some.

    Parameters
    ----------
    people : DataFrame
        Of `simulate_people`, with the true ethnicity.
    seed : int
        Same seed, same records.

    Returns
    -------
    Series of str, index of `people`
        Code, "Z", or missing. It is lacking for 9% of White British women of middle age and more often for others, for
        the young and for men: not at random.

    Examples
    --------
    >>> from bayesineq.simulate.areas import simulate_areas
    >>> people = simulate_people(simulate_areas(12, seed=1), 1000, seed=1)
    >>> recorded = record_ethnicity(people, seed=1)
    >>> round(float((recorded != people["ethnicity"]).mean()), 2)
    0.12
    """
    rng = np.random.default_rng([seed, 5])
    minority = (people["ethnicity"] != "A").to_numpy()
    young = people["age"].between(18, 39).to_numpy()
    male = (people["sex"] == "male").to_numpy()
    lacking = rng.random(len(people)) < expit(-2.3 + 0.35 * minority + 0.5 * young + 0.3 * male)
    stated = rng.random(len(people)) < 0.6
    recorded = people["ethnicity"].mask(lacking & stated, NOT_STATED)
    return recorded.mask(lacking & ~stated)


def _ethnic_shares(rng: np.random.Generator, areas: pd.DataFrame) -> NDArray[np.float64]:
    """Shares of the ethnic groups in each area, shape (n_area, 16), whose mean over people is that of England."""
    town, towns = pd.factorize(areas["town"])
    urban = (areas["setting"] == "urban").to_numpy()
    diversity = 1.3 * (urban - 0.5) + rng.normal(0.0, 0.5, len(areas))
    rank = areas["imd_score"].rank().to_numpy()
    deprived = norm.ppf((rank - 0.5) / len(areas))
    settled = rng.normal(0.0, 0.4, (len(towns), _BROAD.max() + 1))[town][:, _BROAD]
    settled[:, 0] = 0.0
    share: NDArray[np.float64] = ETHNIC_SHARE.to_numpy() * np.exp(
        diversity[:, None] * _IN_TOWNS + deprived[:, None] * _DEPRIVED + settled + rng.normal(0.0, 0.2, settled.shape)
    )
    people = areas["population"].to_numpy() / areas["population"].sum()
    target = ETHNIC_SHARE.to_numpy() / ETHNIC_SHARE.sum()
    for _ in range(50):
        share /= share.sum(axis=1, keepdims=True)
        share *= target / (people @ share)
    share /= share.sum(axis=1, keepdims=True)
    return share


def _age_shares(rng: np.random.Generator, areas: pd.DataFrame) -> NDArray[np.float64]:
    """Shares of the five-year age bands by area and ethnic group, shape (n_area, 16, 18)."""
    rural = (areas["setting"] == "rural").to_numpy()
    older = 0.10 * rural + 0.10 * areas["coastal"].to_numpy() - 0.05 + rng.normal(0.0, 0.03, len(areas))
    tilt = older[:, None] + AGE_TILT.to_numpy()
    decades = (5 * np.arange(len(AGE_SHARE)) + 2.5 - 40.0) / 10.0
    share: NDArray[np.float64] = AGE_SHARE * np.exp(tilt[:, :, None] * decades)
    share /= share.sum(axis=2, keepdims=True)
    return share


def _numbered(letter: str, n: int) -> pd.Series:
    return letter + pd.Series(np.arange(10_000_001, 10_000_001 + n)).astype(str).str[1:]


def _labels(codes: tuple[str, ...] | list[str] | pd.Series, position: NDArray[np.integer]) -> pd.Series:
    return pd.Series(list(codes), dtype=str).take(position).reset_index(drop=True)
