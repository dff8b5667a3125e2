"""
Kill every command at random moments: `python -m tests.cli.kills [NUMBER [SEED [COMMAND ...]]]` prints a table.

Each command has made outputs before, and is started to make others in their place. It is killed with signal 9 after a
random time, or at a random step of what it does in the file system, in turn. Then either all of its outputs are the
earlier ones or all are the new ones, byte for byte, unless a note of what is to be finished stands beside them; and
when it is started again all are the new ones, and nothing else is in the folder.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from functools import partial
from pathlib import Path
from random import Random
from typing import NamedTuple

import geopandas as gpd
import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.cli.disclosure_world import cells, write
from tests.killed import ENDED, in_child

PLANS = """
[[intervention]]
name = "calls"
source = "made up for the test"
cost = 10
effect = { measure = "risk ratio", value = 0.8, lower = 0.7, upper = 0.9 }
uptake = 0.5
"""

type Held = dict[str, bytes]


class Command(NamedTuple):
    """A command of the same name of which two sets of outputs are known."""

    name: str
    first: Callable[[], None]
    second: Callable[[], None]


class Killed(NamedTuple):
    """What one kill left: whose outputs stood there, what else, and what was wrong after the next start."""

    command: str
    how: str
    state: str
    beside: int
    fault: str


def line(*arguments: object) -> Callable[[], None]:
    """A command line, run in the folder of the moment."""

    def run() -> None:
        from bayesineq.cli import main

        sys.argv = ["bayesineq", *map(str, arguments)]
        try:
            main()
        except SystemExit as ended:
            if ended.code not in (0, 1, None):
                raise RuntimeError(f"status {ended.code}: {sys.argv}") from ended

    return run


def _records(folder: Path) -> None:
    """Records of 300 persons, a third of whom have heart failure."""
    rng, n = np.random.default_rng(15), 300
    areas = rng.choice(["E01000001", "E01000002"], n)
    birth = [date(1940 + k % 60, 3, 1) for k in range(n)]
    persons = pd.DataFrame({"person": [f"p{k}" for k in range(n)], "birth": birth,
                            "sex": rng.choice(["female", "male"], n), "area": areas,
                            "registered_from": date(2010, 1, 1)})  # fmt: skip
    ill = pd.DataFrame(
        {"person": persons["person"][:100], "date": date(2015, 1, 1), "system": "icd10", "code": "I50.0"}
    )
    spells = pd.DataFrame({"person": rng.choice(persons["person"], 400), "start": date(2020, 6, 1),
                           "end": date(2020, 6, 2), "kind": "inpatient", "outcome": None})  # fmt: skip
    folder.mkdir()
    for name, table in {"persons": persons, "events": ill, "spells": spells}.items():
        table.to_parquet(folder / f"{name}.parquet")
    pd.DataFrame({"area": ["E01000001", "E01000002"], "imd_decile": [1, 10]}).to_csv(folder.parent / "deciles.csv")


def _practices(seed: int) -> None:
    import bayesineq as bi
    from bayesineq.practices import write_practices

    graph = bi.example().adjacency
    n = len(graph.areas)
    pairs = pd.DataFrame({"practice": [f"P{i // 6:02}" for i in range(n)], "area": graph.areas, "patients": 900})
    areas = {"area": graph.areas, "residents": 850, "aged_65_and_over": np.linspace(0.1, 0.3, n), "from_17": 0.8}
    shares = pd.DataFrame({"practice": pairs["practice"].unique()})
    shares["DM"] = np.linspace(0.05, 0.09, len(shares))
    tables = bi.tables.PracticeTables(shares, pairs, pd.DataFrame(areas), pd.DataFrame({"practice": []}), ())
    rank = np.arange(n) + 1
    ranks = pd.DataFrame({"area": graph.areas, "imd_rank": rank, "imd_decile": 1 + 10 * (rank - 1) // n})
    write_practices(tables, ranks, graph, "practices", draws=100, seed=seed)


def _registers(folder: Path) -> None:
    """Open data of 60 areas and eight practices, in their publishers' layouts."""
    from tests.practices.test_england import CODES, deprivation

    rng, n, folder = np.random.default_rng(5), len(CODES), folder / "open"
    folder.mkdir()
    practices = [f"A81{i:03}" for i in range(40)]
    pairs = [(p, CODES[(6 * i + k) % n], 300) for i, p in enumerate(practices) for k in range(12)]
    titles = ["PRACTICE_CODE", "LSOA_CODE", "NUMBER_OF_PATIENTS"]
    pd.DataFrame(pairs, columns=titles).to_csv(folder / "a.csv", index=False)
    shares = pd.DataFrame({"OrganisationCode": practices, "DM-prevalance": rng.uniform(0.02, 0.1, 40)})
    shares.to_csv(folder / "b.csv", index=False)
    ages = {"lsoa11_code": CODES} | {str(a): rng.integers(5, 30, n) for a in range(90)} | {"90+": 1}
    pd.DataFrame(ages).to_csv(folder / "c.csv", index=False)
    deprivation(rng, "2011").to_csv(folder / "d.csv", index=False)


def world(folder: Path) -> None:
    """The files that commands read."""
    write(folder, cells())
    (folder / "plans.toml").write_text(PLANS, encoding="utf-8")
    pd.DataFrame({"code": ["E11", "E119"], "term": ["a", "b"], "system": "icd10"}).to_csv(
        folder / "list.csv", index=False
    )
    published = pd.DataFrame({"LSOA code (2021)": [f"E0100000{k}" for k in range(1, 6)], "Deaths": range(40, 45)})
    published.to_csv(folder / "own.csv", index=False)
    gpd.read_parquet(folder / "areas.parquet").iloc[:9].to_parquet(folder / "few.parquet")
    pd.DataFrame({"code": ["E10", "E11"], "term": ["c", "a"], "system": "icd10"}).to_csv(
        folder / "list2.csv", index=False
    )
    _records(folder / "records")
    _registers(folder)
    fitted = ["--table", folder / "cells.csv", "--seed", 1, "--no-progress", "--draws", 200]
    line("fit", folder / "close.toml", *fitted, "--out", folder / "fit.nc")()
    (folder / "published").mkdir()
    line("measure", folder / "fit.nc", "--by", "area", "--csv", folder / "published" / "area.csv")()
    line("report", folder / "fit.nc", "--out", folder / "page.html")()


def commands(at: Path) -> list[Command]:
    """Each command that writes, in two ways that give other outputs under the same names."""
    fit, table = at / "fit.nc", at / "cells.csv"

    def both(name: str, *given: object, one: list[object], two: list[object]) -> Command:
        return Command(name, line(*given, *one), line(*given, *two))

    small: dict[str, list[object]] = {"one": [], "two": ["--small-count", 20]}
    seeds: dict[str, list[object]] = {"one": ["--seed", 1], "two": ["--seed", 2]}
    acro = ["--acro", "acro"]
    study = ["--from", "2020-01-01", "--deprivation", at / "deciles.csv", "--to"]
    drawn = ["--table", table, "--draws", 200, "--no-progress", "--out", "out.nc"]
    mapped, plans = ["--areas", at / "areas.parquet", "--explorer"], at / "plans.toml"
    begun = ["start", table, "--out", "study", "--most-deprived", 1]
    shown = ["codes", "show", at / "list.csv", "--csv", "out.csv"]
    checks = ["--csv", "out.csv"]
    return [
        both("fit", "fit", at / "close.toml", *drawn, **seeds),
        both("summary", "summary", fit, "--csv", "out.csv", *acro, **small),
        both("measure", "measure", fit, "--by", "area", "--csv", "out.csv", *acro, **small),
        both("release", "release", fit, "--out", "out.nc", *acro, **small),
        both("report", "report", fit, *mapped, "--out", "page.html", *acro, **small),
        both("compare", "compare", plans, "--posterior", fit, "--budget", 1e5, "--out", "out", *acro, **seeds),
        both(
            "cohort", "cohort", "heart_failure", "--source", at / "records", "--out", "out", *study,
            one=["2020-12-31"], two=["2020-10-31"],
        ),
        both("start", *begun, one=["--more-is", "worse"], two=["--more-is", "better"]),
        both("attack", "attack", at / "published", "--csv", "out.csv", one=[], two=["--small-count", 20]),
        Command("diagnose", line("diagnose", fit, *checks), line("diagnose", at / "other.nc", *checks)),
        Command("codes show", line(*shown), line(*shown, "--ethnicity")),
        Command(
            "codes compare",
            line("codes", "compare", at / "list.csv", at / "list2.csv", *checks),
            line("codes", "compare", at / "list2.csv", at / "list2.csv", *checks),
        ),
        both("check", "check", "--repaired", "out.parquet", one=[at / "areas.parquet"], two=[at / "few.parquet"]),
        both("rerun", "rerun", at / "page.html", *checks, "--posterior", one=[at / "fit.nc"], two=[at / "other.nc"]),
        both("england", "england", at / "open", "--out", "out", "--draws", 100, **seeds),
        Command("practices", partial(_practices, 1), partial(_practices, 2)),
        Command("demo", line("demo", "--out", "demo", "--seed", 1), line("demo", "--out", "demo", "--seed", 2)),
    ]  # fmt: skip


def held(place: Path) -> Held:
    """Every file in a folder that is no temporary one."""
    return {
        str(path.relative_to(place)): path.read_bytes()
        for path in sorted(place.rglob("*"))
        if path.is_file() and not any(part.startswith(".bayesineq-") for part in path.relative_to(place).parts)
    }


def beside(place: Path) -> list[Path]:
    """What stands in a folder under a temporary name."""
    return [path for path in place.rglob("*") if path.name.startswith(".bayesineq-")]


def _quiet(work: Callable[[], None], place: Path) -> Callable[[], None]:
    def run() -> None:
        silent = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silent, 1)
        if "KILLS_LOUD" not in os.environ:
            os.dup2(silent, 2)
        tempfile.tempdir = str(place.parent / "temporary")
        os.chdir(place)
        work()

    return run


def kill(
    command: Command, room: Path, number: int, random: Random, steps: tuple[str, ...] = ("time", "step")
) -> list[Killed]:
    """Kill a command so many times."""
    known: list[Held] = []
    for name, work in (("first", command.first), ("second", command.second)):
        place = room / name
        place.mkdir(parents=True)
        (room / "temporary").mkdir(exist_ok=True)
        if name == "second":
            shutil.rmtree(place)
            shutil.copytree(room / "first", place)
        since = time.monotonic()
        if in_child(_quiet(work, place), count=room / "steps") != ENDED:
            raise RuntimeError(f"{command.name} does not work")
        took = time.monotonic() - since
        known.append(held(place))
    assert known[0] != known[1], command.name
    most, found = int((room / "steps").read_text()), []
    for k in range(number):
        how = ("time", "step")[k % 2]
        place = room / f"{k}"
        shutil.copytree(room / "first", place)
        cut = {"at": random.randint(1, most)} if how == "step" else {"after": random.uniform(0, took)}
        ended = in_child(_quiet(command.second, place), **cut)
        left, now = beside(place), held(place)
        noted = any(path.suffix == ".pending" for path in left)
        state = "old" if now == known[0] else "new" if now == known[1] else "begun" if noted else "TORN"
        again = in_child(_quiet(command.second, place))
        fault = "torn" if state == "TORN" else f"status {again} when started again" if again != ENDED else ""
        if not fault and held(place) != known[1]:
            fault = "other outputs when started again"
        if not fault and beside(place):
            fault = f"left: {[path.name for path in beside(place)]}"
        found.append(Killed(command.name, f"{how}{'' if ended else ' (ended)'}", state, len(left), fault))
        shutil.rmtree(place)
    if any((room / "temporary").iterdir()):
        found.append(Killed(command.name, "temporary folder", "", len(list((room / "temporary").iterdir())), ""))
    return found


def survey(number: int, seed: int, names: list[str]) -> int:
    """Kill all commands, and print what was found; gives the number of faults."""
    os.environ["SOURCE_DATE_EPOCH"] = "1750000000"
    import bayesineq.cli

    del bayesineq
    import geopandas  # noqa: F401
    import matplotlib.figure  # noqa: F401
    import xarray  # noqa: F401

    random, faults = Random(seed), 0
    with tempfile.TemporaryDirectory(prefix="kills-") as name:
        at = Path(name) / "world"
        at.mkdir()
        if in_child(_quiet(partial(_second_fit, at), at)) != ENDED:
            raise RuntimeError("the world cannot be made")
        chosen = [command for command in commands(at) if not names or command.name in names]
        for k, command in enumerate(chosen):
            each = number // len(chosen) + (k < number % len(chosen))
            found = kill(command, Path(name) / command.name, each, random)
            states = pd.Series([one.state for one in found if one.state]).value_counts().to_dict()
            wrong = [one for one in found if one.fault]
            spare = sum(one.beside > 0 for one in found if one.state)
            tmp = [one.beside for one in found if not one.state]
            print(f"{command.name}: {each} kills, {states}, temporary names until the next start {spare}, "
                  f"in the system's temporary folder {tmp or 0}, faults {len(wrong)}", flush=True)  # fmt: skip
            print(*wrong, sep="\n", end="\n" if wrong else "", flush=True)
            faults += len(wrong)
            shutil.rmtree(Path(name) / command.name)
    return faults


def _second_fit(at: Path) -> None:
    world(at)
    given = ["--table", at / "cells.csv", "--seed", 2, "--no-progress", "--draws", 300]
    line("fit", at / "close.toml", *given, "--out", at / "other.nc")()


if __name__ == "__main__":
    told = sys.argv[1:]
    sys.exit(min(survey(int(told[0]) if told else 200, int(told[1]) if len(told) > 1 else 1, told[2:]), 1))
