"""The account: what exists, what is under way, and the ways in which things are looked up."""

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from datetime import UTC, datetime

from tests.fakes.digitalocean.backend import Backend, BackendError, NoHosts
from tests.fakes.digitalocean.errors import not_found
from tests.fakes.digitalocean.faults import Faults, Limits
from tests.fakes.digitalocean.models import (
    Action,
    AlertPolicy,
    Domain,
    Droplet,
    Firewall,
    Json,
    Project,
    Registry,
    ReservedIp,
    Snapshot,
    SshKey,
    Volume,
    Vpc,
)
from tests.fakes.digitalocean.timing import INSTANT, Timing

log = logging.getLogger("digitalocean")

FIRST_ID = 400_000_000
Work = Callable[[], Awaitable[None]]


def now() -> str:
    """The current time as the API writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Cloud:
    """One account. Only the server's event loop touches it, so it needs no locks."""

    def __init__(self, *, timing: Timing = INSTANT, backend: Backend | None = None, token: str) -> None:
        """An empty account: a default project and nothing else."""
        self.timing = timing
        self.backend: Backend = backend or NoHosts()
        self.token = token
        self.faults = Faults()
        self.limits = Limits()
        self.uuid = str(uuid.uuid4())
        self.actions: dict[int, Action] = {}
        self.droplets: dict[int, Droplet] = {}
        self.leaving: dict[int, Droplet] = {}
        """Destroyed, and still members of their VPC for a while."""

        self.vpcs: dict[str, Vpc] = {}
        self.firewalls: dict[str, Firewall] = {}
        self.ssh_keys: dict[int, SshKey] = {}
        self.tags: dict[str, None] = {}
        self.volumes: dict[str, Volume] = {}
        self.snapshots: dict[str, Snapshot] = {}
        self.reserved_ips: dict[str, ReservedIp] = {}
        self.domains: dict[str, Domain] = {}
        self.registry: Registry | None = None
        self.subscription_tier = "starter"
        self.alert_policies: dict[str, AlertPolicy] = {}
        self.projects: dict[str, Project] = {}
        self.project_of: dict[str, tuple[str, str]] = {}
        """URN to project and time, of what is not in the default project."""

        self._tasks: set[asyncio.Future[None]] = set()
        self._last_id = FIRST_ID
        self._add_default_project()

    def _add_default_project(self) -> None:
        created = now()
        project = Project(
            id=str(uuid.uuid4()),
            name="first-project",
            description="Update your project information under Settings",
            purpose="Just trying out DigitalOcean",
            environment="Development",
            is_default=True,
            created_at=created,
            updated_at=created,
        )
        self.projects[project.id] = project

    def new_id(self) -> int:
        """A number that no other thing of the account has."""
        self._last_id += 1
        return self._last_id

    # Things that take their time

    def later(self, work: Work, seconds: float = 0.0) -> None:
        """Does the work after some seconds, without anybody waiting for it."""

        async def run() -> None:
            await asyncio.sleep(seconds)
            try:
                await work()
            except BackendError as error:
                log.error("%s", error)  # noqa: TRY400  # the message says it all
            except Exception:
                log.exception("work in the background failed")

        self._keep(run())

    def start_action(
        self, action_type: str, resource: tuple[str, int | None, str, str], work: Work, *, seconds: float, fails: bool
    ) -> Action:
        """An action that does its work after some seconds. `resource`: type, number, region, URN."""
        resource_type, resource_id, region, urn = resource
        action = Action(
            id=self.new_id(),
            type=action_type,
            resource_id=resource_id,
            resource_type=resource_type,
            region=region,
            started_at=now(),
            owner=urn,
        )
        self.actions[action.id] = action

        async def run() -> None:
            await asyncio.sleep(seconds)
            # Under way until it has ended: whoever asks meanwhile must not see how it would end.
            status = "errored"
            try:
                if not fails:
                    await work()
                    status = "completed"
            except BackendError as error:
                log.error("%s of %s: %s", action_type, urn, error)  # noqa: TRY400  # the message says it all
            except Exception:
                log.exception("%s of %s failed", action_type, urn)
            finally:
                action.status, action.completed_at = status, now()

        self._keep(run())
        return action

    def _keep(self, coroutine: Coroutine[None, None, None]) -> None:
        task = asyncio.ensure_future(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def end(self) -> None:
        """Stops what is under way; takes the hosts away."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.backend.stop()

    # Look-ups

    def droplet(self, identifier: str | int) -> Droplet:
        """By number; raises the API's 404."""
        try:
            return self.droplets[int(identifier)]
        except (KeyError, ValueError):
            raise not_found() from None

    def volumes_of(self, droplet: Droplet) -> list[Volume]:
        """Attached ones, in the order of their names."""
        attached = [volume for volume in self.volumes.values() if volume.droplet_id == droplet.id]
        return sorted(attached, key=lambda volume: volume.name)

    def droplets_tagged(self, tag: str) -> list[Droplet]:
        """All with the tag."""
        return [droplet for droplet in self.droplets.values() if tag in droplet.tags]

    def vpc_members(self, vpc: Vpc) -> Iterator[Droplet]:
        """Droplets that hold an address there, and those that did a moment ago."""
        for droplet in (*self.droplets.values(), *self.leaving.values()):
            if droplet.vpc_uuid == vpc.id:
                yield droplet

    def default_project(self) -> Project:
        """Where everything is that nobody put elsewhere."""
        return next(project for project in self.projects.values() if project.is_default)

    def urns(self) -> dict[str, str]:
        """Everything that can be in a project: URN to creation time."""
        created: dict[str, str] = {}
        created |= {droplet.urn: droplet.created_at for droplet in self.droplets.values()}
        created |= {volume.urn: volume.created_at for volume in self.volumes.values()}
        created |= {domain.urn: "" for domain in self.domains.values()}
        created |= {address.urn: "" for address in self.reserved_ips.values()}
        return created

    def forget(self, urn: str) -> None:
        """It is gone: so is its place in a project."""
        self.project_of.pop(urn, None)

    def inventory(self) -> Json:
        """Everything that somebody made and has not taken away, for tests of `destroy`."""
        return {
            "droplets": [droplet.name for droplet in self.droplets.values()],
            "vpcs": [vpc.name for vpc in self.vpcs.values() if not vpc.default],
            "firewalls": [firewall.name for firewall in self.firewalls.values()],
            "ssh_keys": [key.name for key in self.ssh_keys.values()],
            "tags": list(self.tags),
            "volumes": [volume.name for volume in self.volumes.values()],
            "snapshots": [snapshot.name for snapshot in self.snapshots.values()],
            "reserved_ips": list(self.reserved_ips),
            "domains": list(self.domains),
            "registries": [self.registry.name] if self.registry else [],
            "alert_policies": [policy.policy["description"] for policy in self.alert_policies.values()],
            "projects": [project.name for project in self.projects.values() if not project.is_default],
        }
