"""
Transported effects: a published relative effect times local baseline risk is a local absolute benefit.

Most users have no trial of their own. They have a paper, with a relative risk and its interval, and a posterior of
local risk by area and group. The product answers where and for whom the intervention does most good, provided that the
relative effect carries over: that is an assumption, which modifiers relax and no local data here can test. Good is what
the outcome's polarity says: fewer of an event of which more is worse, more of one of which more is better.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from bayesineq.decisions.benefit import check_benefit, correlation_matrix
from bayesineq.decisions.polarity import EVENTS, SIGN, polarity
from bayesineq.decisions.published import EVERYONE, PublishedEffect, Share, draw_quantity, lookup, share_in
from bayesineq.dims import CHAIN, DRAW, INTERVENTION, POPULATION, SAMPLE_DIMS, MoreIs
from bayesineq.errors import DecisionError


def transport(
    baseline: xr.DataArray,
    effects: Mapping[str, PublishedEffect],
    *,
    treated: xr.DataArray | None = None,
    more_is: MoreIs | None = None,
    correlation: float | ArrayLike = 0.0,
    seed: int | None = None,
) -> xr.DataArray:
    """
    Carry published effects to local baseline risks.

    Parameters
    ----------
    baseline : DataArray, dims (chain, draw, area | group...)
        Local risk per eligible person without the intervention, over the period for which the effect holds
        (`expected` of any posterior). A coordinate `population` is carried along.
    effects : mapping from intervention to PublishedEffect
        Published effects with their intervals.
    treated : DataArray, dims among (chain, draw, unit..., intervention), optional
        Share of eligible people treated: `coverage` makes it from reach and uptake. Default: everyone.
    more_is : {"worse", "better"}, optional
        Polarity of the outcome, where the baseline does not carry it (the attribute `more_is`, as `expected` gives
        it); "worse" where neither says.
    correlation : float or array, shape (intervention, intervention)
        Correlation of the errors of the published effects on their scale; 0 for separate studies.
    seed : int, optional
        Seed of the draws of the effects.

    Returns
    -------
    DataArray, dims (chain, draw, unit..., intervention)
        Events averted per eligible person where more of the outcome is worse, events gained where more is better:
        above 0 where people are better off. `attrs["scale"]` says which.

    Raises
    ------
    DecisionError
        If the baseline is no risk, groupings of modifiers are not carried by it, or it has the other polarity.

    Notes
    -----
    With baseline risk p, treated share s and an effect drawn on its own scale, the benefit is s (p - p') where more of
    the outcome is worse and s (p' - p) where more is better; p' = min(p RR, 1), or odds(p') = OR odds(p), or
    p' = p + RD held between 0 and 1. A rate ratio is held at 1 where the baseline says that it is a proportion. Where
    a bound is met, the share of such cells stands in `attrs["held_at_bound"]`, and as numbers in `attrs["held_share"]`.
    Effects, and the baseline, are drawn independently.

    References
    ----------
    Kent DM et al. (2020). The Predictive Approaches to Treatment effect Heterogeneity (PATH) statement. Annals of
    Internal Medicine 172(1): 35-45. doi:10.7326/M18-3667

    Examples
    --------
    >>> from bayesineq.decisions import PublishedEffect, Quantity
    >>> risk = xr.DataArray([[[0.2, 0.1]] * 2], dims=("chain", "draw", "area"), coords={"area": ["east", "west"]})
    >>> averted = transport(risk, {"calls": PublishedEffect("risk ratio", Quantity(0.75))}, more_is="worse")
    >>> averted.mean(("chain", "draw")).to_series()
    area  intervention
    east  calls           0.050
    west  calls           0.025
    Name: benefit, dtype: float64
    """
    drawn = published_draws(effects, like=baseline, correlation=correlation, seed=seed)
    return apply_published(baseline, effects, drawn, treated=treated, more_is=more_is)


def coverage(
    baseline: xr.DataArray,
    interventions: list[str],
    *,
    reach: Mapping[str, Share] | None = None,
    uptake: Mapping[str, Share] | None = None,
    seed: int | None = None,
) -> xr.DataArray:
    """
    Share of eligible people who would be treated: reach times uptake, by group.

    Parameters
    ----------
    baseline : DataArray, dims (chain, draw, area | group...)
        Array whose units and groupings the shares follow.
    interventions : list of str
        Names.
    reach : mapping from intervention to Share, optional
        Share of eligible people to whom it is offered; absent means all.
    uptake : mapping from intervention to Share, optional
        Share of those offered it who take it up; absent means all.
    seed : int, optional
        Seed, used where a share is uncertain.

    Returns
    -------
    DataArray, dims among (chain, draw, unit..., intervention)
        Share treated, 0 to 1; without chain and draw where nothing is uncertain.

    Raises
    ------
    DecisionError
        If a grouping or level has no share.

    Examples
    --------
    >>> from bayesineq.decisions import Quantity, Share
    >>> risk = xr.DataArray([[[0.2, 0.1]] * 2], dims=("chain", "draw", "imd_quintile"), coords={"imd_quintile": [1, 5]})
    >>> coverage(risk, ["calls"], reach={"calls": Share(Quantity(0.5))}, uptake={"calls": Share(Quantity(0.8))}).values
    array([0.4])
    """
    rng = np.random.default_rng(seed)
    columns = []
    for name in interventions:
        shares = []
        for what, given in (("reach", reach or {}), ("uptake", uptake or {})):
            noise = xr.DataArray(
                rng.standard_normal([baseline.sizes[dim] for dim in SAMPLE_DIMS]),
                dims=SAMPLE_DIMS,
                coords={dim: baseline.coords[dim] for dim in SAMPLE_DIMS if dim in baseline.coords},
            )
            shares.append(share_in(given.get(name, EVERYONE), baseline, noise, what=f"{what} of {name}"))
        columns.append(shares[0] * shares[1])
    whole = xr.concat(
        [column.reset_coords(drop=True) for column in xr.broadcast(*columns)], dim=INTERVENTION, join="exact"
    )
    order = [dim for dim in (*baseline.dims, INTERVENTION) if dim in whole.dims]
    return whole.assign_coords({INTERVENTION: interventions}).transpose(*order).rename("treated")


def published_draws(
    effects: Mapping[str, PublishedEffect],
    *,
    like: xr.DataArray,
    correlation: float | ArrayLike = 0.0,
    seed: int | None = None,
) -> xr.Dataset:
    """
    Draw published effects and their modifiers, as many as a baseline has draws.

    Shapes: like (chain, draw, ...); correlation (intervention, intervention).
    """
    _check_risk(like, effects)
    names = list(effects)
    shape = tuple(like.sizes[dim] for dim in SAMPLE_DIMS)
    rng = np.random.default_rng(seed)
    matrix = correlation_matrix(correlation, names)
    value, vector = np.linalg.eigh(matrix)
    noise = rng.standard_normal((*shape, len(names))) @ (vector * np.sqrt(np.maximum(value, 0))).T
    main = np.stack(
        [draw_quantity(effects[name].size, noise[..., i], log=effects[name].is_ratio) for i, name in enumerate(names)],
        axis=-1,
    )
    sample = {dim: like.coords[dim].values if dim in like.coords else np.arange(like.sizes[dim]) for dim in SAMPLE_DIMS}
    coords = {**sample, INTERVENTION: names}
    drawn = {"effect": xr.DataArray(main, dims=(CHAIN, DRAW, INTERVENTION), coords=coords)}
    for by in sorted({by for effect in effects.values() for by in effect.modifiers}):
        if by not in like.coords:
            lookup({}, like, by, what="A modifier")
        codes = np.unique(like.coords[by].values)
        values = np.zeros((*shape, len(names), codes.size))
        for i, name in enumerate(names):
            levels = {str(key): number for key, number in effects[name].modifiers.get(by, {}).items()}
            unknown = sorted(set(levels) - {str(code) for code in codes})
            if unknown:
                raise DecisionError(
                    f"{name}: modifiers by {by} name levels that the baseline does not have: {', '.join(unknown)}; "
                    f"it has {', '.join(map(str, codes[:20]))}."
                )
            for j, code in enumerate(codes):
                number = levels.get(str(code))
                if number is not None:
                    values[..., i, j] = draw_quantity(number, rng.standard_normal(shape), log=effects[name].is_ratio)
        drawn[f"modifier_{by}"] = xr.DataArray(
            values, dims=(CHAIN, DRAW, INTERVENTION, by), coords={**coords, by: codes}
        )
    return xr.Dataset(drawn, attrs={"correlation": np.array2string(matrix, precision=3)})


def apply_published(
    baseline: xr.DataArray,
    effects: Mapping[str, PublishedEffect],
    drawn: xr.Dataset,
    *,
    treated: xr.DataArray | None = None,
    more_is: MoreIs | None = None,
) -> xr.DataArray:
    """
    Apply drawn effects to baseline risks.

    Shapes: baseline (chain, draw, unit...); returns (chain, draw, unit..., intervention).
    """
    good = polarity(baseline, more_is)
    held: dict[str, float] = {}
    columns = []
    for name, effect in effects.items():
        size = drawn["effect"].sel({INTERVENTION: name}, drop=True)
        for by in effect.modifiers:
            modifier = drawn[f"modifier_{by}"].sel({INTERVENTION: name}, drop=True)
            codes = baseline.coords[by].reset_coords(drop=True)
            here = modifier.sel({by: codes.values if by in codes.dims else codes})
            size = size + (here if by in codes.dims else here.reset_coords(by, drop=True))
        after, bound = _risk_after(baseline, size, effect)
        held[name] = bound
        share = 1.0 if treated is None else treated.sel({INTERVENTION: name}, drop=True)
        columns.append(SIGN[good] * (after - baseline) * share)
    benefit = xr.concat(columns, dim=INTERVENTION, join="exact").assign_coords({INTERVENTION: list(effects)})
    if POPULATION in baseline.coords:
        benefit = benefit.assign_coords({POPULATION: baseline.coords[POPULATION]})
    benefit.attrs = {
        "scale": EVENTS[good],
        "source": "transported from published effects",
        "correlation": drawn.attrs.get("correlation", "as in the draws"),
        "held_at_bound": ", ".join(f"{name} {share:.4f}" for name, share in held.items()),
        "held_share": list(held.values()),
    }
    return check_benefit(benefit.rename("benefit"))


def _risk_after(baseline: xr.DataArray, size: xr.DataArray, effect: PublishedEffect) -> tuple[xr.DataArray, float]:
    if effect.measure == "risk difference":
        free = baseline + size
    else:
        ratio = xr.apply_ufunc(np.exp, size)
        if effect.measure == "odds ratio":
            return ratio * baseline / (1 - baseline + ratio * baseline), 0.0
        free = baseline * ratio
        if acts_on_rates(baseline, effect):
            return free, 0.0
    return free.clip(0.0, 1.0), float(((free < 0) | (free > 1)).mean())


def acts_on_rates(baseline: xr.DataArray, effect: PublishedEffect) -> bool:
    """Whether an effect multiplies a rate, which has no upper bound, and no risk."""
    return effect.measure == "rate ratio" and baseline.attrs.get("scale") != "proportion"


def _check_risk(baseline: xr.DataArray, effects: Mapping[str, PublishedEffect]) -> None:
    missing = [dim for dim in SAMPLE_DIMS if dim not in baseline.dims]
    if missing:
        raise DecisionError(
            f"The baseline has no dimension {', '.join(missing)}: give draws, for example of `expected`."
        )
    if baseline.attrs.get("scale") == "rate ratio":
        raise DecisionError(
            f"The baseline of {baseline.attrs.get('outcome', 'this outcome')} is a ratio to expected counts: they are "
            "not people, so nobody can be treated. Fit the counts with at_risk or exposure, and give that posterior."
        )
    if not effects:
        raise DecisionError("No published effect given: name at least one intervention.")
    low, high = float(baseline.min()), float(baseline.max())
    risks = [name for name, effect in effects.items() if not acts_on_rates(baseline, effect)]
    if not (np.isfinite(low) and np.isfinite(high)) or low < 0 or (risks and high > 1):
        raise DecisionError(
            f"The baseline runs from {low:.4g} to {high:.4g}; a risk lies between 0 and 1. "
            + (f"{', '.join(risks)} act on a risk: use a rate ratio for a rate per person-year." if high > 1 else "")
        )
