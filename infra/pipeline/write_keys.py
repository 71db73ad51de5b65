"""The sites' write keys, generated or taken from the configuration."""

from typing import Any

import pulumi
import pulumi_random as random

from infra.config.sites import SitesConfig, WriteKey


class WriteKeys(pulumi.ComponentResource):
    """The write keys of all sites."""

    by_site: pulumi.Output[Any]
    """Secret: keys by site and name."""

    file: pulumi.Output[str]
    """Secret: the JSON that the collector reads, from site to list of keys."""

    def __init__(self, sites: SitesConfig) -> None:
        """Generate every key that is missing from the configuration."""
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
        # Key names contain no dots, so every resource name is unique.
        name = f"write-key.{site}.{key.name}"
        made = random.RandomPassword(name, length=48, special=False, opts=pulumi.ResourceOptions(parent=self))
        return made.result
