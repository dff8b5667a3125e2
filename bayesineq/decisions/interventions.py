"""An intervention as a plan states it: what it does, what it costs, whom it reaches."""

from __future__ import annotations

from dataclasses import dataclass

from bayesineq.errors import DecisionError
from bayesineq.uplift.published import EVERYONE, PublishedEffect, Quantity, Share


@dataclass(frozen=True, slots=True)
class Intervention:
    """
    One intervention.

    Parameters
    ----------
    name : str
        Name, unique among those compared.
    effect : PublishedEffect
        Effect on the risk of the event, for someone treated.
    cost : Quantity
        Pounds per person treated.
    reach : Share
        Share of eligible people to whom it is offered.
    uptake : Share
        Share of those offered it who take it up.
    capacity : float, optional
        Most people who can be treated.
    qaly_per_event : Quantity, optional
        QALYs gained for one event averted.
    saving_per_event : Quantity, optional
        Pounds saved for one event averted.
    source : str
        Where effect and cost come from.
    """

    name: str
    effect: PublishedEffect
    cost: Quantity
    reach: Share = EVERYONE
    uptake: Share = EVERYONE
    capacity: float | None = None
    qaly_per_event: Quantity | None = None
    saving_per_event: Quantity | None = None
    source: str = ""

    def __post_init__(self) -> None:
        if not self.name.strip():
            raise DecisionError("An intervention needs a name.")
        faults = []
        for key in ("cost", "qaly_per_event", "saving_per_event"):
            quantity: Quantity | None = getattr(self, key)
            if (
                quantity is not None
                and min(quantity.value, quantity.value if quantity.lower is None else quantity.lower) < 0
            ):
                faults.append(f"{key} is negative ({quantity.value:g}): give it as zero or more")
        if self.capacity is not None and not self.capacity >= 0:
            faults.append(f"capacity is {self.capacity}: give people, zero or more")
        if faults:
            raise DecisionError(f"{self.name}: " + "; ".join(faults) + ".")
