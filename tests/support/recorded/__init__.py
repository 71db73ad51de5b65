"""What the real plugins were seen to read back."""

import json
from pathlib import Path
from typing import Any

Row = dict[str, Any]


def recorded(table: str) -> list[Row]:
    """Rows of `plugins.json`, which says what its columns mean."""
    document: dict[str, list[Row]] = json.loads((Path(__file__).parent / "plugins.json").read_text())
    return document[table]


def name_of(row: Row) -> str:
    """For test ids."""
    return " ".join(str(value) for key, value in row.items() if key in ("input", "protocol", "given", "provider"))
