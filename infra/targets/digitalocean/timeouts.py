"""How long DigitalOcean may take. Provider timeouts include the provider's own pauses."""

import pulumi

START = "10m"
"""A droplet that is not active by then never will be. The provider's default is an hour."""

DELETE = "10m"
"""The provider's defaults of one to three minutes are too short. A droplet first stops its containers, for which the
provider allows half a minute. A network or project can be deleted only once it is empty.
"""


def deletion() -> pulumi.ResourceOptions:
    """Options for resources whose deletion takes long."""
    return pulumi.ResourceOptions(custom_timeouts=pulumi.CustomTimeouts(delete=DELETE))
