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
# # Which measure answers which question?
#
# "Is inequality growing?" has no answer until you say *which* inequality. Measures disagree because they answer
# different questions. This notebook shows which, with the conventions that make two published numbers with the same
# name differ.

# %%
import pandas as pd

import bayesineq as bi
from bayesineq.errors import MeasureError

system = bi.simulate_system(n_areas=120, n_people=120_000, seed=4)
posterior = bi.fit(
    bi.design(system.area_counts, bi.read_card("prevalence"), adjacency=system.adjacency), seed=4, progress=False
)
by_decile = bi.expected(posterior, by="imd_decile")

# %% [markdown]
# ## Measures are functions of numbers
#
# A measure takes the values of the groups and their sizes; groups run from the most to the least deprived. Nothing
# Bayesian yet: you may use it on a published table.

# %%
rates = [0.12, 0.11, 0.10, 0.09, 0.08]
sizes = [900, 1100, 1000, 1000, 1000]
print("SII:", round(float(bi.sii(rates, sizes)), 4))
print("RII:", round(float(bi.rii(rates, sizes)), 4))
print("Gini between groups:", round(float(bi.measures.gini(rates, sizes)), 4))

# %% [markdown]
# ## With a posterior: once per draw
#
# `over_draws` takes the measure in each of the 1,000 plausible versions of the system, and the interval is that of the
# 1,000 results. This is *not* the measure of the ten averages with error bars guessed afterwards: groups go up and
# down together, and only the draws know that.

# %%
questions = [
    ("How far apart are the two ends, as shares of people?", bi.difference, {}),
    ("... and as a ratio?", bi.ratio, {}),
    ("How steep is the whole gradient, absolute?", bi.sii, {}),
    ("... and relative?", bi.rii, {}),
    ("How far is the most deprived fifth from the rest?", bi.measures.core20_gap, {}),
    ("On whom is the burden concentrated?", bi.measures.erreygers_index, {}),
    ("How spread out are groups, order aside?", bi.measures.between_group_standard_deviation, {}),
    ("How unequal are the groups, relative, order aside?", bi.measures.theil, {}),
    ("By which share would the average change at the rate of the least deprived?",
     bi.measures.population_attributable_fraction, {"favourable": False, "reference": "most_advantaged"}),
]  # fmt: skip
rows = []
for question, measure, options in questions:
    draws = bi.over_draws(measure, by_decile, "imd_decile", options=options)
    summary = bi.summarise(draws).iloc[0]
    rows.append((question, measure.__name__, summary["median"], summary["lower"], summary["upper"]))
answers = pd.DataFrame(rows, columns=["question", "measure", "median", "lower", "upper"])
for name in answers["measure"]:
    print(f"{name}: {bi.measures.MEASURES[name].sign}")
print(answers.round(4).to_string(index=False))

# %%
bi.plots.plot_gradient(by_decile, "imd_decile", outcome="diabetes prevalence")

# %%
bi.plots.plot_concentration(by_decile, "imd_decile", outcome="cases of diabetes")

# %% [markdown]
# ## Absolute and relative can point in opposite directions
#
# Halve every rate: the gap in percentage points halves, the ratio stays. A programme that helps everyone by the same
# *factor* narrows the absolute and not the relative inequality. So report both, always.

# %%
halved = by_decile / 2
for name, measure in (("SII", bi.sii), ("RII", bi.rii)):
    before = float(bi.over_draws(measure, by_decile, "imd_decile").mean())
    after = float(bi.over_draws(measure, halved, "imd_decile").mean())
    print(f"{name}: {before:.4f} before, {after:.4f} after halving every rate")

# %% [markdown]
# ## Conventions
#
# Two teams may call different numbers by one name. For the relative index there are three published definitions: the
# fitted value at the one end over that at the other ("phe", used in England, and "who"), or the slope over the average
# ("pamuk"). On the log scale the fitted line itself is another. And a sign is a convention as well: here an index is
# *negative* (a ratio *below 1*) where the outcome falls with advantage. Say which one you used, and never compare
# across conventions.

# %%
for scale in ("linear", "log"):
    for convention in ("phe", "who", "pamuk"):
        options = {"convention": convention, "scale": scale}
        try:
            draws = bi.over_draws(bi.rii, by_decile, "imd_decile", options=options)
        except MeasureError as error:
            print(f"{convention}, {scale}: refused, {error}")
            continue
        summary = bi.summarise(draws).iloc[0]
        print(f"{convention}, {scale}: {summary['median']:.3f} ({summary['lower']:.3f} to {summary['upper']:.3f})")
print("Sign:", draws.attrs["sign"])

# %% [markdown]
# Is a straight line fair to this gradient at all? Ask in how many draws a smooth curve through the groups stays within
# a twentieth of the average of it. A low share says: report the groups beside the index.

# %%
straight = bi.over_draws(bi.measures.linear_gradient, by_decile, "imd_decile")
print(f"probability that a straight line will do: {float(straight.mean()):.2f}")

# %% [markdown]
# ## Groups without an order
#
# Deciles have an order, ethnic groups have none, so there is no slope across them. The package refuses rather than
# compute nonsense.

# %%
by_ethnicity = bi.expected(posterior, by="ethnicity")
try:
    bi.over_draws(bi.sii, by_ethnicity, "ethnicity")
except MeasureError as error:
    print(error)

# %%
print(bi.inequality(posterior, by="ethnicity").tail(3).round(3).to_string(index=False, na_rep=""))

# %% [markdown]
# Beware of the range between the highest and the lowest group: with sixteen groups some group is highest by chance.
# It can never be zero, so its interval never holds zero, and that says nothing.
#
# ## People behind the number
#
# For a board a number of people is plainer than an index: how many adults have diabetes beyond those there would be
# if everyone had the rate of the least deprived decile?

# %%
extra = bi.over_draws(bi.measures.excess_events, by_decile, "imd_decile", options={"reference": "most_advantaged"})
summary = bi.summarise(extra).iloc[0]
print(f"{summary['median']:,.0f} adults (95% interval {summary['lower']:,.0f} to {summary['upper']:,.0f})")

# %% [markdown]
# ## The manual
#
# Every measure states its formula, sign, bounds and source.

# %%
print(f"{len(bi.measures.MEASURES)} measures: {', '.join(bi.measures.MEASURES)}")
print(bi.measures.describe("SII"))

# %% [markdown]
# ## What may be concluded, and what not
#
# **May:** the size of inequality by a measure that you named *before* you looked, absolute and relative, with the
# convention stated.
#
# **May not:** that inequality rose because one measure of many did; a comparison of indices between outcomes with
# different averages without looking at the averages; that the excess cases would vanish if deprivation did.
