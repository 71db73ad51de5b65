"""VPCs, firewalls and reserved addresses."""

from typing import ClassVar

from toolchain.provider_shims.diffing import Rules
from toolchain.provider_shims.digitalocean.api import MissingError
from toolchain.provider_shims.digitalocean.kind import PREFIX, ApiKind, Simple
from toolchain.provider_shims.kinds import Live, Operation
from toolchain.provider_shims.schema import Failure
from toolchain.provider_shims.values import Props

ACTION_SECONDS = 300
MEMBERS_GONE_SECONDS = 120


class Vpc(Simple):
    """A private network."""

    token: ClassVar[str] = f"{PREFIX}vpc:Vpc"
    collection = "/vpcs"
    autonamed: ClassVar[bool] = True
    delete_seconds = MEMBERS_GONE_SECONDS  # refused while it has members, some of which are just going
    rules: ClassVar[Rules] = Rules(replace=frozenset({"region", "ipRange"}))

    def create(self, inputs: Props, operation: Operation) -> tuple[str, Props]:
        """Creates it."""
        del operation
        body = {"name": inputs["name"], "region": inputs["region"]}
        for source, target in (("description", "description"), ("ipRange", "ip_range")):
            if inputs.get(source):
                body[target] = inputs[source]
        found = self.api.call("POST", "/vpcs", body)["vpc"]
        return found["id"], self._outputs(found)

    def read(self, resource_id: str, inputs: Props, state: Props) -> Live | None:
        """Reads it."""
        del state
        answer = self.api.find(self.path(resource_id))
        if answer is None:
            return None
        outputs = self._outputs(answer["vpc"])
        readable = {key: outputs[key] for key in ("name", "region", "ipRange")}
        if inputs.get("description") or outputs["description"]:
            readable["description"] = outputs["description"]
        return Live(inputs=readable, outputs=outputs)

    def update(self, resource_id: str, old: Props, state: Props, new: Props, operation: Operation) -> Props:
        """Renames it."""
        del old, state, operation
        body = {"name": new["name"], "description": new.get("description", "")}
        return self._outputs(self.api.call("PUT", self.path(resource_id), body)["vpc"])

    @staticmethod
    def _outputs(found: Props) -> Props:
        return {
            "name": found["name"],
            "region": found["region"],
            "ipRange": found["ip_range"],
            "description": found.get("description") or "",
            "vpcUrn": found["urn"],
            "default": found["default"],
            "createdAt": found["created_at"],
        }


SIDES = {
    "inboundRules": ("inbound_rules", "sources", "source"),
    "outboundRules": ("outbound_rules", "destinations", "destination"),
}
MEMBERS = {
    "Addresses": "addresses",
    "DropletIds": "droplet_ids",
    "KubernetesIds": "kubernetes_ids",
    "LoadBalancerUids": "load_balancer_uids",
    "Tags": "tags",
}
EVERY_PORT = "0"
"""The API's answer, also for icmp, which has no ports."""


READABLE = ("name", "tags", "dropletIds", *SIDES)


class Firewall(Simple):
    """Rules for droplets by id or tag."""

    token: ClassVar[str] = f"{PREFIX}firewall:Firewall"
    collection = "/firewalls"
    autonamed: ClassVar[bool] = True
    rules: ClassVar[Rules] = Rules(
        sets=frozenset(
            {"tags", "dropletIds", *SIDES}
            | {f"{side}[*].{short}{key}" for side, (_, _, short) in SIDES.items() for key in MEMBERS}
        )
    )

    def planned_from(self, inputs: Props, state: Props) -> Props:
        """As the real provider: what was read back, not what the program wrote."""
        return self._readable(state) if state else inputs

    def check(self, inputs: Props) -> list[Failure]:
        """As the real provider: rules there must be, and ports but for icmp."""
        if not inputs.get("inboundRules") and not inputs.get("outboundRules"):
            return [Failure("inboundRules", "at least one rule must be specified")]
        return [
            Failure(f"{side}[{index}].portRange", f"required for protocol {rule['protocol']}")
            for side in SIDES
            for index, rule in enumerate(inputs.get(side) or [])
            if rule.get("protocol") != "icmp" and not rule.get("portRange")
        ]

    def create(self, inputs: Props, operation: Operation) -> tuple[str, Props]:
        """Creates it."""
        del operation
        found = self.api.call("POST", "/firewalls", self._body(inputs))["firewall"]
        return found["id"], self._stored(found, inputs)

    def read(self, resource_id: str, inputs: Props, state: Props) -> Live | None:
        """Reads it."""
        del inputs, state
        answer = self.api.find(self.path(resource_id))
        if answer is None:
            return None
        outputs = self._outputs(answer["firewall"])
        return Live(
            inputs=self._readable(outputs),
            outputs=outputs,
        )

    def update(self, resource_id: str, old: Props, state: Props, new: Props, operation: Operation) -> Props:
        """Replaces all rules."""
        del old, state, operation
        return self._stored(self.api.call("PUT", self.path(resource_id), self._body(new))["firewall"], new)

    @staticmethod
    def _body(inputs: Props) -> Props:
        body: Props = {
            "name": inputs["name"],
            "tags": inputs.get("tags", []),
            "droplet_ids": inputs.get("dropletIds", []),
        }
        for side, (target, peers, short) in SIDES.items():
            body[target] = [
                {
                    "protocol": rule["protocol"],
                    **({"ports": rule["portRange"]} if rule.get("portRange") else {}),
                    peers: {name: rule[short + key] for key, name in MEMBERS.items() if rule.get(short + key)},
                }
                for rule in inputs.get(side) or []
            ]
        return body

    @staticmethod
    def _readable(outputs: Props) -> Props:
        return {key: outputs.get(key) for key in READABLE}

    @classmethod
    def _stored(cls, found: Props, inputs: Props) -> Props:
        """The state after a creation or an update: rules as the program wrote them. Only a refresh reads them back."""
        return {**cls._outputs(found), **{side: inputs.get(side) or [] for side in SIDES}}

    @staticmethod
    def _outputs(found: Props) -> Props:
        outputs: Props = {
            "name": found["name"],
            "tags": found.get("tags") or [],
            "dropletIds": found.get("droplet_ids") or [],
            "status": found["status"],
            "createdAt": found["created_at"],
            "pendingChanges": [
                {"dropletId": item["droplet_id"], "removing": item["removing"], "status": item["status"]}
                for item in found.get("pending_changes") or []
            ],
        }
        for side, (source, peers, short) in SIDES.items():
            outputs[side] = [
                {
                    "protocol": rule["protocol"],
                    **_ports(rule),
                    **{short + key: rule[peers][name] for key, name in MEMBERS.items() if rule[peers].get(name)},
                }
                for rule in found.get(source) or []
            ]
        return outputs


def _ports(rule: Props) -> Props:
    """As the real provider reads them: `1-65535` comes back as `all`."""
    ports = rule.get("ports")
    if not ports or (ports == EVERY_PORT and rule["protocol"] == "icmp"):
        return {}
    return {"portRange": "all" if ports == EVERY_PORT else ports}


class ReservedIp(ApiKind):
    """An address that stays when the droplet behind it changes."""

    token: ClassVar[str] = f"{PREFIX}reservedIp:ReservedIp"
    inputs: ClassVar[frozenset[str] | None] = frozenset({"region", "dropletId"})
    rules: ClassVar[Rules] = Rules(replace=frozenset({"region"}))

    def create(self, inputs: Props, operation: Operation) -> tuple[str, Props]:
        """Reserves one in the region, and assigns it where a droplet is named."""
        address = self.api.call("POST", "/reserved_ips", {"region": inputs["region"]})["reserved_ip"]["ip"]
        if inputs.get("dropletId"):
            assign(self, address, inputs["dropletId"], operation)
        return address, {**inputs, "ipAddress": address, "reservedIpUrn": f"do:reservedip:{address}"}

    def read(self, resource_id: str, inputs: Props, state: Props) -> Live | None:
        """Reads it. The droplet is an input only if the program sets it here."""
        del state
        answer = self.api.find(f"/reserved_ips/{resource_id}")
        if answer is None:
            return None
        found = answer["reserved_ip"]
        outputs = {
            "region": found["region"]["slug"],
            "ipAddress": found["ip"],
            "reservedIpUrn": f"do:reservedip:{found['ip']}",
            "dropletId": (found["droplet"] or {}).get("id"),
        }
        readable = {"region": outputs["region"]}
        if "dropletId" in inputs:
            readable["dropletId"] = outputs["dropletId"]
        return Live(inputs=readable, outputs=outputs)

    def update(self, resource_id: str, old: Props, state: Props, new: Props, operation: Operation) -> Props:
        """Assigns it to another droplet, or to none."""
        del old
        if new.get("dropletId"):
            assign(self, resource_id, new["dropletId"], operation)
        else:
            unassign(self, resource_id, operation)
        return {**state, **new, "dropletId": new.get("dropletId")}

    def delete(self, resource_id: str, inputs: Props, state: Props, operation: Operation) -> None:
        """Unassigns and releases it."""
        del inputs, state
        unassign(self, resource_id, operation)
        self.api.remove(f"/reserved_ips/{resource_id}", seconds=60)


class ReservedIpAssignment(ApiKind):
    """Which droplet has the address."""

    token: ClassVar[str] = f"{PREFIX}reservedIpAssignment:ReservedIpAssignment"
    rules: ClassVar[Rules] = Rules(replace=frozenset({"*"}))

    def create(self, inputs: Props, operation: Operation) -> tuple[str, Props]:
        """Assigns it, also if another droplet has it."""
        assign(self, inputs["ipAddress"], inputs["dropletId"], operation)
        return f"{inputs['dropletId']}-{inputs['ipAddress']}", dict(inputs)

    def read(self, resource_id: str, inputs: Props, state: Props) -> Live | None:
        """Gone when the address has another droplet, or none."""
        known = {**state, **inputs}
        address, droplet = known["ipAddress"], known["dropletId"]
        answer = self.api.find(f"/reserved_ips/{address}")
        owner = ((answer or {}).get("reserved_ip") or {}).get("droplet") or {}
        if owner.get("id") != droplet:
            return None
        props = {"ipAddress": address, "dropletId": droplet}
        return Live(inputs=props, outputs=props, resource_id=resource_id)

    def delete(self, resource_id: str, inputs: Props, state: Props, operation: Operation) -> None:
        """Unassigns it if it is still there: a replacement has moved it already."""
        if self.read(resource_id, inputs, state) is not None:
            unassign(self, {**state, **inputs}["ipAddress"], operation)


def assign(kind: ApiKind, address: str, droplet_id: int, operation: Operation) -> None:
    """Waits until it is done."""
    action = {"type": "assign", "droplet_id": int(droplet_id)}
    kind.api.act(f"/reserved_ips/{address}", action, seconds=ACTION_SECONDS, cancelled=operation.cancelled)


def unassign(kind: ApiKind, address: str, operation: Operation) -> None:
    """Waits until it is done; an address without a droplet, or that is gone, is fine."""
    answer = kind.api.find(f"/reserved_ips/{address}")
    if answer is None or not answer["reserved_ip"]["droplet"]:
        return
    try:
        action = {"type": "unassign"}
        kind.api.act(f"/reserved_ips/{address}", action, seconds=ACTION_SECONDS, cancelled=operation.cancelled)
    except MissingError:
        return
