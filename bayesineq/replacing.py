"""Output files that are replaced whole or not at all, one by one or several in one step."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

from bayesineq.errors import BayesineqError
from bayesineq.placing import alone, completed, own_name, put, remove, tidy

if TYPE_CHECKING:
    import pandas as pd

WRITTEN: Final = "files.json"
"""In a folder that is written as one: what was written, each with its digest."""

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
    tidy(target.parent)
    with _named(target):
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=own_name(), suffix=target.suffix)
    os.close(handle)
    beside = Path(name)
    try:
        with _named(target):
            yield beside
            beside.chmod(0o666 & ~_umask())
            beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)


def write_together(contents: Mapping[Path, bytes], folders: Mapping[Path, Mapping[str, bytes]] | None = None) -> None:
    """
    Write files, and folders, that belong together: all are replaced, or none is.

    Parameters
    ----------
    contents : mapping of Path to bytes
        What each file shall hold; a file that is no regular one, such as `/dev/null`, is written to as it is.
    folders : mapping of Path to mapping of str to bytes, optional
        Folders that are written as of `write_folder` in the same step.

    Raises
    ------
    BayesineqError
        If one of them cannot be written; then all are as they were. After a kill between two of them, what was begun
        is finished by whatever writes into one of the folders next.
    """
    whole = {_target(path): content for path, content in contents.items()}
    inside = {_folder(path): _listed(files) for path, files in (folders or {}).items()}
    places = [*(target.parent for target in whole), *(folder.parent for folder in inside)]
    with _named(next(iter([*whole, *inside]))), alone([*places, *(folder for folder in inside if folder.is_dir())]):
        for folder in {*places, *inside, *(part for own in inside for part in own.rglob("*") if part.is_dir())}:
            tidy(folder)
        for target in [target for target in whole if target.exists() and not target.is_file()]:
            with _named(target):
                target.write_bytes(whole.pop(target))
        step: dict[Path, bytes | Mapping[str, bytes]] = dict(whole)
        gone: list[Path] = []
        for folder, files in inside.items():
            gone += _into(step, folder, files)
        made = completed(step)
        try:
            put(made, gone)
        finally:
            for left in made.values():
                remove(left)


def _into(step: dict[Path, bytes | Mapping[str, bytes]], folder: Path, files: Mapping[str, bytes]) -> list[Path]:
    """Add a folder to what is written: as one, or file by file where it holds others; gives what is to go of it."""
    earlier = _earlier(folder, files) if folder.is_dir() else {}
    own = {folder / name for name in earlier} | {folder / name for name in earlier for name in _above(name)}
    others = folder.is_dir() and {*folder.rglob("*")} - own
    if not others and not any(folder in target.parents for target in step) and _may_be_swapped(folder):
        step[folder] = files
        return []
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        step[folder / name] = content
    return [folder / name for name in earlier if name not in files]


def _above(name: str) -> list[str]:
    """The folders that a file within a folder lies in."""
    return [str(above) for above in PurePosixPath(name).parents if above.name]


def _may_be_swapped(folder: Path) -> bool:
    """Whether another folder can take the place of this one."""
    if not os.access(folder.parent, os.W_OK):
        return False
    return not folder.exists() or not (os.name == "nt" or folder.is_mount() or folder.is_symlink())


def write_folder(folder: Path, contents: Mapping[str, bytes]) -> None:
    """
    Write the files of a folder as one: those of an earlier time are replaced or removed together.

    Parameters
    ----------
    folder : Path
        Made if it is not there. Files in it that were not written this way stay.
    contents : mapping of str to bytes
        By name, which may lie in a folder of it, as in "compared/options.csv". `files.json` is added: every name with
        its digest.

    Raises
    ------
    BayesineqError
        If the folder cannot be written, or holds a file of such a name that was not written this way, or was changed
        since; nothing is changed then.
    """
    write_together({}, {folder: contents})


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """
    Write a folder whose files are made one after the other, for a minute or longer, as one.

    Parameters
    ----------
    folder : Path
        As of `write_folder`.

    Yields
    ------
    Path
        Where to write: a folder beside it, which is gone afterwards.

    Raises
    ------
    BayesineqError
        As of `write_folder`.
    """
    target = _folder(folder)
    tidy(target.parent)
    with _named(target):
        beside = Path(tempfile.mkdtemp(dir=target.parent, prefix=own_name()))
    try:
        yield beside
        made = {path.relative_to(beside).as_posix(): path.read_bytes() for path in beside.rglob("*") if path.is_file()}
        write_folder(target, made)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _listed(contents: Mapping[str, bytes]) -> dict[str, bytes]:
    """The files of a folder with the list of them."""
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    return {**contents, WRITTEN: json.dumps(digests, indent=1, sort_keys=True).encode() + b"\n"}


def _folder(path: Path) -> Path:
    """The folder behind a path, in one that is there."""
    folder = Path(os.path.realpath(path))
    if folder.exists() and not folder.is_dir():
        raise BayesineqError(f"the output {str(path)!r} is a file; give the name of a folder")
    with _named(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
    return folder


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


def _earlier(folder: Path, whole: Mapping[str, bytes]) -> dict[str, str]:
    """What was written into a folder at an earlier time; anything of the user's own that stands in the way is an error.

    Gives digests by name.
    """
    listed: dict[str, str] = {}
    with suppress(OSError, ValueError, AttributeError):
        found = json.loads((folder / WRITTEN).read_bytes())
        listed = {str(name): str(digest) for name, digest in found.items() if _within(str(name))}
    own = []
    for name in sorted({*whole, *listed} - {WRITTEN}):
        path = folder / name
        if path.is_symlink() or path.exists():
            inside = Path(os.path.realpath(path.parent)) == path.parent
            same = inside and path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == listed.get(name)
            own += [] if same or (inside and name not in whole and not path.is_file()) else [name]
    if (folder / WRITTEN).exists() and not listed:
        own.append(WRITTEN)
    if own:
        raise BayesineqError(
            f"the folder {str(folder)!r} holds {', '.join(own)}, which was not written there by a command like this "
            "one, or was changed since: move it, or choose another folder"
        )
    return {**{name: digest for name, digest in listed.items() if (folder / name).exists()}, WRITTEN: ""}


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _within(name: str) -> bool:
    """Whether a name that a list holds stays in its folder."""
    path = PurePosixPath(name)
    return bool(path.name) and not path.is_absolute() and ".." not in path.parts and "\\" not in name
