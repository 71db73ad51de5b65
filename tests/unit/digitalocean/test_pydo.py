"""DigitalOcean's own client as an independent witness: a whole stack is made, read and taken away with it."""

from collections.abc import Callable, Mapping
from typing import Any

import pydo
import pytest
from azure.core.credentials import AzureKeyCredential
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError
from azure.core.pipeline.policies import AzureKeyCredentialPolicy

from tests.fakes.digitalocean.client import SimulatorClient
from tests.fakes.digitalocean.faults import HttpFault
from tests.fakes.digitalocean.server import Simulator
from tests.unit.digitalocean.conftest import PUBLIC_KEY

ANYWHERE = {"addresses": ["0.0.0.0/0", "::/0"]}


@pytest.fixture
def client(simulator: Simulator) -> pydo.Client:
    """It retries what may be retried, without the pauses that it makes in earnest."""
    return connect(simulator.url, simulator.token)


def connect(url: str, token: str) -> pydo.Client:
    """By its default policy pydo sends tokens over TLS only; there is none on the way to this machine itself."""
    policy = AzureKeyCredentialPolicy(AzureKeyCredential(token), "Authorization", prefix="Bearer")
    return pydo.Client(token, endpoint=url, authentication_policy=policy, retry_backoff_factor=0)


def done(client: pydo.Client, action: Mapping[str, Any]) -> None:
    """The action has ended well."""
    assert client.actions.get(action["action"]["id"])["action"]["status"] == "completed"


def refusal(call: Callable[[], Any]) -> int:
    """The status with which a call fails: pydo raises some of them and returns others as bodies."""
    try:
        answer = call()
    except HttpResponseError as error:
        return error.status_code or 0
    return {"not_found": 404}[answer["id"]]


def test_pydo_makes_a_stack_and_takes_it_away(client: pydo.Client, api: SimulatorClient) -> None:
    key = client.ssh_keys.create({"name": "deploy", "public_key": PUBLIC_KEY})["ssh_key"]
    client.tags.create({"name": "stack"})
    vpc = client.vpcs.create({"name": "stack", "region": "fra1", "ip_range": "10.116.0.0/20"})["vpc"]
    rule = {"protocol": "tcp", "ports": "22", "sources": ANYWHERE}
    out = {"protocol": "tcp", "ports": "0", "destinations": ANYWHERE}
    firewall = client.firewalls.create(
        {"name": "stack", "inbound_rules": [rule], "outbound_rules": [out], "tags": ["stack"]}
    )["firewall"]
    volume = client.volumes.create({"name": "data", "region": "fra1", "size_gigabytes": 10})["volume"]
    droplet = client.droplets.create(
        {
            "name": "manager-1",
            "region": "fra1",
            "size": "s-2vcpu-4gb",
            "image": "debian-12-x64",
            "vpc_uuid": vpc["id"],
            "tags": ["stack"],
            "ssh_keys": [key["fingerprint"]],
            "user_data": "#cloud-config\n{}\n",
        }
    )["droplet"]
    assert client.droplets.get(droplet["id"])["droplet"]["status"] == "active"
    attach = {"type": "attach", "droplet_id": droplet["id"]}
    done(client, client.volume_actions.post_by_id(volume["id"], attach))
    address = client.reserved_ips.create({"region": "fra1"})["reserved_ip"]["ip"]
    done(client, client.reserved_ips_actions.post(address, {"type": "assign", "droplet_id": droplet["id"]}))
    project = client.projects.create({"name": "stack", "purpose": "Web Application"})["project"]["id"]
    client.projects.assign_resources(project, {"resources": [f"do:droplet:{droplet['id']}"]})
    client.domains.create({"name": "example.com"})
    client.domains.create_record("example.com", {"type": "A", "name": "@", "data": address})
    client.registry.create({"name": "stack", "subscription_tier_slug": "basic"})
    assert client.registry.get_docker_credentials(read_write=False)["auths"]
    assert api.leaked_resources() == {
        "droplets": ["manager-1"],
        "vpcs": ["stack"],
        "firewalls": ["stack"],
        "ssh_keys": ["deploy"],
        "tags": ["stack"],
        "volumes": ["data"],
        "reserved_ips": [address],
        "domains": ["example.com"],
        "registries": ["stack"],
        "projects": ["stack"],
    }
    done(client, client.droplet_actions.post(droplet["id"], {"type": "shutdown"}))
    done(client, client.volume_actions.post_by_id(volume["id"], {"type": "detach", "droplet_id": droplet["id"]}))
    client.droplets.destroy(droplet["id"])
    client.reserved_ips.delete(address)
    client.volumes.delete(volume["id"])
    client.firewalls.delete(firewall["id"])
    client.vpcs.delete(vpc["id"])
    client.tags.delete("stack")
    client.ssh_keys.delete(key["id"])
    client.domains.delete("example.com")
    client.registry.delete()
    client.projects.delete(project)
    assert api.leaked_resources() == {}


def test_pydo_reads_the_catalogue_and_its_pages(client: pydo.Client) -> None:
    assert client.account.get()["account"]["status"] == "active"
    sizes = client.sizes.list(per_page=200)
    assert sizes["meta"]["total"] == len(sizes["sizes"])
    assert client.regions.list()["regions"]
    assert client.images.list(type="distribution")["images"]
    assert [client.sizes.list(per_page=5, page=page)["sizes"][0]["slug"] for page in (1, 2)] == [
        sizes["sizes"][0]["slug"],
        sizes["sizes"][5]["slug"],
    ]


def test_pydo_sees_errors_as_errors(client: pydo.Client, simulator: Simulator) -> None:
    wrong = connect(simulator.url, "wrong")
    assert refusal(lambda: client.droplets.get(1)) == 404
    assert refusal(lambda: client.droplets.create({"name": "a", "size": "huge", "image": "debian-12-x64"})) == 422
    with pytest.raises(ClientAuthenticationError):
        wrong.account.get()


def test_pydo_gets_through_when_the_api_fails_for_a_moment(client: pydo.Client, api: SimulatorClient) -> None:
    api.set_faults(http=[HttpFault(path="/v2/account", status=503, times=2)])
    assert client.account.get()["account"]["email_verified"]
