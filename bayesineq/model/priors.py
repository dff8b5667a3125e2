"""Prior distributions as a card states them, and defaults in units."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Prior:
    """
    Prior distribution of one parameter.

    Parameters
    ----------
    distribution : str
        One of Normal(mean, sd), HalfNormal(sd), Exponential(rate), Gamma(shape, rate), Beta(a, b),
        Uniform(lower, upper), PC(above, probability) and, for a proportion only, PC(below, probability).
    parameters : mapping of str to float
        The distribution's arguments by name.
    """

    distribution: str
    parameters: Mapping[str, float]

    def __getitem__(self, name: str) -> float:
        return self.parameters[name]

    def __str__(self) -> str:
        return f"{self.distribution}({', '.join(f'{k}={v:g}' for k, v in self.parameters.items())})"
