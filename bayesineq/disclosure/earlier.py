"""A rule that heeds what was published before, so that two publications together keep what each of them promises."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

import pandas as pd

from bayesineq.disclosure.attack import attacked
from bayesineq.disclosure.read_rule import rule_of
from bayesineq.disclosure.rule import DEFAULT_RULE, Disclosure, Earlier, Rule
from bayesineq.disclosure.told import Names, read_told
from bayesineq.errors import DisclosureError

_NAMED: Final = 5


def rule_after(
    earlier: str | Path,
    disclosure: Disclosure = DEFAULT_RULE,
    *,
    differ: int | None = None,
    known: pd.DataFrame | None = None,
    names: Names | None = None,
) -> Rule:
    r"""
    A rule under which a publication may follow another of the same people.

    Parameters
    ----------
    earlier : str or Path
        Folder of what was published before, under this rule or another, of these areas or others: tables with their
        audits, reports, releases.
    disclosure : Rule, str or Path
        The rule that is to hold.
    differ : int
        By how many people the two differ at most, as far as a reader may know: 0 where they are the same people by
        another rule or geography, 1 where somebody joined or left; by default both are tried.
    known : DataFrame, optional
        What readers know beforehand, as of `attack`: which small areas lie in which larger ones.
    names : callable, optional
        Gives what pages call the levels of a dimension; by default by their codes.

    Returns
    -------
    Rule
        The rule, which also withholds every group that was withheld before. What is written under it is attacked
        together with the earlier publication first, and refused where a withheld count would be known more narrowly
        than the rule promises.

    Raises
    ------
    DisclosureError
        There is no such folder, or nothing in it tells of a count.

    Notes
    -----
    No rule that looks at one table alone holds for two. Under a threshold of 7 a group that goes from withheld to 10
    with one person more had 7, and with rounding to the middle of six a group that goes from 3 to 9 had 6. What stays
    withheld tells nothing of the kind. A group that was shown and has become small cannot be saved so: what is written
    is refused then.

    Examples
    --------
    >>> import tempfile
    >>> rows = pd.DataFrame({"area": ["a", "b", "c"], "events": [8, 5, 40]})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = (Path(folder) / "areas.csv").write_text("area,events\na,*\nb,*\nc,40\n")
    ...     rule = rule_after(folder)
    >>> from bayesineq.disclosure import protect_tables
    >>> protect_tables(rows, ["area"], ["events"], (), rule).tables["area",]["events"].tolist()
    [<NA>, <NA>, 40]
    """
    rule = rule_of(disclosure)
    if differ is not None and differ < 0:
        raise DisclosureError(f"differ={differ}: two publications differ by 0 people or more")
    before = read_told(Path(earlier), rule, names)
    if not any(told.facts or told.withheld or told.rates for told in before.values()):
        raise DisclosureError(f"no file in {str(earlier)!r} tells of a count, so that nothing can be held against it")
    gone = {key for told in before.values() for key, _ in told.withheld}
    return replace(rule, earlier=Earlier(Path(earlier), frozenset(gone), differ, known, names))


def refuse_beside_earlier(rule: Rule, contents: Mapping[str, bytes]) -> None:
    """Refuse files that give a withheld count away beside the earlier publication that a rule heeds."""
    before = rule.earlier
    if before is None:
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for path, content in contents.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
        alone = replace(rule, earlier=None)
        now, then = (read_told(place, alone, before.names) for place in (folder, before.folder))
        for differ in (0, 1) if before.differ is None else (before.differ,):
            found = attacked(now, then, alone, known=before.known, differ=differ)
            if not found.holds:
                cells = list(dict.fromkeys(found.found["cell"]))
                named = ", ".join(cells[:_NAMED]) + (f" and {len(cells) - _NAMED:,} more" if cells[_NAMED:] else "")
                raise DisclosureError(
                    f"beside the earlier publication {str(before.folder)!r}, counts of "
                    f"{named or '; '.join(found.said)} would be known more narrowly than the rule promises, to a "
                    f"reader who knows that the two differ by {differ} people at most. Nothing was written. Leave "
                    "this table out of the second publication, or publish coarser groups; if many people differ, say "
                    "how many with --differ (differ=)"
                )
