"""The parts of Druid's coordinator API that the program manages: retention rules and automatic compaction."""

from collections.abc import Mapping, Sequence
from typing import Any

from infra.resources.druid.http import COORDINATOR, DruidHttp

COMPACTION = f"{COORDINATOR}/config/compaction"


class DruidCoordinator(DruidHttp):
    """Settings of a datasource. They may be there before the datasource is."""

    def rules(self, datasource: str) -> list[dict[str, Any]]:
        """Its own retention rules, first match first; empty where the cluster's default ones hold."""
        return list(self._request("GET", f"{COORDINATOR}/rules/{datasource}").json())

    def set_rules(self, datasource: str, rules: Sequence[Mapping[str, Any]]) -> None:
        """Replace its rules; none at all leaves it to the cluster's default ones."""
        self._request("POST", f"{COORDINATOR}/rules/{datasource}", json=[dict(rule) for rule in rules])

    def compaction(self, datasource: str) -> dict[str, Any] | None:
        """Its compaction, with defaults filled in; None where it is not compacted."""
        found = self._found("GET", f"{COMPACTION}/{datasource}")
        return None if found is None else dict(found.json())

    def set_compaction(self, config: Mapping[str, Any]) -> None:
        """Create or replace; `config` names its dataSource."""
        self._request("POST", COMPACTION, json=dict(config))

    def delete_compaction(self, datasource: str) -> None:
        """Stop compaction. What has been compacted stays so."""
        self._found("DELETE", f"{COMPACTION}/{datasource}")
