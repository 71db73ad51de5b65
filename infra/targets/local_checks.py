"""Preflight checks on this machine."""

import socket
from contextlib import closing

from infra.config import StackConfig
from infra.resources.docker.client import connect


def check_engine(docker_host: str) -> None:
    """Raise EngineUnreachableError if no engine answers."""
    with closing(connect(docker_host)) as engine:
        engine.ping()


def check_ports(docker_host: str, config: StackConfig) -> None:
    """Raise OSError if something other than this stack uses a port. The error names the port's key."""
    with closing(connect(docker_host)) as engine:
        ours = _published_ports(engine.api, f"{config.name}-edge")
    taken = [
        f"clickstream:{key}: {port} is in use on this machine; stop what uses it, or choose a free port: "
        f"`pulumi config set {key} <port>`"
        for key, port in config.edge.ports.items()
        if port not in ours and not _is_free(port)
    ]
    if taken:
        raise OSError("\n".join(taken))


def _published_ports(api: object, service_name: str) -> set[int]:
    """Ports that the service publishes, whether or not a task uses them right now."""
    info = api.info()  # type: ignore[attr-defined]  # the SDK's low-level client is not typed
    if not info.get("Swarm", {}).get("ControlAvailable"):
        return set()
    services = api.services(filters={"name": service_name})  # type: ignore[attr-defined]
    return {
        int(port["PublishedPort"])
        for service in services
        if service["Spec"]["Name"] == service_name
        for port in service["Spec"].get("EndpointSpec", {}).get("Ports", [])
    }


def _is_free(port: int) -> bool:
    with closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as probe:
        # Like the engine, ignore recent connections in TIME_WAIT.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("0.0.0.0", port))
        except PermissionError:
            return True  # a privileged port, which the engine can bind even if this process can't
        except OSError:
            return False
    return True
