"""Cell-key perturbation: tables of people whose counts are moved in the same way wherever they stand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from bayesineq.disclosure.read_rule import rule_of
from bayesineq.disclosure.rule import Disclosure
from bayesineq.errors import DisclosureError


def perturbed_counts(
    people: pd.DataFrame, by: Sequence[str], disclosure: Disclosure = "cell_keys", *, record_key: str = "record_key"
) -> pd.DataFrame:
    """
    Count people by group as cell-key perturbation lets counts be shown.

    Parameters
    ----------
    people : DataFrame
        One row a person: columns `by`, and their keys.
    by : sequence of str
        Columns that make a cell; every combination of their values is counted.
    disclosure : Rule, str or Path
        A rule with a table of perturbations.
    record_key : str
        Column of keys: whole numbers from 0, drawn once for each person and kept.

    Returns
    -------
    DataFrame
        Columns `by` and `count`, Int64, missing where it is withheld. It holds neither keys nor counts as they are.

    Raises
    ------
    DisclosureError
        A column is missing, a person lacks a value or key, or the rule has no table of perturbations.

    Notes
    -----
    The key of a cell is the sum of its people's keys modulo the number of keys; the table gives what is added to the
    count. Cells of the same people are moved alike in every table, and one person more or less gives a cell another
    key, so that the difference of two tables is not that person. A sum of perturbed cells is not the perturbed total.

    References
    ----------
    Office for National Statistics, cell key perturbation.

    Examples
    --------
    >>> people = pd.DataFrame({"sex": ["f"] * 13 + ["m"] * 4, "record_key": range(17)})
    >>> perturbed_counts(people, ["sex"])
      sex  count
    0   f     15
    1   m   <NA>
    """
    rule = rule_of(disclosure)
    if rule.perturbation is None:
        raise DisclosureError(f"the rule {rule.name or str(rule)!r} has no table of perturbations; use 'cell_keys'")
    if missing := [name for name in (*by, record_key) if name not in people.columns]:
        raise DisclosureError(f"the table has no columns {missing}; it has {list(people.columns)}")
    keys = pd.to_numeric(people[record_key], errors="coerce")
    wrong = people[list(by)].isna().any(axis=1) | keys.isna() | (keys < 0) | (keys % 1 != 0)
    if wrong.any():
        raise DisclosureError(
            f"{int(wrong.sum())} rows lack a value of {list(by)} or have no key that is a whole number from 0 on, the "
            f"first at row {int(np.flatnonzero(wrong)[0]) + 1}; give everybody a group and a key"
        )
    found = people[list(by)].assign(_key=keys.astype(np.int64)).groupby(list(by))["_key"].agg(["size", "sum"])
    every = pd.MultiIndex.from_product([np.sort(people[name].unique()) for name in by], names=list(by))
    whole = found.reindex(every if len(by) > 1 else every.get_level_values(0), fill_value=0)
    count = whole["size"].to_numpy(np.int64)
    cell = whole["sum"].to_numpy(np.int64) % rule.perturbation.added.shape[1]
    moved = count + rule.perturbation.of(count, cell)
    gone = (moved <= rule.threshold) & ((moved != 0) | rule.zeros)
    shown = whole.reset_index()[list(by)]
    shown["count"] = pd.array([None if hide else int(n) for hide, n in zip(gone, moved, strict=True)], dtype="Int64")
    return shown
