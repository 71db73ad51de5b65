"""Reads the defaults of Superset's chart form from a running Superset, for infra/resources/superset/form_defaults.json.

Saving a chart in the browser saves every control of the form, about forty. Run this again for each new release of
Superset, with the address of a Superset that contains the bundle and the administrator's password:

    SUPERSET_PASSWORD=... .venv/bin/python -m tools.superset_form_defaults http://localhost:8080
"""

import argparse
import json
import os
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Error, Page, Request, Route, sync_playwright

from infra.resources.common.retry import Deadline
from infra.resources.superset.bundle import load_assets
from infra.resources.superset.client import SupersetClient
from infra.resources.superset.fields import VIZ_TYPES
from infra.resources.superset.normal_form import DERIVED_PARAMS, FORM_DEFAULTS
from toolchain.paths import ROOT

# Required controls, with values from the bundle's dataset.
GIVEN: dict[str, Any] = {
    "adhoc_filters": [
        {
            "clause": "WHERE",
            "comparator": "No filter",
            "expressionType": "SIMPLE",
            "operator": "TEMPORAL_RANGE",
            "subject": "__time",
        }
    ],
    "entity": "country_code",
    "groupby": ["country"],
    "groupbyColumns": ["browser_name"],
    "groupbyRows": ["country"],
    "metric": "events",
    "metrics": ["events"],
    "metrics_b": ["events"],
    "series": "country",
    "size": "events",
    "source": "country",
    "spatial": {"type": "latlong", "latCol": "latitude", "lonCol": "longitude"},
    "target": "browser_name",
    "x_axis": "__time",
    "y": "events",
    "x": "events",
}
SECONDS = 60


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Read the defaults of Superset's chart form.")
    parser.add_argument("url")
    parser.add_argument("--user", default="admin")
    parser.add_argument("viz_type", nargs="*", help="default: the types in the bundle and in the file")
    options = parser.parse_args()
    charts = [item for path, item in load_assets(ROOT / "superset_assets").items() if path.startswith("charts/")]
    known: dict[str, Any] = json.loads(FORM_DEFAULTS.read_text()) if FORM_DEFAULTS.exists() else {}
    wanted = options.viz_type or sorted({*(str(item["viz_type"]) for item in charts), *known} & VIZ_TYPES)
    client = SupersetClient(options.url, username=options.user, password=os.environ["SUPERSET_PASSWORD"])
    with client as superset, page_of(superset, options.url) as page:
        dataset = superset.find("dataset", str(charts[0]["dataset_uuid"]))
        for viz_type in wanted:
            started = time.monotonic()
            saved = saved_by_form(superset, page, options.url, viz_type, dataset)
            if saved is None:
                print(f"{viz_type}: the form did not save", file=sys.stderr)
                continue
            known[viz_type] = {key: value for key, value in sorted(saved.items()) if is_default(key, value)}
            print(f"{viz_type}: {len(known[viz_type])} defaults, {time.monotonic() - started:.0f} s", flush=True)
            FORM_DEFAULTS.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n")


def is_default(key: str, value: Any) -> bool:
    """The form's additions that the normal form would not remove anyway."""
    return key not in GIVEN and key not in DERIVED_PARAMS and not key.startswith("matrixify_") and value is not None


@contextmanager
def page_of(superset: SupersetClient, url: str) -> Iterator[Page]:
    """A browser page with the client's session."""
    superset.login()
    executable = next((path for name in ("chromium", "google-chrome") if (path := shutil.which(name))), None)
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=arguments)
        context = browser.new_context(viewport={"width": 1500, "height": 1000})
        cookies = superset.session.cookies.items()
        context.add_cookies([{"name": name, "value": value, "url": url} for name, value in cookies])
        yield context.new_page()
        browser.close()


def saved_by_form(
    superset: SupersetClient, page: Page, url: str, viz_type: str, dataset: int | None
) -> dict[str, Any] | None:
    """The params that the form for this chart type would send when saving. Nothing is saved."""
    body = {
        "slice_name": f"form defaults of {viz_type}",
        "viz_type": viz_type,
        "datasource_id": dataset,
        "datasource_type": "table",
        "params": json.dumps({**GIVEN, "viz_type": viz_type, "datasource": f"{dataset}__table"}),
    }
    chart = superset.create("chart", body)
    sent: list[dict[str, Any]] = []

    def catch(route: Route, request: Request) -> None:
        if request.method != "PUT":
            route.continue_()
            return
        params = json.loads(request.post_data or "{}").get("params")
        if params:
            sent.append(json.loads(params))
        route.abort()

    path = f"/api/v1/chart/{chart}"
    page.route(lambda address: urlsplit(address).path == path, catch)
    try:
        page.goto(f"{url}/explore/?slice_id={chart}")
        page.locator("[data-test=query-save-button]").click(timeout=SECONDS * 1000)
        page.locator("[data-test=btn-modal-save]").click(timeout=SECONDS * 1000)
        deadline = Deadline(SECONDS, pause=0)
        while not sent and deadline.wait():
            page.wait_for_timeout(100)  # not sleep, during which Playwright would not call `catch`
    except Error as error:
        print(str(error).splitlines()[0], file=sys.stderr)
    finally:
        page.unroute_all(behavior="ignoreErrors")
        superset.delete("chart", chart)
    return sent[0] if sent else None


if __name__ == "__main__":
    main()
