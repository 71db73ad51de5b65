"""The policy pack under the real CLI: the plan of stack prod passes, a plan that breaks the rules says how."""

import re
import shutil
from collections.abc import Iterator

import pytest
import yaml

from infra.paths import ROOT, SERVICES
from infra.resources.common.ssh import access_folder
from tests.fakes.digitalocean.client import SimulatorClient
from tests.fakes.digitalocean.server import Simulator
from tests.support.pulumi_cli import CliStack
from tests.support.stack_config import committed_config

PACK = ("--policy-pack", str(ROOT / "policy"))

# The whole of stack prod; or, without what happens on its hosts, its cloud, and one resource for each rule that the
# program itself can't be made to break.
PROGRAM = f"""
import runpy

import pulumi
import pulumi_digitalocean as do
import pulumi_docker as docker
import pulumi_random as random

from infra.config import StackConfig
from infra.targets.digitalocean.cloud import Cloud
from infra.targets.digitalocean.estimate import Estimate
from infra.services import service_specs
from infra.targets.digitalocean.plan import make_plan

config = StackConfig.load()
if config.edge.domain != "careless.example.com":
    runpy.run_path({str(ROOT / "__main__.py")!r}, run_name="__main__")
else:
    plan = make_plan(config, service_specs(config))
    Estimate.make(config, plan).export(config.digitalocean.monthly_cost_ceiling)
    Cloud(config, plan)
    do.Firewall("debugging", name="debugging", tags=["debugging"], inbound_rules=[
        do.FirewallInboundRuleArgs(protocol="tcp", port_range="2375-2376", source_addresses=["0.0.0.0/0"]),
    ])
    do.Droplet("spare", name="spare", image="debian-12-x64", size="s-2vcpu-4gb", region="fra1")
    password = random.RandomPassword("spare", length=20)
    docker.Service("spare", name="spare", task_spec={{"container_spec": {{
        "image": "apache/kafka:latest",
        "env": {{"SPARE_PASSWORD": "hunter2-hunter2", "SPARE": password.result}},
    }}}})
"""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CliStack]:
    """Stack prod as it is shipped, under a name of its own, against an account with nothing but a registry."""
    folder = tmp_path_factory.mktemp("policy")
    project = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())
    project["runtime"]["options"]["virtualenv"] = str(ROOT / ".venv")
    (folder / "Pulumi.yaml").write_text(yaml.safe_dump(project))
    (folder / "__main__.py").write_text(PROGRAM)
    # The plugin looks for Dockerfiles from the program's folder.
    (folder / "services").symlink_to(SERVICES)
    with Simulator() as simulator, SimulatorClient(simulator.url, simulator.token) as account:
        account.call("POST", "/registry", {"name": "clickstream", "subscription_tier_slug": "basic"})
        env = {
            "DIGITALOCEAN_TOKEN": simulator.token,
            "DIGITALOCEAN_API_URL": simulator.url,
            "PYTHONPATH": str(ROOT),
        }
        made = CliStack("policed", folder / "home", committed_config("prod"), program=folder, env=env)
        made.init()
        yield made
    shutil.rmtree(access_folder("clickstream-policed"), ignore_errors=True)


def test_the_shipped_plan_of_stack_prod_breaks_no_rule(stack: CliStack) -> None:
    said = stack.operate("preview", *PACK).stdout
    assert "✅ clickstream@" in said
    assert "mandatory" not in said
    assert "can't run policy" not in said, "a rule that stumbles over what is not known yet judges nothing"


def test_a_plan_that_breaks_the_rules_is_refused_with_each_resource_and_what_to_do(stack: CliStack) -> None:
    stack.config |= {
        "domain": "careless.example.com",
        "sshAllowedCidrs": ["0.0.0.0/1", "128.0.0.0/1"],
        "monthlyCostCeiling": 60,
    }
    result = stack.operate("preview", *PACK, check=False)
    assert result.returncode != 0
    said = re.sub(r"\s+", " ", result.stdout + result.stderr)
    for expected in (
        "firewall firewall opens ssh (tcp 22) to 0.0.0.0/1, 128.0.0.0/1; allowed are the networks",
        "firewall debugging opens tcp 2375-2376 to 0.0.0.0/0; only the website is public",
        "droplet spare names no VPC",
        "droplet spare has no tag",
        "service spare runs apache/kafka:latest; allowed is an image by digest",
        "service spare has what looks like a secret (by its name) in environment variable SPARE_PASSWORD",
        "service spare has the secret of RandomPassword spare in its task",
        "stack clickstream-policed would cost 105.50 USD a month; monthlyCostCeiling allows 60.00",
    ):
        assert expected in said
    assert "hunter2" not in said.split("Policies:")[1].split("Diagnostics:")[0], "a message must not tell the secret"
