"""Corrections of Superset 6.1.0, made when the application starts. Each says when it can go."""

from functools import partial

from flask import Flask


def apply(_: Flask) -> None:
    """Make the hover texts of time filters end now, as the queries do.

    The endpoint behind them ignores DEFAULT_RELATIVE_*_TIME: "Last hour" is an error there. Corrected upstream after
    6.1.0 (apache/superset#44254).
    """
    from superset.utils.date_parser import get_since_until  # noqa: PLC0415 - exists only with a configuration
    from superset.views import api  # noqa: PLC0415

    api.get_since_until = partial(get_since_until, relative_start="now", relative_end="now")
