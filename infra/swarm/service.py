"""Creates the swarm service for a ServiceSpec and waits until its tasks are healthy."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pulumi
import pulumi_docker as docker

from infra.resources.docker.client import REVISION_LABEL
from infra.resources.docker.rollout import Rollout, RolloutArgs
from infra.resources.docker.service_ready import ServiceReady, ServiceReadyArgs
from infra.swarm.durations import duration
from infra.swarm.spec import MIB, NAMESPACE_LABEL, ServiceSpec

MONITOR = duration(5)
"""How long swarm monitors a new task before the update counts as successful."""

TMP, TMP_MIB = "/tmp", 64  # noqa: S108  # a mount of its own
"""Counts towards the service's memory limit as far as it is used."""

STOP_MARGIN = 10
"""Seconds added to the time that the process takes to stop.

When a service is deleted, the Docker provider waits no longer than the stop grace period for its containers to
disappear. Without a margin for the engine's own work, deletion would fail if a process uses all of its time.
"""


@dataclass(frozen=True, kw_only=True)
class SecretRef:
    """A secret of the swarm, by id and by the random name that Pulumi gave it."""

    id: pulumi.Output[str]
    name: pulumi.Output[str]


@dataclass(frozen=True, kw_only=True)
class ServiceContext:
    """What every service of a stack shares."""

    stack: str
    docker_host: pulumi.Input[str]
    options: pulumi.ResourceOptions
    """Options for resources on the swarm."""

    network_ids: Sequence[pulumi.Input[str]]
    image: pulumi.Input[str]
    secrets: Mapping[str, SecretRef]
    volumes: Mapping[str, pulumi.Input[str]]
    volume_folders: Mapping[str, str] = field(default_factory=dict)
    """Folder on the host that holds a volume, if the engine does not choose it."""

    own_image: bool = True
    """Whether the image is ours. Of another one, given in the configuration, neither its user nor where it writes is
    known: its root stays writable, and its secrets readable for every user in it."""

    node_ids: pulumi.Output[list[str]] | None = None
    """IDs of the nodes, if nodes can be added and removed."""

    constraints: tuple[str, ...] = ()
    """Which nodes the service may run on."""

    rebalance: bool = False
    """Whether to redistribute tasks when the number of nodes changes. By itself, swarm leaves a new node idle."""


class SwarmService(pulumi.ComponentResource):
    """A service and its readiness. Resources that depend on this component wait for healthy tasks."""

    def __init__(
        self,
        spec: ServiceSpec,
        context: ServiceContext,
        *,
        depends_on: Sequence[pulumi.Resource] = (),
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Declare the service. `depends_on` must be ready before its tasks start."""
        super().__init__("clickstream:swarm:Service", spec.name, None, opts)
        child = pulumi.ResourceOptions.merge(context.options, pulumi.ResourceOptions(parent=self))
        task_spec = _task_spec(spec, context)
        revision = pulumi.Output.json_dumps(task_spec, sort_keys=True).apply(
            lambda text: hashlib.sha256(f"{text}{spec!r}".encode()).hexdigest()[:16]
        )
        full_name = f"{context.stack}-{spec.name}"
        rollout = Rollout(
            spec.name, RolloutArgs(service=full_name, revision=revision), pulumi.ResourceOptions(parent=self)
        )
        self.service = docker.Service(
            spec.name,
            name=full_name,
            task_spec=task_spec,
            mode={"replicated": {"replicas": spec.replicas}},
            endpoint_spec={
                # DNS round robin, since virtual IPs drop idle connections and need IPVS in the kernel.
                "mode": "dnsrr",
                "ports": [
                    {
                        "target_port": port.target,
                        "published_port": port.published,
                        "protocol": "tcp",
                        "publish_mode": "host",
                    }
                    for port in spec.ports
                ],
            },
            labels=[
                {"label": NAMESPACE_LABEL, "value": context.stack},
                {"label": REVISION_LABEL, "value": revision},
            ],
            update_config=_update_config(spec),
            rollback_config={"order": spec.update_order, "parallelism": 1, "monitor": MONITOR},
            opts=pulumi.ResourceOptions.merge(
                child,
                pulumi.ResourceOptions(
                    depends_on=list(depends_on),
                    # The service has a fixed name, so it must be deleted before its replacement is created.
                    delete_before_replace=True,
                    # The provider adds the platforms of a registry image, and a refresh would report them as a change.
                    ignore_changes=["taskSpec.placement.platforms"],
                ),
            ),
        )
        self.ready = ServiceReady(
            spec.name,
            ServiceReadyArgs(
                docker_host=context.docker_host,
                service_id=self.service.id,
                service=self.service.name,
                revision=revision,
                rollout=rollout.number,
                replicas=spec.replicas,
                timeout=spec.ready_timeout,
                members=context.node_ids,
            ),
            pulumi.ResourceOptions(parent=self, depends_on=[self.service]),
        )
        self.register_outputs({"service": self.service.name, "revision": revision})


def _update_config(spec: ServiceSpec) -> Any:
    return {
        "order": spec.update_order,
        "parallelism": 1,
        "delay": duration(0),
        "failure_action": "rollback",
        # Counted from when the new task is healthy, so it need not cover the start.
        "monitor": MONITOR,
        "max_failure_ratio": "0.0",
    }


def _task_spec(spec: ServiceSpec, context: ServiceContext) -> Any:
    """Exactly what the provider reads back; otherwise every preview would show a change.

    So durations use its notation, empty maps are omitted, and a window of zero is explicit.
    """
    check = spec.healthcheck
    return {
        "container_spec": {
            "image": context.image,
            "args": list(spec.args),
            **({"env": dict(spec.env)} if spec.env else {}),
            "hostname": spec.hostname,
            # An init process reaps children and forwards signals, whatever the image's entry point does.
            "init": True,
            # The safe default for every service: all run without root and on ports above 1024.
            "cap_drops": ["ALL"],
            **({"read_only": True} if context.own_image else {}),
            "stop_grace_period": duration(spec.stop_grace_period + STOP_MARGIN),
            "healthcheck": {
                "tests": list(check.command),
                "interval": duration(check.interval),
                "timeout": duration(check.timeout),
                "retries": check.retries,
                "start_period": duration(check.start_period),
            },
            "mounts": [
                {
                    "type": "volume",
                    "source": context.volumes[mount.volume],
                    "target": mount.path,
                    **_kept_in(context.volume_folders.get(mount.volume)),
                }
                for mount in spec.volumes
            ]
            + _scratch(spec),
            "secrets": [
                {
                    "secret_id": context.secrets[secret].id,
                    "secret_name": context.secrets[secret].name,
                    "file_name": f"/run/secrets/{file_name}",
                    # The file exists only in the task's memory.
                    **_readable_by(spec.source.uid if context.own_image else None),
                }
                for file_name, secret in spec.secrets.items()
            ],
        },
        "networks_advanceds": [{"id": network, "aliases": [spec.name]} for network in context.network_ids],
        "resources": {
            "limits": {
                "memory_bytes": spec.memory * MIB,
                **({"nano_cpus": int(spec.cpus * 1_000_000_000)} if spec.cpus else {}),
            },
        },
        "restart_policy": {"condition": "any", "delay": duration(3), "window": duration(0)},
        "log_driver": {"name": "json-file", "options": {"max-size": "10m", "max-file": "3"}},
        "placement": {"constraints": list(context.constraints)},
        **({"force_update": context.node_ids.apply(len)} if context.rebalance and context.node_ids is not None else {}),
    }


def _readable_by(uid: int | None) -> Any:
    """Owner and mode of a secret's file: for this user alone, or for everybody."""
    if uid is None:
        return {"file_mode": 0o444}
    return {"file_uid": str(uid), "file_gid": str(uid), "file_mode": 0o400}


def _scratch(spec: ServiceSpec) -> Any:
    """Mounts that go with the task: volumes without a name, with the content and owner of the image's folder."""
    mounts: list[Any] = [{"type": "volume", "target": folder} for folder in spec.scratch]
    if TMP not in spec.scratch:
        mounts.append({"type": "tmpfs", "target": TMP, "tmpfs_options": {"size_bytes": TMP_MIB * MIB}})
    return mounts


def _kept_in(folder: str | None) -> Any:
    """A bind-backed volume on the device. Unlike a bind mount, a volume takes the owner of the image's folder."""
    if folder is None:
        return {}
    options = {"type": "none", "o": "bind", "device": folder}
    return {"volume_options": {"driver_name": "local", "driver_options": options}}
