"""Checks a registry login before any image is built."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi

from infra.resources.common.provider import ManagedResource, Provider
from infra.resources.docker.registry import (
    Login,
    LoginRefusedError,
    RegistryUnreachableError,
    check_push,
    docker_login_kept,
)

ENGINE_BUILDER = "default"
"""BuildKit in the Docker engine, which pushes with the login that `docker login` stores."""

FROM_CONFIG = (
    "correct it with `pulumi config set registryUser <user>` and `pulumi config set --secret registryPassword "
    "<password>`; the user must be allowed to push"
)
FROM_DIGITALOCEAN = (
    "the login is generated for the registry of the account of digitalocean:token; "
    "is registryServer the name of that registry? `doctl registry get` shows it"
)


@dataclass(frozen=True, kw_only=True)
class RegistryLoginInputs:
    """`server` is the registry with its path, `repository` the one under it that images will be pushed to.

    Without a user, there is no login. `advice` says what to do if the login is refused.
    """

    server: str
    repository: str
    advice: str
    user: str | None = ""
    password: str | None = ""
    insecure: bool = False
    builder: str = ""


class RegistryLoginProvider(Provider[RegistryLoginInputs]):
    """Creates nothing at the registry."""

    not_compared = ("advice",)

    def create_resource(self, inputs: RegistryLoginInputs) -> tuple[str, Mapping[str, Any]]:
        """Try the login, and raise if it is refused."""
        login = Login(
            server=inputs.server, user=inputs.user or "", password=inputs.password or "", insecure=inputs.insecure
        )
        kept = docker_login_kept(login.host)
        try:
            if login.user or not kept:
                check_push(login, inputs.repository, advice=inputs.advice)
        except RegistryUnreachableError as error:
            # Docker may have a proxy or a certificate that we do not, so let it try.
            print(f"the login at {login.host} was not checked before building: {error}", flush=True)  # noqa: T201
        if login.user and inputs.builder == ENGINE_BUILDER and not kept:
            message = (
                f"builder `{ENGINE_BUILDER}` pushes with the login that `docker login` stores, but none is configured "
                f"for {login.host}: run `docker login {login.host} --username {login.user}`"
            )
            raise LoginRefusedError(message)
        return inputs.server, {}


@dataclass(frozen=True, kw_only=True)
class RegistryLoginArgs:
    """The inputs as a Pulumi program passes them."""

    server: str
    repository: str
    advice: str
    user: pulumi.Input[str] = ""
    password: pulumi.Input[str] = ""
    insecure: bool = False
    builder: str = ""


class RegistryLogin(ManagedResource, module="registry", name="RegistryLogin"):
    """The login. Resources that use its `password` wait until it is checked."""

    password: pulumi.Output[str]
    """Secret."""

    def __init__(self, name: str, args: RegistryLoginArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Declare the check."""
        super().__init__(RegistryLoginProvider(), name, args, opts, secret=("password",))
