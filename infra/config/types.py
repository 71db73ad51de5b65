"""Types of single configuration values."""

import ipaddress
import re
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr

from infra.config.section import matches

PROJECT = "clickstream"


class Target(StrEnum):
    """Where the platform runs."""

    LOCAL = "local"
    DIGITALOCEAN = "digitalocean"


class Delivery(StrEnum):
    """Delivery guarantee of avro-to-json: whether a crash can write records twice."""

    EXACTLY_ONCE = "exactly-once"
    AT_LEAST_ONCE = "at-least-once"


class Tls(StrEnum):
    """How the edge gets its certificates."""

    OFF = "off"
    INTERNAL = "internal"
    ACME = "acme"


def _network(value: str) -> str:
    try:
        return str(ipaddress.ip_network(value))
    except ValueError:
        message = "a network in CIDR notation, for example 203.0.113.0/24"
        raise ValueError(message) from None


def _address_or_empty(value: str) -> str:
    try:
        return str(ipaddress.ip_address(value)) if value else ""
    except ValueError:
        message = "an IP address, for example 81.2.69.142, or empty"
        raise ValueError(message) from None


def _access_key(value: SecretStr) -> SecretStr:
    if not re.fullmatch(r"[A-Za-z0-9]*", value.get_secret_value()):
        message = "the letters and digits that ipstack.com shows as your access key, or empty"
        raise ValueError(message)
    return value


EMAIL = r"[^@\s]+@[^@\s]+\.[^@\s]+"
DOMAIN = r"(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}"

Port = Annotated[int, Field(ge=1, le=65535)]
Replicas = Annotated[int, Field(ge=1, le=64)]
Limit = Annotated[int, Field(ge=1, le=1_000_000)]
Connections = Annotated[int, Field(ge=1, le=20_000)]
Gibibytes = Annotated[int, Field(ge=1, le=16384)]
Cidr = Annotated[str, AfterValidator(_network)]
AddressOrEmpty = Annotated[str, AfterValidator(_address_or_empty)]
Iso8601Period = Annotated[
    str, matches(r"P(T?\d+[DHM])+", "an ISO 8601 period of minutes, hours or days, for example PT1H")
]
UserName = Annotated[
    str,
    matches(r"[a-z][a-z0-9_-]{0,30}", "a lower-case letter, then letters, digits, - or _; for example admin"),
]
UserNameOrEmpty = Annotated[
    str,
    matches(r"|[a-z][a-z0-9_-]{0,30}", "a lower-case letter, then letters, digits, - or _, or empty; for example ann"),
]
RegistryOrEmpty = Annotated[
    str,
    matches(
        r"|[A-Za-z0-9.-]+(:\d+)?(/[a-z0-9]+([._-]+[a-z0-9]+)*)*",
        "a registry's address, and a path in lower case, for example registry.digitalocean.com/clickstream, or empty",
    ),
]
Domain = Annotated[str, matches(DOMAIN, "a domain name in lower case, for example clicks.example.com")]
DomainOrEmpty = Annotated[
    str, matches(rf"|{DOMAIN}", "a domain name in lower case, for example clicks.example.com, or empty")
]
Email = Annotated[str, matches(EMAIL, "an email address, for example ops@example.com")]
EmailOrEmpty = Annotated[str, matches(rf"|{EMAIL}", "an email address, for example ops@example.com, or empty")]
DigestOrEmpty = Annotated[
    str,
    matches(r"|\S+@sha256:[0-9a-f]{64}", "an image by digest, for example apache/kafka@sha256:<64 hex digits>"),
]
PlatformOrEmpty = Annotated[str, matches(r"|linux/[a-z0-9/]+", "for example linux/amd64, or empty")]
AnalyticsIdOrEmpty = Annotated[str, matches(r"|G-[A-Z0-9]{4,16}", "a measurement ID, for example G-AB12CD34EF")]
ClarityIdOrEmpty = Annotated[str, matches(r"|[a-z0-9]{4,16}", "a project ID, for example a1b2c3d4e5")]
AccessKeyOrEmpty = Annotated[SecretStr, AfterValidator(_access_key)]
DashboardSlug = Annotated[
    str, matches(r"[a-z0-9][a-z0-9_-]*", "the slug of a dashboard in superset_assets/, for example clickstream")
]
DashboardSlugOrEmpty = Annotated[
    str,
    matches(
        r"|[a-z0-9][a-z0-9_-]*",
        "the slug of a dashboard in superset_assets/, or empty for Superset's own page",
    ),
]
Slug = Annotated[str, matches(r"[a-z0-9][a-z0-9.-]*", "a DigitalOcean slug, for example s-4vcpu-8gb")]
SlugOrEmpty = Annotated[str, matches(r"|[a-z0-9][a-z0-9.-]*", "a DigitalOcean slug, for example s-4vcpu-8gb, or empty")]
SshPublicKey = Annotated[
    str,
    matches(
        r"(ssh-ed25519|ssh-rsa|ecdsa-sha2-\S+|sk-\S+) [A-Za-z0-9+/=]+( [^\n]*)?",
        "a public key as in id_ed25519.pub, for example `ssh-ed25519 AAAA... you@laptop`",
    ),
]
