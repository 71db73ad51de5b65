"""What a host finds at its first boot: cloud-init's NoCloud seed, and the way to the registry."""

import io
import tarfile

import yaml

from tests.fakes.digitalocean.models import Droplet

SEED = "var/lib/cloud/seed/nocloud"
UNITS = "etc/systemd/system"


def archive(files: dict[str, str], links: dict[str, str] | None = None) -> bytes:
    """A tar of files and symbolic links by their path without the leading slash; only root may read the files."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for path, text in files.items():
            content = text.encode()
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode = len(content), 0o600
            tar.addfile(entry, io.BytesIO(content))
        for path, target in (links or {}).items():
            entry = tarfile.TarInfo(path)
            entry.type, entry.linkname = tarfile.SYMTYPE, target
            tar.addfile(entry)
    return buffer.getvalue()


def first_boot(droplet: Droplet, *, port: int, registry: str) -> bytes:
    """A tar of everything that makes the image this droplet."""
    meta = {
        "instance-id": str(droplet.id),
        "local-hostname": droplet.name,
        "public-keys": [key.public_key for key in droplet.ssh_keys],
    }
    return archive(
        {
            f"{SEED}/meta-data": yaml.safe_dump(meta),
            f"{SEED}/user-data": droplet.user_data or "#cloud-config\n{}\n",
            # Engines take a registry on 127.0.0.1 without TLS, and so it has one name on the developer's machine
            # and on every host.
            f"{UNITS}/registry.socket": f"[Socket]\nListenStream=127.0.0.1:{port}\n",
            f"{UNITS}/registry.service": (
                f"[Service]\nExecStart=/lib/systemd/systemd-socket-proxyd {registry}\nPrivateTmp=yes\n"
            ),
        },
        {f"{UNITS}/sockets.target.wants/registry.socket": "../registry.socket"},
    )
