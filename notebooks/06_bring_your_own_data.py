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
# # Bring your own data
#
# From a register to a table that a card can read: **tabulate, check, attach the map, fit**. Most of this notebook is
# about things that go wrong, because they will, and about reading the messages when they do.

# %%
from pathlib import Path

import bayesineq as bi
from bayesineq.disclosure import protect
from bayesineq.errors import BayesineqError, SchemaError
from bayesineq.tables.schema import read_schema, schema_names

# %% [markdown]
# ## Which table do I need?
#
# Every table has a schema: its columns, their types, what is allowed, and rules across columns.

# %%
print(", ".join(schema_names()))
for field in read_schema("area_counts").fields:
    print(f"{field.name:12} {field.type:8} {field.description}")

# %% [markdown]
# ## From people to counts
#
# The records here are simulated, in the form in which a register might give them: one row a person. `tabulate` counts
# them where they are (a file, a data frame, a table in a database), and the rows never leave.

# %%
system = bi.simulate_system(n_areas=120, n_people=120_000, seed=6)
adults = system.people[system.people["age"] >= 18]
adults.to_csv("register.csv", index=False)
by = ["area", "imd_decile", "ethnicity", "age_band", "sex"]
try:
    bi.tabulate("register.csv", by=by, count={"cases": "diabetes"})
except SchemaError as error:
    print(error)

# %% [markdown]
# Some people have no ethnicity on record. They were not dropped without a word: the message says how many, and what to
# do. Giving them a level of their own, "Z" (not stated), keeps them in every total.

# %%
counts = bi.tabulate("register.csv", by=by, count={"cases": "diabetes"}, missing={"ethnicity": "Z"})
unstated = counts.loc[counts["ethnicity"] == "Z", "population"].sum() / counts["population"].sum()
print(counts.head(4).to_string(index=False))
print(f"{len(counts):,} cells, {counts['population'].sum():,} people, {100 * unstated:.1f}% without known ethnicity")

# %% [markdown]
# ## Check
#
# `check` returns the table with exact types, or says everything that is wrong at once, with row, column and remedy.
# Here is a table with three faults.

# %%
checked = bi.check(counts, "area_counts")
broken = checked.rename(columns={"population": "Populaton"}).astype({"imd_decile": "object"})
broken.loc[3, "imd_decile"] = 11
broken.loc[7, "cases"] = -2
try:
    bi.check(broken, "area_counts")
except SchemaError as error:
    print(error)
    print()
    print(error.failures.head().to_string(index=False))

# %% [markdown]
# A rule across columns: nobody can have more cases than people.

# %%
try:
    bi.check(checked.assign(cases=checked["cases"] + 40), "area_counts")
except SchemaError as error:
    print(str(error)[:500])

# %% [markdown]
# ## The map
#
# Boundaries come from any file of polygons (for England: the ONS Open Geography portal). They are joined **by area
# code, never by position**. Areas without neighbours, islands, are allowed.

# %%
system.areas.to_parquet("areas.parquet")
areas = bi.read_areas("areas.parquet")
neighbours = bi.contiguity(areas)
print(f"{len(areas)} areas; codes {areas['area'].iloc[0]} to {areas['area'].iloc[-1]}")

# %% [markdown]
# What if the map lacks an area of the table?

# %%
try:
    bi.design(checked, bi.read_card("prevalence"), adjacency=bi.contiguity(areas.iloc[5:]))
except BayesineqError as error:
    print(type(error).__name__, "-", str(error)[:400])

# %% [markdown]
# ## Fit, and keep the posterior
#
# The file that `save` writes holds no observed counts, but its draws tell of groups as small as those of the table: it
# is as confidential as the table is. What may be passed on is a report, or what `bayesineq release` leaves of it.

# %%
posterior = bi.fit(bi.design(checked, bi.read_card("prevalence"), adjacency=neighbours), seed=6, progress=False)
print("checks passed" if bi.diagnose(posterior).passed else "FAILED a check")
bi.save(posterior, "prevalence.nc")
again = bi.load("prevalence.nc")
print(f"{Path('prevalence.nc').stat().st_size / 1e6:.1f} MB")

# %%
bi.map_posterior(bi.expected(again, by="area"), areas, statistic="exceedance", outcome="diabetes prevalence")

# %% [markdown]
# ## Before a table leaves the building
#
# Small counts are withheld and others rounded, by a rule that can be set to your organisation's own.

# %%
totals = checked.groupby("ethnicity", as_index=False)[["cases", "population"]].sum()
print(protect(totals, ["cases", "population"]).to_string(index=False))

# %% [markdown]
# The same from the command line: `bayesineq check TABLE --schema area_counts`, then `bayesineq fit prevalence
# --table TABLE --areas areas.parquet --out prevalence.nc`.
#
# ## What may be concluded, and what not
#
# **May:** that a table which passed has the right form, and that nobody was left out unsaid.
#
# **May not:** that a table which passed is *right*. No check can see that a practice did not send its data, that a
# code changed its meaning in April, or that the people without an ethnicity are not a random few. Report what is
# unknown beside every result.
