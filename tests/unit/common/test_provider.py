"""The base of dynamic resources, as the engine calls it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pytest
from pydantic import ValidationError
from typing_extensions import override

from infra.resources.common.provider import READY, Observed, Provider, State


@dataclass(frozen=True, kw_only=True)
class LampInputs:
    room: str
    watts: int
    colour: str = "white"
    patience: float = 10


class LampProvider(Provider[LampInputs]):
    outputs = ("state", "serial")
    replace_on = ("room",)
    not_compared = ("patience",)
    found: Observed[LampInputs] | None = Observed()

    @override
    def problems(self, old: State, new: State) -> Iterable[tuple[str, str]]:
        if new["watts"] == 0:
            yield "watts", "0 given; 1 or more is allowed"

    @override
    def normalise(self, new: State) -> State:
        return {**new, "colour": str(new.get("colour", "white")).lower()}

    @override
    def create_resource(self, inputs: LampInputs) -> tuple[str, State]:
        assert isinstance(inputs.watts, int), "the engine hands whole numbers over as floats"
        return f"lamp-{inputs.room}", {"state": READY, "serial": inputs.watts}

    @override
    def observe(self, id_: str, inputs: LampInputs, state: State) -> Observed[LampInputs] | None:
        return self.found


NEW: State = {"room": "hall", "watts": 40.0, "colour": "white", "patience": 10, "__provider": "pickled"}
STATE: State = {**NEW, "state": READY, "serial": 40}


@pytest.fixture
def lamp() -> LampProvider:
    return LampProvider()


def test_a_problem_is_a_failure_of_its_property_and_leaves_the_inputs_alone(lamp: LampProvider) -> None:
    result = lamp.check({}, {**NEW, "watts": 0, "colour": "RED"})
    assert [(failure.property, failure.reason) for failure in result.failures] == [
        ("watts", "0 given; 1 or more is allowed")
    ]
    assert result.inputs["colour"] == "RED"


def test_sound_inputs_are_kept_in_their_normal_form(lamp: LampProvider) -> None:
    result = lamp.check({}, {**NEW, "colour": "RED"})
    assert not result.failures
    assert result.inputs == {**NEW, "colour": "red"}


@pytest.mark.parametrize(
    ("changes", "changed", "replaces"),
    [
        ({}, False, []),
        ({"watts": 60}, True, []),
        ({"room": "attic"}, True, ["room"]),
        ({"patience": 99}, False, []),
        ({"__provider": "another version"}, False, []),
    ],
)
def test_a_diff_compares_the_inputs_that_count(
    lamp: LampProvider, changes: State, *, changed: bool, replaces: list[str]
) -> None:
    result = lamp.diff("lamp-hall", STATE, {**NEW, **changes})
    assert (result.changes, result.replaces) == (changed, replaces)


def test_a_resource_that_a_refresh_found_unwell_is_updated(lamp: LampProvider) -> None:
    assert lamp.diff("lamp-hall", {**STATE, "state": "broken"}, NEW).changes


def test_create_and_update_keep_the_inputs_and_add_the_outputs(lamp: LampProvider) -> None:
    created = lamp.create(NEW)
    assert (created.id, created.outs) == ("lamp-hall", STATE)
    assert lamp.update("lamp-hall", STATE, {**NEW, "watts": 60}).outs == {**STATE, "watts": 60, "serial": 60}


def test_a_refresh_that_finds_nothing_reports_the_resource_as_gone(lamp: LampProvider) -> None:
    lamp.found = None
    assert lamp.read("lamp-hall", STATE).id is None


def test_a_refresh_returns_changed_inputs_so_that_the_next_preview_shows_them(lamp: LampProvider) -> None:
    lamp.found = Observed({"watts": 25}, {"serial": 25})
    found: Any = lamp.read("lamp-hall", STATE)
    assert found.outs == {**STATE, "watts": 25, "serial": 25}
    assert found.inputs == {**NEW, "watts": 25}


def test_a_refresh_that_changes_outputs_only_leaves_the_inputs_alone(lamp: LampProvider) -> None:
    lamp.found = Observed(outputs={"state": "broken"})
    found: Any = lamp.read("lamp-hall", STATE)
    assert found.outs["state"] == "broken"
    assert found.inputs in (None, {})


def test_a_state_of_an_older_program_gets_defaults_for_later_inputs() -> None:
    assert LampProvider.inputs({"room": "hall", "watts": 40.0}).colour == "white"
    with pytest.raises(ValidationError, match="room"):
        LampProvider.inputs({"watts": 40})


def test_a_provider_must_name_its_inputs() -> None:
    class Nameless(Provider[Any]):
        @override
        def create_resource(self, inputs: Any) -> tuple[str, State]:
            return "", {}

    with pytest.raises(TypeError, match=r"Nameless .*Provider\[SomethingInputs\]"):
        Nameless.input_names()
