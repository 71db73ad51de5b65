"""Superset's answers to the queries of charts, without its web server: run with the Python of Superset's image.

Standard input: {"assets": path to document in YAML, "queries": list of {"dataset": its name, "format": json or csv,
**query of the chart data API}}. Last line of the output: a list with {"sql", "rows"} of each query. The metadata
database is an empty one, which is lost afterwards.
"""

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

CONFIG = """
from clickstream_superset.superset_config import *
SQLALCHEMY_DATABASE_URI = "sqlite:///{folder}/metadata.db"
RATELIMIT_ENABLED = False
"""


def main() -> None:
    """Read the input, print the answers."""
    asked = json.load(sys.stdin)
    with tempfile.TemporaryDirectory() as folder:
        secret = Path(folder, "secret")
        secret.write_text("a secret of nobody, for as long as a test runs")
        config = Path(folder, "config.py")
        config.write_text(CONFIG.format(folder=folder))
        for name in ("SECRET_KEY", "ADMIN_PASSWORD", "VIEWER_PASSWORD", "DB_PASSWORD"):
            os.environ[f"SUPERSET_{name}_FILE"] = str(secret)
        os.environ |= {"SUPERSET_CONFIG_PATH": str(config), "SUPERSET_CACHE_DIR": folder}
        sys.stdout.write(json.dumps(answers(asked["assets"], asked["queries"]), default=str))


def answers(assets: dict[str, str], queries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Import the assets and answer one query after the other."""
    from superset.app import create_app  # noqa: PLC0415 - reads the configuration

    with create_app().app_context():
        from flask import g  # noqa: PLC0415 - these exist only inside an application
        from flask_appbuilder import Model  # noqa: PLC0415
        from superset import appbuilder, db, security_manager  # noqa: PLC0415
        from superset.commands.importers.v1.assets import ImportAssetsCommand  # noqa: PLC0415
        from superset.connectors.sqla.models import SqlaTable  # noqa: PLC0415

        Model.metadata.create_all(db.engine)
        appbuilder.add_permissions(update_perms=True)
        security_manager.sync_role_definitions()
        admin = security_manager.find_role("Admin")
        g.user = security_manager.add_user("admin", "A", "B", "a@example.invalid", admin, "a password")
        ImportAssetsCommand(assets).run()
        datasets = {table.table_name: table for table in db.session.query(SqlaTable)}
        return [answer(datasets[query.pop("dataset")], query) for query in queries]


def answer(dataset: Any, query: dict[str, Any]) -> dict[str, Any]:
    """One query, by the same objects as in the chart data API."""
    from superset.charts.schemas import ChartDataQueryContextSchema  # noqa: PLC0415
    from superset.commands.chart.data.get_data_command import ChartDataCommand  # noqa: PLC0415

    format_ = query.pop("format", "json")
    source = {"id": dataset.id, "type": "table"}
    asked = {"datasource": source, "result_format": format_, "force": True, "queries": [query]}
    context = ChartDataQueryContextSchema().load(asked)
    found = ChartDataCommand(context).run()["queries"][0]
    if found.get("error"):
        raise RuntimeError(found["error"])
    return {"sql": found["query"], "rows": found["data"]}


if __name__ == "__main__":
    main()
