"""What changed between two sets of inputs, and whether it can change in place."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from toolchain.provider_shims.schema import join
from toolchain.provider_shims.values import DEFAULTS_KEY, Unknown

Equal = Callable[[str, Any, Any], bool]


class Kind(Enum):
    """How a property differs."""

    ADD = "add"
    DELETE = "delete"
    UPDATE = "update"


@dataclass(frozen=True)
class Change:
    """One property that differs."""

    path: str
    kind: Kind
    replaces: bool


class Complete(dict[str, Any]):
    """A live map that holds all there is: a key that it lacks is gone, rather than unreadable."""


def general(path: str) -> str:
    """A path without indices and quoted keys: `env["A"]` is `env[*]`, and so is `env.A` for rules on maps."""
    return re.sub(r"\[[^\]]*\]", "[*]", path)


def strictly_equal(path: str, old: Any, new: Any) -> bool:
    """Equality of values; an empty list or object is as good as none."""
    del path
    if old in (None, [], {}) and new in (None, [], {}):
        return True
    return type(old) is type(new) and bool(old == new)


@dataclass(frozen=True)
class Rules:
    """How the properties of a resource type behave.

    Paths are written with `[*]` for list elements. `replace` paths cannot change in place
    (`*` alone: none can); `sets` are lists whose order means nothing; `ignore` is not compared.
    """

    replace: frozenset[str] = frozenset()
    sets: frozenset[str] = frozenset()
    ignore: frozenset[str] = frozenset()
    computed: frozenset[str] = frozenset()
    """Properties that the live system fills: leaving one out is not a change."""

    equal: Equal = field(default=strictly_equal)
    """Whether two values mean the same."""

    unchanged: Equal | None = None
    """Whether the provider plans no change from the first value to the second; `equal` if it has no other notion."""

    def replaces(self, path: str) -> bool:
        """Whether a change at this path, or of anything below or above it, needs a replacement."""
        if "*" in self.replace:
            return True
        here = general(path)
        return any(_within(here, rule) or _within(rule, here) for rule in self.replace)

    def changes(self, old: dict[str, Any], new: dict[str, Any]) -> list[Change]:
        """Everything that differs, by path of the new inputs (of the old ones for what is gone)."""
        return list(self._compare("", old, new))

    def _compare(self, path: str, old: Any, new: Any) -> Iterable[Change]:
        if path in self.ignore or path == DEFAULTS_KEY:
            return
        if isinstance(new, Unknown):
            yield Change(path, Kind.UPDATE if old is not None else Kind.ADD, self.replaces(path))
        elif self._is_unchanged(path, old, new):
            return
        elif isinstance(old, dict) and isinstance(new, dict):
            for key in sorted({*old, *new}):
                yield from self._compare(join(path, key), old.get(key), new.get(key))
        elif isinstance(old, list) and isinstance(new, list):
            yield from self._compare_lists(path, old, new)
        else:
            # A new map without entries is stored, and has nothing that could need a replacement.
            yield Change(path, _kind(old, new), new != {} and self.replaces(path))

    def _is_unchanged(self, path: str, old: Any, new: Any) -> bool:
        if (self.unchanged or self.equal)(path, old, new):
            return True
        if new is None:
            return general(path) in self.computed
        # An object without any value is none; an empty map is another matter.
        return old is None and isinstance(new, dict) and new != {} and not any(self._compare(path, {}, new))

    def _compare_lists(self, path: str, old: list[Any], new: list[Any]) -> Iterable[Change]:
        before, after = list(enumerate(old)), list(enumerate(new))
        if general(path) in self.sets:
            before, after = self._without_common(path, before, after)
        for (_, previous), (index, current) in zip(before, after, strict=False):
            yield from self._compare(f"{path}[{index}]", previous, current)
        for index, _ in before[len(after) :]:
            yield Change(f"{path}[{index}]", Kind.DELETE, self.replaces(f"{path}[{index}]"))
        for index, _ in after[len(before) :]:
            yield Change(f"{path}[{index}]", Kind.ADD, self.replaces(f"{path}[{index}]"))

    def _without_common(
        self, path: str, old: list[tuple[int, Any]], new: list[tuple[int, Any]]
    ) -> tuple[list[tuple[int, Any]], list[tuple[int, Any]]]:
        remaining, fresh = list(old), []
        for index, item in new:
            same = next((pair for pair in remaining if not self._differ(path, pair[1], item)), None)
            if same is None:
                fresh.append((index, item))
            else:
                remaining.remove(same)
        return remaining, fresh

    def _differ(self, path: str, old: Any, new: Any) -> bool:
        return any(True for _ in self._compare(f"{path}[0]", old, new))

    def carry_over(self, old_inputs: dict[str, Any], old_state: dict[str, Any], live: dict[str, Any]) -> dict[str, Any]:
        """The inputs that would give what is live now; equal to `old_inputs` if nothing was touched.

        Values written differently but meaning the same (`90s`, `1m30s`) keep the way the program
        writes them. What the program left to the system is added only where it differs from the
        state, that is, where somebody changed it by hand. `live` holds every input that can be
        read back, None for one that is not set; keys that it lacks are kept as they were.
        """
        carried: dict[str, Any] = self._carry("", old_inputs, old_state, live)
        return carried

    def _carry(self, path: str, old: Any, state: Any, live: Any) -> Any:
        if self.equal(path, old, live):
            return old
        if isinstance(old, dict) and isinstance(live, dict):
            result = {}
            for key in [*old, *(key for key in live if key not in old)]:
                here = join(path, key)
                before = state.get(key) if isinstance(state, dict) else None
                if key not in live:
                    if not isinstance(live, Complete):
                        result[key] = old[key]
                elif key in old:
                    if live[key] is not None or self.equal(here, old[key], None):
                        result[key] = self._carry(here, old[key], before, live[key])
                elif live[key] is not None and not self.equal(here, before, live[key]):
                    result[key] = without_none(live[key])
            return result
        if isinstance(old, list) and isinstance(live, list):
            return self._carry_list(path, old, state, live)
        return without_none(live)

    def _carry_list(self, path: str, old: list[Any], state: Any, live: list[Any]) -> list[Any]:
        remaining = list(live)
        states = state if isinstance(state, list) else []
        result = []
        if general(path) in self.sets:
            for item in old:  # in the program's order, so that the same set gives the same list
                for candidate in remaining:
                    before = next((s for s in states if self.equal(path, s, candidate)), candidate)
                    carried = self._carry(f"{path}[0]", item, before, candidate)
                    if not self._differ(path, item, carried):
                        result.append(item)
                        remaining.remove(candidate)
                        break
            return result + [without_none(item) for item in remaining]
        for index, item in enumerate(live):
            before = states[index] if index < len(states) else None
            result.append(
                self._carry(f"{path}[{index}]", old[index], before, item) if index < len(old) else without_none(item)
            )
        return result


def without_none(value: Any) -> Any:
    """The same value without properties that are not set."""
    if isinstance(value, dict):
        return {key: without_none(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [without_none(item) for item in value]
    return value


def _kind(old: Any, new: Any) -> Kind:
    if old is None:
        return Kind.ADD
    return Kind.DELETE if new is None else Kind.UPDATE


def _within(path: str, rule: str) -> bool:
    return path == rule or path.startswith((f"{rule}.", f"{rule}["))
