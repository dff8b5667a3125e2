"""
Whatever the command line is given, it answers rightly, or ends with status 2 and one message of a kind of its own.

Few inputs of each kind here; `make fuzz` tries BAYESINEQ_FUZZ of them (10,000 by default).
"""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.inputs import KINDS
from tests.fuzz.tried import attempt

LARGE = int(os.environ.get("BAYESINEQ_FUZZ", "0")) // len(KINDS)
QUICK = [kind for kind in KINDS if kind not in ("records", "plans")]
"""Kinds that are tried in every run; those whose right answer takes a second are tried by `make fuzz`."""


@pytest.mark.parametrize("kind", list(KINDS) if LARGE else QUICK)
@settings(
    max_examples=LARGE or 3,
    deadline=None,
    database=None,
    derandomize=not LARGE,
    suppress_health_check=list(HealthCheck),
)
@given(random=st.randoms(use_true_random=True))
def test_an_input_is_answered_rightly_or_refused_in_words(kind: str, random) -> None:
    ended = attempt(kind, random)
    assert ended.fault is None, f"{ended.fault}\n{ended.said}"
