"""Whether a destroy keeps the data (`make down KEEP_DATA=1`). tools/stack.py sets the variable."""

import os

KEEP_DATA = "CLICKSTREAM_KEEP_DATA"
"""An environment variable, because a provider's delete sees only the state of its resource."""


def data_is_kept() -> bool:
    """Whether the volumes are kept. Then the resources that describe their data must be kept too."""
    return os.environ.get(KEEP_DATA) == "1"
