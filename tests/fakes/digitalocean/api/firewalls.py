"""Cloud firewalls. Their limits are prose in DigitalOcean's documentation, and enforced here."""

import re
import uuid
from ipaddress import ip_network
from typing import Annotated, Literal

from aiohttp import web
from pydantic import Field

from tests.fakes.digitalocean.api.perimeter import enforce
from tests.fakes.digitalocean.cloud import Cloud, now
from tests.fakes.digitalocean.errors import ApiError, not_found, unprocessable
from tests.fakes.digitalocean.messages import Body, answer, cloud_of, empty, page, read
from tests.fakes.digitalocean.models import Firewall, Json

routes = web.RouteTableDef()

PORTS = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?")
HIGHEST_PORT = 65535


class Ends(Body):
    """Where traffic comes from or goes to."""

    addresses: list[str] | None = None
    tags: list[str] | None = None
    droplet_ids: list[int] | None = None
    load_balancer_uids: list[str] | None = None
    kubernetes_ids: list[str] | None = None


class Inbound(Body):
    """A rule."""

    protocol: Literal["tcp", "udp", "icmp"]
    ports: str | None = None
    sources: Ends


class Outbound(Body):
    """A rule."""

    protocol: Literal["tcp", "udp", "icmp"]
    ports: str | None = None
    destinations: Ends


class Rules(Body):
    """POST and DELETE .../rules."""

    inbound_rules: list[Inbound] | None = None
    outbound_rules: list[Outbound] | None = None


class NewFirewall(Rules):
    """POST and PUT."""

    name: Annotated[str, Field(pattern=r"^[a-zA-Z0-9][a-zA-Z0-9.-]+$")]
    droplet_ids: list[int] | None = None
    tags: list[str] | None = None


class DropletIds(Body):
    """POST and DELETE .../droplets."""

    droplet_ids: list[int]


class Tags(Body):
    """POST and DELETE .../tags."""

    tags: list[str]


def _members(cloud: Cloud, firewall: Firewall) -> list[int]:
    tagged = {one.id for one in cloud.droplets.values() if set(one.tags) & set(firewall.tags)}
    return sorted(tagged | set(firewall.droplet_ids))


def render(cloud: Cloud, firewall: Firewall) -> Json:
    """As the API shows it."""
    waiting = _members(cloud, firewall) if firewall.status == "waiting" else []
    return {
        "id": firewall.id,
        "name": firewall.name,
        "status": firewall.status,
        "created_at": firewall.created_at,
        "pending_changes": [{"droplet_id": one, "removing": False, "status": "waiting"} for one in waiting],
        "inbound_rules": firewall.inbound_rules,
        "outbound_rules": firewall.outbound_rules,
        "droplet_ids": firewall.droplet_ids,
        "tags": firewall.tags,
    }


def _ports(rule: Inbound | Outbound) -> str:
    """As DigitalOcean keeps them: "0" is every port."""
    text = rule.ports or ""
    if rule.protocol == "icmp" or text in ("all", "0"):
        return "0"
    match = PORTS.fullmatch(text)
    ends = [int(end) for end in match.groups() if end is not None] if match else []
    if not ends or ends != sorted(ends) or ends[0] < 1 or ends[-1] > HIGHEST_PORT:
        message = f"ports {text!r} must be a port, a range as 8000-9000, or all"
        raise unprocessable(message)
    return "0" if ends == [1, HIGHEST_PORT] else text


def _ends(cloud: Cloud, ends: Ends) -> Json:
    for address in ends.addresses or []:
        try:
            ip_network(address, strict=False)
        except ValueError:
            message = f"address {address!r} is neither an IP address nor a CIDR"
            raise unprocessable(message) from None
    _check_targets(cloud, ends.droplet_ids or [], ends.tags or [])
    given = ends.model_dump(exclude_none=True)
    if not any(given.values()):
        message = "a rule must have at least one source or destination"
        raise unprocessable(message)
    return {key: value for key, value in given.items() if value}


def _check_targets(cloud: Cloud, droplet_ids: list[int], tags: list[str]) -> None:
    if unknown := [one for one in droplet_ids if one not in cloud.droplets]:
        message = f"droplets {unknown} do not exist"
        raise unprocessable(message)
    if missing := [tag for tag in tags if tag not in cloud.tags]:
        message = f"tags {missing} do not exist"
        raise unprocessable(message)


def _rules(cloud: Cloud, body: Rules) -> tuple[list[Json], list[Json]]:
    inbound = [
        {"protocol": rule.protocol, "ports": _ports(rule), "sources": _ends(cloud, rule.sources)}
        for rule in body.inbound_rules or []
    ]
    outbound = [
        {"protocol": rule.protocol, "ports": _ports(rule), "destinations": _ends(cloud, rule.destinations)}
        for rule in body.outbound_rules or []
    ]
    return inbound, outbound


def _check_limits(cloud: Cloud, firewall: Firewall) -> None:
    limits = cloud.limits
    rules = len(firewall.inbound_rules) + len(firewall.outbound_rules)
    problem = ""
    if rules == 0:
        problem = "must have at least one rule"
    elif rules > limits.firewall_rules:
        problem = f"a firewall can have at most {limits.firewall_rules} rules"
    elif len(firewall.droplet_ids) > limits.firewall_droplets:
        problem = f"a firewall can be assigned to at most {limits.firewall_droplets} Droplets"
    elif len(firewall.tags) > limits.firewall_tags:
        problem = f"a firewall can have at most {limits.firewall_tags} tags"
    if problem:
        raise unprocessable(problem)


def _store(cloud: Cloud, firewall: Firewall) -> None:
    _check_limits(cloud, firewall)
    cloud.firewalls[firewall.id] = firewall
    _apply(cloud, firewall)


def _apply(cloud: Cloud, firewall: Firewall | None = None) -> None:
    if firewall:
        firewall.status = "waiting"

    async def work() -> None:
        await enforce(cloud)
        if firewall:
            firewall.status = "succeeded"

    cloud.later(work, cloud.timing.firewall_apply)


def _build(cloud: Cloud, body: NewFirewall, identifier: str, created_at: str) -> Firewall:
    if any(other.name == body.name and other.id != identifier for other in cloud.firewalls.values()):
        message = "duplicate name"
        raise ApiError(409, message)
    _check_targets(cloud, body.droplet_ids or [], body.tags or [])
    inbound, outbound = _rules(cloud, body)
    return Firewall(
        id=identifier,
        name=body.name,
        inbound_rules=inbound,
        outbound_rules=outbound,
        droplet_ids=list(dict.fromkeys(body.droplet_ids or [])),
        tags=list(dict.fromkeys(body.tags or [])),
        created_at=created_at,
    )


def _firewall(request: web.Request) -> Firewall:
    try:
        return cloud_of(request).firewalls[request.match_info["firewall"]]
    except KeyError:
        raise not_found() from None


@routes.get("/v2/firewalls")
async def list_firewalls(request: web.Request) -> web.Response:
    """All of them."""
    cloud = cloud_of(request)
    return page(request, "firewalls", cloud.firewalls.values(), lambda one: render(cloud, one))


@routes.post("/v2/firewalls")
async def create(request: web.Request) -> web.Response:
    """Waits until the droplets have it."""
    cloud, body = cloud_of(request), await read(request, NewFirewall)
    firewall = _build(cloud, body, str(uuid.uuid4()), now())
    _store(cloud, firewall)
    return answer("firewall", render(cloud, firewall), status=202)


@routes.get("/v2/firewalls/{firewall}")
async def get(request: web.Request) -> web.Response:
    """One."""
    return answer("firewall", render(cloud_of(request), _firewall(request)))


@routes.put("/v2/firewalls/{firewall}")
async def update(request: web.Request) -> web.Response:
    """The whole firewall again: what is not given is gone."""
    cloud, old, body = cloud_of(request), _firewall(request), await read(request, NewFirewall)
    firewall = _build(cloud, body, old.id, old.created_at)
    _store(cloud, firewall)
    return answer("firewall", render(cloud, firewall))


@routes.delete("/v2/firewalls/{firewall}")
async def delete(request: web.Request) -> web.Response:
    """Its droplets are open then, unless another one holds them."""
    cloud = cloud_of(request)
    del cloud.firewalls[_firewall(request).id]
    _apply(cloud)
    return empty()


def _changed(cloud: Cloud, firewall: Firewall, **changes: list[Json] | list[int] | list[str]) -> web.Response:
    _store(cloud, Firewall(**{**vars(firewall), **changes}))
    return empty()


@routes.post("/v2/firewalls/{firewall}/droplets")
@routes.delete("/v2/firewalls/{firewall}/droplets")
async def change_droplets(request: web.Request) -> web.Response:
    """Adds or takes away."""
    cloud, firewall, body = cloud_of(request), _firewall(request), await read(request, DropletIds)
    kept = [one for one in firewall.droplet_ids if one not in body.droplet_ids]
    if request.method == "POST":
        _check_targets(cloud, body.droplet_ids, [])
        kept += body.droplet_ids
    return _changed(cloud, firewall, droplet_ids=kept)


@routes.post("/v2/firewalls/{firewall}/tags")
@routes.delete("/v2/firewalls/{firewall}/tags")
async def change_tags(request: web.Request) -> web.Response:
    """Adds or takes away."""
    cloud, firewall, body = cloud_of(request), _firewall(request), await read(request, Tags)
    kept = [one for one in firewall.tags if one not in body.tags]
    if request.method == "POST":
        _check_targets(cloud, [], body.tags)
        kept += body.tags
    return _changed(cloud, firewall, tags=kept)


@routes.post("/v2/firewalls/{firewall}/rules")
@routes.delete("/v2/firewalls/{firewall}/rules")
async def change_rules(request: web.Request) -> web.Response:
    """Adds or takes away."""
    cloud, firewall = cloud_of(request), _firewall(request)
    inbound, outbound = _rules(cloud, await read(request, Rules))
    kept_in = [rule for rule in firewall.inbound_rules if rule not in inbound]
    kept_out = [rule for rule in firewall.outbound_rules if rule not in outbound]
    if request.method == "POST":
        kept_in, kept_out = kept_in + inbound, kept_out + outbound
    return _changed(cloud, firewall, inbound_rules=kept_in, outbound_rules=kept_out)
