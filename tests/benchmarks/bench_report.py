"""
Time, size and memory of a report with its explorer: for an integrated care board under 20 s and 10 MB, for England,
explored by board, under 90 s.

Run: python tests/benchmarks/bench_report.py [areas ...]
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import xarray as xr
from shapely.geometry import box

from bayesineq.design.matrix import design
from bayesineq.inference.tree import posterior_tree
from bayesineq.model.read_card import read_card
from bayesineq.report.page.heading import ReportOptions
from bayesineq.report.page.write import write_report
from bayesineq.space.adjacency import from_edges

SIZES = (583, 33_755)
N_DRAW = 1_000
BLOCK = 28
SHARES = ("asian", "black", "mixed", "other", "aged_65_and_over")


def squares(count: int) -> gpd.GeoDataFrame:
    wide = int(np.ceil(np.sqrt(count)))
    shapes = [
        box(1000 * (k % wide), 1000 * (k // wide), 1000 * (k % wide + 1), 1000 * (k // wide + 1)) for k in range(count)
    ]
    areas = gpd.GeoDataFrame({"area": [f"E{k:08d}" for k in range(count)]}, geometry=shapes, crs="EPSG:27700")
    # As many points as the simplified boundaries of an LSOA have, and blocks of the size of a board.
    areas["board"] = [f"board {(k % wide) // BLOCK}, {k // wide // BLOCK}" for k in range(count)]
    return areas.set_geometry(areas.geometry.segmentize(350.0))


def posterior(areas: gpd.GeoDataFrame) -> xr.DataTree:
    rng, count = np.random.default_rng(1), len(areas)
    codes = areas["area"].to_numpy()
    table = pd.DataFrame({"area": codes, "imd_decile": np.arange(count) % 10 + 1, "residents": 1700, "bad_health": 85})
    table[list(SHARES)] = rng.uniform(0.0, 0.2, (count, len(SHARES)))
    chain = from_edges(list(pairwise(codes)), areas=codes)
    study = design(table, read_card("area_health"), adjacency=chain)
    values = {"intercept": rng.normal(-2.9, 0.02, (1, N_DRAW))}
    values |= {name: rng.normal(0.05, 0.02, (1, N_DRAW)) for name in SHARES}
    values["deprivation"] = -0.1 * (np.arange(10) - 4.5) + rng.normal(0.0, 0.02, (1, N_DRAW, 10))
    values["place"] = rng.normal(0.0, 0.3, count) + rng.normal(0.0, 0.1, (1, N_DRAW, count)).astype(np.float32)
    values |= {name: rng.gamma(9.0, 0.03, (1, N_DRAW)) for name in ("deprivation.sigma", "place.sigma")}
    values["place.phi"] = rng.uniform(0.4, 0.8, (1, N_DRAW))
    return posterior_tree(study, values, engine="laplace", seed=1)


def main() -> None:
    for count in [int(size) for size in sys.argv[1:]] or SIZES:
        areas = squares(count)
        post = posterior(areas)
        with tempfile.TemporaryDirectory() as folder:
            started = time.perf_counter()
            whole = count <= 8_000
            path = write_report(
                post,
                areas,
                Path(folder) / "report.html",
                ReportOptions(explorer=True, parts=None if whole else "board"),
            )
            seconds = time.perf_counter() - started
            size = path.stat().st_size / 1e6
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        sys.stdout.write(
            f"report of {count:,} areas, {N_DRAW:,} draws: {seconds:.1f} s, {size:.1f} MB, peak {memory:.2f} GB\n"
        )


if __name__ == "__main__":
    main()
