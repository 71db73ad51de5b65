"""A service's inputs as the engine's ServiceSpec, and back.

One table serves both directions, so that what is written and what is read can not differ.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from tools.standins.diffing import Complete

NANOSECONDS = {"h": 3_600_000_000_000, "m": 60_000_000_000, "s": 1_000_000_000, "ms": 1_000_000, "us": 1_000, "ns": 1}
NUMBER_WITH_UNIT = re.compile(r"(\d+(?:\.\d+)?)(h|ms|m|s|us|µs|ns)")


def duration(text: str) -> int:
    """Nanoseconds of a Go duration such as `1m30s`. ValueError if it is none."""
    if text in ("", "0"):
        return 0
    if not re.fullmatch(rf"(?:{NUMBER_WITH_UNIT.pattern})+", text):
        msg = f"expected a duration such as 10s or 1m30s, got {text!r}"
        raise ValueError(msg)
    return sum(
        round(float(number) * NANOSECONDS[unit.replace("µ", "u")]) for number, unit in NUMBER_WITH_UNIT.findall(text)
    )


def duration_text(nanoseconds: int) -> str:
    """The way Go writes it: `1m30s`, `500ms`, `0s`."""
    if nanoseconds % NANOSECONDS["s"]:
        for unit in ("ms", "us", "ns"):
            if nanoseconds % NANOSECONDS[unit] == 0:
                return f"{nanoseconds // NANOSECONDS[unit]}{unit}"
    minutes, seconds = divmod(nanoseconds // NANOSECONDS["s"], 60)
    hours, minutes = divmod(minutes, 60)
    return (f"{hours}h" if hours else "") + (f"{minutes}m" if hours or minutes else "") + f"{seconds}s"


class Codec(Protocol):
    """One value in both directions. Engine values are never None here."""

    def write(self, value: Any) -> Any:
        """From an input to the engine."""

    def read(self, value: Any) -> Any:
        """From the engine to an input."""


class Same:
    """The same on both sides."""

    def write(self, value: Any) -> Any:
        """Unchanged."""
        return value

    def read(self, value: Any) -> Any:
        """Unchanged."""
        return value


class Duration:
    """`10s` here, nanoseconds there."""

    def write(self, value: Any) -> Any:
        """To nanoseconds."""
        return duration(value)

    def read(self, value: Any) -> Any:
        """To text; zero is what the engine says for not set."""
        return duration_text(value) if value else None


class Ratio:
    """`0.1` as text here, a number there."""

    def write(self, value: Any) -> Any:
        """To a number."""
        return float(value)

    def read(self, value: Any) -> Any:
        """To text."""
        return str(value) if value else None


class Environment:
    """A map here, `NAME=value` there."""

    def write(self, value: Any) -> Any:
        """To a list."""
        return [f"{name}={text}" for name, text in value.items()]

    def read(self, value: Any) -> Any:
        """To a map."""
        return Complete(item.split("=", 1) if "=" in item else (item, "") for item in value)


class Labels:
    """A list of pairs here, a map there."""

    def write(self, value: Any) -> Any:
        """To a map."""
        return {item["label"]: item["value"] for item in value}

    def read(self, value: Any) -> Any:
        """To a list, in the order of the labels."""
        return [{"label": label, "value": text} for label, text in sorted(value.items())] or None


class Table:
    """A map of strings on both sides."""

    def write(self, value: Any) -> Any:
        """Unchanged."""
        return value

    def read(self, value: Any) -> Any:
        """Marked as all there is."""
        return Complete(value)


class Hosts:
    """Host and address here, `address host` there."""

    def write(self, value: Any) -> Any:
        """To lines of /etc/hosts."""
        return [f"{item['ip']} {item['host']}" for item in value]

    def read(self, value: Any) -> Any:
        """From lines of /etc/hosts."""
        return [{"ip": line.split(" ", 1)[0], "host": line.split(" ", 1)[1]} for line in value] or None


class Preferences:
    """A list of label names here, of spread descriptors there."""

    def write(self, value: Any) -> Any:
        """To descriptors."""
        return [{"Spread": {"SpreadDescriptor": item}} for item in value]

    def read(self, value: Any) -> Any:
        """From descriptors."""
        return [item["Spread"]["SpreadDescriptor"] for item in value] or None


class Pairs:
    """`name=value` here, a map there."""

    def write(self, value: Any) -> Any:
        """To a map."""
        return dict(item.split("=", 1) for item in value)

    def read(self, value: Any) -> Any:
        """To a list."""
        return [f"{name}={text}" for name, text in sorted(value.items())] or None


class Generic:
    """Generic resources: two lists of texts here, one list of objects there."""

    def write(self, value: Any) -> Any:
        """To objects."""
        named = [item.split("=", 1) for item in value.get("namedResourcesSpecs", [])]
        counted = [item.split("=", 1) for item in value.get("discreteResourcesSpecs", [])]
        return [{"NamedResourceSpec": {"Kind": kind, "Value": text}} for kind, text in named] + [
            {"DiscreteResourceSpec": {"Kind": kind, "Value": int(number)}} for kind, number in counted
        ]

    def read(self, value: Any) -> Any:
        """From objects."""

        def texts(key: str) -> list[str] | None:
            return [f"{item[key]['Kind']}={item[key]['Value']}" for item in value if key in item] or None

        return {
            "namedResourcesSpecs": texts("NamedResourceSpec"),
            "discreteResourcesSpecs": texts("DiscreteResourceSpec"),
        }


@dataclass(frozen=True)
class Part:
    """An object; each input names the engine's key and how the value is written.

    A key such as `File.Name` lies deeper on the engine's side.
    """

    fields: Mapping[str, tuple[str, Codec]]

    def write(self, value: Any) -> Any:
        """To the engine; what is not set is left out."""
        result: dict[str, Any] = {}
        for name, (key, codec) in self.fields.items():
            if value.get(name) is None:
                continue
            target, keys = result, key.split(".")
            for step in keys[:-1]:
                target = target.setdefault(step, {})
            target[keys[-1]] = codec.write(value[name])
        return result

    def read(self, value: Any) -> Any:
        """From the engine; every property is there, None if not set."""
        result: dict[str, Any] = {}
        for name, (key, codec) in self.fields.items():
            found: Any = value
            for step in key.split("."):
                found = found.get(step) if isinstance(found, dict) else None
            result[name] = None if found is None else codec.read(found)
        return result


@dataclass(frozen=True)
class Many:
    """A list of objects."""

    part: Part

    def write(self, value: Any) -> Any:
        """To the engine."""
        return [self.part.write(item) for item in value]

    def read(self, value: Any) -> Any:
        """From the engine; an empty list is what it says for not set."""
        return [self.part.read(item) for item in value] or None


@dataclass(frozen=True)
class Mode:
    """Replicated or global."""

    def write(self, value: Any) -> Any:
        """One task unless told otherwise."""
        if value.get("global"):
            return {"Global": {}}
        return {"Replicated": {"Replicas": (value.get("replicated") or {}).get("replicas", 1)}}

    def read(self, value: Any) -> Any:
        """`global` is left out unless true."""
        if "Global" in value:
            return {"global": True, "replicated": None}
        return {"global": None, "replicated": {"replicas": value["Replicated"]["Replicas"]}}


SAME, DURATION, RATIO, LABELS, TABLE = Same(), Duration(), Ratio(), Labels(), Table()


class FilePart(Part):
    """A file in the container. The engine has no defaults for it and refuses what has none."""

    def write(self, value: Any) -> Any:
        """With the defaults of the docker command."""
        result = super().write(value)
        result["File"] = {"UID": "0", "GID": "0", "Mode": 0o444, **result["File"]}
        return result


def _file(kind: str) -> Many:
    lower = kind.lower()
    return Many(
        FilePart(
            {
                f"{lower}Id": (f"{kind}ID", SAME),
                f"{lower}Name": (f"{kind}Name", SAME),
                "fileName": ("File.Name", SAME),
                "fileUid": ("File.UID", SAME),
                "fileGid": ("File.GID", SAME),
                "fileMode": ("File.Mode", SAME),
            }
        )
    )


MOUNT = Part(
    {
        "type": ("Type", SAME),
        "source": ("Source", SAME),
        "target": ("Target", SAME),
        "readOnly": ("ReadOnly", SAME),
        "bindOptions": ("BindOptions", Part({"propagation": ("Propagation", SAME)})),
        "volumeOptions": (
            "VolumeOptions",
            Part(
                {
                    "noCopy": ("NoCopy", SAME),
                    "labels": ("Labels", LABELS),
                    "driverName": ("DriverConfig.Name", SAME),
                    "driverOptions": ("DriverConfig.Options", TABLE),
                }
            ),
        ),
        "tmpfsOptions": ("TmpfsOptions", Part({"sizeBytes": ("SizeBytes", SAME), "mode": ("Mode", SAME)})),
    }
)

CONTAINER = Part(
    {
        "image": ("Image", SAME),
        "labels": ("Labels", LABELS),
        "commands": ("Command", SAME),
        "args": ("Args", SAME),
        "hostname": ("Hostname", SAME),
        "env": ("Env", Environment()),
        "dir": ("Dir", SAME),
        "user": ("User", SAME),
        "groups": ("Groups", SAME),
        "stopSignal": ("StopSignal", SAME),
        "stopGracePeriod": ("StopGracePeriod", DURATION),
        "readOnly": ("ReadOnly", SAME),
        "init": ("Init", SAME),
        "isolation": ("Isolation", SAME),
        "sysctl": ("Sysctls", TABLE),
        "capAdds": ("CapabilityAdd", SAME),
        "capDrops": ("CapabilityDrop", SAME),
        "hosts": ("Hosts", Hosts()),
        "mounts": ("Mounts", Many(MOUNT)),
        "secrets": ("Secrets", _file("Secret")),
        "configs": ("Configs", _file("Config")),
        "healthcheck": (
            "Healthcheck",
            Part(
                {
                    "tests": ("Test", SAME),
                    "interval": ("Interval", DURATION),
                    "timeout": ("Timeout", DURATION),
                    "startPeriod": ("StartPeriod", DURATION),
                    "retries": ("Retries", SAME),
                }
            ),
        ),
        "dnsConfig": (
            "DNSConfig",
            Part({"nameservers": ("Nameservers", SAME), "searches": ("Search", SAME), "options": ("Options", SAME)}),
        ),
        "privileges": (
            "Privileges",
            Part(
                {
                    "credentialSpec": (
                        "CredentialSpec",
                        Part({"file": ("File", SAME), "registry": ("Registry", SAME)}),
                    ),
                    "seLinuxContext": (
                        "SELinuxContext",
                        Part(
                            {
                                "disable": ("Disable", SAME),
                                "user": ("User", SAME),
                                "role": ("Role", SAME),
                                "type": ("Type", SAME),
                                "level": ("Level", SAME),
                            }
                        ),
                    ),
                }
            ),
        ),
    }
)

QUANTITIES: dict[str, tuple[str, Codec]] = {"memoryBytes": ("MemoryBytes", SAME), "nanoCpus": ("NanoCPUs", SAME)}

TASK = Part(
    {
        "containerSpec": ("ContainerSpec", CONTAINER),
        "resources": (
            "Resources",
            Part(
                {
                    "limits": ("Limits", Part(QUANTITIES)),
                    "reservation": (
                        "Reservations",
                        Part({**QUANTITIES, "genericResources": ("GenericResources", Generic())}),
                    ),
                }
            ),
        ),
        "restartPolicy": (
            "RestartPolicy",
            Part(
                {
                    "condition": ("Condition", SAME),
                    "delay": ("Delay", DURATION),
                    "maxAttempts": ("MaxAttempts", SAME),
                    "window": ("Window", DURATION),
                }
            ),
        ),
        "placement": (
            "Placement",
            Part(
                {
                    "constraints": ("Constraints", SAME),
                    "prefs": ("Preferences", Preferences()),
                    "maxReplicas": ("MaxReplicas", SAME),
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
            Many(Part({"id": ("Target", SAME), "aliases": ("Aliases", SAME), "driverOpts": ("DriverOpts", Pairs())})),
        ),
        "forceUpdate": ("ForceUpdate", SAME),
        "runtime": ("Runtime", SAME),
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
    }
)

PORT = Part(
    {
        "name": ("Name", SAME),
        "protocol": ("Protocol", SAME),
        "targetPort": ("TargetPort", SAME),
        "publishedPort": ("PublishedPort", SAME),
        "publishMode": ("PublishMode", SAME),
    }
)

SERVICE = Part(
    {
        "name": ("Name", SAME),
        "labels": ("Labels", LABELS),
        "taskSpec": ("TaskTemplate", TASK),
        "mode": ("Mode", Mode()),
        "updateConfig": ("UpdateConfig", ROLLOUT),
        "rollbackConfig": ("RollbackConfig", ROLLOUT),
        "endpointSpec": ("EndpointSpec", Part({"mode": ("Mode", SAME), "ports": ("Ports", Many(PORT))})),
    }
)

DURATION_PATHS = frozenset(
    {
        "taskSpec.containerSpec.stopGracePeriod",
        *(f"taskSpec.containerSpec.healthcheck.{name}" for name in ("interval", "timeout", "startPeriod")),
        *(f"taskSpec.restartPolicy.{name}" for name in ("delay", "window")),
        *(f"{config}.{name}" for config in ("updateConfig", "rollbackConfig") for name in ("delay", "monitor")),
        *(f"convergeConfig.{name}" for name in ("delay", "timeout")),
    }
)
"""Inputs that hold a duration."""

RATIO_PATHS = frozenset({"updateConfig.maxFailureRatio", "rollbackConfig.maxFailureRatio"})


def to_engine(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The ServiceSpec of a set of inputs. A network given by its (deprecated) `name` is looked up by the engine."""
    spec: dict[str, Any] = SERVICE.write(inputs)
    for network, given in zip(
        spec["TaskTemplate"].get("Networks", []), inputs["taskSpec"].get("networksAdvanceds") or [], strict=True
    ):
        network.setdefault("Target", given.get("name"))
    spec.setdefault("Mode", {"Replicated": {"Replicas": 1}})
    return spec


def from_engine(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Every input that a ServiceSpec holds."""
    inputs: dict[str, Any] = SERVICE.read(spec)
    return inputs
