"""A small world with a planted gradient: 30 squares, three a decile, ethnic groups, and draws around the truth."""

from __future__ import annotations

from types import SimpleNamespace

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from shapely.geometry import box

from bayesineq.design.matrix import design
from bayesineq.inference.tree import posterior_tree
from bayesineq.model.read_card import parse_card, read_card
from bayesineq.space.adjacency import Adjacency, from_edges

SIDE = 1000.0
WIDE, HIGH = 6, 5


def square_areas(wide: int = WIDE, high: int = HIGH) -> gpd.GeoDataFrame:
    cells = [(x, y) for y in range(high) for x in range(wide)]
    codes = [f"A{k:02d}" for k in range(len(cells))]
    shapes = [box(x * SIDE, y * SIDE, (x + 1) * SIDE, (y + 1) * SIDE) for x, y in cells]
    return gpd.GeoDataFrame({"area": codes}, geometry=shapes, crs="EPSG:27700")


def grid_adjacency(areas: gpd.GeoDataFrame, wide: int = WIDE) -> Adjacency:
    codes = areas["area"].to_numpy()
    pairs = [(codes[k], codes[k + 1]) for k in range(len(codes) - 1) if (k + 1) % wide]
    pairs += [(codes[k], codes[k + wide]) for k in range(len(codes) - wide)]
    return from_edges(pairs, areas=codes)


def prevalence_posterior(
    slope: float = -0.08,
    ethnic: float = 0.3,
    people: dict[str, int] | None = None,
    few: tuple[str, int] | None = None,
    older: str | None = None,
    n_draws: int = 150,
    seed: int = 1,
) -> xr.DataTree:
    """Draws of the prevalence card: each decile towards advantage adds `slope`; ethnic group K adds `ethnic`."""
    rng = np.random.default_rng(seed)
    areas = square_areas()
    rows = pd.MultiIndex.from_product(
        [areas["area"], ["A", "K", "Z"], ["30-39", "40-49"], ["female", "male"]],
        names=["area", "ethnicity", "age_band", "sex"],
    ).to_frame(index=False)
    number = rows["area"].str[1:].astype(int)
    rows["imd_decile"] = number % 10 + 1
    rows["population"] = rows["ethnicity"].map(people or {"A": 200, "K": 60, "Z": 12})
    if older:
        young = (rows["ethnicity"] == older) & (rows["age_band"] == "30-39")
        rows.loc[young, "population"] //= 10
    if few:
        group, number = few
        rows.loc[rows.index[rows["ethnicity"] == group][:number], "population"] = 1
    rows["cases"] = rows["population"] // 10
    study = design(rows, read_card("prevalence"), adjacency=grid_adjacency(areas))
    shapes = {block.term.name: block.shape for block in study.blocks}
    levels = {block.term.name: block.levels for block in study.blocks}
    noise = {name: rng.normal(0.0, 0.02, (1, n_draws, *shape)) for name, shape in shapes.items()}
    noise["deprivation"] += slope * (np.asarray(levels["deprivation"][0], dtype=float) - 5.5)
    noise["ethnicity"] += np.where(np.asarray(levels["ethnicity"][0]) == "K", ethnic, 0.0)
    noise["age_sex"][..., levels["age_sex"][0] == "40-49", levels["age_sex"][1] == "female"] = 0.0
    if older:
        noise["age_sex"][..., levels["age_sex"][0] == "30-39", :] -= 1.0
    hyper = {
        f"{name}.sigma": np.abs(rng.normal(0.3, 0.05, (1, n_draws)))
        for name in ("deprivation", "ethnicity", "deprivation_ethnicity", "place")
    }
    values = {"intercept": rng.normal(-2.5, 0.02, (1, n_draws)), **noise, **hyper}
    values["place.phi"] = rng.uniform(0.4, 0.8, (1, n_draws))
    return posterior_tree(study, values, engine="laplace", seed=seed)


def health_posterior(codes: list[str], adjacency: Adjacency, n_draws: int = 200, seed: int = 2) -> xr.DataTree:
    """Draws of the area-health card for any areas, with a planted gradient and no association of `other`."""
    rng = np.random.default_rng(seed)
    n = len(codes)
    rows = pd.DataFrame(
        {
            "area": codes,
            "imd_decile": np.arange(n) % 10 + 1,
            "residents": rng.integers(1000, 2500, n),
            "asian": rng.uniform(0.0, 0.3, n),
            "black": rng.uniform(0.0, 0.1, n),
            "mixed": rng.uniform(0.0, 0.1, n),
            "other": rng.uniform(0.0, 0.05, n),
            "aged_65_and_over": rng.uniform(0.05, 0.4, n),
        }
    )
    rows["bad_health"] = rows["residents"] // 20
    study = design(rows, read_card("area_health"), adjacency=adjacency)
    values = {"intercept": rng.normal(-2.9, 0.02, (1, n_draws))}
    planted = {"asian": 0.1, "black": 0.05, "mixed": -0.05, "other": 0.0, "aged_65_and_over": 0.3}
    values |= {name: rng.normal(size, 0.02, (1, n_draws)) for name, size in planted.items()}
    values["deprivation"] = -0.1 * (np.arange(10) - 4.5) + rng.normal(0, 0.02, (1, n_draws, 10))
    place = np.cumsum(rng.normal(0.0, 0.05, n))
    values["place"] = (place - place.mean() + rng.normal(0, 0.08, (1, n_draws, n))).astype(np.float32)
    values |= {name: np.abs(rng.normal(0.3, 0.05, (1, n_draws))) for name in ("deprivation.sigma", "place.sigma")}
    values["place.phi"] = rng.uniform(0.4, 0.8, (1, n_draws))
    return posterior_tree(study, values, engine="laplace", seed=seed)


PLAIN_CARD = """
name = "{name}"
question = "{question}"
table = "area_counts"
[outcome]
name = "{outcome}"
value = "score"
likelihood = "gaussian"
[terms]
group = {{ kind = "exchangeable", by = "group" }}
"""


def plain_posterior(
    levels: list[str], means: list[float], *, name: str = "plain", question: str = "?", outcome: str = "score"
) -> xr.DataTree:
    """Draws of a Gaussian card with one set of groups and no area."""
    rng = np.random.default_rng(3)
    card = parse_card(PLAIN_CARD.format(name=name, question=question, outcome=outcome))
    study = design(pd.DataFrame({"group": levels * 20, "score": means * 20}), card)
    place = [list(study.blocks[0].levels[0]).index(level) for level in levels]
    effect = np.zeros((1, 200, len(levels)))
    effect[..., place] = np.asarray(means)
    values = {
        "intercept": np.zeros((1, 200)),
        "group": effect + rng.normal(0, 0.1, effect.shape),
        "group.sigma": np.ones((1, 200)),
        "outcome.sigma": np.ones((1, 200)),
    }
    return posterior_tree(study, values, engine="nuts", seed=None)


@pytest.fixture(scope="session")
def worlds() -> SimpleNamespace:
    """The functions of this file, for tests that need a world of their own."""
    return SimpleNamespace(
        square_areas=square_areas,
        grid_adjacency=grid_adjacency,
        prevalence_posterior=prevalence_posterior,
        health_posterior=health_posterior,
        plain_posterior=plain_posterior,
    )


@pytest.fixture(scope="session")
def squares() -> gpd.GeoDataFrame:
    return square_areas()


@pytest.fixture(scope="session")
def prevalence() -> xr.DataTree:
    return prevalence_posterior()


@pytest.fixture(scope="session")
def health(squares: gpd.GeoDataFrame) -> xr.DataTree:
    return health_posterior(list(squares["area"]), grid_adjacency(squares))
