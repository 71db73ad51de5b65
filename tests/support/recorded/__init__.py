"""What the real plugins were seen to read back and to send."""

import json
from pathlib import Path
from typing import Any

Row = dict[str, Any]


def recorded(table: str, *, file: str = "plugins.json") -> list[Row]:
    """Rows of a table; the file says what its columns mean."""
    document: dict[str, list[Row]] = json.loads((Path(__file__).parent / file).read_text())
    return document[table]


def name_of(row: Row) -> str:
    """For test ids."""
    return " ".join(str(value) for key, value in row.items() if key in ("input", "protocol", "given", "provider"))
