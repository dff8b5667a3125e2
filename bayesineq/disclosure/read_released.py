"""Reading what `released` wrote: draws of groups that were passed on, in place of a posterior."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import h5py
import numpy as np
import xarray as xr

from bayesineq.dims import POPULATION, SAMPLE_DIMS
from bayesineq.errors import PosteriorError

ESTIMATE, ADJUSTED = "estimate", "adjusted"
_TOLD: Final = ("card_name", "question", "outcome", "disclosure")


def is_released(path: str | Path) -> bool:
    """
    Whether a file is one that `release` wrote, and no posterior.

    Parameters
    ----------
    path : str or Path
        Any file.

    Returns
    -------
    bool
        False for what cannot be read, too: `load` says why.

    Examples
    --------
    >>> is_released("no_such_file.nc")
    False
    """
    try:
        with h5py.File(path, "r") as file:
            return "posterior" not in file and set(_TOLD) <= set(file.attrs)
    except (OSError, RuntimeError, KeyError, ValueError):  # What h5py says of a file that is damaged.
        return False


def load_released(path: str | Path) -> xr.DataTree:
    """
    Read draws of groups that were passed on.

    Parameters
    ----------
    path : str or Path
        A file that `bayesineq release` wrote.

    Returns
    -------
    DataTree
        As `released` gives it: a group a table, with `estimate`, and `adjusted` where something was held equal.

    Raises
    ------
    PosteriorError
        If it is another kind of file, or a table of it lacks draws or people.

    Examples
    --------
    >>> import tempfile
    >>> from bayesineq import example
    >>> from bayesineq.disclosure.released import released
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "released.nc"
    ...     released(example().post).to_netcdf(path, engine="h5netcdf")
    ...     sorted(load_released(path).children)[:3]
    ['age_band', 'area', 'ethnicity']
    """
    if not is_released(path):
        raise PosteriorError(f"{path} is no file that `bayesineq release` wrote; give one, or a posterior")
    with xr.open_datatree(path, engine="h5netcdf") as opened:
        tree = opened.load()
    wrong = []
    for name, table in tree.children.items():
        held = table.to_dataset()
        drawn = [held[kind] for kind in (ESTIMATE, ADJUSTED) if kind in held]
        if ESTIMATE not in held or POPULATION not in held.coords:
            wrong.append(f"{name}: lacks {ESTIMATE!r} or {POPULATION!r}")
        elif not all({*SAMPLE_DIMS} <= {*values.dims} for values in drawn):
            wrong.append(f"{name}: has no draws")
        elif any(np.isinf(values.to_numpy()).any() for values in drawn):
            wrong.append(f"{name}: holds infinite draws")
    if wrong or not tree.children:
        raise PosteriorError(f"{path} was cut or altered: {'; '.join(wrong) or 'it holds no table'}; ask for it again")
    return tree
