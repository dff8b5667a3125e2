"""What a comparison of plans supports, and what it does not, in sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from bayesineq.decisions.allocate import Allocation
from bayesineq.decisions.compare import Comparison
from bayesineq.decisions.interventions import Intervention
from bayesineq.decisions.net_benefit import NOTHING
from bayesineq.decisions.rivals import CHOSEN, EVENLY
from bayesineq.dims import INTERVENTION
from bayesineq.posterior.certainty import percent


def in_words(
    plans: Sequence[Intervention],
    comparison: Comparison,
    allocation: Allocation,
    tables: Mapping[str, pd.DataFrame],
    left_out: Sequence[str],
) -> dict[str, tuple[str, ...]]:
    """Say what the tables support, and what they do not."""
    best = {str(row[INTERVENTION]): row for row in comparison.options.to_dict("records")}[comparison.best]
    said = [
        *_directions(tables["events"]),
        *(_consequence(row, comparison) for row in tables["events"].to_dict("records")),
        _best(best, comparison),
    ]
    if best["p_best"] < 0.6:
        said.append("The choice is undetermined: no option is the best with a probability of 60% or more.")
    said.append(f"Knowing everything about this choice would be worth {_write(comparison.evpi)} pounds.")
    information = tables["information"]
    if len(information) and information["evppi"].iloc[0] >= 0.5:
        first = information.iloc[0]
        part = "Most" if first["share"] > 0.5 else "The largest part"
        said.append(f"{part} of that lies in the {first['parameter']} ({_write(first['evppi'])} pounds).")
    choice, said = tuple(said), []
    given, said = tuple(_budget(allocation, comparison.prob, tables)), []
    other = [f"{plan.name} acts on {plan.event}" for plan in plans if plan.event_ratio is not None]
    if "slope" in tables:
        said += [
            slope_in_words(str(event), rows, comparison.draws)
            for event, rows in tables["slope"].groupby("event", sort=False)
        ]
    elif "frontier" in tables:
        said.append("No slope index: people live in fewer than three fifths of deprivation.")
    if other:
        said.append(
            f"{'; '.join(other)}: the local risk of that is taken to follow the risk that was modelled, in proportion."
        )
    said += [_held(row) for row in tables["events"].to_dict("records") if row["held_at_bound"] > 0]
    shares = [table for name, table in tables.items() if name.startswith("shares_")]
    if shares and all(table["need_share"].isna().all() for table in shares):
        said.append(
            "Need by group is not shown: the outcome is a rate of which more is better, which nobody is simply without."
        )
    said += [f"No table by {by}: the baseline risk does not carry it." for by in left_out]
    said.append("Effects are carried over from elsewhere: no data here can test that they hold locally.")
    return {"choice": choice, "allocation": given, "equity": tuple(said)}


def _directions(events: pd.DataFrame) -> list[str]:
    """Which way is better, of every event that a plan acts on."""
    seen = events.drop_duplicates("event")
    words = {"worse": ("lower", "lowers", "raises"), "better": ("higher", "raises", "lowers")}
    said = []
    for event, good, counted in seen[["event", "more_is", "counted"]].itertuples(index=False):
        way, helps, harms = words[good]
        said.append(
            f"For {event}, {way} is better: a plan that {helps} it has a benefit ({counted}), one that {harms} it does "
            "harm."
        )
    return said


def _consequence(row: Mapping[Any, Any], comparison: Comparison) -> str:
    """What one plan does to its event and to people, against no intervention."""
    option = {str(one[INTERVENTION]): one for one in comparison.options.to_dict("records")}[row[INTERVENTION]]
    ratio = "no ratio" if pd.isna(row["ratio"]) else f"ratio {_write(row['ratio'], 3)}"
    said = (
        f"{row[INTERVENTION]}, for everyone eligible, against {NOTHING}: {row['event']}, "
        f"{_write(row['without'] + row['difference'], 1)} with it and {_write(row['without'], 1)} without (difference "
        f"{_write(row['difference'], 1)}, {ratio}), that is "
        f"{_signed([row[name] for name in ('events', 'events_lower', 'events_upper')])} {row['counted']}"
    )
    benefit = [float(option[name]) for name in ("benefit", "benefit_lower", "benefit_upper")]
    if comparison.scale != row["counted"]:
        said += f" and a benefit of {_signed(benefit)} {comparison.scale}"
    if benefit[0] == 0:
        return f"{said}; nobody is better or worse off."
    if benefit[0] > 0:
        return f"{said}; people are better off in {percent(float(row['p_better']), comparison.draws)} of draws."
    worse = percent(float(row["p_worse"]), comparison.draws)
    return f"{said}; people are worse off in {worse} of draws: this plan does harm."


def _best(best: Mapping[Any, Any], comparison: Comparison) -> str:
    """Which option is worth most, doing nothing being one of them."""
    start = f"At {_write(comparison.threshold or 0.0)} pounds for one unit of benefit ({comparison.scale}), "
    chance = percent(float(best["p_best"]), comparison.draws)
    if comparison.best == NOTHING:
        plans = [row for row in comparison.options.to_dict("records") if row[INTERVENTION] != NOTHING]
        next_best = max(plans, key=lambda row: float(row["net_benefit"]))
        return (
            f"{start}no plan is worth its cost for everyone: {NOTHING} is the best option, in {chance} of draws; the "
            f"nearest, {next_best[INTERVENTION]}, has an expected net benefit of {_write(next_best['net_benefit'])} "
            f"pounds ({comparison.prob:.0%} interval {_write(next_best['lower'])} to {_write(next_best['upper'])})."
        )
    return (
        f"{start}{comparison.best} has the highest expected net benefit: {_write(best['net_benefit'])} pounds against "
        f"{NOTHING} ({comparison.prob:.0%} interval {_write(best['lower'])} to {_write(best['upper'])}); "
        f"it is the best in {chance} of draws."
    )


def _budget(allocation: Allocation, prob: float, tables: Mapping[str, pd.DataFrame]) -> list[str]:
    """What the budget buys, or that it should buy nothing."""
    worthwhile = (tables["cases"]["best"] != NOTHING).any()
    if not allocation.treated > 0:
        return [
            f"A budget of {_write(allocation.budget)} pounds treats nobody: "
            + ("the limits leave no place." if worthwhile else "nowhere does a plan gain more than it costs.")
        ]
    told = _signed(list(allocation.interval(prob)))
    return [
        f"A budget of {_write(allocation.budget)} pounds treats {_write(allocation.treated)} people for "
        f"{_write(allocation.spend)} pounds, with a benefit of {told} {allocation.scale} against {NOTHING}.",
        *_targeting(tables["rules"]),
    ]


def slope_in_words(event: str, rows: pd.DataFrame, draws: int) -> str:
    """How far the allocation moves the slope of one event, and whether inequality falls or rises."""
    by = {str(row["when"]): row for row in rows.to_dict("records")}
    before, after, change = by["before"], by["after"], by["change"]
    start = f"The slope index of inequality in {event} (least deprived less most deprived, per 1,000)"
    if change["lower"] == change["upper"] == 0:
        return f"{start} stays at {_write(1000 * before['mean'], 2)}: what is allocated does not act on it."
    more = "most" if before["mean"] < 0 else "least"
    worse = "most" if (before["mean"] < 0) == (before["more_is"] == "worse") else "least"
    falls = float(before["p_narrower"])
    said = (
        f"{start} goes from {_write(1000 * before['mean'], 2)} to {_write(1000 * after['mean'], 2)}: the {more} "
        f"deprived have more of it, so the {worse} deprived fare worse, and this inequality "
    )
    way, share = ("falls", falls) if falls >= 0.5 else ("rises", 1 - falls)
    return f"{said}{way} in {percent(share, draws)} of draws" + (
        "; its direction turns round." if before["mean"] * after["mean"] < 0 else "."
    )


def _held(row: Mapping[Any, Any]) -> str:
    """That an effect would have gone beyond what is possible."""
    share = float(row["held_at_bound"])
    shown = "less than 0.1%" if share < 0.001 else f"{share:.1%}"
    return (
        f"The effect of {row[INTERVENTION]} would take {row['event']} below 0 or above 100% in {shown} of units and "
        "draws, and is held at the bound there: an odds ratio would not meet it."
    )


def _signed(numbers: Sequence[float]) -> str:
    return f"{_write(numbers[0], 1)} ({_write(numbers[1], 1)} to {_write(numbers[2], 1)})"


def _write(value: float, places: int = 0) -> str:
    text = f"{value:,.{places}f}"
    size = text.lstrip("-")
    return size if text == size or float(size.replace(",", "")) == 0 else f"\N{MINUS SIGN}{size}"


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
            f"places given evenly{f': {over / evenly:.0%} more' if evenly > 0 else ', which would do harm'}."
        ]
    rivals = {name: float(row["benefit"]) for name, row in rows.items() if name not in (CHOSEN, EVENLY)}
    if rivals and over > 0:
        listed = "; ".join(f"{name}, {_write(gained, 1)}" for name, gained in rivals.items())
        said.append(f"Simpler rules for the same places gain: {listed}; evenly, {_write(evenly, 1)}.")
    return said
