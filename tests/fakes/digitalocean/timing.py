"""How long the cloud takes, in seconds. Everything that takes time on DigitalOcean has a field here."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Timing:
    """Seconds from the request to its effect. A real host's own time comes on top."""

    droplet_create: float = 0.0
    droplet_action: float = 0.0
    droplet_destroy: float = 0.0
    volume_action: float = 0.0
    reserved_ip_action: float = 0.0
    firewall_apply: float = 0.0
    vpc_release: float = 0.0
    """How long a VPC still counts a destroyed droplet among its members."""


INSTANT = Timing()
"""Every effect is there at the next request."""

REAL = Timing(
    droplet_create=25,
    droplet_action=8,
    droplet_destroy=5,
    volume_action=4,
    reserved_ip_action=4,
    firewall_apply=5,
    vpc_release=20,
)
"""In the order of what DigitalOcean takes."""

PROFILES = {"instant": INSTANT, "real": REAL}
