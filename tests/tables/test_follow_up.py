"""Follow-up cut into intervals: time and events add up whatever the cuts, and wrong tables are named at once."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import bayesineq as bi
from bayesineq.errors import SchemaError


def test_time_and_events_add_up() -> None:
    rng = np.random.default_rng(1)
    people = pd.DataFrame(
        {"who": np.arange(300), "t": np.round(rng.exponential(40, 300)) + 1, "d": rng.integers(0, 2, 300)}
    )
    cuts = [0, 1, 7, 30, 31, 90, 1000]
    rows = bi.tables.split_follow_up(people, cuts, time="t", event="d")
    whole = rows.groupby("who")[["exposure", "events"]].sum()
    np.testing.assert_array_equal(whole["exposure"], people["t"])
    np.testing.assert_array_equal(whole["events"], people["d"])
    assert (rows["exposure"] > 0).all()
    low = np.array(cuts)[rows["interval"].cat.codes]
    ends = low + rows["exposure"]
    # Only the last row of a person holds the event, and it ends when the person's time does.
    assert (ends[rows["events"] == 1] == people["t"].to_numpy()[rows["who"]][rows["events"] == 1]).all()


def test_all_that_is_wrong_is_said_at_once() -> None:
    people = pd.DataFrame({"t": [0.0, 5.0, np.nan], "d": [1, 2, 0], "events": 1})
    with pytest.raises(
        SchemaError, match=r"'events' is there already.*2 times are missing or not above.*neither 0 nor 1"
    ):
        bi.tables.split_follow_up(people, [0, 10], time="t", event="d")
    with pytest.raises(SchemaError, match=r"1 times lie beyond the last cut, 3; add one of at least 5"):
        bi.tables.split_follow_up(people.iloc[[1]][["t"]].assign(d=1), [0, 3], time="t", event="d")
    with pytest.raises(SchemaError, match="do not ascend from 0"):
        bi.tables.split_follow_up(people[["t", "d"]], [1, 3], time="t", event="d")
