"""Each promise in docs/security.md names a test, and the test exists."""

import re

from infra.paths import ROOT

TEXT = (ROOT / "docs" / "security.md").read_text()
HEADER = "| promise | kept by | test |"


def promises() -> list[list[str]]:
    """The rows of all tables of promises: promise, what keeps it, test."""
    rows: list[list[str]] = []
    for table in TEXT.split(HEADER)[1:]:
        lines = table.strip().splitlines()[1:]
        rows += [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[: _length(lines)]]
    return rows


def _length(lines: list[str]) -> int:
    return next((number for number, line in enumerate(lines) if not line.startswith("|")), len(lines))


def test_each_promise_names_a_test() -> None:
    rows = promises()
    assert len(rows) >= 10
    for number, row in enumerate(rows):
        assert len(row) == 3, row
        assert "`tests/" in row[2] or (row[2].startswith("the same file") and number), f"{row[0]!r} names no test"


def test_the_named_tests_exist() -> None:
    named = re.findall(r"`(tests/[^`]+)`", TEXT)
    assert named
    for path in named:
        file, _, function = path.partition("::")
        assert (ROOT / file).is_file(), f"docs/security.md names {file}, which does not exist"
        assert not function or f"def {function}(" in (ROOT / file).read_text(), f"{file} has no {function}"
