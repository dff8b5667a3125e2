"""
Speed, memory and accuracy of the sparse engine: `python tests/benchmarks/bench_engine.py [CASE ...]`.

Each case runs in a process of its own, on two threads, after a fit of 300 areas that loads the compiled kernels; times
are medians of five fits but for the cells. A fit is all but the draws: pattern, outer, checks. The unit is
one numeric factorisation by qdldl of the same sparse matrix in the same run: times wander between machines and hours,
ratios do not. R-INLA's figures on the synthetic cases are those of shared/reference/engine/README.md.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import qdldl
from scipy.sparse import csc_matrix

from bayesineq.design.matrix import Design
from bayesineq.inference.inner import inner
from bayesineq.inference.sparse_engine import hyper, newton
from bayesineq.inference.sparse_engine.arrow import Pattern
from bayesineq.inference.sparse_engine.engine import build, sample, worker_threads
from bayesineq.inference.sparse_engine.field import effects
from bayesineq.inference.sparse_engine.hyper import find_mode
from bayesineq.inference.sparse_engine.newton import warm
from bayesineq.inference.sparse_engine.terms import latent_field

sys.path += [str(Path(__file__).parent), str(Path(__file__).resolve().parents[1] / "sparse_engine")]
from engine_cases import board_years, cells, england, england_years, pathway, reference, simulated
from restricted import restricted_effects

ROOT = Path(__file__).resolve().parents[2]
DRAWS = 1000
LONG: Final = ("cells", "england_years", "pathway")
"""Cases that are fitted once."""


def unit(pattern: Pattern) -> float:
    """Seconds of processor time of one numeric factorisation by qdldl, the best of several."""
    number = np.empty(len(pattern.core) + len(pattern.leaf), dtype=np.int64)
    number[pattern.core] = np.arange(len(pattern.core))
    row, column = number[pattern.row[pattern.core_entry]], number[pattern.column[pattern.core_entry]]
    degree = np.bincount(np.concatenate([row, column]), minlength=len(pattern.core))
    value = np.where(row == column, degree[row], -1.0).astype(float)
    shape = (len(pattern.core),) * 2
    matrix = csc_matrix((value, (np.minimum(row, column), np.maximum(row, column))), shape=shape)
    matrix.sort_indices()
    solver, seconds = qdldl.Solver(matrix, upper=True), []
    for _ in range(8):
        begun = time.thread_time()
        solver.update(matrix, upper=True)
        seconds.append(time.thread_time() - begun)
    return min(seconds)


def agreement(study: Design, theirs: pd.DataFrame) -> dict[str, float]:
    """
    Share of areas whose mean lies within 0.1 posterior standard deviations of R-INLA's, as corrected in full and as
    R-INLA corrects; from the means themselves, since means over 1,000 draws have an error of 0.03 of their own.
    """
    with worker_threads(2) as pool:
        model, start = build(inner(study), "variational")
        mode = find_mode(model, start, pool, lambda text: None)
    found = mode.found
    full, _ = effects(model.latent, found.prior, found.large, found.small)
    restricted, _ = restricted_effects(model, mode.x, warm(model.latent, found))
    away = {"full": full, "restricted": restricted}
    return {
        f"areas_within_0.1_sd_of_r_inla_{name}": float((np.abs(mean - theirs["b_mean"]) / theirs["b_sd"] < 0.1).mean())
        for name, mean in away.items()
    }


@contextmanager
def stopwatch() -> Iterator[dict[str, float]]:
    """Seconds of processor time, over all threads, inside functions of the engine."""
    watched = {
        "newton": [(newton, "_newton_step"), (newton, "sums_over_rows"), (newton, "rows_at")],
        "selected_inverse": [(newton, "_covariances")],
        "correction": [(newton, "expected"), (hyper, "evidence_gap")],
    }
    seconds, before = dict.fromkeys(watched, 0.0), []

    def timed(part: str, call: Callable[..., object]) -> Callable[..., object]:
        def inner(*args: object, **options: object) -> object:
            begun = time.thread_time()
            answer = call(*args, **options)
            seconds[part] += time.thread_time() - begun
            return answer

        return inner

    for part, places in watched.items():
        for module, name in places:
            before.append((module, name, getattr(module, name)))
            setattr(module, name, timed(part, getattr(module, name)))
    try:
        yield seconds
    finally:
        for module, name, call in before:
            setattr(module, name, call)


def loaded() -> float:
    """Seconds of a first fit of 300 areas in this process."""
    study, begun = simulated(300), time.perf_counter()
    sample(study, draws=100, seed=1, progress=False, threads=2, correction="variational")
    return time.perf_counter() - begun


def run(case: str) -> dict[str, float | str]:
    """Fit one case and report."""
    first, theirs = loaded(), None
    if case in {"n5000", "n33755"}:
        study, theirs = reference(case)
    elif case.startswith("grown"):
        study = simulated(int(case.removeprefix("grown")))
    else:
        named = {
            "england": england,
            "pathway": pathway,
            "cells": cells,
            "board_years": board_years,
            "england_years": england_years,
        }
        study = named[case]()
    times: list[dict[str, float]] = []
    tree, peak, busy = None, 0.0, time.process_time()
    for _ in range(1 if case in LONG else 5):
        del tree
        tree = sample(study, draws=DRAWS, seed=1, progress=False, threads=2, correction="variational")
        times.append({k.removeprefix("seconds_"): v for k, v in tree.attrs.items() if k.startswith("seconds_")})
        # Of a process that reads its tables and fits once; one that fits again also holds what the last fit left.
        peak = peak or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    assert tree is not None
    busy = (time.process_time() - busy) / len(times)
    part = {name: float(np.median([t[name] for t in times])) for name in times[0]}
    second = unit(latent_field(inner(study).design).pattern)
    fit = float(np.median([t["pattern"] + t["hyperparameters"] + t["checks"] for t in times]))
    report: dict[str, float | str] = {
        "case": case,
        "rows": len(study),
        "unit_ms": 1e3 * second,
        "fit_s": fit,
        "fit_units": fit / second,
        "draws_s": part["draws"],
        "draws_units": part["draws"] / second,
        "peak_mb": peak,
        "fields": float(tree.attrs["evaluations"]),
        "load_s": first,
        "total_s": fit + part["draws"],
        "total_cpu_s": busy,
        **{f"{name}_s": seconds for name, seconds in part.items()},
    }
    if case not in LONG:
        with stopwatch() as inside:
            sample(study, draws=1, seed=1, progress=False, threads=2, correction="variational")
        report |= {f"{name}_cpu_s": seconds for name, seconds in inside.items()}
    if theirs is not None:
        report |= agreement(study, theirs)
        for name in ("intercept", "x", "place.sigma", "place.phi"):
            draws = tree["posterior"][name].to_numpy()
            report |= {f"{name}_mean": float(draws.mean()), f"{name}_sd": float(draws.std())}
    return report


def compile_() -> dict[str, float | str]:
    """First fit after an install, with no compiled kernel on disk, and the first of the next process."""
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"NUMBA_CACHE_DIR": folder}
        seconds = [
            float(subprocess.check_output([sys.executable, __file__, "--load"], env=environment, cwd=ROOT))
            for _ in range(2)
        ]
    return {"case": "compile", "first_fit_s": seconds[0], "next_process_s": seconds[1]}


def nuts() -> dict[str, float | str]:
    """The same posterior of 5,000 areas by NUTS: seconds of each effective draw of its slowest hyperparameter."""
    from bayesineq.inference.nuts.sample import sample as by_nuts
    from bayesineq.posterior.groups import summarise

    study, _ = reference("n5000")
    begun = time.perf_counter()
    tree = by_nuts(study, draws=300, tune=300, chains=2, seed=1, progress=False)
    seconds = time.perf_counter() - begun
    table = summarise(tree).set_index("parameter")["ess_bulk"]
    slow = table.loc[[name for name in table.index if "[" not in name]]
    return {
        "case": "nuts_n5000",
        "total_s": seconds,
        "effective_draws": float(slow.min()),
        "ms_per_effective_draw": 1e3 * seconds / float(slow.min()),
    }


# What is asked: case, figure, at most (or at least), and its unit.
ASKED: Final = (
    ("n33755", "fit_units", 200, "units"),
    ("england", "fit_units", 600, "units"),
    ("england", "draws_units", 400, "units"),
    ("n33755", "peak_mb", 700, "MB"),
    ("england", "peak_mb", 700, "MB"),
    ("pathway", "total_s", 300, "s"),
    ("pathway", "peak_mb", 4096, "MB"),
    ("cells", "total_s", 120, "s"),
    ("cells", "peak_mb", 6144, "MB"),
    ("board_years", "total_s", 10, "s"),
    ("england_years", "total_s", 300, "s"),
    ("england_years", "peak_mb", 6144, "MB"),
    ("compile", "first_fit_s", 20, "s"),
)
CASES: Final = (
    "n5000",
    "n33755",
    "england",
    "pathway",
    "grown5000",
    "grown34000",
    "grown135000",
    "cells",
    "board_years",
    "england_years",
    "compile",
    "nuts_n5000",
)
PARTS: Final = ("pattern", "newton_cpu", "selected_inverse_cpu", "correction_cpu", "hyperparameters", "checks", "draws")


def tables(reports: dict[str, dict[str, float | str]]) -> str:
    """Figures by case, seconds by part, and what was asked against what was seen."""
    fits = [r for r in reports.values() if "fit_s" in r]
    lines = ["case            rows   unit ms    fit s  units  draws s  units    cpu s   peak MB  fields"]
    for r in fits:
        lines.append(
            f"{r['case']:<12}{r['rows']:>8,} {r['unit_ms']:>9.1f} {r['fit_s']:>8.2f} {r['fit_units']:>6.0f} "
            f"{r['draws_s']:>8.2f} {r['draws_units']:>6.0f} {r['total_cpu_s']:>8.2f} {r['peak_mb']:>9.0f} "
            f"{r['fields']:>7.0f}"
        )
    lines += ["", "seconds; processor time of both threads where it says cpu, which the outer seconds hold"]
    heads = [p.replace("hyperparameters", "outer").replace("_cpu", " cpu").replace("selected_", "") for p in PARTS]
    lines.append(f"{'case':<12}" + "".join(f"{head:>15}" for head in heads))
    for r in fits:
        cells_ = [f"{r[f'{p}_s']:>15.3f}" if f"{p}_s" in r else f"{'':>15}" for p in PARTS]
        lines.append(f"{r['case']:<12}" + "".join(cells_))
    lines.append("")
    for r in reports.values():
        others = {
            k: v for k, v in r.items() if k.endswith(("_mean", "_sd", "full", "restricted", "_draw", "process_s"))
        }
        lines += [f"{r['case']:<12}{name:<48}{value:10.5f}" for name, value in others.items()]
    lines += ["", f"{'asked':<36}{'at most':>10}{'seen':>10}"]
    for case, name, most, what in ASKED:
        if case in reports:
            seen = float(reports[case][name])
            word = "" if seen <= most else "   NOT MET"
            lines.append(f"{case + ' ' + name:<36}{most:>10,}{seen:>10,.1f} {what}{word}")
    sizes = [r for r in fits if str(r["case"]).startswith("grown")]
    for small, large in pairwise(sizes):
        seconds = [float(r["fit_s"]) + float(r["draws_s"]) for r in (small, large)]
        power = np.log(seconds[1] / seconds[0]) / np.log(float(large["rows"]) / float(small["rows"]))
        word = "" if power <= 1.3 else "   NOT MET"
        lines.append(f"{f'growth {small["rows"]:,} to {large["rows"]:,}':<36}{1.3:>10}{power:>10.2f} power{word}")
    if {"nuts_n5000", "n5000"} <= reports.keys():
        ours = 1e3 * (float(reports["n5000"]["fit_s"]) + float(reports["n5000"]["draws_s"])) / DRAWS
        theirs = float(reports["nuts_n5000"]["ms_per_effective_draw"])
        lines.append(
            f"n5000, ms an effective draw: this engine {ours:.1f}, NUTS {theirs:,.0f}, {theirs / ours:,.0f} times"
        )
    return "\n".join(lines) + "\n"


HISTORY: Final = Path(__file__).with_name("history.csv")
KEPT: Final = ("rows", "fit_units", "draws_units", "peak_mb")


def remember(report: dict[str, float | str]) -> None:
    """Add a line to the history that is kept with the code: what a release can be held against, in units of one run."""
    if not set(KEPT) <= report.keys():
        return
    if not HISTORY.exists():
        HISTORY.write_text(",".join(("date", "version", "case", *KEPT)) + "\n")
    line = [
        date.today().isoformat(),
        version("bayesineq"),
        report["case"],
        *(f"{float(report[name]):.4g}" for name in KEPT),
    ]
    with HISTORY.open("a") as file:
        file.write(",".join(map(str, line)) + "\n")


def main(cases: list[str]) -> None:
    """Every case in a process of its own; tables, bench/engine.json, and a line each in history.csv."""
    path = ROOT / "bench/engine.json"
    path.parent.mkdir(exist_ok=True)
    kept = json.loads(path.read_text()) if path.exists() else []
    # Cases that were not asked for this time keep what was seen of them.
    reports = {r["case"]: r for r in kept if r["case"] in CASES and r["case"] not in cases}
    failed = []
    for case in cases:
        command = [sys.executable, __file__, "--one", case]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
        if done.returncode:
            failed.append(case)
            sys.stdout.write(f"{case}: failed\n{done.stderr}\n")
            continue
        reports[case] = json.loads(done.stdout.splitlines()[-1])
        remember(reports[case])
        reports = {name: reports[name] for name in CASES if name in reports}
        path.write_text(json.dumps(list(reports.values()), indent=1) + "\n")
        sys.stdout.write(f"{case} done\n")
        sys.stdout.flush()
    sys.stdout.write(tables(reports))
    if failed:
        sys.exit(1)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--load"]:
        sys.stdout.write(f"{loaded()}\n")
    elif sys.argv[1:2] == ["--one"]:
        special = {"compile": compile_, "nuts_n5000": nuts}
        report = special[sys.argv[2]]() if sys.argv[2] in special else run(sys.argv[2])
        sys.stdout.write(json.dumps(report) + "\n")
    else:
        main(sys.argv[1:] or list(CASES))
