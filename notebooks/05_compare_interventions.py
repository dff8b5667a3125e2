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
# # Comparing interventions
#
# A map says where the need is. A board asks: **what should we do about it, where first, and what do we give up if we
# insist on fairness?** This notebook carries effects that were published elsewhere to local risk, compares two plans,
# and spends a budget.
#
# The plans, their effects and their costs are invented for this page. They are not evidence.

# %%
from pathlib import Path

import bayesineq as bi
from bayesineq.decisions.frontier import frontier
from bayesineq.decisions.local import local_risk
from bayesineq.decisions.plans import PlanOptions, compare_plans
from bayesineq.decisions.read_plans import read_plans

# %% [markdown]
# ## Local risk
#
# Emergency admissions a year of adults with diabetes, area by area, with all uncertainty of the fit.

# %%
system = bi.simulate_system(n_areas=120, n_people=120_000, seed=5)
card = bi.read_card("outcomes")
posterior = bi.fit(
    bi.design(system.outcome_counts, card, adjacency=system.adjacency), draws=500, seed=5, progress=False
)
print("checks passed" if bi.diagnose(posterior).passed else "FAILED a check")
risk = local_risk(posterior)
print(f"{risk.sizes['area']} areas, {float(risk['population'].sum()):,.0f} person-years with diabetes")

# %%
events = bi.expected(posterior, by="imd_decile")
bi.plots.plot_gradient(events, "imd_decile", outcome="emergency admissions of adults with diabetes")

# %% [markdown]
# ## The plans
#
# A plan is text: effect with its interval and kind, cost, whom it reaches, how many take it up. Uptake is often lower
# where need is higher, and a plan that ignores this widens the gap while it helps on average. So it is stated by
# quintile of deprivation (1 is the most deprived).

# %%
Path("plans.toml").write_text("""
[[intervention]]
name = "structured education"
source = "invented for this notebook"
cost = { value = 180, lower = 150, upper = 215 }
qaly_per_event = 0.3
saving_per_event = 2500
reach = 0.8
effect = { measure = "rate ratio", value = 0.85, lower = 0.76, upper = 0.95 }
[intervention.uptake]
value = 0.45
lower = 0.40
upper = 0.50
by.imd_quintile = { 1 = 0.35, 2 = 0.4, 3 = 0.45, 4 = 0.5, 5 = 0.55 }

[[intervention]]
name = "link workers"
source = "invented for this notebook"
cost = { value = 260, lower = 200, upper = 330 }
qaly_per_event = 0.3
saving_per_event = 2500
capacity = 1500
effect = { measure = "rate ratio", value = 0.80, lower = 0.66, upper = 0.97 }
[intervention.uptake]
value = 0.55
by.imd_quintile = { 1 = 0.6, 2 = 0.6, 3 = 0.55, 4 = 0.5, 5 = 0.5 }
""")
plans = read_plans("plans.toml")
print([plan.name for plan in plans])

# %% [markdown]
# ## The comparison
#
# Each draw pairs one plausible local risk with one plausible effect, uptake and cost. £20,000 for a QALY (a year of
# life in full health) is the threshold that turns health into pounds; what is "best" depends on it, so we vary it.

# %%
compared = compare_plans(
    plans, risk, budget=400_000, threshold=20_000, seed=5, options=PlanOptions(thresholds=list(range(0, 60_001, 2_000)))
)
for sentence in compared.words:
    print("-", sentence)

# %%
print(compared.tables["options"].round(2).to_string(index=False))

# %%
bi.plots.plot_acceptability(compared.comparison, benefit="one QALY")

# %% [markdown]
# ## Where first, within the budget?
#
# The allocation serves the areas and plans where the next pound gains most.

# %%
print(compared.tables["allocation_total"].round(1).T.to_string(header=False))
print(compared.tables["shares_imd_quintile"].round(2).to_string(index=False))

# %% [markdown]
# ## What does fairness cost?
#
# Keep a growing share of the places for the most deprived fifth, and see how much benefit in total is given up. Up to
# the share that it gets anyway this costs nothing. The curve does not say what is right; it says what the choice is.

# %%
seen = compared.benefit
curve = frontier(
    seen.benefit,
    seen.spend.mean(("chain", "draw")),
    budget=400_000,
    by="imd_quintile",
    level=1,
    shares=(0.0, 0.6, 0.7, 0.8, 0.9, 1.0),
    threshold=20_000,
    net_cost=seen.net_cost,
    treated=seen.treated,
    capacity={"link workers": 1500},
)
print(curve[["floor", "share", "benefit", "lower", "upper"]].round(2).to_string(index=False))

# %%
bi.plots.plot_frontier(curve, group="the most deprived fifth", benefit="QALYs gained")

# %% [markdown]
# ## What would it be worth to know more?
#
# If most of the value of information lies in one number, that is the one to study before spending more.

# %%
print(compared.tables["information"].head(5).round(0).to_string(index=False))

# %% [markdown]
# ## What may be concluded, and what not
#
# **May:** which plan has the highest expected net benefit at a stated threshold, and how sure that is; which areas are
# served first under a stated budget; what a floor for the most deprived costs.
#
# **May not:** that the effects hold here (they were carried from elsewhere, and nobody here was randomised); that an
# area with a low gain needs no care; that the threshold is a fact (it is a choice of society).
