"""Documentation that is kept true: every public function states its arguments, and every example runs."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil
from types import FunctionType

import pytest
from numpydoc.validate import validate

import bayesineq
from docs.reference import promised

NAMES = sorted(m.name for m in pkgutil.walk_packages(bayesineq.__path__, "bayesineq.") if not m.ispkg)
WANTED = {"GL08", "PR01", "PR02", "PR10", "RT01", "RT03", "SS03", "SS02"}
PROMISED = sorted({f"{module}.{name}" for _, name, module in promised()})


def documented(item: str) -> bool:
    """Classes and functions: modules say what they are in their first line."""
    module, _, name = item.rpartition(".")
    value = getattr(importlib.import_module(module), name, None)
    return inspect.isclass(value) or isinstance(value, FunctionType)


@pytest.mark.parametrize("item", [item for item in PROMISED if documented(item)])
def test_what_users_reach_documents_its_arguments(item: str) -> None:
    wrong = [f"{code} {text}" for code, text in validate(item)["errors"] if code in WANTED]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("name", NAMES)
def test_everything_without_an_underscore_says_what_it_is(name: str) -> None:
    module = importlib.import_module(name)
    silent = [
        key
        for key, value in vars(module).items()
        if not key.startswith("_")
        and (inspect.isclass(value) or isinstance(value, FunctionType))
        and value.__module__ == name
        and not inspect.getdoc(value)
    ]
    assert not silent, f"{name}: {silent} say nothing of themselves"


COMPILED = "bayesineq.inference.nuts.mixture"
"""Compiles a model of PyMC for longer than the quick tests may take."""


@pytest.mark.parametrize("name", [pytest.param(n, marks=[pytest.mark.slow] if n == COMPILED else []) for n in NAMES])
def test_examples_run(name: str) -> None:
    module = importlib.import_module(name)
    examples = [t for t in doctest.DocTestFinder(exclude_empty=True).find(module) if t.examples]
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS, verbose=False)
    report: list[str] = []
    for example in examples:
        runner.run(example, out=report.append)
    assert runner.summarize(verbose=False).failed == 0, "".join(report)
