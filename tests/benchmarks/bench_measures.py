"""
Time and memory of measures over 4,000 draws of 33,755 areas: SII and Theil should take under 5 s and 1 GB.

Run: python tests/benchmarks/bench_measures.py [measure ... | all]
"""

from __future__ import annotations

import resource
import sys
import time
from typing import Any

import numpy as np

from bayesineq.measures.registry import MEASURES, find

N_DRAW, N_AREA = 4_000, 33_755
AT_ONCE = 250
OPTIONS: dict[str, Any] = {
    "aversion": 2.0, "alpha": -1.0, "favourable": False, "reference": "most_advantaged_half", "group": 7, "target": 0.1
}  # fmt: skip


def draws(rng: np.random.Generator) -> np.ndarray:
    """Rates of areas with a gradient, in single precision, generated a few draws at a time."""
    value = np.empty((1, N_DRAW, N_AREA), dtype=np.float32)
    level = np.linspace(-1.8, -2.4, N_AREA, dtype=np.float32) + 0.2 * rng.standard_normal(N_AREA, dtype=np.float32)
    for start in range(0, N_DRAW, AT_ONCE):
        part = value[0, start : start + AT_ONCE]
        rng.standard_normal(out=part, dtype=np.float32)
        part *= np.float32(0.05)
        part += level
        np.exp(part, out=part)
    return value


def main() -> None:
    names = sys.argv[1:] or ["sii", "theil"]
    names = list(MEASURES) if names == ["all"] else names
    rng = np.random.default_rng(1)
    people = rng.uniform(1000.0, 3000.0, N_AREA)
    rank = rng.permutation(N_AREA) + 1
    value = draws(rng)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    print(
        f"{N_DRAW:,} draws x {N_AREA:,} areas, single precision: {value.nbytes / 1e9:.2f} GB; process {before:.2f} GiB"
    )
    for name in names:
        stated = find(name)
        given = {key: OPTIONS[key] for key in stated.required if key in OPTIONS}
        if "reference" in given and not stated.name.endswith(("events", "fraction", "gap")):
            given["reference"] = 7
        if stated.name == "horizontal_inequity":
            given["need"] = np.full(N_AREA, 0.1)
        if stated.name.startswith("core20"):
            given["order"] = np.ceil(10 * rank / N_AREA)
        elif stated.name == "sii":
            given["order"] = rank
        start = time.perf_counter()
        answer = stated.function(value, people, **given)
        seconds = time.perf_counter() - start
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
        print(f"{stated.name:45s} {seconds:7.2f} s   peak {peak:.2f} GiB   mean {float(np.mean(answer)):.6g}")


if __name__ == "__main__":
    main()
