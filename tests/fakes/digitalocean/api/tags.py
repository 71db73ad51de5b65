"""Tags, and what carries them."""

import re
from collections.abc import Iterable

from aiohttp import web

from tests.fakes.digitalocean.cloud import Cloud
from tests.fakes.digitalocean.errors import not_found, unprocessable
from tests.fakes.digitalocean.messages import Body, answer, cloud_of, empty, page, read
from tests.fakes.digitalocean.models import Droplet, Json, Snapshot, Volume

routes = web.RouteTableDef()

VALID = re.compile(r"[a-zA-Z0-9_\-:]{1,255}")
Tagged = Droplet | Volume | Snapshot


class NewTag(Body):
    """POST."""

    name: str


class Resource(Body):
    """One to tag or untag."""

    resource_id: str
    resource_type: str


class Resources(Body):
    """POST and DELETE of .../resources."""

    resources: list[Resource]


def ensure(cloud: Cloud, names: Iterable[str]) -> list[str]:
    """Makes those that are missing, as tagging at creation does; returns the names once each."""
    unique = list(dict.fromkeys(names))
    for name in unique:
        if not VALID.fullmatch(name):
            message = f"tag name {name!r} is invalid: letters, numbers, colons, dashes and underscores, at most 255"
            raise unprocessable(message)
    cloud.tags |= dict.fromkeys(unique)
    return unique


def _of_type(cloud: Cloud, resource_type: str) -> dict[str, Tagged]:
    snapshots = cloud.snapshots.values()
    match resource_type:
        case "droplet":
            return {str(droplet.id): droplet for droplet in cloud.droplets.values()}
        case "volume":
            return dict(cloud.volumes)
        case "image":
            return {one.id: one for one in snapshots if one.resource_type == "droplet"}
        case "volume_snapshot":
            return {one.id: one for one in snapshots if one.resource_type == "volume"}
    message = f"resource_type {resource_type!r} cannot be tagged"
    raise unprocessable(message)


def render(cloud: Cloud, name: str) -> Json:
    """With counts by type; clients rely on all of them."""
    counts = {
        plural: {"count": sum(name in one.tags for one in _of_type(cloud, kind).values())}
        for kind, plural in (
            ("droplet", "droplets"),
            ("image", "images"),
            ("volume", "volumes"),
            ("volume_snapshot", "volume_snapshots"),
        )
    }
    resources: Json = {"count": sum(one["count"] for one in counts.values()), **counts, "databases": {"count": 0}}
    return {"name": name, "resources": resources}


def _name(request: web.Request) -> str:
    name = request.match_info["tag"]
    if name not in cloud_of(request).tags:
        raise not_found()
    return name


@routes.get("/v2/tags")
async def list_tags(request: web.Request) -> web.Response:
    """All of them."""
    cloud = cloud_of(request)
    return page(request, "tags", cloud.tags, lambda name: render(cloud, name))


@routes.post("/v2/tags")
async def create(request: web.Request) -> web.Response:
    """Making one again is not an error."""
    cloud = cloud_of(request)
    (name,) = ensure(cloud, [(await read(request, NewTag)).name])
    return answer("tag", render(cloud, name), status=201)


@routes.get("/v2/tags/{tag}")
async def get(request: web.Request) -> web.Response:
    """One."""
    return answer("tag", render(cloud_of(request), _name(request)))


@routes.delete("/v2/tags/{tag}")
async def delete(request: web.Request) -> web.Response:
    """Takes it off everything."""
    cloud, name = cloud_of(request), _name(request)
    tagged: list[Tagged] = [*cloud.droplets.values(), *cloud.volumes.values(), *cloud.snapshots.values()]
    for one in tagged:
        one.tags = [tag for tag in one.tags if tag != name]
    for firewall in cloud.firewalls.values():
        firewall.tags = [tag for tag in firewall.tags if tag != name]
    del cloud.tags[name]
    return empty()


async def _resources(request: web.Request) -> list[Tagged]:
    cloud, body = cloud_of(request), await read(request, Resources)
    found = [_of_type(cloud, one.resource_type).get(one.resource_id) for one in body.resources]
    if None in found:
        raise not_found()
    return [one for one in found if one is not None]


@routes.post("/v2/tags/{tag}/resources")
async def tag_resources(request: web.Request) -> web.Response:
    """All or none."""
    name = _name(request)
    for one in await _resources(request):
        one.tags = list(dict.fromkeys([*one.tags, name]))
    return empty()


@routes.delete("/v2/tags/{tag}/resources")
async def untag_resources(request: web.Request) -> web.Response:
    """All or none."""
    name = _name(request)
    for one in await _resources(request):
        one.tags = [tag for tag in one.tags if tag != name]
    return empty()
