"""The specs of all services. A target plans hosts and volumes for them before any service is declared."""

from infra.config import StackConfig
from infra.pipeline.archive import archive_specs
from infra.pipeline.avro_to_json import avro_to_json_spec
from infra.pipeline.collector import collector_spec
from infra.pipeline.website import website_spec
from infra.platform.druid import druid_specs
from infra.platform.edge import edge_spec
from infra.platform.kafka import kafka_specs
from infra.platform.kafka_manager import kafka_manager_spec
from infra.platform.postgres import postgres_spec
from infra.platform.superset import superset_spec
from infra.swarm.spec import ServiceSpec, admin_pages


def service_specs(config: StackConfig) -> list[ServiceSpec]:
    """All specs. `SwarmStack.run` rejects a service that is missing here."""
    behind_the_edge = [
        website_spec(config),
        *kafka_specs(config),
        kafka_manager_spec(config),
        collector_spec(config),
        avro_to_json_spec(config),
        *archive_specs(config),
        *druid_specs(config),
        postgres_spec(),
        superset_spec(config),
    ]
    return [edge_spec(config, admin_pages(behind_the_edge)), *behind_the_edge]
