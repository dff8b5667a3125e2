"""Oracle: the package's own numbers of before it was rearranged; see `numbers.py` for how to read a difference."""

from __future__ import annotations

import math
from importlib.util import find_spec

import pytest

from tests.golden.numbers import RELATIVE, SUBJECTS, Numbers, difference, differences, stored

QUICK = [name for name in SUBJECTS if not SUBJECTS[name].slow]
SLOW = [name for name in SUBJECTS if SUBJECTS[name].slow]


def compare(name: str, request: pytest.FixtureRequest) -> None:
    if SUBJECTS[name].shared:
        request.getfixturevalue("shared")
    if name.endswith(".nuts") and find_spec("pymc") is None:
        pytest.skip("densities of PyMC's models need PyMC")
    if name == "uplift" and find_spec("sklearn") is None:
        pytest.skip("the learner of effects needs scikit-learn")
    found = differences(stored()[name], SUBJECTS[name].compute())
    moved = found[found["difference"] > RELATIVE]
    told = moved.head(40).to_string(index=False)
    assert moved.empty, f"{len(moved)} of {len(found)} numbers of {name} moved:\n{told}"


@pytest.mark.parametrize("name", QUICK)
def test_no_number_has_moved(name: str, request: pytest.FixtureRequest) -> None:
    compare(name, request)


@pytest.mark.slow
@pytest.mark.parametrize("name", SLOW)
def test_no_number_of_a_longer_study_has_moved(name: str, request: pytest.FixtureRequest) -> None:
    compare(name, request)


def test_every_subject_is_stored_and_no_other() -> None:
    assert set(stored()) == set(SUBJECTS)
    assert all(len(numbers) >= 5 for numbers in stored().values())
    assert all(math.isfinite(value) for numbers in stored().values() for value in numbers.values())


def test_a_number_that_moves_is_told() -> None:
    before: Numbers = {"same": 2.0, "moved": 1.0, "gone": 3.0, "zero": 0.0}
    now: Numbers = {"same": 2.0 * (1 + 1e-7), "moved": 1.0 + 2e-6, "new": 4.0, "zero": 1e-10}
    found = differences(before, now).set_index("number")["difference"]
    assert set(found[found > RELATIVE].index) == {"moved", "gone", "new"}
    assert found.iloc[0] == math.inf
    assert difference(1e-5, 1.1e-5) > RELATIVE
