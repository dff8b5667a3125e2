"""A system small enough to have cells that may not be shown, as files, and a card that keeps close to its counts."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
from shapely.geometry import box

CARD = """
name = "close"
question = "How does prevalence differ?"
table = "area_counts"
[outcome]
name = "prevalence"
count = "cases"
at_risk = "population"
likelihood = "binomial"
[terms]
both = { kind = "fixed", by = ["imd_decile", "ethnicity"], reference = [1, "A"] }
place = { kind = "exchangeable", by = "area" }
[priors]
both = { dist = "Normal", mean = 0.0, sd = 3.0 }
"place.sigma" = { dist = "HalfNormal", sd = 3.0 }
"""

SHARE = {"A": 0.80, "H": 0.11, "N": 0.06, "S": 0.03}
DECILES = 4


def cells(seed: int = 1, areas: int = 12) -> pd.DataFrame:
    """Counts by area and group: some areas and groups have few people, or few cases."""
    rng = np.random.default_rng(seed)
    rows = []
    for k in range(areas):
        # One area is small, and every other one large enough to be shown.
        size = 40 if k == 5 else int(rng.integers(250, 500))
        for group, share in SHARE.items():
            people = int(rng.binomial(size, share))
            cases = int(rng.binomial(people, 0.12 + 0.04 * (k % DECILES)))
            if people:
                rows.append((f"E01{k + 1:06d}", k % DECILES + 1, group, people, cases))
    table = pd.DataFrame(rows, columns=["area", "imd_decile", "ethnicity", "population", "cases"])
    return table.assign(age_band="40-49", sex="female")


def write(folder: Path, table: pd.DataFrame) -> None:
    """Table, card and boundaries, as the command line takes them."""
    table.to_csv(folder / "cells.csv", index=False)
    (folder / "close.toml").write_text(CARD, encoding="utf-8")
    codes = sorted(table["area"].unique())
    shapes = [box(1000 * (k % 4), 1000 * (k // 4), 1000 * (k % 4 + 1), 1000 * (k // 4 + 1)) for k in range(len(codes))]
    gpd.GeoDataFrame({"area": codes}, geometry=shapes, crs="EPSG:27700").to_parquet(folder / "areas.parquet")
