"""The HTTP API, modelled on Confluent REST v3: clusters, topics, configs, partitions, consumer groups and lags.

It has no login. The reverse proxy in front of it must require one.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, TypeVar

import structlog
from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from kafka_manager.admin import KafkaAdmin
from kafka_manager.errors import ApiError, bad_request, not_found

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from kafka_manager.admin import Group, Lag, Setting, Topic

log = structlog.get_logger(__name__)

ADMIN: Final = web.AppKey("admin", KafkaAdmin)
_CLUSTER: Final = "/v3/clusters/{cluster_id}"
_TOPIC: Final = _CLUSTER + "/topics/{topic_name}"
_GROUP: Final = _CLUSTER + "/consumer-groups/{consumer_group_id}"

_Model = TypeVar("_Model", bound=BaseModel)
TopicName = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9._-]{1,249}$")]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Config(_Body):
    name: str
    value: str | None = None


class _CreateTopic(_Body):
    topic_name: TopicName
    partitions_count: int = Field(default=-1, ge=-1)
    replication_factor: int = Field(default=-1, ge=-1)
    configs: list[_Config] = []
    validate_only: bool = False


class _PatchTopic(_Body):
    partitions_count: int = Field(ge=1)


class _Alteration(_Config):
    operation: Literal["SET", "DELETE"] = "SET"


class _AlterConfigs(_Body):
    data: list[_Alteration] = Field(min_length=1)
    validate_only: bool = False


def routes() -> list[web.RouteDef]:
    """Return every route of the API."""
    return [
        web.get("/v3/clusters", _clusters),
        web.get(_CLUSTER, _cluster),
        web.get(_CLUSTER + "/brokers", _brokers),
        web.get(_CLUSTER + "/topics", _topics),
        web.post(_CLUSTER + "/topics", _create_topic),
        web.get(_TOPIC, _get_topic),
        web.patch(_TOPIC, _patch_topic),
        web.delete(_TOPIC, _delete_topic),
        web.get(_TOPIC + "/partitions", _partitions),
        web.get(_TOPIC + "/configs", _configs),
        web.get(_TOPIC + "/configs/{name}", _config),
        web.post(_TOPIC + "/configs:alter", _alter_configs),
        web.get(_CLUSTER + "/consumer-groups", _groups),
        web.get(_GROUP, _group),
        web.get(_GROUP + "/lags", _lags),
        web.get(_GROUP + "/lag-summary", _lag_summary),
    ]


@web.middleware
async def errors_as_json(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Answer every error under /v3 with {"error_code", "message"}."""
    if not request.path.startswith("/v3"):
        return await handler(request)
    try:
        return await handler(request)
    except ApiError as error:
        return web.json_response({"error_code": error.code, "message": error.message}, status=error.status)
    except web.HTTPException as error:
        return web.json_response({"error_code": error.status, "message": error.reason}, status=error.status)
    except Exception:  # the client gets a generic error, the log gets the trace
        log.exception("a request failed", method=request.method, path=request.path)
        body = {"error_code": 50002, "message": "internal error; the manager's log has the trace"}
        return web.json_response(body, status=HTTPStatus.INTERNAL_SERVER_ERROR)


async def _clusters(request: web.Request) -> web.Response:
    cluster = await request.app[ADMIN].cluster()
    return listed(request, "KafkaClusterList", [_cluster_json(request, cluster.id, cluster.controller_id)])


async def _cluster(request: web.Request) -> web.Response:
    await checked_cluster(request)
    cluster = await request.app[ADMIN].cluster()
    return web.json_response(_cluster_json(request, cluster.id, cluster.controller_id))


async def _brokers(request: web.Request) -> web.Response:
    cluster_id = await checked_cluster(request)
    cluster = await request.app[ADMIN].cluster()
    return listed(
        request,
        "KafkaBrokerList",
        [
            {
                **_object(request, "KafkaBroker", f"/brokers/{broker.id}", cluster_id),
                "broker_id": broker.id,
                "host": broker.host,
                "port": broker.port,
            }
            for broker in cluster.brokers
        ],
    )


async def _topics(request: web.Request) -> web.Response:
    cluster_id = await checked_cluster(request)
    found = await request.app[ADMIN].topics()
    return listed(request, "KafkaTopicList", [_topic_json(request, cluster_id, topic) for topic in found])


async def _create_topic(request: web.Request) -> web.Response:
    cluster_id = await checked_cluster(request)
    body = await _parsed(request, _CreateTopic)
    if missing := [entry.name for entry in body.configs if entry.value is None]:
        message = f"configs: no value for {', '.join(missing)}"
        raise bad_request(message)
    await request.app[ADMIN].create_topic(
        body.topic_name,
        body.partitions_count,
        body.replication_factor,
        {entry.name: entry.value or "" for entry in body.configs},
        validate_only=body.validate_only,
    )
    document = {
        **_object(request, "KafkaTopic", f"/topics/{body.topic_name}", cluster_id),
        "topic_name": body.topic_name,
        "is_internal": False,
        "replication_factor": body.replication_factor,
        "partitions_count": body.partitions_count,
    }
    status = HTTPStatus.OK if body.validate_only else HTTPStatus.CREATED
    return web.json_response(document, status=status)


async def _get_topic(request: web.Request) -> web.Response:
    cluster_id = await checked_cluster(request)
    topic = await request.app[ADMIN].topic(request.match_info["topic_name"])
    return web.json_response(_topic_json(request, cluster_id, topic))


async def _patch_topic(request: web.Request) -> web.Response:
    cluster_id = await checked_cluster(request)
    body = await _parsed(request, _PatchTopic)
    name = request.match_info["topic_name"]
    await request.app[ADMIN].set_partitions(name, body.partitions_count)
    topic = await request.app[ADMIN].topic(name)
    return web.json_response(_topic_json(request, cluster_id, topic) | {"partitions_count": body.partitions_count})


async def _delete_topic(request: web.Request) -> web.Response:
    await checked_cluster(request)
    await request.app[ADMIN].delete_topic(request.match_info["topic_name"])
    return web.Response(status=HTTPStatus.NO_CONTENT)


async def _partitions(request: web.Request) -> web.Response:
    cluster_id = await checked_cluster(request)
    topic = await request.app[ADMIN].topic(request.match_info["topic_name"])
    return listed(
        request,
        "KafkaPartitionList",
        [
            {
                **_object(request, "KafkaPartition", f"/topics/{topic.name}/partitions/{number}", cluster_id),
                "topic_name": topic.name,
                "partition_id": number,
                "leader_id": part.leader,
                "replicas": list(part.replicas),
                "in_sync_replicas": list(part.in_sync),
            }
            for number, part in topic.partitions.items()
        ],
    )


async def _configs(request: web.Request) -> web.Response:
    cluster_id = await checked_cluster(request)
    name = request.match_info["topic_name"]
    entries = await request.app[ADMIN].settings(name)
    data = [_config_json(request, cluster_id, name, entry) for entry in entries]
    return listed(request, "KafkaTopicConfigList", data)


async def _config(request: web.Request) -> web.Response:
    cluster_id = await checked_cluster(request)
    topic, name = request.match_info["topic_name"], request.match_info["name"]
    entry = next((entry for entry in await request.app[ADMIN].settings(topic) if entry.name == name), None)
    if entry is None:
        message = f"topics have no config {name}"
        raise not_found(message)
    return web.json_response(_config_json(request, cluster_id, topic, entry))


async def _alter_configs(request: web.Request) -> web.Response:
    await checked_cluster(request)
    body = await _parsed(request, _AlterConfigs)
    if missing := [entry.name for entry in body.data if entry.operation == "SET" and entry.value is None]:
        message = f"data: no value for {', '.join(missing)}; operation DELETE puts a config back to its default"
        raise bad_request(message)
    await request.app[ADMIN].alter_settings(
        request.match_info["topic_name"],
        {entry.name: entry.value if entry.operation == "SET" else None for entry in body.data},
        validate_only=body.validate_only,
    )
    return web.Response(status=HTTPStatus.NO_CONTENT)


async def _groups(request: web.Request) -> web.Response:
    cluster_id = await checked_cluster(request)
    found = await request.app[ADMIN].groups()
    return listed(request, "KafkaConsumerGroupList", [_group_json(request, cluster_id, group) for group in found])


async def _group(request: web.Request) -> web.Response:
    cluster_id = await checked_cluster(request)
    group = await request.app[ADMIN].group(request.match_info["consumer_group_id"])
    return web.json_response(_group_json(request, cluster_id, group))


async def _lags(request: web.Request) -> web.Response:
    cluster_id = await checked_cluster(request)
    group = request.match_info["consumer_group_id"]
    found = await request.app[ADMIN].lags(group)
    return listed(request, "KafkaConsumerLagList", [_lag_json(request, cluster_id, group, lag) for lag in found])


async def _lag_summary(request: web.Request) -> web.Response:
    cluster_id = await checked_cluster(request)
    group = request.match_info["consumer_group_id"]
    found = await request.app[ADMIN].lags(group)
    worst = max(found, key=_behind, default=None)
    return web.json_response(
        {
            **_object(request, "KafkaConsumerGroupLagSummary", f"/consumer-groups/{group}/lag-summary", cluster_id),
            "consumer_group_id": group,
            "max_lag_topic_name": worst.topic if worst else None,
            "max_lag_partition_id": worst.partition if worst else None,
            "max_lag": _behind(worst) if worst else 0,
            "total_lag": sum(_behind(lag) for lag in found),
        }
    )


async def checked_cluster(request: web.Request) -> str:
    """Return the cluster id from the path. ApiError 404 if it is not this cluster's."""
    asked, cluster = request.match_info["cluster_id"], await request.app[ADMIN].cluster()
    if asked != cluster.id:
        message = f"there is no cluster {asked}; this one is {cluster.id}"
        raise not_found(message)
    return cluster.id


async def _parsed(request: web.Request, model: type[_Model]) -> _Model:
    # A form on another site can post text/plain with the user's stored login, but not JSON.
    if request.content_type != "application/json":
        raise ApiError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, 415, "Content-Type must be application/json")
    try:
        return model.model_validate_json(await request.read())
    except ValidationError as error:
        issues = [f"{'.'.join(map(str, item['loc'])) or 'body'}: {item['msg']}" for item in error.errors()]
        raise bad_request("; ".join(issues)) from error


def _object(request: web.Request, kind: str, path: str, cluster_id: str) -> dict[str, Any]:
    url = f"{_root(request)}/v3/clusters/{cluster_id}{path}"
    name = "crn:///kafka=" + cluster_id + re.sub(r"/([a-z-]+?)s?/([^/]+)", r"/\1=\2", path)
    return {"kind": kind, "metadata": {"self": url, "resource_name": name}, "cluster_id": cluster_id}


def listed(request: web.Request, kind: str, data: Iterable[dict[str, Any]]) -> web.Response:
    """Wrap the objects in the API's list format."""
    metadata = {"self": f"{_root(request)}{request.path}", "next": None}
    return web.json_response({"kind": kind, "metadata": metadata, "data": list(data)})


def _root(request: web.Request) -> str:
    scheme = request.headers.get("X-Forwarded-Proto", request.scheme)
    return f"{scheme}://{request.host}"


def _cluster_json(request: web.Request, cluster_id: str, controller: int) -> dict[str, Any]:
    return {
        **_object(request, "KafkaCluster", "", cluster_id),
        "controller": {"related": f"{_root(request)}/v3/clusters/{cluster_id}/brokers/{controller}"},
    }


def _topic_json(request: web.Request, cluster_id: str, topic: Topic) -> dict[str, Any]:
    return {
        **_object(request, "KafkaTopic", f"/topics/{topic.name}", cluster_id),
        "topic_name": topic.name,
        "is_internal": topic.internal,
        "replication_factor": topic.replication_factor,
        "partitions_count": len(topic.partitions),
    }


def _config_json(request: web.Request, cluster_id: str, topic: str, entry: Setting) -> dict[str, Any]:
    return {
        **_object(request, "KafkaTopicConfig", f"/topics/{topic}/configs/{entry.name}", cluster_id),
        "topic_name": topic,
        "name": entry.name,
        "value": entry.value,
        "is_default": entry.default,
        "is_read_only": entry.read_only,
        "is_sensitive": entry.sensitive,
        "source": entry.source,
    }


def _group_json(request: web.Request, cluster_id: str, group: Group) -> dict[str, Any]:
    return {
        **_object(request, "KafkaConsumerGroup", f"/consumer-groups/{group.id}", cluster_id),
        "consumer_group_id": group.id,
        "is_simple": group.simple,
        "partition_assignor": group.assignor,
        "state": group.state,
    }


def _lag_json(request: web.Request, cluster_id: str, group: str, lag: Lag) -> dict[str, Any]:
    path = f"/consumer-groups/{group}/lags/{lag.topic}~{lag.partition}"
    return {
        **_object(request, "KafkaConsumerLag", path, cluster_id),
        "consumer_group_id": group,
        "topic_name": lag.topic,
        "partition_id": lag.partition,
        "current_offset": lag.current,
        "log_end_offset": lag.end,
        "lag": _behind(lag),
        "consumer_id": lag.member.consumer_id if lag.member else None,
        "instance_id": lag.member.instance_id if lag.member else None,
        "client_id": lag.member.client_id if lag.member else None,
    }


def _behind(lag: Lag) -> int:
    return max(0, lag.end - (lag.current or 0))
