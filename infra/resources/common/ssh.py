"""Runs commands on other machines, and opens tunnels to their sockets and ports, with the system's ssh client.

A host is named by a URL, `ssh://root@203.0.113.5?access=clickstream-prod&alias=manager-1`. `access` is a folder in the
home directory with the deploy key and the host keys. The program writes it on every run (`write_access`), so that
neither key appears in a command line or a URL. `alias` is the name under which the host's key is pinned: the key is
known before the host has an address, so even the first connection is verified.
"""

import os
import pwd
import shlex
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

from infra.resources.common.retry import Deadline

SSH_FAILED = 255
"""Exit code of ssh's own failures. Otherwise ssh passes on the command's exit code."""

CONNECT_SECONDS = 10
FORWARD_SECONDS = 30
FOLDER = ".clickstream/ssh"
KEY, KNOWN_HOSTS = "id_ed25519", "known_hosts"


class SshError(Exception):
    """The connection failed, or the host's identity could not be verified."""


class CommandError(Exception):
    """The connection works, but the command on the host failed."""


def access_folder(access: str) -> Path:
    """Where the keys are. ssh expands `~` to the home in the user database, not to $HOME, so this does too."""
    return Path(pwd.getpwuid(os.getuid()).pw_dir, FOLDER, access)


def write_access(access: str, private_key: str, host_keys: Mapping[str, str]) -> str:
    """Write the deploy key and the pinned host keys (from aliases to public keys) for ssh. Returns `access`.

    Keys of other hosts stay, because a host that is no longer planned must still be asked to leave the swarm.
    """
    folder = access_folder(access)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    _write(folder / KEY, private_key if private_key.endswith("\n") else f"{private_key}\n")
    file = folder / KNOWN_HOSTS
    known = dict(line.split(" ", 1) for line in file.read_text().splitlines()) if file.exists() else {}
    known |= {alias: key.strip() for alias, key in host_keys.items()}
    _write(file, "".join(f"{alias} {key}\n" for alias, key in sorted(known.items())))
    return access


def _write(file: Path, text: str) -> None:
    """Write atomically, since other programs may be reading the file, and with access for the owner only."""
    if file.exists() and file.read_text() == text:
        return
    with tempfile.NamedTemporaryFile("w", dir=file.parent, delete=False) as new:
        new.write(text)
    Path(new.name).replace(file)


def ssh_options(access: str, alias: str) -> list[str]:
    """Arguments that make ssh use only the deploy key and the pinned host key. They are the same on every machine."""
    folder = f"~/{FOLDER}/{access}"
    return [
        *("-o", f"IdentityFile={folder}/{KEY}"),
        *("-o", "IdentitiesOnly=yes"),
        *("-o", f"UserKnownHostsFile={folder}/{KNOWN_HOSTS}"),
        *("-o", f"HostKeyAlias={alias}"),
        *("-o", "StrictHostKeyChecking=yes"),
        *("-o", f"ConnectTimeout={CONNECT_SECONDS}"),
        *("-o", "ServerAliveInterval=15"),
        *("-o", "BatchMode=yes"),
    ]


@dataclass(frozen=True, kw_only=True)
class SshHost:
    """A machine, by its URL."""

    address: str
    alias: str
    access: str
    user: str = "root"

    @classmethod
    def parse(cls, url: str) -> "SshHost":
        """From its URL."""
        parts = urlsplit(url)
        query = parse_qs(parts.query)
        try:
            (alias,), (access,) = query["alias"], query["access"]
        except (KeyError, ValueError):
            message = f"{url} has no access and alias; only Pulumi creates such URLs, for target digitalocean"
            raise SshError(message) from None
        return cls(address=parts.hostname or "", alias=alias, access=access, user=parts.username or "root")

    @property
    def url(self) -> str:
        """The URL."""
        return f"ssh://{self.user}@{self.address}?{urlencode({'access': self.access, 'alias': self.alias})}"

    def command(self) -> list[str]:
        """ssh with its options, without a destination.

        Raises:
            SshError: if the keys are not on this machine.
        """
        if not (access_folder(self.access) / KEY).exists():
            message = (
                f"{access_folder(self.access)} has no key for {self.alias}; `pulumi preview` writes it, "
                "and so do `pulumi refresh` and `pulumi destroy` with --run-program"
            )
            raise SshError(message)
        return ["ssh", *ssh_options(self.access, self.alias), "-o", "LogLevel=ERROR", "-T"]

    @property
    def destination(self) -> str:
        """user@address."""
        return f"{self.user}@{self.address}"

    def run(self, script: str, *, stdin: str = "", timeout: float = 60) -> str:
        """Run a shell script and return its output. Pass secrets through `stdin`, never in the script.

        Raises:
            SshError: if there is no connection.
            CommandError: if the script fails or takes longer than `timeout` seconds.
        """
        command = [*self.command(), self.destination, f"bash -c {shlex.quote(script)}"]
        try:
            done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=timeout, check=False)
        except subprocess.TimeoutExpired:
            message = f"{self.alias} ({self.address}): no answer within {timeout:.0f} s to: {script.splitlines()[0]}"
            raise CommandError(message) from None
        if done.returncode == SSH_FAILED:
            raise SshError(explain(self, done.stderr.strip()))
        if done.returncode:
            output = "\n    ".join((done.stdout + done.stderr).strip().splitlines()[-30:])
            message = f"{self.alias} ({self.address}): exit code {done.returncode}:\n    {output}"
            raise CommandError(message)
        return done.stdout.strip()

    @contextmanager
    def forwarded(self, target: str) -> Iterator[Path]:
        """A local socket that leads to `target` on the host: a path, or host:port.

        Raises:
            SshError: if there is no connection.
        """
        with tempfile.TemporaryDirectory(prefix="clickstream-") as folder:
            way, errors = Path(folder, "socket"), Path(folder, "errors")
            command = [*self.command(), "-N", "-o", "ExitOnForwardFailure=yes", "-L", f"{way}:{target}"]
            with errors.open("w") as log:
                process = subprocess.Popen([*command, self.destination], stdin=subprocess.DEVNULL, stderr=log)
            try:
                deadline = Deadline(FORWARD_SECONDS, pause=0.02)
                while not _listens(way):
                    if process.poll() is not None or not deadline.wait():
                        raise SshError(explain(self, errors.read_text().strip()))
                yield way
            finally:
                process.terminate()
                process.wait()


def _listens(path: Path) -> bool:
    """Whether something accepts connections there. ssh creates the file a moment before it listens."""
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except (FileNotFoundError, ConnectionRefusedError):
            return False
    return True


def explain(host: SshHost, output: str) -> str:
    """ssh's output with a hint."""
    stranger = "unexpected host key (wrong host or man in the middle); refusing to connect"
    hints = {
        "Host key verification failed": stranger,
        "REMOTE HOST IDENTIFICATION": stranger,
        "Permission denied": "the deploy key is not accepted; has cloud-init failed? See the droplet's console",
        "Connection refused": "sshd is not listening yet",
        "timed out": "no answer; is the droplet on, and this machine's address in clickstream:sshAllowedCidrs?",
    }
    hint = next((text for sign, text in hints.items() if sign in output), "")
    return f"ssh to {host.alias} ({host.address}): {output or 'no connection'}{f' - {hint}' if hint else ''}"
