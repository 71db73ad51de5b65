"""Visits of the simulator to the website's container, where no platform is needed to see what is sent."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import yaml

from infra.paths import ROOT
from tests.support.website_container import Start, websites
from visitors.scenario import SCENARIOS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import docker

GIF = bytes.fromhex("4749463839610100010000000021f904010a0001002c00000000010001000002024c01003b")


class Edge:
    """One origin for the website and a collector that takes beacons only, and keeps them."""

    def __init__(self, website: str) -> None:
        self.beacons: list[dict[str, str]] = []
        self.others: list[str] = []
        self.hints: Counter[tuple[str, bool]] = Counter()
        """Hosts asked, and whether with client hints."""
        edge = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                """Silent."""

            def do_GET(self) -> None:
                address = urlsplit(self.path)
                edge.hints[self.headers["Host"].partition(":")[0], "sec-ch-ua" in self.headers] += 1
                if address.path == "/csc-event":
                    edge.beacons.append({name: values[0] for name, values in parse_qs(address.query).items()})
                    self.reply(200, "image/gif", GIF)
                    return
                page = httpx.get(website + self.path, headers={"Accept-Encoding": "identity"})
                self.reply(page.status_code, page.headers.get("content-type", ""), page.content)

            def do_POST(self) -> None:
                edge.others.append(self.path)
                self.reply(404, "text/plain", b"")

            def reply(self, status: int, kind: str, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture(scope="module")
def start(engine: docker.DockerClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    with websites(engine, tmp_path_factory) as start:
        yield start


def few_visits(folder: Path, visits: int, returning: float, pages: Sequence[int] = (1, 4)) -> Any:
    """The scenario of the browsers, with that many visits of each group."""
    scenario: Any = yaml.safe_load((SCENARIOS / "browsers.yaml").read_text())
    for group in scenario["visitors"]:
        group["visits"] = visits
    scenario["behaviour"] |= {"returning": returning, "pages": list(pages)}
    (folder / "few.yaml").write_text(yaml.safe_dump(scenario))
    return scenario


def play(edge: Edge, folder: Path, *options: str) -> Any:
    """The ledger of those visits."""
    ledger_file = folder / "ledger.json"
    url = f"http://127.0.0.1:{edge.server.server_port}"
    done = subprocess.run(
        [
            *(sys.executable, "-m", "visitors", "run", str(folder / "few.yaml"), "--browsers", "--url", url),
            *("--side-by-side", "2", "--batch-path", "", "--ledger", str(ledger_file), *options),
        ],
        cwd=ROOT, check=False, capture_output=True, text=True, timeout=240,
    )  # fmt: skip
    edge.server.shutdown()
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(ledger_file.read_text())


def test_real_browsers_send_beacons_where_the_stack_takes_no_batches(start: Start, tmp_path: Path) -> None:
    edge = Edge(start(COLLECTOR_BATCH_SUFFIX=""))
    scenario = few_visits(tmp_path, visits=2, returning=0.5)
    ledger = play(edge, tmp_path)
    taken = {beacon["e"]: beacon["t"] for beacon in edge.beacons}
    noted = {kind: number["events"] for kind, number in ledger["numbers"]["event_type"].items()}
    assert ledger["visits"] == 2 * len(scenario["visitors"])
    assert noted == dict(Counter(taken.values()))
    assert {"pageView", "engagement"} <= noted.keys()
    assert edge.others == [], "no batch was tried"
    total = ledger["numbers"]["total"]["all"]
    assert total["new_visitors"] == total["unique_visitors"] < ledger["visits"], "each is new once, some come back"
    assert {beacon["p"] for beacon in edge.beacons} == set(ledger["parties"])
    assert Counter(beacon["n"] for beacon in edge.beacons)["t"] == total["new_visitors"]


def test_real_browsers_visit_sites_of_the_stack_that_are_not_in_dns(start: Start, tmp_path: Path) -> None:
    edge = Edge(start(COLLECTOR_BATCH_SUFFIX=""))
    few_visits(tmp_path, visits=1, returning=0, pages=[1, 2])
    outputs = dict.fromkeys(("website", "druid", "superset", "adminUser", "adminPassword", "supersetPassword"), "x")
    sites = [{"name": "shop", "hosts": ["shop.test"]}, {"name": "news", "hosts": ["*.news.test"]}]
    (tmp_path / "outputs.json").write_text(json.dumps({**outputs, "sites": sites}))
    ledger = play(edge, tmp_path, "--outputs", str(tmp_path / "outputs.json"))
    port = edge.server.server_port
    assert {beacon["l"].split("/")[2] for beacon in edge.beacons} == {f"shop.test:{port}", f"www.news.test:{port}"}
    noted = {site: number["events"] for site, number in ledger["numbers"]["site"].items()}
    hosts = Counter(urlsplit(beacon["l"]).hostname for beacon in {each["e"]: each for each in edge.beacons}.values())
    assert noted == {"shop": hosts["shop.test"], "news": hosts["www.news.test"]}
    assert any(edge.hints[host, True] for host in ("shop.test", "www.news.test")), "as over https or on localhost"
