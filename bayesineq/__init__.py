"""
Bayesian health inequality, from tables to reports.

Public names in the order of a study; each is loaded on first use, so that importing the package is fast.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

_HOME: Final = {
    # tables
    "check": "bayesineq.tables.check",
    "read_table": "bayesineq.tables.files",
    # space
    "Adjacency": "bayesineq.space.adjacency",
    "contiguity": "bayesineq.space.contiguity",
    "from_edges": "bayesineq.space.adjacency",
    "read_adjacency": "bayesineq.space.contiguity",
    "read_areas": "bayesineq.space.areas",
    # design
    "ModelCard": "bayesineq.design.card",
    "read_card": "bayesineq.design.read_card",
    "Design": "bayesineq.design.matrix",
    "design": "bayesineq.design.matrix",
    # inference
    "fit": "bayesineq.inference.fit",
}


if TYPE_CHECKING:
    from bayesineq.design.card import ModelCard
    from bayesineq.design.matrix import Design, design
    from bayesineq.design.read_card import read_card
    from bayesineq.inference.fit import fit
    from bayesineq.space.adjacency import Adjacency, from_edges
    from bayesineq.space.areas import read_areas
    from bayesineq.space.contiguity import contiguity, read_adjacency
    from bayesineq.tables.check import check
    from bayesineq.tables.files import read_table


# A function shares its folder's name. Importing a folder puts it on the package under that name, once: taking it
# off again leaves the name to the function, and `from bayesineq.design.matrix import ...` works all the same.
for _folder in ("design",):
    import_module(f"bayesineq.{_folder}")
    del globals()[_folder]


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'bayesineq' has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
