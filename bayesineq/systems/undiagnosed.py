"""People who have a condition that nobody has recorded: by area and group, and ranked for testing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayesineq.dims import CI_PROB, POPULATION
from bayesineq.errors import DesignError, SchemaError
from bayesineq.pathway.need import undiagnosed as need
from bayesineq.systems.card import UndiagnosedCard
from bayesineq.tables.files import read_table

if TYPE_CHECKING:
    import xarray as xr

type Array = NDArray[np.float64]

_ENDS: Final = ((1 - CI_PROB) / 2, (1 + CI_PROB) / 2)
_SHOWN: Final = 5
_MOST: Final = 5e7


def undiagnosed(
    post: xr.DataTree,
    estimate: pd.DataFrame,
    card: UndiagnosedCard,
    persons: pd.DataFrame | None = None,
    *,
    seed: int = 1,
) -> dict[str, pd.DataFrame]:
    """
    Count who has a condition and no record of it, by area and group, and say what ranking persons for tests does.

    Parameters
    ----------
    post : DataTree
        Posterior of recorded prevalence.
    estimate : DataFrame
        True prevalence with its interval, as of `bayesineq.pathway.undiagnosed`.
    card : UndiagnosedCard
        What is asked.
    persons : DataFrame, optional
        A row a person, with the card's cells, groups and record.
    seed : int
        Makes the draws, and the order of persons who rank alike, reproducible.

    Returns
    -------
    dict of str to DataFrame
        Tables with small counts (see `bayesineq.disclosure.covered_persons`): `undiagnosed_groups`, with `expected`,
        `undiagnosed` (people), `gap` (of prevalence) and `diagnosed_share`, and intervals; with persons
        `undiagnosed_tests`, as of `offers_by_group`; `undiagnosed_about`.

    Raises
    ------
    SchemaError
        Columns of persons are missing, or their cells are not in the posterior.
    MeasureError
        The estimate does not fit the posterior.

    Examples
    --------
    >>> from bayesineq import example
    >>> survey = pd.DataFrame({"estimate": [0.14], "lower": [0.13], "upper": [0.15]})
    >>> card = UndiagnosedCard("d", "Who?", estimate="", source="a survey", by=("ethnicity",))
    >>> found = undiagnosed(example().post, survey, card)["undiagnosed_groups"].set_index("level")
    >>> bool(found.loc["white", "diagnosed_share"] < found.loc["asian", "diagnosed_share"])
    True
    """
    from bayesineq.disclosure.cover import cover

    hidden, parts = cover(post), []
    for by in card.by:
        gone = set(map(str, hidden.levels(by)))
        parts.append(_group_rows(post, by, estimate, card, gone, seed))
    made = {"undiagnosed_groups": pd.concat(parts, ignore_index=True)}
    said = [("source of what is true", card.source)]
    if persons is not None:
        chance = unrecorded_chance(post, estimate, card, persons, seed=seed)
        rank = rank_for_testing(chance.mean(axis=0), seed=seed)
        offered = rank <= round(card.tests * chance.shape[1])
        rest = persons[~_recorded(persons, card)].reset_index(drop=True)
        made["undiagnosed_tests"] = offers_by_group(rest[list(card.by)], chance, offered)
        said.append(("tests offered", f"{100 * card.tests:g}% of people without a record, likeliest first"))
    about = pd.DataFrame([*said, ("not for", card.not_for)], columns=["item", "value"])
    return made | {"undiagnosed_about": about}


def read_undiagnosed(path: str | Path, card: UndiagnosedCard, seed: int | None = None) -> dict[str, pd.DataFrame]:
    """Tables of `undiagnosed` of a posterior, with the card's files."""
    from bayesineq.posterior.files import load

    if Path(path).suffix != ".nc":
        raise DesignError(f"{path}: give the posterior of recorded prevalence that `fit` wrote (.nc)")
    persons = read_table(card.persons) if card.persons else None
    return undiagnosed(load(path), read_table(card.estimate), card, persons, seed=1 if seed is None else seed)


def unrecorded_chance(
    post: xr.DataTree, estimate: pd.DataFrame, card: UndiagnosedCard, persons: pd.DataFrame, *, seed: int = 1
) -> Array:
    """
    Chance that a person without a record has the condition, draw by draw.

    Parameters
    ----------
    post, estimate, card, persons
        As of `undiagnosed`.
    seed : int
        Makes the draws reproducible.

    Returns
    -------
    ndarray, shape (n_draw, n_person without a record)
        From 0 to 1, in the order of the persons.

    Raises
    ------
    SchemaError
        Columns are missing, or cells of persons are not in the posterior.

    Notes
    -----
    In a cell with true prevalence t and recorded prevalence r it is (t - r) / (1 - r), none where more is recorded than
    true; a score tells persons of a cell apart in proportion to it.

    Examples
    --------
    >>> from bayesineq import example
    >>> survey = pd.DataFrame({"estimate": [0.14], "lower": [0.139], "upper": [0.141]})
    >>> card = UndiagnosedCard("d", "Who?", estimate="", by=("ethnicity",), cells=("ethnicity",))
    >>> people = pd.DataFrame({"ethnicity": ["white", "asian", "white"], "recorded": [0, 0, 1]})
    >>> unrecorded_chance(example().post, survey, card, people).mean(axis=0).round(2)
    array([0.06, 0.01])
    """
    from bayesineq.posterior.expected import expected
    from bayesineq.posterior.groups import pooled

    named = [*card.cells, *card.by, card.recorded, *([card.score] if card.score else [])]
    if missing := [name for name in named if name not in persons]:
        raise SchemaError(f"the table of persons has no columns {missing}; it has {list(persons.columns)}")
    if not card.cells:
        raise SchemaError("the card names no cells: columns that persons and the posterior have in common")
    cells = list(card.cells)
    values = expected(post, by=cells)
    found = need(values, estimate, source=card.source, errors=_errors(card, estimate), seed=seed)
    recorded = pooled(values, cells).astype(float).reshape(-1, int(np.prod([values.sizes[c] for c in cells])))
    gap = pooled(found.gap, cells).astype(float).reshape(recorded.shape)
    with np.errstate(divide="ignore", invalid="ignore"):
        chance = np.clip(gap / (1 - recorded), 0.0, 1.0)
    levels = pd.MultiIndex.from_product([values[name].to_numpy().astype(str) for name in cells])
    rest = persons[~_recorded(persons, card)]
    place = levels.get_indexer(pd.MultiIndex.from_frame(rest[cells].astype(str)))
    if (place < 0).any() or np.isnan(chance[:, place]).any():
        lost = rest[cells][(place < 0) | np.isnan(chance[:, np.maximum(place, 0)]).any(axis=0)].drop_duplicates()
        raise SchemaError(f"cells of persons are not in the posterior, such as {lost.head(_SHOWN).to_numpy().tolist()}")
    if len(place) * len(chance) > _MOST:
        # Draws beyond what can be held at once add nothing to an interval.
        chance = chance[:: int(np.ceil(len(place) * len(chance) / _MOST))]
    own = chance[:, place]
    return np.asarray(own if not card.score else np.minimum(own * _within(rest[card.score], place), 1.0))


def rank_for_testing(chance: Array, *, seed: int = 1) -> NDArray[np.intp]:
    """
    Rank persons for testing, likeliest first; who ranks alike is put in order by lot.

    Parameters
    ----------
    chance : ndarray, shape (n_person,)
        Chance that each has the condition unrecorded.
    seed : int
        Of the lot.

    Returns
    -------
    ndarray of int, shape (n_person,)
        1 is offered a test first.

    Examples
    --------
    >>> rank_for_testing(np.array([0.1, 0.3, 0.2]))
    array([3, 1, 2])
    """
    lot = np.random.default_rng(seed).random(len(chance))
    out = np.empty(len(chance), dtype=np.intp)
    out[np.lexsort((lot, -np.asarray(chance)))] = np.arange(1, len(chance) + 1)
    return out


def offers_by_group(groups: pd.DataFrame, chance: Array, offered: NDArray[np.bool_]) -> pd.DataFrame:
    """
    Say what a list for testing does to inequality: who is offered tests, and in whom something is found.

    Parameters
    ----------
    groups : DataFrame, n_person rows
        Columns of groups of people without a record.
    chance : ndarray, shape (n_draw, n_person)
        Chance that each has the condition.
    offered : ndarray of bool, shape (n_person,)
        Who is offered a test.

    Returns
    -------
    DataFrame
        A row a group: `by, level, people, offered`; shares of all `share_of_people`, `share_of_tests`, `share_of_need`
        (of those who have it unrecorded) and `share_of_finds`; `finds` (people found), and `reached`, the share of a
        group's own need that is found; each of the last four with `_lower` and `_upper`.

    Examples
    --------
    >>> groups = pd.DataFrame({"sex": ["F", "F", "M", "M"]})
    >>> chance = np.array([[0.4, 0.1, 0.2, 0.1]] * 2)
    >>> found = offers_by_group(groups, chance, np.array([True, False, True, False]))
    >>> found[["level", "share_of_tests", "share_of_finds", "reached"]].round(3).to_numpy().tolist()
    [['F', 0.5, 0.667, 0.8], ['M', 0.5, 0.333, 0.667]]
    """
    rows = []
    for by in groups.columns:
        codes, levels = pd.factorize(groups[by].astype("string").fillna("not known"), sort=True)
        size = np.bincount(codes)
        tests = np.bincount(codes, weights=offered)
        due = np.array([np.bincount(codes, weights=one, minlength=len(levels)) for one in chance])
        finds = np.array([np.bincount(codes, weights=one * offered, minlength=len(levels)) for one in chance])
        with np.errstate(divide="ignore", invalid="ignore"):
            drawn = {
                "share_of_need": due / due.sum(axis=1, keepdims=True), "finds": finds, "reached": finds / due,
                "share_of_finds": finds / finds.sum(axis=1, keepdims=True),
            }  # fmt: skip
        table = pd.DataFrame({
            "by": by, "level": [str(level) for level in levels], "people": size, "offered": tests,
            "share_of_people": size / size.sum(), "share_of_tests": tests / max(tests.sum(), 1),
        })  # fmt: skip
        rows.append(table.assign(**_ends(drawn)))
    return pd.concat(rows, ignore_index=True)


def _ends(drawn: dict[str, Array]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name, values in drawn.items():
        # Of a group in which nothing is left to find, no share of it can be found.
        known, three = ~np.isnan(values).all(axis=0), np.full((3, values.shape[1]), np.nan)
        three[0, known] = np.nanmean(values[:, known], axis=0)
        three[1:, known] = np.nanquantile(values[:, known], _ENDS, axis=0)
        made |= dict(zip((name, f"{name}_lower", f"{name}_upper"), three, strict=True))
    return made


def _errors(card: UndiagnosedCard, estimate: pd.DataFrame) -> Any:
    return None if len(estimate) == 1 else cast("Any", card.errors)


def _recorded(persons: pd.DataFrame, card: UndiagnosedCard) -> NDArray[np.bool_]:
    had = pd.to_numeric(persons[card.recorded], errors="coerce").to_numpy(float, na_value=np.nan)
    if bad := int((~np.isin(had, (0.0, 1.0))).sum()):
        raise SchemaError(f"{card.recorded!r} must be 0 or 1 in every row; {bad:,} are not")
    if had.all():
        raise SchemaError(f"{card.recorded!r} is 1 in every row: nobody is left to test")
    return np.asarray(had > 0)


def _within(score: pd.Series, place: NDArray[np.intp]) -> Array:
    """Scores over the mean of their cell."""
    value = pd.to_numeric(score, errors="coerce").to_numpy(float, na_value=np.nan)
    if bad := int((~(value > 0)).sum()):
        raise SchemaError(f"scores must be above zero; {bad:,} are not")
    mean = np.bincount(place, weights=value) / np.maximum(np.bincount(place), 1)
    return np.asarray(value / mean[place])


def _group_rows(
    post: xr.DataTree, by: str, estimate: pd.DataFrame, card: UndiagnosedCard, gone: set[str], seed: int
) -> pd.DataFrame:
    """Expected against recorded of each level, worked out in the cells that the estimate is given by."""
    from bayesineq.posterior.expected import expected
    from bayesineq.posterior.groups import pooled

    known: Sequence[str] = [str(name) for name in estimate.columns if name not in ("estimate", "lower", "upper",
                                                                                   "standard_error")]  # fmt: skip
    values = expected(post, by=[by, *(name for name in known if name != by)])
    found = need(values, estimate, source=card.source, by=by, errors=_errors(card, estimate), seed=seed)
    whole = expected(post, by=by)
    levels = [str(level) for level in whole[by].to_numpy()]
    people = whole[POPULATION].to_numpy().astype(float)
    missing = pooled(found.people, by).astype(float)
    share, gap = pooled(found.diagnosed_share, by).astype(float), pooled(found.gap, by).astype(float)
    own = pooled(whole, by).astype(float) * people
    hide = np.array([np.nan if level in gone else 0.0 for level in levels])
    table = pd.DataFrame({
        "by": by, "level": levels, "people": people + hide, "recorded": np.rint(own.mean(axis=0)),
        "more": (missing > 0).mean(axis=0),
    })  # fmt: skip
    drawn = {"expected": own + missing, "undiagnosed": missing, "gap": gap, "diagnosed_share": share}
    return table.assign(**_ends(drawn))
