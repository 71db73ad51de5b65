"""The formats of Druid, Kafka and Superset are those of the versions that run."""

import json
from typing import Any

import pytest

from tools.schemas.__main__ import SYSTEMS, file, versions


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_schema_is_of_the_version_that_runs(system: str) -> None:
    schema: dict[str, Any] = json.loads(file(system).read_text())
    comment = f"{versions()[system]}. Written by `make schemas`."
    assert schema["$comment"] == comment, f"{file(system)} is of another version: run `make schemas`"
