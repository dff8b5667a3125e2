"""Whether those who came are like those who could have come: a cohort against the lists of its practices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import logsumexp

from bayesineq.dims import AREA, CI_PROB
from bayesineq.errors import SchemaError
from bayesineq.measures.limits import probability
from bayesineq.practices.summaries import PRACTICE

Float = NDArray[np.float64]

_PRIOR_SD: Final = 2.0
"""Of the logarithm of how much likelier a group is to come: weak, and enough where nobody of a group came."""
_STEPS: Final = 50
_GRID: Final = 2001


def could_have_come(registrations: pd.DataFrame, areas: pd.DataFrame, shares: Sequence[str]) -> pd.DataFrame:
    """
    Patients of each practice by group, where only shares of each area's residents are known.

    Parameters
    ----------
    registrations : DataFrame
        `practice`, `area`, `patients`.
    areas : DataFrame
        `area`, once each, and a column of shares for each group, which add up to one.
    shares : sequence of str
        Those columns, such as "asian", "black", "mixed", "white", "other".

    Returns
    -------
    DataFrame
        `practice`, `group`, `patients`: not whole numbers.

    Raises
    ------
    SchemaError
        A column is missing, or the shares of an area do not add up to one.

    Examples
    --------
    >>> pairs = pd.DataFrame({"practice": ["A81001"], "area": ["E01000001"], "patients": [200]})
    >>> shares = pd.DataFrame({"area": ["E01000001"], "white": [0.75], "black": [0.25]})
    >>> could_have_come(pairs, shares, ["black", "white"])
      practice  group  patients
    0   A81001  black      50.0
    1   A81001  white     150.0
    """
    lacking = [name for name in (AREA, *shares) if name not in areas]
    if lacking:
        raise SchemaError(f"The areas have no column {', '.join(lacking)}; they have {', '.join(map(str, areas))}.")
    if not np.allclose(areas[list(shares)].sum(axis=1), 1.0, atol=1e-6):
        raise SchemaError(f"The shares {', '.join(shares)} do not add up to one in every area. Name every group.")
    joined = registrations.merge(areas[[AREA, *shares]], on=AREA)
    people = joined[list(shares)].mul(joined["patients"], axis=0).groupby(joined[PRACTICE]).sum()
    long = people.reset_index().melt(PRACTICE, var_name="group", value_name="patients")
    return long.sort_values([PRACTICE, "group"], ignore_index=True)


def over_representation(
    cohort: pd.DataFrame, registered: pd.DataFrame, by: str, *, prob: float = CI_PROB
) -> pd.DataFrame:
    """
    How much likelier people of each group, or of higher scores, are to be in a cohort than others of their practice.

    Each person of the cohort is one of the patients of their practice; were all equally likely to come, a group's
    share in the cohort would be its share among those patients. Practices that send many or few are therefore of no
    influence. It answers what a permutation within practices does, with an estimate: in large cohorts `z` is the z of
    that permutation.

    Parameters
    ----------
    cohort : DataFrame
        A row a person: `practice`, and `by`.
    registered : DataFrame
        Who could have come: `practice`, `by`, `patients`. Registrations with a score or group of each area, or
        `could_have_come`.
    by : str
        A score, if its values are numbers with a fraction or more than ten of them; else a group.
    prob : float, optional
        Probability of the interval.

    Returns
    -------
    DataFrame
        For groups, a row each: `group`, `observed`, `expected` (people, were all equally likely), `ratio` (how much
        likelier the group is to come than the average patient; posterior median), `lower`, `upper`, `over`
        (probability that the ratio is above one). For a score, one row: `mean` of the cohort, `expected` mean,
        `log_odds` (of coming, a standard deviation of the score higher; posterior mean), `lower`, `upper`, `z` (its
        mean over its standard deviation) and `over` (probability that it is above zero). `attrs` holds `left_out`:
        people whose practice has no patients of that group or score.

    Raises
    ------
    SchemaError
        A column is missing, or nobody of the cohort is of a practice with patients.

    Notes
    -----
    P(level | practice) is proportional to patients times exp(x b): a conditional logit. For groups, b has a normal
    prior with standard deviation 2 and its posterior is normal about the mode; for a score the prior is flat and the
    posterior is computed on a grid.

    References
    ----------
    McFadden 1974, Conditional logit analysis of qualitative choice behavior

    Examples
    --------
    >>> who = pd.DataFrame({"practice": "A81001", "fifth": [1, 5], "patients": [500, 500]})
    >>> came = pd.DataFrame({"practice": "A81001", "fifth": [1] * 75 + [5] * 25})
    >>> over_representation(came, who, "fifth")[["group", "observed", "expected", "ratio"]].round(2)
       group  observed  expected  ratio
    0      1        75      50.0    1.5
    1      5        25      50.0    0.5
    """
    for name, table, wanted in (
        ("cohort", cohort, (PRACTICE, by)),
        ("patients", registered, (PRACTICE, by, "patients")),
    ):
        if lacking := [column for column in wanted if column not in table]:
            raise SchemaError(
                f"The {name} have no column {', '.join(lacking)}; there are {', '.join(map(str, table))}."
            )
    who = registered[registered["patients"] > 0].groupby([PRACTICE, by], sort=True)["patients"].sum().reset_index()
    came = cohort[[PRACTICE, by]].value_counts().rename("came").reset_index()
    cells = who.merge(came, on=[PRACTICE, by], how="left").fillna({"came": 0})
    left_out = int(len(cohort) - cells["came"].sum())
    cells = cells[cells.groupby(PRACTICE)["came"].transform("sum") > 0].reset_index(drop=True)
    if cells.empty:
        raise SchemaError("Nobody of the cohort is of a practice with patients of their group. Are the codes alike?")
    values = cells[by]
    numbers = pd.api.types.is_numeric_dtype(values)
    is_score = numbers and (values.nunique() > 10 or bool((values % 1 != 0).any()))
    found = _score(cells, by, prob) if is_score else _groups(cells, by, prob)
    found.attrs = {"left_out": left_out}
    return found


def _shares(cells: pd.DataFrame, weight: Float) -> Float:
    """Share of each cell in its practice under log weights, shape (n_cell,)."""
    code = pd.factorize(cells[PRACTICE])[0]
    scaled = np.exp(weight - weight.max())
    return np.asarray(scaled / np.bincount(code, scaled)[code])


def _score(cells: pd.DataFrame, by: str, prob: float) -> pd.DataFrame:
    patients, came = cells["patients"].to_numpy(float), cells["came"].to_numpy(float)
    raw = cells[by].to_numpy(float)
    middle = np.average(raw, weights=patients)
    spread = np.sqrt(np.average((raw - middle) ** 2, weights=patients))
    if not spread > 0.0:
        raise SchemaError(f"Everybody has the same {by}: nobody can be over-represented by it.")
    x, sent = (raw - middle) / spread, _total(cells, came)
    code = pd.factorize(cells[PRACTICE])[0]
    beta = 0.0
    for _ in range(_STEPS):
        share = _shares(cells, np.log(patients) + beta * x)
        mean = np.bincount(code, share * x)[code]
        step = float(((came - sent * share) * x).sum() / (sent * share * (x - mean) ** 2).sum())
        beta += np.clip(step, -1.0, 1.0)
        if abs(step) < 1e-10:
            break
    share = _shares(cells, np.log(patients) + beta * x)
    sd = float((sent * share * (x - np.bincount(code, share * x)[code]) ** 2).sum() ** -0.5)
    grid = beta + sd * np.linspace(-8.0, 8.0, _GRID)
    log_density = np.array([_log_likelihood(code, patients, came, x, at) for at in grid])
    density = np.exp(log_density - logsumexp(log_density))
    below, tail = np.cumsum(density) - density / 2.0, 0.5 * (1.0 - probability(prob))
    mean_b = float(grid @ density)
    sd_b = float(np.sqrt(((grid - mean_b) ** 2) @ density))
    lower, upper = np.interp([tail, 1.0 - tail], below, grid)
    expected = float((sent * _shares(cells, np.log(patients)) * raw).sum() / came.sum())
    row = {"mean": float(came @ raw / came.sum()), "expected": expected, "log_odds": mean_b, "lower": lower}
    return pd.DataFrame([row | {"upper": upper, "z": mean_b / sd_b, "over": float(density[grid > 0.0].sum())}])


def _log_likelihood(code: NDArray[np.intp], patients: Float, came: Float, x: Float, beta: float) -> float:
    total = np.bincount(code, patients * np.exp(beta * x))
    return float(beta * (came @ x) - np.bincount(code, came) @ np.log(total))


def _total(cells: pd.DataFrame, came: Float) -> Float:
    """People of the cohort of each cell's practice, shape (n_cell,)."""
    code = pd.factorize(cells[PRACTICE])[0]
    return np.asarray(np.bincount(code, came)[code])


def _groups(cells: pd.DataFrame, by: str, prob: float) -> pd.DataFrame:
    patients, came = cells["patients"].to_numpy(float), cells["came"].to_numpy(float)
    group, names = pd.factorize(cells[by], sort=True)
    member, sent = np.eye(len(names))[group], _total(cells, came)
    code = pd.factorize(cells[PRACTICE])[0]
    effect = np.zeros(len(names))
    for _ in range(_STEPS):
        share = _shares(cells, np.log(patients) + effect[group])
        each = np.zeros((code.max() + 1, len(names)))
        np.add.at(each, code, share[:, None] * member)
        people = np.bincount(code, came)
        curvature = np.diag(people @ each) - (each.T * people) @ each + np.eye(len(names)) / _PRIOR_SD**2
        step = np.linalg.solve(curvature, member.T @ (came - sent * share) - effect / _PRIOR_SD**2)
        effect += np.clip(step, -1.0, 1.0)
        if np.abs(step).max() < 1e-10:
            break
    draws = np.random.default_rng(0).multivariate_normal(effect, np.linalg.inv(curvature), 20_000)
    # Over the average patient: what a person of the group is likelier to come than all of the same practices.
    equal = _shares(cells, np.log(patients))
    expected = member.T @ (sent * equal)
    ratio = np.exp(draws) / (np.exp(draws) @ (expected / expected.sum()))[:, None]
    tail = 0.5 * (1.0 - probability(prob))
    lower, middle, upper = np.quantile(ratio, [tail, 0.5, 1.0 - tail], axis=0)
    observed = (member.T @ came).astype(np.int64)
    columns = {"group": names, "observed": observed, "expected": expected, "ratio": middle}
    return pd.DataFrame(columns | {"lower": lower, "upper": upper, "over": (ratio > 1.0).mean(axis=0)})
