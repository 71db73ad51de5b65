"""PostgreSQL: Superset's own metadata (users, dashboards)."""

import pulumi

from infra.images.source import ImageSource
from infra.swarm.spec import CONTROL, HealthCheck, ServiceSpec, VolumeMount
from infra.swarm.stack import SwarmStack

IMAGE = ImageSource(name="postgres", mebibytes=55, uid=999)
PASSWORD = "postgres-password"  # noqa: S105  # the secret's name, not its value
USER = DATABASE = "superset"


def postgres_spec() -> ServiceSpec:
    """The service's spec. The official postgres image understands the environment."""
    return ServiceSpec(
        name="postgres",
        source=IMAGE,
        memory=256,
        env={
            "POSTGRES_USER": USER,
            "POSTGRES_DB": DATABASE,
            "POSTGRES_PASSWORD_FILE": f"/run/secrets/{PASSWORD}",
        },
        secrets={PASSWORD: PASSWORD},
        volumes=(VolumeMount(volume="postgres", path="/var/lib/postgresql/data"),),
        healthcheck=HealthCheck(command=("CMD", "pg_isready", "-q", "-h", "127.0.0.1", "-U", USER)),
        scratch=("/run/postgresql",),
        stop_grace_period=30,
        placement=CONTROL,
    )


class Postgres(pulumi.ComponentResource):
    """The database server."""

    def __init__(self, stack: SwarmStack) -> None:
        """Declare the service."""
        super().__init__("clickstream:platform:Postgres", "postgres")
        stack.run(postgres_spec(), parent=self)
        self.register_outputs({})
