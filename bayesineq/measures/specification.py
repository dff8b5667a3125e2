"""What is stated about a measure, and the documentation that is made from it."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final, Literal

type Family = Literal["simple", "gradient", "concentration", "dispersion", "entropy", "welfare", "impact"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """
    One measure of inequality: the statements that a reader of its number needs.

    Parameters
    ----------
    name : str
        Name of the function.
    title : str
        Name in words.
    family : str
        Section of the manual.
    formula : str
        Definition, with y value, p share, R relative rank, mu the mean weighted by share.
    absolute : bool
        True if in the unit of the outcome, False if free of unit.
    sign : str
        What a positive or a large number means, and whether polarity of the outcome enters.
    reference : str
        Publication that defines the measure.
    acronym : str or None
        Short name of the World Health Organization's toolkit or of the field.
    ordered : bool
        True if the groups must have an order from disadvantage to advantage.
    weighted : bool
        True if the sizes of the groups count.
    unit : str
        Unit of the number where it is not that of the outcome (absolute) or none (relative).
    bounds : tuple of (float or None, float or None)
        Least and greatest possible number; None where unbounded.
    equality : float or None
        The number when every group has the same value; None where it is that value itself.
    zeros : str
        What is done with values of zero, and which values are refused.
    warning : str
        What the number does not say, or what makes it misleading; empty where there is nothing of the kind.
    multiplier : float
        The World Health Organization's toolkit prints the number times this.
    """

    name: str
    title: str
    family: Family
    formula: str
    absolute: bool
    sign: str
    reference: str
    acronym: str | None = None
    ordered: bool = False
    weighted: bool = True
    unit: str = ""
    bounds: tuple[float | None, float | None] = (None, None)
    equality: float | None = 0.0
    zeros: str = "zero is a value like any other"
    warning: str = ""
    multiplier: float = 1.0

    @property
    def function(self) -> Callable[..., Any]:
        """The function: `function(value, weight, ...)`, values of shape (..., n_group) to a measure of shape (...)."""
        return getattr(import_module("bayesineq.measures"), self.name)  # type: ignore[no-any-return]

    @property
    def required(self) -> tuple[str, ...]:
        """Keywords of the function that have no default."""
        keywords = inspect.signature(self.function).parameters.values()
        return tuple(k.name for k in keywords if k.kind is k.KEYWORD_ONLY and k.default is k.empty)

    def statements(self) -> dict[str, str]:
        """What is stated, by heading: for the manual and for the documentation of the function."""
        least, greatest = (None if end is None else f"{end:g}" for end in self.bounds)
        bounds = {
            (True, True): "unbounded",
            (True, False): f"up to {greatest}",
            (False, True): f"from {least}",
            (False, False): f"{least} to {greatest}",
        }[least is None, greatest is None]
        same = "the common value" if self.equality is None else f"{self.equality:g}"
        stated = {
            "Formula": self.formula,
            "Groups": "ordered only" if self.ordered else "ordered or unordered",
            "Scale": f"{'absolute' if self.absolute else 'relative'}, {self._unit()}",
            "Weighting": "by size of group" if self.weighted else "each group once",
            "Sign": self.sign,
            "Bounds": f"{bounds}; {same} at equality",
            "Zeros": self.zeros,
        }
        return stated | ({"Warning": self.warning} if self.warning else {})

    def _unit(self) -> str:
        return self.unit or ("in the unit of the outcome" if self.absolute else "without unit")


_ORDER: Final = "What ranks the groups, lowest for the most disadvantaged: decile, rank of an index. Ties share a rank."
_OPTIONS: Final[Mapping[str, tuple[str, str]]] = {
    "order": ("array_like, shape (n_group,)", _ORDER),
    "favourable": ("bool", "Whether more is better."),
    "group": ("int", "Position of the group, from 0."),
    "reference": ("int", "Position of the reference group, from 0."),
    "fraction": ("float", "Share of people at each end, above 0 and at most one half: 0.2 compares fifths."),
    "zeros": ('{"refuse", "limit"}', "Whether values of zero are refused, or the formula is taken to its limit."),
}
"""Options that several measures share: type and meaning."""

_RAISES: Final = "If values, weights and options do not fit each other, or a value is not allowed (Zeros, below)."


def document(function: Callable[..., Any], stated: Measure) -> str:
    """
    Write the documentation of a measure: what its source says, then what its definition states.

    The source holds a summary, the options that no other measure shares, and examples.
    """
    summary, _, rest = inspect.cleandoc(function.__doc__ or "").partition("\n\n")
    own, _, examples = rest.partition("Examples\n--------\n")
    told = {
        name.strip(): entry
        for entry in re.split(r"\n(?=\S)", own.removeprefix("Parameters\n----------\n").strip())
        for name in entry.partition(" :")[0].split(",")
        if entry
    }
    parameters = inspect.signature(function).parameters
    if strange := told.keys() - parameters.keys():
        raise TypeError(f"{function.__name__} documents {sorted(strange)}, which it does not take")
    first = ", the most disadvantaged first" * stated.ordered + " unless `order` says otherwise" * (
        stated.ordered and "order" in parameters
    )
    entries = dict.fromkeys(told.get(p.name) or _entry(p, first) for p in parameters.values())
    sections = {
        "Parameters": "\n".join(entries),
        "Returns": f"ndarray, shape (...)\n    The measure of every draw, {stated.statements()['Scale']}.",
        "Raises": f"MeasureError\n    {_RAISES}",
        "Notes": "\n\n".join(f"{heading}: {text}." for heading, text in stated.statements().items()),
        "References": stated.reference,
        "Examples": examples,
    }
    return "\n\n".join([summary, *(f"{title}\n{'-' * len(title)}\n{text}" for title, text in sections.items())])


def _entry(parameter: inspect.Parameter, first: str) -> str:
    """Type and meaning of a parameter that measures share."""
    optional = ", optional" if parameter.default is None else ""
    if parameter.name == "value":
        return f"value : array_like, shape (..., n_group)\n    One value a group{first}."
    if parameter.name == "weight":
        text = "Checked but not used: each group counts once." if optional else "People in each group."
        return f"weight : array_like, shape (n_group,) or (..., n_group){optional}\n    {text}"
    kind, text = _OPTIONS[parameter.name]
    return f"{parameter.name} : {kind}{optional}\n    {text}"
