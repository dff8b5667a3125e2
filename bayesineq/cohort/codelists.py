"""Code lists as they are published, read into codes, terms, categories and systems."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import tomllib
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pandas as pd

from bayesineq.errors import SchemaError
from bayesineq.records.code_forms import SNOMED, SYSTEMS, checks, stem, system_named, written_out
from bayesineq.tables.blanks import SPACE
from bayesineq.tables.codes import code_list
from bayesineq.tables.files import refuse_bombs, refuse_twice

COLUMNS: Final = ("code", "term", "category", "system", "retired")

_CODE: Final[Mapping[str, str]] = {
    "icd10": "icd10", "icd10code": "icd10", "icdcode": "icd10", "icd10codealt": "icd10", "icd": "icd10",
    "icd10diagnosiscode": "icd10", "icd11": "icd11", "icd11code": "icd11", "icd9code": "icd9", "icd9": "icd9",
    "opcs4": "opcs4", "opcs4code": "opcs4", "opcscode": "opcs4", "opcs": "opcs4", "procedurecode": "opcs4",
    "readcode": "read2", "readcodes": "read2", "readv2code": "read2", "readv2": "read2", "read2": "read2",
    "read2code": "read2", "readcode2": "read2", "readcodev2": "read2", "read": "read2",
    "ctv3": "ctv3", "ctv3code": "ctv3", "ctv3id": "ctv3", "ctv3readcode": "ctv3", "readv3": "ctv3",
    "readv3code": "ctv3", "read3code": "ctv3", "readcode3": "ctv3",
    "snomed": "snomed", "snomedcode": "snomed", "snomedct": "snomed", "snomedctcode": "snomed", "sctid": "snomed",
    "snomedconceptid": "snomed", "snomedctconceptid": "snomed", "conceptid": "snomed", "snomedctid": "snomed",
    "snomedctdescriptionid": "snomed", "snomedid": "snomed", "conceptcode": "", "sctconceptid": "snomed",
    "dmd": "dmd", "dmdcode": "dmd", "dmdid": "dmd", "vpid": "dmd", "vppid": "dmd", "apid": "dmd", "vmpid": "dmd",
    "ampid": "dmd", "dmdsnomedcode": "dmd", "vtmid": "dmd",
    "medcode": "cprd", "medcodeid": "cprd", "cprdcode": "cprd",
    "prodcode": "cprd_product", "prodcodeid": "cprd_product", "ukbiobankcode": "ukbiobank", "omopconceptid": "omop",
    "code": "", "codes": "", "clinicalcode": "", "codevalue": "", "value": "", "id": "", "diagnosiscode": "",
    "diagcode": "", "codeid": "", "clinicalcodes": "", "drugcode": "", "bnfcode": "bnf", "bnf": "bnf",
    "atccode": "atc", "rxcui": "rxnorm", "loinccode": "loinc",
}  # fmt: skip
"""Headings of a column of codes, the likeliest first, by letters and digits; and the system that each says, if any."""

_OF_DMD: Final = frozenset({"bnfcode", "dmdtype", "dmdname", "nm", "vmpprev"})
"""Headings beside a column of numbers that make them codes of dm+d, which have the form of SNOMED CT."""

_ALIKE: Final = ({"read2", "ctv3"}, {"snomed", "omop"}, {"snomed", "dmd"})
"""Systems that share a heading."""

_LEFT_OUT: Final = frozenset({"-", "(-)", "?", "!"})
"""Marks of OpenCodelists beside codes that a definition excludes, or does not decide on."""

_TERM: Final = (
    "term", "description", "codedescription", "desc", "name", "preferredterm", "fsn", "fullyspecifiedname",
    "conceptname", "readterm", "rubric", "codeterm", "clinicalterm", "icd10term", "icd10codedescr", "icd10description",
    "snomedterm", "snomedctterm", "snomedctdescription", "codedescr", "descr", "readcodedescr", "readcodedescription",
    "readdescription", "opcs4codedescr", "opcs4description", "medcodedescr", "meaning", "definition", "label", "title",
    "nm", "term60", "term30", "termdescription", "conceptdescription", "snomedctpreferredterm", "displayname",
    "display", "productname", "drugsubstance", "conceptterm", "codename", "diagnosis", "synonym", "text",
)  # fmt: skip
_CATEGORY: Final = (
    "label16", "grouping16",
    "category", "cat", "group", "class", "type", "subcategory", "subtype", "codecategory", "categories", "grouping",
    "phenotype", "clusterid", "clusterdescription", "cluster", "categorydescr", "categorydescription", "ethnicgroup",
    "ethnicity", "condition", "disease", "diseasecategory", "concept", "subset", "subgroup", "status2", "groupname",
    "categoryname", "codelist", "conceptset", "classification", "disorder",
)  # fmt: skip
_SYSTEM: Final = (
    "system", "codingsystem", "codesystem", "codingsystemname", "vocabulary", "vocabularyid", "terminology", "codetype",
    "codingscheme", "scheme", "dictionary", "ontology", "clinicalcodingsystem", "codingsystemid", "codeset",
)  # fmt: skip
_RETIRED: Final = ("retired", "inactive", "active", "activeinrefset", "status", "codestatus", "isactive", "obsolete")
_NO: Final = frozenset({"", "+", "(+)", "0", "false", "no", "n", "current", "active", "live", "valid", "c"})
_ABOUT: Final = ("citation", "version", "name", "publisher", "url", "date", "licence", "phenotype_id", "author")


@dataclass(frozen=True, slots=True)
class CodeList:
    """
    A list of codes, with where it is from.

    Parameters
    ----------
    name : str
        What it is called.
    table : DataFrame
        `code` (text, as compared), `term`, `category`, `system`, `retired` (bool); one row a code and category.
    citation, version : str
        They travel into the report; empty where the file says none.
    origin : str
        The file.
    notes : tuple of str
        What was recognised and not stated, and rows that are no codes.
    """

    name: str
    table: pd.DataFrame
    citation: str
    version: str
    origin: str
    notes: tuple[str, ...]

    @property
    def systems(self) -> tuple[str, ...]:
        """Code systems of the list."""
        return tuple(sorted(self.table["system"].unique()))

    @property
    def by_system(self) -> dict[str, tuple[str, ...]]:
        """Distinct codes of each system."""
        return {
            str(system): tuple(dict.fromkeys(rows["code"]))
            for system, rows in self.table.groupby("system", observed=True)
        }

    @property
    def cited(self) -> str:
        """One line for a report: name, number of codes, version, citation."""
        counts = ", ".join(f"{len(codes):,} of {system}" for system, codes in self.by_system.items())
        said = [f"{self.name} ({counts} codes)", f"version {self.version}" if self.version else "", self.citation]
        return "; ".join(filter(None, said))


def read_codelist(
    path: str | Path,
    *,
    system: str | None = None,
    code: str | None = None,
    term: str | None = None,
    category: str | None = None,
    citation: str | None = None,
    version: str | None = None,
) -> CodeList:
    r"""
    Read a code list as OpenCodelists, the HDR UK Phenotype Library or NHS England publish it, or in TOML or JSON.

    Parameters
    ----------
    path : str or Path
        A csv, csv.gz or tab-separated file with any of the usual headings; a TOML or JSON file with `codes` (a list,
        or a table of codes by system), and `name`, `citation`, `version`, `system` beside it.
    system : str, optional
        Code system, where the file does not say: snomed, dmd, icd10, opcs4, read2, ctv3, bnf and others. Without it
        the heading, the name of the file, then the codes themselves are asked; where they could be of two systems the
        list is refused.
    code, term, category : str, optional
        Heading of each column, where it is not a usual one or there are several.
    citation, version : str, optional
        Where the list is from, in place of what the file says.

    Returns
    -------
    CodeList
        Its codes. In ICD-10 and OPCS-4 a code stands for all codes that begin with it, dots do not matter, and a range
        such as E10-E14 is written out; in other systems codes are compared whole.

    Raises
    ------
    SchemaError
        There is no column of codes, the system is not known, or codes were damaged by a spreadsheet: numbers such as
        1.23E+17, or identifiers whose check digit is wrong.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "diabetes.csv"
    ...     _ = path.write_text("ICD10code,ICD10codeDescr,Category\nE10-E11,Diabetes,type 1 or 2\n")
    ...     found = read_codelist(path)
    >>> found.by_system, found.table["category"].tolist()
    ({'icd10': ('E10', 'E11')}, ['type 1 or 2', 'type 1 or 2'])
    """
    path = _there(path)
    kind = path.suffix.lower()
    if kind in (".toml", ".json"):
        rows, about = _structured(path)
    else:
        rows, about = _published(path)
    chosen = _headings(rows, path, {"code": code, "term": term, "category": category})
    notes: list[str] = []
    table = _columns(_included(rows, chosen, notes), chosen, notes)
    stated = _system_named(system, "system") if system else ""
    of_file = str(about.get("system", "")) or _medicines(rows, chosen, notes)
    table["system"] = _systems(table, stated, of_file, chosen, path, notes)
    table = _expanded(table, path, notes)
    return CodeList(
        name=str(about.get("name") or path.name.partition(".")[0]),
        table=table,
        citation=citation or str(about.get("citation") or about.get("url") or ""),
        version=version or str(about.get("version") or ""),
        origin=str(path),
        notes=tuple(notes),
    )


def _there(path: str | Path) -> Path:
    path = Path(path)
    if not path.is_file():
        beside = sorted(p.name for p in path.parent.glob("*") if p.is_file())[:8] if path.parent.is_dir() else []
        raise SchemaError(f"There is no code list {path}. The folder holds: {', '.join(beside) or 'nothing'}.")
    if path.stat().st_size == 0:
        raise SchemaError(f"The code list {path} is empty (0 bytes). Fetch it again.")
    return path


def _plain(text: object) -> str:
    """Letters and digits of a heading, in small letters."""
    return re.sub("[^a-z0-9]", "", str(text).lower())


def _text(path: Path) -> str:
    raw = path.read_bytes()
    if path.name.lower().endswith(".gz"):
        try:
            refuse_bombs(path)
            raw = gzip.decompress(raw)
        except (OSError, EOFError, zlib.error):
            raise SchemaError(f"The code list {path} is not whole. Fetch it again.") from None
    for encoding in ("utf-8-sig", "utf-16") if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else ("utf-8-sig", "cp1252"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return raw.decode("latin-1")


def _published(path: Path) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Rows of a csv or tab-separated file; lines before the headings that say what the list is are kept as that."""
    text = _text(path)
    first = text.partition("\n")[0]
    mark = max((",", "\t", ";", "|"), key=first.count) if any(m in first for m in ",\t;|") else ","
    try:
        lines = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=mark) if any(map(_cell, row))]
    except csv.Error as error:
        raise SchemaError(f"The code list {path} cannot be read: {error}. Save it as csv (UTF-8).") from None
    start = next((k for k, row in enumerate(lines[:20]) if any(_plain(c) in _CODE for c in row)), 0)
    if lines and not any(_plain(c) in _CODE for c in lines[start]) and (place := _headless(lines)) is not None:
        lines.insert(0, ["code" if k == place else "" for k in range(len(lines[0]))])
    about = {}
    for row in lines[:start]:
        key, _, value = ": ".join(filter(None, map(_cell, row))).lstrip("#").strip().partition(":")
        if key.strip().lower() in _ABOUT and value.strip():
            about[key.strip().lower()] = value.strip()
    if not lines or len(lines) == start + 1:
        raise SchemaError(f"The code list {path} has no codes below its headings. Fetch it again.")
    heads = [_cell(c) or f"column {k + 1}" for k, c in enumerate(lines[start])]
    body = [[_cell(c) for c in row[: len(heads)]] + [""] * (len(heads) - len(row)) for row in lines[start + 1 :]]
    return pd.DataFrame(body, columns=heads, dtype=str), about


def _headless(lines: Sequence[Sequence[str]]) -> int | None:
    """Place of the codes where the first line is one of them, of the form of those below it, and no headings."""
    for k, text in enumerate(map(_cell, lines[0])):
        below = [_cell(row[k]) for row in lines[1:] if k < len(row)]
        if text and any(below) and {"snomed", "icd10", "read2", "ctv3"} & set(_could_be([text, *below])):
            return k
    return None


def _cell(text: str) -> str:
    return text.strip(SPACE + '"')


def _structured(path: Path) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Rows of a TOML or JSON file: `codes` as a list, or by system; or a list of objects."""
    text = _text(path)
    try:
        # Numbers stay text: 19 digits are no float, and an integer keeps them all.
        content = (
            tomllib.loads(text, parse_float=str)
            if path.suffix.lower() == ".toml"
            else json.loads(text, parse_float=str, parse_int=str)
        )
    except (ValueError, RecursionError) as error:
        raise SchemaError(f"The code list {path} cannot be read: {error}. Mend the file.") from None
    about: dict[str, Any] = dict(content) if isinstance(content, Mapping) else {}
    codes = next((about[k] for k in ("codes", "concepts", "results", "codelist") if k in about), None)
    codes = content if isinstance(content, list) else codes
    rows: list[dict[str, str]] = []
    if isinstance(codes, Mapping):
        for system, listed in codes.items():
            if not isinstance(listed, list):
                raise SchemaError(f"The code list {path}: codes.{system} is no list. Give a list of codes.")
            rows += [{**_entry(one), "system": str(system)} for one in listed]
    elif isinstance(codes, list):
        rows = [_entry(one) for one in codes]
    if not rows:
        there = ", ".join(map(str, about)) or "no keys"
        raise SchemaError(f"The code list {path} has no list `codes`; it has {there}.")
    return pd.DataFrame(rows, dtype=str).fillna(""), about


def _entry(one: Any) -> dict[str, str]:
    if isinstance(one, Mapping):
        return {str(k): _cell(str(v)) for k, v in one.items() if v is not None}
    return {"code": _cell(str(one))}


def _headings(rows: pd.DataFrame, path: Path, named: Mapping[str, str | None]) -> dict[str, str]:
    """Heading of each column wanted; every one that the user names must be there."""
    heads = list(rows.columns)
    if absent := [f"{role}={head!r}" for role, head in named.items() if head is not None and head not in heads]:
        raise SchemaError(f"The code list {path} has no column {', '.join(absent)}; it has {', '.join(heads)}.")
    chosen: dict[str, str] = {role: head for role, head in named.items() if head is not None}
    ranked = {"code": tuple(_CODE), "term": _TERM, "category": _CATEGORY, "system": _SYSTEM, "retired": _RETIRED}
    for role, known in ranked.items():
        free = {_plain(head): head for head in reversed(heads) if head not in chosen.values()}
        if role not in chosen and (found := next((free[k] for k in known if k in free), None)):
            chosen[role] = found
    for role, parts in (("term", ("term", "desc", "name", "label")), ("category", ("categ", "group"))):
        free = {_plain(head): head for head in heads if head not in chosen.values()}
        if role not in chosen and (near := [head for plain, head in free.items() if any(p in plain for p in parts)]):
            # Of several, the one that belongs to the column of codes.
            own = [head for head in near if _plain(head).startswith(_plain(chosen.get("code", ""))[:5])]
            chosen[role] = (own or near)[0]
    if "code" not in chosen:
        likely = [head for head in heads if _could_be(list(rows[head])) and head not in chosen.values()]
        if len(likely) != 1:
            raise SchemaError(
                f"The code list {path} has no heading of codes that is known; it has {', '.join(heads)}. Say which it "
                "is: code=..."
            )
        chosen["code"] = likely[0]
    refuse_twice([head for head in heads if head in chosen.values()], f"The code list {path}")
    return chosen


def _included(rows: pd.DataFrame, chosen: Mapping[str, str], notes: list[str]) -> pd.DataFrame:
    """Rows without those that a definition of OpenCodelists excludes or leaves open."""
    head = chosen.get("retired", "")
    if _plain(head) not in ("status", "codestatus"):
        return rows
    out = rows[head].isin(_LEFT_OUT)
    if out.any():
        notes.append(
            f"{int(out.sum()):,} rows marked as excluded or undecided ({', '.join(sorted(_LEFT_OUT))}); left out"
        )
    return rows[~out]


def _medicines(rows: pd.DataFrame, chosen: Mapping[str, str], notes: list[str]) -> str:
    """Whether headings beside a column of plain numbers say that they are of dm+d, which have the form of SNOMED CT."""
    beside = _OF_DMD & {_plain(head) for head in rows.columns}
    given = rows[chosen["code"]]
    if _CODE.get(_plain(chosen["code"]), "") or not beside or not given[given != ""].str.isdecimal().all():
        return ""
    notes.append("the system dmd was recognised by the headings beside the codes")
    return "dmd"


def _systems(
    table: pd.DataFrame, stated: str, of_file: str, chosen: Mapping[str, str], path: Path, notes: list[str]
) -> list[str]:
    """System of each row: what stands beside its code, else what is stated, else what is recognised."""
    if chosen.get("system"):
        given = {
            text: _system_named(text, path.name) if text or not stated else stated for text in set(table["system"])
        }
        return [given[text] for text in table["system"]]
    if not stated:
        stated, said = _recognised(of_file, chosen["code"], path, table)
        notes += [said] if said else []
    else:
        head = chosen["code"]
        says = _system_named(of_file, path.name) if of_file else _CODE.get(_plain(head), "")
        if says not in ("", stated) and {says, stated} not in _ALIKE:
            notes.append(f"the file ({f'heading {head!r}' if not of_file else 'system'}) says {says}; read as {stated}")
    return [stated] * len(table)


def _ethnicities(given: pd.Series, head: str, notes: list[str]) -> pd.Series:
    """Ethnic groups by name where OpenSAFELY numbers them: the 16 of the census of 2001, in their order."""
    listed = code_list("ethnicity_numbered").set_index("code")["label"]
    if _plain(head) not in ("grouping16", "label16") or not given.isin(["", *listed.index]).all():
        return given
    notes.append(f"numbers in {head!r} were read as the ethnic groups of the census of 2001, in their order")
    return given.map(listed).fillna("")


def _columns(rows: pd.DataFrame, chosen: Mapping[str, str], notes: list[str]) -> pd.DataFrame:
    table = pd.DataFrame({role: rows[head] if (head := chosen.get(role)) else "" for role in COLUMNS}, index=rows.index)
    table["code"] = table["code"].str.replace(r"\s+", " ", regex=True)
    table["category"] = _ethnicities(table["category"], chosen.get("category", ""), notes)
    head = _plain(chosen.get("retired", ""))
    values = table["retired"].str.lower()
    if head in ("active", "activeinrefset", "isactive"):
        table["retired"] = values.isin(["0", "false", "no", "n", "inactive"])
    else:
        table["retired"] = ~values.isin(_NO)
    return table


_ICD10: Final = re.compile(r"[A-Z][0-9]{2}(\.?([0-9X-][0-9]?[0-9]?)?)?[DA*†+%-]?|[A-Z][0-9]{2}(\.[0-9])?-[A-Z]?[0-9.]+")
_OPCS: Final = re.compile(r"[A-Z][0-9]{2}(\.?[0-9])?[%-]?")
_READ: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9.]{4}([0-9]{2})?|[A-Za-z0-9.]{1,5}[%*]")
_BNF: Final = re.compile(r"[0-9]{6,7}[A-Z0-9]{2,8}")


def _could_be(codes: Sequence[str]) -> tuple[str, ...]:
    """Systems whose form all codes have."""
    given = [code for code in codes if code]
    if not given:
        return ()
    found = []
    if all(SNOMED.fullmatch(code) and checks(code) for code in given):
        found.append("snomed")
    if all(_ICD10.fullmatch(code) for code in given):
        found.append("icd10")
    if all(_OPCS.fullmatch(code) for code in given) and any(len(code) > 3 for code in given):
        found.append("opcs4")
    if all(_READ.fullmatch(code) for code in given) and any("." in code[2:] or code[0] == "X" for code in given):
        found.append("ctv3" if any(code[0] == "X" for code in given) else "read2")
    if all(_BNF.fullmatch(code) for code in given) and not found:
        found.append("bnf")
    # A dot in the fourth place is one of ICD-10 or OPCS-4 where four or more letters follow no other form of Read.
    dotted = [code for code in given if re.fullmatch(r"[A-Z][0-9]{2}\.[0-9X].?", code)]
    if "read2" in found and ("icd10" in found or "opcs4" in found):
        found = [s for s in found if (s == "read2") != (len(dotted) == len(given))] or found
    return tuple(found)


def _recognised(stated: str, head: str, path: Path, table: pd.DataFrame) -> tuple[str, str]:
    """System by what the file says, its heading, its name or the codes, and how it was recognised."""
    if stated:
        return _system_named(stated, path.name), ""
    codes = table["code"]
    parts = [_plain(part) for part in re.split(r"[_\s.-]+", path.name)[::-1]]
    of_name = next((s for part in parts for s, names in SYSTEMS.items() if part in names), "")
    if of_name == "dmd" and not codes[codes != ""].str.isdigit().all():
        # The same letters stand for the dictionary of medicines and for that of data.
        of_name = "nhs_dictionary"
    of_head = _CODE.get(_plain(head), "")
    if _plain(head) == "conceptid" and of_name:
        of_head = ""
    if of_head == "read2" and (of_name == "ctv3" or (codes.str.startswith("X")).any()):
        of_head = "ctv3"
    if of_head:
        return of_head, f"the system {of_head} was recognised by the heading {head!r}"
    if of_name:
        return of_name, f"the system {of_name} was recognised by the name of the file"
    found = _could_be(codes.tolist())
    if len(found) == 1:
        return found[0], f"the system {found[0]} was recognised by the form of the codes"
    could = f"They could be of {' or '.join(found)}. " if found else ""
    raise SchemaError(
        f"The code list {path} does not say of which system its codes are. {could}Say it (`system`), one of "
        f"{', '.join(SYSTEMS)}; where they are of several, in a column 'system' beside them."
    )


def _system_named(given: object, where: str) -> str:
    if found := system_named(str(given)):
        return found
    raise SchemaError(f"{where}: there is no code system {str(given)!r}. Give one of {', '.join(SYSTEMS)}.")


def _expanded(table: pd.DataFrame, path: Path, notes: list[str]) -> pd.DataFrame:
    """Codes as they are compared, ranges written out; what is no code of its system is named, or refused."""
    blank = table["code"] == ""
    if blank.any():
        notes.append(f"{int(blank.sum()):,} rows without a code")
    table = table[~blank]
    damaged: list[str] = []
    strange: list[str] = []
    rows = []
    for entry in table.itertuples(index=False):
        codes, wrong = written_out(str(entry.code), str(entry.system))
        if wrong:
            (damaged if wrong == "damaged" else strange).append(str(entry.code))
        rows += [(code, entry.term, entry.category, entry.system, entry.retired) for code in codes]
    if damaged:
        raise SchemaError(
            f"The code list {path} was damaged, as by a spreadsheet that takes codes for numbers: "
            f"{', '.join(map(repr, damaged[:5]))}{f' and {len(damaged) - 5:,} more' if len(damaged) > 5 else ''}. "
            "Fetch it again, and open it as text."
        )
    if strange:
        shown = ", ".join(map(repr, strange[:5]))
        notes.append(f"{len(strange):,} rows that do not look like codes of their system, such as {shown}; kept")
    found = pd.DataFrame(rows, columns=list(COLUMNS)).astype({"retired": bool})
    again = found.duplicated(["code", "category", "system"])
    if again.any():
        notes.append(f"{int(again.sum()):,} rows that repeat a code and category; kept once")
    if found.empty:
        raise SchemaError(f"The code list {path} has no codes in its column of codes.")
    return found[~again].reset_index(drop=True)


def compare_codelists(first: CodeList, second: CodeList) -> pd.DataFrame:
    r"""
    Which codes two lists share, and which one of them lacks.

    Parameters
    ----------
    first, second : CodeList
        The lists.

    Returns
    -------
    DataFrame
        One row a code: `system`, `code`, `term`, `where` ("both", "only NAME of first", "only NAME of second"). In
        ICD-10 and OPCS-4 a code is in both where the other list has it or a code that it begins with.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     texts = {"a": "icd10\nE10\nE11\n", "b": "icd10\nE11.9\nE14\n"}
    ...     paths = {name: Path(folder) / f"{name}.csv" for name in texts}
    ...     _ = [path.write_text(texts[name]) for name, path in paths.items()]
    ...     compared = compare_codelists(*(read_codelist(path) for path in paths.values()))
    >>> compared[["code", "where"]].to_numpy().tolist()
    [['E10', 'only a'], ['E11', 'only a'], ['E119', 'both'], ['E14', 'only b']]
    """
    one, two = first.table, second.table
    both = pd.concat([one, two]).drop_duplicates(["system", "code"]).sort_values(["system", "code"], ignore_index=True)
    names = [first.name, second.name] if first.name != second.name else [first.origin, second.origin]
    has = [[_holds(table, s, c) for s, c in zip(both["system"], both["code"], strict=True)] for table in (one, two)]
    where = ["both" if a and b else f"only {names[0]}" if a else f"only {names[1]}" for a, b in zip(*has, strict=True)]
    return both.assign(where=where)[["system", "code", "term", "where"]]


def _holds(table: pd.DataFrame, system: str, code: str) -> bool:
    codes = table.loc[table["system"] == system, "code"]
    plain = code.removesuffix("%")
    return any(
        plain == mine or (begins and plain.startswith(mine)) for mine, begins in (stem(c, system) for c in codes)
    )


def ethnic_groups(listed: CodeList) -> pd.DataFrame:
    r"""
    Ethnic group that each code of a list stands for, by the words of its category, or of its term.

    Parameters
    ----------
    listed : CodeList
        A list of codes of ethnicity.

    Returns
    -------
    DataFrame
        One row a code: `code`, `term`, `category`, `group_16` (a letter of the 16 NHS categories) and `group_5` (white,
        mixed, asian, black, other); "unknown" where the words say no group, or one that is coarser than the 16.
        Words and groups are the code list `ethnicity_labels`.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "ethnicity_Read2.csv"
    ...     _ = path.write_text("Readcode,Term,Category\n9i7..,Indian,Indian\n9SJ..,x,Not stated\n9i...,y,White\n")
    ...     ethnic_groups(read_codelist(path))[["code", "group_16", "group_5"]].to_numpy().tolist()
    [['9i7..', 'H', 'asian'], ['9SJ..', 'unknown', 'unknown'], ['9i...', 'unknown', 'white']]
    """
    labels = code_list("ethnicity_labels").to_dict("records")
    rules = [(re.compile(str(r["pattern"])), str(r["code"]), str(r["broad"])) for r in labels]
    groups = []
    for category, term in zip(listed.table["category"], listed.table["term"], strict=True):
        found = ("", "")
        for words in (category, term):
            if not found[1] and str(words).strip() and not str(words).strip().isdigit():
                plain = " ".join(re.sub(r"[^a-z ]", " ", str(words).lower()).split())
                found = next(((code, broad) for pattern, code, broad in rules if pattern.search(plain)), ("", ""))
        groups.append((found[0] or "unknown", found[1] or "unknown"))
    table = listed.table[["code", "term", "category"]].copy()
    table[["group_16", "group_5"]] = groups
    return table


def groups_lacking(groups: pd.DataFrame) -> list[str]:
    """
    NHS ethnic categories for which a list has no code, so that the list alone can never record them.

    Parameters
    ----------
    groups : DataFrame
        From `ethnic_groups`.

    Returns
    -------
    list of str
        "N African" and the like, in the order of the categories.

    Examples
    --------
    >>> groups_lacking(pd.DataFrame({"group_16": list("ABCDEFGHJKLMRS")}))
    ['N African', 'P Any other Black background']
    """
    known = code_list("ethnicity_nhs")
    known = known[(known["known"] == "1") & ~known["code"].isin(groups["group_16"])]
    return [f"{code} {label}" for code, label in zip(known["code"], known["label"], strict=True)]
