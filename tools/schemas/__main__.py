"""Writes infra/resources/*/schema.json: the formats of Druid, Kafka and Superset, read out of their images.

    python -m tools.schemas [druid] [kafka] [superset]

Druid and Kafka are asked in Java, on their own class path; Superset in Python, in its own environment.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from infra.paths import ROOT, SERVICES
from infra.versions import VERSIONS
from tools.images import DOCKER, build

if TYPE_CHECKING:
    from collections.abc import Callable

HERE: Final = Path(__file__).parent
POSTED: Final = (
    "org.apache.druid.indexing.kafka.supervisor.KafkaSupervisorSpec",
    "org.apache.druid.server.coordinator.DataSourceCompactionConfig",
    "org.apache.druid.server.coordinator.rules.Rule",
)
"""Druid's classes of what is sent to it; they lead to all others."""

JAVA: Final = "cat > /tmp/Main.java && java"
"""Java compiles the program itself."""


def versions() -> dict[str, str]:
    """What the schemas are of, by system."""
    locked = (SERVICES / "superset" / "requirements.lock").read_text()
    found = re.search(r"^apache-superset==(\S+)", locked, re.MULTILINE)
    return {
        "druid": f"Druid {VERSIONS['DRUID_VERSION']}",
        "kafka": f"Kafka {VERSIONS['KAFKA_VERSION']}",
        "superset": f"Superset {found[1] if found else ''}",
    }


def druid() -> str:
    """Druid's own libraries and the extensions that it loads."""
    libraries = '"$(sed "s/^-cp //" classpath.args):$(ls extensions/*/*.jar | paste -sd:)"'
    return run(build("druid"), f"{JAVA} -cp {libraries} /tmp/Main.java {' '.join(POSTED)}", "DruidSchemas.java")


def kafka() -> str:
    """The broker's own libraries."""
    return run(build("kafka"), f"{JAVA} @classpath.args /tmp/Main.java", "KafkaSchemas.java")


def superset() -> str:
    """The stage of the build that has the packages is enough."""
    environment = "SUPERSET_SECRET_KEY=none SUPERSET_HOME=/tmp"
    return run(build("superset", "venv"), f"{environment} /opt/superset/bin/python -", "superset_schemas.py")


SYSTEMS: Final[dict[str, Callable[[], str]]] = {"druid": druid, "kafka": kafka, "superset": superset}


def run(image: str, command: str, program: str) -> str:
    """What a program prints that a shell in the image gets on its standard input; its messages only if it fails."""
    docker = [DOCKER, "run", "--rm", "-i", "--entrypoint=sh", image, "-c", command]
    done = subprocess.run(docker, input=(HERE / program).read_text(), text=True, capture_output=True, check=False)
    if done.returncode:
        sys.exit(f"{done.stderr}\n{program} failed in {image}: adapt it to this version")
    return done.stdout


def text(system: str) -> str:
    """The file of a system, as it should be."""
    schema: dict[str, Any] = json.loads(SYSTEMS[system]())
    comment = f"{versions()[system]}. Written by `make schemas`."
    return json.dumps({"$comment": comment, **schema}, indent=1, sort_keys=True) + "\n"


def file(system: str) -> Path:
    """Where it is."""
    return ROOT / "infra" / "resources" / system / "schema.json"


def main() -> None:
    """Write those that are named, or all."""
    parser = argparse.ArgumentParser(prog="python -m tools.schemas")
    parser.add_argument("systems", nargs="*", choices=[*SYSTEMS, []], metavar="SYSTEM", help=", ".join(SYSTEMS))
    for system in parser.parse_args().systems or SYSTEMS:
        file(system).write_text(text(system))
        print(f"{file(system).relative_to(ROOT)}: {versions()[system]}")


if __name__ == "__main__":
    main()
