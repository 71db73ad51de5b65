"""The resource graph: what is there under which name, and what it must never contain."""

import re
from pathlib import Path
from typing import Any

import pulumi
import pytest

from tests.mocks.engine import FIREWALL, IMAGE, PASSWORD, SECRET, SERVICE, Program, is_secret, plain, run_program, text

GOLDEN = Path(__file__).parent / "urns"
DIGEST_OR_HASH = re.compile(r".+(@sha256:[0-9a-f]{64}|:[0-9a-f]{16})")


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_urns_are_those_that_running_stacks_know(stack: str, request: pytest.FixtureRequest) -> None:
    """A changed URN replaces the resource in every running stack: only with an alias, and on purpose."""
    program: Program = request.getfixturevalue(stack)
    golden = GOLDEN / f"{stack}.txt"
    seen = "\n".join(program.urns) + "\n"
    if not golden.exists():
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(seen)
        pytest.fail(f"{golden.name} was missing and is written now; review and commit it")
    assert seen == golden.read_text(), f"review, then delete {golden.name} and run again to accept"


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_only_the_edge_publishes_ports(stack: str, request: pytest.FixtureRequest) -> None:
    program: Program = request.getfixturevalue(stack)
    published = {
        name: service.inputs["endpointSpec"].get("ports")
        for name, service in program.engine.of(SERVICE).items()
        if service.inputs["endpointSpec"].get("ports")
    }
    assert set(published) == {"edge"}
    assert all(port["publishMode"] == "host" for port in published["edge"]), "the visitor's address must survive"


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_every_service_is_checked_limited_and_rotates_its_logs(stack: str, request: pytest.FixtureRequest) -> None:
    program: Program = request.getfixturevalue(stack)
    for name, service in program.engine.of(SERVICE).items():
        task = service.inputs["taskSpec"]
        assert task["containerSpec"]["healthcheck"]["tests"], f"{name} has no health check"
        assert task["resources"]["limits"]["memoryBytes"] > 0, f"{name} has no memory limit"
        assert task["logDriver"]["options"]["max-size"], f"{name} keeps its logs for ever"
        assert service.inputs["endpointSpec"]["mode"] == "dnsrr", f"{name} has a virtual address"
        assert service.inputs["updateConfig"]["failureAction"] == "rollback"


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_every_image_is_deployed_by_digest_or_content(stack: str, request: pytest.FixtureRequest) -> None:
    program: Program = request.getfixturevalue(stack)
    for name, service in program.engine.of(SERVICE).items():
        image = service.inputs["taskSpec"]["containerSpec"]["image"]
        assert DIGEST_OR_HASH.fullmatch(image), f"{name} runs {image}, which may change under it"


def test_an_official_image_takes_the_place_of_ours_with_the_same_service() -> None:
    official = f"apache/kafka@sha256:{'a' * 64}"
    ours, theirs = run_program("dev"), run_program("dev", kafkaImage=official)
    assert "kafka" not in theirs.engine.of(IMAGE)
    before = ours.engine.of(SERVICE)["kafka"].inputs["taskSpec"]["containerSpec"]
    after = theirs.engine.of(SERVICE)["kafka"].inputs["taskSpec"]["containerSpec"]
    assert after["image"] == official
    assert {**after, "image": ""} == {**before, "image": ""}


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_passwords_travel_as_secrets_only(stack: str, request: pytest.FixtureRequest) -> None:
    program: Program = request.getfixturevalue(stack)
    assert program.engine.of(PASSWORD), "logins are generated"
    for secret in program.engine.of(SECRET).values():
        assert is_secret(secret.inputs["data"]), f"{secret.name} would stand in the state in plain text"
    for service in program.engine.of(SERVICE).values():
        assert "generated-" not in text(plain(service.inputs)), f"{service.name} has a password in its specification"
    for resource in program.engine.resources:
        for key, value in resource.inputs.items():
            if "generated-" in text(plain(value)):
                assert is_secret(value) or is_secret(_holder(value)), f"{resource.name}.{key} is not marked as secret"


def _holder(value: object) -> object:
    """The first value inside that is marked as secret."""
    if isinstance(value, dict):
        return next((item for item in value.values() if is_secret(item)), None)
    return None


def test_a_public_dashboard_that_the_bundle_lacks_is_named_beside_those_it_has() -> None:
    with pytest.raises(pulumi.RunError, match=r"clickstream:publicDashboards: 'none' given; superset_assets/ has "):
        run_program("dev", publicDashboards=["none"])


def test_a_preview_with_everything_unknown_runs_through() -> None:
    program = run_program("prod", preview=True)
    assert len(program.engine.of(SERVICE)) == len(run_program("prod").engine.of(SERVICE))


def test_no_admin_port_is_open_to_the_internet(prod: Program) -> None:
    (firewall,) = prod.engine.of(FIREWALL).values()
    open_to_all = {
        rule["portRange"] for rule in firewall.inputs["inboundRules"] if "0.0.0.0/0" in rule["sourceAddresses"]
    }
    assert open_to_all == {"80", "443"}


def test_join_tokens_are_neither_in_commands_nor_in_user_data(prod: Program) -> None:
    program = run_program("prod", workerCount=2, managerCount=3)
    joins = [item for item in program.engine.resources if item.name.endswith("-join")]
    assert len(joins) == 4
    for join in joins:
        assert "stdout-" not in text(plain(join.inputs["create"]))
        assert is_secret(join.inputs["stdin"])
    assert "token" not in text(plain([item.inputs.get("userData") for item in prod.engine.resources]))


def test_a_schema_id_frames_events_for_writer_converter_and_viewer_alike() -> None:
    def env(service: str, **changes: Any) -> dict[str, str]:
        found = run_program("dev", **changes).engine.of(SERVICE)[service]
        return dict(found.inputs["taskSpec"]["containerSpec"]["env"])

    assert env("collector")["COLLECTOR_CONFLUENT_SCHEMA_ID"] == ""
    assert "AVRO_TO_JSON_FRAMING" not in env("avro-to-json")
    assert env("collector", confluentSchemaId=2)["COLLECTOR_CONFLUENT_SCHEMA_ID"] == "2"
    converter = env("avro-to-json", confluentSchemaId=2, converterDelivery="at-least-once", converterKeepNulls=False)
    assert converter["AVRO_TO_JSON_FRAMING"] == "confluent"
    assert converter["AVRO_TO_JSON_SCHEMA_ID"] == "2"
    assert converter["AVRO_TO_JSON_DELIVERY"] == "at-least-once"
    assert converter["AVRO_TO_JSON_KEEP_NULLS"] == "false"
    assert env("kafka-manager", confluentSchemaId=2)["KAFKA_MANAGER_AVRO_FRAMING"] == "confluent"


def test_converters_take_turns_under_one_transactional_id() -> None:
    update = run_program("prod").engine.of(SERVICE)["avro-to-json"].inputs["updateConfig"]
    assert update["order"] == "stop-first"
