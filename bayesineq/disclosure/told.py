"""What published files tell of counts: tables, audits, releases, and the tables, alt texts and explorer of a page."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayesineq.dims import DEPRIVATION, POPULATION, SAMPLE_DIMS
from bayesineq.disclosure.audit import AUDIT
from bayesineq.disclosure.rule import SUPPRESSED, Rule
from bayesineq.errors import DisclosureError

PEOPLE: Final = "people"
EVENTS: Final = "events"
KNOWN: Final = "known beforehand"
_SAME: Final = {
    "population": PEOPLE,
    "persons": PEOPLE,
    "n": PEOPLE,
    "at_risk": PEOPLE,
    "cases": EVENTS,
    "deaths": EVENTS,
}
_COUNTS: Final = (PEOPLE, EVENTS, "count", "treated", "dropped", *_SAME)
_RATES: Final = ("rate", "prevalence", "proportion", "mean", "estimate")
_RULE: Final = re.compile(r"from (\d+) to (\d+) are suppressed")
_BASE: Final = re.compile(r"(?:nearest|middle of) (\d+)")
_RATE: Final = re.compile(r"(?<![\d.,])(\d+(?:\.(\d+))?)%")
_JOINT: Final = 0.5

type Key = tuple[tuple[str, ...], tuple[str, ...]]
type Names = Callable[[str, Sequence[object]], list[str]]


@dataclass(slots=True)
class Told:
    """
    What files tell, gathered file by file.

    `facts`: by cell and kind of count, least, most and the file that says so. `withheld`: cells that are named as
    withheld, or stand without a number, by kind of count. `parents`: by dimension, code to (dimension, code) of the
    group that it lies in. `rates`: by cell, intervals of rates that wait for their people. `said`: what cannot be put
    as a range and may not stand there.
    """

    facts: dict[tuple[Key, str], list[tuple[float, float, str]]] = field(default_factory=dict)
    withheld: set[tuple[Key, str]] = field(default_factory=set)
    parents: dict[str, dict[str, set[tuple[str, str]]]] = field(default_factory=dict)
    rates: dict[Key, list[tuple[float, float, Rule, str]]] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    read: list[str] = field(default_factory=list)

    def count(self, key: Key, column: str, ends: tuple[float, float], source: str) -> None:
        """Note a count."""
        self.facts.setdefault((key, column), []).append((*ends, source))

    def rate(self, key: Key, ends: tuple[float, float], rule: Rule, source: str) -> None:
        """Note a rate of people."""
        if np.isfinite(ends).all():
            self.rates.setdefault(key, []).append((*ends, rule, source))

    def lies_in(self, dim: str, code: str, parent: tuple[str, str]) -> None:
        """Note that a group lies in another."""
        self.parents.setdefault(dim, {}).setdefault(code, set()).add(parent)


def key_of(cell: Mapping[str, object]) -> Key:
    """The key of a cell, whatever the order of its dimensions."""
    dims = tuple(sorted(cell))
    return dims, tuple(code_of(cell[dim]) for dim in dims)


def withheld_before(rule: Rule, dims: Sequence[str], cells: Iterable[Sequence[object]]) -> NDArray[np.bool_]:
    """Which cells of a table, given by their codes, an earlier publication withheld, shape (n_cell,)."""
    gone = frozenset() if rule.earlier is None else rule.earlier.withheld
    if not any(set(of) == set(dims) for of, _ in gone):
        return np.zeros(len(list(cells)), dtype=bool)
    return np.array([key_of(dict(zip(dims, codes, strict=True))) in gone for codes in cells], dtype=bool)


def code_of(value: object) -> str:
    """A code as text: 3.0 of a column with gaps is 3."""
    return str(int(value)) if isinstance(value, float | np.floating) and float(value).is_integer() else str(value)


def read_told(folder: Path, rule: Rule, names: Names | None = None) -> dict[str, Told]:
    """
    Read everything in a folder that tells of counts: its own files, and those of each folder in it, by its name.

    `rule` is what the files were published under where none of them says so; `names` gives what pages call the levels
    of a dimension. Working files and packed tables are no publication: they are left out and named.
    """
    if not folder.is_dir():
        raise DisclosureError(f"there is no folder {str(folder)!r}; give the folder that was published")
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    homes = dict.fromkeys(path.parent for path in paths)
    return {
        str(home.relative_to(folder)): _read_files([p for p in paths if p.parent == home], rule, names)
        for home in homes
    }


def _read_files(paths: Sequence[Path], rule: Rule, names: Names | None) -> Told:
    told, tables = Told(), {path: _table(path) for path in paths if path.suffix == ".csv"}
    audits = {path: table for path, table in tables.items() if set(AUDIT) <= set(table.columns)}
    rules = {path: _stated(table, rule) for path, table in audits.items()}
    for table in audits.values():
        _read_audit(told, table)
    dims = {dim for (cell, _), _column in [*told.withheld, *told.facts] for dim in cell} | set(told.parents)
    dims |= {"area", "imd_decile", "imd_quintile", "ethnicity", "age_band", "sex", "practice", "ward", "year", "region"}
    pages = []
    for path in paths:
        own = next(
            (
                rules[beside]
                for beside in (path.with_suffix(".audit.csv"), path.with_name("audit.csv"))
                if beside in rules
            ),
            None,
        )
        own, source = own or next(iter(rules.values()), rule), path.name
        if path in audits:
            continue
        if path in tables:
            _read_table(told, tables[path], dims, own, source)
        elif path.suffix == ".nc":
            _read_release(told, path, own, source)
        elif path.suffix in (".html", ".txt", ".md"):
            pages.append((path, own, source))
            continue
        else:
            told.left.append(source)
            continue
        if source not in told.left:
            told.read.append(source)
    levels = _levels(told)
    for path, own, source in pages:
        _read_page(told, path.read_text(encoding="utf-8", errors="replace"), _labels(levels, names), own, source)
        told.read.append(source)
    return told


def read_known(told: Told, known: pd.DataFrame) -> None:
    """Note what a reader knows beforehand: which group lies in which, and people of cells (`population`)."""
    dims = [name for name in known.columns if name != POPULATION]
    for dim in dims:
        for other in dims:
            pairs = known[[dim, other]].dropna().drop_duplicates()
            if other != dim and not pairs[dim].duplicated().any() and pairs[other].duplicated().any():
                for code, parent in pairs.itertuples(index=False, name=None):
                    told.lies_in(dim, code_of(code), (other, code_of(parent)))
    if POPULATION not in known.columns:
        return
    present = {dims_of for (dims_of, _), _column in [*told.withheld, *told.facts]} | {key[0] for key in told.rates}
    for level in present:
        if set(level) <= set(dims):
            sums = known.groupby(list(level))[POPULATION].sum() if level else {(): known[POPULATION].sum()}
            for code, size in sums.items():
                codes = code if isinstance(code, tuple) else (code,)
                key = key_of(dict(zip(level, codes, strict=True)))
                told.count(key, PEOPLE, (float(size), float(size)), KNOWN)


def _table(path: Path) -> pd.DataFrame:
    try:
        return pd.read_csv(path, dtype=object, keep_default_na=False)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise DisclosureError(f"{str(path)!r} cannot be read as csv: {error}") from error


def _stated(audit: pd.DataFrame, otherwise: Rule) -> Rule:
    """The rule that an audit states."""
    text = " ".join(audit["rule"].unique()[:1]) if "rule" in audit.columns else ""
    if any(audit["reason"].astype(str).str.contains("switched off")):
        return Rule(0, 1)
    few, base = _RULE.search(text), _BASE.search(text)
    if not text:
        return otherwise
    middle = "middle of" in text
    return Rule(
        int(few[2]) if few else 0,
        int(base[1]) if base else 1,
        zeros=few is not None and few[1] == "0",
        rounding="midpoint" if middle else "nearest",
    )


def _read_audit(told: Told, audit: pd.DataFrame) -> None:
    for table, cell, column in audit[["table", "cell", "column"]].astype(str).drop_duplicates().itertuples(index=False):
        dims = [] if table == "total" else table.split(" x ")
        match = re.fullmatch(", ".join(f"{re.escape(dim)}=(.*)" for dim in dims), cell) if dims else None
        if (dims and match is None) or (not dims and cell != "total"):
            continue
        codes = match.groups() if match else ()
        keys = [key_of(dict(zip(dims, codes, strict=True)))]
        if len(dims) == 2 and dims[0] == "area" and dims[1] in DEPRIVATION:
            told.lies_in(dims[0], codes[0], (dims[1], codes[1]))
            keys = [key_of({dims[0]: codes[0]})]
        kinds = [_SAME.get(kind, kind) for kind in column.split(", ") if kind != "people without the event"]
        told.withheld |= {(key, kind) for key in keys for kind in kinds}


def _read_table(told: Told, table: pd.DataFrame, dims: Iterable[str], rule: Rule, source: str) -> None:
    if "parameter" in table.columns:
        _read_measures(told, table, rule, source)
        return
    by = [name for name in table.columns if name in dims]
    counted = [name for name in table.columns if name in _COUNTS and name not in by]
    if table.duplicated(by).any() if by else len(table) != 1:
        return
    for row in table.to_dict("records"):
        key, size = key_of({dim: row[dim] for dim in by}), None
        for name in counted:
            column, value = _SAME.get(name, name), _number(row[name])
            if value is None:
                told.withheld.add((key, column))
            elif float(value).is_integer():
                low, high = rule.limits(value)
                told.count(key, column, (float(low), float(high)), source)
                size = value if column == PEOPLE else size
        for name in (column for column in _RATES if column in table.columns and size is not None):
            _rate(told, key, row[name], 1.0, rule, source)
        if (gain := _number(row.get("benefit_per_1000"))) and (whole := _number(row.get("benefit"))):
            size = 1000.0 * whole / gain
            half = _half(rule)
            told.count(key, PEOPLE, (size - half, size + half), f"{source}: benefit per 1000")
    for name in counted:
        _read_shares(told, table, by, name, rule, source)


def _read_shares(told: Told, table: pd.DataFrame, by: list[str], name: str, rule: Rule, source: str) -> None:
    """Counts from shares of their total, where all but the withheld ones stand there."""
    if f"{name}_share" not in table.columns:
        return
    shares, counts = (table[column].map(_number).astype(float) for column in (f"{name}_share", name))
    both = shares.gt(0) & counts.notna()
    if not both.any():
        return
    total = float(counts[both].sum() / shares[both].sum())
    for row, share in zip(table.to_dict("records"), table[f"{name}_share"], strict=True):
        if (value := _number(share)) is not None:
            half = 0.5 * 10.0 ** -len(str(share).partition(".")[2])
            ends = (total * (value - half) - _half(rule), total * (value + half) + _half(rule))
            told.count(key_of({dim: row[dim] for dim in by}), _SAME.get(name, name), ends, f"{source}: shares")


def _read_measures(told: Told, table: pd.DataFrame, rule: Rule, source: str) -> None:
    for row in table.to_dict("records"):
        name, _, inside = str(row["parameter"]).partition("[")
        if not inside:
            continue
        key = key_of({name: inside.rstrip("]")})
        if "crude_mean" in table.columns:
            crude = row["crude_mean"] if _number(row["crude_mean"]) is not None else row["mean"]
            if _number(row["crude_mean"]) is not None or not str(row.get("adjusted_for", "")).strip():
                _rate(told, key, crude, 1.0, rule, source)
        elif _number(row.get("mean")) is not None:
            hidden = {", ".join(codes) for (_, codes), _column in told.withheld}
            # A number alone may be a level of anything.
            if inside.rstrip("]") in hidden and not inside.rstrip("]").isdigit():
                told.said.append(f"{source}: {row['parameter']} has numbers, and is of a withheld group")


def _rate(told: Told, key: Key, text: object, unit: float, rule: Rule, source: str) -> None:
    value = _number(text)
    if value is not None:
        decimals = len(str(text).partition(".")[2])
        half = 0.5 * 10.0**-decimals if decimals < 12 and "e" not in str(text) else 0.0
        told.rate(key, (unit * (value - half), unit * (value + half)), rule, source)


def _half(rule: Rule) -> float:
    """How far a rounded count may lie from what it was."""
    return rule.base / 2 if rule.base > 1 else 0.0


def _number(text: object) -> float | None:
    if text is None or str(text).strip() in ("", SUPPRESSED, "<NA>", "nan", "NaN"):
        return None
    try:
        return float(str(text).replace(",", ""))
    except ValueError:
        return None


def _read_release(told: Told, path: Path, rule: Rule, source: str) -> None:
    import xarray as xr

    try:
        opened = xr.open_datatree(path, engine="h5netcdf")
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise DisclosureError(f"{str(path)!r} cannot be read as a release: {error}") from None
    with opened as tree:
        if "posterior" in tree.children or not all("estimate" in node for node in tree.children.values()):
            told.left.append(source)
            return
        draws: dict[Key, Any] = {}
        for node in tree.children.values():
            values = node["estimate"]
            dims = [str(dim) for dim in values.dims if dim not in SAMPLE_DIMS]
            flat = values.transpose(*SAMPLE_DIMS, *dims).to_numpy()
            flat = flat.reshape(-1, *flat.shape[2:]).astype(float)
            people = node[POPULATION].transpose(*dims).to_numpy() if dims else np.asarray(node[POPULATION].to_numpy())
            for at in np.ndindex(flat.shape[1:]):
                key = key_of({dim: values[dim].to_numpy()[k] for dim, k in zip(dims, at, strict=True)})
                own = flat[(slice(None), *at)]
                if not np.isfinite(own).all():
                    continue
                low, high = rule.limits(people[at])
                told.count(key, PEOPLE, (float(low), float(high)), source)
                told.rate(key, (float(own.mean()), float(own.mean())), rule, source)
                draws[key] = own * float(people[at])
    _read_joint(told, draws, source)


def _read_joint(told: Told, draws: Mapping[Key, Any], source: str) -> None:
    """Say where draws of a group follow those of its parts: what is withheld of it is then the difference."""
    for key, own in draws.items():
        parts = [values for other, values in draws.items() if key in parents_of(told, other)]
        if 0 < len(parts) < len(own) / 4 and own.std() > 0:
            known = np.column_stack([np.ones(len(own)), *parts])
            left = own - known @ np.linalg.lstsq(known, own, rcond=None)[0]
            if 1 - left.var() / own.var() > _JOINT:
                told.said.append(f"{source}: draws of {'/'.join(key[1]) or 'everyone'} follow those of its parts")


def parents_of(told: Told, key: Key) -> set[Key]:
    """Groups of which a cell is a part: with a dimension left out, or with one in place of a finer one."""
    dims, codes = key
    cell = dict(zip(dims, codes, strict=True))
    found = {key_of({dim: code for dim, code in cell.items() if dim != gone}) for gone in dims}
    for dim, code in cell.items():
        for other, parent in told.parents.get(dim, {}).get(code, set()):
            if other not in cell:
                found.add(key_of({**{d: c for d, c in cell.items() if d != dim}, other: parent}))
    return found


def _levels(told: Told) -> dict[str, list[str]]:
    found: dict[str, set[str]] = {}
    for dims, codes in [*(key for key, _ in [*told.withheld, *told.facts]), *told.rates]:
        for dim, code in zip(dims, codes, strict=True):
            found.setdefault(dim, set()).add(code)
    return {dim: sorted(codes) for dim, codes in found.items()}


def _labels(levels: Mapping[str, list[str]], names: Names | None) -> dict[str, tuple[str, str]]:
    """From what a page calls a group to its dimension and code."""
    found: dict[str, tuple[str, str]] = {}
    for dim, codes in levels.items():
        given: list[object] = [int(code) if code.isdigit() else code for code in codes]
        for label, code in zip(names(dim, given) if names else codes, codes, strict=True):
            found[label] = found.get(label, (dim, code))
    return found


def _read_page(told: Told, page: str, label: dict[str, tuple[str, str]], rule: Rule, source: str) -> None:
    for text in re.findall(r"<script[^>]*application/json[^>]*>(.*?)</script>", page, flags=re.S):
        _read_explorer(told, json.loads(text), label, rule, f"{source}: explorer")
    for text in re.findall(r'<meta name="bayesineq-rerun" content="([^"]*)">', page):
        figures = pd.DataFrame(json.loads(html.unescape(text))["figures"]).iloc[:, 1:3].dropna()
        named = figures.set_axis(["parameter", "mean"], axis=1).astype("str") if len(figures) else figures
        _read_measures(told, named, rule, f"{source}: figures")
    page = re.sub(r"<(script|style).*?</\1>", "", page, flags=re.S)
    for table in re.findall(r"<table.*?</table>", page, flags=re.S):
        rows = [
            [
                html.unescape(re.sub(r"<[^>]+>", "", part)).strip()
                for part in re.findall(r"<t[hd].*?</t[hd]>", row, re.S)
            ]
            for row in re.findall(r"<tr.*?</tr>", table, flags=re.S)
        ]
        for row in rows[1:]:
            cells = dict(zip(rows[0], row, strict=False))
            keys = [label[part] for part in row[:2] if part in label]
            if not keys:
                continue
            key = key_of(dict(keys))
            if (size := _number(cells.get("Population"))) is not None:
                low, high = rule.limits(size)
                told.count(key, PEOPLE, (float(low), float(high)), f"{source}: tables")
            told_of = next((text for head, text in cells.items() if head.startswith("Crude")), None)
            if told_of is None and not any("Adjusted" in head for head in cells):
                told_of = next((text for text in row if _RATE.search(text)), None)
            _percent(told, key, told_of, rule, f"{source}: tables")
    for said in re.findall(r'alt="([^"]*)"', page):
        if "at the same" not in said.partition(".")[0]:
            for name, rate in re.findall(r"(?:\. |; )([^.;:]+): (\d+\.?\d*% \()", html.unescape(said)):
                if name in label:
                    dim, code = label[name]
                    _percent(told, key_of({dim: code}), rate, rule, f"{source}: alt text")
    words = re.sub(r"<[^>]+>", " ", page)
    for number, what in re.findall(r"(?<!to )(?<![\d,.–-])(\d{1,2}) (people|persons|patients|cases|deaths)\b", words):
        if 1 <= int(number) <= rule.threshold:
            told.said.append(f"{source}: says {number} {what}")


def _read_explorer(told: Told, data: Any, label: dict[str, tuple[str, str]], rule: Rule, source: str) -> None:
    unit = 0.01 if data.get("suffix") == "%" else 1.0
    for view in data.get("views", []):
        which = "crude" if "crude" in view else "estimate"
        for code, shown in zip(view["code"], view[which], strict=True):
            if shown and shown[0] is not None:
                half = unit * 0.5 * 10.0 ** -int(data.get("places", 1))
                told.rate(key_of({"area": code}), (unit * shown[0] - half, unit * shown[0] + half), rule, source)
    for group in data.get("groups", []):
        label.setdefault(str(group.get("label")), (str(group["dim"]), str(group["level"])))
        said = group.get("crude") or group.get("said")
        if said and ("crude" in group or "at the same" not in str(group.get("named"))):
            _percent(told, key_of({group["dim"]: group["level"]}), said, rule, source)


def _percent(told: Told, key: Key, text: str | None, rule: Rule, source: str) -> None:
    found = _RATE.search(text or "")
    if found:
        half = 0.5 * 10.0 ** -len(found[2] or "")
        told.rate(key, (0.01 * (float(found[1]) - half), 0.01 * (float(found[1]) + half)), rule, source)
