"""The registry: complete against the toolkit of the World Health Organization, and what the manual is made from."""

from __future__ import annotations

import dataclasses

import pytest

from bayesineq.errors import MeasureError
from bayesineq.measures.registry import MEASURES, WHO_ACRONYMS, describe, find, manual
from bayesineq.measures.specification import document


def test_all_21_measures_of_the_who_toolkit_are_there():
    assert len(WHO_ACRONYMS) == 21
    assert {m.acronym for m in MEASURES.values()} >= WHO_ACRONYMS


def test_names_and_acronyms_are_unique_and_find_the_same_measure():
    acronyms = [m.acronym for m in MEASURES.values() if m.acronym]
    assert len(acronyms) == len(set(acronyms))
    for name, stated in MEASURES.items():
        assert stated.name == name
        assert find(name) is stated
        assert stated.acronym is None or find(stated.acronym) is stated


def test_an_unknown_measure_is_refused_with_the_list():
    with pytest.raises(MeasureError, match=r"no measure is called 'sij'; there are difference, ratio"):
        find("sij")


def test_the_registry_cannot_be_changed():
    with pytest.raises(TypeError):
        MEASURES["mine"] = find("sii")
    with pytest.raises(dataclasses.FrozenInstanceError):
        find("sii").title = "other"


def test_the_manual_has_one_entry_a_measure_with_formula_sign_and_reference():
    text = manual()
    for name, stated in MEASURES.items():
        assert text.count(f"`{name}`\n") == 1
        assert describe(name) in text
        assert f"- Formula: {stated.formula}" in describe(name)
    assert "- Printed by WHO: times 1000" in describe("TI")
    assert "- Must be given: `reference`, `favourable`" in describe("events_to_close_gap")
    assert "- Warning: noise in the values" in describe("BGV")
    assert "- Warning" not in describe("SII")


def test_a_measure_that_documents_what_it_does_not_take_is_refused():
    def theil(value, weight):
        """
        Theil index.

        Parameters
        ----------
        alpha : float
            No option of it.
        """

    with pytest.raises(TypeError, match=r"theil documents \['alpha'\]"):
        document(theil, find("theil"))
