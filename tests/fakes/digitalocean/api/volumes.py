"""Block storage volumes: attached to one droplet at most, of the same region."""

import re
import uuid
from collections.abc import Awaitable, Callable
from typing import Annotated, Literal

from aiohttp import web
from pydantic import Field

from tests.fakes.digitalocean.api import actions, tags
from tests.fakes.digitalocean.api.droplets import BUSY
from tests.fakes.digitalocean.catalogue import REGIONS
from tests.fakes.digitalocean.cloud import Cloud, now
from tests.fakes.digitalocean.errors import ApiError, forbidden, not_found, unprocessable
from tests.fakes.digitalocean.messages import Body, answer, cloud_of, empty, page, read
from tests.fakes.digitalocean.models import Action, Json, Volume

routes = web.RouteTableDef()

NAME = re.compile(r"[a-z][a-z0-9-]{0,63}")
LARGEST = 16384
LABEL_LENGTH = {"ext4": 16, "xfs": 12}


class NewVolume(Body):
    """POST."""

    name: str
    region: str | None = None
    size_gigabytes: Annotated[int, Field(ge=1, le=LARGEST)]
    description: str = ""
    snapshot_id: str | None = None
    filesystem_type: Literal["ext4", "xfs", ""] | None = None
    filesystem_label: str | None = None
    tags: list[str] | None = None


class NewAction(Body):
    """POST .../actions."""

    type: Literal["attach", "detach", "resize"]
    droplet_id: int | None = None
    volume_name: str | None = None
    region: str | None = None
    size_gigabytes: int | None = None
    tags: list[str] | None = None


def render(volume: Volume) -> Json:
    """As the API shows it."""
    return {
        "id": volume.id,
        "name": volume.name,
        "description": volume.description,
        "region": REGIONS[volume.region],
        "size_gigabytes": volume.size_gigabytes,
        "droplet_ids": [volume.droplet_id] if volume.droplet_id else [],
        "filesystem_type": volume.filesystem_type,
        "filesystem_label": volume.filesystem_label,
        "created_at": volume.created_at,
        "tags": volume.tags,
    }


def _find(cloud: Cloud, *, name: str | None, region: str | None) -> Volume:
    for volume in cloud.volumes.values():
        if (volume.name, volume.region) == (name, region):
            return volume
    raise not_found()


def volume_of(request: web.Request) -> Volume:
    """That the URL names."""
    try:
        return cloud_of(request).volumes[request.match_info["volume"]]
    except KeyError:
        raise not_found() from None


def _source(cloud: Cloud, body: NewVolume) -> tuple[str, int]:
    """Region, and the least size."""
    if not body.snapshot_id:
        if body.region not in REGIONS:
            message = "invalid region"
            raise unprocessable(message)
        return body.region, 1
    snapshot = cloud.snapshots.get(body.snapshot_id)
    if snapshot is None or snapshot.resource_type != "volume":
        raise not_found()
    return snapshot.region, snapshot.min_disk_size


def _check(cloud: Cloud, body: NewVolume, region: str, least: int) -> None:
    if not NAME.fullmatch(body.name):
        message = "name must be lowercase and alphanumeric (dashes allowed), begin with a letter, at most 64 characters"
        raise unprocessable(message)
    if any((other.name, other.region) == (body.name, region) for other in cloud.volumes.values()):
        message = "volume already exists"
        raise ApiError(409, message)
    if body.size_gigabytes < least:
        message = f"size_gigabytes must be at least {least}, the size of the snapshot"
        raise unprocessable(message)
    if sum(other.size_gigabytes for other in cloud.volumes.values()) + body.size_gigabytes > cloud.limits.volumes_gib:
        message = "volume/snapshot capacity limit exceeded"
        raise forbidden(message)
    if body.filesystem_type and len(body.filesystem_label or "") > LABEL_LENGTH[body.filesystem_type]:
        message = f"filesystem_label is longer than {body.filesystem_type} allows"
        raise unprocessable(message)


@routes.get("/v2/volumes")
async def list_volumes(request: web.Request) -> web.Response:
    """All, or by `name` and `region`."""
    found = list(cloud_of(request).volumes.values())
    if name := request.query.get("name"):
        found = [volume for volume in found if volume.name == name]
    if region := request.query.get("region"):
        found = [volume for volume in found if volume.region == region]
    return page(request, "volumes", found, render)


@routes.post("/v2/volumes")
async def create(request: web.Request) -> web.Response:
    """Ready at once."""
    cloud, body = cloud_of(request), await read(request, NewVolume)
    region, least = _source(cloud, body)
    _check(cloud, body, region, least)
    volume = Volume(
        id=str(uuid.uuid4()),
        name=body.name,
        description=body.description,
        region=region,
        size_gigabytes=body.size_gigabytes,
        filesystem_type=body.filesystem_type or "",
        filesystem_label=body.filesystem_label or "",
        tags=tags.ensure(cloud, body.tags or []),
        created_at=now(),
    )
    cloud.volumes[volume.id] = volume
    try:
        await cloud.backend.create_volume(volume)
    except BaseException:
        del cloud.volumes[volume.id]
        raise
    return answer("volume", render(volume), status=201)


async def _delete(cloud: Cloud, volume: Volume) -> web.Response:
    if volume.droplet_id is not None:
        message = "a volume that is attached cannot be deleted"
        raise ApiError(409, message)
    await cloud.backend.delete_volume(volume)
    cloud.volumes.pop(volume.id, None)
    cloud.forget(volume.urn)
    return empty()


@routes.delete("/v2/volumes")
async def delete_by_name(request: web.Request) -> web.Response:
    """By `name` and `region`."""
    cloud, query = cloud_of(request), request.query
    return await _delete(cloud, _find(cloud, name=query.get("name"), region=query.get("region")))


@routes.get("/v2/volumes/{volume}")
async def get(request: web.Request) -> web.Response:
    """One."""
    return answer("volume", render(volume_of(request)))


@routes.delete("/v2/volumes/{volume}")
async def delete(request: web.Request) -> web.Response:
    """One less, with its data."""
    return await _delete(cloud_of(request), volume_of(request))


def _attach(cloud: Cloud, volume: Volume, body: NewAction) -> Callable[[], Awaitable[None]]:
    droplet = cloud.droplet(body.droplet_id or 0)
    problem = ""
    if droplet.region != volume.region:
        problem = "the volume and the Droplet must be in the same region"
    elif volume.droplet_id is not None:
        problem = "This volume is already attached to a Droplet"
    elif droplet.locked:
        problem = BUSY
    elif len(cloud.volumes_of(droplet)) >= cloud.limits.volumes_per_droplet:
        problem = f"limit of {cloud.limits.volumes_per_droplet} volumes per Droplet reached"
    if problem:
        raise unprocessable(problem)
    volume.tags = tags.ensure(cloud, [*volume.tags, *(body.tags or [])])
    volume.droplet_id = droplet.id

    async def work() -> None:
        try:
            await cloud.backend.attach_volume(volume, droplet)
        except BaseException:
            volume.droplet_id = None
            raise

    return work


def _detach(cloud: Cloud, volume: Volume, body: NewAction) -> Callable[[], Awaitable[None]]:
    if volume.droplet_id is None or body.droplet_id not in (None, volume.droplet_id):
        message = "Attachment not found"
        raise ApiError(404, message)
    droplet = cloud.droplet(volume.droplet_id)
    if droplet.locked:
        raise unprocessable(BUSY)

    async def work() -> None:
        await cloud.backend.detach_volume(volume, droplet)
        volume.droplet_id = None

    return work


def _resize(cloud: Cloud, volume: Volume, body: NewAction) -> Callable[[], Awaitable[None]]:
    size = body.size_gigabytes or 0
    if not volume.size_gigabytes <= size <= LARGEST:
        message = f"size_gigabytes must be between {volume.size_gigabytes} and {LARGEST}: a volume cannot shrink"
        raise unprocessable(message)

    async def work() -> None:
        volume.size_gigabytes = size
        await cloud.backend.resize_volume(volume)

    return work


def _act(cloud: Cloud, volume: Volume, body: NewAction) -> Action:
    prepare = {"attach": _attach, "detach": _detach, "resize": _resize}[body.type]
    work = prepare(cloud, volume, body)
    resource = ("volume", None, volume.region, volume.urn)
    names = {"attach": "attach_volume", "detach": "detach_volume", "resize": "resize"}
    fails = cloud.faults.fails(volume.name, names[body.type])
    return cloud.start_action(names[body.type], resource, work, seconds=cloud.timing.volume_action, fails=fails)


@routes.post("/v2/volumes/actions")
async def act_by_name(request: web.Request) -> web.Response:
    """On the volume that the body names."""
    cloud, body = cloud_of(request), await read(request, NewAction)
    volume = _find(cloud, name=body.volume_name, region=body.region)
    return actions.started(_act(cloud, volume, body), 202)


@routes.post("/v2/volumes/{volume}/actions")
async def act(request: web.Request) -> web.Response:
    """Attach, detach, resize."""
    volume, body = volume_of(request), await read(request, NewAction)
    return actions.started(_act(cloud_of(request), volume, body), 202)


@routes.get("/v2/volumes/{volume}/actions")
async def list_actions(request: web.Request) -> web.Response:
    """Of one."""
    return actions.list_of(request, volume_of(request).urn)


@routes.get("/v2/volumes/{volume}/actions/{action}")
async def get_action(request: web.Request) -> web.Response:
    """One of one."""
    return actions.find(request, volume_of(request).urn)
