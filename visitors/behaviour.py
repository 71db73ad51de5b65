"""Models how people use the shop, reproducibly by seed. Synthetic visits and browsers share the model."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from visitors.scenario import Behaviour, Scenario, Visitors

CATEGORIES = {
    "shelter": ("ridge-tent", "field-tarp", "wool-blanket"),
    "light": ("storm-lantern", "head-lamp", "twig-stove"),
    "carry": ("day-pack", "roll-bag", "enamel-mug"),
}
SKUS = {
    "ridge-tent": ("TT-101", 289),
    "field-tarp": ("TT-102", 89),
    "wool-blanket": ("TT-103", 119),
    "storm-lantern": ("TT-201", 64),
    "head-lamp": ("TT-202", 48),
    "twig-stove": ("TT-203", 72),
    "day-pack": ("TT-301", 98),
    "roll-bag": ("TT-302", 54),
    "enamel-mug": ("TT-303", 16),
}
ENTRIES = (
    "/",
    "/",
    "/",
    "/?utm_source=letter&utm_medium=email&utm_campaign=autumn",
    "/blog/packing-light",
    "/lookbook/1",
)
REFERRERS = ("", "", "https://www.google.com/", "https://duckduckgo.com/", "https://news.example/gear")
QUERIES = ("tent", "lamp", "wool", "stove", "pack")

BOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"


@dataclass(frozen=True)
class Step:
    """A page view: the page, its duration, how far the visitor scrolls, and an action."""

    path: str
    dwell_ms: int
    scroll_percent: int
    action: str | None = None
    """search, addToCart or purchase."""
    subject: str = ""


@dataclass(frozen=True)
class Visit:
    """One visit. `visitor` is constant for all of a person's visits. `person` numbers people in order of appearance."""

    number: int
    visitor: int
    group: Visitors
    address: str
    referrer: str
    steps: tuple[Step, ...]
    person: int = 0
    bot: bool = False

    @property
    def user_agent(self) -> str:
        """What the visit calls itself."""
        return BOT if self.bot else self.group.user_agent


def visits(scenario: Scenario) -> Iterator[Visit]:
    """Every visit in the scenario, in mixed order. The same seed gives the same visits."""
    chance = random.Random(scenario.seed)  # noqa: S311  # repeatable, not secret
    order = [group for group in scenario.visitors for _ in range(group.visits)]
    chance.shuffle(order)
    known: dict[int, list[tuple[int, str]]] = {}
    persons: dict[int, int] = {}
    for number, group in enumerate(order):
        people = known.setdefault(id(group), [])
        if people and chance.random() < scenario.behaviour.returning:
            visitor, address = chance.choice(people)
        else:
            visitor, address = number, _address(chance, group)
            people.append((visitor, address))
        person = persons.setdefault(visitor, len(persons))
        yield Visit(
            number, visitor, group, address, chance.choice(REFERRERS), _walk(chance, scenario.behaviour), person
        )
        if chance.random() < scenario.noise.bots:
            bot = len(order) + number
            yield Visit(bot, bot, group, _address(chance, group), "", (Step("/", 0, 0),), number, bot=True)


def _address(chance: random.Random, group: Visitors) -> str:
    network = chance.choice(group.networks)
    return str(network[chance.randrange(1, network.num_addresses - 1)])


def _walk(chance: random.Random, behaviour: Behaviour) -> tuple[Step, ...]:
    def step(path: str, action: str | None = None, subject: str = "") -> Step:
        return Step(path, int(chance.lognormvariate(8.5, 0.8)), chance.randint(20, 100), action, subject)

    steps = [step(chance.choice(ENTRIES))]
    if steps[0].path == "/lookbook/1":
        # These pages change their address without a page load.
        steps.append(step(f"/lookbook/{chance.randint(2, 4)}"))
    if chance.random() < behaviour.search:
        query = chance.choice(QUERIES)
        steps.append(step(f"/search?q={query}", "search", query))
    while len(steps) < chance.randint(*behaviour.pages):
        category = chance.choice(list(CATEGORIES))
        product = chance.choice(CATEGORIES[category])
        steps += [step(f"/category/{category}"), step(f"/product/{product}")]
    if chance.random() < behaviour.purchase:
        product = chance.choice(list(SKUS))
        steps += [step(f"/product/{product}", "addToCart", product), step("/cart", "purchase", product)]
    return tuple(steps)
