# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # From linked records to a report
#
# A folder of records in the OMOP common data model becomes a report on inequality: **a mapping, a cohort card, cells, a
# fit, a report**. The records stay on their engine; what leaves it are counts. The middle of this notebook is the whole
# of it, in 25 lines.

# %% [markdown]
# ## A folder of records
#
# You have yours. Here one is made: the records of a simulated board, written as OMOP tables. Its areas stand in
# `location` and its ethnicity in `race_source_value`, as an analyst in England may find them.

# %%
import resource
import time
from datetime import date
from pathlib import Path

import duckdb

import bayesineq as bi
from bayesineq.shipped import folder

board = bi.simulate.simulate_board("board", 16_000, events=4, seed=8)
board.areas.to_parquet("areas.parquet")
known = "SELECT person_id AS person, arg_max(ethnicity, recorded_on) AS known FROM 'board/ethnicity_records.parquet'"
tables = {
    "location": "SELECT DISTINCT area AS location_id, area AS location_source_value FROM 'board/persons.parquet'",
    "person": f"""
        SELECT person::BIGINT AS person_id, CASE sex WHEN 'male' THEN 8507 ELSE 8532 END AS gender_concept_id,
            year(birth) AS year_of_birth, month(birth) AS month_of_birth, day(birth) AS day_of_birth,
            area AS location_id, known AS race_source_value FROM 'board/persons.parquet'
        LEFT JOIN ({known} WHERE ethnicity NOT IN ('Z', '99') GROUP BY ALL) USING (person)""",
    "death": """
        SELECT person::BIGINT AS person_id, death AS death_date FROM 'board/persons.parquet' WHERE death IS NOT NULL""",
    "observation_period": """
        SELECT person::BIGINT AS person_id, registered_from AS observation_period_start_date,
            coalesce(registered_to, DATE '2026-03-31') AS observation_period_end_date FROM 'board/persons.parquet'""",
    "concept": """
        SELECT 1000 + row_number() OVER () AS concept_id, code AS concept_name, 'ICD10' AS vocabulary_id,
            code AS concept_code FROM (SELECT DISTINCT code FROM 'board/events.parquet')""",
    "condition_occurrence": """
        SELECT person::BIGINT AS person_id, concept_id AS condition_concept_id, date AS condition_start_date
        FROM 'board/events.parquet' JOIN 'omop/concept.parquet' ON code = concept_code""",
    "visit_occurrence": """
        SELECT person::BIGINT AS person_id, CASE kind WHEN 'inpatient' THEN 9201 ELSE 9202 END AS visit_concept_id,
            start AS visit_start_date, "end" AS visit_end_date FROM 'board/spells.parquet'""",
}
Path("omop").mkdir(exist_ok=True)
for name, query in tables.items():
    duckdb.sql(f"COPY ({query}) TO 'omop/{name}.parquet' (FORMAT parquet)")
print(*sorted(path.name for path in Path("omop").iterdir()))

# %% [markdown]
# ## What the mapping of a site adds
#
# The shipped mapping `omop` knows the tables of the model. Where this site keeps the area and the ethnicity of a
# person no standard says, so its own mapping adds two blocks. Nothing here is code.

# %%
site = """
[[addresses]]
table = "person"
person = "person_id"
area = "location.location_source_value"
joined.location = { table = "location", on = "location_id", with = "location_id" }

[[ethnicity_records]]
table = "person"
person_id = "person_id"
ethnicity = "race_source_value"
source = { text = "race_source_value" }
"""
shipped = (folder("data_schema") / "adapters" / "omop.toml").read_text(encoding="utf-8")
Path("site.toml").write_text(shipped + site, encoding="utf-8")

# %% [markdown]
# ## From the folder to the report
#
# The cohort card `type_2_diabetes` says who has the condition and from which day, and how the cells of the model card
# `prevalence` are counted. What it takes is printed: seconds, and the most memory in use.

# %%
started = time.perf_counter()
records = bi.records.adapt("omop", "site.toml")
areas = bi.read_areas("areas.parquet")
year = (date(2025, 4, 1), date(2026, 3, 31))
built = bi.cohort.cohort(records, "type_2_diabetes", study=year, deprivation=areas[["area", "imd_decile"]])
cells = bi.cohort.cohort_cells(built, "area_counts")
print(f"{built}\n{len(cells.table):,} cells, {cells.table['population'].sum():,} adults")
design = bi.design(cells.table, bi.read_card("prevalence"), adjacency=bi.contiguity(areas))
posterior = bi.fit(design, seed=8, progress=False)
bi.diagnose(posterior).raise_if_failed()
options = bi.report.ReportOptions(outcome="type 2 diabetes", place="a simulated board", period="31 March 2026")
bi.write_report(posterior, areas, "report.html", options)
memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
print(f"{time.perf_counter() - started:.0f} s, {memory:.1f} GB")

# %% [markdown]
# ## Who dropped out on the way
#
# A definition is a choice, and it does not fall on everybody alike. Attrition says how many are left after each step,
# and, of the same steps, who they are. Small counts are in it: it is for you, and what is shown to others goes through
# the rule of disclosure, as `bayesineq cohort` does.

# %%
steps = built.attrition[built.attrition["by"] == "all"]
print(steps[["step", "what", "persons", "dropped"]].to_string(index=False))

# %%
last = built.attrition[(built.attrition["by"] == "imd_decile") & (built.attrition["step"] == steps["step"].max())]
print((100 * last.set_index("group")["left"]).round(1).to_string())

# %% [markdown]
# ## What was found and what was not
#
# Code lists that the package may not ship are yours to give (`codelists="folder"`). What was not used, and codes that
# never occur, are notes.

# %%
print(built.facts.found.to_string(index=False))
print(*built.notes, sep="\n")
print(bi.records.unmapped(records).to_string(index=False))

# %% [markdown]
# ## The answer
#
# The simulated board has a planted truth, so that we can look whether we found it.

# %%
by_decile = bi.adjusted(posterior, by="imd_decile")
bi.plots.plot_gradient(by_decile, "imd_decile", outcome="type 2 diabetes at the same age and sex")

# %% [markdown]
# The same from the command line: `bayesineq cohort type_2_diabetes --source omop --mapping site.toml --out cells
# --from 2025-04-01 --to 2026-03-31 --deprivation areas.csv`, then `bayesineq fit` and `bayesineq report`.
#
# ## What may be concluded, and what not
#
# **May:** who has a *record* of the condition, by place, deprivation and ethnicity, by a definition that another team
# can read and run on its own records.
#
# **May not:** who *has* the condition. Whoever was never seen is in no record, and where that depends on deprivation
# or ethnicity the gap of the records is not that of the people. Nor that two definitions which give the same total
# agree on who: compare their attrition by group.
