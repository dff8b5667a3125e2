"""A folder of open data: what each file is, and the tables that are made of all."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from shapely.geometry import box

from bayesineq.cli import main
from bayesineq.errors import SchemaError
from bayesineq.practices.boards import board_tables
from bayesineq.practices.comparisons import deprivation_gaps, peer_areas
from bayesineq.practices.england import cohort_table, england_tables
from bayesineq.practices.folder import England, find_files, read_england, rural_or_urban
from bayesineq.practices.pages import pages
from bayesineq.practices.summaries import area_summary
from bayesineq.tables.codes import code_list
from bayesineq.tables.vintage import vintage
from tests.browser import accessible, first_screen, opened

N = 240
CODES = [f"E0100{i:04}" for i in range(1, N + 1)]


def written(folder: Path, *, year: str = "2011", census: bool = True) -> Path:
    """The files of 240 areas in twelve authorities, in their publishers' layouts and under names of nobody's."""
    rng = np.random.default_rng(5)
    folder.mkdir(exist_ok=True)
    practices = [f"A81{i:03}" for i in range(40)]
    pairs = [(p, CODES[(6 * i + k) % N], 300) for i, p in enumerate(practices) for k in range(12)]
    pd.DataFrame(pairs, columns=["PRACTICE_CODE", "LSOA_CODE", "NUMBER_OF_PATIENTS"]).to_csv(
        folder / "a.csv", index=False
    )
    shares = {f"{code}-prevalance": rng.uniform(0.02, 0.1, 40) for code in ("DM", "AF")}
    pd.DataFrame({"OrganisationCode": practices} | shares).to_csv(folder / "b.csv", index=False)
    ages = pd.DataFrame({"lsoa11_code": CODES} | {str(a): rng.integers(5, 30, N) for a in range(90)} | {"90+": 1})
    ages.to_csv(folder / "c.csv", index=False)
    deprivation(rng, year).to_csv(folder / "d.csv", index=False)
    if census:
        groups = code_list("census_2021_columns").query("table == 'TS021'")["title"]
        leaves = [t for t in groups if t != groups.iloc[0]]
        counts = pd.DataFrame({t: rng.integers(0, 60, N) for t in leaves})
        parents = {}
        for title in leaves:
            name = title.rpartition(": ")[0]
            if name.count(":"):
                parents[name] = parents.get(name, 0) + counts[title]
        head = pd.DataFrame(
            {"date": 2021, "geography": "Place", "geography code": CODES, groups.iloc[0]: counts.sum(axis=1)}
        )
        pd.concat([head, pd.DataFrame(parents), counts], axis=1).to_csv(folder / "e.csv", index=False)
        links = {"lsoa11_code": CODES, "lsoa21_code": CODES, "change_code": "U"}
        pd.DataFrame(links).to_csv(folder / "f.csv", index=False)
    return folder


def deprivation(rng: np.random.Generator, year: str) -> pd.DataFrame:
    columns = {f"LSOA code ({year})": CODES, f"LSOA name ({year})": "Place"}
    lad = {"2011": "2019", "2021": "2024"}[year]
    columns |= {f"Local Authority District code ({lad})": [f"E0600{i % 12 + 1:04}" for i in range(N)]}
    columns |= {f"Local Authority District name ({lad})": "Town"}
    for title in code_list("deprivation_domains")["title"]:
        score = rng.uniform(1.0, 60.0, N).round(3)
        rank = (N - score.argsort().argsort()).astype(int)
        columns[f"{title} Score"] = score
        columns[f"{title} Rank (where 1 is most deprived)"] = rank
        columns[f"{title} Decile (where 1 is most deprived 10% of LSOAs)"] = 1 + 10 * (rank - 1) // N
    return pd.DataFrame(columns)


def test_files_are_told_by_their_titles(tmp_path: Path) -> None:
    found = find_files(written(tmp_path / "data"))
    assert {role: path.name for role, path in found.items()} == {
        "registers": "b.csv", "registrations": "a.csv", "population": "c.csv", "deprivation": "d.csv",
        "ethnicity": "e.csv", "changes": "f.csv",
    }  # fmt: skip


def test_files_as_they_are_fetched_are_found_by_what_check_knows(tmp_path: Path) -> None:
    """Workbooks of two groups of registers and of residents stand for the tables of shares and ages."""
    folder = written(tmp_path / "data")
    plain = read_england(folder)
    shares = pd.read_csv(folder / "b.csv").set_index("OrganisationCode")
    for code in ("DM", "AF"):
        title = [["", "2021-22", ""], ["Practice code", "List size", "Register"]]
        rows = [[p, 10**6, round(10**6 * share)] for p, share in shares[f"{code}-prevalance"].items()]
        with pd.ExcelWriter(folder / f"{code.lower()}.xlsx") as book:
            pd.DataFrame([*title, *rows]).to_excel(book, sheet_name=code, index=False, header=False)
    ages = pd.read_csv(folder / "c.csv").rename(columns={"lsoa11_code": "LSOA Code"})
    with pd.ExcelWriter(folder / "residents.xlsx") as book:
        pd.DataFrame([["Notes"]]).to_excel(book, sheet_name="Contents", index=False, header=False)
        for sex, times in (("Persons", 1), ("Males", 0), ("Females", 1)):
            table = ages.assign(**{name: times * ages[name] for name in ages if name != "LSOA Code"})
            table.to_excel(book, sheet_name=f"Mid-2020 {sex}", index=False, startrow=4)
    (folder / "b.csv").unlink()
    (folder / "c.csv").unlink()
    found = read_england(folder)
    assert [found.files[role].name for role in ("registers", "registers 2", "population")] == [
        "af.xlsx", "dm.xlsx", "residents.xlsx",
    ]  # fmt: skip
    for name in ("DM", "AF", "median_age", "residents"):
        assert found.areas[name].to_numpy() == pytest.approx(plain.areas[name].to_numpy(), abs=1e-6)
    (folder / "again.xlsx").write_bytes((folder / "dm.xlsx").read_bytes())
    with pytest.raises(SchemaError, match=r"The registers DM stand in .*dm\.xlsx and in another of"):
        read_england(folder)


def test_two_that_are_alike_are_named_and_one_may_be_chosen(tmp_path: Path) -> None:
    folder = written(tmp_path / "data")
    (folder / "b2.csv").write_bytes((folder / "b.csv").read_bytes())
    with pytest.raises(SchemaError, match=r"registers: b\.csv, b2\.csv are alike; name one: registers=FILE"):
        find_files(folder)
    assert find_files(folder, {"registers": folder / "b2.csv"})["registers"].name == "b2.csv"
    with pytest.raises(SchemaError, match="No file is register;"):
        find_files(folder, {"register": folder / "b2.csv"})


def test_shares_of_ethnic_groups_add_up_and_are_shares(tmp_path: Path) -> None:
    areas = read_england(written(tmp_path / "data")).areas
    assert areas[["asian", "black", "mixed", "other", "white"]].sum(axis=1).to_numpy() == pytest.approx(np.ones(N))
    assert areas["not_white"].between(0.0, 1.0).all()
    # The median of completed years, as numpy counts it.
    table = pd.read_csv(tmp_path / "data" / "c.csv").set_index("lsoa11_code").loc[areas["area"].iloc[3]]
    assert areas["median_age"].iloc[3] == np.median(np.repeat(np.arange(91), table.to_numpy(int)))


def census_2011(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """QS501EW and QS205EW in the bulk layout of Nomis, with the students and parents that count people again."""
    rng = np.random.default_rng(8)
    head = pd.DataFrame({"date": 2011, "geography": "Place", "geography code": CODES, "Rural Urban": "Total"})
    levels = ["No qualifications", "Level 1 qualifications", "Level 2 qualifications", "Apprenticeship"]
    levels += ["Level 3 qualifications", "Level 4 qualifications and above", "Other qualifications"]
    people = pd.DataFrame({level: rng.integers(0, 200, N) for level in levels})
    young = "Schoolchildren and full-time students: Age"
    titles = {"All categories: Highest level of qualification": people.sum(axis=1)} | dict(people)
    titles |= {f"{young} {age}": rng.integers(0, 90, N) for age in ("16 to 17", "18 and over")}
    titles |= {"Full-time students: Age 18 to 74: Economically inactive": rng.integers(0, 90, N)}
    made = {f"Qualification: {title}; measures: Value": count for title, count in titles.items()}
    head.assign(**made).to_csv(folder / "qs501.csv", index=False)
    other = "Main language is not English (English or Welsh in Wales)"
    spoken = ["Can speak English very well", "Can speak English well", "Cannot speak English well"]
    spoken = [*(f"{other}: {how}" for how in spoken), f"{other}: Cannot speak English"]
    said = pd.DataFrame({how: rng.integers(0, 60, N) for how in spoken})
    said.insert(0, "Main language is English (English or Welsh in Wales)", rng.integers(300, 900, N))
    titles = {"All categories: Proficiency in English": said.sum(axis=1)} | dict(said)
    titles |= {f"{other}: Total": said[spoken].sum(axis=1)}
    made = {f"Proficiency in English: {title}; measures: Value": count for title, count in titles.items()}
    head.assign(**made).to_csv(folder / "qs205.csv", index=False)
    return people, said


def test_qualifications_and_english_of_the_census_complete_the_rank_table(tmp_path: Path) -> None:
    """Of all people: students, who are counted by qualification already, are not counted again."""
    folder = written(tmp_path / "data")
    people, said = census_2011(folder)
    found = read_england(folder)
    assert found.files["adult_education"].name == "qs501.csv"
    areas = found.areas.set_index("area").loc[CODES]
    expected = people.iloc[:, :2].sum(axis=1) / people.sum(axis=1)
    assert areas["adult_education"].to_numpy() == pytest.approx(expected.to_numpy())
    expected = said.iloc[:, -2:].sum(axis=1) / said.sum(axis=1)
    assert areas["english_proficiency"].to_numpy() == pytest.approx(expected.to_numpy())
    tables = england_tables(found, draws=40, seed=1)
    domains = tables["rank_table"].columns[2:]
    assert len(domains) == 11
    assert domains[-2:].tolist() == ["adult_education", "english_proficiency"]
    rows = tables["associations"]
    assert (rows["lower"] < rows["upper"]).all()
    assert rows.groupby("condition")["strongest"].sum().to_numpy() == pytest.approx(np.ones(2))


def test_the_law_of_the_diabetes_analysis_is_that_of_residuals_of_ranks(tmp_path: Path) -> None:
    """Each cell by least squares of ranks on ranks of what is held constant."""
    folder = written(tmp_path / "data")
    census_2011(folder)
    found = read_england(folder)
    table = england_tables(found, conditions=["DM"], draws=20, seed=1)["associations"].set_index("domain")
    ranks = found.areas[[*table.index, "DM", "median_age", "not_white"]].rank()
    whole = [name for name in table.index if not table.loc[name, "part_of"]]
    assert len(whole) == 7
    for name in table.index:
        held = [other for other in whole if other not in (name, table.loc[name, "part_of"])]
        given = np.column_stack([np.ones(N), ranks[[*held, "median_age", "not_white"]]])
        left = [ranks[one] - given @ np.linalg.lstsq(given, ranks[one], rcond=None)[0] for one in ("DM", name)]
        assert table.loc[name, "adjusted"] == pytest.approx(np.corrcoef(left)[0, 1], abs=1e-10)
    assert table.loc["adult_education", "part_of"] == "education_score"


def test_a_table_of_the_other_census_is_carried_to_the_areas_or_refused(tmp_path: Path) -> None:
    """Two areas of 2011 that were put together get the share of their successor; a split area that of its parts."""
    folder = written(tmp_path / "data")
    links = pd.read_csv(folder / "f.csv")
    retired = links["lsoa11_code"].map(lambda code: vintage([code]) == "2011")
    links.loc[retired, "lsoa21_code"] = [f"E0103{4000 + k}" for k in range(retired.sum())]
    links.loc[:1, "lsoa21_code"], links.loc[:1, "change_code"] = "E01033768", "M"
    split = links.loc[[2, 2]].assign(lsoa21_code=["E01033769", "E01033770"], change_code="S")
    links = pd.concat([links.drop(index=2), split])
    links.to_csv(folder / "f.csv", index=False)
    codes = [*links["lsoa21_code"].iloc[2:-2], "E01033768", "E01033769", "E01033770", "W01000003"]
    head = pd.DataFrame({"date": 2021, "geography": "Place", "geography code": codes})
    variable = "Highest level of qualification"
    none = np.full(len(codes), 100)
    none[-4:-1] = 200, 300, 100
    counts = {"Total: All usual residents aged 16 years and over": 1000, "No qualifications": none}
    counts |= {"Level 1 and entry level qualifications: 1 to 4 GCSEs": 50, "Level 4 qualifications": 950 - none}
    titles = {f"{variable}: {title}": count for title, count in counts.items()}
    head.assign(**titles).to_csv(folder / "ts067.csv", index=False)
    (folder / "e.csv").unlink()
    found = read_england(folder)
    assert found.areas["adult_education"].iloc[:4].tolist() == pytest.approx([0.25, 0.25, 0.25, 0.15])
    assert any(note.startswith("adult_education is of Census 2021, carried") for note in found.notes)
    (folder / "f.csv").unlink()
    with pytest.raises(SchemaError, match=r"of LSOAs of 2021, and the others are of 2011.*QS501EW"):
        read_england(folder)


def test_without_census_nothing_is_adjusted_for_it_and_that_is_said(tmp_path: Path) -> None:
    found = read_england(written(tmp_path / "data", census=False))
    assert "not_white" not in found.areas
    assert any(note.startswith("no file holds ethnic groups") for note in found.notes)
    tables = england_tables(found, draws=20, seed=1)
    assert tables["rank_table"]["condition"].tolist() == ["AF", "DM"]


def test_indicators_of_ones_own_stand_in_the_rank_table(tmp_path: Path, monkeypatch, capsys) -> None:
    folder, out = written(tmp_path / "data"), tmp_path / "out"
    own = pd.DataFrame({"area": CODES, "adult_education": np.linspace(0.1, 0.4, N)})
    own.to_csv(tmp_path / "own.csv", index=False)
    command = [
        "england",
        folder,
        "--out",
        out,
        "--indicators",
        tmp_path / "own.csv",
        "--draws",
        100,
        "--condition",
        "DM",
    ]
    monkeypatch.setattr(sys, "argv", ["bayesineq", *map(str, command)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    said = capsys.readouterr().err
    assert "no file holds english_proficiency" in said
    table = pd.read_csv(out / "rank_table.csv")
    assert table.columns[-3:].tolist() == ["children_and_young_people_score", "adult_skills_score", "adult_education"]
    assert (pd.read_csv(out / "associations.csv")[["lower", "upper"]].diff(axis=1)["upper"] > 0.0).all()


def test_a_cohort_stands_beside_who_could_have_come_and_small_groups_are_withheld(tmp_path: Path) -> None:
    found = read_england(written(tmp_path / "data"))
    rng = np.random.default_rng(2)
    pairs = found.tables.registrations
    came = pairs.iloc[rng.integers(0, len(pairs), 400)][["practice", "area"]].reset_index(drop=True)
    came["ethnicity"] = np.where(came.index < 4, "mixed", rng.choice(["asian", "black", "white", "other"], 400))
    table = cohort_table(found, came)
    assert table["by"].tolist() == ["imd_quintile"] * 5 + ["imd_score"] + ["ethnicity"] * 5
    few = table[table["group"] == "mixed"].iloc[0]
    assert few[["observed", "ratio", "lower", "upper", "over"]].isna().all()
    assert (table["observed"].dropna() % 5 == 0).all()
    assert abs(table.loc[table["by"] == "imd_score", "z"].iloc[0]) < 3.0
    assert "expected" not in table


def test_a_page_a_condition_and_a_board_is_complete_and_says_what_the_tables_say(tmp_path: Path) -> None:
    folder = written(tmp_path / "data")
    boards = [f"Q{i % 12:02}" for i in range(N)]
    look = {"LSOA11CD": CODES, "ICB22CDH": boards, "ICB22NM": [f"Board <{b}>" for b in boards]}
    pd.DataFrame(look).to_csv(folder / "boards.csv", index=False)
    found = read_england(folder)
    assert found.areas.groupby("board")["board_fifth"].nunique().eq(5).all()
    tables = england_tables(found, draws=20, seed=1)
    made = pages(tables, ["Q03"])
    assert sorted(made) == ["boards/Q03.html", "conditions/AF.html", "conditions/DM.html", "index.html"]
    row = tables["gaps"].set_index("condition").loc["DM"]
    page = made["conditions/DM.html"].decode()
    assert f"is {100 * row['most']:.2f}% in the most deprived fifth" in page
    # The overview and a board link to the page of each condition, which is there.
    for name, above in (("index.html", ""), ("boards/Q03.html", "../")):
        for code in ("AF", "DM"):
            assert f'<a href="{above}conditions/{code}.html">'.encode() in made[name]
    board = made["boards/Q03.html"].decode()
    assert "Board &lt;Q03&gt;" in board
    assert "Board <" not in board
    assert not [text for text in made.values() if b"<script" in text or b'src="http' in text]
    with pytest.raises(SchemaError, match="There is no board QXX; those there are: Q00, Q01"):
        pages(tables, ["QXX"])


@pytest.fixture(scope="module")
def practices_of_boards() -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Areas of three boards, the last with two practices; their registrations, and shares on registers."""
    rng = np.random.default_rng(3)
    board = np.repeat(["A", "B", "C"], [110, 110, 20])
    practice = [f"{b}{k % (2 if b == 'C' else 40):02}" for b, k in zip(board, range(N), strict=True)]
    pairs = pd.DataFrame({"area": np.repeat(CODES, 2), "patients": rng.integers(100, 900, 2 * N)})
    pairs["practice"] = np.column_stack([practice, np.roll(practice, 1)]).ravel()
    pairs.loc[pairs["area"].isin(np.array(CODES)[board == "C"]), "practice"] = ["C00", "C01"] * 20
    share = pd.DataFrame({"practice": sorted(set(pairs["practice"]))})
    share["DM"] = rng.uniform(0.05, 0.1, len(share))
    areas = area_summary(pairs, share, ["DM"]).set_index("area").loc[CODES].reset_index()
    fifth = np.arange(N) % 5 + 1
    areas = areas.assign(board=board, board_name=board, board_fifth=fifth, fifth_of_all=fifth, from_17=0.8)
    return areas.assign(lad=[f"E0600{k // 12:04}" for k in range(N)]), pairs, share


def test_boards_are_means_of_their_areas_and_the_nation_is_that_of_the_gaps(practices_of_boards) -> None:
    areas, pairs, share = practices_of_boards
    fifths, places = board_tables(areas, pairs, share, ["DM"], draws=4000, seed=1)
    places = places.set_index("place")
    gap = deprivation_gaps(areas, ["DM"], "fifth_of_all", draws=4000, seed=1).iloc[0]
    # A page shows both: they are the same numbers.
    same = {"most": "most", "least": "least", "average": "average", "ratio": "ratio"}
    same |= {"ratio_lower": "lower", "ratio_upper": "upper"}
    assert places.loc["England", [*same]].tolist() == pytest.approx(gap[[*same.values()]].tolist())
    for board in ("A", "B"):
        own = areas[areas["board"] == board]
        means = [np.average(p["DM"], weights=p["patients"]) for _, p in own.groupby("board_fifth")]
        row = fifths[fifths["place"] == board]
        assert row["share"].to_numpy() == pytest.approx(means)
        people = 0.8 * own.groupby("board_fifth")["patients"].sum().to_numpy()
        assert row["people"].to_numpy() == pytest.approx(people)
        beyond = ((row["share"] - row["share"].iloc[-1]) * people).sum()
        assert places.loc[board, "beyond"] == pytest.approx(beyond)
        assert places.loc[board, "beyond_lower"] < beyond < places.loc[board, "beyond_upper"]
    # Two practices say nothing of others: no interval and no rank, for them alone.
    assert places.loc["C", ["ratio_lower", "beyond_lower", "more", "rank"]].isna().all()
    assert places.loc[["A", "B"], "rank"].sum() == pytest.approx(3.0)
    assert (places["boards"] == 2).all()


def test_intervals_of_boards_are_those_of_the_spread_of_practices() -> None:
    """Against the normal error of a weighted mean: each practice in one area and one fifth, all alike in size."""
    rng = np.random.default_rng(4)
    codes = [f"E0100{k:04}" for k in range(1000)]
    areas = pd.DataFrame({"area": codes, "patients": 1000, "board": "A", "board_name": "A", "lad": codes})
    areas = areas.assign(board_fifth=np.arange(1000) % 5 + 1, fifth_of_all=1, DM=rng.normal(0.08, 0.01, 1000))
    pairs = areas[["area", "patients"]].assign(practice=codes)
    fifths, _ = board_tables(areas, pairs, pd.DataFrame({"practice": codes, "DM": areas["DM"]}), ["DM"], seed=1)
    rows = fifths[fifths["place"] == "A"]
    error = areas.groupby("board_fifth")["DM"].std().to_numpy() / np.sqrt(200)
    width = (rows["upper"] - rows["lower"]).to_numpy() / (2 * 1.96)
    assert width == pytest.approx(error, rel=0.1)


@pytest.mark.slow
def test_pages_of_england_begin_with_the_answers_and_are_accessible(
    browser, practices_of_boards, tmp_path: Path
) -> None:
    areas, pairs, share = practices_of_boards
    folder = written(tmp_path / "data")
    look = {
        "LSOA11CD": CODES,
        "ICB22CDH": areas["board"],
        "ICB22NM": "NHS " + areas["board"] + " Integrated Care Board",
    }
    pd.DataFrame(look).to_csv(folder / "boards.csv", index=False)
    tables = england_tables(read_england(folder), draws=100, seed=1)
    tables["board_fifths"], tables["boards"] = board_tables(areas, pairs, share, ["DM"], draws=100, seed=1)
    tables["rank_table"] = tables["rank_table"].query("condition == 'DM'")
    squares = gpd.GeoDataFrame(
        {"LSOA11CD": CODES, "LSOA11NM": [f"Town {k // 60} {k % 60:03}A" for k in range(N)]},
        geometry=[box(k % 20, k // 20, k % 20 + 1, k // 20 + 1) for k in range(N)],
        crs="EPSG:27700",
    )
    squares.geometry = squares.geometry.scale(1000, 1000, origin=(0, 0))
    for name, made in pages(tables, ["A"], squares).items():
        path = tmp_path / name.replace("/", "-")
        path.write_bytes(made)
        accessible(browser, path)
        if name.startswith("conditions"):
            continue
        said = first_screen(browser, path)
        assert re.search(r"Worst off is the most deprived fifth .* \d\.\d\d times as many \(\d", said)
        assert re.search(r"(fewer|more) people", said)
        if name.startswith("boards"):
            assert "of 2 boards" in said
            with opened(browser, path, 1280) as page, page.expect_download() as saved:
                page.click("text=boards.csv")
            kept = pd.read_csv(saved.value.path())
            assert kept["ratio"].to_numpy() == pytest.approx(tables["boards"]["ratio"].to_numpy(), abs=1e-5)


def test_gaps_are_weighted_means_and_their_ratio() -> None:
    rng = np.random.default_rng(1)
    table = pd.DataFrame(
        {"fifth": np.arange(500) % 5 + 1, "DM": rng.uniform(0.02, 0.1, 500), "lad": np.arange(500) // 25}
    )
    table["patients"] = rng.integers(500, 3000, 500)
    row = deprivation_gaps(table, ["DM"], "fifth", draws=100, seed=1).iloc[0]
    most, least = (np.average(p["DM"], weights=p["patients"]) for p in (table[table["fifth"] == k] for k in (1, 5)))
    assert row[["most", "least", "ratio"]].tolist() == pytest.approx([most, least, most / least])
    assert row["lower"] < row["ratio"] < row["upper"]


def test_peers_are_the_nearest_of_standardised_inputs() -> None:
    """Against all distances, one by one; inputs in other units change nothing, and twins are peers of one another."""
    rng = np.random.default_rng(2)
    table = pd.DataFrame({"area": CODES, "old": rng.uniform(0.1, 0.3, N), "income": rng.normal(30_000, 5_000, N)})
    table.loc[1, ["old", "income"]] = table.loc[0, ["old", "income"]]
    found = peer_areas(table, ["old", "income"], peers=4)
    values = table[["old", "income"]].to_numpy()
    standard = (values - values.mean(axis=0)) / values.std(axis=0)
    apart = np.sqrt(((standard[:, None] - standard) ** 2).sum(axis=2))
    np.fill_diagonal(apart, np.inf)
    assert found["distance"].to_numpy().reshape(N, 4) == pytest.approx(np.sort(apart, axis=1)[:, :4])
    assert found["peer"].iloc[0] == CODES[1]
    assert not (found["area"] == found["peer"]).any()
    pence = peer_areas(table.assign(income=100 * table["income"]), ["old", "income"], peers=4)
    assert pence["peer"].tolist() == found["peer"].tolist()
    with pytest.raises(SchemaError, match="X is not in the table; 240 peers of 240 areas"):
        peer_areas(table, ["old"], of=["X"], peers=240)


def test_classes_of_neither_year_are_refused() -> None:
    with pytest.raises(SchemaError, match="1 classes are neither rural nor urban, such as 'X9'"):
        rural_or_urban(["A1", "X9"])


@pytest.fixture(scope="module")
def england(shared: Path) -> England:
    return read_england(shared / "data")


def test_the_table_of_the_diabetes_analysis(england: England) -> None:
    """Its published figures: diabetes goes with education and skills before all else; slopes by age in figure 2.5."""
    tables = england_tables(england, draws=40, seed=1)
    assert len(tables["rank_table"]) == 21
    assert len(tables["areas"]) == 32_844
    found = tables["associations"].query("condition == 'DM'").set_index("domain")
    assert found["adjusted"].abs().nlargest(2).index.tolist() == ["adult_skills_score", "education_score"]
    # By pingouin.partial_corr(method="spearman") of pingouin 0.7.0 on the same areas: other domains, age, not White.
    adjusted = tables["associations"].set_index(["condition", "domain"])["adjusted"]
    assert adjusted["DM", "education_score"] == pytest.approx(0.3124594230, abs=1e-9)
    assert adjusted["DM", "adult_skills_score"] == pytest.approx(0.4665384860, abs=1e-9)
    assert adjusted["COPD", "crime_score"] == pytest.approx(0.1517290424, abs=1e-9)
    assert found.loc["education_score", "strongest_domain"] == 1.0
    assert found.loc["adult_skills_score", "strongest"] == 1.0
    assert (found["lower"] < found["adjusted"]).all()
    care = tables["care"].set_index(["indicator", "domain"])
    for indicator, published in (("DM020-HbA1c", -0.2568), ("DM019-BP", 0.0384)):
        row = care.loc[indicator, "adult_skills_score"]
        assert row["practices"] == 6_437
        assert round(row["correlation"], 4) == published
        assert row["lower"] < published < row["upper"]
    slopes = tables["age_by_deprivation"].query("condition == 'DM'")
    assert slopes["slope"].to_numpy() == pytest.approx([-0.00002, 0.00036, 0.00042, 0.00046, 0.00087], abs=1e-5)
    assert slopes["at_20"].to_numpy() == pytest.approx([0.0861, 0.0721, 0.0655, 0.0582, 0.0376], abs=3e-4)
    assert slopes["at_60"].to_numpy() == pytest.approx([0.0852, 0.0866, 0.0822, 0.0767, 0.0725], abs=3e-4)
    assert slopes["highest"].iloc[-1] == 1.0
    assert england.areas["not_white"].between(0.0, 1.0).all()
