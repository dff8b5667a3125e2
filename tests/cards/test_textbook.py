"""Numbers of a textbook (Etzioni, Mandel and Gulati, Statistics for Health Data Science) from one posterior each."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import bayesineq as bi
from bayesineq.model.read_card import parse_card

HEAD = 'name = "textbook"\nquestion = "What does the book say?"\ntable = "outcome_counts"\n'


def flat(*names: str) -> str:
    return "\n".join(f'{name} = {{ dist = "Normal", mean = 0, sd = 100 }}' for name in names)


def test_mortality_of_prostate_cancer_black_against_white(shared: Path) -> None:
    """Poisson with an offset, race by year: a rate ratio of 1.93 in 1990; per year .960 (black) and .969 (white)."""
    table = pd.read_csv(shared / "reference" / "seeds" / "seer_prostate_cancer_mortality.csv")
    black = (table["race"] == "black").astype(float)
    table = table.assign(black=black, since=table["year"], black_since=black * table["year"])
    terms = "\n".join(
        f'{name} = {{ kind = "linear", by = "{name}", scale = false }}' for name in ("black", "since", "black_since")
    )
    outcome = '[outcome]\ncount = "deathtotal"\nexposure = "population"\nlikelihood = "poisson"'
    card = parse_card(f"{HEAD}{outcome}\n[terms]\n{terms}\n[priors]\n{flat('black', 'since', 'black_since')}\n")
    post = bi.fit(bi.design(table, card), draws=20_000, seed=1, progress=False)
    draws = post["posterior"].to_dataset()
    named = {name: draws[card.variable(name)].to_numpy().ravel() for name in ("black", "since", "black_since")}
    assert named["black"].mean() == pytest.approx(0.65585, abs=0.001)
    assert np.exp(named["black"]).mean() == pytest.approx(1.93, abs=0.005)
    assert np.exp(named["since"]).mean() == pytest.approx(0.969, abs=0.0005)
    assert np.exp(named["since"] + named["black_since"]).mean() == pytest.approx(0.960, abs=0.0005)


def test_kidney_stones_turn_round_once_standardised() -> None:
    """
    Open surgery against percutaneous: .780 and .826 crude, .8325 and .7789 at the same sizes of stone (Charig 1986):
    risk difference, risk ratio and odds ratio from the same draws.
    """
    table = pd.DataFrame(
        {
            "treatment": ["open", "open", "percutaneous", "percutaneous"],
            "size": ["large", "small", "large", "small"],
            "success": [192, 81, 55, 234],
            "patients": [263, 87, 80, 270],
        }
    )
    outcome = '[outcome]\ncount = "success"\nat_risk = "patients"\nlikelihood = "binomial"\nmore_is = "better"'
    terms = 'both = { kind = "fixed", by = ["treatment", "size"], reference = ["open", "large"] }'
    card = parse_card(f"{HEAD}{outcome}\n[terms]\n{terms}\n[priors]\n{flat('both')}\n")
    post = bi.fit(bi.design(table, card), draws=40_000, seed=1, progress=False)
    crude = bi.expected(post, by="treatment").mean(("chain", "draw"))
    # The two crude rates are weighted means of four cells: .780 and .826.
    assert crude.sel(treatment="open").item() == pytest.approx(273 / 350, abs=0.003)
    assert crude.sel(treatment="percutaneous").item() == pytest.approx(289 / 350, abs=0.003)
    sizes = table.groupby("size")["patients"].sum()
    cells = bi.expected(post, by=["treatment", "size"])
    share = (sizes / sizes.sum()).to_xarray()
    at_same = (cells * share).sum("size")
    assert at_same.sel(treatment="open").mean().item() == pytest.approx(0.8325, abs=0.003)
    assert at_same.sel(treatment="percutaneous").mean().item() == pytest.approx(0.7789, abs=0.003)
    difference = at_same.sel(treatment="open") - at_same.sel(treatment="percutaneous")
    assert difference.mean().item() == pytest.approx(0.0537, abs=0.003)


def test_counts_that_are_scattered_more_than_by_chance_ask_for_another_likelihood() -> None:
    """
    Visits as in the book (mean 5.1, variance 57, a fifth of none): of three likelihoods with the same terms, a Poisson
    is far worse than a negative binomial and one with a mass at none, by the criterion; on Poisson counts it is not.
    """
    stream = np.random.default_rng(9)
    n = 800
    old = stream.integers(0, 2, n)
    mean = np.exp(1.6 + 0.3 * old)
    scattered = stream.poisson(mean * stream.gamma(0.8, 1 / 0.8, n)) * (stream.random(n) > 0.05)
    assert scattered.var() > 5 * scattered.mean()

    def criterion(visits: np.ndarray, likelihood: str) -> float:
        table = pd.DataFrame({"old": np.where(old, "yes", "no"), "visits": visits, "years": 1.0})
        outcome = f'[outcome]\ncount = "visits"\nexposure = "years"\nlikelihood = "{likelihood}"'
        terms = 'old = { kind = "fixed", by = ["old"], reference = ["no"] }'
        card = parse_card(f"{HEAD}{outcome}\n[terms]\n{terms}\n[priors]\n{flat('old')}\n")
        return bi.posterior.waic(bi.fit(bi.design(table, card), draws=500, seed=1, progress=False)).waic

    others = ("negative_binomial", "zero_inflated_negative_binomial")
    poisson = criterion(scattered, "poisson")
    assert all(criterion(scattered, other) < poisson - 500 for other in others)
    even = stream.poisson(mean)
    assert criterion(even, "poisson") < min(criterion(even, other) for other in others) + 2
