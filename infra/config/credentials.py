"""Credentials for external services; kept out of logs and of plain-text state."""

import json
import os
from collections.abc import Callable, Iterator
from typing import Self

from pulumi.runtime import get_config
from pulumi.runtime.config import is_config_secret
from pydantic import BaseModel, ConfigDict, SecretStr

from infra.config.sites import given_keys
from infra.config.types import PROJECT

REGISTRY_PASSWORD = f"{PROJECT}:registryPassword"
TOKEN_VARIABLES = ("DIGITALOCEAN_TOKEN", "DIGITALOCEAN_ACCESS_TOKEN")
SITES = f"{PROJECT}:sites"
SECRET_KEYS = (
    REGISTRY_PASSWORD,
    f"{PROJECT}:ipstackAccessKey",
    f"{PROJECT}:archiveBucketSecretKey",
    "digitalocean:token",
)


def digitalocean_login(configured: Callable[[str], str | None]) -> tuple[str, str]:
    """Token and endpoint from the stack's configuration, or else from the variables of DigitalOcean's own tools.

    Either is empty if it is not set. `configured` returns the value of a key such as `digitalocean:token`.
    """
    token = configured("digitalocean:token") or next(filter(None, map(os.environ.get, TOKEN_VARIABLES)), "")
    return token, configured("digitalocean:apiEndpoint") or os.environ.get("DIGITALOCEAN_API_URL", "")


class Credentials(BaseModel):
    """Logins for the registry and for DigitalOcean."""

    model_config = ConfigDict(frozen=True)

    registry_password: SecretStr = SecretStr("")
    digitalocean_token: SecretStr = SecretStr("")
    digitalocean_endpoint: str = ""

    @classmethod
    def load(cls) -> Self:
        """Read them from the stack's configuration and the environment."""
        # Plain values, since checks at preview need them. Code that passes one to a resource marks it as secret.
        token, endpoint = digitalocean_login(get_config)
        return cls(
            registry_password=SecretStr(get_config(REGISTRY_PASSWORD) or ""),
            digitalocean_token=SecretStr(token),
            digitalocean_endpoint=endpoint,
        )


def plain_secrets() -> Iterator[str]:
    """Secrets given in plain text in the stack's file, which the CLI copies into the state."""
    for key in SECRET_KEYS:
        if get_config(key) and not is_config_secret(key):
            name = key.removeprefix(f"{PROJECT}:")
            yield f"{key}: given in plain text; set it with `pulumi config set --secret {name}`, and rotate it"
    sites = get_config(SITES)
    if sites and not is_config_secret(SITES):  # for Pulumi, a list that contains a secret is a secret
        for place in given_keys(json.loads(sites)):
            path = f"{SITES}{place}"
            command = f"pulumi config set --secret --path '{path}'"
            yield f"{path}: given in plain text; set it with `{command}`, and rotate it"
