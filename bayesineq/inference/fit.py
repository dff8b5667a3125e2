"""One way in, two engines behind it."""

from __future__ import annotations

from typing import Literal

import xarray as xr

from bayesineq.design.matrix import Design
from bayesineq.errors import BayesineqError
from bayesineq.inference.tree import with_predicted

Engine = Literal["laplace", "nuts"]
Correction = Literal["variational", "none"]


def fit(
    design: Design,
    *,
    engine: Engine = "laplace",
    draws: int = 1000,
    tune: int = 1000,
    chains: int = 4,
    seed: int | None = None,
    progress: bool = True,
    threads: int | None = None,
    correction: Correction = "variational",
) -> xr.DataTree:
    """
    Turn a design into a posterior.

    Parameters
    ----------
    design : Design
        A table seen through a card.
    engine : {"laplace", "nuts"}
        "laplace" is the sparse engine: joint draws for tens of thousands of areas in seconds. "nuts" samples
        the same model with PyMC (extra `bayesineq[nuts]`): slower, and the reference.
    draws : int
        Draws kept: of each chain with "nuts", in all with "laplace".
    tune : int
        Draws of adaptation, "nuts" only.
    chains : int
        Independent chains, "nuts" only.
    seed : int, optional
        Makes the draws reproducible.
    progress : bool
        Whether to show progress on work longer than two seconds.
    threads : int, optional
        Threads of "laplace"; by default as many as there are cores, at most 4.
    correction : {"variational", "none"}
        Correction of the Laplace approximation for skewed posteriors. "none" is wrong at small counts and
        there for comparison only.

    Returns
    -------
    DataTree
        Groups `posterior` (dims `chain`, `draw` and the card's own) and `constant_data`. Rows without an outcome are
        predicted: they are among `constant_data`, their checks are missing, and `rows_predicted` counts them.

    Raises
    ------
    DesignError
        If the engine cannot fit this design; the message says which can.
    ConvergenceError
        If no trustworthy answer was reached.

    Examples
    --------
    >>> import bayesineq as bi
    >>> world = bi.simulate_system(n_areas=60, n_people=20_000, seed=1)
    >>> study = bi.design(world.area_counts, bi.read_card("prevalence"), adjacency=world.adjacency)
    >>> post = bi.fit(study, seed=1, progress=False)
    >>> sorted(post.children)[:2]
    ['checks', 'constant_data']
    """
    if draws < 1 or tune < 0 or chains < 1:
        raise BayesineqError(f"draws={draws}, tune={tune}, chains={chains}: ask for at least one draw and one chain")
    # What has no outcome says nothing: the engines learn from the other rows, and its effects are drawn all the same.
    seen = design.known()
    if engine == "laplace":
        from bayesineq.inference.sparse_engine import engine as laplace

        post = laplace.sample(seen, draws=draws, seed=seed, progress=progress, threads=threads, correction=correction)
    elif engine == "nuts":
        from bayesineq.inference.nuts import sample as nuts

        post = nuts.sample(seen, draws=draws, tune=tune, chains=chains, seed=seed, progress=progress)
    else:
        raise BayesineqError(f"engine={engine!r} is not known; choose 'laplace' or 'nuts'")
    return post if seen is design else with_predicted(post, design)
