"""How far it is to the nearest service, by deprivation of the area."""

from __future__ import annotations

import numpy as np
import pandas as pd

from bayesineq.dims import AREA, CI_PROB, DECILE
from bayesineq.errors import SchemaError
from bayesineq.measures.slope import sii
from bayesineq.posterior.groups import interval
from bayesineq.practices.associations import PLACE, complete, place_weights
from bayesineq.tables.quantiles import quintiles_from_deciles

_UNITS = ("minutes", "km")


def travel_by_deprivation(
    found: pd.DataFrame,
    areas: pd.DataFrame,
    *,
    draws: int = 1000,
    prob: float = CI_PROB,
    seed: int | None = None,
) -> pd.DataFrame:
    """
    Way to the nearest service in each fifth of deprivation, and its slope from the most to the least deprived.

    Parameters
    ----------
    found : DataFrame
        From `bayesineq.space.nearest_by_matrix`, `nearest_by_road` or `nearest_straight`.
    areas : DataFrame
        `area`, `imd_decile`, `imd_rank`, `residents`; and `lad`, the authority, for an interval of the slope.
    draws, prob, seed
        Of the interval: a Bayesian bootstrap of whole authorities, as of `rank_associations`.

    Returns
    -------
    DataFrame
        `group` ("1" the most deprived, to "5", then "slope"), `areas`, `residents`, `without` (areas from which no way
        leads), `mean` and `ninth_decile` (in nine tenths of cases it is no farther), weighted by residents, `lower`
        and `upper`. The slope is the slope index of inequality: positive where the way is longer for the less deprived.

    Raises
    ------
    SchemaError
        A column is missing, or an area has no deprivation.

    Examples
    --------
    >>> found = pd.DataFrame({"area": [f"a{i}" for i in range(10)], "service": "X", "minutes": np.arange(10.0, 20.0)})
    >>> areas = found[["area"]].assign(imd_decile=range(1, 11), imd_rank=range(1, 11), residents=1000)
    >>> travel_by_deprivation(found, areas)[["group", "areas", "mean"]].round(6)
       group  areas  mean
    0      1      2  10.5
    1      2      2  12.5
    2      3      2  14.5
    3      4      2  16.5
    4      5      2  18.5
    5  slope     10  10.0
    """
    unit = next((name for name in _UNITS if name in found), None)
    wanted = [AREA, DECILE, "imd_rank", "residents"]
    lacking = [name for name in wanted if name not in areas] + (["minutes or km"] if unit is None else [])
    if lacking or unit is None:
        raise SchemaError(f"There is no column {', '.join(lacking)}; areas have {', '.join(map(str, areas))}.")
    kept = [*wanted, *([PLACE] if PLACE in areas else [])]
    table = found[[AREA, unit]].merge(areas[kept], on=AREA, how="left", validate="one_to_one")
    if (lost := table[wanted].isna().any(axis=1)).any():
        raise SchemaError(
            f"{int(lost.sum())} areas have no deprivation or residents, such as {table.loc[lost, AREA].iloc[0]}. Give "
            "deprivation of the same areas, of the same year."
        )
    table["group"] = quintiles_from_deciles(table[DECILE]).astype(str)
    rows = [{"group": name, **_of(part, unit)} for name, part in table.groupby("group")]
    known = table.dropna(subset=[unit])
    slope = _slope(known, unit, np.ones(len(known)))
    lower, upper = _limits(known, unit, draws, prob, seed) if PLACE in table else (np.nan, np.nan)
    ends = {"mean": slope, "ninth_decile": np.nan, "lower": lower, "upper": upper}
    out = pd.DataFrame([*rows, {"group": "slope", **_of(table, unit), **ends}])
    return out.assign(unit=unit)


def _of(part: pd.DataFrame, unit: str) -> dict[str, float]:
    known = part.dropna(subset=[unit]).sort_values(unit)
    weight = known["residents"].to_numpy(float)
    there = np.cumsum(weight) / weight.sum() >= 0.9 if len(known) else []
    return {
        "areas": len(part),
        "residents": part["residents"].sum(),
        "without": int(part[unit].isna().sum()),
        "mean": float(np.average(known[unit], weights=weight)) if len(known) else np.nan,
        "ninth_decile": float(known[unit].to_numpy()[np.argmax(there)]) if len(known) else np.nan,
    }


def _slope(table: pd.DataFrame, unit: str, weight: np.ndarray) -> float:
    people = table["residents"].to_numpy(float) * weight
    return float(sii(table[unit].to_numpy(float), people, order=table["imd_rank"].to_numpy()))


def _limits(table: pd.DataFrame, unit: str, draws: int, prob: float, seed: int | None) -> tuple[float, float]:
    whole, _ = complete(table, [AREA, unit, "residents", "imd_rank"], PLACE)
    weights = np.concatenate(list(place_weights(whole[PLACE], draws, seed, lambda text: None)))
    lower, upper = interval([_slope(whole, unit, weight) for weight in weights], prob)
    return float(lower), float(upper)
