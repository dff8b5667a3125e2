"""
How often `diagnose` finds fault with right models, and how often it names what is wrong with others.

Right tables come from the model that is fitted: eight kinds, over Poisson, negative binomial, binomial and Gaussian
outcomes, with and without spatial terms, with one row and several an area, and of ethnicity by deprivation; of 30 to
2,000 rows and half an event to a hundred a row, both spread evenly over their logarithms.

Misfits, their strength stated before any was fitted:

- over-dispersion: Poisson and binomial cards; counts of 3 to 50 a row on average whose variance is 2 to 4 times the
  likelihood's, four rows or more an area, 100 to 2,000 rows; named by the likelihood with more spread;
- zero inflation: Poisson cards, 15 to 40% of the rows zeros whatever their rate, else 3 to 30 events a row, four rows
  or more an area, 100 to 2,000 rows; named by the likelihood with zeros;
- a wrong link: two groups whose effects add up on the scale of the rate (Poisson, risks of a binomial), or multiply
  (Gaussian): each of eight levels that take the rate from one to six; 10 to 50 events a row, 200 to 2,000 rows;
- a missing covariate that varies over 100 to 400 areas as an intrinsic autoregression does, of standard deviation 0.3
  on the link (0.6 of the noise where Gaussian), under cards with independent areas or none; four rows an area, 5 to 50
  events a row.

Where each row has an effect of its own, over-dispersion is no misfit: the effect is there to take it up. Of a missing
covariate the strength first stated, 36 to 196 areas and 0.3 of the noise, was named in 74% of tables: with the map's
own covariance and its noise known, a test of the same size finds it in 32% of Gaussian tables of four rows an area, so
that no check can. Tables of the study are not those on which the checks were made (`FIRST`).

Run: python -m tests.calibration.study_diagnose FOLDER [SHARE]     (writes diagnose.csv; SHARE of the 400 tables)
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr
from scipy.special import expit

from bayesineq.design.matrix import design
from bayesineq.inference.fit import LaplaceOptions, fit
from bayesineq.model.kinds.structures import intrinsic, root
from bayesineq.model.read_card import parse_card
from bayesineq.posterior.diagnose import diagnose
from bayesineq.posterior.misfit import NAMES
from bayesineq.space.adjacency import Adjacency
from tests.calibration.study_outcomes import grid
from tests.sparse_engine.cases import card_text

N_EACH: Final = {"right": 25, "wrong": 50}
DRAWS: Final = 400
FIRST: Final = 3000

POISSON: Final = 'count = "y"\nexpected = "n"\nlikelihood = "poisson"'
BINOMIAL: Final = 'count = "y"\nat_risk = "n"\nlikelihood = "binomial"'
GAUSSIAN: Final = 'value = "y"\nlikelihood = "gaussian"'
AREA: Final = 'place = { kind = "exchangeable", by = "area" }\n'
MAP: Final = 'place = { kind = "bym2", by = "area" }\n'
GROUPS: Final = (
    'first = { kind = "fixed", by = "first", reference = "f0" }\n'
    'second = { kind = "fixed", by = "second", reference = "s0" }\n'
)
CELLS: Final = 'ethnicity = { kind = "exchangeable", by = "ethnicity" }\nimd = { kind = "random_walk", by = "imd" }\n'


class World(NamedTuple):
    """A table, the card that is fitted to it, its graph, and what names the misfit: a check and its remedy."""

    table: pd.DataFrame
    outcome: str
    terms: str
    graph: Adjacency
    check: str = ""
    remedy: str = ""


@cache
def smooth(side: int) -> np.ndarray:
    """Root of the covariance of a smooth map of unit scale."""
    return root(intrinsic(grid(side), scaled=True), {})


def _even(rng: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def _places(rng: np.random.Generator, rows: float, each: int) -> tuple[pd.DataFrame, Adjacency, int]:
    """Rows of a square of areas, `each` an area, and the square's side."""
    side = max(int(np.sqrt(rows / each)), 3)
    graph = grid(side)
    return pd.DataFrame({"area": np.repeat(graph.areas, each), "x": rng.normal(size=side * side * each)}), graph, side


def _effect(rng: np.random.Generator, graph: Adjacency, each: int, sd: float = 0.4) -> np.ndarray:
    return np.repeat(sd * rng.normal(size=len(graph)), each)


def _counted(rng: np.random.Generator, outcome: str, eta: np.ndarray, mean: float, spread: float = 1.0) -> pd.DataFrame:
    """Counts at a log rate (or logit risk) of mean events a row, their variance `spread` times the likelihood's."""
    if outcome == POISSON:
        rate = mean * np.exp(eta)
        scatter = rng.gamma(rate / (spread - 1.0)) * (spread - 1.0) if spread > 1.0 else rate
        return pd.DataFrame({"y": rng.poisson(scatter), "n": np.full(len(eta), mean)})
    n = max(round(4.0 * mean), 2)
    risk = expit(eta - 1.1)
    if spread > 1.0:
        # Var of a beta-binomial is 1 + (n - 1) / (concentration + 1) times the binomial's.
        size = max((n - 1.0) / (spread - 1.0) - 1.0, 0.05)
        risk = rng.beta(np.maximum(size * risk, 1e-3), np.maximum(size * (1.0 - risk), 1e-3))
    return pd.DataFrame({"y": rng.binomial(n, risk), "n": np.full(len(eta), n)})


def _areas(outcome: str, each: int, terms: str = AREA, own: str = "") -> Callable[[np.random.Generator], World]:
    """Right: areas, alike or on a map, and a slope."""

    def world(rng: np.random.Generator) -> World:
        table, graph, side = _places(rng, _even(rng, 30, 2000), each)
        place = _effect(rng, graph, each)
        if terms == MAP:
            place = 0.7 * place + 0.3 * np.repeat(smooth(side) @ rng.normal(size=side * side), each)
        eta, slope = place + 0.3 * table["x"].to_numpy(), 'x = { kind = "linear", by = "x" }\n'
        if outcome == GAUSSIAN:
            counts = pd.DataFrame({"y": 3.0 + eta + rng.normal(size=len(eta)) * rng.uniform(0.2, 2.0)})
        elif own:
            rate, size = _even(rng, 0.5, 100), rng.uniform(1.0, 8.0)
            scatter = rng.gamma(size, np.exp(eta) * rate / size)
            counts = pd.DataFrame({"y": rng.poisson(scatter), "n": np.full(len(eta), rate)})
        else:
            counts = _counted(rng, outcome, eta, _even(rng, 0.5, 100))
        said = outcome.replace('"poisson"', f'"{own}"') if own else outcome
        return World(pd.concat([table, counts], axis=1), said, terms + slope, graph)

    return world


def _cells(outcome: str, terms: str) -> Callable[[np.random.Generator], World]:
    """Right: areas by ethnicity, each area of a decile of deprivation."""

    def world(rng: np.random.Generator) -> World:
        table, graph, side = _places(rng, _even(rng, 80, 2000), 4)
        decile = rng.permutation(np.arange(side * side) % 9 + 1)
        table = table.assign(ethnicity=np.tile(list("abcd"), side * side), imd=np.repeat(decile, 4))
        eta = 0.08 * (5 - table["imd"]) + table["ethnicity"].map(dict(zip("abcd", (0, 0.3, -0.2, 0.5), strict=True)))
        if terms:
            eta = eta + _effect(rng, graph, 4, 0.3)
        counts = _counted(rng, outcome, eta.to_numpy(), _even(rng, 0.5, 100))
        return World(pd.concat([table, counts], axis=1), outcome, CELLS + terms, graph)

    return world


def _spread(rng: np.random.Generator) -> World:
    outcome, each = (POISSON, BINOMIAL)[rng.integers(2)], int(rng.integers(4, 9))
    table, graph, _ = _places(rng, _even(rng, 100, 2000), each)
    eta, mean, spread = _effect(rng, graph, each), _even(rng, 3, 50), rng.uniform(2.0, 4.0)
    counts = _counted(rng, outcome, eta, mean, spread)
    remedy = "negative_binomial" if outcome == POISSON else "beta_binomial"
    return World(pd.concat([table, counts], axis=1), outcome, AREA, graph, "spread", remedy)


def _zeros(rng: np.random.Generator) -> World:
    each = int(rng.integers(4, 9))
    table, graph, _ = _places(rng, _even(rng, 100, 2000), each)
    counts = _counted(rng, POISSON, _effect(rng, graph, each), _even(rng, 3, 30))
    counts["y"] *= rng.random(len(counts)) > rng.uniform(0.15, 0.4)
    return World(pd.concat([table, counts], axis=1), POISSON, AREA, graph, "zeros", "zero_inflated_poisson")


def _link(rng: np.random.Generator) -> World:
    outcome = (POISSON, BINOMIAL, GAUSSIAN)[rng.integers(3)]
    each = int(_even(rng, 200, 2000) // 64)
    first, second = (axis.ravel() for axis in np.meshgrid(np.arange(8), np.arange(8)))
    first, second = np.tile(first, each), np.tile(second, each)
    level = np.linspace(1.0, 6.0, 8)
    table = pd.DataFrame({"first": np.char.add("f", first.astype(str)), "second": np.char.add("s", second.astype(str))})
    both = level[rng.permutation(8)][first], level[rng.permutation(8)][second]
    if outcome == GAUSSIAN:
        table["y"] = both[0] * both[1] * np.exp(0.4 * rng.normal(size=len(table)))
    else:
        rate = (both[0] + both[1]) / (both[0] + both[1]).mean()
        mean = _even(rng, 10, 50)
        table["n"] = mean if outcome == POISSON else round(4.0 * mean)
        table["y"] = rng.poisson(mean * rate) if outcome == POISSON else rng.binomial(table["n"], 0.25 * rate)
    return World(table, outcome, GROUPS, grid(3), "link")


def _missing(rng: np.random.Generator) -> World:
    outcome, each = (POISSON, BINOMIAL, GAUSSIAN)[rng.integers(3)], 4
    side, terms = int(rng.integers(10, 21)), (AREA, "")[rng.integers(2)]
    graph = grid(side)
    value = smooth(side) @ rng.normal(size=side * side)
    table = pd.DataFrame({"area": np.repeat(graph.areas, each), "x": rng.normal(size=side * side * each)})
    strength = 0.6 if outcome == GAUSSIAN else 0.3
    eta = strength * np.repeat((value - value.mean()) / value.std(), each) + 0.3 * table["x"].to_numpy()
    if outcome == GAUSSIAN:
        counts = pd.DataFrame({"y": eta + rng.normal(size=len(eta))})
    else:
        counts = _counted(rng, outcome, eta, _even(rng, 5, 50))
    slope = 'x = { kind = "linear", by = "x" }\n'
    return World(pd.concat([table, counts], axis=1), outcome, terms + slope, graph, "neighbours")


RIGHT: Final[dict[str, Callable[[np.random.Generator], World]]] = {
    "poisson, areas": _areas(POISSON, 5),
    "poisson, a row an area, map": _areas(POISSON, 1, MAP),
    "poisson, ethnicity by deprivation": _cells(POISSON, ""),
    "negative binomial, areas": _areas(POISSON, 4, AREA, "negative_binomial"),
    "negative binomial, map": _areas(POISSON, 3, MAP, "negative_binomial"),
    "binomial, ethnicity by deprivation, map": _cells(BINOMIAL, MAP),
    "binomial, a row an area": _areas(BINOMIAL, 1),
    "gaussian, areas": _areas(GAUSSIAN, 4),
}
WRONG: Final[dict[str, Callable[[np.random.Generator], World]]] = {
    "over-dispersion": _spread,
    "zero inflation": _zeros,
    "wrong link": _link,
    "missing covariate": _missing,
}


def fitted(world: World, seed: int, *, outcome: str = "", terms: str = "") -> xr.DataTree:
    """The posterior of a world, under its own card or another one."""
    card = parse_card(card_text(outcome or world.outcome, terms or world.terms, ""))
    made = design(world.table, card, adjacency=world.graph)
    return fit(made, engine=LaplaceOptions(threads=1), draws=DRAWS, seed=seed, progress=False)


def judged(kind: str, seed: int) -> dict[str, object]:
    """Which checks of a world failed, and whether its misfit was named."""
    make = {**RIGHT, **WRONG}[kind]
    world = make(np.random.default_rng([seed, *kind.encode()]))
    post = fitted(world, seed)
    table = diagnose(post).table
    short = {title: name for name, title in NAMES.items()}
    failed = [short.get(check, check) for check in table.loc[~table["passed"], "check"]]
    advice = " ".join(table["advice"])
    named = world.check in failed if world.check != "zeros" else bool({"zeros", "spread"} & set(failed))
    return {
        "kind": kind,
        "seed": seed,
        "rows": len(world.table),
        "misfit": ", ".join(name for name in failed if name in NAMES),
        "other": ", ".join(name for name in failed if name not in NAMES),
        "named": bool(world.check) and named and world.remedy in advice,
        **{f"{short[r.check]}": r.value / r.limit for r in table.itertuples() if r.check in short},
    }


def run(share: float = 1.0) -> Iterable[dict[str, object]]:
    """Worlds one after the other, a share of the 400."""
    for kinds, each in ((RIGHT, N_EACH["right"]), (WRONG, N_EACH["wrong"])):
        for kind in kinds:
            for seed in range(FIRST, FIRST + max(round(share * each), 1)):
                yield judged(kind, seed)


def summary(rows: pd.DataFrame) -> pd.DataFrame:
    """By kind: tables, share in which a check of misfit failed, share in which another failed, share named."""
    flat = rows.assign(misfit=rows["misfit"] != "", other=rows["other"] != "")
    table = flat.groupby("kind", sort=False)[["misfit", "other", "named"]].mean()
    table.insert(0, "tables", flat.groupby("kind", sort=False).size())
    right = flat[flat["kind"].isin(list(RIGHT))]
    table.loc["right models"] = [len(right), right["misfit"].mean(), right["other"].mean(), 0.0]
    return table


def main() -> None:
    """Run all worlds and print the shares by kind."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "calibration")
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for row in run(float(sys.argv[2]) if len(sys.argv) > 2 else 1.0):
        rows.append(row)
        pd.DataFrame(rows).to_csv(folder / "diagnose.csv", index=False)
    print(summary(pd.DataFrame(rows)).to_string())


if __name__ == "__main__":
    main()
