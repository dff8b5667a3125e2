"""Progress on work longer than two seconds, on standard error."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock, Timer
from typing import Final

_PATIENCE: Final = 2.0


@contextmanager
def reporter(shown: bool, first: str = "Working") -> Iterator[Callable[[str], None]]:
    """Something to tell what is being done; `first` is said of a wait of two seconds before anything was told."""
    if not shown:
        yield lambda text: None
        return
    from rich.console import Console
    from rich.status import Status

    console, lock = Console(stderr=True), Lock()
    status, said, ended = Status(first, console=console), first, False

    def begin() -> None:
        with lock:
            if ended:
                return
            if console.is_terminal:
                status.start()
            else:
                # What cannot be drawn over, a log or a notebook, is told once.
                console.print(f"{said} ...", markup=False, highlight=False, soft_wrap=True)

    def report(text: str) -> None:
        nonlocal said
        said = text
        status.update(text)

    # A wait within one step, such as compiling, is shown too: nothing there calls back.
    timer = Timer(_PATIENCE, begin)
    timer.daemon = True
    timer.start()
    try:
        yield report
    finally:
        timer.cancel()
        with lock:
            ended = True
            status.stop()
