"""One way in, two engines behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import xarray as xr

from bayesineq.design.matrix import Design
from bayesineq.errors import BayesineqError
from bayesineq.inference.tree import with_predicted

Correction = Literal["variational", "none"]


@dataclass(frozen=True, slots=True)
class LaplaceOptions:
    """
    The sparse engine: joint, independent draws for tens of thousands of areas in seconds.

    Parameters
    ----------
    threads : int, optional
        Threads; by default as many as there are cores, at most 4.
    correction : {"variational", "none"}
        Correction of the Laplace approximation for skewed posteriors. "none" is wrong at small counts and there for
        comparison only.

    Raises
    ------
    BayesineqError
        If there is no such correction, or no thread.

    Examples
    --------
    >>> LaplaceOptions(threads=2)
    LaplaceOptions(threads=2, correction='variational')
    """

    threads: int | None = None
    correction: Correction = "variational"

    def __post_init__(self) -> None:
        if self.correction not in {"variational", "none"} or (self.threads is not None and self.threads < 1):
            raise BayesineqError(f'{self} cannot be: give one thread or more, and correction "variational" or "none"')


@dataclass(frozen=True, slots=True)
class NutsOptions:
    """
    Sampling with PyMC (extra `bayesineq[nuts]`): slower, and the reference.

    Parameters
    ----------
    chains : int
        Independent chains; the draws are spread over them.
    tune : int
        Draws of adaptation of each chain, which are not kept.

    Raises
    ------
    BayesineqError
        If there is no chain, or fewer than no draw of adaptation.

    Examples
    --------
    >>> NutsOptions(chains=2)
    NutsOptions(chains=2, tune=1000)
    """

    chains: int = 4
    tune: int = 1000

    def __post_init__(self) -> None:
        if self.chains < 1 or self.tune < 0:
            raise BayesineqError(f"{self} cannot be: ask for at least one chain, and for no negative tune")


Engine = Literal["laplace", "nuts"] | LaplaceOptions | NutsOptions

_BY_NAME: Final = {"laplace": LaplaceOptions(), "nuts": NutsOptions()}
_LAPLACE_DRAWS: Final = 1000
_NUTS_DRAWS: Final = 4000


def fit(
    design: Design,
    *,
    engine: Engine = "laplace",
    draws: int | None = None,
    seed: int | None = None,
    progress: bool = True,
) -> xr.DataTree:
    """
    Turn a design into a posterior.

    Parameters
    ----------
    design : Design
        A table seen through a card.
    engine : {"laplace", "nuts"}, LaplaceOptions or NutsOptions
        How it is computed; a name stands for that engine's options as they are by default.
    draws : int, optional
        Draws of the posterior in all, whichever engine makes them, a multiple of its chains. By default 1,000 with
        "laplace", whose draws are independent, and 4,000 with "nuts".
    seed : int, optional
        Makes the draws reproducible.
    progress : bool
        Whether to show progress on work longer than two seconds.

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
    BayesineqError
        If there is no such engine, or the draws cannot be spread over its chains.

    Examples
    --------
    >>> import bayesineq as bi
    >>> world = bi.simulate_system(n_areas=60, n_people=20_000, seed=1)
    >>> study = bi.design(world.area_counts, bi.read_card("prevalence"), adjacency=world.adjacency)
    >>> post = bi.fit(study, engine=bi.LaplaceOptions(threads=1), draws=200, seed=1, progress=False)
    >>> sorted(post.children)[:2]
    ['checks', 'constant_data']
    """
    options = _BY_NAME.get(engine) if isinstance(engine, str) else engine
    if draws is not None and draws < 1:
        raise BayesineqError(f"draws={draws}: ask for at least one")
    # What has no outcome says nothing: the engines learn from the other rows, and its effects are drawn all the same.
    seen = design.known()
    if isinstance(options, LaplaceOptions):
        from bayesineq.inference.sparse_engine import engine as laplace

        post = laplace.sample(
            seen,
            draws=draws or _LAPLACE_DRAWS,
            seed=seed,
            progress=progress,
            threads=options.threads,
            correction=options.correction,
        )
    elif isinstance(options, NutsOptions):
        from bayesineq.inference.nuts import sample as nuts

        each = _of_each_chain(draws, options.chains)
        post = nuts.sample(seen, draws=each, tune=options.tune, chains=options.chains, seed=seed, progress=progress)
    else:
        raise BayesineqError(
            f"engine={engine!r} is not known; choose 'laplace' or 'nuts', or give LaplaceOptions or NutsOptions"
        )
    return post if seen is design else with_predicted(post, design)


def _of_each_chain(draws: int | None, chains: int) -> int:
    """Draws of each chain; rounded up where nobody said how many in all."""
    if draws is not None and draws % chains:
        raise BayesineqError(
            f"draws={draws} cannot be spread over {chains} chains; ask for a multiple, such as "
            f"draws={-(-draws // chains) * chains}"
        )
    return -(-(draws or _NUTS_DRAWS) // chains)
