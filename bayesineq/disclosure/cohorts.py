"""Tables that tell of a cohort, as a rule lets them be shown."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from bayesineq.disclosure.audit import AUDIT, WITHHELD
from bayesineq.disclosure.protect import protect
from bayesineq.disclosure.rule import DEFAULT_RULE, Rule


def shown_attrition(attrition: pd.DataFrame, rule: Rule = DEFAULT_RULE) -> tuple[pd.DataFrame, pd.DataFrame]:
    """
    A table of attrition whose small counts are withheld, and its audit.

    Shares are of the counts as they are shown, to a percent, so that they tell no more than these.
    """
    table = protect(attrition, ["persons", "dropped"], rule)
    first = table.groupby(["by", "group"])["persons"].transform("first").astype("Float64")
    share = (table["persons"].astype("Float64") / first.where(first > 0)).round(2)
    table["left"] = share.astype("Float64")
    hidden = table["persons"].isna() | table["dropped"].isna()
    rows = table[hidden]
    audit = pd.DataFrame(
        {
            "table": "attrition",
            "cell": [
                f"{by} / {group} / {step}"
                for by, group, step in zip(rows["by"], rows["group"], rows["step"], strict=True)
            ],
            "column": np.where(rows["persons"].isna(), "persons", "dropped"),
            "reason": WITHHELD,
        }
    )
    return table, audit[list(AUDIT)]


def shown_numbers(table: pd.DataFrame, columns: Sequence[str], rule: Rule = DEFAULT_RULE) -> pd.DataFrame:
    """A table whose named counts are withheld where they are small, and rounded elsewhere."""
    return protect(table, columns, rule) if columns else table
