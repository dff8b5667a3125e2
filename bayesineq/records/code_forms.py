"""How codes of each system are written: prefixes, ranges, wildcards, check digits; and which codes a list means."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

import pandas as pd

SYSTEMS: Final[Mapping[str, tuple[str, ...]]] = {
    "snomed": ("snomedct", "snomed", "sct", "snomedctuk", "snomedctcode", "httpsnomedinfosct"),
    "dmd": ("dmd", "dictionaryofmedicinesanddevices", "dmdcodes"),
    "icd10": ("icd10", "icd10codes", "icd10cm", "icd10who", "icd"),
    "icd11": ("icd11", "icd11codes"),
    "icd9": ("icd9", "icd9cm"),
    "opcs4": ("opcs4", "opcs", "opcs4codes"),
    "read2": ("read2", "readv2", "read", "readcodes", "readcodesv2", "readversion2"),
    "ctv3": ("ctv3", "read3", "readv3", "readcodesv3", "clinicalterms3", "ctv3orreadv3", "ctv3readv3"),
    "bnf": ("bnf", "bnfcodes"),
    "cprd": ("cprd", "medcodes", "cprdmedcode", "med", "cprdcodes"),
    "cprd_product": ("prodcodes", "cprdprodcode", "prod"),
    "ukbiobank": ("ukbiobank", "ukb"),
    "omop": ("omop", "omopconcept"),
    "rxnorm": ("rxnorm",),
    "loinc": ("loinc",),
    "atc": ("atc",),
    "nhs_dictionary": ("nhsdictionary", "nhsdatadictionary", "nhsdatamodelanddictionary"),
}
"""Names of code systems, by the letters and digits that publishers write them with."""

PREFIX: Final = ("icd10", "opcs4")
"""Systems in which a code stands for all that begin with it; in the others it stands for itself."""

READ: Final = ("read2", "ctv3")
"""Systems of codes of five places, dots at the end, in which a wildcard (%) stands for all that begin so."""

SNOMED: Final = re.compile(r"[1-9][0-9]{5,17}")


def written_out(code: str, system: str) -> tuple[list[str], str]:
    """Codes that a cell stands for, and whether it is damaged or strange."""
    if re.fullmatch(r"[0-9.]+[eE]\+?[0-9]+", code) and system not in READ:
        return [], "damaged"
    if system in ("snomed", "dmd", "omop", "cprd", "cprd_product", "rxnorm"):
        code = re.sub(r"\.0+$", "", code)
        if system in ("snomed", "dmd"):
            if len(code) > 15 and code.isdecimal() and not checks(code):
                return [], "damaged"
            return [code], "" if SNOMED.fullmatch(code) and checks(code) else "strange"
        return [code], "" if code.isdecimal() else "strange"
    if system in PREFIX:
        return _prefixes(code)
    if system in READ:
        # Seven places are a code of five and two for the term.
        code = code[:5] if re.fullmatch(r"[A-Za-z0-9.]{5}[0-9]{2}", code) else code
        found = re.fullmatch(r"([A-Za-z0-9]{1,5})\.*[%*]", code)
        if found:
            return [f"{found[1]}%"], ""
        return [code.ljust(5, ".")], "" if re.fullmatch(r"[A-Za-z0-9.]{1,5}", code) else "strange"
    return [code], ""


def _prefixes(code: str) -> tuple[list[str], str]:
    plain = re.sub(r"[\s.†*+%]", "", code.upper())
    found = re.fullmatch(r"([A-Z])([0-9]{2,3})-([A-Z]?)([0-9]{2,3})", plain)
    if found:
        first, last = found[1], found[3] or found[1]
        low, high = found[2], found[4]
        if len(low) != len(high) or (last, high) < (first, low) or (first != last and len(low) > 2):
            return [plain], "strange"
        letters = [chr(k) for k in range(ord(first), ord(last) + 1)]
        every = [f"{letter}{k:02d}" for letter in letters for k in range(100)]
        if len(low) == 3:
            every = [f"{first}{k:03d}" for k in range(1000)]
        return [c for c in every if f"{first}{low}" <= c <= f"{last}{high}"], ""
    plain = re.sub(r"(?<=^[A-Z][0-9]{2})[X-]+$|(?<=^[A-Z][0-9]{3})[DA-]$|-$", "", plain)
    return [plain], "" if re.fullmatch(r"[A-Z][0-9]{2}[0-9A-Z]{0,4}", plain) else "strange"


_TIMES: Final = (
    "0123456789", "1234067895", "2340178956", "3401289567", "4012395678",
    "5987604321", "6598710432", "7659821043", "8765932104", "9876543210",
)  # fmt: skip
_PERMUTED: Final = (
    "0123456789", "1576283094", "5803796142", "8916043527", "9453126870", "4286573901", "2793806415", "7046913258",
)  # fmt: skip


def checks(digits: str) -> bool:
    """Whether the last digit of an identifier of SNOMED CT checks the others (Verhoeff's dihedral code)."""
    check = 0
    for place, digit in enumerate(reversed(digits)):
        check = int(_TIMES[check][int(_PERMUTED[place % 8][int(digit)])])
    return check == 0


def system_named(given: str) -> str | None:
    """System that a text names, whatever its capitals, spaces and marks; None where there is no such system."""
    plain = re.sub("[^a-z0-9]", "", given.lower())
    return next((s for s, names in SYSTEMS.items() if plain in names or plain == s.replace("_", "")), None)


def compared(code: str, system: str) -> str:
    """A code of the records as lists write it: without dots in ICD-10, with them to five places in Read."""
    written, _ = written_out(code.strip(), system)
    return written[0] if len(written) == 1 else code.strip()


def stem(code: str, system: str) -> tuple[str, bool]:
    """What a code of a list is compared with, and whether with the beginning of codes or with the whole."""
    if code.endswith("%"):
        return code[:-1], True
    return code, system in PREFIX


def occurring(seen: pd.DataFrame, listed: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """
    Codes of the records that a list means, as the records write them.

    Parameters
    ----------
    seen : DataFrame
        `system`, `code` of the records, and whatever is to travel along.
    listed : Mapping of str to sequence of str
        Codes by system, as of `written_out`.

    Returns
    -------
    DataFrame
        The rows of `seen` that are meant, each once.
    """
    found = []
    for system, codes in listed.items():
        here = seen[(seen["system"] == system) & seen["code"].notna()]
        clean = here["code"].map(lambda code, system=system: compared(code, system)).astype(str)
        stems = [stem(code, system) for code in codes]
        met = clean.isin({code for code, _ in stems})
        met |= clean.str.startswith(tuple(code for code, begins in stems if begins)).astype(bool)
        found.append(here[met.to_numpy(dtype=bool)])
    return pd.concat(found, ignore_index=True) if found else seen.head(0)


def form_of(code: str) -> str:
    """Form of a code, which tells nothing of anybody: letters as A, digits as 9, four or more of these as 9..."""
    return re.sub(r"9{4,}", "9...", re.sub(r"\d", "9", re.sub(r"[^\W\d_]", "A", code)))[:30]
