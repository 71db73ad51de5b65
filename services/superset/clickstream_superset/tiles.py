"""A world map in tiles, drawn here: the background of deck.gl charts, without a key and without another server.

Land and borders are Natural Earth's (public domain, 1:50 million), put beside this file by the image build as TopoJSON.
Tiles are see-through grey, so that they suit a light and a dark page.
"""

import io
import json
import math
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from flask import Blueprint, Response, abort
from PIL import Image, ImageDraw

WORLD = Path(__file__).parent / "world.json"
URL = "/tiles/{z}/{x}/{y}.png"
DEEPEST = 12
SIZE = 256
_FINER = 2  # drawn larger and scaled down: smooth edges
_LAND = (126, 142, 160, 84)
_BORDER = (126, 142, 160, 150)
_MERCATOR_END = 85.0511
_ANTARCTICA = "010"  # goes around the pole, and sends no visitors

Points = npt.NDArray[np.float64]
blueprint = Blueprint("clickstream_tiles", __name__)


@dataclass(frozen=True)
class Polygon:
    """An area with holes; `rings[0]` is its outline. Coordinates from 0 to 1, west to east and north to south."""

    rings: tuple[Points, ...]
    west: float
    north: float
    east: float
    south: float


def polygons(topology: dict[str, Any], name: str) -> list[Polygon]:
    """The polygons of one object of a quantised TopoJSON document, in Web Mercator."""
    arcs = _arcs(topology)
    found = []
    for geometry in topology["objects"][name]["geometries"]:
        if geometry.get("id") == _ANTARCTICA:
            continue
        for area in geometry["arcs"] if geometry["type"] == "MultiPolygon" else [geometry["arcs"]]:
            rings = tuple(_ring(arcs, indexes) for indexes in area)
            west, north = rings[0].min(axis=0)
            east, south = rings[0].max(axis=0)
            found.append(Polygon(rings, float(west), float(north), float(east), float(south)))
    return found


def _arcs(topology: dict[str, Any]) -> list[Points]:
    scale, shift = (np.array(topology["transform"][key]) for key in ("scale", "translate"))
    return [_mercator(np.cumsum(np.array(arc, dtype=np.float64), axis=0) * scale + shift) for arc in topology["arcs"]]


def _ring(arcs: list[Points], indexes: list[int]) -> Points:
    # A negative index is the arc ~index backwards; neighbours share their end points.
    ring = np.concatenate([arcs[index] if index >= 0 else arcs[~index][::-1] for index in indexes])
    # Over the antimeridian it goes on beyond the map; it is drawn once more on the other side.
    ring[:, 0] = np.unwrap(ring[:, 0], period=1)
    return ring


def _mercator(degrees: Points) -> Points:
    latitude = np.radians(np.clip(degrees[:, 1], -_MERCATOR_END, _MERCATOR_END))
    y = 0.5 - np.log(np.tan(latitude) + 1 / np.cos(latitude)) / (2 * math.pi)
    return np.column_stack([degrees[:, 0] / 360 + 0.5, y])


@lru_cache(maxsize=1)
def _world() -> list[Polygon]:
    return polygons(json.loads(WORLD.read_text(encoding="utf-8")), "countries")


def draw(world: list[Polygon], z: int, x: int, y: int) -> bytes:
    """One tile as PNG."""
    count, pixels = 2**z, SIZE * _FINER
    left, top, right, bottom = x / count, y / count, (x + 1) / count, (y + 1) / count
    land, borders = (Image.new("L", (pixels, pixels), 0) for _ in range(2))
    fill, stroke = ImageDraw.Draw(land), ImageDraw.Draw(borders)
    for polygon, turn in ((polygon, turn) for polygon in world for turn in (-1, 0, 1)):
        if polygon.west + turn > right or polygon.east + turn < left or polygon.north > bottom or polygon.south < top:
            continue
        for number, ring in enumerate(polygon.rings):
            outline = ((ring - (left - turn, top)) * (count * pixels)).ravel().tolist()
            fill.polygon(outline, fill=0 if number else 255)
            stroke.line(outline, fill=255, width=_FINER)
    image = Image.new("RGBA", (pixels, pixels), (*_LAND[:3], 0))
    image.paste(_LAND, mask=land)
    image.paste(_BORDER, mask=borders)
    target = io.BytesIO()
    image.resize((SIZE, SIZE), Image.Resampling.BOX).save(target, "PNG")
    return target.getvalue()


@lru_cache(maxsize=2048)
def _tile(z: int, x: int, y: int) -> bytes:
    return draw(_world(), z, x, y)


@blueprint.get("/tiles/<int:z>/<int:x>/<int:y>.png")
def tile(z: int, x: int, y: int) -> Response:
    """A tile of the usual scheme; 404 outside the world, or deeper than the outlines are exact."""
    if z > DEEPEST or x >= 2**z or y >= 2**z:
        abort(404)
    return Response(_tile(z, x, y), mimetype="image/png", headers={"Cache-Control": "public, max-age=2592000"})
