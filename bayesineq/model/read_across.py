"""How a card's term acts on several outcomes: `across` and `outcomes`, read with every mistake at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from bayesineq.dims import OTHER, OUTCOME
from bayesineq.model.card import Across, Outcome, Term
from bayesineq.model.priors import is_number

KEYS: Final = ("across", "outcomes")
_WORDS: Final[tuple[Across, ...]] = ("apart", "same", "correlated")
_LOADINGS: Final = ("estimated", "positive")


def across_outcomes(term: Term, spec: Mapping[str, Any], outcomes: Sequence[Outcome], wrong: list[str]) -> Term:
    """
    The term with what its card says under `across` and `outcomes`.

    `spec`: The term as the card has it. `wrong`: Gets every mistake. Returns: the term as it is where the card has one
    outcome.
    """
    at, names = f"terms.{term.name}", [of.name for of in outcomes]
    if len(names) < 2:
        wrong += [
            f"{at}.{key}: says how a term acts on several outcomes, and this card has one; leave it out, or state "
            "several as [outcomes.NAME]"
            for key in KEYS
            if key in spec
        ]
        return term
    if OUTCOME in term.columns or OTHER in term.columns:
        wrong.append(f"{at}.by: {OUTCOME} is the name of what several outcomes lie along; rename the column")
    acts_on = _acts_on(at, spec, names, wrong)
    given = spec.get("across", "apart")
    if isinstance(given, dict):
        return _shared(at, term, given, acts_on if "outcomes" in spec else None, names, wrong)
    if given not in _WORDS:
        wrong.append(
            f"{at}.across: is {given!r}; allowed are {list(_WORDS)}, or for a shared component the loading of each "
            f'outcome, such as {{ {names[0]} = 1.0, {names[1]} = "estimated" }}'
        )
        given = "apart"
    if given == "correlated" and not term.of_kind.is_random:
        wrong.append(
            f"{at}.across: a {term.kind} term has no standard deviation, so that nothing is correlated; use "
            'exchangeable, or leave it "apart"'
        )
        given = "apart"
    if given != "apart" and len(acts_on) < 2:
        wrong.append(f"{at}.across: is {given!r} and the term acts on {acts_on} only; name two outcomes or more")
        given = "apart"
    if given == "same" and len({of.link for of in outcomes if of.name in acts_on}) > 1:
        links = {of.name: of.link for of in outcomes if of.name in acts_on}
        wrong.append(
            f"{at}.across: the same effect on predictors of different links, {links}, means nothing; share a component "
            "with a loading, or leave the term apart"
        )
    return replace(term, across=given, outcomes=tuple(acts_on))


def _acts_on(at: str, spec: Mapping[str, Any], names: list[str], wrong: list[str]) -> list[str]:
    given = spec.get("outcomes", names)
    if not isinstance(given, list) or not given or not all(isinstance(of, str) for of in given):
        wrong.append(f"{at}.outcomes: is {given!r}; give a list of outcomes of the card, which are {names}")
        return names
    if unknown := [of for of in given if of not in names]:
        wrong.append(f"{at}.outcomes: {unknown} are no outcomes of this card; it has {names}")
    if len(set(given)) < len(given):
        wrong.append(f"{at}.outcomes: names an outcome twice: {given}; name each once")
    return [name for name in names if name in given] or names


def _shared(
    at: str, term: Term, given: Mapping[str, Any], acts_on: list[str] | None, names: list[str], wrong: list[str]
) -> Term:
    if unknown := [of for of in given if of not in names]:
        wrong.append(f"{at}.across: {unknown} are no outcomes of this card; it has {names}")
    loadings = {name: given[name] for name in names if name in given}
    if acts_on is not None and acts_on != list(loadings):
        wrong.append(f"{at}.outcomes: is {acts_on}, and across loads {list(loadings)}; leave outcomes out")
    for name, loading in loadings.items():
        fixed = is_number(loading) and loading != 0
        if not fixed and loading not in _LOADINGS:
            wrong.append(
                f'{at}.across.{name}: is {loading!r}; give a number other than zero, "positive", or "estimated" for a '
                "loading of either sign"
            )
    if not any(is_number(loading) for loading in loadings.values()):
        wrong.append(
            f"{at}.across: no loading is fixed, so that neither the sign nor the size of the component is determined; "
            f"fix one, such as {{ {(list(loadings) or names)[0]} = 1.0, ... }}"
        )
    if len(loadings) < 2:
        wrong.append(f"{at}.across: a shared component loads two outcomes or more, given is {dict(given)}")
    if not term.of_kind.is_random:
        wrong.append(f"{at}.across: a {term.kind} term is no component that outcomes can load; use exchangeable")
    kept = tuple((name, float(of) if is_number(of) else str(of)) for name, of in loadings.items())
    return replace(term, across="shared", outcomes=tuple(loadings), loadings=kept)
