"""Where an address is."""

from __future__ import annotations

import re
from typing import Final

_HOSTING: Final = re.compile(
    r"amazon|aws|google|microsoft|azure|digitalocean|hetzner|ovh|linode|akamai|oracle|alibaba|tencent|vultr|"
    r"choopa|contabo|scaleway|leaseweb|hosting|datacenter|data center|server|cloud",
    re.IGNORECASE,
)

FIELDS: Final[dict[str, type]] = {
    "country_code": str, "country_name": str, "continent_code": str, "continent_name": str, "region_name": str,
    "region_code": str, "city": str, "postal_code": str, "latitude": float, "longitude": float, "time_zone": str,
    "metro_code": int, "capital_city": str, "language_code": str, "language_name": str, "flag_path": str,
    "city_id": int, "country_id": int, "continent_id": int, "region_id": int,
    "network_number": int, "network_organisation": str,
}  # fmt: skip
"""What a mapping may name, and its type."""

_COUNTRY_LEVEL: Final = frozenset({
    "country_code", "country_name", "continent_code", "continent_name", "capital_city", "language_code",
    "language_name", "flag_path", "country_id", "continent_id",
})  # fmt: skip

PlaceValue = str | int | float


class Place:
    """What is known about an address. `values` holds what FIELDS names, where known."""

    __slots__ = ("_country_level", "fragments", "is_hosting", "values")

    def __init__(self, values: dict[str, PlaceValue]) -> None:
        """From known values. `is_hosting`: the network's owner is a hosting company."""
        self.values = values
        organisation = values.get("network_organisation")
        self.is_hosting = isinstance(organisation, str) and _HOSTING.search(organisation) is not None
        self.fragments: dict[int, bytes] = {}
        self._country_level: Place | None = None

    def country_level(self) -> Place:
        """The same place, no finer than its country."""
        if self._country_level is None:
            self._country_level = Place({name: self.values[name] for name in self.values.keys() & _COUNTRY_LEVEL})
        return self._country_level


NOWHERE: Final = Place({})
