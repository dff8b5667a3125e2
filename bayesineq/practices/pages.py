"""England from open data, to be read: a page a condition, a page a board, and one of all conditions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import pandas as pd

from bayesineq.errors import SchemaError
from bayesineq.posterior.certainty import percent
from bayesineq.practices.comparisons import peer_areas
from bayesineq.practices.neighbourhood_pages import modelled
from bayesineq.report.figures.open_data import plot_age_lines, plot_domains, plot_dumbbell
from bayesineq.report.page.parts import Section, Table
from bayesineq.report.page.plain import plain_page
from bayesineq.report.words.sentences import Statement, sentence
from bayesineq.tables.codes import code_list
from bayesineq.tables.practices import CONDITIONS

Frames = Mapping[str, pd.DataFrame]

LIKENESS: Final = ("median_age", "not_white", "income_score", "education_score", "health_score", "rural")
"""By what boards are compared with their peers: nothing that is an outcome of care."""

SOURCE: Final = (
    "Contains National Statistics data © Crown copyright and database right; contains OS data © Crown copyright and "
    "database right. Sources: Office for National Statistics, Ministry of Housing, Communities and Local Government, "
    "NHS England, under the Open Government Licence v3.0.",
    "Prevalence of an area is the mean of its patients' practices, weighted by patients: neighbours share practices, "
    "so it is smoother than the truth. The command practices estimates what lies behind it.",
    "Correlations are of areas, not of people: they do not say that a person is ill because of where they live.",
)
_HOW: Final = (
    "Intervals (95%) are those of a Bayesian bootstrap of local authorities: they say how far the figure would move in "
    "another draw of places like these."
)
_OWN: Final = {"adult_education": "Adult education", "english_proficiency": "English proficiency"}


def pages(tables: Frames, boards: Sequence[str] = ()) -> dict[str, bytes]:
    """
    Lay the tables of a nation out as pages.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        From `england_tables`.
    boards : sequence of str, optional
        NHS codes of the boards that get a page, such as "QJG".

    Returns
    -------
    dict of str to bytes
        By name: "index.html", "conditions/DM.html", "boards/QJG.html".

    Raises
    ------
    SchemaError
        There is no such board, or no look-up says which areas are of which.

    Examples
    --------
    >>> try:
    ...     pages({"areas": pd.DataFrame({"area": ["E01000001"]})}, ["QJG"])
    ... except SchemaError as error:
    ...     str(error)
    'No look-up says which board an area is of: put one with LSOA and ICB codes into the folder.'
    """
    areas = tables["areas"]
    if boards and "board" not in areas:
        raise SchemaError("No look-up says which board an area is of: put one with LSOA and ICB codes into the folder.")
    strange = [board for board in boards if board not in set(areas["board"])]
    if strange:
        known = ", ".join(sorted(areas["board"].dropna().unique()))
        raise SchemaError(f"There is no board {', '.join(strange)}; those there are: {known}.")
    codes = tables["rank_table"]["condition"].tolist()
    made = {f"conditions/{code}.html": condition_page(tables, str(code)) for code in codes}
    made |= {f"boards/{board}.html": board_page(tables, board) for board in boards}
    return made | {"index.html": _index(tables)}


def domain_names() -> dict[str, str]:
    """Names of domains by the column of their score."""
    known = code_list("deprivation_domains")
    names = known["title"].str.replace(r" Sub-domain| \(.*\)", "", regex=True)
    return dict(zip(known["column"] + "_score", names, strict=True)) | _OWN


def condition_page(tables: Frames, code: str) -> bytes:
    """One condition: the gap, which domain goes with it, and how it rises with age in each fifth of deprivation."""
    name = CONDITIONS[code][0]
    return plain_page(
        f"{sentence(name)} and deprivation in England",
        [_gap(tables, code), _domains(tables, code), _ages(tables, code), *modelled(tables, code)],
        SOURCE,
    )


def _gap(tables: Frames, code: str) -> Section:
    name = CONDITIONS[code][0]
    row = tables["gaps"].query("condition == @code").to_dict("records")[0]
    text = (
        f"On the registers of practices, the prevalence of {name} is {_per(row['most'])} in the most deprived fifth of "
        f"areas and {_per(row['least'])} in the least deprived: {row['ratio']:.2f} times as high (95% interval "
        f"{row['lower']:.2f} to {row['upper']:.2f})."
    )
    said = [Statement(text, is_claim=True)]
    parts = []
    if "gaps_by_setting" in tables:
        found = tables["gaps_by_setting"].query("condition == @code")
        rows = tuple(
            (
                sentence(r["rural_urban"]),
                _per(r["most"]),
                _per(r["least"]),
                f"{r['ratio']:.2f} ({r['lower']:.2f} to {r['upper']:.2f})",
            )
            for r in found.to_dict("records")
        )
        parts.append(
            Table(
                "Apart for urban and rural areas",
                ("Areas", "Most deprived fifth", "Least deprived fifth", "Ratio (95%)"),
                rows,
            )
        )
    return Section("How unequal", tuple(said), tuple(parts), ())


def _domains(tables: Frames, code: str) -> Section:
    names = domain_names()
    found = tables["associations"].query("condition == @code").copy()
    found["name"] = found["domain"].map(names)
    first = found.sort_values("strongest_domain", ascending=False).iloc[0]
    held = "the other domains, median age and the share of people who are not White"
    if "not_white" not in tables["areas"]:
        held = "the other domains and median age"
    text = (
        f"Of the seven domains, {first['name']} goes most strongly with it (probability "
        f"{_chance(tables, first['strongest_domain'])}): rank correlation {first['adjusted']:.2f} "
        f"({first['lower']:.2f} to {first['upper']:.2f}), adjusted for {held}."
    )
    chart = plot_domains(
        found[["name", "part_of", "adjusted", "lower", "upper", "strongest"]],
        f"Which deprivation goes with {CONDITIONS[code][0]}",
        "Right of the line: more where deprivation is higher. Circles: domains; squares: sub-domains of education, not "
        f"adjusted for their own domain. {_HOW}",
    )
    rows = tuple(
        (
            r["name"],
            f"{r['correlation']:.2f}",
            f"{r['adjusted']:.2f} ({r['lower']:.2f} to {r['upper']:.2f})",
            _chance(tables, r["strongest"]),
            _chance(tables, r["first_three"]),
        )
        for r in found.to_dict("records")
    )
    header = ("Domain", "Rank correlation", "Adjusted (95%)", "Strongest of all", "Among the first three")
    return Section("Which domain", (Statement(text),), (Table("Correlations over areas", header, rows),), (chart,))


def _ages(tables: Frames, code: str) -> Section:
    found = tables["age_by_deprivation"].query("condition == @code")
    ends = found.iloc[[0, -1]].to_dict("records")
    said = [
        f"In the {which} deprived fifth by Adult Skills, prevalence moves by {100 * row['slope']:+.3f} points "
        f"for each year of median age ({100 * row['lower']:+.3f} to {100 * row['upper']:+.3f})."
        for which, row in zip(("most", "least"), ends, strict=True)
    ]
    chart = plot_age_lines(
        found[["fifth", "at_20", "at_60"]],
        f"{sentence(CONDITIONS[code][0])} by age, in fifths of Adult Skills",
        "Lines of least squares over areas; 1 is the most deprived fifth. Intervals of the slopes are in the table.",
    )
    rows = tuple(
        (
            str(r["fifth"]),
            f"{r['areas']:,}",
            f"{100 * r['slope']:+.3f} ({100 * r['lower']:+.3f} to {100 * r['upper']:+.3f})",
            _chance(tables, r["highest"]),
        )
        for r in found.to_dict("records")
    )
    header = ("Fifth (1 most deprived)", "Areas", "Points a year of median age (95%)", "Highest slope")
    return Section("Age and deprivation", tuple(map(Statement, said)), (Table("Slopes", header, rows),), (chart,))


def _chance(tables: Frames, probability: float) -> str:
    return percent(float(probability), int(tables["associations"].attrs["draws"]))


def _per(share: float) -> str:
    return f"{100 * share:.2f}%"


def _overview(gaps: pd.DataFrame, where: str, note: str) -> Section:
    table = gaps.assign(name=[CONDITIONS[str(code)][0] for code in gaps["condition"]])
    chart = plot_dumbbell(
        table[["name", "most", "least", "average"]],
        f"Most and least deprived fifth of areas, {where}",
        f"Prevalence over the average of all areas, on a scale of ratios. {note}",
    )
    rows = tuple(
        (
            sentence(r["name"]),
            _per(r["most"]),
            _per(r["least"]),
            f"{r['ratio']:.2f}" + (f" ({r['lower']:.2f} to {r['upper']:.2f})" if pd.notna(r["lower"]) else ""),
        )
        for r in table.sort_values("ratio", ascending=False).to_dict("records")
    )
    header = (
        "Condition",
        "Most deprived fifth",
        "Least deprived fifth",
        "Ratio" + (" (95%)" if gaps["lower"].notna().any() else ""),
    )
    return Section("Every condition", (), (Table(f"Registers by deprivation, {where}", header, rows),), (chart,))


def _index(tables: Frames) -> bytes:
    return plain_page(
        "Conditions and deprivation in England",
        [_overview(tables["gaps"], "England", f"The table has intervals. {_HOW}")],
        SOURCE,
    )


def board_page(tables: Frames, board: str) -> bytes:
    """One board: its own most and least deprived fifths, ranked within it, beside England and its peers."""
    areas, codes = tables["areas"], tables["rank_table"]["condition"].tolist()
    own = areas[areas["board"] == board]
    name = str(own["board_name"].iloc[0])
    rows = []
    for code in codes:
        means = {f: _mean(own[own["board_fifth"] == f], code) for f in (1, 5)}
        rows.append({"condition": code, "most": means[1], "least": means[5], "average": _mean(own, code)})
    gaps = pd.DataFrame(rows).assign(ratio=lambda t: t["most"] / t["least"], lower=float("nan"), upper=float("nan"))
    national = areas["fifth_of_all"] if "fifth_of_all" in areas else own["board_fifth"]
    poorest = float((national[own.index] == 1).mean())
    said = Statement(
        f"{len(own):,} areas with {own['residents'].sum():,.0f} residents. Fifths are ranked within the board; "
        f"{100 * poorest:.0f}% of its areas are among the most deprived fifth of England."
    )
    note = "Plain means of registers in full: no sample, and no interval. Fifths are the board's own."
    over = _overview(gaps, name, note)
    first = Section(over.title, (said,), over.tables, over.charts)
    return plain_page(f"{name}: conditions and deprivation", [first, _peers(areas, board, codes)], SOURCE)


def _mean(areas: pd.DataFrame, code: str) -> float:
    known = areas[code].notna()
    return float((areas.loc[known, code] * areas.loc[known, "patients"]).sum() / areas.loc[known, "patients"].sum())


def _peers(areas: pd.DataFrame, board: str, codes: Sequence[str]) -> Section:
    """The boards most like this one, and its prevalence beside theirs."""
    named = areas.assign(rural=areas["rural_urban"] == "rural" if "rural_urban" in areas else 0.0)
    inputs = [name for name in LIKENESS if name in named and named[name].min() < named[name].max()]
    weight = named["residents"]
    sums = named[inputs].mul(weight, axis=0).groupby(named["board"]).sum()
    means = sums.div(weight.groupby(named["board"]).sum(), axis=0).reset_index()
    if len(means) < 7:
        return Section("Boards like it", (Statement("There are too few boards to find peers among."),), (), ())
    peers = peer_areas(means, inputs, key="board", peers=5, of=[board])
    names = named.groupby("board")["board_name"].first()
    said = Statement(
        f"Nearest by age, ethnic groups, deprivation and rurality: {', '.join(names[p] for p in peers['peer'])}."
    )
    rows = []
    for code in codes:
        beside = [_mean(areas[areas["board"] == p], code) for p in peers["peer"]]
        own = _mean(areas[areas["board"] == board], code)
        rows.append(
            (
                sentence(CONDITIONS[code][0]),
                _per(own),
                f"{_per(min(beside))} to {_per(max(beside))}",
                _per(_mean(areas, code)),
            )
        )
    header = ("Condition", "This board", "Its five peers", "England")
    return Section("Boards like it", (said,), (Table("Prevalence beside peers", header, tuple(rows)),), ())
