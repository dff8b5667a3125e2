r"""
The horseshoe with a slab: most coefficients nearly zero, and a few as large as the data say, up to the slab.

With :math:`\lambda` half-Cauchy, the horseshoe is :math:`N(0, \tau^2 \lambda^2)` averaged over :math:`\lambda`, and has
the density :math:`(2 \pi^3)^{-1/2} \tau^{-1} e^z E_1(z)`, :math:`z = \beta^2 / 2 \tau^2` (Carvalho, Polson and Scott
2010). The slab multiplies it by the density of a normal of standard deviation :math:`s` (Nishimura and Suchard 2023),
which leaves a constant in closed form.

References
----------
Carvalho CM, Polson NG, Scott JG. The horseshoe estimator for sparse signals. Biometrika 2010.
https://doi.org/10.1093/biomet/asq017

Nishimura A, Suchard MA. Shrinkage with shrunken shoulders: Gibbs sampling shrinkage model posteriors with guaranteed
convergence rates. Bayesian Analysis 2023. https://doi.org/10.1214/22-BA1308
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

Floats = NDArray[np.float64]

_NEAREST: Final = 1e-14
"""Squared distance from zero, in scales, below which the density is that there: at zero itself it has a pole."""

_STEP: Final = 0.2
_FIRST, _LAST = -26.0, 27.0


def _angle(a: float) -> tuple[float, float]:
    """The angle of the scale over the slab, and its sine; hyperbolic for a slab below the scale."""
    return (math.acos(a) if a < 1.0 else math.acosh(a)), math.sqrt(abs(1.0 - a * a))


def _share(a: float) -> float:
    """Mean over the horseshoe of exp(-a^2 x^2 / 2): what the slab leaves of it."""
    angle, sine = _angle(a)
    return 2.0 / math.pi * (angle / sine if sine else 1.0)


def log_density(x: Any, a: float) -> Any:
    """Log density in units of the scale, `a`: the scale over the slab. Shapes: of x."""
    z = 0.5 * np.maximum(np.square(x), _NEAREST)
    tail = np.where(z > 1e4, 1.0 / (z + 1.0), special.hyperu(1.0, 1.0, np.minimum(z, 1e4)))
    return np.log(tail) - 1.5 * math.log(math.pi) - 0.5 * math.log(2.0) - a * a * z - math.log(_share(a))


class _Horseshoe(stats.rv_continuous):
    """The law, for scipy: one shape, the scale over the slab."""

    def _logpdf(self, x: Any, *args: Any) -> Any:
        return log_density(x, float(np.ravel(args[0])[0]))

    def _pdf(self, x: Any, *args: Any) -> Any:
        return np.exp(self._logpdf(x, *args))

    def _rvs(self, *args: Any, size: Any = None, random_state: Any = None) -> Any:
        a = float(np.ravel(args[0])[0])
        (end, k), uniform = _angle(a), random_state.uniform(size=size)
        # The half-Cauchy scale is the tangent of an angle, whose sine has a distribution function in closed form.
        sine = uniform if k == 0.0 else (np.sin if a < 1.0 else np.sinh)(uniform * end) / k
        precision = (1.0 - sine**2) / sine**2 + a * a
        return random_state.standard_normal(size=size) / np.sqrt(precision)


LAW: Final = _Horseshoe(name="horseshoe", shapes="a")


def normals(square: Any) -> tuple[Any, Any]:
    """
    The same as a finite mixture of normals: precisions in units of the scale, and weights that add up to one.

    The trapezoid rule over the logarithm of the half-Cauchy scale, whose error is that of rounding. Shapes: returns
    (265,) each. `square`: the square of the scale over the slab, a number or a tensor.
    """
    at = np.arange(_FIRST, _LAST, _STEP)
    wide = np.exp(-2.0 * at)
    precision = wide + square
    # What the slab takes of each normal is a root.
    share = (wide / precision) ** 0.5 / np.cosh(at)
    return precision, share / share.sum()
