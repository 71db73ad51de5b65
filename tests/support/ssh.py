"""SSH to hosts made for tests, with the host's key known beforehand."""

import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from tests.support.waiting import until

CONNECT_SECONDS = 5


@dataclass(frozen=True)
class Key:
    """A new key pair, as OpenSSH writes both."""

    private: str = field(repr=False)
    public: str


def new_key() -> Key:
    """Ed25519."""
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    return Key(private.decode(), public.decode())


class SshError(AssertionError):
    """A command failed on a host, or the host refused."""


@dataclass(frozen=True)
class Ssh:
    """Root at one host."""

    address: str
    identity: Path
    known_hosts: Path

    def command(self, *words: str) -> list[str]:
        """For subprocess: strict about the host's key, blind to the user's own configuration."""
        options = {
            "BatchMode": "yes",
            "ConnectTimeout": str(CONNECT_SECONDS),
            "IdentitiesOnly": "yes",
            "StrictHostKeyChecking": "yes",
            "UserKnownHostsFile": str(self.known_hosts),
            "LogLevel": "ERROR",
        }
        flags = [flag for key, value in options.items() for flag in ("-o", f"{key}={value}")]
        return ["ssh", "-F", "none", *flags, "-i", str(self.identity), f"root@{self.address}", *words]

    def run(self, command: str, *, timeout: float = 60, stdin: str = "") -> str:
        """The output of a shell command; SshError with what it said if it fails."""
        ended = subprocess.run(
            self.command(command), input=stdin, capture_output=True, text=True, timeout=timeout, check=False
        )
        if ended.returncode:
            message = f"{self.address}: `{command}` ended with {ended.returncode}: {ended.stdout}{ended.stderr}"
            raise SshError(message)
        return ended.stdout.strip()

    def wait(self, seconds: float) -> None:
        """Until the host lets us in."""
        refusals = (SshError, subprocess.TimeoutExpired)
        until(lambda: self.run("true"), lambda _: True, what="a login", seconds=seconds, retry_on=refusals, pause=0.2)


def host_at(address: str, folder: Path, *, identity: Key, host_key: str) -> Ssh:
    """Files for one host in a folder of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    identity_file, known_hosts = folder / "identity", folder / "known_hosts"
    identity_file.touch(mode=0o600)
    identity_file.write_text(identity.private)
    known_hosts.write_text(f"{address} {host_key}\n")
    return Ssh(address, identity_file, known_hosts)
