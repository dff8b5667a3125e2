"""Code lists of every published layout: headings, systems, damage, ranges, ethnicity, overlap."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from bayesineq.cli import app
from bayesineq.cohort.codelists import CodeList, compare_codelists, ethnic_groups, groups_lacking, read_codelist
from bayesineq.errors import SchemaError
from bayesineq.records.code_forms import occurring

HEADINGS = [
    # name of the file, headings, a row, then what is read: code, term, category, system
    ("a_ICD10.csv", "ICD10code,ICD10codeDescr,Category", "E11.9,Type 2,Diabetes",
     ("E119", "Type 2", "Diabetes", "icd10")),
    ("b_ICD10.csv", "code,description,category", "E11,Type 2,Diabetes", ("E11", "Type 2", "Diabetes", "icd10")),
    ("c.csv", "icd_code,term", "E11X,Type 2", ("E11", "Type 2", "", "icd10")),
    ("d_Read2.csv", "Readcode,Readterm,Category", "C10F.,Type 2,T2", ("C10F.", "Type 2", "T2", "read2")),
    ("e.csv", "read_code,term", "C10F.00,Type 2", ("C10F.", "Type 2", "", "read2")),
    ("f_CPRD.csv", "medcode,readcode,readterm,category", "758,C10F.00,Type 2,T2", ("C10F.", "Type 2", "T2", "read2")),
    ("g_CPRD.csv", "Medcode,Description", "758,Type 2", ("758", "Type 2", "", "cprd")),
    ("h_OPCS4.csv", "OPCS4code,OPCS4codeDescr,Category", "K40.1,Bypass,CABG", ("K401", "Bypass", "CABG", "opcs4")),
    ("i_OPCS4.csv", "code,term", "K40,Bypass", ("K40", "Bypass", "", "opcs4")),
    ("j_SNOMEDCT.csv", "Code,Name", "44054006,Type 2", ("44054006", "Type 2", "", "snomed")),
    ("k.csv", "SNOMED CT Concept ID,Fully Specified Name", "44054006,Type 2", ("44054006", "Type 2", "", "snomed")),
    ("l.csv", "conceptId,term", "44054006,Type 2", ("44054006", "Type 2", "", "snomed")),
    ("m.csv", "Cluster_ID,Cluster_Description,ConceptId,ConceptId_Description",
     "DM_COD,Diabetes codes,44054006,Type 2", ("44054006", "Type 2", "DM_COD", "snomed")),
    ("n.csv", "CTV3ID,CTV3PreferredTermDesc,category", "X40J5,Type 2,T2", ("X40J5", "Type 2", "T2", "ctv3")),
    ("o.csv", "code,term,coding_system", "C10F.,Type 2,Read codes v2", ("C10F.", "Type 2", "", "read2")),
    ("p.csv", "Coding System,Clinical Code,Description", "ICD10 codes,E11,Type 2", ("E11", "Type 2", "", "icd10")),
    ("q.csv", "dmd_id,nm,type", "39113311000001107,Metformin 500mg,vmp",
     ("39113311000001107", "Metformin 500mg", "vmp", "dmd")),
    ("r.csv", "bnf_code,description", "0601022B0AAABAB,Metformin", ("0601022B0AAABAB", "Metformin", "", "bnf")),
    ("s.csv", "code,term", "44054006,Type 2", ("44054006", "Type 2", "", "snomed")),
    ("t.csv", "codes\tmeaning", "C10F.\tType 2", ("C10F.", "Type 2", "", "read2")),
    ("u_ICD11.csv", "code,title", "5A11,Type 2", ("5A11", "Type 2", "", "icd11")),
    ("v.csv", "vpid,vmp_name", "39113311000001107,Metformin", ("39113311000001107", "Metformin", "", "dmd")),
    ("w_UKBiobank.csv", "code,meaning", "1223,Type 2", ("1223", "Type 2", "", "ukbiobank")),
    # OpenCodelists: uploaded lists, dm+d with the codes of the BNF beside, lists without headings.
    ("y.csv", "CTV3_id,Description", "C10F.,Type 2", ("C10F.", "Type 2", "", "ctv3")),
    ("z.csv", "snomedct_id,name", "44054006,Type 2", ("44054006", "Type 2", "", "snomed")),
    ("za.csv", "type,id,bnf_code,nm", "vmp,39113311000001107,0601022B0AAABAB,Metformin",
     ("39113311000001107", "Metformin", "vmp", "dmd")),
    ("zb.csv", "code,term,dmd_id,bnf_code", "39113311000001107,Metformin,39113311000001107,0601022B0AAABAB",
     ("39113311000001107", "Metformin", "", "dmd")),
    ("zc.csv", "code,term,dmd_type", "39113311000001107,Metformin,VMP", ("39113311000001107", "Metformin", "", "dmd")),
    ("x.csv", "Code,Term,Active_in_Refset", "44054006,Type 2,0", ("44054006", "Type 2", "", "snomed")),
]  # fmt: skip


def written(folder: Path, name: str, text: str) -> CodeList:
    (folder / name).write_text(text, encoding="utf-8")
    return read_codelist(folder / name)


@pytest.mark.parametrize(("name", "heads", "row", "read"), HEADINGS, ids=[h[0] for h in HEADINGS])
def test_every_heading_is_read_into_code_term_category_and_system(
    name: str, heads: str, row: str, read: tuple[str, str, str, str], tmp_path: Path
) -> None:
    found = written(tmp_path, name, f"\ufeff{heads}\r\n{row}\r\n").table
    code, term, category, system = found.loc[0, ["code", "term", "category", "system"]]
    assert (code, system) == (read[0], read[3])
    assert (term, category) == read[1:3]
    assert bool(found.loc[0, "retired"]) == (name == "x.csv")


def test_identifiers_keep_every_digit_and_damage_is_refused(tmp_path: Path) -> None:
    found = written(tmp_path, "a.json", '{"name": "m", "version": "2", "codes": {"dmd": [39113311000001107]}}')
    assert found.by_system == {"dmd": ("39113311000001107",)}
    assert found.cited == "m (1 of dmd codes); version 2"
    for damaged in ("3.91133E+16", "39113311000001100"):
        with pytest.raises(SchemaError, match=r"damaged.*spreadsheet"):
            written(tmp_path, "b.csv", f"dmd_id\n{damaged}\n")


@pytest.mark.parametrize(
    ("given", "codes"),
    [
        ("E10-E14", ("E10", "E11", "E12", "E13", "E14")),
        ("E10.0-E10.2", ("E100", "E101", "E102")),
        ("C98-D01", ("C98", "C99", "D00", "D01")),
        ("I10X", ("I10",)),
        ("E11.-", ("E11",)),
        ("E11.x", ("E11",)),
        ("G63.2*", ("G632",)),
        ("E10.2†", ("E102",)),
        ("E11%", ("E11",)),
    ],
)
def test_icd10_is_written_out(given: str, codes: tuple[str, ...], tmp_path: Path) -> None:
    assert written(tmp_path, "a_ICD10.csv", f"code\n{given}\n").by_system == {"icd10": codes}


@pytest.mark.parametrize("wildcard", ["C10%", "C10..%", "C10*", "C10..*"])
def test_a_wildcard_of_read_codes_stands_for_all_that_begin_so(wildcard: str, tmp_path: Path) -> None:
    found = written(tmp_path, "a_Read2.csv", f"code\n{wildcard}\nH33..\n").by_system
    assert found == {"read2": ("C10%", "H33..")}
    seen = pd.DataFrame(
        {"system": "read2", "code": ["C10..", "C10F.", "C10FX00", "C1...", "H33..", "H330.", "H33", None]}
    )
    assert occurring(seen, found)["code"].tolist() == ["C10..", "C10F.", "C10FX00", "H33..", "H33"]
    narrower = written(tmp_path, "b_Read2.csv", "code\nC10F.\nC1...\n")
    compared = compare_codelists(read_codelist(tmp_path / "a_Read2.csv"), narrower).set_index("code")["where"]
    assert compared["C10F."] == "both"
    assert compared["C1..."] == "only b_Read2"


def test_a_definition_of_opencodelists_leaves_out_what_it_excludes(tmp_path: Path) -> None:
    rows = "44054006,in,+\n73211009,below,(+)\n46635009,out,-\n237599002,below,(-)\n8801005,open,?\n81531005,both,!\n"
    found = written(tmp_path, "definition.csv", f"code,term,status\n{rows}")
    assert found.by_system == {"snomed": ("44054006", "73211009")}
    assert not found.table["retired"].any()
    assert "4 rows marked as excluded or undecided" in found.notes[0]


def test_a_list_without_headings_keeps_its_first_code(tmp_path: Path) -> None:
    found = written(tmp_path, "plain.csv", "44054006,Type 2\n73211009,Diabetes\n")
    assert found.by_system == {"snomed": ("44054006", "73211009")}


def test_what_stands_beside_a_code_is_believed_before_what_is_stated(tmp_path: Path) -> None:
    text = "code,coding_system\nE11,ICD-10\n44054006,SNOMED CT\n73211009,\n"
    (tmp_path / "two.csv").write_text(text, encoding="utf-8")
    found = read_codelist(tmp_path / "two.csv", system="snomed")
    assert found.by_system == {"icd10": ("E11",), "snomed": ("44054006", "73211009")}
    (tmp_path / "one.csv").write_text("ICD10code\nE11\n", encoding="utf-8")
    stated = read_codelist(tmp_path / "one.csv", system="snomed")
    assert "the file (heading 'ICD10code') says icd10; read as snomed" in stated.notes


def test_a_system_that_could_be_two_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match=r"icd10 or opcs4.*Say it .*`system`"):
        written(tmp_path, "list.csv", "code,term\nK40.1,x\nK41.2,y\n")
    assert read_codelist(tmp_path / "list.csv", system="OPCS-4").systems == ("opcs4",)
    with pytest.raises(SchemaError, match="no code system 'elvish'"):
        read_codelist(tmp_path / "list.csv", system="elvish")
    with pytest.raises(SchemaError, match=r"no column code='codes'; it has code, term"):
        read_codelist(tmp_path / "list.csv", code="codes")


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.csv", "colour,size\nred,large\n", "no heading of codes.*colour, size"),
        ("a.csv", "code,term\n", "no codes below its headings"),
        ("a.csv", "", r"empty \(0 bytes\)"),
        ("a.toml", "codes = [", "cannot be read"),
        ("a.toml", "name = 'x'", "no list `codes`; it has name"),
        ("a_ICD10.csv", "code\n\n,\n", "no codes"),
    ],
)
def test_what_is_no_list_says_why(name: str, text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match=said):
        written(tmp_path, name, text)


ETHNIC = {
    "White British": 9, "White Irish": 6, "Other White": 24, "White and Black Caribbean": 3,
    "White and Black African": 3, "White and Asian": 3, "Other Mixed": 12, "Indian": 5, "Pakistani": 5,
    "Bangladeshi": 5, "Other Asian": 12, "Black Caribbean": 6, "Other ethnic group": 7, "Not stated": 4,
}  # fmt: skip
"""Codes by category, made up, in the layout of CALIBER's list: 104 codes, 14 categories, three groups without any."""


def test_the_104_codes_of_ethnicity_are_mapped_or_unknown_and_what_they_lack_is_named(tmp_path: Path) -> None:
    rows = [category for category, number in ETHNIC.items() for _ in range(number)]
    text = "Readcode,Term,Category\n" + "".join(f"9i{k:03d},ethnic category {k},{c}\n" for k, c in enumerate(rows))
    groups = ethnic_groups(written(tmp_path, "caliber_ethnic_status_X_Read2.csv", text))
    assert len(groups) == 104
    letters = dict(
        zip(ETHNIC, ["A", "B", "C", "D", "E", "F", "G", "H", "J", "K", "L", "M", "S", "unknown"], strict=True)
    )
    assert groups["group_16"].tolist() == [letters[c] for c in rows]
    assert groups["group_5"].value_counts().to_dict() == {
        "white": 39, "mixed": 21, "asian": 27, "black": 6, "other": 7, "unknown": 4,
    }  # fmt: skip
    assert groups_lacking(groups) == ["N African", "P Any other Black background", "R Chinese"]


def test_overlap_and_gap_of_two_lists(tmp_path: Path) -> None:
    first = written(tmp_path, "one.csv", "icd10\nE10\nE11.9\n")
    second = written(tmp_path, "two.csv", "icd10\nE11\nI10\n")
    compared = compare_codelists(first, second).set_index("code")["where"].to_dict()
    assert compared == {"E10": "only one", "E119": "both", "E11": "only two", "I10": "only two"}
    run = CliRunner().invoke(app, ["codes", "compare", str(tmp_path / "one.csv"), str(tmp_path / "two.csv")])
    assert run.exit_code == 0
    assert "only two: 2; only one: 1; both: 1" in run.output
    run = CliRunner().invoke(app, ["codes", "show", str(tmp_path / "one.csv"), "--csv", str(tmp_path / "out.csv")])
    assert run.exit_code == 0
    assert "one (2 of icd10 codes)" in run.output
    assert (tmp_path / "out.csv").read_text().startswith("code,term,category,system,retired\nE10,")


OPENSAFELY = "code,term,Grouping_16,Grouping_6,Label_16,Label_6\n"


@pytest.mark.parametrize(
    "text",
    [
        OPENSAFELY
        + "92451000000107,Indian,8,3,Indian or British Indian,Asian\n92391000000108,x,1,1,White British,White\n",
        "snomedcode,Ethnicity,Grouping_16,Grouping_6\n92451000000107,y,8,3\n92391000000108,x,1,1\n",
        "Code,Label_16,Label_6\n92451000000107,8,3\n92391000000108,1,1\n",
    ],
    ids=["with labels", "with numbers", "with numbers as labels"],
)
def test_ethnicity_as_opensafely_lays_it_out(tmp_path: Path, text: str) -> None:
    path = tmp_path / "opensafely-ethnicity-snomed.csv"
    path.write_text(text, encoding="utf-8")
    listed = read_codelist(path)
    assert listed.systems == ("snomed",)
    groups = ethnic_groups(listed).set_index("code")
    assert groups["group_16"].to_dict() == {"92451000000107": "H", "92391000000108": "A"}
    assert groups["group_5"].to_dict() == {"92451000000107": "asian", "92391000000108": "white"}
