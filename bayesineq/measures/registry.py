"""The registry: every measure with its formula, sign, bounds, zeros and reference, and the manual made from it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from bayesineq.errors import MeasureError
from bayesineq.measures import (  # noqa: F401 - importing a module registers its measures
    concentration,
    deviation,
    dispersion,
    entropy,
    gradient,
    impact,
    simple,
    slope,
    tails,
    welfare,
)
from bayesineq.measures.specification import DEFINED, Family, Measure, bounds_in_words, equality_in_words

_SECTIONS: Final[dict[Family, str]] = {
    "simple": "Simple comparisons",
    "gradient": "Gradient across ordered groups",
    "concentration": "Concentration",
    "dispersion": "Dispersion between unordered groups",
    "entropy": "Generalised entropy",
    "welfare": "Measures from a welfare function",
    "impact": "Impact",
}

MEASURES: Final[Mapping[str, Measure]] = MappingProxyType(
    {name: DEFINED[name] for family in _SECTIONS for name in DEFINED if DEFINED[name].family == family}
)
"""Every registered measure by name, in the order of the manual."""

WHO_ACRONYMS: Final = frozenset(
    {"ACI", "BGSD", "BGV", "COV", "D", "IDISU", "IDISW", "MDBU", "MDBW", "MDMU", "MDMW"}
    | {"MDRU", "MDRW", "MLD", "PAF", "PAR", "R", "RCI", "RII", "SII", "TI"}
)
"""The 21 summary measures of the World Health Organization's toolkit."""


def find(name: str) -> Measure:
    """
    Look up a measure by its name or acronym.

    Parameters
    ----------
    name : str
        Name of the function, such as "sii" or "mean_log_deviation", or acronym, such as "MLD".

    Returns
    -------
    Measure
        The measure.

    Raises
    ------
    MeasureError
        If there is no such measure; the message lists those there are.

    Examples
    --------
    >>> find("MLD").name
    'mean_log_deviation'
    """
    for stated in MEASURES.values():
        if name == stated.name or name == stated.acronym:
            return stated
    raise MeasureError(f"no measure is called {name!r}; there are {', '.join(MEASURES)}")


def check_dimension(name: str, *, ordered: bool) -> None:
    """
    Refuse a measure of a gradient on groups that have no order.

    Parameters
    ----------
    name : str
        Name or acronym of the measure.
    ordered : bool
        Whether the groups have an order from disadvantage to advantage.

    Raises
    ------
    MeasureError
        If the measure needs an order and the groups have none.
    """
    stated = find(name)
    if stated.ordered and not ordered:
        same = [m.name for m in MEASURES.values() if not m.ordered and m.absolute == stated.absolute]
        raise MeasureError(
            f"{stated.title} needs groups ordered from disadvantage to advantage, such as deprivation deciles; "
            f"these groups have no order, so use one of {', '.join(same)}"
        )


def describe(name: str) -> str:
    """
    State one measure in Markdown.

    Parameters
    ----------
    name : str
        Name or acronym of the measure.

    Returns
    -------
    str
        Formula, dimension, scale, weighting, sign, bounds, zeros and reference.

    Raises
    ------
    MeasureError
        If there is no such measure.

    Examples
    --------
    >>> describe("TI").splitlines()[0]
    '### Theil index (TI): `theil`'
    """
    stated = find(name)
    acronym = f" ({stated.acronym})" if stated.acronym else ""
    rows = {
        "Formula": stated.formula,
        "Groups": "ordered only" if stated.ordered else "ordered or unordered",
        "Scale": "absolute" if stated.absolute else "relative",
        "Weighting": "by size of group" if stated.weighted else "each group once",
        "Sign": stated.sign,
        "Bounds": f"{bounds_in_words(stated.bounds)}; {equality_in_words(stated.equality)}",
        "Zeros": stated.zeros,
        "Must be given": ", ".join(f"`{keyword}`" for keyword in stated.required) or "nothing but values and weights",
        "Printed by WHO": "as it is" if stated.multiplier == 1 else f"times {stated.multiplier:g}",
        "Reference": stated.reference,
    }
    if stated.acronym not in WHO_ACRONYMS:
        del rows["Printed by WHO"]
    summary = (stated.function.__doc__ or "").split("\n\n", 1)[0].replace("\n", " ")
    body = "\n".join(f"- {label}: {text}" for label, text in rows.items())
    return f"### {stated.title}{acronym}: `{stated.name}`\n\n{summary}\n\n{body}\n"


def manual() -> str:
    """
    Write the reference manual of measures from the registry.

    Returns
    -------
    str
        Markdown: one section a family, one entry a measure.

    Examples
    --------
    >>> manual().splitlines()[0]
    '# Measures of inequality'
    """
    parts = [
        "# Measures of inequality",
        "",
        "Every measure is taken per draw of the latent values, which are never given noise again; the interval of the",
        "measure is that of its draws. Notation: y value of a group, p its share of people, mu = sum p y, R the",
        "mid-point of the group's range in the cumulative population, 0 the most disadvantaged.",
        "",
    ]
    for family, title in _SECTIONS.items():
        parts += [f"## {title}", ""]
        parts += [describe(stated.name) for stated in MEASURES.values() if stated.family == family]
    return "\n".join(parts)
