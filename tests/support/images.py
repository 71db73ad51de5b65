"""Images of the services, for tests of one of them."""

from tools.images import DOCKER, build

__all__ = ["DOCKER", "build"]
