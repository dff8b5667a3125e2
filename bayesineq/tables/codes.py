"""Code lists that ship as csv under data_schema/codes."""

from __future__ import annotations

import pandas as pd

from bayesineq.errors import SchemaError
from bayesineq.shipped import folder


def code_list(name: str) -> pd.DataFrame:
    """
    Read a code list.

    Parameters
    ----------
    name : str
        Name of a file in `data_schema/codes`, without its ending.

    Returns
    -------
    DataFrame
        Its rows, every column text, the empty text where a cell is empty.

    Raises
    ------
    SchemaError
        There is no such list; the message names those there are.

    Examples
    --------
    >>> code_list("ethnicity_broad")["code"].tolist()
    ['asian', 'black', 'mixed', 'white', 'other']
    """
    path = folder("data_schema") / "codes" / f"{name}.csv"
    if not path.is_file():
        there = ", ".join(sorted(p.stem for p in path.parent.glob("*.csv")))
        raise SchemaError(f"There is no code list {name!r}. Give one of {there}.")
    return pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8")
