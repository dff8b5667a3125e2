"""Small counts: which may be shown, and how. Pure functions of numbers, the last gate before anything is published."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bayesineq.dims import FEW
from bayesineq.errors import DisclosureError

if TYPE_CHECKING:
    import pandas as pd

SUPPRESSED: Final = "*"
"""What is shown in place of a suppressed count."""


@dataclass(frozen=True, slots=True, eq=False)
class Perturbation:
    """
    What is added to a count, by the count and by the key of its cell.

    Parameters
    ----------
    added : ndarray of int, shape (n_count, n_key)
        Row k is of a count of k + 1; larger counts use the last `again` rows over and over.
    again : int
        How many rows are used again.
    """

    added: NDArray[np.int64]
    again: int = 250

    def of(self, count: NDArray[np.int64], key: NDArray[np.int64]) -> NDArray[np.int64]:
        """What is added to counts of cells with these keys, shapes (n,); nothing to a count of 0."""
        most = len(self.added)
        row = np.where(count <= most, count, (count - 1) % self.again + most - self.again + 1)
        return np.where(count > 0, self.added[np.maximum(row, 1) - 1, key], 0)

    @property
    def needs_keys(self) -> bool:
        """Whether it matters which key a cell has."""
        return bool((self.added != self.added[:, :1]).any())


@dataclass(frozen=True, slots=True, eq=False)
class Earlier:
    """
    What was published before, which a rule heeds, see `rule_after`.

    Parameters
    ----------
    folder : Path
        Where it is.
    withheld : frozenset
        Cells that it withholds: dimensions in order, and their codes.
    differ : int or None
        By how many people it differs at most from what is published now, as a reader may know; None tries 0 and 1.
    known : DataFrame or None
        What readers know beforehand.
    names : callable or None
        Gives what pages call the levels of a dimension.
    """

    folder: Path
    withheld: frozenset[tuple[tuple[str, ...], tuple[str, ...]]]
    differ: int | None = None
    known: pd.DataFrame | None = None
    names: Callable[[str, Sequence[object]], list[str]] | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """
    Rule for publishing counts of people or events.

    Parameters
    ----------
    threshold : int
        Counts from 1 to this are suppressed.
    base : int
        Other counts are rounded to the nearest multiple of this; 1 leaves them as they are. Rates of fewer than
        this are withheld: made of rounded counts, they would be another rate.
    zeros : bool
        Whether 0 is suppressed too.
    rounding : {"nearest", "midpoint"}
        To the nearest multiple of the base, or to the middle of each `base` counts: with 6, 1 to 6 become 3.
    degrees_of_freedom : int
        Parameters of a model with fewer residual degrees of freedom are not published.
    perturbation : Perturbation or None
        What is added to counts of people who have record keys, see `perturbed_counts`.
    name : str
        Of the set that this is from, such as "hes".
    earlier : Earlier or None
        What was published before: groups that it withholds are withheld again, see `rule_after`.

    Raises
    ------
    DisclosureError
        If one of them is not sensible.

    References
    ----------
    NHS England, Hospital Episode Statistics: statistical disclosure control (sub-national counts of 1 to 7 are
    suppressed, all others rounded to the nearest 5).
    """

    threshold: int = FEW
    base: int = 5
    zeros: bool = False
    rounding: Literal["nearest", "midpoint"] = "nearest"
    degrees_of_freedom: int = 0
    perturbation: Perturbation | None = None
    name: str = ""
    earlier: Earlier | None = None

    def __post_init__(self) -> None:
        numbers = {"threshold": self.threshold, "base": self.base, "degrees_of_freedom": self.degrees_of_freedom}
        wrong = [
            f"{name}={given!r} is no whole number" for name, given in numbers.items() if not isinstance(given, Integral)
        ]
        wrong += [] if isinstance(self.zeros, bool | np.bool_) else [f"zeros={self.zeros!r} is not True or False"]
        if wrong:
            raise DisclosureError("; ".join(wrong))
        if self.threshold < 0 or self.base < 1 or self.degrees_of_freedom < 0:
            raise DisclosureError(
                f"threshold={self.threshold}, base={self.base}, degrees_of_freedom={self.degrees_of_freedom}: the "
                "threshold and the degrees of freedom are 0 or more and the base 1 or more"
            )
        if self.rounding not in ("nearest", "midpoint") or (self.rounding == "midpoint" and self.base % 2):
            raise DisclosureError(
                f"rounding={self.rounding!r}, base={self.base}: it is 'nearest', or 'midpoint' with an even base"
            )
        if self.zeros and not self.threshold:
            raise DisclosureError("zeros=True with threshold=0: where zero is withheld, so are counts from 1 on")

    @property
    def few(self) -> int:
        """The largest count of which a rate is withheld: the threshold, or what no rounded count stands for."""
        return max(self.threshold, self.base if self.rounding == "midpoint" else self.base - 1)

    @property
    def exact(self) -> Rule:
        """The rule for rates, where a reader may know every shown count as it is."""
        return Rule(self.few, 1, self.zeros)

    @property
    def possible(self) -> int:
        """How many counts a withheld number may stand for at least: that is what the rule promises."""
        return self.threshold + self.zeros

    def limits(self, shown: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Least and most whole count that each shown number may stand for, shape (...)."""
        value = np.asarray(shown, dtype=np.float64)
        half, middle = self.base // 2, self.rounding == "midpoint"
        low = np.maximum(value - half + middle, np.where(value > 0, self.threshold + 1, 0))
        return low, np.where(value > 0, value + half, half if half > self.threshold and not middle else 0.0)

    def __str__(self) -> str:
        least, middle = 0 if self.zeros else 1, self.rounding == "midpoint"
        hidden = f"counts from {least} to {self.threshold} are suppressed and shown as {SUPPRESSED}"
        other = "other counts" if self.threshold else "counts"
        as_is = "" if self.threshold else "shown as they are"
        nearest = f"rounded to the nearest {self.base}" if self.base > 1 else as_is
        shown = f"shown as the middle of {self.base} (1 to {self.base} as {self.base // 2})" if middle else nearest
        rates = f"rates of {f'1 to {self.base}' if middle else f'fewer than {self.base}'} are withheld"
        parts = [
            hidden if self.threshold else "",
            f"{other} are {shown}" if shown else "",
            rates if self.few > self.threshold else "",
            f"models need {self.degrees_of_freedom} degrees of freedom" if self.degrees_of_freedom else "",
        ]
        said = "; ".join(filter(None, parts))
        return f"{said[0].upper()}{said[1:]}."


type Disclosure = Rule | str | Path
"""A rule, the name of a set of rules that ships (such as "hes"), or the path of one's own."""

DEFAULT_RULE: Final = Rule()


def is_small(count: ArrayLike, rule: Rule = DEFAULT_RULE) -> NDArray[np.bool_]:
    """
    Tell which counts are too small to be shown.

    A modelled count need not be whole, and is judged by the whole number nearest to it. A count that is negative or not
    finite is a `DisclosureError`.

    Examples
    --------
    >>> is_small([0, 1, 7, 7.4, 7.6, 8]).tolist()
    [False, True, True, True, False, False]
    """
    counts = np.asarray(count, dtype=np.float64)
    if (bad := ~(np.isfinite(counts) & (counts >= 0))).any():
        raise DisclosureError(
            f"{int(bad.sum())} counts are negative or not finite, the first {counts[bad][0]}; "
            "give counts, and mark what is missing before this step"
        )
    whole = np.floor(counts + 0.5)
    # A modelled count between 0 and 1/2 stands for somebody too, so only a true zero is shown as one.
    return np.asarray(((counts > 0) | rule.zeros) & (whole <= rule.threshold))


def rounded(count: ArrayLike, rule: Rule = DEFAULT_RULE) -> NDArray[np.float64]:
    """
    Counts as a rule rounds them, wherever they are shown: half-way up, or to the middle of each `base`.

    Shape (...).

    Examples
    --------
    >>> rounded([12, 12.5, 1234], Rule()).tolist()
    [10.0, 15.0, 1235.0]
    >>> rounded([0, 6, 7], Rule(0, 6, rounding="midpoint")).tolist()
    [0.0, 3.0, 9.0]
    """
    return on_grid(np.asarray(count, dtype=np.float64), rule.base, rule)


def on_grid(count: NDArray[np.float64], step: ArrayLike, rule: Rule) -> NDArray[np.float64]:
    """Counts on a grid of another step than the base, as the rule rounds them."""
    step = np.asarray(step, dtype=np.float64)
    if rule.rounding == "midpoint":
        return np.asarray(np.ceil(count / step) * step - (count > 0) * step / 2)
    return np.asarray(np.floor(count / step + 0.5) * step)


def shown_count(count: float, rule: Rule = DEFAULT_RULE) -> str:
    """
    Write one count as it may be published.

    "*" stands for a small count.

    Examples
    --------
    >>> [shown_count(n) for n in (0, 7, 8, 12, 13, 1234)]
    ['0', '*', '10', '10', '15', '1,235']
    """
    return SUPPRESSED if bool(is_small(count, rule)) else f"{int(rounded(count, rule)):,}"


def implied_small(rate: ArrayLike, population: ArrayLike, rule: Rule = DEFAULT_RULE) -> NDArray[np.bool_]:
    """
    Tell where a rate shown beside its denominator would give a small count away.

    True where the denominator, or rate times denominator, is small; a rate of NaN is none. Shapes (...).

    Notes
    -----
    Pooling in a model does not exempt a rate: with a tight interval and a published denominator, rate times
    denominator is the count.
    """
    people = np.asarray(population, dtype=np.float64)
    events = np.nan_to_num(np.asarray(rate, dtype=np.float64)) * people
    return is_small(people, rule) | is_small(events, rule)


def shown_values(count: ArrayLike, rule: Rule, hidden: NDArray[np.bool_]) -> list[int | None]:
    """
    Rounded counts, None where they are withheld.

    None where they are withheld: `hidden`, shape (n,), must hold every small count, or it is a `DisclosureError`.
    """
    values = np.asarray(count, dtype=np.float64)
    if (is_small(values, rule) & ~hidden).any():
        raise DisclosureError("a small count is not withheld; hide at least is_small(count)")
    return [None if hide else int(v) for v, hide in zip(rounded(values, rule), hidden, strict=True)]


def safe_decimals(population: ArrayLike, rule: Rule = DEFAULT_RULE) -> NDArray[np.int64]:
    """
    Most decimals of a rate at which it tells its count no closer than the rounding of counts does.

    Decimals of events per person; 0 or less where not even one is safe. A percentage has two fewer.

    Notes
    -----
    A rate shown to d decimals and a denominator N give the count to within N 10^-d, which must not be less than the
    base: for base 5, tenths of a percent from N = 5,000.

    Examples
    --------
    >>> safe_decimals([40, 500, 4_999, 5_000]).tolist()
    [0, 2, 2, 3]
    """
    people = np.asarray(population, dtype=np.float64)
    if not (np.isfinite(people) & (people > 0)).all():
        raise DisclosureError("denominators must be above 0; leave rows without people out")
    # A whisker lets exact powers of ten pass.
    return np.floor(np.log10(people / rule.base) + 1e-9).astype(np.int64)
