"""Which plugin comes from where: the real one if this machine can have it, else a provider shim.

Decided plugin by plugin and written down in .pulumi/plugins.json. With at least one shim,
PULUMI_HOME is .pulumi/home, with links to the real plugins beside the shims.
"""

import json
import os
import shutil
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from toolchain import go_tools
from toolchain.paths import PYTHON, ROOT, STATE, SetupError, cache, fingerprint
from toolchain.steps import Step
from toolchain.venv import SHIM_PACKAGES, install, pinned

HOME = STATE / "home"
DECISION = STATE / "plugins.json"
REFUSAL_SECONDS = 24 * 3600  # after which a download that failed is tried again
DOWNLOAD_SECONDS = 600
MODES = ("auto", "real", "shim")

PACKAGES = ("docker", "docker-build", "random", "tls", "command", "digitalocean")
LANGUAGE, DYNAMIC = "pulumi-language-python", "pulumi-resource-pulumi-python"


def mode() -> str:
    """CLICKSTREAM_PLUGINS: `auto`, or for tests `real` or `shim`."""
    chosen = os.environ.get("CLICKSTREAM_PLUGINS", "auto")
    if chosen not in MODES:
        msg = f"CLICKSTREAM_PLUGINS is {chosen!r}; allowed: {', '.join(MODES)}"
        raise SetupError(msg)
    return chosen


def versions() -> dict[str, str]:
    """The plugins that the program needs: those of its SDK packages, in the same versions."""
    return {name: pinned(f"pulumi-{name}") for name in PACKAGES}


def own_home() -> Path:
    """The user's Pulumi home, where downloaded plugins live. A home of some checkout's .pulumi is not the user's."""
    configured = os.environ.get("PULUMI_HOME")
    if configured and Path(configured).parent.name != STATE.name:
        return Path(configured)
    return Path.home() / ".pulumi"


def real_plugin(name: str, version: str) -> Path | None:
    """The real plugin, if the user's home has it in this version, or PATH in any."""
    binary = f"pulumi-resource-{name}"
    cached = own_home() / "plugins" / f"resource-{name}-v{version}"
    if (cached / binary).exists() and not cached.with_suffix(cached.suffix + ".partial").exists():
        return cached / binary
    found = shutil.which(binary)
    return Path(found) if found else None


def cli() -> Path:
    """The CLI: the one on PATH (but not one from the cache), else the built one."""
    return real_cli() or go_tools.pulumi_cli(pinned("pulumi")).path


def real_cli() -> Path | None:
    """The CLI that the user has installed."""
    found = shutil.which("pulumi")
    if found is None:
        return None
    resolved = Path(found).resolve()
    return None if cache().resolve() in resolved.parents else resolved


def _key() -> str:
    sources = [Path(__file__), SHIM_PACKAGES]
    present = {name: str(real_plugin(name, version)) for name, version in versions().items()}
    return fingerprint(sources, mode(), json.dumps([present, versions(), str(real_cli()), str(PYTHON)]))


def decided() -> bool:
    """Whether the decision is valid: same machine, same versions, and no failed download older than a day."""
    if not DECISION.exists():
        return False
    decision = json.loads(DECISION.read_text())
    fresh = not shims() or time.time() - decision["time"] < REFUSAL_SECONDS or mode() == "shim"
    return bool(decision["key"] == _key() and fresh)


def shims() -> list[str]:
    """Which plugins are shims, by the last decision."""
    names: list[str] = json.loads(DECISION.read_text()).get("shims", []) if DECISION.exists() else []
    return names


def builds_inside_the_engine() -> bool:
    """Whether docker-build was built here: that build can use the BuildKit inside the engine."""
    name, version = "docker-build", versions()["docker-build"]
    linked = HOME / "plugins" / f"resource-{name}-v{version}" / f"pulumi-resource-{name}"
    return linked.exists() and linked.resolve() == go_tools.docker_build_plugin(version).path.resolve()


def needs_own_home() -> bool:
    """Whether PULUMI_HOME must be .pulumi/home."""
    return HOME.exists() and (bool(shims()) or real_cli() is None)


def decide(step: Step) -> None:
    """Finds, downloads or builds every plugin, or takes its shim."""
    found: dict[str, Path] = {}
    missing: dict[str, str] = {}
    for name, version in versions().items():
        plugin = None if mode() == "shim" and name != "docker-build" else real_plugin(name, version)
        if plugin:
            found[name] = plugin
        else:
            missing[name] = version
    if missing and mode() != "shim":
        step.note = f"downloading plugins: {', '.join(missing)}"
        with ThreadPoolExecutor() as pool:
            results = dict(zip(missing, pool.map(lambda name: _download(name, missing[name]), missing), strict=True))
        for name, plugin in results.items():
            if plugin:
                found[name] = plugin
                del missing[name]
    if missing and mode() == "real":
        msg = (
            f"CLICKSTREAM_PLUGINS=real, and these plugins cannot be downloaded: {', '.join(missing)}; "
            "install them on PATH, or unset CLICKSTREAM_PLUGINS to use provider shims"
        )
        raise SetupError(msg)
    if "docker-build" in missing:
        tool = go_tools.docker_build_plugin(missing.pop("docker-build"))
        step.note = "building the docker-build plugin"
        tool.build(step)
        found["docker-build"] = tool.path
    if missing:
        install(step, SHIM_PACKAGES)
    _write_home(found, missing)
    STATE.mkdir(exist_ok=True)
    document = {"key": _key(), "time": time.time(), "shims": sorted(missing)}
    DECISION.write_text(json.dumps(document, indent=2) + "\n")
    if missing:
        reason = "CLICKSTREAM_PLUGINS=shim" if mode() == "shim" else "the real plugins cannot be downloaded here"
        print(f"      provider shims for {', '.join(sorted(missing))}: {reason}", flush=True)


def _download(name: str, version: str) -> Path | None:
    environment = {**os.environ, "PULUMI_HOME": str(own_home()), "PULUMI_SKIP_UPDATE_CHECK": "true"}
    environment.pop("PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION", None)
    try:
        subprocess.run(
            [str(cli()), "plugin", "install", "resource", name, version],
            env=environment,
            capture_output=True,
            check=True,
            timeout=DOWNLOAD_SECONDS,
        )
    except (subprocess.SubprocessError, OSError):
        return None
    return real_plugin(name, version)


def _write_home(found: dict[str, Path], missing: dict[str, str]) -> None:
    """Links and wrappers.

    Of a real plugin only the program is a link: the CLI ignores linked folders.
    """
    folder = HOME / "plugins"
    shutil.rmtree(folder, ignore_errors=True)
    all_versions = versions()
    for name, path in found.items():
        target = folder / f"resource-{name}-v{all_versions[name]}" / f"pulumi-resource-{name}"
        target.parent.mkdir(parents=True)
        target.symlink_to(path)
    for name, version in missing.items():
        _wrapper(folder / f"resource-{name}-v{version}" / f"pulumi-resource-{name}", name)
    version = pinned("pulumi")
    bundled = real_cli()
    if bundled is None or not (bundled.parent / LANGUAGE).exists():
        _wrapper(folder / f"language-python-v{version}" / LANGUAGE, "language-python")
    if bundled is None or not (bundled.parent / DYNAMIC).exists():
        target = folder / f"resource-pulumi-python-v{version}" / DYNAMIC
        target.parent.mkdir(parents=True)
        target.write_text(
            '#!/bin/sh\nif [ -n "$PULUMI_RUNTIME_VIRTUALENV" ]; then PATH="$PULUMI_RUNTIME_VIRTUALENV/bin:$PATH"; fi\n'
            'exec python -u -m pulumi.dynamic "$@"\n'
        )
        target.chmod(0o755)


def _wrapper(target: Path, name: str) -> None:
    target.parent.mkdir(parents=True)
    # -P: the folder of the program that is deployed must not shadow the shim's modules.
    target.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{PYTHON}" -P -m toolchain.provider_shims {name} "$@"\n')
    target.chmod(0o755)
