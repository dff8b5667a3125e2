"""Worlds in which everybody's ethnicity is known, and two sources that record it wrongly, or not at all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import expit, logit

from bayesineq.model.card import ModelCard
from bayesineq.model.read_card import parse_card
from bayesineq.records.ethnicity.codes import scheme_codes
from bayesineq.records.ethnicity.confusion import coarsened, england_margin, ons_confusion

GROUPS = ["asian", "black", "mixed", "other", "white"]
UNKNOWN = "99"
PREVALENCE = pd.Series({"asian": 0.5, "black": 0.4, "mixed": -0.4, "other": 0.6, "white": 0.0})
ODDS = {"asian": 0.5, "black": 0.7, "mixed": 0.4, "other": 0.9}
"""Log odds of a missing record in each source, against the White group."""

FIRST, SECOND, SICK = -1.05, -1.6, -0.7
"""Log odds of a missing record in the first and the second source, and what a case adds in the second."""


def lost_in_both(group: str, case: float) -> float:
    delta = ODDS.get(group, 0.0)
    return float(expit(FIRST + delta) * expit(SECOND + delta + SICK * case))


# Missing from both sources: what a user would have to state, of people in general (a case in seven).
DELTA = {g: float(logit(lost_in_both(g, 0.15)) - logit(lost_in_both("white", 0.15))) for g in GROUPS if g in ODDS}
AREAS = 12
AGES = ["16-44", "45-64", "65+"]
CELLS = ["area", "age_band"]


def card(latent: bool = True, sigma: bool = False) -> ModelCard:
    ethnicity = (
        '{ kind = "exchangeable", by = "ethnicity" }'
        if sigma
        else '{ kind = "fixed", by = "ethnicity", reference = "white" }'
    )
    return parse_card(f"""
name = "latent"
question = "Prevalence by true ethnicity?"
table = "area_counts"
[outcome]
count = "cases"
at_risk = "population"
likelihood = "binomial"
[terms]
age = {{ kind = "fixed", by = "age_band", reference = "16-44" }}
deprivation = {{ kind = "linear", by = "imd_decile", standardise = true }}
ethnicity = {ethnicity}
{"[latent]" if latent else ""}
{'ethnicity = "recorded"' if latent else ""}
""")


def broad_confusion() -> pd.DataFrame:
    return coarsened(ons_confusion(), england_margin(), scheme_codes("nhs")["broad"].to_dict()).loc[GROUPS, GROUPS]


@dataclass(frozen=True)
class World:
    people: pd.DataFrame
    margin: pd.DataFrame
    prevalence: pd.Series

    @property
    def ratio(self) -> float:
        return float(self.prevalence["asian"] / self.prevalence["white"])


def world(seed: int, n: int = 40_000, confusion: pd.DataFrame | None = None) -> World:
    """
    One world: true groups by area and age, an outcome, and records of two sources.

    The first source knows about 70% of people and the linked second one brings that to about 94%; both miss people of
    minority groups more often (delta), and the second knows those with the condition better. Each record errs by the
    confusion with the agreement that ONS published.
    """
    rng = np.random.default_rng(seed)
    matrix = (broad_confusion() if confusion is None else confusion).to_numpy()
    share = rng.dirichlet([3, 2, 1, 1, 13], AREAS)
    area, age = rng.integers(0, AREAS, n), rng.choice(3, n, p=[0.5, 0.3, 0.2])
    true = (rng.random(n)[:, None] > share[area].cumsum(axis=1)).sum(axis=1).clip(0, 4)
    decile = np.arange(AREAS) % 10 + 1
    groups = np.array(GROUPS)
    eta = -2.6 + np.array([0, 0.9, 1.5])[age] + PREVALENCE[groups].to_numpy()[true] - 0.05 * (decile[area] - 5.5)
    case = rng.random(n) < expit(eta)
    delta = np.array([ODDS.get(g, 0.0) for g in GROUPS])[true]
    first = rng.random(n) > expit(FIRST + delta)
    second = rng.random(n) > expit(SECOND + delta + SICK * case)
    errs = [(rng.random(n)[:, None] > matrix[true].cumsum(axis=1)).sum(axis=1).clip(0, 4) for _ in range(2)]
    names = np.append(groups, UNKNOWN)
    gp, hospital = np.where(first, errs[0], 5), np.where(second, errs[1], 5)
    people = pd.DataFrame({
        "area": np.char.add("E0100000", area.astype(str).astype("U2")), "age_band": np.array(AGES)[age],
        "imd_decile": decile[area], "true": groups[true], "case": case.astype(int), "gp": names[gp],
        "hospital": names[hospital], "linked": names[np.where(first, gp, hospital)],
        # Two records a person, the hospital's the later: where they differ the tie goes to it.
        "frequent": names[np.where(second, hospital, gp)],
    })  # fmt: skip
    # The census counts the same people, before any record.
    margin = people.groupby(["area", "age_band", "true"]).size().rename("residents").reset_index()
    margin = margin.rename(columns={"true": "ethnicity"})
    prevalence = people.groupby("true")["case"].mean()[GROUPS]
    expected = pd.Series([expit(eta[true == k]).mean() for k in range(5)], index=GROUPS)
    assert len(prevalence) == 5
    return World(people, margin, expected)


def counts(people: pd.DataFrame, by: str, name: str = "recorded") -> pd.DataFrame:
    cells = people.groupby([*CELLS, "imd_decile", by]).agg(cases=("case", "sum"), population=("case", "size"))
    return cells.reset_index().rename(columns={by: name})
