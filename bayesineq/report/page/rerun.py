"""What a stranger needs to make the numbers of a page again, and whether they came out the same."""

from __future__ import annotations

import html
import json
import platform
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import pandas as pd
import xarray as xr

from bayesineq.dims import CI_PROB, DEPRIVATION, ETHNICITY, POPULATION, SAMPLE_DIMS
from bayesineq.disclosure.cover import cover
from bayesineq.disclosure.read_rule import rule_of
from bayesineq.disclosure.rule import Rule
from bayesineq.errors import DisclosureError, PosteriorError
from bayesineq.model.card import ModelCard
from bayesineq.model.read_card import parse_card
from bayesineq.posterior.inequality import inequality_of
from bayesineq.posterior.population import card_of
from bayesineq.report.page.alike import Alike, alike

BLOCK: Final = re.compile(r'<meta name="bayesineq-rerun" content="([^"]*)">')
"""Not a script, of which a page has none unless it can be explored."""

ENDS: Final = ("mean", "lower", "upper")
_TOLD: Final = ("card_name", "engine", "correction")
_FAR: Final = 4.0 * 2.0**0.5
"""How many standard errors of the difference of two runs may lie between them."""

_OF_LIMIT: Final = 2.67
"""The standard error of a 95% limit over that of the mean, of a normal law."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """
    How the numbers of a page were made, and what they were.

    Parameters
    ----------
    card : ModelCard
        The card.
    engine : {"laplace", "nuts"}
        Which engine.
    draws, chains : int
        Draws in all, and chains.
    rule : Rule
        The rule for small counts.
    figures : DataFrame
        A row a figure: `by`, `figure`, `mean`, `lower`, `upper`, to four digits.
    made : mapping of str to str
        Versions.
    """

    card: ModelCard
    engine: Literal["laplace", "nuts"]
    draws: int
    chains: int
    rule: Rule
    figures: pd.DataFrame
    made: Mapping[str, str]


def headline_figures(likes: Mapping[str, Alike]) -> pd.DataFrame:
    """Outcome by group and inequality, by deprivation and ethnicity: `by`, `figure`, `mean`, `lower`, `upper`."""
    found = [pd.DataFrame(columns=["by", "figure", *ENDS])]
    for dim, like in likes.items():
        if dim in (*DEPRIVATION, ETHNICITY) and like.values.shown.sizes[dim] > 1:
            table = inequality_of(like.values.shown, dim, CI_PROB)
            found.append(table.rename(columns={"parameter": "figure"})[["figure", *ENDS]].assign(by=dim))
    kept = [table for table in found if len(table)]
    return pd.concat(kept or found, ignore_index=True)[["by", "figure", *ENDS]]


def recipe_text(post: xr.DataTree, rule: Rule, figures: pd.DataFrame) -> str:
    """
    What a page holds of how to run it again, as JSON.

    It holds neither seed nor digest of the table, by which a guess at a withheld count could be confirmed.
    """
    sizes = post["posterior"].sizes
    said: dict[str, object] = {
        "card": post.attrs["card"],
        **{name: str(post.attrs[name]) for name in _TOLD if name in post.attrs},
        "draws": int(sizes["chain"] * sizes["draw"]),
        "chains": int(sizes["chain"]),
        "rule": {"name": rule.name, "threshold": rule.threshold, "base": rule.base, "zeros": rule.zeros,
                 "rounding": rule.rounding, "degrees_of_freedom": rule.degrees_of_freedom},
        "made": {"bayesineq": version("bayesineq"), "python": platform.python_version(), "numpy": version("numpy")},
        "figures": [[by, name, *(_short(end) for end in ends)] for by, name, *ends in figures.itertuples(index=False)],
    }  # fmt: skip
    return json.dumps(said, allow_nan=False)


def _short(value: float) -> float | None:
    return float(f"{value:.4g}") if np.isfinite(value) else None


def read_recipe(page: str | Path) -> Recipe:
    """
    Read from a page how its numbers were made.

    A page without a block, or with one that was altered, is a `PosteriorError`.
    """
    source = Path(page)
    try:
        found = BLOCK.search(source.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise PosteriorError(f"{source} cannot be read as a report: {error}") from None
    if found is None:
        raise PosteriorError(f"{source} does not say how to run it again: take a page as `bayesineq report` wrote it")
    try:
        return _recipe(json.loads(html.unescape(found[1])))
    except (KeyError, TypeError, ValueError, OverflowError, RecursionError, DisclosureError) as error:
        raise PosteriorError(
            f"{source}: what it says of how to run it again is damaged ({type(error).__name__}: {error}); take "
            "the page as `bayesineq report` wrote it"
        ) from None


def _recipe(said: Any) -> Recipe:
    engine, draws, chains = said["engine"], said["draws"], said["chains"]
    if engine not in ("laplace", "nuts") or not all(type(n) is int and 0 < n <= 10**7 for n in (draws, chains)):
        raise ValueError(f"engine {engine!r}, draws {draws!r}, chains {chains!r}")
    figures = pd.DataFrame(said["figures"], columns=["by", "figure", *ENDS])
    figures = figures.astype({"by": "str", "figure": "str", **dict.fromkeys(ENDS, "float64")})
    rule = Rule(**{name: value for name, value in said["rule"].items() if name != "perturbation"})
    # A set that ships has what a page does not hold, such as a table of perturbations.
    rule = rule_of(rule.name) if rule.name == "cell_keys" else rule
    card = parse_card(str(said["card"]), str(said.get("card_name", "card")))
    return Recipe(card, engine, draws, chains, rule, figures, {str(k): str(v) for k, v in said["made"].items()})


def compare_figures(recipe: Recipe, post: xr.DataTree) -> pd.DataFrame:
    r"""
    Compare the figures of a page with those of another fit.

    Parameters
    ----------
    recipe : Recipe
        What the page says.
    post : DataTree
        The other fit, of the same card.

    Returns
    -------
    DataFrame
        A row a figure: `by`, `figure`, `mean`, `lower`, `upper` of the page, `mean_again` and so on, and `agrees`:
        "exactly" (to the four digits of the page), "within Monte Carlo error", or "no".

    Raises
    ------
    PosteriorError
        The fit is of another card.

    Notes
    -----
    Two runs of n draws differ in a mean by less than :math:`4\sqrt{2}\,s/\sqrt n`, in a 95% limit by 2.67 times that,
    where s is the posterior's standard deviation. Where counts are rounded, each rate may besides be one step of its
    rounding away, and its spread one step in ten: what that does to a figure is added, group by group, in squares.
    """
    if card_of(post).source != recipe.card.source:
        raise PosteriorError("the posterior is of another card than the page; fit the card that the page holds")
    whole = cover(post, recipe.rule)
    likes = {dim: alike(post, whole, dim) for dim in dict.fromkeys(recipe.figures["by"]) if dim in recipe.card.dims}
    keys = ["by", "figure"]
    again = headline_figures(likes).merge(_steps(likes, recipe.rule), on=keys, how="left")
    again[list(ENDS)] = again[list(ENDS)].map(lambda value: float(f"{value:.4g}"))
    both = recipe.figures.merge(again, on=keys, how="outer", suffixes=("", "_again"), sort=False)
    both["agrees"] = [_agrees(row, recipe.draws, recipe.rule) for row in both.to_dict("records")]
    return both.drop(columns="step")


def _agrees(row: Mapping[Any, Any], draws: int, rule: Rule) -> str:
    pairs = [(row[end], row[f"{end}_again"]) for end in ENDS]
    if all(one == two or (np.isnan(one) and np.isnan(two)) for one, two in pairs):
        return "exactly"
    sd = (row["upper_again"] - row["lower_again"]) / 3.92
    error = _FAR * sd / draws**0.5
    spread = 0.2 * sd if rule.base > 1 else 0.0
    near = [error, _OF_LIMIT * error + spread, _OF_LIMIT * error + spread]
    written = [max(abs(one), abs(two)) * 1e-3 for one, two in pairs]
    room = zip(pairs, near, written, strict=True)
    return "within Monte Carlo error" if all(abs(a - b) <= n + w + row["step"] for (a, b), n, w in room) else "no"


def _steps(likes: Mapping[str, Alike], rule: Rule) -> pd.DataFrame:
    """What one step of rounding in each group does to every figure, added up in squares."""
    rows: list[pd.DataFrame] = [pd.DataFrame(columns=["by", "figure", "step"])]
    for dim, like in likes.items():
        shown = like.values.shown
        if shown.sizes[dim] < 2:
            continue
        base = inequality_of(shown, dim, CI_PROB).set_index("parameter")["mean"]
        squares = 0.0 * base
        step = (rule.base / shown[POPULATION].where(shown[POPULATION] > 0)).fillna(0.0) if rule.base > 1 else None
        for level in shown[dim].to_numpy() if step is not None else ():
            moved = shown + step * (shown[dim] == level)
            told = moved.transpose(*SAMPLE_DIMS, dim).assign_attrs(shown.attrs).clip(max=1.0 if _share(shown) else None)
            squares += (inequality_of(told, dim, CI_PROB).set_index("parameter")["mean"] - base) ** 2
        rows.append(pd.DataFrame({"by": dim, "figure": base.index, "step": np.sqrt(squares.to_numpy())}))
    return pd.concat([table for table in rows if len(table)] or rows, ignore_index=True)


def _share(values: xr.DataArray) -> bool:
    return bool(float(values.max()) <= 1.0)
