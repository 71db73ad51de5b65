"""Droplets: their life, and what the API refuses."""

from typing import Any

import pytest

from tests.fakes.digitalocean.client import SimulatorClient
from tests.unit.digitalocean.conftest import PUBLIC_KEY, droplet_body, new_droplet


def act(api: SimulatorClient, droplet: int, action: str, **fields: Any) -> dict[str, Any]:
    """Begin an action and return it as it ended."""
    begun = api.call("POST", f"/droplets/{droplet}/actions", {"type": action, **fields})["action"]
    assert begun["status"] == "in-progress"
    ended: dict[str, Any] = api.call("GET", f"/droplets/{droplet}/actions/{begun['id']}")["action"]
    assert ended["completed_at"]
    return ended


def test_a_droplet_is_new_without_addresses_and_then_active_with_both(
    api: SimulatorClient, vpc: dict[str, Any]
) -> None:
    key = api.call("POST", "/account/keys", {"name": "deploy", "public_key": PUBLIC_KEY})["ssh_key"]
    made = api.call(
        "POST",
        "/droplets",
        droplet_body(vpc_uuid=vpc["id"], ssh_keys=[key["fingerprint"]], tags=["stack"], monitoring=True),
    )
    droplet = made["droplet"]
    assert (droplet["status"], droplet["locked"], droplet["networks"]["v4"]) == ("new", True, [])
    action = api.call("GET", f"/actions/{made['links']['actions'][0]['id']}")["action"]
    assert (action["type"], action["status"], action["resource_id"]) == ("create", "completed", droplet["id"])
    droplet = api.call("GET", f"/droplets/{droplet['id']}")["droplet"]
    assert (droplet["status"], droplet["locked"]) == ("active", False)
    addresses = {one["type"]: one["ip_address"] for one in droplet["networks"]["v4"]}
    assert addresses["private"].startswith("10.116.")
    assert addresses["public"] != addresses["private"]
    assert "monitoring" in droplet["features"]
    assert (droplet["vpc_uuid"], droplet["tags"], droplet["size"]["price_monthly"]) == (vpc["id"], ["stack"], 24.0)


def test_droplets_of_one_network_get_addresses_of_their_own(api: SimulatorClient, vpc: dict[str, Any]) -> None:
    droplets = [new_droplet(api, name, vpc_uuid=vpc["id"]) for name in ("a", "b", "c")]
    assert len({one["ip_address"] for droplet in droplets for one in droplet["networks"]["v4"]}) == 6


def test_several_droplets_are_made_at_once_and_destroyed_by_their_tag(api: SimulatorClient) -> None:
    body = droplet_body(names=["a", "b"], tags=["both"])
    del body["name"]
    made = api.call("POST", "/droplets", body)["droplets"]
    assert [droplet["name"] for droplet in made] == ["a", "b"]
    assert len(api.call("GET", "/droplets", tag_name="both")["droplets"]) == 2
    api.call("DELETE", "/droplets", tag_name="both")
    assert api.call("GET", "/droplets")["droplets"] == []


def test_a_destroyed_droplet_is_not_found_and_gives_its_volume_back(api: SimulatorClient) -> None:
    volume = api.call("POST", "/volumes", {"name": "data", "region": "fra1", "size_gigabytes": 1})["volume"]
    droplet = new_droplet(api, volumes=[volume["id"]])
    assert droplet["volume_ids"] == [volume["id"]]
    api.call("DELETE", f"/droplets/{droplet['id']}")
    assert api.request("GET", f"/droplets/{droplet['id']}").status_code == 404
    assert api.call("GET", f"/volumes/{volume['id']}")["volume"]["droplet_ids"] == []


def test_power_rename_and_resize_show_in_the_droplet(api: SimulatorClient) -> None:
    droplet = new_droplet(api)["id"]
    assert act(api, droplet, "power_off")["status"] == "completed"
    assert api.call("GET", f"/droplets/{droplet}")["droplet"]["status"] == "off"
    act(api, droplet, "resize", size="s-4vcpu-8gb", disk=True)
    act(api, droplet, "rename", name="two")
    act(api, droplet, "power_on")
    found = api.call("GET", f"/droplets/{droplet}")["droplet"]
    assert [found[key] for key in ("status", "name", "size_slug", "disk")] == ["active", "two", "s-4vcpu-8gb", 160]
    assert [one["type"] for one in api.call("GET", f"/droplets/{droplet}/actions")["actions"]] == [
        "power_on",
        "rename",
        "resize",
        "power_off",
        "create",
    ]


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"size": "s-99vcpu-1gb"}, "invalid size"),
        ({"region": "mars1"}, "invalid region"),
        ({"region": "nyc2"}, "not available"),
        ({"image": "windows-95"}, "invalid image"),
        ({"name": "under_score"}, "valid hostname characters"),
        ({"ssh_keys": [7]}, "invalid key identifiers"),
        ({"user_data": "#" * (64 * 1024 + 1)}, "64 KiB"),
        ({"vpc_uuid": "00000000-0000-4000-8000-000000000000"}, "VPC"),
        ({"volumes": ["nowhere"]}, "not found"),
        ({"tags": ["not a tag"]}, "tag name"),
        ({"names": [f"n{i}" for i in range(11)]}, "between 1 and 10"),
    ],
)
def test_what_can_not_be_made_is_refused_with_its_reason(
    api: SimulatorClient, changes: dict[str, Any], complaint: str
) -> None:
    refused = api.request("POST", "/droplets", droplet_body(**changes))
    assert refused.status_code == 422
    assert refused.json()["id"] == "unprocessable_entity"
    assert complaint in refused.json()["message"]
    assert api.leaked_resources() == {}


@pytest.mark.parametrize(
    ("action", "complaint"),
    [
        ({"type": "levitate"}, "not a valid action"),
        ({"type": "power_on"}, "already powered on"),
        ({"type": "resize", "size": "s-4vcpu-8gb"}, "powered off"),
        ({"type": "resize", "size": "s-99"}, "invalid size"),
        ({"type": "rename", "name": ""}, "valid hostname characters"),
    ],
)
def test_an_action_that_makes_no_sense_is_refused(api: SimulatorClient, action: dict[str, Any], complaint: str) -> None:
    refused = api.request("POST", f"/droplets/{new_droplet(api)['id']}/actions", action)
    assert (refused.status_code, complaint in refused.json()["message"]) == (422, True)


def test_what_hangs_on_a_droplet_is_listed_before_it_goes(api: SimulatorClient) -> None:
    volume = api.call("POST", "/volumes", {"name": "data", "region": "fra1", "size_gigabytes": 100})["volume"]
    droplet = new_droplet(api, volumes=[volume["id"]])["id"]
    act(api, droplet, "snapshot", name="before")
    found = api.call("GET", f"/droplets/{droplet}/destroy_with_associated_resources")
    assert [one["name"] for one in found["volumes"]] == ["data"]
    assert [one["name"] for one in found["snapshots"]] == ["before"]
