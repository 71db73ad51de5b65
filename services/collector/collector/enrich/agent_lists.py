"""Maintained lists of bots, of devices that are neither computers nor phones, and of apps with a browser in them.

agents.json is generated from the lists of two projects, see tools/agent_data.py. The matcher is ua-parser's native one:
it finds the expressions that can match by the words in them, so that 2,300 expressions take microseconds.
"""

from __future__ import annotations

import json
import re
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ua_parser_rs import UserAgentExtractor

if TYPE_CHECKING:
    from collections.abc import Iterable

_FILE: Final = Path(__file__).with_name("agents.json")
_DECLARED: Final = re.compile(
    r"(?<!cu)(?:bot|crawler|spider)(?![a-z]|[ _]?(?:\d|tab|senior|junior))|\+https?://", re.IGNORECASE
)
"""What programs call themselves that are on no list yet: by the kind of name, or with the address of an explanation."""
_TOOLS: Final = frozenset({"HTTP library", "Automated browser"})


class Bot(NamedTuple):
    """A program by its user agent. `group` is that of the lists; `operator` is empty where it is not known."""

    name: str
    group: str
    operator: str

    @property
    def is_crawler(self) -> bool:
        """Whether it reads pages by itself: an app may use an HTTP library to send the events of a person."""
        return self.group not in _TOOLS


class AgentLists:
    """The lists, ready to match."""

    def __init__(self, data: dict[str, Any]) -> None:
        """Compile the expressions of agents.json."""
        matcher = partial(_matcher, f"(?i){data['beginning']}(?:{{}})")
        self._bots: list[list[str]] = data["bots"]
        self._crawlers: list[list[str]] = data["crawlers"]
        self._devices: list[tuple[str, UserAgentExtractor | None, list[str]]] = [
            (kind, matcher(expression for expression, _ in models) if models else None, [name for _, name in models])
            for _, kind, models in data["devices"]
        ]
        self._match_bot = matcher((bot[0] for bot in self._bots), [bot[1] for bot in self._bots])
        self._match_crawler = _matcher("{}", (crawler[0] for crawler in self._crawlers))
        self._match_device = matcher(device[0] for device in data["devices"])
        self._match_app = matcher((app[0] for app in data["apps"]), [app[1] for app in data["apps"]])

    def bot(self, text: str) -> Bot | None:
        """The program that the user agent names, if it names one."""
        listed = _found(self._match_bot, text)
        crawler = _found(self._match_crawler, text)
        if crawler is not None and "Electron/" in text and self._crawlers[crawler[0]][1] in _TOOLS:
            crawler = None  # an application that people use
        group = self._crawlers[crawler[0]][1] if crawler is not None else "Crawler"
        if listed is not None:
            bot = self._bots[listed[0]]
            # Both lists know models' crawlers; that of the crawlers has them sooner, the other knows their purpose.
            is_more = not bot[2].startswith("AI ") and (
                group == "AI crawler" or (bot[2] == "Crawler" and group not in _TOOLS)
            )
            if is_more and crawler is not None:
                return Bot(_named(self._crawlers[crawler[0]][0], text), group, bot[3])
            return Bot(listed[1], bot[2], bot[3])
        if crawler is not None:
            return Bot(_named(self._crawlers[crawler[0]][0], text), group, "")
        declared = _DECLARED.search(text)
        return Bot(_product(text, declared.start()), "Crawler", "") if declared is not None else None

    def device_class(self, text: str) -> str:
        """tv, console, headset, wearable, car, smart display, smart speaker or other; empty for all other devices."""
        found = _found(self._match_device, text)
        if found is None:
            return ""
        kind, models, classes = self._devices[found[0]]
        model = _found(models, text) if models is not None else None
        return kind if model is None else classes[model[0]]

    def app(self, text: str) -> str | None:
        """The app that the user agent names, if it names one."""
        found = _found(self._match_app, text)
        return None if found is None else found[1]


@cache
def agent_lists() -> AgentLists:
    """The lists of agents.json. Takes a second: service start, not the first event, should pay for it."""
    return AgentLists(json.loads(_FILE.read_text(encoding="utf-8")))


def _matcher(form: str, expressions: Iterable[str], names: list[str] | None = None) -> UserAgentExtractor:
    """Finds the first of the expressions, in their order. `form`: what stands around each."""
    return UserAgentExtractor(
        (form.format(expression), f"{number}\t{names[number] if names is not None else ''}", None, None, None, None)
        for number, expression in enumerate(expressions)
    )


def _found(matcher: UserAgentExtractor, text: str) -> tuple[int, str] | None:
    """Number and name of the expression that matches."""
    found = matcher.extract(text)
    if found is None:
        return None
    number, _, name = found.family.partition("\t")
    return int(number), name


def _named(expression: str, text: str) -> str:
    found = re.search(expression, text)
    return _product(text, found.start()) if found is not None else text[:64]


def _product(text: str, position: int) -> str:
    """The product at a position: the letters around it up to a space, slash or bracket."""
    before = re.search(r"[^\s/;()+,]*$", text[:position])
    after = re.match(r"[^\s/;()+,]*", text[position:])
    name = (before[0] if before else "") + (after[0] if after else "")
    return (name or text)[:64]
