"""The one shape of a posterior, whichever engine made it."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid4, uuid5

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from bayesineq.clock import is_stated, moment
from bayesineq.design.events import FEW_EVENTS, few_events
from bayesineq.design.matrix import Design
from bayesineq.design.order import order_attributes
from bayesineq.design.priors import write_priors
from bayesineq.dims import GIVEN, OTHER, OUTCOME, OUTCOME_OF_ROW, ROW, SAMPLE_DIMS
from bayesineq.inference.outcomes import side_by_side

NOTES: Final = "notes"
"""Attribute of a posterior: what is predicted and rests on no row, a line each; absent where there is nothing."""

PREDICTED: Final = "predicted"
"""Variable of the rows of a posterior: 1 where a row has no outcome; absent where all have one."""

WORKING: Final = (
    "working file, not for release: its rows hold how many people each cell has, and its draws tell small counts; "
    "`bayesineq release` writes a file that may be passed on"
)
"""What every posterior says of itself."""


def posterior_tree(
    design: Design,
    values: Mapping[str, NDArray[Any]],
    *,
    engine: str,
    seed: int | None,
    sample_stats: Mapping[str, NDArray[Any]] | None = None,
    checks: Mapping[str, NDArray[Any]] | None = None,
    misfit: Mapping[str, xr.Dataset] | None = None,
    attributes: Mapping[str, str | int | float] | None = None,
) -> xr.DataTree:
    """
    Lay draws out with names, codes and provenance.

    Shapes: values (chain, draw, *levels); sample_stats (chain, draw); checks (row,).

    `values`: `intercept`, each term's effect by name, and hyperparameters such as `place.sigma`. Returns: groups
    `posterior`, `constant_data` and, where given, `sample_stats`, `checks` and `misfit`; with expected counts or
    exposure also `few_events`. Observed counts are not kept. It is a working file all the same, and says so.
    """
    design, card = design.by_member(), design.card
    if design.is_joint:
        laid = side_by_side(design, values)
        dims = {card.variable(name): of for name, (of, _) in laid.items()}
        values = {name: value for name, (_, value) in laid.items()}
    else:
        dims = {card.variable(block.term.name): block.dims for block in design.blocks}
    coords = {d: level for block in design.blocks for d, level in zip(block.dims, block.levels, strict=True)}
    # The intercept and hyperparameters first, thousands of area effects last: the order in which a summary is read.
    by_size = sorted(values, key=lambda name: (values[name].size, name != "intercept"))
    named = {card.variable(name): values[name] for name in by_size}
    variables = {name: ((*SAMPLE_DIMS, *dims.get(name, ())), value) for name, value in named.items()}
    counted = dict(zip(SAMPLE_DIMS, map(np.arange, next(iter(values.values())).shape), strict=False))
    posterior = xr.Dataset(variables, coords={d: _storable(c) for d, c in coords.items()} | counted)
    for dim, level in coords.items():
        posterior[dim].attrs |= order_attributes(dim, level, ordered=dim in design.ordered)
    if design.is_joint:
        names = np.array([outcome.name for outcome in card.outcomes], dtype=object)
        posterior = posterior.assign_coords({dim: names for dim in (OUTCOME, OTHER) if dim in posterior.dims})
    for block in design.blocks:
        base = block.base if design.is_joint else block.term.name
        posterior[card.variable(base)].attrs |= {"centre": block.centre, "spread": block.spread}
    groups: dict[str, xr.Dataset] = {"/posterior": posterior, "/constant_data": _constant(design)}
    if sample_stats:
        groups["/sample_stats"] = xr.Dataset({k: (SAMPLE_DIMS, v) for k, v in sample_stats.items()}, coords=counted)
    groups |= _few_events(design)
    if checks:
        groups["/checks"] = xr.Dataset({k: ((ROW,), v) for k, v in checks.items()})
    groups |= misfit or {}
    tree = xr.DataTree.from_dict(groups)
    tree.attrs |= {
        "card": card.source,
        "card_name": card.name,
        "priors": write_priors(design.priors),
        "engine": engine,
        "seed": "none" if seed is None else seed,
        "data_sha256": design.sha256,
        "created": moment(),
        "bayesineq_version": version("bayesineq"),
        # Names the fit in what is published: a digest of the data would confirm a guess at a suppressed count.
        "fit_id": _name_of_fit(card.source),
        "release": WORKING,
        # Components borrow no strength from each other, and islands none at all: every fit says how many there are.
        **({} if design.adjacency is None else {"graph": design.adjacency.words}),
        **({NOTES: "\n".join(design.notes)} if design.notes else {}),
        **_same_every_time(attributes or {}),
    }
    return tree


def _same_every_time(attributes: Mapping[str, str | int | float]) -> dict[str, str | int | float]:
    """Attributes of a fit; how long it took is none where runs are to give the same bytes."""
    return {name: value for name, value in attributes.items() if not (is_stated() and name.startswith("seconds_"))}


def _name_of_fit(card: str) -> str:
    """A name for a fit, which tells nothing of its data or seed, even to who guesses them."""
    return uuid5(NAMESPACE_URL, f"{moment()} {card}").hex if is_stated() else uuid4().hex


def _few_events(design: Design) -> dict[str, xr.Dataset]:
    """Which groups have few events; of several outcomes a group of the tree each, by its name."""
    if not design.is_joint:
        few = few_events(design)
        return {} if few is None else {f"/{FEW_EVENTS}": few}
    each = {outcome.name: few_events(design.only(k)) for k, outcome in enumerate(design.card.outcomes)}
    return {f"/{FEW_EVENTS}/{name}": few for name, few in each.items() if few is not None}


def with_predicted(tree: xr.DataTree, design: Design) -> xr.DataTree:
    """
    Put the rows without an outcome beside those that a posterior was fitted to.

    Returns: `constant_data` and `checks` with a row for each row of the table: checks are missing where there is no
    outcome. Variable `predicted` of `constant_data` is 1 there, and attribute `rows_predicted` counts them.
    """
    seen = np.concatenate([response.observed for response in design.responses])
    constant = _constant(design)
    constant[PREDICTED] = (ROW, (~seen).astype(np.int8))
    tree["constant_data"] = constant
    if "checks" in tree.children:
        found = {}
        for name, check in tree["checks"].to_dataset().data_vars.items():
            whole = np.full(len(design), np.nan)
            whole[seen] = check.to_numpy()
            found[name] = (ROW, whole)
        tree["checks"] = xr.Dataset(found, attrs=tree["checks"].attrs)
    tree.attrs["rows_predicted"] = int((~seen).sum())
    return tree


def _storable(level: NDArray[np.generic]) -> NDArray[np.generic]:
    return level.astype(object) if level.dtype.kind == "U" else level


def _constant(design: Design) -> xr.Dataset:
    """Rows of the table without what was observed: level codes, covariates, weights, offsets, standard errors."""
    population = design.population
    columns: dict[str, tuple[str, NDArray[Any]]] = {}
    for name in population.columns:
        column = population[name]
        coded = isinstance(column.dtype, pd.CategoricalDtype)
        columns[name] = (ROW, column.cat.codes.to_numpy(np.int32) if coded else column.to_numpy())
    columns["offset"] = (ROW, np.concatenate([response.offset for response in design.responses]))
    errors = [response.standard_error for response in design.responses]
    if any(error is not None for error in errors):
        each = [
            np.full(len(r.value), np.nan) if error is None else error
            for r, error in zip(design.responses, errors, strict=True)
        ]
        columns[GIVEN] = (ROW, np.concatenate(each))
    if design.is_joint:
        columns[OUTCOME_OF_ROW] = (ROW, design.outcome_of_row.astype(np.int32))
    return xr.Dataset(columns)
