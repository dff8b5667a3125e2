"""Records of people as arrays: columns taken by their names, and refused where they would mean something else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from bayesineq.errors import DecisionError

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Columns:
    """
    What a fit read.

    Parameters
    ----------
    covariates, modifiers : tuple of str
        Names in the order of the fit.
    area : str, optional
        Column of the areas.
    named : bool
        Whether the names are a table's, so that columns of new tables are taken by them.
    same : bool
        Whether the modifiers are the covariates.
    """

    covariates: tuple[str, ...]
    modifiers: tuple[str, ...]
    area: str | None
    named: bool
    same: bool


def check_records(
    people: pd.DataFrame,
    *,
    treated: str,
    outcome: str,
    covariates: Sequence[str],
    modifiers: Sequence[str] | None,
    others: Sequence[str],
) -> None:
    """Refuse records from which the effect cannot be read as asked."""
    faults = []
    for role, given in (("covariates", covariates), ("modifiers", modifiers)):
        if isinstance(given, str):
            raise DecisionError(f"{role} is a list of columns: write {role}=[{given!r}].")
        repeated = sorted({str(name) for name in given or [] if list(given or []).count(name) > 1})
        if repeated:
            faults.append(f"{role} name {', '.join(repeated)} more than once")
    if not len(covariates):
        faults.append("no covariates are named: give those that may confound or predict the outcome")
    chosen = [*covariates, *(modifiers or [])]
    faults += _columns(people, [treated, outcome, *chosen, *others])
    if faults:
        raise DecisionError("; ".join(faults) + ".")
    for role, column in (("treatment", treated), ("outcome", outcome)):
        if column in chosen:
            faults.append(f"{column} is the {role} and cannot be a covariate or modifier too: leave it out of them")
    if treated == outcome:
        faults.append(f"{treated} is named as treatment and as outcome")
    if not pd.api.types.is_numeric_dtype(people[outcome]):
        faults.append(
            f"the outcome {outcome} is text or dates ({_some(people[outcome])}): code it as a number, for example 1 "
            "where the event happened and 0 where not"
        )
    faults += _numeric(people, list(dict.fromkeys(chosen)))
    if faults:
        raise DecisionError("; ".join(faults) + ".")


def arrays_of(
    features: pd.DataFrame | ArrayLike, modifiers: pd.DataFrame | ArrayLike | None
) -> tuple[NDArray[np.float32], NDArray[np.float32], Columns]:
    """
    Features and modifiers of the fit as arrays, with their names.

    Shapes: features (person, feature); modifiers (person, modifier).
    """
    x = _finite("features", features)
    z = x if modifiers is None else _finite("modifiers", modifiers)
    if len(z) != len(x):
        raise DecisionError(f"features have {len(x)} rows and modifiers {len(z)}: give one row a person in both.")
    covariates = _names(features) or tuple(f"feature {j + 1}" for j in range(x.shape[1]))
    labels = _names(features if modifiers is None else modifiers)
    labels = labels or tuple(f"modifier {j + 1}" for j in range(z.shape[1]))
    return x, z, Columns(covariates, labels, None, bool(_names(features)), modifiers is None)


def new_people(
    columns: Columns,
    features: pd.DataFrame | ArrayLike,
    modifiers: pd.DataFrame | ArrayLike | None,
    area: ArrayLike | None,
    areas: NDArray[np.object_],
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int64]]:
    """
    People as the fit read its own: columns of a table by their names, areas by their codes.

    Shapes: returns (person,).
    """
    x = _by_name("features", features, columns.covariates, columns.named)
    if modifiers is not None:
        z = _by_name("modifiers", modifiers, columns.modifiers, columns.named)
    elif columns.same:
        z = x
    elif isinstance(features, pd.DataFrame):
        z = _by_name("modifiers", features, columns.modifiers, columns.named)
    elif set(columns.modifiers) <= set(columns.covariates):
        z = x[:, [columns.covariates.index(name) for name in columns.modifiers]]
    else:
        raise DecisionError(f"The fit had modifiers {', '.join(columns.modifiers)}: give modifiers= too, or a table.")
    if len(z) != len(x):
        raise DecisionError(f"features have {len(x)} rows and modifiers {len(z)}: give one row a person in both.")
    if area is None and isinstance(features, pd.DataFrame) and columns.area in features.columns:
        area = features[columns.area].to_numpy()
    if areas.size == 1 and area is None:
        return x, z, np.zeros(len(x), np.int64)
    if area is None:
        return x, z, np.full(len(x), -1, np.int64)
    given = np.asarray(area).ravel()
    if len(given) != len(x):
        raise DecisionError(f"{len(given)} areas but {len(x)} people: give one area a person.")
    place = pd.Index(areas).get_indexer(pd.Index(given))
    if (place < 0).any():
        unknown = pd.unique(given[place < 0])
        raise DecisionError(
            f"{int((place < 0).sum()):,} people live in {unknown.size} area(s) that were not in the fit: "
            f"{', '.join(map(str, unknown[:5]))}. Its areas are {', '.join(map(str, areas[:5]))} ... Correct the "
            "codes, or leave the area out for these people: they then have the average effect of their kind."
        )
    return x, z, place.astype(np.int64)


def areas_of(area: ArrayLike) -> tuple[NDArray[np.object_], NDArray[np.int64]]:
    """Codes of the areas, and which is each person's. Shapes: area (person,); returns (person,)."""
    given = np.asarray(area)
    if pd.isna(given).any():
        raise DecisionError(f"{int(pd.isna(given).sum()):,} people have no area: leave them out, or give them a code.")
    codes, where = np.unique(given, return_inverse=True)
    return codes, where.astype(np.int64)


def numbers(role: str, values: ArrayLike) -> Array:
    """Values as numbers. Shapes: returns (person,)."""
    given = np.asarray(values).ravel()
    plain = given.dtype.kind in "biuf" or all(
        isinstance(value, (bool, int, float, np.number, np.bool_)) or value is pd.NA or value is None for value in given
    )
    if not plain:
        raise DecisionError(
            f"The {role} is text or dates ({_some(pd.Series(given))}): code it as a number, for example 1 where the "
            "event happened and 0 where not."
        )
    return np.asarray(pd.to_numeric(pd.Series(given), errors="coerce"), np.float64)


def _finite(role: str, values: ArrayLike) -> NDArray[np.float32]:
    try:
        out = np.asarray(values, np.float32)
    except (TypeError, ValueError) as error:
        raise DecisionError(f"{role} must be numbers: code text as indicators first ({error}).") from error
    out = out[:, np.newaxis] if out.ndim == 1 else out
    if out.ndim != 2 or out.shape[1] == 0:
        raise DecisionError(f"{role} have shape {out.shape}: give one row a person and at least one column.")
    faulty = (~np.isfinite(out)).sum(axis=0)
    if faulty.any():
        columns = values.columns if isinstance(values, pd.DataFrame) else range(1, out.shape[1] + 1)
        listed = ", ".join(f"{columns[j]} ({faulty[j]:,} people)" for j in np.flatnonzero(faulty)[:10])
        raise DecisionError(
            f"{role} are missing or not finite in column {listed}: fill them in, add an indicator of being missing, "
            "or leave these people out."
        )
    return out


def _names(table: object) -> tuple[str, ...]:
    return tuple(table.columns) if isinstance(table, pd.DataFrame) else ()


def _by_name(role: str, table: pd.DataFrame | ArrayLike, names: tuple[str, ...], named: bool) -> NDArray[np.float32]:
    if isinstance(table, pd.DataFrame):
        if not named:
            raise DecisionError(
                f"The fit read arrays without names, so columns of a table cannot be told apart: give {role} as an "
                f"array of {len(names)} columns in the order of the fit."
            )
        faults = _columns(table, names) or _numeric(table, names)
        if faults:
            raise DecisionError("; ".join(faults) + f". The fit read {', '.join(names)}.")
        return table[list(names)].to_numpy(np.float32)
    out = _finite(role, table)
    if out.shape[1] != len(names):
        raise DecisionError(f"{out.shape[1]} {role} given; the fit had {len(names)} columns: {', '.join(names)}.")
    return out


def _columns(frame: pd.DataFrame, wanted: Sequence[str]) -> list[str]:
    """Faults of names: columns that are absent, or there more than once."""
    names = list(dict.fromkeys(wanted))
    absent = [str(name) for name in names if name not in frame.columns]
    twice = [str(name) for name in names if (frame.columns == name).sum() > 1]
    faults = []
    if absent:
        faults.append(f"No column {', '.join(absent)} in the records; they have {', '.join(map(str, frame.columns))}")
    if twice:
        faults.append(f"the records have more than one column {', '.join(twice)}: which one is meant is not said")
    return faults


def _numeric(frame: pd.DataFrame, names: Sequence[str]) -> list[str]:
    """Faults of covariates: text, and values that are missing or not finite."""
    faults = []
    text = [c for c in names if not pd.api.types.is_numeric_dtype(frame[c])]
    if text:
        faults.append(f"covariates must be numeric; code {', '.join(sorted(map(str, text)))} as indicators first")
    bad = {c: int((~np.isfinite(frame[c].to_numpy(np.float64, na_value=np.nan))).sum()) for c in names if c not in text}
    missing = [f"{c} ({count:,} people)" for c, count in bad.items() if count]
    if missing:
        faults.append(
            f"covariates are missing or not finite: {', '.join(missing)}: fill them in, add an indicator of being "
            "missing, or leave these people out"
        )
    return faults


def _some(values: pd.Series) -> str:
    return ", ".join(map(str, pd.unique(values.dropna())[:3]))
