"""A stack on a swarm: its networks, images, secrets and volumes, and the services that share them."""

from collections.abc import Sequence

import pulumi
import pulumi_docker as docker

from infra.config import StackConfig
from infra.images.build import Images
from infra.resources.docker.stopped_first import StoppedFirst, StoppedFirstArgs
from infra.swarm.network import network_name, zone_network
from infra.swarm.secrets import GeneratedSecret, docker_secret
from infra.swarm.service import SecretRef, ServiceContext, SwarmService
from infra.swarm.spec import NAMESPACE_LABEL, ServiceSpec, admin_pages, built_images
from infra.swarm.swarm import Swarm
from infra.swarm.zones import zones


class SwarmStack:
    """Creates services. Secrets and volumes are created when a service first needs them."""

    def __init__(self, config: StackConfig, swarm: Swarm, specs: Sequence[ServiceSpec]) -> None:
        """Declare the networks and the images. `specs` are the services that the swarm was planned for."""
        self.config = config
        self.swarm = swarm
        self.specs = {spec.name: spec for spec in specs}
        self.pages = admin_pages(specs)
        self._run: set[str] = set()
        self._ready = list(swarm.ready)
        self._zones = zones(specs)
        self._networks = {
            zone.name: zone_network(config.name, zone, swarm.options(depends_on=self._ready)) for zone in self._zones
        }
        self._images = Images(
            config.name,
            config.images,
            built_images(specs, config.image_overrides),
            registry=swarm.registry,
        )
        self._secrets: dict[str, GeneratedSecret] = {}
        self._given: dict[str, SecretRef] = {}
        self._volumes: dict[str, docker.Volume] = {}

    def secret(self, name: str) -> GeneratedSecret:
        """The stack's secret with this name, generated on first use."""
        if name not in self._secrets:
            self._secrets[name] = GeneratedSecret(
                name, self.config.name, self.swarm.options(), pulumi.ResourceOptions(depends_on=self._ready)
            )
        return self._secrets[name]

    def add_secret(self, name: str, value: pulumi.Input[str]) -> None:
        """Add a secret with a known value, from the configuration or derived from other secrets."""
        self._given[name] = docker_secret(
            name,
            self.config.name,
            pulumi.Output.secret(value),
            self.swarm.options(depends_on=self._ready),
        )

    def run(self, spec: ServiceSpec, *, parent: pulumi.Resource, after: Sequence[pulumi.Resource] = ()) -> SwarmService:
        """Run the service once everything in `after` is ready."""
        if self.specs.get(spec.name) != spec:
            message = f"service {spec.name} is not in the swarm's plan; add it to infra/services.py"
            raise ValueError(message)
        self._run.add(spec.name)
        context = ServiceContext(
            stack=self.config.name,
            docker_host=self.swarm.docker_host,
            options=self.swarm.options(),
            network_ids=[self._networks[zone.name].id for zone in self._zones if spec.name in zone.members],
            image=self.config.image_overrides.get(spec.image) or self._images.refs[spec.source.name],
            own_image=spec.image not in self.config.image_overrides,
            secrets={name: self._secret_ref(name) for name in spec.secrets.values()},
            volumes={mount.volume: self._volume(mount.volume) for mount in spec.volumes},
            volume_folders=self.swarm.volume_folders or {},
            node_ids=self.swarm.node_ids,
            constraints=self.swarm.constraints(spec.placement),
            rebalance=spec.placement in self.swarm.rebalanced,
        )
        return SwarmService(spec, context, depends_on=after, opts=pulumi.ResourceOptions(parent=parent))

    def stop_before_moving(self, name: str, specs: Sequence[ServiceSpec], *, parent: pulumi.Resource) -> StoppedFirst:
        """Stop services while what they need to stop is still there, if an upgrade gives them other networks."""
        services = {
            f"{self.config.name}-{spec.name}": [
                network_name(self.config.name, zone) for zone in self._zones if spec.name in zone.members
            ]
            for spec in specs
        }
        args = StoppedFirstArgs(docker_host=self.swarm.docker_host, services=services)
        options = pulumi.ResourceOptions(parent=parent, depends_on=self._ready, deleted_with=self.swarm.deleted_with)
        return StoppedFirst(name, args, options)

    def _secret_ref(self, name: str) -> SecretRef:
        return self._given.get(name) or self.secret(name).ref

    def keep_volume(self, name: str) -> None:
        """Declare a volume that no service uses any more, so that Pulumi does not delete its data."""
        self._volume(name)

    def check(self) -> None:
        """Fail the preview if the services differ from the swarm's plan.

        Raises:
            ValueError: if a planned service was not run.
            pulumi.RunError: if the services do not fit on the swarm.
        """
        if missing := self.specs.keys() - self._run:
            message = (
                f"planned services that nothing runs: {', '.join(sorted(missing))}; "
                "run them in __main__.py, or remove them from infra/services.py"
            )
            raise ValueError(message)
        self.swarm.check(self.specs.values())

    def _volume(self, name: str) -> pulumi.Input[str]:
        """The volume's name on the engine. With several nodes, each creates it when a task needs it."""
        if self.swarm.volume_folders is not None:
            return f"{self.config.name}-{name}"
        if name not in self._volumes:
            self._volumes[name] = docker.Volume(
                name,
                name=f"{self.config.name}-{name}",
                driver="local",
                labels=[{"label": NAMESPACE_LABEL, "value": self.config.name}],
                opts=self.swarm.options(depends_on=self._ready),
            )
        return self._volumes[name].name
