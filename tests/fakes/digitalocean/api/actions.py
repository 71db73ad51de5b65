"""What is under way, or was."""

from aiohttp import web

from tests.fakes.digitalocean.catalogue import REGIONS
from tests.fakes.digitalocean.errors import not_found
from tests.fakes.digitalocean.messages import answer, cloud_of, page
from tests.fakes.digitalocean.models import Action, Json

routes = web.RouteTableDef()


def render(action: Action) -> Json:
    """As the API shows it."""
    return {
        "id": action.id,
        "status": action.status,
        "type": action.type,
        "started_at": action.started_at,
        "completed_at": action.completed_at,
        "resource_id": action.resource_id,
        "resource_type": action.resource_type,
        "region": REGIONS[action.region],
        "region_slug": action.region,
    }


def started(action: Action, status: int = 201) -> web.Response:
    """The answer to a request that began something."""
    return answer("action", render(action), status=status)


def find(request: web.Request, owner: str | None = None) -> web.Response:
    """The action that the URL names; with an owner, only if it was asked of that one."""
    try:
        action = cloud_of(request).actions[int(request.match_info["action"])]
    except (KeyError, ValueError):
        raise not_found() from None
    if owner is not None and action.owner != owner:
        raise not_found()
    return answer("action", render(action))


def list_of(request: web.Request, owner: str | None = None) -> web.Response:
    """Latest first."""
    chosen = [action for action in cloud_of(request).actions.values() if owner in (None, action.owner)]
    return page(request, "actions", reversed(chosen), render)


@routes.get("/v2/actions")
async def all_actions(request: web.Request) -> web.Response:
    """Of the account."""
    return list_of(request)


@routes.get("/v2/actions/{action}")
async def one_action(request: web.Request) -> web.Response:
    """Any of the account."""
    return find(request)
