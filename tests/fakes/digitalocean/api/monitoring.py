"""Alert policies. Nothing measures the hosts: the policies are kept, and never fire."""

import uuid
from typing import Literal

from aiohttp import web

from tests.fakes.digitalocean.cloud import Cloud
from tests.fakes.digitalocean.errors import not_found, unprocessable
from tests.fakes.digitalocean.messages import Body, answer, cloud_of, empty, page, read
from tests.fakes.digitalocean.models import AlertPolicy, Json

routes = web.RouteTableDef()

METRICS = frozenset(
    f"v1/insights/droplet/{name}"
    for name in (
        "load_1",
        "load_5",
        "load_15",
        "memory_utilization_percent",
        "disk_utilization_percent",
        "cpu",
        "disk_read",
        "disk_write",
        "public_outbound_bandwidth",
        "public_inbound_bandwidth",
        "private_outbound_bandwidth",
        "private_inbound_bandwidth",
    )
)


class Slack(Body):
    """A channel."""

    channel: str
    url: str


class Alerts(Body):
    """Whom to tell."""

    email: list[str] | None = None
    slack: list[Slack] | None = None


class Policy(Body):
    """POST and PUT."""

    alerts: Alerts
    compare: Literal["GreaterThan", "LessThan"]
    description: str
    enabled: bool
    entities: list[str]
    tags: list[str]
    type: str
    value: float
    window: Literal["5m", "10m", "30m", "1h"]


def render(policy: AlertPolicy) -> Json:
    """As the API shows it."""
    return {"uuid": policy.uuid, **policy.policy}


def _checked(cloud: Cloud, policy: Policy) -> Json:
    if policy.type not in METRICS:
        message = f"type {policy.type!r} is not a metric of droplets"
        raise unprocessable(message)
    if not policy.alerts.email and not policy.alerts.slack:
        message = "alerts must name an email address or a Slack channel"
        raise unprocessable(message)
    if unknown := [entity for entity in policy.entities if not entity.isdigit() or int(entity) not in cloud.droplets]:
        message = f"entities {', '.join(unknown)} are no droplets of this account"
        raise unprocessable(message)
    alerts = {"email": policy.alerts.email or [], "slack": [one.model_dump() for one in policy.alerts.slack or []]}
    return policy.model_dump() | {"alerts": alerts}


def _policy(request: web.Request) -> AlertPolicy:
    try:
        return cloud_of(request).alert_policies[request.match_info["policy"]]
    except KeyError:
        raise not_found() from None


@routes.get("/v2/monitoring/alerts")
async def list_policies(request: web.Request) -> web.Response:
    """All of them."""
    return page(request, "policies", cloud_of(request).alert_policies.values(), render)


@routes.post("/v2/monitoring/alerts")
async def create(request: web.Request) -> web.Response:
    """Answered with 200, not 201."""
    cloud, body = cloud_of(request), await read(request, Policy)
    policy = AlertPolicy(uuid=str(uuid.uuid4()), policy=_checked(cloud, body))
    cloud.alert_policies[policy.uuid] = policy
    return answer("policy", render(policy))


@routes.get("/v2/monitoring/alerts/{policy}")
async def get(request: web.Request) -> web.Response:
    """One."""
    return answer("policy", render(_policy(request)))


@routes.put("/v2/monitoring/alerts/{policy}")
async def update(request: web.Request) -> web.Response:
    """The whole policy again."""
    policy, body = _policy(request), await read(request, Policy)
    policy.policy = _checked(cloud_of(request), body)
    return answer("policy", render(policy))


@routes.delete("/v2/monitoring/alerts/{policy}")
async def delete(request: web.Request) -> web.Response:
    """One less."""
    del cloud_of(request).alert_policies[_policy(request).uuid]
    return empty()
