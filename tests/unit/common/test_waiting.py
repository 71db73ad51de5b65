"""The tests' own helpers for polling."""

import asyncio

import pytest

from tests.support import async_waiting
from tests.support.waiting import until


def test_the_first_wanted_answer_is_returned() -> None:
    answers = iter(range(5))
    assert until(lambda: next(answers), lambda answer: answer == 3, seconds=5, pause=0) == 3


def test_an_error_that_is_expected_counts_as_no_answer_and_any_other_is_raised() -> None:
    answers = iter([OSError("later"), "now"])

    def ask() -> str:
        answer = next(answers)
        if isinstance(answer, OSError):
            raise answer
        return str(answer)

    assert until(ask, seconds=5, pause=0, retry_on=(OSError,)) == "now"
    with pytest.raises(StopIteration):
        until(ask, seconds=5, pause=0, retry_on=(OSError,))


def test_the_error_names_what_was_wanted_and_the_last_answer() -> None:
    with pytest.raises(AssertionError, match="two rows: not within 0 s; the last answer was 1"):
        until(lambda: 1, lambda rows: rows == 2, what="two rows", seconds=0, pause=0)


def test_a_coroutine_waits_no_longer_than_it_may() -> None:
    with pytest.raises(AssertionError, match="a reply: not within 0 s"):
        asyncio.run(async_waiting.until(lambda: False, seconds=0, what="a reply"))
