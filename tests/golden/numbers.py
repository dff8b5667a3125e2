"""
Numbers of the package as it stood before it was rearranged, so that whoever moves code can see that nothing moved.

`numbers.json` holds them, by subject. Each subject is a function that computes its numbers anew from tables made here
(`tables.py`) or from the shared open data, with fixed seeds, through the public interface and the command line.

    python -m tests.golden.numbers check [SUBJECT ...]    differences, largest first (no subject: all; --quick: quick)
    python -m tests.golden.numbers write [SUBJECT ...]    stores the numbers; refuses what is stored, without --force
    python -m tests.golden.numbers list                   subjects, and which are slow

A number is the same if it differs by less than 1e-6 of its size, or by less than 1e-9 where it is near zero. What is
changed on purpose is written again with `write --force SUBJECT`, and the commit says why.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import math
import os
import re
import sys
import tempfile
import warnings
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

import bayesineq as bi

# What has no public name is imported here and nowhere else in this file.
from bayesineq.cli import main as command_line
from bayesineq.decisions import PublishedEffect, Quantity, Share
from bayesineq.design.mixture import mixture
from bayesineq.inference.inner import inner
from bayesineq.inference.prior import prior_draws
from bayesineq.measures.registry import MEASURES
from bayesineq.posterior.predictive import predictive
from bayesineq.records.ethnicity.confusion import confusion_of
from tests.golden import tables

STORED = Path(__file__).with_name("numbers.json")
SHARED = Path(__file__).resolve().parents[3] / "shared"
RELATIVE, NEAR_ZERO = 1e-6, 1e-3
DIMS = ("chain", "draw")
type Numbers = dict[str, float]


@dataclass(frozen=True)
class Subject:
    """What computes the numbers of one subject, whether it takes long, and whether it needs the shared data."""

    compute: Callable[[], Numbers]
    slow: bool
    shared: bool


SUBJECTS: dict[str, Subject] = {}


def subject(
    name: str, *, slow: bool = False, shared: bool = False
) -> Callable[[Callable[[], Numbers]], Callable[[], Numbers]]:
    """Register a function as a subject."""

    def register(compute: Callable[[], Numbers]) -> Callable[[], Numbers]:
        assert name not in SUBJECTS
        SUBJECTS[name] = Subject(compute, slow, shared)
        return compute

    return register


def put(into: Numbers, name: str, value: object) -> None:
    """Keep a number that is finite, under a name of its own; one that stops being finite is then missing."""
    number = float(value)  # type: ignore[arg-type]
    assert name not in into, name
    if math.isfinite(number):
        into[name] = number


def put_frame(into: Numbers, name: str, frame: pd.DataFrame, by: str | Sequence[str], columns: Iterable[str]) -> None:
    """Keep some columns of a table, its rows named by the levels of others; what is no number is left out."""
    keys = [by] if isinstance(by, str) else list(by)
    for row in frame.to_dict("records"):
        label = ",".join(str(row[key]) for key in keys)
        for column in columns:
            put(into, f"{name}.{label}.{column}", pd.to_numeric(row[column], errors="coerce"))


def put_draws(into: Numbers, name: str, values: xr.DataArray, most: int = 12) -> None:
    """Keep the mean and sd of draws: of each group where there are few, and of all groups in one number."""
    over = [d for d in (*DIMS, "sample") if d in values.dims]
    mean, sd = values.astype(float).mean(over), values.astype(float).std(over)
    if mean.size > 1:
        put(into, f"{name}.size_of_means", np.abs(mean).mean())
        put(into, f"{name}.mean_of_sds", sd.mean())
    flat_mean, flat_sd = mean.to_numpy().ravel(), sd.to_numpy().ravel()
    at = range(mean.size) if mean.size <= most else (0, mean.size - 1)
    shape, dims = mean.shape, mean.dims
    for i in at:
        where = np.unravel_index(i, shape) if dims else ()
        levels = [str(mean[d].to_numpy()[k]) if d in mean.coords else str(k) for d, k in zip(dims, where, strict=True)]
        label = f"{name}[{','.join(levels)}]" if dims else name
        put(into, f"{label}.mean", flat_mean[i])
        put(into, f"{label}.sd", flat_sd[i])


def put_posterior(into: Numbers, name: str, post: xr.DataTree) -> None:
    """Keep every hyperparameter, the ends of every effect, the evidence, and the checks of an engine."""
    for variable in post["posterior"].dataset.data_vars.values():
        put_draws(into, f"{name}.{variable.name}", variable, most=3)
    for attribute in ("log_marginal_likelihood", "hyperparameter_error", "nodes", "modes"):
        if attribute in post.attrs:
            put(into, f"{name}.{attribute}", post.attrs[attribute])
    if "checks" in post.children:
        for check in ("lpd", "pit"):
            put(into, f"{name}.{check}", post["checks"][check].sum())
    found = bi.diagnose(post).table
    for value, check in zip(found["value"], found["check"], strict=True):
        put(into, f"{name}.diagnose.{check}", value)


def graph() -> Any:
    return bi.space.from_edges(tables.edges(), areas=tables.CODES)


def card_of(text: str) -> Any:
    """Card from its TOML, by way of a file, as users give it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "card.toml"
        path.write_text(text, encoding="utf-8")
        return bi.read_card(path)


def run(*arguments: object) -> str:
    """Run a command of the command line in this process; what it prints."""
    before, said = sys.argv, io.StringIO()
    sys.argv = ["bayesineq", *map(str, arguments)]
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            command_line()
    except SystemExit as ended:
        if ended.code:
            raise RuntimeError(f"{arguments[0]} ended with {ended.code}:\n{said.getvalue()}") from ended
    finally:
        sys.argv = before
    return said.getvalue()


# --- every card on the sparse engine ---

CARDS = ("access", "area_health", "impactability", "intersectional", "outcomes", "prevalence")


def study(name: str) -> Any:
    card = bi.read_card(name)
    return bi.design(bi.check(tables.TABLES[card.table](), card.table), card, adjacency=graph())


def put_groups(into: Numbers, name: str, post: xr.DataTree, dims: Sequence[str]) -> None:
    """Keep expected values, inequality, ranks and replicates by each of some dimensions."""
    for by in dims:
        rate = bi.expected(post, by=by)
        put_draws(into, f"{name}.expected.{by}", rate)
        put_draws(into, f"{name}.standardised.{by}", bi.standardised(post, by))
        columns = ["mean", "lower", "upper", "crude_mean"]
        found = bi.inequality(post, by)
        put_frame(into, f"{name}.inequality", found, "parameter", [c for c in columns if c in found])
        replicates = predictive(post, by, draws=50, seed=7).rename(draw="sample")
        put_draws(into, f"{name}.predictive.{by}", replicates.drop_vars("chain"), most=4)
    areas = bi.expected(post, by="area")
    put_draws(into, f"{name}.expected.area", areas)
    put(into, f"{name}.ranks.area", (bi.ranks(areas, "area").mean(DIMS) ** 2).mean())
    put(into, f"{name}.exceedance.area", bi.exceedance(areas, float(areas.mean())).mean())
    put_draws(into, f"{name}.expected.all", bi.expected(post))
    put_draws(into, f"{name}.adjusted.all", bi.adjusted(post))


def of_card(name: str) -> Numbers:
    post = bi.fit(study(name), engine=bi.LaplaceOptions(threads=1), draws=300, seed=1, progress=False)
    found: Numbers = {}
    put_posterior(found, "laplace", post)
    dims = ["imd_decile", *(["ethnicity"] if "ethnicity" in post["posterior"].dims else [])]
    put_groups(found, "laplace", post, dims)
    return found


def priors_of_card(name: str) -> Numbers:
    found: Numbers = {}
    prior = prior_draws(study(name), draws=200, seed=3)
    for variable in prior["posterior"].dataset.data_vars.values():
        put_draws(found, f"prior.{variable.name}", variable, most=2)
    put_draws(found, "prior.expected.all", bi.expected(prior))
    return found


for _card in CARDS:
    subject(f"{_card}.laplace")(lambda name=_card: of_card(name))  # type: ignore[misc]
    subject(f"{_card}.prior")(lambda name=_card: priors_of_card(name))  # type: ignore[misc]


# --- every card on NUTS: densities and gradients, since paths of the sampler follow the last bit ---


def densities(model: Any) -> Numbers:
    """Log density and sizes of its gradient at three points, each variable's drawn from a seed of its name."""
    names = {value.name for value in model.value_vars}
    start = {name: np.asarray(value, dtype=float) for name, value in model.initial_point().items() if name in names}
    ordered = sorted(model.free_RVs, key=lambda variable: str(variable.name))
    # Compiled in haste: it is called three times.
    evaluate = model.compile_fn([model.logp(), model.dlogp(ordered)], mode="FAST_COMPILE", point_fn=True)
    found: Numbers = {}
    for number in range(3):
        point = {}
        for name, value in start.items():
            stream = np.random.default_rng([number, zlib.crc32(name.encode())])
            point[name] = value + 0.3 * number * stream.standard_normal(value.shape)
        density, gradient = evaluate(point)
        put(found, f"point{number}.log_density", density)
        put(found, f"point{number}.gradient.norm", np.linalg.norm(gradient))
        at = 0
        for variable in ordered:
            size = start[model.rvs_to_values[variable].name].size
            put(found, f"point{number}.gradient.{variable.name}.norm", np.linalg.norm(gradient[at : at + size]))
            at += size
    return found


def nuts_of_card(name: str) -> Numbers:
    from bayesineq.inference.nuts.model import build

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return densities(build(inner(study(name)).design))


for _card in CARDS:
    subject(f"{_card}.nuts", slow=_card in ("access", "intersectional", "outcomes"))(
        lambda name=_card: nuts_of_card(name)
    )  # type: ignore[misc]


# --- latent ethnicity ---

DELTA = {"asian": 0.5, "black": 0.7, "mixed": 0.4, "other": 0.9}
TRUE = ["asian", "black", "mixed", "other", "white"]


def recorded_world() -> tuple[pd.DataFrame, pd.DataFrame, Any, Any]:
    table, census = tables.recorded_counts()
    codes = tables.CODES[:12]
    return table, census, confusion_of(TRUE), bi.space.from_edges(list(pairwise(codes)))


def recording_of(table: pd.DataFrame, census: pd.DataFrame, confusion: Any, multiple: float = 1.0) -> Any:
    delta = {group: multiple * size for group, size in DELTA.items()}
    return bi.inference.recording(
        table, census, confusion, cells=["area", "age_band"], options=bi.inference.RecordingOptions(delta)
    )


@subject("latent_ethnicity.fit_recorded")
def fit_recorded() -> Numbers:
    table, census, confusion, borders = recorded_world()
    card, found = bi.read_card("latent_ethnicity"), {}
    stated = bi.inference.RecordingOptions(DELTA)
    given = {"options": stated, "adjacency": borders, "imputations": 4, "draws": 200, "seed": 1}
    given |= {"engine": bi.LaplaceOptions(threads=1)}
    post = bi.fit_recorded(bi.check(table, "recorded_counts"), card, census, confusion, **given)
    put_posterior(found, "recorded", post)
    for by in ("ethnicity", "imd_decile"):
        put_draws(found, f"recorded.expected.{by}", rate := bi.expected(post, by=by))
        if by == "ethnicity":
            shares = bi.posterior.due_to_imputation(rate, post)
            for group in TRUE:
                put(found, f"recorded.due_to_imputation.{group}", shares.sel(ethnicity=group))
    put_frame(found, "recorded.inequality", bi.inequality(post, "imd_decile"), "parameter", ["mean", "lower", "upper"])
    return found


@subject("latent_ethnicity.mixture", slow=True)
def mixture_of_groups() -> Numbers:
    table, census, confusion, borders = recorded_world()
    model, found = recording_of(table, census, confusion), {}
    member = bi.inference.weights(model, draws=3, seed=1)
    put(found, "weights.sum_of_squares", (np.asarray(member.weight) ** 2).sum())
    shift = bi.inference.outcome_shift(model, member, table["cases"].to_numpy())
    put(found, "outcome_shift.size", np.abs(shift).mean())
    for name, moved in (("plain", None), ("shifted", shift)):
        made = mixture(table, bi.read_card("latent_ethnicity"), member, adjacency=borders, shift=moved)
        post = bi.fit(made, draws=150, seed=1, engine=bi.LaplaceOptions(threads=1), progress=False)
        put_posterior(found, f"mixture.{name}", post)
        put_draws(found, f"mixture.{name}.expected.ethnicity", bi.expected(post, by="ethnicity"))
    return found


@subject("latent_ethnicity.tipping_point", slow=True)
def tipping_point() -> Numbers:
    table, census, confusion, borders = recorded_world()
    card, found = bi.read_card("latent_ethnicity"), {}

    def fitted(model: Any) -> xr.DataTree:
        made = mixture(table, card, bi.inference.weights(model, draws=2, seed=1), adjacency=borders)
        return bi.fit(made, draws=100, seed=1, engine=bi.LaplaceOptions(threads=1), progress=False)

    def ratio(post: xr.DataTree) -> xr.DataArray:
        rate = bi.expected(post, by="ethnicity")
        return rate.sel(ethnicity="other", drop=True) / rate.sel(ethnicity="white", drop=True)

    model = recording_of(table, census, confusion)
    tipped = bi.inference.tipping_point(model, fitted, ratio, [-1.0, 1.0], threshold=1.0)
    put_frame(found, "tipping_point", tipped, "multiple", ["estimate", "lower", "upper", "above"])
    return found


@subject("latent_ethnicity.nuts", slow=True)
def latent_nuts() -> Numbers:

    from bayesineq.inference.nuts.mixture import joint_model

    table, census, confusion, borders = recorded_world()
    model = recording_of(table, census, confusion)
    card = bi.read_card("latent_ethnicity")
    made = mixture(table, card, bi.inference.weights(model, draws=2, seed=1), adjacency=borders)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return densities(joint_model(inner(made).design, model))


# --- every likelihood with every kind of term ---

LIKELIHOODS = {
    "poisson": 'count = "counted"\nexpected = "expected"',
    "negative_binomial": 'count = "counted_unevenly"\nexposure = "expected"',
    "binomial": 'count = "tried"\nat_risk = "trials"',
    "beta_binomial": 'count = "tried_unevenly"\nat_risk = "trials"',
    "bernoulli": 'value = "binary"',
    "gaussian": 'value = "level"',
    "log_normal": 'value = "positive"',
    "gamma": 'value = "positive"',
}
KINDS = {
    "fixed": 'effect = { kind = "fixed", by = "group", reference = "a" }',
    "linear": 'effect = { kind = "linear", by = "x", standardise = true }',
    "exchangeable": 'effect = { kind = "exchangeable", by = "group" }',
    "interaction": 'effect = { kind = "exchangeable", by = ["imd_decile", "group"] }',
    "random_walk": 'effect = { kind = "random_walk", by = "step" }',
    "ar1": 'effect = { kind = "ar1", by = "step" }',
    "varying": 'slope = { kind = "linear", by = "x" }\neffect = { kind = "exchangeable", by = "area", times = "x" }',
    "icar": 'effect = { kind = "icar", by = "area" }',
    "bym2": 'effect = { kind = "bym2", by = "area" }',
    "leroux": 'effect = { kind = "leroux", by = "area" }',
}


def of_likelihood(likelihood: str) -> Numbers:
    table, borders, found = tables.rows_of_all_kinds(), graph(), {}
    for kind, term in KINDS.items():
        outcome = f'[outcome]\nname = "y"\n{LIKELIHOODS[likelihood]}\nlikelihood = "{likelihood}"'
        head = 'name = "case"\nquestion = "?"\ntable = "case"'
        made = bi.design(table, card_of(f"{head}\n{outcome}\n[terms]\n{term}\n"), adjacency=borders)
        post = bi.fit(made, engine=bi.LaplaceOptions(threads=1), draws=100, seed=1, progress=False)
        for name, values in post["posterior"].dataset.data_vars.items():
            put_draws(found, f"{kind}.{name}", values, most=1)
        put(found, f"{kind}.log_marginal_likelihood", post.attrs["log_marginal_likelihood"])
        put_draws(found, f"{kind}.expected", bi.expected(post))
        replicates = predictive(post, draws=20, seed=7).rename(draw="sample").drop_vars("chain")
        put(found, f"{kind}.predictive.mean", replicates.mean())
        put(found, f"{kind}.lpd", post["checks"]["lpd"].sum())
    return found


for _likelihood in LIKELIHOODS:
    subject(f"likelihood.{_likelihood}", slow=_likelihood == "log_normal")(lambda name=_likelihood: of_likelihood(name))  # type: ignore[misc]


# --- measures ---

MEASURE_OPTIONS: dict[str, dict[str, Any]] = {
    "gap_to_target": {"group": 3, "target": 0.5},
    "gap_to_average": {"group": 3},
    "share_ratio": {"group": 3},
    "quantile_difference": {"fraction": 0.3},
    "quantile_ratio": {"fraction": 0.3},
    "wagstaff_index": {"lower": 0.0, "upper": 1.0},
    "erreygers_index": {"lower": 0.0, "upper": 1.0},
    "extended_concentration_index": {"aversion": 3.5},
    "symmetric_concentration_index": {"sensitivity": 3.5},
    "horizontal_inequity": {"need": np.linspace(0.6, 0.3, 10)},
    "mean_difference_from_best_unweighted": {"favourable": False},
    "mean_difference_from_best_weighted": {"favourable": False},
    "mean_difference_from_reference_unweighted": {"reference": 3},
    "mean_difference_from_reference_weighted": {"reference": 3},
    "generalised_entropy": {"alpha": -1.5},
    "atkinson": {"aversion": 2.5},
    "atkinson_ede": {"aversion": 2.5},
    "kolm": {"aversion": 2.5},
    "kolm_ede": {"aversion": 2.5},
    "s_gini": {"aversion": 3.5},
    "s_gini_ede": {"aversion": 3.5},
    "population_attributable_risk": {"favourable": False},
    "population_attributable_fraction": {"favourable": False},
    "excess_events": {"reference": "most_advantaged"},
    "attributable_fraction": {"reference": "most_advantaged"},
    "events_to_close_gap": {"reference": "best", "favourable": False, "fraction": 0.5},
}


@subject("measures")
def measures() -> Numbers:
    stream, found = np.random.default_rng(115), {}
    value = np.clip(np.linspace(0.6, 0.3, 10) + stream.normal(0.0, 0.03, (200, 10)), 0.05, 0.95)
    people = stream.uniform(500.0, 1_500.0, 10)
    for name in sorted(MEASURES):
        drawn = np.asarray(MEASURES[name].function(value, people, **MEASURE_OPTIONS.get(name, {})))
        put(found, f"{name}.mean", drawn.mean())
        put(found, f"{name}.sd", drawn.std())
    coords = {"imd_decile": np.arange(1, 11), "population": ("imd_decile", people)}
    values = xr.DataArray(value[None], dims=(*DIMS, "imd_decile"), coords=coords)
    for measure in (bi.sii, bi.rii, bi.difference, bi.ratio, bi.measures.gini, bi.measures.theil):
        put_draws(found, f"over_draws.{measure.__name__}", bi.over_draws(measure, values, "imd_decile"))
    ranked = bi.posterior.rank_intervals(values, "imd_decile")
    put_frame(found, "rank_intervals", ranked, "imd_decile", ["mean", "lower", "upper"])
    put_draws(found, "contrast", bi.contrast(values, "imd_decile", 1, "ratio"))
    parts = bi.intervals(values.rename("v"), (0.8,), above=0.5)
    put_frame(found, "intervals", parts, "parameter", parts.select_dtypes("number").columns)
    above = bi.posterior.excursion_set(values, 0.45, "imd_decile")
    put(found, "excursion_set", above.to_array().astype(float).sum())
    return found


# --- disclosure ---

DIMENSIONS = ("imd_decile", "ethnicity")


@subject("disclosure")
def disclosure() -> Numbers:
    cells, found = tables.small_cells(), {}
    for threshold, base in ((7, 5), (10, 10)):
        rule, name = bi.Rule(threshold, base), f"rule{threshold}.{base}"
        counted = cells.groupby(list(DIMENSIONS), as_index=False)[["cases", "population"]].sum()
        counted = counted.assign(cases=counted["cases"] // 4, population=counted["population"] // 4)
        margins = [(), ("ethnicity",)]
        protected = bi.disclosure.protect_tables(counted, DIMENSIONS, ["cases", "population"], margins, rule)
        put(found, f"{name}.audit.rows", len(protected.audit))
        for table, frame in protected.tables.items():
            for count in ("cases", "population"):
                shown = pd.to_numeric(frame[count], errors="coerce")
                put(found, f"{name}.{'+'.join(table) or 'all'}.{count}.sum", shown.sum())
                put(found, f"{name}.{'+'.join(table) or 'all'}.{count}.hidden", shown.isna().sum())
        rates = cells.assign(rate=cells["cases"] / cells["population"])
        shown_rates, audit = bi.disclosure.protect_rates(rates, ["rate"], "population", rule)
        put(found, f"{name}.rates.sum", pd.to_numeric(shown_rates["rate"], errors="coerce").sum())
        put(found, f"{name}.rates.hidden", pd.to_numeric(shown_rates["rate"], errors="coerce").isna().sum())
        put(found, f"{name}.rates.audit.rows", len(audit))
    return found


CLOSE = """
name = "close"
question = "How does prevalence differ?"
table = "area_counts"
[outcome]
name = "prevalence"
count = "cases"
at_risk = "population"
likelihood = "binomial"
[terms]
both = { kind = "fixed", by = ["imd_decile", "ethnicity"], reference = [1, "A"] }
place = { kind = "exchangeable", by = "area" }
[priors]
both = { dist = "Normal", mean = 0.0, sd = 3.0 }
"place.sigma" = { dist = "HalfNormal", sd = 3.0 }
"""


def squares(codes: Sequence[str], path: Path) -> Path:
    import geopandas as gpd
    from shapely.geometry import box

    at = [(1000 * (k % 6), 1000 * (k // 6)) for k in range(len(codes))]
    shapes = [box(x, y, x + 1000, y + 1000) for x, y in at]
    gpd.GeoDataFrame({"area": list(codes)}, geometry=shapes, crs="EPSG:27700").to_parquet(path)
    return path


@subject("disclosure.command_line")
def disclosed() -> Numbers:
    found: Numbers = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        cells = tables.small_cells().assign(age_band="40-49", sex="female")
        cells.to_csv(folder / "cells.csv", index=False)
        (folder / "close.toml").write_text(CLOSE, encoding="utf-8")
        given = ("--table", folder / "cells.csv", "--draws", 200, "--seed", 1, "--no-progress")
        run("fit", folder / "close.toml", *given, "--out", folder / "fit.nc")
        for by in DIMENSIONS:
            run("measure", folder / "fit.nc", "--by", by, "--csv", folder / f"{by}.csv")
            measured = pd.read_csv(folder / f"{by}.csv")
            put_frame(found, f"measure.{by}", measured, "parameter", ["mean", "lower", "upper", "crude_mean"])
            put(found, f"measure.{by}.audit.rows", len(pd.read_csv(folder / f"{by}.audit.csv")))
        run("summary", folder / "fit.nc", "--csv", folder / "summary.csv")
        summary = pd.read_csv(folder / "summary.csv")
        put(found, "summary.rows", len(summary))
        put_frame(found, "summary", summary.tail(5), "parameter", ["mean", "sd", "median", "lower", "upper"])
        run("release", folder / "fit.nc", "--out", folder / "released.nc")
        with xr.open_datatree(folder / "released.nc", engine="h5netcdf") as released:
            for node in released.subtree:
                for variable, values in node.dataset.data_vars.items():
                    if values.dtype.kind == "f":
                        put(found, f"release.{node.path}.{variable}.sum", np.nansum(values.to_numpy()))
                        put(found, f"release.{node.path}.{variable}.hidden", np.isnan(values.to_numpy()).sum())
        areas = squares(sorted(cells["area"].unique()), folder / "areas.parquet")
        run("report", folder / "fit.nc", "--areas", areas, "--out", folder / "page.html")
        put_page(found, folder / "page.html")
        put_reasons(found, "report.audit", folder / "page.audit.csv")
    return found


def put_page(into: Numbers, path: Path) -> None:
    """Keep what a report shows: numbers of tables, of rows, of figures, and of cells that it hides."""
    page = path.read_text(encoding="utf-8")
    for name, pattern in (("tables", "<table"), ("rows", "<tr"), ("figures", "<figure"), ("hidden", r">\s*\*\s*<")):
        put(into, f"report.{name}", len(re.findall(pattern, page)))


def put_reasons(into: Numbers, name: str, path: Path) -> None:
    audit = pd.read_csv(path, comment="#")
    put(into, f"{name}.rows", len(audit))
    if "reason" in audit:
        for reason, count in audit["reason"].value_counts().items():
            put(into, f"{name}.{reason}", count)


# --- plans, decisions and effects ---


def baseline() -> xr.DataArray:
    """Events per person-year of 24 areas in two ethnic groups, 200 draws."""
    stream = np.random.default_rng(116)
    decile = np.array([tables.DECILE[c] for c in tables.CODES[:24]])
    risk = 0.26 - 0.015 * decile[:, None] + np.array([0.0, 0.03]) + stream.normal(0, 0.01, (1, 200, 24, 2))
    people = stream.integers(100, 400, (24, 2)).astype(float)
    coords = {
        "area": tables.CODES[:24], "ethnicity": ["A", "H"], "imd_decile": ("area", decile),
        "population": (("area", "ethnicity"), people),
    }  # fmt: skip
    return xr.DataArray(np.clip(risk, 0.01, 0.9), dims=(*DIMS, "area", "ethnicity"), coords=coords)


@subject("plans.compare_plans")
def compare_plans() -> Numbers:
    found: Numbers = {}
    plans = bi.read_plans(Path(__file__).resolve().parents[2] / "models" / "plans" / "diabetes.toml")
    options = bi.decisions.PlanOptions(
        thresholds=[10_000, 20_000, 30_000],
        top=0.2,
        decide_by=["area"],
        opportunity_cost={1: 0.26, 2: 0.22, 3: 0.2, 4: 0.18, 5: 0.14},
    )
    compared = bi.compare_plans(plans, baseline(), budget=150_000, threshold=20_000, options=options, seed=1)
    for name, table in compared.tables.items():
        put(found, f"{name}.rows", len(table))
        for column in table.select_dtypes("number"):
            put(found, f"{name}.{column}.sum", table[column].sum())
    options = compared.tables["options"]
    put_frame(found, "options", options, "intervention", options.select_dtypes("number").columns)
    put(found, "evpi", compared.comparison.evpi)
    for part in ("spend", "treated", "objective"):
        put(found, f"allocation.{part}", getattr(compared.allocation, part))
    for name in ("benefit", "events", "spend", "net_cost", "treated"):
        values = getattr(compared.benefit, name)
        for plan in values["intervention"].to_numpy():
            put(found, f"benefit.{name}.{plan}.mean", values.sel(intervention=plan).mean())
    worth = compared.comparison.net_benefit
    parameters = compared.benefit.parameters
    put_frame(found, "evppi", bi.decisions.evppi(worth, parameters), "parameter", ["evppi"])
    first = next(iter(sorted(parameters)))
    studied = bi.decisions.evsi(worth, parameters[first], prior_size=50, sample_sizes=[50, 500])
    put(found, f"evsi.{first}", studied["evsi"].sum())
    return found


@subject("plans.decisions")
def decisions() -> Numbers:
    stream, found = np.random.default_rng(117), {}
    codes, arms = tables.CODES[:20], ["first", "second"]
    benefit = bi.decisions.from_effects(
        mean=stream.gamma(2.0, 0.5, (20, 2)), standard_error=np.full((20, 2), 0.1), scale="QALY",
        interventions=arms, units=codes, unit="area", correlation=0.4, n_draw=300, seed=1,
    )  # fmt: skip
    put_draws(found, "from_effects", benefit)
    quintile = np.array([(tables.DECILE[c] + 1) // 2 for c in codes])
    people = ("area", stream.integers(50, 150, 20).astype(float))
    benefit = benefit.assign_coords(imd_quintile=("area", quintile), population=people)
    spend = {"first": 1_000.0, "second": 1_500.0}
    for method in ("exact", "greedy"):
        shared = bi.allocate(benefit, spend, budget=900_000, threshold=20_000, method=method)
        put(found, f"allocate.{method}.objective", shared.objective)
        put(found, f"allocate.{method}.spend", shared.spend)
        put(found, f"allocate.{method}.treated", shared.treated)
    floors = bi.decisions.Constraints(floors={"imd_quintile": {1: 0.3}})
    shared = bi.allocate(benefit, spend, budget=900_000, threshold=20_000, constraints=floors)
    put(found, "allocate.floors.objective", shared.objective)
    traded = bi.decisions.frontier(benefit, spend, budget=900_000, by="imd_quintile", level=1, threshold=20_000)
    for column in traded.select_dtypes("number"):
        put(found, f"frontier.{column}.sum", traded[column].sum())
    worth = bi.decisions.net_benefit(benefit, spend, threshold=20_000)
    put_draws(found, "net_benefit", worth)
    compared = bi.compare(benefit, spend, threshold=20_000, thresholds=[5_000, 20_000])
    put(found, "compare.evpi", compared.evpi)
    put_frame(found, "compare", compared.options, "intervention", compared.options.select_dtypes("number").columns)
    biased = bi.decisions.under_bias(benefit, spend, threshold=20_000, sds=[0.0, 0.5], seed=1)
    for column in biased.select_dtypes("number"):
        put(found, f"under_bias.{column}.sum", biased[column].sum())
    ranked = bi.decisions.rank_areas(benefit.sel(intervention="first", drop=True), top=0.25)
    for column in ranked.select_dtypes("number"):
        put(found, f"rank_areas.{column}.sum_of_squares", (ranked[column] ** 2).sum())
    cost = dict.fromkeys(range(1, 6), 0.2)
    health = bi.decisions.net_health_by(benefit, spend, by="imd_quintile", threshold=20_000, opportunity_cost=cost)
    lived = dict(zip(range(1, 6), [65.0, 67.8, 70.6, 73.3, 76.1], strict=True))
    each = dict.fromkeys(lived, 400.0)
    plane = bi.decisions.impact_plane(health, by="imd_quintile", health=lived, people=each, aversion=3.5)
    for column in plane.table.select_dtypes("number"):
        put(found, f"impact_plane.{column}.sum", plane.table[column].sum())
    weight = bi.decisions.equity_weights(list(lived.values()), [400.0] * 5, aversion=3.5)
    for k, number in zip(lived, weight, strict=True):
        put(found, f"equity_weights.{k}", number)
    put(found, "population_value", bi.decisions.population_value(12.5, people_a_year=1_000, years=5))
    return found


@subject("plans.transport")
def transport() -> Numbers:
    found: Numbers = {}
    risk = baseline().sel(ethnicity="A", drop=True)
    risk = risk.assign_coords(imd_quintile=("area", (risk["imd_decile"].to_numpy() + 1) // 2))
    modified = {"imd_quintile": {"1": Quantity(1.05, 0.95, 1.16)}}
    uptake = {"imd_quintile": {"1": 0.35, "2": 0.4, "3": 0.45, "4": 0.5, "5": 0.55}}
    treated = bi.decisions.coverage(
        risk, ["risk ratio"], reach={"risk ratio": Share(Quantity(0.8))},
        uptake={"risk ratio": Share(Quantity(0.45, 0.4, 0.5), uptake)}, seed=2,
    )  # fmt: skip
    put_draws(found, "coverage", treated)
    for measure, size in (
        ("risk ratio", Quantity(0.8, 0.7, 0.92)),
        ("rate ratio", Quantity(0.85, 0.7, 1.03)),
        ("odds ratio", Quantity(0.7, 0.5, 0.98)),
        ("risk difference", Quantity(-0.05, -0.07, -0.03)),
    ):
        effect = PublishedEffect(measure, size, modified if measure == "risk ratio" else {})
        share = treated if measure == "risk ratio" else None
        benefit = bi.decisions.transport(risk, {measure: effect}, treated=share, seed=3)
        put_draws(found, f"transport.{measure}", benefit)
    return found


@subject("uplift")
def uplift() -> Numbers:
    people, found = tables.trial_of_people(), {}
    options = bi.uplift.LearnerOptions(need="b", propensity={0: 0.5, 1: 0.5}, folds=2, draws=80, resamples=20)
    learnt = bi.learn_uplift(
        people,
        treated="arm",
        outcome="event",
        adverse=True,
        covariates=["a", "b", "c"],
        area="area",
        options=options,
        seed=1,
    )
    put_frame(found, "average", learnt.average.assign(row="all"), "row", learnt.average.select_dtypes("number").columns)
    put_draws(found, "benefit", learnt.benefit)
    put(found, "effect.mean", learnt.effect.mean())
    put(found, "effect.sd", learnt.effect.std())
    for k in range(3):
        put(found, f"effect.person{k}", learnt.effect[k, 0])
    rules = learnt.evidence.rules
    put_frame(found, "rules", rules, "rule", rules.select_dtypes("number").columns)
    linear = learnt.evidence.linear_predictor
    put_frame(found, "linear_predictor", linear, "term", linear.select_dtypes("number").columns)
    new = bi.uplift.predict(learnt, people[["a", "b", "c"]].head(50), area=people["area"].head(50))
    put(found, "predict.mean", np.mean(new))
    put(found, "predict.sd", np.std(new))
    known, well = people[["a", "b", "c"]], 1 - people["event"]
    scores = bi.uplift.doubly_robust_scores(
        known, well, people["arm"], options=bi.uplift.LearnerOptions(folds=2), seed=1
    )
    put(found, "scores.estimate", bi.uplift.average_effect(scores).iloc[0]["estimate"])
    return found


# --- studies: the README's commands ---


def put_study(into: Numbers, *within: object) -> None:
    data, areas = SHARED / "data", SHARED / "data/boundaries/lsoa21_england_simplified.parquet"
    census = {"general-health": "ts037", "ethnicity": "ts021", "age": "ts007a"}
    files = [w for name, t in census.items() for w in (f"--{name}", data / f"census2021/census2021-{t}-lsoa.csv.gz")]
    deprivation = data / "imd/File_1_IoD2025_Index_of_Multiple_Deprivation.xlsx"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run("area-health", *files, "--deprivation", deprivation, *within, "--out", folder / "table.csv")
        table = pd.read_csv(folder / "table.csv")
        for column in table.select_dtypes("number"):
            put(into, f"table.{column}.sum", table[column].sum())
        given = ["--table", folder / "table.csv", "--areas", areas, "--only-table-areas", "--seed", 1, "--no-progress"]
        run("fit", "area_health", *given, "--out", folder / "fit.nc")
        run("measure", folder / "fit.nc", "--by", "imd_decile", "--csv", folder / "inequality.csv")
        columns = ["mean", "sd", "lower", "upper", "crude_mean", "crude_lower", "crude_upper"]
        put_frame(into, "measure", pd.read_csv(folder / "inequality.csv"), "parameter", columns)
        run("summary", folder / "fit.nc", "--csv", folder / "summary.csv")
        summary = pd.read_csv(folder / "summary.csv")
        own = summary[~summary["parameter"].str.startswith("place[")]
        put_frame(into, "summary", own, "parameter", ["mean", "sd", "median", "lower", "upper"])
        put(into, "summary.place.size_of_means", (place := summary.drop(own.index))["mean"].abs().mean())
        put(into, "summary.place.mean_of_sds", place["sd"].mean())
        post = bi.load(folder / "fit.nc")
        put(into, "log_marginal_likelihood", post.attrs["log_marginal_likelihood"])
        if not within:
            return
        run("report", folder / "fit.nc", "--areas", areas, "--only-fitted-areas", "--out", folder / "page.html")
        put_page(into, folder / "page.html")
        put_reasons(into, "report.audit", folder / "page.audit.csv")


@subject("study.suffolk", slow=True, shared=True)
def suffolk() -> Numbers:
    found: Numbers = {}
    put_study(found, "--lookup", SHARED / "data/lookups/lsoa21_sicbl24_icb24.parquet", "--within", "QJG")
    return found


@subject("study.england", slow=True, shared=True)
def england() -> Numbers:
    found: Numbers = {}
    put_study(found)
    return found


# --- the demonstration ---


@subject("demonstration.small")
def small_demonstration() -> Numbers:
    """The simulated system of the demonstration, small, and its two cards."""
    system, found = bi.simulate_system(n_areas=40, n_people=30_000, seed=1), {}
    for name, table in (("area_counts", system.area_counts), ("outcome_counts", system.outcome_counts)):
        for column in table.select_dtypes("number"):
            put(found, f"{name}.{column}.sum", table[column].sum())
    made = bi.design(system.outcome_counts, bi.read_card("outcomes"), adjacency=system.adjacency)
    post = bi.fit(made, engine=bi.LaplaceOptions(threads=1), draws=200, seed=1, progress=False)
    # Draws of this fit follow the last bits of linear algebra, so that they differ between processors.
    put(found, "outcomes.log_marginal_likelihood", post.attrs["log_marginal_likelihood"])
    return found


@subject("demonstration", slow=True)
def demonstration() -> Numbers:
    found: Numbers = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run("demo", "--out", folder)
        columns = ["mean", "sd", "lower", "upper", "crude_mean"]
        for by in ("imd_decile", "ethnicity"):
            measured = pd.read_csv(folder / f"prevalence_by_{by}.csv")
            put_frame(found, f"prevalence_by_{by}", measured, "parameter", columns)
        for path in sorted((folder / "compared").glob("*.csv")):
            table = pd.read_csv(path, comment="#")
            put(found, f"compared.{path.stem}.rows", len(table))
            for column in table.columns:
                shown = pd.to_numeric(table[column], errors="coerce")
                if shown.notna().any():
                    put(found, f"compared.{path.stem}.{column}.sum", shown.sum())
                    put(found, f"compared.{path.stem}.{column}.shown", shown.notna().sum())
        put_page(found, folder / "report.html")
        put_reasons(found, "report.audit", folder / "report.audit.csv")
        for card in ("prevalence", "outcomes"):
            post = bi.load(folder / f"{card}.nc")
            put(found, f"{card}.log_marginal_likelihood", post.attrs["log_marginal_likelihood"])
    return found


# --- the runner ---


def stored() -> dict[str, Numbers]:
    return json.loads(STORED.read_text(encoding="utf-8")) if STORED.is_file() else {}


def difference(before: float | None, now: float | None) -> float:
    """How far two numbers are apart, as a share of their size; infinite where one of them is missing."""
    if before is None or now is None:
        return math.inf
    return abs(before - now) / max(abs(before), abs(now), NEAR_ZERO)


def differences(before: Mapping[str, float], now: Mapping[str, float]) -> pd.DataFrame:
    """All numbers of a subject, the most moved first."""
    rows = [(n, before.get(n), now.get(n), difference(before.get(n), now.get(n))) for n in {**before, **now}]
    table = pd.DataFrame(rows, columns=["number", "before", "now", "difference"])
    return table.sort_values("difference", ascending=False, ignore_index=True)


def computed(names: Iterable[str]) -> Iterator[tuple[str, Numbers]]:
    for name in names:
        started = perf_counter()
        numbers = SUBJECTS[name].compute()
        print(f"{name}: {len(numbers)} numbers, {perf_counter() - started:.1f} s", file=sys.stderr, flush=True)
        yield name, numbers


def check(names: Iterable[str]) -> int:
    """Print what moved, largest first; the number of numbers that did."""
    known, seen = stored(), []
    for name, numbers in computed(names):
        table = differences(known.get(name, {}), numbers)
        seen.append(table.assign(number=f"{name}: " + table["number"]))
    whole = pd.concat(seen).sort_values("difference", ascending=False, ignore_index=True)
    moved = whole[whole["difference"] > RELATIVE]
    with pd.option_context("display.max_colwidth", 100, "display.precision", 9):
        print((moved if len(moved) else whole.head(5)).head(200).to_string(index=False))
    print(f"{len(moved)} of {len(whole)} numbers moved by more than {RELATIVE:g} of their size", flush=True)
    return len(moved)


def write(names: Iterable[str], *, force: bool) -> None:
    known = stored()
    held = [name for name in names if name in known]
    if held and not force:
        raise SystemExit(f"stored already: {', '.join(held)}; --force replaces the numbers of before")
    for name, numbers in computed(names):
        known[name] = {key: float(f"{numbers[key]:.12g}") for key in sorted(numbers)}
        ordered = {key: known[key] for key in sorted(known)}
        STORED.write_text(json.dumps(ordered, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.golden.numbers")
    parser.add_argument("action", choices=["check", "write", "list"])
    parser.add_argument("subject", nargs="*", help="names, or beginnings of names, of subjects")
    parser.add_argument("--quick", action="store_true", help="leave slow subjects out")
    parser.add_argument("--force", action="store_true", help="replace stored numbers")
    given = parser.parse_args()
    chosen = [n for n in SUBJECTS if not given.subject or any(n.startswith(start) for start in given.subject)]
    if not chosen:
        parser.error(f"no subject is called so; there are {', '.join(SUBJECTS)}")
    chosen = [n for n in chosen if not (given.quick and SUBJECTS[n].slow)]
    if given.action == "list":
        print("\n".join(f"{n}{' (slow)' if SUBJECTS[n].slow else ''}" for n in chosen))
    elif given.action == "write":
        write(chosen, force=given.force)
    else:
        sys.exit(min(check(chosen), 1))


from tests.golden import further  # noqa: E402, F401 - registers its subjects, which use the functions above

if __name__ == "__main__":
    for _threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ.setdefault(_threads, "1")
    # The functions are those of the module by its name, which tests import too.
    from tests.golden.numbers import main as start

    start()
