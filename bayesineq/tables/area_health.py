"""The table of general health by area, put together from official files."""

from __future__ import annotations

from collections.abc import Collection

import pandas as pd

from bayesineq.dims import AREA, DECILE
from bayesineq.errors import SchemaError
from bayesineq.tables.check import check
from bayesineq.tables.codes import code_list
from bayesineq.tables.vintage import join

BAD_HEALTH = ("bad", "very_bad")
REFERENCE_GROUP = "white"
OPEN_AGES = 65


def _shares(ethnicity: pd.DataFrame) -> pd.DataFrame:
    groups = code_list("ethnicity_census_2021")
    shares = {AREA: ethnicity[AREA]}
    for broad, codes in groups.groupby("broad")["code"]:
        if broad != REFERENCE_GROUP:
            shares[str(broad)] = ethnicity[codes.tolist()].sum(axis=1) / ethnicity["total"]
    return pd.DataFrame(shares)


def _old(age: pd.DataFrame) -> pd.DataFrame:
    bands = [name for name in age.columns if str(name)[:2].isdigit() and int(str(name)[:2]) >= OPEN_AGES]
    return pd.DataFrame({AREA: age[AREA], "aged_65_and_over": age[bands].sum(axis=1) / age["total"]})


def area_health(
    general_health: pd.DataFrame,
    ethnicity: pd.DataFrame,
    age: pd.DataFrame,
    deprivation: pd.DataFrame,
    areas: Collection[str] | None = None,
) -> pd.DataFrame:
    """
    Put the table `area_health` together from Census 2021 and the Index of Multiple Deprivation.

    Shares are of the residents counted in their own census table: totals differ by a few people between tables,
    because counts are perturbed against disclosure.

    Parameters
    ----------
    general_health : DataFrame
        TS037 from `read_census`.
    ethnicity : DataFrame
        TS021 from `read_census`.
    age : DataFrame
        TS007A from `read_census`.
    deprivation : DataFrame
        IoD2025 from `read_deprivation`; its areas are those of the result unless `areas` is given.
    areas : collection of str, optional
        The LSOAs wanted, such as `areas_within(lookup, "QJG")`.

    Returns
    -------
    DataFrame
        One row an area, sorted by code: `area`, `imd_decile`, `residents`, `bad_health` (bad or very bad), and the
        shares `asian`, `black`, `mixed`, `other` (White is the rest) and `aged_65_and_over`, from 0 to 1.

    Raises
    ------
    SchemaError
        An area has no row in one of the tables, the tables are of different LSOA vintages, or nobody lives in it.

    Examples
    --------
    >>> area = {"area": ["E01000001"], "total": [1900]}
    >>> health = pd.DataFrame(area | {"very_good": 900, "good": 600, "fair": 300, "bad": 70, "very_bad": 30})
    >>> ethnicity = pd.DataFrame(area | dict.fromkeys(code_list("ethnicity_census_2021")["code"], 100))
    >>> age = pd.DataFrame(area | {"00-64": 1520, "65-69": 190, "70+": 190})
    >>> deprivation = pd.DataFrame({"area": ["E01000001"], "imd_decile": [3]})
    >>> area_health(health, ethnicity, age, deprivation).round(3).T
                              0
    area              E01000001
    imd_decile                3
    residents              1900
    bad_health              100
    asian                 0.263
    black                 0.158
    mixed                 0.211
    other                 0.105
    aged_65_and_over        0.2
    """
    chosen = deprivation[[AREA, DECILE]]
    if areas is not None:
        wanted = pd.DataFrame({AREA: sorted(set(areas))})
        if wanted.empty:
            raise SchemaError("No areas were asked for: `areas` is empty. Leave it out for all areas of England.")
        chosen = join(wanted, chosen, extra="leave", names=("chosen areas", "deprivation"))
    empty = [
        f"{table.loc[table['total'] == 0, AREA].iloc[0]} in {name}"
        for table, name in ((ethnicity, "TS021"), (age, "TS007A"))
        if (table.loc[table[AREA].isin(chosen[AREA]), "total"] == 0).any()
    ]
    if empty:
        raise SchemaError(f"Areas without residents have no shares: {', '.join(empty)}. Take them out of `areas`.")
    health = pd.DataFrame(
        {
            AREA: general_health[AREA],
            "residents": general_health["total"],
            "bad_health": general_health[list(BAD_HEALTH)].sum(axis=1),
        }
    )
    table = chosen
    for right, name in ((health, "TS037"), (_shares(ethnicity), "TS021"), (_old(age), "TS007A")):
        table = join(table, right, extra="leave", names=("deprivation", name))
    return check(table.sort_values(AREA), "area_health")
