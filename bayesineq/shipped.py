"""Files that ship with the package, in a wheel or in a checkout, and the one reader of cards of TOML."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any


def folder(name: str) -> Path:
    """
    Folder of shipped files.

    Parameters
    ----------
    name : {"models", "data_schema"}
        Which folder.

    Returns
    -------
    Path
        The folder inside the installed package, or at the top of a checkout.
    """
    installed = Path(__file__).parent / "_shipped" / name
    return installed if installed.is_dir() else Path(__file__).parent.parent / name


def shipped_cards(kinds: tuple[str, ...]) -> dict[str, Path]:
    """Cards that ship, by name: the .toml files of folders such as "models/cohorts"."""
    tops = [(kind, *kind.partition("/")[::2]) for kind in kinds]
    return {path.stem: path for _, top, rest in tops for path in sorted((folder(top) / rest).glob("*.toml"))}


def card_path(given: str | Path, kinds: tuple[str, ...], what: str, error: type[Exception]) -> Path:
    """
    Path of a card that is given by the name of one that ships, or by a path that ends in .toml.

    Parameters
    ----------
    given : str or Path
        What the user gave.
    kinds : tuple of str
        Folders of those that ship, as of `shipped_cards`.
    what : str
        What it is, in an error.
    error : type
        The error of the reader.
    """
    path, held = Path(given), shipped_cards(kinds)
    if path.suffix.lower() == ".toml":
        return path
    if str(given) not in held:
        raise error(
            f"There is no {what} {str(given)!r}. Give one of {', '.join(held)}, or the path of a file that ends in "
            ".toml."
        )
    return held[str(given)]


def card_text(path: Path, what: str, error: type[Exception]) -> str:
    """Text of a card, with or without the mark of order that Windows writes."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise error(f"The {what} {str(path)!r} cannot be read: there is no such file. Check the path.") from None
    except UnicodeDecodeError as wrong:
        raise error(f"The {what} {str(path)!r} cannot be read: it is not UTF-8 ({wrong}). Save it as UTF-8.") from None
    except (OSError, ValueError) as wrong:
        why = getattr(wrong, "strerror", None) or wrong
        raise error(f"The {what} {str(path)!r} cannot be read: {why}. Give the path of a TOML file.") from None


def card_of(text: str, origin: str, what: str, error: type[Exception]) -> dict[str, Any]:
    """What the text of a card says."""
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as wrong:
        raise error(f"The {what} {origin!r} is not TOML: {wrong}. Mend the file.") from None
