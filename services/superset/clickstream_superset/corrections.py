"""Corrections of Superset, made when the application starts. Each states when it can be removed."""

import re
from functools import partial
from typing import Any

from flask import Flask

from clickstream_superset import empty_results, home, local_time, phone

_NO_TABLE = re.compile(r"Object '[\w-]+' not found within 'druid'")


def apply(app: Flask, *, home_dashboard: str, time_zone: str) -> None:
    """Make them all."""
    phone.install(app)
    home.install(app, home_dashboard)
    empty_results.install()
    local_time.install(time_zone)
    end_hover_texts_now()
    show_no_data_where_no_table_is_yet()


def show_no_data_where_no_table_is_yet() -> None:
    """Answer a query of a table that Druid does not know with no rows.

    Druid makes a table with its first row: until then every chart of a new platform would be a red box, and those of
    dead letters for as long as there are none. Stays: it is how Druid works.
    """
    from superset.db_engine_specs.druid import DruidEngineSpec  # noqa: PLC0415 - exists only with a configuration

    ask = DruidEngineSpec.execute.__func__

    def execute(cls: type, cursor: Any, query: str, *args: Any, **kwargs: Any) -> None:
        try:
            ask(cls, cursor, query, *args, **kwargs)
        except Exception as error:
            if not _NO_TABLE.search(str(error)):
                raise
            cursor._results = iter([])  # noqa: SLF001 - what the cursor itself sets for an answer without rows

    DruidEngineSpec.execute = classmethod(execute)


def end_hover_texts_now() -> None:
    """Make the hover texts of time filters end now, as the queries do.

    The endpoint behind them ignores DEFAULT_RELATIVE_*_TIME: "Last hour" is an error there. Can go with the release
    that has apache/superset#44254.
    """
    from superset.utils.date_parser import get_since_until  # noqa: PLC0415 - exists only with a configuration
    from superset.views import api  # noqa: PLC0415

    api.get_since_until = partial(get_since_until, relative_start="now", relative_end="now")
