"""Segments of people with like benefit and like need: a mixture, its number chosen by evidence and shown stable."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayesineq.errors import DecisionError

try:
    from sklearn.metrics import adjusted_rand_score
    from sklearn.mixture import GaussianMixture
except ImportError as error:  # pragma: no cover - needs an environment without the extra
    raise ImportError("Segments need scikit-learn: pip install 'bayesineq[uplift]'.") from error

Array = NDArray[np.float64]
Shape = Literal["full", "diag"]

STABLE: Final = 0.8
"""Adjusted Rand index between resamples from which a segmentation is called stable."""

CLEAR: Final = 0.5
"""Standard deviations from the average at which a segment is said to be high or low."""


@dataclass(frozen=True, slots=True)
class Segments:
    """
    A segmentation.

    Parameters
    ----------
    segment : array, shape (person,)
        Most probable segment of each person, from 1; 1 has the highest mean of the first variable.
    probability : array, shape (person, segment)
        Probability of each segment.
    profile : DataFrame
        One row a segment: `segment, people, share`, the mean of each variable, and `words`.
    choice : DataFrame
        One row a number of segments: `segments, bic, weight, stability`.
    stable : bool
        Whether resamples agree on the chosen segmentation.
    """

    segment: NDArray[np.int64]
    probability: Array
    profile: pd.DataFrame
    choice: pd.DataFrame
    stable: bool


def segments(
    people: pd.DataFrame,
    *,
    variables: Sequence[str],
    numbers: Sequence[int] = (1, 2, 3, 4, 5, 6),
    shape: Shape = "diag",
    resamples: int = 10,
    rows: int = 20_000,
    seed: int | None = None,
) -> Segments:
    """
    Find segments of people by a mixture of normal distributions.

    Parameters
    ----------
    people : DataFrame, one row a person
        Records.
    variables : sequence of str
        Numeric columns: predicted benefit first, then need, uptake, use of care.
    numbers : sequence of int
        Numbers of segments to try.
    shape : {"full", "diag"}
        Whether variables may be correlated within a segment.
    resamples : int
        Halves of the people on which each mixture is fitted again for stability.
    rows : int
        Most people used for fitting; all are then assigned.
    seed : int, optional
        Seed.

    Returns
    -------
    Segments
        Segments, their profiles in words, and the evidence for their number.

    Raises
    ------
    DecisionError
        If columns are missing, not numeric, constant or have missing values.

    Notes
    -----
    The number has the lowest Bayesian information criterion; `weight` is the posterior probability of each number that
    the criterion approximates. Stability is the mean adjusted Rand index of the segments found on random halves,
    against those found on all.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(1)
    >>> need = np.concatenate([rng.normal(0, 1, 300), rng.normal(8, 1, 100)])
    >>> people = pd.DataFrame({"benefit": need / 10 + rng.normal(0, 0.1, 400), "need": need})
    >>> found = segments(people, variables=["benefit", "need"], numbers=(1, 2), resamples=2, seed=1)
    >>> found.profile[["segment", "people", "words"]]
       segment  people                    words
    0        1     100  high benefit, high need
    1        2     300    low benefit, low need
    """
    values = _values(people, variables)
    rng = np.random.default_rng(seed)
    z = (values - values.mean(axis=0)) / values.std(axis=0)
    sample = z if len(z) <= rows else z[rng.choice(len(z), rows, replace=False)]
    fitted, table = {}, []
    for number in numbers:
        model = _fit(sample, number, shape, int(rng.integers(2**31)))
        fitted[number] = model
        table.append(
            {
                "segments": number,
                "bic": float(model.bic(sample)),
                "stability": _stability(sample, model, number, shape, resamples, rng),
            }
        )
    choice = pd.DataFrame(table)
    gap = choice["bic"] - choice["bic"].min()
    choice.insert(2, "weight", np.exp(-gap / 2) / np.exp(-gap / 2).sum())
    best = int(choice["segments"].to_numpy()[int(choice["bic"].to_numpy().argmin())])
    order = np.argsort(-fitted[best].means_[:, 0], kind="stable")
    probability = fitted[best].predict_proba(z)[:, order]
    segment = probability.argmax(axis=1) + 1
    agreed = float(choice.loc[choice["segments"] == best, "stability"].iloc[0])
    return Segments(segment, probability, _profile(people, variables, z, segment, best), choice, agreed >= STABLE)


def by_stratum(found: Segments, stratum: Sequence[object] | pd.Series) -> pd.DataFrame:
    """
    How segments spread over an equity stratum.

    Parameters
    ----------
    found : Segments
        Segments.
    stratum : sequence, one a person
        Quintile of deprivation, ethnicity.

    Returns
    -------
    DataFrame
        `segment, stratum, people, share_of_segment, share_of_stratum`, counted by probability. People without a
        stratum are a stratum, whose name is missing.

    Raises
    ------
    DecisionError
        If there is not one stratum a person.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(1)
    >>> need = np.concatenate([rng.normal(0, 1, 300), rng.normal(8, 1, 100)])
    >>> people = pd.DataFrame({"benefit": need / 10 + rng.normal(0, 0.1, 400), "need": need})
    >>> found = segments(people, variables=["benefit", "need"], numbers=(2,), resamples=2, seed=1)
    >>> by_stratum(found, np.repeat(["least deprived", "most deprived"], [300, 100])).round(2)
       segment         stratum  people  share_of_segment  share_of_stratum
    0        1  least deprived     0.0               0.0               0.0
    1        1   most deprived   100.0               1.0               1.0
    2        2  least deprived   300.0               1.0               1.0
    3        2   most deprived     0.0               0.0               0.0
    """
    codes = pd.Series(stratum).reset_index(drop=True)
    if len(codes) != len(found.probability):
        raise DecisionError(
            f"{len(codes):,} strata for {len(found.probability):,} people: give one a person, in their order."
        )
    weight = pd.DataFrame(found.probability).groupby(codes, observed=True, dropna=False).sum()
    long = weight.rename_axis("stratum").reset_index().melt("stratum", var_name="segment", value_name="people")
    long["segment"] = long["segment"].astype(int) + 1
    long["share_of_segment"] = long["people"] / long.groupby("segment")["people"].transform("sum")
    strata = long.groupby("stratum", dropna=False, observed=True)["people"]
    long["share_of_stratum"] = long["people"] / strata.transform("sum")
    return long[["segment", "stratum", "people", "share_of_segment", "share_of_stratum"]]


def in_words(means: Mapping[str, float]) -> str:
    """Describe a segment by what sets it apart."""
    parts = [f"{'high' if x > 0 else 'low'} {name.replace('_', ' ')}" for name, x in means.items() if abs(x) >= CLEAR]
    return ", ".join(parts) if parts else "near the average"


def _profile(
    people: pd.DataFrame, variables: Sequence[str], z: Array, segment: NDArray[np.int64], best: int
) -> pd.DataFrame:
    rows = []
    for k in range(1, best + 1):
        inside = segment == k
        if not inside.any():
            continue
        means = {name: float(people.loc[inside, name].mean()) for name in variables}
        apart = dict(zip(variables, z[inside].mean(axis=0), strict=True))
        rows.append(
            {"segment": k, "people": int(inside.sum()), "share": inside.mean(), **means, "words": in_words(apart)}
        )
    return pd.DataFrame(rows)


def _fit(z: Array, number: int, shape: Shape, seed: int) -> GaussianMixture:
    return GaussianMixture(
        number, covariance_type=shape, n_init=3, reg_covar=1e-4, max_iter=300, tol=1e-3, random_state=seed
    ).fit(z)


def _stability(
    z: Array, model: GaussianMixture, number: int, shape: Shape, resamples: int, rng: np.random.Generator
) -> float:
    if number == 1:
        return 1.0
    whole = model.predict(z)
    found = []
    for _ in range(resamples):
        half = rng.choice(len(z), len(z) // 2, replace=False)
        again = _fit(z[half], number, shape, int(rng.integers(2**31)))
        found.append(adjusted_rand_score(whole, again.predict(z)))
    return float(np.mean(found))


def _values(people: pd.DataFrame, variables: Sequence[str]) -> Array:
    missing = [name for name in variables if name not in people.columns]
    if missing:
        raise DecisionError(f"No column {', '.join(missing)}; there are {', '.join(map(str, people.columns))}.")
    faults = []
    for name in variables:
        column = people[name]
        if not pd.api.types.is_numeric_dtype(column):
            faults.append(f"{name} is not numeric")
        elif column.isna().any():
            faults.append(f"{name} has {int(column.isna().sum()):,} missing values")
        elif not np.isfinite(column.to_numpy(np.float64)).all():
            faults.append(f"{name} is infinite for some")
        elif column.nunique() < 2:
            faults.append(f"{name} is the same for everyone")
    if faults:
        raise DecisionError(f"No segments from these variables: {'; '.join(faults)}.")
    return people[list(variables)].to_numpy(np.float64)
