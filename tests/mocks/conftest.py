"""The program, run once a stack under mocks."""

import pytest

from tests.mocks.engine import Program, run_program


@pytest.fixture(scope="session", autouse=True)
def _no_engine_needed() -> None:
    """What the local target checks of this machine has tests of its own; here no Docker is needed."""
    patch = pytest.MonkeyPatch()
    patch.setattr("infra.targets.local.check_engine", lambda _host: None)
    patch.setattr("infra.targets.local.check_ports", lambda _host, _config: None)
    patch.setattr("infra.targets.digitalocean.estimate.account_state", lambda _config: None)
    patch.setattr("infra.targets.digitalocean.droplets.write_access", lambda access, _key, _hosts: access)


@pytest.fixture(scope="session")
def dev(_no_engine_needed: None) -> Program:
    """Stack dev."""
    return run_program("dev")


@pytest.fixture(scope="session")
def prod(_no_engine_needed: None) -> Program:
    """Stack prod."""
    return run_program("prod")


@pytest.fixture(scope="session")
def ha(_no_engine_needed: None) -> Program:
    """Stack prod with preset ha and a domain."""
    return run_program(
        "prod", preset="ha", druidScale=2, domain="clicks.example.com", dnsZone="example.com", kafkaHeapMiB=768
    )
