"""Corrections of Superset, made when the application starts. Each states when it can be removed."""

import re
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from flask import Flask

from clickstream_superset import empty_results, expressions, home, local_time, phone, site_rows

_SOURCES, _WITH_SOURCE = ("datasource", "query"), ("query_context", "viz")
"""Arguments of Superset's access check that are a dataset or a query, and arguments that contain one."""

_NO_TABLE = re.compile(r"Object '[\w-]+' not found within 'druid'")


def apply(app: Flask, *, home_dashboard: str, time_zone: str, site_viewers: Mapping[str, Iterable[str]]) -> None:
    """Make them all."""
    refuse_tables_in_expressions()
    keep_sql_lab_to_its_users()
    site_rows.install(site_viewers)
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


def refuse_tables_in_expressions() -> None:
    """Refuse ad hoc SQL that reads a table, for that could be any table of the database.

    Can be removed when Superset itself refuses more than sub-selects.
    """
    from superset.errors import ErrorLevel, SupersetError, SupersetErrorType  # noqa: PLC0415
    from superset.exceptions import SupersetSecurityException  # noqa: PLC0415
    from superset.models import helpers  # noqa: PLC0415
    from superset.sql.parse import SQLGLOT_DIALECTS  # noqa: PLC0415

    kind = SupersetErrorType.ADHOC_SUBQUERY_NOT_ALLOWED_ERROR
    validate = helpers.validate_adhoc_subquery
    render = helpers.ExploreMixin._process_expression_template  # noqa: SLF001 - nothing else sees the expression

    def refuse_tables(statement: str, engine: str) -> None:
        try:
            expressions.check(statement, SQLGLOT_DIALECTS.get(engine))
        except expressions.ReadsATableError as error:
            refusal = SupersetError(error_type=kind, message=str(error), level=ErrorLevel.ERROR)
            raise SupersetSecurityException(refusal) from error

    def validate_adhoc_subquery(sql: str, database: Any, catalog: Any, schema: Any, engine: str) -> str:
        refuse_tables(sql, engine)
        return str(validate(sql, database, catalog, schema, engine))

    def process_expression_template(self: Any, expression: str, template_processor: Any) -> str:
        rendered = str(render(self, expression, template_processor))
        refuse_tables(f"SELECT {rendered}", self.db_engine_spec.engine)
        return rendered

    helpers.validate_adhoc_subquery = validate_adhoc_subquery
    # The dialog that validates an expression runs it, and shows the database's errors.
    helpers.ExploreMixin._process_expression_template = process_expression_template  # noqa: SLF001


def keep_sql_lab_to_its_users() -> None:
    """Let only users of SQL Lab read the rows of a query that was written there.

    Superset treats such a query as a dataset. Whoever may read all datasets could read every table that was ever
    queried. Can be removed when Superset checks for the permission to use SQL Lab itself.
    """
    from superset.errors import ErrorLevel, SupersetError, SupersetErrorType  # noqa: PLC0415
    from superset.exceptions import SupersetSecurityException  # noqa: PLC0415
    from superset.security.manager import SupersetSecurityManager  # noqa: PLC0415

    check = SupersetSecurityManager.raise_for_access

    def raise_for_access(self: Any, *args: Any, **asked: Any) -> None:
        sources = [*map(asked.get, _SOURCES), *(getattr(asked.get(key), "datasource", None) for key in _WITH_SOURCE)]
        is_query = any(getattr(source, "type", None) == "query" for source in sources)
        if is_query and not self.can_access("can_execute_sql_query", "SQLLab"):
            kind, message = SupersetErrorType.DATASOURCE_SECURITY_ACCESS_ERROR, "queries of SQL Lab are for its users"
            raise SupersetSecurityException(SupersetError(error_type=kind, message=message, level=ErrorLevel.ERROR))
        check(self, *args, **asked)

    SupersetSecurityManager.raise_for_access = raise_for_access
