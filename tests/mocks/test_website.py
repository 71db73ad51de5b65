"""What the setting `website` changes in the plan and in the outputs."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pulumi
import pytest

from infra.paths import ROOT
from tests.mocks.engine import IMAGE, SERVICE, Program, run_program


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder in the checkout that Git ignores."""
    folder = ROOT / ".cache" / f"site-{uuid4().hex}"
    folder.mkdir(parents=True)
    (folder / "index.html").write_text("<title>Home</title>")
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def exported(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Outputs of the last program."""
    found: dict[str, Any] = {}
    monkeypatch.setattr(pulumi, "export", found.__setitem__)
    return found


def images(program: Program) -> dict[str, dict[str, Any]]:
    return {name: dict(item.inputs) for name, item in program.engine.of(IMAGE).items()}


def test_a_changed_file_in_the_folder_changes_only_the_websites_image(folder: Path) -> None:
    website = folder.relative_to(ROOT).as_posix()
    before = run_program("dev", website=website)
    (folder / "index.html").write_text("<title>Changed</title>")
    after = run_program("dev", website=website)
    changed = {name for name, inputs in images(before).items() if images(after)[name] != inputs}
    assert changed == {"website"}
    assert images(after)["website"]["buildArgs"]["CONTENT"] == "folder"
    assert (ROOT / images(after)["website"]["context"]["location"] / "website" / "content" / "index.html").is_file()
    services = {name for name, item in before.engine.of(SERVICE).items() if after.engine.of(SERVICE)[name] != item}
    assert services == {"website"}


def test_without_a_website_there_is_no_website_output(exported: dict[str, Any], dev: Program) -> None:
    program = run_program("dev", website="none")
    assert "website" not in exported
    assert exported["websiteContent"] == "none"
    assert exported.keys() >= {"origin", "collector", "tracking"}
    assert {name for name, inputs in images(dev).items() if images(program)[name] != inputs} == {"website"}
    assert images(program)["website"]["context"]["location"] == "services"
    run_program("dev")
    assert exported["websiteContent"] == "demo"
    assert "website" in exported
