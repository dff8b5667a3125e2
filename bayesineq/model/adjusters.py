"""What adjusts a comparison: the columns that a card says are held equal, or those of age and sex by their names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from bayesineq.model.card import Term

_AGE_OR_SEX: Final = frozenset({"age", "aged", "ages", "ageband", "agegroup", "sex", "gender"})
_YEARS: Final = re.compile(
    r"(?:^|_)(?:over|under|aged?)_?\d{1,3}(?:_|$)|(?:^|_)\d{1,3}_?(?:plus|and_over|and_under)(?:_|$)"
)


def adjusters_by_name(terms: Sequence[Term]) -> tuple[str, ...]:
    """
    Columns that adjust where a card does not say what does.

    Returns: those whose name holds a word for age or sex, or names years of age: `age_band`, `sex`,
    `aged_65_and_over`, `share_over_75`, `pct_65plus`.
    """
    folded = {name: name.casefold() for name in _columns(terms)}
    return tuple(name for name, text in folded.items() if _AGE_OR_SEX & set(text.split("_")) or _YEARS.search(text))


def read_adjusters(given: object, terms: Sequence[Term], wrong: list[str]) -> tuple[str, ...] | None:
    """Read the key `adjust` of a card."""
    if given is None:
        return None
    if not isinstance(given, list) or not all(isinstance(name, str) for name in given) or len(set(given)) < len(given):
        wrong.append(f'adjust: is {given!r}; list each column once, such as ["age_band", "sex"], or [] for none')
        return None
    known = _columns(terms)
    wrong += [f"adjust: no term stands on {name!r}; allowed are {sorted(known)}" for name in given if name not in known]
    return tuple(given)


def _columns(terms: Sequence[Term]) -> list[str]:
    """Columns of terms, once each; areas are compared and never held equal."""
    places = {term.by[0] for term in terms if term.is_spatial and term.by}
    return [name for name in dict.fromkeys(c for t in terms for c in t.columns) if name not in places]
