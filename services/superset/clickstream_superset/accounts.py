"""The two logins that the platform generates: an administrator, and a viewer who changes nothing."""

import logging
from dataclasses import dataclass
from typing import Any

from flask import Flask
from werkzeug.security import check_password_hash

from clickstream_superset import roles, settings

logger = logging.getLogger("clickstream.accounts")


@dataclass(frozen=True)
class Account:
    """A login from the secrets."""

    username: str
    password: str
    last_name: str
    role: str


def ensure(flask_app: Flask, wanted: settings.Settings) -> None:
    """Create roles and accounts, or restore what they should have.

    Raises:
        RuntimeError: Superset did not store an account.
    """
    with flask_app.app_context():
        from superset import security_manager  # noqa: PLC0415 - exists only inside an application

        roles.ensure(security_manager, public=wanted.public)
        for account in (
            Account(wanted.admin_user, wanted.admin_password, "Administrator", "Admin"),
            Account(wanted.viewer_user, wanted.viewer_password, "Viewer", roles.VIEWER),
        ):
            _ensure_account(security_manager, account)


def _ensure_account(security_manager: Any, account: Account) -> None:
    role = security_manager.find_role(account.role)
    user = security_manager.find_user(username=account.username)
    if user is None:
        user = security_manager.add_user(
            username=account.username,
            first_name="Platform",
            last_name=account.last_name,
            email=f"{account.username}@clickstream.invalid",
            role=role,
            password=account.password,
        )
        if not user:
            message = f"the account {account.username!r} could not be created: see the log above"
            raise RuntimeError(message)
        logger.info("created the account %s with the role %s", account.username, account.role)
        return
    if not check_password_hash(user.password, account.password):
        security_manager.reset_password(user.id, account.password)
        logger.info("the password of %s was changed to the secret's", account.username)
    # An administrator may have more roles; the viewer's other roles would make it no viewer.
    kept = [other for other in user.roles if other != role] if account.role == "Admin" else []
    if role not in user.roles or len(user.roles) != len(kept) + 1 or not user.active:
        user.roles = [*kept, role]
        user.active = True
        security_manager.session.commit()
        logger.info("gave %s the role %s back", account.username, account.role)
