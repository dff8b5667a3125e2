"""Life tables and disability weights as data: by name where they ship, or of a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from bayesineq.errors import CardError, MeasureError
from bayesineq.pathway.lives import ReferenceTable
from bayesineq.shipped import card_of, card_path, card_text
from bayesineq.tables.files import read_table

type Array = NDArray[np.float64]

_WEIGHTS: Final = ("models/disability_weights",)
_LIVES: Final = ("models/life_tables",)
_WIDTH: Final = 2 * 1.959963984540054
_RISKS: Final = ("risk", "cause", "relative_risk", "lower", "upper")


@dataclass(frozen=True, slots=True)
class DisabilityWeights:
    """
    Disability weights of health states, and which causes are in which.

    Parameters
    ----------
    title : str
        What they are called and who published them.
    states : tuple of (str, float, float, float, float, tuple of str)
        Name, weight, ends of its 95% interval, share of the people with a cause who are in it, and the causes.
    """

    title: str
    states: tuple[tuple[str, float, float, float, float, tuple[str, ...]], ...]

    def drawn(self, causes: Sequence[str], draws: int, seed: int | None = None) -> Array:
        """
        Draw the weight of each cause.

        Parameters
        ----------
        causes : sequence of str
            Names of causes, or of states.
        draws : int
            How many draws.
        seed : int, optional
            Makes them reproducible.

        Returns
        -------
        ndarray, shape (1 + n_draw, n_cause)
            Weights as they were published, and draws of beta numbers with that mean and the width of the interval.

        Raises
        ------
        CardError
            A cause has no weight.

        Examples
        --------
        >>> read_weights().drawn(["type_2_diabetes", "copd_severe"], 0)
        array([[0.049, 0.408]])
        """
        stream, columns, lacking = np.random.default_rng(seed), [], []
        # A state errs the same way in all causes that it is part of.
        noise = {state[0]: np.append(state[1], _beta(state, draws, stream)) for state in self.states}
        for cause in causes:
            own = [state for state in self.states if state[0] == cause]
            among = [state for state in self.states if cause in state[5]]
            if not own and not among:
                lacking.append(cause)
                continue
            columns.append(noise[own[0][0]] if own else np.sum([state[4] * noise[state[0]] for state in among], axis=0))
        if lacking:
            raise CardError(
                f"no disability weight of {', '.join(lacking)}: name causes as their states are, list them among the "
                f"causes of a state in a file of your own, or leave their cases out; there are "
                f"{', '.join(state[0] for state in self.states)}"
            )
        return np.column_stack(columns)


def _beta(state: tuple[str, float, float, float, float, tuple[str, ...]], draws: int, stream: Any) -> Array:
    _, mean, low, high, _, _ = state
    variance = ((high - low) / _WIDTH) ** 2
    if variance == 0 or draws == 0:
        return np.full(draws, mean)
    size = mean * (1 - mean) / variance - 1
    return np.asarray(stream.beta(mean * size, (1 - mean) * size, draws))


def read_weights(card: str | Path = "gbd_2019") -> DisabilityWeights:
    """
    Read disability weights.

    Parameters
    ----------
    card : str or Path
        Name of a shipped file, or path of a `.toml` file of `[[state]]`: `name`, `weight = [weight, lower, upper]`,
        and, where they are wanted, `causes` and `share`.

    Returns
    -------
    DisabilityWeights
        The weights.

    Raises
    ------
    CardError
        There is no such file, or a state has a weight outside 0 to 1, or one outside its interval: all at once.

    Examples
    --------
    >>> read_weights().title
    'Disability weights of the Global Burden of Disease study 2019'
    """
    what = "file of disability weights"
    path = card_path(card, _WEIGHTS, what, CardError)
    stated = card_of(card_text(path, what, CardError), path.name, what, CardError)
    wrong: list[str] = []
    states: list[tuple[str, float, float, float, float, tuple[str, ...]]] = []
    for k, line in enumerate(stated.get("state", []), 1):
        name, numbers, share = line.get("name"), line.get("weight"), line.get("share", 1.0)
        fits = isinstance(numbers, list) and len(numbers) == 3 and all(isinstance(x, int | float) for x in numbers)
        if not isinstance(name, str) or not fits:
            wrong.append(f"state {k} needs a name, and weight = [weight, lower, upper]")
        elif not 0 <= numbers[1] <= numbers[0] <= numbers[2] <= 1:
            wrong.append(f"{name}: {numbers}; a disability weight lies from 0 to 1, and within its interval")
        elif not isinstance(share, int | float) or not 0 <= share <= 1:
            wrong.append(f"{name}: share = {share!r}; it lies from 0 to 1")
        else:
            weight, low, high = map(float, numbers)
            states.append((name, weight, low, high, float(share), tuple(map(str, line.get("causes", ())))))
    summed: dict[str, float] = {}
    for *_, share, causes in states:
        for cause in causes:
            summed[cause] = summed.get(cause, 0.0) + share
    wrong += [f"{cause}: shares of its states add up to {total:g}" for cause, total in summed.items() if total > 1.001]
    if wrong or not states:
        raise CardError(f"disability weights {path.name!r}: {'; '.join(wrong) or 'no [[state]] in it'}")
    return DisabilityWeights(str(stated.get("title", path.stem)), tuple(states))


def read_life_table(card: str | Path = "gbd_2019") -> ReferenceTable:
    """
    Read a standard life table.

    Parameters
    ----------
    card : str or Path
        Name of a shipped file, or path of a `.toml` file: `title`, `ages`, and `years` that remain at each.

    Returns
    -------
    ReferenceTable
        The table, with its name.

    Raises
    ------
    CardError
        There is no such file, or it holds no life table.

    Examples
    --------
    >>> read_life_table()
    ReferenceTable(Reference life table of the Global Burden of Disease study 2019: 88.87 years at 0)
    """
    what = "life table"
    path = card_path(card, _LIVES, what, CardError)
    stated = card_of(card_text(path, what, CardError), path.name, what, CardError)
    try:
        return ReferenceTable(str(stated.get("title", path.stem)), stated.get("ages", []), stated.get("years", []))
    except (MeasureError, ValueError, TypeError) as error:
        raise CardError(f"life table {path.name!r}: {error}") from None


def drawn_risks(
    path: str | Path, risks: Sequence[str], causes: Sequence[str], draws: int, seed: int | None = None
) -> Array:
    """
    Draw relative risks of a file: shape (1 + n_draw, n_risk, n_cause), 1 where the file has none; the first as stated.

    They are log-normal, with the width of their intervals.
    """
    table = read_table(path)
    if lacking := [name for name in _RISKS if name not in table]:
        raise CardError(f"relative risks {path}: no columns {', '.join(lacking)}; it has {', '.join(table.columns)}")
    numbers = table[list(_RISKS[2:])].to_numpy(dtype=np.float64, na_value=np.nan)
    value, low, high = numbers.T
    if bad := int((~((low > 0) & (low <= value) & (value <= high))).sum()):
        raise CardError(f"relative risks {path}: {bad} rows are not above zero, or not within their intervals")
    if (twice := table.duplicated(["risk", "cause"])).any():
        raise CardError(f"relative risks {path}: {int(twice.sum())} rows of a risk and cause stand twice")
    stream = np.random.default_rng(seed)
    out = np.ones((1 + draws, len(risks), len(causes)))
    for k, (risk, cause) in enumerate(zip(table["risk"].astype(str), table["cause"].astype(str), strict=True)):
        spread = np.log(high[k] / low[k]) / _WIDTH
        drawn = value[k] * np.exp(spread * stream.standard_normal(draws))
        if risk in risks and cause in causes:
            out[:, list(risks).index(risk), list(causes).index(cause)] = np.append(value[k], drawn)
    if unused := [risk for risk in risks if risk not in set(table["risk"].astype(str))]:
        raise CardError(f"relative risks {path}: none of {', '.join(unused)}")
    return out
