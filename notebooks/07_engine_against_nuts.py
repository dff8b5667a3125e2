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
# # The fast engine against NUTS
#
# The engine of this package is an approximation: it finds the middle and the shape of the posterior directly, which is
# why England takes minutes. NUTS is the reference method: slow, generally applicable, and exact in the long run.
# **Do the two agree?** Never take that on trust for a new kind of model; this notebook is how to look.
#
# It needs the extra: `pip install "bayesineq[nuts]"`.

# %%
from pathlib import Path

import bayesineq as bi
from bayesineq.space.adjacency import from_edges

# %% [markdown]
# A small world keeps NUTS short: 16 areas on a grid of four by four, four ethnic groups, one age band, drawn from a
# model that we know. And a small card, written here, because a card is no more than text: anybody can write one.

# %%
codes = [f"E019{i:05d}" for i in range(16)]
edges = [(codes[i], codes[i + 1]) for i in range(16) if i % 4 < 3] + [(codes[i], codes[i + 4]) for i in range(12)]
world = bi.simulate_counts(
    from_edges(edges, areas=codes),
    seed=7,
    people=3_000,
    strata=[("40-49", "female")],
    parameters=bi.simulate.WorldParameters(deprivation_sigma=0.4),
)
Path("small.toml").write_text("""
name     = "small"
question = "How does prevalence differ by deprivation and ethnicity among women in their forties?"
table    = "area_counts"

[outcome]
name       = "prevalence"
count      = "cases"
at_risk    = "population"
likelihood = "binomial"

[terms]
deprivation = { kind = "random_walk", by = "imd_decile" }
ethnicity   = { kind = "exchangeable", by = "ethnicity" }
place       = { kind = "exchangeable", by = "area" }

[priors]
intercept         = { dist = "Normal", mean = -2.5, sd = 1.0 }
deprivation.sigma = { dist = "PC", above = 1.0, probability = 0.01 }
ethnicity.sigma   = { dist = "PC", above = 1.0, probability = 0.01 }
place.sigma       = { dist = "PC", above = 1.0, probability = 0.01 }

[use]
intended = "To compare two ways of computing the same posterior."
not_for  = "Anything else."
""")
card = bi.read_card("small.toml")
study = bi.design(world.table, card)
print(f"{len(study):,} rows, {world.table['population'].sum():,} people")

# %%
fast = bi.fit(study, draws=2000, seed=7, progress=False)
reference = bi.fit(study, engine=bi.NutsOptions(chains=2), draws=4000, seed=7, progress=False)
for name, posterior in (("fast engine", fast), ("NUTS", reference)):
    print(name)
    print(bi.diagnose(posterior).table[["check", "value", "limit", "passed"]].round(3).to_string(index=False))

# %% [markdown]
# NUTS may miss its own limits (`rhat`, `ess_bulk`, `divergences`) with so few draws and chains. That is what they are
# for: such a fit is good enough to look at beside another one, and not to be reported. For a study ask for more.
#
# ## What is asked of the model
#
# First what people will act on: prevalence by decile.

# %%
both = {name: bi.expected(post, by="imd_decile") for name, post in (("fast", fast), ("nuts", reference))}
tables = {name: bi.summarise(values).set_index("parameter") for name, values in both.items()}
columns = ["mean", "sd", "lower", "upper"]
side = tables["fast"][columns].add_suffix("_fast").join(tables["nuts"][columns].add_suffix("_nuts"))
side["gap_in_sd"] = (side["mean_fast"] - side["mean_nuts"]) / side["sd_nuts"]
print(side.round(4).to_string())

# %% [markdown]
# `gap_in_sd` is the yardstick: a gap of 0.1 moves an interval by a tenth of its own half-width, or so. Part of the gap
# is chance, for both are draws, and those of NUTS are not independent.

# %%
bi.plots.plot_gradient(both["fast"], "imd_decile", outcome="prevalence by the fast engine")

# %%
bi.plots.plot_gradient(both["nuts"], "imd_decile", outcome="prevalence by NUTS")

# %% [markdown]
# ## Hyperparameters
#
# The spread of the terms is harder to learn, and approximations show here first.

# %%
names = [name for name in fast["posterior"].data_vars if "." in name and fast["posterior"][name].ndim == 2]
for name in names:
    rows = [bi.summarise(post["posterior"][name]).iloc[0] for post in (fast, reference)]
    print(name, "|", " | ".join(f"{row['mean']:.3f} ({row['lower']:.3f} to {row['upper']:.3f})" for row in rows))

# %% [markdown]
# What the data added to what was believed before: where the two curves are alike, the data said little.

# %%
bi.plots.plot_prior_posterior(fast)

# %% [markdown]
# ## Does the model predict rows that it has not seen?
#
# If it does, the bars are about level.

# %%
bi.plots.plot_calibration(fast)

# %% [markdown]
# ## What may be concluded, and what not
#
# **May:** that for this card and data of this kind the two methods give the same answer to within the gaps printed.
#
# **May not:** that they agree for every card and every table (very small counts and few groups are the hard cases: try
# yours); that agreement makes the *model* right, for both fitted the same one.
