"""Practices by where their patients live, and areas by the practices of their people: weighted means, as they stand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from bayesineq.dims import AREA
from bayesineq.errors import SchemaError

PRACTICE = "practice"
MOST_PATIENTS = 0.9


def practice_summary(registrations: pd.DataFrame, areas: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """
    Mean of the areas where a practice's patients live, weighted by its patients.

    Parameters
    ----------
    registrations : DataFrame
        `practice`, `area`, `patients`, from `bayesineq.tables.read_registrations` or `read_published`.
    areas : DataFrame
        `area`, once each, and the columns: scores of deprivation, shares of ethnic groups.
    columns : sequence of str
        Columns of `areas` to take the mean of.

    Returns
    -------
    DataFrame
        `practice`, `patients`, `covered` (share of them who live in an area with values) and the columns, in the unit
        that they have in `areas`.

    Raises
    ------
    SchemaError
        A column is missing, or an area stands twice.

    Examples
    --------
    >>> pairs = pd.DataFrame({"practice": "A81001", "area": ["E01000001", "E01000002"], "patients": [300, 100]})
    >>> scores = pd.DataFrame({"area": ["E01000001", "E01000002"], "imd_score": [10.0, 30.0]})
    >>> practice_summary(pairs, scores, ["imd_score"])
      practice  patients  covered  imd_score
    0   A81001       400      1.0       15.0
    """
    return _means(registrations, areas, AREA, PRACTICE, columns)


def area_summary(registrations: pd.DataFrame, practices: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """
    Mean of the practices of an area's patients, weighted by them: the plain way from registers to areas.

    Neighbours share practices, so these means are smoother than the truth and near one another for that reason alone;
    `practice_prevalence` estimates what lies behind them, with intervals.

    Parameters
    ----------
    registrations : DataFrame
        `practice`, `area`, `patients`.
    practices : DataFrame
        `practice`, once each, and the columns, such as shares on registers.
    columns : sequence of str
        Columns of `practices` to take the mean of; patients of practices without a value are not counted in it.

    Returns
    -------
    DataFrame
        `area`, `patients`, `covered` (share of them whose practices have a value of the first column), `services`
        (fewest practices that hold nine tenths of the patients), and the columns.

    Raises
    ------
    SchemaError
        A column is missing, or a practice stands twice.

    Examples
    --------
    >>> pairs = pd.DataFrame({"practice": ["A81001", "A81002"], "area": "E01000001", "patients": [300, 100]})
    >>> area_summary(pairs, pd.DataFrame({"practice": ["A81001"], "DM": [0.08]}), ["DM"])
            area  patients  covered  services    DM
    0  E01000001       400     0.75         2  0.08
    """
    found = _means(registrations, practices, PRACTICE, AREA, columns)
    largest = registrations.groupby([AREA, PRACTICE])["patients"].sum().sort_values(ascending=False)
    held = largest.groupby(level=AREA).cumsum() / largest.groupby(level=AREA).transform("sum")
    before = held - largest / largest.groupby(level=AREA).transform("sum")
    services = (before < MOST_PATIENTS).groupby(level=AREA).sum()
    found.insert(3, "services", found[AREA].map(services).astype(np.int64))
    return found


def _means(registrations: pd.DataFrame, values: pd.DataFrame, on: str, by: str, columns: Sequence[str]) -> pd.DataFrame:
    wrong = [f"registrations have no {name}" for name in (on, by, "patients") if name not in registrations]
    wrong += [f"the values have no {name}" for name in (on, *columns) if name not in values]
    if not wrong and values[on].duplicated().any():
        wrong = [f"{on} {values.loc[values[on].duplicated(), on].iloc[0]} stands more than once among the values"]
    if wrong:
        raise SchemaError("; ".join(wrong))
    patients = registrations["patients"].to_numpy(dtype=np.float64)
    total = registrations.groupby(by)["patients"].sum()
    out = pd.DataFrame({by: total.index, "patients": total.to_numpy()})
    for name in columns:
        value = registrations[on].map(values.set_index(on)[name].astype("float64")).to_numpy()
        known = np.isfinite(value)
        sums = pd.DataFrame({"sum": np.where(known, value * patients, 0.0), "of": known * patients})
        summed = sums.groupby(registrations[by].to_numpy()).sum().reindex(total.index)
        if "covered" not in out:
            out["covered"] = summed["of"].to_numpy() / total.to_numpy()
        with np.errstate(invalid="ignore"):
            out[name] = summed["sum"].to_numpy() / summed["of"].to_numpy()
    return out
