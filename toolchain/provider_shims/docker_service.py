"""The docker stand-in's swarm services."""

import base64
import json
import time
from typing import Any, ClassVar
from urllib.parse import quote

from toolchain.provider_shims.diffing import Rules, general
from toolchain.provider_shims.durations import parse_duration
from toolchain.provider_shims.engine_api import Engine, NotFoundError
from toolchain.provider_shims.framework import Kind, Live, Operation, PartialError, ProviderError
from toolchain.provider_shims.schema import Failure
from toolchain.provider_shims.service_spec import (
    COMPUTED,
    CONVERGE_DEFAULTS,
    DEFAULTS,
    DURATION_PATHS,
    MAP_PATHS,
    RATIO_PATHS,
    from_engine,
    to_engine,
)
from toolchain.provider_shims.values import Props

POLL_SECONDS = 0.2

NOT_SET: tuple[Any, ...] = (None, False, 0, "", [], {})
"""What the engine leaves out of its answers, so that it cannot be told from a property not set."""


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
    """A service. With `convergeConfig`, create and update wait for its tasks."""

    token: ClassVar[str] = "docker:index/service:Service"  # noqa: S105
    autonamed: ClassVar[bool] = True
    rules: ClassVar[Rules] = Rules(
        replace=frozenset(
            {
                "name",
                "auth",
                "mode.global",
                "taskSpec.networksAdvanceds",
                f"{CONTAINER}.hosts",
                f"{CONTAINER}.labels",
                f"{CONTAINER}.sysctl",
                f"{CONTAINER}.mounts[*].volumeOptions.labels",
            }
        ),
        sets=frozenset(
            {
                "labels",
                "taskSpec.networksAdvanceds",
                "taskSpec.networksAdvanceds[*].aliases",
                "taskSpec.placement.constraints",
                "taskSpec.placement.platforms",
                *(f"{CONTAINER}.{name}" for name in ("labels", "mounts", "secrets", "configs", "hosts", "groups")),
            }
        ),
        computed=COMPUTED,
        equal=docker_equal,
        unchanged=unchanged_as_text,
    )

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def planned_from(self, inputs: Props, state: Props) -> Props:
        """As the real provider: what was read back, not what the program once said."""
        return state or inputs

    def check(self, inputs: Props) -> list[Failure]:
        """Durations and ratios are text: the types cannot tell a wrong one."""
        failures = []
        for path in sorted(DURATION_PATHS | RATIO_PATHS):
            value = look_up(inputs, path)
            if isinstance(value, str):
                try:
                    (parse_duration if path in DURATION_PATHS else float)(value)
                except ValueError as error:
                    failures.append(Failure(path, str(error)))
        mode = inputs.get("mode") or {}
        if isinstance(mode, dict) and mode.get("global") and mode.get("replicated"):
            failures.append(Failure("mode", "give one of global and replicated"))
        return failures

    def create(self, inputs: Props, operation: Operation) -> tuple[str, Props]:
        """Creates it; one that does not converge is removed again, as the real provider does."""
        headers = self._authentication(inputs)
        specification = to_engine(inputs)
        task = specification["TaskTemplate"]
        if platforms := self._platforms(task["ContainerSpec"]["Image"], headers):
            task.setdefault("Placement", {})["Platforms"] = platforms
        answer = self._engine.call("POST", "/services/create", body=specification, headers=headers)
        service_id = str(answer["ID"])
        try:
            self._converge(service_id, inputs, operation, updated=False)
        except ProviderError:
            self.delete(service_id, inputs, {}, operation)
            raise
        return service_id, self._stored(service_id, inputs)

    def read(self, resource_id: str, inputs: Props, state: Props) -> Live | None:
        """The service's specification as it is now."""
        try:
            found = self._engine.call("GET", _path(resource_id))
        except NotFoundError:
            return None
        live = from_engine(found["Spec"])
        self._name_networks(live, inputs)
        unreadable = {key: {**state, **inputs}.get(key) for key in ("auth", "convergeConfig")}
        outputs = {**live, **unreadable}
        readable = {**live, "taskSpec": dict(live["taskSpec"])}
        if look_up(inputs, "taskSpec.forceUpdate") is None:
            del readable["taskSpec"]["forceUpdate"]  # `docker service update --force` counts it up; that is no drift
        return Live(inputs=readable, outputs=outputs, resource_id=str(found["ID"]))

    def update(self, resource_id: str, old: Props, state: Props, new: Props, operation: Operation) -> Props:
        """Changes the specification, based on the version that is live."""
        del old, state
        found = self._engine.call("GET", _path(resource_id))
        specification = to_engine(new)
        specification["TaskTemplate"].setdefault("ForceUpdate", found["Spec"]["TaskTemplate"].get("ForceUpdate", 0))
        self._engine.call(
            "POST",
            f"{_path(resource_id)}/update?version={found['Version']['Index']}",
            body=specification,
            headers=self._authentication(new),
        )
        try:
            self._converge(resource_id, new, operation, updated=True)
        except ProviderError as error:
            raise PartialError(str(error), resource_id, self._stored(resource_id, new, updated=True)) from error
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
            msg = "the service was removed while it was being set up"
            raise ProviderError(msg)
        return as_stored(live.outputs, inputs, updated=updated)

    def _platforms(self, image: str, headers: dict[str, str]) -> list[Props]:
        """Those that the image's registry names; none for an image that is on the engine alone."""
        try:
            found = self._engine.call("GET", f"/distribution/{quote(image)}/json", headers=headers)
        except ProviderError:
            return []
        return [{"Architecture": item["architecture"], "OS": item["os"]} for item in found.get("Platforms") or []]

    def _name_networks(self, live: Props, inputs: Props) -> None:
        """Networks that the program gives by name (deprecated) are read back by name."""
        given = {item["name"] for item in look_up(inputs, "taskSpec.networksAdvanceds") or [] if item.get("name")}
        if not given:
            return
        for network in live["taskSpec"]["networksAdvanceds"] or []:
            names = {network["id"], self._engine.call("GET", f"/networks/{network['id']}")["Name"]}
            if named := names & given:
                network.update(name=named.pop(), id=None)

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

    def _converge(self, service_id: str, inputs: Props, operation: Operation, *, updated: bool) -> None:
        config = inputs.get("convergeConfig")
        if config is None:
            return
        config = {**CONVERGE_DEFAULTS, **config}
        deadline = time.monotonic() + parse_duration(config["timeout"]) / 1e9
        # Tasks of the version before still run at first, so the first look waits, as the real provider's does.
        time.sleep(min(parse_duration(config["delay"]), parse_duration(config["timeout"])) / 1e9)
        while not self._converged(service_id, updated=updated):
            if time.monotonic() > deadline or operation.cancelled.is_set():
                reason = "cancelled" if operation.cancelled.is_set() else f"after {config['timeout']}"
                msg = f"service {inputs['name']} did not converge {reason}{self._last_error(service_id)}"
                raise ProviderError(msg)
            time.sleep(POLL_SECONDS)

    def _converged(self, service_id: str, *, updated: bool) -> bool:
        # Counts of tasks come with the list only.
        filters = quote(json.dumps({"id": [service_id]}))
        answer: list[Props] = self._engine.call("GET", f"/services?status=true&filters={filters}")
        if not answer:
            msg = "the service was removed while it was being waited for"
            raise ProviderError(msg)
        found = answer[0]
        status = (found.get("UpdateStatus") or {}).get("State")
        if updated and status in ("paused", "rollback_completed", "rollback_paused"):
            message = found["UpdateStatus"].get("Message", "")
            msg = f"the update of service {found['Spec']['Name']} failed ({status}): {message}"
            raise ProviderError(msg)
        if updated and status in ("updating", "rollback_started"):
            return False
        counts = found["ServiceStatus"]
        return bool(counts["RunningTasks"] == counts["DesiredTasks"])

    def _last_error(self, service_id: str) -> str:
        failed = [task for task in self._tasks(service_id) if task["Status"].get("Err")]
        if not failed:
            return ""
        latest = max(failed, key=lambda task: str(task["Status"]["Timestamp"]))
        return f": last error of a task: {latest['Status']['Err']}"

    def _authentication(self, inputs: Props) -> dict[str, str]:
        auth = inputs.get("auth") or self._engine.credentials(inputs["taskSpec"]["containerSpec"]["image"])
        if not auth:
            return {}
        document = {
            "username": auth.get("username"),
            "password": auth.get("password"),
            "serveraddress": auth.get("serverAddress") or auth.get("address"),
        }
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
