"""An image is named by what goes into it, the same on every machine."""

import shutil
import subprocess
from pathlib import Path

import pytest

from infra.images.source import ImageSource
from infra.paths import ROOT, SERVICES
from tests.support.services import IMAGE_SOURCES


@pytest.mark.parametrize("source", IMAGE_SOURCES, ids=lambda source: source.name)
def test_the_build_reads_what_the_hash_covers(source: ImageSource) -> None:
    """The ignore file lets in the image's own folder and the shared ones, nothing else of services/."""
    lines = (SERVICES / source.folder / "Dockerfile.dockerignore").read_text().split()
    assert lines[0] in ("*", "**")
    let_in = {line.removeprefix("!").split("/")[0] for line in lines if line.startswith("!")}
    assert let_in == {source.folder, *source.shared}


@pytest.mark.parametrize("source", IMAGE_SOURCES, ids=lambda source: source.name)
def test_nothing_that_git_ignores_is_hashed(source: ImageSource) -> None:
    """What a build or a test leaves in the folder must not make another image of the same commit."""
    files = "\n".join(str(path.relative_to(ROOT)) for path in source.files())
    ignored = subprocess.run(
        ["git", "check-ignore", "--stdin"], cwd=ROOT, input=files, text=True, capture_output=True, check=False
    )
    assert ignored.stdout == ""


def test_the_hash_follows_content_name_and_mode(tmp_path: Path) -> None:
    source = ImageSource(name="web", mebibytes=1)
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "Dockerfile").write_text("FROM scratch\n")
    script = tmp_path / "web" / "start"
    script.write_text("exec nginx\n")
    first = source.content_hash(tmp_path)

    copy = tmp_path / "copy"
    shutil.copytree(tmp_path / "web", copy / "web")
    assert source.content_hash(copy) == first, "a clone elsewhere is the same image"

    script.chmod(0o755)
    second = source.content_hash(tmp_path)
    script.write_text("exec caddy\n")
    third = source.content_hash(tmp_path)
    script.rename(tmp_path / "web" / "run")
    assert len({first, second, third, source.content_hash(tmp_path)}) == 4
