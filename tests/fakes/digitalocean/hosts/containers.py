"""The backend whose droplets are containers on this machine's Docker engine."""

import asyncio
import logging
import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from ipaddress import IPv4Network
from typing import TypeVar

import docker
from docker.errors import APIError, DockerException, NotFound
from docker.types import IPAMConfig, IPAMPool
from requests.exceptions import RequestException

from tests.fakes.digitalocean.backend import BackendError, DropletRules, RegistryLimits
from tests.fakes.digitalocean.hosts import images, machine, ownership
from tests.fakes.digitalocean.hosts.services import Services
from tests.fakes.digitalocean.models import Credential, Droplet, Registry, ReservedIp, Volume, Vpc

log = logging.getLogger("digitalocean")

PUBLIC_POOL = IPv4Network("198.18.0.0/15")
"""For tests of networks (RFC 2544): routed nowhere."""

TRIES = 40
T = TypeVar("T")


class Containers:
    """Implements `Backend`. Everything it makes carries the label of this process."""

    def __init__(self) -> None:
        """Nothing is made before `start`."""
        self.owner = ownership.owner()
        self.own_addresses = 3  # the network's, this machine's, the services'
        self.public_network = PUBLIC_POOL
        self.registry_server = ""
        self._engine: docker.DockerClient | None = None
        self._services: Services | None = None
        self._images: dict[str, str] = {}
        self._filters: dict[int, tuple[object, ...]] = {}

    @property
    def engine(self) -> docker.DockerClient:
        """The machine's."""
        if self._engine is None:
            message = "the backend is not started"
            raise BackendError(message)
        return self._engine

    @property
    def services(self) -> Services:
        """The registry and the disks."""
        if self._services is None:
            message = "the backend is not started"
            raise BackendError(message)
        return self._services

    async def _do(self, work: Callable[[], T]) -> T:
        """In a thread: the engine's client blocks."""
        try:
            return await asyncio.to_thread(work)
        except (DockerException, RequestException) as error:
            raise BackendError(str(error)) from error

    def _name(self, what: str) -> str:
        return f"{ownership.prefix(self.owner)}{what}"

    # Begin and end

    async def start(self) -> None:
        """Images, the public network and the services; what a dead simulator left is removed."""
        await self._do(self._start)

    def _start(self) -> None:
        # Engines on busy machines take their time.
        self._engine = docker.from_env(timeout=300)
        self._images = {target: images.ensure(self._engine, target) for target in ("services", "host")}
        for dead in ownership.dead_owners(self._engine):
            ownership.remove(self._engine, dead, self._images["services"])
        self.public_network = self._make_public_network()
        self._services = Services(
            self._engine,
            self.owner,
            self._images["services"],
            self._name("public"),
            str(self.public_network[self.own_addresses - 1]),
        )
        self.registry_server = f"127.0.0.1:{self._services.port}"

    def _make_public_network(self) -> IPv4Network:
        candidates = list(PUBLIC_POOL.subnets(new_prefix=24))
        for candidate in random.sample(candidates, TRIES):
            try:
                self._make_network("public", candidate)
            except APIError as error:
                if "overlap" not in str(error).lower():
                    raise
            else:
                return candidate
        message = f"found no free network in {PUBLIC_POOL}"
        raise BackendError(message)

    def _make_network(self, what: str, subnet: IPv4Network) -> None:
        self.engine.networks.create(
            self._name(what),
            driver="bridge",
            # No way out of this machine.
            internal=True,
            ipam=IPAMConfig(pool_configs=[IPAMPool(subnet=str(subnet), gateway=str(subnet[1]))]),
            labels={ownership.LABEL: self.owner},
        )

    async def stop(self) -> None:
        """Everything goes."""
        if self._engine is not None:
            await self._do(lambda: ownership.remove(self.engine, self.owner, self._images.get("services", "")))
            self._engine.close()
            self._engine = self._services = None

    # Networks

    async def create_vpc(self, vpc: Vpc) -> None:
        """A bridge of its own. The range must be free among the engine's networks."""
        try:
            await self._do(lambda: self._make_network(vpc.id, IPv4Network(vpc.ip_range)))
        except BackendError as error:
            if "overlap" in str(error).lower():
                message = f"{vpc.ip_range} overlaps with another network of this machine's Docker engine: {error}"
                raise BackendError(message) from error
            raise

    async def delete_vpc(self, vpc: Vpc) -> None:
        """Its droplets are gone."""

        def work() -> None:
            with suppress(NotFound):
                self.engine.networks.get(self._name(vpc.id)).remove()

        await self._do(work)

    async def apply_firewalls(self, droplet: Droplet, rules: DropletRules) -> None:
        """By packet filters inside the host, if they differ from those that are there."""
        wanted = (rules.filtered, repr(rules.inbound), repr(rules.outbound))
        if self._filters.get(droplet.id, (False, "[]", "[]")) == wanted:
            return

        def work() -> None:
            container = machine.find(self.engine, self.owner, droplet)
            if container and container.status == "running":
                machine.filter_packets(container, rules)
                self._filters[droplet.id] = wanted

        await self._do(work)

    async def route_reserved_ip(self, address: ReservedIp, old: Droplet | None, new: Droplet | None) -> None:
        """The address itself moves: DigitalOcean translates it to one that the droplet has."""
        length = self.public_network.prefixlen

        def work() -> None:
            for droplet, add in ((old, False), (new, True)):
                container = machine.find(self.engine, self.owner, droplet) if droplet else None
                if droplet is None or container is None or container.status != "running":
                    continue
                if add:
                    machine.add_address(container, address.ip, str(droplet.public_ip), length)
                else:
                    machine.remove_address(container, address.ip, length)

        await self._do(work)

    # Hosts

    async def create_droplet(self, droplet: Droplet, vpc: Vpc, volumes: Sequence[Volume]) -> None:
        """Boots a host; sshd and Docker follow, as on a droplet."""

        def work() -> None:
            networks = {self._name("public"): str(droplet.public_ip), self._name(vpc.id): str(droplet.private_ip)}
            image = self._images["host"]
            container = machine.create(self.engine, self.owner, image, droplet, networks, self.services)
            machine.plug(container, self.services, volumes)

        await self._do(work)

    async def power(self, droplet: Droplet, action: str, volumes: Sequence[Volume]) -> None:
        """Volumes are there again after a start; filters and reserved addresses are the caller's to renew."""
        self._filters.pop(droplet.id, None)

        def work() -> None:
            container = machine.find(self.engine, self.owner, droplet)
            if container is None:
                message = f"the host of {droplet.name} is gone"
                raise BackendError(message)
            machine.power(container, action)
            if action not in ("power_off", "shutdown"):
                machine.plug(container, self.services, volumes)

        await self._do(work)

    async def destroy_droplet(self, droplet: Droplet) -> None:
        """The host and its engine's data."""
        self._filters.pop(droplet.id, None)
        await self._do(lambda: machine.destroy(self.engine, self.owner, droplet))

    async def is_running(self, droplet: Droplet) -> bool:
        """Asks the engine."""

        def work() -> bool:
            container = machine.find(self.engine, self.owner, droplet)
            return container is not None and container.status == "running"

        return await self._do(work)

    # Volumes

    async def create_volume(self, volume: Volume) -> None:
        """A disk that nobody has yet."""
        await self._do(lambda: self.services.create_disk(volume))

    async def resize_volume(self, volume: Volume) -> None:
        """Larger."""
        await self._do(lambda: self.services.resize_disk(volume))

    async def delete_volume(self, volume: Volume) -> None:
        """With its data."""
        await self._do(lambda: self.services.delete_disk(volume))

    async def attach_volume(self, volume: Volume, droplet: Droplet) -> None:
        """As a block device of the host, if it runs; else at its next start."""

        def work() -> None:
            container = machine.find(self.engine, self.owner, droplet)
            if container and container.status == "running":
                machine.plug(container, self.services, [volume])

        await self._do(work)

    async def detach_volume(self, volume: Volume, droplet: Droplet) -> None:
        """Unmounted and gone."""

        def work() -> None:
            container = machine.find(self.engine, self.owner, droplet)
            if container and container.status == "running":
                machine.unplug(container, self.services, volume)
            else:
                self.services.disconnect(volume)

        await self._do(work)

    # Registry

    async def set_registry(
        self, registry: Registry | None, credentials: Sequence[Credential], limits: RegistryLimits
    ) -> None:
        """Logins and limits; without a registry nobody gets in, and what was pushed is gone."""

        def work() -> None:
            self.services.set_logins(credentials)
            self.services.set_limits(limits)
            if registry is None:
                self.services.forget_images()

        await self._do(work)

    async def repositories(self) -> dict[str, list[str]]:
        """As they lie on the registry's disk."""
        return await self._do(self.services.repositories)

    async def registry_bytes(self) -> int:
        """As they lie on the registry's disk."""
        return await self._do(self.services.registry_bytes)
