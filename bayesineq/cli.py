"""The command line: thin commands over the public functions."""

from __future__ import annotations

import codecs
import gc
import inspect
import io
import re
import sys
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, fields, is_dataclass, replace
from datetime import date, datetime
from functools import partial, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.console import Console

from bayesineq.errors import BayesineqError, CardError, DesignError, SchemaError
from bayesineq.progress import reporter
from bayesineq.replacing import csv_bytes, refuse_inputs, write_folder, write_together

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd
    import xarray as xr

    from bayesineq.cohort.members import Cohort
    from bayesineq.disclosure.acro import Output
    from bayesineq.disclosure.persons import PersonTables
    from bayesineq.disclosure.quality import QualityTables
    from bayesineq.disclosure.rule import Rule
    from bayesineq.fetching import Registry
    from bayesineq.inference.fit import Engine
    from bayesineq.model.card import ModelCard
    from bayesineq.own.start import Answers
    from bayesineq.records.normal import Records
    from bayesineq.space.adjacency import Adjacency

app = typer.Typer(
    name="bayesineq",
    help="Bayesian health inequality: where it lies, how sure we are, and who would benefit most.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
out = Console()
err = Console(stderr=True)

MOST_SEED = 2**63 - 1
_MODEL_DRAWS = 500

CardArgument = Annotated[str, typer.Argument(metavar="CARD", help="Name of a shipped card, or path of a .toml file.")]
TableOption = Annotated[
    Path, typer.Option("--table", help="Table of the card: csv, csv.gz or parquet; or the mapping that `start` wrote.")
]
PosteriorArgument = Annotated[Path, typer.Argument(metavar="POSTERIOR.nc", help="A file that `fit` wrote.")]
CsvOption = Annotated[Path | None, typer.Option("--csv", help="Write the table here too.")]
TitleOption = Annotated[str | None, typer.Option(help="Heading in place of the one that is made.")]


@dataclass(frozen=True, slots=True)
class Shown:
    """Which counts are withheld, and how others are rounded."""

    disclosure: Annotated[
        str,
        typer.Option(
            metavar="NAME|FILE.toml",
            help="Rules of disclosure: hes, uk_llc, opensafely, cell_keys, none, or a file of your own.",
        ),
    ] = "hes"
    small_count: Annotated[
        int | None,
        typer.Option("--small-count", min=0, help="In place of the rules': counts from 1 to this are withheld."),
    ] = None
    round_to: Annotated[
        int | None,
        typer.Option("--round-to", min=1, help="In place of the rules': other counts are rounded to its multiples."),
    ] = None

    @property
    def rule(self) -> Rule:
        """The rule of disclosure."""
        from bayesineq.disclosure.read_rule import rule_of

        rule, few, base = rule_of(self.disclosure), self.small_count, self.round_to
        return replace(rule, threshold=rule.threshold if few is None else few, base=rule.base if base is None else base)


@dataclass(frozen=True, slots=True)
class Since:
    """What was published before."""

    earlier: Annotated[
        Path | None,
        typer.Option(help="Folder that was published before: what it withholds is withheld again, and nothing is "
                          "written that gives a withheld count away beside it."),
    ] = None  # fmt: skip
    differ: Annotated[
        int | None,
        typer.Option(
            min=0, help="By how many people the two differ at most, as a reader may know; by default 0 and 1."
        ),
    ] = None
    known: Annotated[
        Path | None, typer.Option(help="What readers know: dimensions, such as area and ward, and population.")
    ] = None

    def rule(self, stated: Rule) -> Rule:
        """The rule that heeds it."""
        from bayesineq.disclosure.earlier import rule_after
        from bayesineq.report.words.labels import level_labels
        from bayesineq.tables.files import read_table

        if self.earlier is None:
            _refuse({"known": self.known} if self.known else {}, "with --earlier")
            return stated
        known = None if self.known is None else read_table(self.known)
        return rule_after(self.earlier, stated, differ=self.differ, known=known, names=level_labels)


AcroOption = Annotated[
    Path | None, typer.Option("--acro", help="Folder for a checker of outputs, as SACRO's viewer reads it.")
]


@dataclass(frozen=True, slots=True)
class Setting:
    """Where and when a table is from."""

    place: Annotated[str | None, typer.Option(help="Where the table is from, in words, such as 'Suffolk'.")] = None
    period: Annotated[str | None, typer.Option(help="When it is from, in words, such as '2024 to 2025'.")] = None


@dataclass(frozen=True, slots=True)
class Borders:
    """Which areas border on which."""

    adjacency: Annotated[Path | None, typer.Option(help="Edge list: two columns of area codes.")] = None
    areas: Annotated[Path | None, typer.Option(help="Boundaries: any file of polygons, or GeoParquet.")] = None
    only_table_areas: Annotated[
        bool, typer.Option("--only-table-areas", help="Keep only the table's areas of a larger map or edge list.")
    ] = False


@dataclass(frozen=True, slots=True)
class Sampling:
    """How a posterior is computed."""

    engine: Annotated[Literal["laplace", "nuts"], typer.Option(help="How to compute the posterior.")] = "laplace"
    draws: Annotated[
        int | None, typer.Option(min=1, help="Draws in all; by default 1000 with laplace, 4000 with nuts.")
    ] = None
    tune: Annotated[int | None, typer.Option(min=0, help="Draws of adaptation (nuts), by default 1000.")] = None
    chains: Annotated[int | None, typer.Option(min=1, help="Chains (nuts), by default 4.")] = None
    seed: Annotated[int | None, typer.Option(min=0, max=MOST_SEED, help="Makes the draws reproducible.")] = None
    progress: Annotated[bool, typer.Option(help="Show progress.")] = True

    @property
    def options(self) -> Engine:
        """Options of the engine, those that are given."""
        from bayesineq.inference.fit import LaplaceOptions, NutsOptions

        given = {name: value for name in ("tune", "chains") if (value := getattr(self, name)) is not None}
        if self.engine == "nuts":
            return NutsOptions(**given)
        _refuse(given, "with --engine nuts only")
        return LaplaceOptions()


@dataclass(frozen=True, slots=True)
class Unrecorded:
    """What is said of a card's latent column."""

    margin: Annotated[
        Path | None,
        typer.Option(help="For a card with a latent column: census residents by true group, and by area, age or both."),
    ] = None
    delta: Annotated[
        list[str] | None,
        typer.Option(metavar="GROUP=LOGODDS", help="How much likelier a group is to have no record (latent)."),
    ] = None
    imputations: Annotated[
        int | None, typer.Option(min=2, help="Draws of who is of which group (latent), by default 20.")
    ] = None


@dataclass(frozen=True, slots=True)
class OfSystem:
    """What the card of a system is measured from, and where it is written."""

    table: Annotated[
        Path | None,
        typer.Option(
            help="For the card of a system: persons or counts, a folder of `cohort` or of records, or a posterior."
        ),
    ] = None
    out_folder: Annotated[
        Path | None, typer.Option("--out", help="For the card of a system: folder for what may be shown.")
    ] = None
    seed: Annotated[int | None, typer.Option(min=0, max=MOST_SEED, help="Makes the draws reproducible.")] = None


@dataclass(frozen=True, slots=True)
class Deciding:
    """What plans are compared by."""

    threshold: Annotated[
        float, typer.Option(help="Pounds for a QALY; for an event averted (or gained) where the plans state no QALYs.")
    ] = 20_000.0
    by: Annotated[
        list[str] | None, typer.Option(help="Units that are decided for: area (the default), or other dimensions.")
    ] = None
    top: Annotated[float, typer.Option(help="Areas served first: a share below 1, or how many.")] = 0.1
    prob: Annotated[float, typer.Option(help="Probability that the intervals hold.")] = 0.95


@dataclass(frozen=True, slots=True)
class Exploring:
    """What of a report can be explored."""

    explorer: Annotated[
        bool,
        # A bracket is markup in help, unless it is escaped.
        typer.Option("--explorer", help=r"Add the linked map, groups and table (pip install bayesineq\[explorer])."),
    ] = False
    parts: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", help="Explore by part of the map: a column of the boundaries or the look-up."),
    ] = None
    lookup: Annotated[
        Path | None, typer.Option(help="ONS look-up of areas with the column of --parts, such as icb24_name.")
    ] = None


@dataclass(frozen=True, slots=True)
class Beside:
    """What a report shows beside a posterior."""

    quality: Annotated[
        Path | None,
        typer.Option(help="Folder that `cohort` wrote: the page then says how good the records behind it are."),
    ] = None
    systems: Annotated[
        list[Path] | None,
        typer.Option("--with", help="Folder that `measure` wrote for the card of a system; more than once."),
    ] = None


def _refuse(given: dict[str, object], when: str) -> None:
    """Say that options mean nothing here."""
    if given:
        raise DesignError(f"{', '.join(f'--{name}' for name in given)}: such options go {when}; leave them out")


def _grouped(command: Callable[..., None]) -> Callable[..., None]:
    """Let a command take dataclasses, each of whose fields is an option of its own."""
    groups: dict[str, Any] = {}
    options: list[inspect.Parameter] = []
    for parameter in inspect.signature(command, eval_str=True).parameters.values():
        if is_dataclass(parameter.annotation):
            of: Any = parameter.annotation
            groups[parameter.name] = of
            kinds = inspect.signature(of, eval_str=True).parameters
            options += [kinds[field.name].replace(kind=parameter.KEYWORD_ONLY) for field in fields(of)]
        else:
            options.append(parameter.replace(kind=parameter.KEYWORD_ONLY))

    @wraps(command)
    def _flat(**given: Any) -> None:
        _refuse_inputs(given)
        made = {name: of(**{field.name: given.pop(field.name) for field in fields(of)}) for name, of in groups.items()}
        command(**given, **made)

    _flat.__signature__ = inspect.Signature(options)  # type: ignore[attr-defined]
    _flat.__annotations__ = {option.name: option.annotation for option in options}
    return _flat


def _refuse_inputs(given: dict[str, Any]) -> None:
    """No output of a command, nor the audit beside it, may be one of the files that it reads."""
    paths = {name: path for name, path in given.items() if isinstance(path, Path)}
    for name, path in paths.items():
        try:
            path.exists()
        except (OSError, ValueError) as error:
            said = getattr(error, "strerror", None) or error
            raise BayesineqError(f"{name} {str(path)[:60]!r} is no name of a file: {said}; choose another") from None
    outputs = {name: path for name, path in paths.items() if name in _OUTPUTS}
    inputs = {f"--{name}".replace("_", "-"): path for name, path in paths.items() if name not in _OUTPUTS}
    inputs |= {"the card": Path(card)} if isinstance(card := given.get("card"), str) and Path(card).is_file() else {}
    written = {f"--{name.removesuffix('_file').removesuffix('_folder')}": path for name, path in outputs.items()}
    audits = {f"the audit of {name}": path.with_suffix(".audit.csv") for name, path in written.items() if path.name}
    refuse_inputs(written | audits, inputs)


def main() -> None:
    """Run the command line: errors of the package end with status 2 and one message, without a traceback."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal that lacks a sign is given a plainer one.
        with suppress(AttributeError, ValueError, LookupError):
            stream.reconfigure(errors=PLAINER)  # type: ignore[union-attr]
    filled = False
    try:
        app(standalone_mode=True)
    except BayesineqError as error:
        _refused(type(error).__name__, str(error))
    except ImportError as error:
        # What names its extra says how to go on; any other is a fault.
        if "bayesineq[" not in str(error):
            raise
        _refused("ImportError", str(error))
    except MemoryError:
        # Told once what filled the memory is let go: the words need some too.
        filled = True
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        _refused("OSError", f"the system refused: {error.strerror or error}{where}; nothing was written")
    if filled:
        _refused(
            "MemoryError",
            "there is not enough memory for this: close other programs, take fewer draws (--draws 500), or give fewer "
            "rows, such as those of larger areas; nothing was written",
        )


def _refused(kind: str, message: str) -> None:
    with suppress(OSError):
        err.print(f"[bold red]{kind}[/]:", end=" ")
        err.print(message, markup=False, highlight=False, soft_wrap=True)
    sys.exit(2)


def _plainer(error: UnicodeError) -> tuple[str, int]:
    """In place of signs that an encoding lacks, plainer ones."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(_PLAIN.get(sign, "?") for sign in error.object[error.start : error.end]), error.end


PLAINER = "bayesineq.plainer"
_PLAIN = {
    "\N{MINUS SIGN}": "-",
    "\N{NO-BREAK SPACE}": " ",
    "\N{EN DASH}": "-",
    "\N{POUND SIGN}": "GBP ",
    "\N{RIGHT SINGLE QUOTATION MARK}": "'",
    "\N{MULTIPLICATION SIGN}": "x",
}
_OUTPUTS = ("out_file", "out_folder", "csv", "acro", "repaired")
codecs.register_error(PLAINER, _plainer)


def _version(shown: bool) -> None:
    if shown:
        from importlib.metadata import version

        out.print(version("bayesineq"), markup=False, highlight=False)
        raise typer.Exit


@app.callback()
def _all(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Bayesian health inequality: where it lies, how sure we are, and who would benefit most."""


@app.command()
@_grouped
def demo(
    out_folder: Annotated[Path, typer.Option("--out", help="Folder for the demonstration.")] = Path("demo"),
    seed: Annotated[int, typer.Option(min=0, max=MOST_SEED, help="Seed of the simulated system and of the draws.")] = 1,
) -> None:
    """Simulate an integrated care system, fit it, measure its inequality and write a report."""
    from bayesineq.demo import run

    report = run(out_folder, seed=seed, tell=lambda line: err.print(line, highlight=False))
    out.print(str(report), soft_wrap=True, highlight=False)


@app.command()
@_grouped
def check(
    table: Annotated[Path, typer.Argument(metavar="FILE", help="A published file, boundaries, or a table.")],
    schema: Annotated[
        str | None, typer.Option(help="Check against this schema: a name in data_schema/, or a .json file.")
    ] = None,
    csv: CsvOption = None,
    sheet: Annotated[str | None, typer.Option(help="The one sheet of a workbook to read.")] = None,
    choose: Annotated[
        list[str] | None,
        typer.Option(metavar="COLUMN=VALUE", help="Which rows, where several count the same: level=authority."),
    ] = None,
    repaired: Annotated[
        Path | None, typer.Option(help="Repair boundaries, list what was changed, and write them here (.parquet).")
    ] = None,
    crs: Annotated[
        str | None, typer.Option(help="Reference system of boundaries that state none, such as EPSG:27700.")
    ] = None,
) -> None:
    """Say what a file is and what to do with it; with --schema, list every failure of a table at once."""
    if schema is not None:
        from bayesineq.tables.check import check as check_table

        checked = check_table(table, schema)
        out.print(f"{table} fits {schema}: {len(checked):,} rows, {checked.shape[1]} columns", highlight=False)
        return
    from bayesineq.space.areas import are_boundaries, read_areas, words_of_areas
    from bayesineq.tables.publishers.read import read_published, words_of

    if are_boundaries(table):
        areas = read_areas(table, crs=crs, repair=repaired is not None)
        lines = words_of_areas(table, areas)
        if repaired is not None:
            content = io.BytesIO()
            areas.to_parquet(content)
            write_together({repaired: content.getvalue()})
            lines.append(f"{repaired}: {len(areas):,} areas")
    else:
        found = read_published(table, sheet=sheet, choose=_pairs(choose or [], "--choose", "level=authority"))
        lines = words_of(found, table)
        if csv is not None:
            write_together({csv: csv_bytes(found.table)})
            lines.append(f"{csv}: {len(found.table):,} rows")
    out.print("\n".join(lines), markup=False, highlight=False, soft_wrap=True)


def _pairs(given: list[str], option: str, example: str) -> dict[str, str]:
    wrong = [text for text in given if "=" not in text]
    if wrong:
        raise SchemaError(f"{option} {wrong[0]!r} names no value: write it with an equals sign, such as {example}")
    return {name: value for name, _, value in (text.partition("=") for text in given)}


@app.command(name="area-health")
@_grouped
def area_health(
    general_health: Annotated[Path, typer.Option(help="Census 2021 table TS037 by LSOA, as published.")],
    ethnicity: Annotated[Path, typer.Option(help="Census 2021 table TS021 by LSOA, as published.")],
    age: Annotated[Path, typer.Option(help="Census 2021 table TS007A by LSOA, as published.")],
    deprivation: Annotated[Path, typer.Option(help="Indices of Deprivation 2025, File 1 or File 7, as published.")],
    out_file: Annotated[Path, typer.Option("--out", help="Table to write (.csv).")],
    lookup: Annotated[Path | None, typer.Option(help="Look-up of LSOAs to larger places; with --within.")] = None,
    within: Annotated[str | None, typer.Option(help="Code of the place wanted, such as QJG; with --lookup.")] = None,
) -> None:
    """Put the table of card area_health together from official files."""
    from bayesineq.tables.area_health import area_health as assemble
    from bayesineq.tables.census import read_census
    from bayesineq.tables.deprivation import read_deprivation
    from bayesineq.tables.lookups import areas_within

    if (lookup is None) != (within is None):
        raise SchemaError("--lookup and --within go together: the file of the look-up and the code of the place in it")
    table = assemble(
        read_census(general_health, "TS037"),
        read_census(ethnicity, "TS021"),
        read_census(age, "TS007A"),
        read_deprivation(deprivation),
        areas=None if lookup is None or within is None else areas_within(lookup, within),
    )
    write_together({out_file: csv_bytes(table)})
    out.print(f"{out_file}: {len(table):,} areas, {table['residents'].sum():,} residents", highlight=False)


@app.command()
@_grouped
def practices(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Registers and registrations, as published.")],
    population: Annotated[Path, typer.Option(help="Residents of LSOAs by single year of age.")],
    deprivation: Annotated[Path, typer.Option(help="Indices of Deprivation of the same LSOAs, File 7, as published.")],
    adjacency: Annotated[Path, typer.Option(help="Edge list: two columns of area codes.")],
    out_folder: Annotated[Path, typer.Option("--out", help="Folder to write to.")],
    condition: Annotated[list[str] | None, typer.Option(help="Code of a register, such as DM; all by default.")] = None,
    published: Annotated[Path | None, typer.Option(help="Prevalence of authorities to compare with.")] = None,
    draws: Annotated[int, typer.Option(min=100, help="Joint draws of each posterior.")] = 500,
    seed: Annotated[int, typer.Option(help="Seed of the draws.")] = 1,
) -> None:
    """Estimate prevalence by neighbourhood from the registers of practices, for every condition."""
    from bayesineq.practices.prevalence import write_practices
    from bayesineq.space.contiguity import read_adjacency
    from bayesineq.tables.deprivation import read_deprivation
    from bayesineq.tables.files import read_table
    from bayesineq.tables.practices import read_practices

    with reporter(True, "Reading the registers"):
        ranks = read_deprivation(deprivation)
        tables, borders = read_practices(folder, population), read_adjacency(adjacency, areas=ranks["area"])
    for note in tables.notes:
        err.print(note, markup=False, highlight=False, soft_wrap=True)
    with reporter(True, "Fitting the first condition") as tell:

        def done(line: str) -> None:
            err.print(line, markup=False, highlight=False, soft_wrap=True)
            tell("Fitting the next condition")

        found = write_practices(
            tables,
            ranks,
            borders,
            out_folder,
            conditions=condition or None,
            published=None if published is None else read_table(published),
            draws=draws,
            seed=seed,
            report=done,
        )
    out.print(f"{out_folder}: {len(found)} conditions", highlight=False, soft_wrap=True)


@app.command(name="fetch")
@_grouped
def fetch_files(
    name: Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="Files or sets of files.")] = None,
    folder: Annotated[Path, typer.Option(help="Where they are kept; what lies there is not fetched again.")] = Path(
        "open_data"
    ),
    address: Annotated[
        list[str] | None, typer.Option(metavar="NAME=ADDRESS", help="Where a file lies, in place of what is known.")
    ] = None,
    accept: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Take a file whatever is known of its digest and size.")
    ] = None,
    registry: Annotated[
        Path | None, typer.Option(metavar="FILE.toml", help="Files of your own beside those that are known.")
    ] = None,
) -> None:
    """List public files, or fetch those that are named: no other command reaches the network."""
    from bayesineq.fetching import fetch, fetched, public_files, wanted

    known = public_files(registry)
    if not name:
        _refuse({k: v for k, v in (("address", address), ("accept", accept)) if v}, "with names of files")
        kept = fetched(folder)
        out.print("\n".join(_listed_files(known, kept)), markup=False, highlight=False, soft_wrap=True)
        return
    given = _pairs(address or [], "--address", "iod_2019=https://example.org/file.csv")
    files = wanted(known, name, given)
    for code, place in given.items():
        err.print(f"{code}: address {place} in place of {known.files[code].address}", markup=False, soft_wrap=True)
    with reporter(True, "Fetching") as tell:
        found = fetch(files, folder, accept=accept or (), report=_both(tell), progress=tell)
    out.print("\n".join(map(str, found.values())), markup=False, highlight=False, soft_wrap=True)


def _both(tell: Callable[[str], None]) -> Callable[[str], None]:
    """Lines that stay, and are progress too."""

    def said(text: str) -> None:
        tell(text)
        err.print(text, markup=False, highlight=False, soft_wrap=True)

    return said


def _listed_files(known: Registry, kept: dict[str, Any]) -> list[str]:
    """What can be fetched, in lines."""
    lines = []
    for code, file in known.files.items():
        size = f", {file.size / 1e6:.1f} MB" if file.size else ""
        day = f"; kept since {kept[code]['day']}" if code in kept else ""
        lines.append(f"{code}: {file.what} ({file.publisher}{size}){day}")
    sets = [f"{one} = {', '.join(files)}" for one, files in known.sets.items()]
    return [*lines, "", "Names that stand for several:", *sets]


@app.command()
@_grouped
def england(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Files of open data, as published.")],
    out_folder: Annotated[Path, typer.Option("--out", help="Folder to write to.")],
    file: Annotated[
        list[str] | None, typer.Option(metavar="WHAT=FILE", help="Which of several files is meant: borders=FILE.")
    ] = None,
    indicators: Annotated[
        Path | None, typer.Option(help="Table of `area` and further indicators, such as adult_education.")
    ] = None,
    cohort: Annotated[
        Path | None, typer.Option(help="People who came: practice, area, ethnicity; against who could have come.")
    ] = None,
    board: Annotated[list[str] | None, typer.Option(help="NHS code of a board that gets a page, as QJG.")] = None,
    condition: Annotated[list[str] | None, typer.Option(help="Code of a register, such as DM; all by default.")] = None,
    neighbourhoods: Annotated[
        bool,
        typer.Option("--neighbourhoods", help="Gradients by domain from the model, a few minutes a condition."),
    ] = False,
    draws: Annotated[int, typer.Option(min=100, help="Draws of correlations and slopes.")] = 1000,
    seed: Annotated[int, typer.Option(min=0, max=MOST_SEED, help="Seed of the draws.")] = 1,
    *,
    shown: Shown,
) -> None:
    """From a folder of open data: areas, practices, and which domain of deprivation goes with which condition."""
    from bayesineq.practices.england import cohort_table, england_tables, left_out, write_england
    from bayesineq.practices.folder import read_england
    from bayesineq.practices.neighbourhoods import neighbourhood_tables
    from bayesineq.space.areas import read_areas
    from bayesineq.tables.files import read_table

    with reporter(True, "Reading the folder") as tell:
        found = read_england(folder, _pairs(file or [], "--file", "borders=FILE"), indicators=indicators)
        tables = england_tables(found, conditions=condition or None, draws=draws, seed=seed, report=tell)
        if neighbourhoods:
            codes = condition or found.conditions
            tables |= neighbourhood_tables(found, codes, draws=min(draws, _MODEL_DRAWS), seed=seed, report=tell)
        if cohort is not None:
            people = read_table(cohort, text=["practice", "area"])
            tables["over_representation"] = cohort_table(found, people, shown.rule)
        shapes = read_areas(found.files["boundaries"]) if "boundaries" in found.files else None
        files = write_england(tables, found.notes, out_folder, board or (), boundaries=shapes, report=tell)
    notes = [*found.notes, *left_out(tables)]
    lines = [f"{role}: {path}" for role, path in found.files.items()] + [f"Note: {note}" for note in notes]
    err.print("\n".join(lines), markup=False, highlight=False, soft_wrap=True)
    out.print("\n".join(map(str, files)), markup=False, highlight=False, soft_wrap=True)


@app.command()
@_grouped
def travel(
    areas: Annotated[Path, typer.Option(help="area, imd_decile, imd_rank, residents, lad; and their positions.")],
    out_folder: Annotated[Path, typer.Option("--out", help="Folder to write to.")],
    services: Annotated[
        Path | None, typer.Option(help="service, and latitude and longitude or easting and northing.")
    ] = None,
    matrix: Annotated[Path | None, typer.Option(help="Travel times: area, service, minutes (or seconds).")] = None,
    roads: Annotated[Path | None, typer.Option(help="Roads: from, to, minutes or km or metres, one_way.")] = None,
    nodes: Annotated[Path | None, typer.Option(help="Where roads meet: node, and its position.")] = None,
    seed: Annotated[int, typer.Option(min=0, max=MOST_SEED, help="Seed of the draws.")] = 1,
) -> None:
    """How far it is from each area to the nearest service, and by deprivation: by a matrix, roads, or straight."""
    from bayesineq.practices.plain_pages import travel_page
    from bayesineq.practices.travelling import travel_by_deprivation
    from bayesineq.space.travel import nearest_by_matrix, nearest_by_road, nearest_straight
    from bayesineq.tables.files import read_table

    if (matrix is None) == (services is None) or (roads is None) != (nodes is None) or (matrix and roads):
        raise DesignError("give --matrix; or --services; or --services, --roads and --nodes")
    table = read_table(areas, text=["area", "lad"])
    if matrix is not None:
        found = nearest_by_matrix(read_table(matrix, text=["area", "service"]), list(table["area"]))
    elif services is not None:
        there = read_table(services, text=["service"])
        if roads is None or nodes is None:
            found = nearest_straight(table, there)
        else:
            ends = read_table(roads, text=["from", "to"])
            found = nearest_by_road(table, there, ends, read_table(nodes, text=["node"]))
    gradient = travel_by_deprivation(found, table, seed=seed)
    notes = "\n".join([*found.attrs["notes"], ""])
    made = {"nearest.csv": csv_bytes(found.round(3)), "by_deprivation.csv": csv_bytes(gradient.round(3))}
    made |= {"index.html": travel_page(gradient, found.attrs["notes"]), "notes.txt": notes.encode("utf-8")}
    write_folder(out_folder, made)
    err.print(notes, end="", markup=False, highlight=False, soft_wrap=True)
    out.print("\n".join(str(out_folder / name) for name in made), markup=False, highlight=False, soft_wrap=True)


@app.command()
@_grouped
def timeline(
    events: Annotated[Path, typer.Argument(metavar="EVENTS", help="A row an event: person, event, date.")],
    followed: Annotated[
        Path, typer.Option(help="A row a person: person, until (a day), and columns to tell apart by.")
    ],
    start: Annotated[str, typer.Option(help="Event that begins the pathway, such as referral.")],
    out_file: Annotated[Path, typer.Option("--out", help="File of csv to write.")],
    by: Annotated[list[str] | None, typer.Option(help="Column of people, such as imd_quintile.")] = None,
    width: Annotated[int, typer.Option(min=1, help="Days of an interval.")] = 30,
    days: Annotated[int, typer.Option(min=1, help="How far the timeline goes.")] = 360,
    page: Annotated[Path | None, typer.Option(help="Page with the picture and its table to write (.html).")] = None,
    *,
    shown: Shown,
) -> None:
    """Say what happens along a pathway and when: events a person in intervals since the one that begins it."""
    from bayesineq.practices.timeline import event_timeline
    from bayesineq.tables.files import read_table

    people = read_table(followed, text=["person", "until"])
    happened = read_table(events, text=["person", "event", "date"])
    found = event_timeline(happened, people, start, width=width, days=days, by=by or (), disclosure=shown.rule)
    made = {out_file: csv_bytes(found.round(4))}
    if page is not None:
        from bayesineq.practices.plain_pages import timeline_page

        made[page] = timeline_page(found, by or (), start)
    write_together(made)
    err.print("\n".join(found.attrs["notes"]), markup=False, highlight=False, soft_wrap=True)
    out.print(f"{out_file}: {len(found):,} rows", markup=False, highlight=False, soft_wrap=True)


@app.command()
@_grouped
def fit(
    card: CardArgument,
    table: TableOption,
    out_file: Annotated[Path, typer.Option("--out", help="Posterior file to write (.nc).")],
    *,
    borders: Borders,
    sampling: Sampling,
    unrecorded: Unrecorded,
    setting: Setting,
) -> None:
    """Fit a card to a table and write its posterior."""
    from bayesineq.design.neighbours import neighbours
    from bayesineq.model.read_card import read_card
    from bayesineq.posterior.files import save
    from bayesineq.posterior.verdict import verdict
    from bayesineq.report.page.heading import set_in

    model = read_card(card)
    rows = _rows(table, model, _lacking(model))
    graph = neighbours(model, rows, borders.adjacency, borders.areas, borders.only_table_areas)
    posterior = _fitted(model, rows, graph, sampling, unrecorded)
    save(set_in(posterior, setting.place, setting.period), out_file)
    out.print(f"{out_file}: {len(rows):,} rows, engine {sampling.engine}", highlight=False, soft_wrap=True)
    if "notes" in posterior.attrs:
        out.print(posterior.attrs["notes"], markup=False, highlight=False, soft_wrap=True)
    if "graph" in posterior.attrs:
        out.print(f"Map: {posterior.attrs['graph']}", highlight=False, soft_wrap=True)
    found = verdict(posterior)
    if found.level == "sound":
        out.print(str(found), markup=False, highlight=False, soft_wrap=True)
    else:
        err.print(f"Warning: {found}", style="yellow", markup=False, highlight=False, soft_wrap=True)


def _fitted(
    card: ModelCard, rows: pd.DataFrame, graph: Adjacency | None, sampling: Sampling, unrecorded: Unrecorded
) -> xr.DataTree:
    """Fit a card to its table."""
    from bayesineq.design.matrix import design
    from bayesineq.inference.fit import fit as fit_design

    if card.latent:
        return _fit_latent(card, rows, graph, sampling, unrecorded)
    latent = {name: value for name, value in asdict(unrecorded).items() if value}
    _refuse(latent, "with a card that has a latent column")
    study = design(rows, card, adjacency=graph)
    return fit_design(
        study, engine=sampling.options, draws=sampling.draws, seed=sampling.seed, progress=sampling.progress
    )


def _lacking(card: ModelCard) -> tuple[str, ...]:
    """Columns that a row may lack, where its outcome is to be predicted or another one alone was observed."""
    from bayesineq.design.response import lacking_columns

    return () if card.latent else tuple(name for of in card.outcomes for name in lacking_columns(of, card))


def _rows(table: Path, card: ModelCard, lacking: tuple[str, ...]) -> pd.DataFrame:
    """The table of a card: through a mapping, by the columns that the card names, or by its schema."""
    if table.suffix == ".toml":
        from bayesineq.own.layout import read_mapped

        return read_mapped(table)
    if not card.table:
        from bayesineq.own.layout import own_columns

        return own_columns(table, card)
    from bayesineq.tables.check import check as check_table

    return check_table(table, card.table, may_lack=lacking)


def _fit_latent(
    card: ModelCard, rows: pd.DataFrame, graph: Adjacency | None, sampling: Sampling, unrecorded: Unrecorded
) -> xr.DataTree:
    from bayesineq.inference.fit import LaplaceOptions
    from bayesineq.inference.mixture.recording import RecordingOptions
    from bayesineq.inference.mixture.study import deltas_of, fit_recorded
    from bayesineq.records.ethnicity.confusion import confusion_of
    from bayesineq.tables.files import read_table

    (latent,) = card.latent
    if unrecorded.margin is None or sampling.options != LaplaceOptions():
        raise DesignError(
            f"card {card.name!r} has the latent column {latent!r}: give the census with --margin, and leave --engine "
            "at laplace"
        )
    census, draws = read_table(unrecorded.margin), sampling.draws or 1000
    return fit_recorded(
        rows,
        card,
        census,
        confusion_of(census[latent].unique()),
        options=RecordingOptions(delta=deltas_of(unrecorded.delta or [])),
        adjacency=graph,
        imputations=min(unrecorded.imputations or 20, draws // 2),
        draws=draws,
        seed=sampling.seed,
    )


@app.command()
@_grouped
def summary(
    posterior: PosteriorArgument, csv: CsvOption = None, acro: AcroOption = None, *, since: Since, shown: Shown
) -> None:
    """Mean, sd, median and 95% interval of every parameter."""
    from bayesineq.disclosure.released import released_summary
    from bayesineq.posterior.files import load
    from bayesineq.report.page.checked import summarised

    rule, post = since.rule(shown.rule), load(posterior)
    table, audit = released_summary(post, rule)
    checked = _for_checker(acro, lambda: summarised(post, table, rule), rule, "summary")
    _show(table, csv, audit, rule, checked)


@app.command()
@_grouped
def measure(
    posterior: Annotated[
        Path,
        typer.Argument(
            metavar="POSTERIOR.nc|CARD", help="A file that `fit` or `release` wrote; or the card of a system."
        ),
    ],
    by: Annotated[str | None, typer.Option(help="Dimension to compare, for example imd_decile.")] = None,
    csv: CsvOption = None,
    acro: AcroOption = None,
    every: Annotated[bool, typer.Option("--all", help="Every measure that applies to such groups.")] = False,
    *,
    of: OfSystem,
    since: Since,
    shown: Shown,
) -> None:
    """
    Outcome by group and the inequality between groups, absolute and relative, adjusted and crude, with intervals.

    With the card of a system, such as multimorbidity: measure it from --table, and write what may be shown to --out.
    """
    from bayesineq.disclosure.read_released import is_released, load_released
    from bayesineq.posterior.files import load
    from bayesineq.report.page.checked import measured
    from bayesineq.report.tables.passed_on import measures_of_released
    from bayesineq.report.tables.released import released_measures
    from bayesineq.systems.card import is_system

    if is_system(posterior):
        asked = {"by": by, "csv": csv, "acro": acro, "all": every, **asdict(since)}
        _refuse({name: value for name, value in asked.items() if value}, _POSTERIOR)
        _measure_system(posterior, of, shown.rule)
        return
    _refuse({name: value for name, value in asdict(of).items() if value is not None}, "with the card of a system")
    if by is None:
        raise DesignError("measure POSTERIOR.nc needs --by: the dimension to compare, for example imd_decile")
    if is_released(posterior):
        _refuse({name: value for name, value in {"acro": acro, **asdict(since)}.items() if value}, "with a posterior")
        with reporter(True, "Taking measures"):
            tree = load_released(posterior)
            table = measures_of_released(tree, by, every=every)
        _plain(_by_columns(table, by), csv)
        out.print(f"Protected where it was released: {tree.attrs['disclosure']}", markup=False, soft_wrap=True)
    else:
        rule, post = since.rule(shown.rule), load(posterior)
        with reporter(True, "Taking measures"):
            table, audit = released_measures(post, by, rule, every=every)
        checked = _for_checker(acro, lambda: measured(post, by, table, rule), rule, "measure")
        _show(_by_columns(table, by), csv, audit, rule, checked)
    for line in table.attrs["words"]:
        out.print(line, markup=False, highlight=False, soft_wrap=True)
    said = [table.attrs.get("without_slope", ""), *_left_out(table)]
    for line in filter(None, said):
        out.print(line, markup=False, highlight=False, soft_wrap=True)


_POSTERIOR = "with a posterior, not with the card of a system"


def _measure_system(card: Path, of: OfSystem, rule: Rule) -> None:
    """Measure what the card of a system asks, and write it as it may be shown."""
    from bayesineq.systems.card import read_system
    from bayesineq.systems.files import system_tables, write_system

    if of.table is None or of.out_folder is None:
        raise DesignError(f"measure {card} needs --table, what is measured, and --out, the folder to write")
    stated = read_system(card)
    refuse_inputs({"--out": of.out_folder}, {"--table": of.table})
    with reporter(True, "Measuring"):
        tables, files = system_tables(of.table, stated, of.seed)
        found = write_system(of.out_folder, tables, rule, also=files)
    _say_section(found)
    out.print(f"{len(found.shown)} tables in {of.out_folder}; {rule}", markup=False, highlight=False, soft_wrap=True)


def _say_section(found: PersonTables) -> None:
    """Print the sentences of the section that the tables of a system make."""
    from bayesineq.report.page.systems import SECTIONS

    name = next(iter(found.shown)).partition("_")[0]
    for statement in SECTIONS[name](found, None).statements:
        out.print(statement.text, markup=False, highlight=False, soft_wrap=True)


def _by_columns(table: pd.DataFrame, by: str) -> pd.DataFrame:
    """Measures with a column that holds the group, and numbers of four significant digits."""
    kept = table.copy()
    kept.insert(1, by, kept["parameter"].str.extract(rf"^{re.escape(by)}\[(.*)\]$", expand=False).fillna(""))
    for name in kept.select_dtypes("number"):
        kept[name] = kept[name].map(lambda value: float(f"{value:.4g}"))
    return kept


def _left_out(table: pd.DataFrame) -> list[str]:
    """Measures that do not apply, or that the values do not have: by reason, a sentence each."""
    why: dict[str, list[str]] = {}
    for kind in ("not_defined", "not_applied"):
        for name, reason in table.attrs.get(kind, {}).items():
            why.setdefault(reason, []).append(name)
    return [f"Not taken ({reason}): {', '.join(names)}." for reason, names in why.items()]


@app.command()
@_grouped
def release(
    posterior: PosteriorArgument,
    out_file: Annotated[Path, typer.Option("--out", help="File to write (.nc).")],
    acro: AcroOption = None,
    *,
    since: Since,
    shown: Shown,
) -> None:
    """Write draws of groups that may be passed on; a posterior itself may not."""
    from bayesineq.disclosure.audit import write_audited
    from bayesineq.disclosure.cover import cover
    from bayesineq.disclosure.released import released_of
    from bayesineq.posterior.files import load, packed
    from bayesineq.report.page.checked import passed_on

    rule = since.rule(shown.rule)
    with reporter(True, "Taking draws of groups"):
        whole = cover(load(posterior), rule)
        tree, audit = released_of(whole), whole.audit
        of_checker = None if acro is None else partial(passed_on, whole, tree)
        # The posterior goes before the file is made in memory, unless a checker is told of it; a tree refers to itself.
        del whole
        gc.collect()
        content = packed(tree)
        checked = _for_checker(acro, lambda: of_checker(content) if of_checker else [], rule, "release")
        write_audited(out_file, content, [audit], rule, checked)
    out.print(str(out_file), soft_wrap=True, highlight=False)


@app.command()
@_grouped
def attack(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="What was published, or is to be.")],
    known: Annotated[
        Path | None, typer.Option(help="What readers know: dimensions, such as area and imd_decile, and population.")
    ] = None,
    earlier: Annotated[
        Path | None, typer.Option(help="Another publication of the same: earlier, by another rule or geography.")
    ] = None,
    differ: Annotated[int, typer.Option(min=0, help="By how many people the two differ at most.")] = 0,
    csv: Annotated[Path | None, typer.Option("--csv", help="Write what was found: as confidential as counts.")] = None,
    *,
    shown: Shown,
) -> None:
    """Try to recover withheld counts from everything in a folder; the status is 1 if the rule does not hold."""
    from bayesineq.disclosure.attack import attack as attacked
    from bayesineq.report.words.labels import level_labels
    from bayesineq.tables.files import read_table

    with reporter(True, "Attacking what is in the folder"):
        found = attacked(
            folder,
            shown.rule,
            known=None if known is None else read_table(known),
            earlier=earlier,
            differ=differ,
            names=level_labels,
        )
    if csv is not None:
        write_together({csv: csv_bytes(found.table)})
    if not found.found.empty:
        out.print(found.found.head(60).to_string(index=False), markup=False, highlight=False, soft_wrap=True)
    said = [*found.said, *([f"Not read: {', '.join(found.left)}."] if found.left else []), str(found)]
    out.print("\n".join(said), markup=False, highlight=False, soft_wrap=True)
    if not found.holds:
        raise typer.Exit(1)


@app.command()
def measures() -> None:
    """Print the reference manual of measures, in Markdown."""
    from bayesineq.measures.registry import manual

    out.print(manual(), markup=False, highlight=False, soft_wrap=True)


@app.command()
@_grouped
def compare(
    plans: Annotated[Path, typer.Argument(metavar="PLANS.toml", help="Interventions: effect, cost, reach, uptake.")],
    posterior: Annotated[Path, typer.Option(help="Posterior of the risk that the plans act on.")],
    budget: Annotated[float, typer.Option(help="Pounds.")],
    out_folder: Annotated[Path, typer.Option("--out", help="Folder for the tables, made if it is not there.")],
    seed: Annotated[int | None, typer.Option(min=0, max=MOST_SEED, help="Makes the draws reproducible.")] = None,
    title: TitleOption = None,
    acro: AcroOption = None,
    *,
    deciding: Deciding,
    since: Since,
    shown: Shown,
) -> None:
    """Compare interventions by expected net benefit, and allocate a budget among them."""
    from bayesineq.decisions.plans import PlanOptions, compare_plans
    from bayesineq.decisions.read_plans import read_plans
    from bayesineq.decisions.released import released_detail
    from bayesineq.posterior.files import load
    from bayesineq.report.page.checked import compared_plans
    from bayesineq.report.page.heading import Heading
    from bayesineq.report.page.plans import comparison_charts, write_comparison

    rule, units = since.rule(shown.rule), deciding.by or ["area"]
    stated = read_plans(plans)
    within = ["ethnicity"] if "area" in units else ["imd_decile", "ethnicity"]
    with reporter(True, "Reading the posterior") as tell:
        post = load(posterior)
        heading = ": ".join(filter(None, (title, Heading().of(post).where))) or None
        tell("Taking risks of groups that may be shown")
        risk, audit = released_detail(post, units, within, rule)
        tell("Comparing the plans")
        compared = compare_plans(
            stated,
            risk,
            budget=budget,
            threshold=deciding.threshold,
            seed=seed,
            options=PlanOptions(decide_by=units, top=deciding.top, prob=deciding.prob),
        )
        tell("Drawing the figures")
        charts = comparison_charts(compared, heading)
        checked = _for_checker(acro, lambda: compared_plans(post, compared, charts, rule), rule, "compare")
        written = write_comparison(compared, out_folder, audit, rule, title=heading, also=checked)
    out.print("\n".join(filter(None, (heading, *compared.words))), markup=False, highlight=False, soft_wrap=True)
    out.print(f"{len(written)} files in {out_folder}", highlight=False, soft_wrap=True)


@app.command()
@_grouped
def report(
    out_file: Annotated[Path, typer.Option("--out", help="Report to write (.html).")],
    posterior: Annotated[
        Path | None,
        typer.Argument(metavar="[POSTERIOR.nc]", help="A file that `fit` or `release` wrote; none with --with alone."),
    ] = None,
    areas: Annotated[
        Path | None, typer.Option(help="Boundaries of the areas; without them the report has no map.")
    ] = None,
    only_fitted_areas: Annotated[
        bool, typer.Option("--only-fitted-areas", help="Draw only the posterior's areas of a larger map.")
    ] = False,
    kind: Annotated[
        Literal["standard", "health_equity_audit", "section_13sa", "core20plus5", "methods"],
        typer.Option(help="For whom the report is laid out."),
    ] = "standard",
    title: TitleOption = None,
    outcome: Annotated[str | None, typer.Option(help="The outcome in words; by default as the card names it.")] = None,
    acro: AcroOption = None,
    *,
    beside: Beside,
    exploring: Exploring,
    setting: Setting,
    since: Since,
    shown: Shown,
) -> None:
    """Write a self-contained report with maps, gradients and limits; without a posterior, a dashboard of systems."""
    from bayesineq.dims import AREA
    from bayesineq.disclosure.read_released import is_released
    from bayesineq.posterior.files import load
    from bayesineq.posterior.population import levels_of
    from bayesineq.report.page.heading import ReportOptions
    from bayesineq.report.page.recorded import read_quality
    from bayesineq.report.page.systems import read_systems, system_sections
    from bayesineq.report.page.write import write_report

    tables = read_systems(beside.systems or [])
    if posterior is None or beside.systems:
        # Tables of systems are not held against an earlier publication.
        _refuse({name: value for name, value in asdict(since).items() if value}, "with a posterior, without --with")
    given = {"areas": areas, "acro": acro, "outcome": outcome, **asdict(exploring)}
    if posterior is None:
        _refuse({name: value for name, value in given.items() if value}, "with a posterior")
        _dashboard(tables, out_file, title, beside.quality, setting, shown.rule)
        return
    if is_released(posterior):
        more = {"quality": beside.quality, "with": beside.systems}
        _report_released(posterior, out_file, title, {**given, **asdict(since), **more})
        return
    further, audit = system_sections(tables, shown.rule)
    fitted = load(posterior)
    polygons = _polygons(areas, exploring, levels_of(fitted, AREA) if only_fitted_areas and areas else None)
    options = ReportOptions(
        kind, title, outcome, setting.place, setting.period,
        disclosure=since.rule(shown.rule),
        explorer=exploring.explorer or exploring.parts is not None, parts=exploring.parts,
    )  # fmt: skip
    records = None if beside.quality is None else read_quality(beside.quality)
    with reporter(True, "Writing the report"):
        write_report(fitted, polygons, out_file, options, further=further, quality=records, acro=acro, audit=audit)
    out.print(str(out_file), soft_wrap=True, highlight=False)


def _report_released(file: Path, page: Path, title: str | None, others: dict[str, object]) -> None:
    """Write a page from draws that were passed on."""
    from bayesineq.disclosure.read_released import load_released
    from bayesineq.report.page.passed_on import write_released

    _refuse({name: value for name, value in others.items() if value}, "with a posterior, not what was released")
    with reporter(True, "Writing the page"):
        write_released(load_released(file), page, title=title)
    out.print(str(page), soft_wrap=True, highlight=False)


def _polygons(areas: Path | None, exploring: Exploring, only: Collection[object] | None) -> gpd.GeoDataFrame | None:
    """Boundaries of a report with the parts of the map that can be explored; only some areas of a larger map."""
    from bayesineq.dims import AREA
    from bayesineq.space.areas import read_areas

    parts, lookup = exploring.parts, exploring.lookup
    if areas is None:
        if parts or lookup:
            raise SchemaError("--parts and --lookup are of a map: give the boundaries with --areas")
        return None
    polygons = read_areas(areas)
    if only is not None:
        polygons = polygons[polygons[AREA].isin(only)]
    if lookup is None:
        return polygons
    from bayesineq.tables.lookups import area_parts

    if parts is None:
        raise SchemaError(f"--lookup {lookup} says nothing without --parts: name its column of places")
    return polygons.assign(**{parts: polygons[AREA].map(area_parts(lookup, parts))})


def _dashboard(
    tables: Mapping[str, pd.DataFrame],
    path: Path,
    title: str | None,
    quality: Path | None,
    setting: Setting,
    rule: Rule,
) -> None:
    """Write a page of systems alone."""
    from bayesineq.report.page.heading import Heading
    from bayesineq.report.page.recorded import read_quality
    from bayesineq.report.page.systems import write_dashboard

    where = Heading(place=setting.place, period=setting.period).where
    named = title or "What the records say"
    records = None if quality is None else read_quality(quality)
    write_dashboard(tables, path, title=f"{named}, {where}" if where else named, quality=records, disclosure=rule)
    out.print(str(path), soft_wrap=True, highlight=False)


@app.command()
@_grouped
def rerun(
    page: Annotated[Path, typer.Argument(metavar="REPORT.html", help="A page that `report` wrote.")],
    table: Annotated[
        Path | None, typer.Option("--table", help="The table that was fitted; or give --posterior.")
    ] = None,
    posterior: Annotated[
        Path | None, typer.Option(help="A posterior of the page's card, in place of a new fit.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, max=MOST_SEED, help="The seed of the fit, which the page does not tell.")
    ] = None,
    csv: CsvOption = None,
    progress: Annotated[bool, typer.Option(help="Show progress.")] = True,
    *,
    borders: Borders,
    unrecorded: Unrecorded,
) -> None:
    """Make the numbers of a report again, and say which agree; status 1 where one does not."""
    from bayesineq.design.neighbours import neighbours
    from bayesineq.posterior.files import load
    from bayesineq.report.page.rerun import compare_figures, read_recipe

    recipe = read_recipe(page)
    card = recipe.card
    if (table is None) == (posterior is None):
        raise DesignError("give either --table, the table that was fitted, or --posterior, a file that `fit` wrote")
    if posterior is not None:
        again = load(posterior)
    else:
        assert table is not None
        rows = _rows(table, card, _lacking(card))
        graph = neighbours(card, rows, borders.adjacency, borders.areas, borders.only_table_areas)
        chains = recipe.chains if recipe.engine == "nuts" else None
        sampling = Sampling(recipe.engine, recipe.draws, None, chains, seed, progress)
        again = _fitted(card, rows, graph, sampling, unrecorded)
    found = compare_figures(recipe, again)
    if csv is not None:
        write_together({csv: csv_bytes(found)})
    shown = found[found["agrees"] == "no"]
    if not shown.empty:
        out.print(shown.head(60).to_string(index=False), markup=False, highlight=False, soft_wrap=True)
    counts = found["agrees"].value_counts()
    said = ", ".join(f"{counts.get(how, 0)} {how}" for how in ("exactly", "within Monte Carlo error"))
    out.print(f"{len(found)} figures: {said}, {counts.get('no', 0)} not.", highlight=False, soft_wrap=True)
    if not shown.empty:
        raise typer.Exit(1)


@app.command()
@_grouped
def diagnose(posterior: PosteriorArgument, csv: CsvOption = None) -> None:
    """Say whether a fit can be trusted: its verdict and every check; status 1 where one failed."""
    from bayesineq.posterior.diagnose import diagnose as checks_of
    from bayesineq.posterior.files import load
    from bayesineq.posterior.verdict import verdict

    post = load(posterior)
    checks = checks_of(post)
    if csv is not None:
        write_together({csv: csv_bytes(checks.table)})
    out.print(str(verdict(post)), markup=False, highlight=False, soft_wrap=True)
    for row in checks.table.to_dict("records"):
        of = f" of {row['parameter']}" if row["parameter"] else ""
        said = (
            f"{'passed' if row['passed'] else 'FAILED'}  {row['check']}{of}: {row['value']:.4g}, limit {row['limit']:g}"
        )
        out.print("; ".join(filter(None, (said, row["advice"]))), markup=False, highlight=False, soft_wrap=True)
    if not checks.passed:
        raise typer.Exit(1)


@app.command()
def cards(
    name: Annotated[str | None, typer.Argument(metavar="CARD", help="Print this card, to copy and edit.")] = None,
) -> None:
    """List the cards of models, systems and cohorts and the mappings of records that ship, or print one."""
    from bayesineq.model.read_card import read_card
    from bayesineq.shipped import card_path, card_text, shipped_cards

    of_records = {
        "Systems, for `bayesineq measure`": "models/systems",
        "Cohorts, for `bayesineq cohort`": "models/cohorts",
        "Mappings of records": "data_schema/adapters",
    }
    if name is not None:
        kinds = ("models", *of_records.values())
        text = card_text(card_path(name, kinds, "card", CardError), "card", CardError)
        out.print(text, markup=False, highlight=False, soft_wrap=True, end="")
        return
    for one in shipped_cards(("models",)):
        card = read_card(one)
        out.print(f"{card.name:20} {card.question}", markup=False, highlight=False, soft_wrap=True)
        read = ", ".join(card.columns)
        out.print(f"{'':20} table {card.table}: {read}", markup=False, highlight=False, soft_wrap=True)
    for said, kind in of_records.items():
        out.print(f"{said}: {', '.join(shipped_cards((kind,)))}", markup=False, highlight=False, soft_wrap=True)
    out.print(
        "`bayesineq cards NAME` prints one; `bayesineq start MYFILE` writes one for a table of your own.",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )


@app.command()
def schemas(
    name: Annotated[str | None, typer.Argument(metavar="SCHEMA", help="Print the columns of this schema.")] = None,
) -> None:
    """List the schemas of tables that ship with the package, or print one's columns."""
    from bayesineq.tables.schema import read_schema, schema_names

    for schema in [read_schema(each) for each in ([name] if name else schema_names())]:
        columns = ", ".join(field.name for field in schema.fields)
        out.print(f"{schema.name:20} {columns}", markup=False, highlight=False, soft_wrap=True)
        for field in schema.fields if name else ():
            filled = "required" if field.constraints.get("required") else "may be blank"
            may = "may be absent" if field.optional else filled
            said = f"  {field.name} ({field.type}, {may}): {field.description}"
            out.print(said, markup=False, highlight=False, soft_wrap=True)
    if name is None:
        out.print(
            "`bayesineq schemas NAME` says what each column holds.", markup=False, highlight=False, soft_wrap=True
        )


codes_app = typer.Typer(help="Code lists as they are published.", no_args_is_help=True)
app.add_typer(codes_app, name="codes")
ListArgument = Annotated[Path, typer.Argument(metavar="LIST", help="A code list: csv, csv.gz, txt, TOML or JSON.")]
SystemOption = Annotated[
    str | None,
    typer.Option(help="Code system, where the file does not say: snomed, icd10, read2, opcs4, dmd and others."),
]


@codes_app.command(name="show")
@_grouped
def show_codes(
    path: ListArgument,
    system: SystemOption = None,
    csv: CsvOption = None,
    ethnicity: Annotated[bool, typer.Option("--ethnicity", help="Show the ethnic group of each code.")] = False,
) -> None:
    """Show the codes of a list, with its system, version and citation."""
    from bayesineq.cohort.codelists import ethnic_groups, groups_lacking, read_codelist

    found = read_codelist(path, system=system)
    table = ethnic_groups(found) if ethnicity else found.table
    _plain(table, csv)
    lacking = groups_lacking(table) if ethnicity else []
    said = [found.cited, *found.notes, *([f"no code for {', '.join(lacking)}"] if lacking else [])]
    out.print("\n".join(said), markup=False, highlight=False, soft_wrap=True)


@codes_app.command(name="compare")
@_grouped
def compare_codes(
    first: ListArgument,
    second: ListArgument,
    system: SystemOption = None,
    csv: CsvOption = None,
) -> None:
    """Show which codes two lists share, and which one of them lacks."""
    from bayesineq.cohort.codelists import compare_codelists, read_codelist

    lists = [read_codelist(path, system=system) for path in (first, second)]
    table = compare_codelists(*lists)
    _plain(table, csv)
    counts = "; ".join(f"{where}: {number:,}" for where, number in table["where"].value_counts().items())
    out.print("\n".join([counts, *(one.cited for one in lists)]), markup=False, highlight=False, soft_wrap=True)


def _plain(table: pd.DataFrame, csv: Path | None) -> None:
    """Print a table that holds nobody's counts: of codes, or of what was released."""
    if csv is not None:
        write_together({csv: csv_bytes(table)})
    limit = 60
    out.print(table.head(limit).to_string(index=False, na_rep=""), markup=False, highlight=False, soft_wrap=True)
    if len(table) > limit:
        out.print(f"... and {len(table) - limit:,} more rows", highlight=False)


@dataclass(frozen=True, slots=True)
class Building:
    """What a cohort is built with, beside its card and the records."""

    from_day: Annotated[
        datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="First day of the study.")
    ] = None
    to_day: Annotated[datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="Last day of the study.")] = None
    mapping: Annotated[
        str | None,
        typer.Option(help="How the records are laid out: omop, hes, sus, opensafely, fhir, snolytical or a .toml."),
    ] = None
    codelists: Annotated[Path | None, typer.Option(help="Folder of the code lists that the card names.")] = None
    deprivation: Annotated[
        Path | None,
        typer.Option(help="Areas and deciles: Indices of Deprivation as published, or area and imd_decile."),
    ] = None
    postcodes: Annotated[
        Path | None,
        typer.Option(help="Look-up of postcodes, for addresses without an area: NSPL or ONSPD, csv or parquet."),
    ] = None
    areas: Annotated[
        Path | None,
        typer.Option(help="Look-up from areas to authority, ward, board or rural-urban class, for attrition."),
    ] = None
    vintage: Annotated[
        Literal["2011", "2021"], typer.Option(help="Which LSOAs of the look-ups are wanted: 2011 or 2021.")
    ] = "2021"
    tables: Annotated[
        list[str] | None, typer.Option("--table", help="Tables of cells to write; by default those of the card.")
    ] = None
    conditions: Annotated[
        str | None,
        typer.Option(metavar="RULES", help="Count pairs of conditions too, by rules such as charlson."),
    ] = None


@app.command()
@_grouped
def cohort(
    card: Annotated[
        str, typer.Argument(metavar="CARD", help="Name of a shipped cohort card, or path of a .toml file.")
    ],
    source: Annotated[
        Path,
        typer.Option(help="The records: a folder of files, a DuckDB file, or a mapping (.toml) that lies with them."),
    ],
    out_folder: Annotated[Path, typer.Option("--out", help="Folder for the tables, made if it is not there.")],
    *,
    building: Building,
    shown: Shown,
) -> None:
    """Build a cohort from records: cells for a model, who dropped out at which step, and the quality of the data."""
    import pandas as pd

    from bayesineq.cohort.cells import cells_of_card, cohort_cells
    from bayesineq.cohort.members import cohort as build
    from bayesineq.cohort.read_cohort import read_cohort
    from bayesineq.disclosure.audit import audit_bytes
    from bayesineq.disclosure.cohorts import shown_attrition, shown_numbers
    from bayesineq.disclosure.quality import quality_audit
    from bayesineq.disclosure.rule import SUPPRESSED
    from bayesineq.records.adapters.adapt import records_at
    from bayesineq.report.page.recorded import PREFIX

    stated, rule = read_cohort(card), shown.rule
    study = _study(building, stated.study)
    with reporter(True, "Reading the records") as tell:
        records = records_at(source, building.mapping)
        tell("Building the cohort")
        built = build(
            records, stated, study=study, codelists=building.codelists, deprivation=_deciles(building.deprivation),
            postcodes=building.postcodes, areas=building.areas, vintage=building.vintage,
        )  # fmt: skip
        tell("Filling cells")
        asked = {name: cohort_cells(built, name) for name in building.tables or ()}
        filled, empty = (asked, ()) if asked else cells_of_card(built)
        tell("Judging how good the records are")
        good = _goodness(records, built, list(filled), rule)
    lost = pd.concat([pd.DataFrame(), *(cells.left_out for cells in filled.values())], ignore_index=True)
    attrition, audit = shown_attrition(built.attrition, rule)
    others = {"attrition": attrition, "left_out": lost, "codes_found": built.facts.found}
    files = {f"{name}.csv": csv_bytes(cells.table) for name, cells in filled.items()}
    for name, table in others.items():
        numbers = [column for column in ("number", "records") if column in table.columns]
        files[f"{name}.csv"] = csv_bytes(shown_numbers(table, numbers, rule))
    files |= {f"{PREFIX}{name}.csv": csv_bytes(table) for name, table in good.shown.items()}
    files |= {} if building.conditions is None else _condition_files(built, building.conditions, building.codelists)
    audits = {"attrition": audit, "quality": quality_audit(good)}
    write_folder(out_folder, files | {f"{name}.audit.csv": audit_bytes([one], rule) for name, one in audits.items()})
    for name, cells in filled.items():
        out.print(f"{name}.csv: {len(cells.table):,} cells", highlight=False, soft_wrap=True)
    of_all = attrition[attrition["by"] == "all"][["step", "what", "persons", "dropped"]]
    starred = of_all.astype(object).where(of_all.notna(), SUPPRESSED)
    out.print(starred.to_string(index=False), markup=False, highlight=False, soft_wrap=True)
    for note in (*empty, *built.notes, *(note for cells in filled.values() for note in cells.notes)):
        out.print(f"Note: {note}", markup=False, highlight=False, soft_wrap=True)
    written = ", ".join([*(f"{name}.csv" for name in filled), *(["condition_*.csv"] if building.conditions else [])])
    said = f"{written} hold small counts, for a model to fit: they are as confidential as the records."
    out.print(f"{said} In the other files: {rule}", markup=False, highlight=False, soft_wrap=True)


def _condition_files(built: Cohort, rules: str, lists: Path | None) -> dict[str, bytes]:
    """Counts of conditions that come together, for `measure multimorbidity`."""
    from bayesineq.cohort.rules import read_rules
    from bayesineq.systems.card import MultimorbidityCard, read_system
    from bayesineq.systems.files import counts_files
    from bayesineq.systems.multimorbidity import count_cohort

    card = read_system("multimorbidity")
    assert isinstance(card, MultimorbidityCard)
    return counts_files(count_cohort(built, read_rules(rules, lists), card))


def _goodness(records: Records, built: Cohort, tables: list[str], rule: Rule) -> QualityTables:
    """How good the records are, and what filling in ethnicity does to each headline, as it may be shown."""
    from bayesineq.cohort.filled import ethnicity_effect
    from bayesineq.disclosure.quality import covered_quality
    from bayesineq.records.quality import quality

    found = quality(records, index=built.study[1], lists=built.facts.lists).tables
    if built.strata.ethnicity is not None:
        found["effect"] = ethnicity_effect(built, tables)
    return covered_quality(found, rule)


def _study(building: Building, stated: tuple[date | None, date | None]) -> tuple[date, date] | None:
    first = building.from_day.date() if building.from_day else stated[0]
    last = building.to_day.date() if building.to_day else stated[1]
    if first is None or last is None:
        raise SchemaError("The card states no study period: give its first and last day with --from and --to.")
    return first, last


def _deciles(path: Path | None) -> pd.DataFrame | None:
    from bayesineq.dims import AREA, DECILE
    from bayesineq.tables.deprivation import read_deprivation
    from bayesineq.tables.files import header, read_table, suffix

    if path is None:
        return None
    if suffix(path) == "csv" and {AREA, DECILE} <= set(header(path)):
        return read_table(path)[[AREA, DECILE]]
    try:
        return read_deprivation(path)[[AREA, DECILE]]
    except SchemaError as error:
        if "no column like" not in str(error):
            raise
        there = f" It has {', '.join(header(path))}." if suffix(path) == "csv" else ""
        raise SchemaError(
            f"The file {path} has no columns {AREA} and {DECILE}, and is not laid out as the Indices of Deprivation "
            f"are published.{there} Name its columns {AREA} and {DECILE}."
        ) from None


def _for_checker(
    folder: Path | None, outputs: Callable[[], list[Output]], rule: Rule, command: str
) -> dict[Path, dict[str, bytes]]:
    """What a checker of outputs reads, by folder, where that was asked for."""
    from bayesineq.disclosure.acro import acro_folder

    if folder is None:
        return {}
    out.print(f"For the checker of outputs: {folder}", highlight=False, soft_wrap=True)
    return {folder: acro_folder(outputs(), rule, f"bayesineq {command}")}


def _show(
    table: pd.DataFrame, csv: Path | None, audit: pd.DataFrame, rule: Rule, checked: dict[Path, dict[str, bytes]]
) -> None:
    """Print a table, and write it with its audit and what a checker reads, in one step."""
    from bayesineq.disclosure.audit import write_audited
    from bayesineq.disclosure.release import refuse_people

    refuse_people(table, what="the table")
    if csv is not None:
        write_audited(csv, csv_bytes(table), [audit], rule, checked)
    elif checked:
        write_together({}, checked)
    limit = 60
    shown = table.head(limit).to_string(index=False, float_format=lambda v: f"{v:.4g}", na_rep="")
    out.print(shown, markup=False, highlight=False, soft_wrap=True)
    if len(table) > limit:
        where = f"all of them are in {csv}" if csv else "write all of them with --csv FILE"
        out.print(f"... and {len(table) - limit:,} more rows; {where}", highlight=False)


@dataclass(frozen=True, slots=True)
class Columns:
    """What is said of a table's columns."""

    area: Annotated[str | None, typer.Option(metavar="COLUMN", help="Area, practice or place.")] = None
    deprivation: Annotated[str | None, typer.Option(metavar="COLUMN", help="Decile, quintile, score or rank.")] = None
    ethnicity: Annotated[str | None, typer.Option(metavar="COLUMN", help="Ethnic group.")] = None
    age: Annotated[str | None, typer.Option(metavar="COLUMN", help="Age or age band.")] = None
    sex: Annotated[str | None, typer.Option(metavar="COLUMN", help="Sex.")] = None
    year: Annotated[str | None, typer.Option(metavar="COLUMN", help="Year or financial year.")] = None
    count: Annotated[str | None, typer.Option(metavar="COLUMN", help="How many have the outcome, or 1 and 0.")] = None
    denominator: Annotated[str | None, typer.Option(metavar="COLUMN", help="Among how many people.")] = None
    person_years: Annotated[str | None, typer.Option(metavar="COLUMN", help="Person-years at risk.")] = None
    expected: Annotated[str | None, typer.Option(metavar="COLUMN", help="Expected count.")] = None
    rate: Annotated[str | None, typer.Option(metavar="COLUMN", help="Rate, where there is no count.")] = None
    lower: Annotated[str | None, typer.Option(metavar="COLUMN", help="Lower 95% limit of the rate.")] = None
    upper: Annotated[str | None, typer.Option(metavar="COLUMN", help="Upper 95% limit of the rate.")] = None
    standard_error: Annotated[str | None, typer.Option(metavar="COLUMN", help="Standard error of the rate.")] = None

    @property
    def said(self) -> dict[str, str]:
        """By what a column is taken for: its title."""
        return {name.replace("_", "-"): title for name, title in asdict(self).items() if title is not None}


@dataclass(frozen=True, slots=True)
class Meaning:
    """What is said of a table's values."""

    more_is: Annotated[Literal["worse", "better"] | None, typer.Option(help="Whether more of the outcome is bad.")] = (
        None
    )
    most_deprived: Annotated[
        str,
        typer.Option(metavar="END", help="Most deprived end of the deprivation column: 1, 5, 10, lowest or highest."),
    ] = ""
    suppressed: Annotated[
        str | None, typer.Option(metavar="FIRST-LAST", help="Counts that a sign such as * stands for, as 1-7.")
    ] = None
    blanks: Annotated[
        Literal["unknown", "suppressed", "zero"] | None, typer.Option(help="What a blank count means.")
    ] = None
    per: Annotated[float, typer.Option(min=0, help="The rate is of so many people, as 1000.")] = 0.0
    only: Annotated[list[str] | None, typer.Option(metavar="COLUMN=VALUE", help="Keep these rows alone.")] = None
    add_up: Annotated[bool, typer.Option("--add-up", help="Rows of one cell are parts of a whole.")] = False
    sheet: Annotated[str | None, typer.Option(help="Sheet of a workbook.")] = None

    def answers(self, spatial: bool) -> Answers:
        """The same as a value."""
        from bayesineq.own.start import Answers

        ends = None if self.suppressed is None else re.fullmatch(r"(\d+)\s*(?:-|to)\s*(\d+)", self.suppressed)
        pairs = [text.partition("=") for text in self.only or []]
        wrong = [f"--suppressed {self.suppressed!r}: write it as 1-7"] if self.suppressed and not ends else []
        wrong += [f"--only {''.join(pair)!r}: write it as COLUMN=VALUE" for pair in pairs if not pair[1]]
        if wrong:
            raise SchemaError("; ".join(wrong))
        return Answers(
            more_is=self.more_is,
            most_deprived=self.most_deprived,
            suppressed=(int(ends[1]), int(ends[2])) if ends else None,
            blanks=self.blanks,
            per=self.per,
            add_up=self.add_up,
            only={title: value for title, _, value in pairs},
            sheet=self.sheet,
            spatial=spatial,
        )


@app.command()
@_grouped
def start(
    table: Annotated[Path, typer.Argument(metavar="MYFILE", help="Your table, with any titles: csv, xlsx or parquet.")],
    out_folder: Annotated[Path, typer.Option("--out", help="Folder for the mapping, the card and the script.")] = Path(
        "study"
    ),
    areas: Annotated[Path | None, typer.Option(help="Boundaries, for neighbours and a map.")] = None,
    *,
    columns: Columns,
    meaning: Meaning,
) -> None:
    """Begin with your own table: recognise its columns, and write a mapping, a card and a script."""
    from bayesineq.own.start import start as begin
    from bayesineq.own.written import write_start

    begun = begin(table, columns.said, meaning.answers(areas is not None))
    files = write_start(begun, table, out_folder, areas)
    width = max(map(len, begun.taken["taken_for"]))
    lines = [f"  {row.taken_for:{width}}  {row.column!r}: {row.why}" for row in begun.taken.itertuples()]
    by = next((dim for dim in begun.card.dims if dim not in begun.card.adjusters), "area")
    where = f" --areas {areas} --only-table-areas" if areas else ""
    shown = f" --areas {areas} --only-fitted-areas" if areas else ""
    said = [
        f"{table}: {len(begun.table):,} rows of a study.",
        "Taken from it:",
        *lines,
        *begun.notes,
        f"Written: {', '.join(map(str, files))}. Read the card; then",
        f"  bayesineq fit {files[1]} --table {files[0]}{where} --seed 1 --out {out_folder / 'fit.nc'}",
        f"  bayesineq measure {out_folder / 'fit.nc'} --by {by}",
        f"  bayesineq report {out_folder / 'fit.nc'}{shown} --out {out_folder / 'report.html'}",
        f"or all of it: python {files[2]}",
    ]
    out.print("\n".join(said), markup=False, highlight=False, soft_wrap=True)


if __name__ == "__main__":
    main()
