"""tools/stack.py: when the policy pack judges a plan."""

from pathlib import Path

import pytest

from tools import stack


@pytest.mark.parametrize(
    ("text", "judged"),
    [
        ("config:\n  clickstream:target: digitalocean\n", True),
        ('config:\n  clickstream:target: "digitalocean"\n', True),
        ("config:\n  clickstream:target: local\n", False),
        ("config:\n  clickstream:domain: digitalocean.example.com\n", False),
        ("config: {}\n", False),
    ],
)
def test_plans_of_stacks_on_digitalocean_are_judged(
    text: str, *, judged: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stack, "ROOT", tmp_path)
    assert not stack.policed("test"), "a stack without a file runs on this machine"
    (tmp_path / "Pulumi.test.yaml").write_text(text)
    assert stack.policed("test") is judged


def test_the_shipped_stack_prod_is_judged_and_dev_is_not() -> None:
    assert stack.policed("prod")
    assert not stack.policed("dev")


def test_up_of_a_judged_stack_previews_first_since_some_rules_need_the_whole_plan() -> None:
    assert "--skip-preview" not in stack.policy_arguments("up", judged=True)
    for operation in ("up", "preview"):
        assert stack.policy_arguments(operation, judged=True)[0] == "--policy-pack"
    assert stack.policy_arguments("up", judged=False) == ["--skip-preview"]
    assert stack.policy_arguments("preview", judged=False) == []
    for judged in (True, False):
        assert stack.policy_arguments("destroy", judged=judged) == ["--skip-preview"]
