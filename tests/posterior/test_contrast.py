"""Contrasts and probabilities of being above, against arithmetic on arrays picked by label."""

from __future__ import annotations

import numpy as np
import pytest

from bayesineq.errors import MeasureError
from bayesineq.posterior.contrast import contrast
from bayesineq.posterior.expected import expected
from bayesineq.posterior.groups import exceedance


@pytest.fixture(scope="module")
def groups(post):
    return expected(post, by=["ethnicity", "imd_decile"])


def test_difference_and_ratio_to_a_group(groups):
    plain = groups.transpose("chain", "draw", "ethnicity", "imd_decile").to_numpy()
    difference = contrast(groups, "imd_decile", 5)
    np.testing.assert_allclose(difference, plain - plain[..., [4]], rtol=1e-15)
    np.testing.assert_array_equal(difference.sel(imd_decile=5), 0)
    ratio = contrast(groups, "ethnicity", "H", "ratio")
    np.testing.assert_allclose(ratio, plain / plain[:, :, [1]], rtol=1e-15)
    assert ratio.attrs["reference"] == "H"
    assert ratio.attrs["contrast"] == "ratio"
    np.testing.assert_array_equal(ratio["population"], groups["population"])


def test_contrast_to_everyone(post, groups):
    whole = expected(post)
    got = contrast(groups, "imd_decile", whole)
    np.testing.assert_allclose(got, groups - whole, rtol=1e-15)
    assert got.attrs["reference"] == "prevalence"


def test_what_cannot_be_contrasted(post, groups):
    with pytest.raises(MeasureError, match=r"reference='Z' is not a level of 'ethnicity'; it has \['A', 'H', 'M'\]"):
        contrast(groups, "ethnicity", "Z")
    with pytest.raises(MeasureError, match="dim='sex' is not a dimension of groups"):
        contrast(groups, "sex", "F")
    with pytest.raises(MeasureError, match='kind must be "difference" or "ratio"'):
        contrast(groups, "ethnicity", "A", "odds")  # type: ignore[arg-type]
    with pytest.raises(MeasureError, match="a ratio needs a reference above zero, but A is not in 50 draws"):
        contrast(groups - 10, "ethnicity", "A", "ratio")
    with pytest.raises(MeasureError, match="without 'imd_decile'"):
        contrast(groups, "imd_decile", groups)
    with pytest.raises(MeasureError, match="other labels than the values"):
        contrast(groups, "imd_decile", expected(post, by="ethnicity").sel(ethnicity=["A", "M"]))


def test_probability_of_being_above(groups):
    difference = contrast(groups, "imd_decile", 5)
    difference[:, :, 0, 0] = np.nan
    got = exceedance(difference, 0)
    want = (difference.to_numpy() > 0).mean(axis=(0, 1))
    assert np.isnan(got[0, 0])
    np.testing.assert_array_equal(got.to_numpy().ravel()[1:], want.ravel()[1:])
