"""How much of what differs between areas is spatial: shared with neighbours, and not each area's own."""

from __future__ import annotations

import xarray as xr

from bayesineq.dims import SAMPLE_DIMS
from bayesineq.errors import MeasureError
from bayesineq.model.card import ModelCard, Term
from bayesineq.posterior.population import card_of


def spatial_fraction(post: xr.DataTree, term: str | None = None) -> xr.DataArray:
    r"""
    Share of the variance between areas that is spatially structured, in every draw.

    Parameters
    ----------
    post : DataTree
        A posterior whose card has a term of kind `bym2`, or one of kind `icar` beside an `exchangeable` one on the same
        areas.
    term : str, optional
        The spatial term; needed where the card has several.

    Returns
    -------
    DataArray, dims (chain, draw)
        Between 0, each area for itself, and 1, all of it shared with neighbours. `bi.summarise` gives its mean and
        interval.

    Raises
    ------
    MeasureError
        The card has no such term, or several and none was named; or it is of a kind whose parameters tell no share.

    Notes
    -----
    Of BYM2 the effect of an area is :math:`\sigma (\sqrt{\phi}\, u + \sqrt{1 - \phi}\, v)`, with u scaled so that its
    typical variance is one: the share is :math:`\phi` (Riebler et al. 2016). Of two terms it is
    :math:`s_u^2 / (s_u^2 + s_v^2)`, with the variances over the areas of the draw (Eberly and Carlin 2000).

    References
    ----------
    Riebler A, Sorbye SH, Simpson D, Rue H. An intuitive Bayesian spatial model for disease mapping that accounts for
    scaling. Statistical Methods in Medical Research 2016. https://doi.org/10.1177/0962280216660421

    Eberly LE, Carlin BP. Identifiability and convergence issues for Markov chain Monte Carlo fitting of spatial models.
    Statistics in Medicine 2000.

    Examples
    --------
    >>> from bayesineq import example
    >>> share = spatial_fraction(example().post)
    >>> share.dims, bool(((share > 0) & (share < 1)).all())
    (('chain', 'draw'), True)
    """
    card, draws = card_of(post), post["posterior"].to_dataset()
    chosen = _spatial(card, term)
    shares = [of.name for of in chosen.hyperparameters if of.like == "phi"]
    beside = [t for t in card.terms if t.of_kind.independent and t.by == chosen.by and t.covariate == chosen.covariate]
    if len(shares) == 1:
        found = draws[f"{chosen.name}.{shares[0]}"]
    elif not chosen.hyperparameters[1:] and beside:
        structured, own = (draws[name].var(chosen.dims[0]) for name in (chosen.name, beside[0].name))
        found = structured / (structured + own)
    else:
        raise MeasureError(
            f"term {chosen.name!r} is {chosen.kind}, whose parameters tell no share of the variance: use kind bym2, or "
            f"an exchangeable term on {chosen.by[0]!r} beside one of kind icar"
        )
    return found.transpose(*SAMPLE_DIMS).rename("spatial_fraction").drop_attrs()


def _spatial(card: ModelCard, term: str | None) -> Term:
    held = {of.name: of for of in card.terms if of.is_spatial and len(of.by) == 1}
    if term is None and len(held) == 1:
        return next(iter(held.values()))
    if term in held:
        return held[term]
    said = f"term={term!r} is no spatial term of the card" if term else "the card has no one spatial term"
    raise MeasureError(f"{said}; its spatial terms are {list(held) or 'none'}")
