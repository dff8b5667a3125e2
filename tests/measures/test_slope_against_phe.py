"""
SII, RII and intercept against every scenario of PHEindicatormethods 2.1.0 (44 of 44).

The peer's test table holds slope, ratio and intercept beside its input; its confidence limits come from simulation and
are not compared. `multiplier` is the peer's: a negative one flips the sign of SII and inverts RII.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bayesineq.measures.slope import rii, sii, slope_ends

RTOL = 1e-9
SCENARIO = ["TestDescription", "Area", "Grouping1", "Grouping2"]


def scale_of(description: str) -> str:
    if "log transform" in description:
        return "log"
    return "logit" if "logit transform" in description else "linear"


def multiplier_of(description: str) -> float:
    if "(x -100)" in description:
        return -100.0
    if "(x 100)" in description:
        return 100.0
    return -1.0 if "negative multiplier" in description else 1.0


@pytest.fixture(scope="module")
def scenarios(phe) -> list[tuple[str, pd.DataFrame, pd.Series]]:
    table = pd.read_csv(phe / "testdata_SII__testdata_SII.csv")
    found = []
    for key, rows in table.groupby(SCENARIO, sort=False):
        expected = rows[rows["sii"].notna()]
        if len(expected):
            found.append((str(key[0]), rows.sort_values("Quantile"), expected.iloc[0]))
    return found


def test_every_scenario_has_the_slope_ratio_and_intercept_of_the_peer(scenarios):
    compared = {"sii": 0, "rii": 0, "intercept": 0}
    for name, rows, expected in scenarios:
        value, people, scale, factor = rows["Value"], rows["Population"], scale_of(name), multiplier_of(name)
        ours = {
            "sii": factor * float(sii(value, people, scale=scale)),
            "rii": float(rii(value, people, scale=scale)) ** np.sign(factor),
            "intercept": float(slope_ends(value, people, scale=scale)[0]),
        }
        theirs = {"sii": expected["sii"], "rii": expected["rii"], "intercept": expected["Intercept"]}
        for measure, number in theirs.items():
            if pd.notna(number):
                np.testing.assert_allclose(ours[measure], number, rtol=RTOL, err_msg=f"{name} {measure}")
                compared[measure] += 1
    assert compared == {"sii": 44, "rii": 40, "intercept": 26}


def test_all_scenarios_of_one_size_can_be_measured_at_once_with_weights_that_differ_by_draw(scenarios):
    tens = [(rows, expected) for name, rows, expected in scenarios if len(rows) == 10 and scale_of(name) == "linear"]
    value = np.array([rows["Value"] for rows, _ in tens])
    people = np.array([rows["Population"] for rows, _ in tens])
    factor = np.array([multiplier_of(str(rows["TestDescription"].iloc[0])) for rows, _ in tens])
    np.testing.assert_allclose(factor * sii(value, people), [expected["sii"] for _, expected in tens], rtol=RTOL)
