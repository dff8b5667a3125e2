"""
Tables on which the stored numbers are computed, made here with numpy alone.

Nothing of the package makes them, so that they stay the same when its simulations change.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pandas as pd

HEIGHT, WIDTH = 5, 6
CODES = [f"E01{i:06d}" for i in range(1, HEIGHT * WIDTH + 1)]
DECILE = dict(zip(CODES, np.random.default_rng(101).permutation(HEIGHT * WIDTH) % 10 + 1, strict=True))
GROUPS = {"A": 0.80, "H": 0.12, "N": 0.08}
GROUP_EFFECT = {"A": 0.0, "H": 0.35, "N": 0.2}


def edges() -> list[tuple[str, str]]:
    """
    Neighbours of a lattice with some of its diagonals, so that no two of its eigenvalues are the same.

    Its first area is an island, and its last two rows are apart from the others.
    """
    code = np.array(CODES).reshape(HEIGHT, WIDTH)
    pairs = [pair for line in [*code, *code.T] for pair in pairwise(line.tolist())]
    drawn = np.random.default_rng(100).random((HEIGHT - 1, WIDTH - 1)) < 0.5
    pairs += [(code[i, j], code[i + 1, j + 1]) for i, j in zip(*np.nonzero(drawn), strict=True)]
    north = set(code[:3].ravel())
    return [(str(a), str(b)) for a, b in pairs if CODES[0] not in (a, b) and (a in north) == (b in north)]


def cells(seed: int = 102, people: float = 900.0) -> pd.DataFrame:
    """People, and the chance of an event, by area, ethnic group, age and sex."""
    stream = np.random.default_rng(seed)
    keys = pd.MultiIndex.from_product(
        [CODES, list(GROUPS), ["40-49", "70-79"], ["female", "male"]], names=["area", "ethnicity", "age_band", "sex"]
    )
    table = keys.to_frame(index=False)
    table.insert(1, "imd_decile", table["area"].map(DECILE))
    place = dict(zip(CODES, stream.normal(0.0, 0.25, len(CODES)), strict=True))
    size = people / 4 * table["ethnicity"].map(GROUPS) * stream.uniform(0.6, 1.4, len(table))
    eta = (
        -2.3
        + 0.8 * table["age_band"].eq("70-79")
        + 0.15 * table["sex"].eq("male")
        - 0.06 * (table["imd_decile"] - 5.5)
        + table["ethnicity"].map(GROUP_EFFECT)
        + table["area"].map(place)
    )
    chance = 1 / (1 + np.exp(-eta))
    return table.assign(population=stream.poisson(size) + 1, chance=chance)


def area_counts() -> pd.DataFrame:
    table = cells()
    drawn = np.random.default_rng(103).binomial(table["population"], table["chance"])
    return table.assign(cases=drawn).drop(columns="chance")


def access_counts() -> pd.DataFrame:
    table, stream = cells(seed=104), np.random.default_rng(105)
    chance = stream.beta(table["chance"] * 40, (1 - table["chance"]) * 40)
    table = table.assign(missed=stream.binomial(table["population"], chance))
    return table.rename(columns={"population": "appointments"}).drop(columns="chance")


def outcome_counts() -> pd.DataFrame:
    table, stream = cells(seed=106), np.random.default_rng(107)
    years = table["population"] * stream.uniform(0.5, 1.5, len(table))
    events = stream.poisson(years * table["chance"] * stream.gamma(5.0, 0.2, len(table)))
    return table.assign(person_years=years.round(2), events=events).drop(columns=["population", "chance"])


def area_health() -> pd.DataFrame:
    stream, n = np.random.default_rng(108), len(CODES)
    shares = stream.dirichlet([12.0, 1.5, 0.8, 0.6, 0.4], n)
    table = pd.DataFrame({"area": CODES, "imd_decile": [DECILE[c] for c in CODES]})
    for name, share in zip(("asian", "black", "mixed", "other"), shares[:, 1:].T, strict=True):
        table[name] = share.round(4)
    table["aged_65_and_over"] = stream.beta(4.0, 16.0, n).round(4)
    table["residents"] = stream.integers(1_000, 2_000, n)
    eta = -2.9 - 0.08 * (table["imd_decile"] - 5.5) + 2.0 * table["aged_65_and_over"] + stream.normal(0.0, 0.15, n)
    return table.assign(bad_health=stream.binomial(table["residents"], 1 / (1 + np.exp(-eta))))


def trial_counts() -> pd.DataFrame:
    table, stream = cells(seed=109), np.random.default_rng(110)
    keys = ["area", "imd_decile", "age_band", "sex"]
    people = table.groupby(keys, as_index=False).agg(people=("population", "sum"), chance=("chance", "mean"))
    both = pd.concat([people.assign(treated=0), people.assign(treated=1)], ignore_index=True)
    less = np.exp(-0.3 * both["treated"])
    return both.assign(events=stream.binomial(both["people"], both["chance"] * less)).drop(columns="chance")


def recorded_counts() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Counts by recorded group, wrong or missing ("99") for some, and the census of true groups."""
    stream, true = np.random.default_rng(111), ["asian", "black", "mixed", "other", "white"]
    keys = ["area", "imd_decile", "recorded", "age_band", "sex"]
    rows, census = [], []
    for code in CODES[:12]:
        share = stream.dirichlet([3.0, 2.0, 1.0, 1.0, 13.0])
        for age, aged in (("40-49", 0.0), ("70-79", 1.0)):
            for k, group in enumerate(true):
                people = int(stream.poisson(800 * share[k])) + 5
                census.append((code, age, group, people))
                chance = 1 / (1 + np.exp(2.6 - 1.2 * aged - 0.3 * (k == 0) + 0.05 * (DECILE[code] - 5.5)))
                record = np.full(6, 0.02)
                record[k], record[5] = 0.8, 0.1
                for other, number in zip([*true, "99"], stream.multinomial(people, record / record.sum()), strict=True):
                    cases = stream.binomial(number, chance)
                    rows.append((code, DECILE[code], other, age, "female", cases, number))
    counted = pd.DataFrame(rows, columns=[*keys, "cases", "population"]).groupby(keys, as_index=False).sum()
    return (
        counted[counted["population"] > 0].reset_index(drop=True),
        pd.DataFrame(census, columns=["area", "age_band", "ethnicity", "residents"]),
    )


TABLES: dict[str, Callable[[], pd.DataFrame]] = {
    "area_counts": area_counts,
    "access_counts": access_counts,
    "outcome_counts": outcome_counts,
    "area_health": area_health,
    "trial_counts": trial_counts,
    "recorded_counts": lambda: recorded_counts()[0],
}


def rows_of_all_kinds() -> pd.DataFrame:
    """Two rows an area with an outcome for every likelihood, a step, a group, a covariate and a measured weight."""
    stream, n = np.random.default_rng(112), 2 * len(CODES)
    area = np.repeat(CODES, 2)
    place = dict(zip(CODES, stream.normal(0.0, 0.3, len(CODES)), strict=True))
    step, group, x = np.resize(np.arange(1, 7), n), np.resize(["a", "b", "c"], n), stream.normal(size=n)
    step, group = stream.permutation(step), stream.permutation(group)
    eta = np.array([place[a] for a in area]) + 0.1 * step + 0.3 * x + 0.2 * (group == "b")
    chance, expected, trials = 1 / (1 + np.exp(1.0 - eta)), stream.uniform(5.0, 20.0, n), stream.integers(20, 60, n)
    rate = expected * np.exp(eta - 0.5)
    return pd.DataFrame({
        "area": area, "imd_decile": [DECILE[a] for a in area], "group": group, "step": step, "x": x.round(4),
        "trials": trials, "expected": expected.round(3), "tried": stream.binomial(trials, chance),
        "tried_unevenly": stream.binomial(trials, stream.beta(15 * chance, 15 * (1 - chance))),
        "counted": stream.poisson(rate), "counted_unevenly": stream.poisson(rate * stream.gamma(4.0, 0.25, n)),
        "binary": stream.binomial(1, chance), "level": (eta + stream.normal(0.0, 0.5, n)).round(4),
        "positive": (np.exp(eta) * stream.gamma(5.0, 0.2, n)).round(4) + 0.001,
    })  # fmt: skip


def trial_of_people(n: int = 1_500) -> pd.DataFrame:
    """A small trial: risk falls by 0.05, or by 0.20 where the first covariate is positive."""
    stream = np.random.default_rng(113)
    x = stream.normal(size=(n, 3)).round(4)
    arm = stream.integers(0, 2, n)
    risk = 1 / (1 + np.exp(-0.2 - 0.5 * x[:, 1])) - arm * np.where(x[:, 0] > 0, 0.20, 0.05)
    event = (stream.random(n) < np.clip(risk, 0, 1)).astype(float)
    area = np.array(CODES)[stream.integers(0, 12, n)]
    return pd.DataFrame(x, columns=["a", "b", "c"]).assign(area=area, arm=arm, event=event)


def small_cells() -> pd.DataFrame:
    """Counts of which many are small: 14 areas by four ethnic groups, one area with few people."""
    stream, rows = np.random.default_rng(114), []
    for k, code in enumerate(CODES[:14]):
        size = 40 if k == 5 else int(stream.integers(250, 500))
        for group, share in {"A": 0.80, "H": 0.11, "N": 0.06, "S": 0.03}.items():
            people = int(stream.binomial(size, share)) + 1
            rows.append((code, k % 4 + 1, group, people, int(stream.binomial(people, 0.12 + 0.04 * (k % 4)))))
    return pd.DataFrame(rows, columns=["area", "imd_decile", "ethnicity", "population", "cases"])
