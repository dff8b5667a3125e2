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
    qaly_per_treated : Quantity, optional
        QALYs gained by the treatment itself, whatever it averts, such as no more finger pricks.
    event : str
        What the effect averts, where that is not the event of the posterior: "death from any cause".
    event_ratio : Quantity, optional
        Events of that kind, without the intervention, for one event of the posterior: their local risk is taken to be
        the posterior's times this, with the same differences between places and groups.
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
    qaly_per_treated: Quantity | None = None
    event: str = ""
    event_ratio: Quantity | None = None
    source: str = ""

    def __post_init__(self) -> None:
        if not self.name.strip():
            raise DecisionError("An intervention needs a name.")
        faults = []
        for key in ("cost", "qaly_per_event", "saving_per_event", "qaly_per_treated", "event_ratio"):
            quantity: Quantity | None = getattr(self, key)
            if (
                quantity is not None
                and min(quantity.value, quantity.value if quantity.lower is None else quantity.lower) < 0
            ):
                faults.append(f"{key} is negative ({quantity.value:g}): give it as zero or more")
        if self.capacity is not None and not self.capacity >= 0:
            faults.append(f"capacity is {self.capacity}: give people, zero or more")
        if (self.event_ratio is None) != (not self.event.strip()):
            faults.append(
                "event and event_ratio go together: name the event that the plan acts on and say how often it is"
            )
        if self.qaly_per_treated is not None and self.qaly_per_event is None:
            faults.append("qaly_per_treated needs qaly_per_event too (0 where an event averted gains none)")
        if faults:
            raise DecisionError(f"{self.name}: " + "; ".join(faults) + ".")
