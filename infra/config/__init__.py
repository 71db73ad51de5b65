"""The stack's configuration, typed and checked. Nothing here imports another part of the program."""

from infra.config.digitalocean import DigitalOceanConfig
from infra.config.sections import DruidConfig, EdgeConfig, ImagesConfig, KafkaConfig, PipelineConfig
from infra.config.stack import ConfigError, StackConfig, full_name
from infra.config.types import PROJECT, Target, Tls

__all__ = [
    "PROJECT",
    "ConfigError",
    "DigitalOceanConfig",
    "DruidConfig",
    "EdgeConfig",
    "ImagesConfig",
    "KafkaConfig",
    "PipelineConfig",
    "StackConfig",
    "Target",
    "Tls",
    "full_name",
]
