"""Lets a CI runner reach a stack's droplets by SSH: `python -m tools.runner_access open --stack prod --run 17`.

A hosted runner has a new address in every run, so it can't be in `sshAllowedCidrs`. `open` adds a firewall that opens
port 22 to this machine's address only; the rules of a droplet's firewalls add up. `close` deletes this firewall and
those left behind by cancelled runs. The token is DIGITALOCEAN_TOKEN, with the scopes `firewall` and `tag`.
"""

import argparse
import ipaddress
import os
import sys
from datetime import UTC, datetime, timedelta

import httpx

from infra.config import full_name
from infra.resources.common.retry import Deadline
from infra.resources.digitalocean.client import ApiError, DigitalOcean

OWN_ADDRESS = "https://checkip.amazonaws.com"
"""A service that returns a request's source address. It learns nothing else about the stack."""
ABANDONED = timedelta(hours=6)
"""GitHub's limit for the duration of a job."""
SSH = 22


def firewall_name(stack: str, run: str) -> str:
    """The name of a run's firewall, which differs from the program's firewalls."""
    return f"{stack}-runner-{run}"


def open_ssh(api: DigitalOcean, stack: str, run: str, address: str, *, seconds: float = 120) -> None:
    """Create the firewall and wait until it applies to the droplets.

    Raises:
        ApiError: if DigitalOcean rejects it, or does not apply it in time.
    """
    name = firewall_name(stack, run)
    close_ssh(api, stack, run)
    api.open_port(name, tag=stack, port=SSH, address=address)
    deadline = Deadline(seconds, pause=1)
    while True:
        status = next((one.status for one in api.firewalls() if one.name == name), "missing")
        if status == "succeeded":
            return
        if status != "waiting" or not deadline.wait():
            message = f"firewall {name} is {status}, so this runner can't reach the droplets; run the job again"
            raise ApiError(message)


def close_ssh(api: DigitalOcean, stack: str, run: str) -> None:
    """Delete the run's firewall, and older ones that no running job can need."""
    prefix, own = firewall_name(stack, ""), firewall_name(stack, run)
    abandoned = datetime.now(UTC) - ABANDONED
    for firewall in api.firewalls():
        if firewall.name == own or (firewall.name.startswith(prefix) and firewall.created_at < abandoned):
            api.delete_firewall(firewall.id)


def own_address() -> str:
    """Return this machine's public address.

    Raises:
        httpx.HTTPError: if the request fails.
        ValueError: if the response is not an address.
    """
    return str(ipaddress.ip_address(httpx.get(OWN_ADDRESS, timeout=30).raise_for_status().text.strip()))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m tools.runner_access", description=__doc__)
    parser.add_argument("action", choices=["open", "close"])
    parser.add_argument("--stack", required=True)
    parser.add_argument("--run", required=True, help="unique id of the run, of letters and digits")
    parser.add_argument("--address", help="the runner's address, if known")
    given = parser.parse_args()
    token = os.environ.get("DIGITALOCEAN_TOKEN")
    if not token:
        sys.exit("DIGITALOCEAN_TOKEN is not set: it must be a token with the scopes `firewall` and `tag`")
    try:
        with DigitalOcean(token, os.environ.get("DIGITALOCEAN_API_URL", "")) as api:
            if given.action == "close":
                close_ssh(api, full_name(given.stack), given.run)
            else:
                open_ssh(api, full_name(given.stack), given.run, given.address or own_address())
    except (ApiError, httpx.HTTPError, ValueError) as error:
        sys.exit(f"could not {given.action} SSH for this runner: {error}")


if __name__ == "__main__":
    main()
