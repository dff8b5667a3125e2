"""Sets of rules for disclosure, which are data: a TOML file each, shipped or the user's own."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from bayesineq.disclosure.rule import Disclosure, Perturbation, Rule
from bayesineq.errors import DisclosureError
from bayesineq.shipped import card_of, card_path, card_text

TEN_FIVE: Final = "10-5"
_MOST_COUNT: Final = 750
_KEYS: Final = 256
_KINDS: Final[dict[str, tuple[type, ...]]] = {
    "name": (str,),
    "about": (str,),
    "source": (str,),
    "withhold_up_to": (int,),
    "withhold_zero": (bool,),
    "round_to": (int,),
    "rounding": (str,),
    "degrees_of_freedom": (int,),
    "perturbation": (str,),
}
_NAMED: Final = {str: "text", int: "whole number", bool: "true or false"}
SHIPPED: Final = ("models/disclosure",)
"""Folder of the sets of rules that ship with the package."""
_NEEDED: Final = ("name", "about", "withhold_up_to", "round_to")


def rule_of(disclosure: Disclosure) -> Rule:
    """
    The rule that is meant.

    Parameters
    ----------
    disclosure : Rule, str or Path
        A rule, which is given back; the name of a set that ships, such as "hes"; or the path of a TOML file: `name`,
        `about`, `withhold_up_to`, `round_to`, and where wanted `source`, `withhold_zero`, `rounding` ("nearest" or
        "midpoint"), `degrees_of_freedom` and `perturbation` ("10-5", or the path of a table beside it).

    Returns
    -------
    Rule
        The rule.

    Raises
    ------
    DisclosureError
        There is no such set, or the file is none; every failure of it is named.

    Examples
    --------
    >>> print(rule_of("uk_llc"))
    Counts from 0 to 9 are suppressed and shown as *; models need 10 degrees of freedom.
    """
    if isinstance(disclosure, Rule):
        return disclosure
    path = card_path(disclosure, SHIPPED, "set of rules", DisclosureError)
    return _read(path, card_text(path, "set of rules", DisclosureError))


@lru_cache(maxsize=32)
def _read(path: Path, text: str) -> Rule:
    raw = card_of(text, str(path), "set of rules", DisclosureError)
    wrong = [f"{name} is missing" for name in _NEEDED if name not in raw]
    for name, value in raw.items():
        if name not in _KINDS:
            wrong.append(f"{name} is not known; known are {', '.join(_KINDS)}")
        elif type(value) not in _KINDS[name]:
            wrong.append(f"{name} is {value!r}, which is no {_NAMED[_KINDS[name][0]]}")
    if wrong:
        raise DisclosureError(f"the rules {str(path)!r} do not stand: {'; '.join(wrong)}")
    return _rule(path, raw)


def _rule(path: Path, raw: dict[str, Any]) -> Rule:
    table = raw.get("perturbation")
    try:
        return Rule(
            raw["withhold_up_to"],
            raw["round_to"],
            raw.get("withhold_zero", False),
            raw.get("rounding", "nearest"),
            raw.get("degrees_of_freedom", 0),
            None if table is None else ten_five() if table == TEN_FIVE else read_perturbation(path.parent / table),
            raw["name"],
        )
    except DisclosureError as error:
        raise DisclosureError(f"the rules {str(path)!r} do not stand: {error}") from error


@lru_cache(maxsize=1)
def ten_five() -> Perturbation:
    """The 10-5 table: what is below 10 goes to 0, and all else to the nearest 5, whatever the key."""
    count = np.arange(1, _MOST_COUNT + 1)
    added = np.where(count < 10, 0, (count + 2) // 5 * 5) - count
    return Perturbation(np.repeat(added[:, None], _KEYS, axis=1))


def read_perturbation(path: str | Path) -> Perturbation:
    """
    Read a table of perturbations as the Office for National Statistics lays it out.

    Parameters
    ----------
    path : str or Path
        csv with columns `pcv` (a count from 1 on), `ckey` (from 0 on) and `pvalue`, one row for each pair.

    Returns
    -------
    Perturbation
        What is added.

    Raises
    ------
    DisclosureError
        The file cannot be read, or is not such a table.
    """
    try:
        table = pd.read_csv(path)[["pcv", "ckey", "pvalue"]].astype(np.int64)
    except (OSError, KeyError, ValueError) as error:
        raise DisclosureError(f"{str(path)!r} is no table with whole numbers pcv, ckey and pvalue: {error}") from error
    most, keys = int(table["pcv"].max()), int(table["ckey"].max()) + 1
    pairs = table.drop_duplicates(["pcv", "ckey"])
    if table[["pcv", "ckey"]].min().tolist() != [1, 0] or len(pairs) != len(table) or len(table) != most * keys:
        raise DisclosureError(
            f"{str(path)!r}: pcv goes from 1 and ckey from 0 without a gap, each pair once; given {len(table):,} rows "
            f"up to pcv {most} and ckey {keys - 1}"
        )
    added = table.sort_values(["pcv", "ckey"])["pvalue"].to_numpy().reshape(most, keys)
    return Perturbation(added, min(250, most))
