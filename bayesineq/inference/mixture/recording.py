"""What a record of ethnicity says about the true group: confusion, missingness and the census, by Bayes' rule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit, log_expit

from bayesineq.design.mixture import Membership
from bayesineq.design.unrecorded import Unrecorded
from bayesineq.errors import DesignError

SWEEPS: Final = 10
"""Sweeps between two draws of the confusion."""

_WARM: Final = 30
_STEPS: Final = 80
_WIDEST: Final = 30.0

type Float = NDArray[np.float64]
type Integer = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Recording:
    r"""
    A model of recording: :math:`P(r \mid e) = C_{er} (1 - m_{ce})` for a known record, :math:`m_{ce}` for none.

    Parameters
    ----------
    latent : str
        The column of true groups, such as ethnicity.
    levels : ndarray, shape (n_level,)
        True groups.
    keys : DataFrame
        Columns that name a row: those of its cell, then the recorded group.
    cell : ndarray of int64, shape (n_row,)
        Cell of each row.
    recorded : ndarray of int64, shape (n_row,)
        Recorded group of each row, as its place in `confusion`; -1 where it is not known.
    people : ndarray of int64, shape (n_row,)
        People of each row.
    margin : ndarray, shape (n_cell, n_level)
        Census share of each group in each cell.
    group : ndarray of int64, shape (n_cell,)
        Cells of one number have one level of missingness.
    confusion : ndarray, shape (n_level, n_level)
        Dirichlet parameters of the rows of C.
    delta, delta_sd : ndarray, shape (n_level,)
        Mean and standard deviation of the log odds of a missing record, against those of a group of 0.
    """

    latent: str
    levels: NDArray[np.generic]
    keys: pd.DataFrame
    cell: Integer
    recorded: Integer
    people: Integer
    margin: Float
    group: Integer
    confusion: Float
    delta: Float
    delta_sd: Float


@dataclass(frozen=True, slots=True)
class RecordingColumns:
    """
    Names of the columns that a model of recording reads.

    Parameters
    ----------
    recorded, people : str
        In the table: recorded group, and how many people.
    latent, residents : str
        In the census margin: true group, and how many residents.
    """

    recorded: str = "recorded"
    people: str = "population"
    latent: str = "ethnicity"
    residents: str = "residents"


@dataclass(frozen=True, slots=True)
class RecordingOptions:
    """
    What is stated of records, since no data of these tables can tell it.

    Parameters
    ----------
    delta : mapping of str to float
        Log odds of a missing record by true group, against a group of 0; 0 where a group is not named. State it, and
        move it (`tipping_point`).
    delta_sd : float
        Standard deviation of each delta that is not 0.
    missing_by : sequence of str
        Columns of the cells by which the share of missing records differs; the share itself is that of the table.
    concentration : float
        People whose true group the confusion is as good as known from, for each true group: its prior weight.
    unknown : sequence of str
        Records that say nothing.

    Examples
    --------
    >>> import bayesineq as bi
    >>> bi.inference.RecordingOptions(delta={"asian": 0.5}, delta_sd=0.2).concentration
    500.0
    """

    delta: Mapping[str, float] = field(default_factory=dict)
    delta_sd: float = 0.0
    missing_by: Sequence[str] = ()
    concentration: float = 500.0
    unknown: Sequence[str] = ("Z", "99")


def recording(
    table: pd.DataFrame,
    margin: pd.DataFrame,
    confusion: pd.DataFrame,
    *,
    cells: Sequence[str],
    options: RecordingOptions | None = None,
    columns: RecordingColumns | None = None,
) -> Recording:
    """
    State a model of how ethnicity was recorded.

    Parameters
    ----------
    table : DataFrame
        One row a cell and recorded group: `cells`, recorded group and people.
    margin : DataFrame
        Census: some of the columns `cells` (such as area and age_band), true group and residents.
    confusion : DataFrame
        P(recorded | true), rows `true`, columns `recorded`, such as `ons_confusion()`.
    cells : sequence of str
        Columns that make a cell.
    options : RecordingOptions, optional
        What is stated of missing records and of the confusion; by default records are missing at random.
    columns : RecordingColumns, optional
        Names of the other columns, where they are not the usual ones.

    Returns
    -------
    Recording
        The model.

    Raises
    ------
    DesignError
        A column is missing, groups do not match, or a cell has no residents.

    Examples
    --------
    >>> table = pd.DataFrame({"area": "a", "recorded": ["asian", "white", "Z"], "population": [90, 800, 110]})
    >>> margin = pd.DataFrame({"area": "a", "ethnicity": ["asian", "white"], "residents": [100, 900]})
    >>> groups = ["asian", "white"]
    >>> confusion = pd.DataFrame([[0.9, 0.1], [0.02, 0.98]], index=groups, columns=groups)
    >>> recording(table, margin, confusion, cells=["area"]).margin
    array([[0.1, 0.9]])
    """
    said, name = options or RecordingOptions(), columns or RecordingColumns()
    _check(table, margin, confusion, cells, said, name)
    levels = list(confusion.index)
    cell, frame = _numbered(table, cells)
    code = np.asarray(pd.Index(levels).get_indexer(pd.Index(table[name.recorded])), dtype=np.int64)
    stated = np.array([said.delta.get(e, 0.0) for e in levels])
    by = said.missing_by
    return Recording(
        latent=name.latent,
        levels=np.asarray(levels),
        keys=table[[*cells, name.recorded]].reset_index(drop=True),
        cell=cell,
        recorded=code,
        people=table[name.people].to_numpy(dtype=np.int64),
        margin=_census_share(margin, frame, levels, name),
        group=_numbered(frame, by)[0] if by else np.zeros(len(frame), dtype=np.int64),
        confusion=confusion.to_numpy(dtype=np.float64) * said.concentration,
        delta=stated,
        delta_sd=np.where(stated != 0, said.delta_sd, 0.0),
    )


def _check(
    table: pd.DataFrame,
    margin: pd.DataFrame,
    confusion: pd.DataFrame,
    cells: Sequence[str],
    said: RecordingOptions,
    name: RecordingColumns,
) -> None:
    levels = list(confusion.index)
    wrong = [f"the table lacks {n!r}" for n in (*cells, name.recorded, name.people) if n not in table.columns]
    wrong += [f"the census margin lacks {n!r}" for n in (name.latent, name.residents) if n not in margin.columns]
    wrong += [
        f"missing_by names {n!r}, which is not among the cells {list(cells)}" for n in said.missing_by if n not in cells
    ]
    if list(confusion.columns) != levels or not np.allclose(confusion.sum(axis=1), 1.0, atol=1e-6):
        wrong.append("confusion has the same groups as rows and columns, in one order, and rows that add up to 1")
    if not wrong:
        known = {*levels, *said.unknown}
        wrong += [f"record {r!r} is neither a group nor unknown" for r in sorted(set(table[name.recorded]) - known)]
        unheard = sorted(set(margin[name.latent]) - set(levels))
        wrong += [f"census group {e!r} is not in the confusion" for e in unheard]
        wrong += [f"delta names {e!r}, which is no group" for e in said.delta if e not in levels]
    if wrong:
        raise DesignError("the records cannot be modelled: " + "; ".join(wrong))


def _census_share(margin: pd.DataFrame, frame: pd.DataFrame, levels: list[str], name: RecordingColumns) -> Float:
    """Share of each group, shape (n_cell, n_level), by those columns of the cells that the census has."""
    shared = [column for column in frame.columns if column in margin.columns]
    people = margin.assign(everywhere=0) if not shared else margin
    wide = people.pivot_table(
        index=shared or "everywhere", columns=name.latent, values=name.residents, aggfunc="sum", observed=True
    )
    wide = wide.reindex(columns=levels).fillna(0.0)
    share = wide.div(wide.sum(axis=1), axis=0)
    if not shared:
        where = np.zeros(len(frame), dtype=np.int64)
    else:
        wanted = pd.MultiIndex.from_frame(frame[shared]) if len(shared) > 1 else pd.Index(frame[shared[0]])
        where = np.asarray(share.index.get_indexer(wanted), dtype=np.int64)
    found = share.to_numpy()[where]
    lost = (where < 0) | ~np.isfinite(found).all(axis=1)
    if lost.any():
        first = dict(frame[lost].iloc[0])
        raise DesignError(f"{int(lost.sum())} cells have no residents in the census margin, the first {first}")
    return np.asarray(found)


def _numbered(table: pd.DataFrame, names: Sequence[str]) -> tuple[Integer, pd.DataFrame]:
    number: Integer = np.asarray(table.groupby(list(names), observed=True, sort=False).ngroup(), dtype=np.int64)
    first = table[list(names)].assign(number=number).drop_duplicates("number")
    return number, first.sort_values("number", ignore_index=True).drop(columns="number")


def weights(model: Recording, *, draws: int = 20, seed: int | None = None) -> Membership:
    """
    Draw the weights of true groups given records, from the model of recording alone.

    The outcome has no say here: what it knows about the confusion is cut off.

    Parameters
    ----------
    model : Recording
        From `recording`.
    draws : int
        Draws, each of its own confusion and delta.
    seed : int, optional
        Makes them reproducible.

    Returns
    -------
    Membership
        Weights for every row.

    Notes
    -----
    Gibbs sampling: people of each cell and record fall on true groups by Bayes' rule, and the rows of the confusion
    are Dirichlet given how many of each group were recorded as what.

    Examples
    --------
    >>> table = pd.DataFrame({"area": "a", "recorded": ["asian", "white", "Z"], "population": [90, 800, 110]})
    >>> margin = pd.DataFrame({"area": "a", "ethnicity": ["asian", "white"], "residents": [100, 900]})
    >>> groups = ["asian", "white"]
    >>> confusion = pd.DataFrame([[0.9, 0.1], [0.02, 0.98]], index=groups, columns=groups)
    >>> found = weights(recording(table, margin, confusion, cells=["area"]), draws=100, seed=1)
    >>> found.keys["recorded"].tolist(), found.weight.mean(axis=0).round(1).tolist()
    (['asian', 'white', 'Z'], [[0.9, 0.1], [0.0, 1.0], [0.1, 0.9]])
    """
    stream = np.random.default_rng(seed)
    expected = model.confusion / model.confusion.sum(axis=1, keepdims=True)
    confusion, out = expected, []
    for draw in range(draws):
        missing = missingness(model, model.delta + model.delta_sd * stream.standard_normal(len(model.delta)))
        for _ in range(SWEEPS + (_WARM if draw == 0 else 0)):
            split = stream.multinomial(model.people, bayes(model, confusion, missing))
            counts = model.confusion.copy()
            known = model.recorded >= 0
            np.add.at(counts.T, model.recorded[known], split[known])
            gamma = stream.gamma(counts)
            confusion = gamma / gamma.sum(axis=1, keepdims=True)
        out.append(bayes(model, confusion, missing))
    named = dict(zip(map(str, model.levels), model.delta.tolist(), strict=True))
    lost = int(model.people[model.recorded < 0].sum())
    said = Unrecorded(lost, int(model.people.sum()), named, float(model.delta_sd.max(initial=0.0)))
    return Membership(model.latent, model.levels, model.keys, np.stack(out), said)


def bayes(model: Recording, confusion: Float, missing: Float) -> Float:
    """
    Probability of each true group given the record.

    Shapes: confusion (n_level, n_level); missing (n_cell, n_level); returns (n_row, n_level).
    """
    joint = np.where(
        (model.recorded >= 0)[:, None],
        confusion.T[model.recorded] * (1 - missing[model.cell]),
        missing[model.cell],
    )
    joint = joint * model.margin[model.cell]
    return np.asarray(joint / joint.sum(axis=1, keepdims=True))


def missingness(model: Recording, delta: Float) -> Float:
    """
    Probability of a missing record by cell and true group, so that the share missing is that of the table.

    Shapes: delta (n_level,); returns (n_cell, n_level).

    Returns: expit(a_g + delta_e), a_g solved by bisection for each group of cells.
    """
    n_group = int(model.group.max()) + 1
    lost = np.bincount(model.group[model.cell], model.people * (model.recorded < 0), minlength=n_group)
    total = np.bincount(model.cell, model.people, minlength=len(model.margin))[:, None] * model.margin
    by_group = np.zeros((n_group, len(delta)))
    np.add.at(by_group, model.group, total)
    return np.asarray(expit(_level(by_group, lost, delta)[model.group, None] + delta))


def _level(people: Float, lost: Float, delta: Float) -> Float:
    """Log odds, shape (n_group,), at which as many of the people, shape (n_group, n_level), are lost as were."""
    low, high = np.full(len(lost), -_WIDEST), np.full(len(lost), _WIDEST)
    for _ in range(_STEPS):
        middle = 0.5 * (low + high)
        more = (people * expit(middle[:, None] + delta)).sum(axis=1) < lost
        low, high = np.where(more, middle, low), np.where(more, high, middle)
    return np.asarray(0.5 * (low + high))


def outcome_shift(model: Recording, membership: Membership, cases: NDArray[np.int64]) -> Float:
    r"""
    How much likelier cases are than others to have a record, or none: for the argument `shift` of `mixture`.

    Parameters
    ----------
    model : Recording
        The model of recording.
    membership : Membership
        Its weights.
    cases : ndarray of int64, shape (n_row,)
        Cases of each row of the table.

    Returns
    -------
    ndarray, shape (n_row, n_level)
        log P(status | case, e) - log P(status | no case, e), status being recorded or not.

    Notes
    -----
    Missing records have log odds :math:`a_y + \delta_e`, with a level of their own for cases, each found from the
    share of cases, and of others, who have no record. Then, exactly, people of group e in a row have the outcome at
    log odds :math:`\eta_e` plus this shift, and the weights are those of cases and others together.

    Examples
    --------
    >>> table = pd.DataFrame({"area": "a", "recorded": ["asian", "white", "Z"], "population": [90, 800, 110]})
    >>> margin = pd.DataFrame({"area": "a", "ethnicity": ["asian", "white"], "residents": [100, 900]})
    >>> groups = ["asian", "white"]
    >>> confusion = pd.DataFrame([[0.9, 0.1], [0.02, 0.98]], index=groups, columns=groups)
    >>> model = recording(table, margin, confusion, cells=["area"])
    >>> outcome_shift(model, weights(model, draws=20, seed=1), np.array([9, 80, 2])).round(1)
    array([[ 0.1,  0.1],
           [ 0.1,  0.1],
           [-1.5, -1.5]])
    """
    weight, lost = membership.weight.mean(axis=0), model.recorded < 0
    log_lost, log_kept = [], []
    for count in (np.asarray(cases, dtype=np.float64), model.people - np.asarray(cases, dtype=np.float64)):
        # Half a person each way keeps a table in which no case is missing finite.
        people = (count[:, None] * weight).sum(axis=0)[None] + 1.0 / weight.shape[1]
        level = _level(people, np.array([count[lost].sum() + 0.5]), model.delta)[0] + model.delta
        log_lost.append(log_expit(level))
        log_kept.append(log_expit(-level))
    return np.asarray(np.where(lost[:, None], log_lost[0] - log_lost[1], log_kept[0] - log_kept[1]))
