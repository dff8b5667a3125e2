"""
Time and memory of averaging, summarising and saving posteriors at the size of England.

Run: python tests/benchmarks/bench_posterior.py [cells]
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from bayesineq.design.matrix import Block, Design, Incidence, Response
from bayesineq.design.priors import resolve
from bayesineq.inference.tree import posterior_tree
from bayesineq.model.read_card import parse_card
from bayesineq.posterior.expected import expected
from bayesineq.posterior.files import load, save
from bayesineq.posterior.groups import summarise

N_AREA, N_DRAW = 33_755, 1_000
LEVELS = {"area": N_AREA, "imd_decile": 10, "ethnicity": 5, "age_band": 18, "sex": 2}
CARD = """
name = "bench"
question = "?"
table = "t"
[outcome]
count = "cases"
at_risk = "people"
likelihood = "binomial"
[terms]
"""
AREA_TERMS = """
deprivation = { kind = "random_walk", by = "imd_decile" }
air = { kind = "linear", by = "air" }
place = { kind = "exchangeable", by = "area" }
"""
CELL_TERMS = """
age_sex = { kind = "exchangeable", by = ["age_band", "sex"] }
deprivation = { kind = "random_walk", by = "imd_decile" }
ethnicity = { kind = "exchangeable", by = "ethnicity" }
both = { kind = "exchangeable", by = ["imd_decile", "ethnicity"] }
place = { kind = "exchangeable", by = "area" }
"""


def tree(terms: str, frame: pd.DataFrame) -> xr.DataTree:
    """Posterior of random numbers for a frame of codes."""
    rng, card = np.random.default_rng(1), parse_card(CARD + terms)
    values = {"intercept": rng.normal(-2, 0.1, (1, N_DRAW))}
    levels = {
        dim: np.array([f"E{i:08d}" for i in range(n)]) if dim == "area" else np.arange(n) for dim, n in LEVELS.items()
    }
    blocks, air = [], rng.normal(size=len(frame))
    for term in card.terms:
        shape = tuple(LEVELS[d] for d in term.dims)
        values[term.name] = rng.normal(0, 0.3, (1, N_DRAW, *shape)).astype(np.float32)
        reads = Incidence(int(np.prod(shape)), None, air if term.covariate else None)
        blocks.append(Block(term, term.dims, tuple(levels[d] for d in term.dims), reads, 0.0, 1.0, None))
    coded = {d: pd.Categorical.from_codes(frame[d].to_numpy(), pd.Index(levels[d])) for d in card.dims}
    people = pd.DataFrame(coded | {"population": np.ones(len(frame))})
    if "air" in terms:
        people["air"] = air
    zeros = np.zeros(len(frame))
    response = Response(card.outcome, zeros, zeros, zeros, None, None)
    study = Design(card, (response,), tuple(blocks), None, people, "0", resolve(card, response, blocks))
    return posterior_tree(study, values, engine="laplace", seed=1)


def clock[T](what: str, call: Callable[[], T]) -> T:
    """Print how long a call takes and the peak memory so far."""
    start = time.perf_counter()
    answer = call()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    sys.stdout.write(f"{what:<60} {time.perf_counter() - start:7.2f} s   peak {peak:5.2f} GiB\n")
    return answer


def main(cells: int) -> None:
    """Area level first, then cells of area by age, sex and ethnicity."""
    area = np.arange(N_AREA)
    england = tree(AREA_TERMS, pd.DataFrame({"area": area, "imd_decile": area % 10}))
    expected(england.isel(draw=slice(2)))  # compile
    deciles = clock("33,755 areas x 1,000 draws by decile", lambda: expected(england, by="imd_decile"))
    areas = clock("33,755 areas x 1,000 draws by area", lambda: expected(england, by="area"))
    clock("summarise 33,755 x 1,000", lambda: summarise(areas))
    clock("summarise the whole posterior", lambda: summarise(england))
    with tempfile.TemporaryDirectory() as folder:
        path = clock("save", lambda: save(england, Path(folder) / "england.nc"))
        sys.stdout.write(f"{path.stat().st_size / 2**20:.0f} MiB on disk\n")
        clock("load", lambda: load(path))
    sys.stdout.write(f"mean of the first decile {float(deciles[..., 0].mean()):.4f}\n")
    per_area = int(np.prod([LEVELS[d] for d in ("ethnicity", "age_band", "sex")]))
    n = min(cells, N_AREA * per_area)
    row = np.arange(n)
    frame = pd.DataFrame(
        {"area": row // per_area, "ethnicity": row % 5, "age_band": row // 5 % 18, "sex": row // 90 % 2}
    )
    frame["imd_decile"] = frame["area"] % 10
    full = tree(CELL_TERMS, frame)
    clock(f"{n:,} cells x 1,000 draws by decile and ethnicity", lambda: expected(full, by=["imd_decile", "ethnicity"]))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 6_000_000)
