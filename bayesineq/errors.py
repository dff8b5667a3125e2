"""Every exception a user can meet, under one root, so that one `except BayesineqError` catches them all."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


class BayesineqError(Exception):
    """Root of the package's errors: the message says what was wrong, where, what was given and what to do."""


class SchemaError(BayesineqError):
    """
    A table does not fit its schema, or two tables do not fit each other.

    Parameters
    ----------
    message : str
        Every failure in words, with row, column and remedy.
    failures : DataFrame, optional
        One row a failure: `row`, `column`, `problem`, `value`.
    """

    def __init__(self, message: str, failures: pd.DataFrame | None = None) -> None:
        super().__init__(message)
        self._failures = failures

    @property
    def failures(self) -> pd.DataFrame:
        """One row a failure; none where the message says it all."""
        if self._failures is None:
            import pandas as pd  # only where it is asked for: the command line starts without it

            self._failures = pd.DataFrame(columns=["row", "column", "problem", "value"])
        return self._failures


class CardError(BayesineqError):
    """A model card cannot be read: the message names the card, the key and what is allowed."""


class GraphError(BayesineqError):
    """An adjacency is not one: unknown areas, self-loops, duplicate codes, geometry that cannot be used."""


class DesignError(BayesineqError):
    """A table seen through a card makes no design: missing columns, unknown levels, a term that nothing identifies."""


class ConvergenceError(BayesineqError):
    """A fit did not reach an answer that can be trusted; the message says which parameter and what to try."""


class MeasureError(BayesineqError):
    """A measure was asked of values for which it is not defined."""


class DecisionError(BayesineqError):
    """Interventions, effects or budgets that cannot be compared."""


class DisclosureError(BayesineqError):
    """An output would disclose a small count."""


class PosteriorError(BayesineqError):
    """A posterior, or the file it should be read from, does not hold what was asked of it."""
