# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # From a board's persons to the report of a pathway
#
# Who has diabetes, who of them is seen, what becomes of them: **one script from persons to the page**, with the time
# and the memory that it takes. The records stay on their engine; what leaves it are counts.

# %% [markdown]
# ## A board
#
# You have one. Here it is simulated, with a truth that we can look up afterwards: ethnicity is known to general
# practice for 70% of persons, and for 93.6% with hospitals linked. Set `BAYESINEQ_PERSONS=1700000` for a board of
# the size of an integrated care board, with 30 million coded facts.

# %%
import os

from bayesineq.simulate import simulate_board

persons = int(os.environ.get("BAYESINEQ_PERSONS", "60000"))
board = simulate_board("board", persons, events=17.65 if persons > 100_000 else 4, seed=8)
board.areas.to_parquet("boundaries.parquet")
print(f"{persons:,} persons in {len(board.areas):,} areas")

# %% [markdown]
# ## The model's card
#
# The shipped card `pathway` lets what groups and places do at one step go together with what they do at another. How
# much they do takes more events to learn than a board of this size has, and the fit would say so. Here the steps are
# apart.

# %%
import re
from pathlib import Path

from bayesineq import read_card

apart = re.sub(r', across = "correlated"|\w+\.correlation .*\n', "", read_card("pathway").source)
Path("apart.toml").write_text(apart, encoding="utf-8")

# %% [markdown]
# ## From persons to the page
#
# The whole of it, in 25 lines. The cohort card `type_2_diabetes` says who has the condition, and how each column is
# counted: those who were reached, on it, attended an appointment in the last year. Persons whose ethnicity nobody
# knows stay in the cells, as groups of their own: `Z`, who did not say, and `99`, who were not asked.

# %%
import resource
import time
from dataclasses import replace
from datetime import date

import bayesineq as bi

started = time.perf_counter()


def tell(step):
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"{time.perf_counter() - started:6.0f} s {memory:5.1f} GB  {step}", flush=True)


records, areas = bi.records.read_normal("board"), bi.read_areas("boundaries.parquet")
year = (date(2025, 4, 1), date(2026, 3, 31))
built = bi.cohort.cohort(records, "type_2_diabetes", study=year, deprivation=areas[["area", "imd_decile"]])
cells = bi.cohort.cohort_cells(built, "pathway_counts").table
tell(f"{built}: {len(cells):,} cells")
effect = bi.cohort.ethnicity_effect(built, ["pathway_counts"])
quality = replace(bi.records.quality(records), effect=effect)
tell("how good the records are")
design = bi.design(cells, bi.read_card("apart.toml"), adjacency=bi.contiguity(areas))
posterior = bi.fit(design, seed=8, progress=False)
tell(str(bi.verdict(posterior)))
options = bi.report.ReportOptions(place="a simulated board", period="1 April 2025 to 31 March 2026")
bi.write_report(posterior, areas, "report.html", options, quality=quality.tables)
tell("report.html")

# %% [markdown]
# ## Was the truth found?
#
# Completeness of ethnicity before and after linkage, and as it was planted:

# %%
print(quality.known.round(3).to_string(index=False))
print({name: round(share, 3) for name, share in board.completeness.items()})

# %% [markdown]
# Nobody was dropped on the way because of an ethnicity that is not known:

# %%
people = cells.groupby("ethnicity")["population"].sum()
print(f"{people.sum():,} adults in the cells, {people[['Z', '99']].sum():,} of them of unknown ethnicity")

# %% [markdown]
# The gap of the first step between the most and the least deprived tenth, and as it was planted in all diabetes, of
# which type 2 is a constant share:

# %%
first = bi.posterior.one_outcome(posterior, "prevalence")
found = bi.expected(first, by="imd_decile")
ratio = bi.summarise(found.sel(imd_decile=1) / found.sel(imd_decile=10)).iloc[0]
planted = board.truth["prevalence"].by_decile
print(
    f"found {ratio['mean']:.2f} ({ratio['lower']:.2f} to {ratio['upper']:.2f}), planted {planted[1] / planted[10]:.2f}"
)

# %%
by_decile = bi.adjusted(first, by="imd_decile")
bi.plots.plot_gradient(by_decile, "imd_decile", outcome="type 2 diabetes at the same age and sex")

# %% [markdown]
# ## What may be concluded, and what not
#
# **May:** at which step of the pathway a gap by deprivation arises in what is *recorded*, for which places, and how
# much of it depends on ethnicity that was filled in.
#
# **May not:** who is ill and was never seen is in no record; who is reached and admitted was among the ill before, and
# a smaller gap late in the pathway may only say who got that far.
