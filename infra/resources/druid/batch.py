"""Batch tasks that fill whole days of a table: from lines of JSON over HTTP, or from another table."""

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from infra.resources.common.retry import Deadline
from infra.resources.druid.http import COORDINATOR, INDEXER, DruidError, DruidHttp
from infra.resources.druid.row_stats import Rows, of_report

RUNNING = ("RUNNING", "PENDING", "WAITING")
SUCCESS = "SUCCESS"


def from_lines(supervisor: Mapping[str, Any], table: str, urls: Sequence[str], interval: str, tuning: Any) -> Any:
    """A task that ingests the lines at the URLs into a table, by the rules of a supervisor's spec.

    `interval` is that of the lines' times, such as 2026-11-01/2026-11-03. `tuning` is that of the compaction.
    """
    schema = copy.deepcopy(dict(supervisor["spec"]["dataSchema"]))
    source = {
        "type": "index_parallel",
        "inputSource": {"type": "http", "uris": list(urls)},
        "inputFormat": supervisor["spec"]["ioConfig"]["inputFormat"],
    }
    return _task(schema, table, interval, source, tuning)


def from_table(supervisor: Mapping[str, Any], table: str, source: str, interval: str, tuning: Any) -> Any:
    """A task that replaces the interval of a table by that of the table `source`, at once, even where that is empty."""
    schema = copy.deepcopy(dict(supervisor["spec"]["dataSchema"]))
    # The rows have been filtered and transformed.
    schema.pop("transformSpec", None)
    schema["timestampSpec"] = {"column": "__time", "format": "millis"}
    config = {
        "type": "index_parallel",
        "inputSource": {"type": "druid", "dataSource": source, "interval": interval},
        "dropExisting": True,
    }
    return _task(schema, table, interval, config, tuning)


def _task(schema: dict[str, Any], table: str, interval: str, source: dict[str, Any], tuning: Any) -> dict[str, Any]:
    schema["dataSource"] = table
    schema["granularitySpec"] = {**schema["granularitySpec"], "intervals": [interval]}
    config = {**source, "appendToExisting": False}
    tuned = {"type": "index_parallel", "logParseExceptions": True, "maxSavedParseExceptions": 5, **tuning}
    return {"type": "index_parallel", "spec": {"dataSchema": schema, "ioConfig": config, "tuningConfig": tuned}}


class BatchClient(DruidHttp):
    """Runs batch tasks, and deletes the tables that they have filled."""

    def run(self, task: Mapping[str, Any], timeout: float, report: Callable[[Rows], None] = lambda _: None) -> Rows:
        """Run a task to its end, and return the number of its rows. `report` gets them meanwhile, every few seconds.

        Raises:
            DruidError: with Druid's reason, if the task fails, or is shut down after `timeout` seconds.
        """
        task_id = str(self._request("POST", f"{INDEXER}/task", json=dict(task)).json()["task"])
        deadline = Deadline(timeout, pause=2)
        try:
            while (status := self._status(task_id)).get("statusCode") in RUNNING:
                report(self._rows(task_id))
                if not deadline.wait():
                    message = f"task {task_id} still ran after {timeout:.0f} s, and was shut down"
                    raise DruidError(message)  # noqa: TRY301 - shut down below, like any other error
        except BaseException:
            self._found("POST", f"{INDEXER}/task/{task_id}/shutdown")
            raise
        if status.get("statusCode") != SUCCESS:
            message = (
                f"task {task_id} failed: {status.get('errorMsg') or 'no reason given; see its log in the console'}"
            )
            raise DruidError(message)
        return self._rows(task_id)

    def _status(self, task_id: str) -> dict[str, Any]:
        return dict(self._request("GET", f"{INDEXER}/task/{task_id}/status").json()["status"])

    def _rows(self, task_id: str) -> Rows:
        """The rows so far; none while the task does not answer."""
        try:
            found = self._found("GET", f"{INDEXER}/task/{task_id}/reports")
        except DruidError:
            return Rows()
        return Rows() if found is None else of_report(found.json())

    def delete_table(self, table: str) -> None:
        """Mark every segment unused, and delete them from deep storage. Fine if there is none."""
        self._found("DELETE", f"{COORDINATOR}/datasources/{table}")
        everything = {"type": "kill", "dataSource": table, "interval": "1000-01-01/3000-01-01"}
        self._request("POST", f"{INDEXER}/task", json=everything)
