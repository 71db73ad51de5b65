"""Base classes of the resource types."""

from toolchain.provider_shims.digitalocean.api import Api
from toolchain.provider_shims.kinds import Kind, Operation
from toolchain.provider_shims.values import Props

PREFIX = "digitalocean:index/"


class ApiKind(Kind):
    """A resource type of the account that the provider is configured for."""

    def __init__(self, api: Api) -> None:
        self.api = api


class Simple(ApiKind):
    """A type with one address, whose deletion is one request."""

    collection: str
    delete_seconds: float = 0
    """How long a deletion may be refused, unless a custom timeout says otherwise."""

    def path(self, resource_id: str) -> str:
        """Its path in the API."""
        return f"{self.collection}/{resource_id}"

    def delete(self, resource_id: str, inputs: Props, state: Props, operation: Operation) -> None:
        """Deletes it; waits a while for what still uses it."""
        del inputs, state
        self.api.remove(self.path(resource_id), seconds=operation.seconds or self.delete_seconds)
