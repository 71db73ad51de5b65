"""Work in a thread for the length of a `with` block."""

import threading
from typing import Self


class Background:
    """A subclass defines `work`, which ends soon after `stopped` is set."""

    def __init__(self) -> None:
        self.stopped = threading.Event()
        self._thread = threading.Thread(target=self.work)

    def work(self) -> None:
        """Run in the thread."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopped.set()
        self._thread.join()
