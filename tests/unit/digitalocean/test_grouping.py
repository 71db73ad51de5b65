"""Keys, tags, projects, domains and alerts."""

from typing import Any

import pytest

from tests.fakes.digitalocean.client import SimulatorClient
from tests.unit.digitalocean.conftest import PUBLIC_KEY, new_droplet

ALERT = {
    "type": "v1/insights/droplet/cpu",
    "description": "CPU is busy",
    "compare": "GreaterThan",
    "value": 90,
    "window": "5m",
    "entities": [],
    "tags": ["stack"],
    "alerts": {"email": ["ops@example.com"], "slack": []},
    "enabled": True,
}


def test_a_key_is_found_by_number_and_by_fingerprint(api: SimulatorClient) -> None:
    key = api.call("POST", "/account/keys", {"name": "deploy", "public_key": PUBLIC_KEY})["ssh_key"]
    assert api.call("GET", f"/account/keys/{key['fingerprint']}")["ssh_key"]["id"] == key["id"]
    assert api.call("PUT", f"/account/keys/{key['id']}", {"name": "ci"})["ssh_key"]["name"] == "ci"
    again = api.request("POST", "/account/keys", {"name": "again", "public_key": PUBLIC_KEY})
    assert (again.status_code, "already in use" in again.json()["message"]) == (422, True)
    api.call("DELETE", f"/account/keys/{key['id']}")
    assert api.call("GET", "/account/keys")["ssh_keys"] == []


@pytest.mark.parametrize("text", ["nonsense", "ssh-ed25519", "ssh-ed25519 !!!", "ssh-rsa " + PUBLIC_KEY.split()[1], ""])
def test_what_is_no_public_key_is_refused(api: SimulatorClient, text: str) -> None:
    assert api.request("POST", "/account/keys", {"name": "bad", "public_key": text}).status_code == 422


def test_a_tag_counts_what_carries_it_and_comes_off_with_itself(api: SimulatorClient) -> None:
    droplet = new_droplet(api, tags=["stack"])["id"]
    volume = api.call("POST", "/volumes", {"name": "data", "region": "fra1", "size_gigabytes": 1})["volume"]["id"]
    one = {"resources": [{"resource_id": volume, "resource_type": "volume"}]}
    api.call("POST", "/tags/stack/resources", one)
    resources = api.call("GET", "/tags/stack")["tag"]["resources"]
    assert [resources[kind]["count"] for kind in ("droplets", "volumes", "images", "databases")] == [1, 1, 0, 0]
    api.call("DELETE", "/tags/stack/resources", one)
    assert api.call("GET", "/tags")["tags"][0]["resources"]["count"] == 1
    api.call("DELETE", "/tags/stack")
    assert api.call("GET", f"/droplets/{droplet}")["droplet"]["tags"] == []
    assert api.request("GET", "/tags/stack").status_code == 404


def test_a_project_holds_what_is_put_there_and_goes_only_when_it_is_empty(api: SimulatorClient) -> None:
    urn = f"do:droplet:{new_droplet(api)['id']}"
    body = {"name": "shop", "purpose": "Web Application", "environment": "Production"}
    project = api.call("POST", "/projects", body)["project"]["id"]
    moved = api.call("POST", f"/projects/{project}/resources", {"resources": [urn, "do:droplet:1"]})["resources"]
    assert [one["status"] for one in moved] == ["assigned", "not_found"]
    assert api.call("GET", "/projects/default/resources")["resources"] == []
    assert [one["urn"] for one in api.call("GET", f"/projects/{project}/resources")["resources"]] == [urn]
    assert api.request("DELETE", f"/projects/{project}").status_code == 412
    api.call("POST", "/projects/default/resources", {"resources": [urn]})
    assert api.call("PATCH", f"/projects/{project}", {"description": "ours"})["project"]["description"] == "ours"
    api.call("DELETE", f"/projects/{project}")
    assert [one["is_default"] for one in api.call("GET", "/projects")["projects"]] == [True]


def test_a_project_is_made_once_by_name_and_updated_whole(api: SimulatorClient) -> None:
    body = {"name": "shop", "purpose": "Web Application"}
    project = api.call("POST", "/projects", body)["project"]["id"]
    assert api.request("POST", "/projects", body).status_code == 409
    assert api.request("PUT", f"/projects/{project}", body).status_code == 422
    whole = {**body, "description": "", "environment": "Staging", "is_default": True}
    assert api.call("PUT", f"/projects/{project}", whole)["project"]["is_default"] is True
    assert api.call("GET", "/projects/default")["project"]["id"] == project


def test_a_domain_begins_with_its_name_servers_and_takes_records(api: SimulatorClient) -> None:
    api.call("POST", "/domains", {"name": "example.com", "ip_address": "203.0.113.9"})
    records = api.call("GET", "/domains/example.com/records")["domain_records"]
    assert [record["type"] for record in records] == ["NS", "NS", "NS", "A"]
    path = "/domains/example.com/records"
    record = api.call("POST", path, {"type": "CNAME", "name": "www", "data": "@", "ttl": 300})["domain_record"]
    api.call("PATCH", f"{path}/{record['id']}", {"ttl": 60})
    api.call("PUT", f"{path}/{record['id']}", {"type": "CNAME", "data": "edge.example.com."})
    found = api.call("GET", f"{path}/{record['id']}")["domain_record"]
    assert [found[key] for key in ("name", "data", "ttl")] == ["www", "edge.example.com.", 60]
    assert len(api.call("GET", path, name="www.example.com", type="CNAME")["domain_records"]) == 1
    assert "www 60 IN CNAME edge.example.com." in api.call("GET", "/domains/example.com")["domain"]["zone_file"]
    api.call("DELETE", f"{path}/{record['id']}")
    api.call("DELETE", "/domains/example.com")
    assert api.request("GET", path).status_code == 404


@pytest.mark.parametrize(
    ("record", "complaint"),
    [
        ({"type": "A", "name": "www", "data": "example.com"}, "IPv4"),
        ({"type": "AAAA", "name": "www", "data": "203.0.113.1"}, "IPv6"),
        ({"type": "CNAME", "name": "www", "data": "example.com"}, "dot"),
        ({"type": "CNAME", "name": "@", "data": "example.org."}, "share a name"),
        ({"type": "MX", "name": "@", "data": "mail.example.com."}, "Priority"),
        ({"type": "A", "name": "w w", "data": "203.0.113.1"}, "hostname"),
        ({"type": "A", "name": "www", "data": "203.0.113.1", "ttl": 5}, "ttl"),
        ({"type": "TXT", "name": "www"}, "blank"),
        ({"type": "PTR", "name": "www", "data": "x"}, "type"),
        ({"name": "www", "data": "x"}, "Type"),
    ],
)
def test_a_record_that_can_not_be_is_refused(api: SimulatorClient, record: dict[str, Any], complaint: str) -> None:
    api.call("POST", "/domains", {"name": "example.com"})
    refused = api.request("POST", "/domains/example.com/records", record)
    assert (refused.status_code, complaint in refused.json()["message"]) == (422, True)


def test_a_domain_is_a_name_and_there_once(api: SimulatorClient) -> None:
    api.call("POST", "/domains", {"name": "example.com"})
    for name in ("example.com", "localhost", "UPPER.com", "-a.com"):
        assert api.request("POST", "/domains", {"name": name}).status_code == 422


def test_an_alert_policy_is_kept_changed_and_deleted(api: SimulatorClient) -> None:
    policy = api.call("POST", "/monitoring/alerts", ALERT)["policy"]
    changed = api.call("PUT", f"/monitoring/alerts/{policy['uuid']}", ALERT | {"value": 95})["policy"]
    assert (changed["uuid"], changed["value"]) == (policy["uuid"], 95)
    assert api.call("GET", "/monitoring/alerts")["policies"] == [changed]
    api.call("DELETE", f"/monitoring/alerts/{policy['uuid']}")
    assert api.request("GET", f"/monitoring/alerts/{policy['uuid']}").status_code == 404


@pytest.mark.parametrize(
    "changes",
    [
        {"type": "v1/insights/droplet/mood"},
        {"alerts": {"email": [], "slack": []}},
        {"entities": ["7"]},
        {"window": "9m"},
    ],
)
def test_an_alert_policy_that_can_not_be_is_refused(api: SimulatorClient, changes: dict[str, Any]) -> None:
    assert api.request("POST", "/monitoring/alerts", ALERT | changes).status_code == 422
