"""Compile the modules that every event passes through, with mypyc: they stay Python, and Python can still run them.

    python compile_modules.py FOLDER

FOLDER holds the package `collector`; extensions are put beside its modules and are imported in their place. Needs a C
compiler and Python's headers. A type that does not hold fails here, or raises TypeError when it runs.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path
from typing import Any, Final

from mypyc.build import mypycify
from setuptools import setup

MODULES: Final = (
    "json_endpoint", "metrics", "outcomes", "service", "sources",
    "delivery/message",
    "enrich/acquisition", "enrich/address", "enrich/bots", "enrich/duplicates", "enrich/enricher", "enrich/entries",
    "enrich/languages", "enrich/privacy", "enrich/sites", "enrich/urls", "enrich/user_agent",
    "enrich/user_ids", "enrich/write_keys",
    "http/connection", "http/cors", "http/request", "http/responses", "http/server",
    "mapping/avro", "mapping/coerce", "mapping/encode", "mapping/sources",
    "model/agent", "model/base36", "model/cache", "model/campaign", "model/event", "model/page", "model/place",
    "protocol/batch", "protocol/beacon", "protocol/checksum", "protocol/identifier", "protocol/iso_time",
    "protocol/json_source", "protocol/json_values", "protocol/mincode", "protocol/numbers", "protocol/query",
)  # fmt: skip
"""Those that every event passes through. Kafka's callbacks gained nothing when they were compiled."""
# Tolerate untyped libraries.
MYPY_OPTIONS: Final = ("--ignore-missing-imports", "--follow-imports=silent", f"--cache-dir={os.devnull}")


def main() -> None:
    """Compile in the folder that is given."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where the package lies; use a copy of it")
    os.chdir(parser.parse_args().folder)  # mypyc names modules by their path from here
    options = [*MYPY_OPTIONS, *(f"collector/{module}.py" for module in MODULES)]
    with tempfile.TemporaryDirectory() as scratch:
        # Made of distutils' class; to setup, which checks nothing, both are one.
        extensions: list[Any] = list(mypycify(options, group_name="collector", target_dir=scratch))
        build = ["--quiet", "build_ext", "--inplace", f"--build-temp={scratch}", f"--build-lib={scratch}"]
        setup(name="collector", packages=[], ext_modules=extensions, script_args=build)


if __name__ == "__main__":
    main()
