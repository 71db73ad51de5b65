"""Volumes, snapshots and the registry."""

import asyncio
import base64
import threading
from typing import Any

import pytest

from tests.fakes.digitalocean.backend import NoHosts
from tests.fakes.digitalocean.client import SimulatorClient
from tests.fakes.digitalocean.models import Droplet, Volume
from tests.fakes.digitalocean.server import Simulator
from tests.unit.digitalocean.conftest import new_droplet


def new_volume(api: SimulatorClient, name: str = "data", **changes: Any) -> dict[str, Any]:
    """One of a gibibyte in fra1."""
    body = {"name": name, "region": "fra1", "size_gigabytes": 1, **changes}
    volume: dict[str, Any] = api.call("POST", "/volumes", body)["volume"]
    return volume


def act(api: SimulatorClient, volume: str, **body: Any) -> str:
    """Begin an action; how it ended."""
    action = api.call("POST", f"/volumes/{volume}/actions", body)["action"]
    return str(api.call("GET", f"/volumes/{volume}/actions/{action['id']}")["action"]["status"])


def test_a_volume_is_attached_resized_and_detached(api: SimulatorClient) -> None:
    volume, droplet = new_volume(api, filesystem_type="ext4")["id"], new_droplet(api)["id"]
    assert act(api, volume, type="attach", droplet_id=droplet, region="fra1") == "completed"
    assert api.call("GET", f"/volumes/{volume}")["volume"]["droplet_ids"] == [droplet]
    assert api.call("GET", f"/droplets/{droplet}")["droplet"]["volume_ids"] == [volume]
    assert api.request("DELETE", f"/volumes/{volume}").status_code == 409
    assert act(api, volume, type="resize", size_gigabytes=5, region="fra1") == "completed"
    assert act(api, volume, type="detach", droplet_id=droplet) == "completed"
    found = api.call("GET", f"/volumes/{volume}")["volume"]
    assert (found["droplet_ids"], found["size_gigabytes"]) == ([], 5)
    api.call("DELETE", f"/volumes/{volume}")
    assert api.leaked_resources() == {"droplets": ["one"]}


def test_an_action_is_in_progress_until_the_host_is_done() -> None:
    done = threading.Event()

    class Slow(NoHosts):
        async def attach_volume(self, volume: Volume, droplet: Droplet) -> None:
            del volume, droplet
            await asyncio.to_thread(done.wait)

    with Simulator(backend=Slow()) as running, SimulatorClient(running.url, running.token) as api:
        volume, droplet = new_volume(api)["id"], new_droplet(api)["id"]
        try:
            assert act(api, volume, type="attach", droplet_id=droplet) == "in-progress"
        finally:
            done.set()


def test_a_volume_is_found_attached_and_deleted_by_its_name(api: SimulatorClient) -> None:
    new_volume(api)
    droplet = new_droplet(api)["id"]
    body = {"type": "attach", "volume_name": "data", "region": "fra1", "droplet_id": droplet}
    api.call("POST", "/volumes/actions", body)
    (found,) = api.call("GET", "/volumes", name="data", region="fra1")["volumes"]
    assert found["droplet_ids"] == [droplet]
    api.call("POST", "/volumes/actions", body | {"type": "detach"})
    api.call("DELETE", "/volumes", name="data", region="fra1")
    assert api.call("GET", "/volumes")["volumes"] == []


def test_a_droplet_holds_fifteen_volumes_and_a_volume_one_droplet(api: SimulatorClient) -> None:
    first, second = new_droplet(api, "first")["id"], new_droplet(api, "second")["id"]
    volumes = [new_volume(api, f"v{i}")["id"] for i in range(16)]
    for volume in volumes[:15]:
        act(api, volume, type="attach", droplet_id=first)
    for volume, droplet, complaint in ((volumes[15], first, "15 volumes"), (volumes[0], second, "already attached")):
        refused = api.request("POST", f"/volumes/{volume}/actions", {"type": "attach", "droplet_id": droplet})
        assert (refused.status_code, complaint in refused.json()["message"]) == (422, True)


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"name": "Data"}, 422),
        ({"name": "9data"}, 422),
        ({"size_gigabytes": 0}, 422),
        ({"region": "mars1"}, 422),
        ({"filesystem_type": "xfs", "filesystem_label": "longer-than-twelve"}, 422),
        ({"filesystem_type": "ntfs"}, 422),
        ({"name": "data"}, 409),
        ({"size_gigabytes": 16384}, 403),
    ],
)
def test_a_volume_that_can_not_be_is_refused(api: SimulatorClient, changes: dict[str, Any], status: int) -> None:
    new_volume(api)
    body = {"name": "other", "region": "fra1", "size_gigabytes": 1, **changes}
    assert api.request("POST", "/volumes", body).status_code == status


def test_a_volume_does_not_shrink(api: SimulatorClient) -> None:
    volume = new_volume(api, size_gigabytes=10)["id"]
    assert api.request("POST", f"/volumes/{volume}/actions", {"type": "resize", "size_gigabytes": 5}).status_code == 422


def test_a_snapshot_of_a_volume_makes_another_volume(api: SimulatorClient) -> None:
    volume = new_volume(api, size_gigabytes=10)["id"]
    body = {"name": "before", "tags": ["backup"]}
    snapshot = api.call("POST", f"/volumes/{volume}/snapshots", body)["snapshot"]
    assert api.call("GET", f"/snapshots/{snapshot['id']}")["snapshot"]["resource_id"] == volume
    assert len(api.call("GET", f"/volumes/{volume}/snapshots")["snapshots"]) == 1
    assert len(api.call("GET", "/snapshots", resource_type="volume")["snapshots"]) == 1
    assert api.request("POST", "/volumes", {"name": "b", "size_gigabytes": 5, "snapshot_id": snapshot["id"]}).is_error
    restored = api.call("POST", "/volumes", {"name": "b", "size_gigabytes": 10, "snapshot_id": snapshot["id"]})
    assert restored["volume"]["region"]["slug"] == "fra1"
    api.call("DELETE", f"/snapshots/{snapshot['id']}")
    assert api.call("GET", "/snapshots")["snapshots"] == []


def test_a_snapshot_of_a_droplet_is_an_image_to_start_from(api: SimulatorClient) -> None:
    droplet = new_droplet(api)["id"]
    api.call("POST", f"/droplets/{droplet}/actions", {"type": "snapshot", "name": "golden"})
    (image,) = api.call("GET", "/images", private="true")["images"]
    assert (image["name"], image["type"]) == ("golden", "snapshot")
    assert new_droplet(api, "clone", image=image["id"])["image"]["id"] == image["id"]
    api.call("DELETE", f"/images/{image['id']}")
    assert api.request("GET", f"/images/{image['id']}").status_code == 404


@pytest.mark.parametrize("path", ["/registry", "/registries/shop"])
def test_a_registry_hands_out_logins_of_their_own(api: SimulatorClient, path: str) -> None:
    assert api.request("GET", path).status_code == 404
    body = {"name": "shop", "subscription_tier_slug": "basic", "region": "fra1"}
    made = api.call("POST", "/registry", body)["registry"]
    assert made["subscription"]["tier"]["included_repositories"] == 5
    assert api.request("POST", "/registry", body).status_code == 409
    logins = []
    for query in ({"read_write": "true"}, {"read_write": "false", "expiry_seconds": "60"}):
        (login,) = api.call("GET", f"{path}/docker-credentials", **query)["auths"].values()
        logins.append(base64.b64decode(login["auth"]).decode().split(":"))
    assert len({password for _, password in logins}) == 2
    assert api.call("GET", "/registry/subscription")["subscription"]["tier"]["slug"] == "basic"
    assert api.call("GET", "/registries/shop/repositoriesV2")["repositories"] == []
    api.call("DELETE", path)
    assert api.leaked_resources() == {}


def test_a_name_of_a_registry_is_checked_before_it_is_made(api: SimulatorClient) -> None:
    api.call("POST", "/registry", {"name": "shop", "subscription_tier_slug": "starter"})
    taken = api.request("POST", "/registry/validate-name", {"name": "shop"})
    free = api.request("POST", "/registry/validate-name", {"name": "shop-2"})
    assert (taken.status_code, free.status_code) == (409, 204)
    assert len(api.call("GET", "/registry/options")["options"]["subscription_tiers"]) == 3
