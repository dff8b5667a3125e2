"""Oracle: with more of one group among the missing, fewer of those known are of others; by simulation."""

from __future__ import annotations

import pytest
import xarray as xr
from worlds import CELLS, DELTA, broad_confusion, card, counts, world

from bayesineq.design.mixture import mixture
from bayesineq.errors import BayesineqError
from bayesineq.inference.fit import LaplaceOptions, fit
from bayesineq.inference.mixture.recording import Recording, RecordingOptions, recording, weights
from bayesineq.inference.mixture.tipping import tipping_point
from bayesineq.posterior.expected import expected

ONE = LaplaceOptions(threads=1)


def test_a_tipping_point_moves_with_delta_and_needs_one() -> None:
    here = world(3, n=30_000)
    # Everybody missing is a case, so whatever group they are given to has more of them.
    people = here.people.assign(case=here.people["case"].where(here.people["gp"] != "99", 1))
    table = counts(people, "gp")

    def fitted(model: Recording) -> xr.DataTree:
        return fit(mixture(table, card(), weights(model, draws=2, seed=1)), draws=200, seed=1, engine=ONE)

    def ratio(post: xr.DataTree) -> xr.DataArray:
        rate = expected(post, by="ethnicity")
        return rate.sel(ethnicity="other", drop=True) / rate.sel(ethnicity="white", drop=True)

    model = recording(table, here.margin, broad_confusion(), cells=CELLS, options=RecordingOptions(DELTA))
    found = tipping_point(model, fitted, ratio, [-1.0, 0.0, 1.0], threshold=1.0)
    assert found["multiple"].tolist() == [-1.0, 0.0, 1.0]
    assert found["estimate"].is_monotonic_increasing
    assert (found["lower"] < found["estimate"]).all()
    assert (found["estimate"] < found["upper"]).all()
    assert found["above"].between(0, 1).all()
    flat = recording(table, here.margin, broad_confusion(), cells=CELLS)
    with pytest.raises(BayesineqError, match="every delta is 0"):
        tipping_point(flat, fitted, ratio)
    with pytest.raises(BayesineqError, match="of one number"):
        tipping_point(model, fitted, lambda post: expected(post, by="ethnicity"), [1.0])
