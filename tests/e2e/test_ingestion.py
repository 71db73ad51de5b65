"""Druid's ingestion as resources, with the real CLI: a topic, supervisor, rules and compaction of their own, on the
stack that runs. The tests run in the order in which they stand here.
"""

import copy
import json
import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from infra.paths import DRUID_SPECS, ROOT
from infra.platform.ingestion import HAS_COUNTRY
from infra.resources.druid.client import DruidClient, DruidError
from infra.resources.druid.coordinator import DruidCoordinator
from infra.resources.druid.drift import diff_lines
from infra.resources.druid.row_stats import Rows, counts
from infra.resources.kafka.client import KafkaRestClient
from tests.e2e.journey import Access
from tests.e2e.numbered_events import MOMENT, producer
from tests.support.pulumi_cli import CliStack
from tests.support.waiting import until
from tools.ingestion import sample, status

if TYPE_CHECKING:
    import subprocess

NAME = f"ingestion_test_{secrets.token_hex(3)}"
"""Another each time: reports of tasks that an earlier run left on the same stack are counted by name."""

EVENTS = 100_000
FILTERED, GARBAGE = 100, 3
BUSY = 200_000
"""Rows that a task publishes at once: more parts than the indexer could read if their columns were compressed."""
URN = "urn:pulumi:ingestion::clickstream-ingestion::pulumi-python:dynamic/druid:"


class Ingestion:
    """The program with its spec, and clients to look from outside."""

    def __init__(self, access: Access, home: Path) -> None:
        self.access = access
        self.file = home / "edited.json"
        spec: dict[str, Any] = json.loads((DRUID_SPECS / "clickstream.json").read_text())
        spec["spec"]["dataSchema"]["transformSpec"]["filter"] = HAS_COUNTRY
        spec["spec"]["dataSchema"]["dataSource"] = NAME
        spec["spec"]["ioConfig"]["topic"] = NAME
        self.committed = spec
        self.restore()
        login: dict[str, Any] = {"username": access.user, "password": access.password}
        self.druid = DruidClient(access.druid, **login)
        self.coordinator = DruidCoordinator(access.druid, **login)
        self.kafka = KafkaRestClient(access.kafka_manager, **login)
        self.cli = CliStack(
            "ingestion",
            home,
            {
                "druid": access.druid,
                "kafkaManager": access.kafka_manager,
                "topic": NAME,
                "datasource": NAME,
                "spec": str(self.file),
            },
            program=Path(__file__).parent / "ingestion",
            project="clickstream-ingestion",
            env={"PYTHONPATH": str(ROOT), "TEST_USER": access.user, "TEST_PASSWORD": access.password},
        )

    def edit(self, part: str, **changes: Any) -> None:
        """Change fields of dataSchema, ioConfig or tuningConfig."""
        spec = copy.deepcopy(self.spec)
        spec["spec"][part] |= changes
        self.write(spec)

    def restore(self) -> None:
        self.write(self.committed)

    def write(self, spec: dict[str, Any]) -> None:
        self.spec = spec
        self.file.write_text(json.dumps(spec))

    def live(self) -> dict[str, Any]:
        """What runs."""
        spec = self.druid.supervisor_spec(NAME)
        assert spec is not None
        return spec

    def steps(self) -> dict[str, str]:
        """Name to operation of what `up` would do."""
        return {urn.split("::")[-1]: step for urn, step in self.cli.preview_steps().items()}

    def hand_over(self) -> None:
        """Have the task publish what it holds, as it does at the end of its time."""
        path = f"/druid/indexer/v1/supervisor/{NAME}/taskGroups/handoff"
        httpx.post(
            self.access.druid + path, auth=(self.access.user, self.access.password), json={"taskGroupIds": [0]}
        ).raise_for_status()

    def running(self) -> set[str]:
        """The tasks' names."""
        return {str(task["id"]) for task in self.druid.tasks(NAME, "running")}

    def summary(self) -> dict[str, int] | None:
        """Rows, distinct ids and the sum of the numbers; None while there is no table."""
        query = f'SELECT COUNT(*) AS n, COUNT(DISTINCT event_id) AS ids, SUM(engagement_ms) AS total FROM "{NAME}"'  # noqa: S608
        try:
            return self.druid.sql(query)[0]
        except DruidError:
            return None

    def number(self) -> int:
        """Rows; 0 while there is no table."""
        return (self.summary() or {}).get("n", 0)


def said(result: "subprocess.CompletedProcess[str]") -> str:
    """Everything: where a provider's own lines come out depends on how the CLI shows the rest."""
    return result.stdout + result.stderr


def backwards(value: Any) -> Any:
    """The same JSON with the keys of every object in another order."""
    if isinstance(value, dict):
        return {key: backwards(value[key]) for key in sorted(value, reverse=True)}
    return [backwards(item) for item in value] if isinstance(value, list) else value


EXACTLY = {"n": EVENTS, "ids": EVENTS, "total": EVENTS * (EVENTS - 1) // 2}


@pytest.fixture(scope="module")
def ingestion(access: Access, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ingestion]:
    made = Ingestion(access, tmp_path_factory.mktemp("ingestion"))
    made.cli.init()
    yield made
    made.cli.operate("destroy", "--skip-preview", check=False)


def test_a_broken_spec_fails_at_preview_naming_file_and_field(ingestion: Ingestion) -> None:
    transforms = [{"type": "expression", "name": "day", "expression": "timestamp_floor(("}]
    for part, changes, told in (
        ("ioConfig", {"taskDuraton": "PT1H"}, "spec.ioConfig.taskDuraton: unknown"),
        # Only Druid itself can tell: it is asked.
        (
            "dataSchema",
            {"transformSpec": {**ingestion.spec["spec"]["dataSchema"]["transformSpec"], "transforms": transforms}},
            "timestamp_floor",
        ),
    ):
        ingestion.edit(part, **changes)
        failed = ingestion.cli.operate("preview", check=False)
        assert failed.returncode, "the preview went through"
        assert "specs/edited.json: spec" in said(failed)
        assert told in said(failed)
        assert "Traceback" not in said(failed)
        ingestion.restore()
    assert ingestion.druid.supervisor_spec(NAME) is None, "a preview posts nothing"


def test_up_makes_everything_and_a_second_one_nothing(ingestion: Ingestion) -> None:
    ingestion.cli.operate("up", "--skip-preview")
    status = ingestion.druid.supervisor_status(NAME)
    assert status is not None
    assert status.state == "RUNNING"
    assert [rule["type"] for rule in ingestion.coordinator.rules(NAME)] == ["loadForever"]
    assert ingestion.coordinator.compaction(NAME) is not None
    ingestion.cli.operate("preview", "--expect-no-changes")
    ingestion.cli.operate("refresh", "--skip-preview", "--expect-no-changes")


def test_an_edited_field_is_one_change_and_every_event_meanwhile_is_one_row(ingestion: Ingestion) -> None:
    """Events flow before, while and after the supervisor is updated."""
    before = ingestion.live()
    ingestion.edit("ioConfig", taskDuration="PT30M")
    assert ingestion.steps() == {"supervisor": "update"}
    shown = said(ingestion.cli.operate("preview", "--diff"))
    assert 'specs/edited.json: spec.ioConfig.taskDuration: "PT1H" -> "PT30M"' in shown
    assert '"PT1H" => "PT30M"' in shown.replace("~", ""), "the engine's own diff has the field as well"

    without_country = json.dumps({"timestamp": MOMENT, "event_id": "nowhere", "country": None})
    with producer(NAME) as events, ThreadPoolExecutor(1) as other:
        events.send(EVENTS // 4, *[without_country] * FILTERED, *["{not json"] * GARBAGE)
        update = other.submit(ingestion.cli.operate, "up", "--skip-preview")
        while not update.done() and events.sent < EVENTS * 3 // 4:
            events.send(500)
        update.result()
        events.send(EVENTS - events.sent)

    def everything(found: dict[str, int] | None) -> bool:
        return found is not None and found["n"] >= EVENTS

    assert until(ingestion.summary, everything, what="every event in Druid", seconds=120) == EXACTLY
    assert diff_lines(before, ingestion.live()) == ['spec.ioConfig.taskDuration: "PT3600S" -> "PT1800S"']


def test_filtered_and_unparseable_records_are_counted_and_shown(ingestion: Ingestion) -> None:
    wanted = Rows(ingested=EVENTS, filtered=FILTERED, unparseable=GARBAGE)
    # A task's own counts follow when it has ended and left its report.
    complete = until(
        lambda: counts(ingestion.druid, NAME),
        lambda found: found.read >= wanted.read,
        what="complete counts",
        seconds=120,
    )
    assert complete == wanted
    shown = status(ingestion.druid, NAME)
    assert f"{EVENTS + FILTERED + GARBAGE}" in shown
    assert "left out by the running spec: spec.dataSchema.transformSpec.filter: only events that match" in shown


def test_the_newest_events_can_be_seen_as_rows_without_ingesting_them(ingestion: Ingestion) -> None:
    with producer(NAME) as events:
        events.send(0, "{not json", json.dumps({"timestamp": MOMENT + 1, "event_id": "nowhere"}))
    shown = sample(ingestion.druid, ingestion.kafka, ingestion.spec, 6)
    assert "Norway" in shown
    assert "unparseable: " in shown
    assert f"6 newest records of {NAME}: 4 rows, 1 filtered, 1 unparseable" in shown


def test_what_was_changed_by_hand_is_found_and_healed(ingestion: Ingestion) -> None:
    changed = copy.deepcopy(ingestion.spec)
    changed["spec"]["ioConfig"]["lateMessageRejectionPeriod"] = "PT1H"
    ingestion.druid.post_supervisor({**changed, "suspended": True})
    # A rule that drops would take the rows away for good, healed or not.
    ingestion.coordinator.set_rules(NAME, [{"type": "loadByPeriod", "period": "P1000D", "includeFuture": True}])
    ingestion.coordinator.delete_compaction(NAME)

    found = said(ingestion.cli.operate("refresh", "--skip-preview", "--diff"))
    assert "suspended: true added" in found
    assert "spec.ioConfig.lateMessageRejectionPeriod: " in found
    assert "loadByPeriod" in found
    assert ingestion.steps() == {"supervisor": "update", "rules": "update", "compaction": "create"}

    ingestion.cli.operate("up", "--skip-preview")
    live = ingestion.live()
    assert not live.get("suspended")
    assert live["spec"]["ioConfig"].get("lateMessageRejectionPeriod") is None
    assert [rule["type"] for rule in ingestion.coordinator.rules(NAME)] == ["loadForever"]
    assert ingestion.coordinator.compaction(NAME) is not None
    ingestion.cli.operate("preview", "--expect-no-changes")


def test_a_supervisor_that_is_gone_comes_back_where_it_was(ingestion: Ingestion) -> None:
    # Its newest task is so young that the supervisor does not know it yet.
    old = ingestion.running()
    ingestion.hand_over()
    until(lambda: ingestion.running() - old, what="another task", seconds=60)
    ingestion.druid.delete_supervisor(NAME, drop_data=False)
    until(ingestion.running, lambda found: not found, what="an end of all tasks", seconds=60)
    ingestion.cli.operate("refresh", "--skip-preview")
    assert ingestion.steps() == {"supervisor": "create"}
    ingestion.cli.operate("up", "--skip-preview")
    with producer(NAME) as events:
        events.sent = EVENTS
        events.send(1)
    until(ingestion.number, lambda found: found > EVENTS, what="the next event in Druid", seconds=60)
    summary = ingestion.summary()
    assert summary is not None
    assert (summary["n"], summary["ids"]) == (EVENTS + 1, EVENTS + 1), "nothing is read twice"


def test_a_supervisor_that_runs_already_is_taken_over_without_a_restart(ingestion: Ingestion) -> None:
    ingestion.cli.run("state", "delete", f"{URN}Supervisor::supervisor", "--stack", "ingestion", "--yes")
    before = ingestion.druid.supervisor_status(NAME)
    assert before is not None
    shown = said(ingestion.cli.operate("preview"))
    assert f"{NAME} is running already and will be adopted: nothing in it changes" in shown
    ingestion.cli.operate("up", "--skip-preview")
    # Druid compares text, and the engine hands maps over in any order.
    ingestion.druid.apply(backwards(ingestion.spec))
    after = ingestion.druid.supervisor_status(NAME)
    assert after is not None
    assert set(before.active_tasks) <= set(after.active_tasks), "no task was restarted"


def test_a_supervisor_that_can_not_work_says_why(ingestion: Ingestion) -> None:
    spec = copy.deepcopy(ingestion.committed)
    spec["spec"]["dataSchema"]["dataSource"] = f"{NAME}_nowhere"
    spec["spec"]["ioConfig"]["topic"] = "there-is-no-such-topic"
    try:
        with pytest.raises(DruidError, match=r"UNABLE_TO_CONNECT_TO_STREAM.*Druid's errors:\n  - \S+") as failure:
            ingestion.druid.apply(spec)
    finally:
        ingestion.druid.delete_supervisor(f"{NAME}_nowhere", drop_data=False)
    assert "none given" not in str(failure.value)


def test_another_topic_under_the_same_datasource_is_refused(ingestion: Ingestion) -> None:
    ingestion.edit("ioConfig", topic="another")
    failed = ingestion.cli.operate("preview", check=False)
    ingestion.restore()
    assert failed.returncode
    assert "spec.ioConfig.topic: 'another' given" in said(failed)


def test_a_busy_hour_is_published(ingestion: Ingestion) -> None:
    before = ingestion.summary()
    assert before is not None
    wanted = before["n"] + BUSY
    with producer(NAME) as events:
        events.send(BUSY, full=True)
    until(ingestion.number, lambda found: found == wanted, what="every event in Druid", seconds=120)

    held = f"SELECT segment_id FROM sys.segments WHERE datasource = '{NAME}' AND is_published = 0"  # noqa: S608
    ingestion.hand_over()
    until(lambda: ingestion.druid.sql(held), lambda found: not found, what="all segments published", seconds=120)
    tasks = ingestion.druid.tasks(NAME, "complete")
    assert {task["statusCode"] for task in tasks} == {"SUCCESS"}
    assert (ingestion.summary() or {})["n"] == wanted


def test_destroy_removes_what_was_made_the_rows_as_well(ingestion: Ingestion) -> None:
    ingestion.cli.operate("destroy", "--skip-preview")
    assert ingestion.druid.supervisor_spec(NAME) is None
    assert ingestion.coordinator.rules(NAME) == []
    assert ingestion.coordinator.compaction(NAME) is None
    until(ingestion.number, lambda found: found == 0, what="a table without rows", seconds=60)
