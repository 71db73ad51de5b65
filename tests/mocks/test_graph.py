"""The resource graph: what is there under which name, and what it must never contain."""

import asyncio
import base64
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pulumi
import pytest

from infra.platform.druid import druid_specs
from infra.platform.postgres import postgres_spec
from services.superset.clickstream_superset.roles import of_site
from tests.mocks.engine import (
    IMAGE,
    PASSWORD,
    ROW_RULE,
    SECRET,
    SERVICE,
    VOLUME,
    Program,
    is_secret,
    plain,
    run_program,
    text,
)
from toolchain.provider_shims.docker_service import Service
from toolchain.provider_shims.service_spec import from_engine, to_engine

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
        assert task["logDriver"]["options"]["max-size"], f"{name} keeps its logs forever"
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
    # It may write anywhere in its root, as its own user.
    assert {**after, "image": "", "readOnly": True} == {**before, "image": ""}


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


def test_the_home_dashboard_is_one_of_the_bundle_or_none() -> None:
    with pytest.raises(pulumi.RunError, match=r"clickstream:homeDashboard: 'none' given; superset_assets/ has "):
        run_program("dev", homeDashboard="none")
    run_program("dev", homeDashboard="")


def test_a_preview_with_everything_unknown_runs_through() -> None:
    program = run_program("prod", preview=True)
    assert len(program.engine.of(SERVICE)) == len(run_program("prod").engine.of(SERVICE))


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


@pytest.mark.parametrize(
    ("hours", "minutes"),
    [
        ({}, (720 + 168 + 24) * 60),
        ({"topicRetentionHours": 2000, "deadLetterRetentionHours": 24}, (2000 + 168 + 24) * 60),
        ({"topicRetentionHours": 10**9}, 2**31 - 1),
    ],
)
def test_positions_outlive_the_records_of_every_topic(hours: dict[str, Any], minutes: int) -> None:
    kafka = run_program("dev", **hours).engine.of(SERVICE)["kafka"]
    assert kafka.inputs["taskSpec"]["containerSpec"]["env"]["KAFKA_OFFSETS_RETENTION_MINUTES"] == str(minutes)


def test_converters_take_turns_under_one_transactional_id() -> None:
    update = run_program("prod").engine.of(SERVICE)["avro-to-json"].inputs["updateConfig"]
    assert update["order"] == "stop-first"


def test_a_secret_of_the_configuration_reaches_containers_as_a_docker_secret() -> None:
    engine = run_program("prod", ipstackAccessKey="a1b2c3d4").engine
    assert is_secret(engine.of(SECRET)["ipstack-access-key"].inputs["data"])
    container = engine.of(SERVICE)["website"].inputs["taskSpec"]["containerSpec"]
    assert container["env"]["IPSTACK_ACCESS_KEY_FILE"] == "/run/secrets/ipstack-access-key"
    assert [item["fileName"] for item in container["secrets"]] == ["/run/secrets/ipstack-access-key"]
    assert "a1b2c3d4" not in text([item.inputs for item in engine.resources if item.type != SECRET])


OWN_KEY = "given-by-hand-" + "k" * 32
KEYED_SITES = [
    {"name": "shop", "hosts": ["shop.example"], "writeKeys": ["backend", {"name": "app", "key": OWN_KEY}]},
    {"name": "blog", "hosts": ["blog.example"], "writeKeys": ["backend"]},
    {"name": "open", "hosts": ["open.example"]},
]


def test_write_keys_reach_the_collector_as_a_docker_secret_and_nothing_else() -> None:
    engine = run_program("dev", secret=("sites",), sites=KEYED_SITES).engine
    data = engine.of(SECRET)["write-keys"].inputs["data"]
    assert is_secret(data)
    assert json.loads(base64.b64decode(plain(data))) == {
        "shop": ["generated-write-key.shop.backend", OWN_KEY],
        "blog": ["generated-write-key.blog.backend"],
    }
    container = engine.of(SERVICE)["collector"].inputs["taskSpec"]["containerSpec"]
    assert container["env"]["COLLECTOR_WRITE_KEYS_FILE"] == "/run/secrets/write-keys"
    assert [item["fileName"] for item in container["secrets"]] == ["/run/secrets/write-keys"]
    others = text(plain([item.inputs for item in engine.resources if item.type != SECRET]))
    assert OWN_KEY not in others
    assert "generated-write-key" not in others


def test_a_preview_knows_which_keys_there_will_be() -> None:
    engine = run_program("dev", preview=True, secret=("sites",), sites=KEYED_SITES).engine
    assert {name for name in engine.of(PASSWORD) if name.startswith("write-key")} == {
        "write-key.shop.backend", "write-key.blog.backend",
    }  # fmt: skip


def test_without_write_keys_there_is_no_secret_for_them(dev: Program) -> None:
    assert "write-keys" not in dev.engine.of(SECRET)
    container = dev.engine.of(SERVICE)["collector"].inputs["taskSpec"]["containerSpec"]
    assert container["env"]["COLLECTOR_WRITE_KEYS_FILE"] == ""


def test_write_keys_are_secret_outputs(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, Any] = {}
    tasks: list[asyncio.Future[bool]] = []

    def export(name: str, value: Any) -> None:
        if name == "writeKeys":
            tasks.append(asyncio.ensure_future(value.is_secret()))
            value.apply(lambda keys: seen.update(keys=keys))
        elif name == "sites":
            seen["sites"] = value

    monkeypatch.setattr(pulumi, "export", export)
    run_program("dev", secret=("sites",), sites=KEYED_SITES)
    assert [task.result() for task in tasks] == [True]
    assert seen["keys"]["shop"] == {"backend": "generated-write-key.shop.backend", "app": OWN_KEY}
    assert "writeKeys" not in text(seen["sites"])


def test_a_write_key_in_plain_text_is_refused_and_not_printed() -> None:
    with pytest.raises(pulumi.RunError) as caught:
        run_program("dev", sites=KEYED_SITES)
    path = "clickstream:sites[0].writeKeys[1].key"
    assert f"{path}: given in plain text; set it with `pulumi config set --secret --path '{path}'`" in str(caught.value)
    assert OWN_KEY not in str(caught.value)


def test_each_site_with_a_viewer_has_a_rule_and_each_viewer_a_login() -> None:
    names = {"shop": "ann", "blog": "ann", "docs": "ben", "wiki": ""}
    sites = [{"name": name, "hosts": [f"{name}.example"], "viewer": viewer} for name, viewer in names.items()]
    engine = run_program("dev", sites=sites).engine
    rules = {plain(rule.inputs)["clause"]: plain(rule.inputs) for rule in engine.of(ROW_RULE).values()}
    assert set(rules) == {"site = 'shop'", "site = 'blog'", "site = 'docs'"}
    for site in ("shop", "blog", "docs"):
        rule = rules[f"site = '{site}'"]
        assert rule["role"] == rule["rule"] == of_site(site)
        assert len(rule["datasets"]) == 4, "those that have the column"
    container = engine.of(SERVICE)["superset"].inputs["taskSpec"]["containerSpec"]
    accounts = json.loads(container["env"]["SUPERSET_SITE_VIEWERS"])
    assert {item["username"]: item["sites"] for item in accounts} == {"ann": ["shop", "blog"], "ben": ["docs"]}
    files = {item["fileName"] for item in container["secrets"]}
    assert files >= {item["password_file"] for item in accounts}
    assert {"superset-site-viewer-ann", "superset-site-viewer-ben"} <= engine.of(PASSWORD).keys()


def test_without_site_viewers_superset_gets_none(dev: Program) -> None:
    assert not dev.engine.of(ROW_RULE)
    assert "SUPERSET_SITE_VIEWERS" not in dev.engine.of(SERVICE)["superset"].inputs["taskSpec"]["containerSpec"]["env"]


@pytest.mark.parametrize("stack", ["dev", "prod", "ha"])
def test_services_are_written_as_the_docker_provider_reads_them_back(
    stack: str, request: pytest.FixtureRequest
) -> None:
    """Or every preview would show a change, and every update would restart them."""
    program: Program = request.getfixturevalue(stack)
    for name, service in program.engine.of(SERVICE).items():
        inputs = plain(service.inputs)
        assert list(Service.rules.changes(from_engine(to_engine(inputs)), inputs)) == [], name


def test_a_service_that_is_planned_or_run_alone_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The plan has room for what runs, and for nothing else."""
    notes = replace(postgres_spec(), name="notes")
    monkeypatch.setattr("infra.services.postgres_spec", lambda: notes)
    with pytest.raises(ValueError, match=r"service postgres is not in the swarm's plan; add it to infra/services\.py"):
        run_program("dev")
    monkeypatch.undo()
    monkeypatch.setattr("infra.services.druid_specs", lambda config: [*druid_specs(config), notes])
    with pytest.raises(ValueError, match=r"services that nothing runs: notes; run them in __main__\.py"):
        run_program("dev")


def test_the_archive_is_in_a_folder_a_bucket_or_nowhere() -> None:
    def container(**changes: Any) -> dict[str, Any]:
        found = run_program("dev", **changes).engine.of(SERVICE)["archive"]
        return dict(found.inputs["taskSpec"]["containerSpec"])

    def volumes(container: dict[str, Any]) -> list[str]:
        return [mount["target"] for mount in container["mounts"] if mount["type"] == "volume"]

    assert volumes(container()) == [container()["env"]["ARCHIVE_FOLDER"]] == ["/var/lib/archive"]
    bucket = {
        "archive": "bucket",
        "archiveBucket": "shop",
        "archiveBucketAccessKey": "id",
        "archiveBucketSecretKey": "generated-outside",
    }
    remote = container(**bucket)
    assert (remote["env"]["ARCHIVE_BUCKET"], volumes(remote)) == ("shop", [])
    assert "generated-outside" not in json.dumps(remote["env"])
    assert [secret["fileName"] for secret in remote["secrets"]] == [remote["env"]["ARCHIVE_BUCKET_SECRET_KEY_FILE"]]
    without = run_program("dev", archive="off").engine
    assert "archive" not in without.of(SERVICE)
    assert "archive" in without.of(VOLUME), "the files of an earlier folder are kept"


@pytest.mark.parametrize("stack", ["dev", "prod", "ha"])
def test_every_service_has_no_capabilities_a_read_only_root_and_secrets_for_its_own_user(
    stack: str, request: pytest.FixtureRequest
) -> None:
    program: Program = request.getfixturevalue(stack)
    for name, service in program.engine.of(SERVICE).items():
        container = service.inputs["taskSpec"]["containerSpec"]
        assert (container["capDrops"], container.get("capAdds")) == (["ALL"], None), name
        assert container["readOnly"] is True, name
        assert "/tmp" in {mount["target"] for mount in container["mounts"]}, name  # noqa: S108  # a mount of its own
        user = "999" if name == "postgres" else "10001"
        for secret in container["secrets"]:
            assert (secret["fileUid"], secret["fileMode"]) == (user, 0o400), name


@pytest.mark.parametrize("stack", ["dev", "prod", "ha"])
def test_a_network_with_a_way_out_has_the_edge_alone(stack: str, request: pytest.FixtureRequest) -> None:
    program: Program = request.getfixturevalue(stack)
    networks = program.engine.of("docker:index/network:Network")
    assert [name for name, network in networks.items() if not network.inputs.get("internal")] == ["network"]
    assert networks["network"].inputs["name"] == f"clickstream-{stack if stack == 'dev' else 'prod'}"
