"""Checks that a container registry accepts a login, before minutes of building.

`docker push` only reports "no basic auth credentials", without the registry, the user, or where the login comes from.
Follows the OCI distribution specification (https://github.com/opencontainers/distribution-spec) and Docker's token
authentication.
"""

import base64
import ipaddress
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx

from infra.resources.common.retry import RetryPolicy

RETRY_POLICY = RetryPolicy(attempts=4, first_pause=2, connections=2)
"""Few attempts to connect: if nothing answers, the login stays unchecked and Docker tries it later."""

ONCE = replace(RETRY_POLICY, attempts=1, connections=1)
REFUSED = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
DOCKER_HUB = "docker.io"

FULL = re.compile(r"registry contains \d+ repositories, limit is \d+")
"""DigitalOcean's message when its subscription allows no more repositories."""


class LoginRefusedError(Exception):
    """The registry refuses the login. The message says which and what to do."""


class RegistryUnreachableError(Exception):
    """No registry answers, so nothing is known about the login."""


@dataclass(frozen=True, kw_only=True)
class Login:
    """`server` is the registry with its path, as in image names. An empty user means no login."""

    server: str
    user: str = ""
    password: str = ""
    insecure: bool = False

    @property
    def host(self) -> str:
        """The registry, with its port if it has one."""
        return self.server.partition("/")[0]

    @property
    def path(self) -> str:
        """The path with which every image name begins."""
        return self.server.partition("/")[2]


def check_push(login: Login, name: str, *, advice: str, transport: httpx.BaseTransport | None = None) -> None:
    """Start a push to the repository of that name, as `docker push` would, and then cancel it.

    Raises:
        LoginRefusedError: with the registry, the user and `advice`.
        RegistryUnreachableError: if no registry answers.
    """
    repository = f"{login.path}/{name}" if login.path else name
    with _Connection(login, advice, transport) as registry:
        registry.authenticate(repository)
        registry.begin_upload(repository)


def docker_login_kept(host: str) -> bool:
    """Whether Docker's configuration on this machine has a login for the registry, or a helper that may have one."""
    folder = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker")
    try:
        config = json.loads((folder / "config.json").read_text())
    except (OSError, ValueError):
        return False
    names = {host, f"https://{host}", *(("https://index.docker.io/v1/",) if host == DOCKER_HUB else ())}
    helpers = config.get("credsStore") or host in (config.get("credHelpers") or {})
    return bool(helpers) or bool(names & set(config.get("auths") or {}))


class _Connection:
    def __init__(self, login: Login, advice: str, transport: httpx.BaseTransport | None) -> None:
        self._login, self._advice = login, advice
        self._http = httpx.Client(timeout=20, transport=transport, follow_redirects=True)
        self._base = ""
        self._headers: dict[str, str] = {}

    def __enter__(self) -> "_Connection":
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def authenticate(self, repository: str) -> None:
        """Use the authentication that the registry requires."""
        answer = self._first_answer()
        if answer.status_code not in (HTTPStatus.OK, HTTPStatus.UNAUTHORIZED):
            raise self._strange(answer)
        kind, parameters = challenge(answer.headers.get("www-authenticate", ""))
        if not self._login.user:
            if answer.status_code == HTTPStatus.UNAUTHORIZED:
                message = f"registry {self._login.host} requires a login, but none is configured: {self._advice}"
                raise LoginRefusedError(message)
        elif kind == "bearer" and parameters.get("realm"):
            self._headers = {"Authorization": f"Bearer {self._token(parameters, repository)}"}
        else:
            words = base64.b64encode(f"{self._login.user}:{self._login.password}".encode()).decode()
            self._headers = {"Authorization": f"Basic {words}"}
            answer = self._send("GET", f"{self._base}/v2/")
            if answer.status_code in REFUSED:
                raise self._refused(answer)

    def begin_upload(self, repository: str) -> None:
        """Send the first request of a push, and cancel the push."""
        answer = self._send("POST", f"{self._base}/v2/{repository}/blobs/uploads/")
        if answer.status_code in REFUSED:
            raise self._refused(answer)
        if answer.status_code == HTTPStatus.NOT_FOUND:
            message = (
                f"registry {self._login.host} does not have {repository} ({_reason(answer)}); "
                "does the name in registryServer exist there?"
            )
            raise LoginRefusedError(message)
        if answer.status_code != HTTPStatus.ACCEPTED:
            raise self._strange(answer)
        if location := answer.headers.get("location"):
            self._send("DELETE", str(httpx.URL(f"{self._base}/").join(location)))

    def _first_answer(self) -> httpx.Response:
        """The response over https, or over http if Docker would try that too."""
        host = "registry-1.docker.io" if self._login.host == DOCKER_HUB else self._login.host
        schemes = ("https", "http") if self._login.insecure or _is_loopback(host) else ("https",)
        errors = []
        for scheme in schemes:
            self._base = f"{scheme}://{host}"
            try:
                return self._send("GET", f"{self._base}/v2/", RETRY_POLICY if scheme == schemes[-1] else ONCE)
            except RegistryUnreachableError as error:
                errors.append(str(error))
        raise RegistryUnreachableError("; ".join(errors))

    def _token(self, parameters: Mapping[str, str], repository: str) -> str:
        query = {"scope": f"repository:{repository}:pull,push", "account": self._login.user}
        if service := parameters.get("service"):
            query["service"] = service
        answer = self._send(
            "GET", parameters["realm"], params=query, auth=(self._login.user, self._login.password), anonymous=True
        )
        if answer.status_code in REFUSED or answer.status_code == HTTPStatus.BAD_REQUEST:
            raise self._refused(answer)
        try:
            found = answer.json()
            return str(found.get("token") or found["access_token"])
        except (ValueError, KeyError, AttributeError):
            raise self._strange(answer) from None

    def _send(
        self, method: str, url: str, policy: RetryPolicy = RETRY_POLICY, *, anonymous: bool = False, **more: Any
    ) -> httpx.Response:
        headers = {} if anonymous else self._headers
        try:
            return policy.call(lambda: self._http.request(method, url, headers=headers, **more))
        except httpx.TransportError as error:
            message = f"{httpx.URL(url).host} does not answer: {error or type(error).__name__}"
            raise RegistryUnreachableError(message) from None

    def _refused(self, answer: httpx.Response) -> LoginRefusedError:
        if FULL.search(_reason(answer)):
            return LoginRefusedError(
                f"registry {self._login.host} accepts no new repository ({_reason(answer)}), and the stack needs one: "
                "delete one that nothing uses (`doctl registry repository list-v2` lists them), or choose a larger "
                "registryTier"
            )
        # A token server answers 403 to a valid login that may not push.
        wanted = answer.request.method == "POST" or answer.status_code == HTTPStatus.FORBIDDEN
        login = self._login
        refused = f"registry {login.host} refuses the login of {login.user}"
        what = f"{login.user} may not push to registry {login.server}" if wanted else refused
        return LoginRefusedError(f"{what} ({_reason(answer)}): {self._advice}")

    def _strange(self, answer: httpx.Response) -> RegistryUnreachableError:
        return RegistryUnreachableError(f"{answer.request.url.host} answers {_reason(answer)}, so it is not a registry")


def challenge(header: str) -> tuple[str, dict[str, str]]:
    """Scheme, in lower case, and parameters of a WWW-Authenticate header."""
    kind, _, rest = header.partition(" ")
    return kind.lower(), dict(re.findall(r'(\w+)="([^"]*)"', rest))


def _reason(answer: httpx.Response) -> str:
    """Status, and the registry's own message if it has one."""
    try:
        words = "; ".join(str(error.get("message") or error.get("code")) for error in answer.json()["errors"])
    except (ValueError, KeyError, TypeError, AttributeError):
        words = answer.reason_phrase
    return f"{answer.status_code} {words}".strip()


def _is_loopback(host: str) -> bool:
    name = host.rpartition(":")[0] or host
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"
