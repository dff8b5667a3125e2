"""How finished files and folders get to their places in one step, and how what a kill left is finished or removed."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
import stat
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final

from bayesineq.errors import BayesineqError

PREFIX: Final = ".bayesineq-"
_PENDING: Final = ".pending"
_OPEN: Final = 200
"""Files that are held without a name at a time; more of them are named before the last is complete."""

_PATIENCE: Final = 60.0

type Contents = Mapping[Path, bytes | Mapping[str, bytes]]
"""By target: what a file shall hold, or by name what the files of a folder shall."""


def own_name() -> str:
    """How names of this process begin: of this machine, and with its number."""
    host = hashlib.sha256(socket.gethostname().encode()).hexdigest()[:6]
    return f"{PREFIX}{host}-{os.getpid()}-"


def beside(target: Path) -> Path:
    """A name in the folder of a target that nothing else has."""
    return target.parent / f"{own_name()}{os.urandom(6).hex()}{target.suffix}"


@contextmanager
def alone(folders: Iterable[Path]) -> Iterator[None]:
    """
    Keep other writers out of folders, where the system can lock one.

    A lock is of the folder itself, so that it leaves no file, and ends with the process, however that ends.
    """
    with ExitStack() as held:
        for folder in sorted(set(folders)):
            _lock(folder, held)
        yield


def _lock(folder: Path, held: ExitStack) -> None:
    try:
        import fcntl

        handle = os.open(folder, os.O_RDONLY)
    except (ImportError, OSError):
        return
    held.callback(os.close, handle)
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                raise BayesineqError(
                    f"another process has been writing into {str(folder)!r} for {_PATIENCE:.0f} seconds; "
                    "wait for it, or end it"
                ) from None
            time.sleep(0.02)
        except OSError:
            # A file system without locks.
            return
        else:
            return


def completed(contents: Contents) -> dict[Path, Path]:
    """
    Finished files and folders beside their targets, by target.

    Where the system has files without a name, none has one until all are complete, so that a kill leaves nothing.
    """
    made = {target: beside(target) for target in contents}
    leaves = [
        (place / name, content) for target, place in made.items() for name, content in _leaves(contents[target]).items()
    ]
    homes = {place: place.parent for place in made.values()}
    handles: list[int | None] = []
    try:
        for place, content in leaves:
            home = next(home for at, home in homes.items() if at == place or at in place.parents)
            handles.append(_unnamed(home, content) if len(handles) < _OPEN else None)
        for target, place in made.items():
            if not isinstance(contents[target], bytes):
                place.mkdir()
        for handle, (place, content) in zip(handles, leaves, strict=True):
            place.parent.mkdir(parents=True, exist_ok=True)
            _name(handle, content, place)
        for target, place in made.items():
            if target.is_dir():
                place.chmod(stat.S_IMODE(target.stat().st_mode))
    except BaseException:
        for place in made.values():
            remove(place)
        raise
    finally:
        for handle in handles:
            if handle is not None:
                os.close(handle)
    return made


def _leaves(content: bytes | Mapping[str, bytes]) -> Mapping[str, bytes]:
    return {"": content} if isinstance(content, bytes) else content


def _unnamed(folder: Path, content: bytes) -> int | None:
    """A complete file that has no name yet; None where the system has no such files."""
    kind = getattr(os, "O_TMPFILE", None)
    if kind is None or not Path("/proc/self/fd").is_dir():
        return None
    try:
        handle = os.open(folder, kind | os.O_WRONLY, 0o666)
    except OSError:
        return None
    try:
        _fill(handle, content)
    except BaseException:
        os.close(handle)
        raise
    return handle


def _name(handle: int | None, content: bytes, place: Path) -> None:
    """Give a complete file its name, or write it under that."""
    if handle is not None:
        with suppress(OSError):
            os.link(f"/proc/self/fd/{handle}", place, follow_symlinks=True)
            return
    named = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
    try:
        _fill(named, content)
    except BaseException:
        os.close(named)
        place.unlink(missing_ok=True)
        raise
    os.close(named)


def _fill(handle: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(handle, view[: 1 << 24]) :]
    os.fsync(handle)


def put(made: Mapping[Path, Path], gone: Sequence[Path] = ()) -> None:
    """
    Put finished files and folders in their places and take others away: all or none.

    `made`: by target, what `completed` gave; `gone`: files to remove. Notes of what is to be done, one in each folder,
    count from the moment that the first of them stands there: from then on whoever writes there next finishes it.
    """
    if len(made) == 1 and not gone:
        ((target, place),) = made.items()
        if not place.is_dir() or not target.exists():
            place.replace(target)
            return
        if _exchanged(place, target):
            return
    notes = _noted(made, gone)
    kept: dict[Path, Path] = {}
    placed: list[Path] = []
    try:
        for target, place in made.items():
            if target.exists():
                kept[target] = _kept(target)
            place.replace(target)
            placed.append(target)
        for target in gone:
            target.unlink(missing_ok=True)
    except BaseException:
        for target in made:
            if target in placed and (target not in kept or target.is_dir()):
                remove(target)
            # Where it was not replaced yet, what is kept of a file is that file under another name.
            if target in kept and (target in placed or not target.exists()):
                kept.pop(target).replace(target)
        raise
    finally:
        for left in (*reversed(notes), *kept.values()):
            remove(left)


def _noted(made: Mapping[Path, Path], gone: Sequence[Path]) -> list[Path]:
    """Write what is to be done beside the targets of every folder; the note that makes it count stands last."""
    folders = list(dict.fromkeys(target.parent for target in (*made, *gone)))
    first, *others = [beside(folder / f"steps{_PENDING}") for folder in folders]
    notes: list[Path] = []
    try:
        for note in (*others, first):
            steps = {place.name: target.name for target, place in made.items() if target.parent == note.parent}
            said = {"steps": steps, "gone": [path.name for path in gone if path.parent == note.parent]}
            links = {"also": [str(other) for other in others]} if note == first else {"after": str(first)}
            # Under another name until it is whole: a note that is cut short would be none.
            for place in completed({note.with_suffix(""): json.dumps(said | links).encode()}).values():
                try:
                    place.replace(note)
                finally:
                    remove(place)
            notes.append(note)
    except BaseException:
        for note in notes:
            remove(note)
        raise
    return notes


def _kept(target: Path) -> Path:
    """What stood there, under another name for as long as it may have to be put back."""
    kept = beside(target)
    if target.is_dir():
        target.rename(kept)
        return kept
    try:
        os.link(target, kept)
    except OSError:
        shutil.copy2(target, kept)
    return kept


def remove(path: Path) -> None:
    """Remove a file, or a folder and what is in it."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def tidy(folder: Path) -> None:
    """Finish what a killed process had begun to put in place here, and remove what it left."""
    host = own_name().rsplit("-", 2)[0]
    with suppress(OSError):
        left = [path for path in folder.glob(f"{host}-*") if not _runs(path.name.removeprefix(f"{host}-"))]
        for note in (path for path in left if path.suffix == _PENDING):
            _finish(note)
        for path in left:
            remove(path)


def _finish(note: Path) -> None:
    """Do what a note says that is not done yet, here and in the other folders of the same step."""
    with suppress(ValueError, AttributeError, TypeError):
        said = json.loads(note.read_bytes())
        if "after" in said and not Path(said["after"]).is_file():
            return
        folder = note.parent
        for place, target in said["steps"].items():
            at, to = folder / Path(place).name, folder / Path(target).name
            if at.name.startswith(PREFIX) and at.exists():
                if to.is_dir():
                    remove(to)
                at.replace(to)
        for name in said["gone"]:
            (folder / Path(name).name).unlink(missing_ok=True)
        for other in map(Path, said.get("also", ())):
            if other.name.startswith(PREFIX) and other.suffix == _PENDING and other.is_file():
                _finish(other)
                other.unlink(missing_ok=True)


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


def _exchanged(one: Path, other: Path) -> bool:
    """Exchange two folders in one step, where the system can."""
    import ctypes

    try:
        exchange = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError, TypeError):
        return False
    here, swap = -100, 2
    return bool(exchange(here, os.fsencode(one), here, os.fsencode(other), swap) == 0)
