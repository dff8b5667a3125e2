"""
Areas over years: what is left of each once areas and years have had their say (Knorr-Held 2000).

The sparse engine holds a product with a walk in sum-to-zero contrasts of the years where their pairs are fewer than the
constraints that go away (one an area), and conditions on the constraints otherwise; the sampler multiplies white noise
with dense roots; products with an autoregression have no constraints at all.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bayesineq.model.kinds.kind import RHO, SIGMA, Hyperparameter, Kind, Part, Seen
from bayesineq.model.kinds.structures import autoregression, identity, intrinsic, kronecker, proper, walk

if TYPE_CHECKING:
    from bayesineq.model.card import Term

CHOICES = {"space": ("leroux", "icar", "exchangeable"), "time": ("ar1", "ar1_from_rest", "random_walk", "exchangeable")}


def parts(term: Term, seen: Seen) -> tuple[Part]:
    """
    Standard deviation sigma times the product of a structure of areas and one of years.

    Independent with independent is type I, with a walk II, a graph with independent III, a graph with a walk IV. The
    default, a proper graph with an autoregression, is separable and needs no constraints: it scales to many areas.
    An autoregression is stationary, so that sigma is the standard deviation of every year; from rest it begins with
    one step, and sigma is the standard deviation of a step.
    """
    chosen, (_, n_year) = dict(term.chosen), seen.shape
    space = {
        "leroux": lambda: proper(seen.areas, "rho_space"),
        "icar": lambda: intrinsic(seen.areas, scaled=term.scale),
        "exchangeable": lambda: identity(len(seen.areas)),
    }
    time = {
        "ar1": lambda: autoregression(n_year, "rho_time"),
        "ar1_from_rest": lambda: autoregression(n_year, "rho_time", from_rest=True),
        "random_walk": lambda: walk(n_year, term.order, scaled=term.scale),
        "exchangeable": lambda: identity(n_year),
    }
    return (Part(kronecker(space[chosen["space"]](), time[chosen["time"]]())),)


def shaped(term: Term) -> tuple[Hyperparameter, ...]:
    """Dependence of a proper graph, correlation of an autoregression."""
    named = {
        ("space", "leroux"): "rho_space",
        ("time", "ar1"): "rho_time",
        ("time", "ar1_from_rest"): "rho_time",
    }
    return tuple(replace(RHO, name=named[choice]) for choice in term.chosen if choice in named)


KIND = Kind(
    "interaction",
    8,
    parts,
    (SIGMA,),
    shaped,
    choices=CHOICES,
    columns=2,
    spatial=True,
    sparse=True,
    stepped=True,
    options=frozenset({"order"}),
)
