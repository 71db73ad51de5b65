"""versions.toml holds every version once; who uses one gets it from there."""

import json
import re
import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest

from infra.images.source import ImageSource
from infra.paths import ROOT, SERVICES
from infra.versions import FILE, VERSIONS, build_args
from tests.support.services import IMAGE_SOURCES
from toolchain.venv import PROGRAM, pinned

SUPERSET = SERVICES / "superset" / "requirements.in"
DOCKERFILES = [*SERVICES.glob("*/Dockerfile"), ROOT / "tests/fakes/digitalocean/hosts/image/Dockerfile"]

KEPT_BY_A_MANAGER = re.compile(r"(^|/)(requirements[^/]*\.(txt|in|lock)|package(-lock)?\.json|go\.(mod|sum))$")
RECORDS = re.compile(r"^(CHANGELOG\.md|tests/support/recorded/|tests/fakes/digitalocean/openapi\.json)")
"""What was once seen, or changed: it does not follow a later version."""

TAKEN_OVER = re.compile(r"^services/collector/collector/data/(referrers\.csv|spam\.txt)$")
"""Generated from a package, whose integrity it names: tests/unit/tools/test_referrer_lists.py compares it."""

PRODUCTS = {
    "DOCKER_VERSION": "docker",
    "JAVA_VERSION": "java|jre|jdk|openjdk",
    "POSTGRES_VERSION": "postgres|postgresql",
}
"""A version that is only a number, or nearly, counts where the product stands before it."""


def literal(name: str, value: str) -> re.Pattern[str]:
    """What to look for: the version by itself, not as a part of another number."""
    before = rf"(?i:\b(?:{PRODUCTS[name]})[\s/:=-]*)" if name in PRODUCTS else r"(?<![\w.])"
    return re.compile(rf"{before}{re.escape(value)}(?![\w]|\.\d)")


@cache
def written() -> Mapping[str, str]:
    """The text of every file of the repository that a person writes and that is no record, by its name."""
    text_files = subprocess.run(["git", "grep", "-Il", ""], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return {
        name: (ROOT / name).read_text()
        for name in text_files.splitlines()
        if not KEPT_BY_A_MANAGER.search(name) and not RECORDS.search(name) and not TAKEN_OVER.search(name)
    }


def declares(dockerfile: Path, name: str) -> bool:
    return bool(re.search(rf"^ARG {name}$", dockerfile.read_text(), re.MULTILINE))


def test_every_version_is_used() -> None:
    modules = "\n".join(text for name, text in written().items() if re.match(r"(infra|toolchain|tools)/.*\.py$", name))
    taken = {name for dockerfile in DOCKERFILES for name in build_args(dockerfile)}
    assert [name for name in VERSIONS if name not in taken and not re.search(rf"VERSIONS\[.{name}.\]", modules)] == []


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: path.parent.name)
def test_a_dockerfile_declares_no_version_that_its_build_ignores(dockerfile: Path) -> None:
    """Else a change of that version would make another image of the same content."""
    poms = "".join(path.read_text() for path in dockerfile.parent.rglob("*pom.xml"))
    scripts = "".join(path.read_text() for path in dockerfile.parent.glob("*.sh"))
    text = dockerfile.read_text() + scripts
    unused = [
        name
        for name in build_args(dockerfile)
        if not re.search(rf"\$\{{?{name}\b", text) and f"${{env.{name}}}" not in poms
    ]
    assert unused == []


@pytest.mark.parametrize("name", [*VERSIONS, "apache-superset"])
def test_a_version_is_written_once(name: str) -> None:
    found = literal(name, VERSIONS.get(name) or pinned(name, SUPERSET))
    lines = [
        f"{file}:{number}: {line.strip()[:100]}"
        for file, text in written().items()
        if file != FILE.name
        for number, line in enumerate(text.splitlines(), 1)
        if found.search(line)
    ]
    assert lines == [], f"write `{name}` of {FILE.name} there, or name no version"


@pytest.fixture(scope="module")
def hashes() -> dict[str, str]:
    """Those of the images, as the file is."""
    return {source.name: source.content_hash() for source in IMAGE_SOURCES}


def new_images(hashes: dict[str, str], name: str) -> set[str]:
    """The images that another value of a version changes."""
    changed = {**VERSIONS, name: "changed"}
    return {source.name for source in IMAGE_SOURCES if source.content_hash(versions=changed) != hashes[source.name]}


@pytest.mark.parametrize("name", VERSIONS)
def test_a_version_makes_new_images_of_those_that_declare_it_and_of_no_others(
    hashes: dict[str, str], name: str
) -> None:
    declaring = {source.name for source in IMAGE_SOURCES if declares(SERVICES / source.folder / "Dockerfile", name)}
    assert new_images(hashes, name) == declaring


@pytest.mark.parametrize(
    ("name", "images"),
    [
        ("DRUID_VERSION", {"druid"}),
        ("JAVA_VERSION", {"druid", "kafka"}),
        ("POSTGRES_VERSION", {"postgres", "superset"}),
    ],
)
def test_the_images_of_a_version(hashes: dict[str, str], name: str, images: set[str]) -> None:
    assert new_images(hashes, name) == images


def test_an_argument_without_a_default_must_be_in_the_file(tmp_path: Path) -> None:
    dockerfile = tmp_path / "web" / "Dockerfile"
    dockerfile.parent.mkdir()
    dockerfile.write_text('ARG WEB_VERSION\nARG EXTRA=""\nFROM debian:${WEB_VERSION}\nARG WEB_VERSION\n')
    source = ImageSource(name="web", mebibytes=1)
    assert source.build_args(tmp_path, {"WEB_VERSION": "1", "OTHER_VERSION": "2"}) == {"WEB_VERSION": "1"}
    with pytest.raises(ValueError, match=r"no version for ARG WEB_VERSION; versions.toml has OTHER_VERSION: write it"):
        source.content_hash(tmp_path, {"OTHER_VERSION": "2"})


def test_renovate_reads_every_version() -> None:
    config = json.loads((ROOT / "renovate.json").read_text())
    manager = next(one for one in config["customManagers"] if one["customType"] == "regex")
    (pattern,) = manager["managerFilePatterns"]
    assert re.search(pattern.strip("/"), FILE.name)
    (match,) = manager["matchStrings"]
    text = FILE.read_text()
    read = {
        text[found.start("currentValue") :].partition('"')[0]: found
        for found in re.finditer(match.replace("(?<", "(?P<"), text)
    }
    assert list(read) == [value for name, value in VERSIONS.items() if not name.endswith("_INTEGRITY")]
    suites = {
        found["registryUrl"].partition("suite=")[2].partition("&")[0] for found in read.values() if found["registryUrl"]
    }
    assert suites == {VERSIONS["DEBIAN_VERSION"]}, "packages come from the release that the base image is"


@pytest.mark.parametrize(
    ("folder", "module", "package"),
    [
        ("cli", "github.com/pulumi/pulumi/pkg/v3", "pulumi"),
        ("docker-build", "github.com/pulumi/pulumi-docker-build", "pulumi-docker-build"),
    ],
)
def test_what_go_builds_has_the_version_of_its_python_package(folder: str, module: str, package: str) -> None:
    text = (ROOT / "toolchain" / "go" / folder / "go.mod").read_text()
    assert re.findall(rf"^(?:require|\t) ?{re.escape(module)} v(\S+)$", text, re.MULTILINE) == [
        pinned(package, PROGRAM)
    ]


def test_supersets_packages_are_compiled_from_what_is_asked_for() -> None:
    assert pinned("apache-superset", SUPERSET.with_suffix(".lock")) == pinned("apache-superset", SUPERSET)
