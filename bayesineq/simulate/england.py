"""Published constants of England from which simulated systems take their shape."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

ETHNICITIES: Final = ("A", "B", "C", "D", "E", "F", "G", "H", "J", "K", "L", "M", "N", "P", "R", "S")
"""Ethnic category codes of the NHS Data Dictionary (2001 census groups), without Z, not stated."""

NOT_STATED: Final = "Z"

ETHNIC_SHARE: Final = pd.Series(
    {
        "A": 0.7354,
        "B": 0.0088,
        "C": 0.0664,
        "D": 0.0088,
        "E": 0.0043,
        "F": 0.0084,
        "G": 0.0080,
        "H": 0.0326,
        "J": 0.0278,
        "K": 0.0111,
        "L": 0.0169,
        "M": 0.0110,
        "N": 0.0260,
        "P": 0.0052,
        "R": 0.0076,
        "S": 0.0217,
    }
)
"""Shares of residents, England, Census 2021 table TS021; Gypsy, Traveller and Roma under C, Arab under S."""

AGE_SHARE: Final = np.array(
    [5.45, 5.93, 6.04, 5.70, 6.04, 6.58, 7.00, 6.72, 6.34, 6.38, 6.92, 6.74, 5.76, 4.90, 4.95, 3.61, 2.52, 2.43]
)
"""Percentages of residents by five-year band from 0-4 to 85 and over, England, Census 2021 table TS007A."""

AGE_TILT: Final = pd.Series(
    [0.05, 0.20, -0.08, -0.45, -0.42, -0.42, -0.35, -0.10, -0.25, -0.30, -0.15, 0.05, -0.22, -0.25, -0.18, -0.18],
    index=ETHNIC_SHARE.index,
)
"""How much older (above 0) or younger a group is than England: log odds for each ten years of age; chosen."""

IMD_CUTS: Final = np.array([5.463, 8.379, 11.135, 14.140, 17.451, 21.540, 26.605, 33.514, 44.914])
"""Lowest score of deciles 9, 8, ..., 1 in the English Indices of Deprivation 2025 (File 7)."""

IMD_RANGE: Final = (0.165, 94.223)
"""Lowest and highest score of an English area in the Indices of Deprivation 2025 (File 7)."""

AGE_BANDS: Final = ("00-17", "18-29", "30-39", "40-49", "50-59", "60-69", "70-79", "80+")
"""Age bands of the simulated tables; the first one holds the children, who are in no adult register."""

AGE_STARTS: Final = np.array([0, 18, 30, 40, 50, 60, 70, 80])
"""Youngest age of each band."""

ADULT_BANDS: Final = AGE_BANDS[1:]

SEXES: Final = ("female", "male")

REFERENCE: Final = ("40-49", "female")
"""Age band and sex whose effect is zero."""
