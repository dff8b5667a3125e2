"""Output files that are replaced whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bayesineq.errors import BayesineqError


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """
    Write beside a file and put the result in its place once it is complete.

    Parameters
    ----------
    path : str or Path
        The file to make or replace.

    Yields
    ------
    Path
        Where to write: a new file in the same folder, with the same suffix.

    Raises
    ------
    BayesineqError
        If the folder does not exist or cannot be written. Whatever goes wrong, the file that stood at `path`
        is left as it was.
    """
    target = Path(path)
    if not target.parent.is_dir():
        raise BayesineqError(
            f"the folder {str(target.parent)!r} of the output {target.name!r} does not exist; make it first"
        )
    if target.is_dir():
        raise BayesineqError(f"the output {str(target)!r} is a folder; give the name of a file")
    try:
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.stem}-", suffix=target.suffix)
    except OSError as error:
        raise BayesineqError(
            f"the output {str(target)!r} cannot be written: {error.strerror}; choose another folder"
        ) from None
    os.close(handle)
    beside = Path(name)
    try:
        yield beside
        beside.chmod(0o666 & ~_umask())
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
