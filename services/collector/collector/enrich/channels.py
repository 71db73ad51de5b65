"""The channel through which a visitor came: the rules of Google Analytics 4's default channel group, in their order.

docs/metrics.md lists them, with what is ours: AI assistants are a group, click IDs count, a referrer of a mail program is
e-mail, and `newsletter` is a name for e-mail.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from collector.enrich.referrers import OTHER, ReferrerList

if TYPE_CHECKING:
    from collector.model.campaign import Campaign

DIRECT: Final = "Direct"
CHANNEL_OF_KIND: Final = {
    "search": "Organic Search",
    "social": "Organic Social",
    "video": "Organic Video",
    "shopping": "Organic Shopping",
    "ai": "AI Assistants",
    "email": "Email",
    "advertising": "Referral",
    "spam": "Referral",
    OTHER: "Referral",
}
"""Kind of the referring site to the channel of a link without tags."""
NONE: Final = "none"
"""The kind where there is no referring site."""

_PAID: Final = re.compile(r".*cp.*|ppc|retargeting|paid.*", re.DOTALL)
_SHOPPING: Final = re.compile(r".*(([^a-df-z]|^)shop|shopping).*", re.DOTALL)
_PAID_OF_KIND: Final = {
    "shopping": "Paid Shopping", "search": "Paid Search", "social": "Paid Social", "video": "Paid Video",
    "advertising": "Display",
}  # fmt: skip
_DISPLAY: Final = frozenset({"display", "banner", "expandable", "interstitial", "cpm"})
_SOCIAL: Final = frozenset({"social", "social-network", "social-media", "sm", "social network", "social media"})
_REFERRAL: Final = frozenset({"referral", "app", "link"})
_EMAIL: Final = frozenset({"email", "e-mail", "e_mail", "e mail", "newsletter"})
_AFFILIATE: Final = frozenset({"affiliate", "affiliates"})


def channel_of(campaign: Campaign, referring: str, known: ReferrerList) -> str:
    """The channel of an address with tags or a click ID; `referring` is the kind of the referring site, or NONE."""
    tags, click = campaign.tags, campaign.click
    source = tags.get("utm_source", "").lower()
    medium = tags.get("utm_medium", "").lower()
    name = tags.get("utm_campaign", "").lower()
    if source in ("direct", "(direct)") and medium in ("", "(not set)", "(none)") and click is None:
        return DIRECT
    if source:
        kind = known.kind_of_source(source)
    elif click is not None and click.source and not (click.source == "google" and referring in ("video", "advertising")):
        # Google shows its advertisements on YouTube and on other sites, too.
        kind = known.kind_of_source(click.source)
    else:
        kind = referring
    if click is not None and not medium:
        medium = click.medium
    sells = kind == "shopping" or _SHOPPING.fullmatch(name) is not None
    if "cross-network" in name:
        return "Cross-network"
    if _PAID.fullmatch(medium) is not None:
        return _paid(kind, medium, sells=sells)
    if medium in _DISPLAY:
        return "Display"
    if click is not None and click.is_paid:
        return _paid(kind, medium, sells=sells)
    return _unpaid(source, medium, kind, sells=sells, is_named=bool(source))


def _paid(kind: str, medium: str, *, sells: bool) -> str:
    if sells:
        return "Paid Shopping"
    if kind in _PAID_OF_KIND:
        return _PAID_OF_KIND[kind]
    return "Display" if medium in _DISPLAY else "Paid Other"


def _unpaid(source: str, medium: str, kind: str, *, sells: bool, is_named: bool) -> str:
    if sells:
        return "Organic Shopping"
    if kind == "social" or medium in _SOCIAL:
        return "Organic Social"
    if kind == "video" or "video" in medium:
        return "Organic Video"
    if kind == "search" or medium == "organic":
        return "Organic Search"
    if kind == "ai":
        return "AI Assistants"
    if medium in _REFERRAL:
        return "Referral"
    if kind == "email" or source in _EMAIL or medium in _EMAIL:
        return "Email"
    if medium in _AFFILIATE:
        return "Affiliates"
    if medium == "audio":
        return "Audio"
    if "sms" in (source, medium):
        return "SMS"
    if medium.endswith("push") or "mobile" in medium or "notification" in medium or source == "firebase":
        return "Mobile Push Notifications"
    return "Unassigned" if is_named or medium or kind == NONE else CHANNEL_OF_KIND[kind]
