"""A real headless Firefox, driven by Mozilla's own client: Playwright drives a patched one only."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from marionette_driver.addons import Addons  # type: ignore[import-untyped]
from marionette_driver.marionette import Marionette  # type: ignore[import-untyped]

from tests.support.ports import free_port
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# The browser's own traffic would only blur what a test sees.
PREFERENCES = {
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "app.normandy.enabled": False,
}


def executable() -> str | None:
    """The system's Firefox."""
    return next((path for name in ("firefox-esr", "firefox") if (path := shutil.which(name))), None)


class Firefox:
    """What the tests need of it."""

    def __init__(self, client: Any) -> None:
        """Over a started session."""
        self._client = client

    def open(self, url: str) -> None:
        """Go to a page and wait until it is loaded."""
        self._client.navigate(url)

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression in the page."""
        return self._client.execute_script(f"return {expression}", sandbox=None)

    def wait_until(self, expression: str, seconds: float = 20) -> None:
        """Until the expression is true."""
        until(lambda: self.evaluate(expression), what=expression, seconds=seconds)

    def click(self, selector: str) -> None:
        """As a person does, with the mouse."""
        self._client.find_element("css selector", selector).click()

    def cookies(self) -> dict[str, dict[str, Any]]:
        """Those of the page, by name."""
        return {cookie["name"]: cookie for cookie in self._client.get_cookies()}

    def prefer(self, name: str, value: object) -> None:
        """Change one of the browser's settings."""
        self._client.set_pref(name, value)

    def add_extension(self, folder: Path) -> None:
        """Install an unpacked extension, until the browser ends."""
        Addons(self._client).install(str(folder), temp=True)

    def forget(self) -> None:
        """Everything that the page left on the device."""
        self._client.delete_all_cookies()
        self.evaluate("localStorage.clear()")


@contextmanager
def firefox(folder: Path, **capabilities: object) -> Iterator[Firefox]:
    """Start it, with WebDriver capabilities if there are any, and stop it afterwards."""
    client = Marionette(
        host="127.0.0.1",
        port=free_port(),
        bin=executable(),
        headless=True,
        prefs=PREFERENCES,
        gecko_log=str(folder / "gecko.log"),
        workspace=str(folder),
    )
    try:
        client.start_session(capabilities or None)
        yield Firefox(client)
    finally:
        client.quit()
        client.cleanup()
