"""The OpenAPI description of the public endpoints, as a collector with given settings serves them.

docs/openapi.json has the default settings (`make openapi`). Internal endpoints are left out: /metrics, /ping, /ready
and /live.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from collector.model.base36 import INT_MAX, LONG_MAX
from collector.protocol.identifier import IDENTIFIER
from collector.protocol.json_source import PROPERTIES, REQUIRED

if TYPE_CHECKING:
    from collector.settings import Settings

Json = dict[str, Any]

_PIXELS: Final[Json] = {"type": ["number", "null"], "minimum": -INT_MAX, "maximum": INT_MAX}
_TEXT: Final[Json] = {"type": ["string", "null"]}
_BEACON_PARAMETERS: Final = {
    "p": "Party ID: 0:<first visit in base-36 ms>:<random id>.",
    "s": "Session ID, of the same form.",
    "v": "Page view ID.",
    "e": "Event ID.",
    "c": "The browser's time in ms since the epoch, base 36.",
    "n": "t if this is the party's first session, else f.",
    "f": "t if this is the session's first event, else f.",
    "t": "Event type.",
    "l": "URL of the page.",
    "d": "Title of the page.",
    "a": "The user who is signed in. It is ignored unless the stack collects user IDs.",
    "r": "URL of the previous page.",
    "i": "Screen width in pixels, base 36.",
    "j": "Screen height in pixels, base 36.",
    "w": "Viewport width in pixels, base 36.",
    "h": "Viewport height in pixels, base 36.",
    "k": "Device pixel ratio, base 36.",
    "u": "The event's own parameters, in mincode.",
    "x": "Checksum of all other parameters, base 36.",
    "noscript": "1 in a browser without JavaScript; the page is then the Referer.",
}
_RESULT: Final[Json] = {
    "type": "object",
    "required": ["accepted", "rejected"],
    "additionalProperties": False,
    "properties": {
        "accepted": {
            "type": "array",
            "items": {"type": "string"},
            "description": "IDs of the events that are stored durably.",
        },
        "rejected": {
            "type": "array",
            "description": "Malformed events. They are kept as a dead letter; do not send them again.",
            "items": {
                "type": "object",
                "required": ["index", "reason"],
                "additionalProperties": False,
                "properties": {
                    "index": {
                        "type": "integer",
                        "minimum": 0,
                        "description": "Position in the list that was sent, from 0.",
                    },
                    "reason": {"type": "string"},
                },
            },
        },
    },
}
_RETRY_AFTER: Final[Json] = {
    "description": "Seconds to wait before sending again.",
    "schema": {"type": "integer", "minimum": 0},
}


def _refusal(text: str, headers: Json | None = None) -> Json:
    answer: Json = {"description": text, "content": {"text/plain": {"schema": {"type": "string"}}}}
    return answer if headers is None else {**answer, "headers": headers}


_RESPONSES: Final[Json] = {
    "BadRequest": _refusal("Malformed. What can be kept becomes a dead letter; do not send it again."),
    "Unauthorized": _refusal(
        "The site of an event has write keys, and the request has none of them. None of its events is stored.",
        {"WWW-Authenticate": {"required": True, "schema": {"type": "string"}}},
    ),
    "MethodNotAllowed": _refusal(
        "The path does not support this method; see the header Allow.",
        {"Allow": {"required": True, "schema": {"type": "string"}}},
    ),
    "TooSlow": _refusal("The request took too long to arrive."),
    "TooLarge": _refusal("The body is too large, or has too many events."),
    "UrlTooLong": _refusal("The URL is too long."),
    "WrongType": _refusal("Unsupported content type or content encoding."),
    "HeadTooLarge": _refusal("The request line and headers are too large."),
    "Unavailable": _refusal(
        "No event could be stored. Send the request again.", {"Retry-After": {**_RETRY_AFTER, "required": True}}
    ),
}
_STATUS: Final = {
    "BadRequest": "400", "Unauthorized": "401", "MethodNotAllowed": "405", "TooSlow": "408", "TooLarge": "413",
    "UrlTooLong": "414", "WrongType": "415", "HeadTooLarge": "431", "Unavailable": "503",
}  # fmt: skip
_OF_ALL: Final = ("BadRequest", "MethodNotAllowed", "TooSlow", "UrlTooLong", "HeadTooLarge", "Unavailable")


def description(settings: Settings, *, with_script: bool) -> Json:
    """The document, for a collector with these settings; `with_script`: it serves the tracker."""
    paths: Json = {settings.event_path: {"get": _beacon(settings)}}
    if settings.batch_path:
        paths[settings.batch_path] = {"post": _batch()}
    if settings.json_path:
        paths[settings.json_path] = {"post": _json_source(settings)}
    if with_script:
        paths[settings.script_path] = {"get": _script()}
    paths[settings.openapi_path] = {"get": _itself()}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Clickstream collector",
            "version": "1.0.0",
            "description": "Accepts events from browsers, apps and servers, and answers once they are stored durably.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": _schemas(settings),
            "responses": _RESPONSES,
            "securitySchemes": {
                "writeKey": {"type": "http", "scheme": "bearer", "description": "A write key of the events' site."}
            },
        },
    }


def _schemas(settings: Settings) -> Json:
    ids = [] if settings.cookieless else ["p", "s"]
    identifier = {} if settings.cookieless else {"type": "string", "pattern": IDENTIFIER}
    batch_event = {
        "type": "object",
        "description": "An event of a page, with the parameter names of the beacon.",
        "required": [*ids, "v", "e", "c"],
        "properties": {
            "p": {**identifier, "description": _BEACON_PARAMETERS["p"]},
            "s": {**identifier, "description": _BEACON_PARAMETERS["s"]},
            "v": {"type": "string", "description": _BEACON_PARAMETERS["v"]},
            "e": {"type": "string", "description": _BEACON_PARAMETERS["e"]},
            "c": {
                "type": "integer",
                "minimum": -LONG_MAX,
                "maximum": LONG_MAX,
                "description": "The browser's time in ms since the epoch.",
            },
            "n": {"type": "boolean", "description": "Whether this is the party's first session."},
            "f": {"type": "boolean", "description": "Whether this is the session's first event."},
            **{name: {**_TEXT, "description": _BEACON_PARAMETERS[name]} for name in "tlrda"},
            **{name: {**_PIXELS, "description": text} for name, text in _SIZES.items()},
            "k": {"type": ["number", "null"], "description": "Device pixel ratio."},
            "u": {"description": "The event's own parameters: any JSON."},
        },
    }
    return {
        "BatchEvent": batch_event,
        "Batch": {
            "type": "object",
            "required": ["events"],
            "properties": {
                "events": {"type": "array", "maxItems": settings.batch_events, "items": _ref("schemas", "BatchEvent")}
            },
        },
        "Event": {
            "type": "object",
            "description": "An event of an app or a server.",
            "required": list(REQUIRED),
            "additionalProperties": False,
            "properties": PROPERTIES,
        },
        "Events": {"type": "array", "maxItems": settings.batch_events, "items": _ref("schemas", "Event")},
        "Result": _RESULT,
    }


_SIZES: Final = {
    "i": "Screen width in pixels.",
    "j": "Screen height in pixels.",
    "w": "Viewport width in pixels.",
    "h": "Viewport height in pixels.",
}


def _ref(kind: str, name: str) -> Json:
    return {"$ref": f"#/components/{kind}/{name}"}


def _refusals(*more: str) -> Json:
    return {_STATUS[name]: _ref("responses", name) for name in (*_OF_ALL, *more)}


def _answers(good: Json, *more: str) -> Json:
    answers = {**good, **_refusals(*more)}
    return {status: answers[status] for status in sorted(answers)}


def _result(text: str) -> Json:
    return {"description": text, "content": {"application/json": {"schema": _ref("schemas", "Result")}}}


def _beacon(settings: Settings) -> Json:
    cache = {"schema": {"type": "string"}}
    names = [*_BEACON_PARAMETERS, *([settings.consent_parameter] if settings.consent_parameter else [])]
    return {
        "operationId": "beacon",
        "summary": "One event of a page, in the query",
        "description": "The answer is always 200, since a browser cannot correct a mistake. A malformed event becomes "
        "a dead letter.",
        "parameters": [
            {
                "name": name,
                "in": "query",
                "description": _BEACON_PARAMETERS.get(name, "The visitor's consent: granted, or anything else."),
                "schema": {"type": "string"},
            }
            for name in names
        ],
        "responses": _answers({
            "200": {
                "description": "A transparent pixel.",
                "headers": {"Cache-Control": {"required": True, **cache}, "ETag": cache},
                "content": {"image/gif": {}},
            },
            "304": {"description": "The browser repeated a request whose event is already counted (If-None-Match)."},
        }),
    }  # fmt: skip


def _batch() -> Json:
    schema = {"schema": _ref("schemas", "Batch")}
    return {
        "operationId": "batch",
        "summary": "Several events of a page",
        "requestBody": {"required": True, "content": {"application/json": schema, "text/plain": schema}},
        "responses": _answers(
            {"200": _result("Which events were accepted. Send those in neither list again.")},
            "TooLarge", "WrongType",
        ),
    }  # fmt: skip


def _json_source(settings: Settings) -> Json:
    party: Json = {
        "name": settings.json_party_parameter,
        "in": "query",
        "description": "Party ID of events without `party_id`.",
        "schema": {"type": "string", "pattern": IDENTIFIER},
    }
    consent: Json = {
        "name": settings.consent_parameter,
        "in": "query",
        "description": "Consent for events without `consent`: granted, or anything else.",
        "schema": {"type": "string"},
    }
    body = {"oneOf": [_ref("schemas", "Event"), _ref("schemas", "Events")]}
    return {
        "operationId": "serverEvents",
        "summary": "One event of an app or a server, or a list",
        "description": f"A single event may have {settings.json_bytes} bytes, a list "
        f"{max(settings.json_bytes, settings.batch_bytes)}. For a site with write keys, one of them is required.",
        "security": [{}, {"writeKey": []}],
        "parameters": [party, consent] if settings.consent_parameter else [party],
        "requestBody": {"required": True, "content": {"application/json": {"schema": body}}},
        "responses": _answers(
            {
                "200": _result("For a list: which events were accepted. Send those in neither list again."),
                "204": {"description": "The event is stored durably."},
            },
            "Unauthorized", "TooLarge", "WrongType",
        ),
    }  # fmt: skip


def _script() -> Json:
    return {
        "operationId": "tracker",
        "summary": "The tracker",
        "responses": _answers({
            "200": {
                "description": "The script.",
                "headers": {"ETag": {"required": True, "schema": {"type": "string"}}},
                "content": {"application/javascript": {}},
            },
            "304": {"description": "The browser has it (If-None-Match)."},
        }),
    }  # fmt: skip


def _itself() -> Json:
    return {
        "operationId": "openapi",
        "summary": "This description",
        "responses": _answers({
            "200": {
                "description": "OpenAPI 3.1.",
                "content": {"application/json": {"schema": {"type": "object", "required": ["openapi", "paths"]}}},
            },
        }),
    }  # fmt: skip
