"""The simulated registry refuses what a subscription of DigitalOcean's does not allow, and takes what it does."""

import base64
import hashlib
import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

import docker
import httpx
import pytest

from infra.resources.docker.registry import Login, LoginRefusedError, check_push
from tests.fakes.digitalocean.client import SimulatorClient
from tests.fakes.digitalocean.hosts.containers import Containers
from tests.fakes.digitalocean.server import Simulator
from tests.support.services import IMAGE_SOURCES

MIB = 1024**2
NAMES = [source.name for source in IMAGE_SOURCES]


@dataclass(frozen=True)
class Shop:
    """Registry `shop` and a login that may push."""

    api: SimulatorClient
    engine: docker.DockerClient
    server: str
    user: str
    password: str

    def push(self, repository: str, tag: str) -> str:
        """A tiny image of its own, by the engine; what it reports."""
        content = hashlib.sha256(f"{repository}:{tag}".encode()).digest() * 32
        name = f"{self.server}/shop/{repository}"
        self.engine.api.import_image_from_data(b"\0" * 9216 + content, repository=name, tag=tag)
        try:
            login = {"username": self.user, "password": self.password}
            return str(self.engine.images.push(name, tag, auth_config=login))
        finally:
            self.engine.images.remove(f"{name}:{tag}", force=True)

    def upload(self, size: int, fill: bytes) -> httpx.Response:
        """A blob of `size` bytes; the first answer that is no success, or the last."""
        auth = (self.user, self.password)
        digest = hashlib.sha256()
        with httpx.Client(base_url=f"http://{self.server}", auth=auth, timeout=120) as http:
            answer = http.post("/v2/shop/blobs/blobs/uploads/")
            if answer.is_success:
                block = fill * MIB
                for _ in range(size // MIB):
                    digest.update(block)
                headers = {"Content-Length": str(size), "Content-Type": "application/octet-stream"}
                body = (block for _ in range(size // MIB))
                answer = http.patch(answer.headers["location"], content=body, headers=headers)
            if answer.is_success:
                location = httpx.URL(answer.headers["location"])
                answer = http.put(location.copy_add_param("digest", f"sha256:{digest.hexdigest()}"))
            return answer


@pytest.fixture(scope="module")
def account() -> Iterator[SimulatorClient]:
    """With a registry of its own on this machine, and no droplets."""
    with Simulator(backend=Containers()) as simulator, SimulatorClient(simulator.url, simulator.token) as api:
        yield api


@pytest.fixture
def shop(account: SimulatorClient, request: pytest.FixtureRequest) -> Iterator[Shop]:
    """Empty, of the tier that the test asks for."""
    account.call("POST", "/registry", {"name": "shop", "subscription_tier_slug": request.param})
    ((server, entry),) = account.call("GET", "/registry/docker-credentials", read_write="true")["auths"].items()
    user, password = base64.b64decode(entry["auth"]).decode().split(":")
    with closing(docker.from_env()) as engine:
        yield Shop(account, engine, server, user, password)
    account.call("DELETE", "/registry")


def repositories(shop: Shop) -> list[str]:
    """As the API lists them."""
    return sorted(one["name"] for one in shop.api.call("GET", "/registries/shop/repositoriesV2")["repositories"])


@pytest.mark.parametrize("shop", ["basic"], indirect=True)
def test_tier_basic_takes_five_repositories_and_no_sixth(shop: Shop) -> None:
    for name in NAMES[:5]:
        assert "digest: sha256:" in shop.push(name, "1")
    assert "registry contains 5 repositories, limit is 5" in shop.push(NAMES[5], "1")
    assert "digest: sha256:" in shop.push(NAMES[0], "2"), "the limit is on repositories, not on images"
    assert repositories(shop) == sorted(NAMES[:5])
    login = Login(server=f"{shop.server}/shop", user=shop.user, password=shop.password)
    with pytest.raises(LoginRefusedError, match=r"accepts no new repository .* choose a larger registryTier"):
        check_push(login, "clickstream-prod", advice="")
    refused = shop.api.request("POST", "/registry/subscription", {"tier_slug": "starter"})
    assert (refused.status_code, "OverRepositoryLimit" in refused.text) == (422, True)
    shop.api.call("POST", "/registry/subscription", {"tier_slug": "professional"})
    assert "digest: sha256:" in shop.push(NAMES[5], "1")


@pytest.mark.parametrize("shop", ["starter", "basic"], indirect=True)
def test_every_tier_takes_all_images_of_a_stack_in_one_repository(shop: Shop) -> None:
    for name in NAMES:
        assert "digest: sha256:" in shop.push("clickstream-prod", f"{name}-0123456789abcdef")
    assert repositories(shop) == ["clickstream-prod"]


@pytest.mark.parametrize("shop", ["starter"], indirect=True)
def test_tier_starter_stores_500_mib_and_no_more(shop: Shop) -> None:
    assert shop.upload(300 * MIB, b"a").status_code == 201
    refused = shop.upload(300 * MIB, b"b")
    assert (refused.status_code, json.loads(refused.text)["errors"][0]["code"]) == (403, "DENIED")
    assert "storage of 524288000 bytes is exceeded" in refused.text
    assert 300 * MIB <= shop.api.call("GET", "/registry")["registry"]["storage_usage_bytes"] < 310 * MIB
    shop.api.call("POST", "/registry/subscription", {"tier_slug": "basic"})
    assert shop.upload(300 * MIB, b"b").status_code == 201, "more than 5 GiB would cost more, and be taken"
