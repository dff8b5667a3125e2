"""What filling in ethnicity does to each headline: how much is filled in, and the figure with it and without."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import pandas as pd

from bayesineq.errors import SchemaError
from bayesineq.records.ethnicity.unknown import complete_case, pro_rata

_FINE: Final = 1_000_000


def imputed_effect(
    before: Mapping[str, pd.DataFrame],
    after: Mapping[str, pd.DataFrame],
    rates: Mapping[str, tuple[str, str]],
    *,
    within: Sequence[str] = (),
    group: str = "ethnicity",
) -> pd.DataFrame:
    """
    Compare the rates of groups as recorded by one source, with sources linked, and with the unknown shared out.

    Parameters
    ----------
    before, after : Mapping of str to DataFrame
        Cells by name of the headline: with the ethnicity that one source holds, and with what linkage filled in. The
        same people, and so the same totals.
    rates : Mapping of str to (str, str)
        Columns of events and of the denominator of each headline, such as ("cases", "population").
    within : sequence of str, optional
        Columns of cells within which people of unknown ethnicity are shared out, such as age_band, sex.
    group : str
        Column of categories.

    Returns
    -------
    DataFrame
        One row a headline and group: `headline`, `of` (name of the denominator), `group`; `imputed_share`, of the
        denominator of the group once all is filled in, the part that `before` did not know; the rate `recorded`
        (before, unknown left out), `linked` (after, unknown left out) and `shared_out` (after, unknown shared out);
        the counts behind them, `recorded_events`, `recorded_of` and so on; `effect`, shared_out over recorded; and
        `against_recorded` and `against_shared_out`, the rate over that of the largest group. The last row of a
        headline is everybody ("all"), whose rate no imputation changes: `recorded` and `linked` are those of people of
        known ethnicity, and show whether they differ from the rest.

    Raises
    ------
    SchemaError
        A headline is not in both, a column is not there, or totals differ: not the same people.

    Examples
    --------
    >>> before = pd.DataFrame({"ethnicity": ["A", "H", "99"], "cases": [60, 9, 31], "population": [600, 100, 300]})
    >>> after = pd.DataFrame({"ethnicity": ["A", "H", "99"], "cases": [78, 18, 4], "population": [780, 180, 40]})
    >>> table = imputed_effect({"diabetes": before}, {"diabetes": after}, {"diabetes": ("cases", "population")})
    >>> table[["group", "imputed_share", "recorded", "linked"]].round(3)
      group  imputed_share  recorded  linked
    0     A          0.262     0.100     0.1
    1     H          0.465     0.090     0.1
    2   all          0.300     0.099     0.1
    """
    tables = []
    for name, (top, bottom) in rates.items():
        if absent := [given for given, held in (("before", before), ("after", after)) if name not in held]:
            raise SchemaError(f"There are no cells of {name!r} in `{'` and `'.join(absent)}`.")
        first, second = (_needed(held[name], [group, top, bottom, *within], name) for held in (before, after))
        for column in (top, bottom):
            if abs(first[column].sum() - second[column].sum()) > 1e-6 * max(1.0, abs(first[column].sum())):
                raise SchemaError(
                    f"{column!r} of {name!r} adds up to {first[column].sum():,} before and "
                    f"{second[column].sum():,} after: count the same people."
                )
        tables.append(_compared(name, first, second, (top, bottom), (group, list(within))))
    return pd.concat(tables, ignore_index=True)


def _compared(
    name: str, before: pd.DataFrame, after: pd.DataFrame, columns: tuple[str, str], by: tuple[str, list[str]]
) -> pd.DataFrame:
    (top, bottom), (group, within) = columns, by
    recorded, linked = (_summed(complete_case(table, recorded=group), group, columns) for table in (before, after))
    cells = after.groupby([*within, group], as_index=False, observed=True, dropna=False)[[top, bottom]].sum()
    shared = _summed(_shared_out(cells, columns, group), group, columns)
    groups = shared.index
    recorded, linked = recorded.reindex(groups, fill_value=0.0), linked.reindex(groups, fill_value=0.0)
    counts = {"recorded": recorded, "linked": linked, "shared_out": shared}
    parts = {"events": top, "of": bottom}
    table = pd.DataFrame({
        "headline": name,
        "of": bottom,
        "group": groups.astype("str"),
        "imputed_share": 1 - (recorded[bottom] / shared[bottom]).to_numpy(),
        "recorded": (recorded[top] / recorded[bottom]).to_numpy(),
        "linked": (linked[top] / linked[bottom]).to_numpy(),
        "shared_out": (shared[top] / shared[bottom]).to_numpy(),
        **{f"{held}_{part}": of[column].to_numpy() for held, of in counts.items() for part, column in parts.items()},
    })  # fmt: skip
    whole = {
        "headline": name,
        "of": bottom,
        "group": "all",
        "imputed_share": 1 - recorded[bottom].sum() / shared[bottom].sum(),
        "recorded": recorded[top].sum() / recorded[bottom].sum(),
        "linked": linked[top].sum() / linked[bottom].sum(),
        "shared_out": after[top].sum() / after[bottom].sum(),
        **{f"{held}_{part}": of[column].sum() for held, of in counts.items() for part, column in parts.items()},
    }
    table = pd.concat([table, pd.DataFrame([whole])], ignore_index=True)
    largest = int(shared[bottom].to_numpy().argmax())
    return table.assign(
        effect=table["shared_out"] / table["recorded"],
        against_recorded=table["recorded"] / table["recorded"].iloc[largest],
        against_shared_out=table["shared_out"] / table["shared_out"].iloc[largest],
    )


def _shared_out(cells: pd.DataFrame, columns: tuple[str, str], group: str) -> pd.DataFrame:
    """Unknown shared out in proportion to the denominator; events stay whole."""
    top, bottom = columns
    if pd.api.types.is_integer_dtype(cells[bottom].dtype):
        return pro_rata(cells, [top, bottom], share=bottom, recorded=group)
    # Time is shared out in whole millionths.
    fine = cells.assign(**{bottom: (cells[bottom] * _FINE).round().astype("int64")})
    shared = pro_rata(fine, [top, bottom], share=bottom, recorded=group)
    return shared.assign(**{bottom: shared[bottom] / _FINE})


def _summed(table: pd.DataFrame, group: str, columns: tuple[str, str]) -> pd.DataFrame:
    return table.groupby(group, observed=True)[list(columns)].sum()


def _needed(table: pd.DataFrame, columns: Sequence[str], name: str) -> pd.DataFrame:
    if absent := [column for column in columns if column not in table.columns]:
        raise SchemaError(f"The cells of {name!r} have no column {absent}; they have {list(table.columns)}.")
    return table
