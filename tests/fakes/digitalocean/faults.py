"""Faults on demand, and the limits of the account."""

import fnmatch
from dataclasses import dataclass, field

from pydantic import BaseModel, ConfigDict


class HttpFault(BaseModel):
    """What happens to requests that match, the next `times` times (forever if None)."""

    model_config = ConfigDict(extra="forbid")

    method: str = "*"
    path: str = "/v2/*"
    """As the shell matches file names; `*` spans slashes."""

    status: int | None = None
    """Answered instead; with None the request goes through, `delay` seconds late."""

    message: str = "Simulated fault."
    delay: float = 0.0
    retry_after: int | None = None
    takes_effect: bool = False
    """The request is carried out, and only its answer is lost: what a client must be idempotent for."""

    times: int | None = 1


class DropletFault(BaseModel):
    """What goes wrong with droplets whose name matches."""

    model_config = ConfigDict(extra="forbid")

    name: str = "*"
    stuck_in_new: bool = False
    failing_actions: list[str] = []
    """Types of actions that end as `errored`."""


class Limits(BaseModel):
    """Of the account. DigitalOcean documents them in prose only."""

    model_config = ConfigDict(extra="forbid")

    droplets: int = 25
    reserved_ips: int = 3
    volumes_gib: int = 16384
    droplets_at_once: int = 10
    volumes_per_droplet: int = 15
    user_data_bytes: int = 64 * 1024
    firewall_rules: int = 50
    firewall_droplets: int = 10
    firewall_tags: int = 5
    requests_an_hour: int = 5000
    requests_a_minute: int = 250
    key_lists_a_minute: int = 10


@dataclass
class Faults:
    """Those in force."""

    http: list[HttpFault] = field(default_factory=list)
    droplets: list[DropletFault] = field(default_factory=list)

    def take(self, method: str, path: str) -> HttpFault | None:
        """The first that matches; it counts as used."""
        for fault in self.http:
            if fault.method in ("*", method) and fnmatch.fnmatchcase(path, fault.path):
                if fault.times is not None:
                    fault.times -= 1
                    if fault.times == 0:
                        self.http.remove(fault)
                return fault
        return None

    def stuck(self, name: str) -> bool:
        """Whether a new droplet of this name never becomes active."""
        return any(fault.stuck_in_new for fault in self.droplets if fnmatch.fnmatchcase(name, fault.name))

    def fails(self, name: str, action: str) -> bool:
        """Whether an action on the droplet ends as errored."""
        return any(action in fault.failing_actions for fault in self.droplets if fnmatch.fnmatchcase(name, fault.name))
