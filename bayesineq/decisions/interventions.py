"""An intervention as a plan states it: what it does, what it costs, whom it reaches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import xarray as xr

from bayesineq.decisions.polarity import polarity
from bayesineq.decisions.published import EVERYONE, PublishedEffect, Quantity, Share
from bayesineq.dims import MoreIs
from bayesineq.errors import DecisionError

_REMEDY: Final = {
    "qaly_per_event": ", QALYs gained for one event averted, or for one gained where more events are better",
    "saving_per_event": (
        ", pounds saved for one event averted, or for one gained where more events are better; what an event costs "
        "belongs in cost, per person treated"
    ),
}


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
        QALYs gained for one event averted, or for one gained where more events are better; zero or more either way.
    saving_per_event : Quantity, optional
        Pounds saved for one event averted, or for one gained where more events are better; zero or more.
    qaly_per_treated : Quantity, optional
        QALYs gained by the treatment itself, whatever it averts, such as no more finger pricks.
    event : str
        What the effect acts on, where that is not the event of the posterior: "death from any cause".
    event_ratio : Quantity, optional
        Events of that kind, without the intervention, for one event of the posterior: their local risk is taken to be
        the posterior's times this, with the same differences between places and groups.
    more_is : {"worse", "better"}, optional
        Polarity of the event that the effect acts on. For an event of the plan's own it may be left out only where
        more of the posterior's outcome is worse, and is "worse" then; for the posterior's it must agree with the card.
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
    more_is: MoreIs | None = None
    source: str = ""

    def __post_init__(self) -> None:
        if not self.name.strip():
            raise DecisionError("An intervention needs a name.")
        faults = []
        for key in ("cost", "qaly_per_event", "saving_per_event", "qaly_per_treated", "event_ratio"):
            quantity: Quantity | None = getattr(self, key)
            if quantity is None:
                continue
            least = quantity.value if quantity.lower is None else quantity.lower
            if least < 0:
                faults.append(f"{key} is negative ({least:g}): give it as zero or more{_REMEDY.get(key, '')}")
        if self.capacity is not None and not self.capacity >= 0:
            faults.append(f"capacity is {self.capacity}: give people, zero or more")
        if (self.event_ratio is None) != (not self.event.strip()):
            faults.append(
                "event and event_ratio go together: name the event that the plan acts on and say how often it is"
            )
        if self.qaly_per_treated is not None and self.qaly_per_event is None:
            faults.append("qaly_per_treated needs qaly_per_event too (0 where an event averted gains none)")
        if self.more_is not in (None, "worse", "better"):
            faults.append(f"more_is is {self.more_is!r}: say whether more of the event is 'worse' or 'better'")
        if faults:
            raise DecisionError(f"{self.name}: " + "; ".join(faults) + ".")


def polarities(plans: Sequence[Intervention], baseline: xr.DataArray, more_is: MoreIs | None = None) -> list[MoreIs]:
    """Polarity of the event that each plan acts on."""
    modelled = polarity(baseline, more_is)
    name = event_of(baseline)
    found: list[MoreIs] = []
    faults: list[str] = []
    first: dict[str, tuple[str, MoreIs]] = {}
    for plan in plans:
        own = plan.more_is or modelled
        found.append(own)
        if plan.event_ratio is None and own != modelled:
            faults.append(
                f"{plan.name} says that more of its event is {own}, the posterior that more {name} is {modelled}: "
                "state the effect on that very outcome, or correct more_is on the card or in the plan"
            )
        if plan.event_ratio is not None and plan.more_is is None and modelled == "better":
            faults.append(
                f"{plan.name} acts on {plan.event}, while more {name} is better: say more_is = 'worse' or 'better' of "
                f"{plan.event}"
            )
        other, said = first.setdefault(plan.event or name, (plan.name, own))
        if said != own:
            faults.append(f"{other} and {plan.name} act on {plan.event or name}: is more of it {said}, or {own}?")
    if faults:
        raise DecisionError("; ".join(faults) + ".")
    return found


def event_of(baseline: xr.DataArray) -> str:
    """Name of the event that was modelled, in words."""
    return str(baseline.attrs.get("outcome") or "the event modelled").replace("_", " ")
