"""A mock of the Pulumi engine that records what the program registers."""

import asyncio
import base64
import json
import runpy
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pulumi

from infra.config.credentials import SECRET_KEYS
from infra.paths import ROOT
from tests.support.stack_config import raw_config

SECRET_SIGNATURE = "4dabf18193072939515e22adb298388d"  # marks a secret on the wire, is none itself

SERVICE = "docker:index/service:Service"
SECRET = "docker:index/secret:Secret"
VOLUME = "docker:index/volume:Volume"
NETWORK = "docker:index/network:Network"
IMAGE = "docker-build:index:Image"
PASSWORD = "random:index/randomPassword:RandomPassword"
DROPLET = "digitalocean:index/droplet:Droplet"
FIREWALL = "digitalocean:index/firewall:Firewall"
DO_VOLUME = "digitalocean:index/volume:Volume"
CREDENTIALS = "digitalocean:index/containerRegistryDockerCredentials:ContainerRegistryDockerCredentials"
REMOTE_COMMAND = "command:remote:Command"
CLUSTER = "pulumi-python:dynamic/hosts:SwarmCluster"
NODE = "pulumi-python:dynamic/hosts:SwarmNode"
SERVICE_READY = "pulumi-python:dynamic/swarm:ServiceReady"
ROW_RULE = "pulumi-python:dynamic/superset:RowRule"
DATA_VOLUME = "pulumi-python:dynamic/hosts:DataVolume"
DOCKER_PROVIDER = "pulumi:providers:docker"
LOGIN = base64.b64encode(b"puller:generated-registry").decode()


@dataclass
class Recorded:
    """One registration: type token, name and inputs as they go to the provider."""

    type: str
    name: str
    inputs: dict[str, Any]


@dataclass
class Engine(pulumi.runtime.Mocks):
    """Answers every registration with its inputs and what a provider would add."""

    resources: list[Recorded] = field(default_factory=list)

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        """Record, and answer as the provider would."""
        self.resources.append(Recorded(args.typ, args.name, dict(args.inputs)))
        outputs = dict(args.inputs)
        added: dict[str, dict[str, Any]] = {
            PASSWORD: {"result": f"generated-{args.name}"},
            SECRET: {"name": f"{args.name}-1a2b3c4"},
            IMAGE: {"ref": f"{(outputs.get('tags') or [''])[0]}@sha256:{'0' * 64}", "digest": f"sha256:{'0' * 64}"},
            DROPLET: {
                "ipv4Address": "203.0.113.10",
                "ipv4AddressPrivate": "10.116.0.2",
                "status": "active",
                "dropletUrn": f"do:droplet:{args.name}",
            },
            DO_VOLUME: {"volumeUrn": f"do:volume:{args.name}"},
            "digitalocean:index/reservedIp:ReservedIp": {
                "ipAddress": "203.0.113.99",
                "reservedIpUrn": "do:reservedip:203.0.113.99",
            },
            CREDENTIALS: {"dockerCredentials": json.dumps({"auths": {"registry": {"auth": LOGIN}}})},
            CLUSTER: {"cluster_id": "cluster"},
            NODE: {"node_id": f"{args.name}-node"},
            "tls:index/privateKey:PrivateKey": {
                "privateKeyOpenssh": f"private-{args.name}",
                "publicKeyOpenssh": f"ssh-ed25519 {args.name}",
            },
            "digitalocean:index/sshKey:SshKey": {"fingerprint": "aa:bb"},
        }
        identity = "4711" if args.typ == DROPLET else f"{args.name}-id"
        return identity, outputs | added.get(args.typ, {})

    def call(self, args: pulumi.runtime.MockCallArgs) -> tuple[dict[Any, Any], list[tuple[str, str]] | None]:
        """No data source is expected: one that is asked for is a surprise worth failing on."""
        message = f"unexpected call of {args.token}"
        raise AssertionError(message)

    def of(self, kind: str) -> dict[str, Recorded]:
        """Registrations of a type, by name."""
        return {item.name: item for item in self.resources if item.type == kind}


@dataclass
class Program:
    """What running the program registered: the recording, and every URN."""

    engine: Engine
    urns: list[str]


def run_program(stack: str, *, preview: bool = False, secret: Sequence[str] = (), **changes: Any) -> Program:
    """Run __main__.py under mocks with the committed configuration of the stack, and wait for everything.

    `secret`: keys that are set as secrets, besides those that always are.
    """
    # Pulumi takes the thread's loop, and an asyncio.run of a test before this one leaves none.
    asyncio.set_event_loop(asyncio.new_event_loop())
    engine = Engine()
    monitor = pulumi.runtime.mocks.MockMonitor(engine)
    pulumi.runtime.set_mocks(engine, project="clickstream", stack=stack, preview=preview, monitor=monitor)
    config = {f"clickstream:{key}": value for key, value in raw_config(stack, **changes).items() if value is not None}
    pulumi.runtime.set_all_config(config, secret_keys=[*SECRET_KEYS, *(f"clickstream:{key}" for key in secret)])

    @pulumi.runtime.test  # type: ignore[misc]  # not typed upstream
    def execute() -> None:
        runpy.run_path(str(ROOT / "__main__.py"), run_name="__main__")

    execute()
    return Program(engine, sorted(monitor.resources))


def is_secret(value: Any) -> bool:
    """Whether the value was sent marked as a secret."""
    return isinstance(value, dict) and SECRET_SIGNATURE in value


def plain(value: Any) -> Any:
    """The value without secret marks, at any depth."""
    if is_secret(value):
        return plain(value["value"])
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value


def text(value: Any) -> str:
    """For searching."""
    return json.dumps(value, default=str)
