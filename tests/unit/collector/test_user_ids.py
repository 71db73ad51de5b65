"""User ids: off, hashed or plain, and never where the settings do not want them."""

from __future__ import annotations

import json
from itertools import count
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from collector.check import check
from pydantic import ValidationError

from tests.unit.collector.sample_events import EVENT, batch, beacon, record
from tests.unit.collector.support import all_of, headers_of, make_settings, request, running
from tests.unit.collector.test_apps_and_servers import event, send

if TYPE_CHECKING:
    from pathlib import Path

    from collector.settings import Settings

ANN = "ann@example.org"
KEY = "shop-key-" + "k" * 32
SITES = [{"name": name, "hosts": [f"{name}.example"]} for name in ("shop", "blog")]


def collecting(directory: Path, **changes: Any) -> Settings:
    """Settings of a collector that stores user ids hashed, of two sites."""
    secret, keys = directory / "secret", directory / "keys.json"
    secret.write_bytes(b"0123456789abcdef" * 2)
    keys.write_text(json.dumps({"shop": [KEY]}))
    given = {"user_ids": "hashed", "user_id_secret_file": secret, "sites": SITES, "write_keys_file": keys}
    return make_settings(directory, **{**given, **changes})


_numbers = count()


def of_page(user_id: str, host: str = "shop.example", **more: Any) -> dict[str, Any]:
    return {**EVENT, "e": f"0:v{next(_numbers)}", "a": user_id, "l": f"http://{host}/", **more}


async def kept(settings: Settings, *events: dict[str, Any], **headers: str) -> tuple[list[str | None], dict[str, int]]:
    """The user ids of the records, in the order of the events, and how many were dropped why."""
    async with running(settings) as app:
        status, _, text = await request(app, "/csc-batch", "POST", batch(*events), **headers)
        assert (status, json.loads(text)["rejected"]) == (200, [])
        found = {item["event_id"]: item["user_id"] for item in map(record, all_of(app, "tracking-avro"))}
        dropped = dict(app.metrics.user_ids_dropped)
        exposed = (await request(app, "/metrics"))[2].decode()
    for reason, number in dropped.items():
        assert f'collector_user_ids_dropped_total{{reason="{reason}"}} {number}.0' in exposed
    assert len(found) == len(events)
    # An anonymised event has another id.
    return [found[item["e"]] if len(found) > 1 else next(iter(found.values())) for item in events], dropped


async def test_by_default_user_ids_are_dropped_and_counted(tmp_path: Path) -> None:
    assert await kept(make_settings(tmp_path), of_page(ANN)) == ([None], {"switched_off": 1})


async def test_a_cookieless_collector_drops_and_counts_them(tmp_path: Path) -> None:
    assert await kept(make_settings(tmp_path, cookieless=True), of_page(ANN)) == ([None], {"cookieless": 1})


async def test_a_hash_recognises_a_user_on_all_devices_but_not_on_another_site(tmp_path: Path) -> None:
    settings = collecting(tmp_path)
    phone, laptop = of_page(ANN), of_page(f" {ANN} ", p="0:2:laptop")
    other, elsewhere = of_page("ben"), of_page(ANN, "blog.example")
    (one, same, second, third), dropped = await kept(settings, phone, laptop, other, elsewhere)
    assert one == same
    assert len({one, second, third}) == 3
    assert {len(one or ""), len(second or "")} == {32}
    assert dropped == {}
    (tmp_path / "other").mkdir()
    another = collecting(tmp_path / "other")
    (tmp_path / "other" / "secret").write_bytes(b"another secret, 123")
    assert (await kept(another, phone))[0] != [one], "without the secret nobody can compute the hash"


async def test_plain_ids_are_stored_as_they_come(tmp_path: Path) -> None:
    assert await kept(collecting(tmp_path, user_ids="plain"), of_page(f" {ANN}\n")) == ([ANN], {})


async def test_what_names_no_user_is_dropped(tmp_path: Path) -> None:
    given = [" ", "x" * 201, "a\0b", "a\nb", "undefined", "NULL", "NaN", "[object Object]", "0"]
    answer = await kept(collecting(tmp_path, user_ids="plain"), *map(of_page, given), of_page("é" * 200))
    assert answer == ([None] * len(given) + ["é" * 200], {"invalid": len(given)})


async def test_an_anonymised_event_has_no_user(tmp_path: Path) -> None:
    settings = collecting(tmp_path, privacy_signals="anonymise")
    assert await kept(settings, of_page(ANN), Sec_GPC="1") == ([None], {"anonymised": 1})
    settings = collecting(tmp_path, consent_parameter="consent", without_consent="anonymise")
    assert await kept(settings, of_page(ANN)) == ([None], {"anonymised": 1})


async def test_a_beacon_carries_the_user_too(tmp_path: Path) -> None:
    async with running(collecting(tmp_path, user_ids="plain", sites=(), write_keys_file=None)) as app:
        await request(app, beacon("0:a0", a=ANN))
        (found,) = map(record, all_of(app, "tracking-avro"))
    assert (found["user_id"], found["is_corrupt"]) == (ANN, False)


async def test_servers_need_the_write_key_to_say_who_it_is(tmp_path: Path) -> None:
    async with running(collecting(tmp_path, user_ids="plain")) as app:
        bearer = {"Authorization": f"Bearer {KEY}"}
        assert (await send(app, event("with", site="shop", user_id=42), **bearer))[0] == 204
        assert (await send(app, event("without", site="blog", user_id=ANN), **bearer))[0] == 204
        assert (await send(app, [event("list", site="shop", user_id=ANN)], **bearer))[0] == 200
        found = {item["event_id"]: item["user_id"] for item in map(record, all_of(app, "tracking-avro"))}
        assert found == {"with": "42", "without": None, "list": ANN}
        assert app.metrics.user_ids_dropped == {"no_write_key": 1}


@pytest.mark.parametrize("policy", ["none", "hashed"])
async def test_dead_letters_do_not_keep_what_records_may_not(tmp_path: Path, policy: str) -> None:
    """Of each source, in good and broken JSON, alone and beside good events; the rest stays as it was sent."""
    wrong = of_page(ANN, "elsewhere.example", u={"a": "kept"})
    escaped = batch(wrong).replace(b'"a": "ann', b'"\\u0061": "ann')
    assert escaped != batch(wrong)
    async with running(collecting(tmp_path, user_ids=policy)) as app:
        await request(app, "/csc-batch", "POST", batch(wrong))
        await request(app, "/csc-batch", "POST", escaped)
        await request(app, "/csc-batch", "POST", batch(wrong, of_page("ben")))
        await request(app, "/csc-batch", "POST", batch(wrong)[:-3])
        await request(app, "/csc-batch", "POST", json.dumps(wrong).encode("utf-16"))
        await request(app, f"/csc-event?p=0:1:a&l=http%3A%2F%2Fshop.example&%61={quote(ANN)}&a={ANN}&t=x")
        await send(app, event("e", site="elsewhere", user_id=ANN))
        await send(app, [event("e", site="elsewhere", user_id=ANN)])
        letters = all_of(app, "tracking-dead")
        reasons = [headers_of(letter)["reason"] for letter in letters]
    texts = [(letter.value() or b"").decode() for letter in letters]
    assert len(letters) == 8
    assert not any("ann" in text or "ben" in text for text in (*texts, *reasons))
    assert sum('"kept"' in text for text in texts) == 4
    assert "p=0:1:a&l=http%3A%2F%2Fshop.example&t=x" in texts
    assert [headers_of(letter).get("left_out") for letter in letters if not letter.value()] == [
        str(len(batch(wrong)[:-3]))
    ]


async def test_dead_letters_of_bodies_in_another_form_do_not_keep_users_either(tmp_path: Path) -> None:
    one = of_page(ANN, u={"a": "kept"})
    async with running(collecting(tmp_path)) as app:
        for body in ({"batch": [one]}, {"data": {"events": [one]}}, json.dumps({"events": [one]})):
            await request(app, "/csc-batch", "POST", json.dumps(body).encode())
        await send(app, json.dumps(event("e", site="shop", user_id=ANN)))
        texts = [(letter.value() or b"").decode() for letter in all_of(app, "tracking-dead")]
    assert len(texts) == 4
    assert not any("ann" in text for text in texts)
    assert sum('"kept"' in text for text in texts) == 2


async def test_plain_ids_stay_in_dead_letters_which_can_be_sent_again(tmp_path: Path) -> None:
    sent = batch(of_page(ANN, "elsewhere.example"))
    async with running(collecting(tmp_path, user_ids="plain")) as app:
        await request(app, "/csc-batch", "POST", sent)
        (letter,) = all_of(app, "tracking-dead")
        assert letter.value() == sent


async def test_logs_do_not_name_users(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    async with running(collecting(tmp_path, log_level="debug")) as app:
        app.collector._encode = lambda _: 1 / 0  # type: ignore[assignment,return-value]
        await request(app, "/csc-batch", "POST", batch(of_page(ANN)))
        assert app.metrics.dead == {"batch": 1}
    assert "ann" not in "".join(capfd.readouterr())


def test_check_shows_what_would_be_stored(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = collecting(tmp_path)
    assert check(settings, "/csc-batch", [], "192.0.2.1", batch(of_page(ANN)).decode()) == 0
    shown = json.loads(capsys.readouterr().out)
    assert len(shown["user_id"]) == 32


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"cookieless": True}, "user_ids is hashed and cookieless is on"),
        ({"user_id_secret_file": None}, "user_id_secret_file names no file"),
        ({"user_ids": "yes"}, "'none', 'hashed' or 'plain'"),
    ],
)
def test_settings_that_contradict_each_other_stop_the_start(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        collecting(tmp_path, **changes)


async def test_a_short_secret_stops_the_start(tmp_path: Path) -> None:
    settings = collecting(tmp_path)
    (tmp_path / "secret").write_bytes(b"short")
    with pytest.raises(ValueError, match=r"COLLECTOR_USER_ID_SECRET_FILE: .* holds 5 bytes; at least 16 are needed"):
        async with running(settings):
            pass
