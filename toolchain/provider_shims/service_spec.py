"""A service's inputs as the engine's ServiceSpec, and back.

One table serves both directions, so that what is written and what is read cannot differ. Defaults and what the engine
fills in are those of the docker provider's schema.
"""

from collections.abc import Mapping
from typing import Any

from toolchain.provider_shims.service_codecs import (
    Duration,
    Environment,
    Labels,
    Many,
    Part,
    Ratio,
    Same,
    Table,
)

SAME, DURATION, RATIO, LABELS, TABLE, ENVIRONMENT = Same(), Duration(), Ratio(), Labels(), Table(), Environment()

SECRET = Part(
    {
        "secretId": ("SecretID", SAME),
        "secretName": ("SecretName", SAME),
        "fileName": ("File.Name", SAME),
        "fileUid": ("File.UID", SAME),
        "fileGid": ("File.GID", SAME),
        "fileMode": ("File.Mode", SAME),
    },
    defaults={"fileUid": "0", "fileGid": "0", "fileMode": 0o444},
)

MOUNT = Part(
    {
        "type": ("Type", SAME),
        "source": ("Source", SAME),
        "target": ("Target", SAME),
        "volumeOptions": (
            "VolumeOptions",
            Part({"driverName": ("DriverConfig.Name", SAME), "driverOptions": ("DriverConfig.Options", TABLE)}),
        ),
        "tmpfsOptions": ("TmpfsOptions", Part({"sizeBytes": ("SizeBytes", SAME)})),
    }
)

CONTAINER = Part(
    {
        "image": ("Image", SAME),
        "commands": ("Command", SAME),
        "args": ("Args", SAME),
        "hostname": ("Hostname", SAME),
        "env": ("Env", ENVIRONMENT),
        "user": ("User", SAME),
        "stopGracePeriod": ("StopGracePeriod", DURATION),
        "init": ("Init", SAME),
        "readOnly": ("ReadOnly", SAME),
        "capDrops": ("CapabilityDrop", SAME),
        "isolation": ("Isolation", SAME),
        "sysctl": ("Sysctls", TABLE),
        "mounts": ("Mounts", Many(MOUNT)),
        "secrets": ("Secrets", Many(SECRET)),
        "healthcheck": (
            "Healthcheck",
            Part(
                {
                    "tests": ("Test", SAME),
                    "interval": ("Interval", DURATION),
                    "timeout": ("Timeout", DURATION),
                    "startPeriod": ("StartPeriod", DURATION),
                    "retries": ("Retries", SAME),
                },
                defaults={"interval": "0s", "timeout": "0s", "startPeriod": "0s", "retries": 0},
                omitted=frozenset({"interval", "timeout", "startPeriod", "retries"}),
            ),
        ),
    },
    defaults={"isolation": "default"},
    # Tasks are then killed at once, and a deletion does not wait for their containers.
    written={"stopGracePeriod": "0s"},
)

TASK = Part(
    {
        "containerSpec": ("ContainerSpec", CONTAINER),
        "resources": (
            "Resources",
            Part({"limits": ("Limits", Part({"memoryBytes": ("MemoryBytes", SAME), "nanoCpus": ("NanoCPUs", SAME)}))}),
        ),
        "restartPolicy": (
            "RestartPolicy",
            Part(
                {
                    "condition": ("Condition", SAME),
                    "delay": ("Delay", DURATION),
                    "maxAttempts": ("MaxAttempts", SAME),
                    "window": ("Window", DURATION),
                },
                written={"delay": "0s", "maxAttempts": 0, "window": "0s"},
            ),
        ),
        "placement": (
            "Placement",
            Part(
                {
                    "constraints": ("Constraints", SAME),
                    "platforms": (
                        "Platforms",
                        Many(Part({"architecture": ("Architecture", SAME), "os": ("OS", SAME)})),
                    ),
                }
            ),
        ),
        "logDriver": ("LogDriver", Part({"name": ("Name", SAME), "options": ("Options", TABLE)})),
        "networksAdvanceds": (
            "Networks",
            Many(Part({"id": ("Target", SAME), "aliases": ("Aliases", SAME)})),
        ),
        "forceUpdate": ("ForceUpdate", SAME),
    }
)

ROLLOUT = Part(
    {
        "parallelism": ("Parallelism", SAME),
        "delay": ("Delay", DURATION),
        "failureAction": ("FailureAction", SAME),
        "monitor": ("Monitor", DURATION),
        "maxFailureRatio": ("MaxFailureRatio", RATIO),
        "order": ("Order", SAME),
    },
    defaults={
        "parallelism": 1,
        "delay": "0s",
        "failureAction": "pause",
        "monitor": "5s",
        "maxFailureRatio": "0.0",
        "order": "stop-first",
    },
    omitted=frozenset({"parallelism", "delay", "monitor", "maxFailureRatio"}),
)

PORT = Part(
    {
        "protocol": ("Protocol", SAME),
        "targetPort": ("TargetPort", SAME),
        "publishedPort": ("PublishedPort", SAME),
        "publishMode": ("PublishMode", SAME),
    },
    defaults={"protocol": "tcp", "publishMode": "ingress"},
)

REPLICATED = Part({"replicas": ("Replicas", SAME)}, defaults={"replicas": 1})

SERVICE = Part(
    {
        "name": ("Name", SAME),
        "labels": ("Labels", LABELS),
        "taskSpec": ("TaskTemplate", TASK),
        "mode": ("Mode", Part({"replicated": ("Replicated", REPLICATED)}, written={"replicated": {}})),
        "updateConfig": ("UpdateConfig", ROLLOUT),
        "rollbackConfig": ("RollbackConfig", ROLLOUT),
        "endpointSpec": ("EndpointSpec", Part({"mode": ("Mode", SAME), "ports": ("Ports", Many(PORT))})),
    },
    written={"mode": {}},
)

INPUTS = frozenset(path for path, _ in SERVICE.walk())
"""Every input that the shim supports."""

DURATION_PATHS = frozenset(path for path, codec in SERVICE.walk() if codec is DURATION)
"""Inputs that hold a duration."""

RATIO_PATHS = frozenset(path for path, codec in SERVICE.walk() if codec is RATIO)

MAP_PATHS = frozenset(path for path, codec in SERVICE.walk() if codec in (TABLE, ENVIRONMENT))
"""Inputs that hold a map of texts. An empty one differs from none."""

DEFAULTS: Mapping[str, Any] = {
    f"{path}{'[*]' if isinstance(codec, Many) else ''}.{name}": value
    for path, codec in SERVICE.walk()
    for name, value in (
        codec.defaults if isinstance(codec, Part) else codec.part.defaults if isinstance(codec, Many) else {}
    ).items()
}
"""Inputs that mean the same whether the program leaves them out or writes this value."""

COMPUTED = frozenset(
    {
        "labels",
        "mode",
        "mode.replicated",
        "endpointSpec",
        "endpointSpec.mode",
        "endpointSpec.ports[*].publishedPort",
        *(f"taskSpec.{name}" for name in ("resources", "restartPolicy", "placement", "forceUpdate")),
        *(f"taskSpec.containerSpec.{name}" for name in ("stopGracePeriod", "healthcheck", "init")),
    }
)
"""Inputs that the engine fills where the program leaves them out. What lies inside such an object is not: a restart
policy without `window` differs from the one that is read back, which has it.
"""


def to_engine(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The ServiceSpec of a set of inputs."""
    spec: dict[str, Any] = SERVICE.write(inputs)
    return spec


def from_engine(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Every input that a ServiceSpec holds."""
    inputs: dict[str, Any] = SERVICE.read(spec)
    return inputs
