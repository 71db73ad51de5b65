"""States of older versions name providers by the modules that they were in."""

from __future__ import annotations

import importlib
import pickle

import pytest

from infra.resources import MOVED


@pytest.mark.parametrize(("old", "new"), MOVED.items())
def test_a_provider_is_found_under_the_module_that_an_older_state_names(old: str, new: str) -> None:
    moved = importlib.import_module(f"infra.resources.{new}")
    providers = [name for name in vars(moved) if name.endswith("Provider") and name != "Provider"]
    assert providers
    for name in providers:
        pickled = f"cinfra.resources.{old}\n{name}\n.".encode()
        assert pickle.loads(pickled) is getattr(moved, name)  # noqa: S301 - written two lines above


def test_a_module_that_never_was_is_not_found() -> None:
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("infra.resources.never_was")
