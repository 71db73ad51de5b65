"""The whole platform, in the order of the diagram in README.md."""

import pulumi

from infra.config import StackConfig
from infra.config.website import NONE
from infra.pipeline.archive import Archive
from infra.pipeline.avro_to_json import AvroToJson
from infra.pipeline.collector import Collector
from infra.pipeline.website import Website
from infra.platform.druid import Druid
from infra.platform.edge import Edge
from infra.platform.ingestion import Ingestion
from infra.platform.kafka import Kafka
from infra.platform.kafka_manager import KafkaManager
from infra.platform.postgres import Postgres
from infra.platform.superset import Dashboards, Superset
from infra.platform.topics import Topics
from infra.services import service_specs
from infra.swarm.stack import SwarmStack
from infra.targets import make_swarm

config = StackConfig.load()
specs = service_specs(config)
stack = SwarmStack(config, make_swarm(config, specs), specs)

edge = Edge(stack)
website = Website(stack)

kafka = Kafka(stack)
manager = KafkaManager(stack, after=[kafka])
topics = Topics(stack, edge=edge, after=[manager])
converter = AvroToJson(stack, after=[topics])
# After the converter, whose previous version could not read the fields that a new schema adds.
collector = Collector(stack, after=[topics, converter])
archive = Archive(stack, after=[topics])

druid = Druid(stack)
ingestion = Ingestion(stack, edge=edge, after=[druid, topics])

postgres = Postgres(stack)
superset = Superset(stack, after=[postgres])
dashboards = Dashboards(superset, edge=edge, after=[])

stack.check()

pulumi.export("origin", edge.urls.website)
pulumi.export("websiteContent", config.pipeline.website)
pulumi.export("domains", list(config.edge.domain_names))
pulumi.export("redirectWww", config.edge.redirect_www)
if config.pipeline.website != NONE:
    pulumi.export("website", edge.urls.website)
pulumi.export("collector", edge.urls.website.apply(lambda url: url + config.tracking.collector_prefix))
pulumi.export("tracking", config.tracking.public_names)
pulumi.export("tagOptions", config.tracking.tag_options)
pulumi.export("sites", [site.public for site in config.sites.sites])
pulumi.export("trustedProxies", list(config.edge.trusted_proxies))
for page, url in edge.urls.pages.items():
    pulumi.export(page.name, url)
pulumi.export("dockerHost", stack.swarm.docker_host)
pulumi.export("adminUser", config.edge.admin_user)
pulumi.export("adminPassword", edge.admin_password)
pulumi.export("supersetPassword", superset.admin_password)
pulumi.export("viewerUser", superset.viewer_user)
pulumi.export("viewerPassword", superset.viewer_password)
pulumi.export("writeKeys", collector.write_keys or {})
pulumi.export(
    "siteViewers",
    [
        {"user": name, "password": password, "sites": list(sites)}
        for name, (sites, password) in superset.site_viewers.items()
    ],
)
