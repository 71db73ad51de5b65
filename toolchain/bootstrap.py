"""Prepares this machine for the program: `python3 toolchain/bootstrap.py [--with tests] [--with policy] [--only venv]`.

Does nothing that is already done. Changes nothing outside the checkout and the user's cache,
except as root on a Debian machine that lacks Docker; docs/toolchain.md has the details.
"""

import argparse
import shutil
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from toolchain import engine, environment, go_tools, plugins, venv
from toolchain.paths import SetupError, elapsed, may_install
from toolchain.steps import Plan, Step, end_running

TEST_PACKAGES = ("chromium", "firefox-esr", "fonts-liberation", "openssh-client", "php-cli", "php-curl")
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def plan(*, only: str | None, tests: bool, policy: bool) -> list[Step]:
    """The steps, in the order in which they are shown."""
    requirements = venv.DEVELOPMENT if tests or only == "venv" else venv.PROGRAM
    python = Step(
        "venv",
        "Python packages in .venv",
        lambda: venv.installed(requirements) or venv.installed(venv.DEVELOPMENT),
        lambda step: venv.install(step, requirements),
    )
    pack = Step(
        "policy",
        "Python packages of the policy pack in policy/.venv",
        lambda: venv.installed(venv.POLICY),
        lambda step: venv.install(step, venv.POLICY),
        after=("venv",),
    )
    packs = [pack] if tests or policy else []
    if only == "venv":
        return [python, *packs]
    cli = go_tools.pulumi_cli(venv.pinned("pulumi"))
    installs = may_install()
    steps = [
        Step(
            "apt",
            "Docker and debootstrap from Debian packages" if installs else "the Docker engine",
            lambda: engine.host() is not None or not installs,
            lambda step: engine.install_packages(step, engine.PACKAGES),
        ),
        Step("docker", "Docker engine", lambda: engine.host() is not None, engine.start, after=("apt",)),
        python,
        *packs,
        Step(
            "pulumi",
            f"the Pulumi CLI {cli.version}, built from its Go module" if installs else "the Pulumi CLI",
            lambda: plugins.real_cli() is not None or cli.path.exists(),
            cli.build if installs else no_cli,
        ),
        Step(
            "base-image",
            f"base image {engine.BASE_IMAGE}",
            lambda: not installs or engine.base_image_present(),
            engine.make_base_image,
            after=("docker",),
        ),
        Step("plugins", "Pulumi plugins", plugins.decided, plugins.decide, after=("venv", "pulumi")),
    ]
    if tests:
        steps.append(
            Step(
                "browser",
                "browsers for the tests",
                lambda: engine.missing_packages(TEST_PACKAGES) == [] if installs else has_browser(),
                lambda step: install_browser(step, installs=installs),
                after=("apt", "base-image"),
            )
        )
    return steps


def no_cli(step: Step) -> None:
    """On a workstation, users install the CLI themselves."""
    del step
    msg = "the Pulumi CLI is not on PATH; install it: https://www.pulumi.com/docs/install/"
    raise SetupError(msg)


def has_browser() -> bool:
    """Whether a Chromium is on PATH."""
    return any(shutil.which(name) for name in BROWSERS)


def install_browser(step: Step, *, installs: bool) -> None:
    """By apt; where that is not possible, SetupError names what to install."""
    if not installs:
        msg = f"the browser tests need Chromium: install one of {', '.join(BROWSERS)}"
        raise SetupError(msg)
    engine.install_packages(step, TEST_PACKAGES)


def bootstrap(*, only: str | None = None, tests: bool = False, policy: bool = False) -> None:
    """Runs the steps that are not done. SetupError if one fails."""
    started = time.monotonic()
    if not may_install() and only is None and engine.host() is None:
        raise SetupError(engine.NO_ENGINE)
    ran = Plan(plan(only=only, tests=tests, policy=policy)).execute()
    if only is None:
        environment.write()
    if ran:
        print(f"setup took {elapsed(time.monotonic() - started)}", flush=True)


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description="Prepare this machine for the program.")
    parser.add_argument("--only", choices=["venv"], help="only the Python packages")
    parser.add_argument(
        "--with",
        dest="extra",
        action="append",
        default=[],
        choices=["tests", "policy"],
        help="also what the tests need, or the policy pack",
    )
    options = parser.parse_args()
    try:
        bootstrap(only=options.only, tests="tests" in options.extra, policy="policy" in options.extra)
    except SetupError as error:
        print(f"setup failed:\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        end_running()
        print("interrupted; run it again to resume", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
