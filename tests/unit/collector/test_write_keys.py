"""A site with write keys takes server events, and the visitors' addresses in them, only with one of its keys."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from collector.check import check
from collector.enrich.write_keys import WriteKeys

from tests.unit.collector.sample_events import EVENT, batch, beacon
from tests.unit.collector.support import all_of, make_settings, request, running
from tests.unit.collector.test_apps_and_servers import VISITOR, event, records, send
from tests.unit.collector.test_enrichment import DBIP, write_database

if TYPE_CHECKING:
    from pathlib import Path

    from collector.settings import Settings

OLD, NEW, BLOGS = "old-key-" + "o" * 32, "new-key-" + "n" * 32, "blog-key-" + "b" * 32
SITES = [
    {"name": "shop", "hosts": ["shop.example"]},
    {"name": "blog", "hosts": ["blog.example"]},
    {"name": "open", "hosts": ["open.example"]},
]


def keyed(directory: Path, **changes: Any) -> Settings:
    """Settings with three sites, two of which have keys."""
    file = directory / "keys.json"
    file.write_text(json.dumps({"shop": [OLD, NEW], "blog": [BLOGS]}))
    database = write_database(directory / "geo.mmdb", {"192.0.2.0/24": DBIP})
    return make_settings(
        directory, sites=SITES, write_keys_file=file, geo_databases=(database,), **{"ip_storage": "full", **changes}
    )


@pytest.mark.parametrize(
    ("site", "authorization", "status", "counted"),
    [
        ({"site": "shop"}, f"Bearer {OLD}", 204, {}),
        ({"site": "shop"}, f"bearer  {NEW} ", 204, {}),
        ({"location": "https://shop.example/a"}, f"Bearer {NEW}", 204, {}),
        ({"site": "open"}, None, 204, {}),
        ({"location": "https://open.example/a"}, f"Bearer {NEW}", 204, {}),
        ({"site": "shop"}, None, 401, {"write_key_missing": 1}),
        ({"location": "https://shop.example/a"}, None, 401, {"write_key_missing": 1}),
        ({"site": "shop"}, f"Basic {OLD}", 401, {"write_key_missing": 1}),
        ({"site": "shop"}, "Bearer ", 401, {"write_key_missing": 1}),
        ({"site": "shop"}, f"Bearer {BLOGS}", 401, {"write_key_wrong": 1}),
        ({"site": "shop"}, f"Bearer {OLD[:-1]}", 401, {"write_key_wrong": 1}),
        ({"site": "shop"}, f"Bearer {OLD}x", 401, {"write_key_wrong": 1}),
        ({"site": "shop"}, "Bearer \xff", 401, {"write_key_wrong": 1}),
        # The site that an event names counts: a page of another site does not get around its key.
        ({"site": "shop", "location": "https://open.example/"}, None, 401, {"write_key_missing": 1}),
        ({"site": "other"}, None, 400, {}),
    ],
)
async def test_a_sites_events_need_its_key(
    tmp_path: Path, site: dict[str, str], authorization: str | None, status: int, counted: dict[str, int]
) -> None:
    async with running(keyed(tmp_path)) as app:
        given = {} if authorization is None else {"Authorization": authorization}
        answered, text = await send(app, event("e", **site), **given)
        assert answered == status
        assert dict(app.metrics.rejected) == counted
        assert len(all_of(app, "tracking-avro")) == (status == 204)
        assert len(all_of(app, "tracking-dead")) == (status == 400)
    assert not any(key in str(text) for key in (OLD, NEW, BLOGS))


async def test_the_401_names_the_scheme_and_the_header(tmp_path: Path) -> None:
    async with running(keyed(tmp_path)) as app:
        body = json.dumps(event("e", site="shop")).encode()
        for given, challenge, said in (
            ({}, "Bearer", b"Send one in the header Authorization: Bearer <key>"),
            ({"Authorization": "Bearer x"}, 'Bearer error="invalid_token"', b"has other write keys"),
        ):
            status, headers, text = await request(
                app, "/json-event?p=0:1:a", "POST", body, Content_Type="application/json", **given
            )
            assert (status, headers["www-authenticate"]) == (401, challenge)
            assert said in text
        metrics = (await request(app, "/metrics"))[2].decode()
    for reason in ("write_key_missing", "write_key_wrong"):
        assert f'collector_rejected_total{{reason="{reason}"}} 1.0' in metrics


async def test_with_the_key_a_stated_address_counts_and_is_looked_up(tmp_path: Path) -> None:
    async with running(keyed(tmp_path)) as app:
        key = {"Authorization": f"Bearer {NEW}"}
        assert (await send(app, event("with", **VISITOR, site="shop"), **key))[0] == 204
        assert (await send(app, event("without", **VISITOR, site="open"), **key))[0] == 204
        assert (await send(app, [event("list", **VISITOR)], **key))[1]["accepted"] == ["list"]
        found = records(app)
    places = {name: (one["ip"], one["country_code"], one["city"]) for name, one in found.items()}
    assert places == {
        "with": ("192.0.2.7", "SE", "Stockholm"),
        "list": ("192.0.2.7", "SE", "Stockholm"),
        "without": ("127.0.0.1", None, None),
    }


async def test_a_stated_address_obeys_the_privacy_settings(tmp_path: Path) -> None:
    async with running(keyed(tmp_path, ip_storage="truncated")) as app:
        await send(app, event("e", **VISITOR), Authorization=f"Bearer {NEW}")
        (found,) = records(app).values()
    assert (found["ip"], found["city"]) == ("192.0.2.0", "Stockholm")


async def test_a_list_with_a_forbidden_event_is_refused_as_a_whole(tmp_path: Path) -> None:
    events = [event("a", site="open"), event("b", site="shop"), event("c", site="blog")]
    async with running(keyed(tmp_path)) as app:
        status, text = await send(app, events, Authorization=f"Bearer {NEW}")
        assert (status, text.partition(" has")[0]) == (401, "The site of event 2")
        status, text = await send(app, events)
        assert (status, text.partition(" has")[0]) == (401, "The site of event 1")
        assert dict(app.metrics.rejected) == {"write_key_wrong": 3, "write_key_missing": 3}
        assert all_of(app, "tracking-avro") == []
        status, answer = await send(app, events[:2], Authorization=f"Bearer {NEW}")
        assert (status, answer["accepted"]) == (200, ["a", "b"])
        # An unreadable event has no site: it is rejected as without keys, and the others are still accepted.
        status, answer = await send(app, [event("d", site="shop"), 5], Authorization=f"Bearer {NEW}")
        assert (status, answer["accepted"], answer["rejected"][0]["index"]) == (200, ["d"], 1)


async def test_answering_first_does_not_skip_the_key(tmp_path: Path) -> None:
    async with running(keyed(tmp_path, acknowledge="first")) as app:
        assert (await send(app, event("e", site="shop")))[0] == 401
        assert (await send(app, [event("e", site="shop")]))[0] == 401
        assert (await send(app, event("e", site="shop"), Authorization=f"Bearer {OLD}"))[0] == 204


async def test_browsers_need_no_key(tmp_path: Path) -> None:
    page = "https://shop.example/a"
    async with running(keyed(tmp_path)) as app:
        assert (await request(app, beacon("b", l=page)))[0] == 200
        assert (await request(app, "/csc-batch", "POST", batch({**EVENT, "l": page}), Content_Type="text/plain"))[
            0
        ] == 200
        assert (await request(app, "/csc-event?t=pageView&noscript=1", Referer=page))[0] == 200
        assert {found["site"] for found in records(app).values()} == {"shop"}
        assert len(records(app)) == 3
        assert not app.metrics.rejected


async def test_a_key_reaches_neither_records_nor_dead_letters(tmp_path: Path) -> None:
    mapping = (make_settings(tmp_path).mapping_file).read_text()
    leaky = tmp_path / "mapping.toml"
    leaky.write_text(mapping.replace('city = { geo = "city" }', 'city = { header = "authorization" }'))
    async with running(keyed(tmp_path, mapping_file=leaky)) as app:
        key = {"Authorization": f"Bearer {NEW}"}
        await send(app, event("good", site="shop"), **key)
        await send(app, event("bad", site="shop", oops=1), **key)
        await send(app, [event("list", site="shop"), 5], **key)
        messages = [*all_of(app, "tracking-avro"), *all_of(app, "tracking-dead")]
        assert len(messages) == 4
        assert not any(NEW in f"{message.value()!r} {message.headers()}" for message in messages)
        assert NEW not in (await request(app, "/metrics"))[2].decode()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("s3cr3t", "must hold JSON such as"),
        ('["s3cr3t"]', "must hold JSON such as"),
        ({"other": ["s3cr3t" * 8]}, "'other' is not among COLLECTOR_SITES: shop"),
        ({"shop": []}, "shop needs a list of at least one key"),
        ({"shop": "s3cr3t" * 8}, "shop needs a list"),
        ({"shop": ["k" * 32, "s3cr3t"]}, "shop[1] must be 32 to 256 letters"),
        ({"shop": ["s3cr3t s3cr3t " * 4]}, "shop[0] must be 32 to 256 letters"),
        ({"shop": ["s3cr3t" * 8, "s3cr3t" * 8]}, "shop[1] is the same key as shop[0]"),
        (None, "No such file"),
    ],
)
def test_unusable_keys_prevent_the_start_and_are_not_printed(tmp_path: Path, content: object, said: str) -> None:
    file = tmp_path / "keys.json"
    if content is not None:
        file.write_text(content if isinstance(content, str) else json.dumps(content))
    with pytest.raises((ValueError, OSError)) as caught:
        WriteKeys.load(file, ["shop"])
    assert said in str(caught.value)
    assert "s3cr3t" not in str(caught.value)
    settings = make_settings(tmp_path, sites=SITES, write_keys_file=file)
    with pytest.raises((ValueError, OSError)):
        check(settings, None, [], "127.0.0.1", None)


def test_check_shows_the_record_of_a_list(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    body = json.dumps([event("a", **VISITOR), event("b", oops=1, site="shop")])
    assert check(keyed(tmp_path), "/json-event?p=0:1:a", [], "127.0.0.1", body) == 1
    first, _, second = capsys.readouterr().out.partition("}\n{")
    assert ('"ip": "192.0.2.7"' in first, "unknown property" in second) == (True, True)
