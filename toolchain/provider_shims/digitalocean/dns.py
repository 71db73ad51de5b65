"""Domains and their records."""

from typing import ClassVar

from toolchain.provider_shims.diffing import Rules
from toolchain.provider_shims.digitalocean.kind import PREFIX, ApiKind, Simple
from toolchain.provider_shims.kinds import Live, Operation
from toolchain.provider_shims.values import Props

FIELDS = ("type", "name", "priority", "port", "ttl", "weight", "flags", "tag")


class Domain(Simple):
    """A zone."""

    token: ClassVar[str] = f"{PREFIX}domain:Domain"
    collection = "/domains"
    rules: ClassVar[Rules] = Rules(replace=frozenset({"name", "ipAddress"}))

    def create(self, inputs: Props, operation: Operation) -> tuple[str, Props]:
        """Creates it."""
        del operation
        body = {"name": inputs["name"], **({"ip_address": inputs["ipAddress"]} if inputs.get("ipAddress") else {})}
        found = self.api.call("POST", "/domains", body)["domain"]
        return found["name"], {**inputs, "ttl": found.get("ttl"), "domainUrn": f"do:domain:{found['name']}"}

    def read(self, resource_id: str, inputs: Props, state: Props) -> Live | None:
        """Reads it."""
        answer = self.api.find(self.path(resource_id))
        if answer is None:
            return None
        found = answer["domain"]
        outputs = {**state, **inputs, "name": found["name"], "ttl": found.get("ttl")}
        return Live(inputs={"name": found["name"]}, outputs={**outputs, "domainUrn": f"do:domain:{found['name']}"})


class DnsRecord(ApiKind):
    """A record of a zone."""

    token: ClassVar[str] = f"{PREFIX}dnsRecord:DnsRecord"
    rules: ClassVar[Rules] = Rules(replace=frozenset({"domain", "type"}))

    def defaults(self) -> Props:
        """As the real provider."""
        return {"ttl": 1800}

    def create(self, inputs: Props, operation: Operation) -> tuple[str, Props]:
        """Creates it."""
        del operation
        path = f"/domains/{inputs['domain']}/records"
        found = self.api.call("POST", path, self._body(inputs))["domain_record"]
        return str(found["id"]), self._outputs(inputs["domain"], found)

    def read(self, resource_id: str, inputs: Props, state: Props) -> Live | None:
        """Reads it."""
        domain = inputs.get("domain") or state["domain"]
        answer = self.api.find(f"/domains/{domain}/records/{resource_id}")
        if answer is None:
            return None
        outputs = self._outputs(domain, answer["domain_record"])
        readable = {key: outputs[key] for key in ("domain", "type", "name", "value", "ttl")}
        return Live(inputs=readable, outputs=outputs)

    def update(self, resource_id: str, old: Props, state: Props, new: Props, operation: Operation) -> Props:
        """Changes it."""
        del old, state, operation
        path = f"/domains/{new['domain']}/records/{resource_id}"
        return self._outputs(new["domain"], self.api.call("PUT", path, self._body(new))["domain_record"])

    def delete(self, resource_id: str, inputs: Props, state: Props, operation: Operation) -> None:
        """Deletes it."""
        del operation
        domain = inputs.get("domain") or state["domain"]
        self.api.remove(f"/domains/{domain}/records/{resource_id}")

    @staticmethod
    def _body(inputs: Props) -> Props:
        return {"data": inputs["value"], **{key: inputs[key] for key in FIELDS if inputs.get(key) is not None}}

    @staticmethod
    def _outputs(domain: str, found: Props) -> Props:
        name = found["name"]
        return {
            "domain": domain,
            "value": found["data"],
            **{key: found.get(key) for key in FIELDS},
            "fqdn": domain if name == "@" else f"{name}.{domain}",
        }
