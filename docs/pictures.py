"""
The pictures of README.md and of the site that are made of open data; needs the folder `shared` beside the checkout.

    python -m docs.pictures
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

import bayesineq as bi
from bayesineq.tables.area_health import area_health
from bayesineq.tables.census import read_census
from bayesineq.tables.deprivation import read_deprivation
from bayesineq.tables.lookups import areas_within

DOCS = Path(__file__).resolve().parent
DATA = DOCS.parents[1] / "shared" / "data"
BOARD = "QJG"
"""Suffolk and North East Essex."""


def health() -> None:
    """The real study: a map and a gradient."""
    census = [
        read_census(DATA / f"census2021/census2021-{name.lower()}-lsoa.csv.gz", name)
        for name in ("TS037", "TS021", "TS007A")
    ]
    ranks = read_deprivation(DATA / "imd/File_1_IoD2025_Index_of_Multiple_Deprivation.xlsx")
    within = areas_within(DATA / "lookups/lsoa21_sicbl24_icb24.parquet", BOARD)
    table = area_health(*census, ranks, areas=within)
    shapes = bi.read_areas(DATA / "boundaries/lsoa21_england_simplified.parquet")
    shapes = shapes[shapes["area"].isin(table["area"])]
    study = bi.design(table, bi.read_card("area_health"), adjacency=bi.contiguity(shapes))
    post = bi.fit(study, seed=1, progress=False)
    named = "bad or very bad health at the same share of residents aged 65 and over"
    chart = bi.map_posterior(bi.adjusted(post, by="area"), shapes, outcome=named)
    bi.plots.save_chart(chart, DOCS / "images" / "map.png")
    decile = bi.adjusted(post, by="imd_decile")
    bi.plots.save_chart(bi.plots.plot_gradient(decile, "imd_decile", outcome=named), DOCS / "images" / "gradient.png")


def practices() -> None:
    """Diabetes in the neighbourhoods of a board, from registers of practices."""
    folder = DATA / "practice"
    tables = bi.tables.read_practices(folder, DATA / "population/mid2020_lsoa11_persons_single_year_of_age.parquet")
    ranks = read_deprivation(DATA / "imd/File_7_IoD2019_reassembled.csv.gz")
    edges = bi.read_adjacency(DATA / "boundaries/lsoa11_england_adjacency.parquet", areas=ranks["area"])
    found = bi.practices.practice_prevalence(tables, "DM", ranks, edges, draws=500, seed=1)
    within = areas_within(DATA / "lookups/lsoa11_sicbl22_icb22_lad22.parquet", BOARD, vintage="2011")
    shown = set(found.areas.loc[found.areas["shown"], "area"]) & set(within)
    values = found.draws.sel(area=sorted(shown)).assign_attrs(scale="proportion")
    shapes = bi.read_areas(DATA / "boundaries/lsoa11_england_simplified.parquet")
    chart = bi.map_posterior(
        values, shapes[shapes["area"].isin(within)], outcome="diabetes at age 17 and over", more_is="worse"
    )
    bi.plots.save_chart(chart, DOCS / "images" / "practices.png")
    print(pd.Series({"areas": len(values["area"]), "of": len(within)}).to_string(), chart.alt, sep="\n")


if __name__ == "__main__":
    health()
    practices()
