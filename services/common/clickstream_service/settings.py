"""Settings from environment variables with a service's prefix, validated before anything runs."""

from __future__ import annotations

import difflib
import os
import sys
from typing import Annotated, Any, ClassVar, Literal, Self, cast, get_origin

import pydantic_settings
from pydantic import BeforeValidator, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

Level = Literal["debug", "info", "warning", "error"]


class SettingsError(ValueError):
    """Settings are invalid. The message names each variable."""


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


class ServiceSettings(BaseSettings):
    """Base class of a service's settings. Subclasses set `env_prefix`. An empty variable counts as unset."""

    model_config = SettingsConfigDict(extra="forbid", frozen=True, env_ignore_empty=True)

    not_ours: ClassVar[frozenset[str]] = frozenset()
    """Variables with the prefix that belong to other software in the container."""

    log_level: Annotated[Level, BeforeValidator(_lower)] = "info"

    @classmethod
    def load(cls) -> Self:
        """Read the environment. SettingsError names each invalid or unknown variable."""
        prefix = cls.model_config.get("env_prefix", "")
        known = {f"{prefix}{name}".upper() for name in cls.model_fields}
        given = {name for name in os.environ if name.startswith(prefix)}
        problems = [_unknown(name, known) for name in sorted(given - known - cls.not_ours)]
        try:
            settings = cls()
        except ValidationError as error:
            problems += [cls._invalid(cast("dict[str, Any]", item)) for item in error.errors(include_url=False)]
        except pydantic_settings.SettingsError as error:  # invalid JSON
            problems.append(f"{prefix}*: {error}: {error.__cause__}")
        else:
            if not problems:
                return settings
        raise SettingsError("\n".join(problems))

    @classmethod
    def load_or_exit(cls) -> Self:
        """Read the environment, or print the errors to standard error and exit with EX_CONFIG."""
        try:
            return cls.load()
        except SettingsError as error:
            sys.stderr.write(f"{error}\n")
            sys.exit(os.EX_CONFIG)

    @classmethod
    def _invalid(cls, item: dict[str, Any]) -> str:
        prefix, place = cls.model_config.get("env_prefix", ""), [str(part) for part in item["loc"]]
        if not place:
            return f"{prefix}*: {item['msg']}"
        field = cls.model_fields[place[0]]
        inner = "".join(f"{part}: " for part in place[1:])
        # Client properties may contain passwords.
        given = "" if get_origin(field.annotation) is dict else f" (given: {item['input']!r})"
        return f"{prefix}{place[0].upper()}: {inner}{item['msg']}{given}"


def _unknown(name: str, known: set[str]) -> str:
    close = difflib.get_close_matches(name, known, 1)
    return f"{name}: there is no such setting" + (f"; did you mean {close[0]}?" if close else "")
