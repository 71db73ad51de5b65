"""How long a dashboard takes to load, and a click to stand on the open Live dashboard. Against a stack that is up.

    python benchmarks/dashboard.py load --stack dev --rows 10000000
    python benchmarks/dashboard.py visible --stack dev --clicks 100

`load` makes a table of that many rows (see dashboard_rows.py) and a copy of the bundle that reads it, opens every
dashboard of the copy in Chromium, first with its own range of time, then with all rows, and takes both away again.
Cold is a browser that was never there, and a database that nobody asked for a while; warm is the same page opened
again, with what caches still hold. A chart's time is that of its request as the browser sees it, with all the others of
the page on their way too. Served is the platform without the browser, which takes most of the processor where both are
on one machine: the page's requests for data asked at once over six connections, as a browser does, with Superset's
cache left aside; a chart's time counts from the moment at which all are asked.

`visible` clicks a link on the website in one window, at times that have nothing to do with the refresh, and waits until
the event stands in the other window.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import subprocess
import sys
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.dashboard_rows import Rows  # noqa: E402
from infra.resources.superset.bundle import load_assets, to_archive  # noqa: E402
from infra.resources.superset.client import Kind, SupersetClient  # noqa: E402
from tests.e2e.journey import Access, log_in  # noqa: E402
from tests.e2e.rendered import open_charts, settled  # noqa: E402
from tests.support.browser import chromium  # noqa: E402
from toolchain.chromium import user_agent_of_a_person  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterable

    from playwright.sync_api import Browser, BrowserContext, Page, Request

TABLE = "clickstream_benchmark"
CONNECTIONS = 6
"""That a browser has to one host over HTTP/1.1."""


def say(text: str) -> None:
    """A line for the person at the terminal."""
    print(text, flush=True)


def access(stack: str) -> Access:
    """URLs and logins of a stack that is up."""
    command = [sys.executable, str(ROOT / "tools" / "stack.py"), "output", "--stack", stack, "--"]
    shown = subprocess.run([*command, "--json", "--show-secrets"], check=True, capture_output=True, text=True)
    return Access.of(json.loads(shown.stdout))


def copied(assets: dict[str, Any], time_range: str | None) -> dict[str, Any]:
    """The bundle on the benchmark's table: every uuid, name of a table and slug another; and that range of time."""
    namespace = uuid.UUID("5c1d8f0e-9a4b-4a3d-8d0c-3f4a5b6c7d8e")
    own = {str(item["uuid"]) for path, item in assets.items() if not path.startswith("databases/")}
    text = json.dumps(assets)
    for given in own:
        text = text.replace(given, str(uuid.uuid5(namespace, given)))
    changed: dict[str, Any] = json.loads(text)
    for path, item in changed.items():
        if path.startswith("datasets/"):
            item["table_name"] = TABLE if item["table_name"] == "clickstream" else f"{TABLE}_{item['table_name']}"
            if item.get("sql"):
                item["sql"] = item["sql"].replace("FROM clickstream", f"FROM {TABLE}")
        if path.startswith("dashboards/"):
            item["slug"] = f"benchmark-{item['slug']}"
            item["metadata"]["refresh_frequency"] = 0
            for each in item["metadata"]["native_filter_configuration"]:
                if time_range and each["filterType"] == "filter_time":
                    each["defaultDataMask"] = {
                        "extraFormData": {"time_range": time_range},
                        "filterState": {"value": time_range},
                    }
    return changed


def percentile(values: Iterable[float], share: float) -> float:
    """The value that `share` of the values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


class Requests:
    """The requests for charts' data that a page makes."""

    def __init__(self, page: Page) -> None:
        """Listen."""
        self._seen: list[Request] = []
        page.on("requestfinished", self._note)

    def _note(self, request: Request) -> None:
        if "/api/v1/chart/data" in request.url or "/explore_json" in request.url:
            self._seen.append(request)

    def clear(self) -> None:
        """Forget those so far."""
        self._seen.clear()

    def seconds(self) -> list[float]:
        """How long each took, as the browser sees it."""
        return [max(0.0, request.timing["responseEnd"]) / 1000 for request in self._seen]

    def served(self) -> list[float]:
        """Make all of them once more, without the browser: seconds from the start of all to each answer."""
        asked = [
            httpx.Request(
                request.method,
                request.url + ("&force=true" if "/explore_json" in request.url else ""),
                headers={
                    name: value
                    for name, value in request.all_headers().items()
                    if not name.startswith(":") and name != "content-length"
                },
                content=(request.post_data or "").replace('"force":false', '"force":true', 1),
            )
            for request in self._seen
        ]
        with httpx.Client(timeout=60) as client, ThreadPoolExecutor(CONNECTIONS) as pool:

            def answered(request: httpx.Request) -> float:
                client.send(request).raise_for_status()
                return time.monotonic() - started

            started = time.monotonic()
            return list(pool.map(answered, asked))


def load(options: argparse.Namespace) -> None:
    """Every dashboard, cold and warm."""
    to = access(options.stack)
    spec = json.loads((ROOT / "druid_specs" / "clickstream.json").read_text())["spec"]
    http = httpx.Client(base_url=to.druid, auth=(to.user, to.password), timeout=60)
    dimensions = spec["dataSchema"]["dimensionsSpec"]["dimensions"]
    parts = spec["tuningConfig"]["indexSpecForIntermediatePersists"]
    rows = Rows(http, "clickstream", TABLE, dimensions, parts, say)
    assets = load_assets(ROOT / "superset_assets")
    bundle = copied(assets, None)
    with (
        SupersetClient(to.superset, username=to.user, password=to.superset_password) as superset,
        chromium() as browser,
    ):
        have = rows.grow(options.rows, options.rows_per_day)
        superset.login()
        try:
            for time_range in options.ranges:
                bundle = copied(assets, time_range)
                superset.import_assets(to_archive(bundle))
                say(f"{have:,} rows, {options.rows_per_day:,} a day, {time_range or 'its own range of time'}; seconds")
                heads = (f" {each:>6} {'slowest':>8} {'over 1':>6}" for each in ("cold", "warm", "served"))
                say(f"{'dashboard':32}{''.join(heads)}")
                for path in sorted(bundle):
                    own = assets[path].get("slug", "")
                    if path.startswith("dashboards/") and own in (options.only or [own]):
                        _measure(browser, to, bundle[path]["slug"])
        finally:
            _remove(superset, bundle)
            if not options.keep:
                rows.drop()


def _measure(browser: Browser, to: Access, slug: str) -> None:
    context = _session(browser, to)
    page = context.new_page()
    requests = Requests(page)
    row = f"{slug:32}"
    for _ in ("cold", "warm"):
        requests.clear()
        started = time.monotonic()
        page.goto(f"{to.superset}/superset/dashboard/{slug}/", wait_until="commit")
        settled(page)
        drawn = time.monotonic() - started
        page.wait_for_timeout(5000)  # somebody reads, and the options of the filters come
        row += _columns(drawn, requests.seconds())
    page.goto("about:blank")
    served = requests.served()
    row += _columns(max(served, default=0), served)
    say(row)
    context.close()


def _columns(whole: float, charts: list[float]) -> str:
    over = f"{sum(seconds > 1 for seconds in charts)}/{len(charts)}"
    return f" {whole:6.1f} {max(charts, default=0):8.2f} {over:>6}"


def _session(browser: Browser, to: Access) -> BrowserContext:
    """Logged in, nothing of a dashboard in its cache."""
    first = browser.new_context()
    log_in(first.new_page(), to)
    state = first.storage_state()
    first.close()
    return browser.new_context(storage_state=state, viewport={"width": 1280, "height": 2600})


def _remove(superset: SupersetClient, bundle: dict[str, Any]) -> None:
    kinds: tuple[Kind, ...] = ("dashboard", "chart", "dataset")
    for kind in kinds:
        for path, item in bundle.items():
            if path.startswith(f"{kind}s/"):
                identifier = superset.find(kind, str(item["uuid"]))
                if identifier is not None:
                    superset.delete(kind, identifier)


def visible(options: argparse.Namespace) -> None:
    """From a click on the website to the event on the open Live dashboard."""
    to = access(options.stack)
    chance = random.Random(1)  # noqa: S311  # repeatable
    took: list[float] = []
    with chromium() as browser:
        live = open_charts(browser, to, "live")
        say("Live is open")
        visitor = browser.new_context(user_agent=user_agent_of_a_person(browser.version)).new_page()
        visitor.goto(to.website)
        for number in range(options.clicks):
            time.sleep(chance.uniform(0, 5))
            before = visitor.text_content("#event-id")
            link = visitor.locator(f"nav a[href='/category/{'light' if number % 2 else 'shelter'}']").first
            clicked = time.monotonic()
            link.click()
            visitor.wait_for_function(
                "before => (document.querySelector('#event-id')?.textContent ?? before).trim().length > 10"
                " && document.querySelector('#event-id').textContent !== before",
                arg=before,
            )
            event = (visitor.text_content("#event-id") or "").strip()
            live.get_by_text(event, exact=True).first.wait_for(timeout=60_000)
            took.append(time.monotonic() - clicked)
            say(f"click {number + 1}: {took[-1]:.1f} s")
    say(
        f"click to visible on Live, {len(took)} clicks: p50 {statistics.median(took):.1f} s, "
        f"p99 {percentile(took, 0.99):.1f} s, most {max(took):.1f} s"
    )


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    loading = commands.add_parser("load", help="dashboards, cold and warm")
    loading.add_argument("--rows", type=int, default=10_000_000, help="at least that many in the table")
    loading.add_argument("--rows-per-day", type=int, default=300_000)
    loading.add_argument("--ranges", nargs="*", default=[None, "No filter"], help="of time, such as 'Last week'")
    loading.add_argument("--only", nargs="*", help="dashboards by their slugs")
    loading.add_argument("--keep", action="store_true", help="leave the table there for another run")
    loading.set_defaults(command=load)
    seeing = commands.add_parser("visible", help="from a click to the Live dashboard")
    seeing.add_argument("--clicks", type=int, default=100)
    seeing.set_defaults(command=visible)
    for command in (loading, seeing):
        command.add_argument("--stack", default="dev")
    options = parser.parse_args()
    options.command(options)


if __name__ == "__main__":
    main()
