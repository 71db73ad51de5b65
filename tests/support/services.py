"""What the services of a stack declare."""

from infra.config import StackConfig
from infra.images.source import ImageSource
from infra.services import service_specs
from infra.swarm.spec import ServiceSpec, built_images
from tests.support.stack_config import raw_config

SPECS: tuple[ServiceSpec, ...] = tuple(service_specs(StackConfig.parse("prod", raw_config("prod"))))
"""Those of stack prod as committed."""

IMAGE_SOURCES: tuple[ImageSource, ...] = built_images(SPECS, given={})
