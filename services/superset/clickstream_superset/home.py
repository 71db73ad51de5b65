"""The page behind `/`, which people see first: after a login, and when they type Superset's address."""

from typing import Any

from flask import Flask, redirect, request, url_for
from werkzeug.wrappers import Response

INDEX = "SupersetIndexView.index"


def install(app: Flask, slug: str) -> None:
    """Redirect `/` to the dashboard `slug`, unless there is none; an empty `slug` leaves Superset's own page."""

    def show_dashboard() -> Response | None:
        if request.endpoint != INDEX or not slug or not _exists(slug):
            return None
        # Who may not see it is sent to the login, which comes back here.
        return redirect(url_for("Superset.dashboard", dashboard_id_or_slug=slug))

    app.before_request(show_dashboard)


def _exists(slug: str) -> bool:
    """Whether there is such a dashboard: there is none until the first import, or after it was deleted."""
    from superset.extensions import db  # noqa: PLC0415 - exists only with a configuration
    from superset.models.dashboard import Dashboard  # noqa: PLC0415

    found: Any = db.session.query(Dashboard.id).filter_by(slug=slug).first()
    return found is not None
