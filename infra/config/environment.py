"""Derives a service's environment variables from the names of a section's fields."""

from collections.abc import Collection, Mapping

from infra.config.section import ConfigSection


def text(value: object) -> str:
    """A value as services read it: booleans in lower case, lists with commas, None as an empty string."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple | list):
        return ",".join(text(item) for item in value)
    return "" if value is None else str(value)


def environment(
    service: str, section: ConfigSection, *, only: Collection[str] = (), leave_out: Collection[str] = ()
) -> Mapping[str, str]:
    """The section's fields as environment variables.

    `service` is the prefix of the variables, for example `collector`, which a field's own name may repeat:
    `collector_prefix` and `party_cookie` become COLLECTOR_PREFIX and COLLECTOR_PARTY_COOKIE; without a prefix they
    become COLLECTOR_PREFIX and PARTY_COOKIE. `only` selects fields. `leave_out` names fields that the service does not
    have, or has in another unit.

    Raises:
        KeyError: `only` or `leave_out` names a field that the section does not have.
    """
    fields = type(section).model_fields
    if unknown := {*only, *leave_out} - fields.keys():
        message = f"{type(section).__name__} has no field {', '.join(sorted(unknown))}"
        raise KeyError(message)
    names = [name for name in (only or fields) if name not in leave_out]
    prefix = f"{service}_" if service else ""
    return {f"{prefix}{name.removeprefix(prefix)}".upper(): text(getattr(section, name)) for name in names}
