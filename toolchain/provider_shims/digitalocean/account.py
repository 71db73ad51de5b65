"""Tags, ssh keys, projects and alerts."""

import time
from typing import ClassVar

from toolchain.provider_shims.diffing import Rules
from toolchain.provider_shims.digitalocean.api import MissingError
from toolchain.provider_shims.digitalocean.kind import PREFIX, Simple
from toolchain.provider_shims.kinds import Live, Operation
from toolchain.provider_shims.values import Props

EMPTY_SECONDS = 180
KEY_SECONDS = 120
"""The real provider's timeouts, for a project's deletion and a key's creation."""


class Tag(Simple):
    """A tag."""

    token: ClassVar[str] = f"{PREFIX}tag:Tag"
    collection = "/tags"
    autonamed: ClassVar[bool] = True
    rules: ClassVar[Rules] = Rules(replace=frozenset({"name"}))

    def create(self, inputs: Props, operation: Operation) -> tuple[str, Props]:
        """Creates it; the API returns an existing one."""
        del operation
        found = self.api.call("POST", "/tags", {"name": inputs["name"]})["tag"]
        return found["name"], self._outputs(found)

    def read(self, resource_id: str, inputs: Props, state: Props) -> Live | None:
        """Reads it."""
        del inputs, state
        answer = self.api.find(self.path(resource_id))
        if answer is None:
            return None
        return Live(inputs={"name": answer["tag"]["name"]}, outputs=self._outputs(answer["tag"]))

    @staticmethod
    def _outputs(found: Props) -> Props:
        resources = found.get("resources") or {}

        def count(kind: str) -> int:
            return int((resources.get(kind) or {}).get("count", 0))

        return {
            "name": found["name"],
            "totalResourceCount": int(resources.get("count", 0)),
            "dropletsCount": count("droplets"),
            "imagesCount": count("images"),
            "volumesCount": count("volumes"),
            "volumeSnapshotsCount": count("volume_snapshots"),
            "databasesCount": count("databases"),
        }


def _same_key(path: str, old: object, new: object) -> bool:
    """Keys are equal whatever white space surrounds them."""
    if path == "publicKey" and isinstance(old, str) and isinstance(new, str):
        return old.strip() == new.strip()
    return type(old) is type(new) and bool(old == new)


class SshKey(Simple):
    """A public key of the account."""

    token: ClassVar[str] = f"{PREFIX}sshKey:SshKey"
    collection = "/account/keys"
    autonamed: ClassVar[bool] = True
    rules: ClassVar[Rules] = Rules(replace=frozenset({"publicKey"}), equal=_same_key)

    def create(self, inputs: Props, operation: Operation) -> tuple[str, Props]:
        """Adds it, and waits until the API returns it."""
        body = {"name": inputs["name"], "public_key": inputs["publicKey"]}
        found = self.api.call("POST", "/account/keys", body)["ssh_key"]
        deadline = time.monotonic() + (operation.seconds or KEY_SECONDS)
        while self.api.find(self.path(str(found["id"]))) is None and time.monotonic() < deadline:
            time.sleep(0.5)
        return str(found["id"]), {**inputs, "fingerprint": found["fingerprint"]}

    def read(self, resource_id: str, inputs: Props, state: Props) -> Live | None:
        """Reads it."""
        del inputs, state
        answer = self.api.find(self.path(resource_id))
        if answer is None:
            return None
        found = answer["ssh_key"]
        readable = {"name": found["name"], "publicKey": found["public_key"]}
        return Live(inputs=readable, outputs={**readable, "fingerprint": found["fingerprint"]})

    def update(self, resource_id: str, old: Props, state: Props, new: Props, operation: Operation) -> Props:
        """Renames it."""
        del old, operation
        self.api.call("PUT", self.path(resource_id), {"name": new["name"]})
        return {**state, **new}


class Project(Simple):
    """A group of resources in the control panel."""

    token: ClassVar[str] = f"{PREFIX}project:Project"
    collection = "/projects"
    autonamed: ClassVar[bool] = True
    rules: ClassVar[Rules] = Rules(sets=frozenset({"resources"}))

    def defaults(self) -> Props:
        """As the real provider."""
        return {"purpose": "Web Application", "isDefault": False}

    def create(self, inputs: Props, operation: Operation) -> tuple[str, Props]:
        """Creates it and puts its resources in."""
        del operation
        project = self.api.call("POST", "/projects", self._body(inputs))["project"]
        if inputs.get("isDefault"):
            self.api.call("PUT", self.path(project["id"]), {**self._body(inputs), "is_default": True})
        self._assign(project["id"], inputs.get("resources") or [])
        return project["id"], self._outputs(project["id"])

    def read(self, resource_id: str, inputs: Props, state: Props) -> Live | None:
        """Reads it with its resources."""
        del state
        try:
            outputs = self._outputs(resource_id)
        except MissingError:
            return None
        keys = ["name", "purpose", "environment", "isDefault", "resources"]
        if inputs.get("description"):
            keys.append("description")
        return Live(inputs={key: outputs[key] for key in keys}, outputs=outputs)

    def update(self, resource_id: str, old: Props, state: Props, new: Props, operation: Operation) -> Props:
        """Changes it; resources that are removed from it move to the default project."""
        del state, operation
        self.api.call("PUT", self.path(resource_id), {**self._body(new), "is_default": new.get("isDefault", False)})
        before, after = set(old.get("resources") or []), set(new.get("resources") or [])
        self._leave(resource_id, before - after)
        self._assign(resource_id, sorted(after - before))
        return self._outputs(resource_id)

    def delete(self, resource_id: str, inputs: Props, state: Props, operation: Operation) -> None:
        """Moves what is left in it to the default project, since only an empty project can be deleted."""
        del inputs, state
        try:
            self._leave(resource_id, set(self._resources(resource_id)))
        except MissingError:
            return
        self.api.remove(self.path(resource_id), seconds=operation.seconds or EMPTY_SECONDS)

    def _assign(self, project: str, urns: list[str]) -> None:
        if urns:
            self.api.call("POST", f"{self.path(project)}/resources", {"resources": list(urns)})

    def _leave(self, project: str, urns: set[str]) -> None:
        present = sorted(urns & set(self._resources(project)))
        if present:
            default = self.api.call("GET", "/projects/default")["project"]["id"]
            self._assign(default, present)

    def _resources(self, project: str) -> list[str]:
        return [item["urn"] for item in self.api.pages(f"{self.path(project)}/resources", "resources")]

    @staticmethod
    def _body(inputs: Props) -> Props:
        return {
            "name": inputs["name"],
            "purpose": inputs.get("purpose", ""),
            "description": inputs.get("description", ""),
            "environment": inputs.get("environment") or "Development",
        }

    def _outputs(self, project: str) -> Props:
        found = self.api.call("GET", self.path(project))["project"]
        return {
            "name": found["name"],
            "purpose": found["purpose"],
            "description": found["description"],
            "environment": found["environment"],
            "isDefault": found["is_default"],
            "ownerId": found["owner_id"],
            "ownerUuid": found["owner_uuid"],
            "createdAt": found["created_at"],
            "updatedAt": found["updated_at"],
            "resources": self._resources(project),
        }


class MonitorAlert(Simple):
    """A message when a droplet is too busy."""

    token: ClassVar[str] = f"{PREFIX}monitorAlert:MonitorAlert"
    collection = "/monitoring/alerts"
    rules: ClassVar[Rules] = Rules(sets=frozenset({"tags", "entities", "alerts.emails"}))

    def defaults(self) -> Props:
        """As the real provider."""
        return {"enabled": True}

    def create(self, inputs: Props, operation: Operation) -> tuple[str, Props]:
        """Creates it."""
        del operation
        policy = self.api.call("POST", "/monitoring/alerts", self._body(inputs))["policy"]
        return policy["uuid"], {**inputs, "uuid": policy["uuid"]}

    def read(self, resource_id: str, inputs: Props, state: Props) -> Live | None:
        """Reads it."""
        del inputs, state
        answer = self.api.find(self.path(resource_id))
        if answer is None:
            return None
        policy = answer["policy"]
        readable = {
            "type": policy["type"],
            "description": policy["description"],
            "compare": policy["compare"],
            "value": policy["value"],
            "window": policy["window"],
            "enabled": policy["enabled"],
            "tags": policy["tags"],
            "entities": policy["entities"],
            "alerts": {"emails": policy["alerts"]["email"], "slacks": policy["alerts"]["slack"]},
        }
        return Live(inputs=readable, outputs={**readable, "uuid": resource_id})

    def update(self, resource_id: str, old: Props, state: Props, new: Props, operation: Operation) -> Props:
        """Replaces all of it."""
        del old, state, operation
        self.api.call("PUT", self.path(resource_id), self._body(new))
        return {**new, "uuid": resource_id}

    @staticmethod
    def _body(inputs: Props) -> Props:
        alerts = inputs["alerts"]
        return {
            **{key: inputs[key] for key in ("type", "description", "compare", "value", "window")},
            "enabled": inputs.get("enabled", True),
            "tags": inputs.get("tags") or [],
            "entities": inputs.get("entities") or [],
            "alerts": {"email": alerts.get("emails") or [], "slack": alerts.get("slacks") or []},
        }
