"""Posteriors on disk: netCDF files that need neither the engine nor the table behind them."""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path
from typing import Final

import h5py
import numpy as np
import xarray as xr

from bayesineq.dims import DRAW, OUTCOME, OUTCOME_OF_ROW, SAMPLE_DIMS
from bayesineq.errors import BayesineqError, CardError, PosteriorError
from bayesineq.posterior.calibration import CALIBRATION, calibration
from bayesineq.posterior.diagnose import TORN
from bayesineq.posterior.outcomes import outcome_names
from bayesineq.posterior.population import card_of
from bayesineq.replacing import write_together

_COMPRESSED_FROM: Final = 10_000
_COMPRESSION: Final = {"zlib": True, "complevel": 1, "shuffle": True}
CHECKSUM: Final = "content_blake2b"
"""Attribute of a file: digest of everything else in it."""

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
    if not target.parent.is_dir():
        raise PosteriorError(f"{target} cannot be written: there is no folder {target.parent}; make it first")
    post = _unlinked(post.copy())
    if endless := _endless(post):
        raise PosteriorError(f"{target}: draws of {', '.join(endless)} are no numbers; such a posterior is of no use")
    post.attrs[CHECKSUM] = _checksum(post)
    content = packed(post)
    try:
        write_together({target: content})
    except BayesineqError as error:
        raise PosteriorError(str(error)) from error
    return target


def packed(tree: xr.DataTree) -> bytes:
    """The file that holds a tree, long variables compressed."""
    # Without a fill value nothing is filled, and no second copy made.
    encoding = {
        f"/{name}": {
            str(key): {**_COMPRESSION, "_FillValue": None}
            for key, variable in node.to_dataset().data_vars.items()
            if variable.size >= _COMPRESSED_FROM and variable.dtype.kind in "fiu"
        }
        for name, node in tree.children.items()
    }
    content = io.BytesIO()
    # In memory, and then to the disk in one piece: the library beneath crashes where a disk is full.
    tree.to_netcdf(content, mode="w", engine="h5netcdf", encoding=encoding)
    return content.getvalue()


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
        # A file that the library beneath refuses is refused here: closing it half opened prints a traceback.
        with h5py.File(source, "r") as file:
            file.attrs.get("_nc3_strict")
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
    stated = post.attrs.pop(CHECKSUM, None)
    if stated != _checksum(post):
        told = "has no checksum" if stated is None else "was altered since it was written: its checksum is another"
        raise PosteriorError(
            f"{source} {told}; take the file as `bayesineq fit ... --out` or `save` wrote it, or fit again"
        )
    for name in ("posterior", "sample_stats"):
        # Files of before the first release with numbered draws have none, and ArviZ asks for them.
        if name in post.children and DRAW not in post[name].coords:
            draws = post[name].to_dataset()
            post[name] = draws.assign_coords({dim: np.arange(draws.sizes[dim]) for dim in SAMPLE_DIMS})
    return post


def _checksum(post: xr.DataTree) -> str:
    """Digest of everything in a posterior but the digest itself: names, dimensions, values and attributes."""
    digest = hashlib.blake2b(digest_size=32)

    def say(text: str) -> None:
        part = text.encode("utf-8", "surrogatepass")
        digest.update(f"{len(part)}:".encode() + part)

    for node in sorted(post.subtree, key=lambda node: node.path):
        say(node.path)
        for key, value in sorted(node.attrs.items()):
            if key != CHECKSUM:
                say(f"{key}={_plain(value)}")
        for name, variable in sorted(node.to_dataset(inherit=False).variables.items(), key=lambda pair: str(pair[0])):
            say(f"{name}{list(variable.dims)}{list(variable.shape)}")
            for key, value in sorted(variable.attrs.items()):
                say(f"{key}={_plain(value)}")
            values = variable.to_numpy()
            if values.dtype.kind in "biuf":
                digest.update(np.ascontiguousarray(values).data)
            else:
                for text in values.ravel().tolist():
                    say(str(text))
    return digest.hexdigest()


def _plain(value: object) -> str:
    """An attribute, the same before and after it was in a file."""
    found = np.asarray(value)
    return json.dumps(found.ravel().tolist(), default=str)


def _endless(post: xr.DataTree) -> list[str]:
    """Variables of a posterior with a draw that is not finite."""
    found = []
    for name, variable in post["posterior"].to_dataset().data_vars.items():
        # What an outcome does not have, such as the size of another's law, is missing in all its draws.
        held = variable.dropna(OUTCOME, how="all") if OUTCOME in variable.dims else variable
        values = held.to_numpy()
        if values.size and values.dtype.kind == "f" and not (np.isfinite(values.min()) and np.isfinite(values.max())):
            found.append(str(name))
    return found


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
    if any(draws.sizes.get(dim, 0) == 0 for dim in SAMPLE_DIMS):
        wrong.append("it has no draws")
    if endless := _endless(post):
        wrong.append(f"draws of {endless} are no numbers: infinite or missing")
    return wrong


def _within(codes: np.ndarray, size: int) -> bool:
    return bool(codes.dtype.kind in "iu" and codes.min() >= 0 and codes.max() < size)
