"""Exports dashboards designed in the browser to superset_assets/: `make export-dashboard`.

Changes only what differs from Superset."""

import argparse
import os
import subprocess
import sys
from pathlib import Path

from infra.paths import SUPERSET_ASSETS
from infra.resources.superset.bundle import BundleError, from_archive, load_assets
from infra.resources.superset.changes import changes
from infra.resources.superset.client import SupersetClient, SupersetError
from infra.resources.superset.export import ExportError, merged, write
from infra.resources.superset.normal_form import normalise_all
from infra.resources.superset.time_zone import in_zone, without_zone, zone_of
from infra.resources.superset.validation import issues
from toolchain import environment
from toolchain.paths import SetupError
from tools import stack

PASSWORD = "SUPERSET_PASSWORD"  # noqa: S105  # the variable's name


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description="Export dashboards designed in Superset to superset_assets/.")
    parser.add_argument("--stack", default="dev", help="whose Superset (default: dev)")
    parser.add_argument("--url", help=f"URL of another Superset; set its password in the variable {PASSWORD}")
    parser.add_argument("--user", default="admin", help="administrator of the Superset at --url (default: admin)")
    parser.add_argument("--dashboard", action="append", default=[], help="title or slug of a new dashboard to export")
    parser.add_argument("--folder", type=Path, default=SUPERSET_ASSETS, help="the bundle (default: superset_assets/)")
    options = parser.parse_args()
    try:
        refuse_uncommitted(options.folder)
        client = connect(options)
        return export(client, options.folder, options.dashboard)
    except (BundleError, ExportError, SetupError, SupersetError) as error:
        print(error, file=sys.stderr)
        return 1


def refuse_uncommitted(folder: Path) -> None:
    """Refuse to overwrite uncommitted changes.

    Raises:
        SetupError: the folder has changes that are not committed.
    """
    status = ["git", "status", "--porcelain", "--", "."]
    read = subprocess.run(status, cwd=folder, capture_output=True, text=True, check=False)
    if read.returncode == 0 and read.stdout:
        msg = f"{folder.name}/ has changes that are not committed; commit or stash them first:\n{read.stdout.rstrip()}"
        raise SetupError(msg)


def connect(options: argparse.Namespace) -> SupersetClient:
    """A client for the requested Superset."""
    if options.url:
        if PASSWORD not in os.environ:
            msg = f"--url is given: put the password of {options.user} into {PASSWORD}"
            raise SetupError(msg)
        return SupersetClient(options.url, username=options.user, password=os.environ[PASSWORD])
    outputs = stack.outputs(options.stack, environment.full())
    return SupersetClient(outputs["superset"], username=outputs["adminUser"], password=outputs["supersetPassword"])


def export(client: SupersetClient, folder: Path, dashboards: list[str]) -> int:
    """Write the files and list them. Return 1 if the bundle is now invalid."""
    committed = normalise_all(load_assets(folder))
    with client as superset:
        superset.wait_until_up(timeout=10)
        superset.login()
        live = from_archive(superset.export_assets())
    zone = zone_of(committed, live)
    designed = without_zone(merged(in_zone(committed, zone), live, dashboards=dashboards), zone)
    for line in changes(committed, designed):
        print(line)
    touched = write(folder, committed, designed)
    if not touched:
        print(f"{folder.name}/ already matches Superset: nothing to write")
        return 0
    print(f"wrote {', '.join(str(file.relative_to(folder.parent)) for file in touched)}")
    wrong = issues(designed)
    for issue in wrong:
        print(f"fix before `make up`: {issue}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
