"""What a machine needs to run the program, and how it gets it. Standard library only."""

import sys

if sys.version_info < (3, 11):  # the modules below could not even be imported
    sys.exit(f"Python 3.11 or newer is needed, this is {sys.version.split()[0]}")
