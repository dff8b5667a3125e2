"""The model of a design, for those who want to sample, change or look at it with PyMC."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from bayesineq.design.matrix import Design
from bayesineq.errors import BayesineqError, DesignError
from bayesineq.inference.inner import inner

if TYPE_CHECKING:
    import pymc


def pymc_model(design: Design) -> pymc.Model:
    """
    Build the PyMC model that `engine="nuts"` samples.

    Parameters
    ----------
    design : Design
        A table seen through a card.

    Returns
    -------
    pymc.Model
        In units of its own: the linear predictor is measured from the outcome's mean in units of its spread where the
        outcome is measured, and covariates from their mean in units of theirs. Variables are each term's effects less
        their mean, under the term's name, its hyperparameters (`TERM.sigma`, `TERM.phi`), `outcome.NAME`, and `level`:
        the intercept and those means in sum. Data are `pm.Data`, so that they can be set anew.

    Raises
    ------
    BayesineqError
        If PyMC is not installed.
    DesignError
        If the weights of the design's rows have several draws: take one of them.

    Examples
    --------
    >>> import bayesineq as bi
    >>> place = bi.example()
    >>> study = bi.design(place.table, bi.read_card("prevalence"), adjacency=place.adjacency)
    >>> model = bi.inference.pymc_model(study)
    >>> sorted(variable.name for variable in model.deterministics)[:2]
    ['age_sex', 'deprivation']
    """
    if find_spec("pymc") is None:
        raise BayesineqError('a PyMC model needs PyMC, which is not installed; run: pip install "bayesineq[nuts]"')
    from bayesineq.inference.nuts.joint import build_joint
    from bayesineq.inference.nuts.model import build

    if design.members is not None and len(design.members.weight) > 1:
        raise DesignError(
            f"the weights of this design's rows have {len(design.members.weight)} draws, and engine 'nuts' takes one: "
            "take one with `replace(design, members=design.members.only(0))`, sample them together with the outcome "
            "(bayesineq.inference.sample_mixture), or use engine='laplace'"
        )
    solved = inner(design).design
    return build_joint(solved) if design.is_joint else build(solved)
