"""An attack on what was published: how narrowly each withheld count can be proven from everything that was shown."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from bayesineq.disclosure.read_rule import rule_of
from bayesineq.disclosure.rule import DEFAULT_RULE, Disclosure, Rule, rounded
from bayesineq.disclosure.suppression import narrowest
from bayesineq.disclosure.told import EVENTS, KNOWN, PEOPLE, Key, Names, Told, parents_of, read_known, read_told
from bayesineq.errors import DisclosureError

_ROOM: Final = 1e-6


@dataclass(frozen=True, slots=True)
class Attack:
    """
    What could be proven of each withheld count, and of each other that is known to be small.

    Parameters
    ----------
    table : DataFrame
        One row a count: `table`, `cell`, `column`, `withheld`, `least`, `most`, `promised` (how many counts the rule
        leaves possible at least), `narrower` (whether fewer are, or all of them are small) and `from`. It is as
        confidential as the counts themselves.
    said : tuple of str
        What stands in the files and is no range, such as a small number in words.
    read, left : tuple of str
        Files that were read, and those that were not.
    """

    table: pd.DataFrame
    said: tuple[str, ...]
    read: tuple[str, ...]
    left: tuple[str, ...]

    @property
    def found(self) -> pd.DataFrame:
        """The counts that are known more narrowly than the rule promises."""
        return self.table[self.table["narrower"]].reset_index(drop=True)

    @property
    def holds(self) -> bool:
        """Whether the rule keeps what it promises."""
        return self.found.empty and not self.said

    def __str__(self) -> str:
        hidden = int(self.table["withheld"].sum())
        verdict = f"{len(self.found):,} counts are known more narrowly than the rule promises"
        also = f"; {len(self.said):,} numbers stand where none may" if self.said else ""
        return f"{len(self.read):,} files, {hidden:,} withheld counts: {verdict}{also}."


def attack(
    folder: str | Path,
    disclosure: Disclosure = DEFAULT_RULE,
    *,
    known: pd.DataFrame | None = None,
    earlier: str | Path | None = None,
    differ: int = 0,
    names: Names | None = None,
) -> Attack:
    r"""
    Try to recover withheld counts from everything in a folder.

    Parameters
    ----------
    folder : str or Path
        What was published: tables and their audits, reports, releases, comparisons of plans. The files of one folder
        are taken to be of the same people and outcome, those of a folder in it to be of others.
    disclosure : Rule, str or Path
        The rule that is to hold.
    known : DataFrame, optional
        What readers know beforehand, a row a cell: columns of its dimensions, such as `area`, `imd_decile` and `ward`,
        and `population` where denominators are public.
    earlier : str or Path, optional
        Another publication of the same people: an earlier one, or one by another rule or geography. Counts of both
        are looked for.
    differ : int
        By how many people the two differ at most, as a reader may know.
    names : callable, optional
        Gives what pages call the levels of a dimension; by default by their codes.

    Returns
    -------
    Attack
        Ranges, and whether the rule holds.

    Raises
    ------
    DisclosureError
        There is no such folder, or nothing in it tells of a count.

    Notes
    -----
    Shown counts are known to within their rounding, rates times denominators likewise; withheld counts are at least 1
    (0 where zero is withheld too); cells add up to their margins, and areas to the groups that they lie in. Least and
    most of each withheld count are two linear programmes over all of that. Counts behind rates are those that the
    model implies. A withheld count that no sum holds is small for its own sake, and known to be no more than the
    threshold. Rows of a table that are not in it are taken to be empty.

    Examples
    --------
    >>> import tempfile
    >>> rows = "area,events\na,*\nb,40\nc,30\n"
    >>> with tempfile.TemporaryDirectory() as name:
    ...     _ = (Path(name) / "areas.csv").write_text(rows)
    ...     _ = (Path(name) / "total.csv").write_text("events\n73\n")
    ...     attack(name, Rule(7, 1)).found[["cell", "least", "most"]]
         cell  least  most
    0  area=a    3.0   3.0
    """
    rule = rule_of(disclosure)
    subjects = read_told(Path(folder), rule, names)
    if not any(told.facts or told.withheld for told in subjects.values()):
        read = list(_files(subjects, "read")) or "none"
        raise DisclosureError(f"no file in {str(folder)!r} tells of a count; read were {read}")
    before = {} if earlier is None else read_told(Path(earlier), rule, names)
    return attacked(subjects, before, rule, known=known, differ=differ)


def attacked(
    subjects: Mapping[str, Told],
    before: Mapping[str, Told],
    rule: Rule,
    *,
    known: pd.DataFrame | None = None,
    differ: int = 0,
) -> Attack:
    """As `attack`, of what was read of two publications, by folder: counts of the first, then those of the other."""
    ways = [("", subjects, before), *([("earlier: ", before, subjects)] if before else [])]
    rows: list[tuple[object, ...]] = []
    said: list[str] = []
    for which, own, others in ways:
        for home, of in own.items():
            told, place = deepcopy(of), which if home == "." else f"{which}{home}/"
            _settle(told, deepcopy(others.get(home)), known, differ)
            for column in dict.fromkeys(column for _, column in [*told.facts, *told.withheld]):
                rows += [(f"{place}{name}", *row) for name, *row in _of_column(told, column, rule)]
            said += [f"{place}{text}" for text in dict.fromkeys(told.said if not which else ())]
    columns = ["table", "cell", "column", "withheld", "least", "most", "promised", "narrower", "from"]
    table = pd.DataFrame(rows, columns=columns).astype({"withheld": bool, "narrower": bool})
    order = table.sort_values(["narrower", "withheld"], ascending=False, kind="stable", ignore_index=True)
    return Attack(order, tuple(said), _files(subjects, "read"), _files(subjects, "left"))


def _files(subjects: Mapping[str, Told], which: Literal["read", "left"]) -> tuple[str, ...]:
    """Files that were read or left, by their paths in the folder."""
    return tuple(
        f"{'' if home == '.' else f'{home}/'}{name}"
        for home, told in subjects.items()
        for name in dict.fromkeys(told.read if which == "read" else told.left)
    )


def _settle(told: Told, other: Told | None, known: pd.DataFrame | None, differ: int) -> None:
    """Take in what is known beforehand and from another publication, and what follows of events."""
    if known is not None:
        read_known(told, known)
        if other is not None and differ == 0:
            read_known(other, known)
    _events(told)
    if other is not None:
        _events(other)
        _join(told, other, differ)


def _join(told: Told, other: Told, differ: int) -> None:
    """Take in another publication, whose counts differ by so many people at most."""
    if differ < 0:
        raise DisclosureError(f"differ={differ}: two publications differ by 0 people or more")
    for (key, column), facts in other.facts.items():
        for low, high, source in facts:
            told.count(key, column, (max(low - differ, 0.0), high + differ), f"earlier {source}")
    for dim, codes in other.parents.items():
        for code, parents in codes.items():
            for parent in parents:
                told.lies_in(dim, code, parent)
    told.withheld |= other.withheld - set(told.facts)
    told.said += [f"earlier {said}" for said in other.said]


def _events(told: Told) -> None:
    """Events from rates and people, as far as both are told; a rate is of rounded counts."""
    for key, rates in told.rates.items():
        people = told.facts.get((key, PEOPLE))
        if not people:
            continue
        low = max(low for low, _, _ in people)
        high = min(high for _, high, _ in people)
        for least, most, rule, source in rates:
            shown = rounded([low, high], rule) if rule.base > 1 else (low, high)
            half = rule.base / 2 if rule.base > 1 else 0.0
            told.count(key, EVENTS, (max(least * shown[0] - half, 0.0), most * shown[1] + half), f"{source}: rate")


def _of_column(told: Told, column: str, rule: Rule) -> list[tuple[object, ...]]:
    """Ranges of all counts of one kind."""
    # What a reader knows anyway is no secret of these files.
    open_cells = {key for (key, kind), facts in told.facts.items() if kind == column and KNOWN in {f[2] for f in facts}}
    hidden_cells = {key for key, kind in told.withheld if kind == column} - open_cells
    every = [key for key, kind in [*told.facts, *told.withheld] if kind == column or column in (PEOPLE, EVENTS)]
    # Cells of which another number is told are there, whatever is known of this one.
    keys = list(dict.fromkeys([*every, *(told.rates if column in (PEOPLE, EVENTS) else ())]))
    # A cell that some file shows is not withheld, whatever another says; its range is what matters.
    shown = {key for key, kind in told.facts if kind == column}
    low, high, sources = _ends(told, column, keys, 0.0 if rule.zeros else 1.0)
    sums = _sums(told, keys)
    in_sum = np.asarray(abs(sums).sum(axis=0) > 0).ravel() if sums.shape[0] else np.zeros(len(keys), dtype=bool)
    hidden = np.array([key in hidden_cells for key in keys], dtype=bool)
    alone = hidden & ~in_sum
    high = np.where(alone, np.minimum(high, max(rule.few, 1)), high)
    promised = rule.possible or rule.few
    least, most = narrowest(low, high, sums, hidden, promised)
    whole = (np.floor(least + 0.5 - _ROOM), np.where(np.isinf(most), np.inf, np.floor(most + 0.5 + _ROOM)))
    small = (whole[1] <= rule.few) & (whole[1] >= 1)
    few = whole[1] - whole[0] + 1 < promised
    small &= np.array([key not in open_cells for key in keys], dtype=bool)
    narrower = np.where(hidden, (whole[1] < (rule.threshold or promised)) | few, small & few & (whole[0] >= 1))
    rows: list[tuple[object, ...]] = []
    for k in np.flatnonzero(hidden | narrower).tolist():
        dims, codes = keys[k]
        cell = ", ".join(f"{dim}={code}" for dim, code in zip(dims, codes, strict=True)) or "total"
        how = ", ".join(sources.get(k, [])) or ("its own smallness" if alone[k] else "sums")
        row = (" x ".join(dims) or "total", cell, column, bool(hidden[k]), whole[0][k], whole[1][k], promised)
        rows.append((*row, bool(narrower[k]), how if keys[k] in shown or alone[k] else "sums"))
    return rows


def _ends(
    told: Told, column: str, keys: list[Key], least: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], dict[int, list[str]]]:
    """Least and most of every count by what is told of it directly."""
    low = np.array([least if (key, column) in told.withheld else 0.0 for key in keys])
    high = np.full(len(keys), np.inf)
    sources: dict[int, list[str]] = {}
    for k, key in enumerate(keys):
        facts = told.facts.get((key, column), [])
        if facts:
            # Where files disagree, which two runs may, the widest that holds is taken.
            first, last = max(f[0] for f in facts), min(f[1] for f in facts)
            low[k], high[k] = (first, last) if first <= last + _ROOM else (last, first)
            sources[k] = sorted({source for *_, source in facts})
    return low, np.maximum(high, low), sources


def _sums(told: Told, keys: list[Key]) -> csr_matrix:
    """Cells that add up to another, a row each: all cells of one table that lie in it."""
    place = {key: k for k, key in enumerate(keys)}
    members: dict[tuple[Key, tuple[str, ...]], list[int]] = {}
    placed: dict[tuple[str, ...], dict[tuple[str, ...], int]] = {}
    for key, k in place.items():
        every = _above(told, key)
        dims = placed.setdefault(key[0], {})
        for parent in every:
            dims[parent[0]] = dims.get(parent[0], 0) + 1
            if parent in place:
                members.setdefault((parent, key[0]), []).append(k)
    size: dict[tuple[str, ...], int] = {}
    for dims_of, _ in keys:
        size[dims_of] = size.get(dims_of, 0) + 1
    rows, columns, entries, n_sum = [], [], [], 0
    for (parent, fine), inside in members.items():
        # Where it is not known of every cell in which group it lies, a sum may lack some.
        if placed[fine][parent[0]] < size[fine]:
            continue
        rows += [n_sum] * (len(inside) + 1)
        columns += [*inside, place[parent]]
        entries += [1.0] * len(inside) + [-1.0]
        n_sum += 1
    return csr_matrix(
        (np.array(entries, dtype=float), (np.array(rows, dtype=int), np.array(columns, dtype=int))), (n_sum, len(keys))
    )


def _above(told: Told, key: Key) -> set[Key]:
    """All groups of which a cell is a part, near and far."""
    found: set[Key] = set()
    new = parents_of(told, key)
    while new:
        found |= new
        new = {far for near in new for far in parents_of(told, near)} - found
    return found
