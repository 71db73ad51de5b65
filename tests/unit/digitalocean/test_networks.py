"""VPCs, firewalls and reserved addresses."""

from typing import Any

import pytest

from tests.fakes.digitalocean.client import SimulatorClient
from tests.unit.digitalocean.conftest import new_droplet

RULE = {"protocol": "tcp", "ports": "443", "sources": {"addresses": ["0.0.0.0/0", "::/0"]}}


def firewall_body(**changes: Any) -> dict[str, Any]:
    """What POST /v2/firewalls takes."""
    return {"name": "edge", "inbound_rules": [RULE], "outbound_rules": [], **changes}


def test_a_network_with_members_can_not_be_deleted(api: SimulatorClient, vpc: dict[str, Any]) -> None:
    droplet = new_droplet(api, vpc_uuid=vpc["id"])
    members = api.call("GET", f"/vpcs/{vpc['id']}/members")["members"]
    assert [member["urn"] for member in members] == [f"do:droplet:{droplet['id']}"]
    refused = api.request("DELETE", f"/vpcs/{vpc['id']}")
    assert (refused.status_code, refused.json()["id"]) == (403, "forbidden")
    api.call("DELETE", f"/droplets/{droplet['id']}")
    api.call("DELETE", f"/vpcs/{vpc['id']}")
    assert api.request("GET", f"/vpcs/{vpc['id']}").status_code == 404


def test_a_droplet_that_names_no_network_gets_the_default_of_its_region(api: SimulatorClient) -> None:
    droplet = new_droplet(api)
    found = api.call("GET", f"/vpcs/{droplet['vpc_uuid']}")["vpc"]
    assert (found["name"], found["default"], found["region"]) == ("default-fra1", True, "fra1")
    assert api.request("DELETE", f"/vpcs/{found['id']}").status_code == 403


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"ip_range": "10.116.8.0/24"}, "overlaps"),
        ({"ip_range": "8.8.8.0/24"}, "must be within"),
        ({"ip_range": "10.0.0.0/8"}, "between /28 and /16"),
        ({"ip_range": "10.1.0.0/29"}, "between /28 and /16"),
        ({"ip_range": "ten"}, "not an IPv4 network"),
        ({"name": "net"}, "same name"),
        ({"name": "a b"}, "name"),
        ({"region": "mars1"}, "region"),
    ],
)
@pytest.mark.usefixtures("vpc")
def test_a_network_that_can_not_be_is_refused(api: SimulatorClient, changes: dict[str, Any], complaint: str) -> None:
    body = {"name": "other", "region": "fra1", "ip_range": "10.120.0.0/20", **changes}
    refused = api.request("POST", "/vpcs", body)
    assert (refused.status_code, complaint in refused.json()["message"]) == (422, True)


def test_a_network_is_renamed_and_keeps_its_range(api: SimulatorClient, vpc: dict[str, Any]) -> None:
    api.call("PATCH", f"/vpcs/{vpc['id']}", {"description": "ours"})
    found = api.call("PUT", f"/vpcs/{vpc['id']}", {"name": "renamed", "description": "yours"})["vpc"]
    assert [found[key] for key in ("name", "description", "ip_range")] == ["renamed", "yours", "10.116.0.0/20"]


def test_a_firewall_holds_the_droplets_with_its_tags(api: SimulatorClient) -> None:
    api.call("POST", "/tags", {"name": "edge"})
    made = api.call("POST", "/firewalls", firewall_body(tags=["edge"]))["firewall"]
    assert made["status"] == "waiting"
    droplet = new_droplet(api, tags=["edge"])
    held = api.call("GET", f"/droplets/{droplet['id']}/firewalls")["firewalls"]
    assert [(one["name"], one["status"]) for one in held] == [("edge", "succeeded")]
    assert api.call("GET", f"/firewalls/{made['id']}")["firewall"]["inbound_rules"] == [RULE]


def test_every_port_is_told_as_0_and_an_update_replaces_all_rules(api: SimulatorClient) -> None:
    made = api.call("POST", "/firewalls", firewall_body())["firewall"]
    out = [
        {"protocol": "udp", "ports": "1-65535", "destinations": {"addresses": ["0.0.0.0/0"]}},
        {"protocol": "icmp", "ports": "", "destinations": {"addresses": ["0.0.0.0/0"]}},
    ]
    path = f"/firewalls/{made['id']}"
    changed = api.call("PUT", path, firewall_body(inbound_rules=[], outbound_rules=out))["firewall"]
    assert changed["inbound_rules"] == []
    assert [rule["ports"] for rule in changed["outbound_rules"]] == ["0", "0"]
    assert changed["created_at"] == made["created_at"]


def test_rules_tags_and_droplets_are_added_to_a_firewall_and_taken_off(api: SimulatorClient) -> None:
    droplet = new_droplet(api, tags=["node"])["id"]
    path = f"/firewalls/{api.call('POST', '/firewalls', firewall_body())['firewall']['id']}"
    more = {"inbound_rules": [RULE | {"ports": "80"}]}
    api.call("POST", f"{path}/rules", more)
    api.call("POST", f"{path}/tags", {"tags": ["node"]})
    api.call("POST", f"{path}/droplets", {"droplet_ids": [droplet]})
    found = api.call("GET", path)["firewall"]
    assert [rule["ports"] for rule in found["inbound_rules"]] == ["443", "80"]
    assert (found["tags"], found["droplet_ids"]) == (["node"], [droplet])
    api.call("DELETE", f"{path}/rules", more)
    api.call("DELETE", f"{path}/tags", {"tags": ["node"]})
    api.call("DELETE", f"{path}/droplets", {"droplet_ids": [droplet]})
    found = api.call("GET", path)["firewall"]
    assert (len(found["inbound_rules"]), found["tags"], found["droplet_ids"]) == (1, [], [])


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"inbound_rules": []}, "at least one rule"),
        ({"inbound_rules": [RULE | {"ports": str(i)} for i in range(1, 52)]}, "at most 50 rules"),
        ({"inbound_rules": [RULE | {"ports": "99999"}]}, "ports"),
        ({"inbound_rules": [RULE | {"ports": "90-80"}]}, "ports"),
        ({"inbound_rules": [RULE | {"protocol": "esp"}]}, "protocol"),
        ({"inbound_rules": [RULE | {"sources": {}}]}, "at least one source"),
        ({"inbound_rules": [RULE | {"sources": {"addresses": ["here"]}}]}, "CIDR"),
        ({"tags": ["nobody"]}, "do not exist"),
        ({"droplet_ids": [1]}, "do not exist"),
    ],
)
def test_a_firewall_that_can_not_be_is_refused(api: SimulatorClient, changes: dict[str, Any], complaint: str) -> None:
    refused = api.request("POST", "/firewalls", firewall_body(**changes))
    assert (refused.status_code, complaint in refused.json()["message"]) == (422, True)


def test_two_firewalls_can_not_have_one_name(api: SimulatorClient) -> None:
    api.call("POST", "/firewalls", firewall_body())
    assert api.request("POST", "/firewalls", firewall_body()).status_code == 409


def test_a_reserved_address_moves_from_droplet_to_droplet(api: SimulatorClient) -> None:
    first, second = new_droplet(api, "first")["id"], new_droplet(api, "second")["id"]
    address = api.call("POST", "/reserved_ips", {"region": "fra1"})["reserved_ip"]["ip"]
    for droplet in (first, second):
        body = {"type": "assign", "droplet_id": droplet}
        action = api.call("POST", f"/reserved_ips/{address}/actions", body)["action"]
        assert api.call("GET", f"/reserved_ips/{address}/actions/{action['id']}")["action"]["status"] == "completed"
        found = api.call("GET", f"/reserved_ips/{address}")["reserved_ip"]
        assert (found["droplet"]["id"], found["locked"]) == (droplet, False)
    api.call("POST", f"/reserved_ips/{address}/actions", {"type": "unassign"})
    assert api.call("GET", f"/reserved_ips/{address}")["reserved_ip"]["droplet"] is None
    api.call("DELETE", f"/reserved_ips/{address}")
    assert api.request("GET", f"/reserved_ips/{address}").status_code == 404


def test_a_droplet_has_one_reserved_address_of_its_own_region(api: SimulatorClient) -> None:
    droplet = new_droplet(api)["id"]
    made = api.call("POST", "/reserved_ips", {"droplet_id": droplet})
    assert [link["rel"] for link in made["links"]["actions"]] == ["assign_ip"]
    for region, complaint in (("fra1", "already has"), ("nyc3", "not in the region")):
        other = api.call("POST", "/reserved_ips", {"region": region})["reserved_ip"]["ip"]
        body = {"type": "assign", "droplet_id": droplet}
        refused = api.request("POST", f"/reserved_ips/{other}/actions", body)
        assert (refused.status_code, complaint in refused.json()["message"]) == (422, True)
    assert api.request("POST", "/reserved_ips", {"region": "fra1"}).status_code == 422
