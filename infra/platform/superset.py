"""Superset and its dashboards."""

import json
from collections.abc import Sequence
from typing import Any

import pulumi

from infra.config import PROJECT, ConfigError, StackConfig, Tls
from infra.config.environment import text
from infra.images.source import ImageSource
from infra.paths import SUPERSET_ASSETS
from infra.platform import postgres
from infra.platform.edge import Edge
from infra.resources.superset.assets import AssetsArgs, SupersetAssets
from infra.resources.superset.bundle import BundleError, load_assets
from infra.resources.superset.documents import Assets
from infra.resources.superset.row_rule import RowRule, RowRuleArgs
from infra.resources.superset.time_zone import in_zone
from infra.swarm.admin_page import AdminPage
from infra.swarm.spec import CONTROL, HealthCheck, ServiceSpec
from infra.swarm.stack import SwarmStack

IMAGE = ImageSource(name="superset", mebibytes=232)
PAGE = AdminPage(name="superset", subdomain="superset", target=8080, service="superset", for_viewers=True)
SECRET_KEY = "superset-secret-key"  # noqa: S105  # names of secrets, not their values
ADMIN_PASSWORD = "superset-admin-password"  # noqa: S105
VIEWER_PASSWORD = "superset-viewer-password"  # noqa: S105
SITE_ROLE = "Site viewer {site}"
"""Superset creates these roles when it starts (services/superset/clickstream_superset/roles.py)."""


def site_viewer_password(username: str) -> str:
    """Name of the secret; differs from VIEWER_PASSWORD for every user name."""
    return f"superset-site-viewer-{username}"


def _site_viewers(config: StackConfig) -> dict[str, str]:
    """The environment variable with the site viewers. Empty if there are none."""
    viewers = [
        {"username": name, "sites": sites, "password_file": f"/run/secrets/{site_viewer_password(name)}"}
        for name, sites in config.sites.viewers.items()
    ]
    return {"SUPERSET_SITE_VIEWERS": json.dumps(viewers)} if viewers else {}


def superset_spec(config: StackConfig) -> ServiceSpec:
    """The service's spec: one web server. It has its own login, so the edge adds none."""
    edge = config.edge
    return ServiceSpec(
        name="superset",
        source=IMAGE,
        memory=1024,
        env={
            "SUPERSET_SECRET_KEY_FILE": f"/run/secrets/{SECRET_KEY}",
            "SUPERSET_ADMIN_USER": edge.admin_user,
            "SUPERSET_ADMIN_PASSWORD_FILE": f"/run/secrets/{ADMIN_PASSWORD}",
            "SUPERSET_VIEWER_USER": config.superset.viewer_user,
            "SUPERSET_VIEWER_PASSWORD_FILE": f"/run/secrets/{VIEWER_PASSWORD}",
            "SUPERSET_PUBLIC": text(bool(config.superset.public_dashboards)),
            "SUPERSET_HOME_DASHBOARD": config.superset.home_dashboard,
            "SUPERSET_DB_HOST": "postgres",
            "SUPERSET_DB_NAME": postgres.DATABASE,
            "SUPERSET_DB_USER": postgres.USER,
            "SUPERSET_DB_PASSWORD_FILE": f"/run/secrets/{postgres.PASSWORD}",
            "SUPERSET_TLS": text(edge.tls is not Tls.OFF),
            **_site_viewers(config),
            # Superset takes "today" from the local time of its process.
            "TZ": config.superset.time_zone,
        },
        secrets={
            SECRET_KEY: SECRET_KEY,
            ADMIN_PASSWORD: ADMIN_PASSWORD,
            VIEWER_PASSWORD: VIEWER_PASSWORD,
            postgres.PASSWORD: postgres.PASSWORD,
            **{name: name for name in map(site_viewer_password, config.sites.viewers)},
        },
        talks_to=("router", "postgres"),
        scratch=("/home/superset", "/var/cache/superset"),
        healthcheck=HealthCheck.http(8088, "/health", start_period=180),
        stop_grace_period=20,
        placement=CONTROL,
        page=PAGE,
    )


class Superset(pulumi.ComponentResource):
    """The web application."""

    def __init__(self, stack: SwarmStack, *, after: Sequence[pulumi.Resource]) -> None:
        """Declare the service, to start after its database."""
        super().__init__("clickstream:platform:Superset", "superset")
        self.admin_user = stack.config.edge.admin_user
        self.admin_password = stack.secret(ADMIN_PASSWORD).password
        self.viewer_user = stack.config.superset.viewer_user
        self.viewer_password = stack.secret(VIEWER_PASSWORD).password
        self.site_viewers = {
            name: (sites, stack.secret(site_viewer_password(name)).password)
            for name, sites in stack.config.sites.viewers.items()
        }
        self.public_dashboards = stack.config.superset.public_dashboards
        self.home_dashboard = stack.config.superset.home_dashboard
        self.time_zone = stack.config.superset.time_zone
        stack.run(superset_spec(stack.config), parent=self, after=after)
        self.register_outputs({})


class Dashboards(pulumi.ComponentResource):
    """The bundle in superset_assets/: database, dataset, charts and dashboards."""

    def __init__(self, superset: Superset, *, edge: Edge, after: Sequence[pulumi.Resource]) -> None:
        """Declare the import."""
        super().__init__("clickstream:platform:Dashboards", "dashboards")
        assets = in_zone(_bundle(), superset.time_zone)
        _require_dashboards("publicDashboards", superset.public_dashboards, assets)
        _require_dashboards("homeDashboard", [superset.home_dashboard] if superset.home_dashboard else [], assets)
        login: dict[str, Any] = {
            "base_url": edge.api.pages[PAGE],
            "username": superset.admin_user,
            "password": superset.admin_password,
        }
        imported = SupersetAssets(
            "dashboards",
            AssetsArgs(
                **login,
                assets=assets,
                public=list(superset.public_dashboards),
            ),
            # It is deleted together with Superset, so deletion needs no running Superset.
            pulumi.ResourceOptions(parent=self, depends_on=[edge, superset, *after], deleted_with=superset),
        )
        for site in sorted(site for sites, _ in superset.site_viewers.values() for site in sites):
            role = SITE_ROLE.format(site=site)
            RowRule(
                f"site-{site}",
                RowRuleArgs(
                    **login,
                    rule=role,
                    clause=f"site = '{site}'",
                    role=role,
                    group="sites",
                    datasets=_datasets_with_site(assets),
                ),
                pulumi.ResourceOptions(parent=self, depends_on=[imported], deleted_with=superset),
            )
        self.register_outputs({})


def _datasets_with_site(assets: Assets) -> list[str]:
    """UUIDs of the datasets with a `site` column. Site viewers see no rows of any other dataset."""
    return sorted(
        str(item["uuid"])
        for path, item in assets.items()
        if path.startswith("datasets/") and any(column["column_name"] == "site" for column in item["columns"])
    )


def _bundle() -> Assets:
    """The folder's assets. An unreadable file fails the preview with the file's name and no traceback."""
    try:
        return load_assets(SUPERSET_ASSETS)
    except BundleError as error:
        message = f"{SUPERSET_ASSETS.name}/: {error}"
        raise pulumi.RunError(message) from None


def _require_dashboards(setting: str, slugs: Sequence[str], assets: Assets) -> None:
    published = sorted(str(item.get("slug")) for path, item in assets.items() if path.startswith("dashboards/"))
    for slug in slugs:
        if slug not in published:
            message = f"{PROJECT}:{setting}: {slug!r} given; {SUPERSET_ASSETS.name}/ has {', '.join(published)}"
            raise ConfigError(message)
