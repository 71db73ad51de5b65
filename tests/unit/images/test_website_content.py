"""The website's image with a folder of the user's own files: its tag and its build context."""

import os
import shutil
import time
from pathlib import Path

import pytest

from infra.images.context import CONTEXTS, context_of
from infra.paths import SERVICES
from infra.pipeline.website import IMAGE, website_image


@pytest.fixture
def site(tmp_path: Path) -> Path:
    site = tmp_path / "site"
    (site / "css").mkdir(parents=True)
    (site / "index.html").write_text("<title>Home</title>")
    (site / "css" / "a.css").write_text("a{}")
    (site / ".env").write_text("SECRET=1")
    return site


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A checkout with the website's folder alone."""
    root = tmp_path / "checkout"
    shutil.copytree(SERVICES / "website", root / "services" / "website", ignore=shutil.ignore_patterns("node_modules"))
    return root


def test_each_choice_makes_a_different_image(site: Path) -> None:
    sources = [website_image(content) for content in ("demo", "none", str(site))]
    assert sources[0] == IMAGE
    assert [source.build_args().get("CONTENT") for source in sources] == [None, "none", "folder"]
    assert len({source.content_hash() for source in sources}) == 3
    assert [context_of(source) for source in sources[:2]] == ["services", "services"]


def test_the_image_follows_the_folders_files(site: Path) -> None:
    def tag() -> str:
        return website_image(str(site)).content_hash()

    tags = [tag()]
    (site / "css" / "a.css").write_text("b{}")
    tags.append(tag())
    (site / "css" / "a.css").rename(site / "css" / "b.css")
    tags.append(tag())
    (site / "new.html").touch()
    tags.append(tag())
    assert len(set(tags)) == 4
    (site / ".env").write_text("SECRET=2")
    assert tag() == tags[-1], "what is not served changes nothing"
    copy = shutil.copytree(site, site.with_name("elsewhere"))
    assert website_image(str(copy)).content_hash() == tags[-1]


def test_a_large_folder_counts_towards_the_space_of_the_registry(site: Path) -> None:
    (site / "film.mp4").write_bytes(bytes(3 * 2**20))
    assert website_image(str(site)).mebibytes == IMAGE.mebibytes + 4


def files(root: Path, context: str) -> set[str]:
    return {path.relative_to(root / context).as_posix() for path in (root / context).rglob("*") if path.is_file()}


def test_the_context_has_only_the_images_folder_and_the_users_files(site: Path, root: Path) -> None:
    source = website_image(str(site))
    context = context_of(source, root)
    own = {f"website/{path.relative_to(SERVICES / 'website').as_posix()}" for path in IMAGE.files()}
    assert files(root, context) == own | {"website/content/index.html", "website/content/css/a.css"}
    assert context == f"{CONTEXTS.as_posix()}/website-{source.content_hash(root / 'services')}"
    assert [path.name for path in (root / CONTEXTS).iterdir()] == [Path(context).name], "no draft is left"


def test_the_copy_is_made_once_and_old_ones_are_removed(site: Path, root: Path) -> None:
    first = root / context_of(website_image(str(site)), root)
    (first / "mark").touch()
    assert root / context_of(website_image(str(site)), root) == first
    assert (first / "mark").exists()
    (site / "index.html").write_text("<title>Changed</title>")
    second = root / context_of(website_image(str(site)), root)
    assert first.exists(), "another run may be building from it"
    long_ago = time.time() - 2 * 86400
    os.utime(first, (long_ago, long_ago))
    context_of(website_image(str(site)), root)
    assert not first.exists()
    assert second.exists()


def test_a_failed_copy_leaves_nothing_that_a_later_run_would_use(
    site: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        message = "no space left on device"
        raise OSError(message)

    source = website_image(str(site))
    with monkeypatch.context() as patched:
        patched.setattr("infra.images.context.shutil.copy2", full)
        with pytest.raises(OSError, match="no space"):
            context_of(source, root)
    assert list((root / CONTEXTS).iterdir()) == []
    assert "website/content/index.html" in files(root, context_of(source, root))
