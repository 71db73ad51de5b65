"""The product's main job: a visit made in a browser stands on the dashboard. Then everything that can happen to it.

The tests run in the order in which they stand here, on one stack: bringing it up is what takes the time.
"""

import base64
import json
import secrets
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import docker
import httpx
import pytest
from playwright.sync_api import Browser, expect

from infra.paths import ROOT
from infra.resources.druid.client import DruidClient
from tests.e2e import known_events
from tests.e2e.conftest import NAME, PROJECT_NAME
from tests.e2e.journey import (
    Access,
    dump,
    open_dashboard,
    row_of,
    save,
    timed_until,
    visit,
    wait_for_text,
)
from tests.support.leaked_resources import leaked_resources
from tests.support.pulumi_cli import CliStack
from tests.support.waiting import until
from tools import service_health
from tools.ingestion import status

SECONDS_TO_DRUID = 10
SECONDS_TO_DASHBOARD = 20


def test_a_visit_is_in_druid_within_10_seconds_and_on_the_dashboard_within_20(
    access: Access, browser: Browser, pictures: Path
) -> None:
    # The first event of all makes Kafka's internal topics and Druid's table: that takes longer, once.
    with visit(browser, access) as first:
        _, warm = timed_until(f"first event {first} in Druid", lambda: row_of(access, first), seconds=180)
    print(f"first event of a new platform in Druid after {warm:.1f} s")  # noqa: T201
    # Like someone who watches the dashboard while the visit happens.
    dashboard = open_dashboard(browser, access)
    dashboard.get_by_text("Recent events").first.wait_for(timeout=60_000)
    expect(dashboard.locator(".loading")).to_have_count(0, timeout=60_000)

    with visit(browser, access, "/about") as event_id:
        row, to_druid = timed_until(
            f"event {event_id} in Druid", lambda: row_of(access, event_id), seconds=SECONDS_TO_DRUID
        )
        left = SECONDS_TO_DASHBOARD - to_druid
        to_dashboard = to_druid + wait_for_text(dashboard, event_id, seconds=left)
    print(f"visit to Druid {to_druid:.1f} s, to the dashboard {to_dashboard:.1f} s")  # noqa: T201
    save(dashboard, pictures / "dashboard.png")
    dashboard.context.close()

    assert row["event_type"] == "pageView"
    assert row["country_code"] == "GB", f"privateVisitorIp is in London: {dump(row)}"
    assert row["is_corrupt"] == 0, "the tracker's checksum is right"
    assert row["is_new_party"] == 1, "a browser without cookies is a new visitor"
    assert row["path"].startswith("/about")


def test_every_service_is_seen_and_none_has_a_problem(stack: CliStack, capsys: pytest.CaptureFixture[str]) -> None:
    healthy = service_health.show(NAME, stack.outputs())
    said = capsys.readouterr().out
    assert healthy, said
    assert "avro-to-json is behind by" in said


def test_a_second_up_changes_nothing(stack: CliStack) -> None:
    stack.operate("preview", "--expect-no-changes")


def test_a_refresh_finds_nothing_to_say(stack: CliStack) -> None:
    stack.operate("refresh", "--expect-no-changes", "--skip-preview")


def test_the_passwords_are_nowhere_in_the_state(stack: CliStack, access: Access) -> None:
    state = stack.exported()
    for password in (access.password, access.superset_password, access.viewer_password):
        assert len(password) >= 32
        assert password not in state
        assert base64.b64encode(password.encode()).decode() not in state


def test_admin_pages_want_a_login(access: Access) -> None:
    for url in (access.druid, access.kafka_manager):
        assert httpx.get(f"{url}/").status_code == httpx.codes.UNAUTHORIZED, url
        assert httpx.get(f"{url}/", auth=(access.user, "admin")).status_code == httpx.codes.UNAUTHORIZED, url
    assert httpx.get(f"{access.superset}/api/v1/database/").status_code == httpx.codes.UNAUTHORIZED


def test_druids_console_and_the_kafka_manager_open_in_a_browser(
    access: Access, browser: Browser, pictures: Path
) -> None:
    context = browser.new_context(http_credentials={"username": access.user, "password": access.password})
    page = context.new_page()
    page.goto(f"{access.druid}/")
    page.wait_for_load_state("networkidle")
    save(page, pictures / "druid.png")
    assert "druid" in page.content().lower()
    page.goto(f"{access.kafka_manager}/")
    page.wait_for_load_state("networkidle")
    save(page, pictures / "kafka-manager.png")
    assert "tracking-avro" in page.content()
    context.close()


def test_an_event_of_a_server_whose_place_is_not_known_is_a_row(access: Access) -> None:
    event_id = f"server-{secrets.token_hex(4)}"
    event = {
        "session_id": "0:1:server",
        "event_id": event_id,
        "is_new_party": True,
        "is_new_session": True,
        "client_timestamp_iso": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "event_type": "order",
    }
    url = f"{access.website}/json-event?p=0:1:server"
    httpx.post(url, json=event, headers=known_events.NOWHERE).raise_for_status()
    row = until(lambda: row_of(access, event_id), what="the event in Druid", seconds=60)
    assert row is not None
    assert (row["event_source"], row["country"], row["country_code"]) == ("json", None, None)


@pytest.mark.parametrize("mode", [("small",), ("browsers", "--browsers")], ids=["synthetic", "real browsers"])
def test_every_visit_of_the_simulator_is_shown_as_it_was_sent(
    stack: CliStack, mode: tuple[str, ...], pictures: Path
) -> None:
    """By country, browser, system, page and in total: in Druid, and on every chart that shows one of them."""
    files = ("--ledger", str(pictures / f"{mode[0]}.json"), "--report", str(pictures / f"{mode[0]}.html"))
    ran = subprocess.run(
        [sys.executable, "-m", "visitors", "run", *mode, "--outputs", "-", "--verify", *files],
        cwd=ROOT, input=json.dumps(stack.outputs()), capture_output=True, text=True, check=False,
    )  # fmt: skip
    print(ran.stdout)  # noqa: T201
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "equal: " in ran.stdout
    assert "charts of the dashboards" in ran.stdout


def test_visits_are_compared_and_shown_where_the_stack_believes_no_address(stack: CliStack, pictures: Path) -> None:
    """As on a stack with neither privateVisitorIp nor trustedProxies: every visit has the country unknown."""
    settings = {key: stack.config.pop(key) for key in ("privateVisitorIp", "trustedProxies")}
    try:
        stack.operate("up", "--skip-preview")
        ran = subprocess.run(
            [sys.executable, "-m", "visitors", "run", "browsers", "--browsers", "--outputs", "-", "--verify",
             "--ledger", str(pictures / "unknown.json")],
            cwd=ROOT, input=json.dumps(stack.outputs()), capture_output=True, text=True, check=False,
        )  # fmt: skip
        print(ran.stdout)  # noqa: T201
        assert ran.returncode == 0, ran.stdout + ran.stderr
        assert "found unknown" in ran.stdout
        assert "equal: " in ran.stdout
    finally:
        stack.config |= settings
        stack.operate("up", "--skip-preview")


def test_the_original_filter_comes_and_goes_with_its_setting(stack: CliStack, access: Access) -> None:
    for required in (True, False):
        stack.config["druidRequireCountry"] = required
        steps = {urn.split("::")[-1]: step for urn, step in stack.preview_steps().items()}
        assert steps == {"clickstream": "update"}, "the supervisor, in place"
        stack.operate("up", "--skip-preview")
        shown = status(DruidClient(access.druid, username=access.user, password=access.password), "clickstream")
        assert ("left out by the running spec: spec.dataSchema.transformSpec.filter" in shown) is required


def test_a_changed_setting_updates_what_it_must_and_nothing_else(stack: CliStack) -> None:
    stack.config["collectorReplicas"] = 2
    steps = stack.preview_steps()
    changed = {"$".join(urn.split("::")[2].split("$")[-1:]) + " " + urn.split("::")[3] for urn in steps}
    assert changed == {
        "docker:index/service:Service collector",
        "pulumi-python:dynamic/swarm:Rollout collector",
        "pulumi-python:dynamic/swarm:ServiceReady collector",
    }
    assert set(steps.values()) == {"update"}
    stack.operate("up", "--skip-preview")
    stack.operate("preview", "--expect-no-changes")


def test_what_was_changed_by_hand_is_found_and_healed(stack: CliStack, access: Access) -> None:
    with closing(docker.from_env()) as engine:
        engine.services.get(f"{PROJECT_NAME}-website").scale(0)
    suspend = f"{access.druid}/druid/indexer/v1/supervisor/clickstream/suspend"
    httpx.post(suspend, auth=(access.user, access.password)).raise_for_status()

    found = stack.operate("refresh", "--skip-preview", "--diff").stdout
    assert "website" in found, "the service that was scaled to nothing"
    assert "suspended" in found, "the supervisor that was suspended"

    stack.operate("up", "--skip-preview")
    with closing(docker.from_env()) as engine:
        mode = engine.services.get(f"{PROJECT_NAME}-website").attrs["Spec"]["Mode"]
    assert mode["Replicated"]["Replicas"] == 1
    status = f"{access.druid}/druid/indexer/v1/supervisor/clickstream/status"
    state = httpx.get(status, auth=(access.user, access.password)).json()["payload"]["state"]
    assert state in ("RUNNING", "PENDING"), state


@pytest.mark.parametrize("service", ["collector", "avro-to-json", "kafka", "indexer"])
def test_a_service_that_is_killed_comes_back_and_no_event_is_lost(
    service: str, access: Access, browser: Browser
) -> None:
    with closing(docker.from_env()) as engine:
        containers = engine.containers.list(filters={"name": f"{PROJECT_NAME}-{service}."}, ignore_removed=True)
        assert containers, f"{service} runs"
        for container in containers:
            container.kill()
    with visit(browser, access, "/") as event_id:
        what = f"event {event_id} in Druid after {service} was killed"
        until(lambda: row_of(access, event_id), what=what, seconds=120)


def test_destroy_leaves_nothing(stack: CliStack) -> None:
    stack.operate("destroy", "--skip-preview")
    assert leaked_resources(PROJECT_NAME) == []
