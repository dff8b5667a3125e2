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
    try:
        with zipfile.ZipFile(existing(path)) as archive, tempfile.TemporaryDirectory() as folder:
            held = {
                one.filename: one
                for one in archive.infolist()
                if not one.is_dir() and suffix(Path(one.filename)) in _KINDS and not _is_litter(one.filename)
            }
            name = _chosen(path, list(held), member)
            _refuse_bomb(path, held[name])
            out = Path(folder) / PurePosixPath(name).name
            with archive.open(held[name]) as packed, out.open("wb") as target:
                shutil.copyfileobj(packed, target)
            yield out, name
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise SchemaError(f"The archive {path} cannot be unpacked: {error}. Fetch it again, or unpack it.") from error


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


def _refuse_bomb(path: Path, member: zipfile.ZipInfo) -> None:
    if member.file_size > MOST_BYTES and member.file_size > MOST_TIMES * max(member.compress_size, 1):
        raise SchemaError(
            f"{member.filename} in {path} unpacks from {member.compress_size:,} bytes to {member.file_size:,}: that is "
            "no table. Open it elsewhere, and look at what it holds."
        )
