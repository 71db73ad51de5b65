"""The account, and what it can choose from: regions, sizes, images."""

from aiohttp import web

from tests.fakes.digitalocean.catalogue import IMAGES, REGIONS, SIZES
from tests.fakes.digitalocean.cloud import Cloud
from tests.fakes.digitalocean.errors import ApiError, not_found
from tests.fakes.digitalocean.messages import answer, cloud_of, empty, page
from tests.fakes.digitalocean.models import Json, Snapshot

routes = web.RouteTableDef()


def snapshot_image(snapshot: Snapshot) -> Json:
    """A droplet's snapshot as an image."""
    return {
        "id": int(snapshot.id),
        "name": snapshot.name,
        "distribution": "Debian",
        "slug": None,
        "public": False,
        "regions": [snapshot.region],
        "created_at": snapshot.created_at,
        "min_disk_size": snapshot.min_disk_size,
        "size_gigabytes": snapshot.size_gigabytes,
        "description": "",
        "tags": snapshot.tags,
        "status": "available",
        "error_message": "",
        "type": "snapshot",
    }


def own_images(cloud: Cloud) -> list[Json]:
    """Snapshots of droplets."""
    return [snapshot_image(item) for item in cloud.snapshots.values() if item.resource_type == "droplet"]


def find_image(cloud: Cloud, wanted: str | int) -> Json | None:
    """By slug or number."""
    images = [*IMAGES.values(), *own_images(cloud)]
    return next((image for image in images if str(wanted) in (image["slug"], str(image["id"]))), None)


@routes.get("/v2/account")
async def account(request: web.Request) -> web.Response:
    """Its limits, as far as the API tells them."""
    cloud = cloud_of(request)
    return answer(
        "account",
        {
            "droplet_limit": cloud.limits.droplets,
            "floating_ip_limit": cloud.limits.reserved_ips,
            "name": "Simulated Account",
            "email": "owner@example.com",
            "uuid": cloud.uuid,
            "email_verified": True,
            "status": "active",
            "status_message": "",
            "team": {"uuid": cloud.uuid, "name": "My Team"},
        },
    )


@routes.get("/v2/regions")
async def regions(request: web.Request) -> web.Response:
    """All of them."""
    return page(request, "regions", REGIONS.values(), dict)


@routes.get("/v2/sizes")
async def sizes(request: web.Request) -> web.Response:
    """All of them, with prices."""
    return page(request, "sizes", SIZES.values(), dict)


@routes.get("/v2/images")
async def images(request: web.Request) -> web.Response:
    """Base images and the account's own snapshots."""
    cloud = cloud_of(request)
    found = own_images(cloud) if request.query.get("private") == "true" else [*IMAGES.values(), *own_images(cloud)]
    if kind := request.query.get("type"):
        found = [image for image in found if kind == "distribution" and image["type"] == "base"]
    if tag := request.query.get("tag_name"):
        found = [image for image in found if tag in image["tags"]]
    return page(request, "images", found, dict)


@routes.get("/v2/images/{image}")
async def image(request: web.Request) -> web.Response:
    """By slug or number."""
    found = find_image(cloud_of(request), request.match_info["image"])
    if found is None:
        raise not_found()
    return answer("image", found)


@routes.delete("/v2/images/{image}")
async def delete_image(request: web.Request) -> web.Response:
    """A snapshot of a droplet."""
    cloud, wanted = cloud_of(request), request.match_info["image"]
    found = find_image(cloud, wanted)
    if found is None:
        raise not_found()
    if found["public"]:
        raise ApiError(403, "You are not allowed to delete a public image.")
    del cloud.snapshots[str(found["id"])]
    return empty()
