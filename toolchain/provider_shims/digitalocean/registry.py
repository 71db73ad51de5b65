"""DigitalOcean's container registry, and logins to it."""

import json
from typing import ClassVar

from toolchain.provider_shims.diffing import Rules
from toolchain.provider_shims.digitalocean.api import MissingError
from toolchain.provider_shims.digitalocean.kind import PREFIX, ApiKind
from toolchain.provider_shims.kinds import Live, Operation
from toolchain.provider_shims.values import Props

SERVER = "registry.digitalocean.com"
NO_EXPIRY_SECONDS = 1_576_800_000


class ContainerRegistry(ApiKind):
    """The registry of an account."""

    token: ClassVar[str] = f"{PREFIX}containerRegistry:ContainerRegistry"
    autonamed: ClassVar[bool] = True
    rules: ClassVar[Rules] = Rules(replace=frozenset({"name", "region"}))

    def create(self, inputs: Props, operation: Operation) -> tuple[str, Props]:
        """Creates it."""
        del operation
        body = {"name": inputs["name"], "subscription_tier_slug": inputs["subscriptionTierSlug"]}
        if inputs.get("region"):
            body["region"] = inputs["region"]
        found = self.api.call("POST", "/registry", body)["registry"]
        return found["name"], self._outputs(found, inputs["subscriptionTierSlug"])

    def read(self, resource_id: str, inputs: Props, state: Props) -> Live | None:
        """Reads it, with its subscription tier."""
        del state
        answer = self.api.find(f"/registries/{resource_id}")
        if answer is None:
            return None
        tier = self.api.call("GET", "/registries/subscription")["subscription"]["tier"]["slug"]
        outputs = self._outputs(answer["registry"], tier)
        keys = ("name", "subscriptionTierSlug", *(("region",) if "region" in inputs else ()))
        return Live(inputs={key: outputs[key] for key in keys}, outputs=outputs)

    def update(self, resource_id: str, old: Props, state: Props, new: Props, operation: Operation) -> Props:
        """Changes the tier."""
        del resource_id, old, operation
        self.api.call("POST", "/registry/subscription", {"tier_slug": new["subscriptionTierSlug"]})
        return {**state, **new}

    def delete(self, resource_id: str, inputs: Props, state: Props, operation: Operation) -> None:
        """Deletes it with its images."""
        del inputs, state, operation
        self.api.remove(f"/registries/{resource_id}")

    @staticmethod
    def _outputs(found: Props, tier: str) -> Props:
        return {
            "name": found["name"],
            "region": found["region"],
            "subscriptionTierSlug": tier,
            "createdAt": found["created_at"],
            "storageUsageBytes": found["storage_usage_bytes"],
            "serverUrl": SERVER,
            "endpoint": f"{SERVER}/{found['name']}",
        }


class ContainerRegistryDockerCredentials(ApiKind):
    """A login, as the `config.json` of docker has it."""

    token: ClassVar[str] = f"{PREFIX}containerRegistryDockerCredentials:ContainerRegistryDockerCredentials"
    rules: ClassVar[Rules] = Rules(replace=frozenset({"registryName", "write", "expirySeconds"}))
    secret_outputs: ClassVar[frozenset[str]] = frozenset({"dockerCredentials"})

    def defaults(self) -> Props:
        """As the real provider."""
        return {"write": False, "expirySeconds": NO_EXPIRY_SECONDS}

    def create(self, inputs: Props, operation: Operation) -> tuple[str, Props]:
        """Requests one."""
        del operation
        path = f"/registries/{inputs['registryName']}/docker-credentials"
        write = "true" if inputs["write"] else "false"
        answer = self.api.call("GET", path, read_write=write, expiry_seconds=inputs["expirySeconds"])
        return inputs["registryName"], {**inputs, "dockerCredentials": json.dumps(answer)}

    def read(self, resource_id: str, inputs: Props, state: Props) -> Live | None:
        """A login can't be read; it exists as long as its registry."""
        try:
            self.api.call("GET", f"/registries/{resource_id}")
        except MissingError:
            return None
        return Live(inputs=inputs, outputs=state)

    def delete(self, resource_id: str, inputs: Props, state: Props, operation: Operation) -> None:
        """Nothing: the API can't revoke a login. It ends with the registry, or when it expires."""
        del resource_id, inputs, state, operation
