"""Swarm services, for the provider shim for docker."""

import base64
import json
import time
from typing import Any, ClassVar
from urllib.parse import quote

from toolchain.provider_shims.diffing import Rules, general
from toolchain.provider_shims.durations import parse_duration
from toolchain.provider_shims.engine_api import Engine, NotFoundError
from toolchain.provider_shims.kinds import Kind, Live, Operation, ProviderError
from toolchain.provider_shims.schema import Failure
from toolchain.provider_shims.service_spec import (
    COMPUTED,
    DEFAULTS,
    DURATION_PATHS,
    INPUTS,
    MAP_PATHS,
    RATIO_PATHS,
    from_engine,
    to_engine,
)
from toolchain.provider_shims.supported import supported_part
from toolchain.provider_shims.values import Props

POLL_SECONDS = 0.2

NOT_SET: tuple[Any, ...] = (None, False, 0, "", [], {})
"""Values that the engine leaves out of its answers, as it does with a property that is not set."""


def docker_equal(path: str, old: Any, new: Any) -> bool:
    """Equality as the engine sees it: `90s` is `1m30s`, `0.0` is `0`, and zero is not set."""
    if old in NOT_SET and new in NOT_SET:
        return True
    if isinstance(old, str) and isinstance(new, str):
        try:
            if general(path) in DURATION_PATHS:
                return parse_duration(old) == parse_duration(new)
            if general(path) in RATIO_PATHS:
                return float(old) == float(new)
        except ValueError:
            return old == new
    if general(path) in DURATION_PATHS | RATIO_PATHS:
        zero = old if new in NOT_SET else new
        return (old in NOT_SET or new in NOT_SET) and isinstance(zero, str) and not any(c in "123456789" for c in zero)
    return bool(old == new)


def unchanged_as_text(path: str, old: Any, new: Any) -> bool:
    """Equality as the provider plans: `1m` in the state and `60s` in the program differ; ratios it compares as numbers.

    An input that is left out is its default, or else the zero of its type; `0s` is neither.
    """
    here = general(path)
    if here in MAP_PATHS:
        return bool(old == new) or (not old and new is None)
    default = DEFAULTS.get(here)
    old, new = (default if value is None else value for value in (old, new))
    if old in NOT_SET and new in NOT_SET:
        return True
    if here in RATIO_PATHS and isinstance(old, str) and isinstance(new, str):
        return docker_equal(path, old, new)
    return bool(old == new)


CONTAINER = "taskSpec.containerSpec"
PLATFORMS = "platforms"


class Service(Kind):
    """A service. Like the real provider without `convergeConfig`, it does not wait for the tasks."""

    token: ClassVar[str] = "docker:index/service:Service"  # noqa: S105
    autonamed: ClassVar[bool] = True
    inputs: ClassVar[frozenset[str] | None] = INPUTS
    rules: ClassVar[Rules] = Rules(
        replace=frozenset({"name", "taskSpec.networksAdvanceds", f"{CONTAINER}.sysctl"}),
        sets=frozenset(
            {
                "labels",
                "taskSpec.networksAdvanceds",
                "taskSpec.networksAdvanceds[*].aliases",
                "taskSpec.placement.constraints",
                "taskSpec.placement.platforms",
                f"{CONTAINER}.mounts",
                f"{CONTAINER}.secrets",
            }
        ),
        computed=COMPUTED,
        equal=docker_equal,
        unchanged=unchanged_as_text,
    )

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def planned_from(self, inputs: Props, state: Props) -> Props:
        """As the real provider: what was read back, not what the program wrote."""
        planned: Props = supported_part(state, INPUTS) if state else inputs
        return planned

    def check(self, inputs: Props) -> list[Failure]:
        """Durations and ratios are text, so the type check accepts any."""
        failures = []
        for path in sorted(DURATION_PATHS | RATIO_PATHS):
            value = look_up(inputs, path)
            if isinstance(value, str):
                try:
                    (parse_duration if path in DURATION_PATHS else float)(value)
                except ValueError as error:
                    failures.append(Failure(path, str(error)))
        return failures

    def create(self, inputs: Props, operation: Operation) -> tuple[str, Props]:
        """Creates it."""
        del operation
        headers = self._authentication(inputs)
        specification = to_engine(inputs)
        task = specification["TaskTemplate"]
        if platforms := self._platforms(task["ContainerSpec"]["Image"], headers):
            task.setdefault("Placement", {})["Platforms"] = platforms
        answer = self._engine.call("POST", "/services/create", body=specification, headers=headers)
        service_id = str(answer["ID"])
        return service_id, self._stored(service_id, inputs)

    def read(self, resource_id: str, inputs: Props, state: Props) -> Live | None:
        """The service's specification as it is now."""
        try:
            found = self._engine.call("GET", _path(resource_id))
        except NotFoundError:
            return None
        del state
        live = from_engine(found["Spec"])
        readable = {**live, "taskSpec": dict(live["taskSpec"])}
        if look_up(inputs, "taskSpec.forceUpdate") is None:
            del readable["taskSpec"]["forceUpdate"]  # `docker service update --force` counts it up; that is no drift
        return Live(inputs=readable, outputs=live, resource_id=str(found["ID"]))

    def update(self, resource_id: str, old: Props, state: Props, new: Props, operation: Operation) -> Props:
        """Changes the specification, based on the version that is live."""
        del old, state, operation
        found = self._engine.call("GET", _path(resource_id))
        specification = to_engine(new)
        specification["TaskTemplate"].setdefault("ForceUpdate", found["Spec"]["TaskTemplate"].get("ForceUpdate", 0))
        self._engine.call(
            "POST",
            f"{_path(resource_id)}/update?version={found['Version']['Index']}",
            body=specification,
            headers=self._authentication(new),
        )
        return self._stored(resource_id, new, updated=True)

    def delete(self, resource_id: str, inputs: Props, state: Props, operation: Operation) -> None:
        """Removes it and waits for each of its containers, but no longer than the time that they may take to stop.

        So a container that takes all of its time fails the deletion, as with the real provider.
        """
        del operation
        tasks = self._tasks(resource_id)
        try:
            self._engine.call("DELETE", _path(resource_id))
        except NotFoundError:
            return
        grace = look_up(state, f"{CONTAINER}.stopGracePeriod") or look_up(inputs, f"{CONTAINER}.stopGracePeriod")
        seconds = parse_duration(grace or "0s") / 1e9
        if not seconds:
            return
        running = [task for task in tasks if task["Status"]["State"] != "shutdown"]
        for container in filter(None, map(_container, running)):
            deadline = time.monotonic() + seconds
            while self._exists(container):
                if time.monotonic() > deadline:
                    msg = (
                        f"the service is removed, but its container {container[:12]} has not ended within its "
                        f"stop grace period of {grace}; run `destroy` or `up` again"
                    )
                    raise ProviderError(msg)
                time.sleep(POLL_SECONDS)

    def _stored(self, resource_id: str, inputs: Props, *, updated: bool = False) -> Props:
        live = self.read(resource_id, inputs, {})
        if live is None:
            msg = "the service was removed while it was being created"
            raise ProviderError(msg)
        return as_stored(live.outputs, inputs, updated=updated)

    def _platforms(self, image: str, headers: dict[str, str]) -> list[Props]:
        """Those that the image's registry names; none for an image that is on the engine alone."""
        try:
            found = self._engine.call("GET", f"/distribution/{quote(image)}/json", headers=headers)
        except ProviderError:
            return []
        return [{"Architecture": item["architecture"], "OS": item["os"]} for item in found.get("Platforms") or []]

    def _tasks(self, service_id: str) -> list[Props]:
        filters = quote(json.dumps({"service": [service_id]}))
        try:
            tasks: list[Props] = self._engine.call("GET", f"/tasks?filters={filters}")
        except NotFoundError:
            return []
        return tasks

    def _exists(self, container: str) -> bool:
        try:
            self._engine.call("GET", f"/containers/{container}/json")
        except NotFoundError:
            return False
        return True

    def _authentication(self, inputs: Props) -> dict[str, str]:
        login = self._engine.credentials(inputs["taskSpec"]["containerSpec"]["image"])
        if not login:
            return {}
        document = {key: login.get(key) for key in ("username", "password")} | {"serveraddress": login["address"]}
        return {"X-Registry-Auth": base64.urlsafe_b64encode(json.dumps(document).encode()).decode()}


def as_stored(outputs: Props, inputs: Props, *, updated: bool = False) -> Props:
    """The state after a creation or an update, which is not quite what a refresh reads.

    The platforms that come with an image from a registry are not in it, and an update keeps a map without entries.
    """
    placement = outputs["taskSpec"].get("placement")
    if placement and look_up(inputs, f"taskSpec.placement.{PLATFORMS}") is None:
        placement[PLATFORMS] = None
    for path in MAP_PATHS if updated else ():
        if look_up(inputs, path) == {}:
            *parents, name = path.split(".")
            look_up(outputs, ".".join(parents))[name] = {}
    return outputs


def look_up(inputs: Props, path: str) -> Any:
    """The value at a dotted path, None if anything on the way is missing."""
    value: Any = inputs
    for key in path.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _path(resource_id: str) -> str:
    return f"/services/{quote(resource_id, safe='')}"


def _container(task: Props) -> str | None:
    return (task["Status"].get("ContainerStatus") or {}).get("ContainerID") or None
