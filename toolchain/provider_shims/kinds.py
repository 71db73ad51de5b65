"""What a package consists of: a `Kind` for each resource type, which sees plain values."""

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

from toolchain.provider_shims.diffing import Rules
from toolchain.provider_shims.schema import Failure
from toolchain.provider_shims.values import Props


class ProviderError(Exception):
    """An operation failed; the message is for the user."""


class PartialError(ProviderError):
    """A resource was created, but did not reach the wanted state: it must be kept in Pulumi's state."""

    def __init__(self, message: str, resource_id: str, outputs: Props) -> None:
        super().__init__(message)
        self.resource_id = resource_id
        self.outputs = outputs


@dataclass(frozen=True)
class Live:
    """The result of `read`. `inputs` are all inputs that can be read back, None where not set."""

    inputs: Props
    outputs: Props
    resource_id: str | None = None


@dataclass(frozen=True)
class Operation:
    """The context of one call."""

    urn: str
    cancelled: threading.Event
    seconds: float = 0
    """The custom timeout that the program sets for this operation; 0 for the provider's own."""

    @property
    def name(self) -> str:
        """The resource's name in the program."""
        return self.urn.rsplit("::", 1)[-1]


class Kind(ABC):
    """One resource type. Stateless apart from what the provider was configured with."""

    token: ClassVar[str]
    autonamed: ClassVar[bool] = False
    """Whether a missing `name` input becomes the resource's name and a random suffix."""
    rules: ClassVar[Rules] = Rules()
    secret_outputs: ClassVar[frozenset[str]] = frozenset()
    inputs: ClassVar[frozenset[str] | None] = None
    """Paths of the supported inputs, with `[*]` for list elements; None for all that the SDK has."""

    def check(self, inputs: Props) -> list[Failure]:
        """Rules beyond the types."""
        del inputs
        return []

    def defaults(self) -> Props:
        """Values of inputs that the program left out, as the real provider sets them in the state."""
        return {}

    def planned_from(self, inputs: Props, state: Props) -> Props:
        """What a plan compares the new inputs with: the old ones, or what the provider has read back."""
        del state
        return inputs

    @abstractmethod
    def create(self, inputs: Props, operation: Operation) -> tuple[str, Props]:
        """Creates the resource; returns its id and outputs."""

    @abstractmethod
    def read(self, resource_id: str, inputs: Props, state: Props) -> Live | None:
        """Reads the live resource; None if it is gone."""

    def update(self, resource_id: str, old: Props, state: Props, new: Props, operation: Operation) -> Props:
        """Changes the resource in place; returns its outputs."""
        del resource_id, old, state, new
        msg = f"{operation.name} cannot change in place"
        raise ProviderError(msg)

    @abstractmethod
    def delete(self, resource_id: str, inputs: Props, state: Props, operation: Operation) -> None:
        """Deletes the resource. One that is already gone is not an error."""


class StateOnly(Kind):
    """A type whose value is made once and exists in the state alone."""

    rules: ClassVar[Rules] = Rules(replace=frozenset({"*"}))

    def read(self, resource_id: str, inputs: Props, state: Props) -> Live | None:
        """The state: there is nothing else to look at."""
        del resource_id
        return Live(inputs=inputs, outputs=state)

    def delete(self, resource_id: str, inputs: Props, state: Props, operation: Operation) -> None:
        """Nothing: it goes with the state."""
        del resource_id, inputs, state, operation


@dataclass
class Package:
    """A provider package: its kinds, and how it takes its configuration."""

    name: str
    module: str
    kinds: Callable[[Props], Mapping[str, Kind]]
    """From the configuration (plain values, unknown ones left out) to kinds by token."""
    configuration: frozenset[str] | None = None
    """Supported configuration, as `Kind.inputs`."""

    on_stop: Callable[[], None] | None = None
