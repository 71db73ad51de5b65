"""Compares objects of Druid's JSON, and applies manual changes to our version of an object."""

import copy
import re
from collections.abc import Mapping
from typing import Any

from infra.resources.common import diff
from infra.resources.common.diff import by_name

ABSENT = object()


def plain(value: Any) -> Any:
    """The value without nulls, which Druid treats like missing values, and with integers as integers.

    The engine passes every number as a float.
    """
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def diff_lines(before: Any, after: Any) -> list[str]:
    """One line per field, for example `spec.ioConfig.taskDuration: "PT1H" -> "PT2H"`."""
    return diff.diff_lines(plain(before), plain(after))


def observed(ours: dict[str, Any], applied: Any, live: Any) -> dict[str, Any]:
    """Our value, with the live value of each part that was changed by hand.

    Druid fills in every default, so our value never equals what Druid returns. Compare instead what it returned after
    our value was posted (`applied`) with what it returns now: these differ only by manual changes.
    """
    found: dict[str, Any] = _transfer(plain(ours), plain(applied), plain(live))
    return found


def project_onto(ours: Any, live: Any) -> Any:
    """The parts of a live object that our object sets, to compare it with one that we did not post."""
    if isinstance(ours, Mapping) and isinstance(live, Mapping):
        return {key: project_onto(value, live[key]) for key, value in ours.items() if key in live}
    if isinstance(ours, list) and isinstance(live, list):
        mine, theirs = by_name(ours), by_name(live)
        if mine is None or theirs is None:
            return live
        return [project_onto(mine.get(name, value), value) for name, value in theirs.items()]
    if isinstance(ours, str) and isinstance(live, Mapping):
        # Short forms: "country" for {"type": "string", "name": "country"}, "NONE" for {"type": "none"}.
        short = live.get("name") == ours or live == {"type": ours.lower()}
        return ours if short else live
    if isinstance(ours, str) and isinstance(live, str) and _seconds(ours) == _seconds(live):
        return ours
    return live


def _seconds(text: str) -> float | str:
    """Druid rewrites periods: it returns PT600S for PT10M."""
    found = re.fullmatch(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?", text)
    if found is None or not any(found.groups()):
        return text
    days, hours, minutes, seconds = (float(part or 0) for part in found.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds


def _transfer(ours: Any, applied: Any, live: Any) -> Any:
    if applied == live:
        return ours
    if not (isinstance(ours, Mapping) and isinstance(applied, Mapping) and isinstance(live, Mapping)):
        return copy.deepcopy(live)
    found = dict(ours)
    for key in sorted(applied.keys() | live.keys()):
        old, new = applied.get(key, ABSENT), live.get(key, ABSENT)
        if old == new:
            continue
        if new is ABSENT:
            found.pop(key, None)
        elif key in ours and old is not ABSENT:
            found[key] = _transfer(ours[key], old, new)
        else:
            found[key] = _changed(old, new)
    return found


def _changed(old: Any, new: Any) -> Any:
    """The changes in a part that our object does not set."""
    if not (isinstance(old, Mapping) and isinstance(new, Mapping)):
        return copy.deepcopy(new)
    return {key: _changed(old.get(key, ABSENT), value) for key, value in new.items() if old.get(key, ABSENT) != value}
