"""
Intersectional strata, draw by draw: how much lies between them, how much of that adds up from single dimensions.

Multilevel analysis of individual heterogeneity and discriminatory accuracy (MAIHDA), lifted from
`bayesineq.measures.heterogeneity` and `bayesineq.measures.intersectional`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal, cast

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from bayesineq.design.card import ModelCard, Term
from bayesineq.dims import CHAIN, DRAW, POPULATION, SAMPLE_DIMS
from bayesineq.errors import PosteriorError
from bayesineq.measures.arrays import shares, weighted_mean
from bayesineq.measures.heterogeneity import (
    individual_variance,
    median_odds_ratio,
    proportional_change_in_variance,
    variance_partition,
)
from bayesineq.measures.intersectional import (
    additive_and_interaction,
    additive_share,
    discriminatory_accuracy,
    interaction_on_response,
)
from bayesineq.posterior.expected import expected, scale_of
from bayesineq.posterior.population import card_of, provenance, resolve
from bayesineq.posterior.rows import flat_draws

STRATUM: Final = "stratum"

type Floats = NDArray[np.float64]
type Latent = Literal["gaussian", "binomial", "poisson", "negative_binomial"]

_LATENT: Final = {
    "gaussian": "gaussian",
    "binomial": "binomial",
    "bernoulli": "binomial",
    "poisson": "poisson",
    "negative_binomial": "negative_binomial",
}


def intersectional(
    post: xr.DataTree,
    strata: Sequence[str] | None = None,
    *,
    population: pd.DataFrame | None = None,
    threads: int | None = None,
) -> xr.Dataset:
    """
    Variance between intersectional strata, and their additive and interaction effects, for every draw.

    Parameters
    ----------
    post : DataTree
        A posterior whose card crosses dimensions, such as deprivation, ethnicity, sex and age.
    strata : sequence of str, optional
        The dimensions that make the strata; by default those of the card's term with the most dimensions.
    population : DataFrame, optional
        Who is in the strata; by default those that were fitted. Strata without anybody are left out.
    threads : int, optional
        How many; by default as many as there are cores, at most 4.

    Returns
    -------
    Dataset
        Of dims (chain, draw): `vpc`, share of the latent variance that lies between strata; `vpc_interaction`, the
        same of interactions alone; `additive_share`, share of the variance between strata that main effects add up to;
        `median_odds_ratio` (of rates, with a log link), where there is a link; `discriminatory_accuracy`, area under
        the curve, where the outcome is a proportion. Of dims (chain, draw, stratum): `additive` and `interaction` on
        the linear predictor, `interaction_response` in the unit of the outcome. Coordinate `stratum` holds labels such
        as "1/A/F"; each dimension is a coordinate along it, and so is `population`.

    Raises
    ------
    PosteriorError
        If the card crosses no dimensions, a dimension is not the card's, or the likelihood has no latent variance.

    Notes
    -----
    A stratum's effect is the sum of all terms that stand on its dimensions. Variances are those of these effects over
    people, not the prior variance of one term, so they hold whichever way the card divides main effects and
    interactions, and PCV cannot leave 0 to 1. Terms on other dimensions, such as place, count as variance of their own
    in the whole. Counts use one mean for everyone, that of one unit of exposure.

    References
    ----------
    Evans CR, Leckie G, Subramanian SV, Bell A, Merlo J. A tutorial for conducting intersectional multilevel analysis
    of individual heterogeneity and discriminatory accuracy (MAIHDA). SSM Popul Health 2024;26:101664.
    """
    card = card_of(post)
    dims = _strata_dims(card, strata)
    if card.outcome.likelihood not in _LATENT:
        raise PosteriorError(
            f"a {card.outcome.likelihood} outcome has no agreed variance between individuals on the linear predictor; "
            f"MAIHDA takes {sorted(_LATENT)}"
        )
    frame = resolve(post, population, dims)
    table = frame.groupby(dims, observed=True)[POPULATION].sum()
    table = table[table > 0]
    people = table.to_numpy(dtype=np.float64)
    levels = [table.index.get_level_values(dim) for dim in dims]
    draws = post["posterior"].to_dataset()
    effect = _effect(draws, card, table, dims)
    additive, interaction = np.moveaxis(
        additive_and_interaction(effect, [np.asarray(level) for level in levels], people), 1, 0
    )
    between, crossed = _variance(effect, people), _variance(interaction, people)
    inner = _individual(post, card, frame, draws, threads)
    place = _elsewhere(draws, card, frame, dims)
    level = flat_draws(draws, "intercept", ())[:, 0].astype(np.float64)
    whole: dict[str, Floats] = {
        "vpc": variance_partition(between, inner, place=place),
        "vpc_interaction": variance_partition(crossed, inner, place=place + np.maximum(between - crossed, 0.0)),
        "additive_share": additive_share(additive, interaction, people),
    }
    if card.outcome.link != "identity":
        whole["median_odds_ratio"] = median_odds_ratio(between)
    labels = np.asarray(["/".join(map(str, key)) for key in zip(*levels, strict=True)], dtype=object)
    if card.outcome.link == "logit":
        risk = _risk(post, frame, dims, labels, levels, threads)
        whole["discriminatory_accuracy"] = discriminatory_accuracy(risk, people)
    link = cast('Literal["identity", "log", "logit"]', card.outcome.link)
    each = {
        "additive": additive,
        "interaction": interaction,
        "interaction_response": interaction_on_response(level, additive, interaction, link=link),
    }
    shape = (draws.sizes[CHAIN], draws.sizes[DRAW])
    variables = {name: (SAMPLE_DIMS, np.asarray(value).reshape(shape)) for name, value in whole.items()}
    crossing = {name: ((*SAMPLE_DIMS, STRATUM), value.reshape(*shape, -1)) for name, value in each.items()}
    coords: dict[str, object] = {STRATUM: labels, POPULATION: (STRATUM, people)}
    coords |= {dim: (STRATUM, np.asarray(level)) for dim, level in zip(dims, levels, strict=True)}
    attrs = {"strata": ", ".join(dims), **scale_of(card.outcome), **provenance(post)}
    return xr.Dataset({**variables, **crossing}, coords=coords, attrs=attrs)


def change_in_variance(null: xr.DataTree, main: xr.DataTree, term: str) -> xr.DataArray:
    """
    Proportional change in the variance between strata (PCV) when main effects enter, from two fits.

    Parameters
    ----------
    null, main : DataTree
        Posteriors without and with main effects of the dimensions, of the same table.
    term : str
        Name of the term of the strata on both cards.

    Returns
    -------
    DataArray, dims (draw,)
        (null - main) / null of sigma^2, draw by draw: the fits are independent, so any pairing will do; below 0 where
        the second is larger. `intersectional` gives a share from one fit, which cannot be.

    Raises
    ------
    PosteriorError
        If a fit has no such term, or they are of different tables.
    """
    sigma = []
    for post in (null, main):
        name = f"{card_of(post).term(term).name}.sigma"
        draws = post["posterior"].to_dataset()
        if name not in draws:
            raise PosteriorError(f"term {term!r} of card {card_of(post).name!r} has no {name}; strata are exchangeable")
        sigma.append(flat_draws(draws, name, ())[:, 0].astype(np.float64))
    if (codes := [post["constant_data"].sizes for post in (null, main)])[0] != codes[1]:
        raise PosteriorError("the two fits have different rows; fit both cards to the same table")
    count = min(len(s) for s in sigma)
    change = proportional_change_in_variance(sigma[0][:count] ** 2, sigma[1][:count] ** 2)
    return xr.DataArray(change, dims=(DRAW,), name="change_in_variance", attrs={"term": term, **provenance(main)})


def _strata_dims(card: ModelCard, given: Sequence[str] | None) -> list[str]:
    crossed = max((term.dims for term in card.terms if not term.is_spatial), key=len, default=())
    dims = list(given) if given is not None else list(crossed)
    if len(dims) < 2 or (unknown := [dim for dim in dims if dim not in card.dims]):
        raise PosteriorError(
            f"strata cross at least two dimensions of card {card.name!r}, {list(card.dims)}; given are {dims}"
            + (f", of which it does not know {unknown}" if len(dims) > 1 else "")
        )
    return dims


def _parts(card: ModelCard, dims: list[str]) -> tuple[list[Term], list[Term]]:
    """Terms that stand on the strata's dimensions, and other terms with levels; slopes belong to neither."""
    levelled = [term for term in card.terms if term.dims and term.covariate is None]
    within = [term for term in levelled if set(term.dims) <= set(dims)]
    return within, [term for term in levelled if term not in within]


def _effect(draws: xr.Dataset, card: ModelCard, table: pd.Series, dims: list[str]) -> Floats:
    effect = np.zeros((draws.sizes[CHAIN] * draws.sizes[DRAW], len(table)))
    for term in _parts(card, dims)[0]:
        at = [draws.get_index(dim).get_indexer(table.index.get_level_values(dim)) for dim in term.dims]
        index = np.ravel_multi_index(at, tuple(draws.sizes[dim] for dim in term.dims))
        effect += flat_draws(draws, card.variable(term.name), term.dims)[:, index]
    return effect


def _variance(values: NDArray[np.floating], people: Floats) -> Floats:
    """Variance over people of each draw's effects."""
    share = shares(people)
    own = np.asarray(values, dtype=np.float64)
    return weighted_mean((own - weighted_mean(own, share)[:, None]) ** 2, share)


def _elsewhere(draws: xr.Dataset, card: ModelCard, frame: pd.DataFrame, dims: list[str]) -> Floats:
    """Variance over people of terms that stand on other dimensions, place above all."""
    total = np.zeros(draws.sizes[CHAIN] * draws.sizes[DRAW])
    for term in _parts(card, dims)[1]:
        people = frame.groupby(list(term.dims), observed=False)[POPULATION].sum().to_numpy(dtype=np.float64)
        total += _variance(flat_draws(draws, card.variable(term.name), term.dims), people)
    return total


def _individual(
    post: xr.DataTree, card: ModelCard, frame: pd.DataFrame, draws: xr.Dataset, threads: int | None
) -> Floats:
    likelihood = cast("Latent", _LATENT[card.outcome.likelihood])
    mean = size = sigma = None
    if likelihood in ("poisson", "negative_binomial"):
        mean = expected(post, frame, threads=threads).to_numpy().ravel()
    if likelihood == "negative_binomial":
        size = flat_draws(draws, "outcome.size", ())[:, 0]
    if likelihood == "gaussian":
        sigma = flat_draws(draws, "outcome.sigma", ())[:, 0]
    return individual_variance(likelihood, mean=mean, size=size, sigma=sigma)


def _risk(
    post: xr.DataTree,
    frame: pd.DataFrame,
    dims: list[str],
    labels: NDArray[np.object_],
    levels: list[pd.Index],
    threads: int | None,
) -> NDArray[np.floating]:
    """Mean outcome of each stratum's own people, shape (n_draw, n_stratum), in the order of the labels."""
    known = pd.MultiIndex.from_arrays(levels)
    place = known.get_indexer(pd.MultiIndex.from_frame(frame[dims].astype(object)))
    held = frame[place >= 0].assign(**{STRATUM: place[place >= 0]})
    risk = expected(post, held, STRATUM, threads=threads).sel({STRATUM: np.arange(len(labels))})
    return risk.to_numpy().reshape(-1, len(labels))
