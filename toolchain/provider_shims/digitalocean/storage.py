"""Volumes, and which droplet has them."""

from typing import ClassVar

from toolchain.provider_shims.diffing import Rules
from toolchain.provider_shims.digitalocean.api import MissingError
from toolchain.provider_shims.digitalocean.kind import PREFIX, ApiKind, Simple
from toolchain.provider_shims.kinds import Live, Operation
from toolchain.provider_shims.values import Props

ACTION_SECONDS = 300
DETACHED_SECONDS = 120


class Volume(Simple):
    """A block device. It grows in place and never shrinks."""

    token: ClassVar[str] = f"{PREFIX}volume:Volume"
    collection = "/volumes"
    delete_seconds = DETACHED_SECONDS
    autonamed: ClassVar[bool] = True
    rules: ClassVar[Rules] = Rules(
        replace=frozenset({"name", "region", "description", "snapshotId", "initialFilesystemType", "filesystemType"}),
        sets=frozenset({"tags"}),
    )

    def create(self, inputs: Props, operation: Operation) -> tuple[str, Props]:
        """Creates it."""
        del operation
        body = {
            "name": inputs["name"],
            "region": inputs["region"],
            "size_gigabytes": inputs["size"],
            "description": inputs.get("description", ""),
            "tags": inputs.get("tags", []),
            "filesystem_type": inputs.get("initialFilesystemType") or inputs.get("filesystemType") or "",
            "filesystem_label": inputs.get("initialFilesystemLabel", ""),
        }
        if inputs.get("snapshotId"):
            body["snapshot_id"] = inputs["snapshotId"]
        found = self.api.call("POST", "/volumes", body)["volume"]
        return found["id"], self._outputs(found, inputs)

    def read(self, resource_id: str, inputs: Props, state: Props) -> Live | None:
        """Reads it."""
        answer = self.api.find(self.path(resource_id))
        if answer is None:
            return None
        outputs = self._outputs(answer["volume"], {**state, **inputs})
        readable = {key: outputs[key] for key in ("name", "region", "size", "tags")}
        return Live(inputs=readable, outputs=outputs)

    def update(self, resource_id: str, old: Props, state: Props, new: Props, operation: Operation) -> Props:
        """Grows it and tags it; the API refuses to make it smaller."""
        del state
        if old.get("size") != new["size"]:
            resize = {"type": "resize", "size_gigabytes": new["size"], "region": new["region"]}
            path = self.path(resource_id)
            self.api.act(path, resize, seconds=ACTION_SECONDS, cancelled=operation.cancelled)
        before, after = set(old.get("tags") or []), set(new.get("tags") or [])
        this = {"resources": [{"resource_id": resource_id, "resource_type": "volume"}]}
        for tag in sorted(before - after):
            self.api.remove(f"/tags/{tag}/resources", body=this)
        for tag in sorted(after - before):
            self.api.call("POST", "/tags", {"name": tag})
            self.api.call("POST", f"/tags/{tag}/resources", this)
        return self._outputs(self.api.call("GET", self.path(resource_id))["volume"], new)

    @staticmethod
    def _outputs(found: Props, inputs: Props) -> Props:
        return {
            **inputs,
            "name": found["name"],
            "region": found["region"]["slug"],
            "size": found["size_gigabytes"],
            "tags": found.get("tags") or [],
            "dropletIds": found["droplet_ids"],
            "filesystemType": found.get("filesystem_type") or None,
            "filesystemLabel": found.get("filesystem_label") or "",
            "volumeUrn": f"do:volume:{found['id']}",
        }


class VolumeAttachment(ApiKind):
    """A volume on a droplet."""

    token: ClassVar[str] = f"{PREFIX}volumeAttachment:VolumeAttachment"
    rules: ClassVar[Rules] = Rules(replace=frozenset({"*"}))

    def create(self, inputs: Props, operation: Operation) -> tuple[str, Props]:
        """Attaches; one that is there already stays."""
        volume, droplet = inputs["volumeId"], int(inputs["dropletId"])
        if droplet not in self._droplets(volume):
            action = {"type": "attach", "droplet_id": droplet}
            self.api.act(f"/volumes/{volume}", action, seconds=ACTION_SECONDS, cancelled=operation.cancelled)
        return f"{droplet}-{volume}", dict(inputs)

    def read(self, resource_id: str, inputs: Props, state: Props) -> Live | None:
        """Gone when the volume is, or is on another droplet."""
        known = {**state, **inputs}
        if int(known["dropletId"]) not in self._droplets(known["volumeId"]):
            return None
        props = {"dropletId": int(known["dropletId"]), "volumeId": known["volumeId"]}
        return Live(inputs=props, outputs=props, resource_id=resource_id)

    def delete(self, resource_id: str, inputs: Props, state: Props, operation: Operation) -> None:
        """Detaches."""
        del resource_id
        known = {**state, **inputs}
        volume, droplet = known["volumeId"], int(known["dropletId"])
        if droplet not in self._droplets(volume):
            return
        try:
            action = {"type": "detach", "droplet_id": droplet}
            self.api.act(f"/volumes/{volume}", action, seconds=ACTION_SECONDS, cancelled=operation.cancelled)
        except MissingError:
            return

    def _droplets(self, volume: str) -> list[int]:
        answer = self.api.find(f"/volumes/{volume}")
        return list(answer["volume"]["droplet_ids"]) if answer else []
