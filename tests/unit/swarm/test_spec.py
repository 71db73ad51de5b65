"""A ServiceSpec refuses what swarm would fail on, and decides how a service is updated."""

import dataclasses

import pytest

from infra.images.source import ImageSource
from infra.swarm.spec import CONTROL, HealthCheck, PublishedPort, ServiceSpec, VolumeMount

SOURCE = ImageSource(name="web", mebibytes=1)
CHECK = HealthCheck.http(8000, "/healthz")


def spec(**changes: object) -> ServiceSpec:
    given: dict[str, object] = {"name": "web", "source": SOURCE, "memory": 64, "healthcheck": CHECK}
    return ServiceSpec(**(given | changes))  # type: ignore[arg-type]


def test_a_stateless_service_starts_the_new_task_first() -> None:
    assert spec().update_order == "start-first"


@pytest.mark.parametrize(
    "changes",
    [
        {"volumes": (VolumeMount(volume="data", path="/data"),), "placement": CONTROL},
        {"ports": (PublishedPort(published=80, target=8000),)},
        {"exclusive": True},
    ],
)
def test_what_has_room_for_one_task_stops_the_old_one_first(changes: dict[str, object]) -> None:
    assert spec(**changes).update_order == "stop-first"


def test_replicas_cannot_share_a_volume() -> None:
    with pytest.raises(ValueError, match="web: 2 replicas cannot share the volume data"):
        spec(volumes=(VolumeMount(volume="data", path="/data"),), replicas=2)


def test_replicas_that_keep_themselves_apart_may_share_one() -> None:
    shared = spec(volumes=(VolumeMount(volume="spool", path="/spool", shared=True, durable=False),), replicas=2)
    assert shared.update_order == "start-first"


def test_a_durable_volume_needs_a_placement_with_a_block_device() -> None:
    data = VolumeMount(volume="data", path="/data")
    with pytest.raises(ValueError, match="web: the volume data is durable, and placement work has no block device"):
        spec(volumes=(data,))
    assert spec(volumes=(data,), placement=CONTROL).durable_volumes == ("data",)
    assert spec(volumes=(VolumeMount(volume="cache", path="/cache", durable=False),)).durable_volumes == ()


def test_a_limit_that_nothing_starts_in_is_refused() -> None:
    with pytest.raises(ValueError, match="8 MiB is too small"):
        spec(memory=8)


def test_a_spec_cannot_be_changed_afterwards() -> None:
    frozen = spec(env={"A": "1"})
    with pytest.raises(dataclasses.FrozenInstanceError):
        frozen.memory = 128  # type: ignore[misc]
    with pytest.raises(TypeError):
        frozen.env["A"] = "2"  # type: ignore[index]
