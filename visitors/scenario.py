"""Scenarios: which visitors come, how many, and how they behave. YAML, validated before anything is sent."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

SCENARIOS = Path(__file__).parent / "scenarios"

Share = Annotated[float, Field(ge=0, le=1)]


class ScenarioError(Exception):
    """The scenario is invalid. The message says where and why."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Screen(_Model):
    """CSS pixels."""

    width: int = Field(ge=200, le=10_000)
    height: int = Field(ge=200, le=10_000)
    pixel_ratio: float = Field(default=1, gt=0, le=5)
    mobile: bool = False


class Visitors(_Model):
    """A group of visitors with the same characteristics.

    The platform must recognise `browser`, `os`, `country` and `language`. `networks` are the visitors' networks, and
    `locale` is the language that their browsers request.
    """

    browser: str
    os: str
    country: str
    visits: int = Field(ge=0)
    user_agent: str = Field(min_length=1)
    networks: tuple[ipaddress.IPv4Network, ...] = Field(min_length=1)
    locale: str = "en-US"
    language: str = "English"
    screen: Screen = Screen(width=1920, height=1080)
    client_hints: dict[str, str] = {}

    @field_validator("networks")
    @classmethod
    def _public(cls, networks: tuple[ipaddress.IPv4Network, ...]) -> tuple[ipaddress.IPv4Network, ...]:
        for network in networks:
            if not network.is_global:
                message = f"{network} is not a public network, so no country can be found for it"
                raise ValueError(message)
        return networks


class Noise(_Model):
    """Noise to mix in, as shares of events or, for bots, of visits."""

    duplicates: Share = 0
    corrupt: Share = 0
    bots: Share = 0


class Behaviour(_Model):
    """Behaviour during a visit."""

    pages: tuple[int, int] = (1, 6)
    returning: Share = 0.2
    purchase: Share = 0.1
    search: Share = 0.2

    @model_validator(mode="after")
    def _ordered(self) -> Behaviour:
        if not 1 <= self.pages[0] <= self.pages[1]:
            message = f"pages is {list(self.pages)}; it must be [least, most] with 1 <= least <= most"
            raise ValueError(message)
        return self


class Scenario(_Model):
    """A whole run."""

    name: str = Field(pattern=r"^[a-z0-9-]+$")
    seed: int = 1
    transport: Literal["batch", "beacon", "mixed"] = "mixed"
    events_per_second: int = Field(default=200, ge=1, le=100_000)
    behaviour: Behaviour = Behaviour()
    noise: Noise = Noise()
    visitors: tuple[Visitors, ...] = Field(min_length=1)

    @property
    def visits(self) -> int:
        """Visits of people, without bots."""
        return sum(group.visits for group in self.visitors)


def load(name_or_path: str) -> Scenario:
    """Load a shipped scenario by name, or a file by path. ScenarioError lists its errors."""
    path = Path(name_or_path)
    if not path.suffix:
        path = SCENARIOS / f"{name_or_path}.yaml"
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        shipped = ", ".join(sorted(each.stem for each in SCENARIOS.glob("*.yaml")))
        message = f"{path} can't be read ({error.strerror}); shipped scenarios: {shipped}"
        raise ScenarioError(message) from None
    try:
        return Scenario.model_validate(yaml.safe_load(text))
    except yaml.YAMLError as error:
        message = f"{path} is not YAML: {error}"
        raise ScenarioError(message) from None
    except ValidationError as error:
        lines = [f"  {'.'.join(map(str, each['loc'])) or '(file)'}: {each['msg']}" for each in error.errors()]
        message = f"{path} is not a scenario:\n" + "\n".join(lines)
        raise ScenarioError(message) from None
