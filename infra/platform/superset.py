"""Superset, and the dashboards imported into it."""

from collections.abc import Sequence
from pathlib import Path

import pulumi

from infra.config import Tls
from infra.platform import postgres
from infra.platform.edge import Edge
from infra.resources.superset_assets import SupersetAssets
from infra.resources.superset_bundle import load_assets
from infra.swarm.spec import HealthCheck, ServiceSpec
from infra.swarm.stack import Stack

ASSETS_DIR = Path(__file__).parent.parent.parent / "superset_assets"
SECRET_KEY = "superset-secret-key"  # noqa: S105  # names of secrets, not their values
ADMIN_PASSWORD = "superset-admin-password"  # noqa: S105


def superset_spec(stack: Stack) -> ServiceSpec:
    """One web server; it brings its own login, so the edge adds none."""
    edge = stack.config.edge
    return ServiceSpec(
        name="superset",
        image="superset",
        memory=1024,
        env={
            "SUPERSET_SECRET_KEY_FILE": f"/run/secrets/{SECRET_KEY}",
            "SUPERSET_ADMIN_USER": edge.admin_user,
            "SUPERSET_ADMIN_PASSWORD_FILE": f"/run/secrets/{ADMIN_PASSWORD}",
            "SUPERSET_DB_HOST": "postgres",
            "SUPERSET_DB_NAME": postgres.DATABASE,
            "SUPERSET_DB_USER": postgres.USER,
            "SUPERSET_DB_PASSWORD_FILE": f"/run/secrets/{postgres.PASSWORD}",
            "SUPERSET_TLS": "0" if edge.tls is Tls.OFF else "1",
        },
        secrets={
            SECRET_KEY: SECRET_KEY,
            ADMIN_PASSWORD: ADMIN_PASSWORD,
            postgres.PASSWORD: postgres.PASSWORD,
        },
        healthcheck=HealthCheck.http(8088, "/health", start_period=180),
        stop_grace_period=20,
        constraints=tuple(stack.swarm.placement.get("superset", ())),
    )


class Superset(pulumi.ComponentResource):
    """The web application."""

    def __init__(self, stack: Stack, *, after: Sequence[pulumi.Resource]) -> None:
        """Declare the service, to start after its database."""
        super().__init__("clickstream:platform:Superset", "superset")
        self.admin_user = stack.config.edge.admin_user
        self.admin_password = stack.secret(ADMIN_PASSWORD).password
        stack.run(superset_spec(stack), parent=self, after=after)
        self.register_outputs({})


class Dashboards(pulumi.ComponentResource):
    """The bundle in superset_assets/: database, dataset, charts and dashboards."""

    def __init__(self, superset: Superset, *, edge: Edge, after: Sequence[pulumi.Resource]) -> None:
        """Declare the import."""
        super().__init__("clickstream:platform:Dashboards", "dashboards")
        SupersetAssets(
            "dashboards",
            base_url=edge.urls.superset,
            username=superset.admin_user,
            password=superset.admin_password,
            assets=load_assets(ASSETS_DIR),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[edge, superset, *after]),
        )
        self.register_outputs({})
