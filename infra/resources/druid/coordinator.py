"""The parts of Druid's coordinator API that the program manages: retention rules and automatic compaction."""

from collections.abc import Mapping, Sequence
from typing import Any

from infra.resources.druid.http import COORDINATOR, DruidHttp

COMPACTION = f"{COORDINATOR}/config/compaction"


class DruidCoordinator(DruidHttp):
    """Settings of a datasource. They can exist before the datasource does."""

    def rules(self, datasource: str) -> list[dict[str, Any]]:
        """Its own retention rules, first match first; empty if the cluster's default rules apply."""
        return list(self._request("GET", f"{COORDINATOR}/rules/{datasource}").json())

    def set_rules(self, datasource: str, rules: Sequence[Mapping[str, Any]]) -> None:
        """Replace its rules; without any, the cluster's default rules apply."""
        self._request("POST", f"{COORDINATOR}/rules/{datasource}", json=[dict(rule) for rule in rules])

    def compaction(self, datasource: str) -> dict[str, Any] | None:
        """Its compaction, with defaults filled in; None if it is not compacted."""
        found = self._found("GET", f"{COMPACTION}/{datasource}")
        return None if found is None else dict(found.json())

    def set_compaction(self, config: Mapping[str, Any]) -> None:
        """Create or replace the compaction of the dataSource in `config`."""
        self._request("POST", COMPACTION, json=dict(config))

    def delete_compaction(self, datasource: str) -> None:
        """Stop compaction. Segments that are already compacted stay as they are."""
        self._found("DELETE", f"{COMPACTION}/{datasource}")
