"""Memory limits of a consumer, since the manager shares its memory with up to four viewers.

The protocol limits compressed bytes, but the client decompresses a whole fetch at once. By default it fetches 1 MiB
per partition, which can expand to 255 MiB of records.
"""

from __future__ import annotations

from typing import Final

FETCH_BYTES: Final = 65_536
FETCH_LIMITS: Final[dict[str, int]] = {
    "fetch.max.bytes": FETCH_BYTES,
    "max.partition.fetch.bytes": FETCH_BYTES,
    "message.max.bytes": FETCH_BYTES,  # a consumer's use of it: fetch.max.bytes must not be lower
    "queued.max.messages.kbytes": 4096,
    "queued.min.messages": 10_000,
    "fetch.queue.backoff.ms": 5,  # with so small a queue, the default of one second would delay every fetch
    "receive.message.max.bytes": 67_108_864,
}
