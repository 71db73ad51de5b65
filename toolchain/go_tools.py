"""The Pulumi CLI and the docker-build plugin, built from their Go modules."""

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from toolchain.paths import SetupError, cache, fingerprint
from toolchain.steps import Step, publish

SOURCES = Path(__file__).parent / "go"
MINIMUM_GO = (1, 21)  # from here on Go itself downloads the newer version that a module requires

NO_GO = """Building it needs Go, which is not installed (Debian's package golang is too old).
    Install Go 1.21 or newer (https://go.dev/doc/install), or Pulumi itself: https://www.pulumi.com/docs/install/"""


@dataclass(frozen=True)
class GoTool:
    """A program, built from `package` in the module `folder`."""

    folder: str
    binary: str
    package: str
    version: str
    stamp: str
    """Linker variable for the version."""

    @property
    def home(self) -> Path:
        """Its folder in the cache; the name contains a hash of its sources."""
        source = SOURCES / self.folder
        files = [file for file in source.rglob("*") if file.is_file()]
        return cache() / f"{self.binary}-{self.version}-{fingerprint(files, self.stamp, self.package)}"

    @property
    def path(self) -> Path:
        """The program."""
        return self.home / self.binary

    def build(self, step: Step) -> None:
        """Builds it unless it is cached."""
        check_go()
        publish(self.home, lambda partial: self._build(step, partial))

    def _build(self, step: Step, folder: Path) -> None:
        step.command(
            [
                "go",
                "build",
                "-v",  # one line a package, for the progress lines
                "-ldflags",
                f"-s -w -X {self.stamp}={self.version}",
                "-o",
                str(folder / self.binary),
                self.package,
            ],
            cwd=SOURCES / self.folder,
            env={"GOFLAGS": "-mod=readonly", "GOWORK": "off"},
            nice=5,
        )


def check_go() -> None:
    """SetupError unless a usable Go is installed."""
    if shutil.which("go") is None:
        raise SetupError(NO_GO)
    shown = subprocess.run(["go", "version"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"go(\d+)\.(\d+)", shown)
    if found is None or (int(found[1]), int(found[2])) < MINIMUM_GO:
        msg = f"this Go is too old: {shown.strip() or 'unknown version'}. {NO_GO}"
        raise SetupError(msg)


def pulumi_cli(version: str) -> GoTool:
    """The CLI; its version shows in `pulumi version` with a leading v."""
    return GoTool(
        "cli",
        "pulumi",
        "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi",
        f"v{version}",
        "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version",
    )


def docker_build_plugin(version: str) -> GoTool:
    """The docker-build plugin with the BuildKit inside the engine as a builder."""
    return GoTool(
        "docker-build",
        "pulumi-resource-docker-build",
        ".",
        version,
        "github.com/pulumi/pulumi-docker-build/provider.Version",
    )
