"""Output files that are replaced whole or not at all, one by one or several in one step."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import shutil
import socket
import stat
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bayesineq.errors import BayesineqError

if TYPE_CHECKING:
    import pandas as pd

WRITTEN: Final = "files.json"
"""In a folder that is written as one: what was written, each with its digest."""

_PREFIX: Final = ".bayesineq-"
_PENDING: Final = ".pending"
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")
_NUMBER: Final = re.compile(r"[+-]?(\d[\d,]*\.?\d*|\.\d+)([eE][+-]?\d+)?%?")
_REFUSED: Final = frozenset(
    (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS, errno.EACCES, errno.EPERM, errno.ENAMETOOLONG)
)


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """
    Write beside a file and put the result in its place once it is complete.

    Parameters
    ----------
    path : str or Path
        The file to make or replace. Where it is a symbolic link, the file behind it is.

    Yields
    ------
    Path
        Where to write: a new file in the same folder, with the same suffix.

    Raises
    ------
    BayesineqError
        If the folder does not exist or cannot be written, or the disk is full. Whatever goes wrong, the file that
        stood at `path` is left as it was.
    """
    target = _target(path)
    _tidy(target.parent)
    with _named(target):
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=_own(), suffix=target.suffix)
    os.close(handle)
    beside = Path(name)
    try:
        with _named(target):
            yield beside
            beside.chmod(0o666 & ~_umask())
            beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)


def write_together(contents: Mapping[Path, bytes]) -> None:
    """
    Write files that belong together: all are replaced, or none is.

    Parameters
    ----------
    contents : mapping of Path to bytes
        What each file shall hold; a file that is no regular one, such as `/dev/null`, is written to as it is.

    Raises
    ------
    BayesineqError
        If one of them cannot be written; then all are as they were. After a kill between two of them, what was begun
        is finished by whatever writes into the folder next.
    """
    whole = {_target(path): content for path, content in contents.items()}
    for folder in {target.parent for target in whole}:
        _tidy(folder)
    made: dict[Path, Path] = {}
    try:
        for target, content in whole.items():
            with _named(target):
                if target.exists() and not target.is_file():
                    target.write_bytes(content)
                else:
                    made[target] = _complete(target, content)
        _put(made)
    finally:
        for beside in made.values():
            beside.unlink(missing_ok=True)


def write_folder(folder: Path, contents: Mapping[str, bytes]) -> None:
    """
    Write the files of a folder as one: those of an earlier time are replaced or removed together.

    Parameters
    ----------
    folder : Path
        Made if it is not there. Files in it that were not written this way stay.
    contents : mapping of str to bytes
        By name. `files.json` is added: every name with its digest.

    Raises
    ------
    BayesineqError
        If the folder cannot be written, or holds a file of such a name that was not written this way, or was changed
        since; nothing is changed then.
    """
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    listed = json.dumps(digests, indent=1, sort_keys=True).encode() + b"\n"
    whole = {**contents, WRITTEN: listed}
    folder = Path(os.path.realpath(folder))
    if folder.exists() and not folder.is_dir():
        raise BayesineqError(f"the output {str(folder)!r} is a file; give the name of a folder")
    with _named(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        _tidy(folder.parent)
        earlier = _earlier(folder, whole) if folder.is_dir() else {}
        others = {path.name for path in folder.iterdir()} - set(earlier) if folder.is_dir() else set()
        if not others and _swapped(folder, whole):
            return
        folder.mkdir(exist_ok=True)
        write_together({folder / name: content for name, content in whole.items()})
        for name in set(earlier) - set(whole):
            (folder / name).unlink(missing_ok=True)


def made_folder(folder: Path) -> None:
    """Make a folder for outputs, if it is not there; what cannot be one is an error in words."""
    if folder.exists() and not folder.is_dir():
        raise BayesineqError(f"the output {str(folder)!r} is a file; give the name of a folder")
    with _named(folder):
        folder.mkdir(parents=True, exist_ok=True)


def csv_bytes(table: pd.DataFrame, *, index: bool = False) -> bytes:
    r"""
    Write a table as csv in which no cell is a formula to a spreadsheet.

    Text that begins with =, +, -, @ or a control character is preceded by an apostrophe, unless it is a number.

    Examples
    --------
    >>> import pandas as pd
    >>> csv_bytes(pd.DataFrame({"plan": ["=1+1", "-5", "calls"]}))
    b"plan\n'=1+1\n-5\ncalls\n"
    """
    safe = table.copy(deep=False)
    for place, kind in enumerate(safe.dtypes):
        if kind.kind not in "biufcmM":
            safe.isetitem(place, safe.iloc[:, place].astype(object).map(plain_text).to_numpy(object))
    safe.columns = safe.columns.map(plain_text)
    if index:
        safe.index = safe.index.map(plain_text)
    return safe.to_csv(index=index, lineterminator="\n").encode("utf-8", "replace")


def plain_text(cell: object) -> object:
    """A cell that no spreadsheet takes for a formula; what is no text, and numbers written as text, are unchanged."""
    if isinstance(cell, str) and len(cell) > 1 and cell.startswith(_FORMULA):
        return cell if _NUMBER.fullmatch(cell.strip()) else f"'{cell}"
    return cell


def refuse_inputs(outputs: Mapping[str, Path], inputs: Mapping[str, Path]) -> None:
    """Refuse an output that is one of the inputs, by whatever path, or another output: it would be lost."""
    known = {os.path.realpath(path): name for name, path in inputs.items()}
    for name, path in outputs.items():
        real = os.path.realpath(path)
        same = next((n for n, p in inputs.items() if _same(path, p)), None) or known.get(real)
        if same is not None:
            raise BayesineqError(f"{name} {str(path)!r} is what {same} reads: it would be lost; choose another name")
        known[real] = name


def _same(one: Path, other: Path) -> bool:
    with suppress(OSError, ValueError):
        return one.is_file() and one.samefile(other)
    return False


def _target(path: str | Path) -> Path:
    """The file behind a path, in a folder that is there."""
    given = Path(path)
    try:
        target = Path(os.path.realpath(given))
        if not target.parent.is_dir():
            raise BayesineqError(
                f"the folder {str(given.parent)!r} of the output {given.name!r} does not exist; make it first"
            )
        if target.is_dir():
            raise BayesineqError(f"the output {str(given)!r} is a folder; give the name of a file")
    except (OSError, ValueError) as error:
        raise BayesineqError(f"the output {str(given)!r} is no name of a file: {error}; choose another") from None
    return target


@contextmanager
def _named(target: Path) -> Iterator[None]:
    """Say which output a fault of the disk is of."""
    try:
        yield
    except OSError as error:
        if error.errno not in _REFUSED and error.errno is not None:
            raise
        raise BayesineqError(
            f"the output {str(target)!r} cannot be written ({error.strerror or error}); what stood there is as it was. "
            "Make room, or choose another folder"
        ) from None


def _own() -> str:
    host = hashlib.sha256(socket.gethostname().encode()).hexdigest()[:6]
    return f"{_PREFIX}{host}-{os.getpid()}-"


def _complete(target: Path, content: bytes) -> Path:
    """
    A finished file beside its target.

    Where the system has files without a name it has none until it is complete, so that a kill leaves nothing.
    """
    beside = target.parent / f"{_own()}{os.urandom(4).hex()}{target.suffix}"
    unnamed = getattr(os, "O_TMPFILE", None)
    if unnamed is not None and Path("/proc/self/fd").is_dir():
        with suppress(OSError):
            handle = os.open(target.parent, unnamed | os.O_WRONLY, 0o666)
            try:
                _fill(handle, content)
                os.link(f"/proc/self/fd/{handle}", beside, follow_symlinks=True)
            finally:
                os.close(handle)
            return beside
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=_own(), suffix=target.suffix)
    try:
        try:
            _fill(handle, content)
        finally:
            os.close(handle)
        Path(name).chmod(0o666 & ~_umask())
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return Path(name)


def _fill(handle: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(handle, view[: 1 << 24]) :]
    os.fsync(handle)


def _put(made: Mapping[Path, Path]) -> None:
    """Put finished files in their places; of several, all or none."""
    pending: list[Path] = []
    if len(made) > 1:
        for folder in {target.parent for target in made}:
            steps = {beside.name: target.name for target, beside in made.items() if target.parent == folder}
            with _named(folder):
                # From here on it will be finished, whoever does it.
                pending.append(_complete(folder / f"steps{_PENDING}", json.dumps(steps).encode()))
    kept: dict[Path, Path | None] = {}
    placed: list[Path] = []
    try:
        for target, beside in made.items():
            with _named(target):
                kept[target] = _kept(target) if len(made) > 1 else None
                beside.replace(target)
            placed.append(target)
    except BaseException:
        for target in placed:
            if (earlier := kept[target]) is None:
                target.unlink(missing_ok=True)
            else:
                earlier.replace(target)
        raise
    finally:
        for left in (*pending, *(earlier for earlier in kept.values() if earlier is not None)):
            left.unlink(missing_ok=True)


def _kept(target: Path) -> Path | None:
    """What stood there, under another name for as long as it may have to be put back."""
    if not target.exists():
        return None
    kept = target.parent / f"{_own()}{os.urandom(4).hex()}"
    try:
        os.link(target, kept)
    except OSError:
        shutil.copy2(target, kept)
    return kept


def _tidy(folder: Path) -> None:
    """Finish what a killed process had begun to put in place here, and remove what it left."""
    host = _own().rsplit("-", 2)[0]
    with suppress(OSError):
        left = [path for path in folder.glob(f"{host}-*") if not _runs(path.name.removeprefix(f"{host}-"))]
        for note in (path for path in left if path.suffix == _PENDING):
            with suppress(ValueError, AttributeError):
                for beside, target in json.loads(note.read_bytes()).items():
                    at, to = folder / Path(beside).name, folder / Path(target).name
                    if at.name.startswith(_PREFIX) and at.is_file():
                        at.replace(to)
        for path in left:
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def _runs(name: str) -> bool:
    """Whether the process that a temporary name tells of is there; what tells of none is left alone."""
    number = name.partition("-")[0]
    if not number.isdigit() or int(number) == os.getpid():
        return True
    if os.name == "nt":
        return True
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True


def _earlier(folder: Path, whole: Mapping[str, bytes]) -> dict[str, str]:
    """What was written into a folder at an earlier time; anything of the user's own that stands in the way is an error.

    Gives digests by name.
    """
    listed: dict[str, str] = {}
    with suppress(OSError, ValueError, AttributeError):
        found = json.loads((folder / WRITTEN).read_bytes())
        listed = {str(name): str(digest) for name, digest in found.items() if Path(str(name)).name == str(name)}
    own = []
    for name in sorted({*whole, *listed} - {WRITTEN}):
        path = folder / name
        if path.is_symlink() or path.exists():
            same = path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == listed.get(name)
            own += [] if same or (name not in whole and not path.is_file()) else [name]
    if (folder / WRITTEN).exists() and not listed:
        own.append(WRITTEN)
    if own:
        raise BayesineqError(
            f"the folder {str(folder)!r} holds {', '.join(own)}, which was not written there by a command like this "
            "one, or was changed since: move it, or choose another folder"
        )
    return {**{name: digest for name, digest in listed.items() if (folder / name).exists()}, WRITTEN: ""}


def _swapped(folder: Path, whole: Mapping[str, bytes]) -> bool:
    """Put a finished folder in the place of one that holds nothing else, in one step; False where that cannot be."""
    try:
        beside = Path(tempfile.mkdtemp(dir=folder.parent, prefix=_own()))
    except OSError:
        return False
    try:
        beside.chmod(stat.S_IMODE(folder.stat().st_mode) if folder.exists() else 0o777 & ~_umask())
        for name, content in whole.items():
            with (beside / name).open("xb") as file:
                _fill(file.fileno(), content)
        if not folder.exists():
            with suppress(OSError):
                beside.rename(folder)
                return True
        return _exchanged(beside, folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _exchanged(one: Path, other: Path) -> bool:
    """Exchange two folders in one step, where the system can."""
    import ctypes

    try:
        exchange = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError, TypeError):
        return False
    here, swap = -100, 2
    return bool(exchange(here, os.fsencode(one), here, os.fsencode(other), swap) == 0)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
