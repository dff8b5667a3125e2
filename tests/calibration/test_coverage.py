"""Intervals of rates, excess and every measure hold the truth as often as they say, from counts to measure."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binom

from bayesineq.measures.registry import MEASURES
from tests.calibration.study_coverage import (
    N_EQUAL,
    N_WORLD,
    coverage,
    exceedance_calibration,
    run,
    write,
)
from tests.studies import PARTS, shared_study

# Set before any study was run. A band for the numbers of which most depends; for the measures, as many as they are,
# the limits that all keep together in 99 of 100 studies if each holds the truth in 95% of worlds.
BAND = (0.93, 0.97)
FAMILY = 0.01
SPREAD = [name for name, stated in MEASURES.items() if stated.family in {"dispersion", "entropy"}]

# Measures that pass through equality as they grow; the others end there, or are the level less a measure of spread.
ENDS_AT_EQUALITY = {
    "range_difference",
    "range_ratio",
    "population_attributable_risk",
    "population_attributable_fraction",
}
SIGNED = [
    name
    for name, stated in MEASURES.items()
    if stated.equality not in (None, stated.bounds[0]) and name not in ENDS_AT_EQUALITY
]


def limits(n_world: int) -> tuple[float, float]:
    """Least and greatest share of worlds whose 95% interval holds the truth, by the binomial distribution."""
    tail = FAMILY / len(MEASURES) / 2
    return binom.ppf(tail, n_world, 0.95) / n_world, binom.isf(tail, n_world, 0.95) / n_world


def test_intervals_of_a_few_worlds_hold_the_truth() -> None:
    """A part of the worlds at every commit: fewer than these are held once in ten thousand studies."""
    rows, _ = run(range(12))
    table = coverage(rows)
    for quantity in ("area_rate", "SII by the simulator", "intercept"):
        n = int((rows["quantity"] == quantity).sum())
        worlds = 12 if n >= 12 else n
        assert table.loc[quantity, "coverage"] >= binom.ppf(1e-4, worlds, 0.95) / worlds, table.to_string()


@pytest.mark.calibration
@pytest.mark.parametrize("part", range(PARTS))
def test_intervals_hold_the_truth_over_worlds_from_the_prior(part: int, folder: Path, common: Path) -> None:
    studied = shared_study(common, "prior", part, range(N_WORLD), run)
    if studied is None:
        return
    rows, stated = studied
    write(rows, stated, "prior", folder)
    table, chances = coverage(rows), exceedance_calibration(stated)
    said = f"\n{table.to_string()}\n{chances.to_string()}"

    main = table.loc[["area_rate", "area_excess", "SII by the simulator"], "coverage"]
    assert main.between(*BAND).all(), said
    least, most = limits(N_WORLD)
    measures = table.loc[list(MEASURES)]
    assert measures["coverage"].between(least, most).all(), said
    # Where decile and area say nearly the same, an engine can be wrong about their sigmas and right about rates.
    parameters = table.loc[["intercept", "deprivation.sigma", "place.sigma", "place.phi"], "coverage"]
    assert parameters.between(least, most).all(), said
    assert (chances["p"] >= FAMILY / len(chances)).all(), said
    # What the per-draw route removes: noise counted twice widens every measure of spread.
    spread = measures.loc[SPREAD]
    assert (spread["bias"].abs() < spread["naive_bias"].abs()).all(), said
    assert (spread["naive_coverage"] < least).all(), said


@pytest.mark.calibration
@pytest.mark.parametrize("part", range(PARTS))
def test_at_true_equality_signed_measures_hold_it_and_the_spread_is_less_than_by_the_usual_route(
    part: int, folder: Path, common: Path
) -> None:
    """
    Measures that cannot fall below equality never hold it: a posterior has no mass at a point.

    So they are held to their size: nearer to equality than by the usual route. Signed measures hold equality at least
    as often as they say, more often where shrinkage is towards it.
    """
    studied = shared_study(common, "equality", part, range(N_EQUAL), partial(run, equal=True))
    if studied is None:
        return
    rows, stated = studied
    write(rows, stated, "equality", folder)
    table = coverage(rows)
    said = f"\n{table.to_string()}"
    least = limits(N_EQUAL)[0]

    one_sided = [name for name in MEASURES if name not in SIGNED]
    assert (table.loc[[*SIGNED, "SII by the simulator", "area_rate"], "coverage"] >= least).all(), said
    measures = table.loc[one_sided]
    assert (measures["bias"].abs() < 0.5 * measures["naive_bias"].abs()).all(), said
    assert np.isfinite(table.loc[list(MEASURES), ["bias", "naive_bias"]]).all(axis=None), said
