"""The currency: what is a benefit, and what is refused."""

from dataclasses import dataclass

import numpy as np
import pytest

from bayesineq.decisions.benefit import check_benefit, combine, from_effects, rescale, tidy, total
from bayesineq.errors import DecisionError
from bayesineq.uplift.adapters import from_econml, from_stochtree
from bayesineq.uplift.learner import estimate
from tests.uplift.asking import ask


def test_draws_from_estimates_have_their_moments_and_correlation():
    mean, error = np.array([[0.1, 0.2], [0.3, 0.4]]), np.array([[0.01, 0.02], [0.03, 0.04]])
    benefit = from_effects(
        mean=mean,
        standard_error=error,
        scale="QALY",
        interventions=["a", "b"],
        units=["E01", "E02"],
        unit="area",
        correlation=0.5,
        n_draw=40_000,
        seed=1,
    )
    values = benefit.isel(chain=0).values
    # six standard errors of a mean, a standard deviation and a correlation from 40,000 draws
    np.testing.assert_allclose(values.mean(0), mean, atol=6 * 0.04 / 200)
    np.testing.assert_allclose(values.std(0), error, rtol=6 / np.sqrt(80_000))
    assert np.corrcoef(values[:, 0].T)[0, 1] == pytest.approx(0.5, abs=6 * 0.75 / 200)
    assert abs(np.corrcoef(values[:, :, 0].T)[0, 1]) < 6 / 200
    assert benefit.attrs["correlation"] == "0.5 between every two"


def test_correlation_must_be_stated_for_several_arms():
    arguments = {"mean": [[0.1, 0.2]], "standard_error": [[0.1, 0.1]], "scale": "QALY", "units": ["x"]}
    with pytest.raises(DecisionError, match="no correlation between their errors is stated"):
        from_effects(**arguments, interventions=["a", "b"])
    with pytest.raises(DecisionError, match="negative eigenvalue"):
        from_effects(**arguments, interventions=["a", "b"], correlation=-1.5)


def test_a_benefit_is_checked_and_all_faults_told_at_once():
    good = from_effects(np.ones((4, 2, 1)), scale="QALY", interventions=["a"], units=["x", "y"])
    assert check_benefit(good.transpose("intervention", ...)).dims == ("chain", "draw", "person", "intervention")
    bad = good.assign_coords(person=["x", "x"]).assign_attrs(scale="points").where(good.draw > 0)
    with pytest.raises(
        DecisionError, match=r"scale.*points.*codes repeat along person: x.*2 of 8 values are not finite"
    ):
        check_benefit(bad)
    with pytest.raises(DecisionError, match="intervention not found"):
        check_benefit(good.isel(intervention=0))
    with pytest.raises(DecisionError, match="no codes"):
        check_benefit(good.drop_vars("person"))


def test_mixed_scales_are_refused_and_rescale_mends_them():
    events = from_effects(np.full((3, 1, 1), 0.5), scale="events averted", interventions=["a"], units=["x"])
    qaly = from_effects(np.full((3, 1, 1), 0.2), scale="QALY", interventions=["b"], units=["x"])
    with pytest.raises(DecisionError, match="mixed scales cannot be compared: a in events averted, b in QALY"):
        combine([events, qaly])
    both = combine([rescale(events, {"a": 0.3}, scale="QALY"), qaly])
    np.testing.assert_allclose(both.isel(chain=0, draw=0, person=0), [0.15, 0.2])
    with pytest.raises(DecisionError, match="No factor from events averted to QALY for a"):
        rescale(events, {"z": 1.0}, scale="QALY")
    with pytest.raises(DecisionError, match="same units and draws"):
        combine([qaly, rescale(events, 1.0, scale="QALY").assign_coords(person=["y"])])


def test_total_weights_by_eligible_people_and_tidy_keeps_intervals():
    benefit = from_effects(
        np.array([[[1.0], [10.0]], [[3.0], [10.0]]]), scale="QALY", interventions=["a"], units=["x", "y"], unit="area"
    ).assign_coords(population=("area", [2.0, 5.0]))
    np.testing.assert_allclose(total(benefit).values.ravel(), [52, 56])
    table = tidy(benefit, prob=0.5)
    assert table.columns.tolist() == ["area", "intervention", "mean", "lower", "upper", "p_positive"]
    np.testing.assert_allclose(table.loc[0, ["mean", "lower", "upper"]].astype(float), [2, 1.5, 2.5])


@dataclass
class Inference:
    point_estimate: np.ndarray
    stderr: np.ndarray


class Forest:
    """The part of a fitted EconML estimator that the adapter reads."""

    def effect_inference(self, features, *, T0, T1):
        return Inference(features[:, 0] * (T1 - T0), np.full(len(features), 0.01))


def test_econml_effects_come_in_with_their_errors():
    features = np.array([[1.0], [2.0], [3.0]])
    benefit = from_econml(
        Forest(),
        features,
        scale="events gained",
        adverse=False,
        units=list("xyz"),
        interventions={"low": 1, "high": 2},
        correlation=0.5,
        n_draw=5_000,
        seed=1,
    )
    np.testing.assert_allclose(benefit.mean(("chain", "draw")), features * [1, 2], atol=6 * 0.01 / np.sqrt(5_000))
    with pytest.raises(DecisionError, match="inference switched on"):
        from_econml(object(), features, scale="QALY", units=list("xyz"), interventions={"a": 1})


def test_stochtree_draws_come_in_with_units_and_draws_in_place():
    draws = np.arange(6.0).reshape(2, 3)
    benefit = from_stochtree(draws, scale="QALY", units=["x", "y"], interventions=["a"])
    np.testing.assert_allclose(benefit.sel(person="y", intervention="a").values.ravel(), [3, 4, 5])
    with pytest.raises(DecisionError, match="needed are"):
        from_stochtree(draws.T, scale="QALY", units=["x", "y"], interventions=["a"])


@pytest.mark.slow
def test_a_fitted_bayesian_causal_forest_is_read_draw_by_draw():
    from stochtree import BCFModel

    rng = np.random.default_rng(2)
    x, treated = rng.normal(size=(300, 2)), rng.integers(0, 2, 300).astype(float)
    y = x[:, 0] + 0.5 * treated + 0.1 * rng.standard_normal(300)
    model = BCFModel()
    model.sample(
        X_train=x, Z_train=treated, y_train=y, propensity_train=np.full(300, 0.5), num_gfr=5, num_mcmc=40,
        general_params={"random_seed": 1},
    )  # fmt: skip
    tau = np.asarray(model.tau_hat_train)
    benefit = from_stochtree(tau, scale="QALY", units=range(300), interventions=["a"])
    assert benefit.sizes["draw"] == 40
    np.testing.assert_array_equal(benefit.isel(chain=0, intervention=0).values, tau.T)
    # every row of the effect is near the planted one half
    assert float(benefit.mean()) == pytest.approx(0.5, abs=0.05)


def test_an_outcome_turned_round_has_the_same_benefit_under_the_other_name():
    rng = np.random.default_rng(4)
    x, arm = rng.normal(size=(400, 2)), rng.integers(0, 2, 400)
    admitted = rng.binomial(1, 0.5 - 0.2 * arm)
    settings = {"propensity": {0: 0.5, 1: 0.5}, "folds": 2, "draws": 20, "resamples": 20, "seed": 1}
    bad = estimate(x, admitted, arm, **ask(adverse=True, **settings)).benefit
    good = estimate(x, 1 - admitted, arm, **ask(adverse=False, **settings)).benefit
    np.testing.assert_allclose(good, bad)
    assert float(bad.mean()) == pytest.approx(0.2, abs=0.15)
    assert (bad.attrs["scale"], good.attrs["scale"]) == ("events averted", "events gained")
    with pytest.raises(DecisionError, match="a benefit is then events gained"):
        estimate(x, 1 - admitted, arm, **ask(adverse=False, scale="events averted", **settings))
