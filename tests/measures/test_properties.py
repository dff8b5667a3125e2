"""
What every registered measure must do, whatever the values: the registry drives the tests, so none can be left out.

Each measure states how it behaves in `BEHAVIOUR`; the laws themselves are the definitions of absolute and relative
measures (Kolm 1976; Shorrocks 1980; Erreygers 2009), not numbers of another implementation.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from bayesineq.errors import MeasureError
from bayesineq.measures.registry import MEASURES

N = 10
RTOL = 1e-9
ATOL = 1e-9


@dataclass(frozen=True)
class Behaviour:
    """How one measure behaves; `options` are the keywords of the test, `position` one that points at a group."""

    options: dict[str, Any] = field(default_factory=dict)
    degree: int = 1
    """Power of k by which the measure grows when all values are multiplied by k."""
    shift: str = "unchanged"
    """When a constant is added to every value: unchanged, follows, shrinks towards equality, or free."""
    reversal: str = "none"
    """When the ranking is turned round: flips, inverts, unchanged or none."""
    transfer: bool = False
    """Whether moving from a group above to one below, without crossing, may never increase it."""
    position: str | None = None
    scaled: tuple[tuple[str, int], ...] = ()
    """Keywords in the unit of the values, with the power of k by which they must follow."""
    counts: bool = False
    """Whether the measure counts events, so that it doubles with the population."""


RELATIVE = {"degree": 0, "shift": "shrinks"}
SPREAD = {"transfer": True}
BEHAVIOUR = {
    "difference": Behaviour(reversal="flips"),
    "ratio": Behaviour(**RELATIVE, reversal="inverts"),
    "range_difference": Behaviour(transfer=True),
    "range_ratio": Behaviour(**RELATIVE, transfer=True),
    "gap_to_target": Behaviour({"group": 3, "target": 0.7}, position="group", scaled=(("target", 1),), shift="follows"),
    "gap_to_average": Behaviour({"group": 3}, position="group"),
    "share_ratio": Behaviour({"group": 3}, **RELATIVE, position="group"),
    "core20_gap": Behaviour(),
    "core20_ratio": Behaviour(**RELATIVE),
    "quantile_difference": Behaviour({"fraction": 0.3}, reversal="flips"),
    "quantile_ratio": Behaviour({"fraction": 0.3}, **RELATIVE, reversal="inverts"),
    "sii": Behaviour(reversal="flips"),
    "rii": Behaviour(**RELATIVE, reversal="inverts"),
    "sii_monotone": Behaviour(reversal="flips"),
    "gradient_curvature": Behaviour(reversal="unchanged"),
    "departure_from_line": Behaviour(reversal="unchanged"),
    "absolute_concentration_index": Behaviour(reversal="flips"),
    "relative_concentration_index": Behaviour(**RELATIVE, reversal="flips"),
    "wagstaff_index": Behaviour(
        {"lower": 0.0, "upper": 1.0}, degree=0, shift="free", reversal="flips", scaled=(("lower", 1), ("upper", 1))
    ),
    "erreygers_index": Behaviour(
        {"lower": 0.0, "upper": 1.0}, degree=0, reversal="flips", scaled=(("lower", 1), ("upper", 1))
    ),
    "extended_concentration_index": Behaviour({"aversion": 3.5}, **RELATIVE),
    "symmetric_concentration_index": Behaviour({"sensitivity": 3.5}, **RELATIVE, reversal="flips"),
    "horizontal_inequity": Behaviour({"need": np.full(N, 0.5)}, **RELATIVE, reversal="flips"),
    "between_group_variance": Behaviour(degree=2, **SPREAD),
    "between_group_standard_deviation": Behaviour(**SPREAD),
    "coefficient_of_variation": Behaviour(**RELATIVE, **SPREAD),
    "mean_difference_from_mean_unweighted": Behaviour(),
    "mean_difference_from_mean_weighted": Behaviour(**SPREAD),
    "mean_difference_from_best_unweighted": Behaviour({"favourable": True}),
    "mean_difference_from_best_weighted": Behaviour({"favourable": True}, **SPREAD),
    "mean_difference_from_reference_unweighted": Behaviour({"reference": 3}, position="reference"),
    "mean_difference_from_reference_weighted": Behaviour({"reference": 3}, position="reference"),
    "index_of_disparity_unweighted": Behaviour(**RELATIVE),
    "index_of_disparity_weighted": Behaviour(**RELATIVE, **SPREAD),
    "hoover_index": Behaviour(**RELATIVE, **SPREAD),
    "theil": Behaviour(**RELATIVE, **SPREAD),
    "mean_log_deviation": Behaviour(**RELATIVE, **SPREAD),
    "generalised_entropy": Behaviour({"alpha": -1.5}, **RELATIVE, **SPREAD),
    "symmetrised_theil": Behaviour(**RELATIVE, **SPREAD),
    "atkinson": Behaviour({"aversion": 2.5}, **RELATIVE, **SPREAD),
    "atkinson_ede": Behaviour({"aversion": 2.5}, shift="free"),
    "kolm": Behaviour({"aversion": 2.5}, scaled=(("aversion", -1),), **SPREAD),
    "kolm_ede": Behaviour({"aversion": 2.5}, scaled=(("aversion", -1),), shift="follows"),
    "gini": Behaviour(**RELATIVE, **SPREAD),
    "s_gini": Behaviour({"aversion": 3.5}, **RELATIVE, **SPREAD),
    "s_gini_ede": Behaviour({"aversion": 3.5}, shift="follows"),
    "population_attributable_risk": Behaviour({"favourable": True}, **SPREAD),
    "population_attributable_fraction": Behaviour({"favourable": False}, **RELATIVE),
    "excess_events": Behaviour({"reference": "most_advantaged_half"}, counts=True),
    "attributable_fraction": Behaviour({"reference": "most_advantaged"}, **RELATIVE),
    "events_to_close_gap": Behaviour({"reference": "best", "favourable": False, "fraction": 0.5}, counts=True),
}

# Proportions well off the bounds, so that every measure is defined, also on lines drawn through them.
values = hnp.arrays(np.float64, N, elements=st.floats(0.5, 0.9))
weights = hnp.arrays(np.float64, N, elements=st.floats(50.0, 500.0))
every = pytest.mark.parametrize("name", list(MEASURES))


def take(name: str, value, weight, **changed: Any):
    return MEASURES[name].function(value, weight, **{**BEHAVIOUR[name].options, **changed})


def takes_order(name: str) -> bool:
    return "order" in inspect.signature(MEASURES[name].function).parameters


def close(ours, expected):
    np.testing.assert_allclose(ours, expected, rtol=RTOL, atol=ATOL)


def test_every_registered_measure_states_its_behaviour_and_no_other():
    assert set(BEHAVIOUR) == set(MEASURES)


@every
@given(value=values, weight=weights, factor=st.floats(0.1, 10.0))
def test_scale(name, value, weight, factor):
    behaviour = BEHAVIOUR[name]
    follow = {keyword: behaviour.options[keyword] * factor**power for keyword, power in behaviour.scaled}
    close(take(name, value * factor, weight, **follow), factor**behaviour.degree * take(name, value, weight))


@every
@given(value=values, weight=weights, added=st.floats(0.0, 0.1))
def test_translation(name, value, weight, added):
    before, after = take(name, value, weight), take(name, value + added, weight)
    behaviour, equality = BEHAVIOUR[name], MEASURES[name].equality
    if behaviour.shift == "unchanged":
        close(after, before)
    elif behaviour.shift == "follows":
        close(after, before + added)
    elif behaviour.shift == "shrinks":
        assert abs(after - equality) <= abs(before - equality) + ATOL
    else:
        assert name in {"wagstaff_index", "atkinson_ede"}


@every
@given(value=values, weight=weights)
def test_the_same_population_twice_measures_the_same(name, value, weight):
    again = {"order": np.tile(np.arange(1, N + 1), 2)} if takes_order(name) else {}
    if "need" in BEHAVIOUR[name].options:
        again["need"] = np.tile(BEHAVIOUR[name].options["need"], 2)
    repeat = np.tile if takes_order(name) or not MEASURES[name].ordered else np.repeat
    twice = take(name, repeat(value, 2), repeat(weight, 2), **again)
    close(twice, take(name, value, weight) * (2 if BEHAVIOUR[name].counts else 1))


@every
@given(value=values, weight=weights, factor=st.floats(0.01, 100.0))
def test_only_shares_matter_unless_events_are_counted(name, value, weight, factor):
    close(take(name, value, weight * factor), take(name, value, weight) * (factor if BEHAVIOUR[name].counts else 1.0))


@every
@given(value=values, weight=weights, place=st.permutations(range(N)))
def test_permutation(name, value, weight, place):
    moved = np.array(place)
    again: dict[str, Any] = {"order": moved + 1} if takes_order(name) else {}
    if MEASURES[name].ordered and not again:
        assert name in {"difference", "ratio"}
        moved = np.concatenate([[0], 1 + np.argsort(moved[:-2]), [N - 1]])  # the ends stay, the middle moves
    if BEHAVIOUR[name].position:
        keyword = BEHAVIOUR[name].position
        again[keyword] = int(np.flatnonzero(moved == BEHAVIOUR[name].options[keyword])[0])
    close(take(name, value[moved], weight[moved], **again), take(name, value, weight))


@every
@given(value=values, weight=weights)
def test_bounds(name, value, weight):
    least, greatest = MEASURES[name].bounds
    measured = take(name, value, weight)
    assert np.isfinite(measured)
    assert least is None or measured >= least
    assert greatest is None or measured <= greatest


@every
@given(level=st.floats(0.5, 0.9), weight=weights)
def test_equality(name, level, weight):
    same = {"target": level} if name == "gap_to_target" else {}
    expected = MEASURES[name].equality
    close(take(name, np.full(N, level), weight, **same), level if expected is None else expected)


@every
@given(value=values, weight=weights)
def test_reversal_of_rank(name, value, weight):
    forwards, backwards = take(name, value, weight), take(name, value[::-1], weight[::-1])
    law = BEHAVIOUR[name].reversal
    if law == "flips":
        close(backwards, -forwards)
    elif law == "inverts":
        close(backwards, 1 / forwards)
    elif law == "unchanged":
        close(backwards, forwards)
    else:
        # A ranking without mirror image, a weight that leans to one end, or no ranking at all.
        assert not MEASURES[name].ordered or name in {"core20_gap", "core20_ratio", "extended_concentration_index"}


@pytest.mark.parametrize("name", [name for name, behaviour in BEHAVIOUR.items() if behaviour.transfer])
@given(value=values, weight=weights, part=st.floats(0.0, 1.0))
def test_a_transfer_from_the_best_off_to_the_worst_off_never_widens(name, value, weight, part):
    rich, poor = int(np.argmax(value)), int(np.argmin(value))
    if rich == poor:
        return
    people = 1 / weight[rich] + 1 / weight[poor]
    events = part * (value[rich] - value[poor]) / people
    after = value.copy()
    after[rich] -= events / weight[rich]
    after[poor] += events / weight[poor]
    assert take(name, after, weight) <= take(name, value, weight) + ATOL


@every
def test_draws_are_measured_one_by_one(name):
    rng = np.random.default_rng(3)
    value, weight = rng.uniform(0.5, 0.9, (2, 3, N)), rng.uniform(50, 500, (2, 3, N))
    together = take(name, value, weight)
    assert together.shape == (2, 3)
    close(together, [[take(name, value[i, j], weight[i, j]) for j in range(3)] for i in range(2)])
    common = take(name, value, weight[0, 0])
    close(common, [[take(name, value[i, j], weight[0, 0]) for j in range(3)] for i in range(2)])


@every
def test_single_precision_input_is_measured_in_double(name):
    rng = np.random.default_rng(4)
    value, weight = rng.uniform(0.5, 0.9, (4, N)).astype(np.float32), rng.uniform(50, 500, N)
    measured = take(name, value, weight)
    assert measured.dtype == np.float64
    close(measured, take(name, value.astype(np.float64), weight))


COUNT_EACH_ONCE = {
    *("difference", "ratio", "range_difference", "range_ratio", "gap_to_target", "gap_to_average", "share_ratio"),
    *("mean_difference_from_mean_unweighted", "index_of_disparity_unweighted"),
    *("mean_difference_from_best_unweighted", "mean_difference_from_best_weighted"),
    *("mean_difference_from_reference_unweighted", "mean_difference_from_reference_weighted"),
    # By their reference, the best group.
    *("population_attributable_risk", "population_attributable_fraction", "events_to_close_gap"),
}


@every
def test_a_group_without_people_does_not_count_and_is_refused_where_each_counts_once(name):
    rng = np.random.default_rng(5)
    value, weight = rng.uniform(0.5, 0.9, (3, N)), rng.uniform(50, 500, N)
    more, people = np.insert(value, 5, 0.2, axis=1), np.insert(weight, 5, 0.0)
    again: dict[str, Any] = {"order": [1, 2, 3, 4, 5, 5, 6, 7, 8, 9, 10]} if name.startswith("core20") else {}
    if "need" in BEHAVIOUR[name].options:
        again["need"] = np.full(N + 1, 0.5)
    if name in COUNT_EACH_ONCE:
        with pytest.raises(MeasureError, match=r"groups \[5\] .* have nobody in them"):
            take(name, more, people, **again)
    else:
        close(take(name, more, people, **again), take(name, value, weight))
