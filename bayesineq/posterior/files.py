"""Posteriors on disk: netCDF files that need neither the engine nor the table behind them."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Final

import numpy as np
import xarray as xr

from bayesineq.dims import OUTCOME, OUTCOME_OF_ROW, SAMPLE_DIMS
from bayesineq.errors import CardError, PosteriorError
from bayesineq.posterior.calibration import CALIBRATION, calibration
from bayesineq.posterior.diagnose import TORN
from bayesineq.posterior.outcomes import outcome_names
from bayesineq.posterior.population import card_of

_COMPRESSED_FROM: Final = 10_000
_COMPRESSION: Final = {"zlib": True, "complevel": 1, "shuffle": True}
_GROUPS: Final = ("posterior", "constant_data")


def save(post: xr.DataTree, path: str | Path) -> Path:
    """
    Write a posterior.

    Parameters
    ----------
    post : DataTree
        A posterior.
    path : str or Path
        Where to; by custom `.nc`. What stands there is replaced whole, or not at all.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    PosteriorError
        If `post` is no posterior, or the file cannot be written.

    Notes
    -----
    The file holds no observed count. Checks of single rows, from which one could be worked out, are kept to two digits
    and in rising order, so that none belongs to a row; where held-out rows fell is kept as a histogram. It still holds
    how many people each row has: it is a working file, and says so (attribute `release`).

    Examples
    --------
    >>> import tempfile
    >>> from bayesineq import example
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(example().post, Path(folder) / "prevalence.nc").name
    'prevalence.nc'
    """
    target = Path(path)
    card_of(post)
    post = _unlinked(post)
    encoding = {
        f"/{name}": {
            str(key): dict(_COMPRESSION)
            for key, variable in node.to_dataset().data_vars.items()
            if variable.size >= _COMPRESSED_FROM and variable.dtype.kind in "fiu"
        }
        for name, node in post.children.items()
    }
    if not target.parent.is_dir():
        raise PosteriorError(f"{target} cannot be written: there is no folder {target.parent}; make it first")
    beside: Path | None = None
    try:
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".part")
        os.close(handle)
        beside = Path(name)
        post.to_netcdf(beside, mode="w", engine="h5netcdf", encoding=encoding)
        beside.chmod(0o666 & ~_umask())
        beside.replace(target)
    except OSError as error:
        raise PosteriorError(
            f"{target} cannot be written ({error.strerror or error}); what stood there before is as it was"
        ) from error
    finally:
        if beside is not None:
            beside.unlink(missing_ok=True)
    return target


def _unlinked(post: xr.DataTree) -> xr.DataTree:
    """Checks without the rows that they are of: with a row's own, its observed count could be solved for."""
    if "checks" not in post.children:
        return post
    kept = post.copy()
    checks = {}
    if "pit" in post["checks"].data_vars and np.isfinite(post["checks"]["pit"].to_numpy()).any():
        # How a row fell is told by two of its checks together, which are torn apart: their histogram is kept.
        for outcome in outcome_names(post):
            share = calibration(post, outcome=outcome)["share"].to_numpy()
            group = f"{CALIBRATION}/{outcome}" if card_of(post).is_joint else CALIBRATION
            kept[group] = xr.Dataset({"share": ("bin", share)})
    of = np.zeros(post["checks"].sizes["row"], dtype=np.int64)
    if card_of(post).is_joint:
        of = post["constant_data"][OUTCOME_OF_ROW].to_numpy()
    for name, check in post["checks"].data_vars.items():
        # Rows of an outcome stand together, and stay with it.
        given = check.to_numpy().astype(np.float64)
        value = np.concatenate([np.sort(given[of == k]) for k in np.unique(of)])
        with np.errstate(divide="ignore", invalid="ignore"):
            unit = 10.0 ** np.where(value != 0, np.floor(np.log10(np.abs(value))) - 1, 0.0)
        rounded = np.round(value, 2) if name == "pit" else np.round(value / unit) * unit
        checks[name] = (check.dims, np.where(np.isfinite(rounded), rounded, value))
    kept["checks"] = xr.Dataset(checks, attrs={TORN: "each check is sorted by itself"})
    return kept


def load(path: str | Path) -> xr.DataTree:
    """
    Read a posterior that `save` wrote.

    Parameters
    ----------
    path : str or Path
        The file.

    Returns
    -------
    DataTree
        The posterior, in memory.

    Raises
    ------
    PosteriorError
        If the file is missing, cut short, no posterior, or its parts contradict each other.

    Examples
    --------
    >>> import tempfile
    >>> from bayesineq import example
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = save(example().post, Path(folder) / "prevalence.nc")
    ...     load(path)["posterior"].sizes["draw"]
    400
    """
    source = Path(path)
    if not source.is_file():
        raise PosteriorError(f"there is no file {source}; give the path that `bayesineq fit ... --out` wrote")
    try:
        with xr.open_datatree(source, engine="h5netcdf") as opened:
            post = opened.load()
    except Exception as error:
        # The readers beneath raise whatever a broken file happens to trip; all of it means the same to the user.
        raise PosteriorError(
            f"{source} cannot be read as a posterior: it is cut short, damaged or of another kind ({error}); "
            "fit again, or copy the file again from where it was written"
        ) from error
    wrong = _problems(post)
    if wrong:
        problems = "\n".join(f"  - {w}" for w in wrong)
        raise PosteriorError(f"{source} is no posterior of bayesineq ({len(wrong)} problems):\n{problems}")
    post.name = "posterior"
    return post


def _problems(post: xr.DataTree) -> list[str]:
    if missing := [name for name in _GROUPS if name not in post.children]:
        return [f"it lacks the groups {missing}; it has {sorted(post.children)}"]
    try:
        card = card_of(post)
    except (CardError, PosteriorError) as error:
        return [str(error)]
    draws, rows = post["posterior"].to_dataset(), post["constant_data"].to_dataset()
    wrong = []
    along = {OUTCOME} if card.is_joint else set()
    expected = {"intercept": {*SAMPLE_DIMS, *along}}
    expected |= {card.variable(term.name): {*SAMPLE_DIMS, *along, *term.dims} for term in card.terms}
    if card.is_joint and OUTCOME_OF_ROW not in rows:
        wrong.append(f"card {card.name!r} has several outcomes, and no row says which it is of ({OUTCOME_OF_ROW!r})")
    for name, dims in expected.items():
        if name not in draws:
            wrong.append(f"variable {name!r} of card {card.name!r} is not in it")
        elif set(draws[name].dims) != dims:
            wrong.append(f"variable {name!r} has the dimensions {list(draws[name].dims)}, not {sorted(dims)}")
    for dim in card.dims:
        if dim not in draws.coords or dim not in rows:
            wrong.append(f"dimension {dim!r} of card {card.name!r} has no levels, or no row says which it has")
        elif len(rows[dim]) and not _within(rows[dim].to_numpy(), draws.sizes[dim]):
            wrong.append(f"rows point at levels of {dim!r} that are not there; it has {draws.sizes[dim]}")
    return wrong


def _within(codes: np.ndarray, size: int) -> bool:
    return bool(codes.dtype.kind in "iu" and codes.min() >= 0 and codes.max() < size)


def _umask() -> int:
    """Permissions that new files of this process lack; temporary files are private, posteriors are not."""
    current = os.umask(0)
    os.umask(current)
    return current
