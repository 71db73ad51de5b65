"""A collector serves the description of its own endpoints, under the names that it gives them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from collector.openapi import description

from tests.unit.collector.conftest import ROOT
from tests.unit.collector.support import make_settings, request, running

if TYPE_CHECKING:
    from pathlib import Path


async def test_the_committed_description_is_what_a_collector_serves_by_default(tmp_path: Path) -> None:
    script = tmp_path / "divolte.js"
    script.write_text("0")
    async with running(make_settings(tmp_path, script_file=script)) as app:
        status, headers, body = await request(app, "/openapi.json", Origin="https://editor.example")
        assert (await request(app, "/openapi.json", "POST", b""))[0] == 405
    assert (status, headers["content-type"], headers["access-control-allow-origin"]) == (200, "application/json", "*")
    assert json.loads(body) == json.loads((ROOT / "docs" / "openapi.json").read_text())


async def test_paths_and_limits_are_those_of_the_settings(tmp_path: Path) -> None:
    changes = {"prefix": "/c/", "batch_suffix": "", "json_path": "/j", "json_party_parameter": "who", "batch_events": 7}
    async with running(make_settings(tmp_path, **changes, consent_parameter="ok")) as app:
        served = json.loads((await request(app, "/c/openapi.json"))[2])
        assert (await request(app, "/openapi.json"))[0] == 404
    assert served["paths"].keys() == {"/c/csc-event", "/j", "/c/openapi.json"}
    assert [one["name"] for one in served["paths"]["/j"]["post"]["parameters"]] == ["who", "ok"]
    assert "ok" in {one["name"] for one in served["paths"]["/c/csc-event"]["get"]["parameters"]}
    assert served["components"]["schemas"]["Events"]["maxItems"] == 7


@pytest.mark.parametrize(("cookieless", "required"), [(False, {"p", "s", "v", "e", "c"}), (True, {"v", "e", "c"})])
def test_cookieless_events_need_no_party_and_session_ids(
    tmp_path: Path, *, cookieless: bool, required: set[str]
) -> None:
    document = description(make_settings(tmp_path, cookieless=cookieless), with_script=False)
    assert set(document["components"]["schemas"]["BatchEvent"]["required"]) == required


def test_internal_endpoints_are_not_described(tmp_path: Path) -> None:
    text = json.dumps(description(make_settings(tmp_path), with_script=True))
    assert not any(path in text for path in ("/metrics", "/ping", "/ready", "/live"))
