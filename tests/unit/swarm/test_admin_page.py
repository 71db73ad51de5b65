"""An admin page is published where its service declares it, and nowhere else."""

import re
from typing import Any

import pytest

from infra.config import StackConfig
from infra.paths import SERVICES
from infra.platform.edge import IMAGE, edge_spec
from infra.platform.superset import PAGE
from infra.services import service_specs
from infra.swarm.admin_page import AdminPage, host_names
from infra.swarm.spec import admin_pages
from infra.targets.digitalocean.network import edge_rules
from tests.support.stack_config import raw_config


def prod(**changes: Any) -> StackConfig:
    return StackConfig.parse("prod", raw_config("prod", **changes))


def test_only_declared_pages_get_a_port_a_rule_of_the_firewall_and_a_name() -> None:
    config = prod(supersetPort=8081)
    published = [(port.published, port.target) for port in edge_spec(config, [PAGE]).ports]
    assert published == [(443, 8443), (80, 8000), (8081, 8080)]
    website = [rule.port_range for rule in edge_rules(config, [])]
    assert [rule.port_range for rule in edge_rules(config, [PAGE])] == [*website, "8081"]
    named = prod(domain="clicks.example.com")
    assert host_names(named.edge, [PAGE]) == {
        "website": "clicks.example.com",
        "superset": "superset.clicks.example.com",
    }
    assert edge_spec(named, [PAGE]).ports == edge_spec(named, []).ports, "names need no ports"


def test_the_services_pages_are_the_edges() -> None:
    config = prod()
    pages = admin_pages(service_specs(config))
    assert PAGE in pages
    assert pages == admin_pages(reversed(service_specs(config))), "services in another order restart no edge"
    (edge,) = (spec for spec in service_specs(config) if spec.name == "edge")
    assert edge == edge_spec(config, pages)


def test_the_edges_image_has_a_port_for_every_page() -> None:
    lines = (SERVICES / IMAGE.folder / "Dockerfile").read_text().splitlines()
    exposed = {port for line in lines if line.startswith("EXPOSE ") for port in line.split()[1:]}
    assert {str(page.target) for page in admin_pages(service_specs(prod()))} <= exposed


def test_the_caddyfile_leads_to_every_page_and_to_ports_on_which_services_answer() -> None:
    caddyfile = (SERVICES / IMAGE.folder / "Caddyfile").read_text()
    specs = service_specs(prod())
    pages = {(page.subdomain, str(page.target)) for page in admin_pages(specs)}
    assert set(re.findall(r"^import admin_page (\S+) (\d+)$", caddyfile, re.MULTILINE)) == pages
    ports = {port for _, port in pages}
    assert ports <= set(re.findall(r"^\tservers :(\d+) ", caddyfile, re.MULTILINE)), "each has its own timeouts"

    backends = re.findall(r"\{\$EDGE_\w+:([a-z-]+) (\d+)\}", caddyfile)
    assert len(backends) == len(pages) + 2, "the pages, the collector and the website"
    checks = {spec.name: str(spec.healthcheck) for spec in specs}
    for name, port in backends:
        assert f"127.0.0.1/{port} " in checks[name], f"{name} answers on another port than {port}"


def test_a_page_without_a_setting_for_its_port_is_refused() -> None:
    page = AdminPage(name="notes", subdomain="notes", target=9999, service="notes")
    with pytest.raises(ValueError, match="admin page notes: there is no setting notesPort, only websitePort"):
        edge_spec(prod(), [page])
