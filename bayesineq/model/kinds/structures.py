"""
What effects hang together by: precisions of Gaussian vectors of unit scale, as sums of sparse matrices.

A structure is white noise, a walk, an autoregression, a graph, or the Kronecker product of two of them. Its precision
is a sum of matrices whose weights depend on correlations at most; where it is singular, the vector is orthogonal to
the null space. Engines read structures and never ask which kind of term they belong to.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import linalg
from scipy.sparse import coo_array, csr_array, eye_array, kron

from bayesineq.model.kinds.walks import walk_basis, walk_precision
from bayesineq.space.adjacency import Adjacency
from bayesineq.space.scaling import scale_factors
from bayesineq.sparse.inverse import selected_inverse
from bayesineq.sparse.numeric import factorise, half_solve
from bayesineq.sparse.symbolic import Symbolic, analyse

Float = NDArray[np.float64]

type Values = Mapping[str, Any]
type Draw = Callable[[Values, int, np.random.Generator], Float]

_SINGULAR: Final = 1e-9
"""Share of the largest eigenvalue below which a precision has none."""


@dataclass(frozen=True, slots=True, eq=False)
class Structure:
    """
    Precision of a Gaussian vector z of unit scale: the sum over k of weight k times matrix k.

    Parameters
    ----------
    matrices : tuple of csr_array, shape (n, n)
        Symmetric summands.
    weights : callable
        Weight of each summand at given correlations.
    slopes : callable
        Of a correlation's name: derivatives of the weights in it, at given correlations.
    correlations : tuple of str
        Hyperparameters that the weights depend on.
    null : ndarray, shape (n, n_null)
        Columns that z is orthogonal to: a basis of the precision's null space.
    draw : callable
        Draws of z, shape (n_draw, n), from correlations (arrays of a value a draw), their number and a source of
        randomness.
    is_white : bool
        Whether it is white noise.
    basis : ndarray, shape (n, n_free), optional
        z in terms of white noise, for what is solved as dense and has no correlation.
    factors : tuple of Structure
        The two structures whose product it is.
    graph : Adjacency, optional
        The graph behind it.
    scale : ndarray, shape (n_component,), optional
        What each component of the graph is scaled by.
    """

    matrices: tuple[csr_array, ...]
    weights: Callable[[Values], tuple[Any, ...]]
    draw: Draw
    slopes: Callable[[str, Values], tuple[Any, ...]] = lambda name, values: ()
    correlations: tuple[str, ...] = ()
    null: Float | None = None
    is_white: bool = False
    basis: Float | None = None
    factors: tuple[Structure, ...] = ()
    graph: Adjacency | None = None
    scale: Float | None = None

    def __len__(self) -> int:
        return int(self.matrices[0].shape[0])

    @property
    def n_held(self) -> int:
        """Number of its constraints."""
        return 0 if self.null is None else int(self.null.shape[1])

    def precision(self, values: Values) -> csr_array:
        """
        The precision at given correlations.

        Parameters
        ----------
        values : mapping of str to float
            Correlations.

        Returns
        -------
        csr_array, shape (n, n)
            Sum of the matrices by their weights.
        """
        parts = zip(self.weights(values), self.matrices, strict=True)
        return csr_array(sum(weight * matrix for weight, matrix in parts))


def _constant(values: Values) -> tuple[float]:
    return (1.0,)


def identity(n: int) -> Structure:
    """White noise."""
    return Structure(
        (eye_array(n, format="csr"),),
        _constant,
        lambda values, draws, stream: stream.standard_normal((draws, n)),
        is_white=True,
    )


def walk(n: int, order: int, *, scaled: bool) -> Structure:
    """
    Random walk, orthogonal to the polynomials that its differences do not see.

    `scaled`: Whether the geometric mean of the marginal variances is one.
    """
    basis, precision = walk_basis(n, order, scale=scaled), walk_precision(n, order)
    return Structure(
        (csr_array(precision / (basis[:, 0] @ precision @ basis[:, 0])),),
        _constant,
        lambda values, draws, stream: stream.standard_normal((draws, n - order)) @ basis.T,
        null=np.linalg.qr(np.vander(np.linspace(-1.0, 1.0, n), order))[0],
        basis=basis,
    )


def autoregression(n: int, rho: str = "rho", *, from_rest: bool = False) -> Structure:
    """
    Autoregression of order 1: stationary of unit variance, or from rest with steps of unit variance.

    Stationary, its precision is (I + rho^2 K - rho B) / (1 - rho^2). From rest, as though the value before the first
    were zero, it is I + rho^2 K - rho B: what `sigma` multiplies is then a step, and the variance grows from level to
    level (CARBayesST's autoregression over time: Rushworth, Lee and Mitchell 2014).

    Returns: I, K (the identity without its ends; from rest, without its last) and B (ones beside the diagonal).
    """
    inner = np.ones(n)
    inner[[-1] if from_rest else [0, -1]] = 0.0
    here, after = np.arange(n), np.arange(1, n)
    pairs = np.concatenate([after - 1, after]), np.concatenate([after, after - 1])
    beside = csr_array((np.ones(2 * (n - 1)), pairs), shape=(n, n))

    def weights(values: Values) -> tuple[Any, ...]:
        r = values[rho]
        rest = 1.0 if from_rest else 1.0 - r * r
        return 1.0 / rest, r * r / rest, -r / rest

    def slopes(name: str, values: Values) -> tuple[Any, ...]:
        r = values[rho]
        if from_rest:
            return 0.0, 2.0 * r, -1.0
        square = (1.0 - r * r) ** 2
        return 2.0 * r / square, 2.0 * r / square, -(1.0 + r * r) / square

    def draw(values: Values, draws: int, stream: np.random.Generator) -> Float:
        r, unit = values[rho], stream.standard_normal((draws, n))
        for t in range(1, n):
            unit[:, t] = r * unit[:, t - 1] + (1.0 if from_rest else np.sqrt(1 - r**2)) * unit[:, t]
        return unit

    matrices = (eye_array(n, format="csr"), csr_array((inner, (here, here)), shape=(n, n)), beside)
    return Structure(matrices, weights, draw, slopes, (rho,))


def intrinsic(graph: Adjacency, *, scaled: bool) -> Structure:
    """
    Intrinsic autoregression D - W of a graph, scaled by component; N(0, 1) on areas without neighbours.

    `scaled`: Whether the geometric mean of the marginal variances of each component is one.
    """
    scale = scale_factors(graph) if scaled else np.ones(len(graph.component_sizes))
    single = graph.component_sizes[graph.component] == 1
    laplacian = graph.laplacian().tocoo()
    diagonal = np.flatnonzero(single)
    value = np.concatenate([laplacian.data * scale[graph.component][laplacian.row], np.ones(len(diagonal))])
    row, column = np.concatenate([laplacian.row, diagonal]), np.concatenate([laplacian.col, diagonal])
    several = np.flatnonzero(graph.component_sizes > 1)
    return Structure(
        (csr_array(coo_array((value, (row, column)), shape=laplacian.shape)),),
        _constant,
        lambda values, draws, stream: intrinsic_draws(graph, scale, draws, stream),
        null=(graph.component[:, None] == several).astype(float),
        graph=graph,
        scale=scale,
    )


def proper(graph: Adjacency, rho: str = "rho") -> Structure:
    """Proper autoregression of a graph: precision rho (D - W) + (1 - rho) I."""
    degree, n_edge = _degree(graph), len(graph.edges)

    def draw(values: Values, draws: int, stream: np.random.Generator) -> Float:
        each = np.broadcast_to(values[rho], draws)
        return np.array(
            [_regular_draws(graph, r * degree + 1 - r, np.full(n_edge, -r), 1, stream)[0] for r in each]
        ).reshape(draws, len(graph))

    return Structure(
        (graph.laplacian(), eye_array(len(graph), format="csr")),
        lambda values: (values[rho], 1.0 - values[rho]),
        draw,
        lambda name, values: (1.0, -1.0),
        (rho,),
        graph=graph,
    )


def kronecker(first: Structure, second: Structure) -> Structure:
    """
    Structure of the levels of two dimensions crossed, the second fastest: its precision is the product of theirs.

    White noise with white noise, a walk with white noise, white noise with a graph, and a walk with a graph are types
    I to IV of Knorr-Held (2000); an autoregression with a proper graph is separable and needs no constraints.

    `first, second`: Structures of the two, with correlations of different names. Returns: A summand for each pair
    of theirs. Its null space is that of either with everything of the other: with a connected graph and a walk of
    order 1, areas + levels - 1 constraints.

    References
    ----------
    Knorr-Held L. Bayesian modelling of inseparable space-time variation in disease risk. Statistics in Medicine 2000.
    """
    pairs = [(a, b) for a in range(len(first.matrices)) for b in range(len(second.matrices))]

    def weights(values: Values) -> tuple[Any, ...]:
        one, other = first.weights(values), second.weights(values)
        return tuple(one[a] * other[b] for a, b in pairs)

    def slopes(name: str, values: Values) -> tuple[Any, ...]:
        if name in first.correlations:
            one, other = first.slopes(name, values), second.weights(values)
        else:
            one, other = first.weights(values), second.slopes(name, values)
        return tuple(one[a] * other[b] for a, b in pairs)

    def draw(values: Values, draws: int, stream: np.random.Generator) -> Float:
        white, out = stream.standard_normal((draws, len(first), len(second))), []
        for d in range(draws):
            at = {name: np.broadcast_to(values[name], draws)[d] for name in (*first.correlations, *second.correlations)}
            out.append((root(first, at) @ white[d] @ root(second, at).T).ravel())
        return np.array(out).reshape(draws, len(first) * len(second))

    return Structure(
        tuple(csr_array(kron(first.matrices[a], second.matrices[b], format="csr")) for a, b in pairs),
        weights,
        draw,
        slopes,
        (*first.correlations, *second.correlations),
        null=_null_of_product(first, second),
        factors=(first, second),
    )


def log_determinant(structure: Structure, values: Values) -> tuple[float, dict[str, float]] | None:
    """
    Log determinant of a regular precision at given correlations, and its derivative in each of them.

    That of a product is m log|A| + n log|B|, so that of areas over years costs one factorisation of the graph of areas.

    Returns: none where the precision is singular.
    """
    if structure.null is not None and structure.n_held:
        return None
    if structure.factors:
        total, slopes = 0.0, dict.fromkeys(structure.correlations, 0.0)
        for one, other in (structure.factors, structure.factors[::-1]):
            found = log_determinant(one, values)
            if found is None:
                return None
            total += len(other) * found[0]
            for name, slope in found[1].items():
                slopes[name] += len(other) * slope
        return total, slopes
    row, column, value, symbolic = _lower(structure)
    factor = factorise(symbolic, np.array(structure.weights(values), dtype=np.float64) @ value)
    inverse = selected_inverse(factor)
    traces = value @ np.where(row == column, inverse, 2.0 * inverse)
    slopes = {name: float(np.array(structure.slopes(name, values)) @ traces) for name in structure.correlations}
    return factor.log_determinant, slopes


@lru_cache(maxsize=8)
def _lower(structure: Structure) -> tuple[NDArray[np.int64], NDArray[np.int64], Float, Symbolic]:
    """Lower triangle of every matrix on one pattern, shape (n_matrix, n_entry), and its analysis."""
    n = len(structure)
    together = csr_array(sum((abs(matrix) for matrix in structure.matrices), start=csr_array((n, n)))).tocoo()
    kept = together.row >= together.col
    key = np.unique(together.row[kept].astype(np.int64) * n + together.col[kept])
    row, column = key // n, key % n
    value = np.array([csr_array(matrix)[row, column] for matrix in structure.matrices])
    return row, column, value, analyse(n, row, column)


def contrasted(structure: Structure) -> tuple[Structure, Float] | None:
    """
    A product whose second structure is a walk, in contrasts of its levels that sum to zero.

    A walk is its basis times white noise, and the basis's columns are orthogonal to all that its differences do not
    see. So z = (I x basis) v, with v of the first structure crossed with white noise: the constraints of each level of
    the first dimension, of which there is one an area, are met by construction and no longer stated.

    Returns: Structure of v, and the basis, shape (n_level, n_contrast); None for other structures.
    """
    if not structure.factors or structure.factors[1].basis is None:
        return None
    first, second = structure.factors
    assert second.basis is not None
    return kronecker(first, identity(second.basis.shape[1])), second.basis


def _null_of_product(first: Structure, second: Structure) -> Float | None:
    """Columns without redundancy: the first's null space with everything, what is left of it with the second's."""
    columns = []
    n, m = len(first), len(second)
    left = np.eye(n)
    if first.null is not None and first.n_held:
        columns.append(np.kron(first.null, np.eye(m)))
        # Unit vectors that make the null space whole: all but as many as it has dimensions.
        pivot = linalg.qr(first.null.T, mode="economic", pivoting=True)[2]
        left = left[:, np.sort(pivot[first.n_held :])]
    if second.null is not None and second.n_held:
        columns.append(np.kron(left, second.null))
    return np.hstack(columns) if columns else None


def root(structure: Structure, values: Values) -> Float:
    """
    Symmetric root of a structure's covariance, dense. Shapes: returns (n, n).

    Returns: R, such that R R' is the generalised inverse of the precision: zero on the null space.
    """
    value, vector = np.linalg.eigh(structure.precision(values).toarray())
    seen = value > _SINGULAR * value[-1]
    return np.asarray((vector[:, seen] / np.sqrt(value[seen])) @ vector[:, seen].T)


def intrinsic_draws(adjacency: Adjacency, scale: Float, draws: int, stream: np.random.Generator) -> Float:
    """
    Draw intrinsic autoregressions of unit scale, by sparse factors.

    With one area of each component held at zero the precision is regular; subtracting each component's mean then
    gives the draw under a sum to zero.

    Shapes: scale (n_component,); returns (draws, n_area).

    `scale`: Scale of each component: its precision is `scale * (D - W)`. Returns: sum to zero over each component;
    N(0, 1) on areas without neighbours.
    """
    component, size = adjacency.component, adjacency.component_sizes
    single = size[component] == 1
    held = np.zeros(len(adjacency), dtype=bool)
    held[np.unique(component, return_index=True)[1]] = True
    free = ~held[adjacency.edges].any(axis=1)
    drawn = _regular_draws(adjacency, np.where(held, 1.0, _degree(adjacency)), -free.astype(float), draws, stream)
    grounded = np.where(held, 0.0, drawn)
    mean = np.stack([np.bincount(component, weights=row) for row in grounded]) / size
    centred = (grounded - mean[:, component]) / np.sqrt(scale[component])
    # A singleton is its component's held area, whose draw had precision one.
    return np.where(single, drawn, centred)


def _regular_draws(
    adjacency: Adjacency, diagonal: Float, edge: Float, draws: int, stream: np.random.Generator
) -> Float:
    """Draws, shape (draws, n_area), of N(0, Q^-1) for Q with that diagonal and that value on each edge."""
    n = len(adjacency)
    row = np.concatenate([np.arange(n), adjacency.edges[:, 0]])
    column = np.concatenate([np.arange(n), adjacency.edges[:, 1]])
    factor = factorise(analyse(n, row, column), np.concatenate([diagonal, edge]))
    return half_solve(factor, stream.standard_normal((n, draws))).T


def _degree(adjacency: Adjacency) -> Float:
    return np.bincount(adjacency.edges.ravel(), minlength=len(adjacency)).astype(float)
