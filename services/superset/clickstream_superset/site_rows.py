"""Limits site viewers to the rows of their sites, whatever they ask for and by whatever way.

There are three layers, of which the last one is enough on its own:

- Superset's row-level security rules, one for each site, add the site's condition to the queries of charts. A dataset
  without a rule for the viewer has no rows (`row_filters`).
- Answers are cached for each set of rules, so that no viewer gets those of another (`cache_key`).
- Every statement that goes to Druid for a site viewer is parsed, and each table in it is replaced by the rows that the
  rules allow. Superset's condition alone is not enough: `1 = 1 OR site` as the column of a filter defeats it.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from clickstream_superset.roles import SITE_VIEWER
from clickstream_superset.statements import NO_ROWS, SCHEMA, Refused, limited


class Rule(NamedTuple):
    """The attributes of a rule that Superset's code reads."""

    id: int
    group_key: str | None
    clause: str


def install(viewers: Mapping[str, Iterable[str]]) -> None:
    """Limit all accounts with the role of a site, and the site viewers of the settings even without that role.

    `viewers`: the sites of each account in the settings.
    """
    names = frozenset(name.lower() for name in viewers)

    def is_limited() -> bool:
        user = _user()
        if user is None or user.is_anonymous:
            return False
        return user.username.lower() in names or any(name.startswith(SITE_VIEWER) for name in _roles(user))

    _limit_datasets(is_limited)
    _limit_statements(is_limited)


def _limit_datasets(is_limited: Callable[[], bool]) -> None:
    from superset.security.manager import SupersetSecurityManager  # noqa: PLC0415 - exists only with a configuration

    rules, key = SupersetSecurityManager.get_rls_filters, SupersetSecurityManager.get_rls_cache_key

    def row_filters(self: Any, table: Any) -> list[Any]:
        found = list(rules(self, table))
        # A rule of another role does not stand in for the site's.
        return [*found, Rule(0, None, NO_ROWS)] if is_limited() and not _site_rules(table.id) else found

    def cache_key(self: Any, datasource: Any) -> list[str]:
        found = list(key(self, datasource))
        # Always, for even a source without rules, such as a query of SQL Lab, is limited when its statement runs.
        return [*found, f"limited: {sorted(_roles(_user()))}"] if is_limited() else found

    SupersetSecurityManager.get_rls_filters = row_filters
    SupersetSecurityManager.get_rls_cache_key = cache_key


def _limit_statements(is_limited: Callable[[], bool]) -> None:
    from pydruid.db.api import Cursor  # noqa: PLC0415 - these are only in Superset's image
    from superset.models.core import Database  # noqa: PLC0415

    ask, connect = Cursor.execute, Database._get_sqla_engine  # noqa: SLF001 - all connections come from there

    def execute(self: Any, operation: str, parameters: Any = None) -> Any:
        if is_limited():
            operation = limited(operation, _conditions)
        return ask(self, operation, parameters)

    def get_sqla_engine(self: Any, *args: Any, **kwargs: Any) -> Any:
        if is_limited() and self.backend != "druid":
            message = "this account reads only its site's rows, and only from Druid"
            raise Refused(message)
        return connect(self, *args, **kwargs)

    Cursor.execute = execute
    Database._get_sqla_engine = get_sqla_engine  # noqa: SLF001


def _user() -> Any:
    """The user who asks; None for the server's own work.

    A streamed download outlives its request, after which Superset's `g.user` refers to nobody.

    Raises:
        Refused: the query is a user's, but it is unknown whose.
    """
    from flask import g, has_app_context  # noqa: PLC0415 - these exist only with a configuration
    from sqlalchemy import inspect  # noqa: PLC0415
    from superset.extensions import security_manager  # noqa: PLC0415

    user = getattr(g, "user", None) if has_app_context() else None
    if user is None or user:
        return user
    asked = getattr(g, "_login_user", None)
    if asked is None:
        message = "it is not known whose query this is, so it cannot be limited to a site's rows"
        raise Refused(message)
    g.user = asked if asked.is_anonymous else security_manager.get_user_by_id(inspect(asked).identity[0])
    return g.user


def _roles(user: Any) -> list[str]:
    """Names of the user's roles, including those from groups."""
    from superset.extensions import security_manager  # noqa: PLC0415 - exists only with a configuration

    return [str(role.name) for role in security_manager.get_user_roles(user)]


def _site_rules(dataset: int) -> bool:
    """Whether a rule limits the dataset for one of the current user's site roles."""
    from superset.connectors.sqla.models import RowLevelSecurityFilter, SqlaTable  # noqa: PLC0415 - see _roles
    from superset.extensions import db, security_manager  # noqa: PLC0415

    roles = [role.id for role in security_manager.get_user_roles(_user()) if role.name.startswith(SITE_VIEWER)]
    found = db.session.query(RowLevelSecurityFilter.id).filter(
        RowLevelSecurityFilter.filter_type == "Regular",
        RowLevelSecurityFilter.roles.any(security_manager.role_model.id.in_(roles)),
        RowLevelSecurityFilter.tables.any(SqlaTable.id == dataset),
    )
    return found.first() is not None


def _conditions(schema: str, table: str) -> list[str]:
    """Conditions of the current user's rules, one for each dataset of the table; a row has to meet any of them.

    Rules of one group are joined by OR, groups by AND.
    """
    from superset.connectors.sqla.models import SqlaTable  # noqa: PLC0415 - these exist only with a configuration
    from superset.extensions import db, security_manager  # noqa: PLC0415

    found: list[str] = []
    for dataset in db.session.query(SqlaTable).filter_by(table_name=table).all():
        if dataset.sql or (dataset.schema or SCHEMA) != schema or dataset.database.backend != "druid":
            continue
        groups: dict[str, list[str]] = {}
        for rule in security_manager.get_rls_filters(dataset):
            groups.setdefault(rule.group_key or f"rule {rule.id}", []).append(f"({rule.clause})")
        if groups:
            found.append(" AND ".join(f"({' OR '.join(clauses)})" for clauses in groups.values()))
    return found
