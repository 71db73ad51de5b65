"""Checks the tag on a page and explains problems: `make check-tag URL=https://shop.example.com/`.

Exit status: 0 if the page's events arrive, 1 if they do not, 2 if the check itself failed.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx

from infra.resources.common.retry import Deadline
from infra.resources.common.ssh import SshError
from infra.resources.druid.client import DruidClient, DruidError
from toolchain import environment
from toolchain.paths import SetupError
from tools.admin_pages import druid_of
from tools.blocker_lists import BlockerLists, ListsError, Rule, lists
from tools.stack import outputs
from tools.tag import Tag, TagError
from tools.tag_visit import Visit, visit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

OK, PROBLEM, NOT_CHECKED = 0, 1, 2
DRUID_SECONDS = 60

_NETWORK = {
    "ERR_CONNECTION_REFUSED": "nothing answers at that address",
    "ERR_CONNECTION_TIMED_OUT": "nothing answers at that address; a firewall may drop the requests",
    "ERR_NAME_NOT_RESOLVED": "the name has no address in DNS",
    "ERR_CERT_": "the certificate is not trusted; INSECURE=1 accepts it in this check, visitors' browsers will not",
    "ERR_BLOCKED_BY_CLIENT": "an extension or a policy of the browser blocks it",
    "ERR_ADDRESS_INVALID": "DNS gives an address that nothing has, as servers that block names do",
}
"""From parts of Chromium's error codes to explanations."""


@dataclass(frozen=True)
class Finding:
    """A line of the report."""

    good: bool
    text: str
    note: bool = False
    """It works in this browser, but some visitors' browsers may have a problem."""


def findings(found: Visit, tag: Tag, names: Mapping[str, str]) -> Iterator[Finding]:
    """The visit's findings, up to the first problem that breaks all later steps."""
    tag = as_served(found, tag, names)
    if found.error:
        yield Finding(good=False, text=f"The page could not be opened: {_plain(found.error)}.")
        return
    if found.status is not None and found.status >= 400:
        yield Finding(good=False, text=f"The page answers {found.status}.")
        return
    yield Finding(good=True, text="The page opens.")
    problem = _script_problem(found, tag)
    if problem is not None:
        yield Finding(good=False, text=problem)
        return
    yield Finding(good=True, text=f"The tracker is loaded from {tag.script}.")
    if not found.sends:
        yield Finding(good=False, text=_why_silent(found, tag))
        return
    yield from _answers(found, tag)
    yield from _cookies(found, names)


def as_served(found: Visit, tag: Tag, names: Mapping[str, str]) -> Tag:
    """The tag with the addresses that the page uses, if the page's server proxies script and endpoints."""
    if found.script in ("", tag.script):
        return tag
    return tag.served_from(found.script.removesuffix(names["script"]))


def _script_problem(found: Visit, tag: Tag) -> str | None:
    if found.script_error == "csp" or found.said("Content Security Policy", tag.script):
        return _policy_problem(tag)
    if "mixed" in found.script_error or found.said("Mixed Content", tag.script):
        return _mixed_problem(tag)
    if found.script_status is not None and found.script_status >= 400:
        return f"{tag.script} answers {found.script_status}: the collector's path or the script's name is another one."
    if found.script_error:
        return f"{tag.script} could not be loaded: {_plain(found.script_error)}."
    if found.script_status is None:
        return _no_tag(found, tag)
    return None if found.tracker else _not_running(found)


def _no_tag(found: Visit, tag: Tag) -> str:
    name = urlsplit(tag.script).path
    if other := next((script for script in found.scripts if urlsplit(script).path == name), None):
        return f"The page loads {other}, which is not this stack's script; it is {tag.script}."
    return f"The page has no tag: no script is loaded from {tag.script}. `make tag` prints what to paste."


def _not_running(found: Visit) -> str:
    errors = "; ".join(found.page_errors[:3]) or "none"
    return f"The script is loaded, but the page has no window.divolte. Errors on the page: {errors}."


def _policy_problem(tag: Tag) -> str:
    return (
        f"The page's Content-Security-Policy forbids {tag.origin}. Add it to script-src, connect-src and img-src "
        "(`make tag FORM=csp`)."
    )


def _mixed_problem(tag: Tag) -> str:
    return f"The page is on https and {tag.origin} is not, so browsers block it. The stack needs tls acme and a domain."


def _why_silent(found: Visit, tag: Tag) -> str:
    if found.said("Content Security Policy", tag.origin):
        return _policy_problem(tag)
    if "data-consent" in found.attributes:
        return "No event was sent: the tag waits for the visitor's consent, divolte.consent(true)."
    if "data-manual" in found.attributes:
        return "No event was sent: with data-manual the page sends page views itself, by divolte.signal('pageView')."
    if found.signals:
        return f"No event was sent: this browser sends {' and '.join(found.signals)}, which the tracker honours."
    return "No event was sent, although the tracker runs. Does the page call divolte.consent(false)?"


def _answers(found: Visit, tag: Tag) -> Iterator[Finding]:
    for send in found.sends:
        types = ", ".join(str(event.get("t")) for event in send.events)
        if send.error:
            if found.said("CORS policy"):
                text = (
                    f"The events ({types}) were sent, but the page may not read the answer: its origin is not in the "
                    "stack's allowedOrigins. The tracker then sends each event up to four times."
                )
            elif send.error == "csp" or found.said("Content Security Policy", tag.origin):
                text = _policy_problem(tag)
            else:
                text = f"The events ({types}) could not be sent: {_plain(send.error)}."
            yield Finding(good=False, text=text)
        elif send.status is None:
            yield Finding(good=False, text=f"The events ({types}) got no answer in time.")
        elif send.status != 200:
            yield Finding(good=False, text=f"The collector answered the events ({types}) with {send.status}.")
        for event, reason in send.rejected.items():
            of = next((str(item.get("t")) for item in send.events if item["e"] == event), event)
            yield Finding(good=False, text=f"The collector rejected {of}: {reason}.{_advice(reason)}")
    if found.accepted:
        yield Finding(good=True, text=f"The collector accepted {len(found.accepted)} of {len(found.events)} events.")


def _advice(reason: str) -> str:
    if "sites" in reason:
        return " Add the page's host to clickstream:sites, then `make up`."
    return ""


def _cookies(found: Visit, names: Mapping[str, str]) -> Iterator[Finding]:
    if "data-cookieless" in found.attributes:
        yield Finding(good=True, text="No cookies are kept, as data-cookieless asks.")
        return
    missing = [names[key] for key in ("partyCookie", "sessionCookie") if names[key] not in found.cookies]
    if missing:
        text = (
            f"The browser does not keep {' and '.join(missing)}: every page counts as a new visitor. "
            "Does data-domain name the page's own domain?"
        )
        yield Finding(good=False, text=text)
    else:
        yield Finding(good=True, text="The browser keeps the visitor's and the session's cookie.")


def _plain(reason: str) -> str:
    for part, meaning in _NETWORK.items():
        if part in reason:
            return f"{meaning} ({reason})"
    return reason


def blocked_names(known: BlockerLists, page: str, tag: Tag, names: Mapping[str, str]) -> Iterator[Finding]:
    """The tag's addresses that content blockers block on the page."""
    asked = [(tag.script, "script", "trackerScript")]
    if names["batchPath"]:
        asked.append((tag.origin + names["batchPath"], "xmlhttprequest", "collectorBatchSuffix"))
    asked.append((tag.pixel, "image", "collectorEventSuffix"))
    found = [(url, rule, setting) for url, kind, setting in asked if (rule := known.rule(url, page, kind))]
    for url, rule, setting in found:
        yield Finding(good=True, text=_blocked(url, rule, setting, tag, own_page=_same_host(page, url)), note=True)
    if not found:
        yield Finding(good=True, text="None of the content blockers' lists has a rule for the tag.")


def _blocked(url: str, rule: Rule, setting: str, tag: Tag, *, own_page: bool) -> str:
    host = urlsplit(tag.origin).hostname or ""
    if host in rule.text and not own_page:
        advice = "Serve the script and the endpoints under a path of the page's own site (docs/first-party.md)"
    elif host in rule.text:
        advice = "The rule names the site's own host, so only the list's maintainers can fix this"
    else:
        advice = f"Set clickstream:{setting} to a name of your own, run `make up`, and paste the new tag"
    return (
        f"{_without_query(url)} matches the rule {rule.text} of {rule.list_name}: browsers with a content blocker such "
        f"as uBlock Origin block it, and visits with them are missing. {advice}."
    )


def _same_host(page: str, url: str) -> bool:
    return urlsplit(page).hostname == urlsplit(url).hostname


def _without_query(url: str) -> str:
    return url.partition("?")[0]


def in_druid(druid: DruidClient, events: Sequence[str], deadline: Deadline) -> Finding:
    """Wait until the accepted events are rows in Druid, or the time is up."""
    wanted = ", ".join("'" + event.replace("'", "''") + "'" for event in events)
    sql = f"SELECT COUNT(DISTINCT event_id) AS n FROM clickstream WHERE event_id IN ({wanted})"  # noqa: S608 - quoted
    while True:
        count = _count(druid, sql)
        if count == len(events):
            return Finding(good=True, text=f"Druid has all {count} of them.")
        if not deadline.wait():
            text = (
                f"Druid has {count} of {len(events)} after {DRUID_SECONDS} s; `make ingestion` shows what it waits for."
            )
            return Finding(good=False, text=text)


def _count(druid: DruidClient, sql: str) -> int:
    try:
        return int(druid.sql(sql)[0]["n"])
    except DruidError as error:
        # A table exists from its first row on.
        if "Object 'clickstream' not found" in str(error):
            return 0
        raise


def report(given: Sequence[Finding]) -> str:
    """The findings, one per line."""
    return "\n".join(f"{_kind(item):7} {item.text}" for item in given)


def _kind(item: Finding) -> str:
    if not item.good:
        return "PROBLEM"
    return "NOTE" if item.note else "ok"


def check(address: str, stack: Mapping[str, Any], *, insecure: bool, seconds: float) -> list[Finding]:
    """Open the page and follow its events into Druid.

    Raises:
        TagError, DruidError, SshError: the check itself failed.
    """
    tag, names = Tag.of_outputs(stack), stack["tracking"]
    found = visit(address, tag, names, seconds=seconds, insecure=insecure)
    lines = list(findings(found, tag, names))
    if found.accepted:
        with druid_of(stack, insecure=insecure) as druid:
            lines.append(in_druid(druid, found.accepted, Deadline(DRUID_SECONDS)))
    try:
        lines += blocked_names(lists(), address, as_served(found, tag, names), names)
    except ListsError as error:
        lines.append(Finding(good=True, text=f"The lists of content blockers were not checked: {error}.", note=True))
    return lines


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description="Open a page and explain what its tag does.")
    parser.add_argument("url")
    parser.add_argument("--stack", default="dev")
    parser.add_argument("--seconds", type=float, default=10, help="how long to wait for events and answers")
    parser.add_argument("--insecure", action="store_true", help="accept self-signed certificates")
    options = parser.parse_args()
    if urlsplit(options.url).scheme not in ("http", "https"):
        print(f"{options.url} is not an address: it begins with http:// or https://", file=sys.stderr)
        return NOT_CHECKED
    try:
        stack = outputs(options.stack, environment.full())
        lines = check(options.url, stack, insecure=options.insecure, seconds=options.seconds)
    except (SetupError, TagError, DruidError, SshError, httpx.TransportError) as error:
        print(error, file=sys.stderr)
        return NOT_CHECKED
    print(report(lines))
    return OK if all(item.good for item in lines) else PROBLEM


if __name__ == "__main__":
    sys.exit(main())
