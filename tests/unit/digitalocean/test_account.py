"""The account, its catalogue, pages, limits, timing and faults."""

from collections.abc import Iterator

import httpx
import pytest

from tests.fakes.digitalocean.client import SimulatorClient
from tests.fakes.digitalocean.faults import DropletFault, HttpFault
from tests.fakes.digitalocean.server import Simulator
from tests.fakes.digitalocean.timing import Timing
from tests.support.waiting import until
from tests.unit.digitalocean.conftest import PUBLIC_KEY, droplet_body, new_droplet


@pytest.fixture
def slow() -> Iterator[SimulatorClient]:
    """Of a cloud in which everything takes a while."""
    timing = Timing(droplet_create=1.0, droplet_action=1.0, droplet_destroy=1.0, vpc_release=1.0)
    with Simulator(timing=timing) as simulator, SimulatorClient(simulator.url, simulator.token) as client:
        yield client


def test_a_wrong_token_sees_nothing(simulator: Simulator) -> None:
    for headers in ({}, {"Authorization": "Bearer wrong"}):
        for path in ("/v2/account", "/v2/droplets", "/simulator/inventory"):
            answer = httpx.get(simulator.url + path, headers=headers)
            assert (answer.status_code, answer.json()["id"]) == (401, "Unauthorized")


def test_the_catalogue_names_regions_sizes_and_images(api: SimulatorClient) -> None:
    regions = {one["slug"]: one for one in api.call("GET", "/regions", per_page=200)["regions"]}
    sizes = {one["slug"]: one for one in api.call("GET", "/sizes", per_page=200)["sizes"]}
    assert set(regions["fra1"]["sizes"]) == set(sizes)
    assert not regions["nyc2"]["available"]
    assert "fra1" in sizes["s-4vcpu-8gb"]["regions"]
    (image,) = (
        one for one in api.call("GET", "/images", type="distribution")["images"] if one["slug"] == "debian-12-x64"
    )
    assert api.call("GET", f"/images/{image['id']}") == api.call("GET", "/images/debian-12-x64")
    assert api.request("DELETE", "/images/debian-12-x64").status_code == 403
    assert api.call("GET", "/account")["account"]["droplet_limit"] == 25


def test_lists_come_in_pages_that_link_to_each_other(api: SimulatorClient) -> None:
    first = api.call("GET", "/sizes", per_page=5)
    slugs, pages = [size["slug"] for size in first["sizes"]], 1
    assert "prev" not in first["links"]["pages"]
    answer = first
    while "next" in answer["links"]["pages"]:
        answer = api.http.get(answer["links"]["pages"]["next"]).json()
        slugs += [size["slug"] for size in answer["sizes"]]
        pages += 1
    assert (len(slugs), len(set(slugs)), pages) == (first["meta"]["total"], first["meta"]["total"], 5)
    assert "next" not in answer["links"]["pages"]
    assert api.call("GET", "/regions")["links"] == {}
    assert api.request("GET", "/sizes", page=0).status_code == 400


def test_a_body_that_is_no_json_is_refused(api: SimulatorClient) -> None:
    answer = api.http.post("/v2/droplets", content="{", headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["id"]) == (400, "bad_request")


def test_what_the_simulator_lacks_it_says(api: SimulatorClient) -> None:
    answer = api.request("GET", "/kubernetes/clusters")
    assert (answer.status_code, "has no GET /v2/kubernetes/clusters" in answer.json()["message"]) == (501, True)


def test_the_rate_limit_is_told_and_enforced(api: SimulatorClient) -> None:
    left = [int(api.request("GET", "/account").headers["ratelimit-remaining"]) for _ in range(2)]
    assert left[0] - left[1] == 1
    api.set_limits(requests_a_minute=3)
    assert api.request("GET", "/account").status_code == 200
    refused = api.request("GET", "/account")
    assert (refused.status_code, refused.json()["id"]) == (429, "too_many_requests")
    assert int(refused.headers["retry-after"]) > 0
    api.set_limits(requests_a_minute=250, key_lists_a_minute=1)
    assert [api.request("GET", "/account/keys").status_code for _ in range(2)] == [200, 429]
    api.set_limits(requests_an_hour=5)
    assert api.request("GET", "/account").status_code == 429


def test_a_fault_hits_as_often_as_it_was_asked_to(api: SimulatorClient) -> None:
    api.set_faults(http=[HttpFault(method="GET", path="/v2/account", status=503, times=2, retry_after=1)])
    assert [api.request("GET", "/account").status_code for _ in range(3)] == [503, 503, 200]
    api.set_faults(http=[HttpFault(status=429, times=None)])
    assert api.request("GET", "/regions").json()["id"] == "too_many_requests"
    api.set_faults()
    assert api.request("GET", "/regions").status_code == 200


def test_an_answer_can_be_lost_after_the_request_took_effect(api: SimulatorClient) -> None:
    api.set_faults(http=[HttpFault(method="POST", path="/v2/account/keys", status=500, takes_effect=True)])
    body = {"name": "deploy", "public_key": PUBLIC_KEY}
    assert api.request("POST", "/account/keys", body).status_code == 500
    assert [key["name"] for key in api.call("GET", "/account/keys")["ssh_keys"]] == ["deploy"]


def test_an_answer_can_be_late(api: SimulatorClient) -> None:
    api.set_faults(http=[HttpFault(path="/v2/account", delay=0.2)])
    with pytest.raises(httpx.ReadTimeout):
        api.http.get("/v2/account", timeout=0.05)
    assert api.request("GET", "/account").status_code == 200


def test_a_droplet_stuck_in_new_stays_so_and_can_be_deleted(api: SimulatorClient) -> None:
    api.set_faults(droplets=[DropletFault(name="bad-*", stuck_in_new=True)])
    stuck = api.call("POST", "/droplets", droplet_body("bad-one"))["droplet"]["id"]
    new_droplet(api, "good-one")
    found = api.call("GET", f"/droplets/{stuck}")["droplet"]
    assert (found["status"], found["locked"]) == ("new", True)
    api.call("DELETE", f"/droplets/{stuck}")
    assert api.leaked_resources() == {"droplets": ["good-one"]}


def test_an_action_can_end_as_errored(api: SimulatorClient) -> None:
    api.set_faults(droplets=[DropletFault(failing_actions=["power_off"])])
    droplet = new_droplet(api)["id"]
    action = api.call("POST", f"/droplets/{droplet}/actions", {"type": "power_off"})["action"]["id"]
    assert api.call("GET", f"/actions/{action}")["action"]["status"] == "errored"
    found = api.call("GET", f"/droplets/{droplet}")["droplet"]
    assert (found["status"], found["locked"]) == ("active", False)


def test_the_quota_of_droplets_is_kept(api: SimulatorClient) -> None:
    api.set_limits(droplets=1)
    new_droplet(api)
    refused = api.request("POST", "/droplets", droplet_body("two"))
    assert (refused.status_code, "droplet limit" in refused.json()["message"]) == (422, True)


def test_a_droplet_is_locked_while_something_happens_to_it(slow: SimulatorClient) -> None:
    network = slow.call("POST", "/vpcs", {"name": "net", "region": "fra1"})["vpc"]["id"]
    made = slow.call("POST", "/droplets", droplet_body(vpc_uuid=network))["droplet"]["id"]
    busy = slow.request("POST", f"/droplets/{made}/actions", {"type": "power_off"})
    assert (busy.status_code, "pending event" in busy.json()["message"]) == (422, True)
    assert slow.request("DELETE", f"/droplets/{made}").status_code == 422
    until(lambda: slow.call("GET", f"/droplets/{made}")["droplet"]["locked"], lambda locked: not locked, seconds=20)
    slow.call("DELETE", f"/droplets/{made}")
    assert slow.call("GET", f"/droplets/{made}")["droplet"]["locked"]
    until(lambda: slow.request("GET", f"/droplets/{made}").status_code, lambda status: status == 404, seconds=20)
    # Gone, and yet a member of its network for a while.
    assert slow.request("DELETE", f"/vpcs/{network}").status_code == 403
    until(lambda: slow.request("DELETE", f"/vpcs/{network}").status_code, lambda status: status != 403, seconds=20)
    assert slow.request("GET", f"/vpcs/{network}").status_code == 404
