"""A bundle of Superset assets under the real engine and in a real Superset, from the first preview to destroy.

It has its own names and UUIDs, beside the platform's own dashboards. The tests run in the order in which they stand
here.
"""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.paths import ROOT
from infra.resources.superset.bundle import from_archive, load_assets
from infra.resources.superset.changes import changes
from infra.resources.superset.client import Kind, SupersetClient
from infra.resources.superset.documents import KINDS, Assets, uuids
from infra.resources.superset.export import merged
from infra.resources.superset.normal_form import canonicalise, normalise_all
from tests.e2e.journey import Access
from tests.support.pulumi_cli import CliStack

PROGRAM = Path(__file__).parent / "assets_program"
BY_COUNTRY, EVENTS = "charts/by_country.yaml", "charts/events.yaml"
DASHBOARD = "dashboards/assets_test.yaml"


@pytest.fixture(scope="module")
def superset(access: Access) -> Iterator[SupersetClient]:
    """An administrator's session."""
    with SupersetClient(access.superset, username=access.user, password=access.superset_password) as client:
        client.login()
        yield client


@pytest.fixture(scope="module")
def others(superset: SupersetClient) -> set[str]:
    """UUIDs of everything in Superset that is not this bundle's."""
    ours = load_assets(PROGRAM / "bundle")
    return uuids_of(from_archive(superset.export_assets())) - uuids_of(ours)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle's folder, for tests to edit."""
    return Path(shutil.copytree(PROGRAM / "bundle", tmp_path_factory.mktemp("assets") / "bundle"))


@pytest.fixture(scope="module")
def assets(
    access: Access, bundle: Path, tmp_path_factory: pytest.TempPathFactory, others: set[str]
) -> Iterator[CliStack]:
    """The stack that holds the bundle."""
    assert others, "the platform's own dashboards are there"
    made = CliStack(
        "assets",
        tmp_path_factory.mktemp("assets-stack"),
        {"url": access.superset, "user": access.user, "folder": str(bundle), "public": '["assets-test"]'},
        program=PROGRAM,
        project="clickstream-assets",
        env={"PYTHONPATH": str(ROOT), "SUPERSET_PASSWORD": access.superset_password},
    )
    made.init()
    yield made
    made.operate("destroy", "--skip-preview", check=False)


def uuids_of(assets: Assets) -> set[str]:
    return {uuid for kind in KINDS for uuid in uuids(assets, kind)}


def live(superset: SupersetClient, bundle: Path) -> Assets:
    """The bundle's assets as Superset has them, under the bundle's paths."""
    ours = load_assets(bundle)
    found = from_archive(superset.export_assets())
    paths = {uuid: path for kind in KINDS for uuid, path in uuids(ours, kind).items()}
    return {
        paths[uuid]: canonicalise(paths[uuid], found[path], ours[paths[uuid]])
        for kind in KINDS
        for uuid, path in uuids(found, kind).items()
        if uuid in paths
    }


def edit(bundle: Path, path: str, change: Callable[[Any], object]) -> None:
    document = yaml.safe_load((bundle / path).read_text())
    change(document)
    (bundle / path).write_text(yaml.safe_dump(document))


def put_back(bundle: Path) -> None:
    shutil.copytree(PROGRAM / "bundle", bundle, dirs_exist_ok=True)


def identifier(superset: SupersetClient, bundle: Path, path: str) -> int:
    kind: Kind = "dashboard" if path.startswith("dashboards/") else "chart"
    found = superset.find(kind, str(load_assets(bundle)[path]["uuid"]))
    assert found is not None, f"{path} is in Superset"
    return found


def roles(superset: SupersetClient, bundle: Path) -> frozenset[str]:
    """Those that the dashboard is restricted to."""
    return superset.dashboard_roles()[str(load_assets(bundle)[DASHBOARD]["uuid"])][1]


def change_by_hand(superset: SupersetClient, bundle: Path, path: str, **params: Any) -> None:
    """As the API does it for any client: the chart's params, with some of them changed."""
    chart = identifier(superset, bundle, path)
    present = json.loads(superset.get("chart", chart)["params"])
    superset.change("chart", chart, {"params": json.dumps({**present, **params})})


def told(stack: CliStack, operation: str, *arguments: str) -> list[str]:
    """The lines about Superset's assets."""
    result = stack.operate(operation, *arguments)
    lines = (result.stdout + result.stderr).splitlines()
    return sorted({line.partition("Superset: ")[2] for line in lines if "Superset: " in line})


def test_a_broken_bundle_fails_at_preview_naming_file_and_field(assets: CliStack, bundle: Path) -> None:
    edit(bundle, BY_COUNTRY, lambda chart: chart["params"].update(groupby=["county"], metrics=["vists"]))
    edit(bundle, EVENTS, lambda chart: chart.update(uuid="00000000-0000-4000-8000-000000000000"))
    failed = assets.operate("preview", check=False)
    put_back(bundle)
    said = failed.stdout + failed.stderr
    assert failed.returncode != 0
    assert f"{BY_COUNTRY}: params.groupby: county is not a column of the dataset" in said
    assert f"{BY_COUNTRY}: params.metrics: vists is not a metric of the dataset; it has events" in said
    assert f"{DASHBOARD}: position.CHART-events.meta.uuid: " in said
    assert "Traceback" not in said


def test_the_bundle_is_imported_and_a_second_up_changes_nothing(
    assets: CliStack, bundle: Path, superset: SupersetClient
) -> None:
    assets.operate("up", "--skip-preview")
    assert changes(normalise_all(load_assets(bundle)), live(superset, bundle)) == []
    assert roles(superset, bundle) == {"Public", "Viewer"}, "it needs no login"
    assets.operate("preview", "--expect-no-changes")
    assets.operate("refresh", "--skip-preview", "--expect-no-changes")


def test_one_edited_field_is_one_previewed_change_and_after_up_exactly_that(
    assets: CliStack, bundle: Path, superset: SupersetClient
) -> None:
    before = live(superset, bundle)
    edit(bundle, BY_COUNTRY, lambda chart: chart["params"].update(groupby=["city"]))
    expected = ['chart by_country: params.groupby: ["country"] -> ["city"]']
    assert told(assets, "preview", "--diff") == expected
    assets.operate("up", "--skip-preview")
    assert changes(before, live(superset, bundle)) == expected


def test_what_was_edited_or_deleted_by_hand_is_found_and_healed(
    assets: CliStack, bundle: Path, superset: SupersetClient
) -> None:
    before = live(superset, bundle)
    change_by_hand(superset, bundle, BY_COUNTRY, row_limit=99)
    superset.delete("chart", identifier(superset, bundle, EVENTS))
    superset.change("dashboard", identifier(superset, bundle, DASHBOARD), {"published": False, "roles": []})

    found = told(assets, "refresh", "--skip-preview")
    assert "chart by_country: params.row_limit: 10 -> 99" in found
    assert "chart events: removed" in found
    assert "dashboard assets_test: published: true removed" in found
    assert "public: assets-test removed" in found

    assets.operate("up", "--skip-preview")
    assert changes(before, live(superset, bundle)) == []
    assert roles(superset, bundle) == {"Public", "Viewer"}
    assets.operate("refresh", "--skip-preview", "--expect-no-changes")


def test_what_was_designed_in_superset_comes_back_into_the_files_and_nothing_else(
    bundle: Path, superset: SupersetClient
) -> None:
    committed = normalise_all(load_assets(bundle))
    assert changes(committed, merged(committed, from_archive(superset.export_assets()))) == []

    change_by_hand(superset, bundle, BY_COUNTRY, row_limit=25)
    made = superset.create(
        "chart",
        {
            "slice_name": "Made by hand",
            "viz_type": "table",
            "datasource_type": "table",
            "datasource_id": superset.find("dataset", next(iter(uuids(committed, "datasets")))),
            "params": json.dumps({"metrics": ["events"], "viz_type": "table"}),
            "dashboards": [identifier(superset, bundle, DASHBOARD)],
        },
    )
    found = changes(committed, merged(committed, from_archive(superset.export_assets())))
    assert found[:2] == ["chart by_country: params.row_limit: 10 -> 25", "chart made_by_hand: added"]
    # Superset's export itself places a chart that a dashboard has and its layout lacks.
    assert all(line.startswith("dashboard assets_test: position.") for line in found[2:])

    superset.delete("chart", made)
    change_by_hand(superset, bundle, BY_COUNTRY, row_limit=10)
    assert changes(committed, merged(committed, from_archive(superset.export_assets()))) == []


def test_a_chart_that_is_removed_from_the_bundle_is_deleted_in_superset(
    assets: CliStack, bundle: Path, superset: SupersetClient
) -> None:
    uuid = str(load_assets(bundle)[EVENTS]["uuid"])
    (bundle / EVENTS).unlink()

    def without_it(dashboard: dict[str, Any]) -> None:
        del dashboard["position"]["CHART-events"]
        dashboard["position"]["ROW-1"]["children"].remove("CHART-events")

    edit(bundle, DASHBOARD, without_it)
    assets.config["public"] = "[]"
    found = told(assets, "up", "--skip-preview")
    assert "chart events: removed" in found
    assert "public: assets-test removed" in found
    assert superset.find("chart", uuid) is None
    assert roles(superset, bundle) == frozenset(), "it needs a login again"


def test_destroy_removes_what_was_created_and_nothing_else(
    assets: CliStack, superset: SupersetClient, others: set[str]
) -> None:
    assets.operate("destroy", "--skip-preview")
    assert uuids_of(from_archive(superset.export_assets())) == others
