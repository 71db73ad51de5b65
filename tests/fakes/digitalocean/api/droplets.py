"""Droplets: made, listed, destroyed."""

import re
from ipaddress import IPv4Network

from aiohttp import web

from tests.fakes.digitalocean.api import tags, vpcs
from tests.fakes.digitalocean.api.account import find_image
from tests.fakes.digitalocean.api.perimeter import enforce
from tests.fakes.digitalocean.api.ssh_keys import lookup
from tests.fakes.digitalocean.backend import free_address
from tests.fakes.digitalocean.catalogue import REGIONS, SIZES
from tests.fakes.digitalocean.cloud import Cloud, now
from tests.fakes.digitalocean.errors import ApiError, unprocessable
from tests.fakes.digitalocean.messages import Body, answer, cloud_of, empty, page, read, url_of
from tests.fakes.digitalocean.models import Droplet, Json, SshKey, Volume, Vpc

routes = web.RouteTableDef()

NAME = re.compile(r"[a-zA-Z0-9]?[a-z0-9A-Z.\-]*[a-z0-9A-Z]")
GATEWAYS = 2
"""A network's own address and its gateway's."""

BUSY = "Droplet already has a pending event."


class NewDroplets(Body):
    """POST. One `name`, or up to ten `names`."""

    name: str | None = None
    names: list[str] | None = None
    size: str
    image: str | int
    region: str | None = None
    ssh_keys: list[str | int] | None = None
    backups: bool | None = None
    ipv6: bool | None = None
    monitoring: bool | None = None
    private_networking: bool | None = None
    public_networking: bool | None = None
    with_droplet_agent: bool | None = None
    user_data: str | None = None
    volumes: list[str] | None = None
    tags: list[str] | None = None
    vpc_uuid: str | None = None


def _addresses(cloud: Cloud, droplet: Droplet) -> Json:
    """Known once the droplet runs, as on DigitalOcean."""
    if droplet.status == "new" or droplet.public_ip is None or droplet.private_ip is None:
        return {"v4": [], "v6": []}

    def entry(address: str, network: IPv4Network, kind: str) -> Json:
        return {
            "ip_address": address,
            "netmask": str(network.netmask),
            "gateway": str(network[1]),
            "type": kind,
        }

    private = IPv4Network(cloud.vpcs[droplet.vpc_uuid].ip_range)
    v6 = [{"ip_address": droplet.ipv6, "netmask": 64, "gateway": "2001:db8::1", "type": "public"}]
    return {
        "v4": [
            entry(droplet.public_ip, cloud.backend.public_network, "public"),
            entry(droplet.private_ip, private, "private"),
        ],
        "v6": v6 if droplet.ipv6 else [],
    }


def render(cloud: Cloud, droplet: Droplet) -> Json:
    """As the API shows it."""
    size = SIZES[droplet.size]
    return {
        "id": droplet.id,
        "name": droplet.name,
        "memory": size["memory"],
        "vcpus": size["vcpus"],
        "disk": droplet.disk,
        "disk_info": [{"type": "local", "size": {"amount": droplet.disk, "unit": "gib"}}],
        "locked": droplet.locked,
        "status": droplet.status,
        "kernel": None,
        "created_at": droplet.created_at,
        "features": droplet.features,
        "backup_ids": [],
        "next_backup_window": None,
        "snapshot_ids": [
            int(snapshot.id)
            for snapshot in cloud.snapshots.values()
            if (snapshot.resource_type, snapshot.resource_id) == ("droplet", str(droplet.id))
        ],
        "image": droplet.image,
        "volume_ids": [volume.id for volume in cloud.volumes_of(droplet)],
        "size": size,
        "size_slug": droplet.size,
        "networks": _addresses(cloud, droplet),
        "region": REGIONS[droplet.region],
        "tags": droplet.tags,
        "vpc_uuid": droplet.vpc_uuid,
    }


async def observe(cloud: Cloud, droplet: Droplet) -> Json:
    """As it is now: a host may have powered itself off."""
    if not droplet.locked and droplet.status in ("active", "off"):
        droplet.status = "active" if await cloud.backend.is_running(droplet) else "off"
    return render(cloud, droplet)


def check_name(name: str) -> None:
    """As host names."""
    if len(name) > 255 or not NAME.fullmatch(name):
        message = "Only valid hostname characters are allowed. (a-z, A-Z, 0-9, . and -)"
        raise unprocessable(message)


def _keys(cloud: Cloud, wanted: list[str | int]) -> list[SshKey]:
    keys = []
    for identifier in wanted:
        key = lookup(cloud, identifier)
        if key is None:
            message = f"{identifier} are invalid key identifiers for Droplet creation."
            raise unprocessable(message)
        keys.append(key)
    return keys


def _volumes(cloud: Cloud, wanted: list[str], region: str) -> list[Volume]:
    limit = cloud.limits.volumes_per_droplet
    if len(wanted) > limit:
        message = f"a Droplet can have at most {limit} volumes attached"
        raise unprocessable(message)
    for identifier in wanted:
        volume = cloud.volumes.get(identifier)
        if volume is None or volume.region != region:
            message = f"volume {identifier} was not found in region {region}"
            raise unprocessable(message)
        if volume.droplet_id is not None:
            message = f"volume {identifier} is already attached"
            raise unprocessable(message)
    return [cloud.volumes[identifier] for identifier in wanted]


def _check(cloud: Cloud, body: NewDroplets, names: list[str], region: str) -> None:
    at_once = cloud.limits.droplets_at_once
    if not names or len(names) > at_once:
        message = f"between 1 and {at_once} names must be given"
        raise unprocessable(message)
    for name in names:
        check_name(name)
    if len(cloud.droplets) + len(names) > cloud.limits.droplets:
        message = "creating this/these droplet(s) will exceed your droplet limit"
        raise unprocessable(message)
    if body.size not in SIZES:
        message = "You specified an invalid size for Droplet creation."
        raise unprocessable(message)
    if region not in REGIONS:
        message = "You specified an invalid region for Droplet creation."
        raise unprocessable(message)
    if body.size not in REGIONS[region]["sizes"]:
        message = "The requested size is not available in the selected region."
        raise unprocessable(message)
    if len((body.user_data or "").encode()) > cloud.limits.user_data_bytes:
        message = "User data is too large: at most 64 KiB are allowed."
        raise unprocessable(message)
    if len(names) > 1 and body.volumes:
        message = "volumes cannot be attached to several Droplets"
        raise unprocessable(message)


async def _network(cloud: Cloud, body: NewDroplets, region: str) -> Vpc:
    if body.vpc_uuid is None:
        return await vpcs.default_of(cloud, region)
    vpc = cloud.vpcs.get(body.vpc_uuid)
    if vpc is None or vpc.region != region:
        message = f"The VPC {body.vpc_uuid} was not found in region {region}."
        raise unprocessable(message)
    return vpc


def _features(body: NewDroplets) -> list[str]:
    chosen = {
        "backups": body.backups,
        "ipv6": body.ipv6,
        "monitoring": body.monitoring,
        "droplet_agent": body.with_droplet_agent is not False,
        "private_networking": True,
    }
    return [name for name, on in chosen.items() if on]


def _allocate(cloud: Cloud, droplet: Droplet, vpc: Vpc) -> None:
    everyone = [*cloud.droplets.values(), *cloud.leaving.values()]
    public = {one.public_ip for one in everyone if one.public_ip} | set(cloud.reserved_ips)
    private = {one.private_ip for one in everyone if one.vpc_uuid == vpc.id and one.private_ip}
    droplet.public_ip = str(free_address(cloud.backend.public_network, public, cloud.backend.own_addresses))
    droplet.private_ip = str(free_address(IPv4Network(vpc.ip_range), private, GATEWAYS))
    droplet.ipv6 = f"2001:db8::{droplet.id & 0xFFFF:x}" if "ipv6" in droplet.features else None


def _boot(cloud: Cloud, droplet: Droplet, vpc: Vpc, volumes: list[Volume]) -> int:
    async def work() -> None:
        try:
            await cloud.backend.create_droplet(droplet, vpc, volumes)
            droplet.status = "active"
            await enforce(cloud)
        finally:
            droplet.locked = False

    seconds = float("inf") if droplet.stuck else cloud.timing.droplet_create
    resource = ("droplet", droplet.id, droplet.region, droplet.urn)
    return cloud.start_action("create", resource, work, seconds=seconds, fails=False).id


@routes.get("/v2/droplets")
async def list_droplets(request: web.Request) -> web.Response:
    """All, or by `name` or `tag_name`."""
    cloud = cloud_of(request)
    found = list(cloud.droplets.values())
    if name := request.query.get("name"):
        found = [droplet for droplet in found if droplet.name == name]
    if tag := request.query.get("tag_name"):
        found = [droplet for droplet in found if tag in droplet.tags]
    for droplet in found:
        await observe(cloud, droplet)
    return page(request, "droplets", found, lambda droplet: render(cloud, droplet))


@routes.post("/v2/droplets")
async def create(request: web.Request) -> web.Response:
    """Answers while they are being made."""
    cloud, body = cloud_of(request), await read(request, NewDroplets)
    names = body.names or ([body.name] if body.name else [])
    region = body.region or "nyc3"
    _check(cloud, body, names, region)
    image = find_image(cloud, body.image)
    if image is None:
        message = "You specified an invalid image for Droplet creation."
        raise unprocessable(message)
    keys, volumes = _keys(cloud, body.ssh_keys or []), _volumes(cloud, body.volumes or [], region)
    vpc, labels = await _network(cloud, body, region), tags.ensure(cloud, body.tags or [])
    made, actions = [], []
    for name in names:
        droplet = Droplet(
            id=cloud.new_id(),
            name=name,
            size=body.size,
            region=region,
            image=image,
            vpc_uuid=vpc.id,
            created_at=now(),
            ssh_keys=keys,
            user_data=body.user_data or "",
            features=_features(body),
            tags=list(labels),
            disk=SIZES[body.size]["disk"],
            stuck=cloud.faults.stuck(name),
        )
        _allocate(cloud, droplet, vpc)
        cloud.droplets[droplet.id] = droplet
        for volume in volumes:
            volume.droplet_id = droplet.id
        identifier = _boot(cloud, droplet, vpc, volumes)
        made.append(render(cloud, droplet))
        actions.append({"id": identifier, "rel": "create", "href": url_of(request, f"/v2/actions/{identifier}")})
    single = not body.names
    return answer(
        "droplet" if single else "droplets", made[0] if single else made, status=202, links={"actions": actions}
    )


def destroy(cloud: Cloud, droplet: Droplet) -> None:
    """Begins to take it away; volumes and reserved addresses stay, detached."""
    if droplet.locked and not droplet.stuck:
        raise unprocessable(BUSY)
    droplet.locked = True

    async def work() -> None:
        await cloud.backend.destroy_droplet(droplet)
        for volume in cloud.volumes_of(droplet):
            volume.droplet_id = None
        for address in cloud.reserved_ips.values():
            if address.droplet_id == droplet.id:
                address.droplet_id = None
        for firewall in cloud.firewalls.values():
            firewall.droplet_ids = [one for one in firewall.droplet_ids if one != droplet.id]
        del cloud.droplets[droplet.id]
        cloud.forget(droplet.urn)
        if cloud.timing.vpc_release:
            cloud.leaving[droplet.id] = droplet

            async def release() -> None:
                del cloud.leaving[droplet.id]

            cloud.later(release, cloud.timing.vpc_release)
        await enforce(cloud)

    resource = ("droplet", droplet.id, droplet.region, droplet.urn)
    cloud.start_action("destroy", resource, work, seconds=cloud.timing.droplet_destroy, fails=False)


@routes.delete("/v2/droplets")
async def delete_tagged(request: web.Request) -> web.Response:
    """All with a tag."""
    cloud, tag = cloud_of(request), request.query.get("tag_name")
    if not tag:
        raise ApiError(400, "tag_name must be given")
    for droplet in cloud.droplets_tagged(tag):
        destroy(cloud, droplet)
    return empty()


@routes.get("/v2/droplets/{droplet}")
async def get(request: web.Request) -> web.Response:
    """One."""
    cloud = cloud_of(request)
    return answer("droplet", await observe(cloud, cloud.droplet(request.match_info["droplet"])))


@routes.delete("/v2/droplets/{droplet}")
async def delete(request: web.Request) -> web.Response:
    """One less, soon."""
    cloud = cloud_of(request)
    destroy(cloud, cloud.droplet(request.match_info["droplet"]))
    return empty()
