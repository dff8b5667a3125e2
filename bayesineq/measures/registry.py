"""The measures by name or acronym, and the manual made from their definitions."""

from __future__ import annotations

from typing import Final

from bayesineq.errors import MeasureError
from bayesineq.measures.definitions import MEASURES as MEASURES
from bayesineq.measures.definitions import WHO_ACRONYMS as WHO_ACRONYMS
from bayesineq.measures.specification import Family, Measure

_SECTIONS: Final[dict[Family, str]] = {
    "simple": "Simple comparisons",
    "gradient": "Gradient across ordered groups",
    "concentration": "Concentration",
    "dispersion": "Dispersion between unordered groups",
    "entropy": "Generalised entropy",
    "welfare": "Measures from a welfare function",
    "impact": "Impact",
}


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
        if name in (stated.name, stated.acronym):
            return stated
    raise MeasureError(f"no measure is called {name!r}; there are {', '.join(MEASURES)}")


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
    rows = stated.statements()
    rows["Must be given"] = ", ".join(f"`{keyword}`" for keyword in stated.required) or "nothing but values and weights"
    if stated.acronym in WHO_ACRONYMS:
        rows["Printed by WHO"] = "as it is" if stated.multiplier == 1 else f"times {stated.multiplier:g}"
    rows["Reference"] = stated.reference
    acronym = f" ({stated.acronym})" if stated.acronym else ""
    summary = (stated.function.__doc__ or "").partition("\n\n")[0].replace("\n", " ")
    body = "\n".join(f"- {label}: {text}" for label, text in rows.items())
    return f"### {stated.title}{acronym}: `{stated.name}`\n\n{summary}\n\n{body}\n"


def manual() -> str:
    """
    Write the reference manual of measures from their definitions.

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
