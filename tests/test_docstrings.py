"""Documentation that is kept true: every public function states its arguments, and every example runs."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil
from types import FunctionType, ModuleType

import pytest
from numpydoc.validate import validate

import bayesineq

NAMES = sorted(m.name for m in pkgutil.walk_packages(bayesineq.__path__, "bayesineq.") if not m.ispkg)
WANTED = {"GL08", "PR01", "PR02", "PR10", "RT01", "RT03", "SS03", "SS02"}
# The command line documents itself by --help; likelihoods of the sampler share one signature, told in their module.
TOLD_ELSEWHERE = {"bayesineq.cli", "bayesineq.inference.nuts.likelihoods"}


def public(module: ModuleType) -> list[str]:
    return [
        f"{module.__name__}.{name}"
        for name, value in vars(module).items()
        if not name.startswith("_")
        and (inspect.isclass(value) or isinstance(value, FunctionType))
        and value.__module__ == module.__name__
    ]


@pytest.mark.parametrize("name", sorted(set(NAMES) - TOLD_ELSEWHERE))
def test_public_functions_document_their_arguments(name: str) -> None:
    wrong = [
        f"{item}: {code} {text}"
        for item in public(importlib.import_module(name))
        for code, text in validate(item)["errors"]
        if code in WANTED
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("name", NAMES)
def test_examples_run(name: str) -> None:
    module = importlib.import_module(name)
    examples = [t for t in doctest.DocTestFinder(exclude_empty=True).find(module) if t.examples]
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS, verbose=False)
    report: list[str] = []
    for example in examples:
        runner.run(example, out=report.append)
    assert runner.summarize(verbose=False).failed == 0, "".join(report)
