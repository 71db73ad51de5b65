"""The conventions of the Python services (CONTRIBUTING.md): settings, logs and exit statuses of each."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from typing import Any

import pytest
import structlog
from clickstream_service import logs
from clickstream_service.settings import ServiceSettings, SettingsError
from pydantic import Field
from pydantic_settings import SettingsConfigDict

from infra.paths import SERVICES as FOLDERS
from tests.support.service_logs import restored_logging

SERVICES = {
    "archive": "ARCHIVE_",
    "collector": "COLLECTOR_",
    "avro_to_json": "AVRO_TO_JSON_",
    "kafka_manager": "KAFKA_MANAGER_",
}


class Settings(ServiceSettings):
    """Of a service that does not exist."""

    model_config = SettingsConfigDict(env_prefix="SHOP_")
    not_ours = frozenset({"SHOP_HOME"})

    port: int = 80
    is_open: bool = False
    properties: dict[str, int] = Field(default_factory=dict)


def load(monkeypatch: pytest.MonkeyPatch, **variables: str) -> Settings:
    for name, value in variables.items():
        monkeypatch.setenv(f"SHOP_{name}", value)
    return Settings.load()


def issues(monkeypatch: pytest.MonkeyPatch, **variables: str) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load(monkeypatch, **variables)
    return str(caught.value).splitlines()


def test_variables_are_settings_and_an_empty_one_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    found = load(monkeypatch, PORT="", IS_OPEN="true", LOG_LEVEL="ERROR", HOME="/", PROPERTIES='{"a": 1}')
    assert (found.port, found.is_open, found.log_level, found.properties) == (80, True, "error", {"a": 1})


def test_each_mistake_is_a_line_with_what_was_given(monkeypatch: pytest.MonkeyPatch) -> None:
    found = issues(monkeypatch, PRT="1", PORT="x", IS_OPEN="perhaps")
    assert found[0] == "SHOP_PRT: there is no such setting; did you mean SHOP_PORT?"
    assert [line.partition(":")[0] for line in found[1:]] == ["SHOP_PORT", "SHOP_IS_OPEN"]
    assert [line.rpartition("(")[2] for line in found[1:]] == ["given: 'x')", "given: 'perhaps')"]


@pytest.mark.parametrize("value", ['{"password": "hush"}', '{"password": "hush"'])
def test_a_property_of_a_client_is_not_shown(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    (found,) = issues(monkeypatch, PROPERTIES=value)
    assert ("properties" in found.lower(), "hush" in found) == (True, False)


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_line_of_the_service_and_one_of_a_library_have_the_same_fields(capsys: pytest.CaptureFixture[str]) -> None:
    with restored_logging():
        logs.configure("info")
        structlog.get_logger("shop.till").warning("closed", coins=3)
        logging.getLogger("library").warning("%s is old", "it")
        structlog.get_logger("shop.till").debug("not shown")
    ours, theirs = lines(capsys)
    assert (ours["logger"], ours["level"], ours["event"], ours["coins"]) == ("shop.till", "warning", "closed", 3)
    assert (theirs["logger"], theirs["level"], theirs["event"]) == ("library", "warning", "it is old")
    assert set(ours) - set(theirs) == {"coins"}


def test_an_exception_is_part_of_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    with restored_logging():
        logs.configure("info")
        try:
            int("why")
        except ValueError:
            structlog.get_logger("shop").exception("failed")
    (found,) = lines(capsys)
    assert (found["level"], "ValueError: invalid literal" in found["exception"]) == ("error", True)


def test_a_client_that_repeats_itself_is_logged_once(capsys: pytest.CaptureFixture[str]) -> None:
    with restored_logging():
        logs.configure("info")
        for number in range(3):
            logging.getLogger(logs.LIBRDKAFKA).error("FAIL [shop] broker %d is away", number)
        logging.getLogger(logs.LIBRDKAFKA).error("MAXPOLL [shop] late")
    assert [line["event"] for line in lines(capsys)] == ["FAIL [shop] broker 0 is away", "MAXPOLL [shop] late"]


@pytest.mark.parametrize("service", SERVICES)
def test_a_wrong_setting_ends_each_service_with_ex_config(service: str) -> None:
    path = os.pathsep.join(str(FOLDERS / folder) for folder in (service, "common"))
    ended = subprocess.run(
        [sys.executable, "-m", service],
        env={**os.environ, "PYTHONPATH": path, f"{SERVICES[service]}LOG_LEVEL": "loud"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (ended.returncode, ended.stdout) == (os.EX_CONFIG, "")
    assert ended.stderr.startswith(f"{SERVICES[service]}LOG_LEVEL: ")
    assert "'loud'" in ended.stderr
