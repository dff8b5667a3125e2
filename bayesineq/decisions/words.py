"""What a comparison of plans supports, and what it does not, in sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from bayesineq.decisions.allocate import Allocation
from bayesineq.decisions.compare import Comparison
from bayesineq.decisions.interventions import Intervention
from bayesineq.decisions.rivals import CHOSEN, EVENLY
from bayesineq.dims import INTERVENTION


def in_words(
    plans: Sequence[Intervention],
    comparison: Comparison,
    allocation: Allocation,
    tables: Mapping[str, pd.DataFrame],
    left_out: Sequence[str],
) -> dict[str, tuple[str, ...]]:
    """
    Say what the tables support, and what they do not.

    Parameters
    ----------
    plans : sequence of Intervention
        What was compared.
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
    mapping from subject to tuple of str
        Sentences on the "choice" of one plan for all, on the "allocation" of the budget, and on "equity" and limits.
    """
    best = {str(row[INTERVENTION]): row for row in comparison.options.to_dict("records")}[comparison.best]
    said = [
        f"At {_write(comparison.threshold or 0.0)} pounds for one unit of benefit ({comparison.scale}), "
        f"{comparison.best} has the highest expected net benefit: {_write(best['net_benefit'])} pounds "
        f"({comparison.prob:.0%} interval {_write(best['lower'])} to {_write(best['upper'])}); "
        f"it is the best in {_of_draws(float(best['p_best']))} of draws."
    ]
    if best["p_best"] < 0.6:
        said.append("The choice is undetermined: no option is the best with a probability of 60% or more.")
    said.append(f"Knowing everything about this choice would be worth {_write(comparison.evpi)} pounds.")
    information = tables["information"]
    if len(information) and information["evppi"].iloc[0] > 0:
        first = information.iloc[0]
        said.append(f"Most of that lies in the {first['parameter']} ({_write(first['evppi'])} pounds).")
    choice, said = tuple(said), []
    mean, low, high = allocation.interval(comparison.prob)
    said.append(
        f"A budget of {_write(allocation.budget)} pounds treats {_write(allocation.treated)} people for "
        f"{_write(allocation.spend)} pounds and gains {_write(mean, 1)} ({_write(low, 1)} to {_write(high, 1)}) "
        f"{allocation.scale}."
    )
    given, said = (*said, *_targeting(tables["rules"])), []
    other = [f"{plan.name} acts on {plan.event}" for plan in plans if plan.event_ratio is not None]
    if "slope" in tables:
        said += [_slope(str(event), rows) for event, rows in tables["slope"].groupby("event", sort=False)]
    if other:
        said.append(
            f"{'; '.join(other)}: the local risk of that is taken to follow the risk that was modelled, in proportion."
        )
    said += [f"No table by {by}: the baseline risk does not carry it." for by in left_out]
    said.append("Effects are carried over from elsewhere: no data here can test that they hold locally.")
    return {"choice": choice, "allocation": given, "equity": tuple(said)}


def _slope(event: str, rows: pd.DataFrame) -> str:
    """How far the slope of one event moves."""
    by = {str(row["when"]): row for row in rows.to_dict("records")}
    before, after, change = by["before"], by["after"], by["change"]
    start = f"The slope index of inequality in {event}"
    if change["lower"] == change["upper"] == 0:
        return f"{start} stays at {_write(1000 * before['mean'], 2)} per 1,000: what is allocated does not act on it."
    return (
        f"{start} goes from {_write(1000 * before['mean'], 2)} to {_write(1000 * after['mean'], 2)} per 1,000; "
        f"it narrows in {_of_draws(float(before['p_narrower']))} of draws."
    )


def _write(value: float, places: int = 0) -> str:
    text = f"{value:,.{places}f}"
    return text if float(text.replace(",", "")) >= 0 else f"\N{MINUS SIGN}{text[1:]}"


def _of_draws(share: float) -> str:
    return "more than 99%" if share > 0.99 else "less than 1%" if share < 0.01 else f"{share:.0%}"


def _targeting(rules: pd.DataFrame) -> list[str]:
    """Whether choosing the units adds anything over giving the same places evenly, and over simpler rules."""
    rows = {str(row["rule"]): row for row in rules.to_dict("records")}
    own, evenly = rows[CHOSEN], float(rows[EVENLY]["benefit"])
    over, low, high = (float(own[name]) for name in ("over_evenly", "over_lower", "over_upper"))
    if low <= 0:
        said = [
            "There is no evidence for choosing among these units: the same places given evenly gain as much within the "
            f"interval (difference {_write(over, 1)}, {_write(low, 1)} to {_write(high, 1)})."
        ]
    else:
        said = [
            f"Choosing the units gains {_write(over, 1)} ({_write(low, 1)} to {_write(high, 1)}) more than the same "
            f"places given evenly: {over / evenly:.0%} more."
        ]
    rivals = {name: float(row["benefit"]) for name, row in rows.items() if name not in (CHOSEN, EVENLY)}
    if rivals and over > 0:
        listed = "; ".join(f"{name}, {_write(gained, 1)}" for name, gained in rivals.items())
        said.append(f"Simpler rules for the same places gain: {listed}; evenly, {_write(evenly, 1)}.")
    return said
