"""The committed schemas are what the images of Druid and Kafka accept."""

import pytest

from tools.schemas.__main__ import file, text


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("system", ["druid", "kafka"])
def test_the_image_accepts_what_the_schema_says(system: str) -> None:
    assert text(system) == file(system).read_text(), f"{file(system)} is out of date: run `make schemas`"
