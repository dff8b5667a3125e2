"""Domains of deprivation in the model of neighbourhoods: a planted truth comes back, and the page says it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import bayesineq as bi
from bayesineq.errors import SchemaError
from bayesineq.practices.neighbourhood_pages import modelled
from bayesineq.practices.neighbourhoods import domain_gradients
from bayesineq.tables.practices import PracticeTables

TRUTH = {"income": 0.4, "education": 0.9, "crime": 0.0}
OLD, PRODUCT = 2.0, -3.0


def planted(seed: int) -> tuple[PracticeTables, pd.DataFrame, bi.space.Adjacency]:
    """Practices of four neighbouring areas each, whose registers are binomial from areas of a known law."""
    rng = np.random.default_rng(seed)
    side = 14
    codes = [f"E0100{i:04}" for i in range(side * side)]
    n = len(codes)
    at = np.arange(n).reshape(side, side)
    edges = [
        *zip(at[:, :-1].ravel(), at[:, 1:].ravel(), strict=True),
        *zip(at[:-1].ravel(), at[1:].ravel(), strict=True),
    ]
    graph = bi.space.from_edges([(codes[i], codes[j]) for i, j in edges])
    ranks = {name: rng.permutation(n) + 1 for name in (*TRUTH, "imd", "adult_skills")}
    place = {name: 1.0 - (rank - 0.5) / n for name, rank in ranks.items()}
    old = rng.uniform(0.1, 0.3, n)
    logit = -3.0 + sum(effect * place[name] for name, effect in TRUTH.items()) + OLD * old
    logit = logit + PRODUCT * (old - old.mean()) * (place["imd"] - 0.5)
    share = 1.0 / (1.0 + np.exp(-logit))
    pairs, shares = [], {}
    for k, (i, j) in enumerate((i, j) for i in range(side - 1) for j in range(side - 1)):
        members = [at[i, j], at[i + 1, j], at[i, j + 1], at[i + 1, j + 1]]
        pairs += [(f"P{k:04}", codes[m], 2500) for m in members]
        shares[f"P{k:04}"] = rng.binomial(10_000, share[members].mean()) / 10_000
    registrations = pd.DataFrame(pairs, columns=["practice", "area", "patients"])
    areas = pd.DataFrame({"area": codes, "residents": 9000, "aged_65_and_over": old})
    held = pd.DataFrame({"practice": list(shares), "AF": list(shares.values())})
    tables = PracticeTables(held, registrations, areas, pd.DataFrame({"practice": []}), ())
    deprivation = pd.DataFrame({"area": codes, "imd_decile": 1 + 10 * (ranks["imd"] - 1) // n})
    return tables, deprivation.assign(**{f"{name}_rank": rank for name, rank in ranks.items()}), graph


def test_planted_effects_of_domains_and_age_come_back_and_the_strongest_is_named() -> None:
    """Posterior means lie within four standard deviations of the truth, which 1 in 3,000 effects would not."""
    tables, deprivation, graph = planted(1)
    found, by_age = domain_gradients(tables, "AF", deprivation, graph, draws=400, seed=1)
    own = found[found["part_of"] == ""].set_index("domain")
    assert list(own.index) == ["income", "education", "crime"]
    spread = (own["upper"] - own["lower"]) / 3.92
    assert (np.abs(own["effect"] - pd.Series(TRUTH)) < 4.0 * spread).all()
    assert (spread < 0.2).all()
    assert own["strongest"].idxmax() == "education"
    assert own.loc["education", "strongest"] > 0.95
    assert own.loc["education", "alone_upper"] < 0.0
    sub = found[found["part_of"] == "education"]
    assert sub["domain"].tolist() == ["adult_skills"]
    assert abs(sub["effect"].iloc[0]) < 4.0 * (sub["upper"] - sub["lower"]).iloc[0] / 3.92
    row = by_age.iloc[0]
    for name, sign in (("most", 1), ("least", -1)):
        truth = 0.1 * (OLD + sign * 0.5 * PRODUCT)
        assert abs(row[name] - truth) < 4.0 * (row[f"{name}_upper"] - row[f"{name}_lower"]) / 3.92
    page = modelled({"domain_model": found.assign(name="").pipe(_attributed), "age_model": by_age}, "AF")[0]
    assert "differ most by Education, Skills and Training" in page.statements[0].text
    assert f"{np.exp(own.loc['education', 'effect']):.2f} (" in page.statements[0].text
    assert [row[0] for row in page.tables[0].rows][-1] == "Adult Skills"
    assert modelled({}, "AF") == []


def _attributed(table: pd.DataFrame) -> pd.DataFrame:
    table.attrs["draws"] = 400
    return table


def test_a_file_without_domains_is_named() -> None:
    tables, deprivation, graph = planted(2)
    with pytest.raises(SchemaError, match="No domain has a rank: give File 7"):
        domain_gradients(tables, "AF", deprivation[["area", "imd_decile", "imd_rank"]], graph)
