"""What a comparison of plans supports, and what it does not, in sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from bayesineq.decisions.allocate import Allocation
from bayesineq.decisions.compare import Comparison
from bayesineq.dims import INTERVENTION


def in_words(
    comparison: Comparison, allocation: Allocation, tables: Mapping[str, pd.DataFrame], left_out: Sequence[str]
) -> tuple[str, ...]:
    """
    Say what the tables support, and what they do not.

    Parameters
    ----------
    comparison : Comparison
        Plans as alternatives.
    allocation : Allocation
        What to do within the budget.
    tables : mapping from name to DataFrame
        Tables of `compare_plans`.
    left_out : sequence of str
        Groups that could not be reported by.

    Returns
    -------
    tuple of str
        Sentences.
    """
    best = comparison.options.set_index(INTERVENTION).loc[comparison.best]
    said = [
        f"At {comparison.threshold:,.0f} pounds for one unit of benefit ({comparison.scale}), {comparison.best} has "
        f"the highest expected net benefit: {best['net_benefit']:,.0f} pounds "
        f"({comparison.prob:.0%} interval {best['lower']:,.0f} to {best['upper']:,.0f}); "
        f"it is the best in {best['p_best']:.0%} of draws."
    ]
    if best["p_best"] < 0.6:
        said.append("The choice is undetermined: no option is the best with a probability of 60% or more.")
    said.append(f"Knowing everything about this choice would be worth {comparison.evpi:,.0f} pounds.")
    information = tables["information"]
    if len(information) and information["evppi"].iloc[0] > 0:
        first = information.iloc[0]
        said.append(f"Most of that lies in the {first['parameter']} ({first['evppi']:,.0f} pounds).")
    mean, low, high = allocation.interval(comparison.prob)
    said.append(
        f"A budget of {allocation.budget:,.0f} pounds treats {allocation.treated:,.0f} people for "
        f"{allocation.spend:,.0f} pounds and gains {mean:,.1f} ({low:,.1f} to {high:,.1f}) {allocation.scale}."
    )
    if "slope" in tables:
        before, after = tables["slope"]["mean"].tolist()[:2]
        said.append(
            f"The slope index of inequality in risk goes from {before:.4f} to {after:.4f}; "
            f"it narrows in {float(tables['slope']['p_narrower'].iloc[0]):.0%} of draws."
        )
    said += [f"No table by {by}: the baseline risk does not carry it." for by in left_out]
    said.append("Effects are carried over from elsewhere: no data here can test that they hold locally.")
    return tuple(said)
