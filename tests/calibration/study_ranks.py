"""
Simulation-based calibration of the sparse engine: where the truth ranks among the draws, over data sets from the prior.

Parameters are drawn from the prior of a card, counts from the parameters, and the card is fitted to the counts. If
draws are draws from the posterior, the rank of the truth among them is uniform, for every quantity (Talts et al. 2018,
arXiv:1804.06788); the log-likelihood is one of the quantities because it sees errors that no parameter shows alone
(Modrak et al. 2023, doi:10.1214/23-BA1404).

Whether ranks are uniform is told by two statistics whose distribution under uniform ranks is simulated, so that their
p-values are valid at any size, however small, and no asymptotic distribution is relied on.

Run: python -m tests.calibration.study_ranks FOLDER     (writes ranks_*.csv, ranks_*.png and tests of uniformity)
"""

from __future__ import annotations

import sys
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray
from scipy.special import expit, gammaln

from bayesineq.design.matrix import Design, design
from bayesineq.inference.fit import Correction, LaplaceOptions, fit
from bayesineq.inference.prior import prior_draws
from bayesineq.model.card import ModelCard
from bayesineq.model.read_card import parse_card
from bayesineq.space.adjacency import Adjacency, from_edges

N_SET = 200
N_DRAW = 999
N_BIN = 20
NARROWED = 0.6
N_NULL = 200_000

POISSON = parse_card(
    """
    name = "calibration_poisson"
    question = "Are ranks uniform?"
    table = "outcome_counts"
    [outcome]
    count = "events"
    expected = "expected"
    likelihood = "poisson"
    [terms]
    slope = { kind = "linear", by = "covariate", standardise = true }
    place = { kind = "bym2", by = "area" }
    [priors]
    intercept = { dist = "Normal", mean = 0, sd = 0.5 }
    slope = { dist = "Normal", mean = 0, sd = 0.3 }
    place.sigma = { dist = "PC", above = 1, probability = 0.01 }
    place.phi = { dist = "Beta", a = 1, b = 1 }
    """
)
BINOMIAL = parse_card(
    """
    name = "calibration_binomial"
    question = "Are ranks uniform?"
    table = "area_counts"
    [outcome]
    count = "cases"
    at_risk = "population"
    likelihood = "binomial"
    [terms]
    slope = { kind = "linear", by = "covariate", standardise = true }
    place = { kind = "bym2", by = "area" }
    [priors]
    intercept = { dist = "Normal", mean = -2, sd = 0.5 }
    slope = { dist = "Normal", mean = 0, sd = 0.3 }
    place.sigma = { dist = "PC", above = 1, probability = 0.01 }
    place.phi = { dist = "PC", below = 0.5, probability = 0.6667 }
    """
)
CARDS = {"poisson": POISSON, "binomial": BINOMIAL}

SCALARS = ("intercept", "slope", "place.sigma", "place.phi")
# Two islands, a corner, an edge and two areas of the interior; small and large counts among them.
AREAS = (0, 63, 7, 24, 27, 44)


def lattice(height: int = 8, width: int = 8, islands: tuple[int, ...] = (0, 63)) -> Adjacency:
    """Areas of a grid that are neighbours of those above, below and beside; islands have none."""
    code = np.array([f"E010{i:05d}" for i in range(height * width)]).reshape(height, width)
    alone = set(code.ravel()[list(islands)].tolist())
    edges = [p for line in [*code, *code.T] for p in pairwise(line.tolist()) if not alone & set(p)]
    return from_edges(edges, areas=code.ravel())


def keys(likelihood: str, graph: Adjacency, seed: int = 5) -> pd.DataFrame:
    """Denominators, the same in all data sets: 0.5 to 20 events expected an area, or 4 to 160 people at about 12%."""
    rng = np.random.default_rng(seed)
    table = pd.DataFrame({"area": graph.areas, "covariate": rng.normal(size=len(graph))})
    size = np.exp(rng.uniform(np.log(0.5), np.log(20), len(graph)))
    if likelihood == "poisson":
        return table.assign(expected=size, events=0)
    return table.assign(population=np.ceil(8 * size).astype(int), cases=0)


def predictor(made: Design, draws: xr.Dataset) -> NDArray[np.float64]:
    """Linear predictor without offset, shape (draw, row)."""
    slope, place = made.blocks
    assert slope.incidence.weight is not None
    assert place.incidence.index is not None
    return (
        draws["intercept"].to_numpy()[0][:, None]
        + draws["slope"].to_numpy()[0][:, None] * slope.incidence.weight
        + draws["place"].to_numpy()[0][:, place.incidence.index].astype(float)
    )


def log_likelihood(made: Design, draws: xr.Dataset) -> NDArray[np.float64]:
    """Log-likelihood of the counts, shape (draw,)."""
    eta, y, n = predictor(made, draws), made.response.value, made.response.trials
    if n is not None:
        constant = gammaln(n + 1) - gammaln(y + 1) - gammaln(n - y + 1)
        return (y * eta - n * np.logaddexp(0, eta) + constant).sum(1)
    eta = eta + made.response.offset
    return (y * eta - np.exp(eta) - gammaln(y + 1)).sum(1)


def quantities(made: Design, draws: xr.Dataset) -> dict[str, NDArray[np.float64]]:
    """What is ranked, each of shape (draw,)."""
    values = {name: draws[name].to_numpy()[0] for name in SCALARS}
    place = draws["place"].to_numpy()[0].astype(float)
    values |= {f"place[{i}]": place[:, i] for i in AREAS}
    return values | {"log_likelihood": log_likelihood(made, draws)}


def ranks(
    likelihood: str, *, n_set: int = N_SET, seed: int = 1, correction: Correction = "variational"
) -> pd.DataFrame:
    """
    Rank of the truth among `N_DRAW` draws, over data sets from the prior.

    Returns a row a data set and quantity: `quantity`, `rank` (0 to `N_DRAW`), and `rank_narrowed`: the rank among
    draws pulled to their mean by the factor `NARROWED`, as a posterior too sure of itself would give.
    """
    graph, card = lattice(), CARDS[likelihood]
    table = keys(likelihood, graph)
    truths = prior_draws(design(table, card, adjacency=graph), draws=n_set, seed=seed)["posterior"].dataset
    rng = np.random.default_rng([seed, 1])
    rows = []
    for i in range(n_set):
        truth = truths.isel(draw=[i])
        made = design(counted(table, card, truth, graph, rng), card, adjacency=graph)
        post = fit(made, engine=LaplaceOptions(1, correction), draws=N_DRAW, seed=i, progress=False)
        true = quantities(made, truth)
        for name, draws in quantities(made, post["posterior"].dataset).items():
            centre = draws.mean()
            rows.append(
                {
                    "set": i,
                    "quantity": name,
                    "truth": float(true[name][0]),
                    "mean": float(centre),
                    "sd": float(draws.std(ddof=1)),
                    "rank": int((draws < true[name]).sum()),
                    "rank_narrowed": int((centre + NARROWED * (draws - centre) < true[name]).sum()),
                }
            )
    return pd.DataFrame(rows)


def counted(
    table: pd.DataFrame, card: ModelCard, truth: xr.Dataset, graph: Adjacency, rng: np.random.Generator
) -> pd.DataFrame:
    """The table with counts drawn at the truth."""
    eta = predictor(design(table, card, adjacency=graph), truth)[0]
    if card.outcome.likelihood == "poisson":
        return table.assign(events=rng.poisson(table["expected"] * np.exp(eta)))
    return table.assign(cases=rng.binomial(table["population"], expit(eta)))


def statistics(ranks: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """
    Distance of sets of ranks from uniform ones, shape (repeat, set) in, one of each (repeat,) out.

    Chi-square over `N_BIN` equal bins sees a bump anywhere; Cramer-von Mises a shift, and draws too wide or narrow.
    """
    n_repeat, n = ranks.shape
    # The truth is as likely to fall into each of N_DRAW + 1 gaps; the middle of its gap is the rank's place.
    place = np.sort((ranks + 0.5) / (N_DRAW + 1), axis=1)
    bin_ = (place * N_BIN).astype(int) + N_BIN * np.arange(n_repeat)[:, None]
    counts = np.bincount(bin_.ravel(), minlength=N_BIN * n_repeat).reshape(n_repeat, N_BIN)
    expected = n / N_BIN
    chi_square = ((counts - expected) ** 2).sum(axis=1) / expected
    return chi_square, ((place - (np.arange(n) + 0.5) / n) ** 2).sum(axis=1)


@cache
def null(n: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Both statistics of `N_NULL` sets of n uniform ranks, ascending."""
    rng = np.random.default_rng(0)
    blocks = [statistics(rng.integers(0, N_DRAW + 1, (N_NULL // 20, n))) for _ in range(20)]
    return np.sort(np.concatenate([b[0] for b in blocks])), np.sort(np.concatenate([b[1] for b in blocks]))


def uniformity(ranked: pd.DataFrame, column: str = "rank") -> pd.DataFrame:
    """
    Two tests of each quantity's ranks: chi-square over `N_BIN` equal bins, and Cramer-von Mises.

    Returns a row a quantity: `chi_square` and `cramer_von_mises` (p-values) and `mean` (of the rank, 0 to 1). A p-value
    is (1 + sets of uniform ranks at least as far off) / (1 + sets), which is valid whatever their number; the smallest
    that there can be is 1 / (1 + `N_NULL`).
    """
    rows = {}
    for name, group in ranked.groupby("quantity", sort=False):
        own = group[column].to_numpy(dtype=np.int64)
        # A hair's breadth below: equal statistics count as equal whatever the order of their sums.
        p = [
            (1 + N_NULL - np.searchsorted(under, value[0] * (1 - 1e-9))) / (1 + N_NULL)
            for under, value in zip(null(len(own)), statistics(own[None]), strict=True)
        ]
        place = (own + 0.5) / (N_DRAW + 1)
        rows[name] = {"chi_square": float(p[0]), "cramer_von_mises": float(p[1]), "mean": float(place.mean())}
    return pd.DataFrame.from_dict(rows, orient="index")


def draw_histograms(ranked: pd.DataFrame, path: Path) -> None:
    """Histogram of ranks of each quantity, with the range that holds 99% of a bin's counts if ranks are uniform."""
    from matplotlib.figure import Figure
    from scipy.stats import binom

    names = list(ranked["quantity"].unique())
    figure = Figure(figsize=(12, 8), layout="constrained")
    axes = figure.subplots(3, 4).ravel()
    for name, ax in zip(names, axes, strict=False):
        own = ranked.loc[ranked["quantity"] == name, "rank"].to_numpy()
        low, high = binom.ppf([0.005, 0.995], len(own), 1 / N_BIN)
        ax.axhspan(low, high, color="0.88")
        ax.axhline(len(own) / N_BIN, color="0.4", linewidth=1)
        ax.hist(own, bins=np.linspace(0, N_DRAW + 1, N_BIN + 1).tolist(), color="#005EB8", edgecolor="white")
        ax.set_title(name)
        ax.set_yticks([])
    for ax in axes[len(names) :]:
        ax.set_axis_off()
    figure.supxlabel(f"rank of the truth among {N_DRAW} draws; grey: 99% of a bin's counts if uniform")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=100)


def write(ranked: pd.DataFrame, name: str, folder: Path) -> None:
    """Ranks as CSV, their histograms, and the tests of uniformity as CSV."""
    folder.mkdir(parents=True, exist_ok=True)
    ranked.to_csv(folder / f"ranks_{name}.csv", index=False)
    uniformity(ranked).to_csv(folder / f"uniformity_{name}.csv", index_label="quantity")
    draw_histograms(ranked, folder / f"ranks_{name}.png")


def main() -> None:
    """Run both cards and print the tests."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "calibration")
    for name in CARDS:
        ranked = ranks(name)
        write(ranked, name, folder)
        print(name, uniformity(ranked).round(4).to_string(), sep="\n")


if __name__ == "__main__":
    main()
