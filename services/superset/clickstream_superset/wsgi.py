"""The WSGI application, with the administrator's account as the secret says."""

import logging

from flask import Flask
from superset.app import create_app
from werkzeug.security import check_password_hash

from clickstream_superset import settings

logger = logging.getLogger("clickstream.accounts")


def ensure_admin(flask_app: Flask, wanted: settings.Settings) -> None:
    """Create the administrator, or give the account the secret's password and the Admin role again.

    Raises:
        RuntimeError: Superset did not store the account.
    """
    with flask_app.app_context():
        from superset import security_manager  # noqa: PLC0415 - exists only inside an application
        from superset.extensions import db  # noqa: PLC0415

        role = security_manager.find_role("Admin")
        user = security_manager.find_user(username=wanted.admin_user)
        if user is None:
            user = security_manager.add_user(
                username=wanted.admin_user,
                first_name="Platform",
                last_name="Administrator",
                email=f"{wanted.admin_user}@clickstream.invalid",
                role=role,
                password=wanted.admin_password,
            )
            if not user:
                message = f"the administrator {wanted.admin_user!r} could not be created: see the log above"
                raise RuntimeError(message)
            logger.info("created the administrator %s", wanted.admin_user)
            return
        if not check_password_hash(user.password, wanted.admin_password):
            security_manager.reset_password(user.id, wanted.admin_password)
            logger.info("the administrator's password was changed to the secret's")
        if role not in user.roles or not user.active:
            user.roles = [*(other for other in user.roles if other != role), role]
            user.active = True
            db.session.commit()
            logger.info("gave the administrator the Admin role back")


app = create_app()
ensure_admin(app, settings.load())
