"""The channel through which a visitor came: the rules of Google Analytics 4's default channel group, in their order.

docs/metrics.md lists them, with what is ours: AI assistants are a group, click IDs count, a link in a mail program is
e-mail, and `newsletter` is a name for e-mail.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from collector.enrich.referrers import ADVERTISING, OTHER, ReferrerList

if TYPE_CHECKING:
    from collections.abc import Callable

    from collector.model.campaign import Campaign

DIRECT: Final = "Direct"
UNASSIGNED: Final = "Unassigned"
CHANNEL_OF_KIND: Final = {
    "search": "Organic Search",
    "social": "Organic Social",
    "video": "Organic Video",
    "shopping": "Organic Shopping",
    "ai": "AI Assistants",
    "email": "Email",
    ADVERTISING: "Referral",
    "spam": "Referral",
    OTHER: "Referral",
}
"""Kind of the referring site to the channel of a link without tags."""
NONE: Final = "none"
"""The kind where there is no referring site."""

_PAID: Final = re.compile(r".*cp.*|ppc|retargeting|paid.*", re.DOTALL)
_SHOPPING: Final = re.compile(r".*(([^a-df-z]|^)shop|shopping).*", re.DOTALL)
_DISPLAY: Final = frozenset({"display", "banner", "expandable", "interstitial", "cpm"})
_SOCIAL: Final = frozenset({"social", "social-network", "social-media", "sm", "social network", "social media"})
_REFERRAL: Final = frozenset({"referral", "app", "link"})
_EMAIL: Final = frozenset({"email", "e-mail", "e_mail", "e mail", "newsletter"})
_AFFILIATE: Final = frozenset({"affiliate", "affiliates"})
_GOOGLES_NETWORK: Final = frozenset({"video", ADVERTISING})
"""Where Google shows advertisements besides its search: on YouTube, and on other sites."""


class _Link(NamedTuple):
    """A link with tags or a click ID. All texts are in lower case."""

    source: str
    medium: str
    campaign: str
    kind: str
    """Of the source, or else of the click ID's platform, or else of the referring site."""
    has_paid_id: bool

    @property
    def is_paid(self) -> bool:
        return _PAID.fullmatch(self.medium) is not None or (self.has_paid_id and self.medium not in _DISPLAY)

    @property
    def sells(self) -> bool:
        return self.kind == "shopping" or _SHOPPING.fullmatch(self.campaign) is not None


_RULES: Final[tuple[tuple[str, Callable[[_Link], bool]], ...]] = (
    ("Cross-network", lambda link: "cross-network" in link.campaign),
    ("Paid Shopping", lambda link: link.is_paid and link.sells),
    ("Paid Search", lambda link: link.is_paid and link.kind == "search"),
    ("Paid Social", lambda link: link.is_paid and link.kind == "social"),
    ("Paid Video", lambda link: link.is_paid and link.kind == "video"),
    ("Display", lambda link: link.medium in _DISPLAY or (link.is_paid and link.kind == ADVERTISING)),
    ("Paid Other", lambda link: link.is_paid),
    ("Organic Shopping", lambda link: link.sells),
    ("Organic Social", lambda link: link.kind == "social" or link.medium in _SOCIAL),
    ("Organic Video", lambda link: link.kind == "video" or "video" in link.medium),
    ("Organic Search", lambda link: link.kind == "search" or link.medium == "organic"),
    ("AI Assistants", lambda link: link.kind == "ai"),
    ("Referral", lambda link: link.medium in _REFERRAL),
    ("Email", lambda link: link.kind == "email" or link.source in _EMAIL or link.medium in _EMAIL),
    ("Affiliates", lambda link: link.medium in _AFFILIATE),
    ("Audio", lambda link: link.medium == "audio"),
    ("SMS", lambda link: "sms" in (link.source, link.medium)),
    (
        "Mobile Push Notifications",
        lambda link: (
            link.medium.endswith("push")
            or "mobile" in link.medium
            or "notification" in link.medium
            or link.source == "firebase"
        ),
    ),
)
"""The first that holds."""


def channel_of(campaign: Campaign, referring: str, known: ReferrerList) -> str:
    """The channel of an address with tags or a click ID; `referring` is the kind of the referring site, or NONE."""
    tags, click = campaign.tags, campaign.click
    source = tags.get("utm_source", "").lower()
    medium = tags.get("utm_medium", "").lower()
    if source in ("direct", "(direct)") and medium in ("", "(not set)", "(none)") and click is None:
        return DIRECT
    kind = referring
    if source:
        kind = known.kind_of_source(source)
    elif click is not None and click.source and not (click.source == "google" and referring in _GOOGLES_NETWORK):
        kind = known.kind_of_source(click.source)
    if click is not None and not medium:
        medium = click.medium
    link = _Link(source, medium, tags.get("utm_campaign", "").lower(), kind, click is not None and click.is_paid)
    for channel, holds in _RULES:
        if holds(link):
            return channel
    return UNASSIGNED if source or medium or kind == NONE else CHANNEL_OF_KIND[kind]
