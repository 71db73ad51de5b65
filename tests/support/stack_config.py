"""Configuration as the engine hands it to the program: Pulumi.yaml's defaults with a stack's values on top."""

from typing import Any

from tools.stack_settings import own_settings, raw_settings, stack_file


def committed_config(stack: str) -> dict[str, Any]:
    """What Pulumi.<stack>.yaml sets in the project's namespace, key (without namespace) to value."""
    return own_settings(stack_file(stack))


def raw_config(stack: str | None = None, **changes: Any) -> dict[str, str | None]:
    """Key (without namespace) to text; `stack` names a committed Pulumi.<stack>.yaml."""
    return raw_settings({**(committed_config(stack) if stack else {}), **changes})
