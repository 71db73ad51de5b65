"""A program of its own over DigitalOcean's part of stack prod, with the simulator as its account."""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from infra.paths import ROOT
from infra.resources.common.ssh import access_folder
from tests.support.pulumi_cli import LOOPBACK_ONLY, CliStack
from tests.support.stack_config import committed_config


@contextmanager
def cloud_stack(
    name: str, folder: Path, program: str, config: Mapping[str, Any], *, url: str, token: str
) -> Iterator[CliStack]:
    """A stack of the program in the folder, not up yet; prod's configuration with changes. Its keys go afterwards."""
    project = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())
    project["runtime"]["options"]["virtualenv"] = str(ROOT / ".venv")
    (folder / "Pulumi.yaml").write_text(yaml.safe_dump(project))
    (folder / "__main__.py").write_text(program)
    env = {"DIGITALOCEAN_TOKEN": token, "DIGITALOCEAN_API_URL": url, "PYTHONPATH": str(ROOT), **LOOPBACK_ONLY}
    made = CliStack(name, folder / "home", {**committed_config("prod"), **config}, program=folder, env=env)
    made.init()
    yield made
    shutil.rmtree(access_folder(f"clickstream-{name}"), ignore_errors=True)
