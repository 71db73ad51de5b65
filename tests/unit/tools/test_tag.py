"""What people paste into their pages says where the stack is, and what it was configured to do."""

from __future__ import annotations

import re
import shutil
import subprocess
from html.parser import HTMLParser
from typing import Any

import pytest

from infra.config import StackConfig
from tests.support.stack_config import raw_config
from tools.tag import FORMS, Tag, TagError, text, warnings

SHOP = {"name": "shop", "hosts": ["example.com", "*.example.com"], "cookieDomain": ".example.com"}
BLOG = {"name": "blog", "hosts": ["blog.example.net"]}


def outputs(website: str = "https://clicks.example.net", **changes: Any) -> dict[str, Any]:
    """As the program exports them."""
    config = StackConfig.parse("test", raw_config(**changes))
    return {
        "website": website,
        "tracking": config.tracking.public_names,
        "tagOptions": config.tracking.tag_options,
        "sites": [site.model_dump(mode="json", by_alias=True) for site in config.sites.sites],
    }


class Elements(HTMLParser):
    """The elements of a text, in their order."""

    def __init__(self, given: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(given)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_a_stack_without_a_website_has_the_same_tag() -> None:
    found = outputs()
    without = {"origin": found["website"], **{name: value for name, value in found.items() if name != "website"}}
    assert Tag.of_outputs(without) == Tag.of_outputs(found)


def test_html_loads_the_script_and_counts_pages_without_javascript() -> None:
    (script, noscript, image) = Elements(text(Tag.of_outputs(outputs()), ["html"])).found
    assert script == ("script", {"defer": None, "data-divolte": None, "src": "https://clicks.example.net/divolte.js"})
    assert noscript[0] == "noscript"
    assert image[1]["src"] == "https://clicks.example.net/csc-event?t=pageView&noscript=1"
    assert image[1]["referrerpolicy"] == "no-referrer-when-downgrade"


def test_the_tag_follows_the_stack() -> None:
    changed = outputs(
        collectorPrefix="/c/", collectorEventSuffix="e", trackerScript="t.js", cookieless=True, consentRequired=True,
        privacySignals="anonymise",
    )  # fmt: skip
    tag = Tag.of_outputs(changed)
    (_, attributes), *_, (_, image) = Elements(text(tag, ["html"])).found
    assert attributes["src"] == "https://clicks.example.net/c/t.js"
    assert attributes.keys() >= {"data-cookieless", "data-consent", "data-ignore-gpc"}
    assert (image["src"] or "").startswith("https://clicks.example.net/c/e?")
    assert tag.load_options == {
        "src": "https://clicks.example.net/c/t.js", "consent": True, "cookieless": True, "ignoreGpc": True,
    }  # fmt: skip


def test_without_batches_the_extension_comes_first() -> None:
    tag = Tag.of_outputs(outputs(collectorBatchSuffix=""))
    extension, script, *_ = Elements(text(tag, ["html"])).found
    assert extension[1]["src"] == "https://clicks.example.net/divolte-beacon.js"
    assert extension[1]["data-event"] == "/csc-event"
    assert script[1]["src"] == "https://clicks.example.net/divolte.js"
    assert "takes no batches" in warnings(tag)[0]


def test_a_site_has_its_own_cookie_domain() -> None:
    found = outputs(sites=[SHOP, BLOG])
    assert Tag.of_outputs(found, "shop").attributes["data-domain"] == ".example.com"
    assert "data-domain" not in Tag.of_outputs(found, "blog").attributes
    assert "data-domain" not in Tag.of_outputs(found).attributes
    with pytest.raises(TagError, match="there is no site shp; the stack's sites are blog, shop"):
        Tag.of_outputs(found, "shp")
    with pytest.raises(TagError, match="set clickstream:sites"):
        Tag.of_outputs(outputs(), "shop")


def test_a_stack_of_an_earlier_version_says_so() -> None:
    old = outputs()
    del old["sites"]
    with pytest.raises(TagError, match="make up"):
        Tag.of_outputs(old)


@pytest.mark.parametrize("name", FORMS)
def test_every_form_names_the_collector_and_its_options(name: str) -> None:
    form = text(Tag.of_outputs(outputs(sites=[SHOP], cookieless=True), "shop"), [name])
    assert "https://clicks.example.net" in form
    if name != "csp":
        assert re.search(r"data-cookieless|cookieless: true", form)
        assert re.search(r"data-domain.*example\.com|domain: \"\.example\.com\"", form)


def test_tag_manager_gets_no_attributes_that_it_would_drop() -> None:
    form = text(Tag.of_outputs(outputs(cookieless=True)), ["gtm"])
    (script,) = Elements(form).found
    assert script == ("script", {})
    code = form.partition("<script>")[2].partition("</script>")[0]
    node = shutil.which("node")
    assert node, "Node is part of the toolchain: `make setup`"
    check = """
      const made = { setAttribute(name, value) { made[name] = value; } };
      global.document = { createElement: () => made, head: { appendChild: (it) => console.log(JSON.stringify(it)) } };
    """
    run = subprocess.run([node, "-e", check + code], capture_output=True, text=True, check=True)
    assert '"data-divolte":""' in run.stdout
    assert '"data-cookieless":""' in run.stdout
    assert '"src":"https://clicks.example.net/divolte.js"' in run.stdout


@pytest.mark.parametrize(
    ("website", "said"),
    [
        ("https://clicks.example.net", None),
        ("http://203.0.113.7", "is not https"),
        ("http://localhost:8080", "is this machine"),
    ],
)
def test_an_address_that_pages_can_not_reach_is_pointed_out(website: str, said: str | None) -> None:
    found = warnings(Tag.of_outputs(outputs(website, trackerScript="lamps.js")))
    assert not found if said is None else said in found[0]


def test_a_name_that_blockers_know_is_pointed_out() -> None:
    (found,) = warnings(Tag.of_outputs(outputs()))
    assert "EasyPrivacy" in found
    assert "trackerScript" in found
