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
# # Prevalence, access and outcomes
#
# Three questions about the same people. **Who has the condition? Who gets through the door? What becomes of those who
# have it?** A service that looks only at the first will miss the other two. They are three cards with the same terms,
# so their answers can be laid side by side.

# %%
import bayesineq as bi

system = bi.simulate_system(n_areas=80, n_people=80_000, seed=2)
tables = {
    "prevalence": system.area_counts,
    "access": system.access_counts,
    "outcomes": system.outcome_counts,
}
for name, counts in tables.items():
    print(f"{name}: {len(counts):,} rows with columns {', '.join(counts.columns[-2:])}")

# %% [markdown]
# The three are not counted over the same thing, and their cards say so:
#
# | Card | Out of | Likelihood | Why this one |
# |---|---|---|---|
# | prevalence | people | binomial | each adult has the record or has not |
# | access | appointments | beta-binomial | one person misses several, so counts vary more than by chance |
# | outcomes | person-years | negative binomial | events per time, again clustered in people |
#
# The last two allow for *overdispersion*. Without it the intervals would be too narrow, and we would be sure of
# differences that are noise.

# %%
posteriors = {}
for name, counts in tables.items():
    study = bi.design(counts, bi.read_card(name), adjacency=system.adjacency)
    posteriors[name] = bi.fit(study, draws=500, seed=2, progress=False)
    print(f"{name}: {'checks passed' if bi.diagnose(posteriors[name]).passed else 'FAILED a check'}")

# %% [markdown]
# ## Side by side
#
# The relative index (RII) compares the least with the most deprived end of the gradient, so below 1 means that the
# outcome falls as deprivation does. The three are adverse: people with diabetes, missed appointments, emergency
# admissions. Because the RII has no unit, these can be compared; the slope indices cannot, for each has a unit of its
# own. The planted truth is that of the deciles as they are, so the measures are crude here.

# %%
for name, posterior in posteriors.items():
    measured = bi.inequality(posterior, by="imd_decile", adjust=False).set_index("parameter")
    truth = system.truth[name]
    low, middle, high = measured.loc["rii", ["lower", "median", "upper"]]
    print(f"{name}: RII {middle:.2f} (95% interval {low:.2f} to {high:.2f}); planted truth {truth.rii:.2f}")
    print(measured.loc[["difference", "ratio", "sii"], ["median", "lower", "upper"]].round(4).to_string())

# %%
bi.plots.plot_gradient(
    bi.expected(posteriors["prevalence"], by="imd_decile"), "imd_decile", outcome="diabetes prevalence"
)

# %%
bi.plots.plot_gradient(bi.expected(posteriors["access"], by="imd_decile"), "imd_decile", outcome="missed appointments")

# %%
events = bi.expected(posteriors["outcomes"], by="imd_decile")
bi.plots.plot_gradient(events, "imd_decile", outcome="emergency admissions of adults with diabetes")

# %% [markdown]
# ## Two at once
#
# Which areas have both much diabetes and many missed appointments? The map crosses thirds of the one with thirds of
# the other; the darkest corner is where both are high.

# %%
missed = bi.expected(posteriors["access"], by="area").mean(("chain", "draw")).to_series()
bi.plots.map_bivariate(
    bi.expected(posteriors["prevalence"], by="area"),
    system.areas,
    missed,
    other_name="missed appointments",
    outcome="diabetes prevalence",
)

# %% [markdown]
# ## Before any model: the funnel
#
# A funnel plot needs no model. Areas outside the funnel differ from the average by more than chance would make them.
# Small areas are wide apart by chance alone, which is why the funnel is wide at its left.

# %%
areas = system.access_counts.groupby("area", as_index=False)[["missed", "appointments"]].sum()
bi.plots.plot_funnel(
    areas, unit="area", events="missed", at_risk="appointments", adjust=True, outcome="missed appointments"
)

# %% [markdown]
# ## What may be concluded, and what not
#
# **May:** which of the three has the steepest relative gradient; where two burdens meet.
#
# **May not:** that missed appointments *lead to* admissions (the tables are not linked person by person); that
# patients are to blame for appointments which were offered at times or places that did not suit them; that people who
# were never referred, or never diagnosed, have no need: none of the three tables holds them.
