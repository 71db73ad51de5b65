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
    """Token and endpoint, empty where there is none: the stack's, else those that DigitalOcean's own tools read.

    `configured` gives the value of a key such as `digitalocean:token`.
    """
    token = configured("digitalocean:token") or next(filter(None, map(os.environ.get, TOKEN_VARIABLES)), "")
    return token, configured("digitalocean:apiEndpoint") or os.environ.get("DIGITALOCEAN_API_URL", "")


class Credentials(BaseModel):
    """Secret."""

    model_config = ConfigDict(frozen=True)

    registry_password: SecretStr = SecretStr("")
    digitalocean_token: SecretStr = SecretStr("")
    digitalocean_endpoint: str = ""

    @classmethod
    def load(cls) -> Self:
        """From the stack's configuration; DigitalOcean's also from the variables that its own tools read."""
        # Plain here, since decisions at preview need them; whoever hands them to a resource marks them as secret.
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
    if sites and not is_config_secret(SITES):  # Pulumi counts a list with a secret inside as one
        for place in given_keys(json.loads(sites)):
            path = f"{SITES}{place}"
            command = f"pulumi config set --secret --path '{path}'"
            yield f"{path}: given in plain text; set it with `{command}`, and rotate it"
