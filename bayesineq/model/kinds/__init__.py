"""
Kinds of term: a file each, found by being here.

A file `NAME.py` of this folder holds one kind as `KIND`. A card names it, and every stage asks the object: the reader
for what it takes, the design for its parts, the engines and prior draws for their structures, later stages for what
its parameters mean. The name stands in no other file, but for its line in `bayesineq.inference.nuts.terms`, and there
only if the sampler is to have a parametrisation of its own for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pkgutil import iter_modules
from types import MappingProxyType
from typing import Final

from bayesineq.model.kinds.kind import Coefficients, Factor, Hyperparameter, Kind, Part, Seen
from bayesineq.model.kinds.structures import Structure


def _found() -> dict[str, Kind]:
    modules = (import_module(f"{__name__}.{module.name}") for module in iter_modules(__path__))
    found = [module.KIND for module in modules if hasattr(module, "KIND")]
    return {kind.name: kind for kind in sorted(found, key=lambda kind: kind.rank)}


KINDS: Final[Mapping[str, Kind]] = MappingProxyType(_found())
"""Every kind by its name, the simplest first."""

__all__ = ["KINDS", "Coefficients", "Factor", "Hyperparameter", "Kind", "Part", "Seen", "Structure"]
