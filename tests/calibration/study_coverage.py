"""
Coverage of the whole chain, from counts to measures, over simulated worlds, beside the usual route.

A world's parameters are drawn from the prior of the card that is fitted, so that an exact posterior's 95% intervals
hold the truth in 95% of worlds, for every number made of it; in worlds of true equality every group and area has the
same rate. The truth is what the posterior is about: expected rates at the planted effects, from the simulator. The
usual route takes each decile's crude rate and standard error, draws N(rate, se), and measures these draws; draws at or
below zero are set to 0.000001, as its tools do, since logarithms need it.

Run: python -m tests.calibration.study_coverage FOLDER     (writes coverage_*.csv and coverage.md)
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import norm

from bayesineq.design.matrix import design
from bayesineq.dims import AREA, DECILE
from bayesineq.inference.fit import LaplaceOptions, fit
from bayesineq.measures.registry import MEASURES
from bayesineq.model.read_card import parse_card
from bayesineq.posterior.expected import expected
from bayesineq.posterior.groups import exceedance
from bayesineq.posterior.lift import over_draws
from bayesineq.simulate.effects import truth_of
from bayesineq.simulate.england import REFERENCE
from bayesineq.simulate.worlds import World, WorldParameters, simulate_counts
from tests.calibration.study_ranks import lattice

N_WORLD: Final = 200
N_EQUAL: Final = 200
N_DRAW: Final = 1000
N_NAIVE: Final = 1000
LEVEL: Final = (0.025, 0.975)
FLOOR: Final = 1e-6
INTERCEPT: Final = (-2.5, 0.5)
ABOVE: Final = {"deprivation": 1.0, "place": 1.0}

CARD = """
name = "coverage"
question = "Do intervals hold the truth as often as they say?"
table = "{table}"
[outcome]
count = "{count}"
{role} = "{size}"
likelihood = "{likelihood}"
[terms]
deprivation = {{ kind = "random_walk", by = "imd_decile" }}
place = {{ kind = "bym2", by = "area" }}
[priors]
intercept = {{ dist = "Normal", mean = -2.5, sd = 0.5 }}
deprivation.sigma = {{ dist = "PC", above = 1.0, probability = 0.01 }}
place.sigma = {{ dist = "PC", above = 1.0, probability = 0.01 }}
place.phi = {{ dist = "Beta", a = 1, b = 1 }}
"""
CARDS: Final = {
    "binomial": parse_card(
        CARD.format(table="area_counts", count="cases", role="at_risk", size="population", likelihood="binomial")
    ),
    "poisson": parse_card(
        CARD.format(table="outcome_counts", count="events", role="exposure", size="person_years", likelihood="poisson")
    ),
}
type Likelihood = Literal["binomial", "poisson"]
LIKELIHOODS: Final[tuple[Likelihood, Likelihood]] = ("binomial", "poisson")

# What measures must be told; rates are of something bad, about 0.08, and groups are named by decile.
TYPICAL: Final = 0.08
OPTIONS: Final[dict[str, dict[str, Any]]] = {
    "difference": {"favourable": False},
    "ratio": {"favourable": False},
    # A straight line through steep curved gradients falls below zero at one end, where a ratio has no meaning.
    "rii": {"scale": "log"},
    "gap_to_target": {"group": 1, "target": TYPICAL},
    "gap_to_average": {"group": 1},
    "share_ratio": {"group": 1},
    "wagstaff_index": {"lower": 0.0, "upper": 5.0},
    "erreygers_index": {"lower": 0.0, "upper": 5.0},
    "horizontal_inequity": {"need": pd.Series(TYPICAL, index=range(1, 11))},
    "mean_difference_from_best_unweighted": {"favourable": False},
    "mean_difference_from_best_weighted": {"favourable": False},
    "mean_difference_from_reference_unweighted": {"reference": 10},
    "mean_difference_from_reference_weighted": {"reference": 10},
    "generalised_entropy": {"alpha": 2.0},
    "atkinson": {"aversion": 2.0},
    "atkinson_ede": {"aversion": 2.0},
    "kolm": {"aversion": 20.0},
    "kolm_ede": {"aversion": 20.0},
    "s_gini": {"aversion": 3.0},
    "s_gini_ede": {"aversion": 3.0},
    "population_attributable_risk": {"favourable": False},
    "population_attributable_fraction": {"favourable": False},
    "excess_events": {"reference": "most_advantaged"},
    "attributable_fraction": {"reference": "most_advantaged"},
    "events_to_close_gap": {"reference": "best", "favourable": False},
}
NAMED_GROUP: Final = ("group", "reference")

Row = dict[str, Any]


def one_world(seed: int, likelihood: Likelihood, *, equal: bool) -> World:
    """A world of 64 areas, two of them islands, with 100 to 1,000 people each: about 3 to 100 events an area."""
    rng = np.random.default_rng([seed, 11])
    sigmas = {name: 0.0 if equal else rng.exponential(-above / np.log(0.01)) for name, above in ABOVE.items()}
    parameters = WorldParameters(
        likelihood=likelihood,
        intercept=rng.normal(*INTERCEPT),
        deprivation_sigma=sigmas["deprivation"],
        ethnicity_sigma=0.0,
        sigma=sigmas["place"],
        phi=rng.uniform(),
    )
    people = float(np.exp(rng.uniform(np.log(100), np.log(1000))))
    return simulate_counts(
        lattice(), seed=seed, parameters=parameters, ethnicities=("A",), strata=(REFERENCE,), people=people
    )


def measure_world(seed: int, likelihood: Likelihood, *, equal: bool) -> tuple[list[Row], list[Row]]:
    """
    Fit one world and compare what is said of it with the truth.

    Returns rows of numbers with intervals (`quantity`, `truth`, `mean`, `lower`, `upper`, and `naive_*` of measures),
    and rows of areas with their probability of being above the mean and whether they are.
    """
    world = one_world(seed, likelihood, equal=equal)
    card = CARDS[likelihood]
    size = world.table[next(c for role, c in card.outcome.columns.items() if role != "count")].to_numpy(dtype=float)
    truth = truth_of(world.effects, world.table, size)
    study = design(world.table, card, adjacency=world.adjacency)
    post = fit(study, engine=LaplaceOptions(threads=1), draws=N_DRAW, seed=seed, progress=False)

    areas = expected(post, by=AREA, threads=1)
    mean = expected(post, threads=1)
    rows = [
        *area_rows("area_rate", truth.by_area, areas.to_numpy()[0], areas[AREA].to_numpy()),
        *area_rows("area_excess", truth.by_area - truth.mean, (areas - mean).to_numpy()[0], areas[AREA].to_numpy()),
    ]
    held = {"intercept": world.effects.intercept, "deprivation.sigma": world.deprivation_sigma}
    held |= {"place.sigma": world.effects.sigma, "place.phi": world.effects.phi}
    rows += [row(name, true, post["posterior"][name].to_numpy()) for name, true in held.items()]
    chance = exceedance(areas, "mean").to_series()
    above = truth.by_area.loc[chance.index] > truth.mean
    stated = [{"world": seed, "chance": p, "above": bool(a)} for p, a in zip(chance, above, strict=True)]

    deciles = expected(post, by=DECILE, threads=1)
    rows.append(
        row("SII by the simulator", truth.sii, over_draws(MEASURES["sii"].function, deciles, DECILE).to_numpy())
    )
    again = naive_draws(world, card.outcome.columns["count"], size, likelihood)
    for name, stated_measure in MEASURES.items():
        options = OPTIONS.get(name, {})
        ours = over_draws(stated_measure.function, deciles, DECILE, options=options).to_numpy()[0]
        plain = {k: v - 1 if k in NAMED_GROUP and isinstance(v, int) else np.asarray(v) if k == "need" else v
                 for k, v in options.items()}  # fmt: skip
        people = deciles["population"].to_numpy()
        theirs = np.asarray(stated_measure.function(again, people, **plain))
        true = float(stated_measure.function(truth.by_decile.to_numpy(), people, **plain))
        rows.append(row(name, true, ours) | {f"naive_{k}": v for k, v in row(name, true, theirs).items()})
    return [{"world": seed, **r} for r in rows], stated


def row(quantity: str, truth: float, draws: NDArray[np.float64]) -> Row:
    """Truth, posterior mean and 95% interval of one number."""
    lower, upper = np.quantile(draws, LEVEL)
    return {"quantity": quantity, "truth": truth, "mean": float(draws.mean()), "lower": lower, "upper": upper}


def area_rows(name: str, truth: pd.Series, draws: NDArray[np.float64], codes: NDArray[Any]) -> list[Row]:
    """One row an area."""
    true = truth.loc[codes].to_numpy()
    lower, upper = np.quantile(draws, LEVEL, axis=0)
    return [
        {"quantity": name, "truth": t, "mean": m, "lower": lo, "upper": up}
        for t, m, lo, up in zip(true, draws.mean(0), lower, upper, strict=True)
    ]


def naive_draws(world: World, count: str, size: NDArray[np.float64], likelihood: Likelihood) -> NDArray[np.float64]:
    """Crude rates of deciles drawn again with their standard errors, shape (draw, decile)."""
    total = world.table.assign(_size=size).groupby(DECILE)[[count, "_size"]].sum()
    crude = (total[count] / total["_size"]).to_numpy()
    variance = crude * (1 - crude) if likelihood == "binomial" else crude
    se = np.sqrt(variance / total["_size"].to_numpy())
    rng = np.random.default_rng([world.table[count].sum(), 3])
    return np.maximum(crude + se * rng.standard_normal((N_NAIVE, len(crude))), FLOOR)


def run(seeds: Sequence[int], *, equal: bool = False) -> tuple[pd.DataFrame, pd.DataFrame]:
    """All worlds of these seeds, even ones binomial and odd ones Poisson: rows of numbers, rows of areas."""
    rows: list[Row] = []
    stated: list[Row] = []
    for seed in seeds:
        more, said = measure_world(seed, LIKELIHOODS[seed % 2], equal=equal)
        rows += more
        stated += said
    return pd.DataFrame(rows), pd.DataFrame(stated)


def coverage(rows: pd.DataFrame) -> pd.DataFrame:
    """
    Coverage and bias of each quantity by both routes, in the order of the rows.

    Returns a row a quantity: `truth` (its mean over worlds), `coverage`, `bias` (posterior mean less truth), `mc_error`
    (standard error of the coverage, worlds being the units), `naive_coverage`, `naive_bias`. At the edge of what a
    measure can be, an interval that touches the truth to 12 digits holds it.
    """
    slack = 1e-12
    own = rows.assign(
        hit=(rows["lower"] - slack <= rows["truth"]) & (rows["truth"] <= rows["upper"] + slack),
        off=rows["mean"] - rows["truth"],
        naive_hit=(rows["naive_lower"] - slack <= rows["truth"]) & (rows["truth"] <= rows["naive_upper"] + slack),
        naive_off=rows["naive_mean"] - rows["truth"],
    )
    groups = own.groupby("quantity", sort=False)
    table = groups[["truth", "hit", "off", "naive_hit", "naive_off"]].mean()
    by_world = own.groupby(["quantity", "world"], sort=False)["hit"].mean().groupby("quantity", sort=False)
    table["mc_error"] = by_world.std() / np.sqrt(by_world.count())
    blank = groups["naive_mean"].count() == 0
    table.loc[blank, ["naive_hit", "naive_off"]] = np.nan
    table.columns = ["truth", "coverage", "bias", "naive_coverage", "naive_bias", "mc_error"]
    return table


def exceedance_calibration(stated: pd.DataFrame) -> pd.DataFrame:
    """
    Stated probabilities of being above the mean against how often areas are, in seven bins.

    Returns a row a bin: `areas`, `stated`, `observed`, `z`: their difference in standard errors, worlds being the
    units since areas of one world are not independent, and `p` of it.
    """
    edges = [0.0, 0.025, 0.1, 0.3, 0.7, 0.9, 0.975, 1.0]
    binned = stated.assign(bin=pd.cut(stated["chance"], edges, include_lowest=True))
    table = []
    for interval, group in binned.groupby("bin", observed=True):
        off = (group["above"] - group["chance"]).groupby(group["world"]).sum()
        z = off.sum() / np.sqrt((off**2).sum())
        table.append(
            {
                "chance": str(interval),
                "areas": len(group),
                "stated": group["chance"].mean(),
                "observed": group["above"].mean(),
                "z": z,
                "p": 2 * norm.sf(abs(z)),
            }
        )
    return pd.DataFrame(table).set_index("chance")


def markdown(table: pd.DataFrame) -> str:
    """A table in Markdown, four significant digits."""
    named = table.reset_index()
    lines = ["| " + " | ".join(map(str, named.columns)) + " |", "|" + "---|" * len(named.columns)]
    for values in named.itertuples(index=False):
        cells = ["" if v != v else f"{v:.4g}" if isinstance(v, float) else str(v) for v in values]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def write(rows: pd.DataFrame, stated: pd.DataFrame, name: str, folder: Path) -> None:
    """Coverage as CSV and Markdown, and the calibration of exceedance."""
    folder.mkdir(parents=True, exist_ok=True)
    table, chances = coverage(rows), exceedance_calibration(stated)
    table.to_csv(folder / f"coverage_{name}.csv")
    chances.to_csv(folder / f"exceedance_{name}.csv")
    text = f"# {name}, {rows['world'].nunique()} worlds\n\n{markdown(table)}\n\n{markdown(chances)}\n"
    (folder / f"coverage_{name}.md").write_text(text, encoding="utf-8")


def main() -> None:
    """Run worlds from the prior and worlds of true equality, and print the tables."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "calibration")
    for name, seeds, equal in (("prior", range(N_WORLD), False), ("equality", range(N_EQUAL), True)):
        write(*run(seeds, equal=equal), name, folder)
        print((folder / f"coverage_{name}.md").read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
