"""Names what the metadata schema and the roles depend on: the pinned packages and the configuration.

Run in the image build; the result is compared at every start with what the metadata database was last set up for.
"""

import hashlib
from pathlib import Path


def compute(folder: Path) -> str:
    """Hash of the files that decide about schema and roles, as 16 hexadecimal digits."""
    digest = hashlib.sha256()
    for name in ("requirements.lock", "superset_config.py", "bootstrap.py"):
        digest.update(name.encode() + b"\0" + (folder / name).read_bytes() + b"\0")
    return digest.hexdigest()[:16]


if __name__ == "__main__":
    print(compute(Path(__file__).parent))  # noqa: T201 - the build reads it
