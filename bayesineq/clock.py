"""When something was made: now, or the moment that SOURCE_DATE_EPOCH states for runs that give the same bytes."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import Final

from bayesineq.errors import BayesineqError

EPOCH: Final = "SOURCE_DATE_EPOCH"
"""Variable of the environment: seconds since 1970, see https://reproducible-builds.org/specs/source-date-epoch."""


def moment() -> str:
    """The time to be written into a file, to the second, in UTC."""
    stated = os.environ.get(EPOCH)
    try:
        at = datetime.now(UTC) if stated is None else datetime.fromtimestamp(int(stated), UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise BayesineqError(f"{EPOCH}={stated!r} is no number of seconds since 1970 ({error}); unset it") from None
    return at.isoformat(timespec="seconds")


def is_stated() -> bool:
    """Whether the moment is stated, and so is to be the same in every run."""
    return EPOCH in os.environ
