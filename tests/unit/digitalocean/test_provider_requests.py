"""The simulator accepts every request of the real provider, with the empty texts and nulls that its client writes."""

import json
from typing import Any

from tests.fakes.digitalocean.client import SimulatorClient
from tests.support.recorded import recorded
from tests.unit.digitalocean.conftest import PUBLIC_KEY

IDS = {
    "vpc": ("vpc", "id"),
    "ssh_key": ("key", "id"),
    "droplet": ("droplet", "id"),
    "volume": ("volume", "id"),
    "reserved_ip": ("ip", "ip"),
    "project": ("project", "id"),
}
"""Root of an answer to the placeholder that it fills, and to the key of its value."""


def filled(value: Any, known: dict[str, Any]) -> Any:
    """The value with placeholders replaced; a text that is nothing else keeps the type of what it stands for."""
    if isinstance(value, dict):
        return {key: filled(item, known) for key, item in value.items()}
    if isinstance(value, list):
        return [filled(item, known) for item in value]
    if not isinstance(value, str):
        return value
    if value.strip("{}") in known and value.startswith("{"):
        return known[value.strip("{}")]
    for name, item in known.items():
        value = value.replace(f"{{{name}}}", str(item))
    return value


def test_every_request_of_the_real_provider_is_accepted(api: SimulatorClient) -> None:
    known: dict[str, Any] = {"public_key": PUBLIC_KEY}
    refused: list[str] = []
    for row in recorded("requests", file="digitalocean_requests.json"):
        path = filled(row["path"], known)
        answer = api.http.request(row["method"], path, json=filled(row["body"], known))
        if not answer.is_success:
            refused.append(f"{row['name']}: {row['method']} {path} {json.dumps(row['body'])}: {answer.text}")
            continue
        for root, found in (answer.json() if answer.content else {}).items():
            if root in IDS and isinstance(found, dict):
                placeholder, key = IDS[root]
                known[placeholder] = found[key]
            if root == "ssh_key":
                known["fingerprint"] = found["fingerprint"]
    assert not refused, "\n".join(refused)
