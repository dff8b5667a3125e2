"""The learner on worlds with known effects, on published trials, and in scikit-learn's hands."""

import json
import sys

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from bayesineq.errors import DecisionError
from bayesineq.uplift.basis import make_basis, precision_weights, ridge, sums_by_area
from bayesineq.uplift.calibration import best_linear_predictor, decile_calibration
from bayesineq.uplift.folds import make_folds
from bayesineq.uplift.learner import estimate, learn_uplift, person_benefit, predict
from bayesineq.uplift.overlap import balance, overlap_by
from bayesineq.uplift.policy import capacity_curve, policy_gain, policy_value, policy_value_weighted
from bayesineq.uplift.scores import average_effect, doubly_robust_scores
from bayesineq.uplift.second_stage import Sums, sample
from bayesineq.uplift.stacking import effect_weights, simplex_least_squares
from tests.uplift.asking import ask

HALF = {0: 0.5, 1: 0.5}


def trial(seed=1, people=4_000, areas=20, confounded=False):
    """Records of people whose risk falls by .05, or by .20 where the first covariate is positive."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(people, 3))
    area = rng.integers(0, areas, people)
    e = expit(1.5 * x[:, 1]) if confounded else np.full(people, 0.5)
    treated = (rng.random(people) < e).astype(int)
    risk = expit(0.2 + 0.5 * x[:, 1])
    effect = np.where(x[:, 0] > 0, 0.20, 0.05)
    event = (rng.random(people) < np.clip(risk - treated * effect, 0, 1)).astype(float)
    table = pd.DataFrame(x, columns=["a", "b", "c"])
    return table.assign(
        area=[f"E0100{i:04d}" for i in area], arm=treated, event=event, truth=risk - np.clip(risk - effect, 0, 1)
    )


@pytest.fixture(scope="module")
def people():
    return trial()


@pytest.fixture(scope="module")
def found(people):
    return learn_uplift(
        people,
        **ask(
            treated="arm",
            outcome="event",
            adverse=True,
            covariates=["a", "b", "c"],
            area="area",
            need="b",
            propensity=HALF,
            folds=3,
            draws=150,
            resamples=40,
            seed=1,
        ),
    )


def test_average_and_individual_effects_are_found(people, found):
    row = found.average.iloc[0]
    assert row["lower"] < people["truth"].mean() < row["upper"]
    # at least half of the spread of the true effects is explained
    assert ((found.effect[:, 0] - people["truth"]) ** 2).mean() < people["truth"].var() / 2
    assert found.benefit.dims == ("chain", "draw", "area", "intervention")
    assert float(found.benefit.coords["population"].sum()) == len(people)
    mean = float((found.benefit.mean(("chain", "draw")) * found.benefit.population).sum() / len(people))
    assert mean == pytest.approx(row["estimate"], abs=2 * row["standard_error"])


def test_rival_rules_are_shown_and_the_gates_say_what_they_support(found):
    rules = found.evidence.rules.set_index("rule")
    assert rules.index.tolist() == ["constant", "risk", "need", "boosted", "combined", "random"]
    assert rules["weight"].sum() == pytest.approx(1.0)
    assert rules.loc["combined", "lower"] > 0
    assert rules.loc["combined", "autoc"] > rules.loc["random", "autoc"]
    assert not any("no evidence" in said for said in found.evidence.words)
    spread = found.evidence.linear_predictor.set_index("term").loc["spread"]
    assert abs(spread["estimate"] - 1) < 3 * spread["standard_error"]


def test_noise_is_refused_in_words():
    rng = np.random.default_rng(8)
    x, t = rng.normal(size=(2_000, 3)), rng.integers(0, 2, 2_000)
    y = (rng.random(2_000) < 0.3).astype(float)
    blind = estimate(x, y, t, **ask(adverse=True, propensity=HALF, folds=2, draws=30, resamples=50, seed=8))
    assert any("no evidence for targeting by uplift" in said for said in blind.evidence.words)
    assert any("undetermined whether there is a benefit" in said for said in blind.evidence.words)


def test_confounding_is_removed_and_balance_shows_it():
    table = trial(seed=3, people=6_000, confounded=True)
    naive = table.groupby("arm")["event"].mean()
    truth = table["truth"].mean()
    scores = doubly_robust_scores(table[["a", "b", "c"]], 1 - table["event"], table["arm"], **ask(folds=3, seed=1))
    row = average_effect(scores).iloc[0]
    assert abs(naive[0] - naive[1] - truth) > 4 * row["standard_error"]
    assert row["lower"] < truth < row["upper"]
    love = balance(table[["a", "b", "c"]], scores.arm, scores.propensity, stratum=table["a"] > 0)
    confounder = love[(love["stratum"] == "all") & (love["feature"] == "b")].iloc[0]
    assert confounder["difference"] > 0.5
    assert abs(confounder["difference_weighted"]) < 0.05
    assert set(love["stratum"]) == {"all", "True", "False"}
    strata = overlap_by(scores.propensity, scores.arm, scores.labels, table["a"] > 0)
    assert strata["people"].sum() == 2 * len(table)


def test_score_of_a_potential_outcome_by_hand():
    # with the true propensity and whatever model, the mean score is the weighted residual plus the prediction
    table = trial(seed=4, people=1_000)
    scores = doubly_robust_scores(table[["a"]], table["event"], table["arm"], **ask(propensity=HALF, folds=2, seed=1))
    y, m = table["event"].to_numpy(), scores.predicted
    for arm in (0, 1):
        mine = table["arm"].to_numpy() == arm
        expected = m[:, arm] + mine * (y - m[:, arm]) / 0.5
        np.testing.assert_allclose(scores.potential[:, arm], expected)
    assert scores.weights["effective_sample_size"].tolist() == [(table["arm"] == k).sum() for k in (0, 1)]


def test_two_arms_share_their_control():
    rng = np.random.default_rng(5)
    n = 1_500
    x, t = rng.normal(size=(n, 2)), rng.choice(["none", "a", "b"], n)
    y = rng.normal(0.5 * x[:, 0] + np.select([t == "a", t == "b"], [0.3, 0.6], 0.0), 1.0)
    third = {"none": 1 / 3, "a": 1 / 3, "b": 1 / 3}
    both = estimate(
        x,
        y,
        t,
        **ask(adverse=False, scale="QALY", control="none", propensity=third, folds=2, draws=200, resamples=20, seed=1),
    )
    assert both.benefit.intervention.values.tolist() == ["a", "b"]
    draws = both.benefit.isel(chain=0, area=0).values
    np.testing.assert_allclose(draws.mean(0), [0.3, 0.6], atol=4 * np.sqrt(2 * 3 / n))
    # equal arms: errors of the two effects share the control's variance, correlation one half
    assert np.corrcoef(draws.T)[0, 1] == pytest.approx(0.5, abs=0.2)
    np.testing.assert_allclose(draws.std(0), np.sqrt(6 / n), rtol=0.25)


def test_lalonde_and_dehejia_wahba_experimental_benchmarks(shared):
    folder = shared / "reference/uplift/lalonde"
    published = json.loads((folder / "published.json").read_text())["experimental_att"]
    full, subset = pd.read_stata(folder / "nsw.dta"), pd.read_stata(folder / "nsw_dw.dta")
    for table, key in ((full, "LaLonde_full_722"), (subset, "DehejiaWahba_445")):
        by = table.groupby("treat")["re78"].mean()
        assert by[1] - by[0] == pytest.approx(published[key], abs=0.01)
        covariates = ["age", "education", "black", "hispanic", "married", "nodegree", "re75"]
        share = float(table["treat"].mean())
        scores = doubly_robust_scores(
            table[covariates],
            table["re78"],
            table["treat"].astype(int),
            **ask(propensity={0: 1 - share, 1: share}, folds=5, seed=1),
        )
        row = average_effect(scores).iloc[0]
        assert row["lower"] < published[key] < row["upper"]
        assert abs(row["estimate"] - published[key]) < row["standard_error"]


@pytest.mark.calibration
def test_ihdp_effects_beat_two_linear_regressions_and_intervals_hold(shared):
    ours, theirs, averages, persons = [], [], [], []
    for i in range(1, 11):
        data = np.loadtxt(shared / f"reference/uplift/ihdp/ihdp_npci_{i}.csv", delimiter=",")
        t, y, truth, x = data[:, 0].astype(int), data[:, 1], data[:, 4] - data[:, 3], data[:, 5:]
        design = np.column_stack([np.ones(len(x)), x])
        beta = [np.linalg.lstsq(design[t == k], y[t == k], rcond=None)[0] for k in (0, 1)]
        learned = estimate(x, y, t, **ask(adverse=False, draws=200, resamples=20, seed=i))
        for errors, guess in ((theirs, design @ (beta[1] - beta[0])), (ours, learned.effect[:, 0])):
            errors.append(np.sqrt(np.mean((guess - truth) ** 2)))
        row = learned.average.iloc[0]
        averages.append(row["lower"] <= truth.mean() <= row["upper"])
        own = person_benefit(learned, x, units=range(len(x))).isel(chain=0, intervention=0)
        low, high = np.quantile(own, [0.05, 0.95], axis=0)
        persons.append(((low <= truth) & (truth <= high)).mean())
    assert np.median(ours) < np.median(theirs)
    # the average is the doubly robust one, which trusts no model: noisier here than two straight lines, but honest
    assert np.sum(averages) >= 9
    assert 0.80 <= np.mean(persons) <= 0.95


def sums_of(rng, areas, people, sd, noise=1.0):
    effect = rng.normal(0, sd, areas)
    score = 0.4 + np.repeat(effect, people) + noise * rng.standard_normal(areas * people)
    code = np.repeat(np.arange(areas), people)
    total = np.bincount(code, score)[:, np.newaxis]
    count = np.full(areas, float(people))
    ones = count[:, np.newaxis]
    return Sums(
        count,
        ones,
        total,
        np.array([[count.sum()]]),
        total.sum(0)[np.newaxis],
        np.array([[score @ score]]),
        count,
        np.ones((areas, 1)),
    ), effect


def test_second_stage_matches_the_exact_posterior_on_a_grid():
    # one arm, no modifiers: integrate the two variances numerically, the rest is normal
    rng = np.random.default_rng(7)
    sums, _ = sums_of(rng, 30, 20, 0.3)
    stage = sample(sums, draws=2_500, seed=1)
    n, mean = sums.people, sums.score[:, 0] / sums.people
    within = sums.square[0, 0] - (n * mean**2).sum()
    t, s = np.meshgrid(np.geomspace(0.02, 1.5, 160), np.linspace(0.8, 1.2, 120), indexing="ij")
    var = t[..., None] ** 2 + s[..., None] ** 2 / n
    w = 1 / var
    precision = w.sum(-1) + 1 / 10.0**2
    centre = (w * mean).sum(-1) / precision
    log = -0.5 * np.log(var).sum(-1) - 0.5 * (w * mean**2).sum(-1) + 0.5 * centre**2 * precision
    log += -0.5 * np.log(precision) - (n - 1).sum() * np.log(s) - within / (2 * s**2)
    # the stated prior of the sd, on its grid of logs; the noise's is flat beside 600 scores
    log += np.log(t) - 2.5 * np.log1p((t / 0.15) ** 2 / 4) + np.log(t) - 2 * 2 * np.log(s)
    p = np.exp(log - log.max())
    p /= p.sum()
    sd, level, area = stage.area_sd[:, 0], stage.coefficient[:, 0, 0], stage.area[:, :, 0]
    assert sd.mean() == pytest.approx((p * t).sum(), rel=0.03)
    assert sd.std() == pytest.approx(np.sqrt((p * t**2).sum() - (p * t).sum() ** 2), rel=0.08)
    assert level.mean() == pytest.approx((p * centre).sum(), abs=0.01)
    shrunk = (p[..., None] * (centre[..., None] + (mean - centre[..., None]) * t[..., None] ** 2 / var)).sum((0, 1))
    got = (level[:, None] + area).mean(0)
    np.testing.assert_allclose(got, shrunk, atol=0.015)


def test_probability_of_one_effect_for_all_is_that_of_the_two_marginal_likelihoods():
    # scores of 300 people on three columns: brute force over the same models, each a multivariate normal
    from scipy.stats import multivariate_normal

    rng = np.random.default_rng(3)
    x = np.column_stack([np.ones(300), rng.normal(size=(300, 2))])
    y = 0.4 + 0.12 * x[:, 1] + rng.standard_normal(300)
    one = np.ones((1, 1))
    sums = Sums(
        300 * one[0], x.sum(0)[None], y.sum() * one, x.T @ x, (x.T @ y)[:, None], y @ y * one, 300 * one[0],
        x.mean(0)[None],
    )  # fmt: skip
    stage = sample(sums, draws=20, seed=1, areas=False)
    scale = np.array([0.02, 0.05, 0.12, 0.3, 0.8, 2.0])
    prior = scale / (1 + (scale / 0.1) ** 2) * np.gradient(np.log(scale))
    prior *= (1 - 0.3) / prior.sum()
    unit = y.var()

    def log_marginal(sd):
        cov = unit * np.eye(300) + x @ np.diag([100.0, sd**2, sd**2]) @ x.T
        return multivariate_normal(np.zeros(300), cov).logpdf(y)

    differs = [np.log(p / (1 - 0.3)) + log_marginal(sd) for sd, p in zip(scale, prior, strict=True)]
    odds = log_marginal(0.0) - np.logaddexp.reduce(differs)
    # the noise's variance is integrated out in the one and at the data's in the other
    assert stage.constant[0] == pytest.approx(1 / (1 + np.exp(-odds)), abs=0.02)


def test_ridge_with_little_noise_is_least_squares_and_with_noise_only_is_constant():
    rng = np.random.default_rng(2)
    x = np.column_stack([np.ones(500), rng.normal(size=(500, 2))])
    y = x @ [1.0, 2.0, -1.0] + 0.01 * rng.standard_normal(500)
    np.testing.assert_allclose(ridge(x.T @ x, x.T @ y, y @ y, 500.0), [1, 2, -1], atol=0.01)
    noise = rng.standard_normal(500)
    assert np.abs(ridge(x.T @ x, x.T @ noise, noise @ noise, 500.0)[1:]).max() < 0.1


def test_weights_on_the_simplex_solve_their_programme():
    from scipy.optimize import minimize

    rng = np.random.default_rng(3)
    for _ in range(10):
        a, b = rng.normal(size=(40, 4)), rng.normal(size=40)
        w = simplex_least_squares(a.T @ a, a.T @ b)
        brute = minimize(
            lambda v, a=a, b=b: ((a @ v - b) ** 2).sum(),
            np.full(4, 0.25),
            bounds=[(0, 1)] * 4,
            constraints={"type": "eq", "fun": lambda v: v.sum() - 1},
            method="SLSQP",
            options={"ftol": 1e-14},
        )
        assert ((a @ w - b) ** 2).sum() <= brute.fun + 1e-8
        assert w.min() >= 0
        assert w.sum() == pytest.approx(1.0)
    psi = rng.standard_normal(2_000)
    noise = np.column_stack([np.full(2_000, psi.mean()), 0.2 * rng.standard_normal(2_000)])
    # the weight that noise of sd .2 earns by chance has a standard deviation of 1 / (.2 sqrt(2000)) at most
    assert effect_weights(psi, noise)[0][0] > 1 - 3 / (0.2 * np.sqrt(2_000))


def test_values_of_rules_on_a_known_world():
    table = trial(seed=6, people=8_000)
    scores = doubly_robust_scores(
        table[["a", "b"]], 1 - table["event"], table["arm"], **ask(propensity=HALF, folds=2, seed=1)
    )
    rule = (table["a"] > 0).astype(int).to_numpy()
    everyone = np.ones(len(table), int)
    truth = np.where(rule == 1, table["truth"], 0).mean() + (1 - expit(0.2 + 0.5 * table["b"])).mean()
    aipw = policy_value(scores.potential, rule)
    snips = policy_value_weighted(1 - table["event"], scores.arm, scores.propensity, rule)
    for value in (aipw, snips):
        assert value.lower < truth < value.upper
    assert aipw.standard_error < snips.standard_error
    gain = policy_gain(scores.potential, everyone, instead=rule)
    assert gain.lower < np.where(rule == 1, 0, table["truth"]).mean() < gain.upper
    curve = capacity_curve(scores.potential, table["a"], shares=[0.5, 1.0])
    top = table["a"] > table["a"].median()
    assert curve["lower"][0] < 1000 * np.where(top, table["truth"], 0).mean() < curve["upper"][0]
    deciles = decile_calibration(scores.effect[:, 0], table["truth"])
    assert deciles["people"].sum() == len(table)
    assert np.average(deciles["observed"], weights=deciles["people"]) == pytest.approx(scores.effect.mean())
    right = best_linear_predictor(scores.effect[:, 0], table["truth"]).set_index("term")
    assert abs(right.loc["spread", "estimate"] - 1) < 3 * right.loc["spread", "standard_error"]
    assert abs(right.loc["mean", "estimate"] - 1) < 3 * right.loc["mean", "standard_error"]


def test_folds_keep_groups_whole_and_arms_even():
    rng = np.random.default_rng(1)
    arm, groups = rng.integers(0, 2, 1_000), rng.integers(0, 37, 1_000)
    fold = make_folds(arm, groups, folds=4, rng=rng)
    assert all(np.unique(fold[groups == g]).size == 1 for g in range(37))
    assert np.ptp(np.bincount(fold)) < 100
    plain = make_folds(arm, None, folds=4, rng=rng)
    assert max(np.ptp(np.bincount(plain[arm == k])) for k in (0, 1)) <= 1
    with pytest.raises(DecisionError, match="cannot fill"):
        make_folds(arm, arm, folds=5, rng=rng)


def test_sums_do_not_depend_on_blocks(monkeypatch, people):
    x = people[["a", "b"]].to_numpy(np.float32)
    predicted = np.column_stack([x[:, 0], x[:, 1]]).astype(float)
    basis, area = make_basis(predicted, x, ("a", "b")), np.unique(people["area"], return_inverse=True)[1]
    weight = precision_weights(np.tile([0.3, 0.7], (len(x), 1)), 0.01)
    assert weight == pytest.approx(np.ones(len(x)))
    args = (basis, predicted, x, predicted[:, :1], area, 20)
    whole = sums_by_area(*args, scale=1.0)
    monkeypatch.setattr(sys.modules[sums_by_area.__module__], "BLOCK", 333)
    parts = sums_by_area(*args, scale=1.0)
    for name in ("people", "basis", "score", "gram", "cross", "square", "mean_basis"):
        np.testing.assert_allclose(getattr(whole, name), getattr(parts, name), rtol=1e-9, atol=1e-7)


def test_new_people_are_predicted_and_case_lists_get_draws(people, found):
    x = people[["a", "b", "c"]].to_numpy()[:50]
    mean = predict(found, x, area=people["area"][:50])
    draws = person_benefit(found, x, units=[f"p{i}" for i in range(50)], area=people["area"][:50])
    np.testing.assert_allclose(draws.mean(("chain", "draw")), mean, atol=1e-6)
    everyone = predict(found, people[["a", "b", "c"]], area=people["area"])[:, 0]
    assert ((everyone - people["truth"]) ** 2).mean() < people["truth"].var() / 2
    # somebody who lives elsewhere is of average effect for their kind; a code that the fit never saw is a fault
    elsewhere = person_benefit(found, x, units=range(50))
    np.testing.assert_allclose(elsewhere.mean(("chain", "draw")), predict(found, x), atol=1e-6)
    assert (elsewhere.std(("chain", "draw")) > 0).all()
    with pytest.raises(DecisionError, match=r"50 people live in 1 area\(s\) that were not in the fit: E09999999"):
        predict(found, x, area=["E09999999"] * 50)


def test_scikit_learn_can_clone_search_and_pipe_it(people):
    from sklearn.base import clone
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from bayesineq.uplift.estimator import UpliftEstimator

    learner = UpliftEstimator(propensity=HALF, folds=2, draws=40, resamples=15, seed=3)
    twin = clone(learner).set_params(folds=3)
    assert twin.get_params()["folds"] == 3
    assert learner.get_params()["folds"] == 2
    x, y, t = people[["a", "b", "c"]].to_numpy(), people["event"], people["arm"]
    pipe = make_pipeline(StandardScaler(), learner)
    pipe.fit(x, y, upliftestimator__treatment=t, upliftestimator__area=people["area"])
    assert pipe.predict(x).shape == (len(x), 1)
    assert pipe[-1].benefit().sizes["area"] == 20
    with pytest.raises(DecisionError, match="call fit"):
        twin.predict(x)
    with pytest.raises(DecisionError, match="the fit had 3 columns"):
        pipe[-1].predict(x[:, :2])


def test_the_same_seed_gives_the_same_answer(people):
    x, y, t = people[["a", "b"]].to_numpy()[:800], people["event"][:800], people["arm"][:800]
    one, two = (
        estimate(x, y, t, **ask(adverse=True, folds=2, repeats=2, draws=20, resamples=12, seed=9)).benefit
        for _ in range(2)
    )
    np.testing.assert_array_equal(one, two)


def test_records_that_cannot_answer_are_refused(people):
    common = {"outcome": "event", "adverse": True, "covariates": ["a", "b"], "folds": 2, "draws": 10, "resamples": 10}
    with pytest.raises(DecisionError, match=r"one level only \(1, 4,000 rows\)"):
        learn_uplift(people.assign(arm=1), **ask(treated="arm", **common))
    lonely = people.assign(arm=np.where(people["area"] == "E01000003", 1, people["arm"]))
    with pytest.raises(DecisionError, match=r"No overlap: 1 area\(s\) without anyone in arm 0: E01000003"):
        learn_uplift(lonely, **ask(treated="arm", area="area", **common))
    with pytest.raises(DecisionError, match="No column region"):
        learn_uplift(people, **ask(treated="arm", area="region", **common))
    with pytest.raises(DecisionError, match="must be numeric; code area as indicators"):
        learn_uplift(people, **ask(treated="arm", **{**common, "covariates": ["a", "area"]}))
    with pytest.raises(DecisionError, match="outcomes are missing"):
        learn_uplift(people.assign(event=np.nan), **ask(treated="arm", **common))
    with pytest.raises(DecisionError, match="No one is in the control arm 7"):
        learn_uplift(people, **ask(treated="arm", control=7, **common))
    with pytest.raises(DecisionError, match="No propensity for 1"):
        learn_uplift(people, **ask(treated="arm", propensity={0: 1.0}, **common))
    with pytest.raises(DecisionError, match="no treatment recorded"):
        learn_uplift(people.assign(arm=people["arm"].where(people.index > 3)), **ask(treated="arm", **common))
