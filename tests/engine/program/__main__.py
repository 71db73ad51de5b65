"""One service of the platform's own kind, whose script a test chooses."""

from typing import Any

import pulumi
import pulumi_docker as docker

from infra.images.source import ImageSource
from infra.resources.docker.local_swarm import LocalSwarm, LocalSwarmArgs
from infra.swarm.network import zone_network
from infra.swarm.secrets import GeneratedSecret
from infra.swarm.service import ServiceContext, SwarmService
from infra.swarm.spec import CONTROL, HealthCheck, ServiceSpec, VolumeMount
from infra.swarm.zones import Zone
from toolchain.engine import BASE_IMAGE

config = pulumi.Config()


def former_notation(args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult | None:
    """What earlier versions wrote, and the provider reads back otherwise."""
    if args.type_ != "docker:index/service:Service":
        return None
    task: Any = args.props["task_spec"]
    container = task["container_spec"]
    former = {
        **task,
        "container_spec": {
            **container,
            "healthcheck": {**container["healthcheck"], "start_period": "60s"},
            "sysctl": {},
        },
        "restart_policy": {key: value for key, value in task["restart_policy"].items() if key != "window"},
    }
    return pulumi.ResourceTransformationResult({**args.props, "task_spec": former}, args.opts)


if config.get_bool("former"):
    pulumi.runtime.register_stack_transformation(former_notation)
name = f"{pulumi.get_project()}-{pulumi.get_stack()}"
swarm = LocalSwarm("swarm", LocalSwarmArgs(docker_host=""))
provider = docker.Provider("docker")
placed = pulumi.ResourceOptions(provider=provider, depends_on=[swarm])
secret = GeneratedSecret(
    "password", name, pulumi.ResourceOptions(provider=provider), pulumi.ResourceOptions(depends_on=[swarm])
)
volume = docker.Volume("data", name=f"{name}-data", opts=placed)
context = ServiceContext(
    stack=name,
    docker_host="",
    options=pulumi.ResourceOptions(provider=provider),
    network_ids=[
        zone_network(name, Zone(name=zone, members=("web",), internal=zone != "public"), placed).id
        for zone in ("inside", "public")
    ],
    image=BASE_IMAGE,
    secrets={"password": secret.ref},
    volumes={"data": volume.name},
    # On a target whose nodes come and go these are their ids.
    node_ids=pulumi.Output.from_input(config.require("nodes").split()),
)
spec = ServiceSpec(
    name="web",
    source=ImageSource(name="base", mebibytes=0, uid=0),
    args=("bash", "-c", config.require("script")),
    memory=64,
    secrets={"password": "password"},
    volumes=(VolumeMount(volume="data", path="/data"),) if config.get_bool("volume") else (),
    healthcheck=HealthCheck(command=("CMD", "test", "-e", "/tmp/ready"), interval=1, retries=3, start_period=60),  # noqa: S108
    stop_grace_period=2,
    placement=CONTROL,
    ready_timeout=60,
)
SwarmService(spec, context)
pulumi.export("password", secret.password)
