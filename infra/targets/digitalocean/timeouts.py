"""How long DigitalOcean may take. A timeout of the provider counts everything, its own pauses included."""

import pulumi

START = "10m"
"""A droplet that is not active by then never becomes active; the provider itself would wait for an hour."""

DELETE = "10m"
"""The provider's one to three minutes are too short. A droplet first stops its containers, for which the provider
leaves half a minute; a network and a project can go only when nothing is left in them.
"""


def deletion() -> pulumi.ResourceOptions:
    """For what needs time to go."""
    return pulumi.ResourceOptions(custom_timeouts=pulumi.CustomTimeouts(delete=DELETE))
