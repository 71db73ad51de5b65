"""The container registry, under its old path (one an account) and the new one."""

import base64
import re
import secrets
import uuid
from typing import Annotated, Literal

from aiohttp import web
from pydantic import Field

from tests.fakes.digitalocean.backend import RegistryLimits
from tests.fakes.digitalocean.cloud import Cloud, now
from tests.fakes.digitalocean.errors import ApiError, not_found, unprocessable
from tests.fakes.digitalocean.messages import Body, answer, cloud_of, empty, page, read
from tests.fakes.digitalocean.models import Credential, Json, Registry

routes = web.RouteTableDef()

MIB, GIB = 1024**2, 1024**3
REGIONS = ("nyc3", "sfo3", "ams3", "sgp1", "fra1")
# slug: (name, repositories (0 is any number), bytes of storage and of transfer, cents a month)
_TIERS = {
    "starter": ("Starter", 1, 500 * MIB, 500 * MIB, 0),
    "basic": ("Basic", 5, 5 * GIB, 5 * GIB, 500),
    "professional": ("Professional", 0, 100 * GIB, 100 * GIB, 2000),
}
Tier = Literal["starter", "basic", "professional"]


class NewRegistry(Body):
    """POST."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,63}$")]
    subscription_tier_slug: Tier
    region: str = "nyc3"


class Subscription(Body):
    """POST .../subscription."""

    tier_slug: Tier


class Name(Body):
    """POST .../validate-name."""

    name: str


def _tier(slug: str) -> Json:
    name, repositories, storage, transfer, cents = _TIERS[slug]
    return {
        "name": name,
        "slug": slug,
        "included_repositories": repositories,
        "included_storage_bytes": storage,
        "allow_storage_overage": slug != "starter",
        "included_bandwidth_bytes": transfer,
        "monthly_price_in_cents": cents,
        "storage_overage_price_in_cents": 2,
    }


def _subscription(cloud: Cloud) -> Json:
    created = cloud.registry.created_at if cloud.registry else now()
    return {"tier": _tier(cloud.subscription_tier), "created_at": created, "updated_at": created}


async def render(cloud: Cloud, registry: Registry) -> Json:
    """As the API shows it."""
    return {
        "name": registry.name,
        "created_at": registry.created_at,
        "region": registry.region,
        "storage_usage_bytes": await cloud.backend.registry_bytes(),
        "storage_usage_bytes_updated_at": registry.created_at,
        "subscription": _subscription(cloud),
    }


async def _apply(cloud: Cloud, registry: Registry | None) -> None:
    """Make the registry true, with its logins and its tier's limits."""
    _, repositories, storage, _, _ = _TIERS[cloud.subscription_tier]
    limits = RegistryLimits(repositories, 0 if _tier(cloud.subscription_tier)["allow_storage_overage"] else storage)
    await cloud.backend.set_registry(registry, registry.credentials if registry else [], limits)


async def _ineligible(cloud: Cloud, slug: str) -> list[str]:
    """Why the account's registry does not fit into a tier."""
    tier, reasons = _tier(slug), []
    if 0 < tier["included_repositories"] < len(await cloud.backend.repositories()):
        reasons.append("OverRepositoryLimit")
    if tier["included_storage_bytes"] < await cloud.backend.registry_bytes() and not tier["allow_storage_overage"]:
        reasons.append("OverStorageLimit")
    return reasons


def _registry(request: web.Request) -> Registry:
    registry = cloud_of(request).registry
    if registry is None or request.match_info.get("registry", registry.name) != registry.name:
        raise not_found()
    return registry


@routes.get("/v2/registry")
@routes.get("/v2/registries/{registry}")
async def get(request: web.Request) -> web.Response:
    """The one."""
    return answer("registry", await render(cloud_of(request), _registry(request)))


@routes.get("/v2/registries")
async def list_registries(request: web.Request) -> web.Response:
    """At most one."""
    cloud = cloud_of(request)
    found = [cloud.registry] if cloud.registry else []
    return web.json_response(
        {"registries": [await render(cloud, one) for one in found], "total_registries": len(found)}
    )


@routes.post("/v2/registry")
@routes.post("/v2/registries")
async def create(request: web.Request) -> web.Response:
    """One an account, as on the starter and basic tiers."""
    cloud, body = cloud_of(request), await read(request, NewRegistry)
    if cloud.registry:
        message = "registry already exists"
        raise ApiError(409, message)
    if body.region not in REGIONS:
        message = f"region must be one of {', '.join(REGIONS)}"
        raise unprocessable(message)
    cloud.subscription_tier = body.subscription_tier_slug
    registry = Registry(name=body.name, region=body.region, created_at=now())
    await _apply(cloud, registry)
    cloud.registry = registry
    return answer("registry", await render(cloud, registry), status=201)


@routes.delete("/v2/registry")
@routes.delete("/v2/registries/{registry}")
async def delete(request: web.Request) -> web.Response:
    """And its images and logins."""
    cloud = cloud_of(request)
    _registry(request)
    await _apply(cloud, None)
    cloud.registry = None
    return empty()


def _flag(request: web.Request, name: str) -> bool:
    return request.query.get(name, "").lower() == "true"


@routes.get("/v2/registry/docker-credentials")
@routes.get("/v2/registries/{registry}/docker-credentials")
async def docker_credentials(request: web.Request) -> web.Response:
    """A docker config.json with a new login: for reading, unless `read_write`; forever, unless `expiry_seconds`."""
    cloud, registry = cloud_of(request), _registry(request)
    try:
        seconds = int(request.query.get("expiry_seconds", "0"))
    except ValueError:
        raise ApiError(400, "expiry_seconds must be a whole number") from None
    credential = Credential(
        user=f"do-{secrets.token_hex(8)}",
        password=secrets.token_urlsafe(24),
        read_write=_flag(request, "read_write"),
    )
    registry.credentials.append(credential)
    await _apply(cloud, registry)
    if seconds:

        async def expire() -> None:
            registry.credentials.remove(credential)
            if cloud.registry is registry:
                await _apply(cloud, registry)

        cloud.later(expire, seconds)
    login = base64.b64encode(f"{credential.user}:{credential.password}".encode()).decode()
    return web.json_response({"auths": {cloud.backend.registry_server: {"auth": login}}})


@routes.get("/v2/registry/options")
@routes.get("/v2/registries/options")
async def options(request: web.Request) -> web.Response:
    """Regions and tiers, each with what keeps the account's registry from it."""
    tiers = []
    for slug in _TIERS:
        reasons = await _ineligible(cloud_of(request), slug)
        tiers.append({**_tier(slug), "eligible": not reasons} | ({"eligibility_reasons": reasons} if reasons else {}))
    return answer("options", {"available_regions": list(REGIONS), "subscription_tiers": tiers})


@routes.get("/v2/registry/subscription")
@routes.get("/v2/registries/subscription")
async def get_subscription(request: web.Request) -> web.Response:
    """Of the account."""
    return answer("subscription", _subscription(cloud_of(request)))


@routes.post("/v2/registry/subscription")
@routes.post("/v2/registries/subscription")
async def set_subscription(request: web.Request) -> web.Response:
    """Another tier, if what is in the registry fits."""
    cloud, body = cloud_of(request), await read(request, Subscription)
    if reasons := await _ineligible(cloud, body.tier_slug):
        message = f"not eligible for tier {body.tier_slug}: {', '.join(reasons)}"
        raise unprocessable(message)
    cloud.subscription_tier = body.tier_slug
    if cloud.registry:
        await _apply(cloud, cloud.registry)
    return answer("subscription", _subscription(cloud))


@routes.post("/v2/registry/validate-name")
@routes.post("/v2/registries/validate-name")
async def validate_name(request: web.Request) -> web.Response:
    """Free or not."""
    cloud, body = cloud_of(request), await read(request, Name)
    if not re.fullmatch(r"[a-z0-9-]{1,63}", body.name):
        message = "invalid registry name"
        raise unprocessable(message)
    if cloud.registry and cloud.registry.name == body.name:
        raise ApiError(409, "name already exists")
    return empty()


@routes.get("/v2/registry/{registry}/repositoriesV2")
@routes.get("/v2/registries/{registry}/repositoriesV2")
async def repositories(request: web.Request) -> web.Response:
    """What was pushed."""
    cloud, registry = cloud_of(request), _registry(request)
    found = await cloud.backend.repositories()
    shown = [
        {
            "registry_name": registry.name,
            "name": path.removeprefix(f"{registry.name}/"),
            "tag_count": len(tags),
            "manifest_count": len(tags),
        }
        for path, tags in found.items()
    ]
    return page(request, "repositories", shown, dict)


@routes.get("/v2/registry/{registry}/garbage-collections")
@routes.get("/v2/registries/{registry}/garbage-collections")
async def list_collections(request: web.Request) -> web.Response:
    """Past ones."""
    return page(request, "garbage_collections", _registry(request).garbage_collections, dict)


@routes.post("/v2/registry/{registry}/garbage-collection")
@routes.post("/v2/registries/{registry}/garbage-collection")
async def collect(request: web.Request) -> web.Response:
    """A record: nothing is collected here."""
    registry, at = _registry(request), now()
    collection: Json = {
        "uuid": str(uuid.uuid4()),
        "registry_name": registry.name,
        "status": "succeeded",
        "created_at": at,
        "updated_at": at,
        "blobs_deleted": 0,
        "freed_bytes": 0,
    }
    registry.garbage_collections.append(collection)
    return answer("garbage_collection", collection, status=201)
