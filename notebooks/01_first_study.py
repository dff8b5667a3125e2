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
# # A first study in ten minutes
#
# The question: **is diabetes recorded more often in deprived places, by how much, and how sure can we be?**
#
# The health system here is simulated, so that nothing on this page is about real patients, and so that at the end
# the answer can be held against the truth, which real data never allow.

# %%
from pathlib import Path

import bayesineq as bi

# %% [markdown]
# ## The data
#
# 120 small areas and 120,000 people. A row counts the adults of one area, ethnic group, age band and sex, and how
# many of them are recorded as having diabetes. Decile 1 is the most deprived tenth of England, decile 10 the least.

# %%
system = bi.simulate_system(n_areas=120, n_people=120_000, seed=1)
counts = system.area_counts
print(counts.head(6).to_string(index=False))
print(f"{len(counts):,} rows; half of them hold {counts['population'].median():.0f} people or fewer")

# %% [markdown]
# Half of the rows hold a handful of people. If one person of three has diabetes, is the rate of that cell 33%? Hardly.
# A model borrows strength: every cell learns from its decile, its ethnic group, its age and sex, and its neighbours.
#
# ## The model
#
# A model is a *card*: a short text that states the question, the terms, the prior beliefs, and what the answer must
# not be used for. Read it before you fit it.

# %%
card = bi.read_card("prevalence")
print(card.question)
print("Terms:", ", ".join(f"{term.name} ({term.kind})" for term in card.terms))
print("Meant for:", card.intended)
print("Not for:", card.not_for)

# %%
study = bi.design(counts, card, adjacency=system.adjacency)
posterior = bi.fit(study, seed=1, progress=False)

# %% [markdown]
# ## Can this fit be trusted?
#
# Ask this before you look at any result. Each row is a check with its limit; a failed one comes with advice.

# %%
diagnosis = bi.diagnose(posterior)
print(diagnosis.table[["check", "value", "limit", "passed"]].round(3).to_string(index=False))
print("All checks passed" if diagnosis.passed else "Do not report this fit")

# %% [markdown]
# ## What is a posterior?
#
# The fit did not return one answer. It returned 1,000 *draws*: 1,000 versions of this health system, each of which is
# compatible with the data and the card; plausible versions appear often, implausible ones seldom. Here are five of
# them. In each version the gap between the most and the least deprived decile is a little different.

# %%
by_decile = bi.adjusted(posterior, by="imd_decile")
gap = by_decile.sel(imd_decile=1) - by_decile.sel(imd_decile=10)
for draw in range(5):
    worst, best = (100 * float(by_decile.sel(imd_decile=d).isel(chain=0, draw=draw)) for d in (1, 10))
    print(f"version {draw + 1}: decile 1 {worst:.1f}%, decile 10 {best:.1f}%, gap {worst - best:.1f} percentage points")

# %% [markdown]
# Everything that follows is counting versions. The middle of the gaps is the estimate; the range that holds the
# central 95% of them is the *95% interval*; the share of versions in which decile 1 is the worse is the
# *probability* that it is.

# %%
low, middle, high = (100 * float(gap.quantile(q)) for q in (0.025, 0.5, 0.975))
print(f"gap: {middle:.1f} percentage points, 95% interval {low:.1f} to {high:.1f}")
print(f"probability that decile 1 is worse: {float(bi.posterior.exceedance(gap, 0)):.3f}")

# %% [markdown]
# ## The answer, as a table and a picture
#
# `inequality` lists every group and then the measures of inequality. The absolute ones (`difference`, `sii`) are
# shares of people: -0.05 means five percentage points fewer among the least deprived. The relative ones (`ratio`,
# `rii`) are 1 where all are equal. `p_above` is the probability of being above equality. All of these are *adjusted*:
# the card says that age and sex are to be held equal. The crude values, of the deciles as they are, stand beside, and
# `compared` says who is compared with whom.

# %%
table = bi.inequality(posterior, by="imd_decile")
print(table.round(3).to_string(index=False, na_rep=""))

# %%
bi.plots.plot_gradient(by_decile, "imd_decile", outcome="diabetes prevalence at the same age and sex")

# %% [markdown]
# The ten groups are as wide as their people are many; the line is the slope index of inequality (SII), which uses all
# ten and not only the two ends.
#
# Older people have diabetes more often, and deciles differ in age. So the figure holds age and sex equal: it shows what
# each decile's prevalence would be if all deciles had the same mixture of ages and sexes. The next one does not: these
# are the people whom each decile must care for.

# %%
bi.plots.plot_forest(bi.expected(posterior, by="imd_decile"), "imd_decile", outcome="crude diabetes prevalence")

# %% [markdown]
# ## Where?
#
# Two maps belong together. The first shows the estimate; the second shows how sure we are that an area is above the
# average of all. An area may be dark on the first and grey on the second: that is a guess, not a finding.

# %%
by_area = bi.adjusted(posterior, by="area")
bi.map_posterior(by_area, system.areas, outcome="diabetes prevalence at the same age and sex")

# %%
bi.map_posterior(by_area, system.areas, statistic="exceedance", outcome="diabetes prevalence at the same age and sex")

# %% [markdown]
# ## A report to pass on
#
# One file, which opens in any browser without a network. It holds the figures, the checks, the model card and the
# limits.

# %%
report = bi.write_report(posterior, system.areas, Path("first_study.html"))
print(f"{report}: {report.stat().st_size / 1e6:.1f} MB")

# %% [markdown]
# ## Was it right?
#
# Here, and only here, we know the truth that the simulation planted.

# %%
truth = system.truth["prevalence"]
summary = table.set_index("parameter")
for name, planted in (("sii", truth.sii), ("rii", truth.rii)):
    low, high = summary.loc[name, ["lower", "upper"]]
    print(f"{name}: truth {planted:.3f}, 95% interval {low:.3f} to {high:.3f}")

# %% [markdown]
# ## What may be concluded, and what not
#
# **May:** recorded diabetes rises with deprivation in this system; by how many percentage points, with its interval;
# which areas are very likely above the average.
#
# **May not:** that deprivation *causes* the difference (this is a comparison, not an experiment); that people without
# a record do not have diabetes; that a 95% interval always holds the truth (one in twenty should miss it); anything
# about a single person; a league table of areas whose intervals overlap.
