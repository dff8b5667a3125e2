"""Burden of disease by group: from deaths and cases, or a posterior, to years lost and what is due to risks."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayesineq.dims import CI_PROB, DEPRIVATION, POPULATION
from bayesineq.errors import SchemaError
from bayesineq.measures.burden import (
    MEASURE_NAMES,
    METRIC_NAMES,
    BurdenMeasure,
    comorbid_weights,
    fraction_by_exposure,
    joint_fraction,
)
from bayesineq.measures.scores import EVERYONE
from bayesineq.pathway.lives import ReferenceTable, bands_in_order
from bayesineq.posterior.standardise import european_standard
from bayesineq.systems.card import BurdenCard
from bayesineq.systems.weights import drawn_risks, read_life_table, read_weights
from bayesineq.tables.files import read_table

if TYPE_CHECKING:
    import xarray as xr

type Array = NDArray[np.float64]

ALL_CAUSES: Final = "all causes"
ALL_RISKS: Final = "all risks together"
YEARS: Final[tuple[BurdenMeasure, ...]] = ("yll", "yld", "daly")
PER: Final = 100_000.0
_ENDS: Final = ((1 - CI_PROB) / 2, (1 + CI_PROB) / 2)
_LOWEST_OPEN: Final = 75
_PAST: Final = 2.5
_HALF: Final = 0.5
_MOST_EXACT: Final = 2e8
_SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class Counts:
    """
    Deaths and cases by group, age and cause; of the draws, the first is the estimate itself.

    Parameters
    ----------
    levels, bands, causes : tuple of str
        Groups, age bands from the youngest on, and causes.
    deaths, cases : ndarray, shape (1 + n_draw, n_level, n_age, n_cause)
        People.
    people : ndarray, shape (n_level, n_age)
        Population.
    exposed : ndarray, shape (n_risk, 1 + n_draw, n_level, n_age)
        Share of people exposed to each risk.
    known : ndarray of bool, shape (n_level,)
        Groups of which numbers may be shown, as far as a posterior's own rule tells.
    """

    levels: tuple[str, ...]
    bands: tuple[str, ...]
    causes: tuple[str, ...]
    deaths: Array
    cases: Array
    people: Array
    exposed: Array
    known: NDArray[np.bool_]


def burden(counts: pd.DataFrame | xr.DataTree, card: BurdenCard, *, seed: int = 1) -> dict[str, pd.DataFrame]:
    """
    Measure years of life lost, years lived with disability and their sum, by group, and what is attributable to risks.

    Parameters
    ----------
    counts : DataFrame or DataTree
        A table with a row each of the card's groups, age band and `cause`: `deaths`, `cases` (people who have it),
        `population`, and people exposed to each of the card's risks; further columns, such as sex, are added up. Or a
        posterior with the card's outcomes.
    card : BurdenCard
        What is asked.
    seed : int
        Makes the draws reproducible.

    Returns
    -------
    dict of str to DataFrame
        Tables with small counts, as confidential as the records (see `bayesineq.disclosure.covered_persons`):
        `burden_groups`, a row each group and cause, and all causes, with `people, deaths, cases`, years in all and
        their rates per 100,000 people of the European standard population, with intervals; `burden_gap`, most against
        least deprived; `burden_risks`, where the card names risks, with the attributable share of DALYs, deaths and
        DALYs; `burden_about`.

    Raises
    ------
    SchemaError
        Columns or rows are missing, counts are negative or above the population: all at once.
    CardError
        A cause has no disability weight, or a file of the card is not there.

    Notes
    -----
    Every draw has its own deaths, cases, weights and relative risks; of a table, deaths are gamma and cases beta
    numbers about the counts. What is called the value is worked out from the counts and weights as they stand; of a
    posterior, from its means.

    References
    ----------
    Murray CJL et al. Lancet 2020; 396:1223 and 1204 (methods of GBD 2019). Vos T et al. Lancet 2012; 380:2163
    (comorbidity).

    Examples
    --------
    >>> bands = ["40-84", "85+"]
    >>> table = pd.DataFrame({"sex": ["F", "F", "M", "M"], "age_band": bands * 2, "cause": "diabetes"})
    >>> table = table.assign(deaths=[20, 50, 30, 60], cases=[900, 200, 1200, 220], population=[10000, 1000] * 2)
    >>> found = burden(table, BurdenCard("diabetes", "Who loses most?", by=("sex",), draws=200))["burden_groups"]
    >>> found.loc[found["cause"] == "diabetes", ["level", "yld"]].round(1).to_numpy().tolist()
    [['everyone', 123.5], ['F', 53.9], ['M', 69.6]]
    """
    table = read_life_table(card.life_table)
    parts = {by: _counts(counts, by, card, seed) for by in card.by}
    first = next(iter(parts.values()))
    weights = read_weights(card.weights)
    some = [k for k in range(len(first.causes)) if first.cases[..., k].any()]
    weight = np.zeros((len(first.deaths), len(first.causes)))
    weight[:, some] = weights.drawn([first.causes[k] for k in some], len(weight) - 1, seed + 1)
    risks = (
        drawn_risks(card.relative_risks, card.risks, first.causes, len(weight) - 1, seed + 2)
        if card.risks
        else np.ones((len(weight), 0, len(first.causes)))
    )
    groups, gaps, due = [], [], []
    for by, one in ((EVERYONE, _together(first)), *parts.items()):
        lost, lived = _years(one, remaining(one.bands, table, card.open_age), weight, card.comorbidity)
        groups.append(_group_rows(by, one, lost, lived))
        if by in DEPRIVATION:
            gaps.append(_gap_rows(by, one, lost, lived))
        due.append(_risk_rows(by, one, lost + lived, risks, card.risks))
    made = {"burden_groups": pd.concat(groups, ignore_index=True)}
    if gaps:
        made["burden_gap"] = pd.concat(gaps, ignore_index=True)
    if card.risks:
        made["burden_risks"] = pd.concat(due, ignore_index=True)
    return made | {"burden_about": _about(card, table, weights.title, first)}


def read_burden(path: str | Path, card: BurdenCard, seed: int | None = None) -> dict[str, pd.DataFrame]:
    """Tables of `burden` of a table of counts, or of a posterior that ends in .nc."""
    from bayesineq.posterior.files import load

    place = Path(path)
    counts = load(place) if place.suffix == ".nc" else read_table(place)
    return burden(counts, card, seed=1 if seed is None else seed)


def gbd_layout(groups: pd.DataFrame) -> pd.DataFrame:
    """Rows of `burden_groups`, those that are shown, as result files of the Global Burden of Disease study are."""
    parts = []
    for name in YEARS:
        number, words = MEASURE_NAMES[name]
        for metric, column in (("Number", name), ("Rate", f"{name}_rate")):
            shown = groups[groups[column].notna()]
            place = [EVERYONE if by == EVERYONE else f"{by}: {level}" for by, level in zip(shown["by"], shown["level"],
                                                                                           strict=True)]  # fmt: skip
            parts.append(
                pd.DataFrame(
                    {
                        "measure_id": number, "measure_name": words, "location_name": place, "sex_name": "All",
                        "age_name": "All" if metric == "Number" else "Age-standardized", "cause_name": shown["cause"],
                        "metric_id": METRIC_NAMES[metric][0], "metric_name": metric, "year": pd.NA,
                        "val": shown[column], "upper": shown[f"{column}_upper"], "lower": shown[f"{column}_lower"],
                    }
                )
            )  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def remaining(bands: tuple[str, ...], table: ReferenceTable, open_age: float = 0.0) -> Array:
    """
    Years that a death in each age band takes: those of the table at the middle of the band, by straight lines.

    Parameters
    ----------
    bands : tuple of str
        Age bands that follow one another, the last one open, such as "85+".
    table : ReferenceTable
        Years that remain at exact ages.
    open_age : float
        Age at which deaths of the open band lie on average; 0 is two and a half years past its first age.

    Returns
    -------
    ndarray, shape (n_age,)
        Years.

    Raises
    ------
    SchemaError
        The open band begins before 75 and nothing says where its deaths lie, or the table begins after the first band.

    Examples
    --------
    >>> remaining(("80-84", "85+"), ReferenceTable("made up", [80, 85, 90], [10.0, 8.0, 6.0]))
    array([9., 7.])
    """
    _, starts = bands_in_order(pd.Series(bands))
    ages, years = np.asarray(table.ages, dtype=np.float64), np.asarray(table.years, dtype=np.float64)
    if starts[-1] < _LOWEST_OPEN and not open_age:
        raise SchemaError(
            f"the open age band {bands[-1]} begins before {_LOWEST_OPEN}: its deaths lie at many ages. Split it, or "
            "say with open_age where they lie on average"
        )
    if open_age and open_age < starts[-1]:
        raise SchemaError(f"open_age = {open_age:g} lies before the open age band {bands[-1]}")
    if ages[0] > starts[0]:
        raise SchemaError(f"the life table {table.name!r} begins at age {ages[0]:g}, the bands at {starts[0]}")
    middle = [(a + b) / 2 for a, b in pairwise(starts)]
    return np.asarray(np.interp([*middle, open_age or starts[-1] + _PAST], ages, years))


def _counts(counts: pd.DataFrame | xr.DataTree, by: str, card: BurdenCard, seed: int) -> Counts:
    return _of_table(counts, by, card, seed) if isinstance(counts, pd.DataFrame) else _of_posterior(counts, by, card)


def _of_table(table: pd.DataFrame, by: str, card: BurdenCard, seed: int) -> Counts:
    """Counts of a table as draws: gamma deaths and beta cases, half a count spread over the ages of a group."""
    numbers = ["deaths", "cases", POPULATION, *card.risks]
    rows = _checked(table, by, card, numbers)
    bands = tuple(map(str, bands_in_order(rows[card.age])[0]))
    levels, causes = _ordered(rows[by]), tuple(sorted(rows["cause"].unique()))
    summed = rows.groupby([by, card.age, "cause"], observed=True)[numbers].sum()
    whole = pd.MultiIndex.from_product([levels, bands, causes], names=summed.index.names)
    if len(lacking := whole[~whole.isin(summed.index)]):
        raise SchemaError(
            f"{len(lacking)} strata have no row, such as {list(lacking[:_SHOWN])}: give every group, age band and "
            "cause a row, with 0 where nobody died or has it"
        )
    shape = (len(levels), len(bands), len(causes))
    deaths, cases, people, *exposed = (summed.loc[whole, name].to_numpy(float).reshape(shape) for name in numbers)
    if not np.allclose(people, people[..., :1]):
        raise SchemaError("the population of a group and age band differs between causes: it is that of all people")
    if (people <= 0).any():
        raise SchemaError(f"{int((people[..., 0] <= 0).sum())} groups have nobody in an age band: pool ages or groups")
    stream, part = np.random.default_rng(seed), _HALF / len(bands)
    some_deaths, some_cases = deaths.sum(axis=(0, 1)) > 0, cases.sum(axis=(0, 1)) > 0
    died = np.where(some_deaths, stream.gamma(deaths + part, size=(card.draws, *shape)), 0.0)
    ill = np.where(some_cases, people * stream.beta(cases + part, people - cases + part, (card.draws, *shape)), 0.0)
    size = people[..., 0]
    shares = np.zeros((len(exposed), 1 + card.draws, *shape[:2]))
    for k, of in enumerate(exposed):
        shares[k, 0] = of[..., 0] / size
        shares[k, 1:] = stream.beta(of[..., 0] + part, size - of[..., 0] + part, (card.draws, *shape[:2]))
    return Counts(
        levels, bands, causes,
        np.concatenate([deaths[None], died]), np.concatenate([cases[None], ill]), size,
        shares,
        np.ones(len(levels), dtype=bool),
    )  # fmt: skip


def _of_posterior(post: xr.DataTree, by: str, card: BurdenCard) -> Counts:
    """Deaths and cases of a posterior's outcomes, its mean first; groups that its own rule withholds are marked."""
    from bayesineq.disclosure.cover import cover
    from bayesineq.posterior.expected import expected
    from bayesineq.posterior.groups import pooled
    from bayesineq.posterior.population import card_of

    causes = (*card.deaths, *(name for name in card.cases if name not in card.deaths))
    if not causes or card.risks:
        raise SchemaError("of a posterior, the card names outcomes in deaths or cases, and no risks")
    several = len(card_of(post).outcomes) > 1
    found = {name: expected(post, by=[by, card.age], outcome=name if several else None) for name in causes}
    one = next(iter(found.values()))
    bands = bands_in_order(pd.Series([str(band) for band in one[card.age].to_numpy()]))[0]
    place = [list(map(str, one[card.age].to_numpy())).index(str(band)) for band in bands]
    size = one[POPULATION].transpose(by, card.age).to_numpy()[:, place]
    drawn = {name: pooled(value.fillna(0.0), [by, card.age])[:, :, place] * size for name, value in found.items()}
    whole = {name: np.concatenate([value.mean(axis=0, keepdims=True), value]) for name, value in drawn.items()}
    none = np.zeros_like(next(iter(whole.values())))
    hidden = set() if several else set(map(str, cover(post).levels(by)))
    levels = tuple(map(str, one[by].to_numpy()))
    return Counts(
        levels, tuple(map(str, bands)), causes,
        np.stack([whole[name] if name in card.deaths else none for name in causes], axis=-1),
        np.stack([whole[name] if name in card.cases else none for name in causes], axis=-1),
        size, np.zeros((0, len(none), *size.shape)), np.array([level not in hidden for level in levels]),
    )  # fmt: skip


def _checked(table: pd.DataFrame, by: str, card: BurdenCard, numbers: list[str]) -> pd.DataFrame:
    rows = table.assign(**{name: 0 for name in ("deaths", "cases") if name not in table})
    if missing := [name for name in (by, card.age, "cause", *numbers) if name not in rows]:
        raise SchemaError(f"the table has no columns {missing}; it has {list(table.columns)}")
    if not {"deaths", "cases"} & set(table.columns):
        raise SchemaError(f"the table has neither deaths nor cases; it has {list(table.columns)}")
    wrong = [f"{name!r} has {int(rows[name].isna().sum())} gaps" for name in (by, card.age, "cause")
             if rows[name].isna().any()]  # fmt: skip
    values = {name: pd.to_numeric(rows[name], errors="coerce").to_numpy(float, na_value=np.nan) for name in numbers}
    for name, value in values.items():
        if bad := int((~(np.isfinite(value) & (value >= 0))).sum()):
            wrong.append(f"{name!r}: {bad} numbers are negative or missing")
    for name in ("deaths", "cases", *card.risks):
        if bad := int((values[name] > values[POPULATION]).sum()):
            wrong.append(f"{name!r}: {bad} are above the population")
    if not wrong and not values["deaths"].any() and not values["cases"].any():
        wrong.append("nobody died and nobody has anything: a table without cases has no burden")
    if wrong:
        raise SchemaError("burden cannot be measured: " + "; ".join(wrong))
    text = {name: rows[name].astype(str) for name in (by, card.age, "cause")}
    return rows.assign(**values, **text)


def _ordered(column: pd.Series) -> tuple[str, ...]:
    levels = column.astype(str).unique()
    return tuple(sorted(levels, key=lambda level: (0, int(level), "") if level.isdigit() else (1, 0, level)))


def _together(one: Counts) -> Counts:
    """Everybody as one group."""
    people = one.people.sum(axis=0, keepdims=True)
    exposed = (one.exposed * one.people).sum(axis=2, keepdims=True) / people
    deaths, cases = one.deaths.sum(axis=1, keepdims=True), one.cases.sum(axis=1, keepdims=True)
    return Counts((EVERYONE,), one.bands, one.causes, deaths, cases, people, exposed, np.ones(1, dtype=bool))


def _years(one: Counts, left: Array, weight: Array, comorbidity: bool) -> tuple[Array, Array]:
    """Years lost and years lived with disability: shapes (draw, level, age, cause)."""
    own = np.broadcast_to(weight[:, None, None, :], one.cases.shape)
    n = len(one.causes)
    if comorbidity and n > 1:
        share = np.minimum(one.cases / one.people[:, :, None], 1.0)
        if 2.0**n * one.cases.size * n <= _MOST_EXACT:
            own = comorbid_weights(share, own)
        else:
            # Of many conditions, how much is taken away is worked out once, at the estimate.
            at = comorbid_weights(share[:1], own[:1])
            own = own * np.divide(at, own[:1], out=np.ones_like(at), where=own[:1] > 0)
    return one.deaths * left[:, None], one.cases * own


def _sums(one: Counts, years: Array) -> tuple[Array, Array]:
    """In all, and per 100,000 at the standard's ages; the last cause is all: (draw, level, cause)."""
    every = np.concatenate([years, years.sum(axis=-1, keepdims=True)], axis=-1)
    standard = european_standard(one.bands).to_numpy(dtype=float)
    rate = np.einsum("a,dlac->dlc", standard / standard.sum(), every / one.people[:, :, None])
    return every.sum(axis=2), PER * rate


def _three(name: str, drawn: Array) -> dict[str, Array]:
    low, high = np.quantile(drawn[1:], _ENDS, axis=0)
    return {name: drawn[0].ravel(), f"{name}_lower": low.ravel(), f"{name}_upper": high.ravel()}


def _counted(one: Counts) -> dict[str, Array]:
    """Numbers of people of every group and cause, and of all causes."""
    deaths, cases = (np.rint(of[0].sum(axis=1)) for of in (one.deaths, one.cases))
    # Whoever has several conditions is counted once at least as often as for the commonest.
    deaths = np.concatenate([deaths, deaths.sum(axis=1, keepdims=True)], axis=1)
    cases = np.concatenate([cases, cases.max(axis=1, keepdims=True)], axis=1)
    people = np.broadcast_to(np.rint(one.people.sum(axis=1))[:, None], deaths.shape)
    hide = np.where(one.known, 0.0, np.nan)[:, None]
    return {"people": (people + hide).ravel(), "deaths": (deaths + hide).ravel(), "cases": (cases + hide).ravel()}


def _group_rows(by: str, one: Counts, lost: Array, lived: Array) -> pd.DataFrame:
    names = (*one.causes, ALL_CAUSES)
    columns: dict[str, object] = {
        "by": by, "level": np.repeat(one.levels, len(names)), "cause": np.tile(names, len(one.levels)), **_counted(one)
    }  # fmt: skip
    for name, years in zip(YEARS, (lost, lived, lost + lived), strict=True):
        whole, rate = _sums(one, years)
        columns |= _three(name, whole) | _three(f"{name}_rate", rate)
    return pd.DataFrame(columns)


def _gap_rows(by: str, one: Counts, lost: Array, lived: Array) -> pd.DataFrame:
    """Most against least deprived, at the same ages."""
    names = (*one.causes, ALL_CAUSES)
    counted = {name: value.reshape(len(one.levels), -1)[[0, -1]].min(axis=0) for name, value in _counted(one).items()}
    _, rate = _sums(one, lost + lived)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = rate[:, 0] / rate[:, -1]
    columns = {"by": by, "most": one.levels[0], "least": one.levels[-1], "cause": names, **counted}
    return pd.DataFrame(columns | _three("difference", rate[:, 0] - rate[:, -1]) | _three("ratio", ratio))


def _risk_rows(by: str, one: Counts, daly: Array, relative: Array, risks: tuple[str, ...]) -> pd.DataFrame:
    """What is attributable to each risk and to all of them, by group and cause."""
    parts = []
    shares = [
        fraction_by_exposure(
            np.stack([1 - share, share], axis=-1)[..., None, :],
            np.stack([np.ones_like(relative[:, k]), relative[:, k]], axis=-1)[:, None, None],
            np.array([1.0, 0.0]),
        )
        for k, share in enumerate(one.exposed)
    ]
    if len(shares) > 1:
        shares.append(joint_fraction(np.stack(shares, axis=-1)))
    exposed = np.rint((one.exposed[:, 0] * one.people).sum(axis=2)) if risks else np.zeros((0, len(one.levels)))
    for k, share in enumerate(shares):
        died = _with_all((share * one.deaths).sum(axis=2))
        due, whole = _with_all((share * daly).sum(axis=2)), _with_all(daly.sum(axis=2))
        with np.errstate(divide="ignore", invalid="ignore"):
            fraction = due / whole
        known = _counted(one)
        n = len(one.causes) + 1
        columns = {
            "by": by, "level": np.repeat(one.levels, n), "cause": np.tile((*one.causes, ALL_CAUSES), len(one.levels)),
            "risk": (*risks, ALL_RISKS)[k], "people": known["people"], "deaths": known["deaths"],
            "exposed": np.repeat(exposed[k] if k < len(exposed) else exposed.min(axis=0), n),
        }  # fmt: skip
        of = _three("fraction", fraction) | _three("deaths_due", died) | _three("daly_due", due)
        parts.append(pd.DataFrame(columns | of))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def _with_all(values: Array) -> Array:
    return np.concatenate([values, values.sum(axis=-1, keepdims=True)], axis=-1)


def _about(card: BurdenCard, table: ReferenceTable, weights: str, one: Counts) -> pd.DataFrame:
    where = card.open_age or bands_in_order(pd.Series(one.bands))[1][-1] + _PAST
    corrected = "weights combine within a person, conditions independent within an age band"
    rows = [
        ("life table", f"{table.name}; a death counts the years left at the middle of its band, in the open band at "
                       f"{where:g}"),
        ("disability weights", f"{weights}; drawn with their intervals"),
        ("comorbidity", corrected if card.comorbidity and len(one.causes) > 1 else "not corrected for"),
        ("rates", "per 100,000 people of the European Standard Population 2013"),
        ("not for", card.not_for),
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["item", "value"])
