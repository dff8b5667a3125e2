"""Processes that are killed, at a moment or at a step of what they do in the file system."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

STEPS = ("replace", "rename", "unlink", "mkdir")
ENDED, FAILED, COUNTED = 0, 1, 64


def _counted(function: Callable[..., object], done: list[object], at: int | None) -> Callable[..., object]:
    def called(*given: object, **named: object) -> object:
        done.append(function)
        if len(done) == at:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*given, **named)

    return called


def in_child(
    work: Callable[[], None], *, at: int | None = None, after: float | None = None, count: Path | None = None
) -> int:
    """
    How a child process ended that does some work: 0, 1 for an error, -9 where it was killed.

    It is killed at its so many-th step in the file system (`at`), or after so many seconds (`after`). How many steps it
    took is written to `count`.
    """
    child = os.fork()
    if child:
        if after is not None:
            time.sleep(after)
            os.kill(child, signal.SIGKILL)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    done: list[object] = []
    try:
        os.link, os.fsync = _counted(os.link, done, at), _counted(os.fsync, done, at)
        for name in STEPS:
            setattr(Path, name, _counted(getattr(Path, name), done, at))
        work()
        if count is not None:
            count.write_text(str(len(done)))
    except BaseException:
        import traceback

        traceback.print_exc()
        os._exit(FAILED)
    os._exit(ENDED)
