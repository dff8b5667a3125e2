"""Topic summaries of Census 2021 by small area, as Nomis publishes them in bulk."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pandas as pd

from bayesineq.dims import AREA
from bayesineq.errors import SchemaError
from bayesineq.tables.codes import code_list
from bayesineq.tables.files import read_table
from bayesineq.tables.findings import Finding, failing, raise_findings
from bayesineq.tables.sheets import titled

TOTAL: Final = "total"
MEASURE: Final = "; measures: Value"
"""What one of the two published header styles adds to every title."""

GEOGRAPHY: Final = {AREA: "geography code", "area_name": "geography"}
AREA_CODE: Final = "^[EW][0-9]{8}$"


def _parents(titles: list[str]) -> dict[str, list[str]]:
    """Children of every title that another title continues after a colon."""
    parents = {}
    for title in titles:
        children = [other for other in titles if other.startswith(f"{title}: ")]
        if children:
            parents[title] = children
    return parents


def _sums(table: pd.DataFrame, whole: str, parts: list[str], tolerance: int) -> list[Finding]:
    difference = table[parts].sum(axis=1) - table[whole]
    problem = f"its {len(parts)} parts do not add up to it"
    remedy = "Fetch the file again; where a publisher perturbed the parts one by one, say so with `tolerance`."
    shown = table[AREA] + ": " + difference.map("{:+d}".format)
    return failing(difference, difference.abs() > tolerance, problem, remedy, column=whole, shown=shown)


def read_census(path: str | Path, table: str, *, tolerance: int = 0) -> pd.DataFrame:
    """
    Read a topic summary by area: TS007A (age), TS008 (sex), TS011, TS021 (ethnicity), TS037 (health) or TS045 (cars).

    Every person or household is counted once. A published column is a *parent*, and is left out, where its title
    followed by a colon begins the title of another one: in TS021 "White" is the parent of "White: Irish". The total
    is kept as `total`. Before a parent is left out its children must add up to it, and all that remain must add up
    to the total. Within one table of Census 2021 they do so exactly; between tables totals differ by a few people,
    because counts are perturbed against disclosure.

    Parameters
    ----------
    path : str or Path
        A bulk file of Nomis (csv or csv.gz), in either style of header (with and without "; measures: Value").
    table : str
        Code of the topic summary, such as "TS021".
    tolerance : int, optional
        People or households by which sums may differ from their total in an area.

    Returns
    -------
    DataFrame
        `area`, `area_name`, `total` and one column of counts (int64) for each category, named as in the code list
        `census_2021_columns`: TS007A gives age bands ("00-04"), TS021 the 19 codes of `ethnicity_census_2021`.
        `attrs` holds `table` and `vintage` ("2021").

    Raises
    ------
    SchemaError
        The file holds another table, a category is missing or new, or its numbers do not add up.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "ts008.csv"
    ...     counts = {"Sex: All persons": [15], "Sex: Female": [8], "Sex: Male": [7]}
    ...     published = {"date": [2021], "geography": ["Somewhere 001A"], "geography code": ["E01000001"]} | counts
    ...     pd.DataFrame(published).to_csv(path, index=False)
    ...     read_census(path, "TS008")
            area       area_name  total  female  male
    0  E01000001  Somewhere 001A     15       8     7
    """
    codes = code_list("census_2021_columns")
    wanted = codes[codes["table"] == table]
    if wanted.empty:
        raise SchemaError(f"No columns are known for {table!r}. Known: {', '.join(codes['table'].unique())}.")
    frame = read_table(path, text=["geography", "geography code"])
    frame.columns = pd.Index([" ".join(str(title).replace(MEASURE, "").split()) for title in frame.columns])
    place = titled(frame, GEOGRAPHY, path)
    frame = frame.rename(columns=place)
    titles = [title for title in frame.columns if title not in (*GEOGRAPHY, "date")]
    variable = str(wanted["title"].iloc[0]).split(":")[0]
    parents = _parents(titles)
    leaves = [title for title in titles if title not in parents]
    absent = [title for title in wanted["title"] if title not in leaves]
    new = [title for title in leaves if title not in set(wanted["title"])]
    if absent or new:
        findings = [Finding("", "categories that are missing", "", values=absent)] if absent else []
        findings += [Finding("", "categories that are not in the code list", "", values=new)] if new else []
        raise_findings(findings, f"{path} is not {table} ({variable}) as published; it has {titles[:1]}:")
    findings = _counts(frame, titles)
    raise_findings(findings, f"{path} does not hold counts (rows are as in the file: the header is row 1):")
    names = dict(zip(wanted["title"], wanted["column"], strict=True))
    total = next(title for title, name in names.items() if name == TOTAL)
    for parent, children in parents.items():
        findings += _sums(frame, parent, children, tolerance)
    findings += _sums(frame, total, [title for title in leaves if title != total], tolerance)
    raise_findings(findings, f"{path} does not add up (rows are as in the file: the header is row 1):")
    result = frame[[*GEOGRAPHY, *names]].rename(columns=names)
    result = result.astype(dict.fromkeys(names.values(), "int64")).reset_index(drop=True)
    result.attrs = {"table": table, "vintage": "2021"}
    return result


def _counts(frame: pd.DataFrame, titles: list[str]) -> list[Finding]:
    codes = frame[AREA].rename(GEOGRAPHY[AREA])
    shape = ~codes.fillna("").str.fullmatch(AREA_CODE)
    findings = failing(codes, shape, "not an area code of England or Wales", "Fetch the file again.")
    findings += failing(codes, codes.duplicated() & ~shape, "stands more than once", "Keep one row for each area.")
    for title in titles:
        numbers = pd.to_numeric(frame[title], errors="coerce")
        wrong = ~((numbers >= 0) & (numbers % 1 == 0))
        findings += failing(frame[title], wrong, "not a count", "Fetch the file again; it may be cut short.")
    return findings
