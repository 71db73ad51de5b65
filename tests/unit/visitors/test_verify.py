"""The honest comparison: what was sent, what Druid has, what the dashboards say."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from infra.resources.superset.client import SupersetError
from tests.unit.visitors.fake_platform import PASSWORD, USER, FakePlatform, chart
from visitors.__main__ import main
from visitors.behaviour import visits
from visitors.dashboard import Superset
from visitors.druid import Druid, DruidError
from visitors.ledger import DIMENSIONS, Ledger, LedgerError
from visitors.protocol import Run, events_of
from visitors.report import html
from visitors.scenario import load
from visitors.verify import verify

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from visitors.verify import Comparison

RUN = Run("0123abcd", "http://shop.test", 1_795_000_000_000)
HAS_PLACE = {"expressionType": "SIMPLE", "subject": "country_code", "operator": "IS NOT NULL"}
CHARTS = [
    chart("Countries", groupby=["country"], metrics=["unique_visitors", "sessions", "page_views"]),
    chart("Map", entity="country_code", metric="page_views", adhoc_filters=[HAS_PLACE]),
    chart("Browsers", groupby=["browser_name"], metric="events"),
    chart("Over time", x_axis="__time", groupby=["os_name"], metrics=["events"]),
    chart("Languages", x_axis="browser_language_name", metrics=["unique_visitors"]),
    chart("Visitors", metric="unique_visitors"),
    chart("New visitors", metric="new_visitors"),
]


@pytest.fixture
def ledger() -> Ledger:
    return Ledger("0123abcd", "small", RUN.started_ms)


@pytest.fixture
def platform(ledger: Ledger) -> Iterator[FakePlatform]:
    """Holds exactly what the ledger says, and somebody else's event."""
    with FakePlatform(list(CHARTS)) as platform:
        for visit in visits(load("small")):
            for event in events_of(visit, RUN, RUN.started_ms, returning=False):
                ledger.add(visit, event, event["c"])
                platform.put(
                    __time=event["c"], party_id=event["p"], session_id=event["s"], event_id=event["e"],
                    event_type=event["t"], country=visit.group.country,
                    browser_language_name=visit.group.language, browser_name=visit.group.browser,
                    os_name=visit.group.os, path=urlsplit(event["l"]).path, is_bot=int(visit.bot),
                    is_new_party=int(event["n"]), site="shop.test", host="shop.test",
                )  # fmt: skip
        platform.put(__time=RUN.started_ms, party_id="0:1:another", session_id="0:1:s", country="Spain")
        yield platform


def compare(ledger: Ledger, platform: FakePlatform) -> Comparison:
    superset = Superset(platform.url, USER, PASSWORD, ("clickstream",))
    return verify(ledger, Druid(platform.url), superset, patience=0)


def seen(comparison: Comparison) -> set[tuple[str, str, str, str, int]]:
    return {
        (each.source, each.dimension, each.value, each.metric, each.found - each.sent)
        for each in comparison.differences
    }


def test_equal_numbers_are_equal_in_druid_and_on_every_chart(ledger: Ledger, platform: FakePlatform) -> None:
    comparison = compare(ledger, platform)
    assert comparison.differences == []
    assert comparison.charts == len(CHARTS)
    assert comparison.compared > 100
    assert ledger.numbers["total"]["all"]["sessions"] == 60


def test_a_lost_event_shows_in_the_total_and_in_every_dimension(ledger: Ledger, platform: FakePlatform) -> None:
    platform.change("DELETE FROM clickstream WHERE rowid = (SELECT min(rowid) FROM clickstream WHERE is_bot = 0)")
    found = seen(compare(ledger, platform))
    assert ("Druid", "total", "all", "events", -1) in found
    assert {each[1] for each in found if each[0] == "Druid"} == {"total", *DIMENSIONS}
    assert any(source == "clickstream: Browsers" for source, *_ in found)


def test_a_visit_attributed_to_another_browser_shows(ledger: Ledger, platform: FakePlatform) -> None:
    platform.change("UPDATE clickstream SET browser_name = 'Netscape' WHERE rowid = 1")
    assert ("Druid", "browser_name", "Netscape", "events", 1) in seen(compare(ledger, platform))


def test_a_wrong_language_is_reported_on_its_chart(ledger: Ledger, platform: FakePlatform) -> None:
    platform.change("UPDATE clickstream SET browser_language_name = 'Latin' WHERE browser_language_name = 'Finnish'")
    found = {each[:4] for each in seen(compare(ledger, platform)) if each[0] != "Druid"}
    chart_, metric = "clickstream: Languages", "unique_visitors"
    assert found == {(chart_, "browser_language_name", name, metric) for name in ("Latin", "Finnish")}


def test_a_value_that_is_missing_shows_as_such(ledger: Ledger, platform: FakePlatform) -> None:
    platform.change("UPDATE clickstream SET os_name = NULL WHERE rowid = 1")
    assert ("Druid", "os_name", "unknown", "events", 1) in seen(compare(ledger, platform))


@pytest.mark.parametrize("country", [None, "United Kingdom"])
def test_visits_of_a_stack_that_believes_no_address_are_under_one_country(
    country: str | None, ledger: Ledger, platform: FakePlatform
) -> None:
    """Unknown, or that of privateVisitorIp; what the visitors said is not compared, everything else is."""
    value = "NULL" if country is None else f"'{country}'"
    platform.change(f"UPDATE clickstream SET country = {value}, country_code = {value}")  # noqa: S608 - ours
    assert compare(ledger, platform).differences, "the countries are not those that were sent"

    superset = Superset(platform.url, USER, PASSWORD, ("clickstream",))
    druid = Druid(platform.url)
    found = verify(ledger, druid, superset, patience=0, addresses_trusted=False)
    assert found.differences == []
    assert found.charts == len(CHARTS)
    assert found.place == (country or "unknown")

    platform.change("UPDATE clickstream SET country = 'Spain' WHERE rowid = 1")
    assert verify(ledger, druid, superset, patience=0, addresses_trusted=False).differences
    platform.change("DELETE FROM clickstream WHERE rowid = 1")
    assert verify(ledger, druid, superset, patience=0, addresses_trusted=False).differences


def test_a_chart_that_leaves_something_out_shows(ledger: Ledger, platform: FakePlatform) -> None:
    platform.hidden = "country = 'Spain'"
    found = seen(compare(ledger, platform))
    assert {each[0] for each in found} == {f"clickstream: {each['slice_name']}" for each in CHARTS}
    sent = ledger.numbers["country"]["Spain"]["page_views"]
    assert ("clickstream: Map", "country", "Spain", "page_views", -sent) in found


def test_duplicates_that_nobody_marked_show(ledger: Ledger, platform: FakePlatform) -> None:
    ledger.duplicates_sent = 2
    platform.change("INSERT INTO clickstream SELECT * FROM clickstream WHERE rowid = 1")
    assert {("Druid", "total", "all", "duplicates marked", -2), ("Druid", "total", "all", "events", 1)} <= seen(
        compare(ledger, platform)
    )


def test_charts_that_show_something_else_are_named_and_not_compared(ledger: Ledger, platform: FakePlatform) -> None:
    only_spain = {"expressionType": "SIMPLE", "subject": "country", "operator": "==", "comparator": "Spain"}
    platform.charts += [
        chart("Cities", groupby=["city"], metric="events"),
        chart("Ratio", groupby=["country"], metric="bounce_rate"),
        chart("Spain", metric="events", adhoc_filters=[only_spain]),
    ]
    comparison = compare(ledger, platform)
    assert comparison.skipped == ["clickstream: Cities", "clickstream: Ratio", "clickstream: Spain"]
    assert comparison.differences == []


def test_charts_are_asked_for_the_run_and_its_time_only(ledger: Ledger, platform: FakePlatform) -> None:
    ledger.ended_ms = ledger.started_ms + 1000
    compare(ledger, platform)
    filters = {each["col"]: each["val"] for each in platform.queries[0]["filters"]}
    assert filters["__time"].startswith("2026-11-18T")
    assert filters["party_id"] == "0:%:0123abcd%"


def test_real_browsers_are_found_by_the_ids_that_they_made(ledger: Ledger, platform: FakePlatform) -> None:
    """They come without a cookie, or no visitor would be new: their ids are not the run's."""
    platform.change("UPDATE clickstream SET party_id = replace(party_id, '0123abcd', 'made')")
    ledger.mode = "browsers"
    assert "Druid" in {source for source, *_ in seen(compare(ledger, platform))}
    for (party_id,) in platform.table.execute("SELECT DISTINCT party_id FROM clickstream WHERE party_id LIKE '%made%'"):
        ledger.add_party(party_id)
        ledger.add_party(party_id)
    assert compare(ledger, platform).differences == []
    assert platform.queries[-1]["filters"][1] == {"col": "party_id", "op": "IN", "val": ledger.parties}
    assert len(ledger.parties) == len(set(ledger.parties))


def test_a_visitor_who_is_not_marked_as_new_shows(ledger: Ledger, platform: FakePlatform) -> None:
    platform.change("UPDATE clickstream SET is_new_party = 0 WHERE rowid = 1")
    found = seen(compare(ledger, platform))
    assert ("Druid", "total", "all", "new_visitors", -1) in found
    assert ("clickstream: New visitors", "total", "all", "new_visitors", -1) in found


def test_a_wrong_password_and_a_refusal_are_told(ledger: Ledger, platform: FakePlatform) -> None:
    with pytest.raises(SupersetError, match="refuses the login of 'admin'"):
        verify(ledger, Druid(platform.url), Superset(platform.url, USER, "wrong"), patience=0)
    platform.status = 401
    with pytest.raises(DruidError, match="answered 401"):
        compare(ledger, platform)


def test_a_ledger_survives_its_file(ledger: Ledger, platform: FakePlatform, tmp_path: Path) -> None:
    ledger.save(tmp_path / "deep" / "ledger.json")
    loaded = Ledger.load(tmp_path / "deep" / "ledger.json")
    assert loaded == ledger
    assert compare(loaded, platform).differences == []


def test_another_file_is_no_ledger(tmp_path: Path) -> None:
    path = tmp_path / "other.json"
    for text in ("{", "[]", '{"run": "a", "counts": {}}', '{"run": "a"}'):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(LedgerError, match=r"other\.json is not a ledger"):
            Ledger.load(path)


def test_the_report_shows_every_number_and_the_verdict(ledger: Ledger, platform: FakePlatform) -> None:
    page = html(ledger, compare(ledger, platform))
    assert "Equal." in page
    for country in ("Finland", "Romania"):
        assert country in page
    platform.change("DELETE FROM clickstream WHERE rowid = 1")
    assert "Not equal." in html(ledger, compare(ledger, platform))
    assert "Not compared." in html(ledger)


def test_the_command_compares_by_the_stacks_outputs(
    ledger: Ledger,
    platform: FakePlatform,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    ledger.save(tmp_path / "ledger.json")
    outputs = tmp_path / "outputs.json"
    outputs.write_text(
        f'{{"website": "{platform.url}", "druid": "{platform.url}", "superset": "{platform.url}", '
        f'"adminUser": "{USER}", "adminPassword": "x", "supersetPassword": "{PASSWORD}"}}',
        encoding="utf-8",
    )
    command = ["visitors", "verify", "--ledger", str(tmp_path / "ledger.json"), "--outputs", str(outputs)]
    command += ["--patience", "0"]
    monkeypatch.setattr(sys, "argv", command)
    assert main() == 0
    assert "equal: " in capsys.readouterr().out
    platform.change("UPDATE clickstream SET country = 'Norway' WHERE country = 'Finland'")
    assert main() == 1
    assert "NOT equal" in capsys.readouterr().out
    platform.change("UPDATE clickstream SET country = NULL, country_code = NULL")
    outputs.write_text(outputs.read_text().replace("{", '{"trustedProxies": [], ', 1), encoding="utf-8")
    assert main() == 0
    assert "all visits must have one country, found unknown" in capsys.readouterr().out
    outputs.write_text("{}", encoding="utf-8")
    assert main() == 2
    assert "the stack's outputs lack website" in capsys.readouterr().err
