"""The platform's Superset with its PostgreSQL, and a stand-in for Druid that runs SQL over the rows of a test.

All containers share one network namespace, whose names are those of a stack.
"""

from __future__ import annotations

import json
import uuid
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from infra.resources.superset.client import SupersetClient
from tests.support import druid_stand_in
from tests.support.images import build
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import docker

PASSWORD = "a-password-of-the-tests"
SECRET = "/run/test/password"
PORTS = ("8088/tcp", f"{druid_stand_in.PORT}/tcp")


class Superset:
    """Its address, and that of the stand-in for Druid. Every account has the same password."""

    def __init__(self, url: str, druid: str, container: Any) -> None:
        self.url = url
        self.druid = druid
        self._container = container

    def login(self, username: str) -> SupersetClient:
        """A session of that account."""
        client = SupersetClient(self.url, username=username, password=PASSWORD)
        client.login()
        return client

    def restore_accounts(self, site_viewers: Mapping[str, Sequence[str]]) -> None:
        """Do what a start with these accounts does, beside the server that runs."""
        code, output = self._container.exec_run(
            ["/opt/superset/bin/python", "-c", "import clickstream_superset.wsgi"],
            environment={"SUPERSET_SITE_VIEWERS": accounts(site_viewers)},
        )
        assert code == 0, output.decode()[-4000:]

    def statements(self) -> list[str]:
        """What Druid was asked until now."""
        found: list[str] = httpx.get(self.druid).json()
        return found


def accounts(site_viewers: Mapping[str, Sequence[str]]) -> str:
    """The setting of the accounts that see only some sites."""
    return json.dumps(
        [{"username": name, "sites": list(sites), "password_file": SECRET} for name, sites in site_viewers.items()]
    )


@contextmanager
def superset(
    engine: docker.DockerClient,
    folder: Path,
    *,
    tables: Mapping[str, Sequence[Mapping[str, Any]]],
    site_viewers: Mapping[str, Sequence[str]],
    **environment: str,
) -> Iterator[Superset]:
    """Start everything. `tables` holds the rows of Druid's tables, `site_viewers` the sites of each account."""
    folder.chmod(0o755)
    (folder / "password").write_text(PASSWORD)
    (folder / "key").write_text("k" * 48)
    (folder / "tables.json").write_text(json.dumps(tables))
    (folder / "druid.py").write_text(Path(druid_stand_in.__file__).read_text())
    ports: Any = dict.fromkeys(PORTS, ("127.0.0.1", None))
    options: dict[str, Any] = {"detach": True, "volumes": {str(folder): {"bind": "/run/test", "mode": "ro"}}}
    image, started = build("superset"), list[Any]()
    try:
        druid: Any = engine.containers.run(
            image,
            ["/run/test/druid.py", "/run/test/tables.json"],
            entrypoint="/opt/superset/bin/python",
            name=f"clickstream-superset-test-{uuid.uuid4().hex[:8]}",
            extra_hosts={"router": "127.0.0.1", "postgres": "127.0.0.1"},
            ports=ports,
            **options,
        )
        started.append(druid)
        options["network_mode"] = f"container:{druid.id}"
        database = {"POSTGRES_USER": "superset", "POSTGRES_PASSWORD_FILE": SECRET}
        started.append(engine.containers.run(build("postgres"), environment=database, **options))
        environment = {
            "SUPERSET_SECRET_KEY_FILE": "/run/test/key",
            "SUPERSET_DB_PASSWORD_FILE": SECRET,
            "SUPERSET_ADMIN_PASSWORD_FILE": SECRET,
            "SUPERSET_VIEWER_PASSWORD_FILE": SECRET,
            "SUPERSET_SITE_VIEWERS": accounts(site_viewers),
            **environment,
        }
        started.append(engine.containers.run(image, environment=environment, **options))
        druid.reload()
        url, asked = (f"http://127.0.0.1:{druid.ports[port][0]['HostPort']}" for port in PORTS)

        def answers() -> bool:
            started[-1].reload()
            assert started[-1].status != "exited", started[-1].logs().decode()[-4000:]
            return httpx.get(f"{url}/health").is_success

        until(answers, what="Superset", seconds=180, retry_on=(httpx.TransportError,))
        yield Superset(url, asked, started[-1])
    finally:
        for container in reversed(started):
            container.remove(force=True, v=True)
