"""What is asked of records must be answered as asked or refused: columns by name, named controls, known areas."""

import numpy as np
import pandas as pd
import pytest

from bayesineq.errors import DecisionError
from bayesineq.uplift.estimator import UpliftEstimator
from bayesineq.uplift.learner import estimate, learn_uplift, person_benefit, predict
from bayesineq.uplift.scores import arms_of, doubly_robust_scores
from tests.uplift.asking import ask

COVARIATES = ["age", "imd", "bmi"]
QUICK = {"adverse": True, "folds": 2, "draws": 120, "resamples": 12, "seed": 1}
ASKED = {"treated": "t", "outcome": "y", "covariates": COVARIATES, **QUICK}


@pytest.fixture(scope="module")
def people():
    rng = np.random.default_rng(5)
    n = 1_500
    table = pd.DataFrame(
        {
            "age": rng.normal(60, 10, n),
            "imd": rng.integers(1, 11, n).astype(float),
            "bmi": rng.normal(27, 4, n),
            "t": rng.integers(0, 2, n),
            "area": rng.choice([f"E0100{i:04d}" for i in range(15)], n),
        }
    )
    return table.assign(y=rng.binomial(1, 0.35 - 0.25 * table.t * (table.imd < 5)))


@pytest.fixture(scope="module")
def found(people):
    return learn_uplift(people, **ask(area="area", **ASKED))


def test_one_person_has_one_answer(people, found):
    np.testing.assert_allclose(predict(found, people), found.effect, rtol=1e-9)
    draws = person_benefit(found, people, units=people.index)
    np.testing.assert_allclose(draws.mean(("chain", "draw")), found.effect, atol=1e-7)
    where = ("person", people["area"].to_numpy())
    by_area = draws.isel(chain=0, intervention=0).assign_coords(area=where).groupby("area").mean()
    expected = found.benefit.isel(chain=0, intervention=0)
    np.testing.assert_allclose(by_area.transpose("draw", ...), expected.transpose("draw", ...), atol=1e-6)


def test_draws_of_the_average_are_the_doubly_robust_average(people, found):
    share = found.benefit.population / found.benefit.population.sum()
    drawn = (found.benefit * share).sum("area").isel(chain=0, intervention=0)
    row = found.average.iloc[0]
    assert row["estimate"] == pytest.approx(found.scores.effect.mean(), rel=1e-12)
    assert float(drawn.mean()) == pytest.approx(row["estimate"], rel=1e-6)
    assert float(drawn.std(ddof=1)) == pytest.approx(row["standard_error"], rel=1e-6)


@pytest.mark.parametrize("order", [["imd", "age", "bmi"], ["bmi", "imd", "extra", "age"]])
def test_new_columns_are_taken_by_name(people, found, order):
    head = people.assign(extra="of no use").head(60)
    expected = predict(found, head[COVARIATES], area=head["area"])
    np.testing.assert_array_equal(predict(found, head[order], area=head["area"]), expected)
    np.testing.assert_array_equal(predict(found, head[[*order, "area"]]), expected)
    np.testing.assert_array_equal(predict(found, head[COVARIATES].to_numpy(), area=head["area"]), expected)


def test_modifiers_are_taken_by_name_too(people):
    learned = learn_uplift(people, **ask(**ASKED, modifiers=["imd"]))
    np.testing.assert_allclose(predict(learned, people[["imd", "bmi", "age"]]), learned.effect, rtol=1e-9)
    np.testing.assert_allclose(predict(learned, people[COVARIATES].to_numpy()), learned.effect, rtol=1e-9)


def test_scikit_learn_tables_are_taken_by_name(people):
    learner = UpliftEstimator(folds=2, draws=30, resamples=12, seed=3)
    learner.fit(people[COVARIATES], people["y"], treatment=people["t"])
    np.testing.assert_array_equal(learner.predict(people[["bmi", "age", "imd"]]), learner.predict(people[COVARIATES]))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda f: f.drop(columns="imd"), r"No column imd in the records"),
        (lambda f: pd.concat([f, f[["imd"]]], axis=1), "more than one column imd"),
        (lambda f: f.assign(imd="most deprived"), "code imd as indicators"),
        (lambda f: f.assign(imd=f["imd"].where(f.index > 3)), r"missing or not finite: imd \(4 people\)"),
        (lambda f: f.assign(area="W01000001"), "60 people live in 1 area.* not in the fit: W01000001"),
    ],
)
def test_new_people_who_cannot_be_read_are_refused(people, found, change, words):
    with pytest.raises(DecisionError, match=words):
        predict(found, change(people.head(60)))
    with pytest.raises(DecisionError, match=words):
        person_benefit(found, change(people.head(60)), units=range(60))


def test_tables_for_a_fit_without_names_and_arrays_of_the_wrong_width_are_refused(people):
    x = people[COVARIATES].to_numpy()
    nameless = estimate(x, people["y"], people["t"], **ask(**QUICK))
    with pytest.raises(DecisionError, match=r"without names.*array of 3 columns"):
        predict(nameless, people[COVARIATES])
    with pytest.raises(DecisionError, match="2 features given; the fit had 3 columns"):
        predict(nameless, x[:, :2])


@pytest.mark.parametrize(
    ("change", "asked", "words"),
    [
        (lambda f: f.assign(y=np.where(f.y == 1, "yes", "no")), {}, "outcome y is text or dates.*code it as a number"),
        (lambda f: f.assign(y=f.y.astype(str).astype("category")), {}, "outcome y is text"),
        (lambda f: f.assign(y=pd.Timestamp("2024-01-01")), {}, "outcome y is text or dates"),
        (lambda f: f.assign(age=f.age.where(f.index > 2)), {}, r"missing or not finite: age \(3 people\)"),
        (lambda f: f.assign(y=1), {}, "same for everyone"),
        (lambda f: pd.concat([f, f[["age"]]], axis=1), {}, "more than one column age"),
        (lambda f: f, {"covariates": ["age", "t"]}, "t is the treatment and cannot be a covariate"),
        (lambda f: f, {"covariates": ["age", "y"]}, "y is the outcome and cannot be a covariate"),
        (lambda f: f, {"covariates": ["age", "age"]}, "name age more than once"),
        (lambda f: f, {"covariates": "age"}, r"write covariates=\['age'\]"),
        (lambda f: f, {"covariates": []}, "no covariates"),
    ],
)
def test_records_that_do_not_say_what_is_asked_are_refused(people, change, asked, words):
    with pytest.raises(DecisionError, match=words):
        learn_uplift(change(people), **ask(**{**ASKED, **asked}))


def test_all_faults_are_told_at_once(people):
    with pytest.raises(DecisionError, match=r"outcome y is text.*code bmi as indicators.*age \(3 people\)"):
        learn_uplift(people.assign(y="no", bmi="high", age=people.age.where(people.index > 2)), **ask(**ASKED))


@pytest.mark.parametrize(
    "arms",
    [["education", "usual care"], ["0", "1"], [1, 2], [0, 1, 2], [0.0, 0.5], ["a", "b", "c"]],
)
def test_a_control_is_named_unless_the_arms_are_0_and_1(arms):
    given = np.asarray(arms * 20)
    with pytest.raises(DecisionError, match="compared with is not said"):
        arms_of(given, None)
    with pytest.raises(DecisionError, match="compared with is not said"):
        doubly_robust_scores(np.ones((given.size, 1)), np.ones(given.size), given)
    # each arm can be the control, and the error's own remedy works
    for control in arms:
        code, labels = arms_of(given, control)
        assert labels[0] == control
        assert ((code == 0) == (given == np.asarray(control))).all()
    with pytest.raises(DecisionError, match="No one is in the control arm 'nobody'"):
        arms_of(given, "nobody")


@pytest.mark.parametrize("plain", [[0, 1], [0.0, 1.0], [False, True]])
def test_a_treatment_of_0_and_1_needs_no_name(plain):
    code, labels = arms_of(np.asarray(plain * 3), None)
    np.testing.assert_array_equal(code, [0, 1] * 3)
    assert labels == tuple(plain)


def test_a_named_control_turns_the_sign(people):
    named = people.assign(t=np.where(people.t == 1, "education", "usual care"))
    one = learn_uplift(named, **ask(control="usual care", **ASKED)).average.iloc[0]
    other = learn_uplift(named, **ask(control="education", **ASKED)).average.iloc[0]
    assert (one["intervention"], other["intervention"]) == ("education", "usual care")
    assert one["estimate"] > 2 * one["standard_error"]
    assert other["estimate"] == pytest.approx(-one["estimate"], abs=one["standard_error"] / 2)


def test_repeating_everyone_four_times_within_named_clusters_teaches_nothing(people):
    fourfold = pd.concat([people] * 4, ignore_index=True).assign(household=np.tile(np.arange(len(people)), 4))
    once, often = (
        learn_uplift(table, **ask(**(ASKED | {"draws": 500}), groups=groups, area="area"))
        for table, groups in ((people.assign(household=range(len(people))), "household"), (fourfold, "household"))
    )
    assert often.average["standard_error"][0] == pytest.approx(once.average["standard_error"][0], rel=0.1)
    spread = [float(one.benefit.std("draw").mean()) for one in (once, often)]
    assert spread[1] == pytest.approx(spread[0], rel=0.1)
    person = [float(person_benefit(one, people, units=people.index).std("draw").mean()) for one in (once, often)]
    assert person[1] == pytest.approx(person[0], rel=0.1)
    alone = learn_uplift(fourfold, **ask(**ASKED, area="area", groups=None))
    assert alone.average["standard_error"][0] < 0.7 * once.average["standard_error"][0]
