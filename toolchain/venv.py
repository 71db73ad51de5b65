"""Virtual environments: the program's, and one for the policy pack."""

import importlib.util
import re
import sys
from pathlib import Path

from toolchain.engine import install_packages
from toolchain.paths import POLICY_VENV, ROOT, VENV, VERSIONS, SetupError, fingerprint, may_install
from toolchain.steps import Step

UV = VERSIONS["UV_VERSION"]
PROGRAM = ROOT / "requirements.txt"
DEVELOPMENT = ROOT / "requirements-dev.txt"
SHIM_PACKAGES = ROOT / "toolchain" / "provider_shims" / "requirements.txt"
POLICY = ROOT / "policy" / "requirements.txt"


def pinned(package: str, requirements: Path = PROGRAM) -> str:
    """A package's version in a requirements file."""
    found = re.search(rf"^{re.escape(package)}==([^\s;#]+)", requirements.read_text(), re.MULTILINE)
    if found is None:
        msg = f"{requirements.name} pins no version of {package}"
        raise SetupError(msg)
    return found[1]


def _home(requirements: Path) -> Path:
    """The policy pack has its own: its packages conflict with the program's."""
    return POLICY_VENV if requirements == POLICY else VENV


def _python(requirements: Path) -> Path:
    return _home(requirements) / "bin" / "python"


def _stamp(requirements: Path) -> Path:
    return _home(requirements) / f".installed-{requirements.relative_to(ROOT).as_posix().replace('/', '-')}"


def _content(requirements: Path) -> str:
    return fingerprint([requirements, PROGRAM], sys.version, UV, "compiled")


def installed(requirements: Path) -> bool:
    """Whether the environment holds what a requirements file asks for."""
    stamp = _stamp(requirements)
    return _python(requirements).exists() and stamp.exists() and stamp.read_text() == _content(requirements)


def install(step: Step, requirements: Path) -> None:
    """Creates the environment and installs into it. pip stays, because Pulumi lists packages with it."""
    python = _python(requirements)
    if not python.exists():
        if importlib.util.find_spec("ensurepip") is None:
            if not may_install():
                msg = "Python's venv module is incomplete; install the package python3-venv"
                raise SetupError(msg)
            install_packages(step, ("python3-venv",))
        step.command([sys.executable, "-m", "venv", "--clear", str(_home(requirements))])
    uv = VENV / "bin" / "uv"
    if not uv.exists():
        step.command([str(VENV / "bin" / "python"), "-m", "pip", "install", "--quiet", f"uv=={UV}"])
    # With PYTHONDONTWRITEBYTECODE, as in most containers, every process of every command would compile what it
    # imports: half of the time of a preview.
    flags = ["--quiet", "--compile-bytecode", "--python", str(python)]
    step.command([str(uv), "pip", "install", *flags, "-r", str(requirements)])
    _stamp(requirements).write_text(_content(requirements))
