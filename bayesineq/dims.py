"""
The names of dimensions, the signs of measures and the width of intervals: nothing else in the package spells them.

Signs and directions, held by tests:

- decile and quintile 1 are the most deprived, relative rank 0 is the most deprived;
- the slope index is positive when the outcome rises with advantage;
- a positive benefit means that people are better off, whatever the polarity of the outcome;
- money is in pounds.
"""

from __future__ import annotations

from typing import Final, Literal

MoreIs = Literal["worse", "better"]
"""Polarity of an outcome: whether more of it is worse (deaths) or better (checks done)."""

CHAIN: Final = "chain"
DRAW: Final = "draw"
SAMPLE_DIMS: Final = (CHAIN, DRAW)

ROW: Final = "row"
AREA: Final = "area"
ETHNICITY: Final = "ethnicity"
DECILE: Final = "imd_decile"
QUINTILE: Final = "imd_quintile"
DEPRIVATION: Final = (DECILE, QUINTILE)
"""Dimensions of deprivation, the finest first."""
AGE: Final = "age_band"
SEX: Final = "sex"
PERSON: Final = "person"
INTERVENTION: Final = "intervention"
OUTCOME: Final = "outcome"
OTHER: Final = "other_outcome"
"""Second dimension of what stands between two outcomes."""

OUTCOME_OF_ROW: Final = "outcome_of_row"
"""Name of the position of each row's outcome, where a posterior has several."""

GIVEN: Final = "given"
"""Name of what a row's likelihood is given beside its outcome, where a posterior keeps it: a standard error."""

POPULATION: Final = "population"
"""Name of the weight that travels with aggregated values: people (or expected events) behind each value."""

ASKED: Final = "Is this meant? "
"""How a note begins that asks about a table, holds no count, and is repeated in a report's data quality."""

CI_PROB: Final = 0.95
"""Probability held by every interval unless the caller asks for another one."""

FEW: Final = 7
"""The largest small count: from 1 to this many people or events are withheld unless another rule is asked for."""

MOST_DEPRIVED: Final = 1
"""The decile, and the quintile, of the most deprived tenth or fifth of areas."""
