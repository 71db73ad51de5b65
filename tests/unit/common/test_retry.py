"""Waiting for a server to answer: when it is worth it, and what is said when it ends."""

import httpx
import pytest

from infra.resources.common.retry import wait_until_ok


class NoAnswerError(Exception):
    """As a client's own."""


def ask(http: httpx.Client, seconds: float) -> httpx.Response:
    return wait_until_ok(http, "/status", server="Druid", error=NoAnswerError, seconds=seconds)


def answering(*said: httpx.Response | httpx.TransportError) -> httpx.Client:
    """Each of them once, in turn."""
    answers = iter(said)

    def answer(_request: httpx.Request) -> httpx.Response:
        found = next(answers)
        if isinstance(found, httpx.TransportError):
            raise found
        return found

    return httpx.Client(base_url="https://druid.example.com", transport=httpx.MockTransport(answer))


def test_a_server_that_starts_is_waited_for() -> None:
    starting = answering(httpx.ConnectError("refused"), httpx.Response(503), httpx.Response(200, text="here"))
    assert ask(starting, 60).text == "here"


def test_a_refused_login_is_not_waited_out() -> None:
    """Nothing changes it but another password."""
    with pytest.raises(NoAnswerError, match=r"https://druid\.example\.com refuses the login of the edge \(401\)"):
        ask(answering(httpx.Response(401)), 60)


@pytest.mark.parametrize(
    ("last", "said"),
    [
        (httpx.Response(502, text="no backend"), "502 no backend"),
        (httpx.ConnectError("refused"), "refused"),
        (httpx.ReadTimeout(""), "ReadTimeout"),
    ],
)
def test_the_last_that_was_seen_is_told(last: httpx.Response | httpx.TransportError, said: str) -> None:
    with pytest.raises(NoAnswerError, match=f"Druid does not answer at https://druid.example.com after 0 s: {said}"):
        ask(answering(last), 0)
