"""Reserved addresses: of a region, on one droplet at most."""

from typing import Literal

from aiohttp import web

from tests.fakes.digitalocean.api import actions, droplets
from tests.fakes.digitalocean.backend import free_address
from tests.fakes.digitalocean.catalogue import REGIONS
from tests.fakes.digitalocean.cloud import Cloud
from tests.fakes.digitalocean.errors import not_found, unprocessable
from tests.fakes.digitalocean.messages import Body, answer, cloud_of, empty, page, read, url_of
from tests.fakes.digitalocean.models import Action, Json, ReservedIp

routes = web.RouteTableDef()


class NewAddress(Body):
    """POST. One of both."""

    region: str | None = None
    droplet_id: int | None = None


class NewAction(Body):
    """POST .../actions."""

    type: Literal["assign", "unassign"]
    droplet_id: int | None = None


def render(cloud: Cloud, address: ReservedIp) -> Json:
    """As the API shows it."""
    droplet = cloud.droplets.get(address.droplet_id or 0)
    project, _ = cloud.project_of.get(address.urn, (cloud.default_project().id, ""))
    return {
        "ip": address.ip,
        "region": REGIONS[address.region],
        "droplet": droplets.render(cloud, droplet) if droplet else None,
        "locked": address.locked,
        "project_id": project,
    }


def _address(request: web.Request) -> ReservedIp:
    try:
        return cloud_of(request).reserved_ips[request.match_info["address"]]
    except KeyError:
        raise not_found() from None


def _move(cloud: Cloud, address: ReservedIp, droplet_id: int | None) -> Action:
    """To a droplet, or off."""
    old = cloud.droplets.get(address.droplet_id or 0)
    new = cloud.droplet(droplet_id) if droplet_id is not None else None
    problem = ""
    if address.locked:
        problem = "The reserved IP already has a pending event."
    elif new is None and old is None:
        problem = "The reserved IP is not assigned to a Droplet."
    elif new and new.region != address.region:
        problem = "The Droplet is not in the region of the reserved IP."
    elif new and any(one.droplet_id == new.id for one in cloud.reserved_ips.values() if one is not address):
        problem = "The Droplet already has a reserved IP."
    if problem:
        raise unprocessable(problem)
    address.locked = True

    async def work() -> None:
        try:
            await cloud.backend.route_reserved_ip(address, old, new)
            address.droplet_id = droplet_id
        finally:
            address.locked = False

    action = "assign_ip" if new else "unassign_ip"
    resource = ("reserved_ip", None, address.region, address.urn)
    return cloud.start_action(action, resource, work, seconds=cloud.timing.reserved_ip_action, fails=False)


@routes.get("/v2/reserved_ips")
async def list_addresses(request: web.Request) -> web.Response:
    """All of them."""
    cloud = cloud_of(request)
    return page(request, "reserved_ips", cloud.reserved_ips.values(), lambda one: render(cloud, one))


@routes.post("/v2/reserved_ips")
async def create(request: web.Request) -> web.Response:
    """For a region, or for a droplet at once."""
    cloud, body = cloud_of(request), await read(request, NewAddress)
    droplet = cloud.droplet(body.droplet_id) if body.droplet_id is not None else None
    region = droplet.region if droplet else body.region
    if region not in REGIONS:
        message = "region or droplet_id must be given, and the region must exist"
        raise unprocessable(message)
    if len(cloud.reserved_ips) >= cloud.limits.reserved_ips:
        message = "reserved IP limit exceeded"
        raise unprocessable(message)
    taken = {one.public_ip for one in cloud.droplets.values() if one.public_ip} | set(cloud.reserved_ips)
    ip = str(free_address(cloud.backend.public_network, taken, cloud.backend.own_addresses))
    address = ReservedIp(ip=ip, region=region)
    cloud.reserved_ips[ip] = address
    links: Json = {}
    if droplet:
        action = _move(cloud, address, droplet.id)
        links = {
            "droplets": [
                {"id": droplet.id, "rel": "droplet", "href": url_of(request, f"/v2/droplets/{droplet.id}")},
            ],
            "actions": [{"id": action.id, "rel": "assign_ip", "href": url_of(request, f"/v2/actions/{action.id}")}],
        }
    return answer("reserved_ip", render(cloud, address), status=202, links=links)


@routes.get("/v2/reserved_ips/{address}")
async def get(request: web.Request) -> web.Response:
    """One."""
    return answer("reserved_ip", render(cloud_of(request), _address(request)))


@routes.delete("/v2/reserved_ips/{address}")
async def delete(request: web.Request) -> web.Response:
    """Takes it off its droplet too."""
    cloud, address = cloud_of(request), _address(request)
    if address.locked:
        message = "The reserved IP already has a pending event."
        raise unprocessable(message)
    await cloud.backend.route_reserved_ip(address, cloud.droplets.get(address.droplet_id or 0), None)
    cloud.reserved_ips.pop(address.ip, None)
    cloud.forget(address.urn)
    return empty()


@routes.post("/v2/reserved_ips/{address}/actions")
async def act(request: web.Request) -> web.Response:
    """Assign, unassign."""
    cloud, address, body = cloud_of(request), _address(request), await read(request, NewAction)
    if body.type == "assign" and body.droplet_id is None:
        message = "droplet_id must be given"
        raise unprocessable(message)
    return actions.started(_move(cloud, address, body.droplet_id if body.type == "assign" else None))


@routes.get("/v2/reserved_ips/{address}/actions")
async def list_actions(request: web.Request) -> web.Response:
    """Of one."""
    return actions.list_of(request, _address(request).urn)


@routes.get("/v2/reserved_ips/{address}/actions/{action}")
async def get_action(request: web.Request) -> web.Response:
    """One of one."""
    return actions.find(request, _address(request).urn)
