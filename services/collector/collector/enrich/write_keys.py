"""Write keys: whoever sends a site's key may write its server events and state visitors' addresses."""

from __future__ import annotations

import hmac
import json
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from collector.settings import Settings

MISSING: Final = "write_key_missing"
WRONG: Final = "write_key_wrong"
_VARIABLE: Final = "COLLECTOR_WRITE_KEYS_FILE"
_KEY: Final = re.compile(r"[A-Za-z0-9._~+/-]{32,256}=*")
"""A token68, which may follow Bearer (RFC 9110, 11.2), too long to be guessed."""
_BEARER: Final = b"bearer "


class WriteKeys:
    """The keys of each site. A site may have several, so that a new key can replace an old one without a gap."""

    def __init__(self, keys: Mapping[str, Sequence[str]]) -> None:
        """From site to keys."""
        self._keys = {site: tuple(key.encode() for key in listed) for site, listed in keys.items()}

    @classmethod
    def of(cls, settings: Settings) -> WriteKeys | None:
        """The write keys of the sites; None without a file of keys. Raises as `load` does."""
        if settings.write_keys_file is None:
            return None
        return cls.load(settings.write_keys_file, (site.name for site in settings.sites))

    @classmethod
    def load(cls, file: Path, sites: Iterable[str]) -> WriteKeys:
        """Read `{"site": ["key", ...]}`. OSError, or ValueError, whose text names the place but never a key."""
        try:
            given = json.loads(file.read_bytes())
        except ValueError:  # the parser's message may contain a key
            given = None
        if not isinstance(given, dict):
            message = f'{_VARIABLE}: {file} must hold JSON such as {{"shop": ["<key>"]}}'
            raise ValueError(message)  # noqa: TRY004 - as for all that is wrong in a setting
        known, owners = set(sites), dict[str, str]()
        for site, keys in given.items():
            if site not in known:
                message = f"{_VARIABLE}: {site!r} is not among COLLECTOR_SITES: {', '.join(sorted(known)) or 'none'}"
                raise ValueError(message)
            if not isinstance(keys, list) or not keys:
                message = f"{_VARIABLE}: {site} needs a list of at least one key"
                raise ValueError(message)
            for number, key in enumerate(keys):
                place = f"{site}[{number}]"
                if not isinstance(key, str) or _KEY.fullmatch(key) is None:
                    message = f"{_VARIABLE}: {place} must be 32 to 256 letters, digits and . _ ~ + / -"
                    raise ValueError(message)
                if key in owners:
                    message = f"{_VARIABLE}: {place} is the same key as {owners[key]}; each must be used once"
                    raise ValueError(message)
                owners[key] = place
        return cls(given)

    def problem(self, site: str | None, token: bytes | None) -> str | None:
        """MISSING or WRONG if a request with that token may not write events of the site; None if it may."""
        keys = self._keys.get(site or "")
        if keys is None:
            return None
        if token is None:
            return MISSING
        # Compare all of them in constant time: the duration must reveal nothing about any key.
        matches = [hmac.compare_digest(key, token) for key in keys]
        return None if any(matches) else WRONG

    def has(self, site: str | None) -> bool:
        """Whether the site has keys."""
        return site in self._keys


def bearer_token(headers: Mapping[bytes, bytes]) -> bytes | None:
    """The token of an Authorization header of scheme Bearer; None without one."""
    given = headers.get(b"authorization", b"")
    if given[: len(_BEARER)].lower() != _BEARER:
        return None
    return given[len(_BEARER) :].strip() or None
