""".pulumi/env: the environment variables with which a shell or a test can run `pulumi`."""

import os
import secrets
import shlex
from pathlib import Path

from toolchain import engine, plugins
from toolchain.paths import STATE, VENV

FILE = STATE / "env"
PASSPHRASE = STATE / "passphrase"
BACKEND = STATE / "state"
BUILDER = "CLICKSTREAM_BUILDER"


def _set_by_user(name: str, own: str) -> bool:
    """Whether the user has set a variable; `own` is the value in a shell that has read .pulumi/env."""
    return os.environ.get(name) not in (None, "", own)


def variables() -> dict[str, str]:
    """Variables to set. What the user has set, a backend or a passphrase for example, is kept."""
    # Where a container forbids bytecode, every process of every command would compile the program again.
    settings = {"PULUMI_SKIP_UPDATE_CHECK": "true", "PYTHONDONTWRITEBYTECODE": ""}
    if not _set_by_user("PULUMI_BACKEND_URL", f"file://{BACKEND}") and not os.environ.get("PULUMI_ACCESS_TOKEN"):
        settings["PULUMI_BACKEND_URL"] = f"file://{BACKEND}"
    own_passphrase = _set_by_user("PULUMI_CONFIG_PASSPHRASE_FILE", str(PASSPHRASE))
    if not own_passphrase and "PULUMI_CONFIG_PASSPHRASE" not in os.environ:
        settings["PULUMI_CONFIG_PASSPHRASE_FILE"] = str(PASSPHRASE)
    if plugins.needs_own_home():
        settings["PULUMI_HOME"] = str(plugins.HOME)
    if plugins.shims():
        settings["PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"] = "true"
        # Otherwise Pulumi would use a real plugin on PATH instead of the chosen one, with a warning each time.
        settings["PULUMI_IGNORE_AMBIENT_PLUGINS"] = "true"
    if plugins.builds_inside_the_engine():
        # The value of clickstream:builder for a machine that cannot run BuildKit in a container.
        settings[BUILDER] = "default"
    address = engine.host()
    if address and address != f"unix://{engine.DEFAULT_SOCKET}" and not os.environ.get("DOCKER_HOST"):
        settings["DOCKER_HOST"] = address
    return settings


def search_path() -> list[Path]:
    """Folders to put in front of PATH."""
    return [VENV / "bin"] if plugins.real_cli() else [VENV / "bin", plugins.cli().parent]


def full() -> dict[str, str]:
    """This process's environment with everything set."""
    path = os.pathsep.join([*map(str, search_path()), os.environ.get("PATH", "")])
    return {**os.environ, **variables(), "PATH": path}


def write() -> None:
    """Writes the file, and creates the passphrase and the folder of the state."""
    BACKEND.mkdir(parents=True, exist_ok=True)
    if not PASSPHRASE.exists():
        descriptor = os.open(PASSPHRASE, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(32))
    lines = ["# Made by toolchain/bootstrap.py. Use: . .pulumi/env"]
    lines += [f"export {name}={shlex.quote(value)}" for name, value in variables().items()]
    path = "".join(f"{shlex.quote(str(folder))}:" for folder in search_path())
    lines.append(f'export PATH={path}"$PATH"')
    text = "\n".join(lines) + "\n"
    if not FILE.exists() or FILE.read_text() != text:
        FILE.write_text(text)
