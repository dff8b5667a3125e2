"""Whether a fit can be trusted: the checks of its engine against the limits of its card."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Final

import numpy as np
import pandas as pd
import xarray as xr

from bayesineq.dims import CHAIN, DRAW, OTHER, OUTCOME
from bayesineq.errors import ConvergenceError
from bayesineq.posterior.conflict import conflicts, power_scaling, pulls
from bayesineq.posterior.groups import convergence, draws_of, labels, variables
from bayesineq.posterior.misfit import NAMES, misfit_checks
from bayesineq.posterior.outcomes import one_outcome, outcome_names
from bayesineq.posterior.population import card_of, priors_of

# Means over hyperparameters are off by at most this many posterior standard deviations, and mostly by far fewer; of
# the draws 92% are effective.
_IMPORTANCE_SPREAD: Final = 0.3
_FAILED_SHARE: Final = 0.01
_MOVED: Final = 2.0
"""Posterior standard deviations by which one row may move a hyperparameter; of 90 ordinary tables of 8 to 60 rows, one
had a row that moved one so far."""

NOT_YET: Final = "Do not act on it yet"
CAREFULLY: Final = "Act on differences only that are large against their intervals"
AS_PRIOR: Final = "Of some correlations the data say no more than the prior"
"""What follows where a check failed: of the computation; of rows alone; of correlations alone."""

TORN: Final = "torn"
"""Mark of checks of which it is no longer known which row each is of."""

_WORST: Final = 3
_LISTED: Final = 10
_PULLED: Final = 1.0
_FEWEST_DRAWS: Final = 100

_COLUMNS: Final = ("check", "parameter", "value", "limit", "passed", "advice")


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """
    Checks of a fit.

    Parameters
    ----------
    table : DataFrame
        A row a check: `check`, `parameter` (the worst), `value`, `limit`, `passed`, `advice` (empty where passed).
    engine : str
        Which engine made the fit.
    graph : str
        How many components and islands the map has, in words; empty for a card without a map.
    """

    table: pd.DataFrame
    engine: str
    graph: str = ""

    @property
    def passed(self) -> bool:
        """Whether every check was passed."""
        return bool(self.table["passed"].all())

    def __repr__(self) -> str:
        failed = self.table.loc[~self.table["passed"], "check"]
        said = f"{len(failed)} of {len(self.table)} checks failed: {', '.join(failed)}" if len(failed) else ""
        return f"Diagnosis({self.engine}: {said or f'{len(self.table)} checks passed'})"

    def _repr_html_(self) -> str:
        table = self.table.to_html(index=False, float_format="{:.4g}".format)
        return f"<p><code>{escape(repr(self))}</code></p>{table}"

    def raise_if_failed(self) -> None:
        """
        Stop unless every check was passed.

        Raises
        ------
        ConvergenceError
            Naming each failed check, the worst parameters and what to try.
        """
        if self.passed:
            return
        failed = self.table[~self.table["passed"]].to_dict("records")
        lines = []
        for row in failed:
            of = f" of {row['parameter']}" if row["parameter"] else ""
            lines.append(f"  - {row['check']}{of} is {row['value']:.4g}, limit {row['limit']:g}: {row['advice']}")
        said = self.consequence[:1].lower() + self.consequence[1:]
        raise ConvergenceError(
            f"the {self.engine} fit failed {len(failed)} of {len(self.table)} checks; {said}:\n" + "\n".join(lines)
        )

    @property
    def consequence(self) -> str:
        """What the checks that failed mean for whoever acts on the fit; empty where none did."""
        failed = self.table.loc[~self.table["passed"], "check"]
        of_rows, untold = failed.isin(NAMES.values()), failed == UNTOLD
        if not (of_rows | untold).all():
            return NOT_YET
        return CAREFULLY if of_rows.any() else AS_PRIOR if untold.any() else ""


def diagnose(post: xr.DataTree, *, outcome: str | None = None) -> Diagnosis:
    """
    Check a fit against the limits of its card.

    Parameters
    ----------
    post : DataTree
        A posterior.
    outcome : str, optional
        Look at one of several outcomes only; by default at all of them, and at what stands between them.

    Returns
    -------
    Diagnosis
        For chains: R-hat and bulk effective sample size of every parameter, and divergences. For the sparse engine:
        its own checks, as far as the posterior holds them, and whether rows are as the card says: see Notes. For
        both: that every draw is a number; that no prior contradicts the data; and that no prior moves a number by more
        than the width of its 95% interval.

    Raises
    ------
    PosteriorError
        If `post` is no posterior.

    Examples
    --------
    >>> from bayesineq import example
    >>> diagnose(example().post)
    Diagnosis(laplace: 8 checks passed)

    Notes
    -----
    Rows are compared with what their likelihood says at draws of the posterior (`bayesineq.inference.misfit` has the
    formulas): the spread of counts about their means; zeros beyond those expected; a bend of rows along their linear
    predictor, as of a wrong link or of effects that do not add up on it; and likeness of neighbouring areas, where the
    card has no spatial term and the design was made with `adjacency`. Each names the likelihood or term to state.

    They see what the terms leave over. Where every row has an effect of its own (`bym2` or `exchangeable` by area,
    and one row an area), that effect takes over-dispersion up, intervals are as wide as rows say, and nothing is
    wrong: only designs of several rows an effect can show it. Means of much less than one event a row show little.
    Rows that are mixtures (practice registers), and posteriors of NUTS, are not judged so.
    """
    if outcome is not None or not card_of(post).is_joint:
        return _diagnosis(post, _checks(one_outcome(post, outcome)))
    checks, seen = [], set()
    for name in outcome_names(post):
        for check in _checks(one_outcome(post, name)):
            # What the engine says of the whole fit, it says once.
            said = (check["check"], check["parameter"], check["value"])
            if check["check"] not in _OF_THE_FIT:
                check |= {"parameter": f"{name}: {check['parameter']}" if check["parameter"] else name}
            elif said in seen:
                continue
            seen.add(said)
            checks.append(check)
    return _diagnosis(post, [*checks, *_between(post)])


_WEIGHTS: Final = "spread of importance weights of hyperparameters"
_RHAT_OF_HYPER: Final = "rhat of chains over hyperparameters"
_ESS_OF_HYPER: Final = "effective draws of chains over hyperparameters"
_OF_THE_FIT: Final = frozenset({"chains", "divergences", _WEIGHTS, _RHAT_OF_HYPER, _ESS_OF_HYPER})


def _diagnosis(post: xr.DataTree, checks: list[dict[str, object]]) -> Diagnosis:
    table = pd.DataFrame(checks, columns=list(_COLUMNS))
    engine = str(post.attrs.get("engine", "unknown"))
    return Diagnosis(table=table, engine=engine, graph=str(post.attrs.get("graph", "")))


UNTOLD: Final = "spread of a correlation, in prior standard deviations"
_TOLD: Final = 0.9
"""Share of a prior standard deviation below which a correlation's posterior tells more than its prior did."""


def _between(post: xr.DataTree) -> list[dict[str, object]]:
    """Correlations of which the data say no more than the prior, which nothing should be concluded from."""
    draws, priors, made = post["posterior"].to_dataset(), priors_of(post), []
    for term in card_of(post).terms:
        if term.across != "correlated":
            continue
        of = list(term.outcomes)
        shape = priors[f"{term.name}.correlation"]["eta"] + 0.5 * (len(of) - 2)
        # Each correlation of an LKJ prior is a beta variable on (-1, 1).
        prior = 1.0 / np.sqrt(2.0 * shape + 1.0)
        for k, second in enumerate(of):
            for first in of[:k]:
                pair = draws[f"{term.name}.correlation"].sel({OUTCOME: first, OTHER: second})
                share = float(pair.std()) / prior
                advice = (
                    f"the data say no more of the correlation of {first} and {second} than its prior did (mean "
                    f"{float(pair.mean()):.2f}, {share:.0%} of the prior's standard deviation); conclude nothing from "
                    "it, and report that it is not known"
                )
                name = f"{term.name}.correlation[{first}, {second}]"
                made.append(_check(UNTOLD, name, share, _TOLD, advice))
    return made


def _checks(post: xr.DataTree) -> list[dict[str, object]]:
    card = card_of(post)
    engine, sizes = str(post.attrs.get("engine", "unknown")), post["posterior"].sizes
    checks = [_finite(post)]
    if sizes[CHAIN] > 1:
        checks += _chains(post, card.limits["rhat"], card.limits["ess_bulk"])
    elif engine == "nuts":
        advice = "one chain cannot be compared with another; fit with chains=4"
        checks.append(_check("chains", "", 1, 2, advice, passed=False))
    checks += _engine_checks(post)
    checks += [_check(name, "", value, limit, advice) for name, value, limit, advice in misfit_checks(post)]
    if sizes[CHAIN] * sizes[DRAW] >= _FEWEST_DRAWS and checks[0]["passed"]:
        checks += _prior_checks(post)
    return checks


def _check(
    check: str, parameter: str, value: float, limit: float, advice: str, *, passed: bool | None = None
) -> dict[str, object]:
    """A row of the table; a check is passed by a value up to its limit, unless it says otherwise."""
    good = bool(value <= limit if passed is None else passed)
    row = (check, parameter, float(value), float(limit), good, "" if good else advice)
    return dict(zip(_COLUMNS, row, strict=True))


def _finite(post: xr.DataTree) -> dict[str, object]:
    bad = {name: int((~np.isfinite(draws_of(array))).sum()) for name, array in variables(post)}
    worst = ", ".join(name for name, count in bad.items() if count)
    advice = "the fit broke down: standardise covariates, tighten priors, and look for columns of wrong scale"
    return _check("draws that are not numbers", worst, sum(bad.values()), 0, advice)


def _chains(post: xr.DataTree, most: float, least: float) -> list[dict[str, object]]:
    names = [name for key, array in variables(post) for name in labels(array, key)]
    found = [convergence(draws_of(array)) for _, array in variables(post)]
    rhat, ess = (np.concatenate(each) for each in zip(*found, strict=True))
    # Numbers that do not vary (a reference level) have neither; a fit in which nothing varies has not moved at all.
    if np.isnan(rhat).all():
        advice = "no parameter varies between draws, or there are fewer than four draws; sample again with more"
        return [_check("rhat", "", np.nan, most, advice)]
    apart, few = int(np.nansum(rhat > most)), int(np.nansum(ess < least))
    disagree = (
        f"chains disagree on {apart} parameters; sample longer (tune, draws), tighten priors of the parameters named, "
        "or remove terms that say the same"
    )
    too_few = f"{few} parameters have too few effective draws; ask for more draws"
    return [
        _check("rhat", _named(names, -rhat, apart), np.nanmax(rhat), most, disagree),
        _check("ess_bulk", _named(names, ess, few), np.nanmin(ess), least, too_few, passed=np.nanmin(ess) >= least),
    ]


def _named(names: list[str], badness: np.ndarray, failed: int) -> str:
    """The worst parameters, worst first: as many as failed, at least one and at most three."""
    order = np.argsort(np.where(np.isnan(badness), np.inf, badness), kind="stable")
    return ", ".join(names[i] for i in order[: min(max(failed, 1), _WORST)])


def _engine_checks(post: xr.DataTree) -> list[dict[str, object]]:
    """What the engine itself recorded, as far as it did."""
    made = []
    stats = post["sample_stats"].data_vars if "sample_stats" in post.children else {}
    rows = post["checks"].data_vars if "checks" in post.children else {}
    if "diverging" in stats:
        advice = (
            "the sampler met curvature that it could not follow, so part of the posterior may be missing; sample again "
            "with a longer tune, tighten the priors on sigmas, or use engine='laplace'"
        )
        made.append(_check("divergences", "", int(stats["diverging"].to_numpy().sum()), 0, advice))
    if "failure" in rows:
        failed = rows["failure"].to_numpy()
        advice = (
            "without these rows the posterior would be another one, so what is said of them by cross-validation means "
            "little; look at them for wrong counts, or compare with engine='nuts'"
        )
        # Rows without an outcome have no check.
        share = float((failed[~np.isnan(failed)] > 0).mean())
        made.append(_check("share of rows whose cross-validation failed", "", share, _FAILED_SHARE, advice))
    if "moves" in rows:
        made.append(_moving_rows(post))
    if "chain_rhat" in post.attrs:
        made += _chains_of_hyperparameters(post)
    elif "hyperparameter_error" in post.attrs:
        error = float(post.attrs["hyperparameter_error"])
        advice = (
            "the density between the points at which hyperparameters were tried is not the one found at fresh points; "
            "compare with engine='nuts', or tighten the priors on sigmas"
        )
        made.append(_check(_WEIGHTS, "", error, _IMPORTANCE_SPREAD, advice))
    return made


def _chains_of_hyperparameters(post: xr.DataTree) -> list[dict[str, object]]:
    """Whether the sparse engine's chains over hyperparameters agree, where it drew these by chains."""
    limits = card_of(post).limits
    rhat, ess = float(post.attrs["chain_rhat"]), float(post.attrs["chain_ess"])
    apart = "chains over the hyperparameters disagree; compare with engine='nuts', or tighten the priors on sigmas"
    few = "there are too few effective draws of the hyperparameters; " + apart.split("; ")[1]
    return [
        _check(_RHAT_OF_HYPER, "", rhat, limits["rhat"], apart),
        _check(_ESS_OF_HYPER, "", ess, limits["ess_bulk"], few, passed=ess >= limits["ess_bulk"]),
    ]


def _moving_rows(post: xr.DataTree) -> dict[str, object]:
    moves = np.nan_to_num(post["checks"]["moves"].to_numpy())  # Rows without an outcome move nothing.
    far = np.flatnonzero(moves > _MOVED)
    worst = far[np.argsort(-moves[far], kind="stable")][:_LISTED]
    torn = TORN in post["checks"].attrs
    rows = "" if torn else f", rows {', '.join(str(k) for k in worst)} of the table (counted from 0)"
    more = f" and {len(far) - len(worst)} more" if len(far) > len(worst) and not torn else ""
    name = str(post.attrs.get("moved_most", ""))
    most = float(moves.max(initial=0.0))
    advice = (
        f"{len(far)} row{'s' if len(far) != 1 else ''}{rows}{more}: without the worst, {name} would lie {most:.1f} of "
        "its standard deviations elsewhere, so that it says how odd the row is rather than how the others vary; look "
        "at the rows for errors, and report what the fit says with and without them"
    )
    return _check("rows that move a hyperparameter", name, most, _MOVED, advice)


def _prior_checks(post: xr.DataTree) -> list[dict[str, object]]:
    """Which prior the data contradict, and which one moves a number, by how much."""
    found, limit = conflicts(post)
    if not found:
        return []
    priors = priors_of(post)
    remedy = "state priors that hold what is plausible in the units of the table, or leave them to the defaults"
    failed = [c for c in found if c.z > limit][:_WORST]
    said = "; ".join(
        f"the prior {priors.said(c.prior)} of {c.prior} and the data disagree (the data alone put {c.parameter} "
        f"{c.data}, {c.z:.1f} sd of both from the prior{_sensitivity(post, c.prior)})"
        for c in failed
    )
    named = ", ".join(c.parameter for c in failed) or found[0].parameter
    checks = [
        _check(
            "distance of the data from a prior",
            named,
            found[0].z,
            round(limit, 2),
            f"{said}; {remedy}",
            passed=not failed,
        )
    ]
    if moved := pulls(post):
        worst = moved[0]
        advice = (
            f"the prior {priors.said(worst.prior)} of {worst.prior} moves {worst.number} by {worst.widths:.1f} widths "
            f"of its 95% interval{_sensitivity(post, worst.prior)}; {remedy}"
        )
        by = f"{worst.number} by the prior of {worst.prior}"
        made = _check("move of a number by one prior, in widths of its interval", by, worst.widths, _PULLED, advice)
        checks.append(made)
    return checks


def _sensitivity(post: xr.DataTree, prior: str) -> str:
    value = power_scaling(post, prior)
    return f", power-scaling sensitivity {value:.2f} where 0.05 is much" if np.isfinite(value) else ""
