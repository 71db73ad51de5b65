"""Exports events from a stack's archive to a file: `python tools/export_events.py --stack dev --from 2026-11-01`.

The archive's container reads the files and streams them here, so this works for both a volume and a bucket.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from docker.errors import DockerException

from infra.config import full_name
from infra.resources.docker.client import EngineUnreachableError, connect
from toolchain import environment
from toolchain.paths import SetupError
from tools.stack import outputs

COMMAND = ("/opt/archive/bin/python", "-m", "archive", "export")
FORMATS = ("parquet", "csv", "jsonl")


class ExportError(RuntimeError):
    """There is no archive to export from, or the export failed. The message says what to do."""


def container(engine: Any, stack: str) -> Any:
    """The archive's container on this engine."""
    service = f"{full_name(stack)}-archive"
    found = engine.containers.list(filters={"name": f"{service}.", "status": "running"}, ignore_removed=True)
    if not found:
        message = (
            f"this engine runs no task of {service}. If the stack's archive is not off, it runs on another host "
            f"(`docker service ps {service}`): run `docker exec` there, see docs/archive.md"
        )
        raise ExportError(message)
    return found[0]


def export(engine: Any, task: Any, arguments: Sequence[str]) -> Iterator[bytes]:
    """Yield the file in parts."""
    made = engine.api.exec_create(task.id, [*COMMAND, *arguments])
    said: list[bytes] = []
    for content, error in engine.api.exec_start(made["Id"], stream=True, demux=True):
        if content:
            yield content
        if error:
            said = [*said[-20:], error]
    text = b"".join(said).decode(errors="replace").strip()
    if code := engine.api.exec_inspect(made["Id"])["ExitCode"]:
        message = f"the export failed with status {code}: {text}"
        raise ExportError(message)
    print(text)


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description="Export events from a stack's archive to a file.")
    parser.add_argument("--stack", default="dev")
    parser.add_argument("--from", dest="start", metavar="TIME", help="first time, for example 2026-11-01; UTC")
    parser.add_argument("--to", dest="end", metavar="TIME", help="end, not included")
    parser.add_argument("--site", help="only this site")
    parser.add_argument("--format", choices=FORMATS, default="parquet")
    parser.add_argument("--out", type=Path, help="file; export.<format> if not given")
    options = parser.parse_args()
    given = {"--from": options.start, "--to": options.end, "--site": options.site, "--format": options.format}
    arguments = [part for name, value in given.items() if value for part in (name, value)]
    target: Path = options.out or Path(f"export.{options.format}")
    unfinished = target.with_name(f"{target.name}.part")
    try:
        stack = options.stack.rpartition("/")[2]
        with closing(connect(str(outputs(options.stack, environment.full())["dockerHost"]))) as engine:
            with unfinished.open("wb") as file:
                file.writelines(export(engine, container(engine, stack), arguments))
            unfinished.replace(target)
    except (SetupError, ExportError, EngineUnreachableError, DockerException, OSError) as error:
        unfinished.unlink(missing_ok=True)
        print(error, file=sys.stderr)
        return 1
    print(f"{target}: {target.stat().st_size} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
