"""Keywords of the learner and fields of its options, told apart."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from bayesineq.uplift.options import LearnerOptions

_OPTIONS = {field.name for field in fields(LearnerOptions)}


def ask(**keywords: Any) -> dict[str, Any]:
    """Keywords for the learner: those of its options are put into one."""
    options = {name: value for name, value in keywords.items() if name in _OPTIONS}
    rest = {name: value for name, value in keywords.items() if name not in _OPTIONS}
    return rest | {"options": LearnerOptions(**options)}
