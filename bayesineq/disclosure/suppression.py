"""Tables with margins: no suppressed count may be found by subtraction, and what was withheld is written down."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linprog
from scipy.sparse import csr_matrix

from bayesineq.disclosure.audit import AUDIT, WITHHELD
from bayesineq.disclosure.read_rule import rule_of
from bayesineq.disclosure.rule import DEFAULT_RULE, Disclosure, Rule, is_small, rounded, shown_values
from bayesineq.disclosure.told import withheld_before
from bayesineq.errors import DisclosureError

_SOLUTIONS: Final = 40

type Float = NDArray[np.float64]
type Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Protected:
    """
    Tables that may be published together.

    Parameters
    ----------
    tables : Mapping of tuple of str to DataFrame
        By the columns that make their cells: the cells themselves, then each margin; counts are Int64, missing where
        they are withheld.
    audit : DataFrame
        What was withheld and why, without any count: `table`, `cell`, `column`, `reason`.
    rule : Rule
        The rule.
    """

    tables: Mapping[tuple[str, ...], pd.DataFrame]
    audit: pd.DataFrame
    rule: Rule


@dataclass(frozen=True, slots=True)
class _Nodes:
    """Every number that is to be published: cells first, then margins; each row of `sums` adds up to 0."""

    value: Float
    name: list[tuple[tuple[str, ...], tuple[object, ...]]]
    sums: csr_matrix


def protect_tables(
    cells: pd.DataFrame,
    by: Sequence[str],
    counts: Sequence[str],
    margins: Sequence[Sequence[str]] = ((),),
    disclosure: Disclosure = DEFAULT_RULE,
    *,
    most: int = 20_000,
) -> Protected:
    """
    Suppress and round a table and its margins so that nothing suppressed can be found from the rest.

    Parameters
    ----------
    cells : DataFrame
        One row a cell: columns `by` and `counts`.
    by : sequence of str
        Columns that make a cell, such as imd_decile and ethnicity.
    counts : sequence of str
        Columns of counts, each protected by itself.
    margins : sequence of sequence of str
        The totals that are published with it, each by the columns that it keeps; `()` is the grand total.
    disclosure : Rule, str or Path
        Threshold and base.
    most : int
        Numbers in cells and margins together beyond which a table is refused: protect it by parts.

    Returns
    -------
    Protected
        Cells, margins, and what was withheld.

    Raises
    ------
    DisclosureError
        A column is missing, a cell stands twice, a margin names another column, or the table is too large.

    Notes
    -----
    A reader of the tables knows each shown count to within its rounding, that each suppressed one is at least 1, and
    that cells add up to margins. The least and most that each small count can then be are two linear programmes.
    Where they leave fewer possibilities than the threshold has counts, or none above it, the smallest count that was
    used is withheld too, and so on until none do. For tables of two columns and their totals these bounds are those of
    whole numbers too; with more columns whole numbers may bound a count a little closer. Withheld counts that are not
    small bear the same sign.

    Examples
    --------
    >>> cells = pd.DataFrame({"sex": ["f", "f", "m", "m"], "group": list("abab"), "deaths": [3, 40, 30, 50]})
    >>> found = protect_tables(cells, ["sex", "group"], ["deaths"], margins=[["sex"], ["group"], []])
    >>> found.tables["sex", "group"]
      sex group  deaths
    0   f     a    <NA>
    1   f     b      40
    2   m     a      30
    3   m     b      50
    """
    rule = rule_of(disclosure)
    wanted = [*by, *counts]
    if missing := [name for name in wanted if name not in cells.columns]:
        raise DisclosureError(f"the table has no columns {missing}; it has {list(cells.columns)}")
    if cells.duplicated(list(by)).any():
        raise DisclosureError(f"a cell of {list(by)} stands more than once; add its rows up first")
    kept = [tuple(margin) for margin in margins]
    if strange := sorted({name for margin in kept for name in margin} - set(by)):
        raise DisclosureError(f"margins keep columns {strange} that do not make cells; those are {list(by)}")
    levels = [tuple(by), *dict.fromkeys(margin for margin in kept if set(margin) != set(by))]
    totals = {level: _total(cells, level, counts) for level in levels}
    hidden, audit = withheld(totals, counts, rule, most=most, small=_small(totals, counts, rule))
    for level, table in totals.items():
        for column in counts:
            shown = shown_values(table[column].to_numpy(dtype=np.float64), rule, hidden[level, column])
            table[column] = pd.array(shown, dtype="Int64")
    return Protected(totals, audit, rule)


def _small(
    totals: Mapping[tuple[str, ...], pd.DataFrame], counts: Sequence[str], rule: Rule
) -> dict[tuple[tuple[str, ...], str], Mask]:
    """Which counts are small, or were withheld before."""
    found = {}
    for level, table in totals.items():
        again = withheld_before(rule, level, _codes(table, level))
        for column in counts:
            found[level, column] = is_small(table[column].to_numpy(dtype=np.float64), rule) | again
    return found


def _codes(table: pd.DataFrame, level: tuple[str, ...]) -> list[tuple[object, ...]]:
    return list(table[list(level)].itertuples(index=False, name=None)) if level else [()] * len(table)


def withheld(
    tables: Mapping[tuple[str, ...], pd.DataFrame],
    counts: Sequence[str],
    rule: Rule = DEFAULT_RULE,
    *,
    most: int = 20_000,
    small: Mapping[tuple[tuple[str, ...], str], Mask] | None = None,
) -> tuple[dict[tuple[tuple[str, ...], str], Mask], pd.DataFrame]:
    """
    Find what must be withheld from tables that are published together, of whichever columns.

    `tables` by the columns that make their cells, () for the grand total: where the columns of one are among those of
    another, the second adds up to the first. `rule.base` is 1 where a reader may know every shown count as it is.
    `small` says which counts are small where the tables' own numbers do not tell, as with modelled ones. Gives, by
    table and column, True where a number must be withheld, rows as in the tables; and the audit. More than `most`
    numbers are refused.
    """
    found: dict[tuple[tuple[str, ...], str], Mask] = {}
    audit: list[pd.DataFrame] = []
    for column in counts:
        nodes = _nodes(tables, column)
        if len(nodes.value) > most:
            raise DisclosureError(f"{len(nodes.value):,} numbers are more than {most:,}: protect the table by parts")
        own = is_small(nodes.value, rule)
        start = 0
        for level, table in tables.items():
            if (level, column) in (small or {}):
                own[start : start + len(table)] = (small or {})[level, column]
            start += len(table)
        hidden = _hide(nodes, own, rule)
        start = 0
        for level, table in tables.items():
            found[level, column] = hidden[start : start + len(table)]
            start += len(table)
        audit.append(_audit(nodes, hidden, column))
    whole = pd.concat(audit, ignore_index=True) if audit else pd.DataFrame(columns=list(AUDIT))
    return found, whole


def possible_counts(
    shown: Float, sums: csr_matrix, rule: Rule = DEFAULT_RULE, *, of: Mask | None = None, promised: float = np.inf
) -> tuple[Float, Float]:
    """
    Least and most that each suppressed count can be, given everything that is shown.

    `shown`, shape (n,), is NaN where a count is suppressed; each row of `sums` times the true counts is 0. `of` picks
    the suppressed counts to look for; `promised` as of `narrowest`. Bounds of shown counts are those of their rounding.
    """
    hidden = np.isnan(shown)
    # Nobody is told how large a withheld count may be: any of them may be there to protect another.
    low, high = _rounding(shown, rule)
    return narrowest(low, high, sums, hidden if of is None else hidden & of, promised)


def narrowest(low: Float, high: Float, sums: csr_matrix, of: Mask, promised: float = np.inf) -> tuple[Float, Float]:
    """
    Least and most of numbers that lie between these ends, each row of `sums` times them being 0.

    Shapes (n,); `of` picks those that two linear programmes each are solved for, others are bounded sum by sum. For
    a number that some solutions show to take `promised` values, that is enough: its bounds are those of one sum after
    another.
    """
    least, largest = low.copy(), high.copy()
    _propagate(sums, least, largest)
    if not sums.shape[0]:
        return least, largest
    doubtful = of if np.isinf(promised) else of & ~_shown_wide(low, high, sums, of, promised)
    columns = sums.tocsc()
    same: dict[tuple[bytes, bytes, float, float], tuple[float, float]] = {}
    for k in np.flatnonzero(doubtful).tolist():
        at = slice(columns.indptr[k], columns.indptr[k + 1])
        # Numbers of the same ends that stand in the same sums are bounded alike, such as areas of one decile.
        pattern = (columns.indices[at].tobytes(), columns.data[at].tobytes(), float(low[k]), float(high[k]))
        if pattern not in same:
            same[pattern] = _ends(k, low, high, sums)
        least[k], largest[k] = max(least[k], same[pattern][0]), min(largest[k], same[pattern][1])
    return least, largest


def _shown_wide(low: Float, high: Float, sums: csr_matrix, of: Mask, promised: float) -> Mask:
    """
    Which numbers take `promised` values at least, up to `promised` at least, in some solutions of the sums.

    Each solution pushes half of those that are left up, and half down, so that few serve for many numbers.
    """
    rng = np.random.default_rng(0)
    bottom, top, wide = np.full(len(low), np.inf), np.full(len(low), -np.inf), np.zeros(len(low), dtype=bool)
    for _ in range(_SOLUTIONS):
        left = of & ~wide
        push = np.where(rng.random(len(low)) < 0.5, 1.0, -1.0)
        push = np.where(top >= promised, 1.0, np.where(bottom <= top - promised + 1, -1.0, push)) * left
        # No number need go further than is promised.
        cap = np.where(left & (low < promised), np.minimum(high, np.maximum(promised, low + promised - 1)), high)
        found: Any = linprog(
            push,
            None,
            None,
            sums,
            np.zeros(sums.shape[0]),
            np.column_stack([low, cap]),
            method="highs",  # type: ignore[call-overload]
        )
        if found.status == 0:
            bottom, top = np.minimum(bottom, found.x), np.maximum(top, found.x)
        wide = (np.floor(top + 1e-6) >= promised) & (np.floor(top + 1e-6) - np.ceil(bottom - 1e-6) + 1 >= promised)
        if wide[of].all():
            break
    return wide


def hide_beside(hidden: Mask, values: ArrayLike) -> Mask:
    """
    Withhold a second row where only one is withheld, which the total would give back.

    The smallest of the other counts that are not zero is withheld beside it. Shapes (row,).
    """
    counts = np.asarray(values, dtype=np.float64)
    rest = np.flatnonzero(~hidden & (counts > 0))
    out = hidden.copy()
    if hidden.sum() == 1 and rest.size:
        out[rest[counts[rest].argmin()]] = True
    return out


def _ends(k: int, low: Float, high: Float, sums: csr_matrix) -> tuple[float, float]:
    """Least and most of one number by two linear programmes."""
    cost = np.zeros(len(low))
    cost[k] = 1.0
    limits, ends = np.column_stack([low, high]), [-np.inf, np.inf]
    for place, sign in enumerate((1.0, -1.0)):
        found: Any = linprog(
            sign * cost,
            None,
            None,
            sums,
            np.zeros(sums.shape[0]),
            limits,
            method="highs",  # type: ignore[call-overload]
        )
        if found.status == 0:
            ends[place] = sign * float(found.fun)
    return float(np.ceil(ends[0] - 1e-6)), float(np.floor(ends[1] + 1e-6))


def _total(cells: pd.DataFrame, level: tuple[str, ...], counts: Sequence[str]) -> pd.DataFrame:
    if not level:
        return cells[list(counts)].sum().to_frame().T
    return cells.groupby(list(level), as_index=False, observed=True, sort=True)[list(counts)].sum()


def _nodes(totals: Mapping[tuple[str, ...], pd.DataFrame], column: str) -> _Nodes:
    value: list[Float] = []
    name: list[tuple[tuple[str, ...], tuple[object, ...]]] = []
    start: dict[tuple[str, ...], int] = {}
    for level, table in totals.items():
        start[level] = len(name)
        value.append(table[column].to_numpy(dtype=np.float64))
        keys = table[list(level)].itertuples(index=False, name=None) if level else [()]
        name += [(level, tuple(key)) for key in keys]
    place = {key: k for k, key in enumerate(name)}
    rows: list[int] = []
    columns: list[int] = []
    entries: list[float] = []
    n_sum = 0
    for fine, coarse in itertools.permutations(totals, 2):
        # Each margin is tied to every table that it adds up, not to the cells alone: readers see them all.
        if not set(coarse) < set(fine):
            continue
        position = [fine.index(c) for c in coarse]
        groups: dict[tuple[object, ...], list[int]] = {}
        for k in range(start[fine], start[fine] + len(totals[fine])):
            groups.setdefault(tuple(name[k][1][p] for p in position), []).append(k)
        for key, members in groups.items():
            rows += [n_sum] * (len(members) + 1)
            columns += [*members, place[coarse, key]]
            entries += [1.0] * len(members) + [-1.0]
            n_sum += 1
    shape = (n_sum, len(name))
    sums = csr_matrix((np.array(entries), (np.array(rows, dtype=int), np.array(columns, dtype=int))), shape=shape)
    return _Nodes(np.concatenate(value), name, sums)


def _rounding(shown: Float, rule: Rule) -> tuple[Float, Float]:
    hidden, none = np.isnan(shown), 0.0 if rule.zeros else 1.0
    if rule.base == 1:
        # Exact, and where counts are modelled a suppressed one may lie between 0 and 1.
        whole = bool((shown[~hidden] == np.floor(shown[~hidden])).all())
        return np.where(hidden, none if whole else 0.0, shown), np.where(hidden, np.inf, shown)
    low, high = rule.limits(np.where(hidden, 0.0, shown))
    return np.where(hidden, none, low), np.where(hidden, np.inf, high)


def _propagate(sums: csr_matrix, low: Float, high: Float) -> None:
    """Tighten bounds by one sum after another, in place, until nothing changes."""
    for _ in range(100):
        changed = False
        for r in range(sums.shape[0]):
            at = sums.indices[sums.indptr[r] : sums.indptr[r + 1]]
            sign = sums.data[sums.indptr[r] : sums.indptr[r + 1]]
            least = np.where(sign > 0, low[at], -high[at])
            most = np.where(sign > 0, high[at], -low[at])
            # x_k = -(sum of the others), by their bounds; infinite ones are counted apart.
            endless = np.isinf(most).sum() - np.isinf(most)
            upper_rest = np.where(np.isinf(most), 0.0, most).sum() - np.where(np.isinf(most), 0.0, most)
            bottomless = np.isinf(least).sum() - np.isinf(least)
            lower_rest = np.where(np.isinf(least), 0.0, least).sum() - np.where(np.isinf(least), 0.0, least)
            new_least = np.where(endless > 0, -np.inf, -upper_rest)
            new_most = np.where(bottomless > 0, np.inf, -lower_rest)
            new_low, new_high = np.where(sign > 0, new_least, -new_most), np.where(sign > 0, new_most, -new_least)
            # A number that is known stays as it is: sums of modelled counts hold but for the dust of arithmetic, which
            # would grow from sum to sum.
            loose = high[at] > low[at]
            better_low, better_high = loose & (new_low > low[at] + 1e-6), loose & (new_high < high[at] - 1e-6)
            if better_low.any() or better_high.any():
                low[at] = np.where(better_low, np.minimum(new_low, high[at]), low[at])
                high[at] = np.where(better_high, np.maximum(new_high, low[at]), high[at])
                changed = True
        if not changed:
            return


def _hide(nodes: _Nodes, small: Mask, rule: Rule) -> Mask:
    hidden = small.copy()
    if not small.any():
        return hidden
    by_programme = False
    # Withholding more only widens what a count can be: one that was found safe stays so.
    doubtful = small.copy()
    while not hidden[(nodes.value > 0) | rule.zeros].all():
        shown = np.where(hidden, np.nan, nodes.value if rule.base == 1 else rounded(nodes.value, rule))
        if by_programme:
            low, high = possible_counts(
                shown, nodes.sums, rule, of=doubtful, promised=max(rule.possible, rule.threshold)
            )
        else:
            low, high = _rounding(shown, rule)
            _propagate(nodes.sums, low, high)
        unsafe = doubtful & ((high < rule.threshold) | (high - low + 1 < rule.possible))
        exposed = np.flatnonzero(unsafe)
        if by_programme:
            doubtful = unsafe
        if len(exposed):
            before = hidden.sum()
            for k in exposed.tolist():
                _hide_one_more(nodes, hidden, k)
            if hidden.sum() == before:
                # Nothing positive is left to withhold beside it: withhold all but the zeros.
                hidden = (nodes.value > 0) | rule.zeros
        elif by_programme:
            return hidden
        else:
            by_programme = True
    return hidden


def _hide_one_more(nodes: _Nodes, hidden: Mask, k: int) -> None:
    """
    Withhold the smallest positive number that stands in a sum with k, of its own table if there is one.

    A zero is never withheld for another: the sign of suppression says that somebody is there.
    """
    rows = nodes.sums[:, [k]].nonzero()[0]
    size = np.full(len(nodes.value), np.inf)
    for row in rows:
        members = nodes.sums.indices[nodes.sums.indptr[row] : nodes.sums.indptr[row + 1]]
        size[members] = np.minimum(size[members], len(members))
    open_ones = np.flatnonzero(np.isfinite(size) & ~hidden & (nodes.value > 0))
    if not len(open_ones):
        return
    own = np.array([nodes.name[i][0] == nodes.name[k][0] for i in open_ones])
    # In the shortest sum that holds both: a place elsewhere in the country protects nothing here.
    order = np.lexsort((nodes.value[open_ones], size[open_ones], ~own))
    hidden[open_ones[order[0]]] = True


def _audit(nodes: _Nodes, hidden: Mask, column: str) -> pd.DataFrame:
    rows = []
    for k in np.flatnonzero(hidden):
        level, key = nodes.name[k]
        cell = ", ".join(f"{name}={value}" for name, value in zip(level, key, strict=True)) or "total"
        table = " x ".join(level) or "total"
        rows.append((table, cell, column, WITHHELD))
    return pd.DataFrame(rows, columns=list(AUDIT))
