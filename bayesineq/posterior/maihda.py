"""
Intersectional strata, draw by draw: how much lies between them, how much of that adds up from single dimensions.

Multilevel analysis of individual heterogeneity and discriminatory accuracy (MAIHDA), lifted from
`bayesineq.measures.heterogeneity` and `bayesineq.measures.intersectional`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, cast

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from bayesineq.dims import CHAIN, DRAW, POPULATION, SAMPLE_DIMS
from bayesineq.errors import PosteriorError
from bayesineq.measures.arrays import shares, weighted_mean
from bayesineq.measures.heterogeneity import (
    Likelihood,
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
from bayesineq.model.card import ModelCard, Term
from bayesineq.model.families import FAMILIES
from bayesineq.posterior.expected import expected, scale_of
from bayesineq.posterior.outcomes import one_outcome
from bayesineq.posterior.population import card_of, provenance, resolve
from bayesineq.posterior.predictor import (
    flat_draws,
    group_totals,
    one_number,
    own_parameters,
    predictor_of,
    row_effects,
)

STRATUM: Final = "stratum"

type Floats = NDArray[np.float64]


def intersectional(
    post: xr.DataTree,
    strata: Sequence[str] | None = None,
    *,
    population: pd.DataFrame | None = None,
    threads: int | None = None,
    outcome: str | None = None,
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
    outcome : str, optional
        Which of several outcomes; see `one_outcome`.

    Returns
    -------
    Dataset
        Of dims (chain, draw): `vpc`, the variance partition coefficient of the literature (below), where the card has
        an exchangeable term of the strata; `between_share`, share of the latent variance of the people that lies
        between strata, whatever terms it comes from; `interaction_share`, the same of interactions alone;
        `additive_share`, share of the variance between strata that main effects add up to; `median_odds_ratio` (of
        rates, with a log link), where there is a link; `discriminatory_accuracy`, area under the curve, where the
        outcome is a proportion. Of dims (chain, draw, stratum): `additive` and `interaction` on the linear predictor,
        `interaction_response` in the unit of the outcome. Coordinate `stratum` holds labels such as "1/A/F"; each
        dimension is a coordinate along it, and so is `population`.

    Raises
    ------
    PosteriorError
        If the card crosses no dimensions, a dimension is not the card's, or the likelihood has no latent variance.

    Notes
    -----
    `vpc` is sigma^2 / (sigma^2 + e): sigma^2 the variance parameter of the strata's exchangeable term, e the variance
    between individuals (pi^2 / 3 with a logit link, the residual variance of a Gaussian outcome). Of a card without
    main effects it is that of the null model, all that lies between strata; beside main effects it is that of the
    adjusted model, what they leave. Other random terms, such as place, are levels of their own and add their variance
    to the whole, as in cross-classified models; main effects of the strata's dimensions do not. Every stratum counts
    the same in it, whoever is in it.

    `between_share` and `interaction_share` are this package's. A stratum's effect is there the sum of all terms that
    stand on its dimensions, and variances are those of these effects over people, not the prior variance of one term,
    so they hold whichever way the card divides main effects and interactions, and `additive_share` cannot leave 0 to 1.
    Terms on other dimensions count as variance of their own in the whole. Counts use one mean for everyone, that of one
    unit of exposure.

    References
    ----------
    Evans CR, Leckie G, Subramanian SV, Bell A, Merlo J. A tutorial for conducting intersectional multilevel analysis
    of individual heterogeneity and discriminatory accuracy (MAIHDA). SSM Popul Health 2024;26:101664. Goldstein H,
    Browne W, Rasbash J. Partitioning variation in multilevel models. Underst Stat 2002;1:223-231.

    Examples
    --------
    >>> from bayesineq import example
    >>> found = intersectional(example().post, ["imd_decile", "ethnicity"])
    >>> float(found["additive_share"].mean().round(2)), found["stratum"].values[0]
    (1.0, '1/asian')
    """
    post = one_outcome(post, outcome)
    card = card_of(post)
    dims = _strata_dims(card, strata)
    if card.outcome.family.between_people is None:
        raise PosteriorError(
            f"a {card.outcome.likelihood} outcome has no agreed variance between individuals on the linear predictor; "
            f"MAIHDA takes {sorted(name for name, family in FAMILIES.items() if family.between_people)}"
        )
    frame = resolve(post, population, dims)
    frame = frame[frame[POPULATION] > 0]
    strata_of = frame.groupby(dims, observed=True)
    table = strata_of[POPULATION].sum().reset_index()
    people = table[POPULATION].to_numpy(dtype=np.float64)
    levels = [pd.Index(table[dim].to_numpy()) for dim in dims]
    draws = post["posterior"].to_dataset()
    effect = row_effects(predictor_of(post, table, _parts(card, dims)[0]))
    additive, interaction = np.moveaxis(
        additive_and_interaction(effect, [np.asarray(level) for level in levels], people), 1, 0
    )
    between, crossed = _variance(effect, people), _variance(interaction, people)
    inner = _individual(post, card, frame, draws, threads)
    place = _elsewhere(draws, card, frame, dims)
    level = one_number(draws, "intercept")
    whole: dict[str, Floats] = {
        **_partition(draws, card, frame, dims, inner),
        "between_share": variance_partition(between, inner, place=place),
        "interaction_share": variance_partition(crossed, inner, place=place + np.maximum(between - crossed, 0.0)),
        "additive_share": additive_share(additive, interaction, people),
    }
    if card.outcome.link != "identity":
        whole["median_odds_ratio"] = median_odds_ratio(between)
    labels = np.asarray(["/".join(map(str, key)) for key in zip(*levels, strict=True)], dtype=object)
    if card.outcome.link == "logit":
        stratum = np.asarray(strata_of.ngroup(), dtype=np.int32)
        cases = group_totals(predictor_of(post, frame), stratum, len(people), threads=threads)
        whole["discriminatory_accuracy"] = discriminatory_accuracy(cases / people, people)
    each = {
        "additive": additive,
        "interaction": interaction,
        "interaction_response": interaction_on_response(level, additive, interaction, link=card.outcome.link),
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

    Examples
    --------
    >>> from bayesineq import example
    >>> main, null = example().post, example().post.copy(deep=True)
    >>> null["posterior"]["ethnicity.sigma"] *= 2
    >>> float(change_in_variance(null, main, "ethnicity").mean().round(2))
    0.75
    """
    sigma = []
    for post in (null, main):
        name = f"{card_of(post).term(term).name}.sigma"
        draws = post["posterior"].to_dataset()
        if name not in draws:
            raise PosteriorError(f"term {term!r} of card {card_of(post).name!r} has no {name}; strata are exchangeable")
        sigma.append(one_number(draws, name))
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


def _variance(values: NDArray[np.floating], people: Floats) -> Floats:
    """Variance over people of each draw's effects."""
    share = shares(people)
    own = np.asarray(values, dtype=np.float64)
    return weighted_mean((own - weighted_mean(own, share)[:, None]) ** 2, share)


def _elsewhere(draws: xr.Dataset, card: ModelCard, frame: pd.DataFrame, dims: list[str]) -> Floats:
    """Variance over people of terms that stand on other dimensions, place above all."""
    apart = [_over_people(draws, card, frame, term) for term in _parts(card, dims)[1]]
    return np.sum(apart, axis=0) if apart else np.zeros(draws.sizes[CHAIN] * draws.sizes[DRAW])


def _over_people(draws: xr.Dataset, card: ModelCard, frame: pd.DataFrame, term: Term) -> Floats:
    people = frame.groupby(list(term.dims), observed=False)[POPULATION].sum().to_numpy(dtype=np.float64)
    return _variance(flat_draws(draws, card.variable(term.name), term.dims), people)


def _partition(
    draws: xr.Dataset, card: ModelCard, frame: pd.DataFrame, dims: list[str], inner: Floats
) -> dict[str, Floats]:
    """The literature's coefficient, where one exchangeable term has an effect for each stratum."""

    def variance(term: Term) -> Floats | None:
        # A sigma is the standard deviation of each effect where effects are independent, or scaled to be so.
        name = f"{term.name}.sigma"
        if not term.of_kind.typical or name not in draws:
            return None
        return one_number(draws, name) ** 2

    within, others = _parts(card, dims)
    own = [term for term in within if term.of_kind.independent and set(term.dims) == set(dims)]
    if len(own) != 1 or (strata := variance(own[0])) is None:
        return {}
    place = np.zeros_like(strata)
    for term in others:
        known = variance(term)
        # Fixed effects are adjusted for: they are no level of the model, and belong to no share of it.
        if term.of_kind.is_random:
            place += _over_people(draws, card, frame, term) if known is None else known
    return {"vpc": variance_partition(strata, inner, place=place)}


def _individual(
    post: xr.DataTree, card: ModelCard, frame: pd.DataFrame, draws: xr.Dataset, threads: int | None
) -> Floats:
    family = card.outcome.family
    likelihood = cast("Likelihood", family.between_people)
    mean = expected(post, frame, threads=threads).to_numpy().ravel() if family.link == "log" else None
    own = own_parameters(draws, card)
    return individual_variance(likelihood, mean=mean, size=own.get("size"), sigma=own.get("sigma"))
