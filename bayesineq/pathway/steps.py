"""At which step an inequality arises: the gap between two groups divided along the pathway, in every draw."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Literal

import numpy as np
import pandas as pd
import xarray as xr

from bayesineq.dims import CHAIN, CI_PROB, DRAW, SAMPLE_DIMS
from bayesineq.errors import MeasureError, SchemaError
from bayesineq.measures.steps import Combine, gap_by_steps, product_of_steps
from bayesineq.pathway.together import (
    PROPORTION,
    ends_of,
    fitted_apart,
    group_in_words,
    listed,
    number_of,
    own_dims,
    together,
)
from bayesineq.posterior.certainty import percent
from bayesineq.posterior.groups import mean_interval

type Scales = Literal["both", "absolute"]

STEP: Final = "step"
_SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class Step:
    """
    One step of a pathway.

    Parameters
    ----------
    values : DataArray, dims (chain, draw, ..., groups)
        Rate or proportion of the step, such as `expected` returns it.
    among : str
        Among whom it is one: "people", "people with the condition", "those reached". By default as the values say.
    turned : bool
        Whether it enters as one minus itself: the share that was not reached.
    """

    values: xr.DataArray
    among: str = ""
    turned: bool = False


@dataclass(frozen=True, slots=True, repr=False)
class GapBySteps:
    """
    A gap between two groups, divided along the pathway.

    Parameters
    ----------
    parts : DataArray, dims (chain, draw, step)
        What each step adds to the gap, in the unit of the outcome per head; they add up to it. Positive where the step
        raises the first group above the second.
    log_parts : DataArray or None, dims (chain, draw, step)
        The same of the logarithm of the ratio; None where only the absolute scale was asked for.
    gap : DataArray, dims (chain, draw)
        Outcome of the first group less that of the second.
    ratio : DataArray, dims (chain, draw)
        Outcome of the first group over that of the second.
    compared : str
        Who is compared with whom.
    table : DataFrame
        A row a step: `step`, `among`, `conditional` (whether it is a rate among those whom earlier steps selected),
        `first` and `second` (its value in the two groups), `mean`, `lower`, `upper` of its part, `share_*` of the gap,
        `log_*` and `log_share_*` likewise, `p_raises`, the probability that it raises the first group, and `p_largest`,
        the probability that no other step adds as much to the gap.
    text : str
        The largest step in a sentence, and what is conditional.
    """

    parts: xr.DataArray
    log_parts: xr.DataArray | None
    gap: xr.DataArray
    ratio: xr.DataArray
    compared: str
    table: pd.DataFrame
    text: str

    def __repr__(self) -> str:
        return f"GapBySteps({self.text})"


def gap_along_steps(
    steps: Mapping[str, xr.DataArray | Step],
    dim: str,
    *,
    first: Hashable | None = None,
    second: Hashable | None = None,
    combine: Combine = product_of_steps,
    scales: Scales = "both",
    prob: float = CI_PROB,
) -> GapBySteps:
    """
    Divide the gap between two groups among the steps of a pathway: who gets ill, who is reached, what becomes of them.

    Parameters
    ----------
    steps : mapping of str to DataArray or Step
        The steps by name, first to last. Their product is the outcome per head unless `combine` says otherwise.
    dim : str
        Dimension of the groups that are compared; the steps have no other dimension of groups.
    first, second : level of `dim`, optional
        The two groups; by default the most and the least deprived, or the ends of another declared order.
    combine : callable
        Outcome per head of a list of the steps' values, see `bayesineq.measures.gap_by_steps`.
    scales : {"both", "absolute"}
        Whether the logarithm of the ratio is divided as well.
    prob : float
        Probability of the intervals.

    Returns
    -------
    GapBySteps
        Parts as draws and as a table, with the probability that each step is the largest.

    Raises
    ------
    MeasureError
        If there are fewer than two steps, their levels differ, a step has further dimensions, is negative, or is zero
        on the log scale.
    PosteriorError
        If steps have different numbers of draws.

    Notes
    -----
    Absolute parts are Shapley's, which for a product are Das Gupta's: the change of the outcome when one group's step
    takes the place of the other's, averaged over all orders. Log parts of a product are log(a1 / a2) of each step. A
    step is the largest where its part, counted in the direction of the gap, is above every other's. Shares of the gap
    are given where the interval of the gap excludes zero: else they divide by nothing.

    A step after the first is a rate among those whom the earlier steps selected. Where prevalence differs, so do those
    who are selected: a lower rate among them may come from their being less ill. That is what `conditional` says.

    References
    ----------
    Das Gupta 1993, Standardization and decomposition of rates, US Bureau of the Census P23-186; Shorrocks 2013, J Econ
    Inequal 11:99

    Examples
    --------
    >>> from bayesineq import example, expected
    >>> prevalence = expected(example().post, by="imd_decile")
    >>> missed = xr.full_like(prevalence, 0.2) + 0.02 * (prevalence["imd_decile"] == 1)
    >>> found = gap_along_steps({"prevalence": prevalence, "missed": Step(missed, "people with it")}, "imd_decile")
    >>> found.table[["step", "conditional", "mean", "share_mean", "p_largest"]].round(3).to_numpy().tolist()
    [['prevalence', False, 0.017, 0.897, 1.0], ['missed', True, 0.002, 0.103, 0.0]]
    """
    given = {name: step if isinstance(step, Step) else Step(step) for name, step in steps.items()}
    if len(given) < 2:
        raise MeasureError(f"a pathway has two steps or more; given {list(given)}")
    if scales not in ("both", "absolute"):
        raise MeasureError(f'scales must be "both" or "absolute"; given {scales!r}')
    draws = together({name: step.values for name, step in given.items()})
    for name, values in draws.items():
        if own_dims(values) != [dim]:
            raise MeasureError(
                f"step {name!r} has the dimensions {own_dims(values)}; every step needs {dim!r} and no other: average "
                "over the rest, or select a level of it"
            )
    pair = ends_of(next(iter(draws.values())), dim, first, second)
    pairs = {
        name: [_of_group(values, name, dim, level, given[name]) for level in pair] for name, values in draws.items()
    }
    _refuse_zero_steps(pairs, pair, dim, scales)
    one, two = ([pairs[name][k].to_numpy() for name in pairs] for k in (0, 1))
    compared = f"{group_in_words(dim, pair[0])} less {group_in_words(dim, pair[1])}"
    gap, ratio = _outcomes(one, two, combine, next(iter(pairs.values()))[0])
    parts = _as_draws(gap_by_steps(one, two, combine=combine), gap, list(pairs))
    logs = None
    if scales == "both":
        logs = _as_draws(gap_by_steps(one, two, combine=combine, scale="log"), gap, list(pairs))
    table = _table(given, pairs, parts, logs, gap, prob)
    text = _sentence(table, compared, gap, fitted_apart(draws), prob)
    return GapBySteps(parts, logs, gap, ratio, compared, table, text)


def check_steps(table: pd.DataFrame, steps: Mapping[str, tuple[str, str]], *, nested: bool = True) -> pd.DataFrame:
    """
    Check that counts of a pathway fit each other: nobody is reached who is not a case.

    Parameters
    ----------
    table : DataFrame
        One row a cell.
    steps : mapping of str to (str, str)
        For each step, first to last, the columns of its count and of its denominator, such as
        `{"prevalence": ("cases", "population"), "reached": ("checked", "cases")}`.
    nested : bool
        Whether counts are of people, who cannot be more than their denominator, and each denominator the count of the
        step before. Without it only missing and negative numbers are refused.

    Returns
    -------
    DataFrame
        The table, unchanged.

    Raises
    ------
    SchemaError
        With all failures at once: columns that are missing; counts above their denominators; a denominator that is not
        the count of the step before.

    Examples
    --------
    >>> cells = pd.DataFrame({"population": [100, 90], "cases": [10, 8], "checked": [7, 8]})
    >>> check_steps(cells, {"prevalence": ("cases", "population"), "reached": ("checked", "cases")}) is cells
    True
    """
    columns = [column for pair in steps.values() for column in pair]
    if lacking := [column for column in dict.fromkeys(columns) if column not in table.columns]:
        raise SchemaError(f"the table lacks the columns {lacking} of the steps; it has {list(table.columns)}")
    rows = [_failures(table, name, *pair, nested=nested) for name, pair in steps.items()]
    failures = pd.concat(rows, ignore_index=True)
    names = list(steps)
    chain = [
        f"step {after!r} is counted among {steps[after][1]!r}, but the step before it counts {steps[before][0]!r}"
        for before, after in pairwise(names)
        if nested and steps[after][1] != steps[before][0]
    ]
    if not len(failures) and not chain:
        return table
    shown = [f"row {row.row}, {row.column}: {row.problem} ({row.value})" for row in failures.head(_SHOWN).itertuples()]
    more = [f"and {len(failures) - _SHOWN} more"] if len(failures) > _SHOWN else []
    raise SchemaError(
        "the denominators of the steps disagree:\n"
        + "\n".join(f"  - {said}" for said in [*chain, *shown, *more])
        + "\nCount both from the same records of the same people, or give the step the denominator that it has",
        failures,
    )


def _failures(table: pd.DataFrame, name: str, count: str, among: str, *, nested: bool) -> pd.DataFrame:
    part, whole = table[count].to_numpy(dtype=np.float64), table[among].to_numpy(dtype=np.float64)
    said = []
    for column, values in ((count, part), (among, whole)):
        said += [(k, column, "missing or negative", values[k]) for k in np.flatnonzero(~(values >= 0))]
    if nested:
        said += [
            (k, count, f"more than {among} in step {name!r}", f"{part[k]:g} of {whole[k]:g}")
            for k in np.flatnonzero(part > whole)
        ]
    return pd.DataFrame(said, columns=["row", "column", "problem", "value"])


def _of_group(values: xr.DataArray, name: str, dim: str, level: object, step: Step) -> xr.DataArray:
    """One group's draws of a step, as it enters."""
    own = values.sel({dim: level}).reset_coords(drop=True).transpose(*SAMPLE_DIMS)
    if not bool(np.isfinite(own).all()) or bool((own < 0).any()):
        raise MeasureError(
            f"step {name!r} of {group_in_words(dim, level)} is missing or negative in some draws; nobody may be in it: "
            "pool groups, or compare others"
        )
    if step.turned and (values.attrs.get("scale", PROPORTION) != PROPORTION or bool((own > 1).any())):
        raise MeasureError(f"step {name!r} is turned round, one minus itself, but it is no share between 0 and 1")
    return 1 - own if step.turned else own


def _refuse_zero_steps(
    pairs: Mapping[str, list[xr.DataArray]], pair: Sequence[object], dim: str, scales: Scales
) -> None:
    zero = [
        f"{name} of {group_in_words(dim, level)}"
        for name, both in pairs.items()
        for level, own in zip(pair, both, strict=True)
        if bool((own == 0).any())
    ]
    if zero and scales == "both":
        raise MeasureError(
            f"{listed(zero)} {'is' if len(zero) == 1 else 'are'} zero, so there is no ratio to divide: take the step "
            'from a model, whose rates stay above zero, or ask for scales="absolute"'
        )


def _outcomes(
    one: list[np.ndarray], two: list[np.ndarray], combine: Combine, like: xr.DataArray
) -> tuple[xr.DataArray, xr.DataArray]:
    above, below = np.asarray(combine(one)), np.asarray(combine(two))
    if above.shape != like.shape:
        raise MeasureError(f"combine gave the shape {above.shape} where one number a draw was due, {like.shape}")
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(below > 0, above / below, np.nan)
    bare = xr.DataArray(above - below, dims=(CHAIN, DRAW), coords=like.coords, name="gap")
    return bare, bare.copy(data=ratio).rename("ratio")


def _as_draws(parts: np.ndarray, gap: xr.DataArray, names: list[str]) -> xr.DataArray:
    return xr.DataArray(parts, dims=(CHAIN, DRAW, STEP), coords={**gap.coords, STEP: names}, name="part")


def _table(
    given: Mapping[str, Step],
    pairs: Mapping[str, list[xr.DataArray]],
    parts: xr.DataArray,
    logs: xr.DataArray | None,
    gap: xr.DataArray,
    prob: float,
) -> pd.DataFrame:
    largest = _largest(parts, gap)
    _, low, high = mean_interval(gap.to_numpy(), prob)
    rows = []
    for k, (name, step) in enumerate(given.items()):
        own = parts.sel({STEP: name})
        row: dict[str, object] = {
            STEP: name,
            "among": step.among or _among(step.values),
            "conditional": k > 0,
            "first": float(pairs[name][0].mean()),
            "second": float(pairs[name][1].mean()),
        }
        row |= _three("", own, prob) | _three("share_", own / gap, prob, known=low > 0 or high < 0)
        if logs is not None:
            log, whole = logs.sel({STEP: name}), logs.sum(STEP)
            row |= _three("log_", log, prob) | _three("log_share_", log / whole, prob, known=low > 0 or high < 0)
        row |= {"p_raises": float((own > 0).mean()), "p_largest": float((largest == k).mean())}
        rows.append(row)
    return pd.DataFrame(rows)


def _largest(parts: xr.DataArray, gap: xr.DataArray) -> xr.DataArray:
    """Place of the step that adds most to the gap, in its direction, in every draw."""
    return (parts * np.sign(gap)).argmax(STEP)


def _three(prefix: str, draws: xr.DataArray, prob: float, *, known: bool = True) -> dict[str, float]:
    mean, lower, upper = mean_interval(draws.to_numpy(), prob) if known else (np.nan, np.nan, np.nan)
    return {f"{prefix}mean": mean, f"{prefix}lower": lower, f"{prefix}upper": upper}


def _among(values: xr.DataArray) -> str:
    """Among whom a step is a rate, as its unit says."""
    units = str(values.attrs.get("units", ""))
    for lead in ("share of ", "events per unit of "):
        if units.startswith(lead):
            return units.removeprefix(lead)
    return "all"


def _sentence(table: pd.DataFrame, compared: str, gap: xr.DataArray, apart: bool, prob: float) -> str:
    top = table.iloc[int(np.argmax(table["p_largest"]))]
    sure = percent(float(top["p_largest"]), gap.size)
    after = [f"{row.step} (among {row.among})" for row in table.itertuples() if row.conditional]
    said = (
        f"{compared}: {number_of(gap, prob)} per head, of which {top[STEP]} {number_of_row(top)}; it is the largest "
        f"step with probability {sure}. Steps after selection by the earlier ones, and so conditional: {listed(after)}"
    )
    return said + (". Outcomes were fitted apart, so their draws are independent" if apart else "")


def number_of_row(row: pd.Series) -> str:
    """Part of a step and its interval."""
    return f"{row['mean']:.3g} ({row['lower']:.3g} to {row['upper']:.3g})"
