"""What a blank is, once for csv, parquet, data frames and every engine, and how texts are trimmed."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

MISSING: Final = (
    "", "NA", "N/A", "n/a", "na", "#N/A", "<NA>", "NaN", "nan", "NAN", "NaT", "NULL", "Null", "null", "None",
)  # fmt: skip
"""Texts that stand for a missing value, in the letters listed, where no schema of the user's own says otherwise."""

_SPACES: Final = (*range(9, 14), *range(28, 33), 0x85, 0xA0, 0x1680, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000)
_INVISIBLE: Final = (0xAD, 0x180E, *range(0x2000, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2070), 0xFEFF)
SPACE: Final = "".join(map(chr, (*_SPACES, *_INVISIBLE)))
"""Characters that nobody sees at the ends of a text: spaces of every width, marks of direction and of byte order."""


def trimmed(value: Any) -> str:
    r"""
    Text of a cell without what nobody sees at its ends.

    Examples
    --------
    >>> trimmed("\u00a0A\u200b "), trimmed(None), trimmed(99.0)
    ('A', '', '99')
    """
    if (
        value is None
        or value is pd.NA
        or value is pd.NaT
        or (isinstance(value, (float, np.floating)) and value != value)
    ):
        return ""
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        return str(int(value))
    return str(value).strip(SPACE)


def is_blank(column: pd.Series, missing: Collection[str] = MISSING) -> NDArray[np.bool_]:
    """Which cells say nothing. Shapes: returns (n_row,)."""
    absent: NDArray[np.bool_] = column.isna().to_numpy(dtype=bool)
    if _may_hold_text(column.dtype):
        # Millions of rows hold few texts: each is looked at once.
        values = column.astype(object)
        try:
            place, given = pd.factorize(values)
        except TypeError:
            # Lists and the like, as a parquet file may hold them, are no texts.
            place, given = pd.factorize(values.where(values.map(lambda value: isinstance(value, str)), None))
        texts = np.array([isinstance(value, str) and trimmed(value) in missing for value in given], dtype=bool)
        if texts.any():
            absent = absent | np.append(texts, False)[place]
    return absent


def blanked(table: pd.DataFrame, missing: Collection[str] = MISSING) -> pd.DataFrame:
    """A table in which every text that stands for a missing value is missing."""
    changed = {}
    for k, dtype in enumerate(table.dtypes):
        if _may_hold_text(dtype):
            column = table.iloc[:, k]
            if (absent := is_blank(column, missing) & column.notna().to_numpy()).any():
                changed[k] = column.mask(absent)
    if not changed:
        return table
    parts = [changed.get(k, table.iloc[:, k]) for k in range(table.shape[1])]
    return pd.concat(parts, axis=1).set_axis(table.columns, axis=1)


def _may_hold_text(dtype: Any) -> bool:
    return pd.api.types.is_object_dtype(dtype) or isinstance(dtype, (pd.StringDtype, pd.CategoricalDtype))
