"""Everything created through DigitalOcean's API. Setup on the hosts comes later."""

import pulumi
import pulumi_digitalocean as do

from infra.config import StackConfig
from infra.targets.digitalocean.addresses import Addresses
from infra.targets.digitalocean.droplets import Droplets
from infra.targets.digitalocean.network import Network
from infra.targets.digitalocean.plan import Plan
from infra.targets.digitalocean.project import Project
from infra.targets.digitalocean.registry import Registry
from infra.targets.digitalocean.storage import Storage


class Cloud:
    """A plan's network, droplets, volumes, addresses, project and registry."""

    def __init__(self, config: StackConfig, plan: Plan, unstarted: frozenset[str] = frozenset()) -> None:
        """Declare the resources in the configured token's account. `unstarted` hosts may be replaced."""
        token = config.credentials.digitalocean_token.get_secret_value()
        provider = do.Provider(
            "digitalocean",
            token=pulumi.Output.secret(token) if token else None,
            api_endpoint=config.credentials.digitalocean_endpoint or None,
        )
        within = pulumi.ResourceOptions(provider=provider)
        network = Network(config, plan.pages, within)
        self.droplets = Droplets(config, plan, network, within, unstarted)
        self.storage = Storage(config, plan, network, self.droplets, within)
        self.addresses = Addresses(config, plan.pages, self.droplets, within)
        Project(config, network, self.droplets, self.storage, self.addresses, within)
        self.registry = Registry(config, within)
