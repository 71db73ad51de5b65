"""The simulator's own paths, beside the API: faults, limits, what is left. They take the account's token too."""

from aiohttp import web
from pydantic import BaseModel, ConfigDict, ValidationError

from tests.fakes.digitalocean.errors import unprocessable
from tests.fakes.digitalocean.faults import DropletFault, Faults, HttpFault, Limits
from tests.fakes.digitalocean.messages import cloud_of, empty

routes = web.RouteTableDef()


class NewFaults(BaseModel):
    """PUT /simulator/faults: those in force from now on."""

    model_config = ConfigDict(extra="forbid")

    http: list[HttpFault] = []
    droplets: list[DropletFault] = []


@routes.put("/simulator/faults")
async def set_faults(request: web.Request) -> web.Response:
    """Replaces all faults."""
    try:
        body = NewFaults.model_validate_json(await request.text())
    except ValidationError as error:
        raise unprocessable(str(error)) from None
    cloud_of(request).faults = Faults(http=body.http, droplets=body.droplets)
    return empty()


@routes.patch("/simulator/limits")
async def set_limits(request: web.Request) -> web.Response:
    """Changes those that are given."""
    cloud = cloud_of(request)
    try:
        given = Limits.model_validate_json(await request.text())
    except ValidationError as error:
        raise unprocessable(str(error)) from None
    cloud.limits = cloud.limits.model_copy(update=given.model_dump(exclude_unset=True))
    return empty()


@routes.get("/simulator/inventory")
async def inventory(request: web.Request) -> web.Response:
    """What was made and not taken away, by kind."""
    return web.json_response(cloud_of(request).inventory())
