"""Progress on work longer than two seconds, on standard error."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

_PATIENCE: Final = 2.0


@contextmanager
def reporter(shown: bool) -> Iterator[Callable[[str], None]]:
    """Something to tell what is being done."""
    if not shown:
        yield lambda text: None
        return
    from rich.console import Console
    from rich.status import Status

    begun = time.monotonic()
    status = Status("", console=Console(stderr=True))
    visible = False

    def report(text: str) -> None:
        nonlocal visible
        status.update(text)
        if not visible and time.monotonic() - begun > _PATIENCE:
            visible = True
            status.start()

    try:
        yield report
    finally:
        if visible:
            status.stop()
