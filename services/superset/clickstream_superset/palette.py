"""The colours of every chart: distinct on white and on black pages, and for people with red-green colour blindness."""

from typing import Any

CATEGORICAL: list[dict[str, Any]] = [
    {
        "id": "clickstream",
        "label": "Clickstream",
        "description": "For names: countries, browsers, channels.",
        "isDefault": True,
        "colors": [
            *("#2F86D1", "#F2A33A", "#22A699", "#E2637F", "#8A6FD8", "#6AAF3D"),
            *("#17B0CF", "#D9734E", "#B65FB5", "#8C99A8", "#C7A92B", "#4C6FB3"),
        ],
    }
]
SEQUENTIAL: list[dict[str, Any]] = [
    {
        "id": "clickstreamBlues",
        "label": "Clickstream blues",
        "description": "For amounts: the more, the darker.",
        "isDiverging": False,
        "isDefault": True,
        # Not down to white or black: either would vanish on one of the two pages.
        "colors": ["#C6E1F5", "#A3CFEE", "#7FBCE6", "#5AA6DB", "#3F92CF", "#2C7FBF", "#226DAE"],
    }
]
