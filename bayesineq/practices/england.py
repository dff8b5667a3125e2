"""England from open data: summaries, rank correlations, slopes and prevalence of every condition, as tables."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pandas as pd

from bayesineq.dims import AREA
from bayesineq.disclosure.protect import protect
from bayesineq.disclosure.rule import DEFAULT_RULE, Disclosure
from bayesineq.errors import SchemaError
from bayesineq.measures.association import correlation
from bayesineq.measures.limits import rank_correlation_limits
from bayesineq.practices.associations import DEMOGRAPHY, DOMAINS, age_gradients, rank_associations
from bayesineq.practices.boards import board_tables
from bayesineq.practices.cohorts import could_have_come, over_representation
from bayesineq.practices.comparisons import deprivation_gaps
from bayesineq.practices.folder import SCORES_OF, England, titles_as_written
from bayesineq.practices.pages import pages
from bayesineq.practices.summaries import practice_summary
from bayesineq.replacing import csv_bytes, write_folder
from bayesineq.tables.files import read_table
from bayesineq.tables.practices import CONDITIONS
from bayesineq.tables.quantiles import quintiles_from_deciles

if TYPE_CHECKING:
    import geopandas as gpd

_PLACE: Final = ("area_name", "lad", "lad_name", "board", "board_name", "board_fifth", "rural_urban", "fifth_of_all")
_SHARES: Final = ("asian", "black", "mixed", "other", "white", "not_white")
_BROAD: Final = _SHARES[:5]
_DECIMALS: Final = 6
_INDICATOR: Final = "[A-Z]{2,5}[0-9]{3}.*"
"""Titles of indicators of care, such as DM020-HbA1c."""
_FEWEST: Final = 10


def england_tables(
    england: England,
    *,
    conditions: Sequence[str] | None = None,
    draws: int = 1000,
    seed: int | None = None,
    report: Callable[[str], None] = lambda text: None,
) -> dict[str, pd.DataFrame]:
    """
    Tables of a nation's areas and practices, and of how each condition goes with each domain of deprivation.

    Parameters
    ----------
    england : England
        From `read_england`.
    conditions : sequence of str, optional
        Codes; by default every register that the files hold.
    draws : int, optional
        Draws of the posterior of correlations and slopes.
    seed : int, optional
        Makes them reproducible.
    report : callable, optional
        Told what is being done.

    Returns
    -------
    dict of str to DataFrame
        `areas` and `practices` (weighted means), `associations` (as of `rank_associations`), `rank_table` (the adjusted
        correlations, a row a condition, a column a domain), `age_by_deprivation` (as of `age_gradients`, by fifths of
        Adult Skills), `gaps` (as of `deprivation_gaps`, by fifths of the index), `board_fifths` and `boards` (as of
        `board_tables`); where a look-up says which areas are rural, `gaps_by_setting`; and where the table of registers
        holds indicators of care, such as DM020-HbA1c, `care`: their rank correlation over practices with each domain,
        not adjusted, with limits as of independent practices.

    Raises
    ------
    SchemaError
        There is no such register, or too few places for intervals.

    Examples
    --------
    >>> import numpy as np
    >>> from bayesineq.tables import PracticeTables
    >>> rng = np.random.default_rng(1)
    >>> areas = pd.DataFrame(rng.normal(size=(300, len(DOMAINS) + 1)), columns=[*DOMAINS, "DM"])
    >>> areas = areas.assign(area=[f"E0100{i:04}" for i in range(300)], median_age=rng.uniform(20, 60, 300), fifth=1)
    >>> areas = areas.assign(fifth_of_all=1 + areas.index % 5, patients=1000)
    >>> areas["lad"] = [f"E0600{i % 20:04}" for i in range(300)]
    >>> pairs = pd.DataFrame({"practice": "A81001", "area": areas["area"], "patients": 10})
    >>> nothing = pd.DataFrame({"practice": ["A81001"], "DM": 0.07})
    >>> tables = PracticeTables(nothing, pairs, areas, nothing, ())
    >>> found = england_tables(England(tables, areas, areas, None, {}, ()), draws=20, seed=1)
    >>> list(found)[3:], found["rank_table"].shape
    (['rank_table', 'age_by_deprivation', 'gaps', 'board_fifths', 'boards'], (1, 11))
    """
    chosen = list(england.conditions if conditions is None else conditions)
    areas = england.areas
    domains = dict(DOMAINS) | {name: "education_score" for name in SCORES_OF if name in areas}
    adjust = [name for name in DEMOGRAPHY if name in areas]
    report("Correlating conditions and domains of deprivation")
    found = rank_associations(areas, chosen, domains, adjust=adjust, draws=draws, seed=seed, report=report)
    wide = found.pivot_table(index="condition", columns="domain", values="adjusted", sort=False)
    wide.insert(0, "name", [CONDITIONS[str(code)][0] for code in wide.index])
    found.insert(1, "name", found["condition"].map({code: name for code, (name, _) in CONDITIONS.items()}))
    report("Slopes by age in fifths of deprivation")
    ages = age_gradients(areas, chosen, "fifth", draws=draws, seed=seed)
    kept = [name for name in (*_PLACE, "imd_decile", "fifth", *domains, *_SHARES, *adjust) if name in areas]
    kept = [AREA, *dict.fromkeys(kept), *(n for n in ("residents", "patients", "covered", "services") if n in areas)]
    report("Gaps between the most and the least deprived")
    gaps = deprivation_gaps(areas, chosen, "fifth_of_all", draws=draws, seed=seed)
    made = {
        "areas": areas[[*kept, *england.conditions]],
        "practices": _practices(england, [*domains, *(name for name in _SHARES if name in areas)]),
        "associations": found,
        "rank_table": wide.reset_index(),
        "age_by_deprivation": ages,
        "gaps": gaps,
    }
    pairs, shares = england.tables.registrations, england.tables.prevalence
    if len(care := _care(england, made["practices"], list(domains))):
        made["care"] = care
    made["board_fifths"], made["boards"] = board_tables(
        areas, pairs, shares, chosen, draws=draws, seed=seed, report=report
    )
    if "rural_urban" in areas:
        parts = [
            deprivation_gaps(part, chosen, "fifth_of_all", draws=draws, seed=seed).assign(rural_urban=setting)
            for setting, part in areas.groupby("rural_urban")
        ]
        made["gaps_by_setting"] = pd.concat(parts, ignore_index=True)
    return made


def _practices(england: England, columns: Sequence[str]) -> pd.DataFrame:
    """Practices by where their patients live, with their registers."""
    found = practice_summary(england.tables.registrations, england.areas, columns)
    return found.merge(england.tables.prevalence, on="practice", how="left")


def _care(england: England, practices: pd.DataFrame, domains: Sequence[str]) -> pd.DataFrame:
    """Rank correlation over practices of each indicator of care with deprivation where their patients live."""
    path = england.files.get("registers")
    if path is None or "OrganisationCode" not in (titles := titles_as_written(path)):
        return pd.DataFrame()
    indicators = [name for name in titles if re.fullmatch(_INDICATOR, name)]
    table = read_table(path, text=["OrganisationCode"])[["OrganisationCode", *indicators]]
    both = practices[["practice", *domains]].merge(table, left_on="practice", right_on="OrganisationCode")
    rows = []
    for indicator in indicators:
        for domain in domains:
            pair = both[[indicator, domain]].dropna()
            if len(pair) > _FEWEST:
                rho = float(correlation(pair[indicator], pair[domain], kind="rank"))
                lower, upper = rank_correlation_limits(rho, len(pair))
                rows.append((indicator, domain, len(pair), rho, float(lower), float(upper)))
    return pd.DataFrame(rows, columns=["indicator", "domain", "practices", "correlation", "lower", "upper"])


def cohort_table(england: England, cohort: pd.DataFrame, disclosure: Disclosure = DEFAULT_RULE) -> pd.DataFrame:
    """
    Whether a cohort is more deprived, or of other ethnic groups, than the patients of its practices, as may be shown.

    Parameters
    ----------
    england : England
        From `read_england`.
    cohort : DataFrame
        A row a person: `practice`, `area` where they live, and if it is known `ethnicity`, a broad group ("asian").
    disclosure : Rule, str or Path
        How small counts are treated.

    Returns
    -------
    DataFrame
        As of `over_representation`: groups of fifths of the index of deprivation and of ethnicity, and trends by its
        score and, where people's own groups are not known, by the share of residents who are not White. `observed` is
        rounded, and a group of few people has no numbers; expected counts, which would tell it, are left out.

    Raises
    ------
    SchemaError
        A column is missing, or nobody is of a practice with patients.

    Examples
    --------
    >>> from bayesineq.tables import PracticeTables
    >>> areas = pd.DataFrame({"area": ["E01000001", "E01000002"], "imd_decile": [1, 10], "imd_score": [60.5, 5.5]})
    >>> pairs = pd.DataFrame({"practice": "A81001", "area": areas["area"], "patients": 500})
    >>> nothing = pd.DataFrame()
    >>> england = England(PracticeTables(nothing, pairs, areas, nothing, ()), areas, areas, None, {}, ())
    >>> came = pd.DataFrame({"practice": "A81001", "area": ["E01000001"] * 300 + ["E01000002"] * 100})
    >>> cohort_table(england, came)[["by", "group", "observed", "ratio"]].round(1)
                 by group  observed  ratio
    0  imd_quintile     1       300    1.5
    1  imd_quintile     5       100    0.5
    2     imd_score            <NA>    NaN
    """
    lacking = [name for name in ("practice", AREA) if name not in cohort]
    if lacking:
        raise SchemaError(f"The cohort has no column {', '.join(lacking)}; it has {', '.join(map(str, cohort))}.")
    areas = england.areas.assign(imd_quintile=quintiles_from_deciles(england.areas["imd_decile"]))
    own = "ethnicity" in cohort
    scores = [name for name in ("imd_score", "not_white") if name in areas and not (own and name == "not_white")]
    by = ["imd_quintile", *scores]
    pairs = england.tables.registrations
    who = {name: pairs.assign(**{name: pairs[AREA].map(areas.set_index(AREA)[name])}) for name in by}
    came = {name: cohort.assign(**{name: cohort[AREA].map(areas.set_index(AREA)[name])}) for name in by}
    if own:
        by.append("ethnicity")
        who["ethnicity"] = could_have_come(pairs, areas, _BROAD).rename(columns={"group": "ethnicity"})
        came["ethnicity"] = cohort
    found = [over_representation(came[name], who[name], name).assign(by=name) for name in by]
    found = [one.astype({"group": str}) if "group" in one else one for one in found]
    table = pd.concat(found, ignore_index=True)
    table["observed"] = table.get("observed", pd.Series(pd.NA, table.index)).astype("Int64")
    if "group" not in table:
        table["group"] = pd.NA
    groups = table["group"].notna()
    shown = protect(table.loc[groups], ["observed"], disclosure)
    numbers = ["ratio", "lower", "upper", "over"]
    shown[numbers] = shown[numbers].where(shown["observed"].notna(), float("nan"))
    out = pd.concat([shown, table[~groups]]).sort_index()
    out["group"] = out["group"].astype(object).where(out["group"].notna(), "")
    columns = ["by", "group", "observed", "ratio", "log_odds", "lower", "upper", "z", "over"]
    return out.reindex(columns=columns).round(3)


def write_england(
    tables: dict[str, pd.DataFrame],
    notes: Sequence[str],
    folder: str | Path,
    boards: Sequence[str] = (),
    *,
    boundaries: gpd.GeoDataFrame | None = None,
    report: Callable[[str], None] = lambda text: None,
) -> tuple[Path, ...]:
    """
    Write the tables, a page a condition and a board, and what a reader must know of them.

    Parameters
    ----------
    tables : dict of str to DataFrame
        From `england_tables`.
    notes : sequence of str
        Of the files that were read.
    folder : str or Path
        Made if it is not there; files of an earlier time are replaced together.
    boards : sequence of str, optional
        NHS codes of boards that get a page.
    boundaries : GeoDataFrame, optional
        Of the areas, for maps.
    report : callable, optional
        Told what is being made.

    Returns
    -------
    tuple of Path
        The files.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as name:
    ...     [path.name for path in write_england({"areas": pd.DataFrame({"area": ["E01000001"]})}, ["a note"], name)]
    ['areas.csv', 'notes.txt']
    """
    made = {f"{name}.csv": csv_bytes(table.round(_DECIMALS)) for name, table in tables.items()}
    if "gaps" in tables:
        made |= pages(tables, boards, boundaries, report)
    made["notes.txt"] = ("\n".join([*notes, *left_out(tables)]) + "\n").encode("utf-8")
    write_folder(Path(folder), made)
    return tuple(Path(folder) / name for name in made)


def left_out(tables: Mapping[str, pd.DataFrame]) -> list[str]:
    """Note of the areas that correlations are without, if there are any."""
    found = tables.get("associations", pd.DataFrame()).attrs
    if not found.get("left_out"):
        return []
    return [
        f"correlations are of {found['areas']:,} areas; {found['left_out']:,} that lack a register, a score or what "
        "is held constant are left out"
    ]
