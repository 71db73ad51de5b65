"""Which services share a network."""

import re
from typing import Any

import pytest

from infra.config import StackConfig
from infra.images.source import ImageSource
from infra.paths import SERVICES
from infra.services import service_specs
from infra.swarm.spec import HealthCheck, PublishedPort, ServiceSpec
from infra.swarm.zones import reachable, zones
from tests.support.services import IMAGE_SOURCES
from tests.support.stack_config import raw_config

BUCKET = {
    "archive": "bucket",
    "archiveBucket": "shop",
    "archiveBucketAccessKey": "id",
    "archiveBucketSecretKey": "secret",
}


def spec(name: str, **fields: Any) -> ServiceSpec:
    image = ImageSource(name="base", mebibytes=1)
    return ServiceSpec(name=name, source=image, memory=64, healthcheck=HealthCheck(command=("CMD", "true")), **fields)


def neighbours(stack: str, **changes: Any) -> dict[str, set[str]]:
    specs = service_specs(StackConfig.parse(stack, raw_config(stack, **changes)))
    return {found.name: set(reachable(zones(specs), found.name)) for found in specs}


def test_services_that_talk_share_a_network_and_two_that_talk_to_a_third_do_not() -> None:
    found = zones([spec("shop", talks_to=("store",)), spec("blog", talks_to=("store",)), spec("store")])
    assert [(zone.name, zone.members) for zone in found] == [
        ("blog-store", ("blog", "store")),
        ("shop-store", ("shop", "store")),
    ]
    assert reachable(found, "shop") == {"store"}


def test_a_group_has_one_network_and_a_client_reaches_all_of_it() -> None:
    log = [spec(f"log-{number}", group="log") for number in (1, 2, 3)]
    found = zones([*log, spec("reader", talks_to=("log",))])
    assert {zone.name: len(zone.members) for zone in found} == {"log": 3, "reader-log": 4}


def test_only_services_that_need_it_have_a_way_out() -> None:
    door = spec("door", ports=(PublishedPort(published=80, target=8000),), talks_to=("shop",))
    found = zones([door, spec("shop"), spec("copy", outbound=True)])
    assert {zone.name: zone.members for zone in found if not zone.internal} == {
        "copy-outside": ("copy",),
        "public": ("door",),
    }


def test_a_service_that_talks_to_nothing_known_is_refused() -> None:
    with pytest.raises(ValueError, match=r"service shop talks to shelf, which is neither .*; there are shop, store"):
        zones([spec("shop", talks_to=("shelf",)), spec("store")])


def test_each_service_of_the_platform_reaches_what_it_needs() -> None:
    """Written out, so that a further connection is a decision."""
    druid = {"broker", "coordinator", "historical", "indexer", "router", "zookeeper"}
    readers = {"archive", "avro-to-json", "collector", "kafka-manager"}
    expected: dict[str, set[str]] = {
        "edge": {"website", "collector", "superset", "router", "kafka-manager"},
        "website": {"edge"},
        "collector": {"edge", "kafka"},
        "avro-to-json": {"kafka"},
        "archive": {"kafka"},
        "kafka-manager": {"edge", "kafka"},
        "kafka": {*readers, "indexer", "coordinator"},
        "postgres": {"superset"},
        "superset": {"edge", "postgres", "router"},
        **{name: druid - {name} for name in ("broker", "historical", "zookeeper")},
        **{name: (druid - {name}) | {"kafka"} for name in ("coordinator", "indexer")},
        "router": (druid - {"router"}) | {"edge", "superset"},
    }
    assert neighbours("dev") == neighbours("prod") == expected


def test_every_broker_is_reached_by_what_talks_to_kafka_and_by_nothing_else() -> None:
    brokers = {"kafka-1", "kafka-2", "kafka-3"}
    found = neighbours("prod", preset="ha")
    for name, others in found.items():
        talks = name in {"archive", "avro-to-json", "collector", "kafka-manager", "indexer", "coordinator", *brokers}
        assert others & brokers == (brokers - {name} if talks else set()), name


def test_only_the_edge_and_an_archive_in_a_bucket_have_a_way_out() -> None:
    def ways_out(**changes: Any) -> set[str]:
        specs = service_specs(StackConfig.parse("dev", raw_config("dev", **changes)))
        return {name for zone in zones(specs) if not zone.internal for name in zone.members}

    assert ways_out() == {"edge"}
    assert ways_out(**BUCKET) == {"edge", "archive"}


@pytest.mark.parametrize("source", IMAGE_SOURCES, ids=lambda source: source.name)
def test_every_image_gives_up_privileges_and_runs_as_the_user_that_may_read_its_secrets(source: ImageSource) -> None:
    text = (SERVICES / source.folder / "Dockerfile").read_text()
    (entry,) = re.findall(r"^ENTRYPOINT (.*)$", text, re.MULTILINE)
    assert entry.startswith('["setpriv", "--no-new-privs", "--", "/') or '"--", "python"' in entry
    assert re.findall(r"useradd .*--uid (\d+) ", text) == [str(source.uid)]
    assert re.search(r"^USER (?!root)\S+$", text, re.MULTILINE)
