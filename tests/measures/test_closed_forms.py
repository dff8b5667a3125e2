"""Measures that no peer's sample covers: textbook formulas, brute force over pairs of people, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad

from bayesineq.errors import MeasureError
from bayesineq.measures import concentration, dispersion, entropy, impact, simple, welfare
from bayesineq.measures.arrays import rank_bounds, shares

VALUE = np.array([0.30, 0.22, 0.41, 0.15, 0.27, 0.35])
PEOPLE = np.array([30.0, 10.0, 25.0, 15.0, 5.0, 40.0])
P = PEOPLE / PEOPLE.sum()
MU = P @ VALUE
ORDER = np.array([2, 1, 3, 4, 6, 5])


def step(rank: float) -> float:
    """Value of the person at a relative rank."""
    lower, upper = rank_bounds(shares(PEOPLE), ORDER)
    return float(VALUE[(lower <= rank) & (rank < upper)][0])


def integral(weight) -> float:
    edges = np.sort(rank_bounds(shares(PEOPLE), ORDER)[0])[1:]
    return quad(lambda r: weight(r) * step(r), 0, 1 - 1e-12, points=[*edges, 0.5], limit=200)[0]


@pytest.mark.parametrize("aversion", [1.0, 1.5, 2.0, 4.0])
def test_extended_concentration_index_is_its_integral(aversion):
    expected = 1 - integral(lambda r: aversion * (1 - r) ** (aversion - 1)) / MU
    ours = concentration.extended_concentration_index(VALUE, PEOPLE, aversion=aversion, order=ORDER)
    np.testing.assert_allclose(ours, expected, atol=1e-7)


@pytest.mark.parametrize("sensitivity", [1.5, 2.0, 4.0])
def test_symmetric_concentration_index_is_its_integral(sensitivity):
    def weight(r):
        x = r - 0.5
        return sensitivity * 2 ** (sensitivity - 2) * abs(x) ** (sensitivity - 1) * np.sign(x)

    ours = concentration.symmetric_concentration_index(VALUE, PEOPLE, sensitivity=sensitivity, order=ORDER)
    np.testing.assert_allclose(ours, integral(weight) / MU, atol=1e-7)


def test_both_extensions_are_the_standard_index_at_two_and_it_is_twice_the_covariance():
    lower, upper = rank_bounds(shares(PEOPLE), ORDER)
    twice = 2 * np.cov(VALUE, (lower + upper) / 2, aweights=PEOPLE, ddof=0)[0, 1]
    absolute = concentration.absolute_concentration_index(VALUE, PEOPLE, order=ORDER)
    np.testing.assert_allclose(absolute, twice, rtol=1e-10)
    standard = concentration.relative_concentration_index(VALUE, PEOPLE, order=ORDER)
    np.testing.assert_allclose(standard, twice / MU, rtol=1e-10)
    np.testing.assert_allclose(concentration.extended_concentration_index(VALUE, PEOPLE, order=ORDER), standard)
    np.testing.assert_allclose(concentration.symmetric_concentration_index(VALUE, PEOPLE, order=ORDER), standard)


def test_indices_of_bounded_outcomes_follow_their_definitions_and_mirror():
    relative = float(concentration.relative_concentration_index(VALUE, PEOPLE))
    wagstaff, erreygers = concentration.wagstaff_index, concentration.erreygers_index
    np.testing.assert_allclose(wagstaff(VALUE, PEOPLE), relative / (1 - MU), rtol=1e-12)
    np.testing.assert_allclose(erreygers(VALUE, PEOPLE), 4 * MU * relative, rtol=1e-12)
    # Turned into its complement (well instead of ill) both keep their size: Wagstaff 2005, Erreygers 2009.
    np.testing.assert_allclose(wagstaff(1 - VALUE, PEOPLE), -wagstaff(VALUE, PEOPLE), rtol=1e-10)
    np.testing.assert_allclose(erreygers(1 - VALUE, PEOPLE), -erreygers(VALUE, PEOPLE), rtol=1e-10)
    percent = erreygers(100 * VALUE, PEOPLE, upper=100.0)
    np.testing.assert_allclose(percent, erreygers(VALUE, PEOPLE), rtol=1e-12)


def test_indices_of_outcomes_that_are_not_bounded_by_zero():
    # Moved and stretched from 0 to 1 onto 20 to 45, an outcome is as unequal as before.
    moved, bounds = 20 + 25 * VALUE, {"lower": 20.0, "upper": 45.0}
    for measure in (concentration.wagstaff_index, concentration.erreygers_index):
        np.testing.assert_allclose(measure(moved, PEOPLE, **bounds), measure(VALUE, PEOPLE), rtol=1e-9)


def test_bounds_of_the_concentration_index_of_a_proportion():
    # All of the outcome with the most advantaged tenth: the index is 1 - mu (Wagstaff 2005), Wagstaff's is 1.
    value, people = np.r_[np.zeros(9), 1.0], np.ones(10)
    np.testing.assert_allclose(concentration.relative_concentration_index(value, people), 0.9, rtol=1e-12)
    np.testing.assert_allclose(concentration.wagstaff_index(value, people), 1.0, rtol=1e-12)


def test_horizontal_inequity_is_the_gap_between_use_and_need():
    need = VALUE[::-1]
    expected = concentration.relative_concentration_index(VALUE, PEOPLE) - concentration.relative_concentration_index(
        need, PEOPLE
    )
    np.testing.assert_allclose(concentration.horizontal_inequity(VALUE, PEOPLE, need=need), expected)


def test_gini_is_the_mean_difference_of_all_pairs():
    pairs = np.abs(VALUE[:, None] - VALUE) @ P @ P
    np.testing.assert_allclose(welfare.gini(VALUE, PEOPLE), pairs / (2 * MU), rtol=1e-12)


@pytest.mark.parametrize("aversion", [1.0, 2.0, 3.0])
def test_s_gini_is_one_less_the_expected_worst_of_so_many_people(aversion):
    # v whole: v (1 - F)^(v - 1) is the density of the rank of the worst off of v people drawn at random.
    by_value = np.argsort(VALUE)
    survive = np.r_[1.0, 1 - np.cumsum(P[by_value])].clip(0) ** aversion
    worst = -np.diff(survive) @ VALUE[by_value]
    np.testing.assert_allclose(welfare.s_gini_ede(VALUE, PEOPLE, aversion=aversion), worst, rtol=1e-12)
    np.testing.assert_allclose(welfare.s_gini(VALUE, PEOPLE, aversion=aversion), 1 - worst / MU, atol=1e-12)


@pytest.mark.parametrize("aversion", [0.0, 0.5, 1.0, 3.5, 10.95])
def test_atkinsons_equivalent_has_the_same_welfare(aversion):
    def welfare_of(y):
        return np.log(y) if aversion == 1 else y ** (1 - aversion) / (1 - aversion)

    level = float(welfare.atkinson_ede(VALUE, PEOPLE, aversion=aversion))
    np.testing.assert_allclose(welfare_of(level), P @ welfare_of(VALUE), rtol=1e-10)
    np.testing.assert_allclose(welfare.atkinson(VALUE, PEOPLE, aversion=aversion), 1 - level / MU, atol=1e-12)


@pytest.mark.parametrize("aversion", [0.025, 0.15, 30.0])
def test_kolms_equivalent_has_the_same_welfare(aversion):
    level = float(welfare.kolm_ede(VALUE, PEOPLE, aversion=aversion))
    np.testing.assert_allclose(np.exp(-aversion * level), P @ np.exp(-aversion * VALUE), rtol=1e-10)
    np.testing.assert_allclose(welfare.kolm(VALUE, PEOPLE, aversion=aversion), MU - level, atol=1e-12)
    # Values in the thousands overflow no exponential.
    np.testing.assert_allclose(welfare.kolm(VALUE + 5000, PEOPLE, aversion=aversion), MU - level, atol=1e-9)


def test_generalised_entropy_meets_its_named_members():
    half = dispersion.coefficient_of_variation(VALUE, PEOPLE) ** 2 / 2
    np.testing.assert_allclose(entropy.generalised_entropy(VALUE, PEOPLE, alpha=2), half, rtol=1e-12)
    for alpha, member in ((0.0, entropy.mean_log_deviation), (1.0, entropy.theil)):
        near = [entropy.generalised_entropy(VALUE, PEOPLE, alpha=alpha + h) for h in (-1e-4, 1e-4)]
        np.testing.assert_allclose(member(VALUE, PEOPLE), np.mean(near), rtol=1e-6)
        np.testing.assert_allclose(entropy.generalised_entropy(VALUE, PEOPLE, alpha=alpha), member(VALUE, PEOPLE))
    both = (entropy.theil(VALUE, PEOPLE) + entropy.mean_log_deviation(VALUE, PEOPLE)) / 2
    np.testing.assert_allclose(entropy.symmetrised_theil(VALUE, PEOPLE), both, rtol=1e-10)
    # Atkinson with e = 1 - a is a transform of generalised entropy (Shorrocks 1980).
    transformed = 1 - (1 + 0.5 * (0.5 - 1) * entropy.generalised_entropy(VALUE, PEOPLE, alpha=0.5)) ** 2
    np.testing.assert_allclose(welfare.atkinson(VALUE, PEOPLE, aversion=0.5), transformed, rtol=1e-10)


def test_zeros_are_refused_or_taken_to_the_limit_never_replaced():
    value, people = np.array([0.0, 2.0]), np.array([1.0, 1.0])
    for measure in (entropy.theil, entropy.mean_log_deviation, entropy.symmetrised_theil):
        with pytest.raises(MeasureError, match=r'1 are not, the first 0 at group 0; .*zeros="limit"'):
            measure(value, people)
        with pytest.raises(MeasureError, match="not negative"):
            measure([-1.0, 2.0], people, zeros="limit")
        with pytest.raises(MeasureError, match='"refuse" or "limit"'):
            measure(value, people, zeros="drop")
    np.testing.assert_allclose(entropy.theil(value, people, zeros="limit"), np.log(2))
    assert np.isinf(entropy.mean_log_deviation(value, people, zeros="limit"))
    assert np.isinf(entropy.generalised_entropy(value, people, alpha=-1.0, zeros="limit"))
    np.testing.assert_allclose(entropy.generalised_entropy(value, people, alpha=2.0, zeros="limit"), 0.5)
    assert float(welfare.atkinson(value, people, aversion=1.0, zeros="limit")) == 1.0
    assert float(welfare.atkinson(value, people, aversion=2.0, zeros="limit")) == 1.0
    np.testing.assert_allclose(welfare.atkinson(value, people, aversion=0.5), 0.5)
    with pytest.raises(MeasureError, match="1 or more needs values above zero"):
        welfare.atkinson(value, people, aversion=1.0)


def test_hoover_is_what_would_have_to_move():
    surplus = PEOPLE * (VALUE - MU)
    np.testing.assert_allclose(
        dispersion.hoover_index(VALUE, PEOPLE), surplus[surplus > 0].sum() / (PEOPLE @ VALUE), rtol=1e-12
    )
    half = dispersion.index_of_disparity_weighted(VALUE, PEOPLE) / 2
    np.testing.assert_allclose(dispersion.hoover_index(VALUE, PEOPLE), half, rtol=1e-12)


def test_tails_divide_a_group_that_straddles():
    # Shares 0.24 0.08 0.2 0.12 0.04 0.32: the bottom 30% are all of the first and three quarters of the second.
    bottom = (0.24 * VALUE[0] + 0.06 * VALUE[1]) / 0.30
    top = VALUE[5]
    np.testing.assert_allclose(simple.quantile_difference(VALUE, PEOPLE, fraction=0.3), top - bottom, rtol=1e-12)
    np.testing.assert_allclose(simple.quantile_ratio(VALUE, PEOPLE, fraction=0.3), top / bottom, rtol=1e-12)


def test_core20_of_areas_by_their_decile():
    decile = np.array([1, 2, 3, 2, 9, 10])
    core = np.average(VALUE[[0, 1, 3]], weights=PEOPLE[[0, 1, 3]])
    rest = np.average(VALUE[[2, 4, 5]], weights=PEOPLE[[2, 4, 5]])
    np.testing.assert_allclose(simple.core20_gap(VALUE, PEOPLE, order=decile), core - rest, rtol=1e-12)
    np.testing.assert_allclose(simple.core20_ratio(VALUE, PEOPLE, order=decile), core / rest, rtol=1e-12)


def test_references_of_excess_events():
    n = PEOPLE
    cases = {
        "lowest": VALUE.min(), "highest": VALUE.max(), "most_advantaged": VALUE[-1], 2: VALUE[2],
        # The upper half by rank: 0.02 of the third group's 0.2, all of the rest.
        "most_advantaged_half": (0.02 * VALUE[2] + 0.12 * VALUE[3] + 0.04 * VALUE[4] + 0.32 * VALUE[5]) / 0.5,
    }  # fmt: skip
    for reference, level in cases.items():
        expected = np.sum(n * (VALUE - level))
        np.testing.assert_allclose(impact.excess_events(VALUE, n, reference=reference), expected, rtol=1e-10)
        fraction = impact.attributable_fraction(VALUE, n, reference=reference)
        np.testing.assert_allclose(fraction, expected / (n @ VALUE), rtol=1e-10)
    tied = impact.excess_events(VALUE, n, reference="most_advantaged", order=[1, 2, 3, 4, 4, 4])
    top = np.average(VALUE[3:], weights=n[3:])
    np.testing.assert_allclose(tied, np.sum(n * (VALUE - top)), rtol=1e-10)


@pytest.mark.parametrize("order", [None, [1, 2, 3, 4, 5, 6]])
def test_a_most_advantaged_group_without_people_is_no_reference(order):
    with pytest.raises(MeasureError, match="the most advantaged group has no people"):
        impact.excess_events(VALUE, [*PEOPLE[:5], 0.0], reference="most_advantaged", order=order)


@pytest.mark.parametrize("reference", ["lowest", "highest"])
def test_an_extreme_is_not_looked_for_among_groups_without_people(reference):
    with pytest.raises(MeasureError, match="have nobody in them"):
        impact.attributable_fraction(VALUE, [0.0, *PEOPLE[1:]], reference=reference)
    assert np.isfinite(impact.attributable_fraction(VALUE, [0.0, *PEOPLE[1:]], reference=5))


@pytest.mark.parametrize("favourable", [True, False])
def test_distances_from_the_best_group_by_hand(favourable):
    best = VALUE.max() if favourable else VALUE.min()
    once = dispersion.mean_difference_from_best_unweighted(VALUE, favourable=favourable)
    np.testing.assert_allclose(once, np.abs(VALUE - best).mean(), rtol=1e-12)
    weighted = dispersion.mean_difference_from_best_weighted(VALUE, PEOPLE, favourable=favourable)
    np.testing.assert_allclose(weighted, P @ np.abs(VALUE - best), rtol=1e-12)


def test_zero_is_a_value_of_measures_that_only_refuse_negative_ones():
    value = np.array([0.0, 0.2, 0.4])
    people = np.ones(3)
    # All of the mean deviation, 0.4/3, over twice the mean of 0.2.
    np.testing.assert_allclose(dispersion.hoover_index(value, people), (0.4 / 3) / 0.4, rtol=1e-12)
    np.testing.assert_allclose(concentration.relative_concentration_index(value, people), 2 * 0.4 / 9 / 0.2, rtol=1e-12)
    np.testing.assert_allclose(welfare.gini(value, people), 2 * 0.4 / 9 / 0.2, rtol=1e-12)
    np.testing.assert_allclose(simple.share_ratio(value, people, group=0), 0.0)
    np.testing.assert_allclose(impact.attributable_fraction(value, people, reference="lowest"), 1.0)
    np.testing.assert_allclose(concentration.erreygers_index(value, people, upper=0.4), 4 * (0.4 * 2 / 9) / 0.4)


def test_closing_the_gap_leaves_those_better_than_the_reference_alone():
    need = np.sum(PEOPLE * np.maximum(VALUE - VALUE[4], 0))
    ours = impact.events_to_close_gap(VALUE, PEOPLE, reference=4, favourable=False, fraction=0.25)
    np.testing.assert_allclose(ours, 0.25 * need, rtol=1e-12)
    gain = np.sum(PEOPLE * (VALUE.max() - VALUE))
    np.testing.assert_allclose(
        impact.events_to_close_gap(VALUE, PEOPLE, reference="best", favourable=True), gain, rtol=1e-12
    )


def test_population_attributable_risk_of_an_adverse_outcome_is_never_positive():
    risk = impact.population_attributable_risk(VALUE, PEOPLE, favourable=False)
    np.testing.assert_allclose(risk, VALUE.min() - MU, rtol=1e-12)
    assert float(impact.population_attributable_risk(VALUE, PEOPLE, favourable=False, reference="highest")) == 0.0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: simple.difference([1.0]), "two groups or more"),
        (lambda: simple.ratio([0.0, 1.0]), "denominator above zero"),
        (lambda: simple.ratio([1.0, -1.0]), "numerator that is not negative"),
        (lambda: simple.range_difference(VALUE, reference=1), "say with `favourable`"),
        (lambda: simple.range_difference(VALUE, reference=9, favourable=True), "0 to 5; given 9"),
        (lambda: simple.gap_to_target(VALUE, group=-1, target=0.1), "0 to 5; given -1"),
        (lambda: simple.gap_to_average(VALUE, PEOPLE, group=True), "0 to 5; given True"),
        (lambda: simple.share_ratio([-1.0, 2.0], [1, 1], group=0), "not negative"),
        (lambda: simple.core20_gap(VALUE, PEOPLE), "pass the national decile"),
        (lambda: simple.core20_gap(VALUE, PEOPLE, order=[0, 1, 2, 3, 4, 5]), r"1 \(most deprived\) to 10"),
        (lambda: simple.core20_gap(VALUE, PEOPLE, order=[3] * 6), "both in deciles 1-2"),
        (lambda: simple.quantile_ratio(VALUE, PEOPLE, fraction=0.6), "at most 0.5"),
        (lambda: concentration.relative_concentration_index([-1.0, 2.0], [1, 1]), "not negative"),
        (lambda: concentration.relative_concentration_index([0.0, 0.0], [1, 1]), "mean above zero"),
        (lambda: concentration.wagstaff_index([50.0, 60.0], [1, 1]), "0 and 1; 2 are not"),
        (lambda: concentration.wagstaff_index([1.0, 1.0], [1, 1]), "mean off the bounds"),
        (lambda: concentration.wagstaff_index([0.0, 0.0], [1, 1]), "mean off the bounds"),
        (lambda: concentration.erreygers_index(VALUE, PEOPLE, lower=1.0), "below `upper`"),
        (lambda: concentration.extended_concentration_index(VALUE, PEOPLE, aversion=np.inf), "at least 1"),
        (lambda: concentration.symmetric_concentration_index(VALUE, PEOPLE, sensitivity=np.inf), "above 1"),
        (lambda: concentration.extended_concentration_index(VALUE, PEOPLE, aversion=0.5), "at least 1"),
        (lambda: concentration.symmetric_concentration_index(VALUE, PEOPLE, sensitivity=1.0), "above 1"),
        (lambda: dispersion.coefficient_of_variation([-1.0, 1.0], [1, 1]), "mean above zero"),
        (lambda: dispersion.hoover_index([-1.0, 3.0], [1, 1]), "not negative"),
        (lambda: dispersion.mean_difference_from_reference_weighted(VALUE, PEOPLE, reference=6), "0 to 5; given 6"),
        (lambda: entropy.generalised_entropy(VALUE, PEOPLE, alpha=np.inf), "finite"),
        (lambda: entropy.theil([0.0, 0.0], [1, 1], zeros="limit"), "mean above zero"),
        (lambda: welfare.atkinson(VALUE, PEOPLE, aversion=-1.0), "0 \\(indifferent\\) or more"),
        (lambda: welfare.atkinson(VALUE, PEOPLE, aversion=1.0, zeros="drop"), '"refuse" or "limit"'),
        (lambda: welfare.kolm(VALUE, PEOPLE, aversion=0.0), "above 0, per unit"),
        (lambda: welfare.s_gini(VALUE, PEOPLE, aversion=0.0), "at least 1"),
        (lambda: welfare.gini([-1.0, 3.0], [1, 1]), "not negative"),
        (lambda: impact.excess_events(VALUE, PEOPLE, reference="best"), "position of a group"),
        (lambda: impact.excess_events(VALUE, PEOPLE, reference="most_advantaged", order=[1, 2]), "each of the 6"),
        (lambda: impact.population_attributable_fraction([0.0, 0.0], [1, 1], favourable=True), "mean above zero"),
        (lambda: impact.events_to_close_gap(VALUE, PEOPLE, reference=0, favourable=True, fraction=2), "at most 1"),
    ],
)
def test_misuse_is_refused_with_what_was_given(call, message):
    with pytest.raises(MeasureError, match=message):
        call()
