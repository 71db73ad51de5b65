"""What SQL from users may read: expressions read no table, site viewers only the rows of their sites."""

import re
import sqlite3
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

import pytest

from infra.paths import SERVICES, SUPERSET_ASSETS
from infra.resources.superset.bundle import load_assets
from services.superset.clickstream_superset.expressions import ReadsATableError, check
from services.superset.clickstream_superset.statements import Refused, limited

ASSETS = load_assets(SUPERSET_ASSETS)


def test_sqlglot_has_the_version_of_the_image() -> None:
    lock = (SERVICES / "superset" / "requirements.lock").read_text()
    assert re.findall(r"^sqlglot==(\S+)", lock, re.MULTILINE) == [version("sqlglot")]


def expressions(value: Any) -> Iterator[str]:
    """Every ad hoc expression in a chart."""
    if isinstance(value, dict):
        if sql := value.get("sqlExpression"):
            yield str(sql)
        for item in value.values():
            yield from expressions(item)
    elif isinstance(value, list):
        for item in value:
            yield from expressions(item)


@pytest.mark.parametrize(
    "expression",
    [
        *sorted({item for document in ASSETS.values() for item in expressions(document)}),
        *sorted({metric["expression"] for document in ASSETS.values() for metric in document.get("metrics", ())}),
        "EXTRACT(HOUR FROM __time)",
        "TRIM(BOTH ' ' FROM path)",
        "COUNT(*) FILTER (WHERE path LIKE '%select x from other%')",
        "CASE WHEN \"union\" = 'TABLE' THEN 1 END",
        "LOOKUP(country_code, 'countries')",
        "path IN ('a', 'b') AND (site = 'c' OR site IS NULL)",
    ],
)
def test_an_expression_over_columns_is_allowed(expression: str) -> None:
    check(f"SELECT {expression}", "druid")
    check(f"SELECT 1 ORDER BY {expression}", "druid")


@pytest.mark.parametrize(
    "expression",
    [
        "1 UNION ALL SELECT x FROM other",
        "1 EXCEPT SELECT x FROM other",
        "(COUNT(*)) AS a FROM other UNION ALL SELECT COUNT(*)",
        "x FROM other --",
        "x FROM other, (SELECT 1",
        "(SELECT MAX(x) FROM other)",
        "site IN (SELECT x FROM other)",
        "EXISTS (SELECT 1 FROM other)",
        "ARRAY(SELECT x FROM other)",
        "(TABLE other)",
        "site IN (TABLE other)",
        "MULTISET(TABLE other)",
        "TABLE(EXTERN('{}', '{}'))",
        "(VALUES (1))",
        "1; SELECT x FROM other",
        "1, 2",
        "1 LIMIT 1",
        "1 WHERE 1 = 1",
        "1) OR (1",
        "'unfinished",
    ],
)
def test_an_expression_that_reads_a_table_is_refused(expression: str) -> None:
    for prefix in ("SELECT", "SELECT 1 ORDER BY"):
        if not (prefix.endswith("BY") and expression == "1, 2"):
            with pytest.raises(ReadsATableError):
                check(f"{prefix} {expression}", "druid")


@pytest.fixture
def druid() -> sqlite3.Connection:
    """Two sites in a table, and another table."""
    database = sqlite3.connect(":memory:")
    database.execute("ATTACH ':memory:' AS druid")
    database.execute("CREATE TABLE druid.clickstream (site, path)")
    rows = [("shop", "/1"), ("shop", "/2"), ("blog", "/3")]
    database.executemany("INSERT INTO druid.clickstream VALUES (?, ?)", rows)
    database.execute("CREATE TABLE druid.other (site, path)")
    database.execute("INSERT INTO druid.other VALUES ('hidden', '/4')")
    return database


def shop(schema: str, table: str) -> list[str]:
    return ["site = 'shop'"] if (schema, table) == ("druid", "clickstream") else []


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("SELECT path FROM clickstream", ["/1", "/2"]),
        ('SELECT path FROM "druid"."clickstream" -- everything', ["/1", "/2"]),
        ("SELECT path FROM druid.clickstream WHERE site = 'shop' AND 1 = 1 OR 1 = 1", ["/1", "/2"]),
        ("SELECT clickstream.path FROM clickstream WHERE clickstream.path > '/1'", ["/2"]),
        ("SELECT c.path FROM clickstream AS c JOIN clickstream AS d ON d.path = '/3'", []),
        ("SELECT path FROM (SELECT * FROM clickstream) AS all_of_it", ["/1", "/2"]),
        ("SELECT path FROM clickstream UNION ALL SELECT path FROM other", ["/1", "/2"]),
        ("SELECT path FROM other", []),
        ("SELECT COUNT(*) FROM clickstream WHERE EXISTS (SELECT 1 FROM other)", [0]),
        ("SELECT (SELECT MAX(path) FROM clickstream)", ["/2"]),
        ("SELECT 1", [1]),
    ],
)
def test_a_limited_statement_reads_only_the_allowed_rows(
    druid: sqlite3.Connection, statement: str, expected: list[object]
) -> None:
    once = limited(statement, shop)
    assert [row[0] for row in druid.execute(once)] == expected
    assert [row[0] for row in druid.execute(limited(once, shop))] == expected, "limited twice"


def test_a_condition_cannot_undo_another(druid: sqlite3.Connection) -> None:
    statement = limited("SELECT path FROM clickstream WHERE path = '/3'", lambda *_: ["site = 'x' OR site = 'shop'"])
    assert druid.execute(statement).fetchall() == []


@pytest.mark.parametrize(
    "statement",
    [
        "WITH clickstream AS (SELECT * FROM other) SELECT * FROM clickstream",
        "SELECT 1; SELECT 2",
        "INSERT INTO other SELECT * FROM clickstream",
        "EXPLAIN PLAN FOR SELECT * FROM clickstream",
        "TABLE other",
        "SELECT * FROM TABLE(EXTERN('{}', '{}'))",
        "SELECT * FROM (clickstream JOIN other ON 1 = 1)",
        "SELECT * FROM clickstream TABLESAMPLE (10)",
        "SELECT 'unfinished",
        "",
    ],
)
def test_statements_that_cannot_be_limited_are_refused(statement: str) -> None:
    with pytest.raises(Refused, match="this account reads only its site's rows"):
        limited(statement, shop)


@pytest.mark.parametrize(
    "name", sorted(str(item["table_name"]) for item in ASSETS.values() if "table_name" in item and item.get("sql"))
)
def test_the_bundles_own_queries_can_be_limited(name: str) -> None:
    dataset = next(item for item in ASSETS.values() if item.get("table_name") == name)
    statement = limited(f"SELECT COUNT(*) FROM ({dataset['sql']}) AS virtual_table", shop)  # noqa: S608 - ours
    assert "site = 'shop'" in statement or "1 = 0" in statement
