"""Standardised rates and life tables against PHEindicatormethods, closed forms and simulation."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import brentq
from scipy.stats import binomtest, norm, poisson

from bayesineq.errors import MeasureError
from bayesineq.measures.impact import excess_events
from bayesineq.measures.life_table import (
    AGES,
    healthy_life_expectancy,
    life_expectancy,
    life_expectancy_limits,
    years_of_life_lost,
)
from bayesineq.measures.limits import byar_limits, poisson_limits, wilson_limits
from bayesineq.measures.standardise import (
    direct_rate,
    dsr,
    esp2013,
    indirect_ratio,
    isr,
)


@pytest.fixture(scope="module")
def areas(phe) -> pd.DataFrame:
    return pd.read_csv(phe / "testdata_DSR_ISR__testdata_multiarea.csv")


def test_the_standard_population_is_the_peers(phe):
    peer = pd.read_csv(phe / "esp2013__esp2013.csv")["esp2013"].to_numpy()
    np.testing.assert_array_equal(esp2013().weight, peer)
    assert esp2013(["00-04", "05-14"]).weight.tolist() == [5000.0, 11000.0]


@pytest.mark.parametrize("bands", [["00-03"], ["1-4"], ["00-14", "10-19"], ["85 plus"], ["02-04"]])
def test_bands_that_cut_the_standard_or_overlap_are_refused(bands):
    with pytest.raises(MeasureError, match="is no union of the standard's bands"):
        esp2013(bands)


@pytest.mark.parametrize(("per", "unit"), [(10_000.0, "dsr per 10000"), (100_000.0, "dsr per 100000")])
@pytest.mark.parametrize(("prob", "columns"), [(0.95, (4, 5)), (0.998, (6, 7))])
def test_directly_standardised_rates_and_dobson_limits_are_the_peers(phe, areas, per, unit, prob, columns):
    expected = pd.read_csv(phe / "testdata_DSR_ISR__testresults_DSR.csv")
    for area in ("testdata_big", "testdata_small"):
        rows = areas[areas["area"] == area]
        row = expected[(expected["area"] == area) & (expected["statistic"] == unit)].iloc[0]
        ours = dsr(rows["count"], rows["pop"], esp2013().weight, per=per, prob=prob)
        np.testing.assert_allclose(ours, row.iloc[[3, *columns]].to_numpy(dtype=float), rtol=1e-9)


def test_fewer_than_ten_events_have_no_rate_by_the_published_rule(areas):
    rows = areas[areas["area"] == "testdata_tiny"]
    count, people = rows["count"].fillna(0), rows["pop"]
    assert np.isnan(dsr(count, people, esp2013().weight)).all()
    assert np.isfinite(dsr(count, people, esp2013().weight, fewest=0)).all()


def test_ten_events_are_enough_for_a_rate_and_for_byars_limits():
    assert np.isnan(dsr([4, 5], [1000, 500], [1, 1])).all()
    assert np.isfinite(dsr([4, 6], [1000, 500], [1, 1])).all()
    # Twenty events are expected of these people.
    reference = [20, 300], [10_000, 10_000]
    np.testing.assert_allclose(isr([4, 5], [2500, 500], *reference)[1:], poisson_limits(9) / 20, rtol=1e-12)
    np.testing.assert_allclose(isr([4, 6], [2500, 500], *reference)[1:], byar_limits(10) / 20, rtol=1e-12)


def test_a_rate_without_any_event_is_zero_and_has_no_limits():
    rate, lower, upper = dsr([0, 0], [1000, 500], [1, 1], fewest=0)
    assert rate == 0.0
    assert np.isnan([lower, upper]).all()
    assert np.isfinite(dsr([1, 0], [1000, 500], [1, 1], fewest=0)).all()
    # A tenth of an event is expected.
    np.testing.assert_allclose(isr([1], [10], [1], [100])[0], 10.0, rtol=1e-12)


def test_rates_and_ratios_by_hand():
    # 0.25 * 30/1000 + 0.75 * 10/500 a person; the spread of the sum is that of the weighted counts.
    rate, lower, upper = dsr([30, 10], [1000, 500], [1, 3], per=1.0, prob=0.9)
    np.testing.assert_allclose(rate, 0.0225, rtol=1e-12)
    spread = np.sqrt(30 * (0.25 / 1000) ** 2 + 10 * (0.75 / 500) ** 2)
    np.testing.assert_allclose(
        [lower, upper], rate + spread / np.sqrt(40) * (byar_limits(40, prob=0.9) - 40), rtol=1e-12
    )
    np.testing.assert_allclose(indirect_ratio([0.03, 0.02], [1000, 500], [0.02, 0.02]), 40 / 30, rtol=1e-12)
    np.testing.assert_allclose(direct_rate([0.03, 0.02], [1, 3]), 0.0225, rtol=1e-12)
    exact = isr([3, 2], [1000, 500], [20, 10], [1000, 500], prob=0.9)
    np.testing.assert_allclose(exact, [5 / 30, *(poisson_limits(5, prob=0.9) / 30)], rtol=1e-12)


def test_bands_of_the_standard_may_be_pooled_up_to_all_ages():
    assert esp2013(["00-89", "90+"]).age_band == ("00-89", "90+")
    np.testing.assert_allclose(esp2013(["00-89", "90+"]).weight, [99_000.0, 1000.0])
    assert esp2013(["00+"]).weight.tolist() == [100_000.0]
    assert esp2013(["05-09"]).weight.tolist() == [5500.0]


def test_many_areas_at_once_are_each_area_by_itself(areas):
    two = [areas[areas["area"] == area] for area in ("testdata_big", "testdata_small")]
    count, people = (np.array([rows[key] for rows in two]) for key in ("count", "pop"))
    together = dsr(count, people, esp2013().weight)
    np.testing.assert_array_equal(together, [dsr(c, p, esp2013().weight) for c, p in zip(count, people, strict=True)])


def test_a_draw_is_standardised_like_counts_and_the_reference_has_ratio_one(areas):
    rows = areas[areas["area"] == "testdata_big"]
    rate = (rows["count"] / rows["pop"]).to_numpy()
    by_count = dsr(rows["count"], rows["pop"], esp2013().weight)[0]
    np.testing.assert_allclose(100_000 * direct_rate(rate, esp2013().weight), by_count, rtol=1e-12)
    np.testing.assert_allclose(indirect_ratio(rate, rows["pop"], rate), 1.0, rtol=1e-12)
    np.testing.assert_allclose(indirect_ratio(3 * rate, rows["pop"], rate), 3.0, rtol=1e-12)


def test_indirect_ratio_of_counts_is_observed_over_expected(phe, areas):
    reference = pd.read_csv(phe / "testdata_DSR_ISR__refdata.csv")
    rows = areas[areas["area"] == "testdata_small"]
    ratio, lower, upper = isr(rows["count"], rows["pop"], reference["refcount"], reference["refpop"])
    expected = (rows["pop"].to_numpy() * (reference["refcount"] / reference["refpop"]).to_numpy()).sum()
    rate = (rows["count"] / rows["pop"]).to_numpy()
    np.testing.assert_allclose(ratio, rows["count"].sum() / expected, rtol=1e-12)
    np.testing.assert_allclose(
        indirect_ratio(rate, rows["pop"], reference["refcount"] / reference["refpop"]), ratio, rtol=1e-12
    )
    np.testing.assert_allclose([lower, upper], byar_limits(rows["count"].sum()) / expected, rtol=1e-12)
    few = isr([2, 7], [100, 100], [5, 5], [100, 100])
    np.testing.assert_allclose(few[1:], poisson_limits(9) / 10, rtol=1e-12)


@pytest.mark.parametrize("count", [0, 1, 5, 9, 40])
@pytest.mark.parametrize("prob", [0.95, 0.998])
def test_exact_limits_leave_the_tails_they_should(count, prob):
    lower, upper = poisson_limits(count, prob=prob)
    np.testing.assert_allclose(poisson.cdf(count, upper), (1 - prob) / 2, rtol=1e-9)
    if count:
        np.testing.assert_allclose(poisson.sf(count - 1, lower), (1 - prob) / 2, rtol=1e-9)
    else:
        assert lower == 0.0
        assert byar_limits(count, prob=prob)[0] == 0.0


@pytest.mark.parametrize("count", [10, 50, 400])
def test_byars_limits_are_near_the_exact_ones(count):
    # Breslow & Day (1987, page 69) call the approximation accurate: within half a percent of a count of ten or more.
    np.testing.assert_allclose(byar_limits(count), poisson_limits(count), rtol=5e-3)


@pytest.mark.parametrize("prob", [0.95, 0.998])
@pytest.mark.parametrize("count", [1, 2, 5])
def test_byars_limits_of_few_events_stay_possible(count, prob):
    # At one event and 99.8% the published cube is that of a negative number.
    lower, upper = byar_limits(count, prob=prob)
    exact = poisson_limits(count, prob=prob)
    assert 0 <= lower < count < upper
    assert lower == pytest.approx(exact[0], abs=0.06)
    assert upper == pytest.approx(exact[1], rel=0.02)


@pytest.mark.parametrize(
    ("count", "people", "prob"), [(1, 20, 0.95), (1, 1, 0.998), (1, 900, 0.998), (899, 900, 0.998)]
)
def test_wilsons_limits_stay_possible_at_one_event(count, people, prob):
    z = norm.ppf(0.5 + prob / 2)
    lower, upper = wilson_limits(count, people, prob=prob)
    assert 0 < lower < upper <= 1
    for p in (lower, *([upper] if upper < 1 else [])):
        assert (count / people - p) ** 2 == pytest.approx(z**2 * p * (1 - p) / people, rel=1e-9)


@pytest.mark.parametrize(("count", "people"), [(1, 20), (7, 30), (45, 90)])
def test_wilsons_limits_solve_the_score_equation(count, people):
    z = norm.ppf(0.975)
    lower, upper = wilson_limits(count, people)
    share = count / people
    found = binomtest(count, people).proportion_ci(method="wilson")
    np.testing.assert_allclose([lower, upper], [found.low, found.high], rtol=1e-9)
    for p, (a, b) in ((lower, (1e-9, share)), (upper, (share, 1 - 1e-9))):
        root = brentq(lambda q: (share - q) ** 2 - z**2 * q * (1 - q) / people, a, b, xtol=1e-14)
        np.testing.assert_allclose(p, root, rtol=1e-9)


@pytest.fixture(scope="module")
def table(phe) -> pd.DataFrame:
    return pd.read_csv(phe / "life_expectancy_test1.csv")


def test_life_expectancy_is_the_peers_at_all_twenty_ages(table):
    assert table["startage"].tolist() == list(AGES)
    ours = life_expectancy(table["deaths"] / table["pops"])
    np.testing.assert_allclose(ours, table["expected_ex"], rtol=1e-8)
    limits = life_expectancy_limits(table["deaths"], table["pops"])
    np.testing.assert_allclose(limits[:, 0], ours, rtol=1e-12)
    # The peer's limits use 1.96, ours the quantile of the normal distribution: half-widths differ by 2 in 100,000.
    half = (table["expected_upper95"] - table["expected_ex"]) * norm.ppf(0.975) / 1.96
    np.testing.assert_allclose(limits[:, 2] - limits[:, 0], half, rtol=1e-6)
    np.testing.assert_allclose(limits[:, 0] - limits[:, 1], half, rtol=1e-6)


def test_chiangs_limits_are_the_spread_over_simulated_deaths(table):
    rng = np.random.default_rng(11)
    people = table["pops"].to_numpy()
    rate = (table["deaths"] / people).to_numpy()
    deaths = rng.poisson(rate * people, (20_000, len(people)))
    sampled = life_expectancy(np.maximum(deaths, 1e-9) / people)[:, 0].std()
    limits = life_expectancy_limits(table["deaths"], people)[0]
    np.testing.assert_allclose((limits[2] - limits[1]) / (2 * norm.ppf(0.975)), sampled, rtol=0.03)


def test_a_constant_rate_has_its_reciprocal_as_life_expectancy_at_every_age():
    ages = np.arange(0, 100.5, 0.5)
    np.testing.assert_allclose(life_expectancy(np.full(ages.size, 0.0125), ages=ages), 80.0, rtol=1e-4)


def test_nobody_dies_before_the_open_band():
    rate = np.zeros(20)
    rate[-1] = 0.25
    np.testing.assert_allclose(life_expectancy(rate)[0], 94.0)


def test_healthy_years_are_all_years_when_all_are_well_and_a_share_when_a_share_is(table):
    rate = (table["deaths"] / table["pops"]).to_numpy()
    years = life_expectancy(rate)
    np.testing.assert_allclose(healthy_life_expectancy(rate, np.ones(20)), years, rtol=1e-12)
    np.testing.assert_allclose(healthy_life_expectancy(rate, np.full(20, 0.7)), 0.7 * years, rtol=1e-12)
    draws = healthy_life_expectancy(np.stack([rate, rate]), np.full(20, 0.7))
    np.testing.assert_allclose(draws, np.stack([0.7 * years] * 2), rtol=1e-12)


def test_published_rules_for_small_populations_give_no_number(table):
    small = life_expectancy_limits(table["deaths"] * 0 + 1, table["pops"] / 1000)
    assert np.isnan(small).all()


def test_years_of_life_lost_to_inequality_are_excess_deaths_times_years_that_remain():
    rates = np.array([[0.002, 0.001], [0.05, 0.04]])
    people = np.array([[1000, 1000], [500, 800]])
    excess = excess_events(rates, people, reference="most_advantaged")
    np.testing.assert_allclose(excess, [1.0, 5.0])
    np.testing.assert_allclose(years_of_life_lost(excess, [70.0, 10.0]), 120.0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: life_expectancy(np.full(19, 0.1)), "20 age bands"),
        (lambda: life_expectancy(np.r_[np.full(19, 0.01), 0.0]), "open age band is zero"),
        (lambda: life_expectancy(np.r_[-0.01, np.full(19, 0.01)]), "must not be negative"),
        (lambda: life_expectancy(np.r_[np.full(18, 0.01), 5.0, 0.2]), "nobody would outlive"),
        (lambda: life_expectancy([0.1, 0.2], ages=[5, 0]), "rising"),
        (lambda: life_expectancy_limits(np.full(20, 9.0), np.full(20, 3.0)), "above the population"),
        (lambda: healthy_life_expectancy(np.full(20, 0.01), np.full(20, 70.0)), "between 0 and 1; divide"),
        (lambda: years_of_life_lost([1.0], [10.0, 20.0]), "age bands"),
        (lambda: years_of_life_lost([1.0], [-10.0]), "negative or missing"),
        (lambda: dsr([1, -1], [10, 10], [1, 1]), "1 counts are negative or missing"),
        (lambda: dsr([1, 1], [10, 0], [1, 1]), "1 populations are missing or not above zero"),
        (lambda: wilson_limits(11, 10), "above their population"),
        (lambda: byar_limits(3, prob=95), "between 0 and 1"),
        (lambda: byar_limits(0.5), "negative, fractional or missing, the first 0.5; .* the interval of a model"),
        (lambda: byar_limits([4, -3]), "1 counts are negative, fractional or missing, the first -3"),
        (lambda: poisson_limits([0.5, -3, np.nan]), "3 counts are negative, fractional or missing"),
        (lambda: wilson_limits(0.5, 10), "negative, fractional or missing"),
        (lambda: wilson_limits(1, 0), "not above zero"),
        (lambda: dsr([5, 5.5], [10, 10], [1, 1]), "negative, fractional or missing"),
        (lambda: dsr([5, 5], [10, 10], [1, 1, 1]), "standard has 3 bands, events have 2"),
        (lambda: dsr([5, 5], [10, 10], [0, 0]), "all weights are zero"),
        (lambda: life_expectancy_limits(np.full(20, 1.0), np.full(20, 300.0), prob=95), "between 0 and 1"),
        (lambda: indirect_ratio([0.1], [10], [0.0]), "no events are expected"),
        (lambda: isr([1], [10], [0], [10]), "no events are expected"),
    ],
)
def test_misuse_is_refused(call, message):
    with pytest.raises(MeasureError, match=message):
        call()
