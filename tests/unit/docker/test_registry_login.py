"""A registry's answers to a login, told in whole sentences; the registry is a real HTTP server that asks for tokens."""

import base64
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from infra.resources.docker.registry import (
    Login,
    LoginRefusedError,
    RegistryUnreachableError,
    challenge,
    check_push,
    docker_login_kept,
)
from infra.resources.docker.registry_login import FROM_CONFIG, RegistryLoginProvider

WRITER, READER = "writer:right", "reader:right"


@dataclass
class Registry:
    """Follows the distribution specification as far as a push begins; `style` is how it asks for a login."""

    style: str
    port: int = 0
    uploads: list[str] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    busy: int = 0
    """How many of the next requests are answered with 503."""

    def user(self, authorization: str) -> str:
        """Who asks; a token is the login that it was given for."""
        kind, _, word = authorization.partition(" ")
        if kind not in ("Basic", "Bearer"):
            return ""
        login = base64.b64decode(word).decode()
        return login if login in (WRITER, READER) else ""

    def answer(self, method: str, url: str, authorization: str) -> tuple[int, dict[str, str], Any]:
        """Status, headers, JSON."""
        parts = urlsplit(url)
        if self.busy:
            self.busy -= 1
            return 503, {}, {}
        user = self.user(authorization)
        if parts.path == "/token":
            scope = parse_qs(parts.query)["scope"][0]
            assert scope.endswith(":pull,push")
            return (200, {}, {"token": base64.b64encode(user.encode()).decode()}) if user else (401, {}, {})
        asks = {
            "basic": 'Basic realm="registry"',
            "bearer": f'Bearer realm="http://127.0.0.1:{self.port}/token",service="registry",scope="x"',
        }.get(self.style, "")
        if asks and not user:
            error = {"errors": [{"code": "UNAUTHORIZED", "message": "authentication required"}]}
            return 401, {"WWW-Authenticate": asks}, error
        return self.let_in(method, url, writes=not asks or user == WRITER)

    def let_in(self, method: str, url: str, *, writes: bool) -> tuple[int, dict[str, str], Any]:
        """The same, for somebody with a login."""
        path = urlsplit(url).path
        if method == "POST" and not path.startswith("/v2/shop/"):
            return 404, {}, {"errors": [{"code": "NAME_UNKNOWN"}]}
        if method == "POST" and not writes:
            return 403, {}, {"errors": [{"code": "DENIED", "message": "read only"}]}
        if method == "POST":
            self.uploads.append(path)
            return 202, {"Location": f"{path}1234?state=a"}, {}
        if method == "DELETE":
            self.ended.append(url)
        return (204 if method == "DELETE" else 200), {}, {}


@pytest.fixture
def running(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    """On a port of its own; the machine's own Docker logins do not count."""
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    served = Registry(style=getattr(request, "param", "bearer"))

    class Handler(BaseHTTPRequestHandler):
        def do_any(self) -> None:
            status, headers, body = served.answer(self.command, self.path, self.headers.get("Authorization", ""))
            text = b"" if status == 204 else json.dumps(body).encode()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_DELETE = do_any  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield served
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(autouse=True)
def docker_config(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Of a machine where nobody has run `docker login`."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    return tmp_path / "config.json"


def props(port: int, login: str, **changes: Any) -> dict[str, Any]:
    """Inputs of the resource."""
    user, _, password = login.partition(":")
    given = {"server": f"127.0.0.1:{port}/shop", "user": user, "password": password, "insecure": False, "builder": ""}
    return {**given, "repository": "shop-prod", "advice": FROM_CONFIG, **changes}


def refusal(port: int, login: str, **changes: Any) -> str:
    with pytest.raises(LoginRefusedError) as caught:
        RegistryLoginProvider().create(props(port, login, **changes))
    said = str(caught.value)
    assert f"127.0.0.1:{port}" in said, "the registry is named"
    assert "wrong" not in said, "a password is not repeated"
    return said


@pytest.mark.parametrize("running", ["basic", "bearer", "open"], indirect=True)
def test_a_login_that_may_push_passes_and_leaves_no_upload_behind(running: Registry) -> None:
    made = RegistryLoginProvider().create(props(running.port, WRITER))
    assert made.outs is not None
    assert made.outs["password"] == "right"
    assert running.uploads == ["/v2/shop/shop-prod/blobs/uploads/"]
    assert running.ended == ["/v2/shop/shop-prod/blobs/uploads/1234?state=a"]


@pytest.mark.parametrize("running", ["basic", "bearer"], indirect=True)
@pytest.mark.parametrize("login", ["writer:wrong", "stranger:wrong"])
def test_a_login_that_is_refused_is_told_with_its_user_and_the_keys_to_set(running: Registry, login: str) -> None:
    said = refusal(running.port, login)
    assert f"refuses the login of {login.partition(':')[0]} (401" in said
    assert "pulumi config set registryUser" in said
    assert "pulumi config set --secret registryPassword" in said
    assert not running.uploads


@pytest.mark.parametrize("running", ["basic", "bearer"], indirect=True)
def test_a_login_that_can_only_read_is_told_as_such(running: Registry) -> None:
    said = refusal(running.port, READER)
    assert f"reader may not push to registry 127.0.0.1:{running.port}/shop (403 read only)" in said
    assert "registryPassword" in said


@pytest.mark.parametrize("running", ["basic", "bearer"], indirect=True)
def test_a_registry_that_asks_for_a_login_where_there_is_none_is_told(running: Registry) -> None:
    said = refusal(running.port, "")
    assert "requires a login, but none is configured" in said
    assert "registryUser" in said


def test_a_login_of_docker_s_own_is_left_to_docker(running: Registry, docker_config: Path) -> None:
    host = f"127.0.0.1:{running.port}"
    docker_config.write_text(json.dumps({"auths": {host: {"auth": "x"}}}))
    RegistryLoginProvider().create(props(running.port, ""))
    RegistryLoginProvider().create(props(running.port, WRITER, builder="default"))
    docker_config.write_text("{}")
    said = refusal(running.port, WRITER, builder="default")
    assert f"docker login {host} --username writer" in said


@pytest.mark.parametrize(
    "config",
    [
        {"auths": {"a.example.com": {}}},
        {"auths": {"https://a.example.com": {}}},
        {"credsStore": "pass"},
        {"credHelpers": {"a.example.com": "pass"}},
    ],
)
def test_docker_s_configuration_is_read_in_all_its_forms(config: dict[str, Any], docker_config: Path) -> None:
    assert not docker_login_kept("a.example.com"), "no file"
    docker_config.write_text(json.dumps(config))
    assert docker_login_kept("a.example.com")
    docker_config.write_text("not JSON")
    assert not docker_login_kept("a.example.com")


def test_a_name_that_the_registry_does_not_have_is_told_with_its_key(running: Registry) -> None:
    said = refusal(running.port, WRITER, server=f"127.0.0.1:{running.port}/other")
    assert "does not have other/shop-prod (404 NAME_UNKNOWN)" in said
    assert "registryServer" in said


def test_a_registry_that_is_busy_for_a_moment_is_asked_again(running: Registry) -> None:
    running.busy = 2
    RegistryLoginProvider().create(props(running.port, WRITER))
    assert running.uploads


def test_a_registry_that_does_not_answer_is_left_to_docker(
    running: Registry, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(RegistryUnreachableError):
        check_push(Login(server="127.0.0.1:9/shop"), "kafka", advice="")
    assert RegistryLoginProvider().create(props(9, WRITER)).outs
    assert "was not checked before building: 127.0.0.1 does not answer" in capsys.readouterr().out
    running.busy = 100
    assert RegistryLoginProvider().create(props(running.port, WRITER)).outs
    assert "503" in capsys.readouterr().out


def test_another_login_is_tried_and_the_same_is_not() -> None:
    olds = props(5000, WRITER)
    changes = {"user": "other", "password": "new", "server": "b.example.com", "repository": "b", "builder": "default"}
    for key, value in changes.items():
        assert RegistryLoginProvider().diff("", olds, {**olds, key: value}).changes
    assert not RegistryLoginProvider().diff("", olds, {**olds, "advice": "other words"}).changes


def test_challenges_are_read_as_registries_write_them() -> None:
    text = 'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull"'
    kind, parameters = challenge(text)
    assert kind == "bearer"
    assert parameters["realm"] == "https://auth.docker.io/token"
    assert challenge('Basic realm="x"')[0] == "basic"
    assert challenge("") == ("", {})
