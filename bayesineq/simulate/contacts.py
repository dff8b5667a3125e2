"""Appointments, waits and stays with what is planted in them: laws by which access and hospital care are drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit

from bayesineq.dims import AGE, DECILE, ETHNICITY, SEX
from bayesineq.errors import BayesineqError

type Array = NDArray[np.float64]

MISSED: Final = 0.479
"""Share of appointments that are missed."""
ORACLE: Final = 0.680
"""Area under the curve of the true probabilities: nobody can do better."""

_APPOINTMENT: Final[dict[str, dict[object, float]]] = {
    "specialty": {"A": 0.0, "B": 0.37, "C": 0.745},
    "site": {"Fairfield": 0.0, "Hillside": -0.40, "Lakeside": -0.853},
    "mode": {"in person": 0.0, "remote": 0.592},
    "visit": {"follow-up": 0.0, "first": 0.416},
    "priority": {"routine": 0.0, "urgent": 0.244},
    "day": {"1": 0.08, "2": 0.0, "3": 0.0, "4": 0.02, "5": 0.10},
    AGE: {"00-17": 0.05, "18-39": 0.15, "40-64": 0.0, "65+": -0.12},
    DECILE: {decile: 0.03 * (5.5 - decile) for decile in range(1, 11)},
    ETHNICITY: {"A": 0.0, "H": 0.12, "M": 0.18, "N": 0.10, "99": 0.05},
}
"""What each level adds to the log odds, before all are stretched to the area of `ORACLE`."""


@dataclass(frozen=True, slots=True)
class Appointments:
    """
    Simulated appointments.

    Parameters
    ----------
    table : DataFrame
        A row an appointment: `person`, what was known when it was booked, `missed` (0 or 1), and `seen_by`, which is
        blank where nobody came: a leak, planted.
    probability : ndarray, shape (row,)
        True probability of each.
    known : tuple of str
        Columns that were known when it was booked.
    """

    table: pd.DataFrame
    probability: Array
    known: tuple[str, ...]


def simulate_appointments(size: int = 50_000, *, seed: int = 1) -> Appointments:
    """
    Draw appointments that are missed by an additive law: 47.9% of them, and hardly told beforehand.

    Parameters
    ----------
    size : int
        Number of appointments.
    seed : int
        Same seed, same appointments.

    Returns
    -------
    Appointments
        The table and the true probabilities, whose area under the curve is 0.680 in the limit.

    Examples
    --------
    >>> made = simulate_appointments(20_000, seed=1)
    >>> round(float(made.table["missed"].mean()), 2), made.known[:3]
    (0.48, ('specialty', 'site', 'mode'))
    """
    if size < 1:
        raise BayesineqError(f"{size} appointments were asked for; give one or more")
    rng = np.random.default_rng(seed)
    stretch, level = _law()
    columns: dict[str, NDArray[np.generic]] = {"person": rng.integers(0, max(1, size // 3), size)}
    eta = np.full(size, level)
    for name, effects in _APPOINTMENT.items():
        code = rng.integers(0, len(effects), size)
        columns[name] = np.array(list(effects))[code]
        eta += stretch * np.array(list(effects.values()))[code]
    probability = expit(eta)
    missed = rng.random(size) < probability
    table = pd.DataFrame(columns).assign(missed=missed.astype(np.int64))
    table["seen_by"] = pd.Series(np.array(["doctor", "nurse"])[rng.integers(0, 2, size)]).mask(missed)
    return Appointments(table, probability, tuple(_APPOINTMENT))


def _law() -> tuple[float, float]:
    """How far effects are stretched, and the intercept: of all combinations of levels, which are equally many."""
    eta = np.zeros(1)
    for effects in _APPOINTMENT.values():
        eta = (eta[:, None] + np.array(list(effects.values()))).ravel()
    eta = np.sort(eta)

    def _level(stretch: float) -> float:
        return float(brentq(lambda a: expit(a + stretch * eta).mean() - MISSED, -20.0, 20.0))

    def _area(stretch: float) -> float:
        p = expit(_level(stretch) + stretch * eta)
        rest = np.cumsum(1.0 - p) - 0.5 * (1.0 - p)
        return float(np.sum(p * rest) / (p.sum() * (1.0 - p).sum()))

    stretch = float(brentq(lambda s: _area(s) - ORACLE, 0.2, 5.0))
    return stretch, _level(stretch)


WAIT_CUTS: Final = (0, 28, 84, 126, 252, 364)
"""Ends of the stretches of a wait, in days: 126 are the 18 weeks of the standard, 364 the year."""
_HAZARD: Final = (0.012, 0.009, 0.014, 0.006, 0.004)


@dataclass(frozen=True, slots=True)
class Waits:
    """
    Simulated waits.

    Parameters
    ----------
    table : DataFrame
        A row a person: `imd_quintile`, `ethnicity`, `days` waited, `seen` (1, or 0 where the wait goes on).
    gradient : float
        Planted log ratio of the rate of being seen, least against most deprived fifth.
    gap : float
        Planted log ratio of ethnic group "H" against "A".
    """

    table: pd.DataFrame
    gradient: float
    gap: float


def simulate_waits(size: int = 20_000, *, seed: int = 1, gradient: float = 0.30, gap: float = -0.20) -> Waits:
    """
    Draw waits from a hazard that is constant between `WAIT_CUTS`, seen at a moment: who came late is waiting still.

    Parameters
    ----------
    size : int
        People.
    seed : int
        Same seed, same waits.
    gradient, gap : float
        As of `Waits`; fifths lie evenly between the ends.

    Returns
    -------
    Waits
        The waits and what is planted in them.

    Examples
    --------
    >>> waits = simulate_waits(1000, seed=1)
    >>> waits.table["seen"].isin([0, 1]).all(), float(waits.table["days"].max()) <= 364
    (np.True_, True)
    """
    rng = np.random.default_rng(seed)
    fifth, group = rng.integers(1, 6, size), rng.integers(0, 3, size)
    log_ratio = gradient * (fifth - 1) / 4 + np.array([0.0, gap, 0.0])[group]
    cuts = np.array(WAIT_CUTS, dtype=np.float64)
    cumulative = np.concatenate([[0.0], np.cumsum(np.array(_HAZARD) * np.diff(cuts))])
    wanted = rng.exponential(size=size) / np.exp(log_ratio)
    ends = np.where(wanted < cumulative[-1], np.interp(wanted, cumulative, cuts), np.inf)
    censored = rng.uniform(1.0, cuts[-1], size)
    days = np.minimum(ends, censored)
    table = pd.DataFrame({
        "imd_quintile": fifth, ETHNICITY: np.array(["A", "H", "N"])[group],
        "days": np.maximum(days, 1e-3), "seen": (ends <= censored).astype(np.int64),
    })  # fmt: skip
    return Waits(table, gradient, gap)


N_SITE: Final = 11
_SIZES: Final = (2600, 1900, 1300, 900, 600, 400, 260, 160, 100, 60, 40)


def simulate_stays(*, seed: int = 1, scatter: float = 0.25, share: float = 1.0) -> pd.DataFrame:
    """
    Draw stays in eleven hospitals of unequal size: nights of those who leave alive, deaths, and readmissions.

    Parameters
    ----------
    seed : int
        Same seed, same stays.
    scatter : float
        Standard deviation of the hospitals' effects on log nights.
    share : float
        Of the numbers of stays.

    Returns
    -------
    DataFrame
        Columns of the table `stays`, and `person`, `emergency` and `conditions` (0 to 4) with the true `mean` of
        nights, and `readmitted` (0 or 1, missing where the stay ended in death).

    Examples
    --------
    >>> stays = simulate_stays(seed=1, share=0.1)
    >>> stays["site"].nunique(), bool(stays.loc[stays["died"] == 1, "nights"].isna().all())
    (11, True)
    """
    rng = np.random.default_rng(seed)
    size = np.maximum(2, (np.array(_SIZES) * share).astype(int))
    site = np.repeat(np.arange(N_SITE), size)
    n = len(site)
    bands, sexes, groups = ("18-39", "40-49", "50-64", "65-79", "80+"), ("female", "male"), ("A", "H", "N")
    age, sex, group = rng.integers(0, 5, n), rng.integers(0, 2, n), rng.choice(3, n, p=[0.8, 0.12, 0.08])
    decile, emergency, conditions = rng.integers(1, 11, n), rng.integers(0, 2, n), rng.integers(0, 5, n)
    hospital = scatter * rng.standard_normal(N_SITE)
    eta = 0.7 + np.array([-0.3, 0.0, 0.1, 0.3, 0.5])[age] + 0.02 * (5.5 - decile) + 0.45 * emergency + 0.15 * conditions
    mean = np.exp(eta + hospital[site])
    nights = rng.poisson(mean * rng.gamma(2.0, 0.5, n))
    died = rng.random(n) < expit(-4.5 + 0.5 * age + 0.2 * conditions)
    again = rng.random(n) < expit(
        -2.4 + 0.03 * (5.5 - decile) + 0.15 * conditions + 0.1 * rng.standard_normal(N_SITE)[site]
    )
    alive = died == 0
    made = pd.DataFrame({
        "stay": np.arange(n).astype(str), "person": rng.integers(0, max(1, n // 2), n),
        "site": [f"R{k:02d}" for k in site], DECILE: decile, ETHNICITY: np.array(groups)[group],
        AGE: np.array(bands)[age], SEX: np.array(sexes)[sex], "emergency": emergency, "conditions": conditions,
        "died": died.astype(np.int64), "mean": mean,
    })  # fmt: skip
    return made.assign(
        nights=pd.Series(nights, dtype="Int64").where(alive), readmitted=pd.Series(again, dtype="Int64").where(alive)
    )
