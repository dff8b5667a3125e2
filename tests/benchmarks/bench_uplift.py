"""
Time and memory of estimating effects: 1.7 million people, 5,000 areas, two arms should take under 5 minutes and 2 GB,
and 100,000 people under 30 s; beside EconML and stochtree where they are installed.

Run: python tests/benchmarks/bench_uplift.py [people ...]
"""

from __future__ import annotations

import importlib.util
import resource
import sys
import time
from collections.abc import Callable

import numpy as np
from scipy.special import expit

from bayesineq.uplift.learner import estimate

AREA_PEOPLE = 340
RIVALS_UP_TO = 100_000
"""Rivals are run up to this many people: a causal forest or a Bayesian forest takes minutes there."""


def world(people: int, seed: int = 1) -> tuple[np.ndarray, ...]:
    """A trial in which the effect on a binary outcome differs by person and area."""
    rng = np.random.default_rng(seed)
    areas = max(people // AREA_PEOPLE, 20)
    area = rng.integers(0, areas, people).astype(np.int32)
    x = rng.standard_normal((people, 8), dtype=np.float32)
    risk = expit(-0.5 + 0.7 * x[:, 0] + 0.4 * x[:, 1] * x[:, 2])
    effect = 0.08 + 0.05 * np.tanh(x[:, 0]) + rng.normal(0, 0.04, areas)[area]
    after = np.clip(risk - effect, 0, 1)
    treated = rng.integers(0, 2, people).astype(np.int8)
    event = (rng.random(people) < np.where(treated == 1, after, risk)).astype(np.int8)
    return x, event, treated, area, (risk - after).astype(np.float32)


def report(name: str, people: int, seconds: float, effect: np.ndarray, truth: np.ndarray, note: str = "") -> None:
    """One line of figures."""
    pehe = float(np.sqrt(np.mean((effect - truth) ** 2)))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    error = abs(float(effect.mean() - truth.mean()))
    size = f"{name:24s} {people:>9,} people  {seconds:7.1f} s  peak {peak:5.2f} GiB"
    line = f"{size}  PEHE {pehe:.4f}  ATE error {error:.4f}"
    sys.stdout.write(f"{line}  {note}\n")


def ours(people: int) -> None:
    """This package, with areas and evidence."""
    x, event, treated, area, truth = world(people)
    start = time.perf_counter()
    found = estimate(
        x, event, treated, adverse=True, area=area, groups=area, propensity={0: 0.5, 1: 0.5}, draws=500,
        resamples=50, seed=1,
    )  # fmt: skip
    seconds = time.perf_counter() - start
    low, high = np.quantile(found.benefit.values[0, :, :, 0], [0.05, 0.95], axis=0)
    by_area = np.bincount(area, truth)[found.areas.astype(int)] / np.bincount(area)[found.areas.astype(int)]
    held = float(((low <= by_area) & (by_area <= high)).mean())
    report("bayesineq", people, seconds, found.effect[:, 0], truth, f"90% area intervals hold {held:.1%}")


def econml_linear(people: int) -> None:
    """EconML's LinearDRLearner on the same records."""
    from econml.dr import LinearDRLearner
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    x, event, treated, _, truth = world(people)
    start = time.perf_counter()
    model = LinearDRLearner(
        model_propensity=HistGradientBoostingClassifier(), model_regression=HistGradientBoostingRegressor(), cv=5
    ).fit(1.0 - event, treated, X=x)
    effect = model.effect(x)
    report("econml LinearDRLearner", people, time.perf_counter() - start, effect, truth)


def econml_forest(people: int) -> None:
    """EconML's CausalForestDML on the same records."""
    from econml.dml import CausalForestDML

    x, event, treated, _, truth = world(people)
    start = time.perf_counter()
    model = CausalForestDML(discrete_treatment=True, n_estimators=500, cv=5).fit(1.0 - event, treated, X=x)
    effect = model.effect(x)
    report("econml CausalForestDML", people, time.perf_counter() - start, effect, truth)


def stochtree_forest(people: int) -> None:
    """Bayesian causal forest of stochtree on the same records."""
    from stochtree import BCFModel

    x, event, treated, _, truth = world(people)
    start = time.perf_counter()
    model = BCFModel()
    model.sample(
        X_train=x.astype(float), Z_train=treated.astype(float), y_train=1.0 - event,
        propensity_train=np.full(people, 0.5), num_gfr=10, num_mcmc=100,
    )  # fmt: skip
    effect = np.asarray(model.tau_hat_train).reshape(people, -1).mean(axis=1)
    report("stochtree BCF", people, time.perf_counter() - start, effect, truth)


RIVALS: dict[str, tuple[Callable[[int], None], ...]] = {
    "econml": (econml_linear, econml_forest),
    "stochtree": (stochtree_forest,),
}


def main() -> None:
    """Run every size asked for."""
    for people in [int(size) for size in sys.argv[1:]] or [100_000, 1_700_000]:
        ours(people)
        for name, functions in RIVALS.items():
            if people > RIVALS_UP_TO:
                continue
            if importlib.util.find_spec(name) is None:
                sys.stdout.write(f"{name}: not installed here, not compared\n")
                continue
            for function in functions:
                function(people)


if __name__ == "__main__":
    main()
