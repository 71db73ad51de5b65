"""Whether the registry has room for the images, asked of the simulator before anything is made."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from infra.config import StackConfig
from infra.images.source import pushed_mebibytes
from infra.resources.digitalocean.client import DigitalOcean
from infra.services import service_specs
from infra.targets.digitalocean.estimate import account_registries
from infra.targets.digitalocean.plan import make_plan
from infra.targets.digitalocean.prices import GIB
from infra.targets.digitalocean.registry_checks import (
    AccountRegistries,
    registry_issues,
    registry_warnings,
    uses_account_registry,
)
from tests.fakes.digitalocean.backend import NoHosts
from tests.fakes.digitalocean.client import SimulatorClient
from tests.fakes.digitalocean.server import Simulator
from tests.support.services import IMAGE_SOURCES
from tests.support.stack_config import raw_config


class Pushed(NoHosts):
    """A registry that holds something."""

    def __init__(self, repositories: Sequence[str], stored: int) -> None:
        """`stored` in bytes."""
        super().__init__()
        self._repositories, self._stored = repositories, stored

    async def repositories(self) -> dict[str, list[str]]:
        """One tag each."""
        return {f"shop/{name}": ["1"] for name in self._repositories}

    async def registry_bytes(self) -> int:
        """As given."""
        return self._stored


def config(tier: str, server: str = "registry.digitalocean.com/shop", **changes: Any) -> StackConfig:
    """Stack prod with registry `shop`."""
    return StackConfig.parse("prod", raw_config("prod", registryServer=server, registryTier=tier, **changes))


def issues(stack: StackConfig, seen: AccountRegistries | None) -> list[str]:
    """With the images of the stack's plan."""
    return registry_issues(stack, make_plan(stack, service_specs(stack)).images, seen)


@contextmanager
def account(tier: str = "", repositories: Sequence[str] = (), stored: int = 0) -> Iterator[AccountRegistries]:
    """An account with registry `shop` of the tier; without a tier it has none."""
    with (
        Simulator(backend=Pushed(repositories, stored)) as simulator,
        SimulatorClient(simulator.url, simulator.token) as api,
        DigitalOcean(simulator.token, simulator.url) as cloud,
    ):
        if tier:
            api.call("POST", "/registry", {"name": "shop", "subscription_tier_slug": tier})
        yield account_registries(cloud)


OLD_NAMES = [source.name for source in IMAGE_SOURCES]
"""Repositories of a stack before it had one for all its images."""


@pytest.mark.parametrize("tier", ["basic", "professional"])
def test_a_paid_tier_has_room_for_all_images(tier: str) -> None:
    assert issues(config(tier), None) == []
    with account() as seen:
        assert issues(config(tier), seen) == []
    with account(tier) as seen:
        assert issues(config(tier), seen) == []
        assert issues(config("existing"), seen) == []
        assert list(registry_warnings(config("existing"), seen)) == []


def test_the_free_tier_is_too_small_and_the_next_one_is_named_with_its_price() -> None:
    (said,) = issues(config("starter"), None)
    assert said == (
        "clickstream:registryTier: `starter` (0.00 USD a month) given; it stores 500 MiB, and the stack's images take "
        f"{pushed_mebibytes(IMAGE_SOURCES)} MiB: use `basic` (5.00 USD a month)"
    )
    with account("starter") as seen:
        (said,) = issues(config("existing"), seen)
    assert said.startswith("clickstream:registryTier: existing given, which is `starter` (0.00 USD a month); it stores")


def test_a_full_registry_is_reported_with_its_repositories_and_one_that_has_the_stacks_is_not_full() -> None:
    with account("basic", OLD_NAMES[:5]) as seen:
        for tier in ("existing", "basic"):
            (said,) = issues(config(tier), seen)
            assert f"it allows 5 repositories, and shop has 5 ({', '.join(sorted(OLD_NAMES[:5]))})" in said
            assert "the stack needs one more, clickstream-prod." in said
            assert "doctl registry repository delete" in said
            assert "`professional` (20.00 USD a month)" in said
    with account("basic", [*OLD_NAMES[:4], "clickstream-prod"]) as seen:
        assert issues(config("existing"), seen) == []
    with account("professional", OLD_NAMES) as seen:
        assert issues(config("existing"), seen) == []


def test_a_registry_that_is_not_there_is_reported_with_the_one_that_is() -> None:
    with account() as seen:
        (said,) = issues(config("existing"), seen)
        assert said.startswith("clickstream:registryTier: existing given, and the account has no registry")
    with account("basic") as seen:
        (said,) = issues(config("existing", "registry.digitalocean.com/other"), seen)
        assert said.startswith("clickstream:registryServer: registry.digitalocean.com/other given")
        assert "has registry shop" in said
        (said,) = issues(config("basic", "registry.digitalocean.com/other"), seen)
        assert said.endswith("set registryServer to registry.digitalocean.com/shop and registryTier to `existing`")


def test_storage_that_costs_more_is_a_warning() -> None:
    with account("basic", ["clickstream-prod"], 6 * GIB) as seen:
        assert issues(config("existing"), seen) == []
        (said,) = registry_warnings(config("existing"), seen)
    assert "stores 6.0 GiB, and `basic` (5.00 USD a month) includes 5 GiB" in said


def test_another_registry_and_another_accounts_login_are_not_asked_about() -> None:
    assert uses_account_registry(config("existing"))
    assert not uses_account_registry(config("existing", registryUser="somebody"))
    assert not uses_account_registry(config("existing", "registry.example.com/shop"))


def test_images_that_come_from_elsewhere_are_not_counted() -> None:
    def pushed(**changes: Any) -> set[str]:
        stack = config("existing", **changes)
        return {source.name for source in make_plan(stack, service_specs(stack)).images}

    elsewhere = f"registry.example.com/theirs@sha256:{'0' * 64}"
    assert pushed() - pushed(kafkaImage=elsewhere) == {"kafka"}
    assert pushed(druidImage=elsewhere) == pushed(), "ZooKeeper runs from ours"
    sizes = {source.name: source.mebibytes for source in IMAGE_SOURCES}
    without_kafka = [source for source in IMAGE_SOURCES if source.name != "kafka"]
    assert pushed_mebibytes(IMAGE_SOURCES) - pushed_mebibytes(without_kafka) == sizes["kafka"]
