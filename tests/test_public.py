"""The front door: every promised name is there, typed, and nothing heavy comes in with it."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import bayesineq


@pytest.mark.parametrize("name", sorted(bayesineq._HOME))
def test_a_public_name_is_there(name: str) -> None:
    value = getattr(bayesineq, name)
    assert value.__module__ == bayesineq._HOME[name] or not hasattr(value, "__module__")


def test_checkers_see_the_names_that_users_see() -> None:
    tree = ast.parse(Path(bayesineq.__file__).read_text(encoding="utf-8"))
    seen = {
        alias.name: node.module
        for block in ast.walk(tree)
        if isinstance(block, ast.If)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert seen == bayesineq._HOME


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="fitt"):
        _ = bayesineq.fitt


def test_importing_the_package_loads_nothing_heavy() -> None:
    heavy = "numpy pandas xarray numba pymc matplotlib geopandas ibis sklearn"
    code = f"import sys, bayesineq; print(*(set('{heavy}'.split()) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
