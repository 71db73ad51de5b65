"""Which dashboards are public: those with the role of visitors without a login."""

from collections.abc import Collection

from infra.resources.superset.client import SupersetClient
from infra.resources.superset.documents import Assets, uuids

PUBLIC_ROLES = ("Public", "Viewer")
"""A dashboard with roles is visible to these only, so a public dashboard needs the viewer's role too."""


def opened(superset: SupersetClient, assets: Assets) -> list[str]:
    """Slugs of the bundle's dashboards that visitors without a login may see."""
    ours = uuids(assets, "dashboards")
    roles = superset.dashboard_roles()
    return sorted(
        str(assets[ours[uuid]]["slug"]) for uuid, (_, names) in roles.items() if uuid in ours and "Public" in names
    )


def open_to_all(superset: SupersetClient, assets: Assets, slugs: Collection[str]) -> None:
    """Make the dashboards with these slugs public and the bundle's others not. Roles added by hand stay."""
    ours = uuids(assets, "dashboards")
    for uuid, (identifier, names) in superset.dashboard_roles().items():
        if uuid not in ours:
            continue
        wanted = assets[ours[uuid]]["slug"] in slugs
        if wanted and not names.issuperset(PUBLIC_ROLES):
            superset.set_dashboard_roles(identifier, names.union(PUBLIC_ROLES))
        elif not wanted and "Public" in names:
            superset.set_dashboard_roles(identifier, names.difference(PUBLIC_ROLES))
