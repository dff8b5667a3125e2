"""
Bayesian health inequality, from tables to reports.

At the top the main line of a study, listed in `bayesineq/__init__.pyi`; the rest in the namespaces that are named
there too, such as `bayesineq.measures` or `bayesineq.plots`. Each name is loaded on first use, so that importing the
package is fast.
"""

import lazy_loader

_SPACES = (
    "plots",
    "tables",
    "records",
    "posterior",
    "measures",
    "inference",
    "decisions",
    "space",
    "model",
    "report",
    "disclosure",
)
_at_the_top, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __getattr__(name: str) -> object:
    # Names that stood at the top until version 0.2 and live in a namespace now.
    if not name.startswith("_") and name not in __all__:
        for space in _SPACES:
            if name in (home := _at_the_top(space)).__all__:
                import warnings

                where = f"bayesineq.{space}.{name}"
                warnings.warn(f"bayesineq.{name} is {where} now; the old name goes in 0.3", FutureWarning, stacklevel=2)
                return getattr(home, name)
    return _at_the_top(name)
