"""
Likelihoods: a file each, found by being here.

A file `NAME.py` of this folder holds one likelihood as `FAMILY`. A card names it, and every stage asks the object: the
reader for its roles and parameters, the design for its checks and its unit, the engines for its density, later stages
for its mean and its replicates. The name stands in no other file, but for its line in `bayesineq.inference.nuts`.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pkgutil import iter_modules
from types import MappingProxyType
from typing import Final

from bayesineq.model.families.family import DISPERSION, Family, OwnParameter


def _found() -> dict[str, Family]:
    modules = (import_module(f"{__name__}.{module.name}") for module in iter_modules(__path__))
    return {module.FAMILY.name: module.FAMILY for module in modules if hasattr(module, "FAMILY")}


FAMILIES: Final[Mapping[str, Family]] = MappingProxyType(_found())
"""Every likelihood by its name."""

__all__ = ["DISPERSION", "FAMILIES", "Family", "OwnParameter"]
