"""Everything that is looked at in a running stack, as tables and a list of problems."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from infra.services import service_specs
from infra.swarm.zones import zones
from tests.security.hardening import Hardening, look
from tests.security.leaks import leaks
from tests.security.reach import Reach, measure, published
from tests.security.running import containers

if TYPE_CHECKING:
    import docker

    from infra.config import StackConfig


@dataclass(frozen=True)
class Report:
    """What was found; `problems` is empty if all is as the specs say."""

    reaches: list[Reach]
    hardenings: list[Hardening]
    problems: list[str]

    def text(self) -> str:
        """Two tables, and the problems."""
        lines = [f"{'from':<14} {'out':<4} answers", "-" * 100]
        for reach in self.reaches:
            others = "  ".join(
                f"{name}:{','.join(map(str, sorted(ports)))}" for name, ports in sorted(reach.answers.items())
            )
            lines.append(f"{reach.service:<14} {'yes' if reach.way_out else 'no':<4} {others}")
        heading = (
            f"{'container':<14} {'user':<6} {'capabilities':<13} {'new privileges':<15} {'root':<10} {'secrets':<8}"
        )
        lines += ["", f"{heading} writable", "-" * 100]
        for item in self.hardenings:
            capabilities = "some" if item.capabilities else "none"
            privileges = "no" if item.no_new_privileges else "yes"
            root = "read-only" if item.read_only else "writable"
            user = ",".join(map(str, sorted(item.user)))
            lines.append(
                f"{item.service:<14} {user:<6} {capabilities:<13} {privileges:<15} {root:<10} {item.secrets:<8} "
                f"{' '.join(sorted(path for path in item.writable if not path.startswith('/run/secrets')))}"
            )
        lines += ["", *(f"PROBLEM: {problem}" for problem in self.problems)]
        return "\n".join(lines if self.problems else [*lines, "No secret outside its containers. No problem found."])


def inspect(engine: docker.DockerClient, config: StackConfig) -> Report:
    """Look at every container of the stack on this engine."""
    specs = {spec.name: spec for spec in service_specs(config)}
    all_zones = zones(specs.values())
    running = containers(engine, config.name)
    problems = [f"{name} is not running" for name in sorted(specs.keys() - running.keys())]
    running = {name: container for name, container in running.items() if name in specs}
    reaches = measure(running, all_zones)
    hardenings = [look(specs[name], container) for name, container in running.items()]
    problems += [problem for reach in reaches for problem in reach.problems]
    problems += [problem for hardening in hardenings for problem in hardening.problems]
    ports = {port.published for spec in specs.values() for port in spec.ports}
    problems += published(running, all_zones, ports)
    problems += leaks(engine, running)
    return Report(reaches, hardenings, problems)
