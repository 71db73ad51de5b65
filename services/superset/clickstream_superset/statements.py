"""Rewrites SQL so that it reads only the allowed rows of each table. Needs nothing from Superset."""

from collections.abc import Callable, Iterable

from sqlglot import exp, parse, parse_one
from sqlglot.errors import SqlglotError

NO_ROWS = "1 = 0"
SCHEMA = "druid"
"""The schema of tables that are named without one."""


class Refused(Exception):  # noqa: N818 - users see the name
    """A statement that cannot be limited to a viewer's sites."""


def limited(statement: str, conditions: Callable[[str, str], Iterable[str]]) -> str:
    """The statement, reading only the rows that the conditions allow.

    `conditions(schema, table)` gives alternative conditions: a row has to meet one of them. Without any, no row is
    read.

    Raises:
        Refused: it is not a single query, has a WITH clause, or reads something that is not a table.
    """
    try:
        parsed = parse(statement, dialect="druid")
        root = parsed[0] if len(parsed) == 1 else None
        if not isinstance(root, exp.Query) or isinstance(root, exp.Table):
            message = "this account reads only its site's rows, so only a single SELECT is allowed"
            raise Refused(message)
        if root.find(exp.With):
            message = "this account reads only its site's rows: a query with WITH is not allowed; use sub-selects"
            raise Refused(message)
        for table in list(root.find_all(exp.Table)):
            _limit(table, conditions)
        # Without comments: Druid must get exactly what was parsed here.
        return root.sql(dialect="druid", comments=False)
    except SqlglotError as error:
        message = f"this account reads only its site's rows, and the query cannot be parsed: {error}"
        raise Refused(message) from error


def _limit(table: exp.Table, conditions: Callable[[str, str], Iterable[str]]) -> None:
    if not isinstance(table.this, exp.Identifier) or table.args.get("joins") or table.args.get("laterals"):
        message = f"this account reads only its site's rows, not {table.sql(dialect='druid')}"
        raise Refused(message)
    allowed = [exp.paren(parse_one(item, dialect="druid")) for item in conditions(table.db or SCHEMA, table.name)]
    where = exp.or_(*allowed) if allowed else parse_one(NO_ROWS)
    source = exp.Table(this=table.this.copy(), db=table.args.get("db"), catalog=table.args.get("catalog"))
    alias = table.args.get("alias") or exp.TableAlias(this=exp.to_identifier(table.name, quoted=True))
    rows = exp.Subquery(this=exp.select("*").from_(source).where(where), alias=alias.copy())
    for key, value in table.args.items():
        if value and key not in ("this", "db", "catalog", "alias"):
            message = f"this account reads only its site's rows: {key} of table {table.name} is not allowed"
            raise Refused(message)
    table.replace(rows)
