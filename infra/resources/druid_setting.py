"""What Druid's coordinator keeps for a datasource, as resources: retention rules and automatic compaction."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import pulumi
from pulumi.dynamic import (
    CheckFailure,
    CheckResult,
    CreateResult,
    DiffResult,
    ReadResult,
    Resource,
    ResourceProvider,
    UpdateResult,
)

from infra.resources.clients.druid_coordinator import DruidCoordinator
from infra.resources.druid_drift import differences, plain, seen
from infra.resources.druid_messages import tell
from infra.resources.druid_model_mistakes import Mistake, model_mistakes
from infra.resources.druid_retention_model import Compaction, rule_mistakes

COMPARED = ("base_url", "username", "password")


class _SettingProvider(ResourceProvider, ABC):
    """State: the inputs, and `applied`, what Druid made of the value with all its defaults."""

    key: ClassVar[str]
    """The input that holds the value."""

    @abstractmethod
    def mistakes(self, value: Any, datasource: str) -> list[Mistake]:
        """What is wrong in the value."""

    @abstractmethod
    def get(self, druid: DruidCoordinator, datasource: str) -> Any:
        """The value that holds, or None."""

    @abstractmethod
    def put(self, druid: DruidCoordinator, datasource: str, value: Any) -> None:
        """Make it hold."""

    @abstractmethod
    def remove(self, druid: DruidCoordinator, datasource: str) -> None:
        """Leave it to Druid's default."""

    def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """What Druid would ignore or misread, found before anything is sent."""
        found = self.mistakes(plain(news.get(self.key)), str(news.get("datasource")))
        where = news.get("file") or f"{news.get('datasource')}: {self.key}"
        return CheckResult(news, [CheckFailure("", f"{where}: {path}: {reason}") for path, reason in found])

    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        """Another datasource is another setting; the value is changed in place."""
        told = differences({self.key: olds.get(self.key)}, {self.key: news.get(self.key)})
        tell(str(news.get("datasource")), told)
        moved = olds.get("datasource") != news.get("datasource")
        changed = moved or bool(told) or any(olds.get(key) != news.get(key) for key in COMPARED)
        return DiffResult(changes=changed, replaces=["datasource"] if moved else [], delete_before_replace=False)

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Make the value hold, whatever held before."""
        return CreateResult(str(props["datasource"]), self._applied(props))

    def update(self, _id: str, _olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult:
        """Make the changed value hold."""
        return UpdateResult(self._applied(news))

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """The value with whatever was changed by hand since it was applied; None if it is gone."""
        with _client(props) as druid:
            druid.wait_until_up()
            live = plain(self.get(druid, id_))
        if not live:
            return ReadResult(None, {})
        before = {self.key: plain(props[self.key])}
        value = seen(before, {self.key: plain(props["applied"])}, {self.key: live})
        tell(f"{id_}, changed by hand in Druid", differences(before, value))
        outs = {**props, **value, "applied": live}
        return ReadResult(id_, outs, {key: item for key, item in outs.items() if key != "applied"})

    def delete(self, id_: str, props: dict[str, Any]) -> None:
        """Leave it to Druid's default."""
        with _client(props) as druid:
            druid.wait_until_up()
            self.remove(druid, id_)

    def _applied(self, props: dict[str, Any]) -> dict[str, Any]:
        datasource = str(props["datasource"])
        with _client(props) as druid:
            druid.wait_until_up()
            self.put(druid, datasource, plain(props[self.key]))
            return {**props, "applied": plain(self.get(druid, datasource))}


class RetentionRulesProvider(_SettingProvider):
    """The rules by which the coordinator loads and drops segments."""

    key = "rules"

    def mistakes(self, value: Any, datasource: str) -> list[Mistake]:
        """Unknown fields, rules that are never reached, an open end."""
        del datasource
        return rule_mistakes(value)

    def get(self, druid: DruidCoordinator, datasource: str) -> Any:
        """Its own rules."""
        return druid.rules(datasource)

    def put(self, druid: DruidCoordinator, datasource: str, value: Any) -> None:
        """Replace them."""
        druid.set_rules(datasource, value)

    def remove(self, druid: DruidCoordinator, datasource: str) -> None:
        """None of its own: the cluster's default rules hold."""
        druid.set_rules(datasource, [])


class CompactionProvider(_SettingProvider):
    """The configuration of automatic compaction."""

    key = "config"

    def mistakes(self, value: Any, datasource: str) -> list[Mistake]:
        """Unknown fields, values that Druid would refuse."""
        return model_mistakes(Compaction, {**value, "dataSource": datasource})

    def get(self, druid: DruidCoordinator, datasource: str) -> Any:
        """Its compaction."""
        return druid.compaction(datasource)

    def put(self, druid: DruidCoordinator, datasource: str, value: Any) -> None:
        """Replace it."""
        druid.set_compaction({**value, "dataSource": datasource})

    def remove(self, druid: DruidCoordinator, datasource: str) -> None:
        """No compaction."""
        druid.delete_compaction(datasource)


def _client(props: Mapping[str, Any]) -> DruidCoordinator:
    return DruidCoordinator(str(props["base_url"]), username=str(props["username"]), password=str(props["password"]))


def _inputs(
    base_url: pulumi.Input[str], username: pulumi.Input[str], password: pulumi.Input[str], datasource: pulumi.Input[str]
) -> dict[str, Any]:
    return {
        "base_url": base_url,
        "username": username,
        "password": pulumi.Output.secret(password),
        "datasource": datasource,
        "applied": None,
    }


def _options(opts: pulumi.ResourceOptions | None) -> pulumi.ResourceOptions:
    return pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(additional_secret_outputs=["password"]))


class RetentionRules(Resource, module="druid", name="RetentionRules"):
    """Which segments of a datasource are kept; `rules` as Druid's API takes them, the last one for everything."""

    def __init__(
        self,
        name: str,
        *,
        base_url: pulumi.Input[str],
        username: pulumi.Input[str],
        password: pulumi.Input[str],
        datasource: pulumi.Input[str],
        rules: list[dict[str, Any]],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Declare the rules."""
        inputs = _inputs(base_url, username, password, datasource)
        super().__init__(RetentionRulesProvider(), name, {**inputs, "rules": rules}, _options(opts))


class AutoCompaction(Resource, module="druid", name="AutoCompaction"):
    """How small segments of a datasource are merged; `config` as Druid's API takes it, without dataSource."""

    def __init__(
        self,
        name: str,
        *,
        base_url: pulumi.Input[str],
        username: pulumi.Input[str],
        password: pulumi.Input[str],
        datasource: pulumi.Input[str],
        config: dict[str, Any],
        file: str = "",
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Declare the compaction."""
        inputs = _inputs(base_url, username, password, datasource)
        super().__init__(CompactionProvider(), name, {**inputs, "config": config, "file": file}, _options(opts))
