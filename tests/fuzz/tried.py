"""Run a command within this process, and hold it to the property: a right result, or status 2 and one message."""

from __future__ import annotations

import io
import os
import re
import resource
import signal
import sys
import tempfile
import traceback
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, chdir, contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from random import Random
from typing import Any, NamedTuple
from unittest.mock import patch

from bayesineq import errors
from bayesineq.cli import main
from tests.fuzz.inputs import KINDS

SECONDS = 60
BYTES = 4 * 2**30
TYPED = [name for name, of in vars(errors).items() if isinstance(of, type) and issubclass(of, errors.BayesineqError)]
_HEAVY = (
    "bayesineq.inference.fit.fit",
    "bayesineq.cli._fit_latent",
    "bayesineq.cohort.members.cohort",
    "bayesineq.demo.run",
)
_MESSAGE = re.compile(rf"^({'|'.join(TYPED)}): .", re.MULTILINE)


class Ended(NamedTuple):
    """How a command ended: its status, what it said, and what was wrong with that."""

    status: int
    said: str
    fault: str | None


class NotFitted(errors.BayesineqError):
    """Raised in place of a fit, where what comes before it is tried."""


def _stop(*_: object) -> None:
    raise TimeoutError(f"more than {SECONDS} seconds")


@contextmanager
def _limited() -> Iterator[None]:
    earlier = signal.signal(signal.SIGALRM, _stop)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, earlier)


def run(arguments: list[str], *, fits: bool = True) -> tuple[int, str, str | None]:
    """Status, what was said, and the fault; `fits=False` ends a command where a fit would begin."""
    told, complained = io.StringIO(), io.StringIO()
    status, fault = -1, None

    def refused(*_: Any, **__: Any) -> None:
        raise NotFitted("a fit would begin here")

    with warnings.catch_warnings(), redirect_stdout(told), redirect_stderr(complained), _limited():
        warnings.simplefilter("ignore")
        try:
            with patch.object(sys, "argv", ["bayesineq", *arguments]):
                if fits:
                    main()
                else:
                    with ExitStack() as stack:
                        for heavy in _HEAVY:
                            stack.enter_context(patch(heavy, refused))
                        main()
        except SystemExit as ended:
            status = int(ended.code or 0)
        except BaseException as error:
            frames = [f for f in traceback.extract_tb(error.__traceback__) if "bayesineq/" in f.filename]
            last = frames[-1]
            at = f"{last.filename.rpartition('bayesineq/')[2]}:{last.lineno} {last.name}"
            fault = f"{type(error).__name__} at {at}: {str(error)[:200]}"
    return status, complained.getvalue() if status else told.getvalue(), fault


def judged(status: int, said: str, *, may_say_no: bool = False) -> str | None:
    """What is wrong with how a command ended; some commands end with status 1 where their answer is no."""
    if status == 0 or (may_say_no and status == 1 and not said):
        return None
    if status != 2:
        return f"status {status}: {said[-300:]}"
    if "Usage:" in said:
        return None
    if "Traceback" in said:
        return f"a traceback is printed: {said[-300:]}"
    found = _MESSAGE.findall(said)
    if len(found) != 1 and "NotFitted" not in said:
        return f"{len(found)} typed messages: {re.sub('[0-9]+', '0', said[:160])}"
    return None


def attempt(kind: str, seed: int | Random) -> Ended:
    """One input of a kind, made from a seed; the folder it is tried in is gone afterwards."""
    random = seed if isinstance(seed, Random) else Random(seed)
    with tempfile.TemporaryDirectory(prefix="bayesineq-fuzz-") as folder:
        place = Path(folder)
        tried = KINDS[kind](random, place)
        before = {path: path.read_bytes() for path in place.rglob("*") if path.is_file()}
        fits = kind in ("cards", "boundaries", "neighbours", "command lines") and random.random() < 0.05
        # Outputs at paths that are not whole land here, and nowhere else.
        with chdir(place):
            status, said, fault = run(tried.arguments, fits=fits)
        asked = bool({"rerun", "attack", "diagnose"} & set(tried.arguments))
        fault = fault or judged(status, said, may_say_no=asked)
        if fault is None and (status == 0 or "NotFitted" in said):
            try:
                tried.right(said)
            except Exception as error:
                fault = f"a wrong result: {type(error).__name__}: {str(error)[:300]}"
        if fault is None and any(not path.is_file() or path.read_bytes() != held for path, held in before.items()):
            fault = "an input was changed"
        left = [p.name for p in place.rglob("*") if p.name.startswith(".bayesineq")]
        new = {p for p in place.rglob("*") if p.is_file()} - set(before)
        if fault is None and (left or (status not in (0, 1) and new)):
            fault = f"files were left behind: {left or sorted(p.name for p in new)}"
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    if fault is None and peak > BYTES and os.uname().sysname == "Linux":
        fault = f"{peak / 2**30:.1f} GB were held"
    return Ended(status, said, fault)
