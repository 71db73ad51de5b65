"""Generated passwords, kept as Pulumi secrets and delivered as Docker secrets."""

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
        self, name: str, stack: str, provider: docker.Provider, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Generate 48 letters and digits: safe in URLs, shells and properties files, long enough to sign with."""
        super().__init__("clickstream:swarm:GeneratedSecret", name, None, opts)
        generated = random.RandomPassword(name, length=48, special=False, opts=pulumi.ResourceOptions(parent=self))
        self.password = generated.result
        # Docker forbids changing a secret; without a name of our own Pulumi makes a new one beside the old.
        secret = docker.Secret(
            name,
            data=self.password.apply(lambda text: base64.b64encode(text.encode()).decode()),
            labels=[{"label": NAMESPACE_LABEL, "value": stack}],
            opts=pulumi.ResourceOptions(parent=self, provider=provider),
        )
        self.ref = SecretRef(id=secret.id, name=secret.name)
        self.register_outputs({"password": self.password})
