"""Where the files that ship with the package lie: in a wheel or in a checkout."""

from __future__ import annotations

from pathlib import Path


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
