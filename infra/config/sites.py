"""The sites to measure: names, hosts, viewers, and the write keys of their apps and servers.

Without a list every host is measured, and is a site of its own.
"""

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Annotated, Self

from publicsuffixlist import PublicSuffixList
from pydantic import AfterValidator, BeforeValidator, SecretStr, model_validator

from infra.config.section import ConfigSection, matches
from infra.config.types import UserNameOrEmpty

ANY_SUBDOMAIN = "*."
_LABEL = r"[a-z0-9_]([a-z0-9_-]*[a-z0-9])?"


def _host(value: str) -> str:
    # Browsers send this form, so no other form would ever match.
    bare = value.removeprefix(ANY_SUBDOMAIN)
    wanted = bare.strip().lower()
    wanted = re.sub(r"^[a-z]+://", "", wanted).partition("/")[0]
    if not wanted.startswith("["):
        wanted = wanted.partition(":")[0]
    if not wanted.isascii():
        try:
            wanted = wanted.encode("idna").decode()
        except UnicodeError:
            wanted = ""
    is_valid = re.fullmatch(rf"{_LABEL}(\.{_LABEL})*", wanted) is not None
    if wanted != bare or not is_valid:
        example = value[: len(value) - len(bare)] + wanted if is_valid else "shop.example.com"
        message = f"a host as browsers send it, without scheme, port or path: {example}"
        raise ValueError(message)
    if value != bare and is_public_suffix(bare):
        message = f"subdomains of a domain that is yours; anybody can register a name under {bare}"
        raise ValueError(message)
    return value


def _not_empty(hosts: tuple[str, ...]) -> tuple[str, ...]:
    if not hosts:
        message = "at least one host, for example shop.example.com"
        raise ValueError(message)
    return hosts


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()


def is_public_suffix(domain: str) -> bool:
    """Whether strangers can register names under the domain, as under `com` and `github.io` (publicsuffix.org)."""
    return bool(_suffixes().is_public(domain.lower()))


def covers(host: str, other: str) -> bool:
    """Whether one entry of the list covers the pages of another."""
    if not host.startswith(ANY_SUBDOMAIN):
        return host == other
    return host == other or other.removeprefix(ANY_SUBDOMAIN).endswith(host.removeprefix("*"))


def _write_key(value: SecretStr) -> SecretStr:
    if not re.fullmatch(r"[A-Za-z0-9._~+/-]{32,256}=*", value.get_secret_value()):
        message = "32 to 256 letters, digits and . _ ~ + / -, for example from `openssl rand -hex 32`"
        raise ValueError(message)
    return value


def _named(value: object) -> object:
    return {"name": value} if isinstance(value, str) else value


Host = Annotated[str, AfterValidator(_host)]
SiteName = Annotated[
    str, matches(r"[a-z0-9][a-z0-9_-]{0,39}", "up to 40 lower-case letters, digits, - and _, for example shop")
]
CookieDomain = Annotated[
    str, matches(r"(\.?[a-z0-9-]+(\.[a-z0-9-]+)+)?", "a domain in lower case such as .example.com, or empty")
]


KeyName = Annotated[
    str,
    matches(
        r"[a-z0-9][a-z0-9_-]{0,39}",
        "a name of up to 40 lower-case letters, digits, - and _, for example backend; for a key of your own "
        "{name: backend, key: <secret>}",
    ),
]


class WriteKey(ConfigSection):
    """A key that lets an app or a server write a site's events. Without `key`, one is generated."""

    name: KeyName
    key: Annotated[SecretStr, AfterValidator(_write_key)] | None = None


class Site(ConfigSection):
    """A site. `*.example.com` stands for every subdomain of example.com, but not for example.com itself.

    `viewer` is a Superset account that sees only the sites that name it.
    """

    name: SiteName
    hosts: Annotated[tuple[Host, ...], AfterValidator(_not_empty)]
    cookie_domain: CookieDomain = ""
    viewer: UserNameOrEmpty = ""
    write_keys: tuple[Annotated[WriteKey, BeforeValidator(_named)], ...] = ()

    @property
    def public(self) -> dict[str, object]:
        """The site as a stack output, without its write keys."""
        return self.model_dump(mode="json", by_alias=True, exclude={"write_keys"})

    @model_validator(mode="after")
    def _check(self) -> Self:
        domain = self.cookie_domain.removeprefix(".")
        if not domain:
            return self
        if is_public_suffix(domain):
            message = (
                f"site {self.name}: cookieDomain is {self.cookie_domain}, a public suffix, for which browsers store no "
                "cookies; name a domain of your own"
            )
            raise ValueError(message)
        for host in self.hosts:
            bare = host.removeprefix(ANY_SUBDOMAIN)
            if bare != domain and not bare.endswith(f".{domain}"):
                message = (
                    f"site {self.name}: cookieDomain is {self.cookie_domain}, but host {host} is not in that domain, "
                    "so browsers would store no cookies there; leave cookieDomain empty, or make it two sites"
                )
                raise ValueError(message)
        return self


class SitesConfig(ConfigSection):
    """The list of sites."""

    sites: tuple[Site, ...]

    @property
    def as_json(self) -> str:
        """The list as the collector reads it."""
        fields = {"name", "hosts", "cookie_domain"}
        return json.dumps([site.model_dump(mode="json", include=fields) for site in self.sites])

    @property
    def have_write_keys(self) -> bool:
        """Whether any site has write keys."""
        return any(site.write_keys for site in self.sites)

    @property
    def viewers(self) -> dict[str, tuple[str, ...]]:
        """User name of each viewer to the names of its sites."""
        names = dict.fromkeys(site.viewer for site in self.sites if site.viewer)
        return {name: tuple(site.name for site in self.sites if site.viewer == name) for name in names}

    @model_validator(mode="after")
    def _check(self) -> Self:
        if problems := [*self._repeated_names(), *self._overlaps(), *self._repeated_keys()]:
            raise ValueError("; ".join(problems))
        return self

    def _repeated_names(self) -> Iterator[str]:
        names = [site.name for site in self.sites]
        for name in sorted({name for name in names if names.count(name) > 1}):
            yield f"sites: {name} is listed {names.count(name)} times; list it once, with all of its hosts"

    def _overlaps(self) -> Iterator[str]:
        entries = [(site.name, host) for site in self.sites for host in site.hosts]
        for number, (name, host) in enumerate(entries):
            for other_name, other in entries[number + 1 :]:
                if host == other:
                    yield f"sites: host {host} is listed twice, for {name} and {other_name}"
                elif name != other_name and (covers(host, other) or covers(other, host)):
                    yield f"sites: host {host} of {name} overlaps with {other} of {other_name}; each host has one site"

    def _repeated_keys(self) -> Iterator[str]:
        """Problems with write keys, without the keys themselves: the text is printed and logged."""
        places: dict[str, str] = {}
        for number, site in enumerate(self.sites):
            names = [key.name for key in site.write_keys]
            for index, key in enumerate(site.write_keys):
                place = f"clickstream:sites[{number}].writeKeys[{index}]"
                if key.name in names[:index]:
                    yield f"{place}: {site.name} has another key named {key.name}; name each differently"
                if key.key is None:
                    continue
                value = key.key.get_secret_value()
                if value in places:
                    yield f"{place}.key: the same key as {places[value]}.key; each must be used once"
                places.setdefault(value, place)


def given_keys(sites: object) -> Iterator[str]:
    """Where an unchecked list of sites contains a key, for example `[0].writeKeys[1].key`."""
    for number, site in enumerate(sites if isinstance(sites, list) else []):
        keys = site.get("writeKeys") if isinstance(site, Mapping) else None
        for index, key in enumerate(keys if isinstance(keys, list) else []):
            if isinstance(key, Mapping) and key.get("key"):
                yield f"[{number}].writeKeys[{index}].key"
