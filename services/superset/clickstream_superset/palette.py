"""The colours of every chart: told apart on a white and on a black page, and by people who see red and green alike."""

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
        "colors": ["#BFDDF3", "#94C4EA", "#66A9DE", "#3F8DCD", "#2573B3", "#165A94", "#0D4475"],
    }
]
