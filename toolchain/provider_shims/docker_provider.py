"""Provider shim for docker: networks, volumes, secrets and swarm services.

The rules of what can change in place are those of the real provider (its schema marks the
properties that need a replacement).
"""

import base64
import binascii
import time
from collections.abc import Callable, Mapping
from typing import Any, ClassVar
from urllib.parse import quote

from toolchain.provider_shims.diffing import Rules
from toolchain.provider_shims.docker_service import Service, docker_equal
from toolchain.provider_shims.engine_api import CONFIGURATION, Engine, InUseError, NotFoundError
from toolchain.provider_shims.framework import run
from toolchain.provider_shims.kinds import Kind, Live, Operation, Package, ProviderError
from toolchain.provider_shims.schema import Failure
from toolchain.provider_shims.service_spec import LABELS
from toolchain.provider_shims.values import Props

IN_USE_SECONDS = 60
POLL_SECONDS = 0.3

REPLACE_ALL = Rules(replace=frozenset({"*"}), sets=frozenset({"labels"}), equal=docker_equal)


def delete_when_unused(engine: Engine, path: str) -> None:
    """Deletes it; waits while tasks that were just removed still use it."""
    deadline = time.monotonic() + IN_USE_SECONDS
    while True:
        try:
            engine.call("DELETE", path)
        except NotFoundError:
            return
        except InUseError:
            if time.monotonic() > deadline:
                raise
            time.sleep(POLL_SECONDS)
        else:
            return


def wait_until_gone(engine: Engine, path: str) -> None:
    """Waits for a deletion that the engine has accepted."""
    deadline = time.monotonic() + IN_USE_SECONDS
    while time.monotonic() < deadline:
        try:
            engine.call("GET", path)
        except NotFoundError:
            return
        time.sleep(POLL_SECONDS)
    msg = f"{path} is still there {IN_USE_SECONDS} s after it was deleted"
    raise ProviderError(msg)


class EngineObject(Kind):
    """Base of the immutable objects: each has one path, to read and to delete it."""

    rules: ClassVar[Rules] = REPLACE_ALL
    autonamed: ClassVar[bool] = True
    collection: ClassVar[str]
    computed: ClassVar[frozenset[str]] = frozenset()
    """Inputs that the engine fills when the program leaves them out; read back only if the program sets them."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def path(self, resource_id: str) -> str:
        """The object's path in the API."""
        return f"/{self.collection}/{quote(resource_id, safe='')}"

    def body(self, inputs: Props) -> Props:
        """The body of the request that creates it."""
        raise NotImplementedError

    def properties(self, found: Props) -> Props:
        """The inputs in the engine's answer, None where not set."""
        raise NotImplementedError

    def further(self, found: Props, inputs: Props) -> Props:
        """Further outputs."""
        del found, inputs
        return {}

    def identify(self, answer: Props) -> str:
        """The id, from the answer to the creation."""
        return str(answer["ID"])

    def create(self, inputs: Props, operation: Operation) -> tuple[str, Props]:
        """Creates it and reads it back."""
        del operation
        answer = self._engine.call("POST", f"/{self.collection}/create", body=self.body(inputs))
        resource_id = self.identify(answer)
        live = self.read(resource_id, inputs, {})
        if live is None:
            msg = f"the engine created {inputs['name']} and then does not find it"
            raise ProviderError(msg)
        return resource_id, live.outputs

    def read(self, resource_id: str, inputs: Props, state: Props) -> Live | None:
        """Reads it from the engine."""
        try:
            found = self._engine.call("GET", self.path(resource_id))
        except NotFoundError:
            return None
        known = self.properties(found)
        readable = {key: value for key, value in known.items() if key not in self.computed or key in inputs}
        return Live(inputs=readable, outputs={**known, **self.further(found, {**state, **inputs})})

    def delete(self, resource_id: str, inputs: Props, state: Props, operation: Operation) -> None:
        """Deletes it, once nothing uses it any more."""
        del inputs, state, operation
        delete_when_unused(self._engine, self.path(resource_id))


class Network(EngineObject):
    """A network."""

    token: ClassVar[str] = "docker:index/network:Network"  # noqa: S105
    collection: ClassVar[str] = "networks"
    computed: ClassVar[frozenset[str]] = frozenset({"driver", "internal"})
    inputs: ClassVar[frozenset[str] | None] = frozenset({"name", "driver", "attachable", "internal", "labels"})

    def body(self, inputs: Props) -> Props:
        """The engine takes the first network of a name; CheckDuplicate makes a second one an error."""
        return {
            "Name": inputs["name"],
            "CheckDuplicate": True,
            "Driver": inputs.get("driver", "bridge"),
            "Attachable": inputs.get("attachable", False),
            "Internal": inputs.get("internal", False),
            "Labels": LABELS.write(inputs.get("labels", [])),
        }

    def properties(self, found: Props) -> Props:
        """From the engine's description."""
        return {
            "name": found["Name"],
            "driver": found["Driver"],
            "attachable": found["Attachable"],
            "internal": found["Internal"],
            "labels": LABELS.read(found.get("Labels") or {}),
        }

    def further(self, found: Props, inputs: Props) -> Props:
        """`local`, or `swarm`."""
        del inputs
        return {"scope": found["Scope"]}

    def identify(self, answer: Props) -> str:
        """Networks have another key for it."""
        return str(answer["Id"])

    def delete(self, resource_id: str, inputs: Props, state: Props, operation: Operation) -> None:
        """An overlay network is deleted only when no node uses it any more."""
        super().delete(resource_id, inputs, state, operation)
        wait_until_gone(self._engine, self.path(resource_id))


class Volume(EngineObject):
    """A volume; its id is its name."""

    token: ClassVar[str] = "docker:index/volume:Volume"  # noqa: S105
    collection: ClassVar[str] = "volumes"
    computed: ClassVar[frozenset[str]] = frozenset({"driver"})
    inputs: ClassVar[frozenset[str] | None] = frozenset({"name", "driver", "labels"})

    def body(self, inputs: Props) -> Props:
        """The engine's names for the inputs."""
        return {
            "Name": inputs["name"],
            "Driver": inputs.get("driver", "local"),
            "Labels": LABELS.write(inputs.get("labels", [])),
        }

    def identify(self, answer: Props) -> str:
        """The name."""
        return str(answer["Name"])

    def properties(self, found: Props) -> Props:
        """From the engine's description."""
        return {
            "name": found["Name"],
            "driver": found["Driver"],
            "labels": LABELS.read(found.get("Labels") or {}),
        }

    def further(self, found: Props, inputs: Props) -> Props:
        """Its folder on the host."""
        del inputs
        return {"mountpoint": found["Mountpoint"]}


class Secret(EngineObject):
    """A swarm secret. The engine never gives the data back, so the state keeps it."""

    token: ClassVar[str] = "docker:index/secret:Secret"  # noqa: S105
    collection: ClassVar[str] = "secrets"
    secret_outputs: ClassVar[frozenset[str]] = frozenset({"data"})

    def check(self, inputs: Props) -> list[Failure]:
        """The data must be base64."""
        return base64_failures(inputs)

    def body(self, inputs: Props) -> Props:
        """The engine's names for the inputs."""
        return {"Name": inputs["name"], "Data": inputs["data"], "Labels": LABELS.write(inputs.get("labels", []))}

    def properties(self, found: Props) -> Props:
        """What can be read."""
        spec = found["Spec"]
        return {"name": spec["Name"], "labels": LABELS.read(spec.get("Labels") or {})}

    def further(self, found: Props, inputs: Props) -> Props:
        """What cannot be read."""
        del found
        return {"data": inputs.get("data")}


def base64_failures(inputs: Props) -> list[Failure]:
    """What is wrong with `data`."""
    data = inputs.get("data")
    if isinstance(data, str):
        try:
            base64.b64decode(data, validate=True)
        except binascii.Error:
            return [Failure("data", "expected base64")]
    return []


def kinds_for(engine: Engine) -> Mapping[str, Kind]:
    """All kinds over one engine."""
    makers: tuple[Callable[[Engine], Kind], ...] = (Network, Volume, Secret, Service)
    kinds = [make(engine) for make in makers]
    return {kind.token: kind for kind in kinds}


def main(arguments: list[str]) -> None:
    """Serves."""
    del arguments
    engines: list[Engine] = []

    def configured(configuration: Mapping[str, Any]) -> Mapping[str, Kind]:
        engine = Engine(configuration)
        engines.append(engine)
        # As the real provider: no connection over ssh before it is needed.
        if not engine.host.startswith("ssh://"):
            engine.ping()
        return kinds_for(engine)

    def close() -> None:
        for engine in engines:
            engine.close()

    run(Package("docker", "pulumi_docker", configured, CONFIGURATION, on_stop=close))
