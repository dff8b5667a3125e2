"""Cards of several outcomes: what they may say, and every mistake named. Oracle: the grammar as it is documented."""

from __future__ import annotations

import pytest

from bayesineq.errors import CardError
from bayesineq.model.card import ModelCard
from bayesineq.model.priors import Prior
from bayesineq.model.read_card import parse_card

OUTCOMES = """
name = "c"
question = "?"
table = "t"
[outcomes.ill]
count = "cases"
at_risk = "people"
likelihood = "binomial"
[outcomes.ill.priors]
intercept = { dist = "Normal", mean = -2, sd = 1 }
[outcomes.admitted]
count = "events"
exposure = "years"
likelihood = "negative_binomial"
more_is = "better"
[outcomes.admitted.priors]
size = { dist = "Gamma", shape = 2, rate = 0.1 }
walk.sigma = { dist = "HalfNormal", sd = 2 }
[outcomes.cost]
value = "pounds"
likelihood = "gamma"
"""


def card(terms: str, priors: str = "") -> ModelCard:
    return parse_card(f"{OUTCOMES}[terms]\n{terms}\n[priors]\n{priors}")


def test_what_each_outcome_has_for_itself_and_what_they_share() -> None:
    made = card(
        """walk = { kind = "random_walk", by = "d" }
        place = { kind = "bym2", by = "area", across = "correlated", outcomes = ["cost", "ill"] }
        need = { kind = "leroux", by = "area", across = { admitted = "positive", ill = 1 } }
        line = { kind = "linear", by = "x", across = "same", outcomes = ["admitted", "cost"] }""",
        """walk.sigma = { dist = "HalfNormal", sd = 1 }
        place.correlation = { dist = "LKJ", eta = 3 }
        need.loading = { dist = "HalfNormal", sd = 0.5 }""",
    )
    walk, place, need, line = made.terms
    assert (walk.across, walk.outcomes, walk.apart) == ("apart", ("ill", "admitted", "cost"), ("sigma",))
    # Outcomes stand in the card's order, whatever the term's.
    assert (place.across, place.outcomes, place.apart) == ("correlated", ("ill", "cost"), ("sigma", "phi"))
    assert (need.across, need.loadings, need.estimated) == (
        "shared",
        (("ill", 1.0), ("admitted", "positive")),
        ("admitted",),
    )
    assert (line.across, line.apart) == ("same", ())
    half = {name: Prior("HalfNormal", {"sd": sd}) for name, sd in (("one", 1.0), ("two", 2.0), ("loading", 0.5))}
    assert made.priors == {
        "ill:intercept": Prior("Normal", {"mean": -2.0, "sd": 1.0}),
        "admitted:outcome.size": Prior("Gamma", {"shape": 2.0, "rate": 0.1}),
        "ill:walk.sigma": half["one"],
        "admitted:walk.sigma": half["two"],
        "cost:walk.sigma": half["one"],
        "place.correlation": Prior("LKJ", {"eta": 3.0}),
        "need.loading": half["loading"],
    }
    one = made.only("admitted")
    assert [term.name for term in one.terms] == ["walk", "need", "line"]
    assert one.priors["walk.sigma"] == half["two"]
    assert one.outcome.more_is == "better"
    assert "outcome.size" in one.priors
    assert "intercept" not in one.priors


def test_a_card_of_several_has_no_one_outcome() -> None:
    made = card('walk = { kind = "random_walk", by = "d" }')
    with pytest.raises(CardError, match=r"several outcomes, \['ill', 'admitted', 'cost'\]; say which"):
        _ = made.outcome
    with pytest.raises(CardError, match="no outcome 'deaths'; it has"):
        made.only("deaths")


WRONG = {
    "unknown word": ('t = { kind = "bym2", by = "a", across = "alike" }', "across: is 'alike'; allowed are"),
    "unknown outcome": ('t = { kind = "bym2", by = "a", outcomes = ["deaths"] }', r"\['deaths'\] are no outcomes"),
    "unknown loading": (
        't = { kind = "bym2", by = "a", across = { ill = 1, deaths = "estimated" } }',
        r"\['deaths'\] are no outcomes",
    ),
    "no sign": (
        't = { kind = "bym2", by = "a", across = { ill = "estimated", cost = "estimated" } }',
        "neither the sign nor the size of the component is determined; fix one",
    ),
    "loading of zero": ('t = { kind = "bym2", by = "a", across = { ill = 1, cost = 0 } }', "cost: is 0; give a number"),
    "one loading": ('t = { kind = "bym2", by = "a", across = { ill = 1 } }', "loads two outcomes or more"),
    "nothing to correlate": (
        't = { kind = "fixed", by = "a", reference = "x", across = "correlated" }',
        "no standard deviation, so that nothing is correlated",
    ),
    "one is not correlated": (
        't = { kind = "icar", by = "a", across = "correlated", outcomes = ["ill"] }',
        "acts on .'ill'. only; name two outcomes",
    ),
    "links": ('t = { kind = "linear", by = "x", across = "same" }', "predictors of different links"),
    "name": ('ill = { kind = "linear", by = "x" }', "terms.ill: an outcome has that name too"),
    "twice": ('t = { kind = "icar", by = "a", outcomes = ["ill", "ill"] }', "names an outcome twice"),
    "dimension": ('t = { kind = "exchangeable", by = "outcome" }', "outcome is the name of"),
}


@pytest.mark.parametrize("name", list(WRONG))
def test_every_mistake_is_named(name: str) -> None:
    terms, said = WRONG[name]
    with pytest.raises(CardError, match=said):
        card(terms)


@pytest.mark.parametrize(
    ("priors", "said"),
    [
        ('t.correlation = { dist = "Normal", mean = 0, sd = 1 }', r"allowed for correlation are \['LKJ'\]"),
        ('t.correlation = { dist = "LKJ", eta = -1 }', "LKJ takes positive numbers"),
        ('t.loading = { dist = "HalfNormal", sd = 1 }', "no such parameter"),
        ('outcome.size = { dist = "Gamma", shape = 1, rate = 1 }', "priors.outcome.size: no such parameter"),
    ],
)
def test_priors_between_outcomes_are_checked(priors: str, said: str) -> None:
    with pytest.raises(CardError, match=said):
        card('t = { kind = "icar", by = "a", across = "correlated" }', priors)


def test_a_positive_loading_takes_no_prior_of_either_sign() -> None:
    with pytest.raises(CardError, match=r"t.loading: .* is positive"):
        card(
            't = { kind = "icar", by = "a", across = { ill = 1, cost = "positive" } }',
            't.loading = { dist = "Normal", mean = 0, sd = 1 }',
        )


def test_across_needs_several_outcomes() -> None:
    with pytest.raises(CardError, match="says how a term acts on several outcomes, and this card has one"):
        parse_card(
            'name = "c"\nquestion = "?"\ntable = "t"\n[outcome]\ncount = "y"\nlikelihood = "poisson"\n'
            '[terms]\nt = { kind = "exchangeable", by = "g", across = "correlated" }\n'
        )


def test_one_outcome_or_several_and_not_both() -> None:
    with pytest.raises(CardError, match="a card states one outcome or several; give one of the two"):
        parse_card(OUTCOMES + '[outcome]\ncount = "y"\nlikelihood = "poisson"\n')
