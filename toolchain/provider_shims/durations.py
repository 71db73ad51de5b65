"""Durations as Go's standard library reads and writes them, and as the docker provider shortens them."""

import re

NANOSECONDS = {"h": 3_600_000_000_000, "m": 60_000_000_000, "s": 1_000_000_000, "ms": 1_000_000, "us": 1_000, "ns": 1}
NUMBER_WITH_UNIT = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(h|ms|m|s|us|µs|ns)")


def parse_duration(text: str) -> int:
    """Nanoseconds of a duration such as `1m30s`.

    Raises:
        ValueError: if the text is not a duration.
    """
    if text in ("", "0"):
        return 0
    if not re.fullmatch(rf"(?:{NUMBER_WITH_UNIT.pattern})+", text):
        msg = f"expected a duration such as 10s or 1m30s, got {text!r}"
        raise ValueError(msg)
    return sum(
        round(float(number) * NANOSECONDS[unit.replace("µ", "u")]) for number, unit in NUMBER_WITH_UNIT.findall(text)
    )


def go_duration(nanoseconds: int) -> str:
    """The text of Go's `time.Duration.String`: `1m30s`, `1h0m0s`, `1.5s`, `250ms`, `0s`."""
    sign, rest = ("-", -nanoseconds) if nanoseconds < 0 else ("", nanoseconds)
    if rest == 0:
        return "0s"
    if rest < NANOSECONDS["s"]:
        unit = next(name for name in ("ms", "us", "ns") if rest >= NANOSECONDS[name])
        return f"{sign}{_decimal(rest, NANOSECONDS[unit])}{unit.replace('u', 'µ')}"
    minutes, seconds = divmod(rest, NANOSECONDS["m"])
    hours, minutes = divmod(minutes, 60)
    text = f"{_decimal(seconds, NANOSECONDS['s'])}s"
    if hours:
        text = f"{hours}h{minutes}m{text}"
    elif minutes:
        text = f"{minutes}m{text}"
    return sign + text


def short_duration(nanoseconds: int) -> str:
    """The text that the docker provider keeps in its state: Go's, without trailing zeros (`1m`, `1h`, `1m30s`)."""
    text = go_duration(nanoseconds)
    for zeros in ("m0s", "h0m"):
        if text.endswith(zeros):
            text = text[:-2]
    return text


def _decimal(amount: int, unit: int) -> str:
    whole, fraction = divmod(amount, unit)
    digits = f"{fraction:0{len(str(unit)) - 1}d}".rstrip("0") if fraction else ""
    return f"{whole}.{digits}" if digits else str(whole)
