"""The languages of simulated visitors, against what the collector reads from their browsers' header."""

import pytest
from collector.enrich.languages import language_of

from visitors.scenario import load


@pytest.mark.parametrize("scenario", ["original", "small", "browsers"])
def test_simulated_visitors_have_the_language_that_their_browsers_ask_for(scenario: str) -> None:
    for group in load(scenario).visitors:
        found = language_of(group.locale.encode())
        assert (found.tag, found.name) == (group.locale, group.language)
