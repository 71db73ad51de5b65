"""The policy pack's rules, one by one: what passes, what does not, and what is said."""

import base64
from collections.abc import Sequence
from typing import Any

import pytest

from policy.account import NODE, STACK, cost_is_under_the_ceiling, managers_are_odd
from policy.perimeter import (
    DROPLET,
    FIREWALL,
    droplet_is_private_and_tagged,
    droplets_are_behind_a_firewall,
    is_public,
    only_the_website_is_public,
    ssh_is_not_public,
)
from policy.planned import UNKNOWN, Planned, StackRule
from policy.rules import RESOURCE_CHECKS, STACK_CHECKS, description
from policy.services import SERVICE, image_is_by_digest, no_plain_secret, no_secret_of_the_stack

DIGEST = f"sha256:{'0a' * 32}"
RANDOM = "random:index/randomPassword:RandomPassword"
DOCKER_SECRET = "docker:index/secret:Secret"


def firewall(protocol: str, ports: Any, *sources: Any) -> Planned:
    rule = {"protocol": protocol, "portRange": ports, "sourceAddresses": list(sources)}
    return Planned(type=FIREWALL, name="edge", props={"inboundRules": [rule], "tags": ["stack"]})


def droplet(**props: Any) -> Planned:
    return Planned(type=DROPLET, name="worker-1", urn="urn:worker-1", props=props)


def service(*, uses: Sequence[tuple[str, str]] = (), labels: Any = (), **container: Any) -> Planned:
    props = {"taskSpec": {"containerSpec": container}, "labels": list(labels)}
    return Planned(type=SERVICE, name="kafka", urn="urn:kafka", props=props, uses={"taskSpec": frozenset(uses)})


def messages(rule: StackRule, *plan: Planned) -> list[str]:
    return [finding.message for finding in rule(plan)]


@pytest.mark.parametrize(
    "sources",
    [
        ["0.0.0.0/0"],
        ["::/0"],
        ["0.0.0.0/1"],
        ["128.0.0.0/1", "203.0.113.7/32"],
        ["203.0.113.7/32", "8.0.0.0/8"],
        ["2000::/3"],
        ["2.0.0.0/9", "2.128.0.0/9"],
        ["0.0.0.0"] * 2 + ["1.2.3.4/4"],
    ],
)
def test_the_world_is_public_whole_in_parts_or_as_good_as(sources: list[str]) -> None:
    assert is_public(sources)


@pytest.mark.parametrize(
    "sources",
    [
        [],
        ["203.0.113.7/32"],
        ["198.51.100.0/24", "2001:db8::/48"],
        ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"],
        ["2.0.0.0/9", "2.0.0.0/9"],
        ["not-an-address"],
    ],
)
def test_named_networks_and_private_ranges_are_not_public(sources: list[str]) -> None:
    assert not is_public(sources)


@pytest.mark.parametrize("ports", ["22", 22, "20-30", "all", "0", "", None, "1-65535"])
def test_ssh_open_to_the_world_is_told_with_the_key_to_set_however_the_port_is_written(ports: Any) -> None:
    (said,) = ssh_is_not_public(firewall("tcp", ports, "0.0.0.0/0"))
    assert said.startswith("firewall edge opens ssh (tcp ")
    assert "to 0.0.0.0/0" in said
    assert "sshAllowedCidrs" in said


def test_ssh_for_named_networks_passes() -> None:
    assert not list(ssh_is_not_public(firewall("tcp", "22", "203.0.113.7/32", "10.116.0.0/20")))
    assert not list(ssh_is_not_public(firewall("udp", "22", "0.0.0.0/0")))
    assert not list(ssh_is_not_public(firewall("tcp", "23-80", "0.0.0.0/0")))


@pytest.mark.parametrize(
    ("protocol", "ports"),
    [
        *(("tcp", port) for port in ("8080", "8888", "9000", "9092", "2181", "2375-2376", "2377", "443-8443", "all")),
        ("udp", "4789"),
        ("udp", "443"),
    ],
)
def test_an_admin_port_open_to_the_world_is_told_with_what_is_allowed(protocol: str, ports: str) -> None:
    (said,) = only_the_website_is_public(firewall(protocol, ports, "0.0.0.0/0", "::/0"))
    assert said.startswith(f"firewall edge opens {protocol} ")
    assert "tcp 80 and 443" in said


def test_the_website_is_public_and_admin_ports_are_for_named_networks() -> None:
    for allowed in (
        firewall("tcp", "80", "0.0.0.0/0", "::/0"),
        firewall("tcp", "443", "0.0.0.0/0", "::/0"),
        firewall("icmp", None, "0.0.0.0/0"),
        firewall("tcp", "8080", "203.0.113.7/32"),
        firewall("tcp", "2377", "10.116.0.0/20"),
        firewall("tcp", "9000", UNKNOWN),
        Planned(type=FIREWALL, name="edge", props={"inboundRules": UNKNOWN}),
        Planned(type=FIREWALL, name="edge", props={"inboundRules": [UNKNOWN]}),
    ):
        assert not list(only_the_website_is_public(allowed))


def test_a_droplet_outside_the_vpc_or_without_a_tag_is_told() -> None:
    said = " ".join(droplet_is_private_and_tagged(droplet(tags=[], vpcUuid="")))
    assert "droplet worker-1 names no VPC" in said
    assert "droplet worker-1 has no tag" in said
    for fine in (droplet(tags=["stack"], vpcUuid="5a4b"), droplet(tags=[UNKNOWN], vpcUuid=UNKNOWN)):
        assert not list(droplet_is_private_and_tagged(fine))


def test_a_droplet_that_no_firewall_covers_is_told_with_the_tags_of_both() -> None:
    rules = firewall("tcp", "22", "203.0.113.7/32")
    (finding,) = droplets_are_behind_a_firewall([rules, droplet(tags=["other"])])
    assert finding.urn == "urn:worker-1"
    assert "has the tags other, and the stack's firewalls apply to stack" in finding.message
    assert len(messages(droplets_are_behind_a_firewall, droplet(tags=["stack"]))) == 1, "no firewall at all"
    assert not messages(droplets_are_behind_a_firewall, rules, droplet(tags=["stack", "other"]))
    assert not messages(droplets_are_behind_a_firewall, rules, droplet(tags=UNKNOWN))
    named = Planned(type=FIREWALL, name="edge", uses={"dropletIds": frozenset([(DROPLET, "worker-1")])})
    assert not messages(droplets_are_behind_a_firewall, named, droplet(tags=[]))


@pytest.mark.parametrize(
    "image", ["kafka", "kafka:latest", "registry.example.com/kafka:1.2", "localhost/a/kafka:v1", None]
)
def test_an_image_by_tag_is_told_with_what_is_allowed(image: str | None) -> None:
    (said,) = image_is_by_digest(service(image=image))
    assert said.startswith(f"service kafka runs {image}; allowed is an image by digest")


def test_images_by_digest_or_of_this_engine_pass_and_unknown_ones_are_judged_later() -> None:
    for image in (f"a/kafka@{DIGEST}", f"a/kafka:tag@{DIGEST}", f"localhost/clickstream-dev/kafka:{'0a' * 8}", UNKNOWN):
        assert not list(image_is_by_digest(service(image=image)))


@pytest.mark.parametrize(
    ("env", "kind"),
    [
        ({"DB_PASSWORD": "hunter2"}, "what looks like a secret"),
        ({"druid_metadata_storage_connector_password": "hunter2"}, "what looks like a secret"),
        ({"IPSTACK_ACCESS_KEY": "hunter2"}, "what looks like a secret"),
        ({"SECRET": "hunter2"}, "what looks like a secret"),
        ({"INNOCENT": "-----BEGIN OPENSSH PRIVATE KEY-----\nhunter2"}, "a private key"),
        ({"INNOCENT": f"dop_v1_{'a1' * 32}"}, "a DigitalOcean token"),
        ({"INNOCENT": "SWMTKN-1-hunter2"}, "a join token of the swarm"),
        ({"INNOCENT": "postgresql://superset:hunter2@postgres/superset"}, "a login in a URL"),
    ],
)
def test_a_plain_secret_in_an_environment_is_told_but_not_repeated(env: dict[str, str], kind: str) -> None:
    (said,) = no_plain_secret(service(env=env))
    assert said.startswith(f"service kafka has {kind}")
    assert f"environment variable {next(iter(env))}" in said
    assert "_FILE" in said
    assert "hunter2" not in said


def test_secrets_in_arguments_and_labels_are_found_as_well() -> None:
    assert list(no_plain_secret(service(args=["--db", "postgresql://a:hunter2@b/c"])))
    assert list(no_plain_secret(service(labels=[{"label": "join", "value": "SWMTKN-1-abc"}])))


def test_files_of_secrets_and_what_only_looks_alike_pass() -> None:
    env = {
        "EDGE_ADMIN_PASSWORD_FILE": "/run/secrets/admin-password",
        "COLLECTOR_COOKIELESS_SECRET_FILE": "",
        "API_TOKEN": "",
        "KEYBOARD": "qwerty",
        "TOKENS_PER_SECOND": "12",
        "WEBSITE_ORIGIN": "https://example.com:443",
        "JDBC": "jdbc:derby://localhost:1527//opt/metadata.db;create=true",
        "SPARE_PASSWORD": UNKNOWN,
    }
    assert not list(no_plain_secret(service(env=env, args=["coordinator"])))
    assert not list(no_plain_secret(service(env=UNKNOWN)))


def test_a_password_of_the_stack_is_found_by_where_a_value_comes_from_before_it_is_known() -> None:
    task = service(env={"INNOCENT": UNKNOWN}, uses=[(RANDOM, "admin-password"), (DOCKER_SECRET, "admin-password")])
    (finding,) = no_secret_of_the_stack([task])
    assert finding.urn == "urn:kafka"
    assert "service kafka has the secret of RandomPassword admin-password in its task" in finding.message


def test_a_password_of_the_stack_is_found_by_its_value_in_plain_or_within_more_text() -> None:
    made = Planned(type=RANDOM, name="admin-password", props={"result": "hunter2-hunter2"})
    given = Planned(
        type=DOCKER_SECRET, name="api-key", props={"data": base64.b64encode(b"correct-horse-battery").decode()}
    )
    said = messages(
        no_secret_of_the_stack,
        made,
        given,
        service(env={"INNOCENT": "user:hunter2-hunter2"}, args=["--key=correct-horse-battery"]),
    )
    assert [line.split(" in its task")[0] for line in said] == [
        "service kafka has the secret of Secret api-key",
        "service kafka has the secret of RandomPassword admin-password",
    ]
    assert "hunter2" not in " ".join(said)
    assert not messages(no_secret_of_the_stack, made, given, service(env={"INNOCENT": "hunter2"}))
    short = Planned(type=RANDOM, name="short", props={"result": "a1"})
    assert not messages(no_secret_of_the_stack, short, service(env={"INNOCENT": "a1b2"}))


def nodes(managers: int) -> list[Planned]:
    names = [(f"manager-{number}", True) for number in range(1, managers + 1)] + [("worker-1", False)]
    return [Planned(type=NODE, name=name, props={"as_manager": manager}) for name, manager in names]


def test_an_even_number_of_managers_is_told() -> None:
    (said,) = messages(managers_are_odd, *nodes(2))
    assert "the swarm has 2 managers (manager-1, manager-2); an odd number is allowed" in said
    assert "managerCount" in said
    for count in (0, 1, 3, 5):
        assert not messages(managers_are_odd, *nodes(count))


def stack(**outputs: Any) -> Planned:
    return Planned(type=STACK, name="clickstream-prod", props=outputs)


def test_a_plan_above_the_ceiling_is_told_with_both_sums() -> None:
    (said,) = messages(cost_is_under_the_ceiling, stack(monthlyCost=128.5, monthlyCostCeiling=120))
    assert "stack clickstream-prod would cost 128.50 USD a month; monthlyCostCeiling allows 120.00" in said
    for fine in (
        stack(monthlyCost=120.0, monthlyCostCeiling=120),
        stack(monthlyCost=128.5, monthlyCostCeiling=0),
        stack(monthlyCost=128.5),
        stack(),
    ):
        assert not messages(cost_is_under_the_ceiling, fine)


def test_a_size_without_a_price_does_not_slip_under_the_ceiling() -> None:
    outputs = {"monthlyCost": 8.5, "sizesWithoutPrice": ["gpu-h100x8-640gb"]}
    (said,) = messages(cost_is_under_the_ceiling, stack(monthlyCostCeiling=120, **outputs))
    assert "gpu-h100x8-640gb, whose price is unknown" in said
    assert not messages(cost_is_under_the_ceiling, stack(monthlyCostCeiling=0, **outputs))


def test_every_rule_says_in_one_sentence_what_it_asks_for() -> None:
    for rule in [check.rule for check in RESOURCE_CHECKS.values()] + list(STACK_CHECKS.values()):
        assert description(rule).endswith(".")
        assert "\n" not in description(rule)
