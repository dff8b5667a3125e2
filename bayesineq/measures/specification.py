"""What is stated about a measure, once, where it is defined."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

type Family = Literal["simple", "gradient", "concentration", "dispersion", "entropy", "welfare", "impact"]


@dataclass(frozen=True, slots=True)
class Measure:
    """
    One measure of inequality: a function and the statements a reader of its number needs.

    Parameters
    ----------
    name : str
        Name of the function.
    function : callable
        `function(value, weight, ...)`: values of shape (..., n_group) to a measure of shape (...).
    title : str
        Name in words.
    family : str
        Section of the manual.
    formula : str
        Definition, with y value, p share, R relative rank, mu the mean weighted by share.
    ordered : bool
        True if the groups must have an order from disadvantage to advantage.
    absolute : bool
        True if in the unit of the outcome, False if free of unit.
    weighted : bool
        True if the sizes of the groups count.
    sign : str
        What a positive or a large number means, and whether polarity of the outcome enters.
    bounds : tuple of (float or None, float or None)
        Least and greatest possible number; None where unbounded.
    equality : float or None
        The number when every group has the same value; None where it is that value itself.
    zeros : str
        What is done with values of zero, and which values are refused.
    reference : str
        Publication that defines the measure.
    acronym : str or None
        Short name of the World Health Organization's toolkit or of the field.
    multiplier : float
        The World Health Organization's toolkit prints the number times this.
    required : tuple of str
        Keywords that have no default.
    """

    name: str
    function: Callable[..., Any]
    title: str
    family: Family
    formula: str
    ordered: bool
    absolute: bool
    weighted: bool
    sign: str
    bounds: tuple[float | None, float | None]
    equality: float | None
    zeros: str
    reference: str
    acronym: str | None
    multiplier: float
    required: tuple[str, ...]


DEFINED: dict[str, Measure] = {}
"""Measures in the order of their definition; read it through `bayesineq.measures.registry`."""


def measure[F: Callable[..., Any]](
    *,
    title: str,
    family: Family,
    formula: str,
    absolute: bool,
    sign: str,
    reference: str,
    ordered: bool = False,
    weighted: bool = True,
    bounds: tuple[float | None, float | None] = (None, None),
    equality: float | None = 0.0,
    zeros: str = "zero is a value like any other",
    acronym: str | None = None,
    multiplier: float = 1.0,
) -> Callable[[F], F]:
    """
    Register a function as a measure, and write its statements into its docstring.

    Parameters
    ----------
    title, family, formula, absolute, sign, reference, ordered, weighted, bounds, equality, zeros, acronym, multiplier
        See `Measure`.

    Returns
    -------
    callable
        Decorator that returns the function itself.
    """

    def register(function: F) -> F:
        stated = Measure(
            name=function.__name__,
            function=function,
            title=title,
            family=family,
            formula=formula,
            ordered=ordered,
            absolute=absolute,
            weighted=weighted,
            sign=sign,
            bounds=bounds,
            equality=equality,
            zeros=zeros,
            reference=reference,
            acronym=acronym,
            multiplier=multiplier,
            required=_required(function),
        )
        DEFINED[stated.name] = stated
        function.__doc__ = _documented(function, stated)
        return function

    return register


def bounds_in_words(bounds: tuple[float | None, float | None]) -> str:
    """
    State the least and the greatest possible number.

    Parameters
    ----------
    bounds : tuple of (float or None, float or None)
        Least and greatest; None where unbounded.

    Returns
    -------
    str
        For example "0 to 1", "from 0", "unbounded".
    """
    least, greatest = bounds
    if least is None and greatest is None:
        return "unbounded"
    if greatest is None:
        return f"from {least:g}"
    return f"up to {greatest:g}" if least is None else f"{least:g} to {greatest:g}"


def equality_in_words(equality: float | None) -> str:
    """
    State the number at equality.

    Parameters
    ----------
    equality : float or None
        The number; None where it is the value that all groups share.

    Returns
    -------
    str
        For example "0 at equality".
    """
    return "the common value at equality" if equality is None else f"{equality:g} at equality"


def _required(function: Callable[..., Any]) -> tuple[str, ...]:
    keywords = inspect.signature(function).parameters.values()
    return tuple(k.name for k in keywords if k.kind is k.KEYWORD_ONLY and k.default is k.empty)


def _documented(function: Callable[..., Any], stated: Measure) -> str:
    before, mark, examples = inspect.cleandoc(function.__doc__ or "").partition("\nExamples\n--------\n")
    notes = [
        f"Formula: {stated.formula}",
        f"Dimension: {'ordered groups only' if stated.ordered else 'ordered or unordered groups'}.",
        f"Scale: {'absolute, in the unit of the outcome' if stated.absolute else 'relative, without unit'}.",
        f"Weighting: {'by size of group' if stated.weighted else 'none: each group counts once'}.",
        f"Sign: {stated.sign}.",
        f"Bounds: {bounds_in_words(stated.bounds)}; {equality_in_words(stated.equality)}.",
        f"Zeros: {stated.zeros}.",
    ]
    body = "\n\n".join(notes)
    return f"{before.rstrip()}\n\nNotes\n-----\n{body}\n\nReferences\n----------\n{stated.reference}\n{mark}{examples}"
