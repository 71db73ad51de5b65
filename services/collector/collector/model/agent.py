"""How a visitor's browser identifies itself."""

from __future__ import annotations

from typing import Final

FIELDS: Final[dict[str, type]] = {
    "text": str, "browser_name": str, "browser_version": str, "browser_major_version": int,
    "os_name": str, "os_version": str, "device_family": str, "device_brand": str, "device_model": str,
    "device_class": str, "bot_name": str, "bot_group": str, "bot_operator": str,
}  # fmt: skip
"""What a mapping may name, and its type."""


_COARSE: Final = frozenset({
    "browser_name", "browser_major_version", "os_name", "device_class", "bot_name", "bot_group", "bot_operator",
})  # fmt: skip


class Agent:
    """A parsed user agent. `values` holds what FIELDS names, where known."""

    __slots__ = ("_without_text", "bot_classes", "fragments", "values")

    def __init__(self, values: dict[str, str | int], bot_classes: frozenset[str]) -> None:
        """From parsed values and the bot signals that the headers alone give."""
        self.values = values
        self.bot_classes = bot_classes
        self.fragments: dict[int, bytes] = {}
        self._without_text: Agent | None = None

    def without_text(self) -> Agent:
        """The same agent with the names of its browser and system only: the whole header is a fingerprint."""
        if self._without_text is None:
            kept = {name: value for name, value in self.values.items() if name in _COARSE}
            self._without_text = Agent(kept, self.bot_classes)
        return self._without_text
