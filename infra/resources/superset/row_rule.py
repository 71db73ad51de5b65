"""A row-level security rule of Superset, which limits the rows of some datasets that the users of a role see.

Superset adds the rule's condition to every query of these users, and joins the conditions of one group by OR: a user
with two roles sees the rows of both.
"""

from dataclasses import dataclass
from typing import Any

import pulumi
from typing_extensions import override

from infra.resources.common.api_login import SECRET, ApiLogin, ApiLoginArgs
from infra.resources.common.provider import ManagedResource, Observed, Provider, State
from infra.resources.superset.client import SupersetClient, SupersetError, session


@dataclass(frozen=True, kw_only=True)
class RowRuleInputs(ApiLogin):
    """See RowRuleArgs."""

    rule: str
    clause: str
    role: str
    group: str
    datasets: list[str]


class RowRuleProvider(Provider[RowRuleInputs]):
    """A rule is identified by its name; everything else changes in place."""

    replace_on = ("rule",)
    delete_before_replace = True
    not_compared = ("username", "password")

    @override
    def normalise(self, new: State) -> State:
        """Sort the datasets, whose order does not matter."""
        datasets = new.get("datasets")
        return {**new, "datasets": sorted(datasets)} if isinstance(datasets, list) else new

    @override
    def create_resource(self, inputs: RowRuleInputs) -> tuple[str, State]:
        """Create the rule, or adopt an existing one of that name."""
        with session(inputs) as superset:
            present, body = superset.find_rule(inputs.rule), _body(superset, inputs)
            if present is None:
                superset.create("rowlevelsecurity", body)
            else:
                superset.change("rowlevelsecurity", present, body)
        return inputs.rule, {}

    @override
    def observe(self, id_: str, inputs: RowRuleInputs, state: State) -> Observed[RowRuleInputs] | None:
        """The rule as it is now; None if it no longer exists."""
        with session(inputs) as superset:
            present = superset.find_rule(id_)
            if present is None:
                return None
            rule = superset.get("rowlevelsecurity", present)
            uuids = {number: uuid for uuid, number in superset.datasets().items()}
        found: dict[str, Any] = {
            "rule": str(rule["name"]),
            "clause": str(rule["clause"]),
            # A rule of type Base applies to everybody but its roles, so it does not limit this role.
            "role": ", ".join(sorted(str(role["name"]) for role in rule["roles"]))
            if rule["filter_type"] == "Regular"
            else "",
            "group": str(rule["group_key"] or ""),
            "datasets": sorted(uuids.get(int(table["id"]), str(table["id"])) for table in rule["tables"]),
        }
        return Observed({name: value for name, value in found.items() if value != state.get(name)})

    @override
    def delete_resource(self, id_: str, inputs: RowRuleInputs, state: State) -> None:
        """Delete the rule. The role's users then see no rows at all."""
        with session(inputs) as superset:
            present = superset.find_rule(id_)
            if present is not None:
                superset.delete("rowlevelsecurity", present)


def _body(superset: SupersetClient, inputs: RowRuleInputs) -> dict[str, Any]:
    """The rule as the API takes it.

    Raises:
        SupersetError: Superset has no such role or dataset.
    """
    roles, datasets = superset.roles(), superset.datasets()
    if inputs.role not in roles:
        message = f"rule {inputs.rule}: Superset has no role {inputs.role!r}; it has {', '.join(sorted(roles))}"
        raise SupersetError(message)
    if missing := sorted(set(inputs.datasets) - set(datasets)):
        message = f"rule {inputs.rule}: Superset has no dataset with the UUID {', '.join(missing)}; import them first"
        raise SupersetError(message)
    return {
        "name": inputs.rule,
        "description": "Managed by the platform's program, which restores it",
        "filter_type": "Regular",
        "clause": inputs.clause,
        "group_key": inputs.group,
        "roles": [roles[inputs.role]],
        "tables": sorted(datasets[uuid] for uuid in inputs.datasets),
    }


@dataclass(frozen=True, kw_only=True)
class RowRuleArgs(ApiLoginArgs):
    """The login is that of a Superset administrator.

    `rule` is the rule's name, `clause` an SQL condition, `datasets` are UUIDs. `group`: rules of one group are joined
    by OR.
    """

    rule: pulumi.Input[str]
    clause: pulumi.Input[str]
    role: pulumi.Input[str]
    group: pulumi.Input[str]
    datasets: list[str]


class RowRule(ManagedResource, module="superset", name="RowRule"):
    """Limits the rows of some datasets that a role's users see."""

    rule: pulumi.Output[str]

    def __init__(self, name: str, args: RowRuleArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Declare the rule."""
        super().__init__(RowRuleProvider(), name, args, opts, secret=SECRET)
