"""Prepares a machine to run the program. Standard library only."""

import sys

MINIMUM_PYTHON = (3, 11)

if sys.version_info < MINIMUM_PYTHON:  # tomllib would be missing, which says nothing to the user
    sys.exit(f"Python {'.'.join(map(str, MINIMUM_PYTHON))} or newer is needed, this is {sys.version.split()[0]}")
