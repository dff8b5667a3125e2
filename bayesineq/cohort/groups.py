"""Groups of a cohort, one within another, and the risk of an outcome with and without something, with its interval."""

from __future__ import annotations

import itertools
import json
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.stats import beta

from bayesineq.cohort.card import DEATH, Requirement
from bayesineq.cohort.members import Cohort
from bayesineq.cohort.read_cohort import Section, read_requirement
from bayesineq.cohort.requirements import with_requirements
from bayesineq.dims import CI_PROB, PERSON
from bayesineq.errors import CardError, SchemaError
from bayesineq.records.engines import collected

if TYPE_CHECKING:
    import ibis

JEFFREYS: Final = 0.5
"""Both parameters of the prior of a risk."""


@dataclass(frozen=True, slots=True)
class Group:
    """
    People of a cohort who meet some conditions.

    Parameters
    ----------
    name : str
        What they are called.
    conditions : tuple of Requirement
        All of which they meet.
    """

    name: str
    conditions: tuple[Requirement, ...]


def read_groups(path: str | Path, facts: Sequence[str]) -> list[list[Group]]:
    """
    Read levels of groups from JSON or TOML.

    Parameters
    ----------
    path : str or Path
        A file whose `levels` are lists of groups, each with a `name` and lists `require` and `exclude` of conditions
        as on a cohort card. Each level divides the groups of the one before.
    facts : sequence of str
        Names of the card's code lists and spells.

    Returns
    -------
    list of list of Group
        The levels.

    Raises
    ------
    CardError
        The file cannot be read, or any key or fact is not known: all of it at once.

    Examples
    --------
    >>> import tempfile
    >>> smokers = '{"name": "smokers", "require": [{"event": "smoking", "within": ["ever", "ever"]}]}'
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "groups.json"
    ...     _ = path.write_text('{"levels": [[' + smokers + ']]}')
    ...     read_groups(path, ["smoking"])[0][0].name
    'smokers'
    """
    source = Path(path)
    try:
        text = source.read_text(encoding="utf-8-sig")
        raw = json.loads(text) if source.suffix == ".json" else tomllib.loads(text)
    except (OSError, ValueError, RecursionError) as error:
        raise CardError(f"the groups {source.name!r} cannot be read ({error}); give a .json or .toml file") from None
    levels = raw.get("levels") if isinstance(raw, dict) else None
    if not isinstance(levels, list) or not all(isinstance(level, list) and level for level in levels):
        raise CardError(f'{source.name}: levels is missing; write {{"levels": [[{{"name": ..., "require": [...]}}]]}}')
    wrong: list[str] = []
    known = {*facts, DEATH}
    found = []
    for place, level in enumerate(levels):
        sections = Section({"levels": level}, "", wrong).list_of_tables("levels")
        found.append([_group(of, f"levels[{place}]", known) for of in sections])
    if wrong:
        problems = "\n".join(f"  - {one}" for one in wrong)
        raise CardError(f"groups {source.name!r} have {len(wrong)} problems:\n{problems}")
    return found


def _group(spec: Section, where: str, known: set[str]) -> Group:
    spec.where = spec.where.replace("levels", where)
    spec.only(("name", "require", "exclude"))
    spec.need(["name"])
    asked = [read_requirement(of, known, exclude=False) for of in spec.list_of_tables("require")]
    asked += [read_requirement(of, known, exclude=True) for of in spec.list_of_tables("exclude")]
    return Group(spec.text("name"), tuple(asked))


def nested_groups(cohort: Cohort, levels: Sequence[Sequence[Group]]) -> pd.DataFrame:
    """
    Count the groups of a cohort, each divided by those of the next level.

    Parameters
    ----------
    cohort : Cohort
        The cohort.
    levels : sequence of sequence of Group
        Levels of groups; a group of one level holds who is in the groups above it too.

    Returns
    -------
    DataFrame
        One row for the cohort and for every path of groups: `level_1` and so on (empty below the path), `persons`.

    Raises
    ------
    SchemaError
        There are no levels, or two groups of a level have one name.

    Examples
    --------
    >>> from bayesineq.examples import cohort_example
    >>> seen = Group("in hospital", (Requirement(("hospital_stay",), within=(0, None)),))
    >>> nested_groups(cohort_example(), [[seen]])
                    level_1  persons
    0                              4
    1  in hospital        2
    """
    twice = [level for level in levels if len({of.name for of in level}) < len(level)]
    if not levels or twice:
        raise SchemaError("Groups need a level at least, and each its own name within a level.")
    asked = list(dict.fromkeys(c for level in levels for of in level for c in of.conditions))
    people, holds = _holding(cohort, asked)

    def _inside(path: Sequence[Group]) -> Any:
        inside = people["one"]
        for condition in (c for of in path for c in of.conditions):
            inside = inside * holds[condition]
        return inside.sum()

    paths = [path for depth in range(len(levels) + 1) for path in itertools.product(*levels[:depth])]
    counted = collected(people.aggregate(**{f"n{k}": _inside(path) for k, path in enumerate(paths)})).iloc[0]
    names = [f"level_{k + 1}" for k in range(len(levels))]
    rows = [
        {**dict.fromkeys(names, ""), **dict(zip(names, [of.name for of in path], strict=False)), "persons": int(n)}
        for path, n in zip(paths, counted.fillna(0), strict=True)
    ]
    # Each group stands above those that divide it.
    place = {path: [level.index(of) for level, of in zip(levels, path, strict=False)] for path in paths}
    order = sorted(range(len(paths)), key=lambda k: place[paths[k]])
    return pd.DataFrame([rows[k] for k in order])


def _holding(cohort: Cohort, asked: Sequence[Requirement]) -> tuple[ibis.Table, dict[Requirement, ibis.Value]]:
    """Members, and for each condition a column that is 1 where it holds, an exclusion where the fact is not there."""
    import ibis

    people = with_requirements(cohort.members.select(PERSON, "index"), cohort.facts, asked)
    people = people.mutate(one=ibis.literal(1, "int64"))
    return people, {c: 1 - people[f"met_{k}"] if c.exclude else people[f"met_{k}"] for k, c in enumerate(asked)}


def risk_with_and_without(
    cohort: Cohort, exposure: Requirement, outcome: Requirement, *, prob: float = CI_PROB
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """
    Risk of an outcome among those with and without something, and their ratio.

    Parameters
    ----------
    cohort : Cohort
        The cohort.
    exposure, outcome : Requirement
        What divides it, and what may happen, by day from the index date.
    prob : float, optional
        Probability that the intervals hold.

    Returns
    -------
    (DataFrame, DataFrame)
        `group` ("with", "without"), `persons`, `events`, `risk` (their ratio), and `median`, `lower`, `upper` of its
        posterior; then `measure` ("risk ratio", "risk difference": with against without), `estimate` from the counts
        (missing where it is not defined), `median`, `lower`, `upper`.

    Raises
    ------
    SchemaError
        Nobody is with it, or nobody without.

    Notes
    -----
    The counts are two binomials whose risks have Jeffreys' prior, Beta(1/2, 1/2). Quantiles are of the exact posterior,
    by quadrature. Nothing is adjusted: who is treated may differ in much else.

    Examples
    --------
    >>> from bayesineq.examples import cohort_example
    >>> missed = Requirement(("missed_appointment",), within=(0, None))
    >>> seen = Requirement(("hospital_stay",), within=(0, None))
    >>> risk_with_and_without(cohort_example(), missed, seen)[0][["group", "persons", "events"]]
         group  persons  events
    0     with        1       0
    1  without        3       2
    """
    people, holds = _holding(cohort, [exposure, outcome])
    grouped = people.select(exposed=holds[exposure], happened=holds[outcome])
    counted = collected(
        grouped.group_by("exposed").aggregate(persons=grouped.count(), events=grouped["happened"].sum())
    ).set_index("exposed")
    if set(counted.index) != {0, 1}:
        raise SchemaError(
            f"All of the cohort are {'with' if 1 in counted.index else 'without'} it: nothing to compare."
        )
    n, x = counted.loc[[1, 0], "persons"].to_numpy(int), counted.loc[[1, 0], "events"].to_numpy(int)
    posterior = beta(x + JEFFREYS, n - x + JEFFREYS)
    ends = np.array([0.5, (1 - prob) / 2, (1 + prob) / 2])
    risks = posterior.ppf(ends[:, None])
    table = pd.DataFrame({"group": ["with", "without"], "persons": n, "events": x, "risk": x / n})
    table[["median", "lower", "upper"]] = risks.T
    with_it, without = (beta(a + JEFFREYS, b - a + JEFFREYS) for a, b in zip(x, n, strict=True))
    ratio = x[0] / n[0] / (x[1] / n[1]) if x[1] else np.nan
    nodes, weights = np.polynomial.legendre.leggauss(2000)
    other = without.ppf((nodes + 1) / 2)

    def _quantiles(of: Callable[[float], Any], low: float, high: float) -> list[float]:
        below = [lambda at, p=p: float(weights @ with_it.cdf(of(at))) / 2 - p for p in ends]
        return [float(brentq(f, low, high, xtol=1e-10)) for f in below]

    logs = _quantiles(lambda at: np.exp(at) * other, -40.0, 40.0)
    differences = _quantiles(lambda at: at + other, -1.0, 1.0)
    rows = [("risk ratio", ratio, *np.exp(logs)), ("risk difference", x[0] / n[0] - x[1] / n[1], *differences)]
    return table, pd.DataFrame(rows, columns=["measure", "estimate", "median", "lower", "upper"])
