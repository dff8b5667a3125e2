"""England from open data, to be read: a page a condition, a page a board, and one of all conditions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

import pandas as pd
from markupsafe import Markup

from bayesineq.errors import SchemaError
from bayesineq.posterior.certainty import percent
from bayesineq.practices.boards import NATION
from bayesineq.practices.comparisons import peer_areas
from bayesineq.practices.first_screen import first_screen, gap_places, leading, people, short_name
from bayesineq.practices.neighbourhood_pages import modelled
from bayesineq.report.figures.open_data import plot_age_lines, plot_domains, plot_dumbbell, plot_places
from bayesineq.report.page.parts import Section, Table
from bayesineq.report.page.plain import plain_page
from bayesineq.report.words.sentences import Statement, sentence
from bayesineq.tables.codes import code_list
from bayesineq.tables.practices import CONDITIONS

if TYPE_CHECKING:
    import geopandas as gpd

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
_BOARD: Final = (
    "Intervals (95%) of a board are those of a Bayesian bootstrap of its practices: how far the figure would move in "
    "another draw of practices like these."
)
_PEERS: Final = 5
_FEWEST_BOARDS: Final = 7
_LINK: Final = Markup('<a href="{}">{}</a>')
_OWN: Final = {"adult_education": "Adult education", "english_proficiency": "English proficiency"}


def pages(
    tables: Frames,
    boards: Sequence[str] = (),
    boundaries: gpd.GeoDataFrame | None = None,
    report: Callable[[str], None] = lambda text: None,
) -> dict[str, bytes]:
    """
    Lay the tables of a nation out as pages.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        From `england_tables`.
    boards : sequence of str, optional
        NHS codes of the boards that get a page, such as "QJG".
    boundaries : GeoDataFrame, optional
        Of the areas; without them there are no maps.
    report : callable, optional
        Told which page is being made.

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
    made = {}
    for code in codes:
        report(f"Page of {CONDITIONS[str(code)][0]}")
        made[f"conditions/{code}.html"] = condition_page(tables, str(code))
    for board in boards:
        report(f"Page of the board {board}")
        made[f"boards/{board}.html"] = board_page(tables, board, boundaries)
    report("Page of England by board")
    return made | {"index.html": _index(tables, boundaries)}


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


def _overview(gaps: pd.DataFrame, where: str, note: str, conditions: str) -> Section:
    """Every condition: most against least, as dumbbells, and as a table that links to pages in `conditions`."""
    table = gaps.assign(name=[CONDITIONS[str(code)][0] for code in gaps["condition"]])
    chart = plot_dumbbell(
        table[["name", "most", "least", "average"]],
        f"Most and least deprived fifth of areas, {where}",
        f"Prevalence over the average of all areas, on a scale of ratios. {note}",
    )
    rows = tuple(
        (
            _LINK.format(f"{conditions}/{r['condition']}.html", sentence(r["name"])),
            _per(r["most"]),
            _per(r["least"]),
            f"{r['ratio']:.2f}" + (f" ({r['lower']:.2f} to {r['upper']:.2f})" if pd.notna(r["lower"]) else ""),
        )
        for r in table.sort_values("ratio", ascending=False).to_dict("records")
    )
    ratio = "Ratio" + (" (95%)" if gaps["lower"].notna().any() else "")
    header = ("Condition", "Most deprived fifth", "Least deprived fifth", ratio)
    return Section("Every condition", (), (Table(f"Registers by deprivation, {where}", header, rows),), (chart,))


def _index(tables: Frames, boundaries: gpd.GeoDataFrame | None) -> bytes:
    """The nation, and its boards in order."""
    parts = [_overview(tables["gaps"], "England", f"The table has intervals. {_HOW}", "conditions")]
    first = None
    if "boards" in tables:
        first = first_screen(tables, boundaries=boundaries)
        parts += _in_order(tables, str(leading(tables["boards"].query("place == @NATION"))["condition"]))
    return plain_page("Conditions and deprivation in England, by board", parts, SOURCE, first, _downloads(tables))


def _in_order(tables: Frames, code: str, board: str = "", peers: Sequence[str] = ()) -> list[Section]:
    """Boards in order of their gap, all named; nothing where there are fewer than two."""
    rows = gap_places(tables, code, board, peers)
    if len(rows) < 2:
        return []
    whole = tables["boards"].query("place == @NATION and condition == @code")["ratio"].iloc[0]
    name = CONDITIONS[code][0]
    title = f"Gap in {name} between the most and the least deprived fifth of each board"
    chart = plot_places(rows, title, f"Lines: 95% intervals. {_BOARD}", whole=float(whole), named=True)
    cells = tuple(
        (
            r["name"],
            f"{r['rank']:.0f} ({r['rank_lower']:.0f} to {r['rank_upper']:.0f})",
            f"{r['ratio']:.2f} ({r['ratio_lower']:.2f} to {r['ratio_upper']:.2f})",
            f"{_per(r['most'])} and {_per(r['least'])}",
            f"{people(r['beyond'])} ({people(r['beyond_lower'])} to {people(r['beyond_upper'])})",
        )
        for r in rows.sort_values("rank").to_dict("records")
    )
    header = ("Board", "Rank (95%)", "Ratio (95%)", "Most and least deprived fifth", "People beyond the least (95%)")
    return [Section("Boards in order", (), (Table(f"{sentence(title)}, the widest first", header, cells),), (chart,))]


def _downloads(tables: Frames, board: str | None = None) -> dict[str, pd.DataFrame]:
    """Tables that a page holds: those of its own place, and all boards."""
    if "boards" not in tables:
        return {}
    fifths, rows = tables["board_fifths"], tables["boards"]
    found = {"fifths.csv": fifths[fifths["place"] == (board or NATION)]}
    if board is not None:
        found["conditions.csv"] = rows[rows["place"] == board]
    return {name: table.round(6) for name, table in (found | {"boards.csv": rows}).items()}


def board_page(tables: Frames, board: str, boundaries: gpd.GeoDataFrame | None = None) -> bytes:
    """One board: its own most and least deprived fifths, ranked within it, beside England, its peers and all boards."""
    areas, rows = tables["areas"], tables["boards"].query("place == @board")
    own = areas[areas["board"] == board]
    name = short_name(str(own["board_name"].iloc[0]))
    peers = _peers(areas, board)
    gaps = rows.rename(columns={"ratio_lower": "lower", "ratio_upper": "upper"})
    national = areas["fifth_of_all"] if "fifth_of_all" in areas else own["board_fifth"]
    poorest = float((national[own.index] == 1).mean())
    said = Statement(
        f"{len(own):,} areas with {own['residents'].sum():,.0f} residents. Fifths are ranked within the board; "
        f"{100 * poorest:.0f}% of its areas are among the most deprived fifth of England."
    )
    over = _overview(gaps, name, f"Fifths are the board's own. {_BOARD}", "../conditions")
    parts = [
        Section(over.title, (said,), over.tables, over.charts),
        *_in_order(tables, str(leading(rows)["condition"]), board, peers),
        _beside(tables, board, peers),
    ]
    first = first_screen(tables, board, peers, boundaries)
    return plain_page(f"{name}: conditions and deprivation", parts, SOURCE, first, _downloads(tables, board))


def _peers(areas: pd.DataFrame, board: str) -> list[str]:
    """Codes of the boards most like this one, the nearest first; none where there are too few."""
    named = areas.assign(rural=areas["rural_urban"] == "rural" if "rural_urban" in areas else 0.0)
    inputs = [name for name in LIKENESS if name in named and named[name].min() < named[name].max()]
    weight = named["residents"]
    sums = named[inputs].mul(weight, axis=0).groupby(named["board"]).sum()
    means = sums.div(weight.groupby(named["board"]).sum(), axis=0).reset_index()
    if len(means) < _FEWEST_BOARDS:
        return []
    return [str(peer) for peer in peer_areas(means, inputs, key="board", peers=_PEERS, of=[board])["peer"]]


def _beside(tables: Frames, board: str, peers: Sequence[str]) -> Section:
    """Prevalence and gap of a board beside its peers and England."""
    found = tables["boards"].pivot_table(index="condition", columns="place", values=["average", "ratio"])
    rows = []
    for code in tables["rank_table"]["condition"].tolist():
        cells = [sentence(CONDITIONS[str(code)][0])]
        for value, written in (("average", _per), ("ratio", lambda ratio: f"{ratio:.2f}")):
            own = found.loc[code, value]
            cells.append(written(own[board]))
            if peers:
                beside = [own[peer] for peer in peers]
                cells.append(f"{written(min(beside))} to {written(max(beside))}")
            cells.append(written(own[NATION]))
        rows.append(tuple(cells))
    each = ("this board", *(["its five peers"] if peers else []), "England")
    header = ("Condition", *(f"Prevalence, {who}" for who in each), *(f"Gap, {who}" for who in each))
    text = "There are too few boards to find peers among."
    if peers:
        names = tables["areas"].groupby("board")["board_name"].first().map(short_name)
        text = f"Nearest by age, ethnic groups, deprivation and rurality: {', '.join(names[p] for p in peers)}."
    caption = "Prevalence, and how many times as many in the most as in the least deprived fifth"
    return Section("Boards like it", (Statement(text),), (Table(caption, header, tuple(rows)),), ())
