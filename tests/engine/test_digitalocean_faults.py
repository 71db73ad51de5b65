"""DigitalOcean on a bad day, under the real CLI: said clearly, and the next `up` or `destroy` goes on from there."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.engine.cloud_program import cloud_stack
from tests.fakes.digitalocean.client import SimulatorClient
from tests.fakes.digitalocean.faults import DropletFault, HttpFault
from tests.fakes.digitalocean.server import Simulator
from tests.support.pulumi_cli import CliStack

PROGRAM = """
import pulumi

from infra.config import StackConfig
from infra.targets.digitalocean.cloud import Cloud
from infra.targets.digitalocean.estimate import Estimate
from infra.services import service_specs
from infra.targets.digitalocean.plan import make_plan


def impatient(args):
    if args.type_ == "digitalocean:index/droplet:Droplet":
        assert args.opts.custom_timeouts.create == "10m"
        args.opts.custom_timeouts = pulumi.CustomTimeouts(create="4s", delete=args.opts.custom_timeouts.delete)
    return pulumi.ResourceTransformationResult(args.props, args.opts)


pulumi.runtime.register_stack_transformation(impatient)
config = StackConfig.load()
plan = make_plan(config, service_specs(config))
Cloud(config, plan, Estimate.make(config, plan).unstarted)
"""
CONFIG: dict[str, Any] = {"registryTier": "basic", "protectData": True}
STUCK = [DropletFault(name="*", stuck_in_new=True)]


@pytest.fixture(scope="module")
def stack(simulator: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CliStack]:
    """The cloud of stack prod with patience of four seconds for a droplet, under a name of its own."""
    folder = tmp_path_factory.mktemp("faults")
    with cloud_stack("faults", folder, PROGRAM, CONFIG, url=simulator.url, token=simulator.token) as made:
        yield made


def droplets(account: SimulatorClient) -> dict[str, str]:
    """Name to status."""
    return {item["name"]: item["status"] for item in account.call("GET", "/droplets")["droplets"]}


def failing_up(stack: CliStack) -> str:
    """What is said."""
    result = stack.operate("up", "--skip-preview", check=False)
    assert result.returncode != 0
    said = result.stdout + result.stderr
    assert "Traceback" not in said
    return said


def test_a_quota_that_the_account_tells_is_refused_before_anything_is_made(
    stack: CliStack, account: SimulatorClient
) -> None:
    before = account.leaked_resources()
    account.set_limits(reserved_ips=0)
    assert "a reserved address for the edge, but the account's limit is 0" in failing_up(stack)
    account.set_limits(reserved_ips=3)
    assert account.leaked_resources() == before


def test_a_quota_that_no_preview_can_see_is_told_in_the_account_s_own_words(
    stack: CliStack, account: SimulatorClient
) -> None:
    said = "you have reached the limit of VPCs"
    account.set_faults(http=[HttpFault(method="POST", path="/v2/vpcs", status=422, times=None, message=said)])
    assert said in failing_up(stack)
    account.set_faults()


def test_a_droplet_that_never_starts_is_told_and_kept_in_mind(stack: CliStack, account: SimulatorClient) -> None:
    account.set_faults(droplets=STUCK)
    said = failing_up(stack)
    assert "droplet clickstream-faults-manager-1 (" in said
    assert "is not done after 4 s; `up` creates another" in said
    assert droplets(account) == {"clickstream-faults-manager-1": "new"}


def test_the_next_up_makes_another_droplet_in_its_place_and_is_patient_with_a_busy_api(
    stack: CliStack, account: SimulatorClient
) -> None:
    account.set_faults(
        http=[
            HttpFault(method="POST", path="/v2/droplets", status=429, retry_after=1, times=2),
            HttpFault(method="POST", path="/v2/reserved_ips", status=503, times=1),
            HttpFault(method="GET", path="/v2/account", status=500, times=2),
        ]
    )
    stack.operate("up", "--skip-preview")
    assert droplets(account) == {"clickstream-faults-manager-1": "active"}
    assert not {urn: step for urn, step in stack.preview_steps().items() if "digitalocean:index/" in urn}


def test_destroy_takes_a_droplet_that_never_started_away_too(stack: CliStack, account: SimulatorClient) -> None:
    account.set_faults(droplets=STUCK)
    stack.config |= {"workerCount": 1, "protectData": False}
    failing_up(stack)
    assert droplets(account)["clickstream-faults-worker-1"] == "new"
    stack.operate("destroy", "--skip-preview")
    assert not any(account.leaked_resources().values())
