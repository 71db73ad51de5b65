"""The lists of referring sites that are checked in come from the pinned packages."""

import subprocess
from pathlib import Path

import pytest

from infra.versions import VERSIONS
from tools import referrer_lists
from tools.referrer_lists import REFERRERS, SPAM, package, referrers, spam


def lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if not line.startswith("#")]


@pytest.mark.parametrize(("file", "version"), [(REFERRERS, "REFERRERS_INTEGRITY"), (SPAM, "SPAMMERS_INTEGRITY")])
def test_a_list_is_that_of_the_pinned_package(file: Path, version: str) -> None:
    """After a change of the version: python -m tools.referrer_lists."""
    assert VERSIONS[version] in file.read_text()


def test_hosts_are_taken_over_in_lower_case_without_www_and_paths() -> None:
    given = {
        "www.Big.example": {"medium": "search", "source": "Big"},
        "maps.big.example": {"medium": "unknown", "source": "Big"},
        "big.example/images": {"medium": "search", "source": "Big Images"},
        "nickname": {"medium": "social", "source": "Nick"},
    }
    assert lines(referrers(given, "sha512-x")) == ["big.example,search,Big", "maps.big.example,other,maps.big.example"]


def test_spammers_are_sorted_and_named_once() -> None:
    assert lines(spam(["b.example", "", "www.a.example", "B.example "], "a file")) == ["a.example", "b.example"]


def test_spammers_can_come_from_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given, written = tmp_path / "spammers.txt", tmp_path / "spam.txt"
    given.write_text("b.example\n\na.example\n")
    monkeypatch.setattr(referrer_lists, "SPAM", written)
    monkeypatch.setattr("sys.argv", ["referrer_lists", "--spam", str(given)])
    referrer_lists.main()
    assert lines(written.read_text()) == ["a.example", "b.example"]


def test_another_package_than_the_pinned_one_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def pack(*_: object, cwd: str, **__: object) -> None:
        (Path(cwd) / "list-1.0.0.tgz").write_bytes(b"other")

    monkeypatch.setattr(subprocess, "run", pack)
    with pytest.raises(SystemExit, match=r"list@1\.0\.0: integrity is sha512-\S+, expected sha512-x; put the new one"):
        package("list", "1.0.0", "sha512-x")
