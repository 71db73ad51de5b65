"""The logins that the platform generates: an administrator, and viewers who change nothing."""

import logging
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from flask import Flask
from werkzeug.security import check_password_hash

from clickstream_superset import roles, settings

MAIL = "clickstream.invalid"
"""Domain of these accounts' e-mail addresses. It distinguishes them from accounts that people create."""

logger = logging.getLogger("clickstream.accounts")


@dataclass(frozen=True)
class Account:
    """A login from the secrets."""

    username: str
    password: str
    last_name: str
    roles: tuple[str, ...]


def ensure(flask_app: Flask, wanted: settings.Settings) -> None:
    """Create roles and accounts, or restore what they should have.

    Raises:
        RuntimeError: Superset did not store an account.
    """
    # Dashboards that list roles list the viewer's, so site viewers have it too. The site's role limits the rows.
    site_viewers = [
        Account(
            viewer.username,
            viewer.password,
            f"Viewer of {', '.join(viewer.sites)}"[:64],
            (roles.VIEWER, *map(roles.of_site, viewer.sites)),
        )
        for viewer in wanted.site_viewers
    ]
    with flask_app.app_context():
        from superset import security_manager  # noqa: PLC0415 - exists only inside an application

        sites = sorted({site for viewer in wanted.site_viewers for site in viewer.sites})
        roles.ensure(security_manager, public=wanted.public, sites=sites)
        accounts = [
            Account(wanted.admin_user, wanted.admin_password, "Administrator", ("Admin",)),
            Account(wanted.viewer_user, wanted.viewer_password, "Viewer", (roles.VIEWER,)),
            *site_viewers,
        ]
        for account in accounts:
            _ensure_account(security_manager, account)
        _close_former(security_manager, {account.username for account in accounts})


def _ensure_account(security_manager: Any, account: Account) -> None:
    wanted = [security_manager.find_role(name) for name in account.roles]
    user = security_manager.find_user(username=account.username)
    if user is None:
        user = security_manager.add_user(
            username=account.username,
            first_name="Platform",
            last_name=account.last_name,
            email=f"{account.username}@{MAIL}",
            role=wanted,
            password=account.password,
        )
        if not user:
            message = f"the account {account.username!r} could not be created: see the log above"
            raise RuntimeError(message)
        logger.info("created the account %s with the role %s", account.username, ", ".join(account.roles))
        return
    if not check_password_hash(user.password, account.password):
        security_manager.reset_password(user.id, account.password)
        logger.info("the password of %s was changed to the secret's", account.username)
    # An administrator may have more roles; a viewer's other roles would make it no viewer.
    kept = [other for other in user.roles if other not in wanted] if "Admin" in account.roles else []
    if {role.id for role in user.roles} != {role.id for role in (*kept, *wanted)} or not user.active:
        user.roles = [*kept, *wanted]
        user.active = True
        security_manager.session.commit()
        logger.info("gave %s the role %s back", account.username, ", ".join(account.roles))


def _close_former(security_manager: Any, current: Collection[str]) -> None:
    """Deactivate site viewers that the settings no longer name. Accounts that people created stay."""
    for user in security_manager.get_all_users():
        is_of_site = any(role.name.startswith(roles.SITE_VIEWER) for role in user.roles)
        if is_of_site and user.active and user.email == f"{user.username}@{MAIL}" and user.username not in current:
            user.active = False
            security_manager.session.commit()
            logger.info("deactivated the account %s, which is no longer the viewer of any site", user.username)
