"""What a report says, gathered from a posterior before any page is laid out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from bayesineq.design.priors import Priors
from bayesineq.design.unrecorded import unrecorded_of
from bayesineq.dims import AGE, ASKED, DEPRIVATION, ETHNICITY, POPULATION, SEX
from bayesineq.disclosure.cover import Cover
from bayesineq.disclosure.cover import cover as covered
from bayesineq.disclosure.quality import covered_quality, quality_audit
from bayesineq.disclosure.rule import SUPPRESSED, Rule, shown_count
from bayesineq.errors import BayesineqError, DisclosureError, MeasureError
from bayesineq.model.card import ModelCard
from bayesineq.posterior.diagnose import Diagnosis, diagnose
from bayesineq.posterior.groups import mean_interval
from bayesineq.posterior.inequality import inequality_of
from bayesineq.posterior.population import card_of, population, priors_of, provenance
from bayesineq.posterior.verdict import Verdict, verdict
from bayesineq.report.figures.checks import plot_calibration, plot_prior_posterior
from bayesineq.report.figures.draws import flat
from bayesineq.report.figures.outline import outline
from bayesineq.report.figures.style import Chart
from bayesineq.report.page.alike import Alike, alike
from bayesineq.report.page.explorer import Explorer, explorer
from bayesineq.report.page.heading import STANDARD, Heading, ReportOptions
from bayesineq.report.page.imputed import has_imputations, imputed_section
from bayesineq.report.page.lead import Gap, averages, gap_of
from bayesineq.report.page.parts import Frame, Row, Section, Table
from bayesineq.report.page.pathway import trend_section
from bayesineq.report.page.recorded import recorded_section
from bayesineq.report.page.rerun import headline_figures, recipe_text
from bayesineq.report.page.section_areas import map_section
from bayesineq.report.page.sections import (
    association_section,
    crossed_section,
    deprivation_section,
    group_section,
)
from bayesineq.report.tables.measured import core20, inequality_table
from bayesineq.report.tables.numbers import estimate, unit_of
from bayesineq.report.words.labels import dimension_label, unknown_levels
from bayesineq.report.words.over_time import is_time
from bayesineq.report.words.sentences import Statement, withheld_said

if TYPE_CHECKING:
    import geopandas as gpd

NONE_CODED: Final = "none is coded as unknown"
NOT_KEPT: Final = "not kept with this posterior"
_NOT_STATED: Final = "not stated"


@dataclass(frozen=True, slots=True)
class Content:
    """
    Everything that a report says.

    Parameters
    ----------
    card : ModelCard
        The model.
    diagnosis : Diagnosis
        Checks of the fit, one by one.
    verdict : Verdict
        Whether the fit can be trusted, by all of them together.
    leading : tuple of Section
        Sections whose findings belong to the answer, most important first.
    gaps : mapping of str to Gap
        By dimension of groups: who lies furthest on the bad side of their average.
    inequality : Table or None
        Absolute and relative measures over deprivation; None where the card has none.
    sections : tuple of Section
        Groups and maps.
    quality : Table
        People, rows and unknown shares.
    unknown : mapping of str to str
        By dimension of groups: the share that is unknown, in words.
    core20 : (Statement, Table) or None
        The most deprived fifth against everyone else; None where the card has no deprivation.
    averages : Table
        Which average is which.
    associations : Section or None
        How the outcome goes along with covariates between areas, a part of the model; None where the card has none.
    trust : tuple of Chart
        Figures of checks.
    provenance : Mapping of str to str
        Where the numbers come from.
    overall : str
        The average of everyone, with its interval.
    rule : Rule
        How small counts were treated.
    heading : Heading
        What the report is of.
    assumed : tuple of str
        What was assumed of people without a record of a latent column; none where the card has no such column.
    withheld : tuple of str
        How many groups of each dimension are withheld, in words; none where all are shown.
    explorer : Explorer or None
        The explorer, where it was asked for.
    audit : DataFrame or None
        What was withheld and why, without a count: `table`, `cell`, `column`, `reason`.
    priors : Priors or None
        The priors in force.
    records : Section or None
        What is known of the records that the table was made from, where it was.
    recipe : str
        How the numbers were made, and what they were, for `bayesineq rerun`.
    """

    card: ModelCard
    diagnosis: Diagnosis
    verdict: Verdict
    leading: tuple[Section, ...]
    gaps: Mapping[str, Gap]
    inequality: Table | None
    sections: tuple[Section, ...]
    quality: Table
    unknown: Mapping[str, str]
    core20: tuple[Statement, Table] | None
    averages: Table
    associations: Section | None
    trust: tuple[Chart, ...]
    provenance: Mapping[str, str]
    overall: str
    rule: Rule
    heading: Heading = field(default_factory=Heading)
    assumed: tuple[str, ...] = ()
    withheld: tuple[str, ...] = ()
    explorer: Explorer | None = None
    audit: pd.DataFrame | None = None
    priors: Priors | None = None
    records: Section | None = None
    recipe: str = ""

    @property
    def answer(self) -> tuple[Statement, ...]:
        """The findings, most important first."""
        return tuple(statement for section in self.leading for statement in section.statements)


class _Found(NamedTuple):
    """A section, its dimension where it has one, and whether what it says belongs to the answer."""

    section: Section
    dim: str | None = None
    leads: bool = True


def gather(
    post: xr.DataTree,
    areas: gpd.GeoDataFrame | None,
    options: ReportOptions = STANDARD,
    quality: Mapping[str, pd.DataFrame] | None = None,
) -> Content:
    """Gather what a report says."""
    heading = options.heading(post)
    frame = _frame(post, heading, options)
    card, cover, place = frame.card, frame.cover, frame.place
    if options.explorer and (place is None or areas is None):
        raise BayesineqError("the explorer needs a card with areas and their boundaries; pass both, or explorer=False")
    likes = {dim: alike(post, cover, dim) for dim in _in_order(frame)}
    measured = {dim: _measured(frame, likes[dim], dim) for dim in likes if dim in DEPRIVATION}
    found = _sections(frame, likes, measured, options)
    drawn: Explorer | None = None
    unmapped = 0
    if place is not None and areas is not None:
        shapes = outline(areas, code=options.code)
        names = dict(zip(shapes.codes.tolist(), shapes.names, strict=False))
        likes[place] = alike(post, cover, place)
        found.append(_Found(map_section(frame, likes[place], shapes, place, names), place))
        if options.explorer:
            drawn = explorer(frame, likes, areas, names, code=options.code, parts=options.parts)
        unmapped = len(shapes) - len(post["posterior"][place])
    unequal = next(((dim, table) for dim, table in measured.items() if table is not None), None)
    unknown, sections = _unknown(frame), tuple(_with_withheld(part, cover) for part in found)
    overall = estimate(*mean_interval(flat(cover.values().shown), options.prob), frame.unit)
    held = None if quality is None else covered_quality(quality, options.rule)
    return Content(
        card=card,
        diagnosis=diagnose(post),
        verdict=verdict(post),
        leading=tuple(part.section for part in found if part.leads),
        gaps={dim: gap for dim, like in likes.items() if dim != place and (gap := gap_of(frame, like, dim))},
        inequality=None if unequal is None else inequality_table(frame, likes[unequal[0]], *unequal),
        sections=sections,
        quality=_quality(frame, heading, unknown, unmapped),
        unknown=unknown,
        core20=None if unequal is None else core20(frame, likes[unequal[0]], unequal[0]),
        averages=averages(frame, likes, overall),
        associations=association_section(frame) if any(term.of_kind.slope for term in card.terms) else None,
        trust=_trust(post, options.prob),
        provenance={key: str(value) for key, value in provenance(post).items()},
        overall=overall,
        rule=options.rule,
        heading=heading,
        assumed=frame.assumed,
        withheld=tuple(said.text for dim in card.dims if (said := withheld_said(cover.values(dim), dim)) is not None),
        explorer=drawn,
        audit=cover.audit if held is None else pd.concat([cover.audit, quality_audit(held)], ignore_index=True),
        priors=priors_of(post),
        records=None if held is None else recorded_section(held, card.dims, options.labels),
        recipe=recipe_text(post, options.rule, headline_figures(likes)),
    )


def _frame(post: xr.DataTree, heading: Heading, options: ReportOptions) -> Frame:
    card, cover = card_of(post), covered(post, options.rule)
    if heading.outcome:
        card = replace(card, outcomes=(replace(card.outcome, name=heading.outcome), *card.outcomes[1:]))
    everyone = cover.values().shown
    if not np.isfinite(everyone).all():
        raise DisclosureError(
            f"nothing may be shown: the rule of disclosure ({options.rule}) withholds even the value of "
            "everyone together. Fit a table of more people, a longer period or a larger place; where the page stays "
            "with those who may see the counts, --disclosure none"
        )
    unit = unit_of(card.outcome, float(flat(everyone).mean()))
    return Frame(post, card, unit, options.labels, options.prob, options.rule, cover)


def _in_order(frame: Frame) -> list[str]:
    """Dimensions of groups: deprivation first, then ethnicity, then as the card has them."""
    dims = frame.card.dims
    groups = (dim for dim in dims if dim != frame.place)
    return sorted(groups, key=lambda dim: (dim not in DEPRIVATION, dim != ETHNICITY, dims.index(dim)))


def _measured(frame: Frame, like: Alike, dim: str) -> pd.DataFrame | None:
    """Measures of inequality; None where fewer than two groups may be shown."""
    values = like.values.shown
    return inequality_of(values, dim, frame.prob, crude=like.crude.shown) if values.sizes[dim] > 1 else None


def _sections(
    frame: Frame, likes: Mapping[str, Alike], measured: Mapping[str, pd.DataFrame | None], options: ReportOptions
) -> list[_Found]:
    """Every section but that of areas."""
    card, found = frame.card, []
    for dim, like in likes.items():
        if dim in DEPRIVATION:
            section = deprivation_section(frame, like, dim, measured[dim])
        else:
            section = group_section(frame, like, dim)
        # Older people are ill more often: that is no inequality, so age and sex keep to their own sections.
        found.append(_Found(section, dim, leads=dim not in (AGE, SEX)))
    deprivation = next((dim for dim in DEPRIVATION if dim in card.dims), None)
    time = next((dim for dim in likes if is_time(dim, likes[dim].crude.shown[dim].to_numpy())), None)
    if deprivation and time and likes[time].crude.shown.sizes[time] > 1:
        found.insert(1, _Found(_changed(frame, options, deprivation, time)))
    if deprivation and ETHNICITY in card.dims:
        like = alike(frame.post, frame.cover, [ETHNICITY, deprivation])
        found.append(_Found(crossed_section(frame, like, ETHNICITY, deprivation), leads=False))
    if card.latent and has_imputations(frame.post):
        found.append(_Found(imputed_section(frame, likes[next(iter(card.latent))]), leads=False))
    return found


def _changed(frame: Frame, options: ReportOptions, dim: str, time: str) -> Section:
    """Whether the gap narrowed over the years, or why that cannot be said."""
    try:
        return trend_section(frame.post, options, time=time)
    except (DisclosureError, MeasureError) as error:
        said = f"Whether the gap by {dimension_label(dim)} changed over the years cannot be said: {error}."
        return Section("Over the years", (Statement(said, leads=True),), (), ())


def _with_withheld(part: _Found, cover: Cover) -> Section:
    said = None if part.dim is None else withheld_said(cover.values(part.dim), part.dim)
    return part.section if said is None else replace(part.section, statements=(said, *part.section.statements))


def _unknown(frame: Frame) -> dict[str, str]:
    """By dimension of groups: share of people whose group is unknown."""
    total = float(frame.cover.values().shown[POPULATION])
    said = {}
    for dim in frame.card.dims:
        if dim == frame.place:
            continue
        if dim in frame.card.latent:
            found = unrecorded_of(frame.post.attrs)
            kept = found is not None and shown_count(found.unknown, frame.rule) != SUPPRESSED
            said[dim] = NOT_KEPT if found is None else f"{100 * found.share:.1f}%" if kept else SUPPRESSED
            continue
        held = frame.cover.values(dim).shown[POPULATION]
        unknown = np.array(unknown_levels(dim, list(held[dim].to_numpy()), frame.labels), dtype=bool)
        withheld = frame.cover.levels(dim)
        share = float(held.to_numpy()[unknown].sum()) / total if total else 0.0
        said[dim] = f"{100 * share:.1f}%" if unknown.any() else NONE_CODED
        if any(unknown_levels(dim, withheld, frame.labels)):
            said[dim] = SUPPRESSED
    return said


def _quality(frame: Frame, heading: Heading, unknown: Mapping[str, str], unmapped: int) -> Table:
    people = population(frame.post)
    unseen = int(frame.post.attrs.get("rows_predicted", 0))
    rows: list[Row] = [
        ("Place", heading.place or _NOT_STATED),
        ("Period", heading.period or _NOT_STATED),
        (
            f"{frame.size_name.capitalize()} behind the estimates",
            frame.size(float(people[POPULATION].sum())),
        ),
        ("Cells (combinations of groups and areas) that were fitted", shown_count(len(people) - unseen, frame.rule)),
    ]
    if unseen:
        rows.append(("Cells without an outcome", f"{unseen:,}, predicted from the others"))
    for dim, share in unknown.items():
        if dim in DEPRIVATION:
            continue
        rows.append((f"Unknown {dimension_label(dim)}", share))
        held = people.groupby(dim, observed=False)[POPULATION].sum()
        if empty := int((held == 0).sum()):
            rows.append((f"Levels of {dimension_label(dim)} that nobody has", f"{empty:,}, left out"))
    if unmapped > 0:
        rows.append(("Areas on the map without an estimate", f"{unmapped:,}, hatched"))
    notes = str(frame.post.attrs.get("notes", "")).splitlines()
    rows += [(ASKED.strip(), note.removeprefix(ASKED)) for note in notes if note.startswith(ASKED)]
    rows.append(("Small counts", str(frame.rule)))
    return Table("What the estimates rest on", ("Item", "Value"), tuple(rows))


def _trust(post: xr.DataTree, prob: float) -> tuple[Chart, ...]:
    """Figures of checks, as far as the posterior holds what they need."""
    made = []
    for plot in (plot_prior_posterior, plot_calibration):
        try:
            made.append(plot(post, prob=prob))
        except MeasureError:
            continue
    return tuple(made)
