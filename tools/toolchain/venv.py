"""The program's virtual environment."""

import importlib.util
import re
import sys
from pathlib import Path

from tools.toolchain.engine import install_packages
from tools.toolchain.paths import PYTHON, ROOT, VENV, SetupError, fingerprint, may_install
from tools.toolchain.steps import Step

MINIMUM_PYTHON = (3, 11)
UV = "0.9.11"
PROGRAM = ROOT / "requirements.txt"
DEVELOPMENT = ROOT / "requirements-dev.txt"
STAND_INS = ROOT / "tools" / "standins" / "requirements.txt"


def pinned(package: str) -> str:
    """A package's version in requirements.txt."""
    found = re.search(rf"^{re.escape(package)}==([^\s;#]+)", PROGRAM.read_text(), re.MULTILINE)
    if found is None:
        msg = f"requirements.txt pins no version of {package}"
        raise SetupError(msg)
    return found[1]


def _stamp(requirements: Path) -> Path:
    return VENV / f".installed-{requirements.relative_to(ROOT).as_posix().replace('/', '-')}"


def _content(requirements: Path) -> str:
    return fingerprint([requirements, PROGRAM], sys.version, UV)


def installed(requirements: Path) -> bool:
    """Whether the environment holds what a requirements file asks for."""
    stamp = _stamp(requirements)
    return PYTHON.exists() and stamp.exists() and stamp.read_text() == _content(requirements)


def install(step: Step, requirements: Path) -> None:
    """Makes the environment and installs; pip stays inside it, because Pulumi lists packages with it."""
    if sys.version_info < MINIMUM_PYTHON:
        msg = f"Python 3.11 or newer is needed, this is {sys.version.split()[0]}"
        raise SetupError(msg)
    if not PYTHON.exists():
        if importlib.util.find_spec("ensurepip") is None:
            if not may_install():
                msg = "Python's venv module is incomplete; install the package python3-venv"
                raise SetupError(msg)
            install_packages(step, ("python3-venv",))
        step.command([sys.executable, "-m", "venv", "--clear", str(VENV)])
    uv = VENV / "bin" / "uv"
    if not uv.exists():
        step.command([str(PYTHON), "-m", "pip", "install", "--quiet", f"uv=={UV}"])
    step.command([str(uv), "pip", "install", "--quiet", "--python", str(PYTHON), "-r", str(requirements)])
    _stamp(requirements).write_text(_content(requirements))
