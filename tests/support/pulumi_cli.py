"""A stack of its own under the real CLI: own name, state, passphrase and configuration."""

import json
import os
import secrets
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from infra.paths import ROOT

ENV_FILE = ROOT / ".pulumi" / "env"

LOOPBACK_ONLY = {"HTTPS_PROXY": "http://127.0.0.1:9", "NO_PROXY": "127.0.0.1,localhost"}
"""For a stack that names a registry out there: whoever would ask it finds nobody at this proxy."""


def toolchain_env() -> dict[str, str]:
    """The environment that the bootstrap wrote, on top of this process's own."""
    env = dict(os.environ)
    if ENV_FILE.exists():
        script = f"set -a; . {ENV_FILE}; env -0"
        output = subprocess.run(["bash", "-c", script], check=True, capture_output=True, env=env).stdout
        env = dict(item.split("=", 1) for item in output.decode().split("\0") if "=" in item)
    return env


class PulumiError(AssertionError):
    """A command of the CLI failed where a test expected it to succeed."""


@dataclass
class CliStack:
    """`program` is the folder of Pulumi.yaml; state and configuration live in `home`."""

    name: str
    home: Path
    config: dict[str, Any] = field(default_factory=dict)
    program: Path = ROOT
    project: str = "clickstream"
    env: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Make the state's folder and a passphrase of its own."""
        (self.home / "state").mkdir(parents=True, exist_ok=True)
        passphrase = self.home / "passphrase"
        if not passphrase.exists():
            passphrase.write_text(secrets.token_hex(16))
        self.env = toolchain_env() | {
            "PULUMI_BACKEND_URL": f"file://{self.home / 'state'}",
            "PULUMI_CONFIG_PASSPHRASE_FILE": str(passphrase),
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "NO_COLOR": "1",
            **self.env,
        }
        self.env.pop("PULUMI_CONFIG_PASSPHRASE", None)

    @property
    def config_file(self) -> Path:
        """Pulumi.<stack>.yaml of this stack."""
        return self.home / f"Pulumi.{self.name}.yaml"

    def write_config(self) -> None:
        """Write the configuration, keeping what the CLI itself added to the file."""
        kept = yaml.safe_load(self.config_file.read_text()) if self.config_file.exists() else None
        document = {key: value for key, value in (kept or {}).items() if key != "config"}
        # Where the machine's own build of the docker-build plugin is used, it builds inside the engine.
        builder = {"builder": self.env["CLICKSTREAM_BUILDER"]} if self.env.get("CLICKSTREAM_BUILDER") else {}
        if self.program == ROOT:
            self.config = builder | self.config
        document["config"] = {f"{self.project}:{key}": value for key, value in self.config.items()}
        self.config_file.write_text(yaml.safe_dump(document))

    def run(
        self, *args: str, check: bool = True, timeout: float = 900, folder: Path | None = None, typed: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run one command of the CLI on the stack; `typed` is its standard input."""
        self.write_config()
        command = ["pulumi", *args, "--non-interactive"]
        result = subprocess.run(
            command,
            cwd=folder or self.program,
            env=self.env,
            input=typed,
            text=True,
            capture_output=True,
            timeout=timeout,
            check=False,
        )
        sys.stdout.write(f"$ {' '.join(command)}\n{result.stdout}{result.stderr}")
        if check and result.returncode:
            message = f"{' '.join(command)} ended with {result.returncode}:\n{result.stdout}\n{result.stderr}"
            raise PulumiError(message)
        return result

    def init(self) -> None:
        """Create the stack in its own state."""
        # From a folder of its own: the CLI writes a salt beside the Pulumi.yaml that it finds.
        folder = self.home / "init"
        folder.mkdir(exist_ok=True)
        (folder / "Pulumi.yaml").write_text(f"name: {self.project}\nruntime: python\n")
        self.run("stack", "init", self.name, "--no-select", folder=folder)

    def set_secret(self, key: str, value: str) -> None:
        """Put it into the configuration, encrypted."""
        arguments = ("config", "set", "--secret", key, "--stack", self.name, "--config-file", str(self.config_file))
        self.run(*arguments, typed=value)
        self.config[key] = yaml.safe_load(self.config_file.read_text())["config"][f"{self.project}:{key}"]

    def operate(self, operation: str, *args: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """up, preview, refresh or destroy."""
        yes = [] if operation == "preview" else ["--yes"]
        return self.run(
            operation, "--stack", self.name, "--config-file", str(self.config_file), *yes, *args, check=check
        )

    def preview_steps(self, *args: str) -> dict[str, str]:
        """Urn to operation of everything that `up` would do; what stays the same is left out."""
        result = self.operate("preview", "--json", *args)
        steps = json.loads(result.stdout).get("steps") or []
        return {step["urn"]: step["op"] for step in steps if step["op"] not in ("same", "read")}

    def outputs(self) -> dict[str, Any]:
        """The stack's outputs, secrets in plain text."""
        result = self.run("stack", "output", "--stack", self.name, "--json", "--show-secrets")
        outputs: dict[str, Any] = json.loads(result.stdout)
        return outputs

    def exported(self) -> str:
        """The state as it lies on disk."""
        return self.run("stack", "export", "--stack", self.name).stdout
