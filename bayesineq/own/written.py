"""What `start` writes: a card, a mapping and a script, to be read, edited and run."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pandas as pd

from bayesineq.dims import AGE, AREA, DECILE, DEPRIVATION, ETHNICITY, QUINTILE, SEX, MoreIs
from bayesineq.own.layout import (
    COUNT,
    ENDS,
    ERROR,
    EXPECTED,
    NUMBERS,
    PEOPLE,
    VALUE,
    YEARS,
    beside,
    layout_text,
    quoted,
)
from bayesineq.replacing import write_folder
from bayesineq.tables.recognise import YEAR, plain_title

if TYPE_CHECKING:
    from bayesineq.own.start import Started

_WORDS: Final = {
    DECILE: "deprivation",
    QUINTILE: "deprivation",
    ETHNICITY: "ethnic group",
    AGE: "age",
    SEX: "sex",
    YEAR: "year",
}
_MANY, _FEW = 40, 3
"""Levels of age, and years, up to which each has an effect of its own without a prior of what they have in common."""
_REPEATED: Final = re.compile(
    r"\b(adms?|admi\w+|readmi\w+|attend\w+|appointments?|booked|visits?|contacts?|events?|stays?|spells?|bed)\b"
)


def card_text(table: pd.DataFrame, title: str, more_is: MoreIs, *, among: str, spatial: bool) -> str:
    """A card for a table of a study; `among`: title of the column of people."""
    dims = [name for name in table.columns if name not in (*NUMBERS, *ENDS)]
    words = re.sub(r"\s+", " ", title.replace("_", " ")).strip()
    asked = " and ".join(dict.fromkeys(_WORDS[dim] for dim in dims if dim in (*DEPRIVATION, ETHNICITY)))
    by = f" by {asked}" if asked else ""
    between = (", and between areas" if by else " between areas") if AREA in dims else ""
    held = [dim for dim in (AGE, SEX, YEAR) if dim in dims and _varies(table, dim)]
    if by and YEAR in held:
        between = f", how has that changed over the years{between}"
    lines = [
        f"name     = {quoted('_'.join(re.findall('[a-z0-9]+', plain_title(title))) or 'outcome')}",
        f"question = {quoted(f"How does '{words}' differ{by}{between}?")}",
        f"adjust   = [{', '.join(map(quoted, held))}]  # held equal when groups and areas are compared",
        "",
        "[outcome]",
        f"name       = {quoted(words)}  # in words, for the report",
        *_outcome(table, title, among),
        f"more_is    = {quoted(more_is)}",
        "",
        "[terms]",
        *_terms(table, dims, spatial),
        "",
        "[use]",
        'intended = "Describe and compare groups and places; rank areas only with exceedance probabilities."',
        'not_for  = "Decisions about one person; causes."',
    ]
    return "\n".join(lines) + "\n"


def _outcome(table: pd.DataFrame, title: str, among: str) -> list[str]:
    if VALUE in table.columns:
        people = [f'population = "{PEOPLE}"'] if PEOPLE in table.columns else []
        return [f'value      = "{VALUE}"', f'standard_error = "{ERROR}"', *people, 'likelihood = "estimate_with_error"']
    ends = zip(("lower", "upper"), ENDS, strict=True)
    count = (
        [f'{role}      = "{name}"' for role, name in ends] if ENDS[0] in table.columns else [f'count      = "{COUNT}"']
    )
    for name, role in ((EXPECTED, "expected"), (YEARS, "exposure")):
        if name in table.columns:
            people = [f'population = "{PEOPLE}"'] if PEOPLE in table.columns and role == "expected" else []
            return [*count, f'{role}   = "{name}"', *people, 'likelihood = "poisson"']
    if _REPEATED.search(plain_title(title)) and not _REPEATED.search(plain_title(among)):
        # One person may have several; one appointment is missed or not.
        return [*count, f'exposure   = "{PEOPLE}"', 'likelihood = "poisson"  # one person may have several']
    return [*count, f'at_risk    = "{PEOPLE}"', 'likelihood = "binomial"']


def _terms(table: pd.DataFrame, dims: list[str], spatial: bool) -> list[str]:
    several = [dim for dim in dims if _varies(table, dim)]
    depriv = next((dim for dim in DEPRIVATION if dim in several), None)
    lines = []
    pair = [dim for dim in (AGE, SEX) if dim in several]
    if pair and all(table[dim].nunique() <= _MANY for dim in pair):
        zero = ", ".join(_level(_commonest(table, dim)) for dim in pair)
        name, by = "_".join(dim.removesuffix("_band") for dim in pair), ", ".join(map(quoted, pair))
        lines.append(f'{name:12} = {{ kind = "fixed", by = [{by}], reference = [{zero}] }}')
    elif pair:
        lines += [f'{dim.removesuffix("_band"):12} = {{ kind = "exchangeable", by = "{dim}" }}' for dim in pair]
    if depriv:
        lines.append(f'deprivation  = {{ kind = "random_walk", by = "{depriv}" }}  # 1 is the most deprived')
    if ETHNICITY in several:
        lines.append('ethnic_group = { kind = "exchangeable", by = "ethnicity" }')
    if depriv and ETHNICITY in several:
        lines.append(f'deprivation_ethnic_group = {{ kind = "exchangeable", by = ["{depriv}", "ethnicity"] }}')
    if YEAR in several:
        first = _level(sorted(table[YEAR].unique())[0])
        walk = f'time         = {{ kind = "random_walk", by = "{YEAR}" }}'
        fixed = f'time         = {{ kind = "fixed", by = ["{YEAR}"], reference = [{first}] }}'
        lines.append(fixed if table[YEAR].nunique() <= _FEW else walk)
        if depriv:
            lines.append(f'deprivation_time = {{ kind = "exchangeable", by = ["{depriv}", "{YEAR}"] }}')
    if AREA in several:
        place = f'place        = {{ kind = "exchangeable", by = "{AREA}" }}'
        lines.append(f'place        = {{ kind = "bym2", by = "{AREA}" }}' if spatial else place)
    return lines


def _varies(table: pd.DataFrame, dim: str) -> bool:
    return len(table[dim].unique()) > 1


def _commonest(table: pd.DataFrame, dim: str) -> object:
    weight = table[PEOPLE] if PEOPLE in table.columns else pd.Series(1, table.index)
    return weight.groupby(table[dim]).sum().idxmax()


def _level(value: object) -> str:
    return quoted(value) if isinstance(value, str) else str(value)


def write_start(begun: Started, file: str | Path, folder: str | Path, areas: str | Path | None = None) -> list[Path]:
    """
    Write what `start` made of a file: `mapping.toml`, `card.toml` and `study.py`.

    Parameters
    ----------
    begun : Started
        Of the file.
    file : str or Path
        The table.
    folder : str or Path
        Where to write; made if it is not there. Files that were edited since are left, and an error says so.
    areas : str or Path, optional
        Boundaries, for neighbours and a map.

    Returns
    -------
    list of Path
        The files.

    Raises
    ------
    BayesineqError
        If the folder cannot be written, or a file in it was edited.

    Examples
    --------
    >>> import tempfile
    >>> from bayesineq.own import start
    >>> with tempfile.TemporaryDirectory() as name:
    ...     file = Path(name) / "mine.csv"
    ...     rows = {"Ward": ["Abbey", "Castle"], "Deaths": [9, 4], "Pop": [900, 800]}
    ...     pd.DataFrame(rows).to_csv(file, index=False)
    ...     [path.name for path in write_start(start(file), file, Path(name) / "study")]
    ['mapping.toml', 'card.toml', 'study.py']
    """
    source, target = Path(file), Path(folder)
    layout = beside(begun.layout, source, target)
    texts = {
        "mapping.toml": layout_text(layout, source.name),
        "card.toml": f"# A model of {source.name}, made by `bayesineq start`. Edit it.\n{begun.card.source}",
        "study.py": script_text(begun, source, target, None if areas is None else Path(areas)),
    }
    write_folder(target, {name: text.encode("utf-8") for name, text in texts.items()})
    return [target / name for name in texts]


def script_text(begun: Started, source: Path, folder: Path, areas: Path | None) -> str:
    """A script that runs as it is."""
    dims = [dim for dim in begun.card.dims if dim not in begun.card.adjusters]
    by = next((dim for dim in (*DEPRIVATION, ETHNICITY) if dim in dims), None)
    first = next((dim for dim in dims), AREA)
    seen = Path(os.path.relpath(areas.resolve(), folder.resolve())).as_posix() if areas is not None else ""
    lines = [
        f'"""{begun.card.outcome.name} of {source.name}: from the table to a report."""'.replace("\\", "/"),
        "",
        "from pathlib import Path",
        "",
        "import bayesineq as bi",
        "",
        "here = Path(__file__).parent",
        'table = bi.own.read_mapped(here / "mapping.toml")  # or another file of the same columns as a second argument',
        'card = bi.read_card(here / "card.toml")',
        *([f"areas = bi.read_areas(here / {seen!r})",
           'areas = areas[areas["area"].isin(table["area"])]',
           "post = bi.fit(bi.design(table, card, adjacency=bi.contiguity(areas)), seed=1)"] if seen
          else ["post = bi.fit(bi.design(table, card), seed=1)"]),
        'bi.save(post, here / "fit.nc")',
        "print(bi.verdict(post))",
        f'print(bi.inequality(post, by="{by or first}"))  # small counts are withheld in the report, not here',
        f'bi.write_report(post, {"areas" if seen else "None"}, here / "report.html")',
    ]  # fmt: skip
    return "\n".join(lines) + "\n"
