"""Stand-in for the digitalocean plugin, for previews only.

Every resource type of the SDK is checked and compared; none can be created. A stack on
DigitalOcean needs the real plugin.
"""

import re
from collections.abc import Iterator, Mapping
from typing import ClassVar

from tools.standins import schema
from tools.standins.diffing import Rules
from tools.standins.framework import Kind, Live, Operation, Package, ProviderError, run
from tools.standins.values import Props

MODULE = "pulumi_digitalocean"

REPLACE: Mapping[str, frozenset[str]] = {
    "droplet": frozenset({"image", "region", "userData", "sshKeys", "vpcUuid", "monitoring", "dropletAgent"}),
    "vpc": frozenset({"region", "ipRange"}),
    "tag": frozenset({"name"}),
    "sshKey": frozenset({"publicKey"}),
    "volume": frozenset({"name", "region", "description", "snapshotId"}),
    "volumeAttachment": frozenset({"*"}),
    "domain": frozenset({"name", "ipAddress"}),
    "dnsRecord": frozenset({"domain", "type"}),
    "reservedIp": frozenset({"region"}),
}
"""What can not change in place, by type; a type that is missing here previews every change as an update."""


class PreviewOnly(Kind):
    """A type that can be looked forward to."""

    def create(self, inputs: Props, operation: Operation) -> tuple[str, Props]:
        """Not here."""
        del inputs
        raise _refusal(operation.name)

    def read(self, resource_id: str, inputs: Props, state: Props) -> Live | None:
        """Not here."""
        del inputs, state
        raise _refusal(resource_id)

    def update(self, resource_id: str, old: Props, state: Props, new: Props, operation: Operation) -> Props:
        """Not here."""
        del resource_id, old, state, new
        raise _refusal(operation.name)

    def delete(self, resource_id: str, inputs: Props, state: Props, operation: Operation) -> None:
        """Not here."""
        del inputs, state, operation
        raise _refusal(resource_id)


def _refusal(what: str) -> ProviderError:
    return ProviderError(
        f"{what}: this machine has only a stand-in for the digitalocean plugin, which can preview. "
        "Deploy from a machine that can download the real plugin (docs/toolchain.md)."
    )


def kind_of(token: str, source: type) -> Kind:
    """A kind for one type. Types with an optional `name` input are named automatically, as by the real provider."""
    short = re.sub(r"^.*/|:.*$", "", token)
    fields = schema.resource_schema(MODULE, token).inputs.fields
    named = "name" in fields and not fields["name"].required
    rules = Rules(replace=REPLACE.get(short, frozenset()))
    kind_class = type(source.__name__, (PreviewOnly,), {"token": token, "autonamed": named, "rules": rules})
    kind: Kind = kind_class()
    return kind


class AllTypes(Mapping[str, Kind]):
    """Every resource type of the SDK; looked into only when it is used, because there are many."""

    known: ClassVar[dict[str, Kind]] = {}

    def __getitem__(self, token: str) -> Kind:
        classes = schema.resource_classes(MODULE)
        if token not in self.known:
            self.known[token] = kind_of(token, classes[token])
        return self.known[token]

    def __iter__(self) -> Iterator[str]:
        return iter(schema.resource_classes(MODULE))

    def __len__(self) -> int:
        return len(schema.resource_classes(MODULE))


def main(arguments: list[str]) -> None:
    """Serves."""
    del arguments
    run(Package("digitalocean", MODULE, lambda _: AllTypes()))
