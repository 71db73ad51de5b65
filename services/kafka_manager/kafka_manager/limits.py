"""What a consumer may hold of records that it has fetched: the manager shares its memory with up to four viewers.

The protocol limits compressed bytes, and the client decompresses a whole fetch at once: by its defaults, 1 MiB of each
partition, which can be 255 MiB of records.
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
    "fetch.queue.backoff.ms": 5,  # the default, a second, would be waited for at each of so small a queue
    "receive.message.max.bytes": 67_108_864,
}
