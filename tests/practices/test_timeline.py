"""Events along a pathway: counted by hand, with who was followed, and nothing small shown."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2

from bayesineq.cli import main
from bayesineq.errors import SchemaError
from bayesineq.practices.timeline import event_timeline


def pathway(n: int = 200) -> tuple[pd.DataFrame, pd.DataFrame]:
    """All are referred on the first of January; every second is seen on day 10, all who are left are on day 45."""
    people = [f"p{i:03}" for i in range(n)]
    day = pd.Timestamp("2024-01-01")
    rows = [(p, "referral", day) for p in people]
    rows += [(p, "clinic", day + pd.Timedelta(days=10)) for p in people[::2]]
    rows += [(p, "clinic", day + pd.Timedelta(days=45)) for p in people[: n // 2]]
    until = [day + pd.Timedelta(days=364 if i < n // 2 else 40) for i in range(n)]
    followed = pd.DataFrame({"person": people, "until": until, "imd_quintile": [1 + i % 5 for i in range(n)]})
    return pd.DataFrame(rows, columns=["person", "event", "date"]), followed


def test_people_count_in_intervals_that_they_were_followed_through() -> None:
    """In 0 to 29 days 100 of 200 are seen; from day 30 only the 100 who were followed on count, all of them seen."""
    found = event_timeline(*pathway(), "referral", days=90, disclosure="none")
    assert found[["from_day", "to_day", "people", "events", "rate"]].to_numpy().tolist() == [
        [0, 29, 200, 100, 0.5], [30, 59, 100, 100, 1.0], [60, 89, 100, 0, 0.0],
    ]  # fmt: skip
    # A Gamma(101/2)'s quantiles are those of half a chi-squared of 201 degrees.
    assert found.loc[0, ["lower", "upper"]].tolist() == pytest.approx(chi2.ppf([0.025, 0.975], 201) / 400, abs=5e-3)
    assert found.loc[2, "lower"] == 0.0
    assert found.loc[2, "upper"] == pytest.approx(chi2.ppf(0.975, 1) / 200, abs=5e-3)


def test_small_counts_and_their_rates_are_withheld_by_group() -> None:
    events, followed = pathway()
    few = followed.assign(group=np.where(followed.index < 6, "few", "many"))
    found = event_timeline(events, few, "referral", days=30, by=["group"]).set_index("group")
    assert found.loc["few", ["events", "rate", "lower", "upper"]].isna().all()
    assert found.loc["many", "events"] == 95
    assert (found["people"].dropna() % 5 == 0).all()


def test_faults_are_said_at_once_and_who_is_not_counted_is() -> None:
    events, followed = pathway(20)
    odd = pd.concat([events, pd.DataFrame({"person": ["x", "p019"], "event": "clinic", "date": ["no", "2025-01-01"]})])
    with pytest.raises(SchemaError) as caught:
        event_timeline(odd, pd.concat([followed, followed.iloc[[0]]]), "admission")
    said = ["1 dates of events are none", "1 people have two follow-ups", "1 people with events have no follow-up"]
    for words in (*said, "nobody has the event 'admission'", "1 events are after the follow-up"):
        assert words in str(caught.value)
    early = pd.DataFrame({"person": ["p002"], "event": ["clinic"], "date": [pd.Timestamp("2023-12-01")]})
    more = pd.concat([events[events["person"] != "p001"], early])
    notes = event_timeline(more, followed, "referral").attrs["notes"]
    assert notes[1:] == ("1 people never have it, and are not counted", "1 events before it are not counted")
    with pytest.raises(SchemaError, match="follow-up has no `until`; follow-up has no `sex`"):
        event_timeline(events, followed[["person"]], "referral", by=["sex"])


def test_the_command_writes_the_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    events, followed = pathway()
    events.to_csv(tmp_path / "events.csv", index=False)
    followed.to_csv(tmp_path / "people.csv", index=False)
    monkeypatch.chdir(tmp_path)
    command = "timeline events.csv --followed people.csv --start referral --by imd_quintile --days 60 --out out.csv"
    monkeypatch.setattr(sys, "argv", ["bayesineq", *command.split()])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    told = capsys.readouterr()
    assert told.out.strip() == "out.csv: 10 rows"
    assert "begins the pathway" in told.err
    table = pd.read_csv("out.csv")
    assert table.groupby("imd_quintile")["events"].sum().tolist() == [40] * 5


def test_the_page_says_what_the_table_says_and_withholds_what_it_does(tmp_path: Path, monkeypatch) -> None:
    events, followed = pathway(400)
    rare = events.iloc[[0]].assign(event="<b>fall</b>", date=pd.Timestamp("2024-01-09"))
    pd.concat([events, rare]).to_csv(tmp_path / "events.csv", index=False)
    followed.to_csv(tmp_path / "people.csv", index=False)
    command = ["timeline", tmp_path / "events.csv", "--followed", tmp_path / "people.csv", "--start", "referral"]
    command += ["--by", "imd_quintile", "--days", 90, "--out", tmp_path / "t.csv", "--page", tmp_path / "t.html"]
    monkeypatch.setattr(sys, "argv", ["bayesineq", *map(str, command)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    page, table = (tmp_path / "t.html").read_text(encoding="utf-8"), pd.read_csv(tmp_path / "t.csv")
    shown = table[table["rate"].notna()]
    for row in shown.to_dict("records"):
        assert f"{100 * row['rate']:.1f} ({100 * row['lower']:.1f} to {100 * row['upper']:.1f})" in page
    assert table["rate"].isna().any()
    assert page.count("withheld</td>") >= table["rate"].isna().sum()
    assert "<b>fall" not in page.lower()
    assert "<script" not in page
