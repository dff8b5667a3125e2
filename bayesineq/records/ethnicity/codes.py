"""Ethnic categories as data: reading codes of any scheme, and carrying them from one scheme to another."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final, Literal, get_args

import numpy as np
import pandas as pd

from bayesineq.errors import SchemaError
from bayesineq.tables.blanks import MISSING, trimmed
from bayesineq.tables.codes import code_list
from bayesineq.tables.findings import Finding, raise_findings

Scheme = Literal[
    "nhs", "gdppr", "hes_1995", "numbered", "census_2001", "census_2011", "census_2021", "broad", "broad_6"
]
SCHEMES: Final = get_args(Scheme)

UNKNOWN: Final = ("not_stated", "not_known")
"""Groups of nobody in particular: refused to say, and never asked."""

_BROAD: Final = ("broad", "broad_6")


def scheme_codes(scheme: Scheme) -> pd.DataFrame:
    """
    Codes of a scheme, with labels and broad groups.

    Parameters
    ----------
    scheme : Scheme
        "nhs" (16+1 categories of 2001 with Z, 99), "gdppr" (with T and W), "hes_1995" (digits of 1995 to 2001),
        "numbered" (the 16 categories numbered, also as Roman numerals), "census_2001" (16), "census_2011" (18),
        "census_2021" (19), "broad" (5) or "broad_6" (with unknown).

    Returns
    -------
    DataFrame
        Index `code`; columns `label`, `broad` (empty where the scheme has none) and `known` (bool).

    Raises
    ------
    SchemaError
        There is no such scheme.

    Examples
    --------
    >>> scheme_codes("broad_6")
                                                         label  broad  known
    code
    asian                  Asian, Asian British or Asian Welsh  asian   True
    black    Black, Black British, Black Welsh, Caribbean o...  black   True
    mixed                      Mixed or Multiple ethnic groups  mixed   True
    white                                                White  white   True
    other                                   Other ethnic group  other   True
    unknown                            Not stated or not known         False
    """
    if scheme not in SCHEMES:
        raise SchemaError(f"There is no scheme of ethnic categories {scheme!r}. Give one of {', '.join(SCHEMES)}.")
    codes = code_list(f"ethnicity_{scheme}").set_index("code")
    known = codes["known"] == "1" if "known" in codes else pd.Series(data=True, index=codes.index)
    broad = codes["broad"] if "broad" in codes else codes.index.to_series()
    return pd.DataFrame({"label": codes["label"], "broad": broad, "known": known})


def read_ethnicity(column: pd.Series, scheme: Scheme = "nhs") -> pd.Series:
    """
    Read recorded codes: any case, blanks, Roman numerals and legacy spellings, as the scheme's own codes.

    Parameters
    ----------
    column : Series of str
        Codes as recorded; a missing value is a blank.
    scheme : Scheme
        The scheme that they are written in. It is never guessed: "X" is not known to the NHS and ten to the
        Romans, "1" is Black Caribbean in hospital records of 1995 and White British where categories are numbered.

    Returns
    -------
    Series of str
        Codes of `scheme_codes(scheme)`, same index; a blank is the code for not known where the scheme has one.

    Raises
    ------
    SchemaError
        Codes that the scheme does not have, all of them, with the number of records that hold each.

    Examples
    --------
    >>> read_ethnicity(pd.Series(["a", " H", "X", ""])).tolist()
    ['A', 'H', '99', '99']
    >>> read_ethnicity(pd.Series(["iv", "XVI", "10"]), "numbered").tolist()
    ['4', '16', '10']
    """
    codes = scheme_codes(scheme)
    # Millions of records hold few spellings: each is read once.
    place, given = pd.factorize(column.astype("object"), use_na_sentinel=False)
    images = spelt(list(given), scheme)
    unknown = [k for k, image in enumerate(images) if image is None]
    if unknown:
        counts = np.bincount(place, minlength=len(given))
        values = [given[k] for k in sorted(unknown, key=lambda k: -counts[k])]
        records = int(counts[unknown].sum())
        shown = ", ".join(f"{given[k]!r} ({counts[k]:,})" for k in sorted(unknown, key=lambda k: -counts[k]))
        remedy = f"Records by code: {shown}. Codes of the scheme {scheme!r}: {', '.join(codes.index)}."
        finding = Finding(
            str(column.name), f"codes that the scheme does not have, in {records:,} records", remedy, (), values
        )
        raise_findings([finding], f"Ethnic categories cannot be read as {scheme!r}:")
    read = np.array(images, dtype=object)[place]
    return pd.Series(read, index=column.index, name=column.name, dtype="str")


def spelt(given: Sequence[object], scheme: Scheme) -> list[str | None]:
    """Codes that texts stand for."""
    spelling = {code.upper(): code for code in scheme_codes(scheme).index}
    listed = code_list("ethnicity_spellings")
    listed = listed[listed["scheme"] == scheme]
    spelling |= dict(zip(listed["given"], listed["code"], strict=True))
    # A whole number that was written as a fraction, 99.0, is that number.
    texts = [re.sub(r"^([0-9]+)\.0+$", r"\1", " ".join(trimmed(value).upper().split())) for value in given]
    blank = {text.upper() for text in MISSING}
    return [spelling.get(text, spelling.get("") if text in blank else None) for text in texts]


def known_codes(codes: pd.Series, scheme: Scheme = "gdppr") -> pd.Series:
    """
    Which codes name a group, by the code list; the others say that nobody asked, or that it was not told.

    Parameters
    ----------
    codes : Series of str
        Codes of the scheme, from `read_ethnicity`.
    scheme : Scheme
        The scheme.

    Returns
    -------
    Series of bool
        Same index; False for a code that the scheme does not have, and for a missing value.

    Examples
    --------
    >>> known_codes(pd.Series(["A", "Z", "99"])).tolist()
    [True, False, False]
    """
    known = scheme_codes(scheme)["known"]
    return codes.isin(known.index[known])


def crosswalk(source: Scheme, target: Scheme, margin: pd.Series | Mapping[str, float] | None = None) -> pd.DataFrame:
    r"""
    Probability of each code of one scheme given a code of another.

    Parameters
    ----------
    source, target : Scheme
        From and to.
    margin : Series or Mapping, optional
        People by group of Census 2021 where the records are from; England by default. It matters only where a
        code of `source` covers several codes of `target`.

    Returns
    -------
    DataFrame, shape (n_source, n_target)
        Rows add up to 1; a row of zeros where `target` has no code for what the source code says (unknown, in a
        scheme without unknown).

    Raises
    ------
    SchemaError
        There is no such scheme, or `margin` lacks a group.

    Notes
    -----
    With g the finest groups, those of Census 2021,
    :math:`P(t \mid s) = \sum_g P(t \mid g) P(g \mid s)` and
    :math:`P(g \mid s) \propto P(s \mid g) P(g)`. Shares P(code | group) are in the code list
    `ethnicity_membership`: 1 where both lists name the group; where the scheme has no such box (Gypsy or Irish
    Traveller, Roma and Arab before they were listed) its people are spread over several codes, by a convention
    of this package. A code that names the same group in both schemes is carried as it is, and a code's broad group
    is the one that its own scheme states.

    Examples
    --------
    >>> crosswalk("hes_1995", "broad").loc[["1", "8", "9"]].round(2)
    target  asian  black  mixed  white  other
    source
    1        0.00    1.0   0.00   0.00   0.00
    8        0.28    0.0   0.38   0.01   0.34
    9        0.00    0.0   0.00   0.00   0.00
    """
    groups = [*code_list("ethnicity_census_2021")["code"], *UNKNOWN]
    given, asked = _membership(source, groups), _membership(target, groups)
    joint = given.mul(_margin(margin, groups), axis=1)
    share = joint.div(joint.sum(axis=1), axis=0)
    matrix = pd.DataFrame(share.to_numpy() @ asked.to_numpy().T, given.index, asked.index).rename_axis("source")
    for code, image in _same(source, target, groups).items():
        matrix.loc[code] = 0.0
        matrix.loc[code, image] = 1.0
    return matrix.rename_axis(columns="target")


def faithful(source: Scheme, target: Scheme) -> pd.Series:
    """The codes of a scheme that have exactly one image in another, whatever the population."""
    matrix = crosswalk(source, target)
    single = (matrix.to_numpy() > 0).sum(axis=1) == 1
    image = pd.Series(matrix.columns.to_numpy()[matrix.to_numpy().argmax(axis=1)], matrix.index)
    return image.where(single)


def recode(column: pd.Series, source: Scheme, target: Scheme) -> pd.Series:
    """
    Carry codes to another scheme where that can be done without guessing.

    Parameters
    ----------
    column : Series of str
        Codes of `source`, from `read_ethnicity`.
    source, target : Scheme
        From and to.

    Returns
    -------
    Series of str
        Codes of `target`, same index.

    Raises
    ------
    SchemaError
        Codes without a faithful image, all of them: use the probabilities of `crosswalk`, or a coarser target.

    Examples
    --------
    >>> recode(pd.Series(["A", "J", "N"]), "nhs", "broad").tolist()
    ['white', 'asian', 'black']
    """
    image = faithful(source, target)
    strange = sorted(set(column.dropna().unique()) - set(image.index))
    if strange or column.isna().any():
        raise SchemaError(
            f"{strange or 'missing values'} are not codes of {source!r}. Read the column with read_ethnicity."
        )
    present = image[image.index.isin(column.unique())]
    if (lost := present[present.isna()]).size:
        matrix = crosswalk(source, target).loc[lost.index]
        several = [
            f"{code}: {', '.join(f'{t} {p:.2f}' for t, p in row[row > 0].items()) or 'no such category'}"
            for code, row in matrix.iterrows()
        ]
        values = lost.index.tolist()
        remedy = f"Images: {'; '.join(several)}. Use the probabilities of crosswalk(), or a coarser scheme."
        finding = Finding(str(column.name), f"codes without one image in {target!r}", remedy, (), values)
        raise_findings([finding], f"Ethnic categories cannot be carried from {source!r} to {target!r}:")
    return column.map(image).astype("str")


def sample_codes(
    column: pd.Series,
    source: Scheme,
    target: Scheme,
    rng: np.random.Generator,
    margin: pd.Series | Mapping[str, float] | None = None,
) -> pd.Series:
    """
    Carry codes to another scheme by chance, one imputation of what the target scheme would have recorded.

    Parameters
    ----------
    column : Series of str
        Codes of `source`, from `read_ethnicity`.
    source, target : Scheme
        From and to.
    rng : Generator
        Source of randomness.
    margin : Series or Mapping, optional
        As of `crosswalk`.

    Returns
    -------
    Series of str
        Codes of `target`, same index.

    Raises
    ------
    SchemaError
        A code has no image in `target` at all.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> sample_codes(pd.Series(["8"] * 5), "hes_1995", "broad", rng).tolist()
    ['mixed', 'other', 'asian', 'other', 'mixed']
    """
    matrix = crosswalk(source, target, margin)
    present = list(column.unique())
    if lost := [code for code in present if code not in matrix.index or matrix.loc[code].sum() == 0]:
        raise SchemaError(
            f"{lost} of {source!r} have no image in {target!r}. Take out, or choose a scheme with unknown."
        )
    drawn = np.empty(len(column), dtype=object)
    for code in present:
        rows = np.flatnonzero((column == code).to_numpy())
        drawn[rows] = rng.choice(matrix.columns.to_numpy(), size=len(rows), p=matrix.loc[code].to_numpy())
    return pd.Series(drawn, index=column.index, name=column.name, dtype="str")


def _rows(scheme: Scheme) -> pd.DataFrame:
    rows = code_list("ethnicity_membership")
    return rows[rows["scheme"] == scheme].assign(share=lambda r: r["share"].astype(float))


def _membership(scheme: Scheme, groups: list[str]) -> pd.DataFrame:
    wide = _rows(scheme).pivot_table(index="code", columns="group", values="share", aggfunc="sum", fill_value=0.0)
    return wide.reindex(index=scheme_codes(scheme).index, columns=groups, fill_value=0.0)


def _same(source: Scheme, target: Scheme, groups: list[str]) -> dict[str, str]:
    """
    Codes that mean the same in both schemes, or whose broad group the source itself states.

    A code means the same where every group that it names is named by one code of the target, and where it took in
    no group that has a code of its own in the target.
    """
    codes, images = scheme_codes(source), scheme_codes(target).index
    if source == target:
        return {code: code for code in codes.index}
    rows, named = _rows(source), _rows(target)
    own = named[named["basis"] == "same group"].set_index("group")["code"]
    found: dict[str, str] = {}
    for code, part in rows.groupby("code"):
        names = part.loc[part["basis"] == "same group", "group"]
        taken_in = part.loc[part["basis"] != "same group", "group"]
        possible = {own.get(group, "") for group in names} | {own[g] for g in taken_in if g in own.index}
        if len(possible) == 1 and "" not in possible:
            found[str(code)] = str(possible.pop())
    if target in _BROAD:
        stated = codes.loc[codes["known"] & codes["broad"].isin(images), "broad"]
        found |= {str(code): str(broad) for code, broad in stated.items()}
        if "unknown" in images:
            found |= {str(code): "unknown" for code in codes.index[~codes["known"]]}
    return found


def _margin(margin: pd.Series | Mapping[str, float] | None, groups: list[str]) -> pd.Series:
    if margin is None:
        england = code_list("ethnicity_census_2021_england").set_index("code")["population"]
        margin = england.astype(float)
    people = pd.Series(margin, dtype=float).reindex([group for group in groups if group not in UNKNOWN])
    if people.isna().any() or (people < 0).any():
        wrong = people.index[~(people >= 0)].tolist()
        raise SchemaError(f"The margin has no number of people, or a negative one, for {wrong}; give each group's.")
    # Nobody may live somewhere of a group that a record names all the same; a whisker keeps its row defined.
    positive = people + 1e-9 * max(people.sum(), 1.0)
    weight: pd.Series = pd.concat([positive, pd.Series(1.0, index=list(UNKNOWN))])
    return weight
