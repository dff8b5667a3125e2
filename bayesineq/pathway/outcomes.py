"""Several outcomes of one posterior by the same groups, ready to be taken together."""

from __future__ import annotations

from collections.abc import Sequence

import xarray as xr

from bayesineq.posterior.adjusted import adjusted
from bayesineq.posterior.expected import expected
from bayesineq.posterior.outcomes import one_outcome, outcome_names


def each_outcome(
    post: xr.DataTree, by: str | Sequence[str], *, outcomes: Sequence[str] | None = None, adjust: bool = False
) -> dict[str, xr.DataArray]:
    """
    Mean of each outcome of a posterior by the same groups, for every draw: the steps of a pathway.

    Parameters
    ----------
    post : DataTree
        A posterior of one or several outcomes.
    by : str or sequence of str
        Columns that make the groups.
    outcomes : sequence of str, optional
        Which outcomes, in which order; by default all, as the card has them.
    adjust : bool
        Whether groups are compared at the same age, sex or whatever adjusts on the card.

    Returns
    -------
    dict of str to DataArray
        Draws by the name of the outcome, as `expected` or `adjusted` returns them. Each is averaged over its own
        denominator: a share of cases over cases.

    Raises
    ------
    PosteriorError
        If there is no outcome of a name.

    Examples
    --------
    >>> from bayesineq import example
    >>> found = each_outcome(example().post, "imd_decile")
    >>> list(found), found["prevalence"].sizes["imd_decile"]
    (['prevalence'], 10)
    """
    names = list(outcome_names(post)) if outcomes is None else list(outcomes)
    seen = {name: one_outcome(post, name) for name in names}
    return {name: adjusted(tree, by) if adjust else expected(tree, by=by) for name, tree in seen.items()}
