"""What each of 300 published user agents becomes: device, browser, system, bot.

user_agents.csv was taken from the test data of other projects, with what these say of each, in our names: Matomo's
Device Detector, crawler-user-agents, and the formats that browsers publish. An empty browser or system is not compared.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from collector.enrich.agent_lists import agent_lists
from collector.enrich.bots import CRAWLER
from collector.enrich.user_agent import MAX_LENGTH, Agents

if TYPE_CHECKING:
    from collector.model.agent import Agent

TABLE: Final = Path(__file__).with_name("user_agents.csv")
ROWS: Final = list(csv.DictReader(TABLE.read_text(encoding="utf-8").splitlines()))
SLACK: Final = next(row["agent"] for row in ROWS if "Slack" in row["agent"])
GPTBOT: Final = "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2; +https://openai.com/gptbot)"


def agent(user_agent: str, **hints: str) -> Agent:
    headers = {b"user-agent": user_agent.encode(), b"accept-language": b"en"}
    return Agents().of(headers | {name.encode(): hint.encode() for name, hint in hints.items() if hint}, secure=False)


@pytest.fixture(scope="module")
def agents() -> Agents:
    return Agents()


def test_the_table_has_300_different_visitors() -> None:
    assert len(ROWS) >= 300
    assert len({tuple(row.values())[:4] for row in ROWS}) == len(ROWS)


@pytest.mark.parametrize("row", ROWS, ids=[row["agent"][-50:] for row in ROWS])
def test_user_agent(row: dict[str, str], agents: Agents) -> None:
    hints = {name.replace("_", "-"): row[name] for name in ("sec_ch_ua", "sec_ch_ua_mobile", "sec_ch_ua_platform")}
    headers = {"user-agent": row["agent"], **{name: hint for name, hint in hints.items() if hint}}
    values = agents.of({name.encode(): text.encode() for name, text in headers.items()}, secure=False).values
    found = {"device_class": values["device_class"], "bot_group": values.get("bot_group", "")}
    wanted = {name: row[name] for name in found}
    if row["browser"]:
        found["browser"], wanted["browser"] = values.get("browser_name", ""), row["browser"]
    if row["os"]:
        found["os"], wanted["os"] = values.get("os_name", ""), row["os"]
    assert found == wanted


@pytest.mark.parametrize(
    ("name", "group", "operator"),
    [
        (GPTBOT, "AI training", "OpenAI OpCo, LLC"),
        ("Mozilla/5.0 (compatible; ClaudeBot/1.0; +claudebot@anthropic.com)", "AI training", "Anthropic PBC"),
        ("Mozilla/5.0 (compatible; PerplexityBot/1.0; +https://perplexity.ai/bot)", "AI search", "Perplexity AI, Inc."),
        ("CCBot/2.0 (https://commoncrawl.org/faq/)", "AI crawler", None),
        ("Mozilla/5.0 (compatible; Bytespider; spider-feedback@bytedance.com)", "AI crawler", None),
        ("Google-Extended", "AI training", "Google Inc."),
    ],
)
def test_crawlers_of_models_have_a_group_and_an_operator(name: str, group: str, operator: str | None) -> None:
    bot = agent_lists().bot(name)
    assert bot is not None
    assert (bot.group, bot.name.lower() in name.lower()) == (group, True)
    assert operator is None or bot.operator == operator


def test_a_program_that_names_itself_is_a_bot_whatever_else_it_sends() -> None:
    assert CRAWLER in agent(GPTBOT).bot_classes
    assert CRAWLER in agent("Mozilla/5.0 (compatible; OnNoListBot/0.1)").bot_classes
    assert agent("Mozilla/5.0 (compatible; OnNoListBot/0.1)").values["bot_name"] == "OnNoListBot"
    assert agent("python-requests/2.32").bot_classes == {"declared"}, "an app's library needs another signal"


def test_an_application_made_with_electron_is_a_person() -> None:
    assert agent(SLACK).bot_classes == frozenset()


def test_hints_name_the_browser_only_where_the_user_agent_does_not() -> None:
    chrome = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36"
    brave = '"Brave";v="131", "Chromium";v="131", "Not_A Brand";v="24"'
    named = agent(chrome, **{"sec-ch-ua": brave}).values
    assert (named["browser_name"], named["browser_major_version"]) == ("Brave", 131)
    edge = agent(f"{chrome} Edg/131.0.0.0", **{"sec-ch-ua": brave}).values
    assert edge["browser_name"] == "Edge"
    for hint in ('"Not;A=Brand";v="99"', "nonsense", '"', '"Chromium";v="131"', '"Brave";v="' + "9" * 5000):
        assert agent(chrome, **{"sec-ch-ua": hint}).values["browser_name"] == "Chrome"


def test_the_text_is_cut_before_anything_is_searched_in_it() -> None:
    assert agent("a" * MAX_LENGTH + " GPTBot").values.get("bot_name") is None


def test_telecom_operators_are_not_televisions() -> None:
    facebook = (
        "Mozilla/5.0 (Linux; Android 14; SM-S918B; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 "
        "Chrome/125.0.6422.165 Mobile Safari/537.36 [FB_IAB/FB4A;FBAV/466.0.0.54.74;FBCR/TELIA;]"
    )
    values = agent(facebook).values
    assert (values["device_class"], values["browser_name"]) == ("mobile", "Facebook (in-app)")
