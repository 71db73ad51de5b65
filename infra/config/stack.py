"""The stack's configuration: the only reader of pulumi.Config.

Pulumi.yaml declares every key with its type, default and description. Here the values become frozen models;
all errors are reported at once, each with its key, the value given and what is allowed.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any, Self, TypeVar

import pulumi
from pydantic import SecretStr, ValidationError

from infra.config.credentials import Credentials, plain_secrets
from infra.config.cross_checks import cross_section_problems
from infra.config.druid_disk import druid_cache
from infra.config.section import ConfigSection
from infra.config.sections import Sections
from infra.config.types import PROJECT, Target


def full_name(stack: str) -> str:
    """The stack's unique name on an engine or in an account, for example clickstream-dev for `dev`."""
    return f"{PROJECT}-{stack}"


class ConfigError(pulumi.RunError):
    """Every error in the stack's configuration. Pulumi prints a RunError without a traceback."""


class StackConfig(Sections):
    """The stack's settings, with defaults in place of the zeros that mean them."""

    stack: str
    credentials: Credentials = Credentials()

    @property
    def name(self) -> str:
        """Prefix of the names of everything that the stack creates, for example clickstream-dev."""
        return full_name(self.stack)

    @property
    def image_overrides(self) -> dict[str, str]:
        """Images, by digest, that replace those built here."""
        given = {"kafka": self.kafka.kafka_image, "druid": self.druid.druid_image}
        return {name: image for name, image in given.items() if image}

    @classmethod
    def load(cls) -> Self:
        """Read the running stack's configuration.

        Raises:
            ConfigError: with every error found, not only the first.
        """
        config = pulumi.Config(PROJECT)
        keys = {"target", *(key for section in _SECTIONS.values() for key in config_keys(section))}
        parsed = cls.parse(pulumi.get_stack(), {key: config.get(key) for key in keys}, plain_secrets())
        return parsed.model_copy(update={"credentials": Credentials.load()})

    @classmethod
    def parse(cls, stack: str, raw: Mapping[str, str | None], found: Iterable[str] = ()) -> Self:
        """Check and convert raw values: from keys to strings (JSON for arrays), or None for a key without a value.

        `found`: problems detected elsewhere, for example secrets in plain text.
        """
        issues = list(found)
        sections: dict[str, ConfigSection] = {}
        target = Target.LOCAL
        try:
            target = Target(raw.get("target") or "")
        except ValueError:
            allowed = " or ".join(f"`{item}`" for item in Target)
            issues.append(f"{PROJECT}:target: {raw.get('target')!r} given; {allowed} is allowed")
        for name, model in _SECTIONS.items():
            values = {key: _decode(raw.get(key)) for key in config_keys(model) if raw.get(key) is not None}
            try:
                sections[name] = model.model_validate(values)
            except ValidationError as error:
                issues += [_describe(item) for item in error.errors()]
        given: Sections | None = None
        if not issues:
            given = Sections.model_validate({"target": target, **sections})
            issues += cross_section_problems(given)
        if issues or given is None:
            lines = "".join(f"\n  - {issue}" for issue in issues)
            count = "one error" if len(issues) == 1 else f"{len(issues)} errors"
            message = f"stack {stack}: {count} in its configuration (see Pulumi.yaml for every key):{lines}"
            raise ConfigError(message)
        return cls.model_validate({"stack": stack, **dict(given), **_resolved(given)})


def _resolved(given: Sections) -> dict[str, ConfigSection]:
    """The sections in which 0 or an empty value means a default, with that default."""
    kafka, druid = given.kafka, given.druid
    brokers = {"kafka_brokers": given.brokers, "topic_replication": kafka.topic_replication or given.brokers}
    return {
        "edge": given.edge.model_copy(update={"admin_allowed_cidrs": given.admin_networks}),
        "kafka": kafka.model_copy(update=brokers),
        "druid": druid.model_copy(update={"druid_cache_gib": druid_cache(given)}),
    }


_Section = TypeVar("_Section", bound=ConfigSection)
_SECTIONS: dict[str, type[ConfigSection]] = {
    name: field.annotation
    for name, field in Sections.model_fields.items()
    if isinstance(field.annotation, type) and issubclass(field.annotation, ConfigSection)
}


_SECRETS = {
    field.alias or name
    for section in _SECTIONS.values()
    for name, field in section.model_fields.items()
    if field.annotation is SecretStr
}


def config_keys(section: type[_Section]) -> tuple[str, ...]:
    """The section's keys as Pulumi.yaml spells them."""
    return tuple(field.alias or name for name, field in section.model_fields.items())


def _decode(value: str | None) -> Any:
    """Arrays arrive as JSON; scalars as text, which the models convert."""
    return json.loads(value) if value is not None and value.startswith("[") else value


def _describe(error: Any) -> str:
    key = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error["loc"]).lstrip(".")
    if not key:
        return str(error["msg"]).removeprefix("Value error, ")
    if error["type"] == "missing":
        return f"{PROJECT}:{key}: not set, and Pulumi.yaml gives no default; set it with `pulumi config set {key}`"
    if error["type"] == "extra_forbidden":  # its value may be a secret under a misspelt name
        return f"{PROJECT}:{key}: there is no such key; correct its name or remove it"
    allowed = str(error["msg"]).removeprefix("Value error, ").removeprefix("Input should be ")
    if isinstance(error["input"], Mapping) and error["type"] == "value_error":
        return f"{PROJECT}:{key}: {allowed}"
    is_secret = key in _SECRETS or any("key" in str(part).lower() for part in error["loc"][1:])
    given = "a secret" if is_secret else repr(error["input"])
    return f"{PROJECT}:{key}: {given} given; allowed: {allowed}"
