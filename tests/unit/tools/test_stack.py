"""tools/stack.py: when the policy pack checks a plan."""

from pathlib import Path

import pytest

from tools import stack


@pytest.mark.parametrize(
    ("text", "policy"),
    [
        ("config:\n  clickstream:target: digitalocean\n", True),
        ('config:\n  clickstream:target: "digitalocean"\n', True),
        ("config:\n  clickstream:target: local\n", False),
        ("config:\n  clickstream:domain: digitalocean.example.com\n", False),
        ("config: {}\n", False),
    ],
)
def test_plans_of_stacks_on_digitalocean_are_checked(
    text: str, *, policy: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stack, "ROOT", tmp_path)
    assert not stack.has_policy_pack("test"), "a stack without a file runs on this machine"
    (tmp_path / "Pulumi.test.yaml").write_text(text)
    assert stack.has_policy_pack("test") is policy


def test_the_shipped_stack_prod_is_checked_and_dev_is_not() -> None:
    assert stack.has_policy_pack("prod")
    assert not stack.has_policy_pack("dev")


def test_up_of_a_checked_stack_previews_first_since_some_rules_need_the_whole_plan() -> None:
    assert "--skip-preview" not in stack.policy_arguments("up", policy=True)
    for operation in ("up", "preview"):
        assert stack.policy_arguments(operation, policy=True)[0] == "--policy-pack"
    assert stack.policy_arguments("up", policy=False) == ["--skip-preview"]
    assert stack.policy_arguments("preview", policy=False) == []
    for policy in (True, False):
        assert stack.policy_arguments("destroy", policy=policy) == ["--skip-preview"]


def test_open_shows_the_write_keys_of_each_site(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found: dict[str, object] = {
        "website": "http://localhost:8000",
        "writeKeys": {"shop": {"backend": "k1", "app": "k2"}},
    }
    monkeypatch.setattr(stack, "outputs", lambda _stack, _env: found)
    monkeypatch.setattr(stack, "memory", lambda _prefix, _env: "")
    assert stack.show("test", {}) == 0
    assert [line.split() for line in capsys.readouterr().out.splitlines()[1:]] == [
        ["write", "key", "shop,", "backend", "k1"],
        ["write", "key", "shop,", "app", "k2"],
    ]
    del found["writeKeys"]
    stack.show("test", {})
    assert "write key" not in capsys.readouterr().out


def test_open_shows_the_dns_records_that_are_the_users(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = {"website": "https://example.com", "dnsRecords": {"www.other.example": "203.0.113.10"}}
    monkeypatch.setattr(stack, "outputs", lambda _stack, _env: found)
    monkeypatch.setattr(stack, "memory", lambda _prefix, _env: "")
    stack.show("test", {})
    line = capsys.readouterr().out.splitlines()[-1]
    assert line.split()[:5] == ["DNS", "record", "www.other.example", "A", "203.0.113.10,"]


def test_a_stack_without_a_website_shows_the_trackers_address_in_its_place(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = {
        "origin": "http://localhost:8000",
        "tracking": {"script": "/divolte.js"},
        "superset": "http://localhost:8080",
    }
    monkeypatch.setattr(stack, "memory", lambda *_: "")
    for outputs, first in (
        (found, "tracker       http://localhost:8000/divolte.js"),
        (found | {"website": "http://localhost:8000"}, "website       http://localhost:8000"),
    ):
        monkeypatch.setattr(stack, "outputs", lambda *_, given=outputs: given)
        stack.show("dev", {})
        lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
        assert lines[0] == first
        assert sum("8000" in line for line in lines) == 1
