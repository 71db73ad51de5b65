"""Superset's words where ours fit better: its front end takes these for a translation."""

from typing import Any

PHRASES = {
    "No results were returned for this query": "Nothing here yet: no events match the time range and the filters",
}


def bootstrap_overrides(data: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG001 - Superset's signature
    """What the front end starts with, as far as it differs."""
    head = {"domain": "superset", "lang": "en", "plural_forms": "nplurals=2; plural=(n != 1)"}
    phrases = {phrase: [ours] for phrase, ours in PHRASES.items()}
    return {"language_pack": {"domain": "superset", "locale_data": {"superset": {"": head, **phrases}}}}
