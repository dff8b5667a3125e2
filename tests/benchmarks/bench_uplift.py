"""
Time and memory of estimating effects: 1.7 million people, 5,000 areas, two arms should take under 5 minutes and 2 GB,
and 100,000 people under 30 s; beside EconML and stochtree where they are installed (dependency group `rivals`).

Run: python tests/benchmarks/bench_uplift.py [people ...]
"""

from __future__ import annotations

import importlib.util
import resource
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np
from scipy.special import expit

AREA_PEOPLE = 340
RIVALS_UP_TO = 100_000
"""Rivals are run up to this many people: a causal forest or a Bayesian forest takes minutes there."""

JUDGED = 2_000
"""People whose own interval is compared with their true effect."""

Found = tuple[np.ndarray, np.ndarray, np.ndarray, str]
"""Effect of each person; ends of the 90% interval of the first JUDGED; a note."""


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


def report(name: str, people: int, seconds: float, found: Found, truth: np.ndarray) -> None:
    """One line of figures."""
    effect, low, high, note = found
    pehe = float(np.sqrt(np.mean((effect - truth) ** 2)))
    used = resource.getrusage(resource.RUSAGE_SELF)
    peak, cpu = used.ru_maxrss / 2**20, used.ru_utime + used.ru_stime
    error = abs(float(effect.mean() - truth.mean()))
    held = float(((low <= truth[:JUDGED]) & (truth[:JUDGED] <= high)).mean())
    size = f"{name:24s} {people:>9,} people  {seconds:7.1f} s (processor {cpu:.0f} s)  peak {peak:5.2f} GiB"
    line = f"{size}  PEHE {pehe:.4f}  ATE error {error:.4f}  90% intervals of people hold {held:.1%}"
    sys.stdout.write(f"{line}{note}\n")


def bayesineq(x: np.ndarray, event: np.ndarray, treated: np.ndarray, area: np.ndarray, truth: np.ndarray) -> Found:
    """This package, with areas and evidence."""
    from bayesineq.uplift.learner import estimate, person_benefit
    from bayesineq.uplift.options import LearnerOptions

    options = LearnerOptions(groups=area, propensity={0: 0.5, 1: 0.5}, resamples=50)
    found = estimate(x, event, treated, adverse=True, area=area, options=options, seed=1)
    low, high = np.quantile(found.benefit.values[0, :, :, 0], [0.05, 0.95], axis=0)
    by_area = np.bincount(area, truth)[found.areas.astype(int)] / np.bincount(area)[found.areas.astype(int)]
    held = float(((low <= by_area) & (by_area <= high)).mean())
    own = person_benefit(found, x[:JUDGED], units=range(JUDGED), area=area[:JUDGED]).values[0, :, :, 0]
    return found.effect[:, 0], *np.quantile(own, [0.05, 0.95], axis=0), f", of areas {held:.1%}"


def econml_linear(x: np.ndarray, event: np.ndarray, treated: np.ndarray, area: np.ndarray, truth: np.ndarray) -> Found:
    """EconML's LinearDRLearner on the same records, without areas."""
    from econml.dr import LinearDRLearner
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    model = LinearDRLearner(
        model_propensity=HistGradientBoostingClassifier(),
        model_regression=HistGradientBoostingRegressor(),
        cv=5,
        random_state=1,
    ).fit(1.0 - event, treated, X=x)
    low, high = model.effect_interval(x[:JUDGED], alpha=0.1)
    return model.effect(x), low, high, ""


def econml_forest(x: np.ndarray, event: np.ndarray, treated: np.ndarray, area: np.ndarray, truth: np.ndarray) -> Found:
    """EconML's CausalForestDML on the same records, without areas."""
    from econml.dml import CausalForestDML
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    model = CausalForestDML(
        model_y=HistGradientBoostingRegressor(),
        model_t=HistGradientBoostingClassifier(),
        discrete_treatment=True,
        n_estimators=500,
        cv=5,
        random_state=1,
    ).fit(1.0 - event, treated, X=x)
    low, high = model.effect_interval(x[:JUDGED], alpha=0.1)
    return model.effect(x), low, high, ""


def stochtree_forest(
    x: np.ndarray, event: np.ndarray, treated: np.ndarray, area: np.ndarray, truth: np.ndarray
) -> Found:
    """Bayesian causal forest of stochtree on the same records, without areas."""
    from stochtree import BCFModel

    model = BCFModel()
    model.sample(
        X_train=x.astype(float), Z_train=treated.astype(float), y_train=1.0 - event,
        propensity_train=np.full(len(x), 0.5), num_gfr=10, num_mcmc=100, general_params={"random_seed": 1},
    )  # fmt: skip
    draws = np.asarray(model.tau_hat_train).reshape(len(x), -1)
    return draws.mean(axis=1), *np.quantile(draws[:JUDGED], [0.05, 0.95], axis=1), ""


LEARNERS: dict[str, tuple[str, Callable[..., Found]]] = {
    "bayesineq": ("bayesineq", bayesineq),
    "econml LinearDRLearner": ("econml", econml_linear),
    "econml CausalForestDML": ("econml", econml_forest),
    "stochtree BCF": ("stochtree", stochtree_forest),
}


def run(name: str, people: int) -> None:
    """One learner in this process."""
    x, event, treated, area, truth = world(people)
    start = time.perf_counter()
    found = LEARNERS[name][1](x, event, treated, area, truth)
    report(name, people, time.perf_counter() - start, found, truth)


def main() -> None:
    """Run every learner and size asked for, each in a process of its own so that its peak memory is its own."""
    if sys.argv[1:2] == ["--one"]:
        run(sys.argv[2], int(sys.argv[3]))
        return
    failed = []
    for people in [int(size) for size in sys.argv[1:]] or [100_000, 1_700_000]:
        for name, (package, _) in LEARNERS.items():
            if name != "bayesineq" and people > RIVALS_UP_TO:
                continue
            if importlib.util.find_spec(package) is None:
                sys.stdout.write(f"{name}: not installed here, not compared (uv sync --group rivals)\n")
                continue
            sys.stdout.flush()
            if subprocess.run([sys.executable, __file__, "--one", name, str(people)], check=False).returncode:
                failed.append(name)
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
