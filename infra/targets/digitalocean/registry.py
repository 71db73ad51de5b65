"""The registry that images are pushed to, and its two logins: read-write, and read-only for the nodes."""

import base64
import json
from dataclasses import dataclass

import pulumi
import pulumi_digitalocean as do
import pulumi_docker as docker
import pulumi_docker_build as docker_build

from infra.config import StackConfig
from infra.config.cross_checks import DIGITALOCEAN_REGISTRY
from infra.resources.docker.registry_login import FROM_CONFIG, FROM_DIGITALOCEAN, RegistryLogin, RegistryLoginArgs


@dataclass(frozen=True, kw_only=True)
class Login:
    """User and password for a registry. The password is secret."""

    user: pulumi.Input[str]
    password: pulumi.Input[str]


class Registry(pulumi.ComponentResource):
    """DigitalOcean's registry, created here or existing; or another registry, with the login from the configuration."""

    push: docker_build.RegistryArgs | None
    """The builder's login. None if the registry needs no login."""

    pull: list[docker.ProviderRegistryAuthArgs]
    """Logins that services pass to the nodes."""

    def __init__(self, config: StackConfig, opts: pulumi.ResourceOptions) -> None:
        """Declare the registry and its logins."""
        super().__init__("clickstream:digitalocean:Registry", "registry", None, opts)
        self.host, _, name = config.images.registry_server.partition("/")
        self._name = name
        self.push, self.pull = None, []
        if config.images.registry_user:
            password = pulumi.Output.secret(config.credentials.registry_password.get_secret_value())
            login = Login(user=config.images.registry_user, password=password)
            self._use(config, write=login, read=login, advice=FROM_CONFIG)
        elif self.host == DIGITALOCEAN_REGISTRY:
            registry_name = self._registry(config)
            self._use(
                config,
                write=self._login("write", registry_name, write=True),
                read=self._login("read", registry_name, write=False),
                advice=FROM_DIGITALOCEAN,
            )
        else:
            # Without a configured login, check that the registry really needs none.
            self._verified(config, Login(user="", password=""), FROM_CONFIG)
        self.register_outputs({"server": config.images.registry_server})

    def _registry(self, config: StackConfig) -> pulumi.Input[str]:
        cloud = config.digitalocean
        if cloud.registry_tier == "existing":
            return self._name
        registry = do.ContainerRegistry(
            "registry",
            name=self._name,
            subscription_tier_slug=cloud.registry_tier,
            opts=pulumi.ResourceOptions(parent=self),
        )
        return registry.name

    def _login(self, name: str, registry: pulumi.Input[str], *, write: bool) -> Login:
        credentials = do.ContainerRegistryDockerCredentials(
            name,
            registry_name=registry,
            write=write,
            opts=pulumi.ResourceOptions(parent=self, additional_secret_outputs=["dockerCredentials"]),
        )
        text: pulumi.Output[str] = pulumi.Output.secret(credentials.docker_credentials)
        login = text.apply(parse_login)
        return Login(user=login.apply(lambda pair: pair[0]), password=login.apply(lambda pair: pair[1]))

    def _use(self, config: StackConfig, *, write: Login, read: Login, advice: str) -> None:
        password = self._verified(config, write, advice).password
        self.push = docker_build.RegistryArgs(address=self.host, username=write.user, password=password)
        self.pull = [docker.ProviderRegistryAuthArgs(address=self.host, username=read.user, password=read.password)]

    def _verified(self, config: StackConfig, login: Login, advice: str) -> RegistryLogin:
        return RegistryLogin(
            "push",
            RegistryLoginArgs(
                server=config.images.registry_server,
                repository=config.name,
                advice=advice,
                user=login.user,
                password=login.password,
                insecure=config.digitalocean.registry_insecure,
                builder=config.images.builder,
            ),
            pulumi.ResourceOptions(parent=self),
        )


def parse_login(text: str) -> tuple[str, str]:
    """User and password from a Docker `config.json` with a single registry."""
    (entry,) = json.loads(text)["auths"].values()
    user, _, password = base64.b64decode(entry["auth"]).decode().partition(":")
    return user, password
