"""The coordinator's settings of a datasource as resources: retention rules and automatic compaction."""

from abc import abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, ClassVar

import pulumi
from typing_extensions import override

from infra.resources.common.api_login import SECRET, ApiLogin, ApiLoginArgs
from infra.resources.common.messages import report
from infra.resources.common.provider import ManagedResource, Observed, Provider, State
from infra.resources.druid.coordinator import DruidCoordinator
from infra.resources.druid.drift import diff_lines, observed, plain
from infra.resources.druid.model_issues import ValidationIssue, model_issues
from infra.resources.druid.retention_model import Compaction, rule_issues


@dataclass(frozen=True, kw_only=True)
class SettingInputs(ApiLogin):
    """See the arguments of the resources below: rules or a compaction, never both."""

    datasource: str
    rules: list[dict[str, Any]] = field(default_factory=list)
    config: dict[str, Any] = field(default_factory=dict)
    file: str = ""


class _SettingProvider(Provider[SettingInputs]):
    """`applied` is the value as Druid stores it, with all defaults."""

    outputs: ClassVar[tuple[str, ...]] = ("applied",)
    replace_on = ("datasource",)
    key: ClassVar[str]
    """The input that holds the value."""

    @abstractmethod
    def issues(self, value: Any, datasource: str) -> list[ValidationIssue]:
        """What is wrong with the value."""

    @abstractmethod
    def get(self, druid: DruidCoordinator, datasource: str) -> Any:
        """The value in effect, or None."""

    @abstractmethod
    def put(self, druid: DruidCoordinator, datasource: str, value: Any) -> None:
        """Apply it."""

    @abstractmethod
    def remove(self, druid: DruidCoordinator, datasource: str) -> None:
        """Leave it to Druid's default."""

    @override
    def problems(self, old: State, new: State) -> Iterable[tuple[str, str]]:
        """Report what Druid would ignore or misread, before anything is sent."""
        where = new.get("file") or f"{new.get('datasource')}: {self.key}"
        for path, reason in self.issues(plain(new.get(self.key)), str(new.get("datasource"))):
            yield "", f"{where}: {path}: {reason}"

    @override
    def changed(self, old: State, new: State) -> bool:
        """Compare the value field by field. `file` is for messages only."""
        found = diff_lines({self.key: old.get(self.key)}, {self.key: new.get(self.key)})
        report(f"druid: {new.get('datasource')}", found)
        return bool(found) or any(old.get(name) != new.get(name) for name in ("base_url", "username", "password"))

    @override
    def create_resource(self, inputs: SettingInputs) -> tuple[str, State]:
        """Apply the value, whatever was in effect before."""
        with _client(inputs) as druid:
            druid.wait_until_up()
            self.put(druid, inputs.datasource, plain(getattr(inputs, self.key)))
            return inputs.datasource, {"applied": plain(self.get(druid, inputs.datasource))}

    @override
    def observe(self, id_: str, inputs: SettingInputs, state: State) -> Observed[SettingInputs] | None:
        """The value with all manual changes since it was applied; None if it no longer exists."""
        with _client(inputs) as druid:
            druid.wait_until_up()
            live = plain(self.get(druid, id_))
        if not live:
            return None
        before = {self.key: plain(state[self.key])}
        value = observed(before, {self.key: plain(state["applied"])}, {self.key: live})
        report(f"druid: {id_}, changed by hand in Druid", diff_lines(before, value))
        return Observed(value, {"applied": live})

    @override
    def delete_resource(self, id_: str, inputs: SettingInputs, state: State) -> None:
        """Leave it to Druid's default."""
        with _client(inputs) as druid:
            druid.wait_until_up()
            self.remove(druid, id_)


class RetentionRulesProvider(_SettingProvider):
    """The rules by which the coordinator loads and drops segments."""

    key = "rules"

    @override
    def changed(self, old: State, new: State) -> bool:
        """With a warning if rows that were to be kept forever are not any more."""
        before, after = plain(old.get("rules")) or [], plain(new.get("rules")) or []
        if _keeps_all(before) and after and not _keeps_all(after):
            periods = ", ".join(str(rule["period"]) for rule in after if "period" in rule)
            text = (
                f"WARNING: Druid kept every row so far. With these rules it drops rows older than {periods}, "
                "and deletes them for good a week later. To keep them, set druidRetentionDays to 0"
            )
            report(f"druid: {new.get('datasource')}", [text])
        return super().changed(old, new)

    @override
    def issues(self, value: Any, datasource: str) -> list[ValidationIssue]:
        """Unknown fields, rules that are never reached, no final rule."""
        return rule_issues(value)

    @override
    def get(self, druid: DruidCoordinator, datasource: str) -> Any:
        """Its own rules."""
        return druid.rules(datasource)

    @override
    def put(self, druid: DruidCoordinator, datasource: str, value: Any) -> None:
        """Replace them."""
        druid.set_rules(datasource, value)

    @override
    def remove(self, druid: DruidCoordinator, datasource: str) -> None:
        """Remove its own rules, so that the cluster's default rules apply."""
        druid.set_rules(datasource, [])


class CompactionProvider(_SettingProvider):
    """The configuration of automatic compaction.

    Under earlier versions, a coordinator that restarted before the first segment deleted it. Their states have no
    `survives_restarts`, so the next update writes the configuration again.
    """

    key = "config"
    outputs = ("applied", "survives_restarts")

    @override
    def changed(self, old: State, new: State) -> bool:
        """Also if the coordinator may have deleted the configuration."""
        return super().changed(old, new) or not old.get("survives_restarts")

    @override
    def create_resource(self, inputs: SettingInputs) -> tuple[str, State]:
        """Apply it. This version's coordinator keeps it."""
        id_, outputs = super().create_resource(inputs)
        return id_, {**outputs, "survives_restarts": True}

    @override
    def issues(self, value: Any, datasource: str) -> list[ValidationIssue]:
        """Unknown fields, and values that Druid would refuse."""
        return model_issues(Compaction, {**value, "dataSource": datasource})

    @override
    def get(self, druid: DruidCoordinator, datasource: str) -> Any:
        """Its compaction."""
        return druid.compaction(datasource)

    @override
    def put(self, druid: DruidCoordinator, datasource: str, value: Any) -> None:
        """Replace it."""
        druid.set_compaction({**value, "dataSource": datasource})

    @override
    def remove(self, druid: DruidCoordinator, datasource: str) -> None:
        """Stop compaction."""
        druid.delete_compaction(datasource)


def _keeps_all(rules: list[dict[str, Any]]) -> bool:
    return bool(rules) and rules[-1].get("type") == "loadForever"


def _client(login: ApiLogin) -> DruidCoordinator:
    return DruidCoordinator(login.base_url, username=login.username, password=login.password)


@dataclass(frozen=True, kw_only=True)
class RetentionRulesArgs(ApiLoginArgs):
    """`base_url` is a router's; `rules` are in the format of Druid's API, and the last one covers everything."""

    datasource: pulumi.Input[str]
    rules: list[dict[str, Any]]


class RetentionRules(ManagedResource, module="druid", name="RetentionRules"):
    """Which segments of a datasource are kept."""

    def __init__(self, name: str, args: RetentionRulesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Declare the rules."""
        super().__init__(RetentionRulesProvider(), name, args, opts, secret=SECRET)


@dataclass(frozen=True, kw_only=True)
class AutoCompactionArgs(ApiLoginArgs):
    """`base_url` is a router's; `config` is in the API's format, without dataSource; `file` is for messages."""

    datasource: pulumi.Input[str]
    config: dict[str, Any]
    file: str = ""


class AutoCompaction(ManagedResource, module="druid", name="AutoCompaction"):
    """How small segments of a datasource are merged."""

    def __init__(self, name: str, args: AutoCompactionArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Declare the compaction."""
        super().__init__(CompactionProvider(), name, args, opts, secret=SECRET)
