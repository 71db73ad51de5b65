"""The Superset bundle as a resource. Previews validate it and show each field; `up` reverts manual edits."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import pulumi
from typing_extensions import override

from infra.resources.common.api_login import SECRET, ApiLogin, ApiLoginArgs
from infra.resources.common.messages import report
from infra.resources.common.provider import ManagedResource, Observed, Provider, State
from infra.resources.superset.access import open_to_all, opened
from infra.resources.superset.bundle import from_archive, to_archive
from infra.resources.superset.changes import changes, list_changes
from infra.resources.superset.client import Kind, SupersetClient, session
from infra.resources.superset.documents import KINDS, Assets, uuids
from infra.resources.superset.normal_form import canonicalise, normalise_all
from infra.resources.superset.validation import issues, moved

# Dependents first: the order of deletion.
_API: dict[str, Kind] = {"dashboards": "dashboard", "charts": "chart", "datasets": "dataset", "databases": "database"}


@dataclass(frozen=True, kw_only=True)
class AssetsInputs(ApiLogin):
    """See AssetsArgs."""

    assets: dict[str, Any]
    public: list[str] | None = None


class SupersetAssetsProvider(Provider[AssetsInputs]):
    """The state contains the assets in their normal form; after a refresh, as they are in Superset."""

    @override
    def problems(self, old: State, new: State) -> Iterable[tuple[str, str]]:
        """Report problems in the bundle before anything is sent: Superset gives no reasons, or accepts them."""
        assets = new.get("assets")
        if isinstance(assets, dict):
            # No property is named: the engine would print its value, the whole bundle, before each reason.
            for issue in issues(assets) or moved(old.get("assets") or {}, assets):
                yield "", str(issue)

    @override
    def normalise(self, new: State) -> State:
        """The assets in their normal form. Unknown assets stay as they are."""
        if not isinstance(new.get("assets"), dict):
            return new
        return {**new, "assets": normalise_all(new["assets"]), "public": _public(new)}

    @override
    def changed(self, old: State, new: State) -> bool:
        """Everything changes in place. A changed login is a change, because refresh reads it from the state."""
        found = changes(_assets(old), _assets(new)) + list_changes("public", _public(old), _public(new))
        report("`up` changes in Superset", found)
        return bool(found) or any(old.get(key) != new.get(key) for key in ("base_url", "username", "password"))

    @override
    def create_resource(self, inputs: AssetsInputs) -> tuple[str, State]:
        """Import the bundle."""
        assets = normalise_all(inputs.assets)
        with session(inputs) as superset:
            superset.import_assets(to_archive(assets))
            open_to_all(superset, assets, inputs.public or [])
        return "assets", {}

    @override
    def update_resource(self, id_: str, old: State, inputs: AssetsInputs) -> State:
        """Import the bundle over what exists, then delete what is no longer in it."""
        assets = normalise_all(inputs.assets)
        with session(inputs) as superset:
            superset.import_assets(to_archive(assets))
            _delete(superset, _assets(old), keep=assets)
            open_to_all(superset, assets, inputs.public or [])
        return {}

    @override
    def observe(self, id_: str, inputs: AssetsInputs, state: State) -> Observed[AssetsInputs] | None:
        """Our assets as Superset has them now. Assets that others created there are not drift."""
        ours = normalise_all(inputs.assets)
        with session(inputs) as superset:
            live = from_archive(superset.export_assets())
            public = opened(superset, ours)
        observed: Assets = {}
        for kind in KINDS:
            found = uuids(live, kind)
            for uuid, path in uuids(ours, kind).items():
                if uuid in found:
                    observed[path] = canonicalise(path, live[found[uuid]], ours[path])
        if not observed:
            return None
        report("changed by hand in Superset", changes(ours, observed) + list_changes("public", _public(state), public))
        return Observed({"assets": dict(sorted(observed.items())), "public": public})

    @override
    def delete_resource(self, id_: str, inputs: AssetsInputs, state: State) -> None:
        """Delete our dashboards, charts, datasets and databases."""
        with session(inputs) as superset:
            _delete(superset, normalise_all(inputs.assets), keep={})


def _assets(props: dict[str, Any]) -> Assets:
    """The assets in their normal form again, since the engine passes integers as floats."""
    return normalise_all(props["assets"])


def _public(props: dict[str, Any]) -> list[str]:
    """The slugs of public dashboards. The states of older stacks have none."""
    return sorted(str(slug) for slug in props.get("public") or [])


def _delete(superset: SupersetClient, assets: Assets, *, keep: Assets) -> None:
    for kind, api in _API.items():
        for uuid in sorted(set(uuids(assets, kind)) - set(uuids(keep, kind))):
            identifier = superset.find(api, uuid)
            if identifier is not None:
                superset.delete(api, identifier)


@dataclass(frozen=True, kw_only=True)
class AssetsArgs(ApiLoginArgs):
    """The login is an administrator's of Superset.

    `assets` is what `load_assets` returns; `public` lists the slugs of the dashboards that need no login.
    """

    assets: pulumi.Input[Assets]
    public: list[str] = field(default_factory=list)


class SupersetAssets(ManagedResource, module="superset", name="Assets"):
    """Everything in a bundle's folder: databases, datasets, charts and dashboards."""

    assets: pulumi.Output[Assets]

    def __init__(self, name: str, args: AssetsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Declare the bundle."""
        # The engine would print the whole bundle around every difference; report() names the fields instead.
        hidden = pulumi.ResourceOptions(hide_diffs=["assets"])
        options = pulumi.ResourceOptions.merge(opts, hidden)
        super().__init__(SupersetAssetsProvider(), name, args, options, secret=SECRET)
