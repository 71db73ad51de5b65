"""What is reported of JSON that does not fit a schema: the place, what was given, what is allowed."""

import json
from pathlib import Path
from typing import Any

import pytest

from infra.resources.common.json_schema import JsonSchema, Mistake

COLORS: dict[str, Any] = {"enum": ["RED", "GREEN"], "ignoreCase": True}
PERIOD = ("an ISO 8601 period, for example PT1H",)
SHAPE: dict[str, Any] = {
    "type": ["string", "object"],
    "default": "circle",
    "discriminator": {"propertyName": "type", "mapping": {"circle": "#/$defs/circle", "square": "#/$defs/square"}},
}
CIRCLE: dict[str, Any] = {
    "type": "object",
    "properties": {"type": {"const": "circle"}, "radius": {"type": "integer", "format": "int32"}, "color": COLORS},
    "additionalProperties": False,
}
SQUARE: dict[str, Any] = {
    "type": "object",
    "properties": {"type": {"const": "square"}, "side": {"type": "integer"}, "after": {"format": "period"}},
    "additionalProperties": False,
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "schema.json"
    content = {"$comment": "Shapes 1.0", "$defs": {"shape": SHAPE, "circle": CIRCLE, "square": SQUARE}}
    path.write_text(json.dumps(content))
    return path


def found(file: Path, given: Any, additions: dict[str, Any] | None = None) -> list[tuple[Any, ...]]:
    mistakes = JsonSchema(file, additions).mistakes(given, {"$ref": "#/$defs/shape"})
    return [(*mistake.keys, mistake.kind, mistake.given, mistake.allowed) for mistake in mistakes]


@pytest.mark.parametrize(
    "given",
    ["any", {}, {"radius": 1}, {"radius": None, "type": None}, {"color": "green"}, {"type": "square", "after": "PT1H"}],
)
def test_what_fits_has_no_mistake(file: Path, given: Any) -> None:
    assert found(file, given) == []


@pytest.mark.parametrize(
    ("given", "mistake"),
    [
        (5, ("value", "5", ("text or a map",))),
        ({"radius": "wide"}, ("radius", "value", "'wide'", ("a whole number",))),
        ({"radius": True}, ("radius", "value", "True", ("a whole number",))),
        ({"radius": 2**31}, ("radius", "value", str(2**31), ("a whole number of 32 bits",))),
        ({"radius": {}}, ("radius", "value", "a map", ("a whole number",))),
        ({"color": "blue"}, ("color", "value", "'blue'", ("RED", "GREEN"))),
        ({"color": ["red"]}, ("color", "value", "a list", ("RED", "GREEN"))),
        ({"side": 1}, ("side", "unknown", "side", ("color", "radius", "type"))),
        ({"type": "square", "radius": 1}, ("radius", "unknown", "radius", ("after", "side"))),
        ({"type": "squares"}, ("type", "value", "'squares'", ("circle", "square"))),
        ({"type": ["square"]}, ("type", "value", "a list", ("circle", "square"))),
        ({"type": "square", "after": "1 hour"}, ("after", "value", "'1 hour'", PERIOD)),
    ],
)  # fmt: skip
def test_a_mistake_has_its_place_and_what_is_allowed(file: Path, given: Any, mistake: tuple[Any, ...]) -> None:
    assert found(file, given) == [mistake]


def test_every_mistake_is_reported_once(file: Path) -> None:
    additions = {"circle": {"required": ["radius"], "properties": {"color": {"enum": ["RED"]}}}}
    mistakes = found(file, {"color": "blue", "size": 1}, additions)
    assert [(keys, kind) for keys, kind, *_ in mistakes] == [
        ("color", "value"),
        ("radius", "missing"),
        ("size", "unknown"),
    ]


def test_what_is_added_by_hand_narrows_a_property_or_takes_it_out(file: Path) -> None:
    additions = {"circle": {"required": ["radius"], "properties": {"radius": {"minimum": 1}, "color": None}}}
    assert found(file, {"radius": 1}, additions) == []
    assert found(file, {"radius": 0}, additions) == [("radius", "value", "0", ("at least 1",))]
    assert found(file, {"radius": None}, additions) == [("radius", "missing", "", ())]
    assert found(file, {"radius": 1, "color": "red"}, additions) == [("color", "unknown", "color", ("type",))]


@pytest.mark.parametrize("additions", [{"ring": {}}, {"circle": {"properties": {"diameter": {}}}}])
def test_an_addition_to_what_is_gone_names_it(file: Path, additions: dict[str, Any]) -> None:
    with pytest.raises(LookupError, match=r"Shapes 1\.0 has no '(ring|diameter)' any more: change what is added"):
        JsonSchema(file, additions)


def test_the_name_that_was_meant() -> None:
    assert Mistake((), "value", "'squares'", ("circle", "square")).near == "; did you mean square?"
    assert Mistake((), "unknown", "radius2", ("radius",)).near == "; did you mean radius?"
    assert Mistake((), "value", "'a numbers'", ("a number",)).near == "", "a description is no name"
