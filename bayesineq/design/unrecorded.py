"""What was assumed of people without a record of a latent column: kept with a posterior, so that reports can say it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Unrecorded:
    """
    People whose level was recorded as unknown, and what was assumed of them.

    Parameters
    ----------
    unknown, people : int
        How many were recorded as unknown, of how many.
    delta : mapping of str to float
        By true level: log odds of a missing record, against a level of 0.
    delta_sd : float
        Standard deviation of each delta that is not 0.
    """

    unknown: int
    people: int
    delta: Mapping[str, float]
    delta_sd: float

    @property
    def share(self) -> float:
        """Share of people whose level was recorded as unknown."""
        return self.unknown / self.people if self.people else 0.0

    def attributes(self) -> dict[str, str | int | float]:
        """Attributes of a posterior that say the same."""
        return {
            "unrecorded_unknown": self.unknown,
            "unrecorded_people": self.people,
            "unrecorded_delta": json.dumps(dict(self.delta)),
            "unrecorded_delta_sd": self.delta_sd,
        }


def unrecorded_of(attributes: Mapping[Any, Any]) -> Unrecorded | None:
    """Read it back from the attributes of a posterior."""
    if "unrecorded_people" not in attributes:
        return None
    return Unrecorded(
        int(attributes["unrecorded_unknown"]),
        int(attributes["unrecorded_people"]),
        json.loads(attributes["unrecorded_delta"]),
        float(attributes["unrecorded_delta_sd"]),
    )
