"""Durations as the Docker provider writes them."""


def duration(seconds: int) -> str:
    """60 seconds are `1m`, 90 are `1m30s`, 0 are `0s`.

    The provider reads durations back in this notation and compares strings. With `60s`, every preview would show a
    change and every update would restart the service.
    """
    if seconds < 0:
        message = f"{seconds} seconds given; a duration is 0 seconds or more"
        raise ValueError(message)
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    text = f"{hours}h" if hours else ""
    if minutes or (hours and rest):
        text += f"{minutes}m"
    if rest or not text:
        text += f"{rest}s"
    return text
