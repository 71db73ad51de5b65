"""Reading requests and writing answers: JSON bodies, pages, links."""

import json
from collections.abc import Callable, Iterable
from typing import TypeVar
from urllib.parse import urlencode

from aiohttp import web
from pydantic import BaseModel, ConfigDict, ValidationError

from tests.fakes.digitalocean.cloud import Cloud
from tests.fakes.digitalocean.errors import ApiError, unprocessable
from tests.fakes.digitalocean.models import Json

CLOUD = web.AppKey("cloud", Cloud)
PER_PAGE, MOST_PER_PAGE = 20, 200
Item = TypeVar("Item")


class Body(BaseModel):
    """A request's body. What DigitalOcean does not know it ignores; so does this."""

    model_config = ConfigDict(extra="ignore", strict=True)


BodyType = TypeVar("BodyType", bound=Body)


def cloud_of(request: web.Request) -> Cloud:
    """The account that the request is about."""
    return request.app[CLOUD]


async def read(request: web.Request, model: type[BodyType]) -> BodyType:
    """The body, checked."""
    try:
        content = json.loads(await request.text() or "{}")
    except json.JSONDecodeError:
        raise ApiError(400, "The request body is not valid JSON.") from None
    try:
        return model.model_validate(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        message = f"{where or 'request body'}: {first['msg']}"
        raise unprocessable(message) from None


def url_of(request: web.Request, path: str) -> str:
    """An absolute link to something of this API."""
    return str(request.url.origin()) + path


def answer(root: str, content: object, *, status: int = 200, links: Json | None = None) -> web.Response:
    """A body with one root key."""
    body: Json = {root: content}
    if links is not None:
        body["links"] = links
    return web.json_response(body, status=status)


def empty() -> web.Response:
    """204."""
    return web.Response(status=204)


def _whole(request: web.Request, name: str, default: int, most: int | None) -> int:
    text = request.query.get(name, str(default))
    try:
        value = int(text)
    except ValueError:
        value = 0
    if value < 1:
        message = f"{name} must be a whole number of at least 1, not {text}"
        raise ApiError(400, message)
    return value if most is None else min(value, most)


def page(request: web.Request, root: str, items: Iterable[Item], render: Callable[[Item], Json]) -> web.Response:
    """The asked-for page, with links to the others. `links.pages` is absent where everything fits on one."""
    everything = list(items)
    size = _whole(request, "per_page", PER_PAGE, MOST_PER_PAGE)
    number = _whole(request, "page", 1, None)
    last = max(1, -(-len(everything) // size))

    def link(to: int) -> str:
        query = {**request.query, "page": to, "per_page": size}
        return url_of(request, f"{request.path}?{urlencode(query)}")

    pages: Json = {}
    if number > 1:
        pages |= {"first": link(1), "prev": link(number - 1)}
    if number < last:
        pages |= {"next": link(number + 1), "last": link(last)}
    shown = everything[(number - 1) * size : number * size]
    return web.json_response(
        {
            root: [render(item) for item in shown],
            "links": {"pages": pages} if pages else {},
            "meta": {"total": len(everything)},
        }
    )
