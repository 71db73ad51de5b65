"""Droplets: resized, renamed and tagged in place; every other change replaces them."""

import time
from typing import Any, ClassVar

from toolchain.provider_shims.diffing import Rules
from toolchain.provider_shims.digitalocean.api import MissingError, wait_until
from toolchain.provider_shims.digitalocean.kind import PREFIX, ApiKind
from toolchain.provider_shims.kinds import Live, Operation, PartialError, ProviderError
from toolchain.provider_shims.schema import Failure
from toolchain.provider_shims.values import Props

ACTIVE_SECONDS = 3600
ACTION_SECONDS = 3600
DELETE_SECONDS = 60
"""The real provider's timeouts. That of a deletion includes the shutdown."""

MAX_USER_DATA_BYTES = 64 * 1024
CREATE_KEYS = {
    "name": "name",
    "region": "region",
    "size": "size",
    "backups": "backups",
    "ipv6": "ipv6",
    "monitoring": "monitoring",
    "userData": "user_data",
    "volumeIds": "volumes",
    "tags": "tags",
    "vpcUuid": "vpc_uuid",
    "dropletAgent": "with_droplet_agent",
}
FEATURES = ("backups", "ipv6", "monitoring")


class Droplet(ApiKind):
    """A virtual machine."""

    token: ClassVar[str] = f"{PREFIX}droplet:Droplet"
    autonamed: ClassVar[bool] = True
    inputs: ClassVar[frozenset[str] | None] = frozenset(
        {*CREATE_KEYS, "image", "sshKeys", "gracefulShutdown", "resizeDisk"}
    )
    rules: ClassVar[Rules] = Rules(
        replace=frozenset({"image", "region", "userData", "sshKeys", "vpcUuid", "monitoring", "dropletAgent"}),
        sets=frozenset({"tags", "volumeIds"}),
        ignore=frozenset({"gracefulShutdown", "resizeDisk"}),
    )

    def defaults(self) -> Props:
        """As the real provider."""
        return {"backups": False, "ipv6": False, "gracefulShutdown": False, "resizeDisk": True}

    def check(self, inputs: Props) -> list[Failure]:
        """The API's limit on user data."""
        data = inputs.get("userData")
        if isinstance(data, str) and len(data.encode()) > MAX_USER_DATA_BYTES:
            return [Failure("userData", f"{len(data.encode())} bytes given; at most {MAX_USER_DATA_BYTES} are allowed")]
        return []

    def create(self, inputs: Props, operation: Operation) -> tuple[str, Props]:
        """Creates it and waits until it is active."""
        body = {target: inputs[source] for source, target in CREATE_KEYS.items() if inputs.get(source) is not None}
        body["image"] = _number_or_text(inputs["image"])
        body["ssh_keys"] = [_number_or_text(key) for key in inputs.get("sshKeys", [])]
        droplet_id = str(self.api.call("POST", "/droplets", body)["droplet"]["id"])
        try:
            self._wait_until_active(droplet_id, inputs["name"], operation)
        except ProviderError as error:
            message = f"droplet {inputs['name']} ({droplet_id}): {error}; `up` creates another, `destroy` removes it"
            raise PartialError(message, droplet_id, {**inputs, "status": "new"}) from error
        found = self._get(droplet_id)
        return droplet_id, self._outputs(found, inputs)

    def read(self, resource_id: str, inputs: Props, state: Props) -> Live | None:
        """Reads it. The API does not return the image, the user data and the keys."""
        try:
            found = self._get(resource_id)
        except MissingError:
            return None
        features = {name: name in found["features"] for name in FEATURES}
        readable = {
            "name": found["name"],
            "region": found["region"]["slug"],
            "size": found["size"]["slug"],
            "tags": found["tags"],
            "vpcUuid": found.get("vpc_uuid"),
            **{name: on for name, on in features.items() if name in inputs or on},
        }
        return Live(inputs=readable, outputs=self._outputs(found, {**state, **inputs}))

    def update(self, resource_id: str, old: Props, state: Props, new: Props, operation: Operation) -> Props:
        """Renames, resizes (switched off for it) and tags."""
        del state
        path = f"/droplets/{resource_id}"
        if old.get("size") != new["size"]:
            self._act(path, {"type": "shutdown" if new.get("gracefulShutdown") else "power_off"}, operation)
            resize = {"type": "resize", "size": new["size"], "disk": new.get("resizeDisk", True)}
            self._act(path, resize, operation)
            self._act(path, {"type": "power_on"}, operation)
        if old.get("name") != new["name"]:
            self._act(path, {"type": "rename", "name": new["name"]}, operation)
        for feature, actions in {
            "backups": ("enable_backups", "disable_backups"),
            "ipv6": ("enable_ipv6", None),
        }.items():
            action = actions[0] if new.get(feature) else actions[1]
            if bool(old.get(feature)) != bool(new.get(feature)) and action:
                self._act(path, {"type": action}, operation)
        self._tag(resource_id, set(old.get("tags") or []), set(new.get("tags") or []))
        return self._outputs(self._get(resource_id), new)

    def delete(self, resource_id: str, inputs: Props, state: Props, operation: Operation) -> None:
        """Shuts it down, detaches its volumes, deletes it and waits until it is gone, within one timeout for all."""
        del state
        allowed = operation.seconds or DELETE_SECONDS
        deadline = time.monotonic() + allowed

        def left() -> float:
            return max(deadline - time.monotonic(), 0)

        try:
            found = self._get(resource_id)
        except MissingError:
            return
        if inputs.get("gracefulShutdown") and found["status"] == "active":
            self.api.call("POST", f"/droplets/{resource_id}/actions", {"type": "shutdown"})
            what = f"shutdown of droplet {resource_id}, whose deletion may take {allowed:.0f} s in all,"
            wait_until(lambda: self._is_off(resource_id), what, seconds=left(), cancelled=operation.cancelled)
        for volume in found["volume_ids"]:
            detach = {"type": "detach", "droplet_id": int(resource_id)}
            path = f"/volumes/{volume}"
            self.api.act(path, detach, seconds=left(), cancelled=operation.cancelled)
        self.api.remove(f"/droplets/{resource_id}", seconds=left())

        def gone() -> bool:
            return self.api.find(f"/droplets/{resource_id}") is None

        wait_until(gone, f"deletion of droplet {resource_id}", seconds=left(), cancelled=operation.cancelled)

    def _is_off(self, droplet_id: str) -> bool:
        """As the real provider: by the droplet's status, not by the action's."""
        return bool(self._get(droplet_id)["status"] == "off")

    def _get(self, droplet_id: str) -> Props:
        found: Props = self.api.call("GET", f"/droplets/{droplet_id}")["droplet"]
        return found

    def _wait_until_active(self, droplet_id: str, name: str, operation: Operation) -> None:
        def active() -> bool:
            found = self._get(droplet_id)
            return found["status"] == "active" and not found["locked"]

        wait_until(
            active, f"start of {name}", seconds=operation.seconds or ACTIVE_SECONDS, cancelled=operation.cancelled
        )

    def _act(self, path: str, action: dict[str, Any], operation: Operation) -> None:
        seconds = operation.seconds or ACTION_SECONDS
        self.api.act(path, action, seconds=seconds, cancelled=operation.cancelled)

    def _tag(self, droplet_id: str, old: set[str], new: set[str]) -> None:
        this = {"resources": [{"resource_id": droplet_id, "resource_type": "droplet"}]}
        for tag in sorted(old - new):
            self.api.remove(f"/tags/{tag}/resources", body=this)
        for tag in sorted(new - old):
            self.api.call("POST", "/tags", {"name": tag})
            self.api.call("POST", f"/tags/{tag}/resources", this)

    @staticmethod
    def _outputs(found: Props, inputs: Props) -> Props:
        addresses = {item["type"]: item["ip_address"] for item in found["networks"]["v4"]}
        return {
            **inputs,
            "name": found["name"],
            "region": found["region"]["slug"],
            "size": found["size"]["slug"],
            "tags": found["tags"],
            "vpcUuid": found.get("vpc_uuid"),
            "createdAt": found["created_at"],
            "disk": found["disk"],
            "memory": found["memory"],
            "vcpus": found["vcpus"],
            "locked": found["locked"],
            "status": found["status"],
            "priceHourly": found["size"]["price_hourly"],
            "priceMonthly": found["size"]["price_monthly"],
            "volumeIds": found["volume_ids"],
            "dropletUrn": f"do:droplet:{found['id']}",
            "ipv4Address": addresses.get("public"),
            "ipv4AddressPrivate": addresses.get("private"),
            "privateNetworking": "private" in addresses,
        }


def _number_or_text(value: str) -> int | str:
    """Ids travel as numbers, slugs and fingerprints as text."""
    return int(value) if str(value).isdigit() else value
