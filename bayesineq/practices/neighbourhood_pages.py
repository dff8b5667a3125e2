"""What the model of neighbourhoods says of one condition, as a section of its page."""

from __future__ import annotations

from collections.abc import Mapping
from math import exp
from typing import Any

import pandas as pd

from bayesineq.posterior.certainty import percent
from bayesineq.report.figures.open_data import plot_domains
from bayesineq.report.page.parts import Section, Table
from bayesineq.report.words.sentences import Statement
from bayesineq.tables.codes import code_list
from bayesineq.tables.practices import CONDITIONS

_HEADER = ("Domain", "By itself (95%)", "Odds ratio, adjusted (95%)", "More where deprived", "Strongest of its model")


def modelled(tables: Mapping[str, pd.DataFrame], code: str) -> list[Section]:
    """One section where the model was fitted, and none where it was not."""
    if "domain_model" not in tables:
        return []
    found = tables["domain_model"].query("condition == @code")
    if found.empty:
        return []
    draws = int(tables["domain_model"].attrs["draws"])
    listed = code_list("deprivation_domains")
    titles = listed["title"].str.replace(r" Sub-domain| \(.*\)", "", regex=True)
    found = found.assign(name=found["domain"].map(dict(zip(listed["column"], titles, strict=True))))
    own = found[found["part_of"] == ""]
    first = own.sort_values("strongest").iloc[-1]
    said = [
        f"Seen through the practices of their patients, neighbourhoods differ most by {first['name']} (probability "
        f"{percent(float(first['strongest']), draws)}): the odds of {CONDITIONS[code][0]} in the most deprived are "
        f"{_ratio(first)} times those in the least, the other domains and age held equal.",
        _by_age(tables["age_model"].query("condition == @code").iloc[0], draws),
    ]
    rows = tuple(
        (
            r["name"],
            f"{r['alone']:+.2f} ({r['alone_lower']:+.2f} to {r['alone_upper']:+.2f})",
            _ratio(r),
            percent(float(r["more"]), draws),
            percent(float(r["strongest"]), draws),
        )
        for r in found.to_dict("records")
    )
    chart = plot_domains(
        found.rename(columns={"effect": "adjusted"})[["name", "part_of", "adjusted", "lower", "upper", "strongest"]],
        f"Which deprivation goes with {CONDITIONS[code][0]}, from the model of neighbourhoods",
        "Right of the line: more where deprivation is higher, the other domains and age held equal. "
        "Circles: domains; squares: sub-domains in place of their domains, in a model of their own. "
        "Intervals (95%) are those of the posterior.",
        measure="Log odds ratio, most against least deprived",
    )
    note = (
        "By itself: Pamuk's relative index, the change from the most to the least deprived over the mean; negative "
        "where the deprived have more."
    )
    table = Table(f"Gradients from the model of neighbourhoods. {note}", _HEADER, rows)
    return [Section("Neighbourhoods, from a model", tuple(map(Statement, said)), (table,), (chart,))]


def _ratio(row: Mapping[Any, Any] | pd.Series) -> str:
    return f"{exp(row['effect']):.2f} ({exp(row['lower']):.2f} to {exp(row['upper']):.2f})"


def _by_age(row: pd.Series, draws: int) -> str:
    """How age and deprivation go together."""
    ends = [
        f"{row[name]:+.2f} ({row[f'{name}_lower']:+.2f} to {row[f'{name}_upper']:+.2f})" for name in ("most", "least")
    ]
    return (
        f"Ten points more residents aged 65 and over change the log odds by {ends[0]} in the most deprived areas, by "
        f"{ends[1]} in the least deprived; it is steeper in the least deprived with probability "
        f"{percent(float(row['steeper']), draws)}."
    )
