"""Provider shim for command: commands on this machine, or on another one over ssh."""

import os
import shlex
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

from toolchain.provider_shims.diffing import Rules
from toolchain.provider_shims.framework import run
from toolchain.provider_shims.kinds import Kind, Live, Operation, Package, ProviderError
from toolchain.provider_shims.schema import Failure
from toolchain.provider_shims.values import Props

PREVIOUS = {"stdout": "PULUMI_COMMAND_STDOUT", "stderr": "PULUMI_COMMAND_STDERR"}
DIAL_PAUSE_SECONDS = 1.0
SSH_FAILED = 255  # ssh's own exit code; a command's is passed on


class CommandKind(Kind):
    """Create, update and delete are the program's commands; there is nothing to read."""

    rules: ClassVar[Rules] = Rules(replace=frozenset({"triggers"}))

    def run_command(self, command: str, inputs: Props, state: Props) -> tuple[str, str]:
        """Runs; gives standard output and error. ProviderError if it fails."""
        raise NotImplementedError

    def create(self, inputs: Props, operation: Operation) -> tuple[str, Props]:
        """Runs `create`."""
        return operation.name, self._run(inputs.get("create"), inputs, {})

    def update(self, resource_id: str, old: Props, state: Props, new: Props, operation: Operation) -> Props:
        """Runs `update`, or `create` again if there is none."""
        del resource_id, old, operation
        return self._run(new.get("update") or new.get("create"), new, state)

    def delete(self, resource_id: str, inputs: Props, state: Props, operation: Operation) -> None:
        """Runs `delete`, with the inputs of the last create or update."""
        del resource_id, operation
        self._run(inputs.get("delete"), inputs, state)

    def read(self, resource_id: str, inputs: Props, state: Props) -> Live | None:
        """A command leaves nothing that could be looked at."""
        del resource_id
        return Live(inputs=inputs, outputs=state)

    def _run(self, command: str | None, inputs: Props, state: Props) -> Props:
        stdout, stderr = self.run_command(command, inputs, state) if command else ("", "")
        return {**inputs, "stdout": stdout, "stderr": stderr}


class LocalCommand(CommandKind):
    """A command on this machine."""

    token: ClassVar[str] = "command:local:Command"  # noqa: S105

    def check(self, inputs: Props) -> list[Failure]:
        """Refuses what the shim does not support."""
        return [
            Failure(name, "the provider shim for command collects no files; use the real plugin")
            for name in ("assetPaths", "archivePaths")
            if inputs.get(name)
        ]

    def run_command(self, command: str, inputs: Props, state: Props) -> tuple[str, str]:
        """With `interpreter`, /bin/sh -c unless set."""
        interpreter = inputs.get("interpreter") or ["/bin/sh", "-c"]
        environment = {**os.environ, **previous(inputs, state), **inputs.get("environment", {})}
        done = subprocess.run(
            [*interpreter, command],
            input=inputs.get("stdin") or "",
            cwd=inputs.get("dir"),
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        return finished(done, command)


class RemoteCommand(CommandKind):
    """A command on another machine, with the system's ssh client."""

    token: ClassVar[str] = "command:remote:Command"  # noqa: S105

    def check(self, inputs: Props) -> list[Failure]:
        """Refuses what the shim does not support."""
        connection = inputs.get("connection")
        if isinstance(connection, dict) and connection.get("privateKeyPassword"):
            return [
                Failure(
                    "connection.privateKeyPassword", "the provider shim takes no encrypted key; use the real plugin"
                )
            ]
        return []

    def run_command(self, command: str, inputs: Props, state: Props) -> tuple[str, str]:
        """Dials until `dialErrorLimit` failures (default 10, -1 for no limit), then runs once."""
        environment = {**previous(inputs, state), **inputs.get("environment", {})}
        exports = "".join(f"export {key}={shlex.quote(value)}; " for key, value in environment.items())
        connection = inputs["connection"]
        limit = connection.get("dialErrorLimit", 10)
        with ssh_command(connection) as (ssh, ssh_environment):
            failures = 0
            while True:
                reached = subprocess.run(
                    [*ssh, "true"], env=ssh_environment, capture_output=True, text=True, check=False
                )
                if reached.returncode != SSH_FAILED:
                    break
                failures += 1
                if limit >= 0 and failures > limit:
                    msg = f"cannot reach {connection['host']} after {failures} attempts: {reached.stderr.strip()}"
                    raise ProviderError(msg)
                time.sleep(DIAL_PAUSE_SECONDS)
            done = subprocess.run(
                [*ssh, exports + command],
                input=inputs.get("stdin") or "",
                env=ssh_environment,
                capture_output=True,
                text=True,
                check=False,
            )
        return finished(done, command)


def previous(inputs: Props, state: Props) -> dict[str, str]:
    """What the last run printed, for updates and deletes."""
    if not state or inputs.get("addPreviousOutputInEnv", True) is False:
        return {}
    return {variable: str(state.get(output, "")) for output, variable in PREVIOUS.items()}


def finished(done: subprocess.CompletedProcess[str], command: str) -> tuple[str, str]:
    """What it printed, without the last line end."""
    if done.returncode != 0:
        msg = f'exit status {done.returncode}: running "{command}":\n{done.stdout}{done.stderr}'
        raise ProviderError(msg)
    return done.stdout.removesuffix("\n"), done.stderr.removesuffix("\n")


@contextmanager
def ssh_command(connection: dict[str, Any]) -> Iterator[tuple[list[str], dict[str, str]]]:
    """The ssh client's arguments and environment; keys live in a private folder while it runs."""
    with tempfile.TemporaryDirectory(prefix="ssh-") as folder:
        options = ["-o", f"ConnectTimeout={connection.get('perDialTimeout', 15) or 15}", "-T"]
        options += _identity(connection, Path(folder), "target")
        environment = dict(os.environ)
        if proxy := connection.get("proxy"):
            jump = ["ssh", *_identity(proxy, Path(folder), "proxy"), "-W", "%h:%p", _address(proxy)]
            options += ["-o", f"ProxyCommand={shlex.join(jump)}"]
        if password := connection.get("password"):
            askpass = Path(folder, "askpass")
            askpass.write_text('#!/bin/sh\nprintf "%s\\n" "$CLICKSTREAM_SSH_PASSWORD"\n')
            askpass.chmod(0o700)
            environment |= {
                "SSH_ASKPASS": str(askpass),
                "SSH_ASKPASS_REQUIRE": "force",
                "CLICKSTREAM_SSH_PASSWORD": password,
            }
        else:
            options += ["-o", "BatchMode=yes"]
        yield ["ssh", *options, _address(connection)], environment


def _address(connection: dict[str, Any]) -> str:
    return f"{connection.get('user') or 'root'}@{connection['host']}"


def _identity(connection: dict[str, Any], folder: Path, name: str) -> list[str]:
    options = ["-p", str(int(connection.get("port") or 22))]
    if key := connection.get("privateKey"):
        file = folder / f"{name}-key"
        file.touch(0o600)
        file.write_text(key if key.endswith("\n") else f"{key}\n")
        options += ["-i", str(file), "-o", "IdentitiesOnly=yes"]
    if socket := connection.get("agentSocketPath"):
        options += ["-o", f"IdentityAgent={socket}"]
    known = folder / f"{name}-known-hosts"
    if host_key := connection.get("hostKey"):
        known.write_text(f"* {host_key.strip()}\n")
        options += ["-o", "StrictHostKeyChecking=yes"]
    else:
        options += ["-o", "StrictHostKeyChecking=no"]  # as the real plugin does without a hostKey
    return [*options, "-o", f"UserKnownHostsFile={known}", "-o", "LogLevel=ERROR"]


def main(arguments: list[str]) -> None:
    """Serves."""
    del arguments
    kinds = {kind.token: kind() for kind in (LocalCommand, RemoteCommand)}
    run(Package("command", "pulumi_command", lambda _: kinds))
