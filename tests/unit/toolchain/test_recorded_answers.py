"""The plugin shims store and read back what the real plugins were recorded to, and plan the same changes."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.swarm.durations import duration
from tests.support.recorded import Row, name_of, recorded
from toolchain.provider_shims.digitalocean.network import Firewall
from toolchain.provider_shims.docker_service import Service, as_stored, look_up
from toolchain.provider_shims.durations import go_duration, parse_duration, short_duration
from toolchain.provider_shims.service_spec import from_engine, to_engine

CLEAN: dict[str, Any] = {
    "name": "web",
    "taskSpec": {
        "containerSpec": {
            "image": "registry.example.com/web@sha256:0",
            "env": {"A": "1", "B": "2"},
            "stopGracePeriod": "30s",
            "healthcheck": {"tests": ["CMD", "true"], "interval": "5s", "startPeriod": "1m"},
            "mounts": [{"type": "volume", "source": "v", "target": "/v"}],
            "secrets": [{"secretId": "s1", "secretName": "s", "fileName": "/run/secrets/s", "fileMode": 0o444}],
        },
        "networksAdvanceds": [{"id": "n1", "aliases": ["web"]}],
        "restartPolicy": {"condition": "any", "delay": "3s", "window": "0s"},
        "placement": {"constraints": []},
    },
    "updateConfig": {"order": "stop-first", "monitor": "5s"},
    "rollbackConfig": {"order": "stop-first"},
    "endpointSpec": {"mode": "dnsrr", "ports": [{"targetPort": 80, "publishedPort": 80, "publishMode": "host"}]},
}
"""A service that the real plugin leaves alone in the next preview."""


def with_input(path: str, value: Any) -> dict[str, Any]:
    """The clean service with one input set; None leaves it out."""
    inputs = copy.deepcopy(CLEAN)
    *parents, name = path.split(".")
    target = look_up(inputs, ".".join(parents)) if parents else inputs
    target.pop(name, None)
    if value is not None:
        target[name] = value
    return inputs


def as_engine(specification: dict[str, Any], *, registry: bool = True) -> dict[str, Any]:
    """What the engine answers: zeros that it leaves out, and the platforms that go with an image of a registry."""
    answer = copy.deepcopy(specification)
    for rollout in ("UpdateConfig", "RollbackConfig"):
        answer[rollout] = {key: value for key, value in answer[rollout].items() if value}
    task = answer["TaskTemplate"]
    check = task["ContainerSpec"]["Healthcheck"]
    task["ContainerSpec"]["Healthcheck"] = {key: value for key, value in check.items() if value}
    task["Placement"].pop("Constraints", None)
    if registry:
        task["Placement"]["Platforms"] = [{"Architecture": "amd64", "OS": "linux"}]
    return answer


def changed(state: dict[str, Any], inputs: dict[str, Any]) -> list[str]:
    """Paths that a preview shows."""
    return [change.path for change in Service.rules.changes(state, inputs)]


def test_a_service_in_the_providers_own_notation_is_left_alone() -> None:
    state = as_stored(from_engine(as_engine(to_engine(CLEAN))), CLEAN)
    assert changed(state, CLEAN) == []


@pytest.mark.parametrize("row", recorded("service"), ids=name_of)
def test_an_input_of_a_service_is_stored_and_planned_as_recorded(row: Row) -> None:
    inputs = with_input(row["input"], row["given"])
    refreshed = from_engine(as_engine(to_engine(inputs)))
    stored = as_stored(copy.deepcopy(refreshed), inputs)
    assert look_up(stored, row["input"]) == row["stored"]
    assert look_up(refreshed, row["input"]) == row["refreshed"]
    # The platforms of the image are a difference after every refresh, and here only their own row is about them.
    state = refreshed if row["stored"] != row["refreshed"] else stored
    assert changed(state, inputs) == ([row["input"]] if row["change"] else [])


def test_an_empty_map_is_an_update_and_not_a_replacement() -> None:
    inputs = with_input("taskSpec.containerSpec.sysctl", {})
    (change,) = Service.rules.changes(from_engine(as_engine(to_engine(inputs), registry=False)), inputs)
    assert not change.replaces


def test_an_empty_map_is_stored_by_an_update() -> None:
    inputs = with_input("taskSpec.containerSpec.sysctl", {})
    state = as_stored(from_engine(as_engine(to_engine(inputs))), inputs, updated=True)
    assert changed(state, inputs) == []


def test_the_environment_is_written_in_any_order() -> None:
    inputs = with_input("taskSpec.containerSpec.env", {str(number): "x" for number in range(20)})
    orders = {tuple(to_engine(inputs)["TaskTemplate"]["ContainerSpec"]["Env"]) for _ in range(20)}
    assert len(orders) > 1
    assert len({tuple(sorted(order)) for order in orders}) == 1


def test_a_refresh_keeps_the_notation_of_the_program() -> None:
    inputs = with_input("taskSpec.containerSpec.stopGracePeriod", "60s")
    live = from_engine(as_engine(to_engine(inputs), registry=False))
    assert Service.rules.carry_over(inputs, as_stored(copy.deepcopy(live), inputs), live) == inputs


@pytest.mark.parametrize("row", recorded("durations"), ids=name_of)
def test_durations_are_written_as_recorded(row: Row) -> None:
    assert go_duration(row["nanoseconds"]) == row["go"]
    assert short_duration(row["nanoseconds"]) == row["provider"]


@given(st.integers(min_value=0, max_value=10**15))
def test_a_duration_that_is_written_reads_as_the_same_time(nanoseconds: int) -> None:
    # A float holds what the fraction of a second needs here, to a nanosecond.
    assert abs(parse_duration(go_duration(nanoseconds)) - nanoseconds) <= 1
    assert parse_duration(short_duration(nanoseconds)) == parse_duration(go_duration(nanoseconds))


@given(st.integers(min_value=0, max_value=10**7))
def test_the_program_writes_durations_as_the_provider_reads_them_back(seconds: int) -> None:
    assert duration(seconds) == short_duration(seconds * 10**9)


def test_a_negative_duration_is_refused() -> None:
    with pytest.raises(ValueError, match="-1 seconds given"):
        duration(-1)


@pytest.mark.parametrize("row", recorded("firewall"), ids=name_of)
def test_the_ports_of_a_firewall_are_stored_and_planned_as_recorded(row: Row) -> None:
    ports = {"portRange": row["given"]} if row["given"] else {}
    inputs = {
        "name": "stack",
        "tags": ["stack"],
        "outboundRules": [{"protocol": row["protocol"], **ports, "destinationAddresses": ["0.0.0.0/0"]}],
    }
    every = row["protocol"] == "icmp" or row["given"] in ("all", "1-65535")
    answer = {
        "name": "stack",
        "tags": ["stack"],
        "droplet_ids": [],
        "status": "succeeded",
        "created_at": "2026-11-27T00:00:00Z",
        "inbound_rules": [],
        "outbound_rules": [
            {
                "protocol": row["protocol"],
                "ports": "0" if every else row["given"],
                "destinations": {"addresses": ["0.0.0.0/0"]},
            }
        ],
    }
    stored, refreshed = Firewall._stored(answer, inputs), Firewall._outputs(answer)
    assert stored["outboundRules"][0].get("portRange") == row["stored"]
    assert refreshed["outboundRules"][0].get("portRange") == row["refreshed"]
    assert Firewall.rules.changes(Firewall._readable(stored), inputs) == []
    planned = Firewall.rules.changes(Firewall._readable(refreshed), inputs)
    assert [change.path for change in planned] == (["outboundRules[0].portRange"] if row["change"] else [])
