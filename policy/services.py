"""Services: immutable images, and no secrets in plain text."""

import base64
import binascii
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from policy.planned import UNKNOWN, Finding, Planned

SERVICE = "docker:index/service:Service"
SECRETS = {
    "random:index/randomPassword:RandomPassword": "result",
    "tls:index/privateKey:PrivateKey": "privateKeyOpenssh",
    "docker:index/secret:Secret": "data",
    "digitalocean:index/containerRegistryDockerCredentials:ContainerRegistryDockerCredentials": "dockerCredentials",
}
"""From resource types to their secret property. A service names a Docker secret by id and never contains its data."""

DELIVER = (
    "deliver it as a Docker secret: ServiceSpec.secrets, and in the environment the path under /run/secrets, "
    "in a variable that ends with _FILE"
)

_DIGEST = re.compile(r"\S+@sha256:[0-9a-f]{64}")
_LOCAL = re.compile(r"localhost/\S+:[0-9a-f]{16}")
"""Images built on the engine, tagged with a hash of their content. Nobody can publish images for localhost."""

_NAME = re.compile(
    r"(PASSWORD|PASSWD|PASSPHRASE|SECRET|TOKEN|CREDENTIALS?|(PRIVATE|ACCESS|API|ACCOUNT)_?KEY)$", re.IGNORECASE
)
_KINDS: Mapping[str, re.Pattern[str]] = {
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    "a DigitalOcean token": re.compile(r"\bdo[opr]_v1_[0-9a-f]{32,}"),
    "a join token of the swarm": re.compile(r"\bSWMTKN-\d-"),
    "a login in a URL": re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s/@:]+:[^\s/@:]+@"),
}
_SHORTEST = 8
"""Shorter strings may match by chance."""


def image_is_by_digest(service: Planned) -> Iterator[str]:
    """Every service runs an image by digest, since a tag can move to another image."""
    image = service.at("taskSpec", "containerSpec", "image")
    if image is UNKNOWN or _DIGEST.fullmatch(str(image)) or _LOCAL.fullmatch(str(image)):
        return
    yield (
        f"service {service.name} runs {image}; allowed is an image by digest, "
        "for example apache/kafka@sha256:<64 hex digits>: images that the stack builds have one, "
        "kafkaImage and druidImage take one"
    )


def no_plain_secret(service: Planned) -> Iterator[str]:
    """A service's environment, arguments and labels contain no plain-text secret."""
    for where, value in _texts(service):
        name = where.removeprefix("environment variable ")
        kind = next((kind for kind, pattern in _KINDS.items() if pattern.search(value)), "")
        if not kind and value and where != name and _NAME.search(name):
            kind = "what looks like a secret (by its name)"
        if kind:
            yield f"service {service.name} has {kind} in {where}; none is allowed there: {DELIVER}"


def no_secret_of_the_stack(plan: Sequence[Planned]) -> Iterator[Finding]:
    """Services receive the stack's generated secrets only as Docker secrets."""
    secrets = [(item, text) for item in plan for text in _secret_texts(item)]
    for service in plan:
        if service.type != SERVICE:
            continue
        sources = {
            (kind, name)
            for kind, name in service.uses.get("taskSpec", ())
            # A service may depend on a Docker secret, which it mounts.
            if kind in SECRETS and kind != "docker:index/secret:Secret"
        }
        sources |= {
            (item.type, item.name) for item, text in secrets if any(text in value for _, value in _texts(service))
        }
        for kind, name in sorted(sources):
            yield Finding(
                f"service {service.name} has the secret of {kind.rsplit(':', 1)[-1]} {name} in its task; "
                f"none is allowed there: {DELIVER}",
                service.urn,
            )


def _texts(service: Planned) -> Iterator[tuple[str, str]]:
    """Every text of a service that `docker service inspect` shows, with its location."""
    container = ("taskSpec", "containerSpec")
    env = service.at(*container, "env")
    for name, value in env.items() if isinstance(env, Mapping) else ():
        if isinstance(value, str):
            yield f"environment variable {name}", value
    for key in ("args", "commands"):
        for value in service.items(*container, key):
            if isinstance(value, str):
                yield f"its {key}", value
    for labels in (service.items("labels"), service.items(*container, "labels")):
        for label in labels:
            if isinstance(label, Mapping) and isinstance(label.get("value"), str):
                yield f"label {label.get('label')}", label["value"]


def _secret_texts(item: Planned) -> Iterator[str]:
    """A resource's secret as it would appear in a service."""
    value: Any = item.at(SECRETS[item.type]) if item.type in SECRETS else None
    if not isinstance(value, str) or len(value) < _SHORTEST:
        return
    yield value
    if item.type == "docker:index/secret:Secret":
        try:
            plain = base64.b64decode(value, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            return
        if len(plain) >= _SHORTEST:
            yield plain
