"""What the command line is given while it is tried: shipped and simulated files, each made wrong at random."""

from __future__ import annotations

import csv
import gzip
import html
import io
import itertools
import json
import re
import tomllib
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

import bayesineq as bi
from bayesineq.shipped import folder
from tests.cards.planted import lattice, rows_of
from tests.fuzz.mutate import NUMBERS, OTHERS, TEXTS, mutated, mutated_rows, noise, strange, to_toml

CARDS = sorted(path.stem for path in folder("models").glob("*.toml"))
COHORTS = sorted(path.stem for path in folder("models/cohorts").glob("*.toml"))


class Try(NamedTuple):
    """A command, and what must hold where it answers with status 0."""

    arguments: list[str]
    right: Callable[[str], None] = lambda said: None


type Maker = Callable[[Random, Path], Try]


@cache
def _table(name: str) -> pd.DataFrame:
    """Rows of a schema, few enough that a fit is quick."""
    if name == "area_health":
        graph = lattice()
        rows = rows_of(graph)("area_health")
        return rows.assign(bad_health=90 + np.arange(len(rows)))
    rows = bi.example().table
    return rows[rows["area"].isin(sorted(rows["area"].unique())[:6])].reset_index(drop=True)


def _csv(header: list[str], rows: list[Any]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([header, *rows])
    return text.getvalue()


def _cells(table: pd.DataFrame) -> tuple[list[str], list[list[str]]]:
    return list(table.columns), table.astype(str).to_numpy().tolist()


def _edges(path: Path, areas: Any) -> Path:
    codes = sorted(areas)
    pd.DataFrame({"first": codes[:-1], "second": codes[1:]}).to_csv(path, index=False)
    return path


@cache
def _documents(kind: str) -> dict[str, dict[str, Any]]:
    return {path.stem: tomllib.loads(path.read_text("utf-8")) for path in folder(f"models/{kind}").glob("*.toml")}


def _deep(random: Random) -> str:
    depth = random.choice((50, 500, 5_000))
    return random.choice(
        (f"a = {'[' * depth}{']' * depth}", f"[{'.'.join('a' * depth)}]\nb = 1", "a." * depth + "b = 1")
    )


def _document(document: dict[str, Any], random: Random, path: Path) -> None:
    """Write a document with things in it made wrong, now and then in its bytes."""
    text = to_toml(mutated(document, random))
    kind = random.random()
    if kind < 0.03:
        text += _deep(random)
    elif kind < 0.05:
        text += text.split("\n", 1)[0]
    content = text.encode("utf-8", "surrogatepass")
    if kind > 0.95:
        path.mkdir()
    else:
        path.write_bytes(noise(content, random) if kind > 0.85 else content)


def card(random: Random, place: Path) -> Try:
    """A shipped card made wrong."""
    name = random.choice(CARDS)
    path = place / random.choice(("card.toml", "a card.toml", "é\u200b.toml", "-card.toml"))
    _document(_documents("")[name], random, path)
    table = _table("area_health" if name == "area_health" else "area_counts")
    table.to_csv(place / "table.csv", index=False)
    edges = _edges(place / "edges.csv", table["area"].unique())
    return Try(
        [
            "fit",
            *_given(path),
            "--table",
            str(place / "table.csv"),
            "--adjacency",
            str(edges),
            "--out",
            str(place / "out.nc"),
        ],
        lambda said: _as_stated(path),
    )


def _given(path: Path) -> list[str]:
    return [str(path)]


def _as_stated(path: Path) -> None:
    """A card that is taken holds what its text states."""
    stated, read = tomllib.loads(path.read_text("utf-8-sig")), bi.read_card(path)
    assert (read.name, read.question, read.table) == (stated["name"], stated["question"], stated["table"])
    assert [t.name for t in read.terms] == list(stated["terms"])
    for term in read.terms:
        said = stated["terms"][term.name]
        assert term.kind == said["kind"]
        assert list(term.by) == ([said["by"]] if isinstance(said["by"], str) else said["by"])
    assert read.limits == {"rhat": 1.01, "ess_bulk": 400.0} | stated.get("limits", {})


def cohort_card(random: Random, place: Path) -> Try:
    """A shipped cohort card made wrong, read before any record is."""
    path = place / "cohort.toml"
    _document(_documents("cohorts")[random.choice(COHORTS)], random, path)
    (place / "records").mkdir()
    given = [
        "--source",
        str(place / "records"),
        "--out",
        str(place / "out"),
        "--from",
        "2020-01-01",
        "--to",
        "2020-12-31",
    ]
    return Try(["cohort", str(path), *given])


def table(random: Random, place: Path) -> Try:
    """A table whose cells, rows or columns are others."""
    name = random.choice(("area_health", "area_counts"))
    header, rows = mutated_rows(*_cells(_table(name)), random)
    text, kind = _csv(header, rows), random.random()
    content = text.encode("utf-8", "surrogatepass")
    if kind < 0.2:
        content = noise(content, random)
    elif kind < 0.25:
        content = text.encode(random.choice(("utf-16", "utf-8-sig", "cp1252", "utf-32")), "replace")
    path = place / "table.csv"
    if random.random() < 0.2:
        path = place / "table.csv.gz"
        content = gzip.compress(content, 1)
        content = noise(content, random) if random.random() < 0.5 else content
    path.write_bytes(content)
    return Try(["check", str(path), "--schema", name], lambda said: _as_it_stands(path, name))


def _as_it_stands(path: Path, name: str) -> None:
    """Every row and number of a table that is taken is one of the file, in its order."""
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    header, *rows = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""))
    while rows and not any(cell.strip() for cell in rows[-1]):
        del rows[-1]
    taken = bi.check(path, name)
    assert len(taken) == len(rows)
    for column in taken.columns:
        cells = [row[header.index(column)] if header.index(column) < len(row) else "" for row in rows]
        if pd.api.types.is_numeric_dtype(taken[column]) and not taken[column].isna().any():
            assert taken[column].tolist() == [float(cell) if cell else None for cell in cells], column
        elif taken[column].dtype == "str" and not taken[column].isna().any():
            assert taken[column].tolist() == cells, column


def parquet(random: Random, place: Path) -> Try:
    """A parquet file with another byte, or columns of other types."""
    path, table = place / "table.parquet", _table("area_counts").copy()
    if random.random() < 0.5:
        column = random.choice(list(table.columns))
        values = random.choice(
            (NUMBERS[:5], NUMBERS[11:], TEXTS, (True, False), OTHERS[-3:], (b"\xff", b""), ([1], []), ({"a": 1},))
        )
        table[column] = pd.Series([random.choice(values) for _ in range(len(table))], dtype=object)
        try:
            table.to_parquet(path)
        except Exception:
            path.write_bytes(b"")
    else:
        table.to_parquet(path)
        path.write_bytes(noise(path.read_bytes(), random))
    return Try(["check", str(path), "--schema", "area_counts"])


def plans(random: Random, place: Path) -> Try:
    """Shipped plans made wrong, compared on a small posterior."""
    path = place / "plans.toml"
    _document(_documents("plans")["diabetes"], random, path)
    budget = random.choice(("1e6", "0", "-1", "nan", "inf", "1e308", "1e-300")) if random.random() < 0.1 else "1000000"
    given = ["--posterior", str(posterior_file()), "--budget", budget, "--seed", "1", "--out", str(place / "out")]
    return Try(["compare", str(path), *given], lambda said: _finite_plans(path, place / "out"))


def _finite_plans(path: Path, out: Path) -> None:
    stated = [plan["name"] for plan in tomllib.loads(path.read_text("utf-8"))["intervention"]]
    options = pd.read_csv(out / "options.csv")
    named = set(options[next(c for c in options.columns if c in ("option", "intervention", "plan"))].astype(str))
    assert len(named) >= len(stated)
    numbers = options.select_dtypes("number").to_numpy()
    assert not np.isinf(numbers).any()


@cache
def posterior_file() -> Path:
    """A posterior of six areas."""
    import tempfile

    place = Path(tempfile.mkdtemp(prefix="bayesineq-fuzz-"))
    rows = _table("area_counts")
    study = bi.design(
        rows, bi.read_card("prevalence"), adjacency=bi.read_adjacency(_edges(place / "e.csv", rows["area"].unique()))
    )
    return bi.save(bi.fit(study, draws=40, seed=1, progress=False), place / "fit.nc")


def posterior(random: Random, place: Path) -> Try:
    """A saved posterior with other bytes."""
    path = place / random.choice(("fit.nc", "fit 1.nc", "fit.txt"))
    path.write_bytes(noise(posterior_file().read_bytes(), random))
    command = random.choice((["summary"], ["measure", "--by", random.choice(("ethnicity", "area", "none", ""))]))
    return Try([command[0], str(path), *command[1:]], lambda said: _same_draws(path))


def _same_draws(path: Path) -> None:
    assert bi.load(path).identical(bi.load(posterior_file()))


@cache
def _geojson() -> dict[str, Any]:
    return json.loads(bi.example().areas.iloc[:6].to_json(to_wgs84=True))


def boundaries(random: Random, place: Path) -> Try:
    """Boundaries with other coordinates, codes, kinds of geometry or bytes."""
    path = place / random.choice(("areas.geojson", "areas.json", "areas.geojson.zip", "areas.gpkg", "areas.shp"))
    document = mutated(_geojson(), random) if random.random() < 0.7 else _geojson()
    content = json.dumps(document, default=str).encode("utf-8", "surrogatepass")
    if path.suffix == ".zip":
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
            file.writestr(
                random.choice(("areas.geojson", "../../areas.geojson", "/areas.geojson", "a/b.geojson")), content
            )
        content = packed.getvalue()
    path.write_bytes(noise(content, random) if random.random() < 0.4 else content)
    _table("area_counts").to_csv(place / "table.csv", index=False)
    given = ["--table", str(place / "table.csv"), "--areas", str(path), "--out", str(place / "out.nc")]
    return Try(["fit", "prevalence", *given])


def edges(random: Random, place: Path) -> Try:
    """A list of neighbours made wrong."""
    rows = _table("area_counts")
    rows.to_csv(place / "table.csv", index=False)
    codes = sorted(rows["area"].unique())
    header, pairs = mutated_rows(["first", "second"], [list(pair) for pair in itertools.pairwise(codes)], random)
    content = _csv(header, pairs).encode("utf-8", "surrogatepass")
    path = place / random.choice(("edges.csv", "edges.csv.gz", "edges.parquet"))
    path.write_bytes(noise(content, random) if random.random() < 0.3 else content)
    given = ["--table", str(place / "table.csv"), "--adjacency", str(path), "--out", str(place / "out.nc")]
    return Try(["fit", "prevalence", *given, *random.choice(([], ["--only-table-areas"]))])


def codelist(random: Random, place: Path) -> Try:
    """A list of codes in one of its forms, made wrong."""
    header, rows = mutated_rows(
        ["code", "term", "system"], [["E11", "type 2", "icd10"], ["E119", "=1+1", "icd10"]], random
    )
    path = place / random.choice(("list.csv", "list.csv.gz", "list.txt", "list.toml", "list.json", "list.xlsx"))
    document: Any = {"name": "list", "system": "icd10", "codes": ["E11", "E119"]}
    if path.suffix == ".toml":
        _document(document, random, path)
    else:
        document = mutated(document, random) if random.random() < 0.7 else strange(random)
        text = json.dumps(document, default=str) if path.suffix == ".json" else _csv(header, rows)
        content = text.encode("utf-8", "surrogatepass")
        content = gzip.compress(content) if path.suffix == ".gz" else content
        path.write_bytes(noise(content, random) if random.random() < 0.4 else content)
    system = random.choice(([], [], ["--system", random.choice(("icd10", "snomed", "", "x"))]))
    return Try(["codes", "show", str(path), *system, *random.choice(([], ["--ethnicity"]))])


def records(random: Random, place: Path) -> Try:
    """Records of persons, events and stays made wrong, made into a cohort."""
    tables = {
        "persons": (
            ["person", "birth", "sex", "area", "imd_decile", "registered_from", "registered_to"],
            [[f"p{k}", f"19{50 + k}-03-01", "female", "E01000001", "3", "2010-01-01", ""] for k in range(4)],
        ),
        "events": (
            ["person", "date", "system", "code"],
            [[f"p{k}", "2015-05-01", "icd10", "E11.9"] for k in range(3)],
        ),
    }
    source = place / "records"
    source.mkdir()
    wrong = random.choice(list(tables))
    for name, given in tables.items():
        header, rows = mutated_rows(*given, random) if name == wrong else given
        content = _csv(header, rows).encode("utf-8", "surrogatepass")
        noisy = name == wrong and random.random() < 0.2
        (source / f"{name}.csv").write_bytes(noise(content, random) if noisy else content)
    days = ["--from", "2020-01-01", "--to", "2020-12-31"]
    return Try(["cohort", "type_2_diabetes", "--source", str(source), "--out", str(place / "out"), *days])


def official(random: Random, place: Path) -> Try:
    """Files as publishers write them, made wrong."""
    areas = [f"E0100000{k}" for k in range(1, 6)]
    name = random.choice(("general-health", "ethnicity", "age", "deprivation"))
    given: list[str] = []
    for kind in ("general-health", "ethnicity", "age", "deprivation"):
        title = "LSOA code (2021)" if kind == "deprivation" else "geography code"
        header = ["date", "geography", title, "Total", "Index of Multiple Deprivation (IMD) Rank"]
        rows = [["2021", f"name {k}", area, "1500", str(k + 1)] for k, area in enumerate(areas)]
        if kind == name:
            header, rows = mutated_rows(header, rows, random)
        content = _csv(header, rows).encode("utf-8", "surrogatepass")
        ends = random.choice((".csv", ".csv", ".xlsx", ".zip", ".ods", ""))
        path = place / f"{kind}{ends if kind == name else '.csv'}"
        if ends == ".xlsx" and kind == name:
            sheet = io.BytesIO()
            clean = [[cell.replace("\0", "") for cell in row] for row in rows]
            pd.DataFrame(clean).to_excel(sheet, index=False, header=False)
            content = sheet.getvalue()
        path.write_bytes(noise(content, random) if kind == name and random.random() < 0.5 else content)
        given += [f"--{kind}", str(path)]
    return Try(["area-health", *given, "--out", str(place / "out.csv")])


@cache
def _page() -> tuple[str, str]:
    """A page of the small posterior: what stands before its block of how to run it again, and the block."""
    import tempfile

    from bayesineq.report.page.rerun import BLOCK

    place = Path(tempfile.mkdtemp(prefix="bayesineq-fuzz-")) / "page.html"
    bi.report.write_report(bi.load(posterior_file()), None, place)
    found = BLOCK.search(place.read_text("utf-8"))
    assert found is not None
    return place.read_text("utf-8").replace(found[0], "BLOCK"), html.unescape(found[1])


def page(random: Random, place: Path) -> Try:
    """A report whose block of how to run it again is another, held against its own posterior."""
    whole, block = _page()
    document = mutated(json.loads(block), random)
    text = json.dumps(document, default=str) if random.random() < 0.85 else random.choice([block[:-9], *TEXTS])
    said = f'<meta name="bayesineq-rerun" content="{html.escape(text)}">'
    content = whole.replace("BLOCK", said, 1).encode("utf-8", "surrogatepass")
    path = place / "page.html"
    path.write_bytes(noise(content, random) if random.random() < 0.15 else content)
    return Try(["rerun", str(path), "--posterior", str(posterior_file()), *random.choice(([], ["--csv", "out.csv"]))])


def rules(random: Random, place: Path) -> Try:
    """Shipped rules of disclosure made wrong, by which parameters are shown."""
    path = place / "rule.toml"
    _document(_documents("disclosure")[random.choice(("hes", "uk_llc", "opensafely", "cell_keys"))], random, path)
    command = random.choice((["summary"], ["measure", "--by", "ethnicity"]))
    return Try([command[0], str(posterior_file()), *command[1:], "--disclosure", str(path)])


def own_table(random: Random, place: Path) -> Try:
    """Anybody's table, made wrong, begun with."""
    header, rows = _cells(_table("area_counts").rename(columns={"cases": "No. ill"}))
    header, rows = mutated_rows(header, rows, random)
    separator = random.choice((",", ",", ";", "\t"))
    content = _csv(header, rows).replace(",", separator).encode("utf-8", "surrogatepass")
    path = place / random.choice(("mine.csv", "mine.tsv", "mine.csv.gz", "mine.xlsx"))
    if path.suffix == ".xlsx":
        sheet = io.BytesIO()
        clean = [[re.sub("[\0-\x1f\ud800-\udfff]", "", cell) for cell in row] for row in [header, *rows]]
        pd.DataFrame(clean).to_excel(sheet, index=False, header=False)
        content = sheet.getvalue()
    content = gzip.compress(content, 1) if path.suffix == ".gz" else content
    path.write_bytes(noise(content, random) if random.random() < 0.2 else content)
    said = random.choice(([], ["--more-is", "worse"], ["--most-deprived", "1"], ["--suppressed", "1-7", "--add-up"]))
    return Try(["start", str(path), "--out", str(place / "study"), *said])


@cache
def _begun() -> tuple[dict[str, Any], str, bytes]:
    """The mapping, the card and the table of a study that was begun."""
    import tempfile

    from bayesineq.own.written import write_start

    place = Path(tempfile.mkdtemp(prefix="bayesineq-fuzz-"))
    _table("area_counts").to_csv(place / "mine.csv", index=False)
    begun = bi.start(place / "mine.csv", answers=bi.own.Answers(more_is="worse", most_deprived="1"))
    files = write_start(begun, place / "mine.csv", place / "study", None)
    mapping = tomllib.loads(files[0].read_text("utf-8"))
    return mapping | {"file": "mine.csv"}, files[1].read_text("utf-8"), (place / "mine.csv").read_bytes()


def mapping(random: Random, place: Path) -> Try:
    """A mapping of a study or of records made wrong."""
    if random.random() < 0.5:
        document, card, content = _begun()
        (place / "mine.csv").write_bytes(content)
        (place / "card.toml").write_text(card, encoding="utf-8")
        _document(document, random, place / "mapping.toml")
        given = ["fit", str(place / "card.toml"), "--table", str(place / "mapping.toml")]
        edges = _edges(place / "edges.csv", _table("area_counts")["area"].unique())
        return Try([*given, "--adjacency", str(edges), "--out", str(place / "out.nc")])
    (place / "records").mkdir()
    shipped = sorted((folder("data_schema") / "adapters").glob("*.toml"))
    _document(tomllib.loads(random.choice(shipped).read_text("utf-8")), random, place / "mapping.toml")
    pd.DataFrame({"person": ["a"], "birth": ["1950-01-01"]}).to_csv(place / "records" / "persons.csv", index=False)
    given = ["--source", str(place / "records"), "--mapping", str(place / "mapping.toml")]
    days = ["--from", "2020-01-01", "--to", "2020-12-31"]
    return Try(["cohort", "stroke", *given, *days, "--out", str(place / "out")])


def published(random: Random, place: Path) -> Try:
    """What was published, made wrong, attacked."""
    out = place / "published"
    out.mkdir()
    header = ["area", "events", "population"]
    header, rows = mutated_rows(header, [[f"E0100000{k}", "*" if k % 3 else "40", "1500"] for k in range(6)], random)
    content = _csv(header, rows).encode("utf-8", "surrogatepass")
    (out / random.choice(("area.csv", "a.html", "release.nc", "a.txt"))).write_bytes(
        noise(content, random) if random.random() < 0.2 else content
    )
    (out / "total.csv").write_text(random.choice(("events\n100\n", "events\n1e308\n", "events\n-5\n", "")))
    return Try(["attack", str(out), *random.choice(([], ["--earlier", str(out)], ["--small-count", "3"]))])


_COMMANDS = """
check TABLE --schema
fit CARD --table --out --adjacency --areas --only-table-areas --engine --draws --tune --chains --seed --margin \\
    --delta --imputations --place --period --no-progress
summary NC --csv --small-count --round-to
measure NC --by --csv --small-count --round-to
release NC --out --small-count --round-to
compare PLANS --posterior --budget --out --seed --title --threshold --by --top --prob --small-count --round-to
report NC --areas --out --only-fitted-areas --kind --title --outcome --explorer --parts --lookup --place --period
cohort CARD --source --out --from --to --mapping --codelists --deprivation --table
codes show LIST --system --csv --ethnicity
practices FOLDER --population --deprivation --adjacency --out --condition --draws --seed
measures
demo --out --seed
england FOLDER --out --file --board --condition --draws --seed
diagnose NC --csv
rerun PAGE --table --posterior --seed --csv --adjacency
attack FOLDER --known --earlier --differ --csv --small-count
start TABLE --out --more-is --most-deprived --suppressed --per --only
cards NAME
schemas NAME
"""
COMMANDS = {line.split()[0]: line.split()[1:] for line in _COMMANDS.replace("\\\n", " ").strip().splitlines()}
FLAGS = {"--only-table-areas", "--no-progress", "--only-fitted-areas", "--explorer", "--ethnicity"}


def command_line(random: Random, place: Path) -> Try:
    """A command whose arguments are right, strange, twice there or not at all."""
    command = random.choice(list(COMMANDS))
    rows = _table("area_counts")
    rows.to_csv(place / "table.csv", index=False)
    _edges(place / "edges.csv", rows["area"].unique())
    right = {
        "TABLE": place / "table.csv", "CARD": "prevalence", "NC": posterior_file(), "LIST": place / "table.csv",
        "PLANS": folder("models/plans") / "diabetes.toml", "FOLDER": place, "--table": place / "table.csv",
        "--schema": "area_counts", "--adjacency": place / "edges.csv", "--posterior": posterior_file(),
        "--budget": "1e6", "--by": "ethnicity", "--draws": "20", "--seed": "1", "--source": place,
        "--from": "2020-01-01", "--to": "2020-12-31", "--kind": "standard",
    }  # fmt: skip
    out = place / ("out" if command in ("compare", "cohort", "practices") else "out.nc")
    given = [command]
    for option in COMMANDS[command]:
        if random.random() < (0.05 if option in right or option == "--out" else 0.7):
            continue
        if option.startswith("--"):
            given.append(option)
        if option in FLAGS or option == "show":
            given += [option] if option == "show" else []
            continue
        known = right.get(option, out if option == "--out" else "1")
        value = (
            known if random.random() < 0.75 else random.choice([*TEXTS, *NUMBERS, place, place / "none", "-1", "--"])
        )
        given.append(str(value).replace("\0", ""))
    if random.random() < 0.1:
        given.append(random.choice(["--help", "-x", "--", *TEXTS]))
    return Try(given)


KINDS: dict[str, Maker] = {
    "cards": card,
    "cohort cards": cohort_card,
    "tables": table,
    "parquet": parquet,
    "plans": plans,
    "posteriors": posterior,
    "boundaries": boundaries,
    "neighbours": edges,
    "code lists": codelist,
    "records": records,
    "official files": official,
    "command lines": command_line,
    "mappings": mapping,
    "rules": rules,
    "pages": page,
    "own tables": own_table,
    "published": published,
}
