"""Where an address is, by MaxMind-format databases."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

import maxminddb
import structlog

from collector.enrich.countries import country_of, region_code_of
from collector.model.place import FIELDS, NOWHERE, Place

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from collector.model.place import PlaceValue

log = structlog.get_logger(__name__)


class GeoDatabase:
    """One or more databases, asked in their order; a replaced file is reopened by `reload_changed`."""

    def __init__(self, paths: Sequence[Path], visitor_for_private: str | None = None) -> None:
        """Open the files. OSError or maxminddb.InvalidDatabaseError when one cannot be read.

        `visitor_for_private` is looked up in place of private and loopback addresses, for trials on one machine.
        """
        self._paths = tuple(paths)
        self._readers = [maxminddb.open_database(path) for path in self._paths]
        self._versions = [_version(path) for path in self._paths]
        self._visitor_for_private = visitor_for_private

    def place_of(self, address: str) -> Place:
        """The place of an IP address; NOWHERE when unknown. Some microseconds: keep the result."""
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return NOWHERE
        if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None:
            parsed = parsed.ipv4_mapped
        if self._visitor_for_private is not None and (parsed.is_private or parsed.is_loopback or parsed.is_link_local):
            parsed = ipaddress.ip_address(self._visitor_for_private)
        values: dict[str, PlaceValue] = {}
        for reader in self._readers:
            if parsed.version == 6 and reader.metadata().ip_version == 4:
                continue
            found = reader.get(str(parsed))
            if isinstance(found, dict):
                for name, value in _values(found).items():
                    values.setdefault(name, value)
        return Place(values) if values else NOWHERE

    def reload_changed(self) -> bool:
        """Open the files that were replaced since; a bad new file is logged and the old one kept."""
        changed = False
        for index, path in enumerate(self._paths):
            try:
                version = _version(path)
                if version == self._versions[index]:
                    continue
                reader = maxminddb.open_database(path)
            except (OSError, ValueError, maxminddb.InvalidDatabaseError) as error:
                log.warning("geo database not reloaded, the old one stays", path=str(path), error=str(error))
                continue
            self._readers[index] = reader
            self._versions[index] = version
            changed = True
            log.info("geo database reloaded", path=str(path))
        return changed


def _version(path: Path) -> tuple[int, int, int]:
    status = path.stat()
    return (status.st_ino, status.st_mtime_ns, status.st_size)


def _values(found: Mapping[str, object]) -> dict[str, PlaceValue]:
    """The values of a database record: MaxMind's nested form, or the flat one of DB-IP on npm."""
    nested = any(isinstance(found.get(name), dict) for name in ("country", "registered_country", "continent"))
    flat = _maxmind(found) if nested else _flat(found)
    number, organisation = found.get("autonomous_system_number"), found.get("autonomous_system_organization")
    if isinstance(number, int):
        flat["network_number"] = number
    if isinstance(organisation, str):
        flat["network_organisation"] = organisation
    code = flat.get("country_code")
    if isinstance(code, str):
        _add_country_facts(flat, code)
    values: dict[str, PlaceValue] = {}
    for name, value in flat.items():
        kind = FIELDS[name]
        if kind is float and isinstance(value, int | float):
            values[name] = round(float(value), 5)  # databases store 32-bit floats: the rest is noise
        elif isinstance(value, kind) and value != "" and isinstance(value, str | int):
            values[name] = value
    return values


def _flat(found: Mapping[str, object]) -> dict[str, object]:
    city = found.get("city")
    return {
        "country_code": found.get("country_code"),
        "region_name": found.get("state1"),
        # DB-IP puts a district in brackets: "Stockholm (Norrmalm)".
        "city": city.partition(" (")[0] if isinstance(city, str) else None,
        "postal_code": found.get("postcode"),
        "latitude": found.get("latitude"),
        "longitude": found.get("longitude"),
        "time_zone": found.get("timezone"),
    }


def _maxmind(found: Mapping[str, object]) -> dict[str, object]:
    city, continent = _part(found, "city"), _part(found, "continent")
    # Satellites and anycast have only the country in which the network is registered.
    country = _part(found, "country") or _part(found, "registered_country")
    location, postal = _part(found, "location"), _part(found, "postal")
    regions = found.get("subdivisions")
    region = regions[-1] if isinstance(regions, list) and regions and isinstance(regions[-1], dict) else {}
    return {
        "country_code": country.get("iso_code"), "country_name": _part(country, "names").get("en"),
        "country_id": country.get("geoname_id"), "continent_code": continent.get("code"),
        "continent_name": _part(continent, "names").get("en"), "continent_id": continent.get("geoname_id"),
        "region_name": _part(region, "names").get("en"), "region_code": region.get("iso_code"),
        "region_id": region.get("geoname_id"), "city": _part(city, "names").get("en"),
        "city_id": city.get("geoname_id"), "postal_code": postal.get("code"),
        "latitude": location.get("latitude"), "longitude": location.get("longitude"),
        "time_zone": location.get("time_zone"), "metro_code": location.get("metro_code"),
    }  # fmt: skip


def _part(found: Mapping[str, object], name: str) -> dict[str, object]:
    part = found.get(name)
    return part if isinstance(part, dict) else {}


def _add_country_facts(values: dict[str, object], code: str) -> None:
    country = country_of(code)
    if country is None:
        return
    facts = {
        "country_name": country.name, "continent_code": country.continent_code,
        "continent_name": country.continent_name, "capital_city": country.capital,
        "language_code": country.language_code, "language_name": country.language_name, "flag_path": country.flag_path,
    }  # fmt: skip
    for name, value in facts.items():
        if not values.get(name):
            values[name] = value
    region = values.get("region_name")
    if isinstance(region, str) and not values.get("region_code"):
        values["region_code"] = region_code_of(code, region)
