"""Names of time zones: which are allowed, and what is suggested in place of others."""

import pytest

from infra.config import ConfigError, StackConfig
from tests.support.stack_config import raw_config


@pytest.mark.parametrize("name", ["UTC", "Europe/Vienna", "America/Argentina/Buenos_Aires", "Etc/GMT+5"])
def test_names_of_the_database_are_allowed(name: str) -> None:
    assert StackConfig.parse("test", raw_config(timeZone=name)).superset.time_zone == name


@pytest.mark.parametrize(
    ("given", "proposed"),
    [
        ("Europe/Viena", "did you mean Europe/Vienna"),
        ("europe/vienna", "did you mean Europe/Vienna?"),
        ("Vienna", "did you mean Europe/Vienna?"),
        ("new york", "did you mean America/New_York?"),
        ("+02:00", "for example Europe/Berlin"),
        ("../../etc/passwd", "for example Europe/Berlin"),
        ("Factory", "for example Europe/Berlin"),
        ("", "for example Europe/Berlin"),
    ],
)
def test_other_names_fail_with_the_key_and_a_suggestion(given: str, proposed: str) -> None:
    with pytest.raises(ConfigError) as caught:
        StackConfig.parse("test", raw_config(timeZone=given))
    assert f"clickstream:timeZone: {given!r} given; allowed: a name of the IANA time zone database" in str(caught.value)
    assert proposed in str(caught.value)
