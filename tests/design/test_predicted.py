"""
Rows without an outcome, and areas without rows, are predicted: as from a fit to the others.

Oracles: the fit to the other rows alone, asked about the same people; and rows of nobody at risk, whose likelihood is
one whatever the parameters.
"""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
import pytest

from bayesineq.cli import main
from bayesineq.design.matrix import Design, design
from bayesineq.design.mixture import Membership, mixture
from bayesineq.errors import DesignError, MeasureError
from bayesineq.inference.fit import NutsOptions, fit
from bayesineq.inference.prior import prior_draws
from bayesineq.inference.sparse_engine.groups import leave_group_out
from bayesineq.model.read_card import parse_card
from bayesineq.posterior.calibration import calibration
from bayesineq.posterior.diagnose import diagnose
from bayesineq.posterior.expected import expected
from bayesineq.posterior.files import load, save
from bayesineq.posterior.population import population
from bayesineq.posterior.predictive import predictive
from bayesineq.posterior.standardise import standardised
from bayesineq.report.figures.checks import predictive_data
from bayesineq.space.adjacency import from_edges

OUTCOMES = {
    "poisson": 'count = "y"\nexpected = "e"',
    "negative_binomial": 'count = "y"\nexposure = "e"',
    "binomial": 'count = "y"\nat_risk = "n"',
    "beta_binomial": 'count = "y"\nat_risk = "n"',
    "bernoulli": 'value = "b"',
    "gaussian": 'value = "v"',
    "log_normal": 'value = "v"',
    "gamma": 'value = "v"',
}
LACKING = [3, 17, 18, 40]
TERMS = 'group = { kind = "exchangeable", by = "g" }\nx = { kind = "linear", by = "x", standardise = true }'
SPATIAL = 'place = { kind = "bym2", by = "area" }'


def card(outcome: str, likelihood: str, terms: str = TERMS) -> str:
    text = f'name = "t"\nquestion = "?"\ntable = "t"\n[outcome]\n{outcome}\nlikelihood = "{likelihood}"\n'
    return f"{text}[terms]\n{terms}\n"


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    rng = np.random.default_rng(4)
    frame = pd.DataFrame({"g": list("abcdef") * 8, "e": rng.uniform(5, 30, 48), "n": rng.integers(30, 90, 48)})
    frame["x"] = rng.normal(200.0, 3.0, 48)
    frame.loc[3, "x"] = 230.0
    frame["y"] = rng.poisson(10, 48).astype(float)
    frame["v"] = rng.gamma(9.0, 2.0, 48)
    frame["b"] = rng.integers(0, 2, 48).astype(float)
    return frame


def lacking(table: pd.DataFrame) -> pd.DataFrame:
    frame = table.copy()
    frame.loc[LACKING, ["y", "v", "b"]] = np.nan
    return frame


def build(table: pd.DataFrame, text: str, graph: object = None) -> Design:
    return design(table, parse_card(text), adjacency=graph)


def fitted(study: Design, **options: object):
    return fit(study, **({"seed": 1, "draws": 200, "progress": False} | options))


@pytest.mark.parametrize("likelihood", list(OUTCOMES))
def test_the_other_rows_are_fitted_and_these_predicted(table, likelihood):
    text = card(OUTCOMES[likelihood], likelihood)
    post = fitted(build(lacking(table), text))
    alone = fitted(build(table.drop(index=LACKING), text))
    for name, draws in alone["posterior"].data_vars.items():
        np.testing.assert_allclose(post["posterior"][name], draws, rtol=1e-12)
    people = population(post)
    assert len(people) == 48
    np.testing.assert_allclose(expected(post).to_numpy(), expected(alone, people).to_numpy(), rtol=1e-9)
    each = people.assign(row=[str(k) for k in range(48)])
    want = expected(alone, each, by="row").sel(row="3")
    np.testing.assert_allclose(expected(post, each, by="row").sel(row="3"), want, rtol=1e-9)
    assert expected(post, by="g").attrs["rows_predicted"] == 4
    assert standardised(post, "g").attrs["rows_predicted"] == 4
    assert post.attrs["notes"].startswith("4 rows without an outcome are predicted")
    assert "rows_predicted" not in alone.attrs
    checks = post["checks"].to_dataset()
    assert np.flatnonzero(np.isnan(checks["cpo"])).tolist() == LACKING
    np.testing.assert_allclose(checks["cpo"].to_numpy()[~np.isnan(checks["cpo"])], alone["checks"]["cpo"], rtol=1e-12)
    assert diagnose(post).table["value"].tolist() == diagnose(alone).table["value"].tolist()
    pd.testing.assert_frame_equal(calibration(post), calibration(alone))
    assert predictive(post, draws=5, seed=1).sizes["row"] == 48
    assert prior_draws(build(lacking(table), text), draws=3, seed=1)["constant_data"].sizes["row"] == 48


def test_one_row_is_one_row(table):
    frame = table.assign(y=table["y"].where(table.index != 5))
    study = build(frame, card(OUTCOMES["poisson"], "poisson"))
    assert study.notes == ("1 row without an outcome is predicted from the other rows",)
    assert len(study) == 48
    assert len(study.known()) == 47
    assert study.known().known() is study.known() or len(study.known().known()) == 47


def test_intervals_lack_both_ends_or_none(table):
    text = card('lower = "low"\nupper = "high"\nat_risk = "n"', "binomial")
    frame = table.assign(low=table["y"], high=table["y"] + 2)
    frame.loc[LACKING, ["low", "high"]] = np.nan
    post, alone = fitted(build(frame, text)), fitted(build(frame.drop(index=LACKING), text))
    np.testing.assert_allclose(post["posterior"]["group"], alone["posterior"]["group"], rtol=1e-12)
    frame.loc[0, "low"] = np.nan
    with pytest.raises(DesignError, match=r"one of 'low' and 'high' is missing in 1 rows \(counted from 0: 0\)"):
        build(frame, text)


def test_what_else_is_missing_is_refused_all_at_once(table):
    frame = lacking(table)
    frame.loc[3, ["e", "x"]] = np.nan
    frame.loc[17, "g"] = None
    with pytest.raises(DesignError, match="3 problems") as told:
        build(frame, card(OUTCOMES["poisson"], "poisson"))
    assert all(f"column '{name}' is missing" in str(told.value) for name in "exg")
    with pytest.raises(DesignError, match="no row has an outcome"):
        build(table.assign(y=np.nan), card(OUTCOMES["poisson"], "poisson"))
    with pytest.raises(DesignError, match="'y' is missing or infinite"):
        build(table.assign(y=np.inf), card(OUTCOMES["poisson"], "poisson"))


def test_a_level_and_an_area_without_an_outcome_get_their_effect(table):
    """As rows of nobody at risk, which say nothing, do."""
    areas = [f"E0{k}" for k in range(8)]
    graph = from_edges([(areas[k], areas[k + 1]) for k in range(7)], areas=areas)
    frame = table.assign(area=np.repeat(areas, 6), y=table["y"].clip(upper=29))
    text = card(OUTCOMES["binomial"], "binomial", SPATIAL + '\ngroup = { kind = "exchangeable", by = "g" }')
    gone = (frame["area"] == "E04") | (frame["g"] == "f")
    nobody = frame.assign(y=frame["y"].mask(gone, 0), n=frame["n"].mask(gone, 0))
    want = fitted(build(nobody, text, graph), draws=4000)
    got = fitted(build(frame.assign(y=frame["y"].mask(gone)), text, graph), draws=4000)
    for name in ("place", "group", "intercept"):
        mean, sd = want["posterior"][name].mean("draw"), want["posterior"][name].std("draw")
        assert float((np.abs(got["posterior"][name].mean("draw") - mean) / sd).max()) < 0.1
        np.testing.assert_allclose(got["posterior"][name].std("draw"), sd, rtol=0.06)
    fewer = build(frame[~gone], text, graph)
    assert "1 of 8 areas have no row with an outcome (E04): their effects come from their neighbours" in fewer.notes[0]
    post = fitted(fewer, draws=4000)
    np.testing.assert_allclose(
        post["posterior"]["place"].mean("draw"), want["posterior"]["place"].mean("draw"), atol=0.02
    )
    assert "E04" not in expected(post, by="area")["area"]
    whom = pd.DataFrame({"area": ["E04"], "g": ["a"], "population": [1.0]})
    alike = expected(want, whom, by="area")
    assert float(np.abs(expected(post, whom, by="area").mean() - alike.mean())) < 0.05 * float(alike.std())
    with pytest.raises(DesignError, match=r"areas of the table are not in the adjacency \(area: \['E99'\]\)"):
        build(frame.assign(area=frame["area"].replace("E00", "E99")), text, graph)


def test_replicates_are_compared_with_what_was_observed(table):
    post = fitted(build(lacking(table), card(OUTCOMES["poisson"], "poisson")))
    observed = lacking(table).groupby("g")["y"].sum()
    with pytest.raises(MeasureError, match="4 replicated rows have no outcome"):
        predictive_data(predictive(post, by="g", seed=1), observed, "g")
    whole, known = predictive(post, by="g", seed=1), predictive(post, by="g", seed=1, known_only=True)
    assert (whole.mean("draw") > known.mean("draw") - 1e-9).all()
    rows = predictive(post, seed=1).isel(row=[k for k in range(48) if k not in LACKING])
    np.testing.assert_allclose(known.sum("g"), rows.sum("row"))
    assert predictive_data(known, observed, "g")["inside"].mean() > 0.5
    assert predictive(post, seed=1, known_only=True).sizes["row"] == 44


def test_files_keep_what_is_predicted(table, tmp_path):
    post = fitted(build(lacking(table), card(OUTCOMES["poisson"], "poisson")))
    back = load(save(post, tmp_path / "post.nc"))
    assert back.attrs["rows_predicted"] == 4
    np.testing.assert_allclose(expected(back, by="g"), expected(post, by="g"))
    assert diagnose(back).passed == diagnose(post).passed


def test_groups_that_are_left_out_hold_rows_with_an_outcome(table):
    text = card(OUTCOMES["poisson"], "poisson")
    got = leave_group_out(build(lacking(table), text), table["g"])
    want = leave_group_out(build(table.drop(index=LACKING), text), table["g"].drop(index=LACKING))
    pd.testing.assert_frame_equal(got, want)


def test_a_latent_column_does_not_predict():
    text = card(
        'count = "cases"\nat_risk = "population"', "binomial", 'e = { kind = "exchangeable", by = "ethnicity" }'
    )
    weight = np.full((2, 2, 2), 0.5)
    found = Membership("ethnicity", np.array(["a", "b"]), pd.DataFrame({"recorded": ["a", "b"]}), weight)
    frame = pd.DataFrame({"recorded": ["a", "b"], "cases": [1.0, np.nan], "population": [10, 20]})
    with pytest.raises(DesignError, match="1 rows have no outcome"):
        mixture(frame, parse_card(text + '[latent]\nethnicity = "recorded"\n'), found)


@pytest.mark.parametrize("offset", [0.0, 1e-10, 1e-9])
@pytest.mark.parametrize(
    "term",
    [
        'z = { kind = "linear", by = "z" }',
        'z = { kind = "linear", by = "z", standardise = true }',
        'z = { kind = "exchangeable", by = "g", times = "z" }',
        'z = { kind = "exchangeable", by = "g", times = "z", standardise = true }',
        'z = { kind = "fixed", by = "g", reference = "a", times = "z" }',
    ],
)
def test_a_covariate_that_is_constant_but_for_rounding_is_refused(table, term, offset):
    z = np.full(48, 14.62) + offset * np.arange(48) / 47
    with pytest.raises(DesignError, match=r"column 'z' is constant \(14.62"):
        build(table.assign(z=z), card(OUTCOMES["poisson"], "poisson", term))
    with pytest.raises(DesignError, match="is constant"):
        build(table.assign(z=np.float32(14.62) * 1e5), card(OUTCOMES["poisson"], "poisson", term))
    varied = np.where(np.isin(np.arange(48), LACKING), 3.0, 14.62)
    with pytest.raises(DesignError, match=r"constant .* where the outcome is known"):
        build(lacking(table).assign(z=varied), card(OUTCOMES["poisson"], "poisson", term))


@pytest.mark.parametrize("centre", [0.0, 1e3, 2013.0, 1e6])
def test_a_covariate_far_from_zero_is_not_constant(table, centre):
    z = centre + np.arange(48.0)
    build(table.assign(z=z), card(OUTCOMES["poisson"], "poisson", 'z = { kind = "linear", by = "z" }'))


def test_a_reference_that_nobody_is_in_is_refused(table):
    fixed = 'g = { kind = "fixed", by = "g", reference = "a" }'
    poisson, binomial = card(OUTCOMES["poisson"], "poisson", fixed), card(OUTCOMES["binomial"], "binomial", fixed)
    says = r"nobody whose outcome is known is in its reference \['a'\].*such as \['b'\]"
    unused = table.assign(g=pd.Categorical(table["g"].replace("a", "b"), categories=list("abcdef")))
    with pytest.raises(DesignError, match=says):
        build(unused, poisson)
    with pytest.raises(DesignError, match="reference"):
        build(table.assign(y=table["y"].mask(table["g"] == "a")), poisson)
    with pytest.raises(DesignError, match="reference"):
        build(table.assign(n=table["n"].mask(table["g"] == "a", 0), y=table["y"].mask(table["g"] == "a", 0)), binomial)
    crossed = 'g = { kind = "fixed", by = ["g", "s"], reference = ["a", "m"] }'
    sexes = table.assign(s=np.where(table["g"] == "a", "f", np.repeat(["f", "m"], 24)))
    with pytest.raises(DesignError, match=r"reference \['a', 'm'\]"):
        build(sexes, card(OUTCOMES["poisson"], "poisson", crossed))
    study = build(sexes, card(OUTCOMES["poisson"], "poisson", crossed.replace('["a", "m"]', '["a", "f"]')))
    assert any("in 1 of its 12 levels (a and m), whose effects are their prior alone" in note for note in study.notes)


@pytest.mark.slow
def test_the_sampler_predicts_as_the_sparse_engine_does(table):
    study = build(lacking(table), card(OUTCOMES["poisson"], "poisson"))
    sampled = fit(study, engine=NutsOptions(chains=2, tune=500), seed=1, draws=1000, progress=False)
    solved = fit(study, seed=1, draws=2000, progress=False)
    assert sampled["constant_data"].sizes["row"] == 48
    assert sampled.attrs["rows_predicted"] == 4
    one, other = expected(sampled, by="g"), expected(solved, by="g")
    spread = other.std(("chain", "draw"))
    assert float((np.abs(one.mean(("chain", "draw")) - other.mean(("chain", "draw"))) / spread).max()) < 0.2


def test_the_command_line_fits_a_table_with_blanks(tmp_path, monkeypatch, capsys):
    rng = np.random.default_rng(1)
    keys = pd.MultiIndex.from_product(
        [[f"E0100000{k}" for k in range(4)], ["A", "B"], ["20-39", "40-49"], ["female", "male"]]
    )
    frame = keys.to_frame(index=False, name=["area", "ethnicity", "age_band", "sex"])
    frame["imd_decile"] = frame["area"].str[-1].astype(int) + 1
    frame["population"] = 500
    frame["cases"] = pd.Series(rng.binomial(500, 0.1, len(frame)), dtype="Int64").mask(frame.index == 7)
    frame.to_csv(tmp_path / "table.csv", index=False)
    text = card(
        'count = "cases"\nat_risk = "population"', "binomial", 'd = { kind = "random_walk", by = "imd_decile" }'
    )
    (tmp_path / "own.toml").write_text(text.replace('table = "t"', 'table = "area_counts"'))
    call = [
        "fit",
        tmp_path / "own.toml",
        "--table",
        tmp_path / "table.csv",
        "--out",
        tmp_path / "p.nc",
        "--no-progress",
    ]
    monkeypatch.setattr(sys, "argv", ["bayesineq", *map(str, call), "--seed", "1"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    assert "1 row without an outcome is predicted" in capsys.readouterr().out
    assert load(tmp_path / "p.nc").attrs["rows_predicted"] == 1
