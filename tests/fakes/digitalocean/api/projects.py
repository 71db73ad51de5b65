"""Projects. Everything is in one: in the default project unless it was put elsewhere."""

import uuid
from typing import Annotated, Literal

from aiohttp import web
from pydantic import Field

from tests.fakes.digitalocean.cloud import Cloud, now
from tests.fakes.digitalocean.errors import ApiError, not_found, unprocessable
from tests.fakes.digitalocean.messages import Body, answer, cloud_of, empty, page, read, url_of
from tests.fakes.digitalocean.models import Json, Project

routes = web.RouteTableDef()

Environment = Literal["Development", "Staging", "Production", ""]
"""Empty is what the real provider writes for none."""
Name = Annotated[str, Field(min_length=1, max_length=175)]
Text = Annotated[str, Field(max_length=255)]
COLLECTIONS = {
    "droplet": "droplets",
    "volume": "volumes",
    "domain": "domains",
    "reservedip": "reserved_ips",
    "floatingip": "reserved_ips",
}
"""URN type to the path of its resources."""


class NewProject(Body):
    """POST."""

    name: Name
    purpose: Annotated[str, Field(min_length=1, max_length=255)]
    description: Text = ""
    environment: Environment | None = None


class Update(Body):
    """PUT and PATCH."""

    name: Name | None = None
    purpose: Text | None = None
    description: Text | None = None
    environment: Environment | None = None
    is_default: bool | None = None


class Assignment(Body):
    """POST .../resources."""

    resources: list[str]


def render(project: Project) -> Json:
    """As the API shows it."""
    return {
        "id": project.id,
        "owner_uuid": "99525febec065ca37b2ffe4f852fd2b2581895e7",
        "owner_id": 258992,
        "name": project.name,
        "description": project.description,
        "purpose": project.purpose,
        "environment": project.environment,
        "is_default": project.is_default,
        "created_at": project.created_at,
        "updated_at": project.updated_at,
    }


def _find(cloud: Cloud, identifier: str) -> Project:
    if identifier == "default":
        return cloud.default_project()
    if identifier not in cloud.projects:
        raise not_found()
    return cloud.projects[identifier]


def _project(request: web.Request) -> Project:
    return _find(cloud_of(request), request.match_info["project"])


def resource(request: web.Request, urn: str, assigned_at: str, status: str) -> Json:
    """One of a project."""
    _, kind, identifier = urn.split(":", 2)
    link = url_of(request, f"/v2/{COLLECTIONS[kind]}/{identifier}")
    return {"urn": urn, "assigned_at": assigned_at or now(), "links": {"self": link}, "status": status}


def _urns_in(cloud: Cloud, project: Project) -> dict[str, str]:
    default = cloud.default_project().id
    places = {urn: cloud.project_of.get(urn, (default, created)) for urn, created in cloud.urns().items()}
    return {urn: assigned for urn, (where, assigned) in places.items() if where == project.id}


@routes.get("/v2/projects")
async def list_projects(request: web.Request) -> web.Response:
    """All of them."""
    return page(request, "projects", cloud_of(request).projects.values(), render)


@routes.post("/v2/projects")
async def create(request: web.Request) -> web.Response:
    """An empty one."""
    cloud, body = cloud_of(request), await read(request, NewProject)
    if any(project.name == body.name for project in cloud.projects.values()):
        message = "name is already in use"
        raise ApiError(409, message)
    created = now()
    project = Project(
        id=str(uuid.uuid4()),
        name=body.name,
        description=body.description,
        purpose=body.purpose,
        environment=body.environment or "Development",
        is_default=False,
        created_at=created,
        updated_at=created,
    )
    cloud.projects[project.id] = project
    return answer("project", render(project), status=201)


@routes.get("/v2/projects/{project}")
async def get(request: web.Request) -> web.Response:
    """By identifier, or `default`."""
    return answer("project", render(_project(request)))


@routes.put("/v2/projects/{project}")
@routes.patch("/v2/projects/{project}")
async def update(request: web.Request) -> web.Response:
    """PUT wants every field, PATCH any."""
    project, body = _project(request), await read(request, Update)
    changes = body.model_dump(exclude_none=True, exclude={"is_default"})
    missing = {"name", "purpose", "description", "environment"} - set(changes)
    if request.method == "PUT" and missing:
        message = f"{', '.join(sorted(missing))} must be given"
        raise unprocessable(message)
    if body.is_default:
        for other in cloud_of(request).projects.values():
            other.is_default = other is project
    for key, value in changes.items():
        if key != "environment" or value:
            setattr(project, key, value)
    project.updated_at = now()
    return answer("project", render(project))


@routes.delete("/v2/projects/{project}")
async def delete(request: web.Request) -> web.Response:
    """An empty one that is not the default."""
    cloud, project = cloud_of(request), _project(request)
    if project.is_default:
        message = "cannot delete the default project"
        raise ApiError(412, message)
    if _urns_in(cloud, project):
        message = "cannot delete a project with resources"
        raise ApiError(412, message)
    del cloud.projects[project.id]
    return empty()


@routes.get("/v2/projects/{project}/resources")
async def list_resources(request: web.Request) -> web.Response:
    """What is in it."""
    found = _urns_in(cloud_of(request), _project(request))
    return page(request, "resources", found.items(), lambda item: resource(request, *item, "ok"))


@routes.post("/v2/projects/{project}/resources")
async def assign(request: web.Request) -> web.Response:
    """Moves things here. What does not exist is said so, one by one."""
    cloud, project, body = cloud_of(request), _project(request), await read(request, Assignment)
    existing, here, given = cloud.urns(), _urns_in(cloud, project), []
    for urn in body.resources:
        known = urn.replace("do:floatingip:", "do:reservedip:")
        if known not in existing:
            kind = urn.split(":")
            if len(kind) < 3 or kind[1] not in COLLECTIONS:
                message = f"resource {urn!r} is not a URN of something that a project can hold"
                raise ApiError(400, message)
            given.append(resource(request, urn, "", "not_found"))
        elif known in here:
            given.append(resource(request, urn, here[known], "already_assigned"))
        else:
            cloud.project_of[known] = (project.id, now())
            given.append(resource(request, urn, "", "assigned"))
    return web.json_response({"resources": given, "links": {}, "meta": {"total": len(given)}})
