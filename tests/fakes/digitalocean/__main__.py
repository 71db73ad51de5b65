"""`python -m tests.fakes.digitalocean --port 8480`: the simulator as a process, until it is interrupted.

Prints one line of JSON, `{"url": ..., "token": ...}`, when it serves. Use them as the provider's
`apiEndpoint` and `token`, or as DIGITALOCEAN_API_URL and DIGITALOCEAN_TOKEN.
"""

import argparse
import json
import logging
import os
import signal
import sys

from tests.fakes.digitalocean.hosts.containers import Containers
from tests.fakes.digitalocean.server import Simulator
from tests.fakes.digitalocean.timing import PROFILES


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.fakes.digitalocean", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0: any free one")
    parser.add_argument("--hosts", choices=["none", "containers"], default="none", help="what a droplet is")
    parser.add_argument("--timing", choices=sorted(PROFILES), default="instant")
    parser.add_argument("--verbose", action="store_true", help="log every request")
    options = parser.parse_args()
    logging.basicConfig(
        level=logging.DEBUG if options.verbose else logging.WARNING, format="%(message)s", stream=sys.stderr
    )
    for noisy in ("asyncio", "docker", "urllib3"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    # Blocked before any thread starts, so that only the wait below gets them.
    ends = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)
    backend = Containers() if options.hosts == "containers" else None
    # From the environment, not the command line, which every process can read.
    token = os.environ.get("DIGITALOCEAN_TOKEN")
    with Simulator(timing=PROFILES[options.timing], backend=backend, token=token, port=options.port) as simulator:
        print(json.dumps({"url": simulator.url, "token": simulator.token}), flush=True)  # noqa: T201
        signal.sigwait(ends)
    return 0


if __name__ == "__main__":
    sys.exit(main())
