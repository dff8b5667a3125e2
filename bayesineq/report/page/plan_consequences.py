"""What plans do to the events that they act on, printed: who is compared with whom, and which way is better."""

from __future__ import annotations

import pandas as pd

from bayesineq.decisions.net_benefit import NOTHING
from bayesineq.decisions.plans import PlanComparison
from bayesineq.dims import INTERVENTION
from bayesineq.report.figures.style import direction
from bayesineq.report.page.parts import Table
from bayesineq.report.tables.numbers import PLAIN, estimate, percent, write


def consequences_table(compared: PlanComparison) -> Table:
    """
    Events with and without each plan, and what that is as a benefit.

    Parameters
    ----------
    compared : PlanComparison
        Plans compared.

    Returns
    -------
    Table
        A row a plan.
    """
    comparison = compared.comparison
    level = f"{100 * comparison.prob:.0f}%"
    draws = comparison.draws
    rows = tuple(
        (
            str(row[INTERVENTION]),
            f"{row['event']} ({direction(row['more_is'])})",
            write(row["without"], 1),
            write(row["without"] + row["difference"], 1),
            estimate(row["difference"], row["difference_lower"], row["difference_upper"], PLAIN, places=1),
            "none"
            if pd.isna(row["ratio"])
            else estimate(row["ratio"], row["ratio_lower"], row["ratio_upper"], PLAIN, places=3),
            f"{estimate(row['events'], row['events_lower'], row['events_upper'], PLAIN, places=1)} {row['counted']}",
            percent(row["p_better"], draws),
        )
        for row in compared.tables["events"].to_dict("records")
    )
    header = (
        "Plan",
        "Event it acts on",
        "Events without",
        "Events with",
        f"Difference, with less without ({level} interval)",
        f"Ratio, with over without ({level} interval)",
        f"As a benefit; below 0 is harm ({level} interval)",
        "Probability that people are better off",
    )
    return Table(f"What each plan does, given to everyone eligible, against {NOTHING}", header, rows)


def unit_in_words(compared: PlanComparison) -> str:
    """
    What is bought, in words.

    Parameters
    ----------
    compared : PlanComparison
        Plans compared.

    Returns
    -------
    str
        "QALY", "event averted" or "event gained".
    """
    return compared.comparison.scale.replace("events", "event")


def need_in_words(compared: PlanComparison) -> str:
    """
    What counts as need, in words.

    Parameters
    ----------
    compared : PlanComparison
        Plans compared.

    Returns
    -------
    str
        "events expected", or those who are without a good outcome.
    """
    risk = compared.benefit.baseline.attrs
    return "events expected" if risk["more_is"] == "worse" else f"people without: {risk['outcome']}"
