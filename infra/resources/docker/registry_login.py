"""A login that the registry takes, proven before anything is built for it."""

from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi.dynamic import CreateResult, DiffResult, Resource, ResourceProvider, UpdateResult

from infra.resources.docker.registry import (
    Login,
    LoginRefusedError,
    RegistryUnreachableError,
    check_push,
    docker_login_kept,
)

ENGINE_BUILDER = "default"
"""BuildKit inside the Docker engine; it pushes with the login that `docker login` keeps."""

COMPARED = ("server", "repository", "user", "password", "insecure", "builder")
FROM_CONFIG = (
    "correct it with `pulumi config set registryUser <user>` and `pulumi config set --secret registryPassword "
    "<password>`; it must be one that may push"
)
FROM_DIGITALOCEAN = (
    "the login is made for the registry of the account whose token is in digitalocean:token; "
    "is registryServer the name of that registry? `doctl registry get` tells it"
)


class RegistryLoginProvider(ResourceProvider):
    """State: the inputs. Nothing is made at the registry."""

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Try it."""
        return CreateResult(str(props["server"]), self._tried(props))

    def update(self, _id: str, _olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult:
        """Try the new one."""
        return UpdateResult(self._tried(news))

    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        """Another registry, or another login."""
        return DiffResult(changes=any(olds.get(key) != news.get(key) for key in COMPARED))

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """Nothing was made, so nothing is left to delete."""

    @staticmethod
    def _tried(props: dict[str, Any]) -> dict[str, Any]:
        login = Login(
            server=str(props["server"]),
            user=str(props["user"] or ""),
            password=str(props["password"] or ""),
            insecure=bool(props["insecure"]),
        )
        kept = docker_login_kept(login.host)
        try:
            if login.user or not kept:
                check_push(login, str(props["repository"]), advice=str(props["advice"]))
        except RegistryUnreachableError as error:
            # Docker may know a way or a certificate that we do not: it has the last word.
            print(f"the login at {login.host} is not tried before building: {error}", flush=True)  # noqa: T201
        if login.user and props["builder"] == ENGINE_BUILDER and not kept:
            message = (
                f"builder `{ENGINE_BUILDER}` pushes with the login that `docker login` keeps, and there is none for "
                f"{login.host}: run `docker login {login.host} --username {login.user}`"
            )
            raise LoginRefusedError(message)
        return props


@dataclass(frozen=True, kw_only=True)
class RegistryLoginArgs:
    """`server` is the registry with its path, `repository` the one under it that images will be pushed to.

    No user is no login. `advice` says what to do if the login is refused.
    """

    server: str
    repository: str
    advice: str
    user: pulumi.Input[str] = ""
    password: pulumi.Input[str] = ""
    insecure: bool = False
    builder: str = ""


class RegistryLogin(Resource, module="registry", name="RegistryLogin"):
    """The login. What takes its `password` waits until it is proven."""

    password: pulumi.Output[str]
    """Secret."""

    def __init__(self, name: str, args: RegistryLoginArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Declare the trial."""
        hidden = pulumi.ResourceOptions(additional_secret_outputs=["password"])
        super().__init__(RegistryLoginProvider(), name, dict(vars(args)), pulumi.ResourceOptions.merge(opts, hidden))
