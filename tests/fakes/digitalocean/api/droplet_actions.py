"""What can be done with a droplet, and what hangs on it."""

from collections.abc import Awaitable, Callable

from aiohttp import web

from tests.fakes.digitalocean.api import actions, firewalls
from tests.fakes.digitalocean.api.account import find_image, snapshot_image
from tests.fakes.digitalocean.api.droplets import BUSY, check_name
from tests.fakes.digitalocean.api.perimeter import enforce_on, firewalls_of
from tests.fakes.digitalocean.catalogue import SIZES
from tests.fakes.digitalocean.cloud import Cloud, now
from tests.fakes.digitalocean.errors import ApiError, unprocessable
from tests.fakes.digitalocean.messages import Body, answer, cloud_of, page, read
from tests.fakes.digitalocean.models import Action, Droplet, Json, Snapshot

routes = web.RouteTableDef()


class NewAction(Body):
    """POST. Which of the rest is needed depends on the type."""

    type: str
    name: str | None = None
    size: str | None = None
    disk: bool | None = None
    image: str | int | None = None


Work = Callable[[Cloud, Droplet, NewAction], Awaitable[None]]


async def _power(cloud: Cloud, droplet: Droplet, body: NewAction) -> None:
    await cloud.backend.power(droplet, body.type, cloud.volumes_of(droplet))
    droplet.status = "off" if body.type in ("power_off", "shutdown") else "active"
    if droplet.status == "active":
        await enforce_on(cloud, droplet)
        for address in cloud.reserved_ips.values():
            if address.droplet_id == droplet.id:
                await cloud.backend.route_reserved_ip(address, None, droplet)


async def _rename(cloud: Cloud, droplet: Droplet, body: NewAction) -> None:
    del cloud
    droplet.name = body.name or ""


async def _resize(cloud: Cloud, droplet: Droplet, body: NewAction) -> None:
    del cloud
    droplet.size = str(body.size)
    if body.disk:
        droplet.disk = SIZES[droplet.size]["disk"]


async def _snapshot(cloud: Cloud, droplet: Droplet, body: NewAction) -> None:
    snapshot = Snapshot(
        id=str(cloud.new_id()),
        name=body.name or f"{droplet.name}-{now()}",
        resource_id=str(droplet.id),
        resource_type="droplet",
        region=droplet.region,
        min_disk_size=droplet.disk,
        size_gigabytes=0.6,
        tags=[],
        created_at=now(),
    )
    cloud.snapshots[snapshot.id] = snapshot


async def _rebuild(cloud: Cloud, droplet: Droplet, body: NewAction) -> None:
    image = find_image(cloud, body.image or droplet.image["id"])
    droplet.image = image or droplet.image
    await cloud.backend.destroy_droplet(droplet)
    await cloud.backend.create_droplet(droplet, cloud.vpcs[droplet.vpc_uuid], cloud.volumes_of(droplet))
    droplet.status = "active"
    await enforce_on(cloud, droplet)


def _feature(name: str, *, on: bool) -> Work:
    async def change(cloud: Cloud, droplet: Droplet, body: NewAction) -> None:
        del cloud, body
        others = [feature for feature in droplet.features if feature != name]
        droplet.features = [*others, name] if on else others

    return change


WORK: dict[str, Work] = {
    **dict.fromkeys(("power_off", "power_on", "shutdown", "reboot", "power_cycle"), _power),
    "rename": _rename,
    "resize": _resize,
    "snapshot": _snapshot,
    "rebuild": _rebuild,
    "enable_backups": _feature("backups", on=True),
    "disable_backups": _feature("backups", on=False),
}


def _check(cloud: Cloud, droplet: Droplet, body: NewAction) -> None:
    problem = ""
    if body.type not in WORK:
        problem = f"The action {body.type!r} is not a valid action of Droplets."
    elif droplet.locked:
        problem = BUSY
    elif body.type == "power_on" and droplet.status == "active":
        problem = "Droplet is already powered on."
    elif body.type in ("power_off", "shutdown", "reboot") and droplet.status == "off":
        problem = "Droplet is already powered off."
    elif body.type == "resize":
        problem = _problem_of_resize(droplet, body)
    elif body.type == "rebuild" and (body.image is None or find_image(cloud, body.image) is None):
        problem = "You specified an invalid image for Droplet creation."
    if problem:
        raise unprocessable(problem)
    if body.type == "rename":
        check_name(body.name or "")


def _problem_of_resize(droplet: Droplet, body: NewAction) -> str:
    size = SIZES.get(body.size or "")
    if size is None:
        return "You specified an invalid size."
    if droplet.status != "off":
        return "The Droplet must be powered off before it is resized."
    if size["disk"] < droplet.disk:
        return "This size is not available because it has a smaller disk."
    return ""


def start(cloud: Cloud, droplet: Droplet, body: NewAction) -> Action:
    """Begins one, if the droplet is free."""
    _check(cloud, droplet, body)
    droplet.locked = True

    async def work() -> None:
        await WORK[body.type](cloud, droplet, body)

    async def unlock() -> None:
        try:
            if fails:
                message = f"simulated: {body.type} of {droplet.name} fails"
                raise RuntimeError(message)
            await work()
        finally:
            droplet.locked = False

    fails = cloud.faults.fails(droplet.name, body.type)
    resource = ("droplet", droplet.id, droplet.region, droplet.urn)
    return cloud.start_action(body.type, resource, unlock, seconds=cloud.timing.droplet_action, fails=False)


def _droplet(request: web.Request) -> Droplet:
    return cloud_of(request).droplet(request.match_info["droplet"])


@routes.post("/v2/droplets/actions")
async def act_on_tagged(request: web.Request) -> web.Response:
    """On all with a tag."""
    cloud, body, tag = cloud_of(request), await read(request, NewAction), request.query.get("tag_name")
    if not tag:
        raise ApiError(400, "tag_name must be given")
    begun = [start(cloud, droplet, body) for droplet in cloud.droplets_tagged(tag)]
    return answer("actions", [actions.render(action) for action in begun], status=201)


@routes.post("/v2/droplets/{droplet}/actions")
async def act(request: web.Request) -> web.Response:
    """On one."""
    droplet, body = _droplet(request), await read(request, NewAction)
    return actions.started(start(cloud_of(request), droplet, body))


@routes.get("/v2/droplets/{droplet}/actions")
async def list_actions(request: web.Request) -> web.Response:
    """Of one."""
    return actions.list_of(request, _droplet(request).urn)


@routes.get("/v2/droplets/{droplet}/actions/{action}")
async def get_action(request: web.Request) -> web.Response:
    """One of one."""
    return actions.find(request, _droplet(request).urn)


@routes.get("/v2/droplets/{droplet}/firewalls")
async def list_firewalls(request: web.Request) -> web.Response:
    """That it is behind."""
    cloud = cloud_of(request)
    return page(request, "firewalls", firewalls_of(cloud, _droplet(request)), lambda one: firewalls.render(cloud, one))


@routes.get("/v2/droplets/{droplet}/snapshots")
async def list_snapshots(request: web.Request) -> web.Response:
    """Taken of it."""
    cloud, droplet = cloud_of(request), _droplet(request)
    taken = [
        snapshot
        for snapshot in cloud.snapshots.values()
        if (snapshot.resource_type, snapshot.resource_id) == ("droplet", str(droplet.id))
    ]
    return page(request, "snapshots", taken, snapshot_image)


@routes.get("/v2/droplets/{droplet}/backups")
async def list_backups(request: web.Request) -> web.Response:
    """None are taken here."""
    _droplet(request)
    return page(request, "backups", [], dict)


@routes.get("/v2/droplets/{droplet}/destroy_with_associated_resources")
async def associated(request: web.Request) -> web.Response:
    """What stays, and costs, when the droplet goes."""
    cloud, droplet = cloud_of(request), _droplet(request)
    addresses: list[Json] = [
        {"id": address.ip, "name": address.ip, "cost": "5.00"}
        for address in cloud.reserved_ips.values()
        if address.droplet_id == droplet.id
    ]
    volumes = [
        {"id": volume.id, "name": volume.name, "cost": f"{volume.size_gigabytes / 10:.2f}"}
        for volume in cloud.volumes_of(droplet)
    ]
    snapshots = [
        {"id": snapshot.id, "name": snapshot.name, "cost": "0.05"}
        for snapshot in cloud.snapshots.values()
        if (snapshot.resource_type, snapshot.resource_id) == ("droplet", str(droplet.id))
    ]
    return web.json_response(
        {
            "reserved_ips": addresses,
            "floating_ips": addresses,
            "snapshots": snapshots,
            "volumes": volumes,
            "volume_snapshots": [],
        }
    )
