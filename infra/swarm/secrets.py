"""Passwords, generated or given, kept as Pulumi secrets and delivered as Docker secrets."""

import base64

import pulumi
import pulumi_docker as docker
import pulumi_random as random

from infra.swarm.service import SecretRef
from infra.swarm.spec import NAMESPACE_LABEL


class GeneratedSecret(pulumi.ComponentResource):
    """A random password and the Docker secret that carries it into containers."""

    password: pulumi.Output[str]
    """Secret."""

    ref: SecretRef

    def __init__(
        self, name: str, stack: str, swarm: pulumi.ResourceOptions, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Generate 48 letters and digits: safe in URLs, shells and properties files, long enough as a signing key."""
        super().__init__("clickstream:swarm:GeneratedSecret", name, None, opts)
        generated = random.RandomPassword(name, length=48, special=False, opts=pulumi.ResourceOptions(parent=self))
        self.password = generated.result
        options = pulumi.ResourceOptions.merge(swarm, pulumi.ResourceOptions(parent=self))
        self.ref = docker_secret(name, stack, self.password, options)
        self.register_outputs({"password": self.password})


def docker_secret(name: str, stack: str, text: pulumi.Output[str], opts: pulumi.ResourceOptions) -> SecretRef:
    """The Docker secret that holds `text`."""
    # Docker secrets are immutable. With an auto-generated name, Pulumi can create the new one first.
    secret = docker.Secret(
        name,
        data=text.apply(lambda plain: base64.b64encode(plain.encode()).decode()),
        labels=[{"label": NAMESPACE_LABEL, "value": stack}],
        opts=opts,
    )
    return SecretRef(id=secret.id, name=secret.name)
