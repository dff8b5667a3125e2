"""Draws with known means for tests of several outcomes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr

DIMS = ("chain", "draw")


def draws(
    centre: object,
    levels: Mapping[str, Sequence[object]],
    *,
    sd: float = 0.0,
    n: int = 400,
    seed: int = 1,
    people: object = 1000.0,
    **attrs: str,
) -> xr.DataArray:
    """Values about `centre`, shape of the levels, each with its own independent noise."""
    shape = tuple(len(level) for level in levels.values())
    mean = np.broadcast_to(np.asarray(centre, dtype=float), shape)
    noise = sd * np.random.default_rng(seed).standard_normal((2, n // 2, *shape))
    size = np.broadcast_to(np.asarray(people, dtype=float), shape)
    coords = {**{dim: list(level) for dim, level in levels.items()}, "population": (list(levels), size)}
    said = {"scale": "proportion", "link": "logit", "more_is": "worse", "fit_id": "one"} | attrs
    return xr.DataArray(mean + noise, dims=(*DIMS, *levels), coords=coords, attrs=said, name="value")
