"""The Docker engine: found, or installed and started; and the base image of all images."""

import http.client
import json
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

from toolchain.paths import VERSIONS, SetupError, cache, fingerprint, may_install
from toolchain.steps import Step, locked, publish

DEFAULT_SOCKET = "/var/run/docker.sock"
START_SECONDS = 120
PID_FILES = {"/var/run/docker.pid": "dockerd", "/var/run/docker/containerd/containerd.pid": "containerd"}
SUITE = VERSIONS["DEBIAN_VERSION"]
BASE_IMAGE = f"debian:{SUITE}-slim"
RECIPE_LABEL = "clickstream.base.recipe"
MACHINE_CERTIFICATES = Path("/usr/local/share/ca-certificates")
CA_BUNDLE = "etc/ssl/certs/ca-certificates.crt"
PACKAGES = ("docker.io", "containerd", "runc", "iptables", "iproute2", "debootstrap", "ca-certificates")


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=5)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def get(host: str, path: str) -> Any:
    """A GET request to the engine; None if it does not answer, or not with success."""
    if host.startswith("unix://"):
        connection: http.client.HTTPConnection = _UnixConnection(host.removeprefix("unix://"))
    elif host.startswith("tcp://"):
        connection = http.client.HTTPConnection(host.removeprefix("tcp://"), timeout=5)
    else:
        return None
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read()
    except OSError:
        return None
    finally:
        connection.close()
    if answer.status != http.client.OK:
        return None
    return json.loads(body) if body.startswith((b"{", b"[")) else body.decode()


def host() -> str | None:
    """Address of the engine that answers: DOCKER_HOST, the usual socket, or the docker command's context."""
    if configured := os.environ.get("DOCKER_HOST"):
        # Not checked over ssh: the first command that uses it reports any problem.
        return configured if configured.startswith("ssh://") or get(configured, "/_ping") else None
    usual = f"unix://{DEFAULT_SOCKET}"
    if get(usual, "/_ping"):
        return usual
    if shutil.which("docker") is None:
        return None
    shown = subprocess.run(
        ["docker", "context", "inspect", "-f", "{{.Endpoints.docker.Host}}"],
        capture_output=True,
        text=True,
        check=False,
    )
    address = shown.stdout.strip()
    return address if address and get(address, "/_ping") else None


def missing_packages(names: tuple[str, ...]) -> list[str]:
    """Which Debian packages are not installed."""
    shown = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n", *names],
        capture_output=True,
        text=True,
        check=False,
    )
    installed = {line.split()[0] for line in shown.stdout.splitlines() if line.endswith(" installed")}
    return [name for name in names if name not in installed]


def install_packages(step: Step, names: tuple[str, ...]) -> None:
    """By apt-get, one checkout at a time."""
    if not (missing := missing_packages(names)):
        return
    if not may_install():
        msg = f"install these packages: {' '.join(missing)}"
        raise SetupError(msg)
    with locked("machine"):
        quiet = {"DEBIAN_FRONTEND": "noninteractive"}
        apt = ["apt-get", "-q", "-o", "Acquire::Retries=5"]
        step.command([*apt, "update"], env=quiet)
        step.command([*apt, "install", "-y", "--no-install-recommends", *missing], env=quiet)


def start(step: Step) -> None:
    """Starts the engine and waits until it answers. It keeps running when this command ends."""
    if host():
        return
    if not may_install():
        raise SetupError(NO_ENGINE)
    with locked("machine"):
        if host():
            return
        if Path("/run/systemd/system").exists():
            step.command(["systemctl", "start", "docker"])
        else:
            remove_stale_pid_files()
            log = cache() / "dockerd.log"
            with log.open("ab") as output:
                subprocess.Popen(
                    ["dockerd"], stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
                )
        deadline = time.monotonic() + START_SECONDS
        while not host():
            if time.monotonic() > deadline:
                msg = f"dockerd does not answer {START_SECONDS} s after its start; see {cache() / 'dockerd.log'}"
                raise SetupError(msg)
            time.sleep(0.2)


def remove_stale_pid_files() -> None:
    """Removes the pid files of an engine that was killed: another program may have their process ids by now."""
    for name, program in PID_FILES.items():
        file = Path(name)
        try:
            # Empty for a zombie process.
            command = Path("/proc", file.read_text().strip(), "cmdline").read_text().split("\0")[0]
            running = Path(command).name
        except OSError:
            running = ""
        if running != program:
            file.unlink(missing_ok=True)


NO_ENGINE = """No Docker engine answers.
    Start Docker Desktop or the docker service, or install it: https://docs.docker.com/engine/install/
    For a remote engine, set DOCKER_HOST or run `docker context use`. Your user must be allowed to use the engine."""


def base_image_present() -> bool:
    """Whether the engine has the base image, whatever its origin."""
    address = host()
    return bool(address and get(address, f"/images/{BASE_IMAGE}/json"))


def certificates() -> list[Path]:
    """Certificates that were added to this machine; builds must trust them, too."""
    return sorted(MACHINE_CERTIFICATES.glob("*.crt")) if MACHINE_CERTIFICATES.is_dir() else []


def make_base_image(step: Step) -> None:
    """Pulls the base image; where no container registry answers, makes it from Debian's packages."""
    pulled = subprocess.run(
        ["docker", "pull", "-q", BASE_IMAGE], capture_output=True, text=True, check=False, timeout=600
    )
    if pulled.returncode == 0:
        return
    recipe = fingerprint([Path(__file__), *certificates()], SUITE)
    folder = cache() / f"base-image-{SUITE}-{recipe}"
    publish(folder, lambda partial: _bootstrap(step, partial))
    step.note = "docker import"
    settings = [
        f"LABEL {RECIPE_LABEL}={recipe}",
        'CMD ["bash"]',
        "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    ]
    if certificates():
        settings += [f"ENV {name}=/{CA_BUNDLE}" for name in ("SSL_CERT_FILE", "PIP_CERT", "NODE_EXTRA_CA_CERTS")]
    changes = [part for setting in settings for part in ("-c", setting)]
    step.command(["docker", "import", *changes, str(folder / "rootfs.tar"), BASE_IMAGE])


def _copy_apt_sources(root: Path) -> None:
    """Copies this machine's Debian sources: debootstrap writes only one, without security updates."""
    source, target = Path("/etc/apt/sources.list.d/debian.sources"), root / "etc/apt/sources.list.d/debian.sources"
    if source.exists() and SUITE in source.read_text():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)
        (root / "etc/apt/sources.list").unlink(missing_ok=True)


def _bootstrap(step: Step, folder: Path) -> None:
    root = folder / "rootfs"
    step.command(["debootstrap", "--variant=minbase", SUITE, str(root)])
    if added := certificates():
        target = root / MACHINE_CERTIFICATES.relative_to("/")
        target.mkdir(parents=True, exist_ok=True)
        for certificate in added:
            shutil.copy(certificate, target)
        (root / CA_BUNDLE).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(f"/{CA_BUNDLE}", root / CA_BUNDLE)
    _copy_apt_sources(root)
    # As in the official slim image: no package lists and no manuals, also for packages installed later.
    (root / "etc/dpkg/dpkg.cfg.d/slim").write_text(
        "".join(f"path-exclude /usr/share/{name}/*\n" for name in ("doc", "man", "info", "locale", "groff"))
        + "path-include /usr/share/doc/*/copyright\n"
    )
    for name in ("var/cache/apt/archives", "var/lib/apt/lists", "usr/share/man", "usr/share/info", "usr/share/locale"):
        shutil.rmtree(root / name, ignore_errors=True)
        (root / name).mkdir(parents=True, exist_ok=True)
    step.command(["tar", "-C", str(root), "--numeric-owner", "-cf", str(folder / "rootfs.tar"), "."])
    shutil.rmtree(root)
