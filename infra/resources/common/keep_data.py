"""Whether a destroy keeps the data (`make down KEEP_DATA=1`), as tools/stack.py asks."""

import os

KEEP_DATA = "CLICKSTREAM_KEEP_DATA"
"""A variable of the environment, because a provider's delete sees nothing but the state of its resource."""


def data_is_kept() -> bool:
    """Whether the volumes stay, so that their data must stay as well."""
    return os.environ.get(KEEP_DATA) == "1"
