"""The learner in scikit-learn's form, for pipelines, clones and searches over settings."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from bayesineq.decisions.benefit import Scale
from bayesineq.errors import DecisionError
from bayesineq.uplift.learner import Uplift, estimate, predict
from bayesineq.uplift.options import LearnerOptions

try:
    from sklearn.base import BaseEstimator
except ImportError as error:  # pragma: no cover - needs an environment without the extra
    raise ImportError(
        "Estimating effects from data needs scikit-learn: pip install 'bayesineq[uplift]'. "
        "Transported effects and all decisions work without it."
    ) from error

Array = NDArray[np.float64]


class UpliftEstimator(BaseEstimator):  # type: ignore[misc]
    """
    Effects of interventions, with scikit-learn's conventions.

    Parameters
    ----------
    adverse : bool
        Whether the outcome is bad, so that less of it is a benefit.
    scale : {"events averted", "events gained", "QALY", "net pounds"}, optional
        What one unit of the outcome is; default events averted where it is adverse, events gained where it is not.
    control : optional
        Arm compared with; needed unless the arms are 0 and 1, or False and True.
    propensity : mapping from arm to probability, optional
        Known probabilities of the arms; else estimated.
    folds, repeats : int
        Of the cross-fitting.
    clip : float
        Least propensity used.
    draws, resamples : int
        Posterior draws, and resamples for the intervals of the evidence.
    seed : int, optional
        Seed.

    Attributes
    ----------
    uplift_ : Uplift
        Benefit draws, scores and evidence.
    n_features_in_ : int
        Features seen.
    """

    def __init__(
        self,
        *,
        adverse: bool = True,
        scale: Scale | None = None,
        control: object | None = None,
        propensity: Mapping[object, float] | None = None,
        folds: int = 5,
        repeats: int = 1,
        clip: float = 0.01,
        draws: int = 500,
        resamples: int = 100,
        seed: int | None = None,
    ) -> None:
        self.adverse = adverse
        self.scale = scale
        self.control = control
        self.propensity = propensity
        self.folds = folds
        self.repeats = repeats
        self.clip = clip
        self.draws = draws
        self.resamples = resamples
        self.seed = seed

    def fit(
        self,
        X: pd.DataFrame | ArrayLike,
        y: ArrayLike,
        *,
        treatment: ArrayLike,
        area: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> UpliftEstimator:
        """
        Estimate effects.

        Parameters
        ----------
        X : DataFrame, or array, shape (person, feature)
            Covariates and modifiers; the columns of a table are known by their names from then on.
        y : array, shape (person,)
            Outcome.
        treatment : array, shape (person,)
            Arm of each person.
        area, groups : arrays, shape (person,), optional
            Areas, by which effects differ, and practices, which folds keep whole (default the areas).

        Returns
        -------
        UpliftEstimator
            Itself.
        """
        self.uplift_: Uplift = estimate(
            X,
            y,
            treatment,
            adverse=self.adverse,
            area=area,
            control=self.control,
            options=LearnerOptions(
                groups=area if groups is None else groups,
                scale=self.scale,
                propensity=self.propensity,
                folds=self.folds,
                repeats=self.repeats,
                clip=self.clip,
                draws=self.draws,
                resamples=self.resamples,
            ),
            seed=self.seed,
        )
        self.n_features_in_ = len(self.uplift_.columns.covariates)
        return self

    def predict(self, X: pd.DataFrame | ArrayLike, *, area: ArrayLike | None = None) -> Array:
        """
        Expected benefit of people.

        Parameters
        ----------
        X : DataFrame, or array, shape (person, feature)
            Features.
        area : array, shape (person,), optional
            Areas.

        Returns
        -------
        array, shape (person, intervention)
            Posterior mean benefit.

        Raises
        ------
        DecisionError
            If it was not fitted, or the features do not fit.
        """
        if not hasattr(self, "uplift_"):
            raise DecisionError("Nothing to predict from: call fit(X, y, treatment=...) first.")
        return predict(self.uplift_, X, area=area)

    def benefit(self) -> xr.DataArray:
        """
        Benefit draws by area: what every decision reads.

        Returns
        -------
        DataArray, dims (chain, draw, area, intervention)
            Benefit per person.
        """
        if not hasattr(self, "uplift_"):
            raise DecisionError("No benefit yet: call fit(X, y, treatment=...) first.")
        return self.uplift_.benefit
