"""How a headless Chromium is started, for every tool and test that drives one."""

from __future__ import annotations

import os
import shutil

QUIET = ("--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync")


def executable() -> str | None:
    """The system's Chromium; None for the one that Playwright installed."""
    return next((path for name in ("chromium", "google-chrome") if (path := shutil.which(name))), None)


def arguments(*more: str) -> list[str]:
    """Its command line, with more arguments if there are any."""
    # Chromium's sandbox refuses to run as root.
    return [*QUIET, *more, *(["--no-sandbox"] if os.geteuid() == 0 else [])]


def user_agent_of_a_person(version: str) -> str:
    """What this Chromium calls itself with a window; "HeadlessChrome" would make its visits those of a bot."""
    return f"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{version} Safari/537.36"
