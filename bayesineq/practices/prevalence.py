"""From registers of practices to the prevalence of neighbourhoods: every condition in one go."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import xarray as xr
from numba import njit, prange
from numpy.typing import NDArray

from bayesineq.design.matrix import Design, design
from bayesineq.dims import CHAIN, CI_PROB, DRAW
from bayesineq.errors import SchemaError
from bayesineq.inference.fit import fit
from bayesineq.measures.slope import rii, sii
from bayesineq.model.card import ModelCard
from bayesineq.model.read_card import read_card
from bayesineq.replacing import csv_bytes, write_folder
from bayesineq.space.adjacency import Adjacency
from bayesineq.tables.practices import CONDITIONS, PracticeTables, Register, register

Float = NDArray[np.float64]
Float32 = NDArray[np.float32]

CARD: Final = "practice_prevalence"


@dataclass(frozen=True, slots=True)
class PracticePrevalence:
    """
    Prevalence of a condition by area, from registers of practices.

    Parameters
    ----------
    condition, name : str
        Code of the register, and what it is of.
    draws : DataArray, dims (chain, draw, area)
        Prevalence among an area's patients of the register's ages, under the practices that they have: float32.
    areas : DataFrame
        As of `bayesineq.tables.practices.Register`, with `imd_decile` and `imd_rank`, in the order of `draws`.
    plain : ndarray, shape (n_area,)
        Mean prevalence of an area's practices, weighted by its patients; nan where nobody's practice has a register.
    posterior : DataTree
        What the draws were made from.
    left_out : DataFrame
        `practice` and `why`: those whose register was not read.
    notes : tuple of str
        What a reader must know.

    Examples
    --------
    >>> import bayesineq as bi
    >>> graph = bi.example().adjacency
    >>> n = len(graph.areas)
    >>> pairs = pd.DataFrame({"practice": [f"P{i // 6:02}" for i in range(n)], "area": graph.areas, "patients": 900})
    >>> areas = {"area": graph.areas, "residents": 850, "aged_65_and_over": np.linspace(0.1, 0.3, n), "from_17": 0.8}
    >>> shares = pd.DataFrame({"practice": pairs["practice"].unique()})
    >>> shares["DM"] = np.linspace(0.05, 0.09, len(shares))
    >>> nothing = pd.DataFrame({"practice": []})
    >>> tables = bi.tables.PracticeTables(shares, pairs, pd.DataFrame(areas), nothing, ())
    >>> rank = np.arange(n) + 1
    >>> ranks = pd.DataFrame({"area": graph.areas, "imd_rank": rank, "imd_decile": 1 + 10 * (rank - 1) // n})
    >>> found = practice_prevalence(tables, "DM", ranks, graph, draws=200, seed=1)
    >>> found.name, found.draws.dims
    ('diabetes', ('chain', 'draw', 'area'))
    """

    condition: str
    name: str
    draws: xr.DataArray
    areas: pd.DataFrame
    plain: Float
    posterior: xr.DataTree
    left_out: pd.DataFrame
    notes: tuple[str, ...]

    def table(self, prob: float = CI_PROB) -> pd.DataFrame:
        """
        Prevalence by area with intervals; blank where an area is not shown.

        Parameters
        ----------
        prob : float, optional
            Probability of the interval.

        Returns
        -------
        DataFrame
            `area`, `prevalence` (posterior mean), `lower`, `upper`, `plain_mean`, `patients_each`, `coverage`,
            `effective_practices`, `shown`.
        """
        values = _samples(self.draws)
        tail = 0.5 * (1.0 - prob)
        lower, upper = np.quantile(values, [tail, 1.0 - tail], axis=0)
        shown = self.areas["shown"].to_numpy()
        columns = {"prevalence": values.mean(axis=0), "lower": lower, "upper": upper, "plain_mean": self.plain}
        estimates = pd.DataFrame({name: np.where(shown, value, np.nan) for name, value in columns.items()})
        kept = self.areas[["patients_each", "coverage", "effective_practices", "shown"]].reset_index(drop=True)
        return pd.concat([self.areas[["area"]].reset_index(drop=True), estimates, kept], axis=1)

    def slopes(self, prob: float = CI_PROB) -> dict[str, float]:
        """
        Slope and relative index of inequality by deprivation, national, beside those of the plain mean.

        Parameters
        ----------
        prob : float, optional
            Probability of the interval.

        Returns
        -------
        dict
            `sii`, `sii_lower`, `sii_upper`, `plain_sii`; the same of `rii` (Pamuk's: the slope over the mean); and
            `mean`, `plain_mean`. Weighted by residents, over areas that are shown. Positive: prevalence rises with
            advantage.
        """
        at = np.flatnonzero(self.areas["shown"].to_numpy() & np.isfinite(self.plain))
        order = self.areas["imd_rank"].to_numpy()[at]
        weight = self.areas["residents"].to_numpy(dtype=np.float64)[at]
        values = _samples(self.draws)[:, at].astype(np.float64)
        tail = 0.5 * (1.0 - prob)
        out = {"mean": float((values @ weight).mean() / weight.sum())}
        out["plain_mean"] = float(self.plain[at] @ weight / weight.sum())
        for name, of in (("sii", _slope), ("rii", _relative)):
            found = of(values, weight, order)
            out[name] = float(found.mean())
            out[f"{name}_lower"], out[f"{name}_upper"] = map(float, np.quantile(found, [tail, 1.0 - tail]))
            out[f"plain_{name}"] = float(of(self.plain[at], weight, order))
        return out


def _samples(values: xr.DataArray) -> NDArray[Any]:
    """Draws of all chains, shape (n_draw, ...)."""
    ordered = values.transpose(CHAIN, DRAW, ...).to_numpy()
    return np.asarray(ordered.reshape(-1, *ordered.shape[2:]))


def _slope(values: Float, weight: Float, order: Float) -> Float:
    return np.asarray(sii(values, weight, order=order))


def _relative(values: Float, weight: Float, order: Float) -> Float:
    return np.asarray(rii(values, weight, order=order, convention="pamuk"))


def practice_prevalence(
    tables: PracticeTables,
    condition: str,
    deprivation: pd.DataFrame,
    adjacency: Adjacency,
    *,
    card: ModelCard | None = None,
    draws: int = 500,
    seed: int | None = None,
) -> PracticePrevalence:
    """
    Estimate the prevalence of a condition in every area from the registers of practices.

    Parameters
    ----------
    tables : PracticeTables
        From `bayesineq.tables.read_practices`.
    condition : str
        Code of a register, such as "DM".
    deprivation : DataFrame
        From `bayesineq.tables.read_deprivation`: `area`, `imd_decile`, `imd_rank`, of the same LSOAs.
    adjacency : Adjacency
        Which areas border on which; every area of the tables is in it.
    card : ModelCard, optional
        In place of the shipped "practice_prevalence".
    draws : int, optional
        Joint draws of the posterior.
    seed : int, optional
        Makes them reproducible.

    Returns
    -------
    PracticePrevalence
        Draws by area, coverage, the plain mean beside them, and notes.

    Raises
    ------
    SchemaError
        Areas lack their deprivation, or there is no such register.

    Examples
    --------
    >>> import bayesineq as bi
    >>> graph = bi.example().adjacency
    >>> n = len(graph.areas)
    >>> pairs = pd.DataFrame({"practice": [f"P{i // 6:02}" for i in range(n)], "area": graph.areas, "patients": 900})
    >>> areas = {"area": graph.areas, "residents": 850, "aged_65_and_over": np.linspace(0.1, 0.3, n), "from_17": 0.8}
    >>> shares = pd.DataFrame({"practice": pairs["practice"].unique()})
    >>> shares["DM"] = np.linspace(0.05, 0.09, len(shares))
    >>> nothing = pd.DataFrame({"practice": []})
    >>> tables = bi.tables.PracticeTables(shares, pairs, pd.DataFrame(areas), nothing, ())
    >>> rank = np.arange(n) + 1
    >>> ranks = pd.DataFrame({"area": graph.areas, "imd_rank": rank, "imd_decile": 1 + 10 * (rank - 1) // n})
    >>> found = practice_prevalence(tables, "DM", ranks, graph, draws=200, seed=1)
    >>> [*found.table().columns[:4]]
    ['area', 'prevalence', 'lower', 'upper']
    """
    model = read_card(CARD) if card is None else card
    found, areas, study = register_design(tables, condition, deprivation, adjacency, model, ["imd_decile", "imd_rank"])
    codes = areas["area"].to_numpy()
    post = fit(study, draws=draws, seed=seed, progress=False)
    values = area_prevalence(post, study, areas, found, tables, seed)
    plain = np.asarray(pd.Series(found.plain, index=found.areas["area"]).reindex(codes), dtype=np.float64)
    notes = (*tables.notes, *found.notes, *study.notes)
    name = CONDITIONS[condition][0]
    return PracticePrevalence(condition, name, values, areas, plain, post, found.left_out, notes)


def register_design(
    tables: PracticeTables,
    condition: str,
    deprivation: pd.DataFrame,
    adjacency: Adjacency,
    card: ModelCard,
    columns: Sequence[str],
) -> tuple[Register, pd.DataFrame, Design]:
    """A register, the areas of the graph in its order with columns of their deprivation, and both seen by a card."""
    found = register(tables, condition)
    ranks = deprivation.set_index("area")[list(columns)]
    codes = np.asarray(adjacency.areas)
    areas = found.areas.set_index("area").reindex(codes)
    lost = ~areas.index.isin(ranks.index) | areas["residents"].isna().to_numpy()
    if lost.any():
        raise SchemaError(
            f"{int(lost.sum())} areas of the graph lack deprivation or residents, such as "
            f"{', '.join(map(str, codes[lost][:5]))}. Give files of the same LSOAs, such as those of 2011."
        )
    areas = areas.join(ranks).rename_axis("area").reset_index()
    read = [name for name in card.columns if name in areas]
    study = design(
        found.rows,
        card,
        adjacency=adjacency,
        weights=found.weights,
        areas=areas[list(dict.fromkeys(["area", *read]))],
    )
    return found, areas, study


def area_prevalence(
    post: xr.DataTree,
    study: Design,
    areas: pd.DataFrame,
    found: Register,
    tables: PracticeTables,
    seed: int | None,
) -> xr.DataArray:
    """
    Prevalence by area under the practices that its patients have.

    A practice whose register was not read has an effect drawn from what practices' effects are like; so has an area
    without patients.
    """
    dataset = post["posterior"].dataset
    place = _samples(dataset["place"]) + _samples(dataset["intercept"])[:, None]
    decile = pd.Index(dataset["imd_decile"].to_numpy()).get_indexer(areas["imd_decile"])
    place = place + _samples(dataset["deprivation"])[:, decile]
    place = place + _samples(dataset["old"])[:, None] * areas["aged_65_and_over"].to_numpy()
    known = pd.Index(dataset["practice"].to_numpy())
    every = known.append(pd.Index(pd.unique(tables.registrations["practice"])).difference(known))
    generator = np.random.default_rng(seed)
    sigma = _samples(dataset["practice.sigma"])
    effect = np.empty((len(place), len(every) + 1))
    effect[:, : len(known)] = _samples(dataset[study.card.variable("practice")])
    effect[:, len(known) :] = sigma[:, None] * generator.standard_normal((len(place), effect.shape[1] - len(known)))
    area = pd.Index(areas["area"]).get_indexer(tables.registrations["area"])
    order = np.argsort(area, kind="stable")
    order = order[area[order] >= 0]
    practice = every.get_indexer(tables.registrations["practice"])[order]
    patients = tables.registrations["patients"].to_numpy(dtype=np.float64)[order]
    start = np.searchsorted(area[order], np.arange(len(areas) + 1))
    values = _mixed(place, effect, start, practice, patients)
    shape = (post["posterior"].sizes[CHAIN], post["posterior"].sizes[DRAW], len(areas))
    return xr.DataArray(values.reshape(shape), dims=(CHAIN, DRAW, "area"), coords={"area": areas["area"].to_numpy()})


@njit(cache=True, parallel=True)
def _mixed(
    place: Float, effect: Float, start: NDArray[np.int64], practice: NDArray[np.int64], patients: Float
) -> Float32:
    """Mean over an area's patients of the prevalence under their practices, shape (n_draw, n_area)."""
    n_draw, n_area = place.shape
    out = np.empty((n_draw, n_area), dtype=np.float32)
    for d in prange(n_draw):
        for a in range(n_area):
            total, people = 0.0, 0.0
            for m in range(start[a], start[a + 1]):
                total += patients[m] / (1.0 + np.exp(-place[d, a] - effect[d, practice[m]]))
                people += patients[m]
            if people <= 0.0:
                out[d, a] = 1.0 / (1.0 + np.exp(-place[d, a] - effect[d, effect.shape[1] - 1]))
            else:
                out[d, a] = total / people
    return out


def agreement(found: PracticePrevalence, published: pd.DataFrame, authority: pd.Series) -> dict[str, float]:
    """
    How near authorities' prevalence is to published figures.

    Parameters
    ----------
    found : PracticePrevalence
        Estimates by area.
    published : DataFrame
        `lad_code`, `group_code` (the condition) and `prevalence`.
    authority : Series
        Authority of each area, by area.

    Returns
    -------
    dict
        `authorities` compared; `correlation` of ours and of the plain mean (`plain_correlation`) with the published;
        `ratio` of ours to the published, on average.

    Examples
    --------
    >>> areas = pd.DataFrame({"area": ["a", "b"], "registered": [100, 300]})
    >>> draws = xr.DataArray(np.array([[[0.1, 0.2]]]), dims=("chain", "draw", "area"))
    >>> plain = np.array([0.12, 0.18])
    >>> found = PracticePrevalence("DM", "diabetes", draws, areas, plain, xr.DataTree(), areas, ())
    >>> published = pd.DataFrame({"lad_code": ["X", "Y"], "group_code": "DM", "prevalence": [0.1, 0.25]})
    >>> round(agreement(found, published, pd.Series(["X", "Y"], index=["a", "b"]))["ratio"], 3)
    0.9
    """
    of = published[published["group_code"] == found.condition].set_index("lad_code")["prevalence"]
    table = pd.DataFrame(
        {
            "lad": authority.reindex(found.areas["area"]).to_numpy(),
            "weight": found.areas["registered"].to_numpy(dtype=np.float64),
            "ours": found.draws.mean((CHAIN, DRAW)).to_numpy(),
            "plain": np.nan_to_num(found.plain),
        }
    )
    table = table[np.isfinite(found.plain) & table["lad"].isin(of.index)]
    weighted = table[["ours", "plain"]].mul(table["weight"], axis=0).groupby(table["lad"]).sum()
    mean = weighted.div(table.groupby("lad")["weight"].sum(), axis=0)
    if mean.empty:
        return {"authorities": 0, "correlation": np.nan, "plain_correlation": np.nan, "ratio": np.nan}
    theirs = of[mean.index]
    return {
        "authorities": len(mean),
        "correlation": float(np.corrcoef(mean["ours"], theirs)[0, 1]),
        "plain_correlation": float(np.corrcoef(mean["plain"], theirs)[0, 1]),
        "ratio": float((mean["ours"] / theirs).mean()),
    }


def write_practices(
    tables: PracticeTables,
    deprivation: pd.DataFrame,
    adjacency: Adjacency,
    out: str | Path,
    *,
    conditions: Sequence[str] | None = None,
    published: pd.DataFrame | None = None,
    draws: int = 500,
    seed: int | None = None,
    report: Callable[[str], None] = lambda text: None,
) -> pd.DataFrame:
    """
    Estimate every condition, and write its areas, what was left out, and a table of slopes.

    Parameters
    ----------
    tables, deprivation, adjacency
        As of `practice_prevalence`.
    out : str or Path
        Folder to write to, in one step: `CODE.csv` by area, `CODE_left_out.csv`, `notes.txt`, and `slopes.csv`.
    conditions : sequence of str, optional
        Codes; by default every register that the files hold.
    published : DataFrame, optional
        Figures of authorities to compare with, as of `agreement`.
    draws, seed
        As of `practice_prevalence`.
    report : callable, optional
        Told of each condition when it is done.

    Returns
    -------
    DataFrame
        What `slopes.csv` holds: a row a condition.

    Examples
    --------
    >>> import bayesineq as bi
    >>> graph = bi.example().adjacency
    >>> n = len(graph.areas)
    >>> pairs = pd.DataFrame({"practice": [f"P{i // 6:02}" for i in range(n)], "area": graph.areas, "patients": 900})
    >>> areas = {"area": graph.areas, "residents": 850, "aged_65_and_over": np.linspace(0.1, 0.3, n), "from_17": 0.8}
    >>> shares = pd.DataFrame({"practice": pairs["practice"].unique()})
    >>> shares["DM"] = np.linspace(0.05, 0.09, len(shares))
    >>> nothing = pd.DataFrame({"practice": []})
    >>> tables = bi.tables.PracticeTables(shares, pairs, pd.DataFrame(areas), nothing, ())
    >>> rank = np.arange(n) + 1
    >>> ranks = pd.DataFrame({"area": graph.areas, "imd_rank": rank, "imd_decile": 1 + 10 * (rank - 1) // n})
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as out:
    ...     slopes = write_practices(tables, ranks, graph, out, draws=200, seed=1)
    ...     sorted(path.name for path in Path(out).iterdir())
    ['DM.csv', 'DM_left_out.csv', 'files.json', 'notes.txt', 'slopes.csv']
    """
    folder = Path(out)
    made: dict[str, bytes] = {}
    chosen = [code for code in CONDITIONS if code in tables.prevalence.columns] if conditions is None else conditions
    rows: list[dict[str, Any]] = []
    said: list[str] = [*tables.notes]
    authority = deprivation.set_index("area")["lad"] if "lad" in deprivation.columns else None
    for code in chosen:
        found = practice_prevalence(tables, code, deprivation, adjacency, draws=draws, seed=seed)
        read = found.posterior["posterior"].sizes["practice"]
        row: dict[str, Any] = {"condition": code, "name": found.name, "practices": read, **found.slopes()}
        if published is not None and authority is not None:
            row |= agreement(found, published, authority)
        rows.append(row)
        said += [f"{code}: {note}" for note in found.notes if note not in tables.notes]
        made[f"{code}.csv"] = csv_bytes(found.table().round(6))
        made[f"{code}_left_out.csv"] = csv_bytes(found.left_out)
        report(f"{code}: {found.name}, SII {row['sii']:.4f} ({row['sii_lower']:.4f} to {row['sii_upper']:.4f})")
    slopes = pd.DataFrame(rows)
    texts = {"slopes.csv": csv_bytes(slopes), "notes.txt": "\n".join([*said, ""]).encode("utf-8", "replace")}
    write_folder(folder, made | texts)
    return slopes
