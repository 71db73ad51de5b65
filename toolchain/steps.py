"""Steps that run in parallel, in the order of their dependencies, and report their progress."""

import contextlib
import fcntl
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from toolchain.paths import LOGS, SetupError, cache, elapsed

REMINDER_SECONDS = 20
FIRST_SECONDS, LATER_REMINDER_SECONDS = 120, 60
"""A slow step takes minutes: after the first two it is reported less often."""

LAST_LINES = 15


@dataclass
class Step:
    """One step of the setup. `done` is a quick check (well under a second); `run` does the work."""

    name: str
    title: str
    done: Callable[[], bool]
    run: Callable[["Step"], None]
    after: tuple[str, ...] = ()
    note: str = ""
    """Its current activity, for the progress lines."""

    def command(
        self, arguments: Sequence[str], *, cwd: Path | None = None, env: dict[str, str] | None = None, nice: int = 0
    ) -> None:
        """Runs a program; its output goes to a log of the step, and into the error if it fails."""
        LOGS.mkdir(parents=True, exist_ok=True)
        log = LOGS / f"{self.name}.log"
        with log.open("ab") as output:
            start = output.tell()
            output.write(f"$ {' '.join(arguments)}\n".encode())
            output.flush()
            prefix = ["nice", "-n", str(nice)] if nice else []
            process = subprocess.Popen(
                [*prefix, *arguments],
                cwd=cwd,
                env={**os.environ, **(env or {})},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
            running.add(process)
            code = process.wait()
            running.discard(process)
        if code != 0:
            with log.open("rb") as written:
                written.seek(start)
                tail = written.read().decode(errors="replace").splitlines()[-LAST_LINES:]
            msg = f"{arguments[0]} failed with exit code {code} ({log}):\n    " + "\n    ".join(tail)
            raise SetupError(msg)


running: set[subprocess.Popen[bytes]] = set()
"""Running programs, to be stopped if the setup is interrupted."""


@dataclass
class Plan:
    """Steps and their order."""

    steps: list[Step]
    _failures: dict[str, BaseException] = field(default_factory=dict)
    _finished: dict[str, threading.Event] = field(default_factory=dict)
    _print: threading.Lock = field(default_factory=threading.Lock)

    def execute(self) -> int:
        """Runs what is not done yet; returns how many steps ran. SetupError with all failures."""
        pending = [step for step in self.steps if not step.done()]
        if not pending:
            return 0
        self._finished = {step.name: threading.Event() for step in pending}
        threads = [threading.Thread(target=self._run, args=(step,), daemon=True) for step in pending]
        for thread in threads:
            thread.start()
        started = last = time.monotonic()
        while any(thread.is_alive() for thread in threads):
            time.sleep(0.1)
            early = last - started < FIRST_SECONDS
            if time.monotonic() - last > (REMINDER_SECONDS if early else LATER_REMINDER_SECONDS):
                last = time.monotonic()
                self._remind(pending, last - started)
        if self._failures:
            raise SetupError("\n".join(f"{name}: {error}" for name, error in self._failures.items()))
        return len(pending)

    def _run(self, step: Step) -> None:
        try:
            for name in step.after:
                if name in self._finished:
                    self._finished[name].wait()
                    if name in self._failures:
                        self._failures[step.name] = SetupError(f"skipped, because {name} failed")
                        return
            started = time.monotonic()
            step.note = "started"
            self._say(f"  ... {step.title}")
            step.run(step)
            self._say(f"  ok  {step.title} ({elapsed(time.monotonic() - started)})")
        except BaseException as error:  # noqa: BLE001  (the main thread reports it)
            self._failures[step.name] = error
            self._say(f"  !!  {step.title}: failed")
        finally:
            step.note = ""
            self._finished[step.name].set()

    def _remind(self, pending: list[Step], seconds: float) -> None:
        busy = [step for step in pending if step.note]
        if busy:
            notes = "; ".join(f"{step.name}: {last_line(step) or step.note}" for step in busy)
            self._say(f"  {elapsed(seconds):>9}  {notes}")

    def _say(self, line: str) -> None:
        with self._print:
            print(line, flush=True)


def last_line(step: Step) -> str:
    """The newest line of a step's log, cut to fit; empty if that is the command itself."""
    log = LOGS / f"{step.name}.log"
    if not log.exists():
        return ""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 500))
        lines = file.read().decode(errors="replace").replace("\r", "\n").strip().splitlines()
    return lines[-1][:70] if lines and not lines[-1].startswith("$ ") else ""


@contextlib.contextmanager
def locked(name: str) -> Iterator[None]:
    """One process at a time on this machine; the lock ends with the process."""
    cache().mkdir(parents=True, exist_ok=True)
    with (cache() / f"{name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def publish(folder: Path, make: Callable[[Path], None]) -> None:
    """Creates a folder in the cache completely or not at all, once for all checkouts.

    `make` fills a temporary folder beside it, which is then renamed. What an interrupted run left is deleted.
    """
    with locked(folder.name):
        if folder.exists():
            return
        partial = folder.with_name(f"{folder.name}.partial")
        subprocess.run(["rm", "-rf", str(partial)], check=True)
        partial.mkdir(parents=True)
        make(partial)
        partial.rename(folder)


def end_running() -> None:
    """Stops the running programs."""
    for process in list(running):
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
