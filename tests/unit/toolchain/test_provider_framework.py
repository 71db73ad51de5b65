"""The provider shims' rules: types, differences, replacements, secrets, and services in both directions."""

from types import SimpleNamespace
from typing import Any

import pytest
from pulumi.runtime.proto import provider_pb2

from toolchain.provider_shims import schema, values
from toolchain.provider_shims.diffing import Complete, Kind, Rules
from toolchain.provider_shims.docker_provider import kinds_for
from toolchain.provider_shims.docker_service import Service, docker_equal
from toolchain.provider_shims.durations import parse_duration
from toolchain.provider_shims.engine_api import CONFIGURATION, Engine
from toolchain.provider_shims.framework import ProviderServicer, plain_configuration, unique_name
from toolchain.provider_shims.kinds import Package
from toolchain.provider_shims.service_spec import INPUTS, from_engine, to_engine
from toolchain.provider_shims.supported import supported_part, unsupported_inputs
from toolchain.provider_shims.values import UNKNOWN, Secret

SERVICE = "docker:index/service:Service"


def service(**container: Any) -> dict[str, Any]:
    """Inputs of a small service."""
    return {"name": "web", "taskSpec": {"containerSpec": {"image": "nginx", **container}}}


def failures(inputs: dict[str, Any], token: str = SERVICE) -> dict[str, str]:
    """Path to reason."""
    package = f"pulumi_{token.split(':')[0]}"
    return {failure.path: failure.reason for failure in schema.resource_schema(package, token).check(inputs)}


def test_a_correct_service_has_no_failures() -> None:
    assert failures(service(env={"A": "1"}, mounts=[{"type": "volume", "target": "/data"}])) == {}


def test_an_unknown_property_is_named_with_its_path_and_the_known_ones() -> None:
    (path, reason), *rest = failures(service(commandz=["x"])).items()
    assert path == "taskSpec.containerSpec.commandz"
    assert "unknown property" in reason
    assert "commands" in reason
    assert not rest


@pytest.mark.parametrize(
    ("inputs", "path", "expected"),
    [
        (service(init="yes"), "taskSpec.containerSpec.init", "expected a boolean, got 'yes'"),
        (service(args="x"), "taskSpec.containerSpec.args", "expected a list, got 'x'"),
        (service(args=["a", 1]), "taskSpec.containerSpec.args[1]", "expected a string, got 1"),
        (service(env={"A.B": 1}), 'taskSpec.containerSpec.env["A.B"]', "expected a string, got 1"),
        (service(healthcheck=[1]), "taskSpec.containerSpec.healthcheck", "expected an object, got a list of 1"),
        (service(image=None), "taskSpec.containerSpec.image", "missing required property"),
        (
            {**service(), "mode": {"replicated": {"replicas": 1.5}}},
            "mode.replicated.replicas",
            "expected an integer, got 1.5",
        ),
    ],
)
def test_an_ill_typed_property_is_named_with_its_path(inputs: dict[str, Any], path: str, expected: str) -> None:
    assert failures(inputs) == {path: expected}


def test_a_boolean_is_no_integer() -> None:
    assert "length" in failures({"length": True}, "random:index/randomPassword:RandomPassword")


def test_unknown_and_secret_values_pass_the_type_check() -> None:
    assert failures(service(image=UNKNOWN, env=Secret({"A": Secret("1")}), args=[UNKNOWN])) == {}
    assert failures(service(env=Secret({"A": 1}))) == {
        "taskSpec.containerSpec.env.A": "expected a string, got 1",
    }


def test_a_closed_enum_is_checked_and_an_open_one_is_not() -> None:
    command = "command:local:Command"
    assert "expected one of" in failures({"logging": "loud"}, command)["logging"]
    assert failures({"image": "x", "size": "s-new-size"}, "digitalocean:index/droplet:Droplet") == {}


def test_every_digitalocean_type_of_the_sdk_has_a_schema() -> None:
    classes = schema.resource_classes("pulumi_digitalocean")
    assert len(classes) > 50
    for token in classes:
        schema.resource_schema("pulumi_digitalocean", token)


def paths(old: dict[str, Any], new: dict[str, Any], rules: Rules = Service.rules) -> dict[str, tuple[Kind, bool]]:
    """Path to kind of change and whether it replaces."""
    return {change.path: (change.kind, change.replaces) for change in rules.changes(old, new)}


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (service(env={"A": "1"}), service(env={"A": "2", "B": "3"}), {
            "taskSpec.containerSpec.env.A": (Kind.UPDATE, False),
            "taskSpec.containerSpec.env.B": (Kind.ADD, False),
        }),
        (service(args=["a", "b"]), service(args=["a"]), {"taskSpec.containerSpec.args[1]": (Kind.DELETE, False)}),
        (service(image="a"), service(image=UNKNOWN), {"taskSpec.containerSpec.image": (Kind.UPDATE, False)}),
        (service(sysctl={"a": "1"}), service(sysctl={"a": "2"}), {
            "taskSpec.containerSpec.sysctl.a": (Kind.UPDATE, True),
        }),
        (service(), service(sysctl={"a": "1"}), {"taskSpec.containerSpec.sysctl": (Kind.ADD, True)}),
    ],
)  # fmt: skip
def test_what_changes_in_place_and_what_replaces(
    old: dict[str, Any], new: dict[str, Any], expected: dict[str, tuple[Kind, bool]]
) -> None:
    assert paths(old, new) == expected


def test_replicas_change_in_place() -> None:
    one, two = ({**service(), "mode": {"replicated": {"replicas": count}}} for count in (1, 2))
    assert paths(one, two) == {"mode.replicated.replicas": (Kind.UPDATE, False)}
    assert paths(service(), two) == {"mode": (Kind.ADD, False)}
    assert paths(one, service()) == {}, "one is the default"


def test_the_name_and_any_network_setting_replace() -> None:
    def on(network: str) -> dict[str, Any]:
        inputs = service()
        inputs["taskSpec"]["networksAdvanceds"] = [{"id": network, "aliases": ["web"]}]
        return inputs

    assert paths(service(), {**service(), "name": "other"}) == {"name": (Kind.UPDATE, True)}
    assert paths(on("a"), on("b")) == {"taskSpec.networksAdvanceds[0].id": (Kind.UPDATE, True)}
    assert paths(service(), on("a")) == {"taskSpec.networksAdvanceds": (Kind.ADD, True)}


def test_the_order_of_a_set_means_nothing_and_that_of_a_list_does() -> None:
    a, b = {"type": "volume", "target": "/a"}, {"type": "volume", "target": "/b"}
    assert paths(service(mounts=[a, b]), service(mounts=[b, a])) == {}
    assert paths(service(args=["a", "b"]), service(args=["b", "a"])) != {}


def test_the_same_duration_written_differently_is_a_change_and_no_drift() -> None:
    def every(interval: str) -> dict[str, Any]:
        return service(healthcheck={"tests": ["CMD", "true"], "interval": interval})

    for other in ("1m30s", "91s"):
        assert paths(every("90s"), every(other)) == {
            "taskSpec.containerSpec.healthcheck.interval": (Kind.UPDATE, False)
        }
    assert Service.rules.carry_over(every("90s"), every("1m30s"), every("1m30s")) == every("90s")


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [("0s", 0), ("10s", 10**10), ("90s", 9 * 10**10), ("1h", 36 * 10**11), ("1500ms", 15 * 10**8), (".5s", 5 * 10**8)],
)
def test_durations_are_gos(text: str, nanoseconds: int) -> None:
    assert parse_duration(text) == nanoseconds


@pytest.mark.parametrize("text", ["10", "ten seconds", "10 s", "-"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected a duration"):
        parse_duration(text)


FULL: dict[str, Any] = {
    "name": "web",
    "labels": [{"label": "a", "value": "b"}],
    "mode": {"replicated": {"replicas": 2}},
    "taskSpec": {
        "containerSpec": {
            "image": "nginx",
            "args": ["x"],
            "env": {"A": "1", "B": "c=d"},
            "stopGracePeriod": "30s",
            "init": True,
            "sysctl": {"net.core.somaxconn": "1024"},
            "healthcheck": {"tests": ["CMD", "true"], "interval": "5s", "retries": 3},
            "mounts": [
                {
                    "type": "volume",
                    "source": "v",
                    "target": "/v",
                    "volumeOptions": {"driverName": "local", "driverOptions": {"type": "none"}},
                }
            ],
            "secrets": [{"secretId": "s1", "secretName": "s", "fileName": "/run/secrets/s", "fileMode": 0o400}],
        },
        "networksAdvanceds": [{"id": "n1", "aliases": ["web"]}],
        "resources": {"limits": {"memoryBytes": 1024, "nanoCpus": 5}},
        "restartPolicy": {"condition": "any", "delay": "3s"},
        "placement": {"constraints": ["node.role==manager"]},
        "logDriver": {"name": "json-file", "options": {"max-size": "1m"}},
    },
    "updateConfig": {"parallelism": 1, "delay": "5s", "maxFailureRatio": "0.1", "order": "stop-first"},
    "endpointSpec": {"mode": "dnsrr", "ports": [{"targetPort": 80, "publishedPort": 8080, "publishMode": "host"}]},
}


def test_a_service_goes_to_the_engine_and_comes_back_the_same() -> None:
    assert failures(FULL) == {}
    live = from_engine(to_engine(FULL))
    assert paths(FULL, Service.rules.carry_over(FULL, FULL, live)) == {}


def object_fields(path: str) -> set[str]:
    """Names that the SDK has for an object of a service."""
    fields = schema.resource_schema("pulumi_docker", SERVICE).inputs.fields
    for name in filter(None, path.split(".")):
        inner = fields[name].type
        assert isinstance(inner, schema.ObjectOf)
        fields = inner.fields
    return set(fields)


@pytest.mark.parametrize("path", ["", "taskSpec", "taskSpec.containerSpec", "taskSpec.placement", "mode"])
def test_every_property_of_a_service_reaches_the_engine_or_is_refused(path: str) -> None:
    names = list(filter(None, path.split(".")))
    given: dict[str, Any] = dict.fromkeys(object_fields(path), True)
    live = from_engine(to_engine(FULL))
    for name in names:
        live = live[name]
    for name in reversed(names):
        given = {name: given}
    refused = {failure.path.rpartition(".")[2] for failure in unsupported_inputs("docker", given, Service.inputs)}
    assert refused.isdisjoint(live)
    assert refused | set(live) == object_fields(path)


def test_files_without_an_owner_belong_to_root() -> None:
    secret = to_engine(FULL)["TaskTemplate"]["ContainerSpec"]["Secrets"][0]
    assert secret["File"] == {"Name": "/run/secrets/s", "UID": "0", "GID": "0", "Mode": 0o400}


def test_what_was_changed_by_hand_shows_in_the_inputs_after_a_read() -> None:
    engine = to_engine(FULL)
    state = from_engine(engine)
    engine["TaskTemplate"]["ContainerSpec"]["Env"].append("HAND=1")
    engine["TaskTemplate"]["ContainerSpec"]["User"] = "nobody"
    engine["Mode"]["Replicated"]["Replicas"] = 5
    del engine["TaskTemplate"]["Resources"]["Limits"]["MemoryBytes"]
    carried = Service.rules.carry_over(FULL, state, from_engine(engine))
    assert paths(FULL, carried) == {
        "mode.replicated.replicas": (Kind.UPDATE, False),
        "taskSpec.containerSpec.env.HAND": (Kind.ADD, False),
        "taskSpec.containerSpec.user": (Kind.ADD, False),
        "taskSpec.resources.limits.memoryBytes": (Kind.DELETE, False),
    }


def test_a_variable_removed_by_hand_is_missed() -> None:
    rules = Rules(equal=docker_equal)
    old = {"env": {"A": "1", "B": "2"}}
    assert rules.carry_over(old, old, {"env": Complete(A="1")}) == {"env": {"A": "1"}}


def test_what_the_engine_filled_in_is_no_drift() -> None:
    old: dict[str, Any] = {"name": "n"}
    state = {"name": "n", "driver": "bridge"}
    assert Rules().carry_over(old, state, {"name": "n", "driver": "bridge"}) == old


def test_secrets_and_unknown_values_survive_the_wire() -> None:
    properties = {"a": Secret({"b": [1, 2.5, "x", True]}), "c": UNKNOWN, "d": [Secret("e")]}
    assert values.decode(values.encode(properties)) == properties


def test_outputs_are_secret_where_the_inputs_were() -> None:
    marked = values.mark_secrets(
        {"env": {"A": "1", "P": "hidden"}, "list": ["x", "y"], "name": "n"},
        {"env": {"A": "1", "P": Secret("hidden")}, "list": [Secret("x"), "y"], "name": "n"},
    )
    assert marked == {"env": {"A": "1", "P": Secret("hidden")}, "list": Secret(["x", "y"]), "name": "n"}


def test_a_secret_does_not_print_itself() -> None:
    assert "hidden" not in repr(Secret("hidden"))


def test_names_are_the_same_for_the_same_seed_and_differ_between_resources() -> None:
    assert unique_name("a", b"seed") == unique_name("a", b"seed")
    assert unique_name("a", b"seed") != unique_name("a", b"other")
    assert unique_name("a", b"").startswith("a-")


def test_provider_configuration_that_is_no_string_comes_as_json() -> None:
    configuration = {"host": "ssh://h", "sshOpts": '["-i","k"]', "disableDockerDaemonCheck": "true", "version": "1"}
    assert plain_configuration("pulumi_docker", configuration) == {
        "host": "ssh://h",
        "sshOpts": ["-i", "k"],
        "disableDockerDaemonCheck": True,
    }


class AbortedError(Exception):
    """The call ended with an error for the user."""


def context() -> Any:
    """A call's context, as far as the shims use it; gRPC's abort raises, too."""

    def abort(_code: object, message: str) -> None:
        raise AbortedError(message)

    return SimpleNamespace(abort=abort)


def check(token: str, inputs: dict[str, Any]) -> list[str]:
    """Reasons of what the shim for docker refuses in a preview."""
    servicer = ProviderServicer(Package("docker", "pulumi_docker", lambda _: kinds_for(Engine({})), CONFIGURATION))
    servicer.Configure(provider_pb2.ConfigureRequest(), context())
    request = provider_pb2.CheckRequest(urn=f"urn:pulumi:s::p::{token}::name", news=values.encode(inputs))
    return [failure.reason for failure in servicer.Check(request, context()).failures]


def test_an_unsupported_resource_type_is_refused_with_those_that_are_supported_and_the_remedy() -> None:
    with pytest.raises(AbortedError) as refused:
        check("docker:index/serviceConfig:ServiceConfig", {})
    message = str(refused.value)
    assert "does not support the resource type docker:index/serviceConfig:ServiceConfig; supported: docker:" in message
    assert "docker:index/volume:Volume" in message
    assert "install the real plugin" in message


def test_an_unsupported_input_is_refused_with_those_that_are_supported_and_the_remedy() -> None:
    (reason,) = check(SERVICE, service(dnsConfig=Secret({"nameservers": ["192.0.2.1"]}), env={"dnsConfig": "fine"}))
    assert reason.startswith("taskSpec.containerSpec.dnsConfig: the provider shim for docker does not support")
    assert "taskSpec.containerSpec.env" in reason
    assert "install the real plugin" in reason
    (reason,) = check(
        SERVICE, service(mounts=[{"type": "bind", "target": "/a", "bindOptions": {"propagation": "shared"}}])
    )
    assert "the input taskSpec.containerSpec.mounts[0].bindOptions;" in reason
    assert check(SERVICE, FULL) == []


def test_an_unsupported_configuration_is_refused() -> None:
    servicer = ProviderServicer(Package("docker", "pulumi_docker", lambda _: {}, CONFIGURATION))
    request = provider_pb2.CheckRequest(news=values.encode({"host": "tcp://h", "certPath": "/certificates"}))
    (failure,) = servicer.CheckConfig(request, context()).failures
    assert "the input certPath; supported: host" in failure.reason


def test_what_the_real_plugin_left_in_the_state_is_no_change() -> None:
    state = {**FULL, "auth": {"username": "u"}, "mode": {"global": False, **FULL["mode"]}}
    state["taskSpec"] = {**FULL["taskSpec"], "runtime": "container"}
    assert Service.rules.changes(supported_part(state, INPUTS), FULL) == []
