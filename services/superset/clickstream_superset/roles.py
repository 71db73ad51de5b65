"""Roles of people who look and change nothing."""

from collections.abc import Iterable
from typing import Any

PUBLIC = "Public"
"""Visitors without a login; sees the dashboards that list it, and nothing while it holds no permission."""

VIEWER = "Viewer"
"""A login that sees every published dashboard."""

SITE_VIEWER = "Site viewer "
"""Prefix of the names of roles whose users see only the rows of one site; the site's name follows."""

# What the built-in public role may, and beside it: pages to come from, links to share, data to download.
_VIEWER_ALSO = frozenset(
    {
        ("all_datasource_access", "all_datasource_access"),
        ("can_csv", "Superset"),
        ("can_read", "SecurityRestApi"),
        ("can_recent_activity", "Log"),
        ("can_share_dashboard", "Superset"),
        ("can_userinfo", "UserDBModelView"),
        ("can_write", "DashboardPermalinkRestApi"),
        ("menu_access", "Dashboards"),
        ("menu_access", "Home"),
    }
)


def of_site(site: str) -> str:
    """Name of the role that sees only this site. It has the viewer's permissions; site_rows.py limits the rows."""
    return f"{SITE_VIEWER}{site}"


def ensure(security_manager: Any, *, public: bool, sites: Iterable[str] = ()) -> None:
    """Give each role exactly its permissions.

    `public`: there are dashboards for visitors without a login. `sites`: the sites with a viewer.
    """
    looking = frozenset(security_manager.PUBLIC_ROLE_PERMISSIONS)
    for name in (VIEWER, *map(of_site, sites)):
        _grant(security_manager, name, looking | _VIEWER_ALSO)
    _grant(security_manager, PUBLIC, looking if public else frozenset())


def _grant(security_manager: Any, name: str, wanted: frozenset[tuple[str, str]]) -> None:
    role = security_manager.find_role(name) or security_manager.add_role(name)
    present = {(item.permission.name, item.view_menu.name) for item in role.permissions}
    if present == wanted:
        return
    found = [security_manager.find_permission_view_menu(*item) for item in sorted(wanted)]
    role.permissions = [item for item in found if item is not None]
    security_manager.session.commit()
