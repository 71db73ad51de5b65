"""Archives some records again and again, each time in a new process that kills itself at another step of the store.

``python -m tests.support.killed_archive``, with an archive's settings in its environment. Prints a line of JSON: the
steps at which processes were killed.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from functools import partial
from itertools import cycle
from typing import TYPE_CHECKING, Any, Final, cast

from archive import manifest, schema
from archive.archiver import Archiver
from archive.buffer import Buffer
from archive.intake import Intake
from archive.metrics import Metrics
from archive.settings import Settings
from archive.store import Store, make_store

if TYPE_CHECKING:
    from collections.abc import Callable

_RECORDS: Final = 10
"""That a process stores at once: some of each partition."""
_KINDS: Final = ("create _manifest", "", "publish events", "", "delete", "publish _manifest")
"""The calls before which processes end, one after the other. Those of no kind reach their end."""
_DONE, _NOTHING_LEFT = 0, 3


class Deadly:
    """A store that ends the process before a call of one kind."""

    def __init__(self, store: Store, kind: str, report: int) -> None:
        self._store, self._kind, self._report = store, kind, report

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)
        return self._counted(name, found) if name in ("publish", "create", "delete") else found

    def _counted(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any) -> None:
            if name == "delete":  # one file at a time, so that a process can end between two
                for one in list(arguments[0]):
                    self._step(name, partial(call, [one]))
            else:
                folder = arguments[1 if name == "publish" else 0].partition("/")[0]
                self._step(f"{name} {folder}", partial(call, *arguments))

        return counted

    def _step(self, name: str, call: Callable[[], Any]) -> None:
        if name == self._kind:
            os.write(self._report, f"{name}\n".encode())
            os.kill(os.getpid(), signal.SIGKILL)
            threading.Event().wait()
        call()


def archive_some(kind: str, report: int) -> int:
    """What the service does, without its clock."""
    settings = Settings.load()
    metrics = Metrics()
    deadly = cast("Store", Deadly(make_store(settings), kind, report))
    archiver = Archiver(settings, deadly, metrics)
    intake = Intake(settings, metrics)
    archiver.begin(intake.start(archiver.manifest.positions))
    buffer = Buffer(schema.load(settings.schema_file), settings.events_topic)
    read = idle = 0
    while read < _RECORDS and (idle < 20 or read == 0):
        found = intake.read(0.05)[: _RECORDS - read]  # the next process reads the others
        for source, record in found:
            buffer.add(source, record)
        read, idle = read + len(found), 0 if found else idle + 1
        lag = intake.lag(archiver.manifest.positions)
        if read == 0 and len(lag) == len(archiver.manifest.positions) and not any(lag.values()):
            return _NOTHING_LEFT
    archiver.flush(buffer)
    while archiver.maintain():
        pass
    return _DONE


def main() -> None:
    """Until nothing is left and no further step exists."""
    manifest.CHECKPOINT_EVERY = 3  # type: ignore[misc]
    steps: list[str] = []
    kinds, finished = cycle(_KINDS), False
    while not finished:
        reading, writing = os.pipe()
        kind = next(kinds)
        child = os.fork()
        if child == 0:
            os.close(reading)
            os._exit(archive_some(kind, writing))
        os.close(writing)
        with os.fdopen(reading) as pipe:
            steps += pipe.read().splitlines()
        _, status = os.waitpid(child, 0)
        if os.WIFEXITED(status):
            code = os.WEXITSTATUS(status)
            if code not in (_DONE, _NOTHING_LEFT):
                sys.exit(code)
            finished = code == _NOTHING_LEFT
    sys.stdout.write(json.dumps(steps) + "\n")


if __name__ == "__main__":
    main()
