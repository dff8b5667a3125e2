"""How records of ethnicity err: a confusion matrix from published shares of agreement with the census."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayesineq.errors import SchemaError
from bayesineq.records.ethnicity.codes import crosswalk, scheme_codes
from bayesineq.tables.codes import code_list

SWEEPS: Final = 2_000
TOLERANCE: Final = 1e-10
REACHED: Final = 1e-6

type Float = NDArray[np.float64]


def ons_agreement() -> pd.Series:
    """
    Share of people with each NHS code in a health record who chose the same group in the census.

    Returns
    -------
    Series of float
        By NHS code. Where a bound was published, the bound; for B, M and N nothing was, and 0.75 to 0.80 is assumed:
        replace them where you know better.

    References
    ----------
    Office for National Statistics (November 2023). Understanding consistency of ethnicity data recorded in
    health-related administrative datasets in England: 2011 to 2021.

    Examples
    --------
    >>> ons_agreement()[["A", "J", "N"]]
    code
    A    0.95
    J    0.86
    N    0.80
    Name: agreement, dtype: float64
    """
    rows = code_list("ethnicity_agreement").set_index("code")["agreement"]
    return rows.astype(float)


def england_margin() -> pd.Series:
    """Share of the residents of England in each NHS category, Census 2021."""
    people = code_list("ethnicity_census_2021_england").set_index("code")["population"].astype(float)
    spread = crosswalk("census_2021", "nhs").mul(people, axis=0).sum()
    known = spread[scheme_codes("nhs")["known"]]
    return known / known.sum()


def confusion_from_agreement(
    agreement: pd.Series | Mapping[str, float], margin: pd.Series | Mapping[str, float], closeness: pd.DataFrame
) -> pd.DataFrame:
    r"""
    Probability of each recorded code given the true group, from shares of agreement given the code.

    Published agreement is P(true = r | recorded = r); a model of records needs P(recorded = r | true = e). The two
    are tied by the margin: the joint table has the true groups' margin as its rows, and in each column the share of
    agreement on its diagonal.

    Parameters
    ----------
    agreement : Series or Mapping
        Share of agreement by code, above 0 and below 1.
    margin : Series or Mapping
        People by true group in the population that the agreement was measured in; any scale.
    closeness : DataFrame
        How readily a person of a group (row) is recorded as another (column), any scale; the diagonal is ignored.

    Returns
    -------
    DataFrame
        Rows `true`, columns `recorded`; rows add up to 1.

    Raises
    ------
    SchemaError
        The three do not name the same codes, a share is out of range, or no such table exists.

    Notes
    -----
    Iterative proportional fitting of
    :math:`J_{er}` to :math:`\sum_r J_{er} = \pi_e` and :math:`J_{rr} / \sum_e J_{er} = a_r`, started from `closeness`;
    :math:`P(r \mid e) = J_{er} / \pi_e`.

    Examples
    --------
    >>> closeness = pd.DataFrame(1.0, index=["asian", "white"], columns=["asian", "white"])
    >>> confusion = confusion_from_agreement({"asian": 0.8, "white": 0.99}, {"asian": 100, "white": 900}, closeness)
    >>> confusion.round(3)
    recorded  asian  white
    true
    asian     0.911  0.089
    white     0.025  0.975
    """
    codes = list(closeness.index)
    shares, people = pd.Series(agreement, dtype=float), pd.Series(margin, dtype=float)
    if set(codes) != set(shares.index) or set(codes) != set(people.index) or list(closeness.columns) != codes:
        raise SchemaError(
            f"agreement ({sorted(shares.index)}), margin ({sorted(people.index)}) and closeness ({codes}) must name "
            "the same codes; closeness has them as rows and columns in one order"
        )
    a, pi = shares[codes].to_numpy(), (people[codes] / people.sum()).to_numpy()
    if not ((a > 0) & (a < 1)).all() or not (pi > 0).all():
        raise SchemaError("shares of agreement lie between 0 and 1, and every group of the margin has people")
    joint = _fit(a, pi, closeness.to_numpy(dtype=float))
    return pd.DataFrame(joint / pi[:, None], pd.Index(codes, name="true"), pd.Index(codes, name="recorded"))


def _fit(a: Float, pi: Float, closeness: Float) -> Float:
    off = closeness * pi[:, None]
    np.fill_diagonal(off, 0.0)
    joint = 0.2 * off / off.sum(axis=1, keepdims=True) * pi[:, None]
    np.fill_diagonal(joint, 0.8 * pi)
    for _ in range(SWEEPS):
        before = joint.copy()
        diagonal = joint.diagonal().copy()
        np.fill_diagonal(joint, 0.0)
        joint *= diagonal * (1 / a - 1) / joint.sum(axis=0)
        np.fill_diagonal(joint, diagonal)
        joint *= (pi / joint.sum(axis=1))[:, None]
        if np.abs(joint - before).max() < TOLERANCE:
            break
    reached = joint.diagonal() / joint.sum(axis=0)
    if np.abs(reached - a).max() < REACHED and joint.diagonal().min() > 0:
        return joint
    raise SchemaError(
        "no table has both this agreement and this margin: the nearest that was found has agreement "
        f"{np.round(reached, 3).tolist()} where {np.round(a, 3).tolist()} was asked for"
    )


def nhs_closeness() -> pd.DataFrame:
    """How readily one NHS category is recorded as another: a convention, started from by `confusion_from_agreement`."""
    codes = scheme_codes("nhs")
    codes = codes[codes["known"]]
    broad = codes["broad"].to_numpy()
    table = np.where(broad[:, None] == broad[None, :], 1.0, 0.05)
    table += 2.0 * (broad[:, None] == broad[None, :]) * codes.index.isin(["C", "G", "L", "P", "S"])[None, :]
    table += 0.95 * codes.index.isin(["A", "S"])[None, :] * (broad[:, None] != broad[None, :])
    return pd.DataFrame(table, codes.index, codes.index)


def ons_confusion() -> pd.DataFrame:
    """
    Confusion of NHS categories that has the agreement published by ONS in the population of England.

    Returns
    -------
    DataFrame
        P(recorded | true), rows `true`, columns `recorded`.

    Examples
    --------
    >>> ons_confusion().loc["G", ["A", "G", "S"]].round(3)
    recorded
    A    0.113
    G    0.703
    S    0.031
    Name: G, dtype: float64
    """
    return confusion_from_agreement(ons_agreement(), england_margin(), nhs_closeness())


def confusion_of(groups: Iterable[object]) -> pd.DataFrame:
    """
    Probability of each recorded group given the true one, for NHS categories or the five broad groups.

    Parameters
    ----------
    groups : iterable of str
        All true groups of a study: NHS codes (A to S), or asian, black, mixed, other, white.

    Returns
    -------
    DataFrame
        As of `ons_confusion`, of these groups.

    Raises
    ------
    SchemaError
        The groups are of neither list, or not all of one.

    Examples
    --------
    >>> confusion_of(["asian", "black", "mixed", "other", "white"]).round(2)
    recorded  asian  black  mixed  other  white
    true
    asian      0.88   0.01   0.01   0.02   0.08
    black      0.01   0.87   0.01   0.02   0.09
    mixed      0.01   0.01   0.88   0.02   0.09
    other      0.02   0.03   0.03   0.60   0.32
    white      0.01   0.01   0.01   0.04   0.93
    """
    given = {str(group) for group in groups}
    fine = ons_confusion()
    merged = {str(code): str(broad) for code, broad in scheme_codes("nhs")["broad"].items()}
    broad = coarsened(fine, england_margin(), merged)
    for confusion in (fine, broad):
        if given == set(confusion.index):
            return confusion
    raise SchemaError(
        f"groups {sorted(given)} are neither the NHS categories {list(fine.index)} nor the broad groups "
        f"{list(broad.index)}; recode the census with `recode`, and name every group"
    )


def coarsened(confusion: pd.DataFrame, margin: pd.Series, groups: Mapping[str, str]) -> pd.DataFrame:
    """
    Confusion between broader groups.

    Parameters
    ----------
    confusion : DataFrame
        P(recorded | true) of fine groups.
    margin : Series
        People by fine group.
    groups : Mapping of str to str
        Broad group of each fine one.

    Returns
    -------
    DataFrame
        P(recorded | true) of broad groups, true groups weighted by the margin.

    Raises
    ------
    SchemaError
        A group has no broader one, or no people in the margin.

    Examples
    --------
    >>> shares = [[0.9, 0.06, 0.04], [0.1, 0.8, 0.1], [0.0, 0.0, 1.0]]
    >>> fine = pd.DataFrame(shares, index=list("HJA"), columns=list("HJA"))
    >>> broad = {"H": "asian", "J": "asian", "A": "white"}
    >>> coarsened(fine, pd.Series({"H": 100, "J": 50, "A": 850}), broad).round(2)
    recorded  asian  white
    true
    asian      0.94   0.06
    white      0.00   1.00
    """
    image = pd.Series(groups)
    nowhere = [code for code in confusion.index if code not in image.index or code not in margin.index]
    if nowhere:
        raise SchemaError(f"{nowhere} have no broader group, or no people in the margin: give both for every group.")
    joint = confusion.mul(margin.reindex(confusion.index), axis=0)
    joint = joint.groupby(image.reindex(joint.index).to_numpy()).sum()
    joint = joint.T.groupby(image.reindex(joint.columns).to_numpy()).sum().T
    return joint.div(joint.sum(axis=1), axis=0).rename_axis(index="true", columns="recorded")
