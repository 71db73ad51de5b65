"""Encodes events as Avro records: the parts of a record, each of which adds its bytes.

compile.py makes the parts from the mapping file and the schema, once. An absent value costs one step, and nothing is
looked up by name but the event's attributes. Parts that depend only on an object which many events share, such as their
page, are encoded once for each such object and kept with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from collector.enrich.languages import language_of
from collector.mapping.avro import PREFIX, encode_length, encode_long, pack_double, pack_float
from collector.model.event import reject

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from collector.model.event import Event

SHARED: Final = ("page", "referrer", "agent", "place", "language")
"""Objects that many events share."""
_INT_MAX: Final = 2**31 - 1


class Part:
    """A part of each record."""

    def add(self, event: Event, out: list[bytes]) -> None:
        """Add the bytes of the event. MalformedEventError when the event has no value, and the schema no default."""
        raise NotImplementedError


class RecordEncoder:
    """Encodes all parts of a record."""

    def __init__(self, parts: Sequence[Part]) -> None:
        """In the order of the schema's fields."""
        self._parts = list(parts)

    def encode(self, event: Event) -> bytes:
        """The Avro datum of an event. MalformedEventError when there is none."""
        out: list[bytes] = []
        for part in self._parts:
            part.add(event, out)
        return b"".join(out)


class Constant(Part):
    """Bytes that are the same in each record."""

    def __init__(self, data: bytes) -> None:
        """`data`: the encoded values of one or several fields."""
        self._data = data

    def add(self, event: Event, out: list[bytes]) -> None:  # noqa: ARG002 - a part's signature
        """Add the bytes."""
        out.append(self._data)


class Shared(Part):
    """Neighbouring fields that depend only on one of SHARED."""

    def __init__(self, depends: str, number: int, parts: Sequence[Part], absent: bytes | None) -> None:
        """`number` is unique in a process. `absent`: the bytes for an event without the object, where that is known."""
        self._kind = SHARED.index(depends)
        self._number = number
        self._encoder = RecordEncoder(parts)
        self._absent = absent

    def add(self, event: Event, out: list[bytes]) -> None:
        """Add what is known of the object, or encode it."""
        fragments = _fragments(event, self._kind)
        if fragments is None:
            out.append(self._encoder.encode(event) if self._absent is None else self._absent)
            return
        data = fragments.get(self._number)
        if data is None:
            data = fragments[self._number] = self._encoder.encode(event)
        out.append(data)


def _fragments(event: Event, kind: int) -> dict[int, bytes] | None:
    """Where encoded fields of the object are kept; None for an event without the object."""
    if kind == 0:
        return None if event.page is None else event.page.fragments
    if kind == 1:
        return None if event.referrer is None else event.referrer.fragments
    if kind == 2:
        return None if event.agent is None else event.agent.fragments
    if kind == 3:
        return None if event.place is None else event.place.fragments
    header = event.headers.get(b"accept-language")
    return None if header is None else language_of(header).fragments


def _prefixes(branch: bytes) -> tuple[bytes, ...]:
    """The branch followed by each short length: shared by all fields, since there are thousands."""
    known = _PREFIXES.get(branch)
    if known is None:
        known = _PREFIXES[branch] = tuple(branch + length for length in PREFIX)
    return known


_PREFIXES: Final[dict[bytes, tuple[bytes, ...]]] = {b"": PREFIX}


class Field(Part):
    """A field of the schema, with where its value comes from."""

    def __init__(
        self,
        name: str,
        branch: bytes,
        absent: bytes | None,
        attribute: str | None,
        evaluate: Callable[[Event], Any],
        coerce: Callable[[Any], Any] | None,
    ) -> None:
        """`branch`: the bytes before a value that is not absent. `absent`: the bytes for one that is, if there are any.

        The value is the event's attribute of that name, or else what `evaluate` returns; `coerce` makes it fit.
        """
        self._name = name
        self._branch = branch
        self._absent = absent
        self._source = attribute  # not _attribute, a keyword in C
        self._evaluate = evaluate
        self._coerce = coerce
        self._prefixes = _prefixes(branch)

    def add(self, event: Event, out: list[bytes]) -> None:
        """Add the encoded value, or the bytes of an absent one."""
        attribute = self._source
        value = self._evaluate(event) if attribute is None else getattr(event, attribute)
        if value is not None and self._coerce is not None:
            value = self._coerce(value)
        if value is None:
            self.add_absent(out)
        else:
            self.add_value(value, out)

    def add_absent(self, out: list[bytes]) -> None:
        """Add the bytes of an absent value."""
        absent = self._absent
        if absent is None:
            reject(f"the record's field {self._name!r} has no value, and the schema gives it no default")
        out.append(absent)

    def add_value(self, value: Any, out: list[bytes]) -> None:
        """Add the encoded value."""
        raise NotImplementedError


class TextField(Field):
    """A string."""

    def add_value(self, value: Any, out: list[bytes]) -> None:
        """Add the length and the text."""
        text: str = value
        data = text.encode()
        length = len(data)
        out.append(self._prefixes[length] if length < len(PREFIX) else self._branch + encode_length(length))
        out.append(data)


class BytesField(Field):
    """Bytes."""

    def add_value(self, value: Any, out: list[bytes]) -> None:
        """Add the length and the bytes."""
        data: bytes = value
        length = len(data)
        out.append(self._prefixes[length] if length < len(PREFIX) else self._branch + encode_length(length))
        out.append(data)


class LongField(Field):
    """A whole number of 64 bits."""

    def add_value(self, value: Any, out: list[bytes]) -> None:
        """Add the number. A small one that is not negative is encoded as a length is."""
        number: int = value
        out.append(self._prefixes[number] if 0 <= number < len(PREFIX) else self._branch + encode_long(number))


class IntField(LongField):
    """A whole number of 32 bits."""

    def add_value(self, value: Any, out: list[bytes]) -> None:
        """Add the number. A longer one is absent, for no reader of the schema could read it."""
        number: int = value
        if -_INT_MAX - 1 <= number <= _INT_MAX:
            super().add_value(value, out)
        else:
            self.add_absent(out)


class BooleanField(Field):
    """A boolean."""

    def add_value(self, value: Any, out: list[bytes]) -> None:
        """Add it."""
        out.append(self._branch + (b"\1" if value else b"\0"))


class DoubleField(Field):
    """A number of 64 bits."""

    def add_value(self, value: Any, out: list[bytes]) -> None:
        """Add it."""
        out.append(self._branch + pack_double(value))


class FloatField(Field):
    """A number of 32 bits."""

    def add_value(self, value: Any, out: list[bytes]) -> None:
        """Add it."""
        out.append(self._branch + pack_float(value))


class NestedField(Field):
    """An enum, a list, a map or a record: rare, so fastavro encodes it, as part of `coerce`."""

    def add_value(self, value: Any, out: list[bytes]) -> None:
        """Add the bytes that fastavro made."""
        data: bytes = value
        out.append(self._branch + data)
