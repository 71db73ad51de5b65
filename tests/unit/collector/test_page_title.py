"""The title of a page, from every source that sends one."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest

from tests.unit.collector.sample_events import EVENT, batch, beacon, record
from tests.unit.collector.support import delivered, make_settings, request, running

if TYPE_CHECKING:
    from pathlib import Path

PIXEL = "/csc-event?t=pageView&noscript=1"


@pytest.mark.parametrize(
    ("sent", "recorded"),
    [("Lämps | Shop", "Lämps | Shop"), ("", None), (None, None), ("é" * 301, "é" * 300), ("<b>", "<b>")],
)
async def test_a_title_that_a_page_sends_is_recorded(sent: str | None, recorded: str | None, tmp_path: Path) -> None:
    title = {} if sent is None else {"d": sent}
    pixel = f"{PIXEL}&{urlencode(title)}"
    async with running(make_settings(tmp_path)) as app:
        await request(app, beacon("0:a0", **title), "GET", None)
        await request(app, "/csc-batch", "POST", batch({**EVENT, **title}))
        await request(app, pixel, "GET", None, Referer="https://shop.example/lamps")
        found = [record(message) for message in delivered(app, "tracking-avro", 3)]
    assert {each["event_source"]: each["page_title"] for each in found} == dict.fromkeys(
        ("browser", "batch", "pixel"), recorded
    )
    assert not any(each["is_corrupt"] for each in found)


async def test_a_title_in_a_batch_must_be_text(tmp_path: Path) -> None:
    async with running(make_settings(tmp_path)) as app:
        _, _, body = await request(app, "/csc-batch", "POST", batch({**EVENT, "d": 1}))
    assert b"'d' must be a string, not int" in body
