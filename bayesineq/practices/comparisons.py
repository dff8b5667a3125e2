"""Areas compared: the most with the least deprived, within strata, and each with those that are like it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.spatial import KDTree

from bayesineq.dims import AREA, CI_PROB
from bayesineq.errors import SchemaError
from bayesineq.measures.limits import probability
from bayesineq.practices.associations import PLACE, complete, place_weights


def deprivation_gaps(
    areas: pd.DataFrame,
    conditions: Sequence[str],
    group: str,
    *,
    people: str = "patients",
    places: str = PLACE,
    draws: int = 1000,
    prob: float = CI_PROB,
    seed: int | None = None,
) -> pd.DataFrame:
    """
    Prevalence of the most and of the least deprived group of areas, and what lies between them.

    Parameters
    ----------
    areas : DataFrame
        One row an area: the columns of conditions, `group`, `people` and `places`.
    conditions : sequence of str
        Columns of prevalence.
    group : str
        Column of groups, 1 the most deprived.
    people : str, optional
        Column by which areas are weighted.
    places, draws, prob, seed
        As of `rank_associations`, whose intervals these are.

    Returns
    -------
    DataFrame
        A row a condition: `condition`, `most`, `least`, `average`, `ratio` (most over least) with `lower` and
        `upper`, and `more` (probability that the most deprived have more).

    Raises
    ------
    SchemaError
        A column is missing, all areas are of one group, or there are fewer than ten places.

    Examples
    --------
    >>> frame = pd.DataFrame({"fifth": [1, 5] * 100, "DM": [0.09, 0.06] * 100, "patients": 1500})
    >>> frame["lad"] = np.repeat([f"P{i:02}" for i in range(20)], 10)
    >>> deprivation_gaps(frame, ["DM"], "fifth", draws=50, seed=1)[["most", "least", "ratio", "more"]].round(3)
       most  least  ratio  more
    0  0.09   0.06    1.5   1.0
    """
    table, _ = complete(areas, [*conditions, people, group], places)
    first, last = table[group].min(), table[group].max()
    if first == last:
        raise SchemaError(f"All areas are of the {group} {first}: there is no gap to take. Name other groups.")
    values, size = table[list(conditions)].to_numpy(float), table[people].to_numpy(float)
    ends = [(table[group] == level).to_numpy() for level in (first, last)]
    most, least = (np.average(values[at], axis=0, weights=size[at]) for at in ends)
    drawn = []
    for weight in place_weights(table[places], draws, seed, lambda text: None):
        top, bottom = ((weight[:, at] * size[at]) @ values[at] / (weight[:, at] @ size[at])[:, None] for at in ends)
        drawn.append(top / bottom)
    ratios, tail = np.concatenate(drawn), 0.5 * (1.0 - probability(prob))
    lower, upper = np.quantile(ratios, [tail, 1.0 - tail], axis=0)
    columns = {"most": most, "least": least, "average": np.average(values, axis=0, weights=size)}
    columns |= {"ratio": most / least, "lower": lower, "upper": upper, "more": (ratios > 1.0).mean(axis=0)}
    return pd.DataFrame({"condition": list(conditions)} | columns)


def peer_areas(
    table: pd.DataFrame, inputs: Sequence[str], *, key: str = AREA, peers: int = 10, of: Sequence[str] | None = None
) -> pd.DataFrame:
    """
    Areas that are most like each area by several inputs: the nearest, each input standardised.

    Parameters
    ----------
    table : DataFrame
        A row an area: `key` and the inputs, such as shares of a census. Outcomes do not belong among them: peers of
        like outcome would hide what is to be compared.
    inputs : sequence of str
        Columns of numbers.
    key : str, optional
        Column of codes.
    peers : int, optional
        How many peers each has.
    of : sequence of str, optional
        Codes whose peers are wanted; by default all.

    Returns
    -------
    DataFrame
        `key`, `peer`, `rank` (1 the nearest) and `distance`: the root of the sum of squared differences, each in
        standard deviations of the input over all areas.

    Raises
    ------
    SchemaError
        A column or value is missing, an input is the same everywhere, or there are too few areas.

    Examples
    --------
    >>> table = pd.DataFrame({"area": ["a", "b", "c"], "old": [0.1, 0.12, 0.3], "income": [20.0, 21.0, 40.0]})
    >>> peer_areas(table, ["old", "income"], peers=1, of=["a"])[["area", "peer", "rank"]]
      area peer  rank
    0    a    b     1
    """
    lacking = [name for name in (key, *inputs) if name not in table]
    wrong = [f"there is no column {', '.join(lacking)}"] if lacking else []
    if not wrong:
        values = table[list(inputs)].to_numpy(float)
        missing = table.loc[~np.isfinite(values).all(axis=1), key]
        wrong += [f"{len(missing)} areas lack an input, such as {missing.iloc[0]}"] if len(missing) else []
        wrong += [f"{name} is the same everywhere" for name in inputs if table[name].min() == table[name].max()]
        wrong += [f"{table[key].duplicated().sum()} codes stand twice"] if table[key].duplicated().any() else []
        wrong += [f"{code} is not in the table" for code in of or () if code not in set(table[key])]
        wrong += [f"{peers} peers of {len(table)} areas"] if not 0 < peers < len(table) else []
    if wrong:
        raise SchemaError(f"Peers cannot be found: {'; '.join(wrong)}.")
    standard = (values - values.mean(axis=0)) / values.std(axis=0)
    codes = table[key].to_numpy()
    chosen = np.arange(len(table)) if of is None else np.flatnonzero(table[key].isin(of))
    distance, at = KDTree(standard).query(standard[chosen], k=peers + 1)
    # An area is its own nearest; one that has a twin may be found second.
    rows = []
    for row, (far, where) in enumerate(zip(distance, at, strict=True)):
        kept = [k for k in range(peers + 1) if where[k] != chosen[row]][:peers]
        rows.append(pd.DataFrame({key: codes[chosen[row]], "peer": codes[where[kept]], "distance": far[kept]}))
    found = pd.concat(rows, ignore_index=True)
    found.insert(2, "rank", found.groupby(key, sort=False).cumcount() + 1)
    return found
