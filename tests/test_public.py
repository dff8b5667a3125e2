"""The front door: every promised name is there, typed, in one place, and nothing heavy comes in with it."""

from __future__ import annotations

import ast
import importlib
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import bayesineq
from docs import reference

PACKAGE = Path(bayesineq.__file__).parent
PROMISED = list(reference.promised())


@pytest.mark.parametrize(("space", "name", "module"), PROMISED, ids=[f"{s}.{n}" for s, n, _ in PROMISED])
def test_a_public_name_is_there(space: str, name: str, module: str) -> None:
    value = getattr(importlib.import_module(space), name)
    assert getattr(value, "__module__", module) == module or getattr(value, "__name__", "") == module
    assert name in dir(importlib.import_module(space))


def test_a_name_is_the_same_after_its_module_is_imported() -> None:
    code = "import bayesineq.posterior.contrast, bayesineq; print(callable(bayesineq.posterior.contrast))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True"


def test_no_name_is_hidden_by_a_module_of_another_content() -> None:
    hidden = [
        f"{space}.{name} of {module}"
        for space, name, module in PROMISED
        if module.rpartition(".")[2] != name
        and (module.removeprefix(f"{space}.").partition(".")[0] != name)
        and (PACKAGE.joinpath(*space.split(".")[1:], f"{name}.py")).is_file()
    ]
    assert not hidden, "importing the module would put it in the place of the function"


def test_a_name_that_stood_at_the_top_says_where_it_is_now() -> None:
    with pytest.warns(FutureWarning, match=r"bayesineq\.plots\.plot_forest"):
        assert bayesineq.plot_forest is bayesineq.plots.plot_forest


def test_the_top_is_short() -> None:
    """Sixty names; the namespaces of practices, systems and your own table, which call every stage; and `start`."""
    assert len([n for s, n, _ in PROMISED if s == "bayesineq"]) <= 64


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="fitt"):
        _ = bayesineq.fitt


def test_importing_the_package_loads_nothing_heavy() -> None:
    heavy = "numpy pandas xarray numba pymc matplotlib geopandas ibis sklearn"
    code = f"import sys, bayesineq; print(*(set('{heavy}'.split()) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


@pytest.mark.parametrize(("space", "name", "module"), PROMISED, ids=[f"{s}.{n}" for s, n, _ in PROMISED])
def test_a_public_function_has_an_example(space: str, name: str, module: str) -> None:
    value = getattr(importlib.import_module(space), name)
    if inspect.isfunction(value):
        assert ">>>" in (value.__doc__ or ""), f"{module}.{name} has no example"


def test_no_function_is_dead() -> None:
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in PACKAGE.rglob("*.py")}
    used = {name for _, name, _ in PROMISED}
    for node in (node for tree in trees.values() for node in ast.walk(tree)):
        if isinstance(node, ast.Name):
            used.add(node.id)
        elif isinstance(node, ast.Attribute):
            used.add(node.attr)
        elif isinstance(node, ast.ImportFrom):
            used |= {alias.name for alias in node.names}
    dead = [
        f"{path.relative_to(PACKAGE)}: {node.name}"
        for path, tree in trees.items()
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and not node.decorator_list and node.name not in used
    ]
    assert not dead, f"nothing calls and no namespace promises {dead}: delete or promise them"
