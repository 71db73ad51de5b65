"""Private networks. What the schemas do not say: ranges may not overlap, and one with members cannot be deleted."""

import uuid
from ipaddress import IPv4Network
from typing import Annotated

from aiohttp import web
from pydantic import Field

from tests.fakes.digitalocean.catalogue import REGIONS
from tests.fakes.digitalocean.cloud import Cloud, now
from tests.fakes.digitalocean.errors import forbidden, not_found, unprocessable
from tests.fakes.digitalocean.messages import Body, answer, cloud_of, empty, page, read
from tests.fakes.digitalocean.models import Json, Vpc

routes = web.RouteTableDef()

Name = Annotated[str, Field(pattern=r"^[a-zA-Z0-9\-.]+$")]
Description = Annotated[str, Field(max_length=255)]
PRIVATE = tuple(IPv4Network(text) for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"))
WIDEST, NARROWEST, GENERATED = 16, 28, 20
GENERATED_FROM = IPv4Network("10.100.0.0/14")


class NewVpc(Body):
    """POST."""

    name: Name
    region: str
    ip_range: str | None = None
    description: Description = ""


class Update(Body):
    """PUT and PATCH."""

    name: Name | None = None
    description: Description | None = None
    default: bool | None = None


def render(vpc: Vpc) -> Json:
    """As the API shows it. The region is a slug here, not an object."""
    return {
        "id": vpc.id,
        "urn": vpc.urn,
        "name": vpc.name,
        "description": vpc.description,
        "region": vpc.region,
        "ip_range": vpc.ip_range,
        "default": vpc.default,
        "created_at": vpc.created_at,
    }


def find(cloud: Cloud, identifier: str) -> Vpc:
    """Or the API's 404."""
    if identifier not in cloud.vpcs:
        raise not_found()
    return cloud.vpcs[identifier]


def _checked_range(cloud: Cloud, text: str) -> str:
    try:
        network = IPv4Network(text)
    except ValueError:
        message = f"ip_range: {text} is not an IPv4 network in CIDR notation"
        raise unprocessable(message) from None
    if not any(network.subnet_of(private) for private in PRIVATE):
        message = "ip_range must be within 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16"
        raise unprocessable(message)
    if not WIDEST <= network.prefixlen <= NARROWEST:
        message = f"ip_range must be between /{NARROWEST} and /{WIDEST} in size"
        raise unprocessable(message)
    for vpc in cloud.vpcs.values():
        if network.overlaps(IPv4Network(vpc.ip_range)):
            message = (
                f"This range/size overlaps with another VPC network in your account: {vpc.ip_range}. "
                "Please choose a different range."
            )
            raise unprocessable(message)
    return str(network)


def _generated_range(cloud: Cloud) -> str:
    taken = [IPv4Network(vpc.ip_range) for vpc in cloud.vpcs.values()]
    candidates = GENERATED_FROM.subnets(new_prefix=GENERATED)
    return str(next(one for one in candidates if not any(one.overlaps(other) for other in taken)))


async def add(cloud: Cloud, body: NewVpc, *, default: bool) -> Vpc:
    """Makes one."""
    if body.region not in REGIONS:
        message = "The specified region is invalid."
        raise unprocessable(message)
    if any(vpc.name == body.name for vpc in cloud.vpcs.values()):
        message = "Failed to create VPC: a VPC with the same name already exists"
        raise unprocessable(message)
    vpc = Vpc(
        id=str(uuid.uuid4()),
        name=body.name,
        description=body.description,
        region=body.region,
        ip_range=_checked_range(cloud, body.ip_range) if body.ip_range else _generated_range(cloud),
        default=default,
        created_at=now(),
    )
    await cloud.backend.create_vpc(vpc)
    cloud.vpcs[vpc.id] = vpc
    return vpc


async def default_of(cloud: Cloud, region: str) -> Vpc:
    """The region's default network, made when it is first needed."""
    for vpc in cloud.vpcs.values():
        if vpc.default and vpc.region == region:
            return vpc
    return await add(cloud, NewVpc(name=f"default-{region}", region=region), default=True)


@routes.get("/v2/vpcs")
async def list_vpcs(request: web.Request) -> web.Response:
    """All of them."""
    return page(request, "vpcs", cloud_of(request).vpcs.values(), render)


@routes.post("/v2/vpcs")
async def create(request: web.Request) -> web.Response:
    """Never the default of its region: that one is made with the first droplet that names no network."""
    cloud, body = cloud_of(request), await read(request, NewVpc)
    return answer("vpc", render(await add(cloud, body, default=False)), status=201)


@routes.get("/v2/vpcs/{vpc}")
async def get(request: web.Request) -> web.Response:
    """One."""
    return answer("vpc", render(find(cloud_of(request), request.match_info["vpc"])))


@routes.put("/v2/vpcs/{vpc}")
@routes.patch("/v2/vpcs/{vpc}")
async def update(request: web.Request) -> web.Response:
    """Name, description, and whether it is the default; the range never changes."""
    cloud = cloud_of(request)
    vpc, body = find(cloud, request.match_info["vpc"]), await read(request, Update)
    if request.method == "PUT" and body.name is None:
        message = "name is required"
        raise unprocessable(message)
    vpc.name = body.name or vpc.name
    if body.description is not None or request.method == "PUT":
        vpc.description = body.description or ""
    if body.default:
        for other in cloud.vpcs.values():
            other.default = other.default and other.region != vpc.region
        vpc.default = True
    return answer("vpc", render(vpc))


@routes.delete("/v2/vpcs/{vpc}")
async def delete(request: web.Request) -> web.Response:
    """Refused while it has members."""
    cloud = cloud_of(request)
    vpc = find(cloud, request.match_info["vpc"])
    if vpc.default:
        message = "Can not delete VPC: it is the default VPC of its region"
        raise forbidden(message)
    if any(cloud.vpc_members(vpc)):
        message = "Can not delete VPC with members"
        raise forbidden(message)
    await cloud.backend.delete_vpc(vpc)
    cloud.vpcs.pop(vpc.id, None)
    return empty()


@routes.get("/v2/vpcs/{vpc}/members")
async def members(request: web.Request) -> web.Response:
    """Droplets; nothing else here joins a network."""
    cloud = cloud_of(request)
    vpc = find(cloud, request.match_info["vpc"])
    return page(
        request,
        "members",
        cloud.vpc_members(vpc),
        lambda droplet: {"urn": droplet.urn, "name": droplet.name, "created_at": droplet.created_at},
    )


@routes.get("/v2/vpcs/{vpc}/peerings")
async def peerings(request: web.Request) -> web.Response:
    """None are simulated."""
    find(cloud_of(request), request.match_info["vpc"])
    return page(request, "peerings", [], dict)
