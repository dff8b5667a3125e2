"""Oracle of each way of fitting: the other."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from worlds import CELLS, DELTA, GROUPS, broad_confusion, card, counts, world

from bayesineq.design.mixture import mixture
from bayesineq.errors import DesignError
from bayesineq.inference.fit import LaplaceOptions, NutsOptions, fit
from bayesineq.inference.mixture.recording import RecordingOptions, outcome_shift, recording, weights
from bayesineq.posterior.expected import expected

ONE = LaplaceOptions(threads=1)


@pytest.mark.slow
def test_the_cut_posterior_of_the_engine_agrees_with_sampling_all_together() -> None:
    nuts = pytest.importorskip("bayesineq.inference.nuts.mixture")
    here = world(12, n=60_000)
    table = counts(here.people, "linked")
    model = recording(table, here.margin, broad_confusion(), cells=CELLS, options=RecordingOptions(DELTA))
    drawn = weights(model, draws=20, seed=1)
    study = mixture(table, card(), drawn, shift=outcome_shift(model, drawn, table["cases"].to_numpy()))
    cut = expected(fit(study, draws=2_000, seed=1, engine=ONE), by="ethnicity").sel(ethnicity=GROUPS)
    joint = nuts.sample_mixture(study, model, draws=400, tune=400, chains=2, seed=1, progress=False)
    assert int(joint["sample_stats"]["diverging"].sum()) == 0
    reference = expected(joint, by="ethnicity").sel(ethnicity=GROUPS)
    dims = ("chain", "draw")
    spread = reference.std(dims).to_numpy()
    # The cut loses what cases say about the confusion, which here is little next to what the records say.
    assert (np.abs((cut.mean(dims) - reference.mean(dims)).to_numpy()) < 0.25 * spread).all()
    ratio = cut.std(dims).to_numpy() / spread
    assert ((ratio > 0.85) & (ratio < 1.2)).all(), ratio
    with pytest.raises(DesignError, match="without spread"):
        nuts.sample_mixture(study, dataclasses.replace(model, delta_sd=np.ones(5)), draws=1)
    with pytest.raises(DesignError, match="different tables"):
        nuts.sample_mixture(study, dataclasses.replace(model, people=model.people[::-1]), draws=1)


@pytest.mark.slow
def test_at_known_weights_the_engine_has_the_posterior_of_the_exact_mixture() -> None:
    pytest.importorskip("bayesineq.inference.nuts.mixture")
    here = world(12, n=60_000)
    table = counts(here.people, "linked")
    model = recording(table, here.margin, broad_confusion(), cells=CELLS, options=RecordingOptions(DELTA))
    drawn = weights(model, draws=2, seed=3)
    study = mixture(table, card(sigma=True), drawn, shift=outcome_shift(model, drawn, table["cases"].to_numpy()))
    with pytest.raises(DesignError, match="have 2 draws, and engine 'nuts' takes one"):
        fit(study, engine="nuts", draws=4, progress=False)
    assert study.members is not None
    study = dataclasses.replace(study, members=study.members.only(0))
    exact = fit(study, engine=NutsOptions(chains=2, tune=800), draws=3_000, seed=1, progress=False)["posterior"]
    found = fit(study, draws=8_000, seed=1, engine=ONE, progress=False)["posterior"]
    dims = ("chain", "draw")
    for name in ("intercept", "deprivation", "age", "ethnicity.effect", "ethnicity.sigma"):
        sd = exact[name].std(dims)
        free = sd > 1e-6
        away = (abs(found[name].mean(dims) - exact[name].mean(dims)) / sd).where(free, 0.0)
        assert (away < 0.1).all(), (name, away)
        assert (abs(found[name].std(dims) / sd - 1.0).where(free, 0.0) < 0.1).all(), name
