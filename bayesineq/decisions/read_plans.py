"""Plans as a TOML file: read, and refused with every fault told at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from bayesineq.decisions.interventions import Intervention
from bayesineq.decisions.published import EVERYONE, PublishedEffect, Quantity, Share
from bayesineq.errors import DecisionError
from bayesineq.shipped import card_of, card_text

_QUANTITY = {"value", "lower", "upper"}
_TEXTS = ("name", "event", "source")
_NONE = PublishedEffect("risk ratio", Quantity(1.0))
_KEYS = {
    "name",
    "effect",
    "cost",
    "reach",
    "uptake",
    "capacity",
    "qaly_per_event",
    "saving_per_event",
    "qaly_per_treated",
    "event",
    "event_ratio",
    "more_is",
    "source",
}


def read_plans(path: str | Path) -> tuple[Intervention, ...]:
    """
    Read interventions from a TOML file.

    Parameters
    ----------
    path : str or Path
        File with one `[[intervention]]` table each.

    Returns
    -------
    tuple of Intervention
        In the order of the file.

    Raises
    ------
    DecisionError
        If the file cannot be read, with every fault of every intervention.

    Notes
    -----
    A number is either plain, or a table `{ value, lower, upper }` with its 95% interval::

        [[intervention]]
        name = "structured education"
        source = "Author et al. 2020"
        cost = { value = 180, lower = 150, upper = 215 }
        capacity = 4000
        qaly_per_event = 0.3
        saving_per_event = 2500
        effect = { measure = "risk ratio", value = 0.85, lower = 0.76, upper = 0.95 }
        effect.modifiers.imd_quintile.1 = { value = 1.05, lower = 0.95, upper = 1.16 }
        reach = 0.8
        uptake = { value = 0.45, by = { imd_quintile = { 1 = 0.35, 2 = 0.4, 3 = 0.45, 4 = 0.5, 5 = 0.55 } } }

    The effect is that on the posterior's outcome as it is counted there: a risk ratio above 1 makes more of it, below 1
    less. Whether that is a benefit follows from the outcome's polarity, which its card states (`more_is`). Where more
    is worse (admissions), a plan with a ratio below 1 averts events, and `qaly_per_event` and `saving_per_event` are
    for an event averted; where more is better (checks done), a plan with a ratio above 1 gains events, and they are for
    an event gained::

        [[intervention]]
        name = "text reminders"
        cost = 4
        qaly_per_event = 0.02
        effect = { measure = "odds ratio", value = 1.3, lower = 1.1, upper = 1.5 }
        more_is = "better"

    `more_is` may be left out; where it is stated it must agree with the card. Where a plan acts on another event than
    the posterior's, `event` names it, `event_ratio` says how many there are for one event of the posterior, and
    `more_is` its polarity ("worse" where neither it nor the card says otherwise); `qaly_per_treated` is what the
    treatment itself is worth.

    Examples
    --------
    >>> from bayesineq.shipped import folder
    >>> plans = read_plans(folder("models") / "plans" / "diabetes.toml")
    >>> [(plan.name, plan.effect.size.value) for plan in plans]
    [('structured education', 0.74), ('retinal-screening outreach', 0.266), ('continuous glucose monitoring', 0.89)]
    """
    file = Path(path)
    document = card_of(card_text(file, "file of plans", DecisionError), file.name, "file of plans", DecisionError)
    entries = document.get("intervention")
    unknown = sorted(set(document) - {"intervention"})
    if not isinstance(entries, list) or not entries or unknown:
        extra = f" Unknown at the top: {', '.join(unknown)}." if unknown else ""
        raise DecisionError(f"{file.name} must hold one [[intervention]] table for each intervention.{extra}")
    faults: list[str] = []
    plans = [plan for i, entry in enumerate(entries, 1) if (plan := _intervention(entry, i, faults)) is not None]
    names = [plan.name for plan in plans]
    faults += [f"the name {name!r} is used twice" for name in sorted({n for n in names if names.count(n) > 1})]
    if faults:
        raise DecisionError(f"{file.name}: " + "; ".join(faults) + ".")
    return tuple(plans)


def _intervention(entry: Mapping[str, Any], number: int, faults: list[str]) -> Intervention | None:
    before = len(faults)
    if not isinstance(entry, Mapping):
        faults.append(f"intervention {number} is {entry!r:.80}, not a table [[intervention]]")
        return None
    where = str(entry.get("name") or f"intervention {number}")
    for key in _TEXTS:
        if key in entry and not (isinstance(entry[key], str) and entry[key].isprintable()):
            faults.append(f"{where[:80]}, {key}: give one line of text, not {entry[key]!r:.80}")
    unknown = sorted(set(entry) - _KEYS)
    if unknown:
        faults.append(f"{where}: unknown {', '.join(unknown)} (known: {', '.join(sorted(_KEYS))})")
    faults += [f"{where}: {key} is missing" for key in ("name", "effect", "cost") if key not in entry]

    def read[T](key: str, reader: Callable[[Any], T], instead: T | None = None) -> T | None:
        if key not in entry:
            return None
        try:
            return reader(entry[key])
        except (DecisionError, TypeError, ValueError, KeyError) as error:
            faults.append(f"{where}, {key}: {str(error).rstrip('.')}")
            return instead

    effect, cost = read("effect", _effect), read("cost", _quantity)
    reach, uptake = read("reach", _share), read("uptake", _share)
    qaly, saving = read("qaly_per_event", _quantity, Quantity(0.0)), read("saving_per_event", _quantity)
    itself, ratio = read("qaly_per_treated", _quantity), read("event_ratio", _quantity, Quantity(1.0))
    capacity = read("capacity", lambda x: _quantity(x).value)
    # built even where a part of it could not be read, so that what is wrong with the rest is told too
    try:
        plan = Intervention(
            name=where,
            effect=effect or _NONE,
            cost=cost or Quantity(0.0),
            reach=reach or EVERYONE,
            uptake=uptake or EVERYONE,
            capacity=capacity,
            qaly_per_event=qaly,
            saving_per_event=saving,
            qaly_per_treated=itself,
            event=str(entry.get("event", "")),
            event_ratio=ratio,
            more_is=entry.get("more_is"),
            source=str(entry.get("source", "")),
        )
    except DecisionError as error:
        faults.append(str(error).rstrip("."))
    return plan if len(faults) == before else None


def _quantity(given: Any) -> Quantity:
    if isinstance(given, Mapping):
        unknown = sorted(set(given) - _QUANTITY)
        if unknown or "value" not in given:
            raise DecisionError(f"give value, and lower and upper where uncertain; given: {', '.join(given)}")
        numbers = {key: _number(value) for key, value in given.items()}
        return Quantity(numbers["value"], numbers.get("lower"), numbers.get("upper"))
    return Quantity(_number(given))


def _number(given: Any) -> float:
    if isinstance(given, bool) or not isinstance(given, int | float):
        raise DecisionError(f"{given!r} is not a number")
    try:
        return float(given)
    except OverflowError as error:
        raise DecisionError(f"a whole number of {len(str(given))} digits is too large") from error


def _levels(given: Any, what: str) -> Mapping[str, Mapping[str, Any]]:
    """Numbers by grouping and level."""
    if not isinstance(given, Mapping) or not all(isinstance(levels, Mapping) for levels in given.values()):
        raise DecisionError(f"{what} are given by grouping and level, such as imd_quintile.1; given {given!r:.80}")
    return given


def _effect(given: Any) -> PublishedEffect:
    if not isinstance(given, Mapping) or "measure" not in given:
        raise DecisionError("give measure, value, lower and upper")
    modifiers = {
        str(by): {str(level): _quantity(number) for level, number in levels.items()}
        for by, levels in _levels(given.get("modifiers", {}), "modifiers").items()
    }
    size = {key: value for key, value in given.items() if key not in ("measure", "modifiers")}
    return PublishedEffect(given["measure"], _quantity(size), modifiers)


def _share(given: Any) -> Share:
    if not isinstance(given, Mapping):
        return Share(_quantity(given))
    groups = _levels(given.get("by", {}), "shares")
    by = {str(k): {str(level): _number(x) for level, x in v.items()} for k, v in groups.items()}
    return Share(_quantity({key: value for key, value in given.items() if key != "by"}), by)
