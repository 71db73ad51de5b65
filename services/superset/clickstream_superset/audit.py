"""Superset's log of actions, without the reading.

By default every query writes six rows: a dashboard left open writes half a million a day, which nobody reads and
nothing deletes. Kept are what people change, import and export, and the pages they open.
"""

import re
from typing import Any

from superset.utils.log import DBEventLogger

_KEPT = re.compile(
    r"^(dashboard|explore|welcome|login|logout)$|\.(post|put|delete|bulk_delete|import_|export|sync_permissions)$"
)
_TRANSIENT = re.compile(r"(FilterState|FormData|Permalink|ChartData)")


class AuditLogger(DBEventLogger):  # type: ignore[misc]  # superset is not typed
    """Writes only actions worth keeping."""

    def log(self, user_id: int | None, action: str, *args: Any, **kwargs: Any) -> None:
        """Store an action's records, or none of them."""
        if action == "log":  # sent by the front end, many at a time; the home page lists what was opened
            kwargs["records"] = [
                record for record in kwargs.get("records") or [] if str(record.get("event_name")).startswith("mount_")
            ]
        elif not _KEPT.search(action) or _TRANSIENT.search(action):
            return
        super().log(user_id, action, *args, **kwargs)
