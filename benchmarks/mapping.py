"""What the collector's own encoder of records gains over fastavro: the same events, the same bytes.

fastavro gets each record as a finished dictionary, so that only its encoding is counted; with `and dictionary`, the
values are taken from the event first, which fastavro would need. The encoder is compiled, as in the collector's image.

    python -m benchmarks.mapping      # a minute
"""

from __future__ import annotations

import io
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import fastavro

ROOT: Final = Path(__file__).resolve().parent.parent
COMPILED: Final = "COMPILED_COLLECTOR"
"""Variable with the folder of the compiled package, in the process that measures."""
sys.path[:0] = [str(ROOT), os.environ.get(COMPILED, str(ROOT / "services" / "collector"))]
sys.path.append(str(ROOT / "services" / "common"))
from collector.mapping.compile import load_mapping  # noqa: E402
from collector.model.agent import Agent  # noqa: E402
from collector.model.event import Event  # noqa: E402
from collector.model.page import page_of  # noqa: E402
from collector.model.place import Place  # noqa: E402

from benchmarks.collector import compile_into  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable

EVENTS: Final = 20_000
ROUNDS: Final = 5
PLACE: Final = Place({
    "country_name": "Sweden", "country_code": "SE", "city": "Stockholm", "region_name": "Stockholm County",
    "latitude": 59.3294, "longitude": 18.0687, "continent_code": "EU", "continent_name": "Europe",
})  # fmt: skip
AGENT: Final = Agent(
    {"text": "Mozilla/5.0 (X11; Linux x86_64)", "browser_name": "Firefox", "browser_major_version": 133,
     "os_name": "Linux", "device_class": "desktop"},
    frozenset(),
)  # fmt: skip


def event(number: int) -> Event:
    """A page view of a shop with few pages, as in the collector's cache."""
    made = Event("batch", 1_770_000_000_000 + number)
    made.event_id, made.event_type = f"0:{number}", "pageView"
    made.party_id, made.session_id, made.page_view_id = "0:m1:abc", "0:m1:def", f"0:{number // 2}"
    made.page, made.referrer = page_of(f"https://shop.example/product/{number % 50}"), page_of("https://www.example/")
    made.viewport_width, made.viewport_height, made.screen_width, made.screen_height = 1440, 820, 1440, 900
    made.parameters = {"engagement_ms": 5000, "scroll_percent": 90}
    made.agent, made.place, made.ip = AGENT, PLACE, "203.0.113.9"
    return made


def microseconds(work: Callable[[], object]) -> float:
    """Of one event, the median of the rounds."""
    taken: list[float] = []
    for _ in range(ROUNDS):
        started = time.process_time()
        work()
        taken.append((time.process_time() - started) / EVENTS * 1e6)
    return statistics.median(taken)


def main() -> None:
    """Compile the collector, and measure in another process that uses it."""
    if COMPILED in os.environ:
        measure()
        return
    with tempfile.TemporaryDirectory() as directory:
        compile_into(Path(directory))
        command = [sys.executable, "-m", "benchmarks.mapping"]
        subprocess.run(command, cwd=ROOT, env={**os.environ, COMPILED: directory}, check=True)


def measure() -> None:
    """Print microseconds of processor time for each event."""
    mapping = load_mapping(ROOT / "services/collector/mapping.toml", ROOT / "services/schema/clickstream.avsc")
    schema: Any = mapping.schema
    events = [event(number) for number in range(EVENTS)]
    records = [mapping.record(item) for item in events]
    names = list(records[0])

    def encoded(record: dict[str, Any]) -> bytes:
        buffer = io.BytesIO()
        fastavro.schemaless_writer(buffer, schema, record)
        return buffer.getvalue()

    def copied(record: dict[str, Any]) -> dict[str, Any]:
        return {name: record.get(name) for name in names}

    if [encoded(record) for record in records] != [mapping.encode(item) for item in events]:
        message = "the two do not write the same bytes"
        raise RuntimeError(message)
    own = microseconds(lambda: [mapping.encode(item) for item in events])
    fast = microseconds(lambda: [encoded(record) for record in records])
    full = microseconds(lambda: [encoded(copied(record)) for record in records])
    print(f"own {own:.1f} us | fastavro {fast:.1f} us ({fast / own:.1f} times) | and dictionary {full:.1f} us "
          f"({full / own:.1f} times)")  # fmt: skip


if __name__ == "__main__":
    main()
