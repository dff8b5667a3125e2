"""Reading model cards from TOML: every mistake at once, naming the card, the key and what is allowed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from bayesineq.errors import CardError
from bayesineq.model.adjusters import read_adjusters
from bayesineq.model.card import MembersOf, ModelCard, Outcome, Term, of_outcome
from bayesineq.model.families import DISPERSION, FAMILIES, OwnParameter
from bayesineq.model.kinds import KINDS, Kind
from bayesineq.model.priors import PARAMETER_KINDS, ParameterKind, Prior, is_number, read_prior
from bayesineq.model.read_across import KEYS, across_outcomes
from bayesineq.shipped import card_of, card_path, card_text

_TOP: Final = {
    "name",
    "question",
    "table",
    "outcome",
    "outcomes",
    "terms",
    "priors",
    "limits",
    "use",
    "references",
    "latent",
    "adjust",
    "members",
}
_ROLES: Final = {
    role
    for family in FAMILIES.values()
    for named in ((), ("lower",))
    for roles in family.roles(named)
    for role in roles
}
_OUTCOME: Final = {"name", "likelihood", "plausible", "more_is", *_ROLES}
_TERM: Final = {"kind", "by", "reference", "standardise", "order", "scale", "times", "levels", "ordered"}
_LIMITS: Final = {"rhat": 1.01, "ess_bulk": 400.0}
_USE: Final = {"intended", "not_for"}
_REFERENCE: Final = {"cite", "doi", "url"}

_NEEDED: Final = ("name", "question")
_RESERVED: Final = {"intercept", "outcome", "population", "chain", "draw", "row", "offset"}


def read_card(card: str | Path) -> ModelCard:
    """
    Read a model card.

    Parameters
    ----------
    card : str or Path
        Name of a shipped card ("prevalence") or path of a TOML file.

    Returns
    -------
    ModelCard
        The checked card.

    Raises
    ------
    CardError
        If there is no such card, it is not TOML, or any key is unknown, missing or out of range.

    Examples
    --------
    >>> card = read_card("prevalence")
    >>> card.outcome.likelihood, [term.name for term in card.terms]
    ('binomial', ['age_sex', 'deprivation', 'ethnicity', 'deprivation_ethnicity', 'place'])
    """
    path = card_path(card, ("models",), "card", CardError)
    return parse_card(card_text(path, "card", CardError), origin=path.name)


def parse_card(text: str, origin: str = "card") -> ModelCard:
    """Parse the TOML text of a model card."""
    raw = card_of(text, origin, "card", CardError)
    wrong: list[str] = []
    _unknown(raw, _TOP, "", wrong)
    wrong += [f"{key}: missing; every card states it" for key in _NEEDED if key not in raw]
    named = {key: _valid(raw, key, "", _TEXT, wrong, "") for key in ("name", "question", "table")}
    outcomes, apart = _outcomes(raw, wrong)
    terms = tuple(_term(name, spec, outcomes, wrong) for name, spec in _section(raw, "terms", wrong).items())
    wrong += [f"terms.{t.name}: an outcome has that name too" for t in terms if t.name in apart]
    stated = _section(raw, "priors", wrong)
    if len(outcomes) > 1:
        priors = _joint_priors(stated, apart, outcomes, terms, wrong)
    else:
        priors = _priors(stated, outcomes[0], terms, wrong)
    latent = _latent(_section(raw, "latent", wrong), terms, wrong)
    if latent and len(outcomes) > 1:
        wrong.append("latent: a card of several outcomes has no latent column; fit the outcomes one by one")
    members = _members(raw, terms, latent, wrong)
    if members and len(outcomes) > 1:
        wrong.append("members: a card of several outcomes has no rows of many members; fit the outcomes one by one")
    adjust = read_adjusters(raw.get("adjust"), terms, wrong)
    stated, use = _section(raw, "limits", wrong), _section(raw, "use", wrong)
    _unknown(stated, set(_LIMITS), "limits.", wrong)
    limits = {key: _valid(stated, key, "limits.", _NUMBER, wrong, value) for key, value in _LIMITS.items()}
    _unknown(use, _USE, "use.", wrong)
    uses = {key: _valid(use, key, "use.", _TEXT, wrong, "") for key in sorted(_USE)}
    references = _valid(raw, "references", "", _TABLES, wrong, [])
    for position, reference in enumerate(references):
        _unknown(reference, _REFERENCE, f"references[{position}].", wrong)
    spatial = {t.by[0] for t in terms if t.is_spatial and t.by}
    if len(spatial) > 1:
        wrong.append(f"terms: spatial terms stand on different columns {sorted(spatial)}; use one column of areas")
    if wrong:
        problems = "\n".join(f"  - {w}" for w in wrong)
        raise CardError(f"card {raw.get('name', origin)!r} ({origin}) has {len(wrong)} problems:\n{problems}")
    return ModelCard(
        **named,
        outcomes=outcomes,
        terms=terms,
        priors=priors,
        limits=limits,
        **uses,
        references=tuple(references),
        source=text,
        latent=latent,
        adjust=adjust,
        members=members,
    )


class _Right(NamedTuple):
    """What a value of a key must be, and the words that ask for it."""

    holds: Callable[[Any], bool]
    asked: str


_TEXT: Final = _Right(lambda value: isinstance(value, str), "write text")
_NUMBER: Final = _Right(is_number, "give a number")
_FLAG: Final = _Right(lambda value: isinstance(value, bool), "write true or false")
_TABLES: Final = _Right(
    lambda value: isinstance(value, list) and all(isinstance(of, dict) for of in value),
    "write a list of tables such as { cite = ..., doi = ... }",
)
_COLUMNS: Final = _Right(
    lambda value: isinstance(value, str) or (_is_list_of(str, value) and bool(value)),
    "name the column, or a list of columns, that it stands on",
)
_COLUMN: Final = _Right(lambda value: isinstance(value, str), "name a column")
_COVARIATE: Final = _Right(lambda value: isinstance(value, str), "name the column that multiplies the effect")
_ORDER: Final = _Right(lambda value: value in (1, 2) and value is not True, "a random walk is of order 1 or 2")
_RANGE: Final = _Right(
    lambda value: isinstance(value, list) and len(value) == 2 and all(map(is_number, value)) and value[0] < value[1],
    "give two numbers, the lower first",
)
_POLARITY: Final = _Right(lambda value: value in ("worse", "better"), 'say whether more of it is "worse" or "better"')


def _is_list_of(kinds: type | tuple[type, ...], value: object) -> bool:
    return isinstance(value, list) and all(isinstance(of, kinds) for of in value)


def _valid(given: Mapping[str, Any], key: str, where: str, right: _Right, wrong: list[str], silent: Any) -> Any:
    """What stands under a key; what silence means where nothing does, or what cannot be."""
    if key not in given:
        return silent
    if right.holds(given[key]):
        return given[key]
    wrong.append(f"{where}{key}: is {given[key]!r}; {right.asked}")
    return silent


def _section(raw: Mapping[str, Any], key: str, wrong: list[str]) -> dict[str, Any]:
    value = raw.get(key, {})
    if isinstance(value, dict):
        return value
    wrong.append(f"{key}: is {value!r}; write it as a TOML table")
    return {}


def _latent(raw: Mapping[str, Any], terms: tuple[Term, ...], wrong: list[str]) -> dict[str, str]:
    dims = {dim for term in terms for dim in term.dims}
    for dim, recorded in raw.items():
        if dim not in dims:
            wrong.append(f"latent.{dim}: no term stands on it; terms stand on {sorted(dims)}")
        if not isinstance(recorded, str) or recorded in dims:
            wrong.append(f"latent.{dim}: is {recorded!r}; name the column that was recorded in its place")
    if len(raw) > 1:
        wrong.append(f"latent: {sorted(raw)} are latent together; one column may be")
    return dict(raw)


def _members(
    raw: dict[str, Any], terms: tuple[Term, ...], latent: Mapping[str, str], wrong: list[str]
) -> MembersOf | None:
    if "members" not in raw:
        return None
    spec = _section(raw, "members", wrong)
    _unknown(spec, {"row", "member", "weight", "total"}, "members.", wrong)
    wrong += [f"members.{key}: missing; name its column" for key in ("row", "member", "weight") if key not in spec]
    row, member, weight = (_valid(spec, key, "members.", _COLUMN, wrong, "") for key in ("row", "member", "weight"))
    total = _valid(spec, "total", "members.", _COLUMN, wrong, None)
    if row and row == member:
        wrong.append(f"members.member: is {member!r}, as members.row is; a row is made up of members of another kind")
    if member and all(member not in term.dims for term in terms):
        wrong.append(f"members.member: no term stands on {member!r}; rows of many members need one that does")
    if latent:
        wrong.append("members: the card has a latent column too; a row is a mixture of groups or of members, not both")
    return MembersOf(row, member, weight, total)


def _unknown(given: Mapping[str, Any], allowed: set[str], where: str, wrong: list[str]) -> None:
    wrong += [f"{where}{key}: unknown key; allowed are {sorted(allowed)}" for key in given if key not in allowed]


def _outcomes(raw: Mapping[str, Any], wrong: list[str]) -> tuple[tuple[Outcome, ...], dict[str, dict[str, Any]]]:
    """The card's outcomes, and the priors that each of several states for itself."""
    if "outcomes" not in raw:
        if "outcome" not in raw:
            wrong.append("outcome: missing; every card states it, or several as [outcomes.NAME]")
        return (_outcome(_section(raw, "outcome", wrong), "outcome", wrong),), {}
    if "outcome" in raw:
        wrong.append("outcome and outcomes: a card states one outcome or several; give one of the two")
    found, apart = [], {}
    for name, spec in _section(raw, "outcomes", wrong).items():
        at = f"outcomes.{name}"
        if not isinstance(spec, dict):
            wrong.append(f"{at}: is {spec!r}; write it as a TOML table")
            continue
        if name in _RESERVED or not name.isidentifier():
            wrong.append(f"{at}: not a name for an outcome; use letters, digits and _, none of {sorted(_RESERVED)}")
        apart[name] = _section(spec, "priors", wrong)
        rest = {key: value for key, value in spec.items() if key != "priors"}
        found.append(_outcome({**rest, "name": name}, at, wrong))
    if not found:
        wrong.append("outcomes: holds none; state each as [outcomes.NAME]")
    return tuple(found) or (Outcome("outcome", "", {}),), apart


def _outcome(spec: dict[str, Any], at: str, wrong: list[str]) -> Outcome:
    _unknown(spec, _OUTCOME, f"{at}.", wrong)
    likelihood = spec.get("likelihood")
    family = FAMILIES.get(str(likelihood))
    roles = {k: v for k, v in spec.items() if k in _ROLES}
    wrong += [f"{at}.{k}: is {v!r}; give the name of a column" for k, v in roles.items() if not isinstance(v, str)]
    if family is None:
        wrong.append(f"{at}.likelihood: is {likelihood!r}; allowed are {list(FAMILIES)}")
    else:
        needed, taken = family.roles(roles)
        wrong += [
            f"{at}.{role}: missing; {likelihood} needs {family.in_words()}" for role in needed if role not in roles
        ]
        wrong += [
            f"{at}.{role}: has no meaning for {likelihood}; allowed are {sorted({*needed, *taken})}"
            for role in roles
            if role not in {*needed, *taken}
        ]
    if "expected" in roles and "exposure" in roles:
        wrong.append(f"{at}.expected and {at}.exposure: give one of them, both are offsets")
    plausible = _valid(spec, "plausible", f"{at}.", _RANGE, wrong, None)
    more_is = _valid(spec, "more_is", f"{at}.", _POLARITY, wrong, "worse")
    name = spec.get("name", roles.get("count", roles.get("value", roles.get("lower", "outcome"))))
    return Outcome(str(name), str(likelihood), roles, tuple(plausible) if plausible else None, more_is)


def _term(name: str, spec: Any, outcomes: tuple[Outcome, ...], wrong: list[str]) -> Term:
    at = f"terms.{name}"
    if not isinstance(spec, dict):
        wrong.append(f"{at}: is {spec!r}; write {{ kind = ..., by = ... }}")
        spec = {}
    if name in _RESERVED or not name.isidentifier():
        wrong.append(f"{at}: not a name for a term; use letters, digits and _, and none of {sorted(_RESERVED)}")
    kind = KINDS.get(str(spec.get("kind")))
    if kind is None:
        wrong.append(f"{at}.kind: is {spec.get('kind')!r}; allowed are {list(KINDS)}")
        kind = next(iter(KINDS.values()))
        spec = {key: spec[key] for key in spec if key not in {"kind", "order"}}
    _unknown(spec, {*_TERM, *KEYS, *kind.choices}, f"{at}.", wrong)
    by = _valid({"by": None, **spec}, "by", f"{at}.", _COLUMNS, wrong, [])
    by = tuple([by] if isinstance(by, str) else by)
    if kind.columns and len(by) not in {0, kind.columns}:
        number = {1: "one column", 2: "two columns"}[kind.columns]
        wrong.append(f"{at}.by: {kind.name} stands on {number}, given are {list(by)}; name no more and no fewer")
    if len(set(by)) != len(by):
        wrong.append(f"{at}.by: names a column twice: {list(by)}; name each once")
    reference = _reference(at, kind, by, spec.get("reference"), wrong)
    order = _valid(spec, "order", f"{at}.", _ORDER, wrong, 1)
    if "order" in spec and "order" not in kind.options:
        wrong.append(f"{at}.order: belongs to a {_taking('order')}, not to {kind.name}; leave it out")
    if kind.slope and spec.get("times") in by:
        wrong.append(f"{at}.times: is {by[0]!r}, which the term stands on; name the other covariate of the product")
    if spec.get("standardise") and not kind.slope and spec.get("times") is None:
        wrong.append(f"{at}.standardise: there is no covariate to standardise; it goes with linear or times")
    listed = _Right(
        lambda value: _is_list_of((str, int, float), value) and len(by) == 1 and 0 < len(value) == len(set(value)),
        "give the levels of its one column once each, in order",
    )
    levels = _valid(spec, "levels", f"{at}.", listed, wrong, None)
    term = Term(
        name=name,
        kind=kind.name,
        by=by,
        reference=reference,
        standardise=_valid(spec, "standardise", f"{at}.", _FLAG, wrong, False),
        order=order,
        scale=_valid(spec, "scale", f"{at}.", _FLAG, wrong, True),
        times=_valid(spec, "times", f"{at}.", _COVARIATE, wrong, None),
        levels=tuple(levels) if levels is not None else None,
        ordered=_ordered(at, kind, spec, wrong),
        chosen=_chosen(at, kind, spec, wrong),
    )
    return across_outcomes(term, spec, outcomes, wrong)


def _chosen(at: str, kind: Kind, spec: Mapping[str, Any], wrong: list[str]) -> tuple[tuple[str, str], ...]:
    """What a term holds under the keys that its kind alone takes."""
    chosen = {key: spec.get(key, words[0]) for key, words in kind.choices.items()}
    wrong += [
        f"{at}.{key}: is {word!r}; allowed are {list(kind.choices[key])}"
        for key, word in chosen.items()
        if word not in kind.choices[key]
    ]
    return tuple((key, word if word in kind.choices[key] else kind.choices[key][0]) for key, word in chosen.items())


def _ordered(at: str, kind: Kind, spec: Mapping[str, Any], wrong: list[str]) -> bool | None:
    given: bool | None = _valid(spec, "ordered", f"{at}.", _FLAG, wrong, None)
    if given is False and kind.stepped:
        independent = next(other.name for other in KINDS.values() if other.independent)
        wrong.append(f"{at}.ordered: is false, and a {kind.name} steps in order; use {independent}")
    return given


def _taking(option: str) -> str:
    """Names of the kinds that take an option."""
    return " or ".join(kind.name for kind in KINDS.values() if option in kind.options)


def _reference(at: str, kind: Kind, by: tuple[str, ...], given: Any, wrong: list[str]) -> tuple[object, ...] | None:
    if "reference" not in kind.options:
        if given is not None:
            wrong.append(
                f"{at}.reference: only a {_taking('reference')} term has one, and this is {kind.name}; leave it out"
            )
        return None
    if given is None:
        wrong.append(
            f"{at}.reference: missing; a {kind.name} term states the level at which it is zero, one for each of {by}"
        )
        return None
    reference = tuple(given) if isinstance(given, list) else (given,)
    if len(reference) != len(by) or not _is_list_of((str, int, float), [*reference]):
        wrong.append(f"{at}.reference: is {given!r}; give one level for each of its columns {list(by)}")
    return reference


def _joint_priors(
    raw: dict[str, Any],
    apart: Mapping[str, dict[str, Any]],
    outcomes: tuple[Outcome, ...],
    terms: tuple[Term, ...],
    wrong: list[str],
) -> dict[str, Prior]:
    """
    Priors of a card with several outcomes, by the names that parameters have inside.

    What `[priors]` states of a parameter that each outcome has for itself holds for every outcome, unless
    `[outcomes.NAME.priors]` states another.
    """
    own = {
        of.name: _priors(apart[of.name], of, _on(terms, of), wrong, f"outcomes.{of.name}.priors.") for of in outcomes
    }
    shared = _parameters(None, terms) | _between(terms)
    stated = _stated_priors(_flatten(raw), shared, "priors.", wrong)
    found: dict[str, Prior] = {}
    for name, prior in stated.items():
        owners = [of.name for of in outcomes if name in _parameters(None, _on(terms, of))]
        for owner in owners:
            if not any(other in own[owner] for other in _instead_of(name)):
                found[of_outcome(owner, name)] = prior
        if not owners:
            found[name] = prior
    wrong += [
        f"priors.{t.name}.loading: {found[f'{t.name}.loading']} has either sign, and the loading of {name!r} is "
        'positive; give a prior of positive numbers, or make the loading "estimated"'
        for t in terms
        for name, loading in t.loadings
        if loading == "positive" and _has_either_sign(found.get(f"{t.name}.loading"))
    ]
    for owner, priors in own.items():
        found |= {of_outcome(owner, name): prior for name, prior in priors.items()}
    return found


def _has_either_sign(prior: Prior | None) -> bool:
    return prior is not None and prior.law is not None and bool(prior.law.support()[0] < 0)


def _on(terms: tuple[Term, ...], outcome: Outcome) -> tuple[Term, ...]:
    """Terms whose parameters an outcome has for itself, at least in part."""
    return tuple(t for t in terms if outcome.name in t.outcomes and t.across in ("apart", "correlated"))


def _instead_of(name: str) -> tuple[str, str]:
    """A standard deviation's prior and that of its precision stand for each other."""
    owner, _, last = name.rpartition(".")
    return name, f"{owner}.{ {'sigma': 'precision', 'precision': 'sigma'}.get(last, last) }"


def _between(terms: tuple[Term, ...]) -> dict[str, tuple[str, ParameterKind]]:
    """Parameters that outcomes have together: correlations and loadings."""
    correlated = [f"{t.name}.correlation" for t in terms if t.across == "correlated"]
    loaded = [f"{t.name}.loading" for t in terms if t.estimated]
    return dict.fromkeys(correlated, ("correlation", PARAMETER_KINDS["correlation"])) | dict.fromkeys(
        loaded, ("loading", PARAMETER_KINDS["loading"])
    )


def _stated_priors(
    flat: Mapping[str, Any], known: Mapping[str, tuple[str, ParameterKind]], at: str, wrong: list[str]
) -> dict[str, Prior]:
    found: dict[str, Prior] = {}
    for key, spec in flat.items():
        if key not in known:
            wrong.append(f"{at}{key}: no such parameter; this card has {sorted(known)}")
        elif not isinstance(spec, dict):
            wrong.append(f'{at}{key}: is {spec!r}; write {{ dist = "Normal", mean = 0, sd = 1 }} or the like')
        elif isinstance(prior := read_prior(spec, *known[key]), Prior):
            found[key] = prior
        else:
            wrong.append(f"{at}{key}{prior}")
    return found


def _priors(
    raw: dict[str, Any], outcome: Outcome, terms: tuple[Term, ...], wrong: list[str], at: str = "priors."
) -> dict[str, Prior]:
    known = _parameters(outcome, terms)
    if at == "priors.":
        found = _stated_priors(_flatten(raw), known, at, wrong)
    else:
        # Under an outcome of several its own parameters need no owner.
        bare = {name.removeprefix("outcome."): (name, of) for name, of in known.items()}
        stated = _stated_priors(_flatten(raw), {name: of for name, (_, of) in bare.items()}, at, wrong)
        found = {bare[name][0]: prior for name, prior in stated.items()}
    instead = {"precision": ["sigma"], DISPERSION: [own.name for own in _own(outcome) if own.dispersed]}
    for key in found:
        owner, _, kind = key.rpartition(".")
        both = [name for name in instead.get(kind, ()) if f"{owner}.{name}" in found]
        wrong += [f"{at}{owner}: has a prior on {name} and on {kind}; give one of them" for name in both]
    return found


def _parameters(outcome: Outcome | None, terms: tuple[Term, ...]) -> dict[str, tuple[str, ParameterKind]]:
    """What a card's priors may stand on: the last part of each name, and what that may be."""
    coefficients = [name for term in terms for name in term.coefficients]
    known = dict.fromkeys(coefficients, ("coefficient", PARAMETER_KINDS["coefficient"]))
    known["intercept"] = ("intercept", PARAMETER_KINDS["intercept"])
    for term in terms:
        names = [of.name for of in term.hyperparameters]
        known |= {f"{term.name}.{of.name}": (of.name, PARAMETER_KINDS[of.like]) for of in term.hyperparameters}
        if "sigma" in names:
            known[f"{term.name}.precision"] = ("precision", PARAMETER_KINDS["precision"])
    for own in _own(outcome):
        known[f"outcome.{own.name}"] = (own.name, ParameterKind(own.allowed, 0.0, own.upper))
        for other in (*(["precision"] if own.name == "sigma" else []), *([DISPERSION] if own.dispersed else [])):
            known[f"outcome.{other}"] = (other, PARAMETER_KINDS[other])
    return known


def _own(outcome: Outcome | None) -> tuple[OwnParameter, ...]:
    return outcome.family.parameters if outcome is not None and outcome.likelihood in FAMILIES else ()


def _flatten(raw: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in raw.items():
        if isinstance(value, dict) and "dist" not in value:
            flat |= _flatten(value, f"{prefix}{key}.")
        elif isinstance(value, dict):
            flat[f"{prefix}{key}"] = {k: v for k, v in value.items() if not isinstance(v, dict)}
            flat |= _flatten({k: v for k, v in value.items() if isinstance(v, dict)}, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat
