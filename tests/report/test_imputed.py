"""What a report says of people without a record of a latent column. Oracle: what was put in."""

from __future__ import annotations

import pytest
import xarray as xr

from bayesineq.design.unrecorded import Unrecorded, unrecorded_of
from bayesineq.disclosure.rule import Rule
from bayesineq.report.words.unrecorded import unrecorded_words

LABELS = {"ethnicity": {"a": "Asian", "w": "White"}}


def post_of(found: Unrecorded | None) -> xr.DataTree:
    post = xr.DataTree()
    post.attrs |= {} if found is None else found.attributes()
    return post


def test_it_is_kept_with_a_posterior_as_it_was() -> None:
    found = Unrecorded(1_340, 10_000, {"a": 0.5, "w": 0.0}, 0.2)
    assert unrecorded_of(found.attributes()) == found
    assert unrecorded_of({"engine": "laplace"}) is None
    assert Unrecorded(0, 0, {}, 0.0).share == 0.0


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (Unrecorded(1_340, 10_000, {"a": 0.0, "w": 0.0}, 0.0),
         ["1,340 of 10,000 people (13.4%) was recorded as unknown", "delta is 0 for every group (Asian and White)"]),
        (Unrecorded(1_340, 10_000, {"a": 0.5, "w": 0.0}, 0.0), ["for Asian, 0.50 (odds times 1.65); 0 for White."]),
        (Unrecorded(1_340, 10_000, {"a": -0.5, "w": 0.1}, 0.3),
         ["Asian, \N{MINUS SIGN}0.50 (odds times 0.61); White, 0.10 (odds times 1.11).", "deviation of 0.30"]),
        (Unrecorded(3, 10_000, {"a": 0.0, "w": 0.0}, 0.0), ["of * of 10,000 people was recorded as unknown"]),
        (Unrecorded(0, 10_000, {"a": 0.0, "w": 0.0}, 0.0), ["0 of 10,000 people (0.0%) was recorded as unknown"]),
        (None, ["was not kept with this posterior"]),
    ],
)  # fmt: skip
def test_the_share_and_every_delta_are_said(found: Unrecorded | None, words: list[str]) -> None:
    said = " ".join(unrecorded_words(post_of(found), "ethnicity", LABELS, Rule()))
    for part in words:
        assert part in said
