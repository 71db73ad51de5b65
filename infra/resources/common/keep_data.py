"""Whether a destroy is to leave the data where it is (`make down KEEP_DATA=1`): tools/stack.py says so."""

import os

KEEP_DATA = "CLICKSTREAM_KEEP_DATA"
"""A variable of the environment, because a provider's delete sees nothing but the state of its resource."""


def data_is_kept() -> bool:
    """Whether volumes stay, so that what lies on them must stay as well."""
    return os.environ.get(KEEP_DATA) == "1"
