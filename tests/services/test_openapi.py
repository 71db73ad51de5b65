"""The collector does what its OpenAPI description says: schemathesis generates requests and checks answers."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance, unsupported_method

from infra.paths import ROOT
from tests.browser.collector_server import CollectorServer, collector

if TYPE_CHECKING:
    from collections.abc import Iterator

    from schemathesis import APIOperation, Case

DESCRIPTION: dict[str, Any] = json.loads((ROOT / "docs" / "openapi.json").read_text())
# As Divolte did, the collector accepts more than senders should write, for example flags as texts.
LENIENT = [negative_data_rejection]
SLOW = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]
ANSWERS = {
    "/csc-event": {200}, "/csc-batch": {200}, "/json-event": {200, 204}, "/divolte.js": {200}, "/openapi.json": {200},
}  # fmt: skip
"""Statuses of each path for requests that follow the description."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CollectorServer]:
    folder = tmp_path_factory.mktemp("collector")
    script = folder / "divolte.js"
    script.write_text("0")
    # A schema of values does not limit sizes; tests/unit/collector tests those.
    sizes = {"url_bytes": 2**18, "head_bytes": 2**19, "json_bytes": 2**18}
    with collector(folder, script_file=script, privacy_signals="ignore", **sizes) as running:
        yield running


def operation(path: str) -> APIOperation[Any, Any, Any, Any]:
    schema = schemathesis.openapi.from_dict(DESCRIPTION)
    (found,) = [
        result.ok() for result in schema.get_all_operations() if isinstance(result, Ok) and result.ok().path == path
    ]
    return found


def statuses(server: CollectorServer, path: str, mode: GenerationMode, *excluded: Any) -> Counter[int]:
    """Send requests, the same ones in every run, and count the statuses."""
    found: Counter[int] = Counter()
    has_body = "requestBody" in operation(path).definition.raw
    strategy = operation(path).as_strategy(mode, media_type="application/json" if has_body else None)

    @settings(
        max_examples=60, derandomize=True, database=None, deadline=None, suppress_health_check=SLOW
    )  # fmt: skip
    @given(strategy)
    def execute(case: Case[Any]) -> None:
        if path == "/json-event" and mode is GenerationMode.POSITIVE:
            case.query = {"p": "0:1:a", **(case.query or {})}  # without it each event would have to name its party
        url = f"http://127.0.0.1:{server.port}"
        response = case.call_and_validate(base_url=url, excluded_checks=[*LENIENT, *excluded])
        found[response.status_code] += 1

    execute()
    return found


def test_every_path_is_tested() -> None:
    assert DESCRIPTION["paths"].keys() == ANSWERS.keys()


@pytest.mark.parametrize(("path", "answers"), ANSWERS.items())
def test_described_requests_are_accepted_and_answered_as_described(
    server: CollectorServer, path: str, answers: set[int]
) -> None:
    assert statuses(server, path, GenerationMode.POSITIVE).keys() == answers


@pytest.mark.parametrize(("path", "refusals"), [("/csc-event", set()), ("/csc-batch", {400}), ("/json-event", {400})])
def test_other_requests_get_a_described_refusal(server: CollectorServer, path: str, refusals: set[int]) -> None:
    found = statuses(server, path, GenerationMode.NEGATIVE, positive_data_acceptance, unsupported_method)
    assert found.keys() >= refusals
