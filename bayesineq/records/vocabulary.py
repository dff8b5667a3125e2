"""Codes of a list in the codes that the events are written in, with all that they stand for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from bayesineq.errors import SchemaError
from bayesineq.records.engines import reading

if TYPE_CHECKING:
    from bayesineq.records.normal import Records


def with_descendants(
    records: Records, codes: Mapping[str, Sequence[str]], *, descendants: bool = True
) -> dict[str, tuple[str, ...]]:
    """
    Codes of a list as the events are coded, with their descendants in the vocabulary of the records.

    Parameters
    ----------
    records : Records
        Records whose source has a vocabulary, such as OMOP.
    codes : Mapping of str to sequence of str
        Codes by system, as of `CodeList.by_system`; numbers of OMOP concepts are the system "omop".
    descendants : bool, optional
        Whether to add what the vocabulary places below each code. Without a table of descendants none are added.

    Returns
    -------
    dict of str to tuple of str
        Codes by system, sorted: those given, and those found. Codes of persons are not looked at.

    Raises
    ------
    SchemaError
        The records have no vocabulary.

    Examples
    --------
    >>> import pandas as pd
    >>> from bayesineq.records.adapters.adapt import adapt
    >>> concept = pd.DataFrame({"concept_id": [1, 2], "vocabulary_id": ["SNOMED"] * 2, "concept_code": ["73211009",
    ...     "44054006"], "concept_name": ["Diabetes", "Type 2"]})
    >>> below = pd.DataFrame({"ancestor_concept_id": [1, 1], "descendant_concept_id": [1, 2]})
    >>> person = pd.DataFrame({"person_id": [1], "gender_concept_id": [8532], "year_of_birth": [1950]})
    >>> records = adapt({"person": person, "concept": concept, "concept_ancestor": below}, "omop")
    >>> with_descendants(records, {"omop": ["1"]})
    {'omop': ('1',), 'snomed': ('44054006', '73211009')}
    """
    concepts = records.concepts
    if concepts is None:
        raise SchemaError(
            f"{records.origin} has no vocabulary: there is no table of concepts beside the records. Give a code list "
            "in which descendants are written out."
        )
    named = None
    for system, listed in codes.items():
        of = concepts["concept"] if system == "omop" else concepts["code"]
        holds = of.isin([str(code) for code in listed])
        holds = holds if system == "omop" else holds & (concepts["system"] == system)
        named = holds if named is None else named | holds
    if named is None:
        return {}
    found = concepts.filter(named).select("concept")
    if descendants and records.descendants is not None:
        pairs = records.descendants
        below = pairs.semi_join(found, pairs["ancestor"] == found["concept"]).select(concept="descendant")
        found = found.union(below, distinct=True)
    rows = concepts.semi_join(found, "concept").select("system", "code").distinct()
    with reading(records.origin):
        listed_rows = rows.to_pyarrow().to_pylist()
    result = {system: {str(code) for code in listed} for system, listed in codes.items()}
    for row in listed_rows:
        result.setdefault(str(row["system"]), set()).add(str(row["code"]))
    return {system: tuple(sorted(listed)) for system, listed in sorted(result.items())}
