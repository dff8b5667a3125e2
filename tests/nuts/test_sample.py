"""Sampling: what is drawn apart afterwards, what is refused, and (slow) seeds and the fallback."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from importlib.machinery import ModuleSpec

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from bayesineq.design.matrix import Design
from bayesineq.errors import BayesineqError, DesignError
from bayesineq.inference.fit import fit
from bayesineq.inference.nuts import sample as nuts
from bayesineq.inference.nuts.data import MAX_COUNTS, crude, model_data

BINOMIAL = 'count = "count"\nat_risk = "trials"\nlikelihood = "binomial"'


def without(*names: str) -> Callable[..., ModuleSpec | None]:
    def find(name: str, package: str | None = None) -> ModuleSpec | None:
        return None if name in names else importlib.util.find_spec(name, package)

    return find


def test_means_and_intercept_are_drawn_apart_given_their_sum(study: Callable[..., Design]) -> None:
    """
    If the sum is drawn from its prior, its parts must have theirs, independent of each other: moments of 40,000
    draws within five standard errors.
    """
    design = study(
        BINOMIAL,
        "a = { kind = 'exchangeable', by = 'group' }\nb = { kind = 'exchangeable', by = 'step' }",
        "intercept = { dist = 'Normal', mean = -1, sd = 0.6 }",
    )
    stream = np.random.default_rng(8)
    shape, va, vb = (4, 10_000), 0.5, 0.2
    level = stream.normal(-1, np.sqrt(0.36 + va + vb), shape)
    trace = xr.Dataset(
        {
            "level": (("chain", "draw"), level),
            "a": (("chain", "draw", "i"), np.zeros((*shape, 3))),
            "b": (("chain", "draw", "j"), np.zeros((*shape, 6))),
            "a.mean_variance": (("chain", "draw"), np.full(shape, va)),
            "b.mean_variance": (("chain", "draw"), np.full(shape, vb)),
        }
    )
    values = nuts.contributions(design, trace, stream)
    parts = np.stack([values["intercept"], values["a"][..., 0], values["b"][..., 0]]).reshape(3, -1)
    np.testing.assert_allclose(parts.sum(axis=0), level.ravel(), atol=1e-12)
    assert np.abs(parts.mean(axis=1) - [-1, 0, 0]).max() < 5 * 0.8 / 200
    np.testing.assert_allclose(np.cov(parts), np.diag([0.36, va, vb]), atol=5 * 0.7 / 200)
    assert set(values) == {"intercept", "a", "b"}


def test_missing_pymc_names_the_extra(study: Callable[..., Design], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nuts, "find_spec", without("pymc"))
    with pytest.raises(BayesineqError, match=r'pip install "bayesineq\[nuts\]"'):
        fit(study(BINOMIAL), engine="nuts", progress=False)


def test_missing_nutpie_is_told(study: Callable[..., Design], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nuts, "find_spec", without("nutpie"))
    with pytest.warns(nuts.SamplerWarning, match=r"PyMC's own sampler .*bayesineq\[nuts\]"):
        compiled = nuts.compile_once(study(BINOMIAL))
    assert compiled.program is None


def test_a_compiled_model_takes_no_other_card(study: Callable[..., Design]) -> None:
    one, other = study(BINOMIAL), study(BINOMIAL, "x = { kind = 'linear', by = 'x' }")
    with pytest.raises(DesignError, match="compiled for another card"):
        nuts.sample_compiled(nuts.Compiled(one, None, None), other, draws=1, tune=1, chains=1, seed=1, progress=False)


def test_intervals_too_wide_are_refused(study: Callable[..., Design], table: pd.DataFrame) -> None:
    wide = table.assign(lower=0, upper=0, trials=MAX_COUNTS)
    wide.loc[3, "upper"] = MAX_COUNTS
    design = study('lower = "lower"\nupper = "upper"\nat_risk = "trials"\nlikelihood = "binomial"', table=wide)
    with pytest.raises(DesignError, match=r"row 3.*closer bounds"):
        model_data(design)


def test_known_counts_and_intervals_are_told_apart(study: Callable[..., Design], table: pd.DataFrame) -> None:
    """Rows 2 and 5 are "1 to 7" and "rounded to 5"; each interval lists its counts, no more."""
    lower = table["count"].to_numpy().copy()
    upper = lower.copy()
    lower[[2, 5]], upper[[2, 5]] = [1, 3], [7, 7]
    design = study(
        'lower = "lower"\nupper = "upper"\nexpected = "expected"\nlikelihood = "poisson"',
        table=table.assign(lower=lower, upper=upper),
    )
    data = model_data(design)
    np.testing.assert_array_equal(data["censored"], [2, 5])
    assert len(data["known"]) == len(table) - 2
    counts = [set(v[np.isfinite(c)]) for v, c in zip(data["interval.value"], data["interval.constant"], strict=True)]
    assert counts == [set(range(1, 8)), set(range(3, 8))]


def test_chains_start_at_the_pooled_outcome(study: Callable[..., Design], table: pd.DataFrame) -> None:
    """Half an event each way aside, the crude rate on the scale of the link."""
    events, trials = table["count"].sum() + 0.5, table["trials"].sum() + 1
    np.testing.assert_allclose(crude(study(BINOMIAL)).level, np.log(events / (trials - events)))
    poisson = study('count = "count"\nexpected = "expected"\nlikelihood = "poisson"')
    np.testing.assert_allclose(crude(poisson).level, np.log(events / (table["expected"].sum() + 1)))
    np.testing.assert_allclose(crude(study('value = "value"\nlikelihood = "gaussian"')).level, table["value"].mean())
    none = study(BINOMIAL, table=table.assign(count=0, trials=0))
    assert np.isfinite(crude(none).level)


@pytest.mark.slow
def test_seed_reproduces_and_new_counts_need_no_new_model(study: Callable[..., Design], table: pd.DataFrame) -> None:
    terms = "g = { kind = 'exchangeable', by = 'group' }\nx = { kind = 'linear', by = 'x' }"
    design = study(BINOMIAL, terms)
    compiled = nuts.compile_once(design)
    options = {"draws": 200, "tune": 300, "chains": 2, "progress": False}
    first = nuts.sample_compiled(compiled, design, seed=4, **options)["posterior"].dataset
    assert first.equals(nuts.sample_compiled(compiled, design, seed=4, **options)["posterior"].dataset)
    assert not first.equals(nuts.sample_compiled(compiled, design, seed=5, **options)["posterior"].dataset)
    assert first["g"].dims == ("chain", "draw", "group")
    swapped = study(BINOMIAL, terms, table=table.assign(count=table["trials"] - table["count"]))
    mirrored = nuts.sample_compiled(compiled, swapped, seed=4, **options)["posterior"].dataset
    # Counting the others instead turns the sign of the slope.
    difference = float(mirrored["x"].mean() + first["x"].mean())
    assert abs(difference) < 5 * float(first["x"].std()) / np.sqrt(100)


@pytest.mark.slow
def test_fallback_gives_the_same_posterior(study: Callable[..., Design], monkeypatch: pytest.MonkeyPatch) -> None:
    design = study(BINOMIAL, "x = { kind = 'linear', by = 'x' }")
    options = {"draws": 500, "tune": 500, "chains": 2, "seed": 1, "progress": False}
    ours = nuts.sample(design, **options)
    monkeypatch.setattr(nuts, "find_spec", without("nutpie"))
    with pytest.warns(nuts.SamplerWarning):
        theirs = nuts.sample(design, **options)
    assert (ours.attrs["sampler"], theirs.attrs["sampler"]) == ("nutpie", "pymc")
    for name in ("intercept", "x"):
        a, b = (t["posterior"].dataset[name] for t in (ours, theirs))
        # Two runs of about 400 effective draws each.
        assert abs(float(a.mean() - b.mean())) < 5 * float(a.std()) * np.sqrt(2 / 400)
    assert set(ours["sample_stats"].dataset) >= {"diverging", "n_steps"} <= set(theirs["sample_stats"].dataset)
