"""A small simulated place on which every card is tried, and outcomes drawn from a card's own prior."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pandas as pd
import xarray as xr

from bayesineq.design.matrix import Design, design
from bayesineq.dims import POPULATION
from bayesineq.inference.prior import prior_draws
from bayesineq.model.card import ModelCard
from bayesineq.model.read_card import read_card
from bayesineq.posterior.groups import summarise
from bayesineq.posterior.outcomes import one_outcome
from bayesineq.shipped import folder
from bayesineq.simulate.worlds import simulate_counts
from bayesineq.space.adjacency import Adjacency, from_edges
from bayesineq.tables.check import check

CARDS = sorted(p.stem for p in folder("models").glob("*.toml"))
# A card with a latent column is recovered from records that are missing and wrong in tests/ethnicity, one whose rows
# have members from registers of practices in tests/sparse_engine/test_many.py.
JOINT = [name for name in CARDS if read_card(name).is_joint]
OTHERS = [name for name in CARDS if read_card(name).latent or read_card(name).members]
KNOWN = [name for name in CARDS if name not in (*OTHERS, *JOINT)]
HEIGHT, WIDTH = 5, 6

Keys = Callable[[str], pd.DataFrame]


def lattice() -> Adjacency:
    """A lattice of 28 areas, and two islands of one area each."""
    code = np.array([f"E010{i:05d}" for i in range(HEIGHT * WIDTH)]).reshape(HEIGHT, WIDTH)
    edges = [pair for line in [*code, *code.T] for pair in pairwise(line.tolist())]
    islands = {code[0, 0], code[4, 5]}
    return from_edges([e for e in edges if not islands & set(e)], areas=code.ravel())


def rows_of(graph: Adjacency) -> Keys:
    """
    Rows of a schema with a denominator of about 800 a row and outcomes still to come.

    So many that the data tell an area's effect: with fewer, all of them hang on one standard deviation that they
    hardly tell, and miss together whenever that one does.
    """
    world = simulate_counts(graph, seed=2, people=10_000.0, ethnicities=("A", "H", "N"))
    cells = world.table.drop(columns="cases")

    def area_health() -> pd.DataFrame:
        stream = np.random.default_rng(4)
        areas = cells[["area", "imd_decile"]].drop_duplicates().reset_index(drop=True)
        shares = stream.dirichlet([12.0, 1.5, 0.8, 0.6, 0.4], len(areas))
        columns = dict(zip(("asian", "black", "mixed", "other"), shares[:, 1:].T, strict=True))
        aged = stream.beta(4.0, 16.0, len(areas))
        return areas.assign(residents=1_500, **columns, aged_65_and_over=aged)

    def trial_counts() -> pd.DataFrame:
        arms = cells.groupby(["area", "imd_decile", "age_band", "sex"], as_index=False)["population"].sum()
        arms = arms.rename(columns={"population": "people"})
        return pd.concat([arms.assign(treated=0), arms.assign(treated=1)], ignore_index=True)

    def death_counts() -> pd.DataFrame:
        # Few bands and years: each combination with an area has an effect of its own.
        places = cells[["area", "imd_decile"]].drop_duplicates()
        times = pd.DataFrame({"year": [2021, 2022, 2023]}).merge(
            pd.DataFrame({"age_band": ["00-64", "65-84", "85+"]}), "cross"
        )
        return places.merge(times, "cross").assign(person_years=800.0)

    def trend_counts() -> pd.DataFrame:
        areas = cells.groupby(["area", "imd_decile"], as_index=False)["population"].sum()
        years = areas.merge(pd.DataFrame({"year": range(2018, 2023)}), how="cross")
        return years.rename(columns={"population": "person_years"}).astype({"person_years": float})

    def pathway_counts() -> pd.DataFrame:
        return cells.assign(cases=cells["population"] // 8, person_years=cells["population"].astype(float))

    def person_costs() -> pd.DataFrame:
        stream = np.random.default_rng(8)
        persons = cells.loc[stream.integers(0, len(cells), 6_000)].drop(columns="population").reset_index(drop=True)
        return persons.assign(person=np.arange(len(persons)).astype(str))

    def appointment_counts() -> pd.DataFrame:
        booked = cells.assign(appointments=cells["population"] // 2).drop(columns="population")
        parts = [(lead, before) for lead in ("15-30", "31+") for before in ("none", "missed some")]
        rows = pd.concat([booked.assign(lead_time=lead, history=before) for lead, before in parts], ignore_index=True)
        standing = rows["appointments"] * 9 // 10
        return rows.assign(not_cancelled_by_provider=standing, due=standing * 9 // 10)

    def waiting_counts() -> pd.DataFrame:
        stretches = pd.DataFrame({"interval": ["000-028", "028-126", "126-364"]})
        rows = cells.drop(columns="population").merge(stretches, "cross")
        return rows.assign(waiting_days=20_000.0)

    def of_sites() -> pd.DataFrame:
        sites = cells.assign(site=cells["area"].map({a: f"R{k % 11:02d}" for k, a in enumerate(graph.areas)}))
        by = ["site", "imd_decile", "ethnicity", "age_band", "sex"]
        return sites.groupby(by, as_index=False)["population"].sum()

    def stays() -> pd.DataFrame:
        stream, sites = np.random.default_rng(9), of_sites().drop(columns="population")
        rows = sites.loc[stream.integers(0, len(sites), 5_000)].reset_index(drop=True)
        return rows.assign(stay=np.arange(len(rows)).astype(str))

    def readmission_counts() -> pd.DataFrame:
        return of_sites().rename(columns={"population": "discharges"})

    def practice_areas() -> pd.DataFrame:
        areas = area_health()[["area", "imd_decile", "aged_65_and_over"]]
        pairs = areas.loc[areas.index.repeat(2)].reset_index(drop=True)
        return pairs.assign(practice=[f"P{i % 9}" for i in range(len(pairs))], patients=400, list=400)

    makers: dict[str, Callable[[], pd.DataFrame]] = {
        "area_counts": lambda: cells,
        "recorded_counts": lambda: cells,
        "access_counts": lambda: cells.rename(columns={"population": "appointments"}),
        "outcome_counts": lambda: cells.rename(columns={"population": "person_years"}).astype({"person_years": float}),
        "area_health": area_health,
        "trend_counts": trend_counts,
        "trial_counts": trial_counts,
        "death_counts": death_counts,
        "pathway_counts": pathway_counts,
        "person_costs": person_costs,
        "practice_areas": practice_areas,
        "appointment_counts": appointment_counts,
        "waiting_counts": waiting_counts,
        "stays": stays,
        "readmission_counts": readmission_counts,
    }

    def make(schema: str) -> pd.DataFrame:
        assert schema in makers, f"a card reads {schema!r}: say here how to simulate its rows"
        return makers[schema]()

    return make


def empty_design(card: ModelCard, table: pd.DataFrame, graph: Adjacency) -> Design:
    """Design of rows whose outcome is not known yet."""
    if card.is_joint:
        columns = {("value" in of.columns, of.columns.get("value", of.columns.get("count"))) for of in card.outcomes}
        blanks = {column: 1.0 if measured else 0 for measured, column in columns if column not in table}
        return design(table.assign(**blanks), card, adjacency=graph)
    outcome = card.outcome.columns
    blank = 0 if "count" in outcome else 1.0
    return design(table.assign(**{outcome["count" if "count" in outcome else "value"]: blank}), card, adjacency=graph)


def predictor(made: Design, draws: xr.Dataset) -> np.ndarray:
    """Linear predictor, offset included, shape (draw, row), straight from the blocks."""
    eta = made.response.offset + draws["intercept"].to_numpy()[0][:, None]
    for block in made.blocks:
        effect = draws[made.card.variable(block.term.name)].to_numpy()[0]
        effect = effect.reshape(len(effect), -1)
        eta = eta + effect @ block.incidence.matrix().T
    return eta


def response(made: Design, eta: np.ndarray) -> np.ndarray:
    """Mean of a row on the scale of the outcome: a chance, a rate, or a value."""
    if made.card.outcome.link == "logit":
        return 1 / (1 + np.exp(-eta))
    return np.exp(eta - made.response.offset) if made.card.outcome.link == "log" else eta


def population_mean(made: Design, draws: xr.Dataset) -> np.ndarray:
    """Weighted mean outcome of each draw."""
    weight = made.population[POPULATION].to_numpy()
    return response(made, predictor(made, draws)) @ weight / weight.sum()


def simulated(made: Design, draws: xr.Dataset, draw: int, stream: np.random.Generator) -> np.ndarray:
    """Outcomes of the rows, drawn from the card's likelihood at one draw of its parameters."""
    eta = predictor(made, draws.isel(draw=[draw]))[0]
    mean = 1 / (1 + np.exp(-eta)) if made.card.outcome.link == "logit" else np.exp(eta)

    def own(name: str) -> float:
        return float(draws[f"outcome.{name}"].to_numpy()[0, draw])

    trials = None if made.response.trials is None else made.response.trials.astype(int)
    match made.card.outcome.likelihood:
        case "binomial":
            return stream.binomial(trials, mean)
        case "beta_binomial":
            c = own("concentration")
            return stream.binomial(trials, stream.beta(mean * c, (1 - mean) * c))
        case "poisson":
            return stream.poisson(mean)
        case "negative_binomial":
            return stream.poisson(mean * stream.gamma(own("size"), 1 / own("size"), mean.shape))
        case "bernoulli":
            return stream.binomial(1, mean)
        case "gamma":
            return mean * stream.gamma(own("shape"), 1 / own("shape"), mean.shape)
        case "log_normal":
            return np.exp(eta + own("sigma") * stream.normal(size=eta.shape))
    return eta + own("sigma") * stream.normal(size=eta.shape)


def planted_together(
    name: str, keys: Keys, graph: Adjacency, which: int = 0
) -> tuple[pd.DataFrame, Design, xr.DataTree]:
    """
    Rows, design and truth of a card of several outcomes, each drawn given those that it is counted against.

    `which`: of the draws of the prior, in order of how far the farthest of their outcomes is from its median.
    """
    card = read_card(name)
    table = keys(card.table)
    made = empty_design(card, table, graph)
    drawn = prior_draws(made, draws=50, seed=3)
    means = [
        population_mean(made.only(k), one_outcome(drawn, of.name)["posterior"].dataset)
        for k, of in enumerate(card.outcomes)
    ]
    ranks = np.array([np.argsort(np.argsort(mean)) for mean in means])
    draw = int(np.argsort(np.abs(ranks - 24.5).max(axis=0), kind="stable")[which])
    stream = np.random.default_rng(6 + which)
    for k, of in enumerate(card.outcomes):
        one = one_outcome(drawn, of.name)["posterior"].dataset
        column = of.columns.get("count", of.columns.get("value"))
        table = table.assign(**{column: simulated(made.only(k), one, draw, stream)})
        made = empty_design(card, table, graph)
    if name == "two_part_cost":
        table["cost"] = table["cost"].where(table["any_cost"] == 1)
    if name == "length_of_stay":
        table["nights"] = table["nights"].astype("Int64").where(table["died"] == 0)
    rows = check(table, card.table)
    return rows, design(rows, card, adjacency=graph), drawn.isel(draw=[draw, draw])


def planted(name: str, keys: Keys, graph: Adjacency) -> tuple[pd.DataFrame, Design, pd.Series]:
    """Rows, design and truth of a card, at that draw of its prior whose population mean is the median one."""
    card = read_card(name)
    table = keys(card.table)
    made = empty_design(card, table, graph)
    prior = prior_draws(made, draws=50, seed=3)["posterior"].dataset
    mean = population_mean(made, prior)
    draw = int(np.argmin(np.abs(mean - np.median(mean))))
    outcome = simulated(made, prior, draw, np.random.default_rng(6))
    column = card.outcome.columns["count" if "count" in card.outcome.columns else "value"]
    rows = check(table.assign(**{column: outcome}), card.table)
    truth = summarise(prior.isel(draw=[draw, draw])).set_index("parameter")["mean"]
    return rows, design(rows, card, adjacency=graph), truth
