"""Costs of a year by segment and deprivation, and of the next, from records to tables that a page is made of."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from bayesineq.cohort.costs import DIED, SegmentCosts, read_unit_costs, segment_costs
from bayesineq.cohort.rules import read_rules
from bayesineq.dims import AREA, CI_PROB, DECILE
from bayesineq.errors import SchemaError
from bayesineq.measures.demand import demand_next_year
from bayesineq.systems.card import CostsCard
from bayesineq.tables.files import read_table

if TYPE_CHECKING:
    from bayesineq.records.normal import Records

ALL: Final = "all"
_Z: Final = 1.959963984540054
_GONE: Final = "left"


def costs(records: Records, card: CostsCard, *, seed: int = 1) -> dict[str, pd.DataFrame]:
    """
    Say what care of a year cost, by segment and deprivation, and what next year's will.

    Parameters
    ----------
    records : Records
        The records.
    card : CostsCard
        Year, segmentation and unit costs.
    seed : int
        Makes the draws of next year reproducible.

    Returns
    -------
    dict of str to DataFrame
        Tables with small counts (see `bayesineq.disclosure.covered_persons`): `costs_groups`, a row each segment and
        decile, and "all" of either: `people, users`, `cost` (pounds in all), `mean` a person with its interval, and
        `mean_user`; `costs_next`, people and pounds of each segment next year with intervals; `costs_uncosted`,
        contacts that nothing says the cost of; `costs_about`.

    Raises
    ------
    SchemaError
        Nobody is in the records on the first day, or as of `bayesineq.cohort.segment_costs`.

    Examples
    --------
    >>> from bayesineq.records import read_normal
    >>> persons = pd.DataFrame({"person": ["p1"], "birth": ["1950-03-01"], "imd_decile": [2]})
    >>> spells = pd.DataFrame({"person": ["p1"], "start": ["2023-05-01"], "kind": ["community"]})
    >>> card = CostsCard("c", "", first_day="2023-01-01", last_day="2023-12-31")
    >>> costs(read_normal({"persons": persons, "spells": spells}), card)["costs_groups"]["cost"].tolist()
    [84.0, 84.0, 84.0, 84.0]
    """
    rules = read_rules(card.segments, card.codelists or None)
    year = (date.fromisoformat(card.first_day), date.fromisoformat(card.last_day))
    areas = read_table(card.deprivation)[[AREA, DECILE]] if card.deprivation else None
    found = segment_costs(records, rules, year, costs=read_unit_costs(card.unit_costs), deprivation=areas)
    if found.table.empty:
        raise SchemaError(f"nobody is in the records on {card.first_day}: check the year, and who is registered")
    groups = _groups(found.table)
    about = [
        ("year", f"{card.first_day} to {card.last_day}"), ("segments", card.segments), ("unit costs", card.unit_costs),
        ("not for", card.not_for),
    ]  # fmt: skip
    return {
        "costs_groups": groups,
        "costs_next": _next(found, groups, card.draws, seed),
        "costs_uncosted": found.uncosted.astype({"kind": "string", "source": "string"}).fillna("not known"),
        "costs_about": pd.DataFrame(about, columns=["item", "value"]),
    }


def read_costs(path: str | Path, card: CostsCard, seed: int | None = None) -> dict[str, pd.DataFrame]:
    """Tables of `costs` of a folder of records, or of a mapping that lies with them."""
    from bayesineq.records.adapters.adapt import records_at

    return costs(records_at(Path(path)), card, seed=1 if seed is None else seed)


def _groups(table: pd.DataFrame) -> pd.DataFrame:
    """Sums of segments and deciles, and of all of either, with the mean of a person and its interval."""
    people, average = table["people"].astype(float), table["mean"].astype(float)
    own = table["standard_error"].astype(float).fillna(0.0)
    squares = own**2 * people * (people - 1) + people * average**2
    level = table[DECILE].astype("Int64").astype("string").fillna("not known")
    cells = pd.DataFrame({
        "segment": table["segment"].astype(str), DECILE: level, "people": people, "users": table["users"].astype(float),
        "cost": table["cost"].astype(float), "squares": squares,
    })  # fmt: skip
    each = [
        cells.assign(segment=ALL, **{DECILE: ALL}), cells.assign(**{DECILE: ALL}), cells.assign(segment=ALL), cells
    ]  # fmt: skip
    summed = [part.groupby(["segment", DECILE], as_index=False).sum() for part in each]
    rows = pd.concat(summed, ignore_index=True)
    mean = rows["cost"] / rows["people"]
    spread = (rows["squares"] / rows["people"] - mean**2).clip(lower=0.0)
    error = (spread / (rows["people"] - 1).where(rows["people"] > 1)) ** 0.5
    user = rows["cost"] / rows["users"].where(rows["users"] > 0)
    ends = {"mean_lower": (mean - _Z * error).clip(lower=0.0), "mean_upper": mean + _Z * error}
    return rows.drop(columns="squares").assign(mean=mean, **ends, mean_user=user)


def _next(found: SegmentCosts, groups: pd.DataFrame, draws: int, seed: int) -> pd.DataFrame:
    """People and pounds of each segment next year, if people move as they did this year."""
    moves = found.transitions.assign(later=found.transitions["later"].astype("string").fillna(_GONE))
    wide = moves.pivot_table(index="segment", columns="later", values="people", aggfunc="sum", fill_value=0)
    own = groups[(groups[DECILE] == ALL) & (groups["segment"] != ALL)].set_index("segment")
    names = sorted({*own.index, *(name for name in wide.columns if name not in (DIED, _GONE))})
    if lacking := [name for name in names if name not in own.index]:
        # Segments that nobody began in have no cost of their own: that of everyone.
        every = groups[(groups[DECILE] == ALL) & (groups["segment"] == ALL)].iloc[[0]].set_index("segment")
        new = pd.concat([every.assign(people=0.0, users=0.0)] * len(lacking)).set_axis(lacking, axis=0)
        own = pd.concat([own, new])
    own = own.loc[names]
    seen = wide.reindex(index=names, columns=names, fill_value=0).to_numpy(float, copy=True)
    left = wide.reindex(columns=[DIED, _GONE], index=names, fill_value=0).sum(axis=1).to_numpy(float)
    # People at the end of the year are where next year begins; who came into a new segment stays in it.
    now = seen.sum(axis=0)
    fresh = np.flatnonzero(seen.sum(axis=1) + left == 0)
    seen[fresh, fresh] = 1.0
    error = ((own["mean_upper"] - own["mean"]) / _Z).fillna(own["mean"]).to_numpy(float)
    made = demand_next_year(
        now, np.column_stack([seen, left]), own["mean"].to_numpy(float), error, draws=draws, prob=CI_PROB, seed=seed
    )
    return made.assign(of=ALL, segment=[*names, ALL])
