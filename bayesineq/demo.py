"""The demonstration: a simulated integrated care system from tables to report, with the truth beside the answer."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter

from bayesineq.design.matrix import design
from bayesineq.design.read_card import read_card
from bayesineq.dims import DECILE, ETHNICITY
from bayesineq.inference.fit import fit
from bayesineq.posterior.diagnose import diagnose
from bayesineq.posterior.files import save
from bayesineq.replacing import replacing
from bayesineq.report.page import write_report
from bayesineq.report.released import released_measures
from bayesineq.simulate.system import simulate_system


def run(folder: Path, *, seed: int, tell: Callable[[str], None]) -> Path:
    """
    Simulate, fit, measure and report.

    Parameters
    ----------
    folder : Path
        Where to write; made if it is not there. Files of an earlier demonstration are replaced.
    seed : int
        Seed of the system and of the draws.
    tell : callable
        Receives a line at each step.

    Returns
    -------
    Path
        The report.
    """
    started = perf_counter()
    folder.mkdir(parents=True, exist_ok=True)
    tell("1/4 simulating an integrated care system: 300 areas, 500,000 people")
    system = simulate_system(seed=seed)
    with replacing(folder / "area_counts.csv.gz") as beside:
        system.area_counts.to_csv(beside, index=False, compression="gzip")
    with replacing(folder / "areas.parquet") as beside:
        system.areas.to_parquet(beside)

    study = design(system.area_counts, read_card("prevalence"), adjacency=system.adjacency)
    tell(f"2/4 fitting the card 'prevalence' to {len(study):,} cells")
    posterior = fit(study, seed=seed)
    save(posterior, folder / "prevalence.nc")
    tell("    this fit can be trusted" if diagnose(posterior).passed else "    this fit failed a check: see the report")

    tell("3/4 measuring inequality by deprivation and ethnicity")
    for by in (DECILE, ETHNICITY):
        with replacing(folder / f"prevalence_by_{by}.csv") as beside:
            released_measures(posterior, by)[0].to_csv(beside, index=False)

    tell("4/4 writing the report")
    report = folder / "report.html"
    explorer = all(find_spec(name) is not None for name in ("altair", "vl_convert"))
    write_report(posterior, system.areas, report, explorer=explorer)
    tell(f"done in {perf_counter() - started:.0f} s; open the report in a browser:")
    return report
