"""The Superset bundle as a resource: checked at preview, diffed by field, healed where it was edited by hand."""

import sys
from collections.abc import Sequence
from typing import Any

import pulumi
from pulumi.dynamic import (
    CheckFailure,
    CheckResult,
    CreateResult,
    DiffResult,
    ReadResult,
    Resource,
    ResourceProvider,
    UpdateResult,
)

from infra.resources.clients.superset import Kind, SupersetClient
from infra.resources.superset_access import open_to_all, opened
from infra.resources.superset_bundle import from_archive, to_archive
from infra.resources.superset_changes import changes, list_changes
from infra.resources.superset_documents import KINDS, Assets, uuids
from infra.resources.superset_normal_form import normalise_all, settled
from infra.resources.superset_validation import mistakes, moved

# What uses another comes first: so are they deleted.
_API: dict[str, Kind] = {"dashboards": "dashboard", "charts": "chart", "datasets": "dataset", "databases": "database"}


class SupersetAssetsProvider(ResourceProvider):
    """State: the inputs, the assets in their normal form; after a refresh, as they are found in Superset."""

    def check(self, olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """What is wrong in the bundle, found before anything is sent: Superset names no reasons, or accepts it."""
        assets = news.get("assets")
        if not isinstance(assets, dict):
            return CheckResult(news, [])
        found = mistakes(assets) or moved(olds.get("assets") or {}, assets)
        if found:
            # No property is named: the engine would print its value, the whole bundle, before each reason.
            return CheckResult(news, [CheckFailure("", str(mistake)) for mistake in found])
        return CheckResult({**news, "assets": normalise_all(assets), "public": sorted(news.get("public") or [])}, [])

    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        """Everything is changed in place. A changed login counts: the state needs it for the next refresh."""
        told = changes(_assets(olds), _assets(news)) + list_changes("public", _public(olds), _public(news))
        _tell("`up` changes in Superset", told)
        login = any(olds.get(key) != news.get(key) for key in ("base_url", "username", "password"))
        return DiffResult(changes=bool(told) or login)

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Import the bundle."""
        with _session(props) as superset:
            superset.import_assets(to_archive(_assets(props)))
            open_to_all(superset, _assets(props), _public(props))
        return CreateResult("assets", props)

    def update(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult:
        """Import the bundle over what is there, then delete what it had before and has no more."""
        with _session(news) as superset:
            superset.import_assets(to_archive(_assets(news)))
            _delete(superset, _assets(olds), keep=_assets(news))
            open_to_all(superset, _assets(news), _public(news))
        return UpdateResult(news)

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Our assets as Superset has them now. What others made there is not ours, and no drift."""
        ours = _assets(props)
        with _session(props) as superset:
            live = from_archive(superset.export_assets())
            public = opened(superset, ours)
        seen: Assets = {}
        for kind in KINDS:
            found = uuids(live, kind)
            for uuid, path in uuids(ours, kind).items():
                if uuid in found:
                    seen[path] = settled(path, live[found[uuid]], ours[path])
        if not seen:
            return ReadResult(None, {})
        told = changes(ours, seen) + list_changes("public", _public(props), public)
        _tell("changed by hand in Superset", told)
        outs = {**props, "assets": dict(sorted(seen.items())), "public": public}
        return ReadResult(id_, outs, outs)

    def delete(self, _id: str, props: dict[str, Any]) -> None:
        """Delete our dashboards, charts, datasets and databases."""
        with _session(props) as superset:
            _delete(superset, _assets(props), keep={})


def _tell(what: str, lines: list[str]) -> None:
    """Name the fields: the engine shows our standard error in previews, updates and refreshes."""
    for line in lines:
        sys.stderr.write(f"{what}: {line}\n")


def _assets(props: dict[str, Any]) -> Assets:
    """The assets in their normal form again: the engine hands whole numbers over as fractions."""
    return normalise_all(props["assets"])


def _public(props: dict[str, Any]) -> list[str]:
    """Absent in the state of stacks older than the property."""
    return sorted(str(slug) for slug in props.get("public") or [])


def _session(props: dict[str, Any]) -> SupersetClient:
    client = SupersetClient(str(props["base_url"]), username=str(props["username"]), password=str(props["password"]))
    client.wait_until_up()
    client.login()
    return client


def _delete(superset: SupersetClient, assets: Assets, *, keep: Assets) -> None:
    for kind, api in _API.items():
        for uuid in sorted(set(uuids(assets, kind)) - set(uuids(keep, kind))):
            identifier = superset.find(api, uuid)
            if identifier is not None:
                superset.delete(api, identifier)


class SupersetAssets(Resource, module="superset", name="Assets"):
    """Everything in a bundle's folder: databases, datasets, charts and dashboards.

    `base_url`, `username` and `password` are those of an administrator of Superset; `assets` is what
    `superset_bundle.load_assets` returns; `public` the slugs of the dashboards that need no login.
    """

    assets: pulumi.Output[Assets]

    def __init__(
        self,
        name: str,
        *,
        base_url: pulumi.Input[str],
        username: pulumi.Input[str],
        password: pulumi.Input[str],
        assets: pulumi.Input[Assets],
        public: Sequence[str] = (),
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Declare the bundle."""
        super().__init__(
            SupersetAssetsProvider(),
            name,
            {
                "base_url": base_url,
                "username": username,
                "password": pulumi.Output.secret(password),
                "assets": assets,
                "public": list(public),
            },
            # The engine would print the whole bundle around every difference; _tell names the fields instead.
            pulumi.ResourceOptions.merge(
                opts, pulumi.ResourceOptions(additional_secret_outputs=["password"], hide_diffs=["assets"])
            ),
        )
