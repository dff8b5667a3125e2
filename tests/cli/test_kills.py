"""Commands that are killed: a few kills of a few commands here, `python -m tests.cli.kills` for hundreds of all."""

from __future__ import annotations

import os

import pytest

from tests.cli.kills import survey


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="a kill that cannot be caught")
def test_a_killed_command_leaves_what_stood_there_or_its_own_outputs_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1750000000")
    assert survey(12, 1, ["measure", "release", "compare"]) == 0
