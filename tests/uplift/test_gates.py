"""Sentences that stop a ranking which the data do not support."""

import pandas as pd

from bayesineq.uplift.evidence import gates


def tables(lower=0.01, against=0.01, constant=0.1, share=0.01, effective=900.0, clipped=0.0, average=0.02):
    rules = pd.DataFrame(
        {
            "intervention": "a",
            "rule": ["constant", "risk", "combined"],
            "weight": [constant, 0.0, 1 - constant],
            "lower": [float("nan"), -0.01, lower],
            "upper": [float("nan"), 0.02, 0.05],
            "against_risk_lower": [float("nan"), float("nan"), against],
        }
    )
    weights = pd.DataFrame(
        {"arm": [0], "largest_weight_share": [share], "effective_sample_size": [effective], "clipped_share": [clipped]}
    )
    means = pd.DataFrame({"intervention": ["a"], "estimate": [0.03], "lower": [average], "upper": [0.05]})
    return rules, weights, means


def test_nothing_is_said_against_evidence_that_holds():
    assert gates(*tables()) == ()


def test_each_weakness_has_its_sentence():
    cases = {
        "no evidence for targeting by uplift": {"lower": -0.01},
        "not shown to beat ranking by risk": {"against": -0.01},
        "one effect for all predicts best (weight 90%)": {"constant": 0.9},
        "one person holds 8% of the weight": {"share": 0.08},
        "worth 50 people only": {"effective": 50.0},
        "2.0% of people hardly could have been in it": {"clipped": 0.02},
        "undetermined whether there is a benefit on average": {"average": -0.01},
    }
    for words, weakness in cases.items():
        said = gates(*tables(**weakness))
        assert len(said) == 1, said
        assert words in said[0]
