"""The Superset client believes only what Superset confirms."""

from collections.abc import Callable

import httpx
import pytest

from infra.resources.superset.client import SupersetClient, SupersetError

FORM = '<input type="hidden" name="csrf_token" id="csrf_token" value="form-token" />'
Handler = Callable[[httpx.Request], httpx.Response]


def client(**routes: Handler | httpx.Response) -> SupersetClient:
    """A client of a Superset that answers as told by the last part of the path, and is otherwise well."""

    def answer(request: httpx.Request) -> httpx.Response:
        name = request.url.path.rstrip("/").rpartition("/")[2]
        route = routes.get(f"{request.method.lower()}_{name}")
        if route is not None:
            return route(request) if callable(route) else route
        match request.method, name:
            case "GET", "login":
                return httpx.Response(200, text=FORM)
            case "POST", "login":
                return httpx.Response(302, headers={"Location": "/"})
            case "GET", "csrf_token":
                return httpx.Response(200, json={"result": "token"})
            case _:
                return httpx.Response(404, json={"message": "Not found"})

    return SupersetClient("http://superset", username="admin", password="secret", transport=httpx.MockTransport(answer))


def test_the_login_form_gets_its_token_back_and_changes_carry_the_sessions() -> None:
    sent: dict[str, str] = {}

    def login(request: httpx.Request) -> httpx.Response:
        sent["form"] = request.content.decode()
        return httpx.Response(302, headers={"Location": "/superset/welcome/"})

    def import_(request: httpx.Request) -> httpx.Response:
        sent["token"] = request.headers["X-CSRFToken"]
        return httpx.Response(200, json={"message": "OK"})

    superset = client(post_login=login, post_import=import_)
    superset.login()
    superset.import_assets(b"PK")
    assert sent == {"form": "username=admin&password=secret&csrf_token=form-token", "token": "token"}


def test_a_wrong_password_is_told_apart_from_a_login() -> None:
    refused = httpx.Response(302, headers={"Location": "/login/"})
    with pytest.raises(SupersetError, match=r"refuses the login of 'admin'.*check the user name and password"):
        client(post_login=refused).login()


def test_the_password_is_in_no_error() -> None:
    with pytest.raises(SupersetError) as error:
        client(post_login=httpx.Response(500, text="secret")).login()
    assert "secret" not in str(error.value)


def test_something_else_at_the_address_is_named() -> None:
    with pytest.raises(SupersetError, match="http://superset does not show Superset's login form"):
        client(get_login=httpx.Response(200, text="<h1>It works</h1>")).login()


def test_a_redirect_to_the_login_page_is_no_success() -> None:
    redirect = httpx.Response(302, headers={"Location": "/login/"})
    with pytest.raises(SupersetError, match="the session was not accepted"):
        client(post_import=redirect).import_assets(b"PK")


def test_a_page_instead_of_json_is_no_success() -> None:
    page = httpx.Response(200, text="<html>", headers={"Content-Type": "text/html"})
    with pytest.raises(SupersetError, match="with text/html instead of JSON"):
        client(post_import=page).import_assets(b"PK")


def test_supersets_reason_is_passed_on() -> None:
    body = {"errors": [{"message": "Import failed", "extra": {"charts/a.yaml": {"viz_type": ["Missing"]}}}]}
    with pytest.raises(SupersetError, match=r"422 to POST /api/v1/assets/import/: Import failed .*charts/a\.yaml"):
        client(post_import=httpx.Response(422, json=body)).import_assets(b"PK")


def test_deleting_what_is_gone_is_no_error() -> None:
    client().delete("chart", 5)


def test_what_comes_faster_than_superset_takes_it_is_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr("time.sleep", waited.append)
    answers = [httpx.Response(429, text="Too many requests")] * 3 + [httpx.Response(200, json={"message": "OK"})]
    client(delete_5=lambda _: answers.pop(0)).delete("chart", 5)
    assert answers == []
    assert waited == [0.5, 1, 2]


def test_a_superset_that_takes_nothing_is_not_asked_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    with pytest.raises(SupersetError, match="answers 429 to DELETE /api/v1/chart/5: Too many requests"):
        client(delete_5=httpx.Response(429, text="Too many requests")).delete("chart", 5)


def test_waiting_ends_with_what_was_seen_last() -> None:
    with pytest.raises(SupersetError, match=r"does not answer at http://superset after 0 s: 502 starting"):
        client(get_health=httpx.Response(502, text="starting")).wait_until_up(timeout=0)
