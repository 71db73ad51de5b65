"""SSH keys of the account."""

import base64
import binascii
import hashlib

from aiohttp import web

from tests.fakes.digitalocean.cloud import Cloud
from tests.fakes.digitalocean.errors import not_found, unprocessable
from tests.fakes.digitalocean.messages import Body, answer, cloud_of, empty, page, read
from tests.fakes.digitalocean.models import Json, SshKey

routes = web.RouteTableDef()


class NewKey(Body):
    """POST."""

    name: str
    public_key: str


class Rename(Body):
    """PUT."""

    name: str


def render(key: SshKey) -> Json:
    """As the API shows it."""
    return {"id": key.id, "fingerprint": key.fingerprint, "public_key": key.public_key, "name": key.name}


def fingerprint(public_key: str) -> str:
    """MD5 over the key, in pairs: `3b:16:bf:...`."""
    try:
        kind, encoded = public_key.split()[:2]
        key = base64.b64decode(encoded, validate=True)
    except (ValueError, binascii.Error):
        kind, key = "?", b""
    if not key[4:].startswith(kind.encode()):
        message = "Key invalid, key should be of the format `type key [comment]`"
        raise unprocessable(message)
    return hashlib.md5(key, usedforsecurity=False).digest().hex(":")


def lookup(cloud: Cloud, identifier: str | int) -> SshKey | None:
    """By number or fingerprint."""
    return next(
        (key for key in cloud.ssh_keys.values() if str(identifier) in (str(key.id), key.fingerprint)),
        None,
    )


def _key(request: web.Request) -> SshKey:
    key = lookup(cloud_of(request), request.match_info["key"])
    if key is None:
        raise not_found()
    return key


@routes.get("/v2/account/keys")
async def list_keys(request: web.Request) -> web.Response:
    """All of them."""
    return page(request, "ssh_keys", cloud_of(request).ssh_keys.values(), render)


@routes.post("/v2/account/keys")
async def create(request: web.Request) -> web.Response:
    """A key is on an account once."""
    cloud, body = cloud_of(request), await read(request, NewKey)
    print_ = fingerprint(body.public_key)
    if lookup(cloud, print_):
        message = "SSH Key is already in use on your account"
        raise unprocessable(message)
    key = SshKey(id=cloud.new_id(), name=body.name, public_key=body.public_key, fingerprint=print_)
    cloud.ssh_keys[key.id] = key
    return answer("ssh_key", render(key), status=201)


@routes.get("/v2/account/keys/{key}")
async def get(request: web.Request) -> web.Response:
    """By number or fingerprint."""
    return answer("ssh_key", render(_key(request)))


@routes.put("/v2/account/keys/{key}")
async def rename(request: web.Request) -> web.Response:
    """Only the name can change."""
    key = _key(request)
    key.name = (await read(request, Rename)).name
    return answer("ssh_key", render(key))


@routes.delete("/v2/account/keys/{key}")
async def delete(request: web.Request) -> web.Response:
    """Droplets keep what they were made with."""
    del cloud_of(request).ssh_keys[_key(request).id]
    return empty()
