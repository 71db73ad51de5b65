"""Polling with a time limit."""

from collections.abc import Callable
from typing import TypeVar

from infra.resources.common.retry import Deadline

T = TypeVar("T")


def until(
    ask: Callable[[], T],
    wanted: Callable[[T], object] = bool,
    *,
    seconds: float,
    what: str = "",
    retry_on: tuple[type[Exception], ...] = (),
    pause: float = 0.1,
) -> T:
    """Ask until the answer is wanted. `what` names it in the error; errors of `retry_on` count as no answer.

    Raises:
        AssertionError: with the last answer, when the time is up.
    """
    deadline = Deadline(seconds, pause=pause)
    while True:
        try:
            answer = ask()
        except retry_on as error:
            last = repr(error)
        else:
            if wanted(answer):
                return answer
            last = repr(answer)
        if not deadline.wait():
            message = f"{what or 'what was wanted'}: not within {seconds:g} s; the last answer was {last}"
            raise AssertionError(message)
