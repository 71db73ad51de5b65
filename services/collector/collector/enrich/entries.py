"""The first page view of each session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from collector.model.cache import BoundedCache

if TYPE_CHECKING:
    from collector.model.event import Event

PAGE_VIEW: Final = "pageView"
_NONE_YET: Final = ""


class Entries:
    """Recognises entries, also in sessions that begin with another event: a scroll or a click in a tab left open.

    Remembers only sessions that began so and have no page view yet. What a restart forgets counts as before: a session
    whose first event is no page view then has no entry.
    """

    def __init__(self) -> None:
        """Without sessions."""
        self._begun: BoundedCache[str, str] = BoundedCache(65_536)

    def is_entry(self, event: Event) -> bool:
        """Whether this page view is the first of its session. Ask for each event, in their order."""
        session = event.session_id
        if session is None:
            return False
        if event.event_type != PAGE_VIEW:
            if event.is_first_in_session:
                self._begun.put(session, _NONE_YET)
            return False
        if event.is_first_in_session:
            return True
        entry = self._begun.get(session)
        if entry == _NONE_YET:
            self._begun.put(session, event.event_id)
            return True
        return entry == event.event_id  # sent again, because it was not durable the first time
