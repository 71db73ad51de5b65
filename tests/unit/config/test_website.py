"""The setting `website`: the shop, nothing, or a folder of the user's own files."""

from pathlib import Path
from typing import Any

import pytest

from infra.config import ConfigError, StackConfig
from infra.config.website import check, files_of, folder_of
from tests.support.stack_config import raw_config


def write(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)


def problem(value: str, root: Path) -> str:
    with pytest.raises(ValueError, match="`demo`, `none`, or a folder of this checkout") as error:
        check(value, root)
    return str(error.value).partition("path; ")[2]


def test_a_folder_with_a_home_page_is_served_without_hidden_files(tmp_path: Path) -> None:
    write(
        tmp_path, "site/index.html", "site/css/a.css", "site/.env", "site/.git/config", "site/css/.cache",
        "site/.well-known/security.txt",
    )  # fmt: skip
    assert check("site", tmp_path) == "site"
    assert check("./site/", tmp_path) == "./site/"
    folder = folder_of("site", tmp_path)
    assert folder is not None
    names = [path.relative_to(folder).as_posix() for path in files_of(folder)]
    assert names == [".well-known/security.txt", "css/a.css", "index.html"]


def test_demo_and_none_are_not_folders_unless_given_as_paths(tmp_path: Path) -> None:
    assert folder_of(check("demo", tmp_path)) is folder_of(check("none", tmp_path)) is None
    write(tmp_path, "none/index.html")
    assert folder_of(check("./none", tmp_path), tmp_path) == tmp_path / "none"


def test_folders_that_cannot_be_served_are_refused_with_the_reason(tmp_path: Path) -> None:
    root = tmp_path / "checkout"
    write(root, "index.html", "empty/a.html", "linked/index.html", "file", "secret")
    write(tmp_path, "outside/index.html")
    assert problem(str(root / "linked"), root).endswith("is not a relative path")
    assert problem("", root).endswith("is not a relative path")
    assert problem("nowhere", root) == "'nowhere' does not exist"
    assert problem("file", root) == "'file' is not a folder"
    assert problem("empty", root) == "'empty' has no index.html"
    assert problem("../outside", root) == "'../outside' is not inside the checkout"
    assert problem(".", root) == "'.' is not inside the checkout"
    (root / "shortcut").symlink_to(tmp_path / "outside")
    assert problem("shortcut", root) == "'shortcut' is not inside the checkout"
    (root / "linked" / "css").mkdir()
    (root / "linked" / "css" / "a.css").symlink_to(root / "secret")
    assert problem("linked", root) == "'linked' has a symbolic link, css/a.css; put the file itself there"


def errors(**changes: Any) -> str:
    with pytest.raises(ConfigError) as error:
        StackConfig.parse("test", raw_config(**changes))
    return str(error.value)


def test_the_preview_names_the_key() -> None:
    said = errors(website="docs")
    assert "clickstream:website: 'docs' given; allowed: `demo`, `none`, or a folder" in said
    assert "'docs' has no index.html" in said
    assert StackConfig.parse("test", raw_config()).pipeline.website == "demo"


def test_settings_of_the_shop_are_refused_without_the_shop() -> None:
    said = errors(website="none", clarityId="abcdef", ipstackAccessKey="k3y")
    assert "clickstream:clarityId: given, but only the pages of website `demo` use it" in said
    assert "clickstream:ipstackAccessKey" in said
    assert "k3y" not in said
    StackConfig.parse("test", raw_config(website="demo", clarityId="abcdef"))
