"""Write keys of sites: generated, or given by the configuration."""

from typing import Any

import pulumi
import pulumi_random as random

from infra.config.sites import SitesConfig, WriteKey


class WriteKeys(pulumi.ComponentResource):
    """The keys of all sites that have some."""

    by_site: pulumi.Output[Any]
    """Secret: site to name to key."""

    file: pulumi.Output[str]
    """Secret: what the collector reads."""

    def __init__(self, sites: SitesConfig) -> None:
        """Declare a random key for each that is not given."""
        super().__init__("clickstream:pipeline:WriteKeys", "write-keys")
        self.by_site = pulumi.Output.secret(
            {site.name: {key.name: self._value(site.name, key) for key in site.write_keys}
             for site in sites.sites if site.write_keys}
        )  # fmt: skip
        self.file = pulumi.Output.json_dumps(
            self.by_site.apply(lambda keys: {site: list(named.values()) for site, named in keys.items()})
        )
        self.register_outputs({})

    def _value(self, site: str, key: WriteKey) -> pulumi.Input[str]:
        if key.key is not None:
            return key.key.get_secret_value()
        # A dot, which no name has: other separators would give two keys one name.
        name = f"write-key.{site}.{key.name}"
        made = random.RandomPassword(name, length=48, special=False, opts=pulumi.ResourceOptions(parent=self))
        return made.result
