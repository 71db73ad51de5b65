"""Snapshots of droplets and volumes. They are records: a host's disk is not copied."""

import uuid
from typing import Annotated

from aiohttp import web
from pydantic import Field

from tests.fakes.digitalocean.api import tags
from tests.fakes.digitalocean.api.volumes import volume_of
from tests.fakes.digitalocean.cloud import now
from tests.fakes.digitalocean.errors import ApiError, not_found
from tests.fakes.digitalocean.messages import Body, answer, cloud_of, empty, page, read
from tests.fakes.digitalocean.models import Json, Snapshot

routes = web.RouteTableDef()


class NewSnapshot(Body):
    """POST /v2/volumes/{volume}/snapshots."""

    name: Annotated[str, Field(min_length=1)]
    tags: list[str] | None = None


def render(snapshot: Snapshot) -> Json:
    """As the API shows it."""
    return {
        "id": snapshot.id,
        "name": snapshot.name,
        "created_at": snapshot.created_at,
        "regions": [snapshot.region],
        "min_disk_size": snapshot.min_disk_size,
        "size_gigabytes": snapshot.size_gigabytes,
        "resource_id": snapshot.resource_id,
        "resource_type": snapshot.resource_type,
        "tags": snapshot.tags,
    }


def _snapshot(request: web.Request) -> Snapshot:
    try:
        return cloud_of(request).snapshots[request.match_info["snapshot"]]
    except KeyError:
        raise not_found() from None


@routes.get("/v2/snapshots")
async def list_snapshots(request: web.Request) -> web.Response:
    """All, or by `resource_type`."""
    found = list(cloud_of(request).snapshots.values())
    if kind := request.query.get("resource_type"):
        found = [snapshot for snapshot in found if snapshot.resource_type == kind]
    return page(request, "snapshots", found, render)


@routes.get("/v2/snapshots/{snapshot}")
@routes.get("/v2/volumes/snapshots/{snapshot}")
async def get(request: web.Request) -> web.Response:
    """One."""
    return answer("snapshot", render(_snapshot(request)))


@routes.delete("/v2/snapshots/{snapshot}")
@routes.delete("/v2/volumes/snapshots/{snapshot}")
async def delete(request: web.Request) -> web.Response:
    """One less."""
    del cloud_of(request).snapshots[_snapshot(request).id]
    return empty()


@routes.get("/v2/volumes/{volume}/snapshots")
async def list_of_volume(request: web.Request) -> web.Response:
    """Of one volume."""
    volume = volume_of(request)
    found = [one for one in cloud_of(request).snapshots.values() if one.resource_id == volume.id]
    return page(request, "snapshots", found, render)


@routes.post("/v2/volumes/{volume}/snapshots")
async def create(request: web.Request) -> web.Response:
    """Ready at once."""
    cloud, volume, body = cloud_of(request), volume_of(request), await read(request, NewSnapshot)
    if any((one.name, one.resource_id) == (body.name, volume.id) for one in cloud.snapshots.values()):
        message = "a snapshot of this volume with the same name already exists"
        raise ApiError(409, message)
    snapshot = Snapshot(
        id=str(uuid.uuid4()),
        name=body.name,
        resource_id=volume.id,
        resource_type="volume",
        region=volume.region,
        min_disk_size=volume.size_gigabytes,
        size_gigabytes=0.1,
        tags=tags.ensure(cloud, body.tags or []),
        created_at=now(),
    )
    cloud.snapshots[snapshot.id] = snapshot
    return answer("snapshot", render(snapshot), status=201)
