"""The plan of the house: which stage may import which, and what no module may do."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from bayesineq.model.families import FAMILIES
from bayesineq.model.kinds import KINDS

PACKAGE = Path(__file__).resolve().parents[1] / "bayesineq"
FOR_ALL = {"clock", "dims", "errors", "placing", "progress", "replacing", "shipped"}
MAY_IMPORT = {
    "measures": set(),
    "sparse": set(),
    "tables": set(),
    "fetching": {"tables"},  # an archive that was fetched is unpacked as one that lay in the folder
    "records": {"tables"},
    "space": {"sparse"},
    "cohort": {"tables", "records"},
    "model": {"space", "sparse"},
    "design": {"model", "tables", "space"},
    "inference": {"model", "design", "space", "sparse"},
    "posterior": {"model", "design", "measures"},
    # What several outcomes say together, of draws: between what one posterior says and what may be shown of it.
    "pathway": {"model", "design", "posterior", "measures"},
    "disclosure": {"tables", "design", "posterior", "measures"},
    "decisions": {"measures", "posterior", "disclosure"},
    "uplift": {"design", "posterior", "decisions"},
    "simulate": {"tables", "records", "space", "sparse", "model"},
    "report": {
        "tables",
        "space",
        "model",
        "design",
        "measures",
        "posterior",
        "pathway",
        "disclosure",
        "uplift",
        "decisions",
        "cohort",
    },
}
OWNS = {
    "pymc": {"inference"},
    "pytensor": {"inference"},
    "nutpie": {"inference"},
    "sklearn": {"uplift", "cohort", "systems"},
    "matplotlib": {"report"},
    "pooch": {"fetching"},  # the one module that reaches the network, when it is asked to
    "networkx": {"systems", "report"},
    "ibis": {
        "records",
        "tables",
        "cohort",
        "systems",
    },  # cohorts and morbidity are expressions that run where the records are
}
# From files of practices to areas, `practices` calls one stage after the other, as `demo` does; `own` makes a model of
# anybody's table;
# `systems` goes from persons to what a report is made of.
ENTRANCES = {"__init__", "cli", "demo", "examples", "own", "plots", "practices", "systems"}
MODULES = sorted(PACKAGE.rglob("*.py"))


def stage_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(tree: ast.Module) -> list[str]:
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found += [f"{node.module}.{alias.name}" for alias in node.names] if node.level == 0 else ["."]
    return found


def test_the_table_of_imports_is_acyclic() -> None:
    settled: set[str] = set()
    while len(settled) < len(MAY_IMPORT):
        free = {s for s, needs in MAY_IMPORT.items() if s not in settled and needs <= settled}
        assert free, f"stages that wait for each other: {set(MAY_IMPORT) - settled}"
        settled |= free


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_module_keeps_to_its_place(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    tree, stage = ast.parse(source), stage_of(path)
    for name in imports(tree):
        assert name != ".", "relative import"
        top, _, rest = name.partition(".")
        if top in OWNS:
            assert stage in OWNS[top], f"{stage} imports {name}; only {OWNS[top]} may"
        if top == "bayesineq" and stage not in ENTRANCES:
            target = rest.partition(".")[0]
            allowed = FOR_ALL | MAY_IMPORT.get(stage, set()) | {stage}
            assert target in allowed, f"{stage} imports {name}; it may import {sorted(allowed)}"
    if stage == "inference" and "nuts" not in path.parts:
        assert not {"pymc", "pytensor", "nutpie"} & {n.partition(".")[0] for n in imports(tree)}


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_module_has_no_open_ended_arguments_and_prints_nothing(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            assert node.args.kwarg is None, f"{node.name} takes **{node.args.kwarg}"
            assert node.args.vararg is None, f"{node.name} takes *{node.args.vararg}"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in {"print", "eval", "exec"}, f"line {node.lineno} calls {node.func.id}"


CLOSED = {
    *("pickle", "marshal", "shelve", "joblib", "dill", "cloudpickle"),
    *("urllib", "http", "requests", "httpx", "socket", "ssl", "ftplib", "smtplib", "asyncio", "subprocess"),
}
"""What would run what a file holds, or reach the network."""

NAMES_THE_MACHINE = {"placing.py": {"socket"}}
"""A temporary file bears the machine's name: nothing is opened."""


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_module_runs_nothing_that_a_file_holds_and_reaches_no_network(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    used = {name.partition(".")[0] for name in imports(tree)} & CLOSED
    assert used <= NAMES_THE_MACHINE.get(path.name, set())
    named = {ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert not named & {"pd.read_pickle", "socket.socket", "socket.create_connection", "os.system", "os.popen"}
    words = {word.arg for node in ast.walk(tree) if isinstance(node, ast.Call) for word in node.keywords}
    assert "allow_pickle" not in words


SPELL_LIKELIHOODS = {
    "model/families": "a file each",
    "inference/nuts/likelihoods.py": "a line each",
    "measures": "formulas over numbers of any table, named by an argument of theirs: they know no card",
}
OTHERWISE_SPELT = {
    ("simulate/worlds.py", "binomial"): "the default of an argument",
    ("uplift/sensitivity.py", "gamma"): "Rosenbaum's bound of hidden bias",
}


def strings(tree: ast.Module) -> Iterator[ast.Constant]:
    """String constants of code: docstrings, and strings that stand alone, are none."""
    alone = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in alone:
            yield node


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_only_its_own_file_and_one_of_the_sampler_spell_a_likelihood(path: Path) -> None:
    place = path.relative_to(PACKAGE).as_posix()
    if place.startswith(tuple(SPELL_LIKELIHOODS)):
        return
    for node in strings(ast.parse(path.read_text(encoding="utf-8"))):
        spelt = node.value in FAMILIES and (place, node.value) not in OTHERWISE_SPELT
        assert not spelt, f"line {node.lineno} spells {node.value!r}; ask the likelihood's object in model/families"


def test_every_likelihood_has_a_file_of_its_name() -> None:
    for name in FAMILIES:
        assert (PACKAGE / "model" / "families" / f"{name}.py").is_file()


SPELL_KINDS = {
    "model/kinds": "a file each",
    "inference/nuts/terms.py": "a line each",
    "measures": "a scale of measures is linear too",
    "pathway": "its scales are those of measures",
}
KINDS_OTHERWISE_SPELT = {
    ("uplift/nuisance.py", "linear"): "a learner",
    ("tables/publishers/limits.py", "linear"): "a scale of limits",
    ("posterior/maihda.py", "interaction"): "what strata add to the sum of their parts",
}


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_only_its_own_file_and_one_of_the_sampler_spell_a_kind_of_term(path: Path) -> None:
    place = path.relative_to(PACKAGE).as_posix()
    if place.startswith(tuple(SPELL_KINDS)):
        return
    for node in strings(ast.parse(path.read_text(encoding="utf-8"))):
        spelt = node.value in KINDS and (place, node.value) not in KINDS_OTHERWISE_SPELT
        assert not spelt, f"line {node.lineno} spells {node.value!r}; ask the kind's object: term.of_kind"


def test_every_kind_of_term_has_a_file_of_its_name() -> None:
    for name in KINDS:
        assert (PACKAGE / "model" / "kinds" / f"{name}.py").is_file()


KERNELS = {"accumulate", "predictor_variance", "expectations", "_write_effects", "_lean", "_selected", "_factorise"}
"""Loops that are compiled: they see arrays alone, and a call is dearer than a line."""

COMMANDS = PACKAGE / "cli.py"
"""A command's parameters are its options."""


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_function_fits_a_screen_and_takes_few_arguments(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.FunctionDef) or node.name in KERNELS:
            continue
        arguments = [a.arg for a in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs) if a.arg != "self"]
        first = node.body[1] if ast.get_docstring(node) is not None and len(node.body) > 1 else node.body[0]
        lines = (node.end_lineno or 0) - first.lineno + 1 + (node.body[0].lineno - node.lineno)
        assert lines <= 60, f"{node.name} has {lines} lines without its documentation; split it"
        if path != COMMANDS:
            assert len(arguments) <= 10, f"{node.name} takes {len(arguments)} arguments; put some into a value"


CLOCKS = {"perf_counter", "process_time", "monotonic", "perf_counter_ns", "monotonic_ns"}


def test_no_test_holds_a_clock_to_anything() -> None:
    """A busy machine is slow, and right; speed is what the benchmarks are for."""
    found = []
    for path in sorted(Path(__file__).parent.rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
            if name in CLOCKS:
                found.append(f"{path.name}, line {node.lineno}: {name}")
    assert not found
