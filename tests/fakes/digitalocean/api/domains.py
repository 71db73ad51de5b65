"""Domains and their records."""

import re
from ipaddress import IPv4Address, IPv6Address
from typing import Annotated, Literal

from aiohttp import web
from pydantic import Field

from tests.fakes.digitalocean.cloud import Cloud
from tests.fakes.digitalocean.errors import not_found, unprocessable
from tests.fakes.digitalocean.messages import Body, answer, cloud_of, empty, page, read
from tests.fakes.digitalocean.models import Domain, Json, Record

routes = web.RouteTableDef()

RecordType = Literal["A", "AAAA", "CAA", "CNAME", "MX", "NS", "SOA", "SRV", "TXT"]
DOMAIN = re.compile(r"(?=.{4,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}")
HOST = re.compile(r"@|\*|(\*\.)?[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9])?)*")
NAME_SERVERS = ("ns1.digitalocean.com", "ns2.digitalocean.com", "ns3.digitalocean.com")
POINTING = ("CNAME", "MX", "NS", "SRV")
SHORTEST_TTL = 30


class NewDomain(Body):
    """POST."""

    name: str
    ip_address: str | None = None


class RecordBody(Body):
    """POST, PUT and PATCH of a record."""

    type: RecordType | None = None
    name: str | None = None
    data: str | None = None
    ttl: Annotated[int, Field(ge=SHORTEST_TTL)] | None = None
    priority: int | None = None
    port: int | None = None
    weight: int | None = None
    flags: int | None = None
    tag: str | None = None


def render_record(record: Record) -> Json:
    """As the API shows it."""
    return {
        "id": record.id,
        "type": record.type,
        "name": record.name,
        "data": record.data,
        "priority": record.priority,
        "port": record.port,
        "ttl": record.ttl,
        "weight": record.weight,
        "flags": record.flags,
        "tag": record.tag,
    }


def zone_file(domain: Domain) -> str:
    """As other name servers would read it."""
    lines = [f"$ORIGIN {domain.name}.", f"$TTL {domain.ttl}"]
    lines += [f"{record.name} {record.ttl} IN {record.type} {record.data}" for record in domain.records.values()]
    return "\n".join(lines) + "\n"


def render(domain: Domain) -> Json:
    """As the API shows it."""
    return {"name": domain.name, "ttl": domain.ttl, "zone_file": zone_file(domain)}


def _domain(request: web.Request) -> Domain:
    try:
        return cloud_of(request).domains[request.match_info["domain"]]
    except KeyError:
        raise not_found() from None


def _record(request: web.Request) -> Record:
    try:
        return _domain(request).records[int(request.match_info["record"])]
    except (KeyError, ValueError):
        raise not_found() from None


def _check(record: Record) -> None:
    problem = ""
    if not HOST.fullmatch(record.name):
        problem = "Name Only valid hostname characters are allowed. (a-z, A-Z, 0-9, ., _ and -)"
    elif not record.data:
        problem = "Data can't be blank"
    elif record.type in POINTING and record.data != "@" and not record.data.endswith("."):
        problem = "Data needs to end with a dot (.)"
    elif record.type in ("MX", "SRV") and record.priority is None:
        problem = "Priority can't be blank"
    elif record.type in ("A", "AAAA"):
        try:
            (IPv4Address if record.type == "A" else IPv6Address)(record.data)
        except ValueError:
            problem = f"IP address did not match IP{'v4' if record.type == 'A' else 'v6'} format"
    if problem:
        raise unprocessable(problem)


def _add(cloud: Cloud, domain: Domain, record: Record) -> Record:
    _check(record)
    for other in domain.records.values():
        if "CNAME" in (record.type, other.type) and record.name == other.name:
            message = "CNAME records cannot share a name with other records"
            raise unprocessable(message)
    record.id = cloud.new_id()
    domain.records[record.id] = record
    return record


@routes.get("/v2/domains")
async def list_domains(request: web.Request) -> web.Response:
    """All of them."""
    return page(request, "domains", cloud_of(request).domains.values(), render)


@routes.post("/v2/domains")
async def create(request: web.Request) -> web.Response:
    """With its name servers, and an address if one is given."""
    cloud, body = cloud_of(request), await read(request, NewDomain)
    if not DOMAIN.fullmatch(body.name):
        message = f"Name {body.name!r} is not a valid domain name"
        raise unprocessable(message)
    if body.name in cloud.domains:
        message = f"domain '{body.name}': name already exists"
        raise unprocessable(message)
    domain = Domain(name=body.name)
    for server in NAME_SERVERS:
        identifier = cloud.new_id()
        domain.records[identifier] = Record(id=identifier, type="NS", name="@", data=server)
    if body.ip_address:
        _add(cloud, domain, Record(id=0, type="A", name="@", data=body.ip_address))
    cloud.domains[domain.name] = domain
    return answer("domain", {"name": domain.name, "ttl": domain.ttl, "zone_file": None}, status=201)


@routes.get("/v2/domains/{domain}")
async def get(request: web.Request) -> web.Response:
    """With its zone file."""
    return answer("domain", render(_domain(request)))


@routes.delete("/v2/domains/{domain}")
async def delete(request: web.Request) -> web.Response:
    """And its records."""
    cloud, domain = cloud_of(request), _domain(request)
    del cloud.domains[domain.name]
    cloud.forget(domain.urn)
    return empty()


@routes.get("/v2/domains/{domain}/records")
async def list_records(request: web.Request) -> web.Response:
    """Filtered by `name` (in full, as the API wants it) and `type`."""
    domain = _domain(request)
    found = list(domain.records.values())
    if wanted := request.query.get("name"):
        found = [one for one in found if wanted == (domain.name if one.name == "@" else f"{one.name}.{domain.name}")]
    if wanted := request.query.get("type"):
        found = [one for one in found if one.type == wanted]
    return page(request, "domain_records", found, render_record)


@routes.post("/v2/domains/{domain}/records")
async def create_record(request: web.Request) -> web.Response:
    """One more."""
    domain, body = _domain(request), await read(request, RecordBody)
    if body.type is None:
        message = "Type can't be blank"
        raise unprocessable(message)
    fields = body.model_dump(exclude_none=True)
    record = Record(id=0, **{"name": "@", "data": "", **fields})
    return answer("domain_record", render_record(_add(cloud_of(request), domain, record)), status=201)


@routes.get("/v2/domains/{domain}/records/{record}")
async def get_record(request: web.Request) -> web.Response:
    """One."""
    return answer("domain_record", render_record(_record(request)))


@routes.put("/v2/domains/{domain}/records/{record}")
@routes.patch("/v2/domains/{domain}/records/{record}")
async def update_record(request: web.Request) -> web.Response:
    """Both change what is given and keep the rest."""
    record, body = _record(request), await read(request, RecordBody)
    changed = Record(**{**vars(record), **body.model_dump(exclude_none=True)})
    _check(changed)
    _domain(request).records[record.id] = changed
    return answer("domain_record", render_record(changed))


@routes.delete("/v2/domains/{domain}/records/{record}")
async def delete_record(request: web.Request) -> web.Response:
    """One less."""
    record = _record(request)
    del _domain(request).records[record.id]
    return empty()
