"""Keeps ad hoc SQL of charts from reading any table but the chart's own.

Whoever may see a chart can also send SQL expressions to it, as columns, metrics, filters or sort orders. Superset
refuses sub-selects in them but accepts `1 UNION SELECT ...` and `1 AS a FROM other`, which can read every table of the
database.
"""

from sqlglot import exp, tokenize
from sqlglot import parse as parse_sql
from sqlglot.errors import SqlglotError

READS = (exp.Query, exp.Table, exp.From, exp.Join, exp.Lateral, exp.Values, exp.With, exp.Command)
"""Nodes that can read rows of a table, and those of SQL that sqlglot does not understand."""

WORDS = frozenset({"EXCEPT", "EXTERN", "INTERSECT", "INTO", "JOIN", "MINUS", "SELECT", "TABLE", "UNION", "VALUES"})
"""Reserved words of Druid that no expression contains, however sqlglot parses them."""


class ReadsATableError(Exception):
    """An expression reads a table or cannot be parsed; the message says what to change."""


def check(statement: str, dialect: str | None = None) -> None:
    """Check an expression, given as `SELECT <expression>` or `SELECT 1 ORDER BY <expression>`.

    Raises:
        ReadsATableError: it reads a table, or is more than one expression.
    """
    try:
        parsed = parse_sql(statement, dialect=dialect)
    except SqlglotError as error:
        message = f"the SQL expression cannot be parsed: {str(error).splitlines()[0]}"
        raise ReadsATableError(message) from error
    root = parsed[0] if len(parsed) == 1 else None
    is_plain = (
        isinstance(root, exp.Select)
        and len(root.expressions) == 1
        and {name for name, value in root.args.items() if value} <= {"expressions", "order"}
        and not any(isinstance(node, READS) for node in root.walk() if node is not root)
    )
    if root is None or not is_plain or not WORDS.isdisjoint(_words(root, dialect)):
        message = (
            "SQL expressions of charts are single expressions over the columns of their dataset: "
            "tables and sub-selects are not allowed"
        )
        raise ReadsATableError(message)


def _words(root: exp.Expression, dialect: str | None) -> set[str]:
    """Its unquoted words in capitals, except for the leading SELECT."""
    tokens = tokenize(root.sql(dialect=dialect, comments=False), read=dialect)
    return {token.text.upper() for token in tokens[1:] if not token.token_type.name.endswith(("STRING", "IDENTIFIER"))}
