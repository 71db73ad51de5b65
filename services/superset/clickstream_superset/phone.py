"""Dashboards on a phone.

Superset divides any width by twelve, so that a chart of a quarter's width is 80 pixels wide on a phone. Phones
therefore get a layout with a single column, made from the same dashboard. Nothing is changed in the database.
Pages are as wide as the phone (templates/).
"""

import json
from http import HTTPStatus
from pathlib import Path

from flask import Flask, Request, Response, request
from jinja2 import ChoiceLoader, FileSystemLoader

from clickstream_superset.phone_layout import stacked

TEMPLATES = Path(__file__).parent / "templates"
ENDPOINT = "DashboardRestApi.get"
TOLD_BY = ("Sec-CH-UA-Mobile", "User-Agent")


def install(app: Flask) -> None:
    """Register the layout for phones."""
    app.after_request(_answer)
    app.jinja_loader = ChoiceLoader([FileSystemLoader(TEMPLATES), app.jinja_loader])  # type: ignore[list-item, assignment]


def _is_phone(asked: Request) -> bool:
    """By the header that browsers send for this purpose. Tablets have room, and say that they are not phones."""
    hint = asked.headers.get("Sec-CH-UA-Mobile")
    return hint == "?1" if hint else "Mobi" in asked.headers.get("User-Agent", "")


def _answer(response: Response) -> Response:
    if request.endpoint != ENDPOINT or request.method != "GET" or response.status_code != HTTPStatus.OK:
        return response
    response.vary.update(TOLD_BY)
    if _is_phone(request):
        answer = response.get_json()
        position = json.loads(answer["result"].get("position_json") or "{}")
        answer["result"]["position_json"] = json.dumps(stacked(position))
        response.set_data(json.dumps(answer))
    return response
