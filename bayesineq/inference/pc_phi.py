"""Penalised complexity prior of BYM2's mixing parameter, tabulated once per graph."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import BSpline, CubicSpline, make_interp_spline
from scipy.special import expit, logit

from bayesineq.errors import CardError
from bayesineq.model.priors import Prior
from bayesineq.space.adjacency import Adjacency
from bayesineq.space.scaling import marginal_variances
from bayesineq.sparse.numeric import factorise
from bayesineq.sparse.symbolic import analyse

END: Final = 12.0
"""The prior lives on |logit(phi)| below this: the distance from an unstructured field has no end as phi nears 1."""

_STEP: Final = 0.25
# The log distance is analytic within pi of the real line, so that a spline of high degree needs few of its values.
_COARSE: Final = 0.75
_DEGREE: Final = 7
_MAX_DENSE: Final = 200


@dataclass(frozen=True, slots=True)
class PhiPrior:
    """
    Log density of logit(phi) as a cubic spline.

    Parameters
    ----------
    knot : ndarray, shape (n_knot,)
        Values of logit(phi), from -12 to 12; the density is zero beyond.
    coefficient : ndarray, shape (4, n_knot - 1)
        Coefficients of each piece, highest power first, in the distance from the knot on its left.
    rate : float
        Rate of the exponential distribution of the distance.
    """

    knot: NDArray[np.float64]
    coefficient: NDArray[np.float64]
    rate: float

    def log_density(self, value: NDArray[np.float64] | float) -> NDArray[np.float64]:
        """
        Log density with respect to logit(phi).

        Parameters
        ----------
        value : ndarray or float
            logit(phi).

        Returns
        -------
        ndarray
            Log density; minus infinity beyond the ends.
        """
        at = np.asarray(value, dtype=np.float64)
        piece = np.clip(np.searchsorted(self.knot, at, side="right") - 1, 0, len(self.knot) - 2)
        step = at - self.knot[piece]
        a, b, c, d = self.coefficient[:, piece]
        inside = np.abs(at) <= END
        return np.where(inside, ((a * step + b) * step + c) * step + d, -np.inf)

    def draw(self, stream: np.random.Generator, size: int) -> NDArray[np.float64]:
        """Independent draws of phi, by inverting the distribution on a fine grid."""
        grid = np.linspace(-END, END, 20_001)
        mass = np.cumsum(np.exp(self.log_density(grid)))
        return np.asarray(expit(np.interp(stream.uniform(mass[0], mass[-1], size), mass, grid)))


def phi_prior(prior: Prior, adjacency: Adjacency, scale: NDArray[np.float64]) -> PhiPrior:
    r"""
    Tabulate the PC prior of phi for one graph.

    With :math:`\gamma_i` the eigenvalues of the scaled structured covariance (zero along the constant of each
    component), the Kullback-Leibler divergence from independence is
    :math:`\frac12 \sum_i [\phi(\gamma_i - 1) - \log(1 + \phi(\gamma_i - 1))]`, and the distance
    :math:`d = \sqrt{2\,\mathrm{KLD}}` is exponential, with the rate at which the card's statement holds, and cut off
    where logit(phi) = 12.

    Shapes: scale (n_component,).

    `prior`: PC(below, probability): P(phi < below) = probability; or PC(above, probability).

    References
    ----------
    Simpson D, Rue H, Riebler A, Martins TG, Sorbye SH. Penalising model component complexity. Stat Sci 2017.
    https://doi.org/10.1214/16-STS576
    """
    knot = np.linspace(-END, END, round(2 * END / _STEP) + 1)
    divergence = _divergence(adjacency, scale)
    coarse = np.linspace(-END, END, round(2 * END / _COARSE) + 1)
    log_distance = make_interp_spline(coarse, [0.5 * np.log(2 * divergence(t)) for t in coarse], k=_DEGREE)
    distance = np.exp(log_distance(knot))
    rate = _rate(prior, log_distance)
    # d is a function of logit(phi) already, so its derivative is the whole Jacobian.
    density = (
        np.log(rate)
        - rate * distance
        + np.log(distance)
        + np.log(log_distance(knot, 1))
        - np.log(-np.expm1(-rate * distance[-1]))
    )
    return PhiPrior(knot, CubicSpline(knot, density).c, rate)


def _rate(prior: Prior, log_distance: BSpline) -> float:
    """Rate at which the exponential distribution of the distance holds what the card says of phi."""
    above = "above" in prior.parameters
    bound = prior["above"] if above else prior["below"]
    exceeding = prior["probability"] if above else 1 - prior["probability"]
    return float(-np.log(exceeding) * np.exp(-log_distance(logit(bound))))


def _divergence(adjacency: Adjacency, scale: NDArray[np.float64]) -> Callable[[float], float]:
    """Kullback-Leibler divergence of BYM2 at logit(phi) from independent effects."""
    linked = adjacency.component_sizes[adjacency.component] > 1
    if not linked.any():
        raise CardError("a PC prior on phi needs areas with neighbours, and this adjacency has none; use Beta")
    return (_dense_divergence if len(adjacency) <= _MAX_DENSE else _sparse_divergence)(adjacency, scale, linked)


def _dense_divergence(
    adjacency: Adjacency, scale: NDArray[np.float64], linked: NDArray[np.bool_]
) -> Callable[[float], float]:
    precision = adjacency.laplacian()[linked][:, linked].toarray() * scale[adjacency.component[linked]]
    n_component = int((adjacency.component_sizes > 1).sum())
    excess = np.concatenate([np.full(n_component, -1.0), 1 / np.linalg.eigvalsh(precision)[n_component:] - 1])

    def divergence(at: float) -> float:
        change = expit(at) * excess
        return 0.5 * float(np.sum(change - np.log1p(change)))

    return divergence


def _sparse_divergence(
    adjacency: Adjacency, scale: NDArray[np.float64], linked: NDArray[np.bool_]
) -> Callable[[float], float]:
    """
    Divergence without eigenvalues, from one sparse factorisation at each phi.

    With Q of k components, log|Sigma| = k log(1 - phi) - k log(phi) + log|(1 - phi) Q + phi I| - log|Q|*. The
    pseudo-determinant is, by the matrix-tree theorem, that of Q without one area of each component, times its size.
    """
    size, component = adjacency.component_sizes, adjacency.component
    n, n_component = int(linked.sum()), int((size > 1).sum())
    edge = -scale[component[adjacency.edges[:, 0]]]
    degree = scale[component] * np.bincount(adjacency.edges.ravel(), minlength=len(adjacency))
    row = np.concatenate([np.arange(len(adjacency)), adjacency.edges[:, 0]])
    column = np.concatenate([np.arange(len(adjacency)), adjacency.edges[:, 1]])
    pattern = analyse(len(adjacency), row, column)
    held = np.zeros(len(adjacency), dtype=bool)
    held[np.unique(component, return_index=True)[1]] = True
    free = ~held[adjacency.edges].any(axis=1)
    grounded = factorise(pattern, np.concatenate([np.where(held, 1.0, degree), edge * free]))
    log_pseudo = grounded.log_determinant + float(np.log(size).sum())
    trace = float((marginal_variances(adjacency) / scale[component])[linked].sum())

    def divergence(at: float) -> float:
        phi, rest = float(expit(at)), float(expit(-at))
        # An area without neighbours has precision one at any phi, and so adds nothing.
        diagonal = np.where(linked, rest * degree + phi, 1.0)
        whole = factorise(pattern, np.concatenate([diagonal, rest * edge])).log_determinant
        log_covariance = -n_component * at + whole - log_pseudo
        return 0.5 * (phi * (trace - n) - log_covariance)

    return divergence
