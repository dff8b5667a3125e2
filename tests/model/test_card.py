"""Cards: what is read is what stands there, and what is wrong is said with the key and the remedy."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from bayesineq.errors import CardError
from bayesineq.model.read_card import parse_card, read_card

CARD = """
name = "small"
question = "?"
table = "area_counts"
[outcome]
count = "cases"
at_risk = "population"
likelihood = "binomial"
plausible = [0.01, 0.5]
[terms]
sex = { kind = "fixed", by = "sex", reference = "F" }
score = { kind = "linear", by = "score", standardise = true }
slope = { kind = "icar", by = "area", times = "score" }
walk = { kind = "random_walk", by = "imd_decile", order = 2 }
[priors]
intercept = { dist = "Normal", mean = -2, sd = 1 }
score = { dist = "Normal", mean = 0, sd = 0.5 }
slope.precision = { dist = "Gamma", shape = 1, rate = 0.01 }
walk.trend = { dist = "Normal", mean = 0, sd = 2 }
"""


def test_a_card_is_read_as_written() -> None:
    card = parse_card(CARD)
    assert [t.kind for t in card.terms] == ["fixed", "linear", "icar", "random_walk"]
    assert card.outcome.columns == {"count": "cases", "at_risk": "population"}
    assert card.outcome.link == "logit"
    assert card.term("sex").reference == ("F",)
    assert card.term("walk").order == 2
    assert card.priors["score"]["sd"] == 0.5
    assert card.priors["slope.precision"].distribution == "Gamma"
    assert card.limits == {"rhat": 1.01, "ess_bulk": 400.0}
    assert card.columns == ("cases", "population", "sex", "score", "area", "imd_decile")
    assert card.dims == ("sex", "area", "imd_decile")
    assert card.covariates == ("score",)


def test_what_only_one_kind_takes_is_read_and_has_a_default() -> None:
    both = 'both = { kind = "interaction", by = ["area", "imd_decile"], space = "icar" }'
    card = parse_card(CARD.replace("[priors]", f"{both}\n[priors]"))
    assert card.term("both").chosen == (("space", "icar"), ("time", "ar1"))
    assert card.term("both").parameters == ("both.sigma", "both.rho_time")
    assert card.term("both").steps == ("imd_decile",)


@pytest.mark.parametrize(
    ("term", "says"),
    [
        ('{ kind = "interaction", by = "area" }', "terms.both.by: interaction stands on two columns"),
        ('{ kind = "interaction", by = ["area", "year"], space = "car" }', "terms.both.space: is 'car'; allowed are"),
        ('{ kind = "icar", by = "area", time = "ar1" }', "terms.both.time: unknown key; allowed are"),
    ],
)
def test_a_choice_that_is_none_is_said(term: str, says: str) -> None:
    with pytest.raises(CardError, match=says):
        parse_card(CARD.replace("[priors]", f"both = {term}\n[priors]"))


def test_a_term_that_shares_a_dimension_s_name_is_stored_under_another() -> None:
    card = parse_card(CARD)
    assert card.variable("sex") == "sex.effect"
    assert card.variable("walk") == "walk"


@pytest.mark.parametrize(
    ("was", "becomes", "says"),
    [
        ('kind = "icar"', 'kind = "car"', ["terms.slope.kind", "'car'", "leroux"]),
        (", order = 2", ", order = 3", ["terms.walk.order", "3", "1 or 2"]),
        (', reference = "F"', "", ["terms.sex.reference", "missing"]),
        ('"binomial"', '"binomal"', ["outcome.likelihood", "'binomal'", "negative_binomial"]),
        ('at_risk = "population"', "", ["outcome.at_risk", "missing"]),
        ("plausible = [0.01, 0.5]", "plausible = [0.5, 0.01]", ["outcome.plausible", "lower first"]),
        ('name = "small"', 'name = "small"\ncolour = "red"', ["colour", "unknown key", "question"]),
        ("sd = 0.5 }", "sd = -1 }", ["priors.score", "positive"]),
        ("sd = 0.5 }", "scale = 1 }", ["priors.score", "['mean', 'sd']"]),
        ("walk.trend", "walk.tend", ["priors.walk.tend", "no such parameter", "walk.trend"]),
        ('"Gamma", shape = 1', '"Normal", shape = 1', ["priors.slope.precision.dist", "Gamma"]),
        ('by = "score", standardise = true', 'by = ["score", "sex"]', ["terms.score.by", "one column"]),
        ("score = { kind", "chain = { kind", ["terms.chain", "not a name for a term"]),
        ('times = "score"', 'time = "score"', ["terms.slope.time", "unknown key", "times"]),
        ('kind = "random_walk", by = "imd_decile"', 'kind = "bym2", by = "ward"', ["spatial", "ward"]),
    ],
)
def test_a_mistake_is_named_with_its_remedy(was: str, becomes: str, says: list[str]) -> None:
    assert was in CARD
    with pytest.raises(CardError) as caught:
        parse_card(CARD.replace(was, becomes, 1), origin="small.toml")
    message = str(caught.value)
    assert "small" in message
    for part in says:
        assert part in message


def test_all_mistakes_come_at_once() -> None:
    with pytest.raises(CardError) as caught:
        parse_card(CARD.replace('kind = "icar"', 'kind = "car"').replace("sd = 0.5", "sd = -1"))
    assert "terms.slope.kind" in str(caught.value)
    assert "priors.score" in str(caught.value)


def test_both_a_prior_on_sigma_and_on_precision_is_refused() -> None:
    text = CARD + '\nslope.sigma = { dist = "HalfNormal", sd = 1 }'
    with pytest.raises(CardError, match=r"sigma and on precision"):
        parse_card(text)


def test_a_card_that_is_not_there_is_answered_with_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(CardError, match="prevalence"):
        read_card("prevalance")
    with pytest.raises(CardError, match="cannot be read"):
        read_card(tmp_path / "none.toml")
    broken = tmp_path / "broken.toml"
    broken.write_text("name = ")
    with pytest.raises(CardError, match="is not TOML"):
        read_card(broken)


def test_a_byte_order_mark_does_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "bom.toml"
    path.write_text(CARD, encoding="utf-8-sig")
    assert read_card(path).name == "small"


ODD = [[], {}, True, 3, -1.5, "x", [[1]], {"a": 1}, [{}], "", float("nan"), [1, 2]]


def as_toml(value: object) -> str:
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key} = {as_toml(of)}' for key, of in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(as_toml, value))}]"
    return json.dumps(value).replace("NaN", "nan")


def keys(table: dict[str, Any], above: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    found = []
    for key, value in table.items():
        found += [(*above, key), *(keys(value, (*above, key)) if isinstance(value, dict) else [])]
    return found


def test_whatever_stands_under_a_key_is_read_or_refused_with_a_remedy() -> None:
    """Every key of a card in turn holds something odd: no other error, and what is asked for in every line of it."""
    whole = f'{CARD}\n[limits]\nrhat = 1.01\n[use]\nintended = "x"\n[latent]\nsex = "recorded"\n'
    whole = f'adjust = ["sex"]\nreferences = [{{ cite = "a", doi = "b" }}]\n{whole}'
    refused = 0
    for path in keys(tomllib.loads(whole)):
        for odd in ODD:
            table = inner = tomllib.loads(whole)
            for key in path[:-1]:
                inner = inner[key]
            inner[path[-1]] = odd
            try:
                card = parse_card("\n".join(f"{key} = {as_toml(value)}" for key, value in table.items()))
            except CardError as error:
                refused += 1
                for line in str(error).splitlines()[1:]:
                    assert re.search(r"; |allowed|takes |lies between|must be", line), line
            else:
                assert all(isinstance(limit, int | float) for limit in card.limits.values())
                assert all(isinstance(text, str) for text in (card.name, card.intended, *card.columns, *card.dims))
    assert refused > 400
