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
# # Deprivation and ethnicity together
#
# Ethnic groups differ in age and in where they live. A plain table of rates mixes all of that. This notebook asks
# three questions in order: **how do ethnic groups differ; do they still differ at the same age, sex and place; and
# is the deprivation gradient the same in every group?**

# %%
import bayesineq as bi
from bayesineq.posterior.maihda import intersectional
from bayesineq.records.ethnicity.codes import scheme_codes

system = bi.simulate_system(n_areas=120, n_people=120_000, seed=3)
people = system.area_counts.groupby("ethnicity")["population"].sum()
names = scheme_codes("nhs")["label"]
print(people.rename(index=names).to_string())

# %% [markdown]
# Some groups are small. The model does not drop them, nor lump them into "other": it *shrinks* them. A group with few
# people is drawn towards the average of all groups as far as its own data do not hold it in place, and its interval
# is wide. That is honest: the data say little.

# %%
study = bi.design(system.area_counts, bi.read_card("prevalence"), adjacency=system.adjacency)
posterior = bi.fit(study, seed=3, progress=False)
print("checks passed" if bi.diagnose(posterior).passed else "FAILED a check")

# %% [markdown]
# ## 1. As they are
#
# The crude rates answer "how many people of each group must the service care for?".

# %%
crude = bi.expected(posterior, by="ethnicity")
bi.plots.plot_forest(crude, "ethnicity", outcome="diabetes prevalence")

# %% [markdown]
# ## 2. Like with like
#
# Now the same mixture of ages, sexes, deprivation and places in every group. This answers "how would the groups compare
# if they differed in nothing else that the card knows?". Where the two figures disagree, age or place was speaking.

# %%
alike = bi.standardised(posterior, by="ethnicity")
bi.plots.plot_forest(alike, "ethnicity", outcome="like-for-like diabetes prevalence")

# %%
ratios = bi.contrast(alike, "ethnicity", "A", kind="ratio").drop_sel(ethnicity="A")
table = bi.summarise(ratios)[["median", "lower", "upper"]]
table["p_higher"] = bi.posterior.exceedance(ratios, 1).to_numpy()
table.index = names[ratios["ethnicity"].to_numpy()]
print("Compared with White British (A), all else equal:")
print(table.round(2).to_string())

# %% [markdown]
# White British is the reference because it is the largest group and so the best known, not because it is the norm.
# Read `p_higher` near 0.5 as "cannot tell", not as "no difference".
#
# ## 3. Who ranks where?
#
# Ranks look certain and are not. On the right, each group's rank with its interval: groups whose rank intervals overlap
# are not in a known order.

# %%
bi.plots.plot_caterpillar(alike, "ethnicity", outcome="like-for-like diabetes prevalence")

# %% [markdown]
# ## 4. Both at once
#
# Every combination of quintile and group. Hatched cells stand on too few people to be shown: the disclosure rule holds
# here as in a report.

# %%
population = bi.population(posterior)
population["imd_quintile"] = (population["imd_decile"].astype(int) + 1) // 2
both = bi.expected(posterior, population, by=["ethnicity", "imd_quintile"])
bi.plots.plot_heat(both, "ethnicity", "imd_quintile", outcome="diabetes prevalence")

# %% [markdown]
# Do the two add up, or does deprivation bite harder in some groups? `additive_share` is the share of the variance
# between the combinations that the two single effects account for; the rest is interaction.

# %%
strata = intersectional(posterior, ["imd_decile", "ethnicity"])
print(
    bi.summarise(strata[["between_share", "additive_share"]])[["parameter", "median", "lower", "upper"]]
    .round(3)
    .to_string()
)

# %% [markdown]
# `between_share` is the share of all variation between people that lies *between* the combinations. It is small, as it
# nearly always is: people within a group differ far more than groups do. So a group is a reason to look at how a
# service reaches people, never a way to know a person's risk.
#
# ## What may be concluded, and what not
#
# **May:** which groups carry more recorded diabetes, crude and like with like, with their intervals; whether the data
# can tell the gradient of one group from that of another.
#
# **May not:** that ethnicity *causes* disease (it stands for what people are exposed to, racism included); that "all
# else equal" covers what the card does not know (diet, income, time in the country); that a group with a wide interval
# has no problem. And real records miss ethnicity for some people: report how many, and never leave them out unsaid.
