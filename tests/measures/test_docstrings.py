"""Docstrings: their examples are executed, and every measure says what its number means."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil
import re

import numpy as np
import pytest

import bayesineq.measures
from bayesineq.measures.registry import MEASURES

MODULES = [f"bayesineq.measures.{found.name}" for found in pkgutil.iter_modules(bayesineq.measures.__path__)]


@pytest.mark.parametrize("name", MODULES)
def test_examples_give_what_they_show(name):
    module = importlib.import_module(name)
    failed, _ = doctest.testmod(module, extraglobs={"np": np})
    assert failed == 0


@pytest.mark.parametrize("name", bayesineq.measures.__all__)
def test_every_function_of_the_namespace_has_an_executed_example(name):
    value = getattr(bayesineq.measures, name)
    assert not inspect.isfunction(value) or ">>>" in inspect.getdoc(value)


@pytest.mark.parametrize("name", list(MEASURES))
def test_the_docstring_of_a_measure_carries_what_the_registry_states(name):
    stated = MEASURES[name]
    text = inspect.getdoc(stated.function)
    order = [text.index(heading) for heading in ("Parameters", "Returns", "Raises", "Notes", "References", "Examples")]
    assert order == sorted(order)
    assert f"Formula: {stated.formula}" in text
    assert f"Sign: {stated.sign}" in text
    assert f"Zeros: {stated.zeros}" in text
    assert f"Warning: {stated.warning}." in text or not stated.warning
    for option in inspect.signature(stated.function).parameters:
        assert re.search(rf"^(\w+, )?{option}(, \w+)? : ", text, re.M), option
    assert stated.reference in text
