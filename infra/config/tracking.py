"""How visits are tracked: names that pages see, what is stored about a visitor, and when an event counts as accepted.

Tracker, edge and collector must agree on these, so each value is set once and handed to all three.
"""

import re
from enum import StrEnum
from typing import Annotated, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from infra.config.section import ConfigSection, matches

MAX_PORT = 65_535
DEFAULT_PORTS = {"http": "80", "https": "443"}


class Acknowledge(StrEnum):
    """When the collector responds."""

    DURABLE = "durable"
    FIRST = "first"


class PrivacySignals(StrEnum):
    """What Global Privacy Control and Do Not Track do."""

    IGNORE = "ignore"
    ANONYMISE = "anonymise"
    DROP = "drop"


class IpStorage(StrEnum):
    """How much of an IP address is stored."""

    FULL = "full"
    TRUNCATED = "truncated"
    NONE = "none"


class UserIds(StrEnum):
    """What is stored of the user IDs that pages and servers send."""

    NONE = "none"
    HASHED = "hashed"
    PLAIN = "plain"


class WithoutConsent(StrEnum):
    """What happens to an event without the visitor's consent."""

    ANONYMISE = "anonymise"
    DROP = "drop"


def _none_if_empty(value: object) -> object:
    return None if value == "" else value


def _origin(value: str) -> str:
    # The collector compares text, so only the form that browsers send would ever match.
    match = re.fullmatch(r"(https?)://([a-z0-9-]+(?:\.[a-z0-9-]+)*|\[[0-9a-f:]+\])(?::([1-9][0-9]{0,4}))?", value)
    if match is None or int(match[3] or 0) > MAX_PORT:
        message = (
            "an origin in lower case without a path, for example https://shop.example.com or http://localhost:3000"
        )
        raise ValueError(message)
    if match[3] == DEFAULT_PORTS[match[1]]:
        message = f"an origin without the default port, as browsers send it: {value.removesuffix(f':{match[3]}')}"
        raise ValueError(message)
    return value


_SUFFIX = "[A-Za-z0-9_-]+"
Prefix = Annotated[str, matches(rf"/({_SUFFIX}/)*", "a path that begins and ends with a slash, for example /c/")]
Suffix = Annotated[str, matches(_SUFFIX, "letters, digits, - and _, for example csc-event")]
SuffixOrEmpty = Annotated[str, matches(f"({_SUFFIX})?", "letters, digits, - and _, for example csc-batch, or empty")]
PathOrEmpty = Annotated[str, matches(rf"(/{_SUFFIX})*", "a path such as /json-event, or empty")]
ScriptName = Annotated[str, matches(rf"{_SUFFIX}\.js", "a file name that ends in .js, for example divolte.js")]
CookieName = Annotated[str, matches(r"[A-Za-z0-9_]{1,64}", "letters, digits and _, for example _dvp")]
CookieDomainOrEmpty = Annotated[
    str, matches(r"(\.?[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+)?", "a domain such as .example.com, or empty")
]
ParameterOrEmpty = Annotated[str, matches(r"[A-Za-z0-9_-]*", "a parameter's name, for example consent, or empty")]
Origin = Annotated[str, AfterValidator(_origin)]
SchemaId = Annotated[Annotated[int, Field(ge=0, le=2**31 - 1)] | None, BeforeValidator(_none_if_empty)]


Domain = Annotated[
    str, matches(r"[a-z0-9-]+(\.[a-z0-9-]+)+", "a domain in lower case without scheme and path, for example paypal.com")
]
UrlParameter = Annotated[
    str,
    matches(
        r"\*|[A-Za-z0-9_.~\[\]-]{1,64}", "the name of a query parameter, for example utm_source, or `*` for all of them"
    ),
]


def _star_is_alone(names: tuple[str, ...]) -> tuple[str, ...]:
    if "*" in names and len(names) > 1:
        message = "either names of parameters or `*`, which alone keeps every parameter"
        raise ValueError(message)
    return names


UrlParameters = Annotated[tuple[UrlParameter, ...], AfterValidator(_star_is_alone)]


class TrackingConfig(ConfigSection):
    """Names, durability and privacy of tracking."""

    collector_prefix: Prefix
    collector_event_suffix: Suffix
    collector_batch_suffix: SuffixOrEmpty
    collector_json_path: PathOrEmpty
    allowed_origins: tuple[Origin, ...]
    tracker_script: ScriptName
    party_cookie: CookieName
    session_cookie: CookieName
    cookie_domain: CookieDomainOrEmpty
    acknowledge: Acknowledge
    confluent_schema_id: SchemaId
    duplicate_window_hours: Annotated[int, Field(ge=0, le=720)]
    collector_spool_mib: Annotated[int, Field(ge=64, le=1024 * 1024, alias="collectorSpoolMiB")]
    ignored_referrers: tuple[Domain, ...]
    bot_signals: Annotated[int, Field(ge=1, le=4)]
    privacy_signals: PrivacySignals
    ip_storage: IpStorage
    url_parameters: UrlParameters
    cookieless: bool
    server_cookies: bool
    user_ids: UserIds
    consent_required: bool
    consent_parameter: ParameterOrEmpty
    without_consent: WithoutConsent

    @property
    def event_path(self) -> str:
        """Path of the beacon."""
        return self.collector_prefix + self.collector_event_suffix

    @property
    def batch_path(self) -> str:
        """Path of the batches; empty if they are switched off."""
        return self.collector_prefix + self.collector_batch_suffix if self.collector_batch_suffix else ""

    @property
    def public_names(self) -> dict[str, str]:
        """What senders of events need to know, as a stack output."""
        return {
            "eventPath": self.event_path,
            "batchPath": self.batch_path,
            "script": self.script_path,
            "partyCookie": self.party_cookie,
            "sessionCookie": self.session_cookie,
        }

    @property
    def tag_options(self) -> list[str]:
        """The tag's attributes for settings other than the tracker's defaults, without `data-`."""
        options = {
            "cookieless": self.cookieless,
            "consent": self.consent_required,
            # By default, the tracker sends nothing if the browser asks for privacy.
            "ignore-gpc": self.privacy_signals is not PrivacySignals.DROP,
        }
        return [name for name, wanted in options.items() if wanted]

    @property
    def script_path(self) -> str:
        """Path of the tracker's script."""
        return self.collector_prefix + self.tracker_script

    @property
    def event_paths(self) -> tuple[str, ...]:
        """Paths at which the collector accepts events."""
        return tuple(path for path in (self.event_path, self.batch_path, self.collector_json_path) if path)

    @property
    def collector_paths(self) -> tuple[str, ...]:
        """Paths that the edge routes to the collector: those of events, and its API description."""
        return (*self.event_paths, f"{self.collector_prefix}openapi.json")

    @model_validator(mode="after")
    def _check(self) -> Self:
        paths = self.event_paths
        if len(set(paths)) < len(paths):
            message = (
                "collectorEventSuffix, collectorBatchSuffix and collectorJsonPath name the same path twice "
                f"({', '.join(paths)}); give each its own"
            )
            raise ValueError(message)
        if self.server_cookies and self.cookieless:
            message = "serverCookies and cookieless are both true, and cookieless stores no cookies; set one to false"
            raise ValueError(message)
        if self.user_ids is not UserIds.NONE and self.cookieless:
            message = (
                f"userIds is {self.user_ids} and cookieless is true; which recognises nobody: "
                "set userIds to none, or cookieless to false"
            )
            raise ValueError(message)
        # The tracker stores unsent events, the visitor's consent and the user ID under these names.
        reserved = {"_dvq", "_dvc", "_dvu"}
        if self.party_cookie == self.session_cookie or reserved & {self.party_cookie, self.session_cookie}:
            message = (
                f"partyCookie is {self.party_cookie} and sessionCookie {self.session_cookie}; "
                "they must differ, and _dvq, _dvc and _dvu are reserved"
            )
            raise ValueError(message)
        return self
