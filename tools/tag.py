"""Prints the tag to paste into pages to measure their visits: `make tag [SITE=shop] [FORM=html]`."""

from __future__ import annotations

import argparse
import html
import json
import sys
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from toolchain import environment
from toolchain.paths import SetupError
from tools.stack import outputs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


class TagError(Exception):
    """There is no such tag. The message lists the existing ones."""


@dataclass(frozen=True)
class Tag:
    """A stack's tag for pages of any origin. `attributes` are the script element's, by name."""

    origin: str
    script: str
    pixel: str
    attributes: Mapping[str, str] = field(default_factory=dict)
    beacon_path: str | None = None
    """URL for single events, on a stack without batches."""

    @classmethod
    def of_outputs(cls, found: Mapping[str, Any], site: str | None = None) -> Tag:
        """Create the tag from a stack's outputs.

        Raises:
            TagError: the stack has no such site, or was deployed before it had tags.
        """
        if "sites" not in found or "tagOptions" not in found:
            message = "the stack is from an earlier version: `make up` brings it up to date"
            raise TagError(message)
        attributes = {"data-divolte": "", **{f"data-{option}": "" for option in found["tagOptions"]}}
        if site is not None:
            listed = {one["name"]: one for one in found["sites"]}
            if site not in listed:
                known = ", ".join(sorted(listed)) or "none: set clickstream:sites, or leave SITE out"
                message = f"there is no site {site}; the stack's sites are {known}"
                raise TagError(message)
            if domain := listed[site]["cookieDomain"]:
                # With the dot; otherwise the tracker would treat links to notexample.com as links within example.com.
                attributes["data-domain"] = "." + domain.removeprefix(".")
        # A stack without a website has only an origin. A stack from an earlier version has only a website.
        origin, names = str(found.get("origin") or found["website"]).rstrip("/"), found["tracking"]
        event = names["eventPath"]
        pixel = f"{origin}{event}?t=pageView&noscript=1"
        return cls(origin, origin + names["script"], pixel, attributes, None if names["batchPath"] else event)

    def served_from(self, address: str) -> Tag:
        """The same tag with script and endpoints under an address such as `https://www.example.com/c`."""
        script, pixel = (address + url.removeprefix(self.origin) for url in (self.script, self.pixel))
        return replace(self, origin=address, script=script, pixel=pixel)

    @property
    def element(self) -> str:
        """The script element."""
        attributes = "".join(f' {name}="{html.escape(value)}"' if value else f" {name}" for name, value in self._sorted)
        return f'{self._extension}<script defer{attributes} src="{html.escape(self.script)}"></script>'

    @property
    def picture(self) -> str:
        """The pixel that counts page views without JavaScript."""
        return (
            f'<noscript><img src="{html.escape(self.pixel)}" alt="" width="1" height="1"\n'
            ' referrerpolicy="no-referrer-when-downgrade"></noscript>'
        )

    @property
    def load_options(self) -> dict[str, str | bool]:
        """The options for the package's `load()`."""
        given = {name.removeprefix("data-"): value for name, value in self._sorted if name != "data-divolte"}
        return {"src": self.script, **{_camel(name): value or True for name, value in given.items()}}

    @property
    def _extension(self) -> str:
        if self.beacon_path is None:
            return ""
        script = html.escape(f"{self.script.removesuffix('.js')}-beacon.js")
        return f'<script defer data-event="{html.escape(self.beacon_path)}" src="{script}"></script>\n'

    @property
    def _sorted(self) -> list[tuple[str, str]]:
        return sorted(self.attributes.items(), key=lambda item: (item[0] != "data-divolte", item[0]))


def _camel(name: str) -> str:
    first, *rest = name.split("-")
    return first + "".join(part.capitalize() for part in rest)


def _html(tag: Tag) -> str:
    return f"{tag.element}\n{tag.picture}"


def _npm(tag: Tag) -> str:
    return (
        "# In services/website/tracker, `npm pack` writes clickstream-tracker-<version>.tgz. Then, in your project:\n"
        "npm install ./clickstream-tracker-<version>.tgz\n\n"
        f'import {{ load }} from "@clickstream/tracker";\n\nconst divolte = await load({_literal(tag.load_options)});\n'
        'divolte.signal("addToCart", { sku: "TT-101" });'
    )


def _next(tag: Tag) -> str:
    attributes = "".join(f'\n  {name}="{html.escape(value)}"' for name, value in tag._sorted)  # noqa: SLF001
    return (
        "// app/layout.tsx, inside <body>; for React without Next see npm\n"
        'import Script from "next/script";\n\n'
        f'<Script\n  src="{html.escape(tag.script)}"\n  strategy="afterInteractive"{attributes}\n/>\n'
        f'<noscript>\n  <img src="{html.escape(tag.pixel)}" alt="" width="1" height="1"\n'
        '    referrerPolicy="no-referrer-when-downgrade" />\n</noscript>'
    )


def _vue(tag: Tag) -> str:
    return (
        "// main.ts; page views of the router are counted by themselves\n"
        f'import {{ load }} from "@clickstream/tracker"; // see npm\n\nvoid load({_literal(tag.load_options)});'
    )


def _gtm(tag: Tag) -> str:
    # Tag Manager inserts new script elements, without their data attributes.
    lines = [f'  script.setAttribute("{name}", {_quoted(value)});' for name, value in tag._sorted]  # noqa: SLF001
    return "\n".join(
        [
            "<!-- A tag of type Custom HTML, trigger: Initialization - All Pages. -->",
            "<script>",
            "(function () {",
            '  var script = document.createElement("script");',
            *lines,
            f"  script.src = {_quoted(tag.script)};",
            "  document.head.appendChild(script);",
            "})();",
            "</script>",
        ]
    )


def _wordpress(tag: Tag) -> str:
    return (
        "<?php // functions.php of your child theme, or a plugin for snippets\n"
        "add_action('wp_head', function () { ?>\n"
        f"{tag.element}\n"
        "<?php });\n"
        "add_action('wp_footer', function () { ?>\n"
        f"{tag.picture}\n"
        "<?php });"
    )


def _csp(tag: Tag) -> str:
    return (
        "# Add the address to these directives of your Content-Security-Policy:\n"
        f"script-src {tag.origin}; connect-src {tag.origin}; img-src {tag.origin}"
    )


FORMS: Mapping[str, tuple[str, Callable[[Tag], str]]] = {
    "html": ("HTML, before </head>", _html),
    "npm": ("npm, for any bundler", _npm),
    "next": ("Next.js", _next),
    "vue": ("Vue", _vue),
    "gtm": ("Google Tag Manager", _gtm),
    "wordpress": ("WordPress", _wordpress),
    "csp": ("Only if your pages have a Content-Security-Policy", _csp),
}


def _quoted(value: str) -> str:
    # A string in a page must not end the script element.
    return json.dumps(value).replace("</", "<\\/")


def _literal(options: Mapping[str, str | bool]) -> str:
    return "{ " + ", ".join(f"{name}: {json.dumps(value)}" for name, value in options.items()) + " }"


def warnings(tag: Tag) -> list[str]:
    """Warnings about pages on which the tag will not work."""
    found = []
    if tag.beacon_path is not None:
        found.append(
            "The stack takes no batches: pages must load the extension before the tracker, as in the form html."
        )
    if tag.script.endswith("/divolte.js"):
        found.append(
            "EasyPrivacy, a list that most content blockers use, blocks scripts called divolte.js. To count visits "
            "with a blocker too, set trackerScript to a name of your own."
        )
    return found + _address_warnings(tag)


def _address_warnings(tag: Tag) -> list[str]:
    address = urlsplit(tag.origin)
    if address.scheme == "https":
        return []
    if address.hostname in ("localhost", "127.0.0.1"):
        return [f"{tag.origin} is this machine: only pages that are opened on it reach the collector."]
    return [f"{tag.origin} is not https: browsers block it on pages that are. Set tls to acme or internal."]


def text(tag: Tag, forms: Sequence[str]) -> str:
    """The text to print: a single form by itself, several with headings."""
    if len(forms) == 1:
        return FORMS[forms[0]][1](tag)
    return "\n\n".join(f"--- {FORMS[name][0]} (FORM={name})\n\n{FORMS[name][1](tag)}" for name in forms)


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description="Print the tag to paste into a site's pages.")
    parser.add_argument("--stack", default="dev")
    parser.add_argument("--site", help="a name in clickstream:sites")
    parser.add_argument("--form", choices=FORMS, help="only this form, without a heading")
    options = parser.parse_args()
    try:
        tag = Tag.of_outputs(outputs(options.stack, environment.full()), options.site)
    except (SetupError, TagError) as error:
        print(error, file=sys.stderr)
        return 1
    for warning in warnings(tag):
        print(f"Note: {warning}", file=sys.stderr)
    print(text(tag, [options.form] if options.form else list(FORMS)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
