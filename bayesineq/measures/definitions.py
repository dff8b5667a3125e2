"""Every measure defined, once: the table that documentation, registry and manual are made from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, Final

from bayesineq.measures.specification import Measure, document

WHO: Final = "Schlotheuber & Hosseinpoor 2022, Int J Environ Res Public Health 19:3697"
FINGERTIPS: Final = "Office for Health Improvement and Disparities, Fingertips technical guidance"
CORE20: Final = "NHS England, Core20PLUS5: Core20 is the most deprived 20% of the national population by the index"
OSIER: Final = "Osier 2009, Surv Res Methods 3:167 (quintile share), applied to rank by deprivation"
RAMSAY: Final = "Ramsay 1988, Stat Sci 3:425"
KAKWANI: Final = "Kakwani, Wagstaff & van Doorslaer 1997, J Econometrics 77:87"
PEARCY: Final = f"Pearcy & Keppel 2002, Public Health Rep 117:273; {WHO}"
THEIL: Final = "Theil 1967, Economics and Information Theory; Shorrocks 1980, Econometrica 48:613"
ATKINSON: Final = "Atkinson 1970, J Econ Theory 2:244"
KOLM: Final = "Kolm 1976, J Econ Theory 12:416"
S_GINI: Final = "Donaldson & Weymark 1980, J Econ Theory 22:67"
LEWER: Final = "Lewer et al. 2020, Lancet Public Health 5:e33"

CONCENTRATED: Final = "positive when the outcome is concentrated among the advantaged, as the slope index"
SPREAD: Final = "larger is more unequal, polarity does not enter"
GOOD: Final = (
    "larger is more unequal; the outcome must be a good (health, survival), so turn an adverse one round first"
)
LEVEL: Final = "the larger the better; the outcome must be a good (health, survival)"
NOISE: Final = "noise in the values makes it larger, so give it draws of a model, not estimates"
DESCRIPTIVE: Final = "describes a difference, and is causal only as far as the comparison is"
MEAN_ABOVE_ZERO: Final = "the mean must be above zero, else refused"
NOT_NEGATIVE: Final = "no value may be negative and the mean must be above zero, else refused"
QUOTIENT: Final = "the denominator must be above zero and the numerator not negative, else refused"

_difference = partial(Measure, family="simple", absolute=True)
_ratio = partial(Measure, family="simple", absolute=False, bounds=(0.0, None), equality=1.0)
_gradient = partial(Measure, family="gradient", ordered=True)
_concentration = partial(Measure, family="concentration", ordered=True)
_spread = partial(
    Measure, family="dispersion", absolute=True, bounds=(0.0, None), sign=SPREAD, warning=NOISE, reference=WHO
)
_relative_spread = partial(_spread, absolute=False, unit="as a proportion of the mean", zeros=MEAN_ABOVE_ZERO)
_entropy = partial(Measure, family="entropy", absolute=False, bounds=(0.0, None), sign=SPREAD, warning=NOISE)
_index = partial(Measure, family="welfare", absolute=False, bounds=(0.0, 1.0), sign=GOOD)
_level = partial(Measure, family="welfare", absolute=True, bounds=(0.0, None), equality=None, sign=LEVEL)
_impact = partial(Measure, family="impact")

_TABLE: Final = (
    _difference(
        name="difference",
        acronym="D",
        title="Difference between the ends",
        formula="y[last] - y[first], the most advantaged group less the most disadvantaged; reversed if not favourable",
        ordered=True,
        weighted=False,
        sign="with favourable=True positive when the outcome rises with advantage, as the slope index; with "
        "favourable=False positive when an adverse outcome falls with advantage",
        reference=WHO,
    ),
    _ratio(
        name="ratio",
        acronym="R",
        title="Ratio between the ends",
        formula="y[last] / y[first], the most advantaged group over the most disadvantaged; reversed if not favourable",
        ordered=True,
        weighted=False,
        sign="with favourable=True above 1 when the outcome rises with advantage; with favourable=False above 1 "
        "when an adverse outcome falls with advantage",
        zeros=QUOTIENT,
        reference=WHO,
    ),
    _difference(
        name="range_difference",
        title="Difference between the extremes",
        formula="max(y) - min(y); with a reference y[ref] - min(y) if favourable, max(y) - y[ref] if adverse",
        weighted=False,
        sign="never negative without a reference; the extremes are found again in every draw",
        reference=WHO,
    ),
    _ratio(
        name="range_ratio",
        title="Ratio between the extremes",
        formula="max(y) / min(y); with a reference y[ref] / min(y) if favourable, max(y) / y[ref] if adverse",
        weighted=False,
        sign="at least 1 without a reference; the extremes are found again in every draw",
        zeros=QUOTIENT,
        reference=WHO,
    ),
    _difference(
        name="gap_to_target",
        title="Gap of a group to a target",
        formula="y[group] - target",
        weighted=False,
        sign="positive when the group lies above the target",
        reference=FINGERTIPS,
    ),
    _difference(
        name="gap_to_average",
        title="Gap of a group to the average",
        formula="y[group] - mu",
        sign="positive when the group lies above the average of all groups, itself included",
        reference=FINGERTIPS,
    ),
    _ratio(
        name="share_ratio",
        title="Share ratio",
        formula="(share of all events that fall in the group) / (share of population) = y[group] / mu",
        sign="above 1 when the group has more than its share of the events",
        zeros=NOT_NEGATIVE,
        reference="NHS England, Health inequalities improvement dashboard: share of events against share of population",
    ),
    _difference(
        name="core20_gap",
        title="Core20 gap",
        formula="mu(deciles 1-2) - mu(deciles 3-10), means weighted by people",
        ordered=True,
        sign="positive when the outcome is higher in the most deprived fifth of areas: the opposite of the slope index",
        reference=CORE20,
    ),
    _ratio(
        name="core20_ratio",
        title="Core20 ratio",
        formula="mu(deciles 1-2) / mu(deciles 3-10), means weighted by people",
        ordered=True,
        sign="above 1 when the outcome is higher in the most deprived fifth of areas",
        zeros="the mean of the rest must be above zero and that of Core20 not negative, else refused",
        reference=CORE20,
    ),
    _difference(
        name="quantile_difference",
        title="Quantile difference",
        formula="mu(most advantaged fraction of people) - mu(least advantaged fraction); a group that straddles "
        "is divided",
        ordered=True,
        sign="positive when the outcome rises with advantage",
        reference=OSIER,
    ),
    _ratio(
        name="quantile_ratio",
        title="Quantile ratio",
        formula="mu(most advantaged fraction of people) / mu(least advantaged fraction); a group that straddles "
        "is divided",
        ordered=True,
        sign="above 1 when the outcome rises with advantage",
        zeros="the mean of the least advantaged must be above zero, else refused",
        reference=OSIER,
    ),
    _gradient(
        name="sii",
        acronym="SII",
        title="Slope index of inequality",
        formula="f(1) - f(0), f the line fitted to y against R with weights p. linear: y = a + bR, so SII = b. "
        'log and logit, convention="phe": least squares on the transformed values, then back. convention="who": '
        'quasi-Poisson (log) or quasi-binomial (logit) fit of y itself. "pamuk": linear only.',
        absolute=True,
        sign="positive when the outcome rises with advantage, whatever its polarity",
        zeros="linear takes any value; log needs values above zero (who: not negative); logit needs proportions "
        "strictly between 0 and 1 (who: 0 and 1 allowed)",
        reference=f"Low & Low 2004, J Public Health 26:388; Pamuk 1985, Popul Stud 39:17; {WHO}",
    ),
    _gradient(
        name="rii",
        acronym="RII",
        title="Relative index of inequality",
        formula='f(1) / f(0) (Kunst and Mackenbach; convention "phe" and "who"), or SII / mu (convention '
        '"pamuk"); f the line of the slope index',
        absolute=False,
        equality=1.0,
        sign="above 1 when the outcome rises with advantage (pamuk: above 0, and 0 at equality)",
        zeros="as the slope index; the fitted value at the bottom (pamuk: the mean) must be above zero and that "
        "at the top not negative, else refused",
        reference="Mackenbach & Kunst 1997, Soc Sci Med 44:757; Pamuk 1985, Popul Stud 39:17",
    ),
    _gradient(
        name="sii_monotone",
        title="Slope index from a monotone curve",
        formula="f(1) - f(0), f the monotone quadratic spline with knots at 1/3 and 2/3 that is nearest to y, "
        "weights p; equally the average of its derivative over ranks",
        absolute=True,
        sign="positive when the outcome rises with advantage, whatever its polarity",
        reference=RAMSAY,
    ),
    _gradient(
        name="gradient_curvature",
        title="Curvature of the gradient",
        formula="c of the least squares y = a + b (R - 1/2) + c (R - 1/2)^2, weights p: the average slope in the "
        "more advantaged half less that in the less advantaged half",
        absolute=True,
        sign="0 for a straight gradient; of the opposite sign to the slope where the gradient is steeper among "
        "the disadvantaged",
        reference="Mackenbach & Kunst 1997, Soc Sci Med 44:757, on the assumption of linearity",
    ),
    _gradient(
        name="departure_from_line",
        title="Departure of the gradient from a line",
        formula="max over r of |g(r) - f(r)|, f the line of the slope index, g the quadratic spline with knots "
        "at 1/3 and 2/3 nearest to y, not made monotone",
        absolute=True,
        bounds=(0.0, None),
        sign="0 for a straight gradient, larger the further the line misses the curve anywhere",
        reference=RAMSAY,
    ),
    _concentration(
        name="absolute_concentration_index",
        acronym="ACI",
        title="Absolute concentration index",
        formula="2 sum p (y - mu)(R - 1/2)",
        absolute=True,
        sign=CONCENTRATED,
        reference=KAKWANI,
    ),
    _concentration(
        name="relative_concentration_index",
        acronym="RCI",
        title="Relative concentration index",
        formula="2 sum p (y - mu)(R - 1/2) / mu",
        absolute=False,
        bounds=(-1.0, 1.0),
        sign=CONCENTRATED,
        warning="for a proportion the bounds shrink to mu - 1 and 1 - mu, so compare times or places whose means "
        "differ with the Wagstaff or the Erreygers index",
        zeros=NOT_NEGATIVE,
        reference=KAKWANI,
    ),
    _concentration(
        name="wagstaff_index",
        title="Wagstaff index",
        formula="(upper - lower) ACI / ((upper - mu)(mu - lower)); for a proportion RCI / (1 - mu)",
        absolute=False,
        bounds=(-1.0, 1.0),
        sign=CONCENTRATED + "; unchanged in size when the outcome is turned into its complement",
        zeros="values must lie between the bounds and the mean strictly inside them, else refused",
        reference="Wagstaff 2005, Health Econ 14:429",
    ),
    _concentration(
        name="erreygers_index",
        title="Erreygers index",
        formula="4 ACI / (upper - lower), with the theoretical bounds of the outcome",
        absolute=True,
        unit="as a share of the outcome's range",
        bounds=(-1.0, 1.0),
        sign=CONCENTRATED + "; unchanged in size when the outcome is turned into its complement",
        zeros="values must lie between the bounds, else refused",
        reference="Erreygers 2009, J Health Econ 28:504",
    ),
    _concentration(
        name="extended_concentration_index",
        title="Extended concentration index",
        formula="1 - integral of v (1 - r)^(v-1) y(r)/mu, exact within groups; v = 2 is the relative "
        "concentration index",
        absolute=False,
        bounds=(None, 1.0),
        sign=CONCENTRATED + "; a larger v gives the most disadvantaged more weight; from 1 - v",
        zeros=NOT_NEGATIVE,
        reference="Wagstaff 2002, J Health Econ 21:627",
    ),
    _concentration(
        name="symmetric_concentration_index",
        title="Symmetric concentration index",
        formula="integral of b 2^(b-2) |r - 1/2|^(b-1) sign(r - 1/2) y(r)/mu, exact within groups; b = 2 is the "
        "relative concentration index",
        absolute=False,
        sign=CONCENTRATED + "; a larger b gives both ends more weight; from -b/2 to b/2",
        zeros=NOT_NEGATIVE,
        reference="Erreygers, Clarke & Van Ourti 2012, J Health Econ 31:257",
    ),
    _concentration(
        name="horizontal_inequity",
        acronym="HI",
        title="Horizontal inequity index",
        formula="RCI(use) - RCI(use expected from need)",
        absolute=False,
        bounds=(-2.0, 2.0),
        sign="positive when, at equal need, the advantaged use more",
        zeros="the mean must be above zero and no value negative, else refused; the same for need",
        reference=f"Wagstaff & van Doorslaer 2000, J Hum Resour 35:716; {KAKWANI}",
    ),
    _spread(
        name="mean_difference_from_mean_unweighted",
        acronym="MDMU",
        title="Mean difference from mean (unweighted)",
        formula="sum |y - mu| / J, with mu weighted by people",
        weighted=False,
        sign=SPREAD + "; weights enter through the mean alone",
    ),
    _spread(
        name="mean_difference_from_mean_weighted",
        acronym="MDMW",
        title="Mean difference from mean (weighted)",
        formula="sum p |y - mu|",
    ),
    _spread(
        name="mean_difference_from_best_unweighted",
        acronym="MDBU",
        title="Mean difference from best (unweighted)",
        formula="sum |y - y[best]| / J, best the largest value if favourable, else the smallest",
        weighted=False,
        sign=SPREAD + "; the best group is found again in every draw",
    ),
    _spread(
        name="mean_difference_from_best_weighted",
        acronym="MDBW",
        title="Mean difference from best (weighted)",
        formula="sum p |y - y[best]|, best the largest value if favourable, else the smallest",
        sign=SPREAD + "; the best group is found again in every draw",
    ),
    _spread(
        name="mean_difference_from_reference_unweighted",
        acronym="MDRU",
        title="Mean difference from a reference group (unweighted)",
        formula="sum |y - y[ref]| / J",
        weighted=False,
    ),
    _spread(
        name="mean_difference_from_reference_weighted",
        acronym="MDRW",
        title="Mean difference from a reference group (weighted)",
        formula="sum p |y - y[ref]|",
    ),
    _spread(
        name="between_group_variance",
        acronym="BGV",
        title="Between-group variance",
        formula="sum p (y - mu)^2",
        unit="in the squared unit of the outcome",
    ),
    _spread(
        name="between_group_standard_deviation",
        acronym="BGSD",
        title="Between-group standard deviation",
        formula="sqrt(sum p (y - mu)^2)",
    ),
    _relative_spread(
        name="coefficient_of_variation",
        acronym="COV",
        title="Coefficient of variation",
        formula="sqrt(sum p (y - mu)^2) / mu",
        multiplier=100.0,
    ),
    _relative_spread(
        name="index_of_disparity_unweighted",
        acronym="IDISU",
        title="Index of disparity (unweighted)",
        formula="sum |y - mu| / (J mu), with mu weighted by people",
        weighted=False,
        reference=PEARCY,
        multiplier=100.0,
    ),
    _relative_spread(
        name="index_of_disparity_weighted",
        acronym="IDISW",
        title="Index of disparity (weighted)",
        formula="sum p |y - mu| / mu",
        reference=PEARCY,
        multiplier=100.0,
    ),
    _spread(
        name="hoover_index",
        title="Hoover index",
        formula="1/2 sum p |y/mu - 1|",
        absolute=False,
        bounds=(0.0, 1.0),
        sign=SPREAD + "; the share of all events that would have to move between groups to make their rates equal",
        zeros=NOT_NEGATIVE,
        reference="Hoover 1936, Rev Econ Stat 18:162",
    ),
    _entropy(
        name="theil",
        acronym="TI",
        title="Theil index",
        formula="sum p (y/mu) ln(y/mu)",
        zeros='refused; with zeros="limit" a zero contributes 0, the limit; negative values always refused',
        reference=THEIL,
        multiplier=1000.0,
    ),
    _entropy(
        name="mean_log_deviation",
        acronym="MLD",
        title="Mean log deviation",
        formula="-sum p ln(y/mu)",
        zeros='refused; with zeros="limit" a zero makes it infinite, the limit; negative values always refused',
        reference=THEIL,
        multiplier=1000.0,
    ),
    _entropy(
        name="generalised_entropy",
        title="Generalised entropy",
        formula="(sum p (y/mu)^a - 1) / (a (a - 1)); a = 0 mean log deviation, a = 1 Theil, a = 2 half the "
        "squared coefficient of variation",
        zeros='refused; with zeros="limit" exact for a > 0 and infinite for a <= 0; negative values always refused',
        reference="Shorrocks 1980, Econometrica 48:613",
    ),
    _entropy(
        name="symmetrised_theil",
        acronym="STI",
        title="Symmetrised Theil index",
        formula="(Theil + mean log deviation) / 2 = 1/2 sum p (y/mu - 1) ln(y/mu)",
        zeros='refused; with zeros="limit" a zero makes it infinite, the limit; negative values always refused',
        reference="Borrell & Talih 2011, Stat Med 30:277",
    ),
    _index(
        name="atkinson",
        title="Atkinson index",
        formula="1 - EDE/mu, EDE = (sum p y^(1-e))^(1/(1-e)); e = 1 the geometric mean",
        zeros='allowed for e < 1; for e >= 1 refused, or with zeros="limit" the index is 1; negative values refused',
        reference=ATKINSON,
    ),
    _level(
        name="atkinson_ede",
        title="Atkinson equally distributed equivalent",
        formula="(sum p y^(1-e))^(1/(1-e)); e = 1 the geometric mean",
        zeros='allowed for e < 1; for e >= 1 refused, or with zeros="limit" the level is 0; negative values refused',
        reference=ATKINSON,
    ),
    _index(
        name="kolm",
        title="Kolm index",
        formula="mu - EDE, EDE = -ln(sum p exp(-k y)) / k",
        absolute=True,
        bounds=(0.0, None),
        sign=GOOD + "; unchanged when every group gains the same amount",
        reference=KOLM,
    ),
    _level(
        name="kolm_ede",
        title="Kolm equally distributed equivalent",
        formula="-ln(sum p exp(-k y)) / k",
        bounds=(None, None),
        reference=KOLM,
    ),
    _index(
        name="gini",
        title="Gini index",
        formula="sum_i sum_j p_i p_j |y_i - y_j| / (2 mu)",
        sign="larger is more unequal, polarity does not enter; the ranking by value is found again in every draw",
        zeros=NOT_NEGATIVE,
        reference="Gini 1912, Variabilita e mutabilita; Lerman & Yitzhaki 1989, J Econometrics 42:43",
    ),
    _index(
        name="s_gini",
        title="S-Gini index",
        formula="1 - integral of v (1 - F)^(v-1) y(F)/mu, F the rank by value, exact within groups; v = 2 is Gini",
        zeros=NOT_NEGATIVE,
        reference=S_GINI,
    ),
    _level(
        name="s_gini_ede",
        title="S-Gini equally distributed equivalent",
        formula="integral of v (1 - F)^(v-1) y(F) = mu (1 - S-Gini)",
        zeros=NOT_NEGATIVE,
        reference=S_GINI,
    ),
    _impact(
        name="population_attributable_risk",
        acronym="PAR",
        title="Population attributable risk",
        formula="favourable: max(y[ref] - mu, 0); adverse: min(y[ref] - mu, 0)",
        absolute=True,
        sign="never negative for a favourable outcome, never positive for an adverse one",
        warning=DESCRIPTIVE,
        reference=WHO,
    ),
    _impact(
        name="population_attributable_fraction",
        acronym="PAF",
        title="Population attributable fraction",
        formula="PAR / mu",
        absolute=False,
        unit="as a proportion of the mean",
        sign="never negative for a favourable outcome, never positive for an adverse one",
        warning=DESCRIPTIVE,
        zeros=MEAN_ABOVE_ZERO,
        reference=WHO,
        multiplier=100.0,
    ),
    _impact(
        name="excess_events",
        title="Excess events",
        formula="sum n (y - y[ref])",
        absolute=True,
        unit="in events",
        sign="positive when there are more events than at the reference's rate",
        warning=DESCRIPTIVE,
        reference=LEWER,
    ),
    _impact(
        name="attributable_fraction",
        title="Attributable fraction",
        formula="sum n (y - y[ref]) / sum n y",
        absolute=False,
        bounds=(None, 1.0),
        sign="positive when there are more events than at the reference's rate",
        warning=DESCRIPTIVE,
        zeros=MEAN_ABOVE_ZERO,
        reference=LEWER,
    ),
    _impact(
        name="events_to_close_gap",
        title="Events to close the gap",
        formula="f sum n max(y - y[ref], 0) if adverse, f sum n max(y[ref] - y, 0) if favourable",
        absolute=True,
        unit="in events",
        bounds=(0.0, None),
        sign="never negative: groups better than the reference stay as they are",
        reference=LEWER,
    ),
)

MEASURES: Final[Mapping[str, Measure]] = MappingProxyType({stated.name: stated for stated in _TABLE})
"""Every measure by name, in the order of the manual."""

WHO_ACRONYMS: Final = frozenset(
    {"ACI", "BGSD", "BGV", "COV", "D", "IDISU", "IDISW", "MDBU", "MDBW", "MDMU", "MDMW"}
    | {"MDRU", "MDRW", "MLD", "PAF", "PAR", "R", "RCI", "RII", "SII", "TI"}
)
"""The 21 summary measures of the World Health Organization's toolkit."""


def measure[F: Callable[..., Any]](function: F) -> F:
    """Give a function that is defined in the table its whole documentation."""
    function.__doc__ = document(function, MEASURES[function.__name__])
    return function
