"""Tables in a zip archive, as publishers pack them: one is read as if it lay beside it."""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Final

from bayesineq.errors import SchemaError
from bayesineq.tables.files import MOST_BYTES, MOST_TIMES, existing, suffix

_KINDS: Final = ("csv", "excel", "parquet")
_SHOWN: Final = 12


def is_packed(path: Path) -> bool:
    """Whether a file is a zip archive by its name."""
    return path.name.lower().endswith(".zip")


@contextmanager
def unpacked(path: Path, member: str | None) -> Iterator[tuple[Path, str]]:
    """
    The one table of an archive, or the one that is named, unpacked into a folder that is gone afterwards.

    Yields the file and its name in the archive. Nothing is written outside that folder, whatever names members bear.
    """
    with archive_of(existing(path), f"The archive {path}", "Fetch it again, or unpack it.") as archive:
        held = {
            one.filename: one
            for one in archive.infolist()
            if not one.is_dir() and suffix(Path(one.filename)) in _KINDS and not _is_litter(one.filename)
        }
        name = _chosen(path, list(held), member)
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / PurePosixPath(name).name
            unpack(archive, held[name], out, str(path), "Open it elsewhere, and look at what it holds.")
            yield out, name


@contextmanager
def archive_of(path: Path, named: str, remedy: str) -> Iterator[zipfile.ZipFile]:
    """A zip archive, or an error that names it as it is called and says what to do."""
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise SchemaError(f"{named} is no zip archive that can be unpacked: {error}. {remedy}") from error


def unpack(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, out: Path, named: str, remedy: str, most: int = 0
) -> None:
    """One member of an archive, unless it unpacks to more than so many bytes, or to far more than a table packs to."""
    if most and member.file_size > most:
        raise SchemaError(
            f"{member.filename} in {named} unpacks to {member.file_size:,} bytes, more than the {most:,} that are "
            f"known of it: it is not unpacked. {remedy}"
        )
    if member.file_size > MOST_BYTES and member.file_size > MOST_TIMES * max(member.compress_size, 1):
        raise SchemaError(
            f"{member.filename} in {named} unpacks from {member.compress_size:,} bytes to {member.file_size:,}: that "
            f"is no table. {remedy}"
        )
    with archive.open(member) as packed, out.open("wb") as target:
        shutil.copyfileobj(packed, target)


def _is_litter(name: str) -> bool:
    return name.startswith("__MACOSX/") or PurePosixPath(name).name.startswith((".", "~$"))


def _chosen(path: Path, names: list[str], member: str | None) -> str:
    fits = [name for name in names if member in (None, name, PurePosixPath(name).name)]
    if len(fits) == 1:
        return fits[0]
    shown = ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
    if not names:
        raise SchemaError(f"The archive {path} holds no csv, parquet or workbook.")
    if member is None or fits:
        raise SchemaError(f"The archive {path} holds {len(names)} tables: {shown}. Name the one: --sheet {names[0]}.")
    raise SchemaError(f"The archive {path} holds no {member!r}; it holds {shown}.")
