"""What to do about rows that are not as their likelihood says, in words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
import xarray as xr

from bayesineq.posterior.outcomes import MISFIT
from bayesineq.posterior.population import card_of

NAMES: Final = {
    "spread": "spread of counts about their means, in variances of the likelihood",
    "zeros": "share of rows that are zeros beyond those expected",
    "link": "bend of rows along their predictor, in its standard deviations",
    "neighbours": "likeness of neighbouring areas beyond the terms, in standard deviations",
}


def misfit_checks(post: xr.DataTree) -> Iterator[tuple[str, float, float, str]]:
    """Name, value, limit and advice of each check of the rows that the engine recorded."""
    if MISFIT not in post.children:
        return
    told = post[MISFIT].to_dataset()
    if "check" not in told.dims:
        return
    value, limit = (dict(zip(told["check"].to_numpy(), told[of].to_numpy(), strict=True)) for of in ("value", "limit"))
    failed = {name for name in value if value[name] > limit[name]}
    remedy = str(told.attrs.get("remedy", ""))
    for name, title in NAMES.items():
        if name in value:
            yield title, float(value[name]), float(limit[name]), _advice(name, value[name], failed, remedy, post)


def _advice(name: str, value: float, failed: set[str], remedy: str, post: xr.DataTree) -> str:
    outcome = card_of(post).outcome
    state = f"state likelihood = {remedy!r} on the card" if remedy else "look for what the rows have not been told"
    if name == "spread":
        first = " ".join(_FIRST[other] for other in ("neighbours", "link") if other in failed)
        return (
            f"counts vary {value:.2g} times as much about their means as {outcome.likelihood} allows, so that "
            f"intervals are too narrow by a factor of about {np.sqrt(max(value, 1.0)):.2g}; "
            f"{first}{state}, or add a term or covariate that says why they vary"
        )
    if name == "zeros":
        return (
            f"{value:.0%} of the rows are zeros beyond those that {outcome.likelihood} expects; {state}, or leave rows "
            "out that can have no event"
        )
    if name == "link":
        steps = (
            "replace linear terms by random walks over classes of their covariate, and state groups whose effects do "
            'not add up there as one term (kind = "fixed", by = ["first", "second"])'
        )
        if outcome.family.link == "identity":
            steps = (
                'where outcomes are positive and vary by factors state likelihood = "log_normal" or "gamma"; else '
                f"{steps}"
            )
        return (
            f"rows lie off a straight line in their predictor by {value:.2g} of its standard deviations: effects do "
            f"not add up on the scale of the link of {outcome.likelihood}; {steps}"
        )
    return (
        f"neighbouring areas are alike ({value:.1f} sd) in what the terms leave over: a covariate that varies "
        'over the map is missing; add it, or a term place = { kind = "bym2", by = "area" } in place of an independent '
        "one, with the neighbours"
    )


_FIRST: Final = {
    "neighbours": "neighbours are alike too: mend that first, and look again; if it remains, ",
    "link": "rows bend along their predictor too: mend that first, and look again; if it remains, ",
}
